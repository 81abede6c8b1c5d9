"""Readers of what vendors send: an odd value becomes what comes closest, or None. It stays in `raw`.

One odd value must not cost a page, and must not reach a caller under a name that promises another type. Pure.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.errors import UpstreamBadResponse

USUAL = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{3})?Z?", re.ASCII)  # in UTC
LARGEST_SECONDS = 100_000_000_000  # epoch stamps above this are milliseconds (year 5138 in seconds)


def text(value: Any) -> str | None:
    """A text; numbers as text, anything else and the empty text as None."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


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
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def items(value: Any) -> Sequence[Mapping[str, Any]]:
    """The objects of a list; anything else is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else ()


def texts(value: Any) -> list[str]:
    """The texts of a list; anything else is left out."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def members(value: Any) -> Mapping[str, Any]:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def moment(value: Any) -> str | None:
    """A time as RFC 3339: ISO texts (a zone that is missing is UTC), and epoch seconds or milliseconds."""
    try:
        if isinstance(value, str) and not value.isdecimal():
            found = datetime.fromisoformat(value)
            if USUAL.fullmatch(value):  # all others take longer
                return f"{value[:10]}T{value[11:19]}{value[19:23] if found.microsecond else ''}Z"
            found = found if found.tzinfo else found.replace(tzinfo=UTC)
        elif isinstance(value, bool) or value is None:
            return None
        else:
            stamp = float(value)
            found = datetime.fromtimestamp(stamp / 1000 if stamp > LARGEST_SECONDS else stamp, UTC)
        precision = "milliseconds" if found.microsecond else "seconds"
        found = found if found.tzinfo is UTC else found.astimezone(UTC)
        return found.isoformat(timespec=precision).removesuffix("+00:00") + "Z"
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def identity(source: str, record: Any, member: str) -> str:
    """The id of a record; a record without one cannot be told from others, so its page is refused."""
    value = text(record.get(member)) if isinstance(record, dict) else None
    if value is None:
        raise UpstreamBadResponse(source, f"{source} sent a record without an id.")
    return value
