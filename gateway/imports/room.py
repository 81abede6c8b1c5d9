"""How many imports there may be at once, over all accounts: each holds a file, and then a table in memory."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.errors import ImportsCrowded

READERS: Final = 2  # processes at once, as each may take much memory
MOST_JOBS: Final = 16  # under way or waiting for their turn
RETRY_SECONDS: Final = 10.0


class Room:
    """The places of imports. One caller gets the part `of_one` of them at most."""

    def __init__(self, *, most: int = MOST_JOBS, readers: int = READERS, of_one: float = 1.0) -> None:
        self.readers = asyncio.Semaphore(readers)
        self._most = most
        self._of_one = of_one
        self._held: dict[str, int] = {}

    @contextmanager
    def one(self, caller: str) -> Iterator[None]:
        """A place for an import of a caller, or ImportsCrowded."""
        held = self._held.get(caller, 0)
        if sum(self._held.values()) >= self._most:
            raise ImportsCrowded(
                "Too many imports are under way. Try again later.", retry_after=RETRY_SECONDS
            )
        if held >= max(1, int(self._most * self._of_one)):
            text = "Too many imports of yours are under way. Try again later."
            raise ImportsCrowded(text, retry_after=RETRY_SECONDS)
        self._held[caller] = held + 1
        try:
            yield
        finally:
            self._held[caller] -= 1
            if not self._held[caller]:
                del self._held[caller]
