"""Followers of an account see each event once, in order, whoever notes it."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.feed import STRETCH, Feed, FeedClosed
from gateway.journal.journal import Journal, Noted
from gateway.journal.store import SqliteJournal
from gateway.model.event import EventQuery, EventType, Happening
from gateway.model.source import Source

AT = "2026-01-01T00:00:00.000Z"


async def note(journal: Journal, count: int = 1, account: str = "default") -> list[int]:
    some = [Happening(type=EventType.CONTACT_CREATED, source=Source.PACKAGEX)] * count
    numbers: list[int] = await journal.note(account, "ada", AT, some, answer=list)
    return numbers


def follow(journal: Journal, feed: Feed, after: int | None = None, account: str = "default") -> Any:
    async def read(number: int, count: int) -> list[Noted]:
        return await journal.events(account, EventQuery(), number, count)

    return feed.follow(account, after, read)


async def take(following: Any, count: int) -> list[int]:
    async with asyncio.timeout(20):
        return [(await anext(following))[0] for _ in range(count)]


async def test_what_was_noted_before_comes_first_then_what_is_noted(journal: Journal) -> None:
    feed = Feed(journal)
    before = await note(journal, STRETCH + 5)
    following = follow(journal, feed, before[1])
    assert await take(following, len(before) - 2) == before[2:]
    waiting = asyncio.ensure_future(take(following, 2))
    await note(journal, account="acme")
    now = [*await note(journal), *await note(journal)]
    assert await waiting == now
    await following.aclose()
    assert feed.followers("default") == 0


async def test_without_a_cursor_it_begins_now(journal: Journal) -> None:
    feed = Feed(journal)
    before = await note(journal, 3)
    following = follow(journal, feed)
    waiting = asyncio.ensure_future(take(following, 1))
    told: list[int] = []
    while not waiting.done():  # one that is noted before the follower has begun is none of its
        told += await note(journal)
        await asyncio.sleep(0)
    (first,) = await waiting
    assert first in told
    assert first not in before
    await following.aclose()


async def test_what_another_process_notes_is_found_by_looking(tmp_path: Any) -> None:
    mine, others = SqliteJournal(tmp_path / "journal"), SqliteJournal(tmp_path / "journal")
    looks: asyncio.Queue[None] = asyncio.Queue()
    feed = Feed(mine, lambda _: looks.get())
    following = follow(mine, feed, 0)
    waiting = asyncio.ensure_future(take(following, 1))
    numbers = await note(others)
    looks.put_nowait(None)
    assert await waiting == numbers
    await following.aclose()
    await mine.aclose()
    await others.aclose()


async def test_whoever_follows_is_told_that_it_ends(journal: Journal) -> None:
    feed = Feed(journal)
    following = follow(journal, feed)
    waiting = asyncio.ensure_future(take(following, 1))
    while not feed.followers("default"):  # noqa: ASYNC110
        await asyncio.sleep(0)
    feed.close()
    with pytest.raises(FeedClosed):
        await waiting


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 4)), min_size=1, max_size=12))
def test_however_notes_and_reads_fall_together_nothing_is_lost_or_repeated(
    steps: list[tuple[int, int]],
) -> None:
    async def run() -> None:
        journal = SqliteJournal(None)
        feed = Feed(journal, lambda _: asyncio.Event().wait())
        following = follow(journal, feed, 0)
        noted: list[int] = []

        async def write() -> None:
            for count, turns in steps:
                for _ in range(turns):
                    await asyncio.sleep(0)
                noted.extend(await note(journal, count))

        writing = asyncio.ensure_future(write())
        told = await take(following, sum(count for count, _ in steps))
        await writing
        assert told == noted
        await following.aclose()
        await journal.aclose()

    asyncio.run(run())
