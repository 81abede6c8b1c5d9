"""Everything that is held of a person, as whoever asks for their data has a right to it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway import freshness
from gateway.context.asked import Asked
from gateway.context.events import Events
from gateway.context.people import People
from gateway.errors import CapabilityUnsupported, GatewayError, UpstreamMissing
from gateway.federation.people import contacts_of
from gateway.journal.journal import Journal
from gateway.model.audit import AuditEntry, AuditOutcome
from gateway.model.contact import Contact
from gateway.model.page import Slice
from gateway.model.record import record_of
from gateway.model.writing import UserErrorCode
from gateway.ports import Upstream

MOST: Final = 1_000  # messages, groups or events of one record
LIVE: Final = 0.0
EVENT: Final = ("type", "occurredAt", "actor", "payload")

Reading = Callable[[int, int], Awaitable[Slice[Any]]]


@dataclass(frozen=True, slots=True)
class Export:
    """The verb of exports. Each one is recorded in the audit trail."""

    asked: Asked
    people: People
    events: Events
    journal: Journal
    now: Callable[[], str]

    async def person(self, text: str) -> dict[str, Any] | None:
        """All records of a person as their sources hold them now, with what hangs on them."""
        person = await self.people.by_id(text)
        if person is None:
            return None
        contacts = contacts_of(person)
        with freshness.allowed(LIVE):
            records = await asyncio.gather(*(self._record(contact) for contact in contacts))
        await self._recorded(text, contacts, whole=not any(record["missing"] for record in records))
        return {
            "person": plain({name: value for name, value in person.items() if name != "members"}),
            "exportedAt": self.now(),
            "records": records,
        }

    async def _record(self, contact: Contact) -> dict[str, Any]:
        """One record; `missing` says what could not be read, and why."""
        key = contact["_key"]
        upstream = self.asked.upstream(key.source)
        missing: list[dict[str, Any]] = []

        def lacks(what: str, code: str, message: str) -> None:
            missing.append({"what": what, "code": code, "message": message})

        async def told(what: str, read: Awaitable[Any], otherwise: Any) -> Any:
            try:
                return await read
            except CapabilityUnsupported:
                return otherwise
            except GatewayError as error:
                lacks(what, error.code, error.message)
                return otherwise

        async def whole(what: str, read: Reading) -> list[Any]:
            found, more = await told(what, _all(read, upstream.traits.page_ceiling), ([], False))
            if more:
                lacks(what, UserErrorCode.TOO_LARGE, f"These are the first {len(found)}; there are more.")
            return list(plain(found))

        live = await told("record", self._live(contact), contact)
        if live.get("_stale"):
            lacks("record", "STALE", "The source has moved it; this is how it was last seen.")
        groups, chat, messages, noted = await asyncio.gather(
            whole("groups", lambda at, count: upstream.groups_of(key, at, count)),
            told("chat", self._chat(upstream, contact), None),
            whole("messages", lambda at, count: upstream.messages_of(key, at, count)),
            whole("events", self._events_of(contact)),
        )
        return {
            "contact": contact["id"],
            "source": key.source.value,
            "sourceId": key.id,
            "asOf": live["asOf"],
            "record": record_of(live["_raw"]),
            "groups": groups,
            "chat": plain(chat),
            "messages": messages,
            "events": [{name: each[name] for name in EVENT} for each in noted],
            "missing": missing,
        }

    async def _live(self, contact: Contact) -> Contact:
        key = contact["_key"]
        directory = self.asked.directory
        found = await directory.contacts([key], self.asked.caller, brief=False, max_age=LIVE)
        answer = found.get(key)
        if answer is None:
            raise UpstreamMissing(
                key.source.value, "The source has it no more; this is how it was last seen."
            )
        if isinstance(answer, GatewayError):
            raise answer
        return answer

    def _events_of(self, contact: Contact) -> Reading:
        """What has happened to a record, as far as the caller may know."""
        after: str | None = None

        async def read(_: int, count: int) -> Slice[Any]:
            nonlocal after
            page = await self.events.of_contact(contact, {"first": count, "after": after})
            after = page["pageInfo"]["endCursor"]
            return Slice(page["nodes"], page["pageInfo"]["hasNextPage"])

        return read

    async def _chat(self, upstream: Upstream, contact: Contact) -> Any:
        key = contact["_key"]
        answer = (await upstream.chats_of([key])).get(key)
        if isinstance(answer, GatewayError):
            raise answer
        return answer

    async def _recorded(self, text: str, contacts: list[Contact], *, whole: bool) -> None:
        ids = [contact["id"] for contact in contacts]
        entry = AuditEntry(
            caller=self.asked.caller.name,
            action="exportPerson",
            outcome=AuditOutcome.APPLIED if whole else AuditOutcome.PARTIAL,
            request=self.asked.request_id,
            detail={"targets": [text, *ids]},
            contacts=tuple(ids),
        )
        await self.journal.audit(self.asked.directory.account, self.now(), [entry])


async def _all(read: Reading, size: int) -> tuple[list[Any], bool]:
    """A list to its end, or to the longest that is exported: then there is more."""
    found: list[Any] = []
    more = True
    while more and len(found) < MOST:
        page = await read(len(found), min(size, MOST - len(found)))
        found.extend(page.items)
        more = page.more and bool(page.items)
    return found, more


def plain(value: Any) -> Any:
    """A value of ours without what is for resolvers alone."""
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items() if not name.startswith("_")}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
