"""How much one caller gets: requests, points of cost, calls of sources.

Counted by the library `limits` in a sliding window; by all replicas together where they share a state, and by
each for its part while that is away.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from gateway.allowances import Fair
from gateway.errors import StateUnavailable
from gateway.model.caller import Caller
from gateway.server.problems import RateLimited
from gateway.setting import Rate

if TYPE_CHECKING:  # Redis' client is for those who share
    from gateway.shared.state import State

JUST_AFTER: Final = 0.01  # seconds: at the moment itself it is not there yet
LEAST_WAIT: Final = 1.0
REQUESTS: Final = "requests"
POINTS: Final = "points"
CALLS: Final = "calls"


@dataclass(slots=True, eq=False)
class Fairness:
    """Counts what callers use. `shared` counts for all `replicas` while `state` is there."""

    fair: Fair
    replicas: int = 1
    state: "State | None" = None
    shared: SlidingWindowCounterRateLimiter | None = None
    _own: SlidingWindowCounterRateLimiter = field(
        default_factory=lambda: SlidingWindowCounterRateLimiter(MemoryStorage())
    )

    async def admit(self, caller: Caller) -> None:
        """Count a request, where its caller has any left of everything. Raises RateLimited."""
        fair = self.fair
        if fair.requests is not None:
            await self._take(REQUESTS, fair.requests, caller, 1)
        for what, rate in ((POINTS, fair.points), (CALLS, fair.calls)):
            if rate is not None:
                await self._look(what, rate, caller)

    async def charge(self, caller: Caller, points: int) -> None:
        """Count the points of an operation that is about to run. Raises RateLimited."""
        if self.fair.points is not None and points:
            await self._take(POINTS, self.fair.points, caller, points)

    async def spent(self, caller: Caller, calls: int) -> None:
        """Count the calls of an operation that has run."""
        rate = self.fair.calls
        if rate is None or not calls:
            return

        async def spend(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, *whose: str) -> None:
            left = (await limiter.get_window_stats(item, *whose)).remaining
            if left:
                await limiter.hit(item, *whose, cost=min(calls, left))

        await self._by(spend, CALLS, rate, caller)

    async def _take(self, what: str, rate: Rate, caller: Caller, cost: int) -> None:
        if cost > rate.requests:
            raise RateLimited(
                f"This costs {cost} {what}; you get {rate.requests} in {_window(rate)} seconds.",
                headers={"retry-after": str(math.ceil(rate.seconds))},
                retry_after=rate.seconds,
            )

        async def hit(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, *whose: str) -> bool:
            return await limiter.hit(
                item, *whose, cost=min(cost, item.amount)
            )  # alone, all of our part is enough

        if not await self._by(hit, what, rate, caller):
            await self._refuse(what, rate, caller, cost)

    async def _look(self, what: str, rate: Rate, caller: Caller) -> None:
        async def test(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, *whose: str) -> bool:
            return await limiter.test(item, *whose)

        if not await self._by(test, what, rate, caller):
            await self._refuse(what, rate, caller, 1)

    async def _refuse(self, what: str, rate: Rate, caller: Caller, cost: int) -> None:
        async def when(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, *whose: str) -> float:
            windows: Any = limiter.storage
            window = item.get_expiry()
            counted = await windows.get_sliding_window(item.key_for(*whose), window)
            return wait_for(item.amount + 1 - min(cost, item.amount), window, counted)

        wait = max(LEAST_WAIT, await self._by(when, what, rate, caller))
        raise RateLimited(
            f"You have used up your {rate.requests} {what} in {_window(rate)} seconds. "
            f"Try again in {math.ceil(wait)} seconds.",
            headers={"retry-after": str(math.ceil(wait))},
            retry_after=wait,
        )

    async def _by(self, work: Callable[..., Any], what: str, rate: Rate, caller: Caller) -> Any:
        """Ask the windows of all replicas, else our own."""
        whose = (what, caller.who)
        window = _window(rate)
        state, shared = self.state, self.shared
        if state is not None and shared is not None:
            item = RateLimitItemPerSecond(rate.requests, window)
            with suppress(StateUnavailable):
                return await state.use(lambda _: work(shared, item, *whose))
        part = max(1, rate.requests // self.replicas)
        return await work(self._own, RateLimitItemPerSecond(part, window), *whose)


def wait_for(room: int, window: float, counted: tuple[int, float, int, float]) -> float:
    """Seconds until a sliding counter holds less than `room`.

    It holds what the window at hand has counted, and of the one before the part that lies less than a window
    back. `counted`: that one's count and for how long it still counts, and the same of the one at hand.
    """
    before, before_left, now, now_left = counted
    if now < room:
        return max(0.0, before_left - window * (room - now) / before) + JUST_AFTER if before else 0.0
    return now_left - window + max(0.0, window * (1 - room / now)) + JUST_AFTER


def _window(rate: Rate) -> int:
    """Windows are whole seconds."""
    return math.ceil(rate.seconds)
