"""What comes back for one request: the parser calls with its parts, and the body is read from here."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

HEAD_BYTES: Final = 100_000  # of a head, or of whatever else comes without any of the body
HELD_BYTES: Final = 256 * 1024  # of a body that has not been read yet; then its source has to wait
FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


class Answer(httpx.AsyncByteStream):
    """The answer to one request, as a stream of its body. Its parser is its own, so nothing stays behind.

    `headed` once the head is there, `ended` once all of it is; `keeps` while nothing speaks against using the
    connection again. `close` is called with it once, when nothing more of it is read from the connection.
    """

    # How each begins.
    headed = False
    ended = False
    _status = 0
    _held = 0  # bytes of the body that nobody has read yet
    _without_body = 0  # bytes since the last of the body
    _interim = False
    _paused = False
    _broken: httpx.TransportError | None = None
    _heard_at = 0.0
    _waiter: asyncio.Future[None] | None = None
    _timer: asyncio.TimerHandle | None = None

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        close: "Callable[[Answer], None]",
        *,
        silence: float | None,
        bodiless: bool,
    ) -> None:
        self.keeps = not bodiless  # the parser would wait for what the head of such an answer announces
        self._transport = transport
        self._loop = loop
        self._close = close
        self._silence = silence
        self._bodiless = bodiless
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []

    # What the connection tells.

    def take(self, data: bytes) -> bool:
        """Take what has come in. Whether it belongs to the answer, and more may follow."""
        parser = self._parser
        if parser is None:
            return False
        if self._silence is not None:
            self._heard_at = self._loop.time()
        self._without_body += len(data)
        try:
            parser.feed_data(data)
            if self._without_body > HEAD_BYTES and not self.ended:
                raise HttpParserError("too much")
        except (HttpParserError, HttpParserUpgrade):
            self.fail(httpx.RemoteProtocolError("What came back is no answer of HTTP/1.1."))
            return False
        if self.headed:
            self._wake()
        return True

    def end(self) -> None:
        """Nothing more will come in: the end of an answer that does not tell its length."""
        if self.headed and not any(name.lower() in FRAMING for name, _ in self._headers):
            self.ended = True
        self.fail(httpx.RemoteProtocolError("The connection was closed before all of the answer was there."))

    def fail(self, broken: httpx.TransportError) -> None:
        """The connection is of no use any more; nor is the answer, unless all of it is there."""
        self.keeps = self._paused = False
        self._parser = None
        if not self.ended and self._broken is None:
            self._broken = broken
        self._wake()

    # What the parser calls; names are those of httptools.

    def on_message_begin(self) -> None:
        """An answer begins: the first one, or after those that only say that it will come."""
        if self.ended:
            raise HttpParserError("an answer to nothing")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; after the body a trailer, which nobody needs."""
        if not self.headed:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """A head is there."""
        parser: Any = self._parser  # it is there, as it calls
        status = self._status = parser.get_status_code()
        if 100 <= status < 200:
            self._interim = True
            self._headers.clear()
            return
        if status < 100 or (self._without_body > HEAD_BYTES and _bytes(self._headers) > HEAD_BYTES):
            raise HttpParserError("not a head that can be taken")
        self._interim = False
        self.keeps = self.keeps and parser.should_keep_alive()
        self.headed = True
        self.ended = self._bodiless

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        if self.ended:
            return
        self._without_body = 0
        self._parts.append(data)
        self._held += len(data)
        if self._held > HELD_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """All of it is there."""
        self.ended = not self._interim

    # What the reader calls.

    def response(self) -> httpx.Response:
        """The answer, of which the head is there. Where all of it is, its connection is free at once."""
        received = Received(self._status, self._headers, self)
        if self.ended and not self._paused:  # most are as small as that
            parts = self._parts
            received.whole = parts[0] if len(parts) == 1 else b"".join(parts)
            self.close()
        return received

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._parts:
            if self.ended:
                raise StopAsyncIteration
            await self.more()
        parts, self._parts, self._held = self._parts, [], 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def aclose(self) -> None:
        """The same as `close`, as httpx asks for it."""
        self.close()

    def close(self) -> None:
        """Leave the connection to others, if all of the answer is there, or close it."""
        self._parser = None
        if self._timer is not None:
            self._timer.cancel()
        self.keeps = self.keeps and self.ended and not self._paused
        left, self._close = self._close, _closed
        left(self)

    def more(self) -> asyncio.Future[None]:
        """What is done when something has come in. Raises a TransportError."""
        if self._broken is not None:
            raise self._broken
        waiter = self._waiter = self._loop.create_future()
        if self._silence is not None:
            self._heard_at = self._loop.time()
            self._timer = self._loop.call_later(self._silence, self._listen)
        return waiter

    def _listen(self) -> None:
        """Give up after too long a silence; else look again when that may have become one."""
        left = self._heard_at + (self._silence or 0.0) - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._listen)
        else:
            self.fail(httpx.ReadTimeout("Nothing came in for too long."))

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        if self._timer is not None:
            self._timer.cancel()


class Received(httpx.Response):
    """An answer as httpx has them, whose list of headers is made where somebody looks for it.

    It begins as one that `httpx.Response` makes, without what that looks at on the way. `whole` is the body
    as it came, where all of it came with the head: then nobody has to wait for it, or close it.
    """

    whole: bytes | None = None
    next_request = None
    is_closed = False
    is_stream_consumed = False
    default_encoding = "utf-8"
    _request = None
    _num_bytes_downloaded = 0
    _made: httpx.Headers | None = None

    def __init__(self, status: int, raw: list[tuple[bytes, bytes]], stream: httpx.AsyncByteStream) -> None:
        self.status_code = status
        self.stream = self._body = stream
        self.extensions = {}
        self.history = []
        self._raw = raw
        by_name = {name.lower(): value for name, value in raw}
        self.by_name = by_name if len(by_name) == len(raw) else _joined(raw)

    async def aclose(self) -> None:
        """Leave the connection to others, or close it."""
        if not self.is_closed:
            self.is_closed = True
            await self._body.aclose()

    @property
    def headers(self) -> httpx.Headers:  # type: ignore[override]
        """All headers."""
        if self._made is None:
            self._made = httpx.Headers(self._raw)
        return self._made


def header(response: httpx.Response, name: bytes) -> str:
    """A header by its name in lower case; the empty text where there is none."""
    if isinstance(response, Received):
        value = response.by_name.get(name)
        return value.decode("latin-1") if value else ""
    return str(response.headers.get(name.decode(), ""))


def _joined(raw: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by their names in lower case; those that come several times as one."""
    found: dict[bytes, bytes] = {}
    for name, value in raw:
        key = name.lower()
        found[key] = b", ".join((found[key], value)) if key in found else value
    return found


def _bytes(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in headers)


def _closed(_: Answer) -> None:
    """It was closed before."""
