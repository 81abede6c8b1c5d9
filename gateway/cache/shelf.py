"""Where answers are kept: in this process, bounded in bytes. What was not used longest goes first."""

from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
from cachetools import LRUCache

OBJECTS: Final = 6  # bytes that Python takes for each byte of JSON, roughly; measured on contacts
SMALLEST: Final = 512


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, when it was asked for (epoch seconds), and how many writes the source had seen by then."""

    value: Any
    at: float
    writes: int


class Shelf(Protocol):
    """Keeps answers under a key that holds account and source."""

    async def get(self, key: str) -> Kept | None:
        """What is kept under a key."""
        ...

    async def put(self, key: str, kept: Kept, seconds: float) -> None:
        """Keep an answer for so long at most."""
        ...


class MemoryShelf:
    """A shelf in this process. The time to live is checked by whoever reads."""

    def __init__(self, most_bytes: int) -> None:
        self._kept: LRUCache[str, Kept] = LRUCache(most_bytes, getsizeof=_size)

    async def get(self, key: str) -> Kept | None:
        """What is kept under a key."""
        return self._kept.get(key)

    async def put(self, key: str, kept: Kept, seconds: float) -> None:
        """Keep an answer, unless it alone is larger than the shelf."""
        del seconds
        try:
            self._kept[key] = kept
        except ValueError:
            self._kept.pop(key, None)

    @property
    def bytes(self) -> int:
        """The bytes in use, roughly."""
        return int(self._kept.currsize)


def _size(kept: Kept) -> int:
    try:
        return SMALLEST + OBJECTS * len(orjson.dumps(kept.value, default=repr))
    except TypeError:  # nests deeper than orjson goes
        return SMALLEST + OBJECTS * len(repr(kept.value))
