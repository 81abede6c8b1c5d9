"""The connection to what replicas share, and whether it is there.

While it is away nothing waits for it: whoever uses it learns so at once, and a probe looks for it every
second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway import events
from gateway.errors import StateUnavailable

T = TypeVar("T")

AWAY: Final = (RedisError, OSError, TimeoutError)
PREFIX: Final = "contacts-gateway:"
PROBE_SECONDS: Final = 1.0
TIMEOUT_SECONDS: Final = 0.5

Hook = Callable[[], Awaitable[None]]


def connect(url: str) -> Redis:
    """A client that gives up quickly; a connection that has died meanwhile is opened again once."""
    client: Redis = Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )
    return client


@dataclass(slots=True, eq=False)
class State:
    """Redis, as long as it is there. `returned` is called when it comes back, `lost` when it goes, `beat`
    with every probe that finds it.
    """

    redis: Redis
    here: bool = False
    returned: list[Hook] = field(default_factory=list)
    lost: list[Callable[[], None]] = field(default_factory=list)
    beat: list[Hook] = field(default_factory=list)

    async def use(self, work: Callable[[Redis], Awaitable[T]]) -> T:
        """The result of some work with Redis. Raises StateUnavailable."""
        if not self.here:
            raise _away()
        try:
            return await work(self.redis)
        except AWAY:
            self.gone()
            raise _away() from None

    def gone(self) -> None:
        """It did not answer."""
        if self.here:
            self.here = False
            for lost in self.lost:
                lost()
            events.emit(events.StateChanged(here=False))

    async def probe(self) -> None:
        """Look whether it is there, and tell whoever has to know."""
        try:
            await cast("Awaitable[bool]", self.redis.ping())
            came_back = not self.here
            self.here = True
            for hook in (*(self.returned if came_back else ()), *self.beat):
                await hook()
            if came_back:
                events.emit(events.StateChanged(here=True))
        except (*AWAY, StateUnavailable):
            self.gone()

    async def watch(self) -> None:
        """Probe again and again, until cancelled."""
        while True:
            await self.probe()
            await asyncio.sleep(PROBE_SECONDS)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.redis.aclose()


def key(*parts: str) -> str:
    """The name of something in Redis."""
    return PREFIX + ":".join(parts)


def _away() -> StateUnavailable:
    return StateUnavailable("What the replicas share is not there at the moment. Try again in a few seconds.")
