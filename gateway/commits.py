"""Group commit: changes that wait at the same moment become one transaction.

What a change costs is mostly its way to the disk, which many make at the price of one.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from gateway.thread import OneThread

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Change:
    work: Callable[[sqlite3.Connection], Any]
    wanted: bool = True
    found: Any = None
    error: BaseException | None = None


class Commits:
    """Carries out changes of a database on its thread, in the order in which they come."""

    def __init__(self, db: sqlite3.Connection, thread: OneThread) -> None:
        self._db = db
        self._thread = thread
        self._waiting: deque[_Change] = deque()

    async def carry_out(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What comes of a change, which is on the disk then. What it raises undoes it alone.

        `work` is called again where the transaction with others came to nothing, as one of them has failed.
        Where nobody waits for it any more before it has begun, it is left out.
        """
        change = _Change(work)
        self._waiting.append(change)
        try:
            await self._thread.run(self._commit)
        except asyncio.CancelledError:
            change.wanted = False
            raise
        if change.error is not None:
            raise change.error
        return cast("T", change.found)

    def _commit(self) -> None:
        """Carry out all that waits: for whoever comes later there may be nothing left."""
        waiting: list[_Change] = []
        while self._waiting:
            change = self._waiting.popleft()
            if change.wanted:
                waiting.append(change)
        if len(waiting) > 1 and self._together(waiting):
            return
        for each in waiting:
            self._alone(each)

    def _together(self, changes: list[_Change]) -> bool:
        """Whether one transaction held all of them. Where one fails nothing was kept of any."""
        try:
            with self._db as db:
                db.execute("BEGIN IMMEDIATE")
                for each in changes:
                    each.found = each.work(db)
        except BaseException:  # whoever has raised it does so again alone, for whoever waits
            return False
        return True

    def _alone(self, change: _Change) -> None:
        try:
            with self._db as db:
                db.execute("BEGIN IMMEDIATE")
                change.found, change.error = change.work(db), None
        except BaseException as error:  # it is for whoever waits
            change.error = error
