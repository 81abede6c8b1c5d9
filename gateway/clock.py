"""Times as texts: RFC 3339 in UTC, to the millisecond."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=1)  # it is asked for many times within a millisecond
def as_text(milliseconds: int) -> str:
    """The text of so many milliseconds since the epoch."""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
