"""A source never gets more requests than it allows, and callers who wait go before work in the background."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.resilience.budget import BACKGROUND_SHARE, Budget

LIMITS = st.integers(1, 12)
# Whole numbers keep sums exact, so that the edge of a window is the edge.
STEPS = st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=60)
WINDOW = 60


def sent_at(budget: Budget, steps: Sequence[tuple[int, bool]]) -> list[int]:
    """When requests went out, where at each step one was wanted."""
    now, sent = 0, []
    for seconds, background in steps:
        now += seconds
        if not budget.take(now, background=background):
            sent.append(now)
    return sent


@given(LIMITS, STEPS)
@example(1, [(0, False), (60, False), (59, False), (1, False)])
def test_no_window_ever_holds_more_than_the_limit(limit: int, steps: list[tuple[int, bool]]) -> None:
    sent = sent_at(Budget(limit, WINDOW), steps)
    for start in sent:
        assert sum(start <= each < start + WINDOW for each in sent) <= limit


@given(LIMITS, STEPS)
def test_the_time_that_is_told_is_when_there_is_room_and_not_before(
    limit: int, steps: list[tuple[int, bool]]
) -> None:
    budget = Budget(limit, WINDOW)
    now = 0
    for seconds, background in steps:
        now += seconds
        wait = budget.take(now, background=background)
        assert 0 <= wait <= WINDOW
        if wait:
            assert budget.take(now + wait - 0.25, background=background) == 0.25
            now = int(now + wait)
            assert budget.take(now, background=background) == 0.0


@given(LIMITS, st.integers(0, 20))
def test_background_work_leaves_a_share_to_callers(limit: int, wanted: int) -> None:
    budget = Budget(limit, WINDOW)
    background = len(sent_at(budget, [(0, True)] * wanted))
    assert background == min(wanted, max(1, int(limit * BACKGROUND_SHARE)))
    assert len(sent_at(budget, [(0, False)] * 40)) == limit - background


def test_a_limit_of_one_does_not_stop_background_work_for_ever() -> None:
    budget = Budget(1, WINDOW)
    assert budget.take(0, background=True) == 0.0
    assert budget.take(30, background=True) == 30
    assert budget.take(60, background=True) == 0.0


@given(STEPS)
def test_without_a_limit_there_is_always_room(steps: list[tuple[int, bool]]) -> None:
    assert len(sent_at(Budget(None, WINDOW), steps)) == len(steps)
    assert Budget(None, WINDOW).remaining(0) is None


@pytest.mark.parametrize("limit", [None, 5])
def test_a_source_that_refuses_gets_nothing_until_the_time_it_names(limit: int | None) -> None:
    budget = Budget(limit, WINDOW)
    budget.told_to_wait(20, 100)
    assert budget.take(100) == 20
    assert budget.take(119) == 1
    assert budget.take(120) == 0.0


def test_a_second_refusal_never_shortens_the_first() -> None:
    budget = Budget(None, WINDOW)
    budget.told_to_wait(20, 100)
    budget.told_to_wait(5, 100)
    assert budget.take(100) == 20
    budget.told_to_wait(60, 100)
    assert budget.take(100) == 60


def test_a_request_that_had_no_room_does_not_count() -> None:
    budget = Budget(2, WINDOW)
    assert [budget.take(0) for _ in range(5)] == [0.0, 0.0, 60, 60, 60]
    assert [budget.take(60) for _ in range(3)] == [0.0, 0.0, 60]


@given(LIMITS, STEPS)
def test_what_remains_is_what_could_be_sent_now(limit: int, steps: list[tuple[int, bool]]) -> None:
    budget = Budget(limit, WINDOW)
    sent_at(budget, steps)
    now = sum(seconds for seconds, _ in steps)
    remaining = budget.remaining(now)
    assert remaining == len(sent_at(budget, [(now, False)] + [(0, False)] * 20))


def test_nothing_remains_while_a_source_refuses() -> None:
    budget = Budget(5, WINDOW)
    budget.told_to_wait(10, 0)
    assert budget.remaining(0) == 0
    assert budget.remaining(10) == 5


def test_requests_that_others_sent_with_the_same_key_count() -> None:
    budget = Budget(10, WINDOW)
    budget.take(0)
    budget.told_remaining(3, 0)
    assert budget.remaining(0) == 3
    assert len(sent_at(budget, [(0, False)] * 9)) == 3


def test_a_source_that_says_zero_is_left_alone_for_a_window() -> None:
    budget = Budget(10, WINDOW)
    budget.take(0)
    budget.told_remaining(0, 0)
    assert budget.take(0) == 60
    assert budget.take(60) == 0.0


def test_a_source_that_allows_more_than_we_do_changes_nothing() -> None:
    budget = Budget(10, WINDOW)
    for _ in range(4):
        budget.take(0)
    budget.told_remaining(9, 0)
    assert budget.remaining(0) == 6
    budget.told_remaining(5_000, 0)
    assert budget.remaining(0) == 6


@given(LIMITS, st.lists(st.integers(-5, 40), max_size=10))
def test_whatever_a_source_says_remains_the_limit_holds(limit: int, told: list[int]) -> None:
    budget = Budget(limit, WINDOW)
    for remaining in told:
        budget.told_remaining(remaining, 0)
    assert len(sent_at(budget, [(0, False)] * 20)) <= limit
    wait = budget.take(0)
    assert 0 < wait <= WINDOW
    assert budget.take(math.ceil(wait)) == 0.0


def test_without_a_limit_of_ours_what_the_source_says_remains_is_not_counted() -> None:
    budget = Budget(None, WINDOW)
    budget.told_remaining(0, 0)
    assert budget.take(0) == 0.0


@given(LIMITS, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=40))
def test_no_window_of_arrivals_holds_more_than_the_limit(limit: int, calls: list[tuple[int, int]]) -> None:
    """A call is counted by its source when it arrives, somewhere between paying and the answer."""
    budget, now, arrivals = Budget(limit, WINDOW), 0, []
    for pause, delay in calls:
        now += pause
        if not budget.take(now):
            taken, now = now, now + delay
            budget.arrived(taken, now)
            arrivals.append(now)
    for start in arrivals:
        assert sum(start <= each < start + WINDOW for each in arrivals) <= limit


def test_what_was_answered_later_makes_room_later() -> None:
    budget = Budget(1, WINDOW)
    assert budget.take(0) == 0.0
    budget.arrived(0, 9)
    assert budget.take(60) == 9
