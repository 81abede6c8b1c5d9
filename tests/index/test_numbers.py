"""Several processes of one machine fill an index each, and give a record the same number in all of them."""

import sqlite3
from pathlib import Path

import pytest

from gateway.identity.rules import Rules
from gateway.index.numbers import FILE, Numbers
from gateway.index.rows import row_of
from gateway.index.store import SqliteStore
from gateway.model.source import Source
from tests.support.contacts import contact

A, B, C, D = "abcd"


def opened(folder: Path, worker: int) -> SqliteStore:
    """The index of a worker."""
    path = folder / f"{worker}.sqlite3"
    return SqliteStore(path, numbers=Numbers(folder / FILE, first=worker == 1))


async def met(store: SqliteStore, *ids: str) -> None:
    rows = [row_of(contact(Source.PACKAGEX, each), place, Rules()) for place, each in enumerate(ids)]
    await store.put("default", rows, 1)


def numbers(store: SqliteStore) -> dict[str, int]:
    found = store.get("default", "PACKAGEX", [A, B, C, D])
    return {each: row.rowid for each, row in found.items()}


async def test_a_record_has_one_number_wherever_it_is_met_first(tmp_path: Path) -> None:
    one, other = opened(tmp_path, 1), opened(tmp_path, 2)
    await met(one, A, B)
    await met(other, C, B, A)
    await met(one, C)
    assert numbers(one) == numbers(other) == {A: 1, B: 2, C: 3}
    await one.remove("default", "PACKAGEX", [C])
    await met(one, D, C)
    assert numbers(one) == {A: 1, B: 2, C: 3, D: 4}
    await one.aclose()
    await other.aclose()


async def test_the_numbers_of_a_single_process_are_those_of_all(tmp_path: Path) -> None:
    alone = SqliteStore(tmp_path / "1.sqlite3")
    await met(alone, A, B, C)
    await alone.remove("default", "PACKAGEX", [C])
    await alone.aclose()
    strange = SqliteStore(tmp_path / "2.sqlite3")  # numbered on its own as well
    await met(strange, B, A)
    await strange.aclose()
    one, other = opened(tmp_path, 1), opened(tmp_path, 2)
    assert (numbers(one), numbers(other)) == ({A: 1, B: 2}, {})  # the other one is filled anew
    await met(other, B, A, D)
    await met(one, D)
    assert (
        numbers(one) == numbers(other) == {A: 1, B: 2, D: 4}
    )  # that of a row that is gone is not given again
    await one.aclose()
    await other.aclose()
    again = opened(tmp_path, 2)
    assert numbers(again) == {A: 1, B: 2, D: 4}
    await again.aclose()


async def test_numbers_that_are_lost_are_taken_from_the_first_index(tmp_path: Path) -> None:
    one, other = opened(tmp_path, 1), opened(tmp_path, 2)
    await met(other, B)
    await met(one, A, B)
    for store in (one, other):
        await store.aclose()
    (tmp_path / FILE).write_bytes(b"nonsense" * 1_000)
    with pytest.raises(sqlite3.DatabaseError):
        opened(tmp_path, 2)  # the first one begins before it, and mends that
    one, other = opened(tmp_path, 1), opened(tmp_path, 2)
    assert (numbers(one), numbers(other)) == ({A: 2, B: 1}, {})
    await met(other, A, C)
    assert numbers(other) == {A: 2, C: 3}
    for store in (one, other):
        await store.aclose()
