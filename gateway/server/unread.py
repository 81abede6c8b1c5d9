"""What waits for somebody who does not read it: a bound for all connections."""

import asyncio
from collections.abc import Callable
from typing import Any

from gateway.allowances import Intake

Told = Callable[[str], None]


class Unread(asyncio.Protocol):
    """Ends a connection when what waits on it is not read in time. Stands before a protocol of uvicorn.

    `told` hears the name of each bound that was met.
    """

    intake: Intake
    told: Told
    loop: asyncio.AbstractEventLoop
    transport: Any
    _unread: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More waits than is sent; whoever does not read it has so long."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.intake.answer_seconds, self._not_read)

    def resume_writing(self) -> None:
        """Most of it is on its way."""
        self._read()
        super().resume_writing()

    def _read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _not_read(self) -> None:
        self._unread = None
        self.told("answer_seconds")
        self.transport.abort()
