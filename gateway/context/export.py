"""Everything that is held of a person, as whoever asks for their data has a right to it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway import freshness
from gateway.context.asked import Asked
from gateway.context.people import People
from gateway.errors import CapabilityUnsupported, GatewayError
from gateway.federation.people import contacts_of
from gateway.journal.journal import Journal
from gateway.model.audit import AuditEntry, AuditOutcome
from gateway.model.contact import Contact
from gateway.model.event import EventQuery
from gateway.model.page import Slice
from gateway.ports import Upstream

MOST: Final = 1_000  # messages, groups or events of one record
PAGE: Final = 100
LIVE: Final = 0.0


@dataclass(frozen=True, slots=True)
class Export:
    """The verb of exports. Each one is recorded in the audit trail."""

    asked: Asked
    people: People
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
        key, account = contact["_key"], self.asked.directory.account
        upstream = self.asked.upstream(key.source)
        missing: list[dict[str, Any]] = []

        async def told(what: str, read: Awaitable[Any], otherwise: Any) -> Any:
            try:
                return await read
            except CapabilityUnsupported:
                return otherwise
            except GatewayError as error:
                missing.append({"what": what, "code": error.code, "message": error.message})
                return otherwise

        live = await told("record", self._live(contact), contact)
        groups = told("groups", self._all(lambda at, count: upstream.groups_of(key, at, count)), [])
        messages = told("messages", self._all(lambda at, count: upstream.messages_of(key, at, count)), [])
        chat = told("chat", self._chat(upstream, contact), None)
        found = await asyncio.gather(groups, chat, messages)
        noted = await self.journal.events(account, EventQuery(contact=contact["id"]), 0, MOST)
        return {
            "contact": contact["id"],
            "source": key.source.value,
            "sourceId": key.id,
            "asOf": live["asOf"],
            "record": live["_raw"],
            "groups": plain(found[0]),
            "chat": plain(found[1]),
            "messages": plain(found[2]),
            "events": [
                {"type": each.type, "occurredAt": each.at, "actor": each.actor, "payload": each.payload}
                for each in noted
            ],
            "missing": missing,
        }

    async def _live(self, contact: Contact) -> Contact:
        key = contact["_key"]
        directory = self.asked.directory
        found = await directory.contacts([key], self.asked.caller, brief=False, max_age=LIVE)
        answer = found.get(key, contact)
        if isinstance(answer, GatewayError):
            raise answer
        return answer

    async def _chat(self, upstream: Upstream, contact: Contact) -> Any:
        key = contact["_key"]
        answer = (await upstream.chats_of([key])).get(key)
        if isinstance(answer, GatewayError):
            raise answer
        return answer

    async def _all(self, read: Callable[[int, int], Awaitable[Slice[Any]]]) -> list[Any]:
        """A list to its end, or to the longest that is exported."""
        found: list[Any] = []
        more = True
        while more and len(found) < MOST:
            page = await read(len(found), PAGE)
            found.extend(page.items)
            more = page.more and bool(page.items)
        return found

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


def plain(value: Any) -> Any:
    """A value of ours without what is for resolvers alone."""
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items() if not name.startswith("_")}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
