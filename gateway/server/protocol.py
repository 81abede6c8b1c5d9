"""HTTP/1.1 of uvicorn with bounds that it has none for: how long the head of a request may take and how large
it may be, how much may stand around a body and how long that may go on after its answer, how long an answer
may wait to be read, and how many connections are open.
"""

import asyncio
import logging
import resource
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.allowances import Intake
from gateway.server.corked import Corked
from gateway.server.middleware import SECURITY_HEADERS
from gateway.server.unread import Told, Unread

FILES_WANTED: Final = 65_536
HEADERS: Final = "".join(f"{name}: {value}\r\n" for name, value in SECURITY_HEADERS.items()).encode()
SPARE_FILES: Final = 0.25  # of all that may be open, for connections to sources and files

QUIET: Final = logging.getLogger("uvicorn.protocol")  # callers must not fill the log; metrics count them
QUIET.setLevel(logging.ERROR)


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


class Guarded(Unread, HttpToolsProtocol):
    """One connection."""

    most: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = QUIET
        self._taken = False
        self._in_head = False
        self._whole = True  # the body of the latest request has come to its end
        self._held = False  # what came last held some of a body, or the end of a head or body
        self._empty = 0  # bytes since then: of a head, of blank lines, of what stands around a body
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless there are too many."""
        if len(self.connections) >= self.most:
            self.told("connections")
            transport.abort()
            return
        self._taken = True
        super().connection_made(transport)
        self.transport: Any = Corked(transport)
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
        self._held = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        self._empty = 0 if self._held else self._empty + len(data)
        if self._empty > self.intake.header_bytes:
            self.told("header_bytes")
            self._refuse(
                b"431 Request Header Fields Too Large",
                "PAYLOAD_TOO_LARGE",
                f"The head of the request has more than {self.intake.header_bytes} bytes.",
            )
        elif self._timer is None and self._whole and (self._in_head or not self._held):
            self._start(self.intake.head_seconds, "head_seconds")

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; those after a body are left out, as the application would take them for the others."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._stop()
        self._in_head, self._whole, self._held = False, False, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of a body has come."""
        self._held = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._stop()
        self._whole = self._held = True
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to a socket, which writes frames as they are."""
        self.transport = self.transport.bare
        super().handle_websocket_upgrade()

    def on_response_complete(self) -> None:
        """The answer is whole. A body that goes on all the same is waited for a moment."""
        self.transport.flush()
        super().on_response_complete()
        if not self._whole and not self._busy and not self.transport.is_closing():
            self._start(self.intake.linger_seconds, "body_seconds")

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse what is not HTTP, in the form of all other answers."""
        self.told("malformed")
        self._refuse(b"400 Bad Request", "BAD_REQUEST", "This is no request of HTTP/1.1.")

    @property
    def _busy(self) -> bool:
        """Whether an answer is under way."""
        begun = self.cycle is not None  # before the first request it is
        return begun and not self.cycle.response_complete

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
        if self._busy:  # the head of another request waits behind this one
            self._start(self.intake.head_seconds, bound)
            return
        self.told(bound)
        if self._in_head:
            seconds = self.intake.head_seconds
            text = f"The head of the request did not arrive within {seconds:.0f} seconds."
            self._refuse(b"408 Request Timeout", "BAD_REQUEST", text)
        else:
            self.transport.close()

    def _refuse(self, status: bytes, code: str, message: str) -> None:
        """Answer without the application, unless that has begun to, and end the connection."""
        if not self._busy or not self.cycle.response_started:
            body = orjson.dumps({"errors": [{"message": message, "extensions": {"code": code}}]})
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\ncontent-type: application/json; charset=utf-8\r\n"
                b"content-length: "
                + str(len(body)).encode()
                + b"\r\nconnection: close\r\n"
                + HEADERS
                + b"\r\n"
                + body
            )
        if self._busy:
            self.cycle.disconnected = True  # else it would answer as well
            self.cycle.message_event.set()
        self.transport.close()
