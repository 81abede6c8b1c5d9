"""One flight per key: whoever asks for what is already being fetched waits for the same answer."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from gateway import deadline, events, freshness
from gateway.errors import BudgetSpent, DeadlineExceeded, GatewayError
from gateway.loop import loop_time, running_loop

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

NEVER: Final = float("inf")

Fetch = Callable[[], Coroutine[Any, Any, T]]


@dataclass(slots=True, eq=False)
class _Landing:
    """One who waits for some flights: how many are still in the air, and whether the waiting is over."""

    awaited: int
    over: "asyncio.Future[None]"

    def end(self) -> None:
        """Wait no longer."""
        if not self.over.done():
            self.over.set_result(None)


@dataclass(slots=True, eq=False)
class _Flight:
    """`landings` are those who wait for it."""

    key: Hashable
    task: "asyncio.Task[Any]"
    began: float
    landings: list[_Landing] = field(default_factory=list)

    def joinable(self, now: float) -> bool:
        """Whether somebody may still wait for it: who says how old an answer may be wants no older call."""
        held = freshness.current()
        young = not held.asked or held.max_age is None or now - self.began <= held.max_age
        return young and not self.task.done()


class Flights:
    """Calls on their way to one source, for one account. A flight ends when nobody waits for it any more.

    `writes` counts what was written: what was read before is not relied on any more.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._flights: dict[Hashable, _Flight] = {}
        self.writes = 0

    def renew(self) -> None:
        """Something was written: what is under way was asked before, so nobody joins it any more."""
        self.writes += 1

    async def share(self, key: Hashable, fetch: Fetch[T]) -> T:
        """The answer of `fetch`, or of a flight of the same key. Each waiter keeps to its own deadline.

        A flight has the deadline of whoever began it: one that ends for want of time is begun anew by a
        joiner who has more. Scans and callers who wait do not share, as their budgets differ.
        """
        while True:
            flight, joined = self._boarded(self._place(), key, fetch)
            try:
                late = await self._landing((flight,))
                found: T = self._answer(flight, late)
                return found
            except (DeadlineExceeded, BudgetSpent):
                if not joined or deadline.seconds_left(float("inf")) <= 0:
                    raise
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not joined or not flight.task.cancelled() or (task is not None and task.cancelling()):
                    raise  # else it was the flight alone that was cancelled

    async def share_all(self, fetches: Mapping[K, Fetch[T]]) -> dict[K, T | GatewayError]:
        """The same for several keys at once; a failure is the answer to its own key only."""
        if not fetches:
            return {}
        place = self._place()
        flights = {key: self._boarded(place, key, fetch) for key, fetch in fetches.items()}
        late = await self._landing([flight for flight, _ in flights.values()])
        found: dict[K, T | GatewayError] = {}
        for key, (flight, joined) in flights.items():
            again = joined and flight not in late and _broken_off(flight.task)
            try:
                found[key] = await self.share(key, fetches[key]) if again else self._answer(flight, late)
            except GatewayError as error:
                found[key] = error
        return found

    def _place(self) -> tuple[bool, int]:
        """What the work at hand shares flights within."""
        held = deadline.current()
        return held is not None and held.background, self.writes

    def _boarded(self, place: tuple[bool, int], key: Hashable, fetch: Fetch[Any]) -> "tuple[_Flight, bool]":
        """A flight of a key, and whether it was under way already."""
        key = (place, key)
        flight = self._flights.get(key)
        if flight is not None and flight.joinable(loop_time()):
            events.emit(events.UpstreamSpared(source=self.source, reason="in flight"))
            return flight, True
        loop = running_loop()
        flight = self._flights[key] = _Flight(key, loop.create_task(fetch()), loop.time())
        flight.task.add_done_callback(partial(self._landed, flight))
        return flight, False

    async def _landing(self, flights: "Sequence[_Flight]") -> "Sequence[_Flight]":
        """Wait for some flights within the deadline; those that are late. Of these the ones that nobody waits
        for any more are cancelled.
        """
        loop = running_loop()
        left = deadline.seconds_left(NEVER, loop.time())
        landing = _Landing(len(flights), loop.create_future())
        for flight in flights:
            flight.landings.append(landing)
        timer = None if left == NEVER else loop.call_later(max(left, 0), landing.end)
        late: Sequence[_Flight] = ()
        try:
            await landing.over
        finally:
            if timer is not None:
                timer.cancel()
            if landing.awaited:
                late = await self._left(flights, landing)
        return late

    async def _left(self, flights: "Sequence[_Flight]", landing: _Landing) -> "Sequence[_Flight]":
        """Wait for some flights no longer; those that have not landed."""
        late = [flight for flight in flights if not flight.task.done()]
        behind = []
        for flight in late:
            flight.landings.remove(landing)
            if not flight.landings:
                flight.task.cancel()
                self._forget(flight)
                behind.append(flight.task)
        if behind:  # they end in the next turn, and what they tell counts for whoever leaves them
            await asyncio.wait(behind, timeout=0)
        return late

    def _answer(self, flight: "_Flight", late: "Sequence[_Flight]") -> Any:
        if flight in late:
            raise DeadlineExceeded(f"{self.source} did not answer in the time left.", source=self.source)
        return flight.task.result()

    def _landed(self, flight: "_Flight", task: "asyncio.Task[Any]") -> None:
        self._forget(flight)
        if not task.cancelled():
            task.exception()  # seen, so that nobody is warned of a failure that all waiters left behind
        for landing in flight.landings:
            landing.awaited -= 1
            if not landing.awaited:
                landing.end()

    def _forget(self, flight: "_Flight") -> None:
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]


def _broken_off(task: "asyncio.Task[Any]") -> bool:
    """Whether a flight ended for reasons of whoever began it: they went away, or had no more time."""
    return task.cancelled() or isinstance(task.exception(), DeadlineExceeded | BudgetSpent)
