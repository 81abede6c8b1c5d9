"""Work that takes several calls is paid for as a whole, or not begun."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import deadline
from gateway.errors import BudgetSpent
from gateway.resilience.budget import Budget
from gateway.resilience.purse import MOST_CALLERS, Purse
from tests.support.jumping import jumping
from tests.support.waiting import until

WINDOW = 60.0


def purse(limit: int | None) -> Purse:
    return Purse("SMART_SENDER", Budget(limit, WINDOW))


def left(of: Purse) -> int | None:
    return of.budget.remaining(asyncio.get_running_loop().time())


@jumping
async def test_calls_within_paid_work_are_free() -> None:
    held = purse(5)
    async with held.paid(3):
        assert left(held) == 2
        await held.pay()
        await held.pay()
        assert left(held) == 2
        await held.pay()
        await held.pay()  # a fourth one costs again
        assert left(held) == 1


@jumping
async def test_what_was_not_used_is_given_back() -> None:
    held = purse(5)
    async with held.paid(3):
        await held.pay()
    assert left(held) == 4


@jumping
async def test_credit_is_for_the_work_that_paid_and_for_what_it_starts() -> None:
    held = purse(10)
    other = purse(10)

    async def elsewhere() -> None:
        await held.pay()

    async with held.paid(3):
        await asyncio.create_task(elsewhere())
        await other.pay()
    assert (left(held), left(other)) == (9, 9)


@jumping
async def test_work_waits_until_all_of_it_can_be_paid() -> None:
    held = purse(4)
    await held.pay(3)
    with deadline.within(100.0):
        async with held.paid(2):
            assert asyncio.get_running_loop().time() >= WINDOW


@jumping
async def test_work_that_cannot_be_paid_in_time_is_refused_with_a_time() -> None:
    held = purse(4)
    await held.pay(3)
    with deadline.within(30.0):
        with pytest.raises(BudgetSpent) as refused:
            async with held.paid(2):
                raise AssertionError("not begun")
        assert refused.value.retry_after == WINDOW
        assert left(held) == 1


@jumping
async def test_work_that_costs_more_than_the_limit_waits_for_a_whole_window() -> None:
    held = purse(2)
    async with held.paid(5):
        assert left(held) == 0


@pytest.mark.parametrize(
    ("limit", "spent", "seconds", "times"),
    [
        (20, 0, 30, 10),
        (20, 5, 30, 7),
        (20, 20, 30, 0),
        (20, 20, 61, 10),
        (20, 0, 121, 30),
        (None, 0, 1, None),
    ],
)
def test_how_often_a_price_can_be_paid_is_known_beforehand(
    limit: int | None, spent: int, seconds: float, times: int | None
) -> None:
    @jumping
    async def story() -> None:
        held = purse(limit)
        if spent:
            await held.pay(spent)
        with deadline.within(seconds):
            assert held.affordable(2)[0] == times

    story()


@jumping
async def test_a_source_that_has_locked_us_out_can_be_paid_nothing() -> None:
    held = purse(20)
    held.budget.told_to_wait(45.0, asyncio.get_running_loop().time())
    with deadline.within(30.0):
        assert held.affordable(1)[0] == 0


@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5)), max_size=40))
def test_no_window_ever_holds_more_than_the_limit(limit: int, steps: list[tuple[int, int]]) -> None:
    budget, now, sent = Budget(limit, WINDOW), 0, []
    for seconds, calls in steps:
        now += seconds
        if not budget.take(now, calls):
            sent.extend([now] * min(calls, limit))
    for start in sent:
        assert sum(start <= each < start + WINDOW for each in sent) <= limit


@jumping
async def test_callers_take_turns_and_a_scan_comes_last() -> None:
    held = purse(2)
    await held.pay(2)
    order: list[str] = []

    async def work(name: str, calls: int, *, background: bool = False) -> None:
        async def one() -> None:
            await held.pay()
            order.append(name)

        with deadline.within(1_000.0, background=background):
            await asyncio.gather(*(one() for _ in range(calls)))

    await asyncio.gather(work("scan", 2, background=True), work("large", 4), work("small", 2))
    assert order[:4] in (["large", "small"] * 2, ["large", "small", "small", "large"])
    assert order[-2:] == ["scan", "scan"]


@jumping
async def test_who_certainly_comes_too_late_is_refused_at_once() -> None:
    held = purse(1)
    await held.pay()
    with deadline.within(70.0):
        first = asyncio.create_task(held.pay())
        await asyncio.sleep(0)
        with pytest.raises(BudgetSpent) as refused:
            await held.pay()
    assert refused.value.retry_after == 2 * WINDOW
    assert asyncio.get_running_loop().time() == 0.0
    await first


@jumping
async def test_room_that_is_given_back_goes_to_who_waits_at_once() -> None:
    held = purse(2)
    async with held.paid(2):
        waits = asyncio.create_task(held.pay())
        await asyncio.sleep(1.0)
    await waits
    assert asyncio.get_running_loop().time() == pytest.approx(1.0)


@jumping
async def test_a_call_that_was_paid_for_beforehand_and_not_sent_is_still_paid_for() -> None:
    held = purse(3)
    async with held.paid(2):
        held.give_back(1, await held.pay())
        await held.pay()
        await held.pay()
        assert left(held) == 1


@jumping
async def test_who_goes_away_while_waiting_takes_nothing() -> None:
    held = purse(1)
    await held.pay()
    gone = asyncio.create_task(held.pay())
    stays = asyncio.create_task(held.pay())
    await asyncio.sleep(1.0)
    gone.cancel()
    assert await stays == WINDOW
    assert held.waiting == 0


@jumping
async def test_a_source_that_closes_while_some_wait_keeps_them_waiting() -> None:
    held = purse(1)
    await held.pay()
    waits = asyncio.create_task(held.pay())
    await asyncio.sleep(30.0)
    held.budget.told_to_wait(100.0, 30.0)
    assert await waits == pytest.approx(130.0)


@jumping
async def test_what_others_agree_to_counts_as_well() -> None:
    asked: list[int] = []

    async def share(calls: int, background: bool) -> float:
        asked.append(calls)
        return 5.0 if len(asked) < 3 else 0.0

    held = Purse("SMART_SENDER", Budget(2, WINDOW), share)
    assert await held.pay() == pytest.approx(5.0)
    assert asked == [1, 1, 1]
    assert left(held) == 1


# The part of one caller.


def of_half(limit: int, **more: Any) -> Purse:
    return Purse("SMART_SENDER", Budget(limit, WINDOW), of_one=0.5, **more)


async def paid(held: Purse, caller: str, times: int, *, seconds: float = 1.0) -> int:
    """How many calls a caller can pay for, in so many seconds."""
    with deadline.within(seconds, caller=caller):
        for number in range(times):
            try:
                await held.pay()
            except BudgetSpent:
                return number
    return times


@jumping
async def test_one_caller_gets_its_part_and_the_rest_stays_for_others() -> None:
    held = of_half(10)
    assert await paid(held, "ada", 10) == 5
    assert await paid(held, "bob", 10) == 5
    assert left(held) == 0


@jumping
async def test_work_of_nobody_is_not_held_to_the_part_of_one() -> None:
    held = of_half(10)
    assert await paid(held, "", 20) == 10


@jumping
async def test_a_part_comes_free_with_the_window() -> None:
    held = of_half(4)
    for _ in range(3):
        assert await paid(held, "ada", 9) == 2
        await asyncio.sleep(WINDOW)
    assert await paid(held, "ada", 7, seconds=3 * WINDOW + 1.0) == 7
    assert asyncio.get_running_loop().time() == pytest.approx(6 * WINDOW)


@jumping
async def test_a_refusal_for_the_part_of_one_says_so_and_when_to_come_back() -> None:
    held = of_half(4)
    await paid(held, "ada", 2)
    await asyncio.sleep(20.0)
    with deadline.within(5.0, caller="ada"), pytest.raises(BudgetSpent) as refused:
        await held.pay()
    assert refused.value.message.startswith("Your part of the rate limit of SMART_SENDER ")
    assert refused.value.retry_after == pytest.approx(WINDOW - 20.0)


@jumping
async def test_what_a_caller_was_refused_in_the_line_does_not_count_for_its_part() -> None:
    held = of_half(10)
    await held.pay(10)  # of nobody
    assert await paid(held, "ada", 3) == 0
    await asyncio.sleep(WINDOW)
    assert await paid(held, "ada", 9) == 5


@jumping
async def test_who_goes_away_costs_nobody_else_its_part() -> None:
    """Room that was found for somebody who has gone is not taken for the room of who began the line."""
    answers: list[float | asyncio.Event] = []

    async def share(calls: int, background: bool) -> float:
        answer = answers[0] if len(answers) == 1 else answers.pop(0)
        if isinstance(answer, float):
            return answer
        asking.set()
        await answer.wait()
        return 0.0

    asking, hold = asyncio.Event(), asyncio.Event()
    held = of_half(4, share=share)
    answers[:] = [0.0]
    assert await paid(held, "ada", 1) == 1
    answers[:] = [5.0]
    second = asyncio.create_task(paid(held, "ada", 1, seconds=30.0))
    await asyncio.sleep(1.0)
    gone = asyncio.create_task(paid(held, "bob", 1, seconds=30.0))
    await asyncio.sleep(1.0)
    assert held.waiting == 2
    answers[:] = [0.0, hold]
    assert await second == 1
    await asking.wait()
    gone.cancel()
    await asyncio.wait((gone,))
    hold.set()
    assert held._serving is not None
    await held._serving
    answers[:] = [0.0]
    assert await paid(held, "ada", 1) == 0
    assert await paid(held, "bob", 9) == 2


@jumping
async def test_who_goes_away_while_others_are_asked_takes_nothing() -> None:
    never = asyncio.Event()
    asked: list[int] = []

    async def share(calls: int, background: bool) -> float:
        asked.append(calls)
        await never.wait()
        return 0.0

    held = of_half(4, share=share)
    gone = asyncio.create_task(paid(held, "ada", 1))
    await until(lambda: asked)
    gone.cancel()
    await asyncio.wait((gone,))
    assert left(held) == 4
    assert not held._own["ada"]._sent


@jumping
async def test_no_more_parts_are_remembered_than_is_reasonable() -> None:
    held = of_half(1_000_000)
    for number in range(MOST_CALLERS + 500):
        await paid(held, f"caller-{number}", 1)
    assert len(held._own) == MOST_CALLERS


@given(
    st.integers(2, 12),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.integers(1, 4)), max_size=30),
)
def test_in_no_window_has_a_caller_more_than_its_part(limit: int, steps: list[tuple[str, int, int]]) -> None:
    @jumping
    async def story() -> None:
        held, sent = of_half(limit), []
        for name, pause, calls in steps:
            await asyncio.sleep(pause)
            for _ in range(await paid(held, name, calls)):
                sent.append((name, asyncio.get_running_loop().time()))
        for name, start in sent:
            found = sum(each == name and start <= at < start + WINDOW - 1.0 for each, at in sent)
            assert found <= limit // 2

    story()
