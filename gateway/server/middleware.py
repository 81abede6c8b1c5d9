"""What every request passes on its way in."""

import os
import re
import time
from collections.abc import Callable, Collection
from itertools import chain
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type

from gateway.server.auth import check_open_mode, check_origin
from gateway.server.negotiation import GRAPHQL, MIXED
from gateway.server.problems import REQUEST_ID, HeadersTooLarge, Refusal, answer, note
from gateway.server.refusals import CODES, STATE, Refusals
from gateway.telemetry.logs import access

AGENT: Final = re.compile(rb"[0-9A-Za-z_.-]{1,40}(?:/[0-9A-Za-z_.-]{1,20})?(?= |$)")
ACCEPT_ENCODING: Final = b"Accept-Encoding"
FITTING_ID: Final = re.compile(rb"[0-9A-Za-z_.:-]{1,128}")

SECURITY_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",  # the explorer has its own
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
RAW_SECURITY_HEADERS: Final = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
SECURITY_NAMES: Final = frozenset(name for name, _ in RAW_SECURITY_HEADERS)

PACKING: Final[dict[str, Any]] = {  # quickly, and not what is short
    "minimum_size": 1_024,
    "zstd_level": 1,
    "brotli_quality": 2,
    "gzip_level": 2,
}
add_compress_type(GRAPHQL)
add_compress_type(MIXED, streaming=True)  # each part leaves at once


class Front:
    """The outermost layer: an id for every request, a bound for its head, a line in the log, the audit trail.

    One layer, as each costs every request. The id is the caller's own, where that is fit for a log line.
    `told` hears of heads that are too large, `refusals` of what is for the audit trail.
    """

    def __init__(self, app: ASGIApp, most: int, told: Callable[[str], None], refusals: Refusals) -> None:
        self._app = app
        self._most = most
        self._told = told
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its id, and note how it went."""
        if scope["type"] != "http":
            await self._beside(scope, receive, send)
            return
        started = time.perf_counter()
        size, asked, agent = _head(scope)
        request_id = asked.decode() if FITTING_ID.fullmatch(asked) else os.urandom(16).hex()
        state = scope.setdefault("state", {})
        state[REQUEST_ID] = request_id
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_id(message.get("headers", ()), request_id)
            await send(message)

        try:
            if size > self._most:
                refusal = HeadersTooLarge(f"The headers have {size} bytes; at most {self._most} are taken.")
                self._told(refusal.bound)
                await answer(refusal, scope)(scope, receive, send_with_id)
            else:
                await self._app(scope, receive, send_with_id)
        finally:
            self._note(scope)
            access(
                request_id=request_id,
                method=scope["method"],
                path=scope["path"],
                status=status,
                seconds=time.perf_counter() - started,
                details={
                    "client": (scope.get("client") or ("",))[0],
                    "agent": agent,
                    **state.get("log", {}),
                },
            )

    async def _beside(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A socket, whose refusals are noted, or the life of the application."""
        scope.setdefault("state", {})
        try:
            await self._app(scope, receive, send)
        finally:
            if scope["type"] == "websocket":
                self._note(scope)

    def _note(self, scope: Scope) -> None:
        """Tell the audit trail of a refusal."""
        refused = scope["state"].get(STATE)
        if refused is not None and refused.code in CODES:
            client = (scope.get("client") or ("",))[0]
            self._refusals.note(refused, scope["state"].get(REQUEST_ID, ""), client)


def _head(scope: Scope) -> tuple[int, bytes, str | None]:
    """The size of the head of a request, the id that it asks for, and the program that sent it, as that names
    itself: its first word, where that is fit for a line.
    """
    size = len(scope.get("raw_path") or b"") + len(scope.get("query_string", b""))
    size += sum(map(len, chain.from_iterable(scope["headers"])))
    first = dict(reversed(scope["headers"]))
    found = AGENT.match(first.get(b"user-agent", b""))
    return size, first.get(b"x-request-id", b""), found[0].decode() if found else None


def _with_id(headers: Collection[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with the id of its request, and what browsers are told by default."""
    said = dict(headers)
    if b"x-request-id" in said:
        headers = [header for header in headers if header[0] != b"x-request-id"]
    missing = RAW_SECURITY_HEADERS
    if not said.keys().isdisjoint(SECURITY_NAMES):
        missing = [header for header in missing if header[0] not in said]
    return [*headers, (b"x-request-id", request_id.encode()), *missing]


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


class Packed:
    """Packs answers for those who accept that; with zstd only where br is not taken.

    A client library for Node that many tools use (@whatwg-node/fetch) says that it takes zstd, also on Node
    20, which cannot.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._packing = CompressMiddleware(app, **PACKING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._plain(scope, receive, send)
        elif b"accept-encoding" in dict(scope["headers"]):
            headers = [_without_zstd(*header) for header in scope["headers"]]
            await self._packing({**scope, "headers": headers}, receive, send)
        else:
            await self._plain(scope, receive, _told_to_vary(send))


def _without_zstd(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    other = name == b"accept-encoding" and b"br" in value
    return (name, value.replace(b"zstd", b"x-zstd")) if other else (name, value)


def _told_to_vary(send: Send) -> Send:
    """Say of an answer that is not packed, and large enough for it, that others would get it packed."""

    async def send_and_tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            said = dict(headers)
            if int(said.get(b"content-length", b"0")) >= PACKING["minimum_size"]:
                others = [each for each in headers if each[0] != b"vary"]
                varies = said[b"vary"] + b", " if b"vary" in said else b""
                message["headers"] = [*others, (b"vary", varies + ACCEPT_ENCODING)]
        await send(message)

    return send_and_tell


async def _refused(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or close a socket before it is open, which its client sees as 403."""
    if scope["type"] == "websocket":
        note(refusal, scope)
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.message})
        return
    await answer(refusal, scope)(scope, receive, send)


class Straight:
    """Leads requests for one path to their application, past a router that would look for it."""

    def __init__(self, app: ASGIApp, path: str, straight: ASGIApp) -> None:
        self._app = app
        self._path = path
        self._straight = straight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        here = scope["type"] == "http" and scope["path"] == self._path and not scope.get("root_path")
        await (self._straight if here else self._app)(scope, receive, send)
