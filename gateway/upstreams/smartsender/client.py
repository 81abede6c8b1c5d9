"""Every endpoint of Smart Sender, one method each (smartsender.md, Operations and their neighbours)."""

from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final, cast

from gateway.cache.known import listed
from gateway.cache.reads import Reads
from gateway.errors import CapabilityUnsupported, GatewayError, UpstreamMissing, UpstreamRejected
from gateway.resilience.wire import Answer, Wire, understood
from gateway.upstreams.smartsender.records import (
    ChannelRecord,
    ChatRecord,
    ContactRecord,
    FunnelRecord,
    GateRecord,
    GroupRecord,
    MessageRecord,
    Page,
    VariableRecord,
)

NOT_THERE: Final = frozenset({400, 404})  # contact unknown, or in another project
RECORDS: Final = listed("collection")
OF_CONTACTS: Final = frozenset({"listContacts", "searchContacts"})  # lists that are made into contacts
GONE: Final = frozenset({405, 410})  # the deprecated deletion has been taken away
MERGE_PATH: Final = ("contacts", "{contactId}", "merge", "{targetContactId}")

Path = tuple[str | int, ...]


class Client:
    """Speaks to one Smart Sender project."""

    def __init__(self, wire: Wire, reads: Reads, merge_path: Sequence[str] = MERGE_PATH) -> None:
        self.purse = wire.transport.purse
        self.conditions = wire.transport.conditions
        self._wire = wire
        self.reads = reads
        self._flights = reads.flights
        self._merge_path = tuple(merge_path)  # assumed, so it comes from a setting

    async def list_contacts(self, page: int, limitation: int) -> Page[ContactRecord]:
        """A page of contacts."""
        return cast("Page[ContactRecord]", await self._page("listContacts", ("contacts",), page, limitation))

    async def search_contacts(self, term: str, page: int, limitation: int) -> Page[ContactRecord]:
        """A page of the contacts that a term finds; the term must not be empty."""
        path = ("contacts", "search")
        found = await self._page("searchContacts", path, page, limitation, term=term)
        return cast("Page[ContactRecord]", found)

    async def get_contact(self, contact: str) -> ContactRecord | None:
        """One contact with detailed variables, or None."""
        return cast("ContactRecord | None", await self._one("getContact", ("contacts", contact)))

    async def get_contact_info(self, contact: str) -> ContactRecord | None:
        """One contact whose variables are plain members, or None."""
        return cast("ContactRecord | None", await self._one("getContactInfo", ("contacts", contact, "info")))

    async def get_chat(self, contact: str) -> ChatRecord | None:
        """The chat of a contact, or None."""
        return cast("ChatRecord | None", await self._one("getContactChat", ("contacts", contact, "chat")))

    async def get_contacts(self, contacts: Sequence[str], *, brief: bool) -> list[Any]:
        """Some contacts in one form or the other, None for those that are not there, or their failures."""
        if brief:
            return await self._ones("getContactInfo", [("contacts", each, "info") for each in contacts])
        return await self._ones("getContact", [("contacts", each) for each in contacts])

    async def get_chats(self, contacts: Sequence[str]) -> list[Any]:
        """The chats of some contacts, None for those without, or their failures."""
        return await self._ones("getContactChat", [("contacts", each, "chat") for each in contacts])

    async def list_gates(self, contact: str, page: int, limitation: int) -> Page[GateRecord]:
        """A page of the ways to reach a contact."""
        path = ("contacts", contact, "gates")
        return cast("Page[GateRecord]", await self._page("listContactGates", path, page, limitation))

    async def list_messages(self, contact: str, page: int, limitation: int) -> Page[MessageRecord]:
        """A page of the messages exchanged with a contact, newest first, without system messages."""
        path = ("contacts", contact, "messages")
        found = await self._page("listContactMessages", path, page, limitation, activities=0)
        return cast("Page[MessageRecord]", found)

    async def list_contact_funnels(self, contact: str, page: int, limitation: int) -> Page[FunnelRecord]:
        """A page of the funnels of a contact."""
        path = ("contacts", contact, "funnels")
        return cast("Page[FunnelRecord]", await self._page("listContactFunnels", path, page, limitation))

    async def list_contact_groups(self, contact: str, page: int, limitation: int) -> Page[GroupRecord]:
        """A page of the groups of a contact."""
        path = ("contacts", contact, "groups")
        return cast("Page[GroupRecord]", await self._page("listContactGroups", path, page, limitation))

    async def list_channels(self, page: int, limitation: int) -> Page[ChannelRecord]:
        """A page of channels."""
        return cast("Page[ChannelRecord]", await self._page("listChannels", ("channels",), page, limitation))

    async def get_channel(self, channel: str) -> ChannelRecord | None:
        """One channel, or None."""
        return cast("ChannelRecord | None", await self._one("getChannel", ("channels", channel)))

    async def list_variables(self, page: int, limitation: int) -> Page[VariableRecord]:
        """A page of the definitions of variables."""
        return cast(
            "Page[VariableRecord]", await self._page("listVariables", ("variables",), page, limitation)
        )

    async def update_contact(self, contact: str, values: Mapping[str, Any]) -> bool:
        """Write system fields and variables. The source skips what it finds invalid and does not say so."""
        return await self._change(
            "updateContact", "PUT", ("contacts", contact), json={"values": dict(values)}
        )

    async def fire_event(self, contact: str, name: str) -> bool:
        """Launch an event; False when there is none of exactly that name."""
        return await self._change("fireEvent", "POST", ("contacts", contact, "fire"), json={"name": name})

    async def merge_contacts(self, into: str, gone: str) -> bool:
        """Unite two contacts: `into` stays and wins, `gone` only fills its gaps."""
        named = {"{contactId}": into, "{targetContactId}": gone}
        path = tuple(named.get(part, part) for part in self._merge_path)
        return await self._change("mergeContacts", "POST", path)

    async def delete_contact(self, contact: str) -> bool:
        """Delete a contact (deprecated by the vendor). CapabilityUnsupported once it has been taken away."""
        return await self._change("deleteContact", "DELETE", ("contacts", contact), gone=GONE)

    async def create_gate(self, channel: str, body: Mapping[str, Any]) -> GateRecord:
        """Create a gate and with it the contact; a known identifier returns the gate that is there."""
        path = ("channels", channel, "gates")
        with understood():
            return cast("GateRecord", self._thing(await self._write("createGate", "POST", path, dict(body))))

    async def add_tag(self, contact: str, tag: str) -> bool:
        """Put a tag on a contact."""
        return await self._change("addContactTag", "POST", ("contacts", contact, "tags", tag))

    async def remove_tag(self, contact: str, tag: str) -> bool:
        """Take a tag off a contact."""
        return await self._change("removeContactTag", "DELETE", ("contacts", contact, "tags", tag))

    async def add_funnel(self, contact: str, service_key: str) -> bool:
        """Subscribe a contact to a funnel."""
        return await self._change("addContactFunnel", "POST", ("contacts", contact, "funnels", service_key))

    async def remove_funnel(self, contact: str, service_key: str) -> bool:
        """Unsubscribe a contact from a funnel."""
        path = ("contacts", contact, "funnels", service_key)
        return await self._change("removeContactFunnel", "DELETE", path)

    async def add_group(self, contact: str, group: str) -> bool:
        """Put a contact into a group."""
        return await self._change("addContactGroup", "POST", ("contacts", contact, "groups", group))

    async def remove_group(self, contact: str, group: str) -> bool:
        """Take a contact out of a group."""
        return await self._change("removeContactGroup", "DELETE", ("contacts", contact, "groups", group))

    async def send_message(self, contact: str, body: Mapping[str, Any]) -> MessageRecord:
        """Send a message."""
        path = ("contacts", contact, "send")
        with understood():
            answer = await self._write("sendContactMessage", "POST", path, dict(body))
            return cast("MessageRecord", self._thing(answer))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.transport.aclose()

    async def _page(
        self, operation: str, path: Path, page: int, limitation: int, **query: str | int
    ) -> Mapping[str, Any]:
        query = {"page": page, "limitation": limitation, **query}
        key = (operation, path, *query.items())
        lists = RECORDS if operation in OF_CONTACTS else None
        answer = await self._flights.share(
            key, lambda: self._wire.send(operation, "GET", path, query=query, safe=True, lists=lists)
        )
        json = answer.json
        if answer.status == 404 and len(path) > 1 and path[0] == "contacts":
            return {"collection": [], "more": False}  # of a contact that is not there
        if answer.status == 404:
            raise self._wire.strange("404 in place of a list; look at its address")
        self._refuse(answer)
        cursor = json.get("cursor") if isinstance(json, dict) else None
        collection = json.get("collection") if isinstance(json, dict) else None
        if not isinstance(cursor, dict) or not isinstance(collection, list):
            raise self._wire.strange("a page without a list")
        try:
            more = int(cursor.get("page", page)) < int(cursor.get("pages", 0))
        except (TypeError, ValueError):
            raise self._wire.strange("a page without a number") from None
        return {"collection": collection, "more": more}

    async def _one(self, operation: str, path: Path) -> Any:
        return self._thing_or_none(
            await self._flights.share((operation, path), partial(self._get, operation, path))
        )

    async def _ones(self, operation: str, paths: Sequence[Path]) -> list[Any]:
        """The same for several at once, one call each; a failure stands in its own place."""
        answers = await self._flights.share_all(
            {(operation, path): partial(self._get, operation, path) for path in paths}
        )
        found: list[Any] = []
        for path in paths:
            answer = answers[operation, path]
            try:
                found.append(answer if isinstance(answer, GatewayError) else self._thing_or_none(answer))
            except GatewayError as error:
                found.append(error)
        return found

    def _get(self, operation: str, path: Path) -> Coroutine[Any, Any, Answer]:
        return self._wire.send(operation, "GET", path, safe=True)

    def _thing_or_none(self, answer: Answer) -> Any:
        return None if answer.status in NOT_THERE else self._thing(answer)

    async def _change(
        self,
        operation: str,
        method: str,
        path: Sequence[str | int],
        json: Any = None,
        *,
        gone: frozenset[int] = frozenset(),
    ) -> bool:
        with understood():
            answer = await self._write(operation, method, path, json)
            if answer.status in gone:
                raise CapabilityUnsupported(self._wire.source, "Smart Sender offers this no longer.")
            self._refuse(answer)
            if not isinstance(answer.json, dict) or not isinstance(answer.json.get("state"), bool):
                raise self._wire.strange("no state")
            return bool(answer.json["state"])

    async def _write(
        self, operation: str, method: str, path: Sequence[str | int], json: Any = None
    ) -> Answer:
        try:
            return await self._wire.send(operation, method, path, json=json)
        finally:
            await self.reads.renew()

    def _thing(self, answer: Answer) -> Any:
        self._refuse(answer)
        if not isinstance(answer.json, dict) or "id" not in answer.json:
            raise self._wire.strange("a thing without an id")
        return answer.json

    def _refuse(self, answer: Answer) -> None:
        """Raise UpstreamRejected for an error status, and for an `error` that hides in a 200."""
        error = answer.json.get("error") if isinstance(answer.json, dict) else None
        if answer.status < 400 and not error:
            return
        named = error.get("fields") if isinstance(error, dict) else None
        fields = tuple(named) if isinstance(named, dict) else ()
        kind = UpstreamMissing if answer.status == 404 else UpstreamRejected
        raise kind(self._wire.source, f"Smart Sender refused the request ({answer.status}).", fields=fields)
