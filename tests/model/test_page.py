"""A stretch of a list is covered by pages exactly, and by few of them."""

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.model.page import PageRead, pages

OFFSETS = st.integers(0, 5_000)
COUNTS = st.integers(1, 110)
CEILINGS = st.integers(1, 110)


@given(OFFSETS, COUNTS, CEILINGS)
@example(0, 1, 1)
@example(19, 2, 20)
@example(99, 101, 100)
@example(20, 21, 20)
def test_the_pages_hold_the_stretch_exactly_and_in_order(offset: int, count: int, ceiling: int) -> None:
    places: list[int] = []
    for read in pages(offset, count, ceiling):
        first = (read.page - 1) * read.size + read.skip
        places += range(first, first + read.take)
    assert places == list(range(offset, offset + count))


@given(OFFSETS, COUNTS, CEILINGS)
def test_what_is_taken_of_a_page_lies_within_it(offset: int, count: int, ceiling: int) -> None:
    for read in pages(offset, count, ceiling):
        assert read.page >= 1
        assert 1 <= read.size <= ceiling
        assert read.skip >= 0
        assert read.take >= 1
        assert read.skip + read.take <= read.size


@given(OFFSETS, COUNTS, CEILINGS)
@example(19, 19, 20)
@example(20, 20, 20)
def test_several_pages_are_asked_for_only_where_none_alone_covers_the_stretch(
    offset: int, count: int, ceiling: int
) -> None:
    last = offset + count - 1
    alone = [size for size in range(1, ceiling + 1) if offset // size == last // size]
    reads = pages(offset, count, ceiling)
    assert (len(reads) == 1) == bool(alone)
    if alone:
        assert reads[0].size == min(alone)


@given(OFFSETS, COUNTS, CEILINGS)
def test_a_stretch_touches_at_most_one_page_more_than_it_fills(offset: int, count: int, ceiling: int) -> None:
    assert len(pages(offset, count, ceiling)) <= -(-count // ceiling) + 1


@given(st.integers(0, 50), COUNTS)
def test_a_walk_by_whole_pages_asks_for_each_page_once(turn: int, count: int) -> None:
    assert pages(turn * count, count, 110) == (PageRead(turn + 1, count, 0, count),)


def test_a_larger_page_is_asked_for_where_a_fitting_one_would_be_cut_in_two() -> None:
    assert pages(7, 5, 20) == (PageRead(2, 6, 1, 5),)
    assert pages(9, 11, 20) == (PageRead(1, 20, 9, 11),)
