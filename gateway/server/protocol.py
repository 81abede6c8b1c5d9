"""HTTP/1.1 of uvicorn with bounds that it has none for: how long the head of a request may take and how large
it may be, how long a body may go on after its answer, and how many connections are open.
"""

import asyncio
import resource
from collections.abc import Callable
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.allowances import Intake

FILES_WANTED: Final = 65_536
LINGER_SECONDS: Final = 5.0  # that a body may go on after its answer, so that its sender can read that
SPARE_FILES: Final = 0.25  # of all that may be open, for connections to sources and files

Told = Callable[[str], None]


def guarded(intake: Intake, told: Told = lambda _: None) -> type[asyncio.Protocol]:
    """The protocol with these bounds; `told` hears the name of each one that was met."""
    most = connections()

    class Bounded(Guarded):
        """With the bounds of this gateway."""

    Bounded.intake, Bounded.told, Bounded.most = intake, staticmethod(told), most
    return Bounded


def connections() -> int:
    """How many connections may be open, after asking the system for as many files as it gives."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, FILES_WANTED)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(1, int(max(soft, wanted) * (1 - SPARE_FILES)))


class Guarded(HttpToolsProtocol):
    """One connection."""

    intake: Intake
    told: Told
    most: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._taken = False
        self._in_head = True
        self._head_bytes = 0
        self._whole = True  # the body of the latest request has come to its end
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless there are too many."""
        if len(self.connections) >= self.most:
            self.told("connections")
            transport.abort()
            return
        self._taken = True
        super().connection_made(transport)
        self._start(self.intake.head_seconds, "head_seconds")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._stop()
        if self._taken:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come; a head that is not whole yet has so long, and may become so large."""
        if not self._taken or self.transport.is_closing():
            return
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.intake.header_bytes:
            self.told("header_bytes")
            self._refuse(
                b"431 Request Header Fields Too Large",
                "PAYLOAD_TOO_LARGE",
                f"The head of the request has more than {self.intake.header_bytes} bytes.",
            )
        elif self._timer is None:
            self._start(self.intake.head_seconds, "head_seconds")

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._stop()
        self._in_head, self._whole, self._head_bytes = False, False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_head = self._whole = True
        self._stop()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is whole. A body that goes on all the same is waited for a moment."""
        super().on_response_complete()
        if not self._whole and not self.transport.is_closing():
            self._start(LINGER_SECONDS, "body_seconds")

    def _start(self, seconds: float, bound: str) -> None:
        self._stop()
        self._timer = self.loop.call_later(seconds, self._too_late, bound)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self, bound: str) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        self.told(bound)
        if self._head_bytes and self._in_head:
            seconds = self.intake.head_seconds
            text = f"The head of the request did not arrive within {seconds:.0f} seconds."
            self._refuse(b"408 Request Timeout", "BAD_REQUEST", text)
        else:
            self.transport.close()

    def _refuse(self, status: bytes, code: str, message: str) -> None:
        """Answer without the application, which has not seen the request, and end the connection."""
        body = orjson.dumps({"errors": [{"message": message, "extensions": {"code": code}}]})
        self.transport.write(
            b"HTTP/1.1 " + status + b"\r\ncontent-type: application/json; charset=utf-8\r\n"
            b"content-length: " + str(len(body)).encode() + b"\r\nconnection: close\r\n\r\n" + body
        )
        self.transport.close()
