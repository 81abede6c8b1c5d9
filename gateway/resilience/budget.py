"""How many requests a source may still get. Pure: told the time, never asks for it."""

from collections import deque
from dataclasses import dataclass, field

BACKGROUND_SHARE = 0.5  # of the limit; the rest stays free for callers who wait


@dataclass(slots=True)
class Budget:
    """At most `limit` requests in any `window` seconds, which also keeps every fixed window.

    `limit` None means no limit of our own; what the source says of itself is obeyed all the same.
    """

    limit: int | None
    window: float
    _sent: deque[float] = field(default_factory=deque)
    closed_until: float = 0.0  # the source refuses requests

    def take(self, now: float, calls: int = 1, *, background: bool = False) -> float:
        """Take room for some requests at once: 0.0 when there is, else the seconds until it is worth asking.

        More than the limit is never there at once: then the whole window is waited for.
        """
        if now < self.closed_until:
            return self.closed_until - now
        if self.limit is None:
            return 0.0
        while self._sent and self._sent[0] <= now - self.window:
            self._sent.popleft()
        room = self._room(self.limit, background=background)
        calls = min(calls, room)
        if len(self._sent) + calls <= room:
            self._sent.extend([now] * calls)
            return 0.0
        return self._sent[len(self._sent) + calls - room - 1] + self.window - now

    def wait_for(self, now: float, calls: int, *, background: bool = False) -> float:
        """Seconds until so many calls can have been sent, the last one included, if nobody else sends any."""
        closed = self.closed_for(now)
        if self.limit is None:
            return closed
        room = self._room(self.limit, background=background)
        held = [sent for sent in self._sent if sent > now - self.window]
        later = calls - (room - len(held))
        if later <= 0:
            return closed
        windows, place = divmod(later - 1, room)
        start = held[place] if place < len(held) else now
        return max(closed, start + self.window * (windows + 1) - now)

    def arrived(self, taken_at: float, now: float) -> None:
        """A request that room was taken for has been answered: the source counted it at some time in between.

        From now on it counts from this time, as nobody knows when it arrived.
        """
        if self.limit is not None and now > taken_at and taken_at in self._sent:
            self._sent.remove(taken_at)
            self._sent.append(now)

    def give_back(self, calls: int, taken_at: float) -> None:
        """Requests that room was taken for at a time, and that were not sent."""
        for _ in range(min(calls, self._sent.count(taken_at))):
            self._sent.remove(taken_at)

    def give_back_latest(self, calls: int) -> None:
        """The same for the latest ones, whenever room was taken for them."""
        for _ in range(min(calls, len(self._sent))):
            self._sent.pop()

    def closed_for(self, now: float) -> float:
        """Seconds for which the source refuses requests; 0.0 when it does not."""
        return max(0.0, self.closed_until - now)

    def affordable(self, now: float, until: float) -> int | None:
        """How many requests can be sent from now to then; None without a limit."""
        start = max(now, self.closed_until)
        if start > until:
            return 0
        if self.limit is None:
            return None
        windows, rest = divmod(until - start, self.window)
        held = sum(1 for sent in self._sent if sent > start + rest - self.window)
        return self.limit - held + int(windows) * self.limit

    def remaining(self, now: float) -> int | None:
        """Requests that could be sent now, or None without a limit."""
        if self.limit is None:
            return None
        if now < self.closed_until:
            return 0
        return self.limit - sum(1 for sent in self._sent if sent > now - self.window)

    def told_remaining(self, remaining: int, now: float) -> None:
        """The source says how many requests it still allows: others may use the same key."""
        if self.limit is None:
            return
        unseen = self.limit - remaining - len(self._sent)
        self._sent.extend([now] * max(0, min(unseen, self.limit)))

    def resets_in(self, now: float) -> float:
        """Seconds until all of the limit can be used again; 0.0 when it can be now."""
        last = self._sent[-1] + self.window - now if self._sent and self.limit is not None else 0.0
        return max(0.0, last, self.closed_for(now))

    def told_to_wait(self, seconds: float, now: float) -> None:
        """The source refuses requests for so long; each further one might make it longer."""
        self.closed_until = max(self.closed_until, now + seconds)

    @staticmethod
    def _room(limit: int, *, background: bool) -> int:
        return max(1, int(limit * BACKGROUND_SHARE)) if background else limit
