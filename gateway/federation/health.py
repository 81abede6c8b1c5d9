"""How the latest calls of each source went. A listener of events; pure but for being told."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.events import Event, UpstreamCalled

REFUSED = frozenset({401, 403, 429})
MEASURED = 200  # calls of which the time is remembered
REMEMBERED = 5  # calls; a source whose last ones all failed is DOWN


@dataclass(slots=True)
class Health:
    """The state of one source. `last_error` is a code and a status, never a text of the source."""

    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    last_error: str | None = None
    last_ok_at: str | None = None
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=MEASURED))

    def latency(self, share: float) -> float | None:
        """The seconds within which this share of the latest answers came; None before the first."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None

    @property
    def status(self) -> str:
        """A word of `enum SourceStatus`."""
        if not self.recent:
            return "UNKNOWN"
        if self.recent[-1]:
            return "UP"
        return "DEGRADED" if any(self.recent) else "DOWN"

    def hear(self, call: UpstreamCalled, now: str) -> None:
        """Learn from a call that has ended. A 4xx other than 401, 403 and 429 is a proper answer."""
        status = call.status
        ok = call.error is None and (status is None or (status < 500 and status not in REFUSED))
        self.recent.append(ok)
        if status is not None:
            self.seconds.append(call.seconds)
        if ok:
            self.last_ok_at = now
            self.last_error = None
        else:
            self.last_error = call.error or f"answered {status} to {call.operation}"


@dataclass(slots=True, eq=False)
class HealthBoard:
    """The health of every source of one account; call it with events."""

    now: Callable[[], str]
    sources: dict[str, Health] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        """Hear an event."""
        if isinstance(event, UpstreamCalled) and not event.cancelled:
            self.of(event.source).hear(event, self.now())

    def of(self, source: str) -> Health:
        """The health of a source."""
        found = self.sources.get(source)
        if found is None:
            found = self.sources[source] = Health()
        return found
