"""Connections to Redis that give up soon, but never because this process stood still.

A process that is paused (a full collection of garbage, a container out of its share of CPU) finds all its
timers due at once when it goes on, the answer to its command perhaps already in the socket. A time-out of
redis-py would then take a Redis that is well for gone, and writes would be refused. Here time is counted in
short ticks of the event loop, so that a pause of any length is one of them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection

TICKS: Final = 5
TICK_SECONDS: Final = 0.1


@asynccontextmanager
async def patience() -> AsyncIterator[None]:
    """Raises TimeoutError after `TICKS` of `TICK_SECONDS`, in each of which the loop looked for answers."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def tick(left: int) -> None:
        nonlocal timer
        if left:
            timer = loop.call_later(TICK_SECONDS, tick, left - 1)
        else:
            limit.reschedule(loop.time())

    async with asyncio.timeout(None) as limit:
        timer = loop.call_later(TICK_SECONDS, tick, TICKS - 1)
        try:
            yield
        finally:
            timer.cancel()


class Patient(AbstractConnection):
    """A connection, each step of which has `patience`; an own time-out of the library must not be set."""

    async def connect(self) -> None:
        """Connect, and say who we are."""
        async with patience():
            await super().connect()  # type: ignore[no-untyped-call]

    async def disconnect(self, *args: Any, **named: Any) -> None:
        """Close the connection."""
        async with patience():
            await super().disconnect(*args, **named)

    async def send_packed_command(self, *args: Any, **named: Any) -> None:
        """Send a command."""
        async with patience():
            await super().send_packed_command(*args, **named)

    async def read_response(self, *args: Any, **named: Any) -> Any:
        """The answer to a command; with a `timeout`, what others tell in so many seconds, or None."""
        if named.get("timeout") is not None:
            return await super().read_response(*args, **named)
        async with patience():
            return await super().read_response(*args, **named)


def patient(base: type[AbstractConnection]) -> type[AbstractConnection]:
    """A kind of connection (TCP, TLS, a socket of this machine), with patience."""
    return type(f"Patient{base.__name__}", (Patient, base), {})
