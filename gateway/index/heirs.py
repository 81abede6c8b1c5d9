"""Records that are gone: who has stayed of their person, so that ids which they have given go on to name it.

What a person was differs by what its caller may see. So of each record that goes it is kept who stays for
those who see just some of the houses (a source and a module) where the rest lay, for every choice of these.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Final

MOST_HOUSES: Final = 6  # in which a person lies; of more, only those who see all of them are told who stays
LONGEST_LINE: Final = 1_000  # heirs of heirs that are looked at

TABLE: Final = """
CREATE TABLE IF NOT EXISTS heir (
    account TEXT NOT NULL, source TEXT NOT NULL, module TEXT NOT NULL, id TEXT NOT NULL,
    created TEXT, place INTEGER, houses TEXT NOT NULL, seen TEXT NOT NULL,
    heir_source TEXT NOT NULL, heir_id TEXT NOT NULL,
    PRIMARY KEY (account, source, id, seen)
);  -- with a rowid: without one SQLite leaves the indexes aside
CREATE INDEX IF NOT EXISTS heir_heir ON heir (account, heir_source, heir_id);
CREATE INDEX IF NOT EXISTS heir_place ON heir (account, place);
"""
OF: Final = "account = ? AND source = ? AND id = ?"
TO: Final = "account = ? AND heir_source = ? AND heir_id = ?"

Sight = Mapping[str, frozenset[str] | None]
"""What a caller may see: modules by source, None for all of them."""

House = tuple[str, str]
"""A source and a module."""

Seen = frozenset[House]


@dataclass(frozen=True, slots=True)
class Former:
    """A record that is gone; `place` was its row number, `heir` is one that has stayed, as `SOURCE:id`."""

    source: str
    module: str
    id: str
    created: str | None
    place: int | None
    heir: str = ""


def sees(sight: Sight, source: str, module: str) -> bool:
    """Whether what lies in a house is seen."""
    modules = sight.get(source, frozenset())
    return modules is None or module in modules


def sight_of(seen: Seen) -> Sight:
    """The sight of a caller who sees just these houses."""
    sources = {source for source, _ in seen}
    return {each: frozenset(module for source, module in seen if source == each) for each in sources}


def choices(own: House, houses: Collection[House]) -> list[Seen]:
    """The houses that somebody may see of those in which a person lies, with that of one record."""
    others = sorted(set(houses) - {own})
    if len(others) >= MOST_HOUSES:
        return [frozenset((own, *others))]
    return [frozenset((own, *some)) for n in range(len(others) + 1) for some in combinations(others, n)]


def keep(
    db: sqlite3.Connection, account: str, former: Former, houses: Collection[House], heirs: Mapping[Seen, str]
) -> None:
    """Remember who stays of a record that goes, by what is seen; whoever it stood for leads there as well."""
    here = (account, former.source, former.id)
    if not heirs:
        forget(db, account, former.source, former.id)
    for seen, ref in heirs.items():
        heir, place = ref.split(":", 1), (_text(houses), _text(seen))
        sql = f"UPDATE heir SET heir_source = ?, heir_id = ? WHERE {TO} AND houses = ? AND seen = ?"  # noqa: S608
        db.execute(sql, (*heir, *here, *place))
        db.execute(
            "INSERT OR REPLACE INTO heir VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (account, former.source, former.module, former.id, former.created, former.place, *place, *heir),
        )


def formers(db: sqlite3.Connection, account: str, sight: Sight, ref: str) -> Iterator[Former]:
    """The records that are gone and for which one stands, as far as they are seen."""
    sql = f"SELECT source, module, id, created, place, houses, seen FROM heir WHERE {TO}"  # noqa: S608
    met: set[tuple[str, str]] = set()
    waiting = [(*ref.split(":", 1),)]
    while waiting:
        for held in db.execute(sql, (account, *waiting.pop())).fetchall():
            source, module, id_, created, place, houses, seen = held
            if (source, id_) not in met and _fits(sight, source, module, houses, seen):
                met.add((source, id_))
                waiting.append((source, id_))
                yield Former(source, module, id_, created, place, ref)


def standing_for(db: sqlite3.Connection, account: str, sight: Sight, source: str, id_: str) -> int | None:
    """The number of the row that stands for a record: its own, or that of one that has stayed."""
    here = (source, id_)
    for _ in range(LONGEST_LINE):
        sql = f"SELECT rowid, source, module FROM contact WHERE {OF}"  # noqa: S608
        row = db.execute(sql, (account, *here)).fetchone()
        if row is not None:
            return row[0] if sees(sight, *row[1:]) else None
        sql = f"SELECT source, module, houses, seen, heir_source, heir_id FROM heir WHERE {OF}"  # noqa: S608
        found = db.execute(sql, (account, *here)).fetchall()
        heir = next((each[4:] for each in found if _fits(sight, *each[:4])), None)
        if heir is None:
            return None
        here = heir
    return None


def places(
    db: sqlite3.Connection, account: str, sight: Sight, after: int, limit: int
) -> list[tuple[int, int]]:
    """Places of records that are gone, behind a number, each with the row that stands there; 0 for none."""
    sql = "SELECT DISTINCT place, source, id FROM heir WHERE account = ? AND place > ? ORDER BY place LIMIT ?"
    return [
        (place, standing_for(db, account, sight, source, id_) or 0)
        for place, source, id_ in db.execute(sql, (account, after, limit)).fetchall()
    ]


def back(db: sqlite3.Connection, account: str, source: str, id_: str) -> None:
    """A record is there again: it stands for itself."""
    db.execute(f"DELETE FROM heir WHERE {OF}", (account, source, id_))  # noqa: S608


def forget(db: sqlite3.Connection, account: str, source: str, id_: str) -> None:
    """Nobody stands for a record any more, nor for those for which it stood."""
    waiting = [(source, id_)]
    while waiting:
        here = (account, *waiting.pop())
        db.execute(f"DELETE FROM heir WHERE {OF}", here)  # noqa: S608
        led = db.execute(f"SELECT DISTINCT source, id FROM heir WHERE {TO}", here).fetchall()  # noqa: S608
        db.execute(f"DELETE FROM heir WHERE {TO}", here)  # noqa: S608
        sql = f"SELECT 1 FROM heir WHERE {OF}"  # noqa: S608
        waiting += [each for each in led if db.execute(sql, (account, *each)).fetchone() is None]


def unname(db: sqlite3.Connection, account: str, sight: Sight, refs: Iterable[str]) -> None:
    """Forget records of whose person nobody stays, and for whom they stood."""
    for ref in refs:
        here = ref.split(":", 1)
        if standing_for(db, account, sight, *here) is None:
            forget(db, account, *here)


def _fits(sight: Sight, source: str, module: str, houses: str, seen: str) -> bool:
    """Whether this is what somebody with a sight has seen of a person, its record included."""
    if not sees(sight, source, module):
        return False
    return {house for house in _read(houses) if sees(sight, *house)} == _read(seen)


@lru_cache(maxsize=1_024)
def _read(text: str) -> Seen:
    return frozenset((source, module) for source, module in json.loads(text))


def _text(houses: Collection[House]) -> str:
    return json.dumps(sorted(houses))
