"""Confirmations: what a dry run hands out, and an import that deletes everything first has to show."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gateway.journal.journal import Journal
from gateway.model.caller import Caller
from gateway.model.importing import Upload
from gateway.ports import Sheet

GOOD_FOR: Final = timedelta(minutes=15)


def mark(upload: Upload, sheet: Sheet) -> str:
    """What a confirmation is bound to: the file, and which column of it goes where."""
    return _hashed(repr((upload.sha256, sheet.keys, sheet.origins)))


class Confirmations:
    """The confirmations of one account. They are kept as hashes, and in the job that hands them out."""

    def __init__(self, journal: Journal, account: str, now: Callable[[], str]) -> None:
        self._journal = journal
        self._account = account
        self._now = now

    async def hand_out(self, caller: Caller, bound: str) -> str:
        """A new one, for this caller and what was tried."""
        token = secrets.token_urlsafe(24)
        expires = datetime.fromisoformat(self._now()) + GOOD_FOR
        await self._journal.hand_out(
            _hashed(token),
            self._account,
            caller.name,
            bound,
            expires.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
        return token

    async def redeem(self, token: str | None, caller: Caller, bound: str, *, use: bool) -> bool:
        """Whether one is good; `use` takes it away, as it is good once only."""
        hashed = _hashed(token or "")
        return await self._journal.redeem(hashed, self._account, caller.name, bound, self._now(), use=use)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
