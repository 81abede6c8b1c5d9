"""What every request passes on its way in, outermost first: an id, and a line in the access log."""

import re
import time
import uuid
from collections.abc import Callable, Collection
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type

from gateway.server.auth import check_open_mode, check_origin
from gateway.server.negotiation import GRAPHQL, MIXED
from gateway.server.problems import REQUEST_ID, HeadersTooLarge, Refusal, answer, note
from gateway.server.refusals import CODES, STATE, Refusals
from gateway.telemetry.logs import access

AGENT: Final = re.compile(rb"[0-9A-Za-z_.-]{1,40}(?:/[0-9A-Za-z_.-]{1,20})?(?= |$)")
FITTING_ID: Final = re.compile(rb"[0-9A-Za-z_.:-]{1,128}")

SECURITY_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",  # the explorer has its own
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}


PACKING: Final[dict[str, Any]] = {  # quickly, and not what is short
    "minimum_size": 1_024,
    "zstd_level": 1,
    "brotli_quality": 2,
    "gzip_level": 2,
}
add_compress_type(GRAPHQL)
add_compress_type(MIXED, streaming=True)  # each part leaves at once


class RequestId:
    """Gives every request an id: its own, where that is fit for a log line, else a new one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and echo its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = asked.decode() if FITTING_ID.fullmatch(asked) else uuid.uuid4().hex
        scope.setdefault("state", {})[REQUEST_ID] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_id)


class HeaderLimit:
    """Refuses requests whose line and headers are larger than allowed."""

    def __init__(self, app: ASGIApp, most: int, told: Callable[[str], None]) -> None:
        self._app = app
        self._most = most
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it, and tell which bound it met."""
        size = sum(len(name) + len(value) for name, value in scope.get("headers", ()))
        size += len(scope.get("raw_path") or b"") + len(scope.get("query_string", b""))
        if size > self._most and scope["type"] == "http":
            refusal = HeadersTooLarge(f"The headers have {size} bytes; at most {self._most} are taken.")
            self._told(refusal.bound)
            await answer(refusal, scope)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class OpenModeGuard:
    """Refuses what must not reach a gateway without keys, whatever the path. `origins` are those that may."""

    def __init__(self, app: ASGIApp, origins: Collection[str] = ()) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] in {"http", "websocket"}:
            try:
                check_open_mode(Headers(scope=scope), self._origins)
            except Refusal as refusal:
                await _refused(refusal, scope, receive, send)
                return
        await self._app(scope, receive, send)


class SocketOrigin:
    """Refuses sockets that pages of other origins open. `origins` are those that may."""

    def __init__(self, app: ASGIApp, origins: Collection[str] = ()) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the socket on, or refuse it."""
        if scope["type"] == "websocket":
            try:
                check_origin(Headers(scope=scope), self._origins)
            except Refusal as refusal:
                await _refused(refusal, scope, receive, send)
                return
        await self._app(scope, receive, send)


class AccessLog:
    """Writes one line for every request: what was asked of which path, the status, and how long it took."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        noted: dict[str, Any] = {"status": 0}

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                noted["status"] = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            state = scope.get("state", {})
            access(
                request_id=state.get(REQUEST_ID, ""),
                method=scope["method"],
                path=scope["path"],
                status=noted["status"],
                seconds=time.perf_counter() - started,
                details={
                    "client": (scope.get("client") or ("",))[0],
                    "agent": _agent(scope),
                    **state.get("log", {}),
                },
            )


class Audited:
    """Passes refusals on to the audit trail."""

    def __init__(self, app: ASGIApp, refusals: Refusals) -> None:
        self._app = app
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note where it was refused."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        try:
            await self._app(scope, receive, send)
        finally:
            refused = state.get(STATE)
            if refused is not None and refused.code in CODES:
                client = (scope.get("client") or ("",))[0]
                self._refusals.note(refused, state.get(REQUEST_ID, ""), client)


def _agent(scope: Scope) -> str | None:
    """The program that sent the request, as it names itself: its first word, where that is fit for a line."""
    said = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
    found = AGENT.match(said)
    return found[0].decode() if found else None


class Packed:
    """Packs answers for those who accept that; with zstd only where br is not taken.

    A client library for Node that many tools use (@whatwg-node/fetch) says that it takes zstd, also on Node
    20, which cannot.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = CompressMiddleware(app, **PACKING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            scope = {**scope, "headers": [_without_zstd(*header) for header in scope["headers"]]}
        await self._app(scope, receive, send)


def _without_zstd(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    other = name == b"accept-encoding" and b"br" in value
    return (name, value.replace(b"zstd", b"x-zstd")) if other else (name, value)


async def _refused(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or close a socket before it is open, which its client sees as 403."""
    if scope["type"] == "websocket":
        note(refusal, scope)
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.message})
        return
    await answer(refusal, scope)(scope, receive, send)
