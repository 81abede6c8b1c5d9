"""Counts what one operation cost: a listener of events."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.events import Event, Listener, StaleServed, UpstreamCalled, UpstreamSpared


@dataclass(slots=True, eq=False)
class CostMeter:
    """Calls and spared calls of one operation, for each source: `[calls, hits]`; and of each that failed
    the oldest answer that stood in.
    """

    sources: dict[str, list[int]] = field(default_factory=dict)
    stale: dict[str, StaleServed] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        """Hear an event."""
        if isinstance(event, UpstreamCalled):
            self.sources.setdefault(event.source, [0, 0])[0] += 1
        elif isinstance(event, UpstreamSpared):
            self.sources.setdefault(event.source, [0, 0])[1] += event.answers
        elif isinstance(event, StaleServed):
            held = self.stale.get(event.source)
            if held is None or event.at < held.at:
                self.stale[event.source] = event

    def add(self, other: "CostMeter") -> None:
        """Count what another one has counted as well."""
        for source, (calls, hits) in other.sources.items():
            held = self.sources.setdefault(source, [0, 0])
            held[0] += calls
            held[1] += hits

    def spared(self, hear: Listener) -> "CostMeter":
        """What it costs whoever gets the same answer without a call; told to one who hears it."""
        found = CostMeter()
        for source, (calls, hits) in self.sources.items():
            found.sources[source] = [0, calls + hits]
            hear(UpstreamSpared(source, "in flight", calls + hits))
        return found

    def warnings(self) -> list[dict[str, Any]]:
        """One for each source that failed and of which older answers were used."""
        return [_stale(event) for _, event in sorted(self.stale.items())]

    @property
    def calls(self) -> int:
        """Calls of all sources."""
        return sum([calls for calls, _ in self.sources.values()])

    @property
    def hits(self) -> int:
        """Spared calls of all sources."""
        return sum([hits for _, hits in self.sources.values()])

    def report(self) -> dict[str, Any]:
        """What stands in `extensions.cost`."""
        return {
            "upstreamCalls": self.calls,
            "cacheHits": self.hits,
            "perSource": {
                source: {"calls": calls, "cacheHits": hits}
                for source, (calls, hits) in sorted(self.sources.items())
            },
        }


def _stale(event: StaleServed) -> dict[str, Any]:
    seen = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    warning: dict[str, Any] = {
        "message": f"{event.source} does not answer ({event.error}). Some of this is as it was at {seen}.",
        "code": "STALE",
        "source": event.source,
    }
    if event.retry_after is not None:
        warning["retryAfterSeconds"] = round(event.retry_after, 3)
    return warning
