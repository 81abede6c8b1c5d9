"""Changes of a database that wait at the same moment: one transaction, and each for itself all the same."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.commits import Commits
from gateway.thread import OneThread


class Ledger:
    """A table of names, each there once, and what was carried out on its connection."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.db = sqlite3.connect(path, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("CREATE TABLE name (name TEXT PRIMARY KEY)")
        self.statements: list[str] = []
        self.db.set_trace_callback(self.statements.append)
        self.thread = OneThread("ledger")
        self.commits = Commits(self.db, self.thread)
        self.go = threading.Event()

    async def write(self, name: str) -> str:
        def run(db: sqlite3.Connection) -> str:
            db.execute("INSERT INTO name VALUES (?)", (name,))
            return name

        return await self.commits.carry_out(run)

    async def at_once(self, *names: str) -> list[str | BaseException]:
        """Write names that all wait before the first of them is begun."""
        held = asyncio.create_task(self.thread.run(self.go.wait))
        await asyncio.sleep(0)
        writes = [asyncio.create_task(self.write(each)) for each in names]
        await asyncio.sleep(0)
        self.go.set()
        await held
        return await asyncio.gather(*writes, return_exceptions=True)

    def kept(self) -> list[str]:
        """What somebody else finds in the file."""
        with sqlite3.connect(self.path) as db:
            return [row[0] for row in db.execute("SELECT name FROM name ORDER BY rowid")]

    def count(self, statement: str) -> int:
        return sum(each.startswith(statement) for each in self.statements)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite3")
    yield made
    made.go.set()
    made.thread.end()
    made.db.close()


async def test_a_change_alone_is_a_transaction(ledger: Ledger) -> None:
    assert await ledger.write("Ada") == "Ada"
    assert ledger.kept() == ["Ada"]
    assert ledger.count("COMMIT") == 1


async def test_changes_that_wait_are_committed_once_in_their_order(ledger: Ledger) -> None:
    names = [f"name {number}" for number in range(40)]
    assert await ledger.at_once(*names) == names
    assert ledger.kept() == names
    assert ledger.count("COMMIT") == 1


async def test_what_a_change_raises_undoes_it_alone(ledger: Ledger) -> None:
    await ledger.write("Ada")
    first, twice, last = await ledger.at_once("Grace", "Ada", "Joan")
    assert (first, last) == ("Grace", "Joan")
    assert isinstance(twice, sqlite3.IntegrityError)
    assert ledger.kept() == ["Ada", "Grace", "Joan"]


async def test_half_of_a_change_is_undone_with_it(ledger: Ledger) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO name VALUES ('half')")
        raise KeyError("the other half")

    held = asyncio.create_task(ledger.thread.run(ledger.go.wait))
    await asyncio.sleep(0)
    broken = asyncio.create_task(ledger.commits.carry_out(half))
    whole = asyncio.create_task(ledger.write("whole"))
    await asyncio.sleep(0)
    ledger.go.set()
    await held
    assert await whole == "whole"
    with pytest.raises(KeyError):
        await broken
    with pytest.raises(KeyError):
        await ledger.commits.carry_out(half)
    assert ledger.kept() == ["whole"]


async def test_where_a_commit_fails_each_is_carried_out_by_itself(ledger: Ledger) -> None:
    """As with a disk that has room for some: a statement there ends the whole transaction."""
    ledger.db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON name WHEN new.name = 'large' "
        "BEGIN SELECT RAISE(ROLLBACK, 'no room'); END"
    )
    first, large, last = await ledger.at_once("first", "large", "last")
    assert (first, last) == ("first", "last")
    assert isinstance(large, sqlite3.Error)
    assert ledger.kept() == ["first", "last"]


async def test_nothing_is_told_as_kept_that_is_not(ledger: Ledger) -> None:
    ledger.db.execute("PRAGMA query_only = ON")
    found = await ledger.at_once("Ada", "Grace")
    assert [type(each) for each in found] == [sqlite3.OperationalError] * 2
    assert ledger.kept() == []


async def test_a_change_that_nobody_waits_for_before_it_begins_is_left_out(ledger: Ledger) -> None:
    held = asyncio.create_task(ledger.thread.run(ledger.go.wait))
    await asyncio.sleep(0)
    gone, there = (asyncio.create_task(ledger.write(each)) for each in ("gone", "there"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait((gone,))
    ledger.go.set()
    await held
    assert await there == "there"
    assert ledger.kept() == ["there"]
