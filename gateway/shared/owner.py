"""Which replica an unfinished piece of work belongs to, and whether that replica still lives.

Each one says so again and again; one that has not for a while counts as dead. A replica that was only held up
for so long may then go on with what another one has taken over: see docs/operate.md.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.errors import StateUnavailable
from gateway.journal.owner import Owner
from gateway.shared.state import State, key

ALIVE_SECONDS: Final = 15


class SharedOwner:
    """This replica, as the owner of work. Files on their way belong to the process: `own`."""

    def __init__(self, state: State, own: Owner) -> None:
        self.name = own.name
        self._state = state
        self._own = own
        state.beat.append(self._say)

    @property
    def scratch(self) -> Path:
        """Where files lie that must not outlive the process."""
        return self._own.scratch

    async def lives(self, name: str) -> bool:
        """Whether a replica still runs. Raises StateUnavailable."""
        if name == self.name:
            return True
        if not name:
            return False
        there = bool(await self._state.use(lambda redis: redis.exists(key("alive", name))))
        return there or not self._state.calm  # after an outage the others may not have said so yet

    async def aclose(self) -> None:
        """End ownership."""
        with suppress(ValueError):
            self._state.beat.remove(self._say)  # probes go on until everything is closed
        with suppress(StateUnavailable):
            await self._state.use(lambda redis: redis.delete(key("alive", self.name)))
        await self._own.aclose()

    async def _say(self) -> None:
        await self._state.redis.set(key("alive", self.name), b"1", ex=ALIVE_SECONDS)
