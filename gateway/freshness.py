"""How old an answer may be. Set once for an operation, read wherever something was kept."""

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


class allowed:  # noqa: N801 - a context manager, without the cost of a generator
    """Let the work inside use what is not older than that. Outside of this nothing that was kept is used."""

    __slots__ = ("_held", "_token")

    def __init__(self, max_age: float | None) -> None:
        self._held = Freshness(max_age)

    def __enter__(self) -> None:
        self._token = _freshness.set(self._held)

    def __exit__(self, *_: object) -> None:
        _freshness.reset(self._token)


def current() -> Freshness:
    """What the work at hand allows."""
    return _freshness.get()
