"""The connection to what replicas share, and whether it is there.

While it is away nothing waits for it: whoever uses it learns so at once, and a probe looks for it every
second. It counts as there once everything that happened meanwhile has been told.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway import events
from gateway.errors import StateUnavailable
from gateway.shared.patience import patient
from gateway.telemetry import logs

T = TypeVar("T")

AWAY: Final = (RedisError, OSError, TimeoutError)
PREFIX: Final = "contacts-gateway:"
PROBE_SECONDS: Final = 1.0
PROBE_KEPT: Final = 60
SETTLED: Final = 3  # probes after a return, until the others have said as well that they live
AGAIN: Final = 30  # probes between two looks for what others have left behind

Hook = Callable[[], Awaitable[None]]
TellingHook = Callable[[], Awaitable[bool]]


class Transaction(Pipeline):
    """Commands that belong together. When they end, it does not connect again only to say that it watches
    nothing any more, and always gives its connection back; redis-py's keeps it where saying so fails.
    """

    async def reset(self) -> None:
        """Give the connection back."""
        if self.connection is not None and not self.connection.is_connected:
            self.watching = False  # the server has forgotten it with the connection
        try:
            await super().reset()  # type: ignore[no-untyped-call]
        except BaseException:
            held, self.connection = self.connection, None
            if held is not None:
                await held.disconnect(nowait=True)
                await self.connection_pool.release(held)
            raise


class Client(Redis):
    """A client with such transactions."""

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Transaction:
        """Commands that are sent together."""
        return Transaction(self.connection_pool, self.response_callbacks, transaction, shard_hint)


def connect(url: str) -> Redis:
    """A client that gives up quickly, and sends nothing twice."""
    client: Redis = Client.from_url(url, socket_timeout=None, retry=Retry(NoBackoff(), 0))
    pool = client.connection_pool
    pool.connection_class = patient(pool.connection_class)
    return client


@dataclass(slots=True, eq=False)
class State:
    """Redis, as long as it is there.

    `beat` is called with every probe that finds it, `returned` before it counts as there again; then those
    who have something to tell, `catching_up`, until none of them has: each says whether it had, and waits for
    nothing where it had not. `settled` is called some probes later and every half minute from then on; `lost`
    when it goes.
    """

    redis: Redis
    here: bool = False
    beat: list[Hook] = field(default_factory=list)
    returned: list[Hook] = field(default_factory=list)
    catching_up: list[TellingHook] = field(default_factory=list)
    settled: list[Hook] = field(default_factory=list)
    lost: list[Callable[[], None]] = field(default_factory=list)
    _probes: int = 0  # since it came back
    _told: bool | None = None

    @property
    def calm(self) -> bool:
        """Whether it has been there long enough for every replica to have said that it lives."""
        return self.here and self._probes >= SETTLED

    async def use(self, work: Callable[[Redis], Awaitable[T]]) -> T:
        """The result of some work with Redis. Raises StateUnavailable."""
        if not self.here:
            raise _away()
        try:
            return await work(self.redis)
        except AWAY as error:
            self.gone(error)
            raise _away() from None

    def gone(self, error: BaseException) -> None:
        """It did not answer, or cannot take what it is given."""
        self._probes = 0
        if self.here:
            self.here = False
            for lost in self.lost:
                lost()
        self._tell(here=False, reason=type(error).__name__)

    async def probe(self) -> None:
        """Look whether it is there, and tell whoever has to know."""
        try:
            await self.redis.set(
                key("probe"), b"1", ex=PROBE_KEPT
            )  # one that is full or read-only is away too
            for hook in self.beat:
                await hook()
            if not self.here:
                for hook in self.returned:
                    await hook()
                while await self._catch_up():
                    continue
                self.here = True
                self._tell(here=True, reason=None)
            self._probes += 1
            if self._probes == SETTLED or self._probes % AGAIN == 0:
                for hook in self.settled:
                    await hook()
        except (*AWAY, StateUnavailable) as error:
            self.gone(error)

    async def _catch_up(self) -> bool:
        """Whether anything was still to be told. If not, nothing was waited for: nothing has come since."""
        found = [await hook() for hook in self.catching_up]
        return any(found)

    async def watch(self) -> None:
        """Probe again and again, until cancelled. A fault of ours must not end that in silence."""
        while True:
            try:
                await self.probe()
            except Exception as error:
                logs.failure(error, "state")
                self.gone(error)
            await asyncio.sleep(PROBE_SECONDS)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.redis.aclose()

    def _tell(self, *, here: bool, reason: str | None) -> None:
        if self._told is not here:
            self._told = here
            events.emit(events.StateChanged(here=here, reason=reason))


def key(*parts: str) -> str:
    """The name of something in Redis."""
    return PREFIX + ":".join(parts)


def _away() -> StateUnavailable:
    return StateUnavailable("What the replicas share is not there at the moment. Try again in a few seconds.")
