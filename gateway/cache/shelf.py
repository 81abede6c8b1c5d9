"""Where answers are kept: in this process, bounded in bytes. What was not used longest goes first."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import orjson
from cachetools import LRUCache

from gateway.cache.making import Made
from gateway.model.page import Slice
from gateway.model.record import VALUE, JsonRecord

OBJECTS: Final = 5  # bytes that Python takes for each byte of JSON, roughly; measured on contacts
SMALLEST: Final = 512
WIDEST: Final = 4  # bytes of one sign of a key


class Kept(NamedTuple):
    """An answer, and when it was asked for (epoch seconds)."""

    value: Any
    at: float


Mark = str
"""Stands for all that was written until then: what was asked for under another mark is not used."""


class Shelf(Protocol):
    """Keeps answers of sources. A `space` is one source of one account."""

    async def get(
        self, space: str, keys: Sequence[str], since: float = 0.0
    ) -> tuple[Mark, list[Kept | None]]:
        """The mark of a space now, and what is kept under some keys and was asked for `since` or later."""
        ...

    async def put(self, space: str, mark: Mark, kept: Mapping[str, Kept], seconds: float) -> None:
        """Keep answers, for so long at most, that were asked for when the space had this mark."""
        ...

    async def drop(self, space: str, keys: Sequence[str]) -> None:
        """Forget what is kept under some keys, as there is nothing any more."""
        ...

    async def renew(self, space: str) -> None:
        """Something was written: nothing that was asked for before is used any more."""
        ...

    async def clear(self, space: str) -> None:
        """Take away everything that is kept of a space; what was asked for before is not kept either."""
        ...

    async def forget(self, space: str) -> None:
        """Nobody asks for a space any more."""
        ...


class MemoryShelf:
    """A shelf in this process. What is kept under marks of another shelf can be `held` by it."""

    def __init__(self, most_bytes: int) -> None:
        self._kept: LRUCache[tuple[str, str], tuple[Mark, int, Kept]] = LRUCache(most_bytes, getsizeof=_size)
        self._writes: dict[str, int] = {}
        self._numbers = itertools.count()

    async def get(
        self, space: str, keys: Sequence[str], since: float = 0.0
    ) -> tuple[Mark, list[Kept | None]]:
        """The mark of a space now, and what is kept under some keys and was asked for `since` or later."""
        mark = self._mark(space)
        if since == math.inf:  # whoever asks anew needs the mark alone
            return mark, [None] * len(keys)
        found: list[Kept | None] = []
        for key in keys:
            held = self.held(space, key)
            good = held is not None and held[0] == mark and held[1].at >= since
            found.append(held[1] if held is not None and good else None)
        return mark, found

    async def put(self, space: str, mark: Mark, kept: Mapping[str, Kept], seconds: float) -> None:
        """Keep answers, but for those that alone are larger than the shelf."""
        del seconds
        if space in self._writes and mark == self._mark(space):  # else nobody asks for it any more
            self.hold(space, mark, kept)

    def held(self, space: str, key: str) -> tuple[Mark, Kept] | None:
        """What is held under a key, and the mark under which it was asked for."""
        found = self._kept.get((space, key))
        return None if found is None else (found[0], found[2])

    def hold(self, space: str, mark: Mark, kept: Mapping[str, Kept]) -> None:
        """Hold answers, whatever mark they were asked for under."""
        for key, each in kept.items():
            try:
                self._kept[space, key] = mark, len(key), each
            except ValueError:
                self._kept.pop((space, key), None)

    async def drop(self, space: str, keys: Sequence[str]) -> None:
        """Forget what is kept under some keys, as there is nothing any more."""
        for key in keys:
            self._kept.pop((space, key), None)

    async def renew(self, space: str) -> None:
        """Something was written: nothing that was asked for before is used any more."""
        self._writes[space] = next(self._numbers)

    async def clear(self, space: str) -> None:
        """Take away everything that is kept of a space."""
        await self.renew(space)
        self._drop_all(space)

    async def forget(self, space: str) -> None:
        """Nobody asks for a space any more. Its answers go first: a space that comes again begins anew."""
        self._drop_all(space)
        self._writes.pop(space, None)

    @property
    def used_bytes(self) -> int:
        """The bytes in use, roughly."""
        return int(self._kept.currsize)

    def _drop_all(self, space: str) -> None:
        for each in [each for each in self._kept if each[0] == space]:
            self._kept.pop(each, None)

    def _mark(self, space: str) -> Mark:
        if space not in self._writes:
            self._writes[space] = next(self._numbers)
        return str(self._writes[space])


def _size(held: tuple[Mark, int, Kept]) -> int:
    _, key, kept = held
    return SMALLEST + WIDEST * key + OBJECTS * _content(kept.value)


def _content(value: Any) -> int:
    """The bytes of a value as JSON. One item of a list stands for all, as writing it out costs much."""
    if isinstance(value, Slice) and isinstance(value.items, Made):  # as if all of its values were made
        return value.items.json_bytes + VALUE // OBJECTS * len(value.items)
    if isinstance(value, Slice) and value.items:
        return _content(value.items[len(value.items) // 2]) * len(value.items)
    try:
        return len(orjson.dumps(value, default=_short))
    except TypeError:  # nests deeper than orjson goes
        return len(repr(value))


def _short(value: Any) -> Any:
    """What JSON does not know, such as keys of contacts, is small, but for records that are JSON."""
    return orjson.Fragment(value.text) if isinstance(value, JsonRecord) else None
