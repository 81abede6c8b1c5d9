"""How old an answer may be. Set once for an operation, read wherever something was kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Freshness:
    """`max_age` in seconds; None leaves it to the settings, and allows stale answers. `asked`: it is the wish
    of a caller, who does not want a call that was begun before either.
    """

    max_age: float | None = None
    asked: bool = True


_LIVE = Freshness(0.0, asked=False)
_freshness: ContextVar[Freshness] = ContextVar("freshness", default=_LIVE)


@contextmanager
def allowed(max_age: float | None) -> Iterator[None]:
    """Let the work inside use what is not older than that. Outside of this nothing that was kept is used."""
    token = _freshness.set(Freshness(max_age))
    try:
        yield
    finally:
        _freshness.reset(token)


def current() -> Freshness:
    """What the work at hand allows."""
    return _freshness.get()
