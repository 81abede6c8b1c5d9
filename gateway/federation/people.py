"""The people of one account, as one caller may see them: out of the index, as fresh as that caller wants."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil
from typing import Any, Final

from gateway import freshness
from gateway.errors import BadInput, DeadlineExceeded, GatewayError
from gateway.federation import outcomes, paging
from gateway.federation.directory import Directory
from gateway.federation.fanout import ask
from gateway.federation.feeds import Read
from gateway.federation.paging import Position
from gateway.identity import keys, reasons, survivors
from gateway.identity.keys import Key
from gateway.identity.rules import EMAIL, MAILBOX, PHONE
from gateway.index.heirs import Sight
from gateway.index.people import Cluster
from gateway.index.reader import State
from gateway.journal.spoken import Heard, Pair, pair
from gateway.model import ids
from gateway.model.caller import Caller
from gateway.model.contact import Contact, ContactKey
from gateway.model.outcome import Connection, SourceOutcome
from gateway.model.person import Person, Saying
from gateway.model.source import SOURCES, Source
from gateway.model.text import e164, same_email

FOUND: Final = 20  # contacts that a search by one key is read for
LEAST: Final = 10  # rows looked at at a time, for a page
MOST: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sightings:
    """What one caller sees of the index at one time. `states`: the least fresh module of each source.

    `asked` are sources that were asked themselves, `failed` those that could not answer.
    """

    sight: Sight
    heard: Heard
    states: Mapping[Source, State]
    asked: frozenset[Source]
    failed: Mapping[Source, GatewayError]

    def stale(self) -> dict[Source, GatewayError | None]:
        """Sources whose records are told as last seen, with the reason where that is known."""
        found: dict[Source, GatewayError | None] = {**self.failed}
        for source in map(Source, self.sight):
            state = self.states.get(source)
            if (
                source not in found
                and source not in self.asked
                and not (state is not None and state.complete and state.fresh and state.error is None)
            ):
                found[source] = state.error if state is not None else _unread(source)
        return found

    @property
    def complete(self) -> bool:
        """Whether the index knows every record there is."""
        return not self.failed and all(self._complete(Source(name)) for name in self.sight)

    def _complete(self, source: Source) -> bool:
        state = self.states.get(source)
        return state is not None and state.complete


class People:
    """The people of one account, for one caller and one request.

    `surely`: nothing that may have been forbidden by hand meanwhile is joined, as for a write.
    """

    def __init__(
        self, directory: Directory, caller: Caller, max_age: float | None, *, surely: bool = False
    ) -> None:
        self.directory = directory
        self._caller = caller
        self._max_age = max_age
        self._surely = surely
        self._seen: Sightings | None = None
        self._looking = asyncio.Lock()

    @property
    def account(self) -> str:
        """The account."""
        return self.directory.account

    async def look(self) -> Sightings:
        """See what is there, after waiting within reason for what is fresh enough; once in a request."""
        async with self._looking:
            if self._seen is None:
                self._seen = await self._look(None, ())
            return self._seen

    async def _look(self, email: str | None, some: Sequence[Key]) -> Sightings:
        """The same. For an e-mail with keys, sources that search are asked for it instead of waited for."""
        directory, index = self.directory, self.directory.index
        sight, unable = await directory.sight(self._caller)
        heard = await directory.sayings.hear(self.account, surely=self._surely)
        searched: dict[Source, Any] = {}
        settled: dict[Source, Any] = {}
        for name, modules in sight.items():
            source = Source(name)
            states = index.states(source, modules, self._max_age)
            old = not states or any(not each.fresh for each in states)
            if email is not None and old and self._searches(source):
                searched[source] = self._search(source, modules, email, some)
            else:
                settled[source] = index.ready(source, modules, self._max_age)
        found, ready = await asyncio.gather(ask(searched), ask(settled))
        answers = {**found, **ready}
        failed = {each: answer for each, answer in answers.items() if isinstance(answer, GatewayError)}
        worst = {
            each: min(answer, key=lambda state: (state.complete, state.fresh, state.as_of or ""))
            for each, answer in answers.items()
            if not isinstance(answer, GatewayError) and answer
        }
        asked = frozenset(searched) - worst.keys() - failed.keys()
        return Sightings(sight=sight, heard=heard, states=worst, asked=asked, failed={**failed, **unable})

    def _searches(self, source: Source) -> bool:
        return self.directory.upstreams[source].traits.searches

    async def _search(
        self, source: Source, modules: frozenset[str] | None, text: str, some: Sequence[Key]
    ) -> list[State]:
        """Ask a source itself, and let the index know what it says.

        Where the index knows of others who hold these keys, it is read anew: what has come of it is returned.
        """
        index = self.directory.index
        upstream = self.directory.upstream(source, self._caller)
        with freshness.allowed(self._max_age):
            page = await upstream.contacts(0, FOUND, search=text)
        await index.put([each for each in page.items if each["_properties"] is not None])
        found = {each["sourceId"] for each in page.items}
        sight = {source.value: modules}
        rows = [row for key in some for row in index.store.holding(self.account, sight, key)]
        if all(each.id in found for each in index.store.rows(rows).values()):
            return []
        return await index.ready(source, modules, self._max_age)

    async def known(self, contacts: Sequence[Contact]) -> None:
        """Let the index know of contacts that were just read, where it lacks them or their keys differ."""
        index, rules = self.directory.index, self.directory.rules
        new: list[Contact] = []
        for source in {contact["source"] for contact in contacts}:
            whole = (each for each in contacts if each["_properties"] is not None)
            mine = [each for each in whole if each["source"] is source]
            rows = index.store.get(self.account, source.value, [each["sourceId"] for each in mine])
            for contact in mine:
                row = rows.get(contact["sourceId"])
                if row is None:
                    new.append(contact)
                elif contact["asOf"] > row.as_of:
                    before = keys.keys(index.contact(row), rules)
                    if before.keys() != keys.keys(contact, rules).keys():
                        new.append(contact)
        await index.put(new)

    async def by_id(self, text: str) -> Person | None:
        """The person of an id, also of one that has joined another since, or whose record is gone."""
        named = ids.expect(text, "Person", self.account)
        self.directory.upstream(named.source, self._caller)
        seen = await self.look()
        store = self.directory.index.store
        row = store.standing_for(self.account, seen.sight, named.source.value, named.parts[0])
        return self._person(row, seen)

    async def of(self, some: Sequence[ContactKey]) -> dict[ContactKey, Person]:
        """The people of contacts that the index has met."""
        seen = await self.look()
        store = self.directory.index.store
        rows: dict[ContactKey, int] = {}
        for source in {key.source for key in some}:
            mine = [key for key in some if key.source is source]
            held = store.get(self.account, source.value, [key.id for key in mine])
            rows.update({key: held[key.id].rowid for key in mine if key.id in held})
        clusters = store.people(self.account, seen.sight, list(rows.values()))
        made = self.made({id(cluster): cluster for cluster in clusters.values()}.values(), seen)
        return {
            key: made[clusters[row].rows]
            for key, row in rows.items()
            if row in clusters and clusters[row].rows in made
        }

    async def together(self, some: Sequence[ContactKey], seen: Sightings) -> set[Pair]:
        """Which pairs of contacts are one person."""
        store = self.directory.index.store
        refs: dict[int, str] = {}
        for key in some:
            held = store.get(self.account, key.source.value, [key.id]).get(key.id)
            if held is not None:
                refs[held.rowid] = key.ref
        clusters = store.people(self.account, seen.sight, list(refs))
        return {
            pair(refs[one], refs[other])
            for one, other in combinations(refs, 2)
            if one in clusters and other in clusters and clusters[one].rows == clusters[other].rows
        }

    async def by_email(self, text: str) -> tuple[list[Person], Sightings]:
        """The people who hold an e-mail: more than one where it is shared, or held apart."""
        form = same_email(text)
        mailbox = keys.provided(form) if self.directory.rules.providers else None
        some = [(EMAIL, form), *([(MAILBOX, mailbox)] if mailbox else [])]
        seen = self._seen or await self._look(text.strip(), some)
        return self._holding(some, seen), seen

    async def by_phone(self, text: str) -> tuple[list[Person], Sightings]:
        """The people who hold a phone."""
        number = e164(text, self.directory.region)
        if number is None:
            raise BadInput("by.phone is no phone number. Write it with its country code: +12025550111.")
        seen = await self.look()
        return self._holding([(PHONE, number)], seen), seen

    def _holding(self, some: Sequence[Key], seen: Sightings) -> list[Person]:
        store = self.directory.index.store
        rows = {row for key in some for row in store.holding(self.account, seen.sight, key)}
        clusters = store.people(self.account, seen.sight, sorted(rows))
        people = self.made(dict.fromkeys(clusters[row] for row in sorted(rows) if row in clusters), seen)
        return list(people.values())

    def _person(self, row: int | None, seen: Sightings) -> Person | None:
        if row is None:
            return None
        cluster = self.directory.index.store.people(self.account, seen.sight, [row]).get(row)
        return None if cluster is None else self.made([cluster], seen).get(cluster.rows)

    def made(self, clusters: Iterable[Cluster], seen: Sightings) -> dict[tuple[int, ...], Person]:
        """People by the rows of their records; one whose records went meanwhile is missing."""
        some = list(clusters)
        index = self.directory.index
        held = index.store.rows([row for cluster in some for row in cluster.rows])
        found: dict[tuple[int, ...], Person] = {}
        for cluster in some:
            contacts = [
                (index.contact(held[record.place]), record)
                for record in cluster.records
                if record.place in held
            ]
            if contacts:
                found[cluster.rows] = self._view(cluster, contacts, seen)
        for source in {
            contact["_key"].source for person in found.values() for contact in contacts_of(person)
        }:
            index.spared(source)
        return found

    def _view(self, cluster: Cluster, held: Sequence[tuple[Contact, Any]], seen: Sightings) -> Person:
        rules = self.directory.rules
        contacts = [contact for contact, _ in held]
        written = [
            (contact, {key: text for key, text in keys.keys(contact, rules).items() if key in record.keys})
            for contact, record in held
        ]
        refs = {record.ref: contact["id"] for contact, record in held}
        person: Any = {
            "__typename": "Person",
            "id": ids.encode("Person", self.account, *cluster.founder),
            **survivors.view(contacts, rules),
            "members": reasons.members(written, _linked(refs, seen.heard) if len(refs) > 1 else {}),
        }
        found: Person = person
        return found

    async def page(self, first: int, after: str | None, search: str | None) -> Connection:
        """A page of people: each at the place where the index has met their first record that fits."""
        seen = await self.look()
        mark = paging.fingerprint("people", self.account, search)
        start = 0 if after is None else paging.number(after, mark)
        found, end, more = await self._walk(start, first, search, seen)
        people = self.made([cluster for _, cluster in found], seen)
        nodes = [(row, people[cluster.rows]) for row, cluster in found if cluster.rows in people]
        cursors = [paging.seal_number(row, mark) for row, _ in nodes]
        page = self.connection([person for _, person in nodes], cursors, seen, after=after, more=more)
        info = page["_info"]()
        if info["hasNextPage"] and not nodes:
            page["_info"] = lambda: {**info, "endCursor": paging.seal_number(end, mark)}
        return page

    def connection(
        self, people: list[Person], cursors: list[str], seen: Sightings, *, after: str | None, more: bool
    ) -> Connection:
        """People as a page."""
        return {
            "nodes": people,
            "_info": lambda: paging.info(cursors, after, more=more or not seen.complete),
            "sources": self._told(people, seen, more=more),
            "_cursors": lambda: cursors,
            "_totals": {},
            "_total": None,
        }

    async def _walk(
        self, start: int, first: int, search: str | None, seen: Sightings
    ) -> tuple[list[tuple[int, Cluster]], int, bool]:
        """People behind a place with their own, where the walk stands then, and whether there is more."""
        store = self.directory.index.store
        found: list[tuple[int, Cluster]] = []
        end, looked_at = start, 0
        while True:
            stretch = _stretch(first + 1 - len(found), looked_at, len(found))
            if search is None:
                spots = await store.spots(self.account, seen.sight, end, stretch)
            else:
                rows = await store.walk(self.account, seen.sight, search=search, after=end, limit=stretch)
                spots = [(row, row) for row in rows]
            looked_at += len(spots)
            clusters = store.people(self.account, seen.sight, [row for _, row in spots])
            places = (
                {cluster.rows: cluster.first for cluster in clusters.values()}
                if search is None
                else await self._places(clusters, [row for row, _ in spots], end, search, seen)
            )
            for spot, row in spots:
                if row in clusters and places[clusters[row].rows] == spot:
                    if len(found) == first:
                        return found, end, True
                    found.append((spot, clusters[row]))
                end = spot
            if len(spots) < stretch:
                return found, end, False

    async def _places(
        self, clusters: Mapping[int, Cluster], fitting: Sequence[int], end: int, search: str, seen: Sightings
    ) -> dict[tuple[int, ...], int]:
        """Where each person stands in a search: at the first record that fits.

        `fitting` are all that do of a stretch behind a place; before it, they have to be looked for.
        """
        some = {cluster.rows for cluster in clusters.values()}
        before = [row for rows in some for row in rows if row <= end]
        fits = set(fitting)
        if before:
            fits.update(
                await self.directory.index.store.walk(
                    self.account, seen.sight, search=search, after=0, limit=len(before), among=before
                )
            )
        return {rows: min(fits.intersection(rows), default=0) for rows in some}

    def _told(self, people: Sequence[Person], seen: Sightings, *, more: bool) -> list[SourceOutcome]:
        """How each source has answered for a page; those that the caller may not read stand there too."""
        _, refused = self.directory.asked(None, self._caller)
        told = {source: outcomes.failed(source, error) for source, error in refused.items()}
        stale = seen.stale()
        for source in {*map(Source, seen.sight), *seen.failed}:
            state, error = seen.states.get(source), seen.failed.get(source)
            count = sum(any(each["source"] is source for each in contacts_of(person)) for person in people)
            if state is None or (not state.complete and state.error is not None):
                why = error or (state.error if state else None)
                told[source] = outcomes.failed(source, why or _unread(source), count)
                continue
            read = Read(
                items=[], end=Position(), more=more, from_cache=True, stale=source in stale,
                failed=state.error, as_of=state.as_of,
            )  # fmt: skip
            told[source] = outcomes.answered(source, [read], count, exhausted=not more and state.complete)
        return [told[source] for source in SOURCES if source in told]


def _stretch(missing: int, looked_at: int, found: int) -> int:
    """How many rows to look at for so many people more: for each as many as it took so far.

    Resolving rows holds up the event loop, so no more of them than are needed. At first most people are
    taken to have one or two.
    """
    each = (looked_at + 3) / (found + 2)
    return min(MOST, max(LEAST, ceil(missing * each)))


def contacts_of(person: Person) -> list[Contact]:
    """The records of a person, oldest first."""
    return [member["contact"] for member in person["members"]]


def _unread(source: Source) -> GatewayError:
    return DeadlineExceeded(
        f"The index of {source.value} is still being filled. Try again in a few seconds.", source=source.value
    )


def _linked(refs: Mapping[str, str], heard: Heard) -> dict[tuple[str, str], str]:
    """What was said by hand of records of one person: the reason, by pairs of global ids."""
    found: dict[tuple[str, str], str] = {}
    for ref, contact in refs.items():
        for other in heard.spoken.same.get(ref, ()):
            if other in refs:
                said = heard.said[pair(ref, other)]
                if said.saying is Saying.SAME:
                    one, two = sorted((contact, refs[other]))
                    found[one, two] = f"{said.actor}: {said.reason}"
    return found
