"""Reading a list from a position on: nothing is lost when the list has shifted meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import UpstreamUnavailable
from gateway.federation.feeds import SEARCH_BACK, KeyFeed, LiveFeed, NoFeed, Read
from gateway.federation.paging import Position
from gateway.model.contact import ContactKey
from gateway.model.page import Slice
from gateway.model.source import Source

CALM = settings(deadline=None)
Item = dict[str, Any]
WIDE = 1_000  # pages so large that the item before the position always comes along


@dataclass
class Shelf:
    """A list that counts with offsets, in pages of at most `ceiling`."""

    ids: list[str]
    ceiling: int = WIDE
    calls: list[tuple[int, int]] = field(default_factory=list)

    async def read(self, offset: int, count: int) -> Slice[Item]:
        self.calls.append((offset, count))
        items: list[Item] = [{"sourceId": each, "asOf": "then"} for each in self.ids[offset : offset + count]]
        return Slice(items, offset + count < len(self.ids), len(self.ids))

    @property
    def feed(self) -> LiveFeed:
        return LiveFeed(self.read, self.ceiling)


def numbered(count: int) -> list[str]:
    return [f"c{place}" for place in range(count)]


def ids(read: Read) -> list[str]:
    return [item["sourceId"] for item in read.items]


async def test_a_stretch_tells_the_position_behind_each_item() -> None:
    read = await Shelf(numbered(9)).feed.read(Position(2, "c1"), 3)
    assert ids(read) == ["c2", "c3", "c4"]
    assert read.after() == [Position(3, "c2"), Position(4, "c3"), Position(5, "c4")]
    assert read.end == read.after()[-1]
    assert read.more
    assert read.total == 9
    assert read.as_of == "then"


async def test_the_end_of_a_list_is_told() -> None:
    read = await Shelf(numbered(5)).feed.read(Position(3, "c2"), 2)
    assert ids(read) == ["c3", "c4"]
    assert not read.more


async def test_nothing_behind_the_end_keeps_the_position() -> None:
    read = await Shelf(numbered(5)).feed.read(Position(5, "c4"), 3)
    assert read.items == []
    assert read.end == Position(5, "c4")
    assert not read.more
    assert read.as_of is None


async def test_there_is_no_looking_back_where_nothing_was_seen_before() -> None:
    shelf = Shelf(numbered(9))
    await shelf.feed.read(Position(), 3)
    await shelf.feed.read(Position(5), 3)
    assert shelf.calls == [(0, 3), (5, 3)]


async def test_the_item_before_a_position_is_read_along_where_that_costs_no_further_page() -> None:
    shelf = Shelf(numbered(30), ceiling=20)
    await shelf.feed.read(Position(7, "c6"), 5)
    await shelf.feed.read(Position(20, "c19"), 20)
    assert shelf.calls == [(6, 6), (20, 20)]


async def test_ids_that_are_numbers_are_found_again() -> None:
    async def read(offset: int, count: int) -> Slice[Item]:
        return Slice([{"sourceId": place} for place in range(9)][offset : offset + count], more=True)

    feed = LiveFeed(read, WIDE)
    first = await feed.read(Position(), 2)
    assert first.end == Position(2, "1")
    assert ids(await feed.read(first.end, 2)) == [2, 3]


@CALM
@given(st.integers(0, 60), st.integers(1, 40), st.sampled_from([1, 7, 20, 100]))
async def test_a_list_that_stays_is_read_on_exactly(offset: int, count: int, ceiling: int) -> None:
    shelf = Shelf(numbered(70), ceiling)
    last = f"c{offset - 1}" if offset else None
    read = await shelf.feed.read(Position(offset, last), count)
    assert ids(read) == numbered(70)[offset : offset + count]
    assert read.more is (offset + count < 70)


@CALM
@given(st.integers(2, 60), st.integers(1, 40), st.data())
async def test_nothing_is_lost_when_items_before_the_last_are_deleted(
    offset: int, count: int, data: st.DataObject
) -> None:
    shelf = Shelf(numbered(80))
    gone = data.draw(st.sets(st.integers(0, offset - 2), min_size=1, max_size=SEARCH_BACK - 1))
    shelf.ids = [each for each in shelf.ids if int(each[1:]) not in gone]
    read = await shelf.feed.read(Position(offset, f"c{offset - 1}"), count)
    assert ids(read) == numbered(80)[offset : offset + count]
    assert read.after()[0].offset == offset + 1 - len(gone)


@CALM
@given(st.integers(1, 60), st.integers(1, 40))
async def test_nothing_is_lost_when_the_last_item_itself_is_deleted(offset: int, count: int) -> None:
    shelf = Shelf(numbered(80))
    shelf.ids.remove(f"c{offset - 1}")
    read = await shelf.feed.read(Position(offset, f"c{offset - 1}"), count)
    assert ids(read) == numbered(80)[offset : offset + count]
    assert [place.offset for place in read.after()] == list(range(offset, offset + len(read.items)))


async def test_an_item_that_is_not_where_it_was_is_looked_for_in_one_further_read() -> None:
    shelf = Shelf(numbered(80)[5:])
    read = await shelf.feed.read(Position(60, "c59"), 10)
    assert shelf.calls == [(59, 11), (60 - SEARCH_BACK, SEARCH_BACK + 10)]
    assert ids(read) == numbered(80)[60:70]
    assert read.after()[0] == Position(56, "c60")


@CALM
@given(st.integers(1, 60), st.integers(1, 40), st.integers(1, 40))
async def test_nothing_is_repeated_when_items_come_in_front(offset: int, count: int, growth: int) -> None:
    shelf = Shelf([f"new{place}" for place in range(growth)] + numbered(80))
    read = await shelf.feed.read(Position(offset, f"c{offset - 1}"), count + growth)
    assert ids(read)[:count] == numbered(80)[offset : offset + count]
    assert read.more or read.end.offset == 80 + growth


async def test_a_new_item_in_front_is_noticed_also_where_no_item_is_read_along() -> None:
    shelf = Shelf(["new", *numbered(60)], ceiling=20)
    read = await shelf.feed.read(Position(20, "c19"), 20)
    assert shelf.calls == [(20, 20)]
    assert ids(read) == numbered(60)[20:39]
    assert read.more
    assert read.end == Position(40, "c38")


@CALM
@given(st.integers(1, 30), st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5)), min_size=1, max_size=9))
async def test_a_walk_with_deletions_behind_it_meets_everybody_else_once(
    length: int, pages: list[tuple[int, int]]
) -> None:
    shelf = Shelf(numbered(length))
    position, found, more, turn = Position(), [], True, 0
    while more:
        count, deletions = pages[turn % len(pages)]
        read = await shelf.feed.read(position, count)
        found += ids(read)
        position, more, turn = read.end, read.more, turn + 1
        del shelf.ids[: max(0, min(deletions, position.offset - 1 - turn))]
        assert turn < 100
    assert found == numbered(length)


async def test_a_source_that_fails_fails_the_read() -> None:
    async def fail(_offset: int, _count: int) -> Slice[Item]:
        raise UpstreamUnavailable("PACKAGEX", "down")

    with pytest.raises(UpstreamUnavailable):
        await LiveFeed(fail, 20).read(Position(), 5)


# ---- known keys


@dataclass
class Roll:
    """A list of keys, of which some have nothing behind them."""

    ids: list[str]
    gone: set[str] = field(default_factory=set)
    asked: list[list[str]] = field(default_factory=list)

    async def load(self, keys: Sequence[ContactKey]) -> list[Item | None]:
        self.asked.append([key.id for key in keys])
        return [None if key.id in self.gone else {"sourceId": key.id} for key in keys]

    @property
    def feed(self) -> KeyFeed:
        return KeyFeed([ContactKey(Source.PACKAGEX, "", each) for each in self.ids], self.load)


async def test_keys_are_read_in_their_order_and_no_further_than_asked() -> None:
    roll = Roll(numbered(9))
    read = await roll.feed.read(Position(2, "c1"), 3)
    assert ids(read) == ["c2", "c3", "c4"]
    assert roll.asked == [["c2", "c3", "c4"]]
    assert (read.more, read.total) == (True, 9)


async def test_keys_with_nothing_behind_them_are_left_out_and_left_behind() -> None:
    roll = Roll(numbered(5), gone={"c0", "c1", "c3", "c4"})
    read = await roll.feed.read(Position(), 5)
    assert ids(read) == ["c2"]
    assert read.after() == [Position(3, "c2")]
    assert read.end == Position(5, "c4")
    assert not read.more


@CALM
@given(st.integers(1, 40), st.integers(0, 40), st.integers(1, 20))
async def test_keys_that_came_in_front_are_no_reason_to_repeat_any(
    offset: int, growth: int, count: int
) -> None:
    roll = Roll([f"new{place}" for place in range(growth)] + numbered(50))
    read = await roll.feed.read(Position(offset, f"c{offset - 1}"), count)
    assert ids(read) == numbered(50)[offset : offset + count]


@CALM
@given(st.integers(2, 40), st.integers(1, 20), st.data())
async def test_keys_removed_in_front_are_no_reason_to_lose_any(
    offset: int, count: int, data: st.DataObject
) -> None:
    gone = data.draw(st.sets(st.integers(0, offset - 2)))
    roll = Roll([each for each in numbered(50) if int(each[1:]) not in gone])
    read = await roll.feed.read(Position(offset, f"c{offset - 1}"), count)
    assert ids(read) == numbered(50)[offset : offset + count]


async def test_no_keys_are_an_empty_list() -> None:
    read = await Roll([]).feed.read(Position(), 5)
    assert (read.items, read.more, read.total, read.end) == ([], False, 0, Position())


async def test_a_list_that_can_hold_nothing_is_empty_wherever_it_is_read() -> None:
    read = await NoFeed().read(Position(7, "x"), 5)
    assert (read.items, read.after(), read.more, read.total) == ([], [], False, 0)
    assert read.end == Position(7, "x")
