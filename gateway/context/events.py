"""The log of what has happened through this gateway."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from gateway.context.asked import Asked
from gateway.context.contacts import Contacts
from gateway.errors import BadInput, CursorInvalid
from gateway.federation import asking, paging
from gateway.federation.asking import Arguments
from gateway.index.rows import instant
from gateway.journal.feed import Feed
from gateway.journal.journal import Journal, Noted
from gateway.model import ids
from gateway.model.contact import Contact
from gateway.model.event import Event, EventQuery, EventType
from gateway.model.source import Source

STRETCH: Final = 200  # events looked at at once, where some have to be left out


@dataclass(frozen=True, slots=True)
class Events:
    """The verbs of events."""

    asked: Asked
    contacts: Contacts
    journal: Journal
    feed: Feed

    async def page(self, arguments: Arguments) -> dict[str, Any]:
        """A page of events, oldest first."""
        return await self._page(arguments, self._query(arguments))

    async def follow(self, arguments: Arguments) -> AsyncGenerator[dict[str, Any], None]:
        """An edge for each event behind a cursor, or from now on, for as long as anybody listens.

        What is wrong with the cursor or the filter is raised here, before there is anything to follow.
        """
        query = self._query(arguments)
        mark = paging.fingerprint("events", self._account, query)
        after = arguments.get("after")
        start = None if after is None else paging.number(after, mark)
        if start is not None and start > await self.journal.latest(self._account):
            raise CursorInvalid(
                "This cursor is ahead of all events: the journal has begun anew. Read it again."
            )
        return self._follow(query, mark, start)

    async def _follow(
        self, query: EventQuery, mark: str, start: int | None
    ) -> AsyncGenerator[dict[str, Any], None]:
        async def read(number: int, count: int) -> list[Noted]:
            return await self._found(self._allowed(query), number, count)

        async with aclosing(self.feed.follow(self._account, start, read)) as found:
            async for number, noted in found:
                yield {"cursor": self._cursor(number, mark), "node": await self._event(noted)}

    def _query(self, arguments: Arguments) -> EventQuery:
        given = {k: v for k, v in (arguments.get("filter") or {}).items() if v is not None}
        contact = given.get("contactId")
        if contact is not None:
            ids.expect(contact, "Contact", self._account)
        for name in ("types", "sources"):
            if given.get(name) == []:
                raise BadInput(f"filter.{name} is empty: name at least one, or leave it out for all.")
        return EventQuery(
            types=tuple(EventType(each) for each in given["types"]) if "types" in given else None,
            sources=tuple(Source(each) for each in given["sources"]) if "sources" in given else None,
            contact=contact,
            since=instant(given.get("since")),
        )

    async def of_contact(self, contact: Contact, arguments: Arguments) -> dict[str, Any]:
        """A page of what has happened to a contact."""
        return await self._page(arguments, EventQuery(contact=contact["id"]))

    async def one(self, number: int) -> Event | None:
        """One event; None also where the caller may not read its source."""
        found = await self.journal.event(self._account, number)
        if found is None or not await self._may_read(found):
            return None
        return await self._event(found)

    async def written(self, payload: Mapping[str, Any]) -> Event | None:
        """The event of a payload."""
        if payload["event"] is None:
            return None
        return await self.one(ids.expect_own(payload["event"], "Event", self._account))

    async def contact(self, event: Event) -> Contact | None:
        """The contact that an event happened to, as it is now."""
        return await self.contacts.written(event["contactId"])

    def edges(self, page: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The events of a page with their cursors."""
        return [
            {"cursor": self._cursor(each["_number"], page["_mark"]), "node": each} for each in page["nodes"]
        ]

    @property
    def _account(self) -> str:
        return self.asked.directory.account

    async def _page(self, arguments: Arguments, query: EventQuery) -> dict[str, Any]:
        first, after = asking.page(arguments)
        mark = paging.fingerprint("events", self._account, query)
        start = 0 if after is None else paging.number(after, mark)
        found = await self._found(self._allowed(query), start, first + 1)
        events = [await self._event(each) for each in found[:first]]
        end = events[-1]["_number"] if events else start
        return {
            "nodes": events,
            "pageInfo": {
                "hasNextPage": len(found) > first,
                "hasPreviousPage": after is not None,
                "startCursor": self._cursor(events[0]["_number"], mark) if events else None,
                "endCursor": self._cursor(end, mark),
            },
            "_mark": mark,
        }

    async def _found(self, query: EventQuery, start: int, count: int) -> list[Noted]:
        """Events behind a number that the caller may read."""
        if self._sees_all:
            return await self.journal.events(self._account, query, start, count)
        found: list[Noted] = []
        while len(found) < count:
            some = await self.journal.events(self._account, query, start, STRETCH)
            found += [each for each in some if await self._may_read(each)]
            if len(some) < STRETCH:
                break
            start = some[-1].number
        return found[:count]

    async def _may_read(self, noted: Noted) -> bool:
        """Whether the caller may know of an event."""
        if self._sees_all:
            return True
        if noted.source is None:
            return False
        module = None
        if noted.contact is not None:
            module = ids.expect(noted.contact, "Contact", self._account).parts[0]
        elif noted.actor is None and noted.payload.get("module"):  # one event for many contacts of it
            module = ids.expect(noted.payload["module"], "Module", self._account).parts[0]
        if not await self.asked.directory.covers(Source(noted.source), module, self.asked.caller):
            return False
        named = noted.payload.get("contacts")
        return not isinstance(named, list) or len(await self._seen(named)) > 1  # else it says nothing to them

    def _allowed(self, query: EventQuery) -> EventQuery:
        """The same query, without what has happened in sources that the caller may not read."""
        allowed = self.asked.caller.sources
        if allowed is None:
            return query
        sources = tuple(source for source in query.sources or Source if source in allowed)
        return EventQuery(types=query.types, sources=sources, contact=query.contact, since=query.since)

    def _cursor(self, number: int, mark: str) -> str:
        return paging.seal_number(number, mark)

    @property
    def _sees_all(self) -> bool:
        return self.asked.caller.sources is None and self.asked.caller.modules is None

    async def _seen(self, named: Sequence[str]) -> list[str]:
        """Those of some contacts that the caller may know of."""
        if self._sees_all:
            return list(named)
        asked, found = self.asked, []
        for each in named:
            key = ids.expect(each, "Contact", self._account)
            if await asked.directory.covers(key.source, key.parts[0], asked.caller):
                found.append(each)
        return found

    async def _payload(self, payload: Any) -> Any:
        """What an event says, without records that the caller may not see."""
        named = payload.get("contacts") if isinstance(payload, dict) else None
        return {**payload, "contacts": await self._seen(named)} if isinstance(named, list) else payload

    async def _event(self, noted: Noted) -> Event:
        return {
            "__typename": "Event",
            "id": ids.own("Event", self._account, noted.number),
            "type": noted.type,
            "name": noted.name,
            "source": noted.source,
            "contactId": noted.contact,
            "actor": noted.actor,
            "occurredAt": noted.at,
            "payload": await self._payload(noted.payload) or None,
            "_number": noted.number,
        }
