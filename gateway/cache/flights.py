"""One flight per key: whoever asks for what is already being fetched waits for the same answer."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

from gateway import deadline, events, freshness
from gateway.errors import BudgetSpent, DeadlineExceeded

T = TypeVar("T")


@dataclass(slots=True)
class _Flight:
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

    async def share(self, key: Hashable, fetch: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer of `fetch`, or of a flight of the same key. Each waiter keeps to its own deadline.

        A flight has the deadline of whoever began it: one that ends for want of time is begun anew by a
        joiner who has more. Scans and callers who wait do not share, as their budgets differ.
        """
        held = deadline.current()
        key = (held is not None and held.background, self.writes, key)
        while True:
            flight = self._flights.get(key)
            joined = flight is not None and flight.joinable(asyncio.get_running_loop().time())
            if flight is None or not joined:
                flight = self._start(key, fetch)
            else:
                events.emit(events.UpstreamSpared(source=self.source, reason="in flight"))
            try:
                return cast("T", await self._wait(key, flight))
            except (DeadlineExceeded, BudgetSpent):
                if not joined or deadline.seconds_left(float("inf")) <= 0:
                    raise
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not joined or not flight.task.cancelled() or (task is not None and task.cancelling()):
                    raise  # else it was the flight alone that was cancelled

    async def _wait(self, key: Hashable, flight: _Flight) -> Any:
        flight.waiting += 1
        left = deadline.seconds_left(float("inf"))
        try:
            done, _ = await asyncio.wait(
                (flight.task,), timeout=None if left == float("inf") else max(left, 0)
            )
            if not done:
                raise DeadlineExceeded(f"{self.source} did not answer in the time left.", source=self.source)
            return flight.task.result()
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                flight.task.cancel()
                self._forget(key, flight)

    def _start(self, key: Hashable, fetch: Callable[[], Coroutine[Any, Any, Any]]) -> _Flight:
        flight = _Flight(asyncio.create_task(fetch()), asyncio.get_running_loop().time())
        self._flights[key] = flight
        flight.task.add_done_callback(partial(self._landed, key, flight))
        return flight

    def _landed(self, key: Hashable, flight: _Flight, task: "asyncio.Task[Any]") -> None:
        self._forget(key, flight)
        if not task.cancelled():
            task.exception()  # seen, so that nobody is warned of a failure that all waiters left behind

    def _forget(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
