"""How many operations are carried out at once, who waits for a place, and what is refused.

As many are under way as keep the event loop quick: more while it is and some wait, a tenth less whenever it
is late. The others stand in a line, where they cost little memory and no time. What would stand there too
long is refused with 503 and `Retry-After` when it comes, which costs little (decision 20).
"""

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from gateway.loop import running_loop
from gateway.server.line import Line, Waiter
from gateway.server.patience import Patience
from gateway.server.problems import Overloaded

FEWEST: Final = 36  # carried out at once, however late the loop is: enough to keep it busy
LAG_SECONDS: Final = 0.02  # of the event loop, above which fewer operations are carried out
LESS: Final = 0.9
MORE: Final = 1.05
RETRY_SECONDS: Final = 1
SAMPLE_SECONDS: Final = 0.02
SMOOTHING: Final = 0.3  # weight of the latest sample
UPLOADS: Final = 8  # files that arrive at once


@dataclass(slots=True, kw_only=True)
class Admission:
    """Counts operations under way, and says who begins, waits or is refused. Told the lag and the time.

    `most` bounds them however quick the loop is: slow sources keep operations waiting, and each holds memory.
    As many may stand in the line. One caller gets the part `of_one` of both, and of the uploads, at most, so
    that there is always some room for the others.
    """

    most: int = 1_000
    of_one: float = 1.0
    limit: float = field(init=False)
    under_way: int = 0
    line: Line = field(default_factory=Line)
    patience: Patience = field(default_factory=Patience)
    uploads: int = 0
    most_followers: int = 1_000
    followers: int = 0
    refused: int = 0
    lag: float = 0.0
    _held: dict[str, int] = field(default_factory=dict)
    _uploads: dict[str, int] = field(default_factory=dict)
    _following: dict[str, int] = field(default_factory=dict)
    _joined: int = 0  # since the latest sample

    def __post_init__(self) -> None:
        self.limit = self._fewest

    @property
    def _fewest(self) -> float:
        return float(min(math.ceil(FEWEST / self.of_one), self.most))

    def told(self, lag: float, now: float) -> None:
        """The loop was late by so many seconds."""
        self.lag += SMOOTHING * (lag - self.lag)
        fewest, waited = self._fewest, self._joined > 0 or len(self.line) > 0
        self._joined = 0
        if self.lag > LAG_SECONDS and self.under_way > fewest:  # fewer are not what makes it late
            self.limit = max(fewest, min(self.limit, self.under_way) * LESS)
        elif self.lag <= LAG_SECONDS / 2 and waited:
            self.limit = min(float(self.most), self.limit * MORE)
        elif not waited and self.under_way < self.limit / 2:  # so that the next crowd finds its way anew
            self.limit = max(fewest, self.limit - 1)
        self.patience.told(now, waited=waited)
        self._send_away(now)
        self._call()

    def enter(self, caller: str) -> bool:
        """Take a place, where there is one; `leave` gives it back.

        Whoever waits has been called as far as there was room for its caller, so nobody is overtaken.
        """
        if self.under_way >= int(self.limit) or not self._fits(caller):
            return False
        self._take(caller)
        return True

    def leave(self, caller: str) -> None:
        """Give a place back; whose turn it is gets it."""
        self.under_way -= 1
        self.patience.served += 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        if len(self.line):
            self._call()

    def join(self, caller: str, seconds: float, now: float, called: "asyncio.Future[bool]") -> Waiter:
        """Stand in the line; or raise Overloaded where that would take too long, or is too much of a caller.

        `seconds` is what the operation may take, waiting included.
        """
        if len(self.line) >= self.most or self.line.of(caller) >= self._share(self.most):
            self.patience.turned_away += 1
            raise self._refusal(caller)
        if not self.patience.takes(self.line.ahead_of(caller), seconds, now):
            raise self._refusal(caller)
        waiter = Waiter(caller, now, self.patience.bound(seconds), called)
        self.line.join(waiter)
        self._joined += 1
        return waiter

    async def turn(self, caller: str, seconds: float) -> float:
        """Wait for a place: the seconds that took. Raises Overloaded where there is none in time."""
        loop = running_loop()
        waiter = self.join(caller, seconds, loop.time(), loop.create_future())
        try:
            taken = await waiter.called
        except asyncio.CancelledError:
            self.give_up(waiter)
            raise
        waited = loop.time() - waiter.since
        if taken and waited < seconds:
            return waited
        if taken:  # a late loop has used up all of its time
            self.leave(caller)
        raise self._refusal(caller)

    def give_up(self, waiter: Waiter) -> None:
        """Leave the line, or give the place back that has come too late."""
        called = waiter.called
        if called.done() and not called.cancelled() and called.result():
            self.leave(waiter.caller)
        else:
            self.line.leave(waiter)

    def _take(self, caller: str) -> None:
        self._held[caller] = self._held.get(caller, 0) + 1
        self.under_way += 1

    def _call(self) -> None:
        """Give places that are free to those whose turn it is."""
        while self.under_way < int(self.limit):
            waiter = self.line.next(self._fits)
            if waiter is None:
                return
            if not waiter.called.done():  # it went away, and has not come to say so yet
                self._take(waiter.caller)
                waiter.called.set_result(True)

    def _send_away(self, now: float) -> None:
        """Refuse those who have waited for too long."""
        for waiter in [each for each in self.line if now - each.since >= each.patience]:
            self.line.leave(waiter)
            self.patience.ran_out(waiter.patience)
            if not waiter.called.done():
                waiter.called.set_result(False)

    def _share(self, limit: float) -> float:
        return limit if self.of_one == 1 else max(1.0, int(limit * self.of_one))

    def _fits(self, caller: str) -> bool:
        """Whether a caller may have one more place, as far as its part goes."""
        return self.of_one == 1 or self._held.get(caller, 0) < max(1, int(self.limit * self.of_one))

    @contextmanager
    def upload(self, caller: str = "") -> Iterator[None]:
        """Take files of a caller, or raise Overloaded: a place comes free after minutes, and who waits for it
        would hold a connection on which a file has begun to come.
        """
        if self.uploads >= UPLOADS:
            raise self._overloaded("uploads")
        with self._part(self._uploads, caller, UPLOADS, "uploads of yours"):
            self.uploads += 1
            try:
                yield
            finally:
                self.uploads -= 1

    @contextmanager
    def following(self, caller: str = "") -> Iterator[None]:
        """Follow events for a caller, or raise Overloaded: they last, so nobody knows when one will end."""
        if self.followers >= self.most_followers:
            raise self._overloaded("subscriptions")
        with self._part(self._following, caller, self.most_followers, "subscriptions of yours"):
            self.followers += 1
            try:
                yield
            finally:
                self.followers -= 1

    @contextmanager
    def _part(self, held: dict[str, int], caller: str, limit: float, what: str) -> Iterator[None]:
        """Count one more of a caller, or raise Overloaded where that is more than its part."""
        if held.get(caller, 0) >= self._share(limit):
            raise self._overloaded(what)
        held[caller] = held.get(caller, 0) + 1
        try:
            yield
        finally:
            held[caller] -= 1
            if not held[caller]:
                del held[caller]

    def _refusal(self, caller: str) -> Overloaded:
        return self._overloaded("operations" if self._fits(caller) else "operations of yours")

    def _overloaded(self, what: str) -> Overloaded:
        self.refused += 1
        return Overloaded(
            f"Too many {what} are under way. Try again in a second.",
            headers={"retry-after": str(RETRY_SECONDS)},
            retry_after=float(RETRY_SECONDS),
        )


async def watch(told: Callable[[float, float], None]) -> None:
    """Measure how late the event loop is, again and again, until cancelled."""
    loop = running_loop()
    while True:
        due = loop.time() + SAMPLE_SECONDS
        await asyncio.sleep(SAMPLE_SECONDS)
        now = loop.time()
        told(max(0.0, now - due), now)
