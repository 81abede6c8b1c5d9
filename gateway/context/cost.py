"""Counts what one operation cost: a listener of events."""

from dataclasses import dataclass, field
from typing import Any

from gateway.events import Event, UpstreamCalled, UpstreamSpared


@dataclass(slots=True, eq=False)
class CostMeter:
    """Calls and spared calls of one operation, for each source: `[calls, hits]`."""

    sources: dict[str, list[int]] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        """Hear an event."""
        if isinstance(event, UpstreamCalled):
            self.sources.setdefault(event.source, [0, 0])[0] += 1
        elif isinstance(event, UpstreamSpared):
            self.sources.setdefault(event.source, [0, 0])[1] += 1

    def report(self) -> dict[str, Any]:
        """What stands in `extensions.cost`."""
        return {
            "upstreamCalls": sum(calls for calls, _ in self.sources.values()),
            "cacheHits": sum(hits for _, hits in self.sources.values()),
            "perSource": {
                source: {"calls": calls, "cacheHits": hits}
                for source, (calls, hits) in sorted(self.sources.items())
            },
        }
