"""One connection, with one exchange at a time."""

import asyncio
import select
import socket
from collections.abc import Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import cast

import httpx

from gateway.loop import running_loop
from gateway.network.answer import Answer
from gateway.network.prepared import Origin
from gateway.network.sending import Pieces

Seconds = Mapping[str, float | None]
"""The extension `timeout` of httpx: `connect`, `read`, `write` and `pool`."""


class Connection(asyncio.Protocol):
    """One connection. Whatever comes in unasked closes it.

    `released` is called after an exchange that left it fit for another one, `lost` when it is closed, maybe
    more than once.
    """

    def __init__(
        self,
        origin: Origin,
        released: "Callable[[Connection], None]",
        lost: "Callable[[Connection], None]",
    ) -> None:
        self.origin = origin
        self.loop = running_loop()
        self.kept_until = 0.0
        self._released = released
        self._lost = lost
        self._answer: Answer | None = None
        self._closed = False  # the event loop's own word for it is not to be had from every transport
        self._room = asyncio.Event()  # for more of a request
        self._room.set()
        self._transport: asyncio.Transport
        self._has_come: Callable[[], object]

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)
        self._has_come = _looking_at(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        """Bytes have come in."""
        answer = self._answer
        if answer is None or not answer.take(data):
            self.abort()
        elif answer.headed:
            self._room.set()  # who is answered already need not send the rest

    def eof_received(self) -> None:
        """The source has closed its side; the event loop closes ours."""
        self._closed = True
        if self._answer is not None:
            self._answer.end()

    def connection_lost(self, _: Exception | None) -> None:
        """It is closed."""
        self._closed = True
        if self._answer is not None:
            self._answer.fail(httpx.ReadError("The connection broke."))
        self._room.set()
        self._lost(self)

    def pause_writing(self) -> None:
        """The source takes no more at the moment."""
        self._room.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._room.set()

    # What the transport and the pool call.

    @property
    def idle(self) -> bool:
        """Whether it can be used: it is open, and nothing lies in it, not even its end."""
        return not self._closed and not self._has_come()

    async def ask(
        self, first: bytes, rest: Pieces | None, seconds: Seconds, *, bodiless: bool
    ) -> httpx.Response:
        """Send the `first` bytes of a request and the `rest`, and wait for the head of its answer, which is
        `bodiless` whatever that announces. Raises a TransportError.

        The connection is free when the answer is closed, at once where all of it came with its head.
        """
        answer = Answer(
            self._transport, self.loop, self._close, silence=seconds.get("read"), bodiless=bodiless
        )
        try:
            if self._closed:
                raise httpx.ConnectError("The connection was closed before anything was sent.")
            self._answer = answer
            self._transport.write(first)
            if rest is not None:
                await self._send(rest, answer, seconds.get("write"))
            while not answer.headed:
                await answer.more()
            return answer.response()
        except BaseException:
            answer.keeps = False
            answer.close()
            raise

    def abort(self) -> None:
        """Close it at once."""
        self._closed = True
        self._transport.abort()
        self._lost(self)

    async def _send(self, rest: Pieces, answer: Answer, seconds: float | None) -> None:
        """Send a request piece by piece, as fast as the source takes it, until it answers."""
        async with aclosing(rest) as pieces:
            async for piece in pieces:
                if answer.headed or self._closed:
                    answer.keeps = False
                    break
                self._transport.write(piece)
                try:
                    async with asyncio.timeout(seconds):
                        await self._room.wait()
                except TimeoutError:
                    raise httpx.WriteTimeout("The source takes no more of the request.") from None

    def _close(self, answer: Answer) -> None:
        self._answer = None
        if answer.keeps and not self._closed:
            self._released(self)
        else:
            self.abort()


def _looking_at(sock: socket.socket) -> Callable[[], object]:
    """How to see whether anything has come that the event loop has not read yet."""
    if not hasattr(select, "poll"):  # Windows
        return lambda: select.select([sock], [], [], 0)[0]
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return partial(poll.poll, 0)
