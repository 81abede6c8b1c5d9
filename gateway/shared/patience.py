"""Connections to Redis that give up soon, but never because this process stood still.

A process that is paused (a full collection of garbage, a container out of its share of CPU) finds all its
timers due at once when it goes on, the answer to its command perhaps already in the socket. A time-out of
redis-py would then take a Redis that is well for gone, and writes would be refused. Here time is counted in
short ticks of the event loop, so that a pause of any length is one of them.
"""

from typing import Any, Final

from redis.asyncio.connection import AbstractConnection

from gateway.deadline import limit

TICKS: Final = 5
TICK_SECONDS: Final = 0.1


class Patience(limit):
    """Raises TimeoutError after `TICKS` of `TICK_SECONDS`, in each of which the loop looked for answers."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        super().__init__(TICK_SECONDS)
        self._left = TICKS

    def _stop(self) -> None:
        self._left -= 1
        if self._left:
            self._timer = self._loop.call_later(self._seconds, self._stop)
        else:
            super()._stop()


class Patient(AbstractConnection):
    """A connection, each step of which has `Patience`; an own time-out of the library must not be set."""

    async def connect(self) -> None:
        """Connect, and say who we are."""
        with Patience():
            await super().connect()  # type: ignore[no-untyped-call]

    async def disconnect(self, *args: Any, **named: Any) -> None:
        """Close the connection."""
        with Patience():
            await super().disconnect(*args, **named)

    async def send_packed_command(self, *args: Any, **named: Any) -> None:
        """Send a command."""
        with Patience():
            await super().send_packed_command(*args, **named)

    async def read_response(self, *args: Any, **named: Any) -> Any:
        """The answer to a command; with a `timeout`, what others tell in so many seconds, or None."""
        if named.get("timeout") is not None:
            return await super().read_response(*args, **named)
        with Patience():
            return await super().read_response(*args, **named)


def patient(base: type[AbstractConnection]) -> type[AbstractConnection]:
    """A kind of connection (TCP, TLS, a socket of this machine), with patience."""
    return type(f"Patient{base.__name__}", (Patient, base), {})
