"""Times as texts: RFC 3339 in UTC, to the millisecond."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

SECONDS: Final = len("2026-01-01T00:00:00")
WHOLE: Final = len("2026-01-01T00:00:00.000Z")


@lru_cache(maxsize=4)  # it is asked for many times within a millisecond
def as_text(milliseconds: int) -> str:
    """The text of so many milliseconds since the epoch."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_text(seconds)}.{rest:03}Z"


def seconds(text: str) -> float:
    """The seconds since the epoch of a time with its zone. Raises ValueError for anything else."""
    if len(text) == WHOLE and text[-1] == "Z":
        return _seconds(text[:SECONDS]) + float(text[SECONDS:-1])
    return datetime.fromisoformat(text).timestamp()


@lru_cache(maxsize=4)
def _text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")


@lru_cache(maxsize=4)
def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
