"""What is already being fetched is fetched once, and every waiter stays its own master."""

import asyncio
import gc
from collections.abc import Hashable
from dataclasses import dataclass, field

import pytest

from gateway import deadline, events, freshness
from gateway.cache.flights import Flights
from gateway.errors import BudgetSpent, DeadlineExceeded, UpstreamUnavailable
from tests.support.jumping import jumping


@dataclass
class Runway:
    """A fetch that takes so many seconds, then gives its number or raises; `stopped` counts cancellations."""

    seconds: float = 10.0
    failing: Exception | None = None
    started: int = 0
    stopped: int = 0
    heard: list[events.Event] = field(default_factory=list)

    async def fetch(self) -> int:
        self.started += 1
        number = self.started
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        if self.failing is not None:
            raise self.failing
        return number


async def ask(flights: Flights, runway: Runway, key: Hashable = "key", seconds: float | None = None) -> int:
    if seconds is None:
        return await flights.share(key, runway.fetch)
    with deadline.within(seconds):
        return await flights.share(key, runway.fetch)


@jumping
async def test_whoever_asks_for_the_same_at_once_gets_one_answer() -> None:
    flights, runway = Flights("PACKAGEX"), Runway()
    assert await asyncio.gather(*(ask(flights, runway) for _ in range(5))) == [1] * 5
    assert runway.started == 1


@jumping
async def test_whoever_comes_later_joins_while_the_answer_is_on_its_way() -> None:
    flights, runway = Flights("PACKAGEX"), Runway()
    first = asyncio.create_task(ask(flights, runway))
    await asyncio.sleep(9)
    assert await ask(flights, runway) == await first == 1


@jumping
async def test_nothing_is_kept_once_the_answer_is_there() -> None:
    flights, runway = Flights("PACKAGEX"), Runway()
    assert [await ask(flights, runway), await ask(flights, runway)] == [1, 2]


@jumping
async def test_different_questions_fly_alone() -> None:
    flights, runway = Flights("PACKAGEX"), Runway()
    found = await asyncio.gather(ask(flights, runway, ("a", 1)), ask(flights, runway, ("a", 2)))
    assert sorted(found) == [1, 2]


@jumping
async def test_sources_do_not_share() -> None:
    runway = Runway()
    await asyncio.gather(ask(Flights("PACKAGEX"), runway), ask(Flights("SAMESPACE"), runway))
    assert runway.started == 2


@jumping
async def test_a_failure_is_everybodys_and_is_not_kept() -> None:
    flights, runway = Flights("PACKAGEX"), Runway(failing=UpstreamUnavailable("PACKAGEX", "down"))
    found = await asyncio.gather(*(ask(flights, runway) for _ in range(3)), return_exceptions=True)
    assert found == [runway.failing] * 3
    runway.failing = None
    assert await ask(flights, runway) == 2


@jumping
async def test_those_who_join_are_told_to_have_spared_a_call() -> None:
    flights, runway = Flights("PACKAGEX"), Runway()
    with events.heard_by(runway.heard.append):
        await asyncio.gather(*(ask(flights, runway) for _ in range(3)))
    assert runway.heard == [events.UpstreamSpared(source="PACKAGEX", reason="in flight")] * 2


@jumping
async def test_a_waiter_that_goes_away_leaves_the_answer_to_the_others() -> None:
    flights, runway = Flights("PACKAGEX"), Runway()
    leaving, staying = (asyncio.create_task(ask(flights, runway)) for _ in range(2))
    await asyncio.sleep(1)
    leaving.cancel()
    assert await staying == 1
    assert leaving.cancelled()
    assert runway.stopped == 0


@jumping
async def test_the_first_to_ask_may_go_away_as_well() -> None:
    flights, runway = Flights("PACKAGEX"), Runway()
    first = asyncio.create_task(ask(flights, runway))
    await asyncio.sleep(1)
    second = asyncio.create_task(ask(flights, runway))
    await asyncio.sleep(1)
    first.cancel()
    assert await second == 1
    assert (runway.started, runway.stopped) == (1, 0)


@jumping
async def test_a_call_that_nobody_waits_for_any_more_is_stopped() -> None:
    flights, runway = Flights("PACKAGEX"), Runway()
    waiters = [asyncio.create_task(ask(flights, runway)) for _ in range(3)]
    await asyncio.sleep(1)
    for waiter in waiters:
        waiter.cancel()
    await asyncio.wait(waiters)
    await asyncio.sleep(0)
    assert runway.stopped == 1


@jumping
async def test_a_question_asked_after_all_left_is_asked_anew() -> None:
    flights, runway = Flights("PACKAGEX"), Runway()
    leaving = asyncio.create_task(ask(flights, runway))
    await asyncio.sleep(1)
    leaving.cancel()
    await asyncio.wait((leaving,))
    assert await ask(flights, runway) == 2


@jumping
async def test_a_question_asked_in_the_turn_in_which_all_left_is_asked_anew() -> None:
    flights, runway = Flights("PACKAGEX"), Runway()
    leaving = asyncio.create_task(ask(flights, runway))
    await asyncio.sleep(1)
    leaving.cancel()
    coming = asyncio.create_task(ask(flights, runway))
    assert await coming == 2
    assert runway.stopped == 1


@jumping
async def test_every_waiter_keeps_to_its_own_deadline() -> None:
    flights, runway = Flights("PACKAGEX"), Runway(seconds=10)
    clock = asyncio.get_running_loop().time
    patient = asyncio.create_task(ask(flights, runway, seconds=30))
    await asyncio.sleep(1)
    with pytest.raises(DeadlineExceeded) as late:
        await ask(flights, runway, seconds=2)
    assert clock() == 3
    assert late.value.source == "PACKAGEX"
    assert await patient == 1
    assert clock() == 10
    assert runway.stopped == 0


@jumping
async def test_a_call_is_stopped_when_the_last_deadline_has_passed() -> None:
    flights, runway = Flights("PACKAGEX"), Runway(seconds=10)
    found = await asyncio.gather(
        ask(flights, runway, seconds=2), ask(flights, runway, seconds=4), return_exceptions=True
    )
    assert [type(each) for each in found] == [DeadlineExceeded] * 2
    await asyncio.sleep(0)
    assert asyncio.get_running_loop().time() == 4
    assert runway.stopped == 1


@jumping
async def test_no_time_left_is_no_answer_also_where_one_is_on_its_way() -> None:
    flights, runway = Flights("PACKAGEX"), Runway()
    patient = asyncio.create_task(ask(flights, runway))
    await asyncio.sleep(1)
    with pytest.raises(DeadlineExceeded):
        await ask(flights, runway, seconds=-5)
    assert await patient == 1


@jumping
async def test_a_call_that_lacked_the_time_of_its_first_caller_is_begun_anew_for_one_who_has_more() -> None:
    flights, runway = Flights("PACKAGEX"), Runway(seconds=5)

    async def within_the_deadline() -> int:
        try:
            async with asyncio.timeout(deadline.seconds_left(99)):
                return await runway.fetch()
        except TimeoutError:
            raise DeadlineExceeded("late", source="PACKAGEX") from None

    async def wait(seconds: float) -> int:
        with deadline.within(seconds):
            return await flights.share("key", within_the_deadline)

    hasty, patient, other = await asyncio.gather(wait(2), wait(30), wait(40), return_exceptions=True)
    assert isinstance(hasty, DeadlineExceeded)
    assert patient == other == 2
    assert asyncio.get_running_loop().time() == 7


@jumping
async def test_a_caller_who_waits_does_not_join_a_call_of_the_background() -> None:
    flights, runway = Flights("PACKAGEX"), Runway()

    async def scan() -> int:
        with deadline.within(60, background=True):
            return await flights.share("key", runway.fetch)

    assert sorted(await asyncio.gather(scan(), ask(flights, runway), scan())) == [1, 1, 2]


@jumping
async def test_nothing_is_left_behind_however_a_flight_ends() -> None:
    """Neither tasks nor failures that nobody has seen: those would be reported when they are collected."""
    loop = asyncio.get_running_loop()
    complaints: list[object] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    flights = Flights("PACKAGEX")
    for runway in (Runway(), Runway(failing=UpstreamUnavailable("PACKAGEX", "down"))):
        tasks = [asyncio.create_task(ask(flights, runway, seconds=each)) for each in (2, 10, 60)]
        await asyncio.sleep(1)
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        lonely = asyncio.create_task(ask(flights, runway))
        await asyncio.sleep(1)
        lonely.cancel()
        await asyncio.wait((lonely,))
    tasks.clear()
    del lonely
    await asyncio.sleep(0)
    gc.collect()
    assert complaints == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_who_comes_in_the_moment_in_which_a_flight_fails_does_not_spin() -> None:
    flights = Flights("PACKAGEX")
    asked = 0

    async def refuse() -> int:
        nonlocal asked
        asked += 1
        raise BudgetSpent("PACKAGEX", "no room", retry_after=60.0)

    async def one() -> None:
        with pytest.raises(BudgetSpent), deadline.within(30.0):
            await flights.share("key", refuse)

    async def later() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            await one()

    await asyncio.wait_for(asyncio.gather(*(one() for _ in range(5)), *(later() for _ in range(20))), 5.0)
    assert asked <= 70


@jumping
async def test_whoever_wants_it_fresh_does_not_join_an_older_call() -> None:
    flights, runway = Flights("PACKAGEX"), Runway(seconds=10)
    first = asyncio.create_task(ask(flights, runway))
    await asyncio.sleep(5)
    with freshness.allowed(6.0):
        second = asyncio.create_task(ask(flights, runway))
    with freshness.allowed(0.0):
        third = asyncio.create_task(ask(flights, runway))
    assert [await first, await second, await third] == [1, 1, 2]


@jumping
async def test_a_flight_that_is_cancelled_for_another_reason_is_begun_anew() -> None:
    flights, runway = Flights("PACKAGEX"), Runway(seconds=10)
    waits = [asyncio.create_task(ask(flights, runway)) for _ in range(3)]
    await asyncio.sleep(1)
    next(iter(flights._flights.values())).task.cancel()
    found = await asyncio.gather(*waits, return_exceptions=True)
    assert [each for each in found if each == 2] == [2, 2]
