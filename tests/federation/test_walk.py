"""A list woven out of several sources is walked without loss and without repetition, whatever happens."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.errors import (
    CapabilityUnsupported,
    CursorInvalid,
    Forbidden,
    GatewayError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.federation import paging
from gateway.federation.feeds import Feed, KeyFeed, LiveFeed, NoFeed, Read
from gateway.federation.paging import Position
from gateway.federation.walk import edges, walk
from gateway.model.contact import ContactKey
from gateway.model.outcome import Connection
from gateway.model.page import Slice
from gateway.model.source import Source

MARK = paging.fingerprint("a list")
SOURCES = list(Source)
CALM = settings(deadline=None)

Item = dict[str, Any]


@dataclass
class Shelf:
    """A list of one source, which counts with offsets. `down` makes it fail, `calls` counts the reads."""

    source: Source
    ids: list[str]
    ceiling: int = 100
    tells_end: bool = True
    down: GatewayError | None = None
    calls: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def of(cls, source: Source, length: int, **more: Any) -> "Shelf":
        return cls(source, [f"{source.value.lower()}-{place}" for place in range(length)], **more)

    async def read(self, offset: int, count: int) -> Slice[Item]:
        self.calls.append((offset, count))
        await asyncio.sleep(0)
        if self.down is not None:
            raise self.down
        items: list[Item] = [
            {"sourceId": each, "source": self.source} for each in self.ids[offset : offset + count]
        ]
        more = offset + count < len(self.ids) if self.tells_end else len(items) == count
        return Slice(items, more, len(self.ids) if self.tells_end else None)

    def grow(self, count: int) -> None:
        self.ids += [f"{self.source.value.lower()}-new-{len(self.ids) + place}" for place in range(count)]

    @property
    def feed(self) -> LiveFeed:
        return LiveFeed(self.read, self.ceiling)


def shelves(lengths: Iterable[int], **more: Any) -> dict[Source, Shelf]:
    return {
        source: Shelf.of(source, length, **more) for source, length in zip(SOURCES, lengths, strict=False)
    }


def feeds(held: Mapping[Source, Shelf]) -> dict[Source, Feed]:
    return {source: shelf.feed for source, shelf in held.items()}


async def page(of: Mapping[Source, Shelf], first: int, after: str | None = None) -> Connection:
    return await walk(feeds(of), first=first, after=after, mark=lambda: MARK)


def shown(nodes: Iterable[Item]) -> list[str]:
    return [node["sourceId"] for node in nodes]


async def whole(of: Mapping[Source, Shelf], sizes: Sequence[int], after: str | None = None) -> list[str]:
    """Everything from a cursor on, with pages of these sizes over and over."""
    found: list[str] = []
    for turn in range(2_000):
        read = await page(of, sizes[turn % len(sizes)], after)
        found += shown(read["nodes"])
        if not read["_info"]()["hasNextPage"]:
            return found
        after = read["_info"]()["endCursor"]
        assert after is not None
    raise AssertionError("the walk does not end")


def in_turns(of: Mapping[Source, Shelf]) -> list[str]:
    """The order of the list as the schema tells it: one by one, without those that have ended."""
    waiting = [list(shelf.ids) for shelf in of.values()]
    found = []
    while any(waiting):
        for each in waiting:
            if each:
                found.append(each.pop(0))
    return found


LENGTHS = st.lists(st.integers(0, 60), min_size=1, max_size=3)
SIZES = st.lists(st.integers(1, 100), min_size=1, max_size=4)
CEILINGS = st.sampled_from([1, 7, 20, 50, 100])


@CALM
@given(LENGTHS, SIZES, CEILINGS, st.booleans())
@example([0, 0, 0], [1], 20, True)
@example([100, 100, 100], [100], 100, True)
@example([50, 0, 50], [50], 50, False)
@example([1, 0, 0], [1], 20, True)
async def test_pages_of_any_size_give_the_one_fixed_order(
    lengths: list[int], sizes: list[int], ceiling: int, tells_end: bool
) -> None:
    of = shelves(lengths, ceiling=ceiling, tells_end=tells_end)
    assert await whole(of, sizes) == in_turns(of)


@CALM
@given(LENGTHS, st.integers(1, 100), CEILINGS, st.integers(0, 99))
async def test_every_cursor_goes_on_behind_its_own_item(
    lengths: list[int], first: int, ceiling: int, number: int
) -> None:
    of = shelves(lengths, ceiling=ceiling)
    order = in_turns(of)
    read = await page(of, first)
    assert shown(read["nodes"]) == order[:first]
    if read["nodes"]:
        place = number % len(read["nodes"])
        assert await whole(of, [9, 2], edges(read)[place]["cursor"]) == order[place + 1 :]


@CALM
@given(LENGTHS, SIZES)
async def test_a_page_tells_the_cursors_of_its_first_and_last_edge(
    lengths: list[int], sizes: list[int]
) -> None:
    of = shelves(lengths)
    after = None
    for first in sizes:
        read = await page(of, first, after)
        info, found = read["_info"](), edges(read)
        assert info["hasPreviousPage"] is (after is not None)
        assert info["startCursor"] == (found[0]["cursor"] if found else None)
        if found:
            assert info["endCursor"] == found[-1]["cursor"]
        after = info["endCursor"]
        if after is None:
            return


@CALM
@given(LENGTHS, st.integers(0, 100), st.integers(1, 100))
async def test_there_is_a_next_page_exactly_when_it_brings_more(
    lengths: list[int], behind: int, first: int
) -> None:
    of = shelves(lengths)
    after = (await page(of, behind))["_info"]()["endCursor"] if behind else None
    read = await page(of, first, after)
    assert read["_info"]()["hasNextPage"] is (len(in_turns(of)) > behind + first)


@CALM
@given(LENGTHS, SIZES)
async def test_the_end_is_never_told_while_there_is_more(lengths: list[int], sizes: list[int]) -> None:
    of = shelves(lengths)
    left = len(in_turns(of))
    after = None
    for first in sizes:
        read = await page(of, first, after)
        left -= len(read["nodes"])
        if not read["_info"]()["hasNextPage"]:
            assert left == 0
            return
        after = read["_info"]()["endCursor"]


@CALM
@given(LENGTHS, st.integers(1, 100))
async def test_a_page_is_full_unless_it_is_the_last(lengths: list[int], first: int) -> None:
    of = shelves(lengths)
    read = await page(of, first)
    assert len(read["nodes"]) == min(first, sum(lengths))


@CALM
@given(LENGTHS, st.integers(1, 100))
async def test_outcomes_count_what_each_source_gave_and_whether_it_has_ended(
    lengths: list[int], first: int
) -> None:
    of = shelves(lengths)
    read = await page(of, first)
    given_out = [node["source"] for node in read["nodes"]]
    assert [each["source"] for each in read["sources"]] == list(of)
    for outcome in read["sources"]:
        source = outcome["source"]
        assert outcome["status"] == "OK"
        assert outcome["returned"] == given_out.count(source)
        assert outcome["exhausted"] is (outcome["returned"] == len(of[source].ids))


@CALM
@given(LENGTHS, st.integers(1, 100))
async def test_no_source_is_read_further_than_a_page_could_need(lengths: list[int], first: int) -> None:
    of = shelves(lengths)
    await page(of, first)
    assert sum(count for shelf in of.values() for _, count in shelf.calls) <= 3 * first


async def test_a_page_of_sources_that_have_enough_takes_one_read_of_each() -> None:
    of = shelves([60, 60, 60])
    await page(of, 30)
    assert [shelf.calls for shelf in of.values()] == [[(0, 10)]] * 3


async def test_a_source_that_has_ended_is_not_read_again() -> None:
    of = shelves([1, 40, 40])
    first = await page(of, 20)
    of[SOURCES[0]].calls.clear()
    await page(of, 20, first["_info"]()["endCursor"])
    assert of[SOURCES[0]].calls == []


# ---- sources that fail, and recover


@dataclass(frozen=True)
class Event:
    """What happens before one page: who is down for it, and how many come to each list."""

    size: int
    down: frozenset[Source]
    growth: tuple[int, int, int]


EVENTS = st.builds(
    Event,
    size=st.integers(1, 100),
    down=st.frozensets(st.sampled_from(SOURCES), max_size=3),
    growth=st.tuples(*[st.integers(0, 5)] * 3),
)


async def through(of: Mapping[Source, Shelf], events: Sequence[Event]) -> list[str]:
    """Walk while things happen, then on to the end; a page that nobody answers is asked again."""
    found: list[str] = []
    after: str | None = None
    for turn in range(2_000):
        event = events[turn] if turn < len(events) else Event(17, frozenset(), (0, 0, 0))
        for shelf, growth in zip(of.values(), event.growth, strict=False):
            shelf.down = UpstreamUnavailable(shelf.source, "down") if shelf.source in event.down else None
            shelf.grow(growth)
        try:
            read = await page(of, event.size, after)
        except GatewayError:
            assert set(of) & event.down
            continue
        found += shown(read["nodes"])
        for outcome in read["sources"]:
            asked = of[outcome["source"]].down is not None
            assert outcome["status"] in (("OK", "UNAVAILABLE") if asked else ("OK",))
            if outcome["status"] == "UNAVAILABLE":
                assert read["_info"]()["hasNextPage"]
                assert not outcome["exhausted"]
        after = read["_info"]()["endCursor"]
        if not read["_info"]()["hasNextPage"]:
            return found
        assert after is not None
    raise AssertionError("the walk does not end")


@CALM
@given(LENGTHS, st.lists(EVENTS, max_size=8), CEILINGS)
@example([5, 5, 5], [Event(3, frozenset(SOURCES[:1]), (0, 0, 0))] * 3, 20)
@example([5, 5, 5], [Event(100, frozenset(SOURCES[1:]), (0, 0, 0))], 20)
@example([5], [Event(2, frozenset(SOURCES), (0, 0, 0))], 20)
async def test_who_was_there_all_the_time_is_met_exactly_once_whoever_fails_and_comes(
    lengths: list[int], events: list[Event], ceiling: int
) -> None:
    of = shelves(lengths, ceiling=ceiling)
    at_first = in_turns(of)
    found = await through(of, events)
    assert len(found) == len(set(found))
    assert set(at_first) <= set(found) <= set(in_turns(of))
    for shelf in of.values():
        mine = [each for each in found if each.startswith(shelf.source.value.lower() + "-")]
        assert mine == shelf.ids[: len(mine)]


async def test_a_failing_source_costs_its_own_items_only() -> None:
    of = shelves([9, 9, 9])
    of[Source.PACKAGEX].down = UpstreamTimeout("PACKAGEX", "too slow")
    read = await page(of, 9)
    assert len(read["nodes"]) == 9
    told = {each["source"]: each for each in read["sources"]}
    assert told[Source.PACKAGEX]["status"] == "TIMED_OUT"
    assert told[Source.PACKAGEX]["returned"] == 0
    assert told[Source.SAMESPACE]["status"] == told[Source.SMART_SENDER]["status"] == "OK"


async def test_an_empty_page_with_a_failing_source_can_be_continued() -> None:
    of = shelves([0, 3, 0])
    of[Source.PACKAGEX].down = UpstreamUnavailable("PACKAGEX", "down")
    read = await page(of, 9)
    assert read["nodes"] == []
    assert read["_info"]()["hasNextPage"]
    assert read["_info"]()["startCursor"] is None
    of[Source.PACKAGEX].down = None
    again = await page(of, 9, read["_info"]()["endCursor"])
    assert shown(again["nodes"]) == of[Source.PACKAGEX].ids


async def test_what_was_read_before_a_source_failed_is_given_out() -> None:
    of = shelves([1, 1, 9], ceiling=20)
    shelf = of[Source.SMART_SENDER]

    async def once(offset: int, count: int) -> Slice[Item]:
        if shelf.calls:
            raise UpstreamUnavailable("SMART_SENDER", "down")
        return await shelf.read(offset, count)

    with_failing: dict[Source, Feed] = {**feeds(of), Source.SMART_SENDER: LiveFeed(once, 20)}
    read = await walk(with_failing, first=9, after=None, mark=lambda: MARK)
    assert len(read["nodes"]) == 5
    assert read["sources"][2]["status"] == "UNAVAILABLE"
    assert read["sources"][2]["returned"] == 3
    rest = await whole(of, [4], read["_info"]()["endCursor"])
    assert sorted(shown(read["nodes"]) + rest) == sorted(in_turns(of))


async def test_a_list_that_nobody_answers_is_an_error() -> None:
    of = shelves([3, 3])
    of[Source.SAMESPACE].down = UpstreamTimeout("SAMESPACE", "one")
    of[Source.PACKAGEX].down = UpstreamRateLimited("PACKAGEX", "two", retry_after=7)
    with pytest.raises(UpstreamUnavailable, match="one two") as failed:
        await page(of, 9)
    assert failed.value.retry_after == 7


async def test_a_list_without_any_source_is_an_error() -> None:
    with pytest.raises(UpstreamUnavailable, match="No source is switched on"):
        await walk({}, first=9, after=None, mark=lambda: MARK)


async def test_sources_that_are_not_asked_stand_in_the_outcomes_with_the_reason() -> None:
    of = shelves([2])
    refused: dict[Source, GatewayError] = {
        Source.PACKAGEX: CapabilityUnsupported("PACKAGEX", "cannot"),
        Source.SMART_SENDER: Forbidden("not yours", source="SMART_SENDER"),
    }
    read = await walk(feeds(of), first=9, after=None, mark=lambda: MARK, refused=refused)
    assert [each["status"] for each in read["sources"]] == ["OK", "UNSUPPORTED", "FORBIDDEN"]
    assert not read["_info"]()["hasNextPage"]


async def test_a_list_that_only_refused_sources_could_give_is_an_error() -> None:
    with pytest.raises(CapabilityUnsupported, match="cannot"):
        await walk(
            {},
            first=9,
            after=None,
            mark=lambda: MARK,
            refused={Source.PACKAGEX: CapabilityUnsupported("PACKAGEX", "cannot")},
        )


async def test_a_bug_in_a_source_is_not_taken_for_its_failure() -> None:
    async def wrong(_offset: int, _count: int) -> Slice[Item]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await walk({Source.PACKAGEX: LiveFeed(wrong, 20)}, first=9, after=None, mark=lambda: MARK)


# ---- cursors


async def test_a_source_that_is_away_for_a_while_keeps_its_place() -> None:
    of = shelves([9, 9, 9])
    first = await page(of, 6)
    without = {source: shelf for source, shelf in of.items() if source is not Source.PACKAGEX}
    second = await page(without, 4, first["_info"]()["endCursor"])
    rest = await whole(of, [5], second["_info"]()["endCursor"])
    assert sorted(shown(first["nodes"]) + shown(second["nodes"]) + rest) == sorted(in_turns(of))


async def test_a_source_that_is_new_is_read_from_its_beginning() -> None:
    of = shelves([4, 4, 4])
    two = {source: of[source] for source in SOURCES[:2]}
    first = await page(two, 4)
    rest = await whole(of, [5], first["_info"]()["endCursor"])
    assert sorted(shown(first["nodes"]) + rest) == sorted(in_turns(of))


@CALM
@given(st.text(max_size=60))
async def test_a_broken_cursor_is_refused_before_any_source_is_asked(noise: str) -> None:
    of = shelves([3, 3, 3])
    with pytest.raises(CursorInvalid):
        await page(of, 3, noise)
    assert all(not shelf.calls for shelf in of.values())


async def test_a_cursor_of_another_list_is_refused_before_any_source_is_asked() -> None:
    of = shelves([3, 3, 3])
    cursor = (await page(of, 3))["_info"]()["endCursor"]
    for shelf in of.values():
        shelf.calls.clear()
    with pytest.raises(CursorInvalid):
        await walk(feeds(of), first=3, after=cursor, mark=lambda: paging.fingerprint("another list"))
    assert all(not shelf.calls for shelf in of.values())


@CALM
@given(st.lists(st.tuples(st.integers(0, 2**53 - 1), st.none() | st.text("abc-0", max_size=9)), max_size=3))
async def test_a_made_up_position_gives_a_page_and_no_error(places: list[tuple[int, str | None]]) -> None:
    of = shelves([5, 5, 5])
    positions = {source.value: Position(*place) for source, place in zip(SOURCES, places, strict=False)}
    cursor = paging.encode(paging.Cursor(positions, None), MARK)
    found = await whole(of, [4], cursor)
    assert set(found) <= set(in_turns(of))


# ---- other kinds of lists


@dataclass
class Roll:
    """A known list of keys, some of which have nothing behind them."""

    keys: list[ContactKey]
    gone: frozenset[str]

    async def load(self, keys: Sequence[ContactKey]) -> list[Item | None]:
        await asyncio.sleep(0)
        return [None if key.id in self.gone else {"sourceId": key.id} for key in keys]

    @property
    def feed(self) -> KeyFeed:
        return KeyFeed(list(self.keys), self.load)


@CALM
@given(st.integers(0, 60), st.frozensets(st.integers(0, 59)), st.integers(1, 100))
@example(60, frozenset(range(60)), 1)
@example(60, frozenset(range(1, 60)), 1)
async def test_members_that_are_gone_are_left_out_and_the_others_met_once(
    count: int, gone: frozenset[int], first: int
) -> None:
    keys = [ContactKey(Source.PACKAGEX, "", str(place)) for place in range(count)]
    roll = Roll(keys, frozenset(map(str, gone)))
    found: list[str] = []
    after = None
    for _ in range(200):
        read = await walk({Source.PACKAGEX: roll.feed}, first=first, after=after, mark=lambda: MARK)
        found += shown(read["nodes"])
        for edge in edges(read)[:-1]:
            again = await walk({Source.PACKAGEX: roll.feed}, first=1, after=edge["cursor"], mark=lambda: MARK)
            place = shown(read["nodes"]).index(edge["node"]["sourceId"])
            assert shown(again["nodes"]) == shown(read["nodes"])[place + 1 : place + 2]
        after = read["_info"]()["endCursor"]
        if not read["_info"]()["hasNextPage"]:
            break
    assert found == [str(place) for place in range(count) if place not in gone]


class Filling:
    """The list of an index that is still being filled: what is not there yet may come."""

    def __init__(self, ids: list[str], *, complete: bool) -> None:
        self.ids, self.complete = ids, complete

    async def read(self, position: Position, count: int) -> Read:
        found = self.ids[position.offset : position.offset + count]
        more = position.offset + count < len(self.ids)
        after = [Position(position.offset + place) for place in range(1, len(found) + 1)]
        return Read(
            items=[{"sourceId": each} for each in found],
            after=lambda: after,
            end=after[-1] if after else position,
            more=more,
            held=not more and not self.complete,
            from_cache=True,
            stale=not self.complete,
            as_of="2026-01-01T00:00:00Z",
        )


async def test_an_index_that_is_still_filled_is_caught_up_with() -> None:
    filling = Filling(["a", "b"], complete=False)
    of: dict[Source, Feed] = {Source.SAMESPACE: filling, Source.PACKAGEX: NoFeed()}
    read = await walk(of, first=5, after=None, mark=lambda: MARK)
    assert shown(read["nodes"]) == ["a", "b"]
    assert read["_info"]()["hasNextPage"]
    assert read["sources"][0]["status"] == "STALE"
    assert read["sources"][0]["fromCache"]
    assert not read["sources"][0]["exhausted"]
    filling.ids.append("c")
    filling.complete = True
    rest = await walk(of, first=5, after=read["_info"]()["endCursor"], mark=lambda: MARK)
    assert shown(rest["nodes"]) == ["c"]
    assert not rest["_info"]()["hasNextPage"]


async def test_a_source_that_cannot_hold_what_is_asked_for_has_ended_at_once() -> None:
    read = await walk({Source.PACKAGEX: NoFeed()}, first=5, after=None, mark=lambda: MARK)
    assert read["nodes"] == []
    assert read["_info"]() == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }
    assert read["sources"][0]["exhausted"]
    assert read["_totals"] == {Source.PACKAGEX: 0}
