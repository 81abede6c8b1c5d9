"""One rate limit for all replicas: a moving window in Redis, kept by the library `limits`.

While Redis is away every replica keeps to its part of the limit, less its part of what was used when it went.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from gateway.loop import loop_time
from gateway.resilience.budget import BACKGROUND_SHARE, Budget
from gateway.setting import Rate
from gateway.shared.notes import Note, Notes
from gateway.shared.state import AWAY, PREFIX, State

LEAST_WAIT: Final = 0.01
MARGIN_SECONDS: Final = 2  # between taking room and the arrival of a call at its source


def storage(state: State) -> RedisStorage:
    """Windows over the connections that are there already."""
    pool: Any = state.redis.connection_pool  # taken, but not named in its types
    return RedisStorage(
        "async+redis://", implementation="redispy", key_prefix=f"{PREFIX}rate", connection_pool=pool
    )


@dataclass(slots=True, eq=False)
class SharedRate:
    """The limit of one source. Its windows are whole seconds, and a little longer than the source's own."""

    source: str
    rate: Rate | None
    replicas: int
    state: State
    windows: MovingWindowRateLimiter
    notes: Notes
    used: int = 0  # of the limit, when last looked at
    alone: int = 0  # sent since Redis has gone
    _own: Budget = field(init=False)
    _item: RateLimitItem | None = field(init=False)

    def __post_init__(self) -> None:
        self._item = None
        self._own = Budget(None, 60.0)
        if self.rate is not None:
            window = math.ceil(self.rate.seconds) + MARGIN_SECONDS
            self._item = RateLimitItemPerSecond(self.rate.requests, window)
            self._own = self._part(self.rate)
            self.state.beat.append(self._look)
            self.state.returned.append(self._catch_up)
            self.state.lost.append(self._alone)

    async def take(self, calls: int, background: bool) -> float:
        """Take room for some calls: 0.0, or the seconds until it is worth asking again."""
        if self._item is None:
            return 0.0
        now = loop_time()
        if self.state.here:
            # Until every replica has told what it sent alone, its own part binds each of them as well.
            wait = 0.0 if self.state.calm else self._own.take(now, calls, background=background)
            try:
                return wait or await self._taken(self._item, calls, background=background)
            except AWAY as error:
                self.state.gone(error)
        wait = self._own.take(now, calls, background=background)
        self.alone += 0 if wait else calls
        return wait

    async def take_of_one(self, caller: str, calls: int, most: int) -> float:
        """Take room in the part of one caller, who gets so many calls in a window; as `take`."""
        if self._item is None or not self.state.here:
            return 0.0
        item = RateLimitItemPerSecond(most, self._item.multiples)
        try:
            return await self._hit(item, min(calls, most), "of", caller)
        except AWAY as error:
            self.state.gone(error)
            return 0.0

    def opened(self, kind: str, seconds: float) -> None:
        """Our breaker has opened: others need fewer failures of their own."""
        self.notes.tell(Note(source=self.source, what=kind, seconds=seconds))

    def locked(self, seconds: float) -> None:
        """The source refuses requests: of all of us."""
        self.notes.tell(Note(source=self.source, what="", seconds=seconds))

    def listen(self, hinted: Callable[[str, float], None], closed: Callable[[float], None]) -> None:
        """Tell what others learn of this source."""

        def heard(note: Note) -> None:
            if note.source == self.source:
                if note.what:
                    hinted(note.what, note.seconds)
                else:
                    closed(note.seconds)

        self.notes.heard.append(heard)

    async def _taken(self, item: RateLimitItem, calls: int, *, background: bool) -> float:
        calls = min(calls, item.amount)
        if background:
            room = max(1, int(item.amount * BACKGROUND_SHARE))
            stats = await self.windows.get_window_stats(item, self.source)
            if item.amount - stats.remaining + min(calls, room) > room:
                return max(LEAST_WAIT, stats.reset_time - time.time())
        return await self._hit(item, calls)

    async def _hit(self, item: RateLimitItem, calls: int, *whose: str) -> float:
        if await self.windows.hit(item, self.source, *whose, cost=calls):
            return 0.0
        stats = await self.windows.get_window_stats(item, self.source, *whose)
        return max(LEAST_WAIT, stats.reset_time - time.time())

    async def _look(self) -> None:
        """Know how much of the limit is used, for the moment in which Redis goes."""
        if self._item is not None:
            if self.state.here:
                await self._catch_up()
            stats = await self.windows.get_window_stats(self._item, self.source)
            self.used = self._item.amount - stats.remaining

    def _alone(self) -> None:
        """Redis is away: our part of what was used counts against our part of the limit."""
        if self.rate is not None:
            self._own = self._part(self.rate)
            now = loop_time()
            for _ in range(math.ceil(self.used / self.replicas)):
                self._own.take(now)

    async def _catch_up(self) -> None:
        """Redis is back: what we have sent alone counts for everybody. What is sent meanwhile does with the
        next probe: whoever waited for an end of that might wait for ever.
        """
        sent = self.alone
        if self._item is None or not sent:
            return
        stats = await self.windows.get_window_stats(self._item, self.source)
        cost = min(sent, stats.remaining)
        if cost:
            await self.windows.hit(self._item, self.source, cost=cost)
        self.alone -= sent

    def _part(self, rate: Rate) -> Budget:
        """Our part of the limit."""
        return Budget(max(1, rate.requests // self.replicas), rate.seconds)
