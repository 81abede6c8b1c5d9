"""How often the vendor lets us ask: a pure state that is told the time."""

import math
from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class RateLimit:
    """At most `budget` requests within any `window` seconds; who asks more often is locked out.

    The first excess locks for `step` seconds, each further one (while locked or after) for `step` more, up to
    `longest`. Where the vendor is silent we take the strictest reading: the window slides, and past excesses
    are never forgotten.
    """

    budget: int = 180
    window: float = 60.0
    step: float = 60.0
    longest: float = 720.0
    excesses: int = 0
    locks: int = 0
    refused: int = 0
    _answered: deque[float] = field(default_factory=deque)
    _locked_at: float = -math.inf
    _locked_until: float = -math.inf

    def ask(self, now: float) -> int:
        """Count one request: 0 when it may pass, else the seconds until the lock ends."""
        if now >= self._locked_until and self.left(now) > 0:
            self._answered.append(now)
            return 0
        if now >= self._locked_until:
            self.locks += 1
            self._locked_at = now
        self.excesses += 1
        self.refused += 1
        self._locked_until = self._locked_at + min(self.step * self.excesses, self.longest)
        return max(1, math.ceil(self._locked_until - now))

    def left(self, now: float) -> int:
        """How many more requests may pass now."""
        if now < self._locked_until:
            return 0
        while self._answered and now - self._answered[0] >= self.window:
            self._answered.popleft()
        return self.budget - len(self._answered)
