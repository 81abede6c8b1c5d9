"""What sources have answered word for word before: it is read, and made into values, once.

Callers poll lists, and sources repeat themselves: the same bytes mean the same. Nothing here spares a call or
makes an answer older; it only spares the work of understanding it again. Values are shared: nobody changes
them.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

R = TypeVar("R")
T = TypeVar("T")

DEEPEST: Final = 3  # levels of an answer in which its records are looked for: Samespace has the deepest
MOST_MET: Final = 16_384  # answers that were met once
TIMES: Final = 9  # bytes that an answer takes for each of its own, with what is made of it; measured
SMALLEST: Final = 2_048  # bytes: an answer on a single thing is understood as soon as it is found here
LARGEST: Final = 8  # one answer has this part of the room at most


@dataclass(slots=True, eq=False)
class _Known:
    """One answer: what was read of it, the places of its records in memory, and what was made of them."""

    read: Any
    records: list[int]
    made: dict[tuple[int, Hashable], Any] = field(default_factory=dict)


class Known:
    """Answers that came at least twice, bounded in bytes; what was not used longest goes first."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes // TIMES
        self._held: OrderedDict[bytes, _Known] = OrderedDict()
        self._of: dict[int, _Known] = {}  # by the place of a record, which is its own as long as it is held
        self._met: dict[int, None] = {}
        self.used_bytes = 0

    def read(self, content: bytes, read: Callable[[bytes], T]) -> T:
        """What `read` makes of an answer. What it raises is not remembered."""
        if len(content) < SMALLEST:
            return read(content)
        held = self._held.get(content)
        if held is not None:
            self._held.move_to_end(content)
            known: T = held.read
            return known
        found = read(content)
        if len(content) <= self._most // LARGEST and self._twice(content):
            self._hold(content, found)
        return found

    def made(self, record: R, how: Hashable, make: Callable[[R], T]) -> T:
        """What `make` makes of a record, which has to depend on nothing else but `how`."""
        return self.made_each((record,), how, make)[0]

    def made_each(self, records: Sequence[R], how: Hashable, make: Callable[[R], T]) -> list[T]:
        """The same for each of some records."""
        of = self._of
        found: list[T] = []
        for record in records:
            place = id(record)
            held = of.get(place)
            if held is None:
                found.append(make(record))
                continue
            value: T | None = held.made.get((place, how))
            if value is None:
                value = held.made[place, how] = make(record)
            found.append(value)
        return found

    def clear(self) -> None:
        """Take away everything."""
        self._held.clear()
        self._of.clear()
        self._met.clear()
        self.used_bytes = 0

    def _twice(self, content: bytes) -> bool:
        """Whether an answer was met before; what comes once takes no room."""
        mark = hash(content)
        if mark in self._met:
            del self._met[mark]
            return True
        self._met[mark] = None
        if len(self._met) > MOST_MET:
            del self._met[next(iter(self._met))]
        return False

    def _hold(self, content: bytes, read: Any) -> None:
        known = self._held[content] = _Known(read, _records(read, DEEPEST))
        self._of.update(dict.fromkeys(known.records, known))
        self.used_bytes += len(content) * TIMES
        while self.used_bytes > self._most * TIMES:
            content, known = self._held.popitem(last=False)
            self.used_bytes -= len(content) * TIMES
            for place in known.records:
                self._of.pop(place, None)


def _records(answer: Any, levels: int) -> list[int]:
    """The places of all objects of an answer down to some level."""
    found: list[int] = []
    level = [answer]
    for _ in range(levels + 1):
        below: list[Any] = []
        for each in level:
            kind = type(each)
            if kind is dict:
                found.append(id(each))
                below.extend(each.values())
            elif kind is list:
                below.extend(each)
        level = below
    return found
