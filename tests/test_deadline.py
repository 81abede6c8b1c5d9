"""The time that work is given is never more than what the work around it has left."""

import asyncio

import pytest

from gateway import deadline
from tests.support.jumping import jumping


@jumping
async def test_without_a_deadline_a_step_takes_the_most_it_may() -> None:
    assert deadline.current() is None
    assert deadline.seconds_left(10) == 10
    assert deadline.seconds_left(float("inf")) == float("inf")


@jumping
async def test_time_that_passes_is_time_that_is_gone() -> None:
    with deadline.within(10) as given:
        assert given.left() == deadline.seconds_left(99) == 10
        await asyncio.sleep(4)
        assert given.left() == deadline.seconds_left(99) == 6
        await asyncio.sleep(7)
        assert given.left() == deadline.seconds_left(99) == -1


@jumping
async def test_a_step_never_gets_more_than_it_asks_for() -> None:
    with deadline.within(10):
        assert deadline.seconds_left(3) == 3


@jumping
async def test_work_within_work_never_gets_more_than_the_outer_has() -> None:
    with deadline.within(5):
        with deadline.within(60):
            assert deadline.seconds_left(99) == 5
        with deadline.within(2):
            assert deadline.seconds_left(99) == 2
        assert deadline.seconds_left(99) == 5


@jumping
async def test_a_deadline_ends_with_its_work_also_when_that_fails() -> None:
    with pytest.raises(ZeroDivisionError), deadline.within(5):
        raise ZeroDivisionError
    assert deadline.current() is None


@jumping
async def test_tasks_keep_the_deadline_of_the_work_that_started_them() -> None:
    async def left() -> float:
        await asyncio.sleep(1)
        return deadline.seconds_left(99)

    with deadline.within(5):
        inside = asyncio.create_task(left())
    outside = asyncio.create_task(left())
    assert await inside == 4
    assert await outside == 99


@jumping
async def test_background_work_without_an_end_has_all_the_time() -> None:
    with deadline.within(float("inf"), background=True) as given:
        assert given.background
        assert given.left() == float("inf")
        with deadline.within(120, background=True) as step:
            assert (step.background, step.left()) == (True, 120)
    with deadline.within(5) as given:
        assert not given.background


@jumping
async def test_what_takes_longer_than_its_limit_is_stopped() -> None:
    with pytest.raises(TimeoutError), deadline.limit(3):
        await asyncio.sleep(5)
    assert asyncio.get_running_loop().time() == 3
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


@jumping
async def test_what_keeps_to_its_limit_goes_on() -> None:
    with deadline.limit(3):
        await asyncio.sleep(2)
    await asyncio.sleep(5)


@jumping
async def test_the_nearer_of_two_limits_counts_and_only_for_what_is_inside() -> None:
    with deadline.limit(9):
        with pytest.raises(TimeoutError), deadline.limit(3):
            await asyncio.sleep(5)
        await asyncio.sleep(2)
    with pytest.raises(TimeoutError), deadline.limit(3), deadline.limit(9):
        await asyncio.sleep(5)


@jumping
async def test_whoever_is_cancelled_by_somebody_else_is_cancelled() -> None:
    async def work() -> None:
        with deadline.limit(3):
            await asyncio.sleep(5)

    task = asyncio.create_task(work())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@jumping
async def test_what_is_raised_inside_goes_through() -> None:
    with pytest.raises(KeyError), deadline.limit(3):
        raise KeyError
    with pytest.raises(TimeoutError), deadline.limit(0):
        await asyncio.sleep(1)
