"""One flight per key: whoever asks for what is already being fetched waits for the same answer."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

from gateway import deadline, events, freshness
from gateway.errors import BudgetSpent, DeadlineExceeded, GatewayError
from gateway.loop import loop_time, running_loop

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

Fetch = Callable[[], Coroutine[Any, Any, T]]


@dataclass(slots=True)
class _Flight:
    key: Hashable
    task: "asyncio.Task[Any]"
    began: float
    waiting: int = 0

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
            flight, joined = self._boarded(key, fetch)
            try:
                return cast("T", self._answer(flight, await self._landing((flight,))))
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
        flights = {key: self._boarded(key, fetch) for key, fetch in fetches.items()}
        landed = await self._landing([flight for flight, _ in flights.values()])
        found: dict[K, T | GatewayError] = {}
        for key, (flight, joined) in flights.items():
            again = joined and flight.task in landed and _broken_off(flight.task)
            try:
                found[key] = await self.share(key, fetches[key]) if again else self._answer(flight, landed)
            except GatewayError as error:
                found[key] = error
        return found

    def _boarded(self, key: Hashable, fetch: Fetch[Any]) -> "tuple[_Flight, bool]":
        """A flight of a key, and whether it was under way already."""
        held = deadline.current()
        key = (held is not None and held.background, self.writes, key)
        flight = self._flights.get(key)
        if flight is not None and flight.joinable(loop_time()):
            events.emit(events.UpstreamSpared(source=self.source, reason="in flight"))
            return flight, True
        return self._start(key, fetch), False

    async def _landing(self, flights: "Sequence[_Flight]") -> "set[asyncio.Task[Any]]":
        """Wait for some flights within the deadline; those that have landed. Others that nobody waits for any
        more are cancelled.
        """
        left = deadline.seconds_left(float("inf"))
        for flight in flights:
            flight.waiting += 1
        try:
            timeout = None if left == float("inf") else max(left, 0)
            landed, _ = await asyncio.wait([flight.task for flight in flights], timeout=timeout)
            return landed
        finally:
            left_behind = [flight for flight in flights if self._left(flight)]
            if left_behind:  # they end in the next turn, and what they tell counts for whoever leaves them
                await asyncio.wait([flight.task for flight in left_behind], timeout=0)

    def _left(self, flight: "_Flight") -> bool:
        """Wait for a flight no longer; whether it is cancelled, as nobody does."""
        flight.waiting -= 1
        if flight.waiting or flight.task.done():
            return False
        flight.task.cancel()
        self._forget(flight)
        return True

    def _answer(self, flight: "_Flight", landed: "set[asyncio.Task[Any]]") -> Any:
        if flight.task not in landed:
            raise DeadlineExceeded(f"{self.source} did not answer in the time left.", source=self.source)
        return flight.task.result()

    def _start(self, key: Hashable, fetch: Fetch[Any]) -> "_Flight":
        flight = _Flight(key, running_loop().create_task(fetch()), loop_time())
        self._flights[key] = flight
        flight.task.add_done_callback(partial(self._landed, flight))
        return flight

    def _landed(self, flight: "_Flight", task: "asyncio.Task[Any]") -> None:
        self._forget(flight)
        if not task.cancelled():
            task.exception()  # seen, so that nobody is warned of a failure that all waiters left behind

    def _forget(self, flight: "_Flight") -> None:
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]


def _broken_off(task: "asyncio.Task[Any]") -> bool:
    """Whether a flight ended for reasons of whoever began it: they went away, or had no more time."""
    return task.cancelled() or isinstance(task.exception(), DeadlineExceeded | BudgetSpent)
