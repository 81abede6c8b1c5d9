"""Pays for calls out of the budget of a source: one by one, or for a piece of work beforehand.

A write that has to be read back costs two calls. Paid for one by one, the second could find the budget spent;
paid for together, the work is either done as a whole or not begun. Whoever has to wait stands in a fair line.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from gateway import deadline
from gateway.errors import BudgetSpent
from gateway.loop import loop_time, running_loop
from gateway.resilience.budget import Budget
from gateway.resilience.line import Line

EARLY: Final = 0.05  # seconds before its deadline at which who waits is told: others wait for the same answer
LEAST_WAIT: Final = 0.001
MOST_CALLERS: Final = 1_000  # whose parts are remembered
PREPAID: Final = -1.0  # when a call was paid for that was paid for beforehand

Share = Callable[[int, bool], Awaitable[float]]
"""Takes room for calls where several processes share it: 0.0, or the seconds until it is worth asking."""
ShareOfOne = Callable[[str, int, int], Awaitable[float]]
"""The same for the calls of one caller, who gets so many in a window."""


@dataclass(slots=True, eq=False)
class _Credit:
    """Calls that are paid for already."""

    left: int


@dataclass(slots=True, eq=False)
class _Waiter:
    """Somebody in the line, for so long; `granted` holds the time at which room was taken."""

    calls: int
    until: float
    granted: "asyncio.Future[float]"


@dataclass(slots=True, eq=False)
class Purse:
    """The way to the budget of one source. `share`: what other processes that use it agree to.

    One caller gets the part `of_one` of the limit at most, so that there is always some left for the others;
    `share_of_one`: what other processes agree to of that.
    """

    source: str
    budget: Budget
    share: Share | None = None
    of_one: float = 1.0
    share_of_one: ShareOfOne | None = None
    _own: "OrderedDict[str, Budget]" = field(default_factory=OrderedDict)
    _line: Line[_Waiter] = field(default_factory=Line)
    # When it is worth asking the others again, for callers and for work in the background.
    _shared_until: dict[bool, float] = field(default_factory=lambda: {False: 0.0, True: 0.0})
    _serving: "asyncio.Task[None] | None" = None
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _credit: ContextVar[_Credit | None] = field(default_factory=lambda: ContextVar("credit", default=None))

    def unbounded(self, now: float) -> bool:
        """Whether nobody has to pay: there is no limit, the source refuses nobody, and nobody waits."""
        budget = self.budget
        return budget.limit is None and self.share is None and now >= budget.closed_until and not self._line

    async def pay(self, calls: int = 1, now: float | None = None) -> float:
        """Take room for some calls, waiting within the deadline; when it was taken, on the loop's clock, or
        PREPAID. `now` spares a look at it.

        Raises BudgetSpent with a time. What is paid for already is free, unless the source has closed
        meanwhile: each request would make it close for longer.
        """
        now = loop_time() if now is None else now
        credit = self._credit.get()
        if credit is not None and credit.left >= calls and not self.budget.closed_for(now):
            credit.left -= calls
            return PREPAID
        held = deadline.current()
        background = held is not None and held.background
        own = None if self.budget.limit is None else self._own_budget()
        if own is not None:
            await self._take_own(own, calls)
            now = loop_time()
        try:
            if not (self._line if background else self._line.callers):
                if self.share is None:
                    wait = self.budget.take(now, calls, background=background)
                else:
                    wait = await self._take(now, calls, background=background)
                if not wait:
                    return now
            return await self._wait(calls, held.operation if held else object(), background=background)
        except BaseException:
            if own is not None:
                own.give_back_latest(calls)
            raise

    def give_back(self, calls: int, paid_at: float) -> None:
        """Give back what was paid for and not sent; `paid_at` is what `pay` returned."""
        credit = self._credit.get()
        if paid_at != PREPAID:
            self.budget.give_back(calls, paid_at)
            own = self._own_budget()
            if own is not None:
                own.give_back_latest(calls)
            self._woken.set()
        elif credit is not None:
            credit.left += calls

    @property
    def waiting(self) -> int:
        """How many wait for room."""
        return len(self._line)

    def check_open(self, now: float) -> None:
        """Raise BudgetSpent where the source has closed after a call was paid for."""
        if now < self.budget.closed_until:
            raise self._spent(self.budget.closed_for(now))

    def _own_budget(self) -> Budget | None:
        """What the caller at hand has taken; None where it may take everything."""
        held = deadline.current()
        limit = self.budget.limit
        if limit is None or self.of_one >= 1 or held is None or not held.caller:
            return None
        own = self._own.get(held.caller)
        if own is None:
            own = self._own[held.caller] = Budget(max(1, int(limit * self.of_one)), self.budget.window)
            if len(self._own) > MOST_CALLERS:
                self._own.popitem(last=False)
        self._own.move_to_end(held.caller)
        return own

    async def _take_own(self, own: Budget, calls: int) -> None:
        """Take room in the part of the caller at hand, waiting within the deadline."""
        clock = running_loop().time
        held = deadline.current()
        while True:
            wait = own.take(clock(), calls)
            if not wait and self.share_of_one is not None and held is not None:
                wait = await self.share_of_one(held.caller, calls, own.limit or 1)
                if wait:
                    own.give_back_latest(calls)
            if not wait:
                return
            if wait >= deadline.seconds_left(float("inf")) - EARLY:
                raise BudgetSpent(
                    self.source,
                    f"Your part of the rate limit of {self.source} leaves no room within the time given. "
                    f"Try again in {ceil(wait)} seconds.",
                    retry_after=wait,
                )
            await asyncio.sleep(wait)

    async def _take(self, now: float, calls: int, *, background: bool) -> float:
        wait = self.budget.take(now, calls, background=background)
        if wait or self.share is None:
            return wait
        try:
            wait = await self.share(calls, background)
        except BaseException:  # whoever asks has gone
            self.budget.give_back(calls, now)
            raise
        if wait:
            self.budget.give_back(calls, now)
            self._shared_until[background] = now + wait
        return wait

    async def _wait(self, calls: int, operation: object, *, background: bool) -> float:
        """Stand in the line, unless it is sure that the deadline comes first."""
        now = loop_time()
        left = deadline.seconds_left(float("inf")) - EARLY
        before = self._line.ahead_of(operation, background=background)
        expected = self.budget.wait_for(now, before + calls, background=background)
        expected = max(expected, self._shared_until[background] - now)
        if expected >= left:
            raise self._spent(expected)
        waiter = _Waiter(calls, now + left, running_loop().create_future())
        self._line.join(operation, waiter, background=background)
        self._serve_on()
        try:
            async with asyncio.timeout(None if left == float("inf") else left):
                return await waiter.granted
        except TimeoutError:
            self._take_back(waiter)
            wait = self.budget.wait_for(now + left, before + calls, background=background)
            raise self._spent(max(wait, LEAST_WAIT)) from None
        except asyncio.CancelledError:
            self._take_back(waiter)
            raise
        finally:
            self._line.leave(operation, waiter)
            self._woken.set()

    def _turn_away(self, now: float, wait: float) -> None:
        """Tell those for whom there will be no room in time, such as when the source has closed meanwhile."""
        for waiter in self._line:
            if now + wait >= waiter.until and not waiter.granted.done():
                waiter.granted.set_exception(self._spent(wait))

    def arrived(self, paid_at: float) -> None:
        """A call that was paid for at a time has been answered, or given up, now."""
        if paid_at != PREPAID and self.budget.limit is not None:
            self.budget.arrived(paid_at, loop_time())

    def _take_back(self, waiter: _Waiter) -> None:
        """Room that was granted in the same moment in which its waiter gave up."""
        granted = waiter.granted
        if granted.done() and not granted.cancelled() and granted.exception() is None:
            self._return(waiter.calls, granted.result())

    def _return(self, calls: int, paid_at: float) -> None:
        """Room that nobody uses; its part of a caller is given back by whoever took it."""
        self.budget.give_back(calls, paid_at)
        self._woken.set()

    def _serve_on(self) -> None:
        self._woken.set()
        if self._serving is None or self._serving.done():
            self._serving = running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        """Give room to whoever is next, as it comes free, until nobody waits."""
        clock = running_loop().time
        while (first := self._line.first()) is not None:
            operation, waiter, background = first
            self._woken.clear()
            now = clock()
            wait = await self._take(now, waiter.calls, background=background)
            if not wait:
                self._line.serve(operation, waiter)
                if waiter.granted.done():  # it has gone meanwhile
                    self._return(waiter.calls, now)
                else:
                    waiter.granted.set_result(now)
                continue
            self._turn_away(now, wait)
            try:
                async with asyncio.timeout(max(wait, LEAST_WAIT)):
                    await self._woken.wait()
            except TimeoutError:
                continue

    @asynccontextmanager
    async def paid(self, calls: int) -> AsyncIterator[None]:
        """Pay for some calls now; those of the work inside are free then, and the rest is given back."""
        taken_at = await self.pay(calls)
        credit = _Credit(calls)
        token = self._credit.set(credit)
        try:
            yield
        finally:
            self._credit.reset(token)
            self.give_back(credit.left, taken_at)
            credit.left = 0

    def wait_for(self, calls: int) -> float:
        """Seconds until so many calls could have been sent, behind those that wait already."""
        now = loop_time()
        return max(self.budget.wait_for(now, calls + len(self._line)), self._shared_until[False] - now)

    def affordable(self, price: int) -> tuple[int | None, float]:
        """How often a price can be paid within the deadline, and the seconds until it can be once more.

        None: as often as wanted.
        """
        now = loop_time()
        until = now + deadline.seconds_left(float("inf"))
        calls = self.budget.affordable(now, until) if until != float("inf") else None
        own = self._own_budget()
        if calls is not None and own is not None:
            calls = min(calls, own.affordable(now, until) or 0)
        if calls is None:
            return None, 0.0
        wait = max(self.budget.window, deadline.seconds_left(float("inf")), self.budget.closed_for(now))
        return calls // price, wait

    def _spent(self, wait: float) -> BudgetSpent:
        return BudgetSpent(
            self.source,
            f"The rate limit of {self.source} leaves no room within the time given. "
            f"Try again in {ceil(wait)} seconds.",
            retry_after=wait,
        )
