"""Work that takes several calls is paid for as a whole, or not begun."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import deadline
from gateway.errors import BudgetSpent
from gateway.resilience.budget import Budget
from gateway.resilience.purse import Purse
from tests.support.jumping import jumping

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
