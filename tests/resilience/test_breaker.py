"""A circuit breaker opens when most calls fail, and closes step by step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.resilience.breaker import Breaker, State


def failing(times: int, now: float = 0.0, **more: float) -> Breaker:
    breaker = Breaker(**more)  # type: ignore[arg-type]
    for _ in range(times):
        breaker.failed(breaker.enter() or 0, now)
    return breaker


def test_four_failures_are_not_enough_and_five_are() -> None:
    assert failing(4).state is State.CLOSED
    assert failing(5).state is State.OPEN


def test_failures_among_more_successes_do_not_open_it() -> None:
    breaker = Breaker()
    for _ in range(40):
        breaker.failed(0, 0.0)
        breaker.succeeded(0)
        breaker.succeeded(0)
    assert breaker.state is State.CLOSED


def test_old_failures_are_forgotten() -> None:
    breaker = failing(4)
    breaker.failed(0, 31.0)
    assert breaker.state is State.CLOSED


def test_it_stays_open_for_its_time_and_not_longer() -> None:
    breaker = failing(5, now=100.0, cool_down=2.0)
    assert breaker.refuses_for(100.0) == 2.0
    assert breaker.refuses_for(101.5) == 0.5
    assert breaker.refuses_for(102.0) == 0.0
    assert breaker.state is State.HALF_OPEN


def test_one_probe_then_two_then_four_then_all() -> None:
    breaker = failing(5)
    breaker.refuses_for(1.0)
    for allowed in (1, 2, 4, 8):
        numbers = [breaker.enter() for _ in range(allowed)]
        assert None not in numbers
        assert breaker.enter() is None
        breaker.succeeded(numbers[0] or 0)
        for number in numbers[1:]:
            breaker.left(number or 0)
    assert breaker.state is State.CLOSED
    assert breaker.enter() == 0


@pytest.mark.parametrize("longest", [5.0, 30.0])
def test_every_probe_that_fails_doubles_the_pause_up_to_the_longest(longest: float) -> None:
    breaker = failing(5, longest=longest)
    now, pauses = 0.0, []
    for _ in range(7):
        pauses.append(breaker.refuses_for(now))
        now += pauses[-1]
        assert breaker.refuses_for(now) == 0.0
        breaker.failed(breaker.enter() or 0, now)
    assert pauses == [min(longest, 2.0**step) for step in range(7)]


def test_after_it_has_closed_the_pause_is_short_again() -> None:
    breaker = failing(5)
    breaker.refuses_for(1.0)
    breaker.failed(breaker.enter() or 0, 1.0)
    breaker.refuses_for(3.0)
    for _ in range(4):
        breaker.succeeded(breaker.enter() or 0)
    for _ in range(5):
        breaker.failed(0, 10.0)
    assert breaker.refuses_for(10.0) == 1.0


def test_what_was_sent_before_it_opened_decides_nothing_afterwards() -> None:
    breaker = Breaker()
    early = breaker.enter()
    for _ in range(5):
        breaker.failed(0, 0.0)
    breaker.refuses_for(1.0)
    probe = breaker.enter()
    breaker.failed(early or 0, 1.0)
    assert breaker.state is State.HALF_OPEN
    breaker.succeeded(early or 0)
    assert breaker.enter() is None
    breaker.succeeded(probe or 0)
    assert breaker.enter() is not None


def test_a_probe_whose_caller_goes_away_makes_room_for_another() -> None:
    breaker = failing(5)
    breaker.refuses_for(1.0)
    breaker.left(breaker.enter() or 0)
    assert breaker.enter()


def test_a_hint_of_others_makes_the_first_failure_enough_while_it_lasts() -> None:
    breaker = Breaker()
    breaker.hinted(10.0)
    assert breaker.enter() == 0
    breaker.failed(0, 11.0)
    assert breaker.state is State.CLOSED
    breaker.failed(0, 9.0)
    assert breaker.state is State.OPEN


@given(st.lists(st.tuples(st.sampled_from(["ok", "failed", "left"]), st.floats(0, 5)), max_size=60))
def test_it_is_never_shut_for_good(steps: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(), 0.0
    for what, seconds in steps:
        now += seconds
        if breaker.refuses_for(now) or (number := breaker.enter()) is None:
            continue
        if what == "ok":
            breaker.succeeded(number)
        elif what == "failed":
            breaker.failed(number, now)
        else:
            breaker.left(number)
    assert breaker.refuses_for(now + 30.0) == 0.0
    assert breaker.enter() is not None


def test_a_source_that_says_for_how_long_it_is_in_trouble_is_believed_up_to_the_longest() -> None:
    breaker = Breaker(longest=30.0)
    breaker.told(100.0, 20.0)
    assert breaker.refuses_for(100.0) == 20.0
    breaker.told(100.0, 500.0)
    assert breaker.refuses_for(100.0) == 30.0
    assert breaker.refuses_for(130.0) == 0.0
    breaker.told(131.0, 0.0)
    assert breaker.state is State.HALF_OPEN
