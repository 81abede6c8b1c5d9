"""Who stands for a record that is gone, by what is seen of its person."""

import sqlite3
from collections.abc import Iterator

import pytest

from gateway.index import heirs
from gateway.index.heirs import Former, House, Sight

HERE = "default"
PX, SENDER = ("PACKAGEX", ""), ("SMART_SENDER", "")
EVERYTHING: Sight = {"PACKAGEX": None, "SMART_SENDER": None, "SAMESPACE": None}


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """The tables that are looked at, and two rows."""
    made = sqlite3.connect(":memory:")
    made.executescript(heirs.TABLE)
    made.execute("CREATE TABLE contact (account TEXT, source TEXT, module TEXT, id TEXT)")
    made.execute("INSERT INTO contact VALUES ('default', 'PACKAGEX', '', 'stays')")
    made.execute("INSERT INTO contact VALUES ('default', 'SMART_SENDER', '', 'other')")
    yield made
    made.close()


def gone(id_: str, place: int = 1, house: House = PX) -> Former:
    return Former(*house, id_, None, place)


def standing(db: sqlite3.Connection, id_: str, sight: Sight = EVERYTHING) -> int | None:
    return heirs.standing_for(db, HERE, sight, "PACKAGEX", id_)


def test_who_stays_stands_for_all_that_went_before(db: sqlite3.Connection) -> None:
    both = frozenset([PX])
    heirs.keep(db, HERE, gone("first", 1), both, {both: "PACKAGEX:second"})
    heirs.keep(db, HERE, gone("second", 2), both, {both: "PACKAGEX:stays"})
    assert standing(db, "first") == standing(db, "second") == standing(db, "stays") == 1
    told = heirs.formers(db, HERE, EVERYTHING, "PACKAGEX:stays")
    assert {(each.id, each.place) for each in told} == {("first", 1), ("second", 2)}
    assert heirs.places(db, HERE, EVERYTHING, 0, 9) == [(1, 1), (2, 1)]
    assert heirs.places(db, HERE, EVERYTHING, 1, 9) == [(2, 1)]
    assert heirs.places(db, HERE, {}, 0, 9) == [(1, 0), (2, 0)]


def test_who_stays_differs_by_what_is_seen(db: sqlite3.Connection) -> None:
    houses = frozenset([PX, SENDER])
    kept = {frozenset([PX]): "PACKAGEX:stays", houses: "SMART_SENDER:other"}
    heirs.keep(db, HERE, gone("first"), houses, kept)
    assert standing(db, "first") == 2
    assert standing(db, "first", {"PACKAGEX": None}) == 1
    assert standing(db, "first", {"SMART_SENDER": None}) is None
    assert standing(db, "first", {}) is None


def test_a_record_that_is_there_again_stands_for_itself_and_for_others(db: sqlite3.Connection) -> None:
    both = frozenset([PX])
    heirs.keep(db, HERE, gone("first"), both, {both: "PACKAGEX:again"})
    heirs.keep(db, HERE, gone("again"), both, {both: "PACKAGEX:stays"})
    db.execute("INSERT INTO contact VALUES ('default', 'PACKAGEX', '', 'again')")
    heirs.back(db, HERE, "PACKAGEX", "again")
    assert standing(db, "again") == 3
    assert standing(db, "first") == 1  # of whose person another one had stayed


@pytest.mark.parametrize("way", ["forget", "keep"])
def test_where_nobody_stays_nothing_is_kept(db: sqlite3.Connection, way: str) -> None:
    own, more = frozenset([PX]), frozenset([PX, SENDER])
    heirs.keep(db, HERE, gone("first"), more, {more: "PACKAGEX:second"})
    heirs.keep(db, HERE, gone("second"), own, {own: "PACKAGEX:third"})
    heirs.keep(db, HERE, gone("of another"), own, {own: "PACKAGEX:stays"})
    if way == "forget":
        heirs.forget(db, HERE, "PACKAGEX", "third")
    else:
        heirs.keep(db, HERE, gone("third"), own, {})
    assert db.execute("SELECT id FROM heir").fetchall() == [("of another",)]


def test_a_person_in_very_many_modules_is_remembered_for_those_who_see_all_of_them() -> None:
    houses = [("SAMESPACE", str(number)) for number in range(5)]
    assert len(heirs.choices(PX, houses)) == 32
    assert heirs.choices(PX, [*houses, SENDER]) == [frozenset([PX, SENDER, *houses])]


def test_looking_for_those_who_went_reads_no_others(db: sqlite3.Connection) -> None:
    sql = f"EXPLAIN QUERY PLAN SELECT place FROM heir WHERE {heirs.TO}"
    (plan,) = db.execute(sql, (HERE, *"ab")).fetchall()
    assert "heir_heir (account=? AND heir_source=? AND heir_id=?)" in plan[3]
