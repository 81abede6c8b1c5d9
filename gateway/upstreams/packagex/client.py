"""Every endpoint of PackageX, one method each (packagex.md, Operations)."""

from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal, cast

from gateway.cache.known import listed
from gateway.cache.reads import Reads
from gateway.errors import CapabilityUnsupported, GatewayError, UpstreamMissing, UpstreamRejected
from gateway.resilience.wire import Answer, Wire, understood
from gateway.upstreams.packagex.records import ContactPage, ContactRecord, FileReport

CONTACTS: Final = ("contacts",)
RECORDS: Final = listed("data")
ID_LISTS: Final = ("contact_ids", "contacts", "ids")  # the key of the id list is assumed
LARGEST_REPORT: Final = 64 * 1024 * 1024  # bytes of the answer to a file, with an id or an issue for each row
GONE: Final = frozenset({405, 410, 501})

Kind = Literal["person", "group"]


class Client:
    """Speaks to one PackageX organization."""

    def __init__(self, wire: Wire, reads: Reads, *, import_seconds: float = 300.0) -> None:
        self.purse = wire.transport.purse
        self.conditions = wire.transport.conditions
        self._wire = wire
        self.reads = reads
        self._flights = reads.flights
        self._for_files = {"seconds": import_seconds, "answer_bytes": LARGEST_REPORT}

    async def list_contacts(
        self,
        page: int,
        limit: int,
        *,
        kind: Kind,
        search: str | None = None,
        child: str | None = None,
        newest_first: bool = False,
    ) -> ContactPage:
        """A page, oldest first. `child` is the id of a contact and asks for the groups that hold it."""
        query: dict[str, str | int] = {
            "page": page,
            "limit": limit,
            "type": kind,
            "order_by": "created_at",
            "direction": "desc" if newest_first else "asc",
        }
        if search is not None:
            query["search"] = search
        if child is not None:
            query["child"] = child
        key = ("list", *query.items())
        answer = await self._flights.share(
            key,
            lambda: self._wire.send("listContacts", "GET", CONTACTS, query=query, safe=True, lists=RECORDS),
        )
        if answer.status == 404 and child is None:
            raise self._wire.strange("404 in place of a list; look at its address")
        envelope = self._opened(answer)
        contacts = envelope.get("data")
        pagination = envelope.get("pagination") or {}
        if not isinstance(contacts, list) or not isinstance(pagination, dict):
            raise self._wire.strange("a page without a list")
        return {
            "contacts": contacts,
            "more": bool(pagination.get("has_more")),
            "total": pagination.get("total_count"),
        }

    async def get_contact(self, contact: str) -> ContactRecord | None:
        """One contact, or None where there is none."""
        return self._one(await self._flights.share(("get", contact), partial(self._get, contact)))

    async def get_contacts(self, contacts: Sequence[str]) -> list[ContactRecord | GatewayError | None]:
        """Some contacts, one call each; a failure stands in its own place."""
        keys = [("get", contact) for contact in contacts]
        answers = await self._flights.share_all({key: partial(self._get, key[1]) for key in keys})
        found: list[ContactRecord | GatewayError | None] = []
        for key in keys:
            answer = answers[key]
            try:
                found.append(answer if isinstance(answer, GatewayError) else self._one(answer))
            except GatewayError as error:
                found.append(error)
        return found

    def _get(self, contact: str) -> Coroutine[Any, Any, Answer]:
        return self._wire.send("getContact", "GET", (*CONTACTS, contact), safe=True)

    def _one(self, answer: Answer) -> ContactRecord | None:
        return None if answer.status == 404 else self._contact(answer)

    async def create_contact(self, body: Mapping[str, Any]) -> ContactRecord:
        """Create a person, or a group with `type: group`; members are added by an update afterwards."""
        operation = "createGroup" if body.get("type") == "group" else "createPerson"
        with understood():
            return self._contact(await self._write(operation, "POST", CONTACTS, json=dict(body)))

    async def update_contact(self, contact: str, body: Mapping[str, Any]) -> ContactRecord:
        """Change the properties that are sent: POST to the singular path. UpstreamMissing on a 404."""
        operation = "updateGroup" if "group_contacts" in body else "updatePerson"
        with understood():
            return self._contact(await self._write(operation, "POST", (*CONTACTS, contact), json=dict(body)))

    async def delete_contact(self, contact: str) -> None:
        """Delete a contact. UpstreamMissing on a 404; CapabilityUnsupported where there is no such verb."""
        with understood():
            answer = await self._write("deleteContact", "DELETE", (*CONTACTS, contact))
            if answer.status in GONE:
                raise CapabilityUnsupported(self._wire.source, "PackageX offers no deletion here.")
            self._opened(answer)

    async def create_from_file(self, data_url: str, *, overwrite: bool = False) -> FileReport:
        """Load a CSV or Excel file. `overwrite` deletes every existing contact first."""
        body = {"csv_url": data_url, "overwrite": overwrite}
        with understood():
            answer = await self._write(
                "createFromCsv", "POST", CONTACTS, json=body, extensions=self._for_files
            )
            data = self._opened(answer).get("data")
            if not isinstance(data, dict):
                raise self._wire.strange("a file report that is none")
        created: list[str] | None = next(
            (data[key] for key in ID_LISTS if isinstance(data.get(key), list)), None
        )
        return {"contact_ids": created, "issues": data.get("issues") or []}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.transport.aclose()

    async def _write(self, operation: str, method: str, path: tuple[str, ...], **sent: Any) -> Answer:
        try:
            return await self._wire.send(operation, method, path, **sent)
        finally:
            await self.reads.renew()

    def _contact(self, answer: Answer) -> ContactRecord:
        data = self._opened(answer).get("data")
        if not isinstance(data, dict) or not isinstance(data.get("id"), str):
            raise self._wire.strange("a contact without an id")
        return cast("ContactRecord", data)

    def _opened(self, answer: Answer) -> dict[str, Any]:
        """The envelope of a success; UpstreamRejected names the properties that failed."""
        if answer.status == 404:
            raise UpstreamMissing(self._wire.source, "PackageX has no such contact.")
        envelope = answer.json
        if not isinstance(envelope, dict):
            if answer.status >= 400:
                raise UpstreamRejected(self._wire.source, f"PackageX refused the request ({answer.status}).")
            raise self._wire.strange("an answer without an envelope")
        if answer.status >= 400:
            named = envelope.get("errors")
            fields = tuple(str(name) for name in named) if isinstance(named, list) else ()
            raise UpstreamRejected(
                self._wire.source, f"PackageX refused the request ({answer.status}).", fields=fields
            )
        return envelope
