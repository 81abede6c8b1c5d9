"""Equal queries of one caller at the same moment are carried out once.

Calls to sources are shared below, and answers kept for a moment; this also spares the work around them, when
many ask for the same at once. Nothing gets older by it than by that: whoever says how old an answer may be
is not served so, nor is anybody with what was begun before a write of this gateway had ended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.loop import running_loop

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Together(Generic[T]):
    """What is being carried out, by what it is. `writes` counts mutations that have ended."""

    writes: int = 0
    _waiting: "dict[Hashable, list[asyncio.Future[T | None]]]" = field(default_factory=dict)

    async def share(self, key: Hashable, work: Callable[[], Awaitable[T | None]]) -> tuple[T | None, bool]:
        """What comes of some work, and whether somebody else has done it.

        None is no result for others: whoever waited for it begins anew.
        """
        key = self.writes, key
        while (waiting := self._waiting.get(key)) is not None:
            done: asyncio.Future[T | None] = running_loop().create_future()
            waiting.append(done)
            found = await done
            if found is not None:
                return found, True
        self._waiting[key] = waiting = []
        found = None
        try:
            found = await work()
            return found, False
        finally:
            del self._waiting[key]
            for each in waiting:
                if not each.done():
                    each.set_result(found)
