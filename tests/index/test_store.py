"""The index keeps what scans have met, forgets what they no longer meet, and is there after a restart."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity.rules import Rules
from gateway.index import store as stores
from gateway.index.query import Question
from gateway.index.rows import Row, row_of
from gateway.index.store import Scan, SqliteStore, Stored
from gateway.model.contact import ContactKey
from gateway.model.filter import Filter
from gateway.model.source import Source
from tests.index.test_rows import contact

ACCOUNT, SOURCE = "default", "PACKAGEX"
ALL = Question(account=ACCOUNT, source=SOURCE, module="")


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    made = SqliteStore(None)
    yield made
    await made.aclose()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.sqlite3"


def row(vendor_id: str, position: int = 0, *, module: str | None = None, **more: Any) -> Row:
    key = ContactKey(Source.PACKAGEX if module is None else Source.SAMESPACE, module or "", vendor_id)
    return row_of(contact(vendor_id, _key=key, **more), position, Rules())


def rows(ids: Iterable[str]) -> list[Row]:
    return [row(each, place, displayName=f"Name {each}") for place, each in enumerate(ids)]


async def scanned(store: SqliteStore, ids: Iterable[str], *, finish: bool = True) -> int:
    """One scan that meets these contacts; how many rows are left."""
    generation = await store.begin(ACCOUNT, SOURCE, "", "began")
    await store.put(ACCOUNT, rows(ids), generation)
    return await store.finish(ACCOUNT, SOURCE, "", generation, "ended") if finish else -1


async def listed(store: SqliteStore) -> dict[str, int]:
    """Ids in the order of the index, with their numbers."""
    return {each.id: each.rowid for each in await store.after_rowid(ALL, 0, 1_000)}


async def find(store: SqliteStore, **conditions: Any) -> list[str]:
    question = Question(account=ACCOUNT, source=SOURCE, module="", filter=Filter(**conditions))
    return [each.id for each in await store.after_rowid(question, 0, 1_000)]


# ---- rows


async def test_a_row_is_found_by_its_id_with_all_that_was_kept(store: SqliteStore) -> None:
    await store.put(ACCOUNT, [row("a", 7, _raw={"id": "a", "é": 1})], 1)
    found = store.get(ACCOUNT, SOURCE, ["a", "nobody"])
    assert found == {
        "a": Stored(
            rowid=1,
            source=SOURCE,
            module="",
            id="a",
            position=7,
            as_of="2026-01-02T03:04:05.678Z",
            record=orjson.dumps({"id": "a", "é": 1}),
        )
    }


async def test_nothing_is_found_by_no_ids_and_in_other_places(store: SqliteStore) -> None:
    await store.put(ACCOUNT, [row("a")], 1)
    assert store.get(ACCOUNT, SOURCE, []) == {}
    assert store.get("other", SOURCE, ["a"]) == {}
    assert store.get(ACCOUNT, "SMART_SENDER", ["a"]) == {}


async def test_a_row_that_is_met_again_keeps_its_number_and_takes_the_new_values(store: SqliteStore) -> None:
    await store.put(ACCOUNT, rows("abc"), 1)
    before = await listed(store)
    changed = row(
        "b", 9, displayName="Bea", firstName="Bea", emails=["b@x.com"], company="Acme", createdAt="2025-01-01"
    )
    await store.put(ACCOUNT, [changed], 1)
    assert await listed(store) == before
    assert store.get(ACCOUNT, SOURCE, ["b"])["b"].position == 9
    assert await find(store, name="bea") == ["b"]
    assert await find(store, first_name="bea") == ["b"]
    assert await find(store, company="acme") == ["b"]
    assert await find(store, email="b@x.com") == ["b"]
    assert await find(store, created_after="2024") == ["b"]
    assert await find(store, name="name b") == []


@pytest.mark.parametrize(
    ("before", "after", "gone", "there"),
    [
        ({"displayName": "Anna"}, {"displayName": "Berta"}, {"name": "anna"}, {"name": "berta"}),
        ({"firstName": "Anna"}, {"firstName": "Berta"}, {"first_name": "anna"}, {"first_name": "berta"}),
        ({"lastName": "Anna"}, {"lastName": "Berta"}, {"last_name": "anna"}, {"last_name": "berta"}),
        ({"company": "Acme"}, {"company": "Other"}, {"company": "acme"}, {"company": "other"}),
        ({"emails": ["a@x"]}, {"emails": ["b@x"]}, {"email": "a@x"}, {"email": "b@x"}),
        (
            {"phones": ["+12025550123"]},
            {"phones": ["+12025550124"]},
            {"phone": "+12025550123"},
            {"phone": "+12025550124"},
        ),
        ({"tags": [{"sourceId": "7"}]}, {"tags": [{"sourceId": "8"}]}, {"tag": "7"}, {"tag": "8"}),
    ],
)
async def test_what_a_contact_no_longer_has_is_no_longer_found(
    store: SqliteStore,
    before: dict[str, Any],
    after: dict[str, Any],
    gone: dict[str, Any],
    there: dict[str, Any],
) -> None:
    await store.put(ACCOUNT, [row("a", **before)], 1)
    assert await find(store, **gone) == ["a"]
    await store.put(ACCOUNT, [row("a", **after)], 1)
    assert await find(store, **gone) == []
    assert await find(store, **there) == ["a"]


async def test_a_contact_that_moved_to_another_module_is_there_and_nowhere_else(store: SqliteStore) -> None:
    await store.put(ACCOUNT, [row("a", module="m1")], 1)
    await store.put(ACCOUNT, [row("a", module="m2")], 1)
    counts = [
        await store.count([Question(account=ACCOUNT, source="SAMESPACE", module=module)])
        for module in ("m1", "m2")
    ]
    assert counts == [0, 1]


async def test_two_accounts_may_know_the_same_contact_differently(store: SqliteStore) -> None:
    await store.put(ACCOUNT, [row("a", displayName="Ours")], 1)
    await store.put("other", [row("a", displayName="Theirs")], 1)
    assert await find(store, name="ours") == ["a"]
    assert await find(store, name="theirs") == []


# ---- scans


async def test_before_the_first_scan_nothing_is_known_of_any(store: SqliteStore) -> None:
    assert store.scan(ACCOUNT, SOURCE, "") is None


async def test_a_scan_begins_and_ends(store: SqliteStore) -> None:
    generation = await store.begin(ACCOUNT, SOURCE, "", "began")
    assert store.scan(ACCOUNT, SOURCE, "") == Scan(generation, "began", None, None, 0)
    await store.put(ACCOUNT, rows("abc"), generation)
    assert await store.finish(ACCOUNT, SOURCE, "", generation, "ended") == 3
    told = store.scan(ACCOUNT, SOURCE, "")
    assert told is not None
    assert (told.generation, told.finished, told.contacts) == (generation, "ended", 3)


async def test_what_a_scan_no_longer_meets_is_gone_when_it_ends_and_not_before(store: SqliteStore) -> None:
    await scanned(store, "abcd")
    numbers = await listed(store)
    generation = await store.begin(ACCOUNT, SOURCE, "", "again")
    await store.put(ACCOUNT, rows("bde"), generation)
    assert list(await listed(store)) == ["a", "b", "c", "d", "e"]
    assert await store.finish(ACCOUNT, SOURCE, "", generation, "ended") == 3
    left = await listed(store)
    assert list(left) == ["b", "d", "e"]
    assert (left["b"], left["d"]) == (numbers["b"], numbers["d"])
    assert left["e"] > numbers["d"]
    assert store.get(ACCOUNT, SOURCE, ["a", "c"]) == {}


async def test_what_is_gone_is_found_by_nothing_any_more(store: SqliteStore) -> None:
    generation = await store.begin(ACCOUNT, SOURCE, "", "began")
    held = row("a", displayName="Ann", emails=["ann@x.com"], tags=[{"sourceId": "7"}])
    await store.put(ACCOUNT, [held], generation)
    await store.finish(ACCOUNT, SOURCE, "", generation, "ended")
    await scanned(store, "b")
    assert await find(store, name="ann") == []
    assert await find(store, email="ann@x.com") == []
    assert await find(store, tag="7") == []
    await scanned(store, "bc")
    assert await find(store, email="ann@x.com") == []
    assert await find(store, name="name c") == ["c"]


async def test_a_scan_that_is_running_leaves_what_the_last_one_said(store: SqliteStore) -> None:
    await scanned(store, "abc")
    await scanned(store, "ab", finish=False)
    told = store.scan(ACCOUNT, SOURCE, "")
    assert told is not None
    assert (told.finished, told.contacts) == ("ended", 3)
    assert list(await listed(store)) == ["a", "b", "c"]


async def test_a_scan_that_was_given_up_takes_nothing_away_from_the_next(store: SqliteStore) -> None:
    await scanned(store, "abc")
    await scanned(store, "a", finish=False)
    assert await scanned(store, "bc") == 2
    assert list(await listed(store)) == ["b", "c"]


async def test_scans_of_other_modules_and_accounts_take_nothing_away(store: SqliteStore) -> None:
    for module in ("m1", "m2"):
        generation = await store.begin(ACCOUNT, "SAMESPACE", module, "began")
        await store.put(ACCOUNT, [row(f"in {module}", module=module)], generation)
        await store.finish(ACCOUNT, "SAMESPACE", module, generation, "ended")
    await store.put("other", rows("a"), 1)
    generation = await store.begin(ACCOUNT, "SAMESPACE", "m1", "again")
    assert await store.finish(ACCOUNT, "SAMESPACE", "m1", generation, "ended") == 0
    assert set(store.get(ACCOUNT, "SAMESPACE", ["in m1", "in m2"])) == {"in m2"}
    assert set(store.get("other", SOURCE, ["a"])) == {"a"}
    scan = store.scan(ACCOUNT, "SAMESPACE", "m2")
    assert scan is not None
    assert scan.contacts == 1


@settings(deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcdef")), min_size=1, max_size=6))
async def test_after_every_scan_exactly_those_it_met_are_there_each_with_its_old_number(
    scans: list[set[str]],
) -> None:
    store = SqliteStore(None)
    before: dict[str, int] = {}
    for met in scans:
        assert await scanned(store, sorted(met)) == len(met)
        now = await listed(store)
        assert set(now) == met
        assert {key: now[key] for key in met & set(before)} == {key: before[key] for key in met & set(before)}
        assert len(set(now.values())) == len(now)
        assert await find(store, name="name") == list(now)
        before = now
    await store.aclose()


async def test_reads_by_key_go_on_while_the_index_is_written(store: SqliteStore) -> None:
    await scanned(store, "abc")
    many = [row(f"n{number}", displayName=f"New {number}") for number in range(500)]
    writing = asyncio.create_task(store.put(ACCOUNT, many, 2))
    assert set(store.get(ACCOUNT, SOURCE, ["a", "b"])) == {"a", "b"}
    await writing
    assert await store.count([ALL]) == 503


# ---- on disk


async def test_an_index_on_disk_is_there_after_a_restart(path: Path) -> None:
    first = SqliteStore(path)
    await scanned(first, "abc")
    numbers = await listed(first)
    await first.aclose()
    second = SqliteStore(path)
    assert await listed(second) == numbers
    assert await find(second, name="name b") == ["b"]
    assert set(second.get(ACCOUNT, SOURCE, ["a"])) == {"a"}
    told = second.scan(ACCOUNT, SOURCE, "")
    assert told is not None
    assert (told.finished, told.contacts) == ("ended", 3)
    await second.aclose()


async def test_a_scan_goes_on_counting_after_a_restart(path: Path) -> None:
    first = SqliteStore(path)
    await scanned(first, "abc")
    await first.aclose()
    second = SqliteStore(path)
    assert await scanned(second, "bc") == 2
    assert list(await listed(second)) == ["b", "c"]
    await second.aclose()


async def test_what_is_written_is_seen_by_reads_by_key_at_once(path: Path) -> None:
    store = SqliteStore(path)
    await scanned(store, "a")
    assert set(store.get(ACCOUNT, SOURCE, ["a"])) == {"a"}
    await scanned(store, "b")
    assert set(store.get(ACCOUNT, SOURCE, ["a", "b"])) == {"b"}
    await store.aclose()


async def test_an_index_of_another_version_is_filled_anew(path: Path) -> None:
    old = SqliteStore(path)
    await scanned(old, "abc")
    await old.aclose()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {stores.VERSION + 1}")
    db.commit()
    db.close()
    new = SqliteStore(path)
    assert await listed(new) == {}
    assert new.scan(ACCOUNT, SOURCE, "") is None
    assert await scanned(new, "ab") == 2
    assert await find(new, name="name") == ["a", "b"]
    await new.aclose()


async def test_an_index_in_memory_belongs_to_one_store_alone(store: SqliteStore) -> None:
    await scanned(store, "abc")
    other = SqliteStore(None)
    assert await listed(other) == {}
    await other.aclose()


# ---- what was told of


async def read(
    store: SqliteStore, *those: Row, module: str = "", quiet: bool = False, at: str = "t1"
) -> None:
    """One scan of a module that meets these contacts."""
    source = those[0].source if those else SOURCE
    generation = await store.begin(ACCOUNT, source, module, at)
    await store.put(ACCOUNT, those, generation)
    await store.finish(ACCOUNT, source, module, generation, at, quiet=quiet)


async def untold(store: SqliteStore, module: str = "", source: str = SOURCE) -> dict[str, str]:
    """What was not told of, by id: what has become of each."""
    found: dict[str, str] = {}
    for gone in (True, False):
        for each in await store.changes(ACCOUNT, source, module, "", 100, gone=gone):
            found[each.id] = "gone" if gone else "new" if each.told is None else "changed"
    return found


async def test_after_the_first_scan_everything_counts_as_told(store: SqliteStore) -> None:
    await read(store, *rows("abc"))
    assert await untold(store) == {}


async def test_what_differs_is_kept_until_it_was_told(store: SqliteStore) -> None:
    await read(store, *rows("abc"), at="t1")
    for at in ("t2", "t3"):  # the next scans do not forget it
        await read(
            store,
            row("a", displayName="Name a"),
            row("b", displayName="Other", asOf="later"),
            row("d"),
            at=at,
        )
        assert await untold(store) == {"b": "changed", "c": "gone", "d": "new"}
    (changed, new) = await store.changes(ACCOUNT, SOURCE, "", "", 9, gone=False)
    assert (changed.confirmed, new.confirmed) == (row("b").as_of, "t1")
    assert (changed.told, changed.record) == (row("b").record, row("b").record)
    assert changed.digest == row("b", displayName="Other").digest
    told = {"b": changed.digest, "d": new.digest, "c": None}
    await store.settle(ACCOUNT, SOURCE, told)
    assert await untold(store) == {}


async def test_what_was_told_is_noted_with_the_next_change_or_at_the_end(path: Path) -> None:
    store = SqliteStore(path)
    await read(store, *rows("ab"))
    for vendor_id in "ab":
        now = row(vendor_id, displayName="Other")
        await store.put(ACCOUNT, [now], 1)
        await store.settle(ACCOUNT, SOURCE, {vendor_id: now.digest})
        with closing(sqlite3.connect(path)) as beside:
            copies = beside.execute("SELECT id FROM contact WHERE told IS NOT NULL").fetchall()
        assert copies == [(vendor_id,)]
    await store.aclose()
    again = SqliteStore(path)
    assert await untold(again) == {}
    await again.aclose()


async def test_the_copy_of_a_contact_that_is_gone_goes_once_that_was_told(path: Path) -> None:
    store = SqliteStore(path)
    await read(store, *rows("ab"))
    await store.remove(ACCOUNT, SOURCE, ["a"])
    await store.settle(ACCOUNT, SOURCE, {"a": None})
    with closing(sqlite3.connect(path)) as beside:
        assert beside.execute("SELECT id FROM gone").fetchall() == []
    await store.aclose()


async def test_what_has_changed_again_is_not_settled_by_what_it_was(store: SqliteStore) -> None:
    await read(store, *rows("a"))
    await read(store, row("a", displayName="Second"))
    await store.put(ACCOUNT, [row("a", displayName="Third")], 9)
    await store.settle(ACCOUNT, SOURCE, {"a": row("a", displayName="Second").digest})
    assert await untold(store) == {"a": "changed"}


async def test_what_was_gone_and_is_back_before_anybody_was_told_was_always_there(store: SqliteStore) -> None:
    await read(store, *rows("ab"))
    await store.remove(ACCOUNT, SOURCE, ["a"])
    assert await untold(store) == {"a": "gone"}
    await read(store, *rows("ab"))
    (back,) = await store.changes(ACCOUNT, SOURCE, "", "", 9, gone=False)
    assert back.told == back.record
    assert await store.changes(ACCOUNT, SOURCE, "", "", 9, gone=True) == []


async def test_what_is_back_after_its_end_was_told_is_new(store: SqliteStore) -> None:
    await read(store, *rows("ab"))
    await store.remove(ACCOUNT, SOURCE, ["a"])
    await store.put(ACCOUNT, rows("a"), 1)
    await store.settle(ACCOUNT, SOURCE, {"a": None})  # by whoever had seen it gone
    assert await untold(store) == {"a": "new"}


async def test_a_contact_in_another_module_is_gone_from_the_one_and_new_in_the_other(
    store: SqliteStore,
) -> None:
    for module in ("m1", "m2"):
        await read(store, row(module, module=module), module=module)
    await read(store, row("m1", module="m2"), row("m2", module="m2"), module="m2")
    assert await untold(store, "m1", "SAMESPACE") == {"m1": "gone"}
    assert await untold(store, "m2", "SAMESPACE") == {"m1": "new"}


async def test_where_nobody_is_told_nothing_is_kept_for_it(store: SqliteStore) -> None:
    await read(store, *rows("abc"))
    await read(store, row("a", displayName="Other"), quiet=True)
    assert await untold(store) == {}


async def test_accounts_that_are_forgotten_leave_nothing_to_tell(store: SqliteStore) -> None:
    await read(store, *rows("abc"))
    await store.remove(ACCOUNT, SOURCE, ["a"])
    await store.forget(ACCOUNT)
    assert await untold(store) == {}


async def test_rows_that_wait_at_the_same_moment_are_kept_in_one_transaction(path: Path) -> None:
    store, go, statements = SqliteStore(path), threading.Event(), []
    store._writer.set_trace_callback(statements.append)
    held = asyncio.create_task(store._thread.run(go.wait))
    await asyncio.sleep(0)
    puts = [asyncio.create_task(store.put(ACCOUNT, [row(name)], 1)) for name in "abcab"]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(held, *puts)
    assert sorted(store.get(ACCOUNT, SOURCE, ["a", "b", "c"])) == ["a", "b", "c"]
    assert sum(each.startswith("COMMIT") for each in statements) == 1
    await store.aclose()


async def test_what_was_told_is_noted_later_where_a_change_fails(store: SqliteStore) -> None:
    generation = await store.begin(ACCOUNT, SOURCE, "", "began")
    await store.finish(ACCOUNT, SOURCE, "", generation, "ended")
    await store.put(ACCOUNT, [row("a")], generation)
    assert await untold(store) == {"a": "new"}
    await store.settle(ACCOUNT, SOURCE, {"a": row("a").digest})
    with pytest.raises(AttributeError):
        await store.put(ACCOUNT, [None], generation)  # type: ignore[list-item]
    assert await untold(store) == {}
