"""How long a request may wait for a place: what would wait longer is refused when it comes. Pure.

A crowd may wait for seconds, as its requests still come in time. Where the line is too long again and again,
more comes than can be carried out, and waiting helps nobody: then it is kept short for a while.
"""

import math
from dataclasses import dataclass, field
from typing import Final

COUNT_SECONDS: Final = 1.0  # over which it is counted how many get a place, and how many do not
LONGEST: Final = 10.0  # seconds in the line: a thousand requests, where a hundred a second are answered
PART: Final = 1 / 3  # of an operation's time, that it spends there at most
SHORT: Final = 0.5  # seconds in the line while it is kept short
SMOOTHING: Final = 0.3  # weight of the latest count
SPELL: Final = 30.0  # seconds for which it is kept short; then a crowd may wait again
TOO_OFTEN: Final = 3  # counts in a row in which the line was too long


@dataclass(slots=True)
class Patience:
    """Learns how quickly the line moves, and tells who would wait in vain. `seconds` is what an operation
    gets whose caller names no time.
    """

    seconds: float = math.inf
    longest: float = field(init=False)
    rate: float | None = None  # places that come free in a second; known once some have waited for a while
    served: int = 0  # places that came free since the latest count
    turned_away: int = 0  # who did not get one, as the line was too long
    _counted: float | None = None
    _too_long: int = 0
    _short_until: float = -math.inf

    def __post_init__(self) -> None:
        self.longest = self.bound(self.seconds)

    def bound(self, seconds: float) -> float:
        """How long an operation may wait that may take so many seconds in all."""
        return min(seconds * PART, LONGEST)

    def told(self, now: float, *, waited: bool) -> None:
        """Count, once in a while. Where nobody waits, places that come free say only how many ask."""
        if not waited:
            self.rate = self._counted = None
            self._too_long = 0
            return
        passed = 0.0 if self._counted is None else now - self._counted
        if passed >= COUNT_SECONDS:
            rate = self.served / passed
            self.rate = rate if self.rate is None else self.rate + SMOOTHING * (rate - self.rate)
            self._too_long = self._too_long + 1 if self.turned_away else 0
            if self._too_long >= TOO_OFTEN and now >= self._short_until:
                self._short_until = now + SPELL
        if self._counted is None or passed >= COUNT_SECONDS:
            self._counted, self.served, self.turned_away = now, 0, 0

    def takes(self, ahead: int, seconds: float, now: float) -> bool:
        """Whether somebody with so many ahead gets a place in time; an operation may take so many seconds."""
        expected = self._expected(ahead)
        if expected > self.longest:
            self.turned_away += 1
            return False
        return expected <= min(self.bound(seconds), SHORT if now < self._short_until else LONGEST)

    def ran_out(self, seconds: float) -> None:
        """Somebody has waited so long in vain; who had little time says nothing of the line."""
        self.turned_away += seconds >= self.longest

    def _expected(self, ahead: int) -> float:
        """Seconds until a place comes free; none while that is not known."""
        if self.rate is None or not ahead:
            return 0.0
        return ahead / self.rate if self.rate else math.inf
