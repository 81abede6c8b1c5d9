"""Whether the process is alive, and able to serve."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.federation.directory import Directory


def alive(_: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "alive"}, headers={"cache-control": "no-store"})


@dataclass(frozen=True, slots=True)
class Ready:
    """Able to serve. The states of the sources stand in the body and never take a replica out."""

    directories: Callable[[], Sequence[Directory]]

    async def answer(self, _: Request) -> Response:
        """The state of every source of every account."""
        accounts = {
            directory.account: {
                source.value: directory.health.of(source.value).status for source in directory.upstreams
            }
            for directory in self.directories()
        }
        return JSONResponse({"status": "ready", "accounts": accounts}, headers={"cache-control": "no-store"})
