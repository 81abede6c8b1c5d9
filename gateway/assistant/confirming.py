"""Tokens that allow one write each: handed out by its dry run, good for a moment and for that write alone."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

SECONDS: Final = 300.0
MOST: Final = 1_000


@dataclass(slots=True, eq=False)
class Confirmations:
    """The tokens that are good now. `clock` tells the time in seconds, `draw` makes up a token."""

    clock: Callable[[], float]
    draw: Callable[[], str] = lambda: secrets.token_urlsafe(24)
    seconds: float = SECONDS
    most: int = MOST
    _good: dict[str, tuple[float, str]] = field(default_factory=dict)

    def give(self, write: str) -> str:
        """A token for a write, told by a text that holds all of it. Of too many the oldest are dropped."""
        token = self.draw()
        self._good[token] = (self.clock() + self.seconds, _digest(write))
        while len(self._good) > self.most:
            del self._good[next(iter(self._good))]
        return token

    def take(self, token: str, write: str) -> bool:
        """Whether the token was good for this write; it is used up then."""
        until, digest = self._good.get(token, (0.0, ""))
        if digest != _digest(write):
            return False
        del self._good[token]
        return self.clock() < until

    def give_back(self, token: str, write: str) -> None:
        """Let a token count again: nobody knows what became of its write; a repeat is safe."""
        self._good[token] = (self.clock() + self.seconds, _digest(write))


def idempotency_key(token: str) -> str:
    """The key under which the gateway carries out the write of a token once. It does not tell the token."""
    return f"mcp-{_digest(token)[:40]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
