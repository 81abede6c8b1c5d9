"""Answers in several parts over HTTP: event streams (GraphQL over SSE, distinct connections), and multipart
for incremental delivery and for subscriptions of routers.

The head is sent with the first part, so that what is refused before it has a status of its own.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from starlette.types import Send

from gateway.engine.compiled import telling
from gateway.server.negotiation import EVENT_STREAM, MIXED, parameters_of, wants

BEAT_SECONDS: Final = 12.0  # without a part, after which something is sent so that the connection is kept
FORMAT: Final = "v0.2"  # of incremental delivery: pending, incremental, completed
BOUNDARY: Final = b"\r\n---"
HEAD: Final = b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n"  # of one part
UNBUFFERED: Final = {"cache-control": "private, no-store", "vary": "Accept", "x-accel-buffering": "no"}


class _Streamed(ABC):
    """The body of an answer that is sent piece by piece. `beat` is sent now and then, where there is one."""

    content_type: str
    opening: bytes
    beat: bytes = b""
    end: bytes

    def __init__(self, send: Send) -> None:
        self._send = send
        self._sending = asyncio.Lock()
        self._beating: asyncio.Task[None] | None = None
        self.begun = False

    async def begin(self) -> None:
        """Send the head."""
        if self.begun:
            return
        self.begun = True
        headers = {"content-type": self.content_type, **UNBUFFERED}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": raw})
        await self._write(self.opening)
        if self.beat:
            self._beating = asyncio.create_task(self._beat())

    async def emit(self, body: dict[str, Any]) -> None:
        """Send one part."""
        await self.begin()
        await self._write(self.framed(telling.write(body)))

    async def close(self, *, complete: bool) -> None:
        """End the body; `complete` where nothing is missing."""
        if self._beating is not None:
            self._beating.cancel()
        if self.begun:
            await self._write(self.end if complete else b"", more=False)

    @abstractmethod
    def framed(self, text: bytes) -> bytes:
        """One part."""

    async def _write(self, body: bytes, *, more: bool = True) -> None:
        async with self._sending:
            await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await self._write(self.beat)


class EventStream(_Streamed):
    """Server-sent events: `next` for each part, `complete` in the end."""

    incremental = False
    subscriptions = True
    content_type = "text/event-stream; charset=utf-8"
    opening = beat = b":\n\n"
    end = b"event: complete\ndata: \n\n"

    def framed(self, text: bytes) -> bytes:
        """One event; JSON has no line breaks."""
        return b"event: next\ndata: " + text + b"\n\n"


class Mixed(_Streamed):
    """Parts of a multipart body, each followed by its boundary, so that it is read at once."""

    subscriptions = False
    incremental = True
    content_type = f'{MIXED}; boundary="-"; incrementalSpec={FORMAT}'
    opening = BOUNDARY
    end = b"--\r\n"

    def framed(self, text: bytes) -> bytes:
        """One part."""
        return HEAD + text + BOUNDARY


class MixedEvents(Mixed):
    """The same for subscriptions of routers: payloads, and empty parts to keep the connection."""

    subscriptions = True
    incremental = False
    content_type = f'{MIXED}; boundary="-"; subscriptionSpec=1.0'
    beat = HEAD + b"{}" + BOUNDARY

    def framed(self, text: bytes) -> bytes:
        """One part."""
        return super().framed(b'{"payload":' + text + b"}")


def chosen(accept: str | None, send: Send) -> EventStream | Mixed | None:
    """Where an answer in parts can go, by what the caller accepts; None where it takes a whole one only."""
    if wants(accept, EVENT_STREAM):
        return EventStream(send)
    parameters: Mapping[str, str] | None = parameters_of(accept, MIXED)
    if parameters is None:
        return None
    if "subscriptionspec" in parameters:
        return MixedEvents(send)
    if parameters.get("deferspec") or parameters.get("incrementalspec", FORMAT) != FORMAT:
        return None  # an older form, which is not spoken: the answer comes as a whole
    return Mixed(send)
