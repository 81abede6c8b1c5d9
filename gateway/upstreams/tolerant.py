"""Readers of what vendors send: an odd value becomes what comes closest, or None. It stays in `raw`.

One odd value must not cost a page, and must not reach a caller under a name that promises another type. Pure.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from gateway.errors import UpstreamBadResponse

USUAL: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{3})?Z?", re.ASCII)  # in UTC
LARGEST_SECONDS: Final = 100_000_000_000  # epoch stamps above this are milliseconds (year 5138 in seconds)
LONGEST_REMEMBERED: Final = 32  # signs: an ISO time with microseconds and a zone
MOST_REMEMBERED: Final = 16_384  # times, each some 230 bytes
NUMBERS: Final = (int, float)  # `int | float` would be made anew each time
TEXT: Final = frozenset({str})
OBJECT: Final = frozenset({dict})


def text(value: Any) -> str | None:
    """A text; numbers as text, anything else and the empty text as None."""
    if isinstance(value, str):
        return value or None
    if value is None or isinstance(value, bool) or not isinstance(value, NUMBERS):
        return None
    return str(value)


def joined(first: str | None, second: str | None) -> str | None:
    """Two parts of a text, of which either may be missing."""
    return f"{first} {second}" if first and second else first or second


def flag(value: Any) -> bool | None:
    """A boolean, or None."""
    return value if isinstance(value, bool) else None


def whole(value: Any) -> int | None:
    """A whole number that GraphQL's Int can carry, or None."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -(2**31) <= value < 2**31 else None


def number(value: Any) -> float | None:
    """A number, or None."""
    return float(value) if isinstance(value, NUMBERS) and not isinstance(value, bool) else None


def items(value: Any) -> Sequence[Mapping[str, Any]]:
    """The objects of a list; anything else is left out."""
    if not isinstance(value, list):
        return ()
    if OBJECT.issuperset(map(type, value)):
        return value
    return [item for item in value if isinstance(item, dict)]


def texts(value: Any) -> list[str]:
    """The texts of a list; anything else is left out."""
    if not isinstance(value, list):
        return []
    if TEXT.issuperset(map(type, value)):
        return value
    return [item for item in value if isinstance(item, str)]


def members(value: Any) -> Mapping[str, Any]:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def moment(value: Any) -> str | None:
    """A time as RFC 3339: ISO texts (a zone that is missing is UTC), and epoch seconds or milliseconds.

    Records come again with the times they had, and to write one takes ten times as long as to find it.
    """
    if value is None:
        return None
    kind = type(value)  # 1, 1.0 and True are the same to a memory: of numbers, whole ones alone are in it
    if kind is int or (kind is str and len(value) <= LONGEST_REMEMBERED):
        return _remembered(value)
    return _moment(value)


def _moment(value: Any) -> str | None:
    try:
        if isinstance(value, str) and not value.isdecimal():
            found = datetime.fromisoformat(value)
            if USUAL.fullmatch(value):  # all others take longer
                return f"{value[:10]}T{value[11:19]}{value[19:23] if found.microsecond else ''}Z"
            found = found if found.tzinfo else found.replace(tzinfo=UTC)
        elif isinstance(value, bool):
            return None
        else:
            stamp = float(value)
            found = datetime.fromtimestamp(stamp / 1000 if stamp > LARGEST_SECONDS else stamp, UTC)
        precision = "milliseconds" if found.microsecond else "seconds"
        found = found if found.tzinfo is UTC else found.astimezone(UTC)
        return found.isoformat(timespec=precision).removesuffix("+00:00") + "Z"
    except (ValueError, OverflowError, OSError, TypeError):
        return None


_remembered = lru_cache(MOST_REMEMBERED)(_moment)


def identity(source: str, record: Any, member: str) -> str:
    """The id of a record; a record without one cannot be told from others, so its page is refused."""
    value = text(record.get(member)) if isinstance(record, dict) else None
    if value is None:
        raise UpstreamBadResponse(source, f"{source} sent a record without an id.")
    return value
