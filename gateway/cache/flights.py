"""One flight per key: whoever asks for what is already being fetched waits for the same answer."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from gateway import deadline, events
from gateway.errors import BudgetSpent, DeadlineExceeded

T = TypeVar("T")


@dataclass(slots=True)
class _Flight:
    task: "asyncio.Task[Any]"
    waiting: int = 0


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

    async def share(self, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        """The answer of `fetch`, or of a flight of the same key. Each waiter keeps to its own deadline.

        A flight has the deadline of whoever began it: one that ends for want of time is begun anew by a
        joiner who has more. Scans and callers who wait do not share, as their budgets differ.
        """
        held = deadline.current()
        key = (held is not None and held.background, self.writes, key)
        while True:
            joined = key in self._flights
            try:
                return await self._join(key, fetch)
            except (DeadlineExceeded, BudgetSpent):
                if not joined or deadline.seconds_left(float("inf")) <= 0:
                    raise

    async def _join(self, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        flight = self._flights.get(key)
        if flight is None:
            flight = self._start(key, fetch)
        else:
            events.emit(events.UpstreamSpared(source=self.source, reason="in flight"))
        flight.waiting += 1
        left = deadline.seconds_left(float("inf"))
        try:
            async with asyncio.timeout(None if left == float("inf") else max(left, 0)):
                return cast("T", await asyncio.shield(flight.task))
        except TimeoutError:
            raise DeadlineExceeded(
                f"{self.source} did not answer in the time left.", source=self.source
            ) from None
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                flight.task.cancel()
                self._forget(key, flight)

    def _start(self, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> _Flight:
        async def fly() -> T:
            return await fetch()

        flight = _Flight(asyncio.create_task(fly(), context=copy_context()))
        self._flights[key] = flight
        flight.task.add_done_callback(lambda task: self._landed(key, flight, task))
        return flight

    def _landed(self, key: Hashable, flight: _Flight, task: "asyncio.Task[Any]") -> None:
        self._forget(key, flight)
        if not task.cancelled():
            task.exception()  # seen, so that nobody is warned of a failure that all waiters left behind

    def _forget(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
