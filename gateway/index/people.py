"""Reads out of the index which of its rows are people. Rows that the caller may not see do not exist here."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.identity.clusters import Conflict, Evidence, Spoken, solve
from gateway.identity.keys import Key, joins
from gateway.identity.names import name_of
from gateway.identity.rules import Rules
from gateway.index import heirs, query
from gateway.index.heirs import Former, House, Seen, Sight, sees, sight_of
from gateway.model.source import Source

MOST_HOLDERS: Final = 200  # of one key, in all sources; more make it nobody's
MOST_RECORDS: Final = 200  # that hang together; more are not one person
LATEST: Final = "~"  # sorts behind every time
EVERYTHING: Final[Sight] = {source.value: None for source in Source}
ORDER: Final = {source.value: place for place, source in enumerate(Source)}

COLUMNS: Final = "rowid, source, module, id, created, name, first, last"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One person: the records, oldest first, and the one that names the person, which may be gone by now.

    `first` is the lowest row number that any of them has or had: the person's place in lists.
    """

    founder: tuple[str, str]
    first: int
    records: tuple[Evidence, ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """The row numbers, oldest record first."""
        return tuple(record.place for record in self.records)


@dataclass(frozen=True, slots=True)
class Crowd:
    """The people among records that hang together, and what was held apart among them."""

    people: tuple[Cluster, ...]
    conflicts: tuple[Conflict, ...]


@dataclass(slots=True, eq=False)
class Reading:
    """One look at the people of an account. What it has read once it does not read again."""

    db: sqlite3.Connection
    account: str
    sight: Sight
    spoken: Spoken
    rules: Rules
    _records: dict[int, Evidence | None] = field(default_factory=dict)
    _holders: dict[Key, tuple[int, ...]] = field(default_factory=dict)

    def crowds(self, rows: Iterable[int]) -> list[Crowd]:
        """What hangs together with each of some rows; each crowd once."""
        met: set[int] = set()
        huge: set[int] = set()
        found: list[Crowd] = []
        for row in rows:
            if row in met:
                continue
            records = self._around(row, MOST_RECORDS + 1)
            oversized = len(records) > MOST_RECORDS
            mine = self._around(row, MOST_RECORDS, by_hand=True) if oversized else records
            met.update(record.place for record in mine)
            if mine:
                made = crowd(mine, self.spoken, self._formers(mine), oversized=oversized)
                if oversized:
                    places = {record.place for record in records}
                    if not places & huge:
                        made = Crowd(made.people, (*made.conflicts, _too_many(records)))
                    huge |= places
                found.append(made)
        return found

    def clusters(self, rows: Iterable[int]) -> dict[int, Cluster]:
        """The person of each of some rows; those that are not seen are missing."""
        found: dict[int, Cluster] = {}
        for crowd in self.crowds(rows):
            for person in crowd.people:
                found.update(dict.fromkeys(person.rows, person))
        return found

    def holding(self, key: Key) -> list[int]:
        """The rows that hold a key, also one that joins nobody."""
        return [row for row, _, _ in self._read_holders(key)]

    def _around(self, row: int, most: int, *, by_hand: bool = False) -> list[Evidence]:
        """At most so many of the records that hang together with one; `by_hand`: by what was said alone."""
        found: dict[int, Evidence] = {}
        waiting = [row]
        while waiting and len(found) < most:
            place = waiting.pop()
            record = None if place in found else self._record(place)
            if record is not None:
                found[place] = record
                for key in () if by_hand else record.keys:
                    waiting.extend(self._sharing(key))
                waiting.extend(self._said_same(record.ref))
        return list(found.values())

    def _record(self, row: int) -> Evidence | None:
        if row not in self._records:
            sql = f"SELECT {COLUMNS} FROM contact WHERE rowid = ? AND account = ?"  # noqa: S608
            held = self.db.execute(sql, (row, self.account)).fetchone()
            seen = held is not None and sees(self.sight, held[1], held[2])
            self._records[row] = self._evidence(held) if seen else None
        return self._records[row]

    def _evidence(self, held: Sequence[Any]) -> Evidence:
        strong = (key for key in self._keys(held[0]) if self._sharing(key))
        return evidence(held, frozenset(strong))

    def _sharing(self, key: Key) -> tuple[int, ...]:
        """The rows that hold a key; none where they are too many for one person."""
        if key not in self._holders:
            holders = self._read_holders(key)
            most = max(Counter(source for _, source, _ in holders).values(), default=0)
            too_many = most > self.rules.most or len(holders) > MOST_HOLDERS
            self._holders[key] = () if too_many else tuple(row for row, _, _ in holders)
        return self._holders[key]

    def _read_holders(self, key: Key) -> list[tuple[int, str, str]]:
        """The rows that hold a key, each with its house; one more than allowed where they are too many."""
        seen, values = query.seen(self.sight)
        sql = (
            "SELECT contact.rowid, source, module FROM contact_key JOIN contact ON contact.rowid = contact "  # noqa: S608
            f"WHERE contact_key.account = ? AND kind = ? AND value = ? AND {seen} LIMIT ?"
        )
        return self.db.execute(sql, (self.account, *key, *values, MOST_HOLDERS + 1)).fetchall()

    def _said_same(self, ref: str) -> Iterator[int]:
        for other in self.spoken.same.get(ref, ()):
            row = row_of(self.db, self.account, *other.split(":", 1))
            if row is not None:
                yield row

    def houses(self, row: int) -> frozenset[House]:
        """Where the records lie that could be tied to one, for whoever sees a part of them."""
        found: set[House] = set()
        rows, keys = {row}, set[Key]()
        waiting = [row]
        while waiting and len(rows) <= MOST_RECORDS:
            place = waiting.pop()
            sql = "SELECT source, module, id FROM contact WHERE rowid = ? AND account = ?"
            held = self.db.execute(sql, (place, self.account)).fetchone()
            if held is None:
                continue
            found.add(held[:2])
            new = set(self._keys(place)) - keys
            keys |= new
            near = set(self._said_same(f"{held[0]}:{held[2]}"))
            for holders in map(self._read_holders, new):
                found.update((source, module) for _, source, module in holders)
                near.update(other for other, _, _ in holders if len(holders) <= MOST_HOLDERS)
            waiting.extend(near - rows)
            rows |= near
        return frozenset(found)

    def _keys(self, row: int) -> list[Key]:
        """The keys of a row that can join."""
        sql = "SELECT kind, value FROM contact_key WHERE contact = ? AND kind <> 'tag'"
        return [key for key in self.db.execute(sql, (row,)) if joins(key, self.rules)]

    def _formers(self, records: Sequence[Evidence]) -> list[Former]:
        return [
            former
            for record in records
            for former in heirs.formers(self.db, self.account, self.sight, record.ref)
        ]


def crowd(
    records: Sequence[Evidence], spoken: Spoken, formers: Sequence[Former] = (), *, oversized: bool = False
) -> Crowd:
    """The people among records that hang together."""
    solution = solve(records, spoken, oversized=oversized)
    by_place = {record.place: record for record in records}
    people = []
    for places in solution.people:
        mine = sorted((by_place[place] for place in places), key=_age)
        refs = {record.ref for record in mine}
        gone = [each for each in formers if each.heir in refs]
        _, founder = min(
            [(_age(mine[0]), (mine[0].source, mine[0].ref.split(":", 1)[1]))]
            + [(_aged(each.created, each.source, each.id), (each.source, each.id)) for each in gone]
        )
        first = min([*places, *(each.place for each in gone if each.place is not None)])
        people.append(Cluster(founder, first, tuple(mine)))
    return Crowd(tuple(people), solution.conflicts)


def _too_many(records: Sequence[Evidence]) -> Conflict:
    places = tuple(sorted(record.place for record in records))
    reason = f"More than {MOST_RECORDS} records hang together: too many for one person."
    return Conflict(places, reason, "size")


def evidence(held: Sequence[Any], keys: frozenset[Key]) -> Evidence:
    """What a row, as `COLUMNS` has it, says of a record."""
    row, source, _, id_, created, name, first, last = held
    return Evidence(
        place=row,
        ref=f"{source}:{id_}",
        source=source,
        created=created,
        name=name_of(first, last, name),
        keys=keys,
    )


def everyone(db: sqlite3.Connection, account: str, sight: Sight, spoken: Spoken, rules: Rules) -> list[Crowd]:
    """All that hangs together in an account, in the order of the index; who stands alone is left out."""
    held = {
        row[0]: row
        for row in db.execute(f"SELECT {COLUMNS} FROM contact WHERE account = ?", (account,))  # noqa: S608
        if sees(sight, row[1], row[2])
    }
    holders: dict[Key, list[int]] = {}
    sql = "SELECT kind, value, contact FROM contact_key WHERE account = ? AND kind <> 'tag'"
    for kind, value, row in db.execute(sql, (account,)):
        if row in held:
            holders.setdefault((kind, value), []).append(row)
    keys: dict[int, set[Key]] = {}
    for key, rows in holders.items():
        most = max(Counter(held[row][1] for row in rows).values())
        if most <= rules.most and len(rows) <= MOST_HOLDERS and joins(key, rules):
            for row in rows:
                keys.setdefault(row, set()).add(key)
    refs = {f"{row[1]}:{row[3]}": place for place, row in held.items()}
    tied = {place for rows in holders.values() if len(rows) > 1 for place in rows}
    tied |= {refs[ref] for ref, others in spoken.same.items() if ref in refs and others & refs.keys()}
    records = {place: evidence(row, frozenset(keys.get(place, ()))) for place, row in held.items()}
    sharing = {key: tuple(rows) for key, rows in holders.items()}
    reading = Reading(db, account, sight, spoken, rules, _records=dict(records), _holders=sharing)
    found = reading.crowds(sorted(tied))
    return [
        each for each in found if each.conflicts or sum(len(person.records) for person in each.people) > 1
    ]


def row_of(db: sqlite3.Connection, account: str, source: str, id_: str) -> int | None:
    """The number of a row by its source and id."""
    sql = "SELECT rowid FROM contact WHERE account = ? AND source = ? AND id = ?"
    found = db.execute(sql, (account, source, id_)).fetchone()
    return found[0] if found else None


def bequeath(
    db: sqlite3.Connection, account: str, spoken: Spoken, rules: Rules, leaving: Sequence[int]
) -> None:
    """Remember, of rows that are about to go, who of their person stays, as their ids go on to name it."""
    going = set(leaving)
    readings: dict[Seen, Reading] = {}
    everywhere = Reading(db, account, EVERYTHING, spoken, rules)
    for row in leaving:
        source, module, id_, created = db.execute(
            "SELECT source, module, id, created FROM contact WHERE rowid = ?", (row,)
        ).fetchone()
        houses = everywhere.houses(row)
        stay: dict[Seen, str] = {}
        for seen in heirs.choices((source, module), houses):
            if seen not in readings:
                readings[seen] = Reading(db, account, sight_of(seen), spoken, rules)
            person = readings[seen].clusters([row])[row]
            heir = next((each.ref for each in person.records if each.place not in going), None)
            if heir is not None:
                stay[seen] = heir
        former = Former(source, module, id_, created, row)
        heirs.keep(db, account, former, houses, stay)


def _age(record: Evidence) -> tuple[str, int, str]:
    return _aged(record.created, record.source, record.ref)


def _aged(created: str | None, source: str, id_: str) -> tuple[str, int, str]:
    """Sorts records by age: what has no time comes last, then sources in their order."""
    return created or LATEST, ORDER.get(source, len(ORDER)), id_.removeprefix(f"{source}:")
