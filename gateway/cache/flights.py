"""One flight per key: whoever asks for what is already being fetched waits for the same answer."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from gateway import deadline, events, freshness
from gateway.errors import BudgetSpent, DeadlineExceeded, GatewayError
from gateway.loop import running_loop

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
    """`landings` are those who wait for it; `among` which it is found by its key until it has landed."""

    key: Hashable
    task: "asyncio.Task[Any]"
    began: float
    landings: list[_Landing]
    among: "dict[Hashable, _Flight]"

    def joinable(self, now: float) -> bool:
        """Whether somebody may still wait for it: who says how old an answer may be wants no older call."""
        held = freshness.current()
        young = not held.asked or held.max_age is None or now - self.began <= held.max_age
        return young and not self.task.done()

    def landed(self, task: "asyncio.Task[Any]") -> None:
        """Tell those who wait that it has ended."""
        self.forget()
        if not task.cancelled():
            task.exception()  # seen, so that nobody is warned of a failure that all waiters left behind
        for landing in self.landings:
            landing.awaited -= 1
            if not landing.awaited:
                landing.end()

    def forget(self) -> None:
        """Be found no longer."""
        if self.among.get(self.key) is self:
            del self.among[self.key]


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
            landing = _Landing(1, running_loop().create_future())
            flight, joined = self._boarded(self._place(), key, fetch, landing)
            try:
                late = await self._waited((flight,), landing)
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
        landing = _Landing(len(fetches), running_loop().create_future())
        flights = {key: self._boarded(place, key, fetch, landing) for key, fetch in fetches.items()}
        late = await self._waited([flight for flight, _ in flights.values()], landing)
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

    def _boarded(
        self, place: tuple[bool, int], key: Hashable, fetch: Fetch[Any], landing: _Landing
    ) -> "tuple[_Flight, bool]":
        """A flight of a key, which is waited for from now on, and whether it was under way already."""
        key = (place, key)
        flight = self._flights.get(key)
        loop = landing.over.get_loop()
        if flight is not None and flight.joinable(loop.time()):
            events.emit(events.UpstreamSpared(source=self.source, reason="in flight"))
            flight.landings.append(landing)
            return flight, True
        task = loop.create_task(fetch())
        flight = self._flights[key] = _Flight(key, task, loop.time(), [landing], self._flights)
        task.add_done_callback(flight.landed)
        return flight, False

    async def _waited(self, flights: "Sequence[_Flight]", landing: _Landing) -> "Sequence[_Flight]":
        """Wait for some flights within the deadline; those that are late. Of these the ones that nobody waits
        for any more are cancelled.
        """
        loop = running_loop()
        left = deadline.seconds_left(NEVER, loop.time())
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
                flight.forget()
                behind.append(flight.task)
        if behind:  # they end in the next turn, and what they tell counts for whoever leaves them
            await asyncio.wait(behind, timeout=0)
        return late

    def _answer(self, flight: "_Flight", late: "Sequence[_Flight]") -> Any:
        if flight in late:
            raise DeadlineExceeded(f"{self.source} did not answer in the time left.", source=self.source)
        return flight.task.result()


def _broken_off(task: "asyncio.Task[Any]") -> bool:
    """Whether a flight ended for reasons of whoever began it: they went away, or had no more time."""
    return task.cancelled() or isinstance(task.exception(), DeadlineExceeded | BudgetSpent)
