"""How much one caller gets: requests, points of cost, calls of sources.

Counted by the library `limits` in a sliding window; by all replicas together where they share a state, and by
each for its part while that is away.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from gateway.allowances import Fair
from gateway.model.caller import Caller
from gateway.server.problems import RateLimited
from gateway.setting import Rate
from gateway.shared.state import AWAY, State

LEAST_WAIT: Final = 1.0
REQUESTS: Final = "requests"
POINTS: Final = "points"
CALLS: Final = "calls"


@dataclass(slots=True, eq=False)
class Fairness:
    """Counts what callers use. `shared` counts for all `replicas` while `state` is there."""

    fair: Fair
    replicas: int = 1
    state: State | None = None
    shared: SlidingWindowCounterRateLimiter | None = None
    clock: Callable[[], float] = time.time
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
                f"This costs {cost} {what}; you get {rate.requests} in {rate.seconds:.0f} seconds.",
                headers={"retry-after": str(math.ceil(rate.seconds))},
                retry_after=rate.seconds,
            )

        async def hit(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, *whose: str) -> bool:
            return await limiter.hit(item, *whose, cost=cost)

        if not await self._by(hit, what, rate, caller):
            await self._refuse(what, rate, caller)

    async def _look(self, what: str, rate: Rate, caller: Caller) -> None:
        async def test(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, *whose: str) -> bool:
            return await limiter.test(item, *whose)

        if not await self._by(test, what, rate, caller):
            await self._refuse(what, rate, caller)

    async def _refuse(self, what: str, rate: Rate, caller: Caller) -> None:
        async def when(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, *whose: str) -> float:
            return float((await limiter.get_window_stats(item, *whose)).reset_time)

        wait = max(LEAST_WAIT, await self._by(when, what, rate, caller) - self.clock())
        raise RateLimited(
            f"You have used up your {rate.requests} {what} in {rate.seconds:.0f} seconds. "
            f"Try again in {math.ceil(wait)} seconds.",
            headers={"retry-after": str(math.ceil(wait))},
            retry_after=wait,
        )

    async def _by(self, work: Callable[..., Any], what: str, rate: Rate, caller: Caller) -> Any:
        """Ask the windows of all replicas, else our own."""
        whose = (what, caller.account, caller.name)
        window = math.ceil(rate.seconds)
        if self.state is not None and self.shared is not None and self.state.here:
            try:
                return await work(self.shared, RateLimitItemPerSecond(rate.requests, window), *whose)
            except AWAY as error:
                self.state.gone(error)
        part = max(1, rate.requests // self.replicas)
        return await work(self._own, RateLimitItemPerSecond(part, window), *whose)
