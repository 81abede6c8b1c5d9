"""WebSockets of uvicorn with bounds that it has none for: how long an answer may wait to be read, how many
frames a message may have, and that nothing is written for those who do not read.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from gateway.allowances import Intake
from gateway.server.unread import Told, Unread

MOST_FRAMES: Final = 1_024  # of one message; empty ones add nothing to its size


def guarded(intake: Intake, told: Told = lambda _: None) -> type[asyncio.Protocol]:
    """The protocol with these bounds; `told` hears the name of each one that was met."""

    class Bounded(Guarded):
        """With the bounds of this gateway."""

    Bounded.intake, Bounded.told = intake, staticmethod(told)
    return Bounded


class Guarded(Unread, WebSocketsSansIOProtocol):
    """One socket."""

    def handle_ping(self) -> None:
        """Answer a ping, but not those of whoever does not read: what waits would grow without end."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_cont(self, event: Frame) -> None:
        """Take another frame of a message."""
        if len(self.frames) < MOST_FRAMES:
            super().handle_cont(event)
        elif not self.close_sent:
            self.told("body_bytes")
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "Too many frames")
            self.handle_parser_exception()

    def keepalive_timeout(self) -> None:
        """Nobody is there any more, so nobody reads what still waits."""
        super().keepalive_timeout()
        self.transport.abort()

    async def send(self, message: Any) -> None:
        """Send something; after the last of it, the other side has a while to close as well."""
        await super().send(message)
        if message["type"] == "websocket.close" and self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)
