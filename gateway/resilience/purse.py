"""Pays for calls out of the budget of a source: one by one, or for a piece of work beforehand.

A write that has to be read back costs two calls. Paid for one by one, the second could find the budget spent;
paid for together, the work is either done as a whole or not begun.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from gateway import deadline
from gateway.errors import BudgetSpent
from gateway.resilience.budget import Budget

LEAST_WAIT: Final = 0.001

Sleep = Callable[[float], Awaitable[object]]


@dataclass(slots=True, eq=False)
class _Credit:
    """Calls that are paid for already."""

    left: int


@dataclass(slots=True, eq=False)
class Purse:
    """The way to the budget of one source."""

    source: str
    budget: Budget
    sleep: Sleep = asyncio.sleep
    _credit: ContextVar[_Credit | None] = field(default_factory=lambda: ContextVar("credit", default=None))

    async def pay(self, calls: int = 1) -> float:
        """Take room for some calls, waiting within the deadline; when it was taken, on the loop's clock.

        Raises BudgetSpent with a time. What is paid for already is free, unless the source has closed
        meanwhile: each request would make it close for longer.
        """
        clock = asyncio.get_running_loop().time
        credit = self._credit.get()
        if credit is not None and credit.left >= calls and not self.budget.closed_for(clock()):
            credit.left -= calls
            return clock()
        held = deadline.current()
        background = held is not None and held.background
        while True:
            now = clock()
            wait = self.budget.take(now, calls, background=background)
            if not wait:
                return now
            if wait >= deadline.seconds_left(float("inf")):
                raise self._spent(wait)
            await self.sleep(max(wait, LEAST_WAIT))

    def check_open(self) -> None:
        """Raise BudgetSpent where the source has closed after a call was paid for."""
        wait = self.budget.closed_for(asyncio.get_running_loop().time())
        if wait:
            raise self._spent(wait)

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
            self.budget.give_back(credit.left, taken_at)
            credit.left = 0

    def affordable(self, price: int) -> tuple[int | None, float]:
        """How often a price can be paid within the deadline, and the seconds until it can be once more.

        None: as often as wanted.
        """
        now = asyncio.get_running_loop().time()
        until = now + deadline.seconds_left(float("inf"))
        calls = self.budget.affordable(now, until) if until != float("inf") else None
        if calls is None:
            return None, 0.0
        wait = max(self.budget.window, deadline.seconds_left(float("inf")), self.budget.closed_for(now))
        return calls // price, wait

    def _spent(self, wait: float) -> BudgetSpent:
        return BudgetSpent(
            self.source,
            f"The rate limit of {self.source} leaves no room within the time given. "
            f"Try again in {wait:.0f} seconds.",
            retry_after=wait,
        )
