"""Confirmations: what a trial hands out, and a write that cannot be taken back has to show."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gateway.journal.journal import Journal
from gateway.model.caller import Caller

GOOD_FOR: Final = timedelta(minutes=15)


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
            hashed(token),
            self._account,
            caller.name,
            bound,
            expires.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
        return token

    async def redeem(self, token: str | None, caller: Caller, bound: str, *, use: bool) -> bool:
        """Whether one is good; `use` takes it away, as it is good once only."""
        kept = hashed(token or "")
        return await self._journal.redeem(kept, self._account, caller.name, bound, self._now(), use=use)


def hashed(text: str) -> str:
    """A text that cannot be read out of its hash."""
    return hashlib.sha256(text.encode()).hexdigest()
