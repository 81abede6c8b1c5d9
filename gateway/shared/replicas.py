"""Everything that replicas share, put together."""

import asyncio
from dataclasses import dataclass, field

from limits.aio.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

from gateway.cache.shelf import MemoryShelf
from gateway.journal.owner import Owner
from gateway.setting import Rate, Secret
from gateway.shared import rates
from gateway.shared.journal import RedisJournal
from gateway.shared.notes import Notes
from gateway.shared.owner import SharedOwner
from gateway.shared.rates import SharedRate
from gateway.shared.shelf import RedisShelf
from gateway.shared.state import State, connect


@dataclass(slots=True, eq=False)
class Replicas:
    """What this replica shares with others; `count` of them, itself included."""

    count: int
    state: State
    own: Owner
    notes: Notes = field(init=False)
    journal: RedisJournal = field(init=False)
    owner: SharedOwner = field(init=False)
    callers: SlidingWindowCounterRateLimiter = field(init=False)
    _windows: MovingWindowRateLimiter = field(init=False)

    def __post_init__(self) -> None:
        self.notes = Notes(self.state, self.own.name)
        self.owner = SharedOwner(self.state, self.own)
        self.journal = RedisJournal(self.state)
        storage = rates.storage(self.state)
        self._windows = MovingWindowRateLimiter(storage)
        self.callers = SlidingWindowCounterRateLimiter(storage)
        self.state.returned.append(self.notes.learn)

    def shelf(self, own: MemoryShelf) -> RedisShelf:
        """Where answers are kept; `own` as long as Redis is away."""
        return RedisShelf(self.state, own)

    def rate(self, source: str, rate: Rate | None) -> SharedRate:
        """The rate limit of a source, and news of it."""
        return SharedRate(source, rate, self.count, self.state, self._windows, self.notes)

    async def run(self) -> None:
        """Look after the connection and hear the others, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.state.watch())
            tasks.create_task(self.notes.listen())

    async def aclose(self) -> None:
        """Close the connections."""
        await self.state.aclose()


def share(url: Secret, count: int, own: Owner) -> Replicas:
    """Share through the Redis at an address."""
    return Replicas(count, State(connect(url.reveal())), own)
