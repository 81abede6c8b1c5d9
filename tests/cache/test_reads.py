"""What was read a moment ago needs no call, and what was last seen stands in for a source that fails."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway import deadline, events, freshness
from gateway.cache.flights import Flights
from gateway.cache.reads import Keep, Reads, Times, kept, kept_each
from gateway.cache.shelf import Kept, MemoryShelf
from gateway.errors import (
    DeadlineExceeded,
    GatewayError,
    UpstreamAuth,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.model.page import Slice

DOWN = UpstreamUnavailable("PACKAGEX", "down", retry_after=7.0)


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> str:
        return datetime.fromtimestamp(self.seconds, UTC).isoformat()


class Office:
    """A source with lists and things; it counts what it is asked."""

    def __init__(self, *, live: float = 10.0, stale: float = 100.0, shelf: MemoryShelf | None = None) -> None:
        self.now = Clock()
        self.flights = Flights("PACKAGEX")
        times = Times(live=dict.fromkeys(Keep, live), stale=stale)
        self.reads = Reads("a:PACKAGEX", self.flights, shelf or MemoryShelf(10**6), times, self.now)
        self.asked: list[Any] = []
        self.fails: GatewayError | None = None
        self.broken: frozenset[str] = frozenset()
        self.gone: frozenset[str] = frozenset()

    @kept(Keep.LIST)
    async def listed(self, offset: int, *, search: str | None = None) -> Slice[str]:
        self.asked.append((offset, search))
        if self.fails is not None:
            raise self.fails
        return Slice([f"{offset}{search}"], more=False)

    @kept_each(Keep.CONTACT)
    async def things(self, keys: Sequence[str], *, brief: bool) -> dict[str, Any]:
        self.asked.append(sorted(keys))
        if self.fails is not None:
            raise self.fails
        here = [key for key in keys if key != "absent" and key not in self.gone]
        return {key: DOWN if key in self.broken else f"thing {key}" for key in here}


@contextmanager
def told() -> Iterator[list[events.Event]]:
    found: list[events.Event] = []
    with events.heard_by(found.append):
        yield found


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    with freshness.allowed(None):
        yield


async def test_what_was_read_a_moment_ago_needs_no_call_and_is_marked() -> None:
    office = Office()
    first, again = await office.listed(0), await office.listed(0)
    assert (first.from_cache, again.from_cache, again.items) == (False, True, first.items)
    assert len(office.asked) == 1


async def test_other_arguments_are_another_answer() -> None:
    office = Office()
    answers = [await office.listed(0), await office.listed(1), await office.listed(0, search="a")]
    assert [each.items for each in answers] == [["0None"], ["1None"], ["0a"]]


async def test_after_its_time_it_is_read_again() -> None:
    office = Office(live=10.0)
    await office.listed(0)
    office.now.seconds += 10.5
    assert (await office.listed(0)).from_cache is False
    assert len(office.asked) == 2


@pytest.mark.parametrize(
    ("age", "asked", "from_cache"),
    [(0.0, 0.0, False), (5.0, 6.0, True), (5.0, 4.0, False), (50.0, 60.0, True), (50.0, None, False)],
)
async def test_the_caller_says_how_old_an_answer_may_be(
    age: float, asked: float | None, from_cache: bool
) -> None:
    office = Office(live=10.0)
    await office.listed(0)
    office.now.seconds += age
    with freshness.allowed(asked):
        assert (await office.listed(0)).from_cache is from_cache


async def test_whoever_asks_for_no_cache_leaves_a_newer_answer_behind() -> None:
    office = Office()
    await office.listed(0)
    office.now.seconds += 9.0
    with freshness.allowed(0.0):
        await office.listed(0)
    office.now.seconds += 9.0
    assert (await office.listed(0)).from_cache


async def test_outside_of_an_operation_and_in_the_background_nothing_kept_is_used() -> None:
    office = Office()
    await office.listed(0)
    with freshness.allowed(0.0):
        await office.listed(0)
    with deadline.within(60.0, background=True):
        await office.listed(0)
    assert len(office.asked) == 3


async def test_after_a_write_nothing_that_was_read_before_is_used_not_even_when_the_source_fails() -> None:
    office = Office()
    await office.listed(0)
    await office.reads.renew()
    await office.listed(0)
    assert len(office.asked) == 2
    await office.reads.renew()
    office.fails = DOWN
    with pytest.raises(UpstreamUnavailable):
        await office.listed(0)


async def test_what_was_asked_for_before_a_write_is_not_kept() -> None:
    office = Office()

    async def fetch() -> str:
        await office.reads.renew()
        return "old"

    await office.reads.one(Keep.LIST, "key", fetch)

    async def fetch_again() -> str:
        return "new"

    assert await office.reads.one(Keep.LIST, "key", fetch_again) == "new"


async def test_when_the_source_fails_what_was_last_seen_stands_in_and_says_so() -> None:
    office = Office()
    await office.listed(0)
    office.now.seconds += 60.0
    office.fails = DOWN
    with told() as heard:
        again = await office.listed(0)
    assert (again.from_cache, again.failed, again.items) == (True, DOWN, ["0None"])
    (stale,) = [each for each in heard if isinstance(each, events.StaleServed)]
    assert (stale.source, stale.error, stale.retry_after) == ("PACKAGEX", "UPSTREAM_UNAVAILABLE", 7.0)
    assert stale.at == office.now.seconds - 60.0


async def test_but_not_for_longer_than_allowed() -> None:
    office = Office(stale=100.0)
    await office.listed(0)
    office.now.seconds += 101.0
    office.fails = DOWN
    with pytest.raises(UpstreamUnavailable):
        await office.listed(0)


@pytest.mark.parametrize("asked", [0.0, 5.0])
async def test_and_not_for_callers_who_say_how_old_it_may_be(asked: float) -> None:
    office = Office()
    await office.listed(0)
    office.now.seconds += 60.0
    office.fails = DOWN
    with freshness.allowed(asked), pytest.raises(UpstreamUnavailable):
        await office.listed(0)


@pytest.mark.parametrize(
    ("error", "stands_in"),
    [
        (UpstreamTimeout("PACKAGEX", "slow"), True),
        (DeadlineExceeded("late", source="PACKAGEX"), True),
        (UpstreamAuth("PACKAGEX", "key refused"), False),
        (UpstreamRejected("PACKAGEX", "no"), False),
    ],
)
async def test_only_a_source_that_is_down_is_stood_in_for(error: GatewayError, stands_in: bool) -> None:
    office = Office()
    await office.listed(0)
    office.now.seconds += 60.0
    office.fails = error
    if stands_in:
        assert (await office.listed(0)).failed is error
    else:
        with pytest.raises(GatewayError):
            await office.listed(0)


async def test_of_several_keys_only_those_that_are_not_kept_are_asked_for() -> None:
    office = Office()
    await office.things(["a", "b"], brief=False)
    with told() as heard:
        found = await office.things(["b", "c", "a"], brief=False)
    assert found == {key: f"thing {key}" for key in "abc"}
    assert office.asked == [["a", "b"], ["c"]]
    assert len([each for each in heard if isinstance(each, events.UpstreamSpared)]) == 2
    assert await office.things(["a"], brief=True) == {"a": "thing a"}
    assert len(office.asked) == 3


async def test_what_is_absent_is_asked_for_again() -> None:
    office = Office()
    assert await office.things(["absent"], brief=False) == {}
    assert await office.things(["absent"], brief=False) == {}
    assert len(office.asked) == 2


async def test_what_is_gone_does_not_come_back() -> None:
    office = Office()
    await office.things(["a"], brief=False)
    office.gone = frozenset("a")
    with freshness.allowed(0.0):
        assert await office.things(["a"], brief=False) == {}
    with freshness.allowed(60.0):
        assert await office.things(["a"], brief=False) == {}
    office.now.seconds += 60.0
    office.fails = DOWN
    with pytest.raises(UpstreamUnavailable):
        await office.things(["a"], brief=False)


async def test_a_clock_that_goes_back_makes_nothing_fresh() -> None:
    office = Office()
    await office.listed(0)
    office.now.seconds -= 3_600.0
    assert (await office.listed(0)).from_cache is False


async def test_a_key_that_fails_is_stood_in_for_alone() -> None:
    office = Office()
    await office.things(["a"], brief=False)
    office.now.seconds += 60.0
    office.broken = frozenset("ab")
    assert await office.things(["a", "b", "c"], brief=False) == {"a": "thing a", "b": DOWN, "c": "thing c"}
    office.fails = DOWN
    assert await office.things(["a", "b"], brief=False) == {"a": "thing a", "b": DOWN}
    with pytest.raises(UpstreamUnavailable):
        await office.things(["b"], brief=False)


async def test_accounts_and_sources_share_nothing() -> None:
    shelf = MemoryShelf(10**6)
    one, other = Office(shelf=shelf), Office(shelf=shelf)
    other.reads.space = "b:PACKAGEX"
    await one.listed(0)
    assert (await other.listed(0)).from_cache is False


async def test_what_is_kept_is_bounded_in_bytes_and_the_least_used_goes_first() -> None:
    shelf = MemoryShelf(100_000)
    mark, _ = await shelf.get("a", [])
    for number in range(500):
        await shelf.put("a", mark, {str(number): Kept("x" * 1_000, 0.0)}, 10.0)
        await shelf.get("a", ["0"])
        assert shelf.used_bytes <= 100_000
    _, (first, second) = await shelf.get("a", ["0", "1"])
    assert first is not None
    assert second is None
    await shelf.put("a", mark, {"0": Kept("x" * 1_000_000, 0.0)}, 10.0)
    assert (await shelf.get("a", ["0"]))[1] == [None]


async def test_a_cancelled_read_keeps_nothing() -> None:
    office = Office()

    async def fetch() -> str:
        await asyncio.Event().wait()
        return "never"

    task = asyncio.create_task(office.reads.one(Keep.LIST, "key", fetch))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))
    assert (await office.reads.shelf.get("a:PACKAGEX", ["key"]))[1] == [None]
