"""What scans find changed at the sources becomes events: made elsewhere, and noticed here with a delay.

The index keeps what was told of each contact last. After a complete scan of a module the difference is told,
but for what the gateway has written itself: such a write is an event already, and the journal knows in which
state it has left its contact, whichever replica has sent it. The same states let one replica tell what all
of them notice. What may belong to a write or import under way waits for the next scan.
"""

import math
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from gateway.errors import BadInput, StateUnavailable
from gateway.index import rows
from gateway.index.crawl import Watch
from gateway.index.rows import instant
from gateway.index.store import Change, Store
from gateway.journal.journal import GONE, STATES_KEPT, UNREAD, Journal, Noted, Owning
from gateway.model import ids
from gateway.model.audit import AuditEntry
from gateway.model.contact import Contact
from gateway.model.event import EventQuery, EventType, Happening
from gateway.model.source import Source
from gateway.ports import Upstream
from gateway.telemetry import logs

MOST: Final = 1_000  # events of one kind out of one scan of a module; more become one
MOST_FIELDS: Final = 100  # names in one event
MOST_NAMED: Final = 1_000  # targets that a record of the audit trail names; there may be more
STRETCH: Final = 100  # changes looked at, or told, at a time
EVENTS: Final = 500  # events read at a time
JUST_SENT: Final = timedelta(minutes=1)  # from a read-back to the event of its write, and more
CREATING: Final = "createContact"
IMPORTING: Final = "importContacts"
KINDS: Final = (EventType.CONTACT_DELETED, EventType.CONTACT_CREATED, EventType.CONTACT_UPDATED)
OF_CONTACTS: Final = (*KINDS, EventType.CONTACTS_MERGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A contact that is not as it was told of. `state` is that of now, `digest` None where it is gone.

    `since` is when it was last seen otherwise, `at` when it has changed by its source, where that tells.
    """

    kind: EventType
    id: str
    contact: str
    state: str
    fields: tuple[str, ...]
    since: str | None
    at: str | None

    @property
    def digest(self) -> str | None:
        """What the index knows it by."""
        return None if self.state == GONE else self.state

    def delay(self, now: str) -> int:
        """The longest time in seconds for which it may have been so; since the time of its source."""
        since = self.since or now
        start = self.at if self.at is not None and since <= self.at <= now else since
        seconds = (datetime.fromisoformat(now) - datetime.fromisoformat(start)).total_seconds()
        return max(0, math.ceil(seconds))


@dataclass(slots=True)
class UnderWay:
    """What writes and imports that have not ended may be about to tell themselves."""

    contacts: set[str] = field(default_factory=set)
    importing: set[str] = field(default_factory=set)
    creating: bool = False
    anything: bool = False

    def add(self, entry: AuditEntry) -> None:
        """One that was begun."""
        self.contacts.update(entry.contacts)
        self.creating |= entry.action == CREATING
        self.anything |= len(entry.detail.get("targets") or ()) >= MOST_NAMED
        if entry.action == IMPORTING and not entry.detail.get("dryRun"):
            self.importing.update(entry.detail.get("sources") or ())

    def holds(self, source: Source, found: Difference) -> bool:
        """Whether a difference may be its doing."""
        return (
            self.anything
            or source.value in self.importing
            or (self.creating and found.kind is EventType.CONTACT_CREATED)
            or found.contact in self.contacts
            or f"{source.value}:{found.id}" in self.contacts
        )


@dataclass(slots=True)
class Own:
    """What events of the gateway stand for without naming contacts: imports, and creations not read back."""

    imports: list[tuple[str, bool]] = field(default_factory=list)  # when, and whether it deleted
    created: list[str] = field(default_factory=list)

    def covers(self, found: Difference) -> bool:
        """Whether a difference is told of already."""
        since = found.since or ""
        for at, deleted in self.imports:
            if at >= since and (deleted or found.kind is not EventType.CONTACT_DELETED):
                return True
        if found.kind is EventType.CONTACT_CREATED and self.created and self.created[-1] >= since:
            self.created.pop()
            return True
        return False


@dataclass(slots=True, eq=False)
class Noticing(Watch):
    """Tells of the contacts of one account."""

    account: str
    upstreams: Mapping[Source, Upstream]
    store: Store
    journal: Journal
    owner: Owning
    now: Callable[[], str]
    _begun: dict[tuple[Source, str], int] = field(default_factory=dict)
    _after: dict[tuple[Source, str], int] = field(default_factory=dict)

    async def begins(self, source: Source, module: str) -> None:
        """Remember where the log of events stands when a scan begins."""
        self._begun.pop((source, module), None)
        try:
            self._begun[source, module] = await self.journal.latest(self.account)
        except StateUnavailable:
            return
        except sqlite3.Error as error:
            logs.failure(error, "journal")

    async def ended(self, source: Source, module: str) -> None:
        """Tell what a scan has found changed; what cannot be told now is told after a later one."""
        try:
            everything = await self._tell(source, module)
        except StateUnavailable:
            return
        except sqlite3.Error as error:
            logs.failure(error, "journal")
            return
        if everything and (source, module) in self._begun:
            self._after[source, module] = self._begun[source, module]

    async def _tell(self, source: Source, module: str) -> bool:
        """Tell of a module; whether nothing is left for later."""
        found = [each async for each in self._differences(source, module)]
        if not found:
            return True
        under_way = await self._under_way()  # before anything else: a write that ends now has told its state
        ready = [each for each in found if not under_way.holds(source, each)]
        own = await self._own(source, module, ready)
        new, told = await self._unknown(source, ready, own)
        whole = len(ready) == len(found)
        for kind in KINDS:
            some = [each for each in new if each.kind is kind]
            if told[kind] and told[kind] + len(some) > MOST:  # another replica may be telling of all of these
                whole &= not some
            else:
                whole &= await self._note(source, module, some)
        return whole

    async def _differences(self, source: Source, module: str) -> AsyncIterator[Difference]:
        """What differs from what was told; what only looks different counts as told."""
        upstream = self.upstreams[source]
        for gone in (True, False):
            after = ""
            while some := await self.store.changes(
                self.account, source.value, module, after, STRETCH, gone=gone
            ):
                after = some[-1].id
                same: dict[str, str | None] = {}
                for change in some:
                    found = self._difference(upstream, module, change)
                    if found is None:
                        same[change.id] = change.digest
                    else:
                        yield found
                await self.store.settle(self.account, source.value, same)

    def _difference(self, upstream: Upstream, module: str, change: Change) -> Difference | None:
        contact = ids.encode("Contact", self.account, upstream.source.value, module, change.id)
        before = _read(upstream, module, change.told, change.confirmed)
        after = _read(upstream, module, change.record, change.as_of)
        if after is None:
            if before is None:
                return None
            kind, state, at, fields = EventType.CONTACT_DELETED, GONE, None, []
        elif before is None:
            kind, state, at = EventType.CONTACT_CREATED, change.digest or "", after["createdAt"]
            fields = rows.filled(after)
        else:
            kind, state, at = EventType.CONTACT_UPDATED, change.digest or "", after["updatedAt"]
            fields = rows.differing(before, after)
            if not fields:
                return None
            if at == before["updatedAt"]:
                at = None
        return Difference(
            kind=kind,
            id=change.id,
            contact=contact,
            state=state,
            fields=tuple(fields[:MOST_FIELDS]),
            since=change.confirmed,
            at=instant(at),
        )

    async def _under_way(self) -> UnderWay:
        found = UnderWay()
        for each in await self.journal.open_audits():
            if each.account == self.account and await self.owner.lives(each.owner):
                found.add(each.entry)
        return found

    async def _own(self, source: Source, module: str, found: Sequence[Difference]) -> Own:
        """What the gateway has told of a module without naming contacts, since these were last seen."""
        own = Own()
        if not found:
            return own
        since = min((each.since for each in found if each.since is not None), default=None)
        query = EventQuery(
            types=(EventType.CONTACTS_IMPORTED, EventType.CONTACT_CREATED), sources=(source,), since=since
        )
        after = self._after.get((source, module), 0)
        while some := await self.journal.events(self.account, query, after, EVENTS):
            after = some[-1].number
            for each in some:
                if each.actor is None:
                    continue
                if each.type == EventType.CONTACTS_IMPORTED and await self._went_to(each, source, module):
                    own.imports.append((each.at, bool(each.payload.get("deleted"))))
                elif each.type == EventType.CONTACT_CREATED and each.contact is None:
                    own.created.append(each.at)
        return own

    async def _went_to(self, imported: Noted, source: Source, module: str) -> bool:
        """Whether an import went to this module; yes where that cannot be learnt."""
        try:
            number = ids.expect_own(imported.payload["job"], "ImportJob", self.account)
        except (BadInput, KeyError, TypeError):
            return True
        kept = await self.journal.job(self.account, number)
        target = kept[1]["_modules"].get(source.value) if kept else None
        return target in (None, module)

    async def _unknown(
        self, source: Source, found: Sequence[Difference], own: Own
    ) -> tuple[list[Difference], Counter[EventType]]:
        """Differences that nobody has told of yet; the others are settled. And how many of those others were
        told of as they are, by kind.
        """
        new: list[Difference] = []
        counts: Counter[EventType] = Counter()
        for some in _stretches(found):
            states = await self.journal.states(self.account, [each.contact for each in some])
            told = [each for each in some if states.get(each.contact) == each.state]
            others = [each for each in some if states.get(each.contact) != each.state]
            covered = [each for each in others if states.get(each.contact) == UNREAD or own.covers(each)]
            await self._append([], covered)
            await self._settle(source, [*told, *covered])
            counts.update(each.kind for each in told)
            new += [each for each in others if each not in covered]
        if len(new) > MOST:  # these become one event anyway
            return new, counts
        old = {each.id: each.digest for each in new if await self._told_long_ago(each)}
        await self.store.settle(self.account, source.value, old)
        return [each for each in new if each.id not in old], counts

    async def _told_long_ago(self, found: Difference) -> bool:
        """Whether the log has anything of a contact since it was seen, longer ago than states are kept.

        Then this replica was away, and the others were not. A write that it had sent itself is not meant.
        """
        if found.since is None:
            return False
        seen = datetime.fromisoformat(found.since)
        if datetime.fromisoformat(self.now()) - seen < STATES_KEPT:
            return False
        since = instant((seen + JUST_SENT).isoformat())
        query = EventQuery(types=OF_CONTACTS, contact=found.contact, since=since)
        return bool(await self.journal.events(self.account, query, 0, 1))

    async def _settle(self, source: Source, told: Sequence[Difference]) -> None:
        """Nothing is left to tell of these."""
        await self.store.settle(self.account, source.value, {each.id: each.digest for each in told})

    async def _note(self, source: Source, module: str, new: Sequence[Difference]) -> bool:
        """Events for differences of one kind: each its own, or one for all where they are too many.

        False: another replica is telling of all of these just now. What it leaves is told after a later scan.
        """
        now = self.now()
        many = len(new) > MOST
        summary = [_summary(self.account, source, module, new, now)] if many else []
        for some in _stretches(sorted(new, key=lambda each: each.id)):
            happenings = summary if many else [_happening(source, each, now) for each in some]
            noted = await self._append(happenings, some)
            if summary and not noted:  # others have just told of these, or it is kept until Redis is back
                await self.journal.states(self.account, [some[0].contact])  # which raises
                await self._settle(source, some)
                return False
            summary = []
            await self._settle(source, some)
        return True

    async def _append(self, happenings: Sequence[Happening], about: Sequence[Difference]) -> int:
        states = {each.contact: each.state for each in about}
        noted: int = await self.journal.note(
            self.account, None, self.now(), happenings, answer=len, states=states
        )
        return noted


def _stretches(found: Sequence[Difference]) -> Iterator[Sequence[Difference]]:
    return (found[start : start + STRETCH] for start in range(0, len(found), STRETCH))


def _read(upstream: Upstream, module: str, record: bytes | None, as_of: str | None) -> Contact | None:
    return None if record is None else upstream.contact_of(orjson.loads(record), as_of or "", module)


def _happening(source: Source, found: Difference, now: str) -> Happening:
    return Happening(
        type=found.kind,
        source=source,
        contact=found.contact,
        payload={"noticed": True, "fields": list(found.fields), "delaySeconds": found.delay(now)},
    )


def _summary(account: str, source: Source, module: str, new: Sequence[Difference], now: str) -> Happening:
    payload: dict[str, Any] = {
        "noticed": True,
        "count": len(new),
        "module": ids.encode("Module", account, source.value, module) if module else None,
        "delaySeconds": max(each.delay(now) for each in new),
    }
    return Happening(type=new[0].kind, source=source, payload=payload)
