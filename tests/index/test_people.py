"""The index finds the same people from every record, one by one or at once, at a cost that does not grow."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity.rules import EMAIL, Rules
from gateway.index.people import EVERYTHING, MOST_HOLDERS
from gateway.index.rows import Row, row_of
from gateway.index.store import SqliteStore
from gateway.model.contact import ContactKey
from gateway.model.source import Source
from tests.index.test_rows import contact

ACCOUNT = "default"
SOURCES = list(Source)


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    made = SqliteStore(None)
    yield made
    await made.aclose()


def row(source: Source, id_: str, **more: Any) -> Row:
    """A record that has nothing in common with others but what is given."""
    bare: dict[str, Any] = {"emails": [], "phones": [], "address": None, "_properties": []}
    named = {"displayName": "Ann Lee", "firstName": "Ann", "lastName": "Lee", "createdAt": None}
    key = ContactKey(source, "", id_)
    return row_of(contact(id_, _key=key, source=source, **{**bare, **named, **more}), 0, Rules())


async def put(store: SqliteStore, *rows: Row) -> None:
    await store.put(ACCOUNT, rows, 1)


def place(store: SqliteStore, source: Source, id_: str) -> int:
    return store.get(ACCOUNT, source.value, [id_])[id_].rowid


def people(store: SqliteStore, *rows: int) -> dict[int, tuple[int, ...]]:
    return {each: found.rows for each, found in store.people(ACCOUNT, EVERYTHING, rows).items()}


NAMES = st.sampled_from(["Ann Lee", "Lee Ann", "Bob Smith", "Robert Smith", "Carl Smith", "kitty", ""])
EMAILS = st.lists(st.sampled_from(["a@example.com", "b@example.com", "info@example.com"]), max_size=2)
PHONES = st.lists(st.sampled_from(["+12025550111", "+12025550112", "+12020000000"]), max_size=2)
RECORDS = st.lists(st.tuples(st.sampled_from(SOURCES), NAMES, EMAILS, PHONES), min_size=1, max_size=9)


@given(records=RECORDS, order=st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_one_by_one_and_all_at_once_are_the_same_whatever_the_order(
    records: Sequence[tuple[Source, str, list[str], list[str]]], order: Any
) -> None:
    rules = Rules(most=2)
    made = [
        row(
            source, f"c{number}", displayName=name, firstName=None, lastName=None, emails=mails, phones=phones
        )
        for number, (source, name, mails, phones) in enumerate(records)
    ]
    found = []
    for _ in range(2):
        order.shuffle(made)
        found.append(asyncio.run(both_ways(made, rules)))
    assert found[0] == found[1]


async def both_ways(rows: Sequence[Row], rules: Rules) -> set[frozenset[str]]:
    """The people among rows, by the ids of their records; found in two ways."""
    store = SqliteStore(None, rules)
    try:
        await store.put(ACCOUNT, rows, 1)
        names = {place(store, Source(each.source), each.id): each.id for each in rows}
        single = {
            frozenset(names[held] for held in store.people(ACCOUNT, EVERYTHING, [each])[each].rows)
            for each in names
        }
        at_once = store.people(ACCOUNT, EVERYTHING, list(names))
        assert {frozenset(names[held] for held in found.rows) for found in at_once.values()} == single
        crowds = await store.everyone(ACCOUNT, EVERYTHING)
        crowded = {
            frozenset(names[held] for held in person.rows) for crowd in crowds for person in crowd.people
        }
        assert crowded <= single
        assert all(len(alone) == 1 for alone in single - crowded)
        return single
    finally:
        await store.aclose()


async def test_what_a_person_costs_does_not_grow_with_their_number(store: SqliteStore) -> None:
    counts = []
    for size in (50, 2_000):
        await put(
            store,
            *(
                row(source, f"{size}-{number}", emails=[f"m{size}-{number}@example.com"])
                for number in range(size)
                for source in SOURCES
            ),
        )
        statements: list[str] = []
        store._reader.set_trace_callback(statements.append)
        await put(store, row(Source.PACKAGEX, f"new-{size}", emails=[f"m{size}-7@example.com"]))
        mine = place(store, Source.PACKAGEX, f"new-{size}")
        assert len(people(store, mine)[mine]) == 4
        store._reader.set_trace_callback(None)
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_every_statement_about_one_person_finds_rows_by_an_index(store: SqliteStore) -> None:
    mail = ["ann@example.com"]
    await put(store, row(Source.PACKAGEX, "a", emails=mail), row(Source.SAMESPACE, "b", emails=mail))
    statements: list[str] = []
    store._reader.set_trace_callback(statements.append)
    people(store, place(store, Source.PACKAGEX, "a"))
    store._reader.set_trace_callback(None)
    assert len(statements) > 4
    for sql in statements:
        plan = store._reader.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        assert all("SEARCH" in step[3] for step in plan), sql


async def test_a_person_goes_on_under_the_id_of_a_record_that_is_gone(store: SqliteStore) -> None:
    mail = ["ann@example.com"]
    oldest = row(Source.PACKAGEX, "a", emails=mail, createdAt="2020-01-01T00:00:00Z")
    second = row(Source.SMART_SENDER, "b", emails=mail, createdAt="2021-01-01T00:00:00Z")
    third = row(Source.SAMESPACE, "c", emails=mail, createdAt="2022-01-01T00:00:00Z")
    await put(store, third, second, oldest)
    mine = place(store, Source.SAMESPACE, "c")
    founder = ("PACKAGEX", "a")
    for source, id_ in ((Source.PACKAGEX, "a"), (Source.SMART_SENDER, "b")):
        assert store.people(ACCOUNT, EVERYTHING, [mine])[mine].founder == founder
        await store.remove(ACCOUNT, source.value, [id_])
    found = store.people(ACCOUNT, EVERYTHING, [mine])[mine]
    assert (found.founder, found.rows) == (founder, (mine,))
    assert store.standing_for(ACCOUNT, EVERYTHING, "PACKAGEX", "a") == mine
    assert store.standing_for(ACCOUNT, EVERYTHING, "SMART_SENDER", "b") == mine
    seen = {"SAMESPACE": None}  # whoever may not see the founder's source does not meet its id
    assert store.people(ACCOUNT, seen, [mine])[mine].founder == ("SAMESPACE", "c")


async def test_whoever_leaves_alone_leaves_nothing(store: SqliteStore) -> None:
    await put(store, row(Source.PACKAGEX, "a", emails=["ann@example.com"]))
    await store.remove(ACCOUNT, "PACKAGEX", ["a"])
    assert store._reader.execute("SELECT count(*) FROM heir").fetchone() == (0,)


async def test_all_that_go_in_one_scan_leave_no_heir_that_is_gone(store: SqliteStore) -> None:
    generation = await store.begin(ACCOUNT, "PACKAGEX", "", "began")
    mail = ["ann@example.com"]
    await store.put(ACCOUNT, [row(Source.PACKAGEX, each, emails=mail) for each in "ab"], generation)
    await store.put(ACCOUNT, [row(Source.SAMESPACE, "c", emails=mail)], 1)
    again = await store.begin(ACCOUNT, "PACKAGEX", "", "later")
    await store.finish(ACCOUNT, "PACKAGEX", "", again, "ended")
    mine = place(store, Source.SAMESPACE, "c")
    assert {store.standing_for(ACCOUNT, EVERYTHING, "PACKAGEX", each) for each in "ab"} == {mine}


async def test_a_key_of_very_many_is_nobodys_and_costs_little(store: SqliteStore) -> None:
    mail = ["all@example.com"]
    await put(store, *(row(Source.PACKAGEX, f"c{each}", emails=mail) for each in range(2 * MOST_HOLDERS)))
    mine = place(store, Source.PACKAGEX, "c0")
    assert people(store, mine) == {mine: (mine,)}
    assert len(store.holding(ACCOUNT, EVERYTHING, (EMAIL, mail[0]))) == MOST_HOLDERS + 1
    assert await store.everyone(ACCOUNT, EVERYTHING) == []


async def test_a_chain_that_is_too_long_is_nobody_and_is_told_of(store: SqliteStore) -> None:
    links = [[f"m{each}@example.com", f"m{each + 1}@example.com"] for each in range(300)]
    await put(store, *(row(Source.PACKAGEX, f"c{at}", emails=mails) for at, mails in enumerate(links)))
    first, second = place(store, Source.PACKAGEX, "c0"), place(store, Source.PACKAGEX, "c1")
    assert people(store, first, second) == {first: (first,), second: (second,)}
    conflicts = [each for crowd in await store.everyone(ACCOUNT, EVERYTHING) for each in crowd.conflicts]
    assert any("too many" in each.reason for each in conflicts)
