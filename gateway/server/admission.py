"""How many operations are carried out at once: as many as keep the event loop quick.

What does not fit is refused at once with 503 and `Retry-After`, which costs little, so that what was taken
is answered at its usual speed. The limit follows the lag of the event loop: a little more while it is
quick, a tenth less whenever it is late (additive increase, multiplicative decrease).
"""

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from gateway.server.problems import Overloaded

FEWEST: Final = 36  # ordinary parallelism of clients meets no refusal, however late the loop is
LAG_SECONDS: Final = 0.02  # of the event loop, above which fewer operations are taken
LESS: Final = 0.9
LITTLE: Final = 0.1  # more at a time while some are refused: one that is full feels its way
MORE: Final = 2.0
RETRY_SECONDS: Final = 1
SAMPLE_SECONDS: Final = 0.02
SMOOTHING: Final = 0.3  # weight of the latest sample
UPLOADS: Final = 8  # files that arrive at once


@dataclass(slots=True, kw_only=True)
class Admission:
    """Counts operations under way, and says whether one more may begin. Pure: told the lag.

    `most` bounds them however quick the loop is: slow sources keep operations waiting, and each holds memory.
    One caller gets the part `of_one` of them, and of the uploads, at most, so that there is always some room
    for the others.
    """

    most: int = 1_000
    of_one: float = 1.0
    limit: float = field(init=False)
    under_way: int = 0
    uploads: int = 0
    most_followers: int = 1_000
    followers: int = 0
    refused: int = 0
    lag: float = 0.0
    _held: dict[str, int] = field(default_factory=dict)
    _uploads: dict[str, int] = field(default_factory=dict)
    _following: dict[str, int] = field(default_factory=dict)
    _refused: int = 0

    def __post_init__(self) -> None:
        self.limit = float(self.most)

    def told(self, lag: float) -> None:
        """The loop was late by so many seconds."""
        self.lag += SMOOTHING * (lag - self.lag)
        fewest = float(min(math.ceil(FEWEST / self.of_one), self.most))
        if self.lag > LAG_SECONDS and self.under_way > fewest:  # fewer are not what makes it late
            self.limit = max(fewest, min(self.limit, self.under_way) * LESS)
        elif self.lag <= LAG_SECONDS / 2:
            more = LITTLE if self.refused > self._refused else MORE
            self.limit = min(float(self.most), self.limit + more)
        self._refused = self.refused

    @contextmanager
    def one(self, caller: str = "") -> Iterator[None]:
        """Carry out an operation of a caller, or raise Overloaded."""
        if self.under_way >= int(self.limit):
            self._refuse("operations")
        with self._part(self._held, caller, self.limit, "operations of yours"):
            self.under_way += 1
            try:
                yield
            finally:
                self.under_way -= 1

    @contextmanager
    def upload(self, caller: str = "") -> Iterator[None]:
        """Take files of a caller, or raise Overloaded."""
        if self.uploads >= UPLOADS:
            self._refuse("uploads")
        with self._part(self._uploads, caller, UPLOADS, "uploads of yours"):
            self.uploads += 1
            try:
                yield
            finally:
                self.uploads -= 1

    @contextmanager
    def _part(self, held: dict[str, int], caller: str, limit: float, what: str) -> Iterator[None]:
        """Count one more of a caller, or raise Overloaded where that is more than its part."""
        if self.of_one < 1 and held.get(caller, 0) >= max(1, int(limit * self.of_one)):
            self._refuse(what)
        held[caller] = held.get(caller, 0) + 1
        try:
            yield
        finally:
            held[caller] -= 1
            if not held[caller]:
                del held[caller]

    @contextmanager
    def following(self, caller: str = "") -> Iterator[None]:
        """Follow events for a caller, or raise Overloaded."""
        if self.followers >= self.most_followers:
            self._refuse("subscriptions")
        with self._part(self._following, caller, self.most_followers, "subscriptions of yours"):
            self.followers += 1
            try:
                yield
            finally:
                self.followers -= 1

    def _refuse(self, what: str) -> None:
        self.refused += 1
        raise Overloaded(
            f"Too many {what} are under way. Try again in a second.",
            headers={"retry-after": str(RETRY_SECONDS)},
            retry_after=float(RETRY_SECONDS),
        )


async def watch(told: Callable[[float], None]) -> None:
    """Measure how late the event loop is, again and again, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + SAMPLE_SECONDS
        await asyncio.sleep(SAMPLE_SECONDS)
        told(max(0.0, loop.time() - due))
