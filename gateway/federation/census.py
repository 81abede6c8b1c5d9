"""What only a look at everybody tells: who is held apart, and whose sources disagree.

Kept until anything changes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cachetools import LRUCache

from gateway.identity import survivors
from gateway.identity.clusters import Conflict
from gateway.identity.rules import Rules
from gateway.index.heirs import Sight
from gateway.index.people import Cluster, Crowd
from gateway.index.reader import Index
from gateway.journal.spoken import Sayings
from gateway.model.contact import Contact

MOST_KEPT: Final = 16  # looks, of callers with different rights and for different fields
BREATH: Final = 8  # people looked at before others have their turn


@dataclass(frozen=True, slots=True, order=True)
class Drift:
    """A person whose sources disagree: sorts worst first, then by place."""

    worse: int  # the negative of how bad it is
    first: int
    cluster: Cluster = field(compare=False)


@dataclass(slots=True, eq=False)
class Census:
    """Looks at everybody of one account. One look at a time: who asks for the same waits for it."""

    index: Index
    sayings: Sayings
    account: str
    rules: Rules
    _kept: "LRUCache[Any, tuple[Any, Any]]" = field(default_factory=lambda: LRUCache(MOST_KEPT))
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def crowds(self, sight: Sight) -> list[Crowd]:
        """All records that hang together."""
        async with self._looking:
            return await self._crowds(sight)

    async def conflicts(self, sight: Sight) -> list[Conflict]:
        """All that is held apart."""
        return [conflict for crowd in await self.crowds(sight) for conflict in crowd.conflicts]

    async def drift(self, sight: Sight, fields: Sequence[str]) -> list[Drift]:
        """People whose sources disagree about some fields, worst first."""
        async with self._looking:
            crowds = await self._crowds(sight)
            key = ("drift", _key(sight), *fields)
            found: list[Drift] = await self._once(key, lambda: self._drift(crowds, fields))
            return found

    async def _crowds(self, sight: Sight) -> list[Crowd]:
        look = lambda: self.index.store.everyone(self.account, sight)  # noqa: E731 - what is done once
        found: list[Crowd] = await self._once(("crowds", _key(sight)), look)
        return found

    async def _drift(self, crowds: Sequence[Crowd], fields: Sequence[str]) -> list[Drift]:
        found: list[Drift] = []
        several = [person for crowd in crowds for person in crowd.people if len(person.records) > 1]
        for start in range(0, len(several), BREATH):
            some = several[start : start + BREATH]
            held = self.contacts([row for person in some for row in person.rows])
            for person in some:
                members = [held[row] for row in person.rows if row in held]
                bad = survivors.disagreements(members, fields, self.rules)
                if bad:
                    found.append(Drift(-bad, person.first, person))
            await asyncio.sleep(0)
        return sorted(found)

    def contacts(self, rows: Sequence[int]) -> dict[int, Contact]:
        """The contacts of some rows."""
        return {row: self.index.contact(held) for row, held in self.index.store.rows(rows).items()}

    async def _once(self, key: Any, work: Callable[[], Awaitable[Any]]) -> Any:
        """What was found before, as long as nothing has changed since."""
        state = (self.index.store.changed, self.sayings.latest(self.account).version)
        held = self._kept.get(key)
        if held is None or held[0] != state:
            self._kept[key] = held = (state, await work())
        return held[1]


def _key(sight: Sight) -> Any:
    return tuple(sorted((source, modules and tuple(sorted(modules))) for source, modules in sight.items()))
