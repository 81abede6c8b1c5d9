"""Live events: those who follow an account are woken when something was noted in it.

They read on from the journal, each behind its own number, so nothing is kept for a slow one. What another
process has noted is found by looking once in a while, for all followers of an account together.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field
from typing import Final

from gateway.journal.journal import Journal, Noted

LOOK_SECONDS: Final = 1.0
STRETCH: Final = 100  # events read at a time

Read = Callable[[int, int], Awaitable[list[Noted]]]


class FeedClosed(Exception):
    """The gateway is being stopped: whoever follows comes again, with its cursor."""


@dataclass(slots=True)
class _Followed:
    """An account that somebody follows. `latest` is the number of its newest event, as far as is known."""

    followers: int = 0
    latest: int = 0
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    looking: "asyncio.Task[None] | None" = None


class Feed:
    """The followers of all accounts. `pause` is how long it waits between two looks."""

    def __init__(self, journal: Journal, pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._journal = journal
        self._pause = pause
        self._accounts: dict[str, _Followed] = {}
        self._closed = False
        journal.listeners.append(self.wake)

    def wake(self, account: str) -> None:
        """Something was noted in an account."""
        found = self._accounts.get(account)
        if found is not None:
            found.woken.set()
            found.woken = asyncio.Event()

    def followers(self, account: str) -> int:
        """How many follow an account now."""
        found = self._accounts.get(account)
        return 0 if found is None else found.followers

    def close(self) -> None:
        """End every follower."""
        self._closed = True
        for account in tuple(self._accounts):
            self.wake(account)

    async def follow(
        self, account: str, after: int | None, read: Read
    ) -> AsyncGenerator[tuple[int, Noted], None]:
        """Events behind a number, or from now on: what there is, then each one as it is noted.

        `read` returns those behind a number that are wanted. Raises FeedClosed.
        """
        followed = self._accounts.setdefault(account, _Followed())
        followed.followers += 1
        if followed.looking is None:
            followed.looking = asyncio.get_running_loop().create_task(
                self._look(account, followed),
                context=Context(),  # of nobody's request
            )
        try:
            number = after
            while True:
                if self._closed:
                    raise FeedClosed
                woken = followed.woken  # taken before reading: what is noted meanwhile wakes us
                latest = await self._journal.latest(account)
                number = latest if number is None else number
                found = await read(number, STRETCH)
                for each in found:
                    number = each.number
                    yield number, each
                if len(found) < STRETCH:
                    number = max(number, latest)  # those in between are not wanted
                    await woken.wait()
        finally:
            followed.followers -= 1
            if not followed.followers:
                followed.looking.cancel()
                del self._accounts[account]

    async def _look(self, account: str, followed: _Followed) -> None:
        """Find what other processes have noted."""
        while True:
            await self._pause(LOOK_SECONDS)
            with suppress(Exception):  # a state that is away is told where it is asked for by a caller
                latest = await self._journal.latest(account)
                if latest > followed.latest:
                    followed.latest = latest
                    self.wake(account)
