"""Stops calling a source that keeps failing, and comes back to it carefully. Pure: told the time."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

REMEMBERED: Final = 20  # calls; half of them have to fail
OLDEST: Final = 30.0  # seconds after which a failure is forgotten
ENOUGH: Final = 8  # calls at once that go well before the source counts as well again


class State(Enum):
    """A word of `enum BreakerState`."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(slots=True)
class Breaker:
    """A circuit breaker.

    It opens when `failures` of the latest calls, and at least half of them, have failed. After `cool_down`
    seconds one probe is let through; each that goes well lets twice as many through at once, so that whoever
    has waited does not come back as a stampede. A probe that fails opens it for twice as long.
    """

    failures: int = 5
    cool_down: float = 1.0
    longest: float = 30.0
    state: State = State.CLOSED
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _last_failure: float = 0.0
    _open_until: float = 0.0
    _pause: float = 0.0
    _round: int = 0
    _under_way: int = 0
    _allowed: int = 1
    _hinted_until: float = 0.0

    def refuses_for(self, now: float) -> float:
        """Seconds for which calls are refused; 0.0 when they are not. Ends the cool-down when it is over."""
        if self.state is State.OPEN and now >= self._open_until:
            self.state = State.HALF_OPEN
            self._round += 1
            self._allowed, self._under_way = 1, 0
        return self._open_until - now if self.state is State.OPEN else 0.0

    def enter(self) -> int | None:
        """Take a place for a call; None while as many probes as allowed are under way.

        The number that is returned belongs to the call: 0, or that of the round of probes.
        """
        if self.state is not State.HALF_OPEN:
            return 0
        if self._under_way >= self._allowed:
            return None
        self._under_way += 1
        return self._round

    def succeeded(self, number: int) -> None:
        """A call went well."""
        if self._probes(number):
            self._under_way -= 1
            self._allowed *= 2
            if self._allowed > ENOUGH:
                self.state = State.CLOSED
                self._pause = 0.0
        elif self._recent:
            self._recent.append(True)
            if all(self._recent):
                self._recent.clear()

    def failed(self, number: int, now: float) -> None:
        """A call failed in a way that speaks of the source's health."""
        if self._probes(number):
            self._open(now)
        elif self.state is State.CLOSED:
            if now - self._last_failure > OLDEST:
                self._recent.clear()
            self._last_failure = now
            self._recent.append(False)
            bad = self._recent.count(False)
            if (bad >= self.failures and bad * 2 >= len(self._recent)) or now < self._hinted_until:
                self._open(now)

    def told(self, now: float, seconds: float) -> None:
        """The source itself has said for how long it is in trouble; believed up to the longest pause."""
        if seconds > 0:
            self.state = State.OPEN
            self._recent.clear()
            self._open_until = max(self._open_until, now + min(seconds, self.longest))

    def left(self, number: int) -> None:
        """A call ended without saying anything of the source, such as one whose caller went away."""
        if self._probes(number):
            self._under_way -= 1

    def hinted(self, until: float) -> None:
        """Somebody else has opened: the first failure of our own is enough until then."""
        self._hinted_until = max(self._hinted_until, until)

    def _probes(self, number: int) -> bool:
        return self.state is State.HALF_OPEN and number == self._round

    def _open(self, now: float) -> None:
        self._pause = min(max(self.longest, self.cool_down), self._pause * 2 or self.cool_down)
        self._open_until = now + self._pause
        self.state = State.OPEN
        self._recent.clear()
