"""Connections to Redis that give up soon, but never because this process stood still.

A process that is paused (a full collection of garbage, a container out of its share of CPU) finds all its
timers due at once when it goes on, the answer to its command perhaps already in the socket. A time-out of
redis-py would then take a Redis that is well for gone, and writes would be refused. Here time is counted in
short ticks of the event loop, so that a pause of any length is one of them.
"""

import asyncio
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection

TICKS: Final = 5
TICK_SECONDS: Final = 0.1


class Patience:
    """Raises TimeoutError after `TICKS` of `TICK_SECONDS`, in each of which the loop looked for answers.

    A class, as a function that calls itself later would be a cycle, and hold what it was called for.
    """

    __slots__ = ("_left", "_limit", "_timer")

    async def __aenter__(self) -> None:
        self._left = TICKS
        self._limit = asyncio.timeout(None)
        await self._limit.__aenter__()
        self._wait()

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._timer.cancel()
        await self._limit.__aexit__(kind, error, trace)  # which raises, and never says that nothing happened

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._left -= 1
        if self._left:
            self._wait()
        else:
            self._limit.reschedule(asyncio.get_running_loop().time())


class Patient(AbstractConnection):
    """A connection, each step of which has `Patience`; an own time-out of the library must not be set."""

    async def connect(self) -> None:
        """Connect, and say who we are."""
        async with Patience():
            await super().connect()  # type: ignore[no-untyped-call]

    async def disconnect(self, *args: Any, **named: Any) -> None:
        """Close the connection."""
        async with Patience():
            await super().disconnect(*args, **named)

    async def send_packed_command(self, *args: Any, **named: Any) -> None:
        """Send a command."""
        async with Patience():
            await super().send_packed_command(*args, **named)

    async def read_response(self, *args: Any, **named: Any) -> Any:
        """The answer to a command; with a `timeout`, what others tell in so many seconds, or None."""
        if named.get("timeout") is not None:
            return await super().read_response(*args, **named)
        async with Patience():
            return await super().read_response(*args, **named)


def patient(base: type[AbstractConnection]) -> type[AbstractConnection]:
    """A kind of connection (TCP, TLS, a socket of this machine), with patience."""
    return type(f"Patient{base.__name__}", (Patient, base), {})
