"""Waiting for a place is bounded, whoever comes and however many; by a clock of the test's own."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import pytest

from gateway.server.admission import FEWEST, SAMPLE_SECONDS, Admission
from gateway.server.line import Waiter
from gateway.server.patience import COUNT_SECONDS, LONGEST, PART, SHORT, SPELL, TOO_OFTEN, Patience
from gateway.server.problems import Overloaded

LATE = 0.05  # seconds, of a loop that has a core's worth to do
RATE = 200  # answers a second
TIME = 30.0  # of an operation, as shipped


@dataclass(slots=True)
class House:
    """A gateway that carries out so many operations a second, however many are under way."""

    admission: Admission = field(default_factory=Admission)
    rate: int = RATE
    now: float = 1_000.0
    told: float = 1_000.0
    under_way: deque[str] = field(default_factory=deque)
    waiting: dict[Waiter, str] = field(default_factory=dict)
    waited: list[float] = field(default_factory=list)  # in the order in which they began
    refused: list[str] = field(default_factory=list)
    answered: int = 0

    def comes(self, who: str = "ada", seconds: float = TIME) -> None:
        """A request."""
        if self.admission.enter(who):
            self.under_way.append(who)
            self.waited.append(0.0)
            return
        try:
            waiter = self.admission.join(who, seconds, self.now, asyncio.Future())
        except Overloaded:
            self.refused.append(who)
        else:
            self.waiting[waiter] = who

    def step(self) -> str | None:
        """One operation comes to its end, where one is under way."""
        self.now += 1 / self.rate
        if self.now - self.told >= SAMPLE_SECONDS:
            self.told = self.now
            self.admission.told(LATE, self.now)
        ended = self.under_way.popleft() if self.under_way else None
        if ended is not None:
            self.admission.leave(ended)
            self.answered += 1
        for waiter in [each for each in self.waiting if each.called.done()]:
            who = self.waiting.pop(waiter)
            if waiter.called.result():
                self.under_way.append(who)
                self.waited.append(self.now - waiter.since)
            else:
                self.refused.append(who)
        return ended


@pytest.mark.parametrize("connections", [1, 32, 128, 512, 1_000])
async def test_connections_that_come_again_with_each_answer_all_get_theirs(connections: int) -> None:
    house = House()
    for _ in range(connections):
        house.comes()
    for _ in range(20 * RATE):
        assert house.step()  # it is never without work
        house.comes()
    assert house.refused == []
    assert house.answered == 20 * RATE
    assert max(house.waited) <= connections / RATE + 2 * SAMPLE_SECONDS


@pytest.mark.parametrize("rate", [RATE, 40])
async def test_what_comes_at_twice_the_rate_is_refused_and_nobody_waits_for_long(rate: int) -> None:
    """The line is bounded by its length in the one case, by time in the other."""
    house = House(rate=rate)
    for _ in range(35 * rate):
        house.step()
        house.comes()
        house.comes()
    assert house.answered >= 0.99 * 35 * rate  # and as much is answered as can be
    assert len(house.refused) >= 0.7 * 35 * rate
    assert LONGEST * 0.45 < max(house.waited) <= LONGEST + 0.5
    assert max(house.waited[-10 * rate :]) <= SHORT + 0.1
    assert len(house.admission.line) <= SHORT * rate + 1


async def test_where_operations_get_little_time_the_line_is_too_long_sooner() -> None:
    house = House(Admission(patience=Patience(6.0)))
    for _ in range(20 * RATE):
        house.step()
        for _ in range(2):
            house.comes(seconds=6.0)
    assert max(house.waited) <= 6.0 * PART + 0.2
    assert max(house.waited[-5 * RATE :]) <= SHORT + 0.1


@pytest.mark.parametrize("times", [2, 20])
async def test_memory_for_those_who_wait_is_bounded(times: int) -> None:
    house = House()
    for _ in range(10 * RATE):
        house.step()
        for _ in range(times):
            house.comes()
        assert len(house.admission.line) <= house.admission.most


async def test_when_it_is_over_nobody_is_refused_or_waits() -> None:
    house = House()
    for _ in range(30 * RATE):
        house.step()
        house.comes()
        house.comes()
    while house.admission.line:
        house.step()
    house.refused.clear()
    house.waited.clear()
    for _ in range(10 * RATE):
        house.step()
        if house.admission.under_way < FEWEST:
            house.comes()
    assert (house.refused, max(house.waited)) == ([], 0.0)


async def test_a_crowd_that_comes_once_is_carried_out_as_a_whole() -> None:
    """Also after a spell in which the line was kept short."""
    house = House()
    for _ in range(2):
        for _ in range(900):
            house.comes()
        while house.under_way:
            house.step()
        assert house.refused == []
        house.now += SPELL


async def test_a_caller_that_floods_the_gateway_does_not_keep_another_waiting() -> None:
    house = House(Admission(of_one=0.75))
    for number in range(20 * RATE):
        house.step()
        for _ in range(3):
            house.comes("ada")
        if number % 10 == 0:
            house.comes("bob")
    assert "bob" not in house.refused
    assert "ada" in house.refused
    assert house.admission.line.ahead_of("bob") <= 2


async def test_a_caller_with_little_time_is_refused_when_it_would_come_too_late() -> None:
    house = House()
    for _ in range(236):  # a second's worth waits
        house.comes()
    for _ in range(3 * RATE):
        house.step()
        house.comes()
    assert house.refused == []
    house.comes("bob", seconds=0.1)
    house.comes("ada", seconds=1.0)
    assert house.refused == ["ada"]  # a third of its time is not enough; Bob is next
    house.comes("ada", seconds=5.0)
    for _ in range(6 * RATE):
        house.step()
        house.comes()
    assert house.refused == ["ada"]  # and it was no reason to keep the line short


async def test_where_nothing_comes_to_its_end_nobody_waits_for_ever() -> None:
    """Sources that hang, say: what waits is refused in time, and what comes then at once."""
    admission = Admission(most=2)
    assert admission.enter("ada")
    assert admission.enter("ada")
    first = admission.join("ada", TIME, 0.0, asyncio.Future())
    admission.told(0.0, 0.0)
    admission.told(0.0, COUNT_SECONDS)
    with pytest.raises(Overloaded):
        admission.join("ada", TIME, COUNT_SECONDS, asyncio.Future())
    admission.told(0.0, LONGEST)
    assert first.called.result() is False
    assert len(admission.line) == 0
    second = admission.join("ada", TIME, LONGEST, asyncio.Future())  # there may be a place by now
    admission.leave("ada")
    assert second.called.result() is True


def kept_short(patience: Patience, now: float) -> bool:
    """Whether nobody may wait for longer than SHORT, at a rate of 10 a second."""
    return not patience.takes(int(10 * SHORT) + 1, TIME, now)


def test_the_line_is_kept_short_for_a_while_where_it_was_too_long_again_and_again() -> None:
    patience, now = Patience(), 0.0
    patience.told(now, waited=True)
    assert patience.takes(1_000_000, TIME, now)  # how quickly it moves is not known yet
    for count in range(TOO_OFTEN):
        assert not kept_short(patience, now), count
        patience.takes(1_000, TIME, now)
        now += COUNT_SECONDS
        patience.served = int(10 * COUNT_SECONDS)
        patience.turned_away += count == 0  # where the rate was not known
        patience.told(now, waited=True)
    assert kept_short(patience, now)
    assert patience.takes(int(10 * SHORT), TIME, now)
    assert kept_short(patience, now + SPELL - 0.1)
    assert not kept_short(patience, now + SPELL)


def test_a_line_that_is_too_long_for_a_moment_is_forgiven() -> None:
    patience, now = Patience(), 0.0
    patience.told(now, waited=True)
    for count in range(20):
        now += COUNT_SECONDS
        patience.served = int(10 * COUNT_SECONDS)
        patience.turned_away = count % TOO_OFTEN
        patience.told(now, waited=True)
        assert not kept_short(patience, now)


def test_callers_take_turns_and_each_is_served_in_its_order() -> None:
    admission = Admission(most=1)
    line, loop = admission.line, asyncio.new_event_loop()
    waiters = [
        Waiter(who, 0.0, 1.0, loop.create_future()) for who in ("ada", "ada", "ada", "bob", "cy", "bob")
    ]
    for waiter in waiters:
        line.join(waiter)
    assert (line.ahead_of("ada"), line.ahead_of("bob"), line.ahead_of("dan")) == (3 + 2 + 1, 2 + 3 + 1, 3)
    line.leave(waiters[1])
    line.leave(waiters[1])
    assert [line.of(who) for who in ("ada", "bob", "cy")] == [2, 2, 1]
    served = [line.next(lambda who: who != "cy") for _ in range(5)]
    assert served == [waiters[0], waiters[3], waiters[2], waiters[5], None]
    assert list(line) == [waiters[4]]
    loop.close()
