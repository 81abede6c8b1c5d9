"""What the three emulators share: switches for faults, and counters of received calls.

Nothing here knows a vendor or the gateway's clients. Tests hold the `Switchboard` of an emulator in the
same process, or reach it over HTTP below `/_emulator`:

    GET    /_emulator/calls          {"requests": 3, "operations": {"getContacts": 4}}
    DELETE /_emulator/calls          set the counters to zero
    PUT    /_emulator/faults/{op}    a Fault as JSON; op "*" means every operation
    DELETE /_emulator/faults         everything works again
    PUT    /_emulator/rate-limit     {"on": false}
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

ANY = "*"
SOCKET = "emulator.socket"  # where a request's scope holds its connection, when there is one
Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one operation.

    `latency` is in seconds and is waited before anything else; alone it only slows the answer down.
    `status` and `body` replace the answer; `reset` breaks the connection before the headers or within
    the body. `after` lets the operation take effect first. `times` ends the fault after that many calls.
    """

    latency: float = 0.0
    status: int | None = None
    body: str | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    reset: Literal["headers", "body"] | None = None
    after: bool = False
    times: int | None = None

    @property
    def replaces(self) -> bool:
        """Whether the caller gets something else than the answer."""
        return self.status is not None or self.body is not None or self.reset is not None

    def response(self) -> Response:
        """What the caller gets instead of the answer."""
        if self.reset is not None:
            return ResetResponse(self.reset)
        return Response(self.body or "", self.status or 200, self.headers, self.content_type)


class ConnectionBroken(Exception):
    """The emulator broke the connection on purpose; in-process transports turn it into a network error."""


class ResetResponse(Response):
    """Breaks the connection, before the headers or in the middle of the body."""

    def __init__(self, where: Literal["headers", "body"]) -> None:
        super().__init__()
        self.where = where

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send what is to be sent, then cut the socket; without a socket, raise."""
        if self.where == "body":
            headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b'{"data": [', "more_body": True})
        socket = scope.get(SOCKET)
        if socket is None:
            raise ConnectionBroken(self.where)
        if self.where == "body":
            await asyncio.sleep(0)
        socket.abort()


@dataclass(slots=True)
class Switchboard:
    """The switches and counters of one emulator."""

    rate_limits: bool = True
    faults: dict[str, Fault] = field(default_factory=dict)
    requests: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    sleep: Sleep = asyncio.sleep

    def fail(self, operation: str = ANY, **fault: Any) -> None:
        """Make an operation fail from now on, as `Fault` says."""
        self.faults[operation] = Fault(**fault)

    def heal(self) -> None:
        """Make everything work again."""
        self.faults.clear()

    def forget(self) -> None:
        """Set the counters to zero."""
        self.requests = 0
        self.operations.clear()

    async def play(self, operations: Sequence[str], answer: Callable[[], Awaitable[Response]]) -> Response:
        """Count one request (of one or, for GraphQL, several operations) and answer it, or fail as set."""
        self.requests += 1
        self.operations.update(operations)
        fault = self._take(operations)
        if fault is None:
            return await answer()
        if fault.latency:
            await self.sleep(fault.latency)
        if not fault.replaces:
            return await answer()
        if fault.after:
            await answer()
        return fault.response()

    def _take(self, operations: Sequence[str]) -> Fault | None:
        for name in (*operations, ANY):
            fault = self.faults.get(name)
            if fault is None:
                continue
            if fault.times is not None:
                left = fault.times - 1
                if left > 0:
                    self.faults[name] = replace(fault, times=left)
                else:
                    del self.faults[name]
            return fault
        return None


def over_sockets(app: ASGIApp) -> ASGIApp:
    """The application, with the connection of each request at hand, so that resets are real ones."""

    async def outermost(scope: Scope, receive: Receive, send: Send) -> None:
        scope[SOCKET] = getattr(getattr(send, "__self__", None), "transport", None)
        await app(scope, receive, send)

    return outermost


def control_routes(board: Switchboard) -> list[Route]:
    """The routes below `/_emulator`; they are never counted and never fail."""

    async def calls(request: Request) -> Response:
        if request.method == "DELETE":
            board.forget()
        return JSONResponse({"requests": board.requests, "operations": dict(board.operations)})

    async def set_fault(request: Request) -> Response:
        try:
            board.fail(request.path_params["operation"], **await request.json())
        except (TypeError, ValueError):
            names = ", ".join(f"`{each.name}`" for each in fields(Fault))
            return PlainTextResponse(f"Send a JSON object with some of {names}.\n", status_code=400)
        return Response(status_code=204)

    async def heal(_: Request) -> Response:
        board.heal()
        return Response(status_code=204)

    async def rate_limit(request: Request) -> Response:
        board.rate_limits = bool((await request.json())["on"])
        return Response(status_code=204)

    return [
        Route("/_emulator/calls", calls, methods=["GET", "DELETE"]),
        Route("/_emulator/faults/{operation}", set_fault, methods=["PUT"]),
        Route("/_emulator/faults", heal, methods=["DELETE"]),
        Route("/_emulator/rate-limit", rate_limit, methods=["PUT"]),
    ]
