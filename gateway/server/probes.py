"""Whether the process is alive, and able to serve."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.federation.directory import Directory

WORST_LAST = ("UNKNOWN", "UP", "DEGRADED", "DOWN")
BEST = WORST_LAST[0]


def alive(_: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "alive"}, headers={"cache-control": "no-store"})


@dataclass(frozen=True, slots=True)
class Ready:
    """Able to serve. The states of the sources, and of what replicas share, stand in the body and never take
    a replica out. `shared` is None where nothing is shared.
    """

    directories: Callable[[], Sequence[Directory]]
    shared: Callable[[], bool | None]

    async def answer(self, _: Request) -> Response:
        """The state of every source; of several accounts the worst, and none of their names."""
        sources: dict[str, str] = {}
        for directory in self.directories():
            for source in directory.upstreams:
                states = (sources.get(source.value, BEST), directory.health.of(source.value).status)
                sources[source.value] = max(states, key=WORST_LAST.index)
        body: dict[str, Any] = {"status": "ready", "sources": sources}
        shared = self.shared()
        if shared is not None:
            body["sharedState"] = "UP" if shared else "DOWN"
        return JSONResponse(body, headers={"cache-control": "no-store"})
