"""What sources have answered word for word before: its records are read, and made into values, once.

Callers poll lists, and sources repeat themselves: the same bytes mean the same. Nothing here spares a call or
makes an answer older; it only spares the work of understanding it again. Values are shared: nobody changes
them.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import islice
from random import Random
from typing import Any, Final, TypeVar

from gateway.model.record import JsonRecord

T = TypeVar("T")

MOST_MET: Final = 16_384  # answers that were met, and are known as such
EACH: Final = 4_500  # bytes that a record takes, with what is made of it and besides its JSON; measured
SMALLEST: Final = 2_048  # bytes: an answer on a single thing is understood as soon as it is found here
LARGEST: Final = 8  # one answer has this part of the room at most

Lists = Callable[[Any], Iterable[list[Any]]]
"""The lists of an answer in which its records are."""


def listed(member: str) -> Lists:
    """The list that lies in a member of an answer, where there is one."""

    def lists(answer: Any) -> list[list[Any]]:
        found = answer.get(member) if isinstance(answer, dict) else None
        return [found] if isinstance(found, list) else []

    return lists


def made_each(records: Sequence[Any], how: Hashable, make: Callable[[Any, Any], T]) -> list[T]:
    """What `make` makes of each record, and of what stands for it in `_raw`. It has to depend on nothing else
    but `how`.
    """
    found: list[T] = []
    for record in records:
        if type(record) is not JsonRecord:
            found.append(make(record, record))
            continue
        if record.how != how:
            record.made = make(record.read(), record.bare())
            record.how = how
        found.append(record.made)
    return found


class Known:
    """Answers that came at least twice, bounded in bytes, with their records as `JsonRecord`.

    One of the older half makes room, whichever: pages of a list are asked for in turns, and where they do not
    all find room, to let go of what was not used longest would keep none.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._dice = Random(0)  # noqa: S311 - nothing is to be secret
        self._held: OrderedDict[bytes, tuple[Any, int]] = OrderedDict()  # each with its size
        self._met: dict[int, None] = {}
        self.used_bytes = 0

    def read(self, content: bytes, read: Callable[[bytes], T], lists: Lists | None = None) -> T:
        """What `read` makes of an answer. What it raises is not remembered, and nothing without `lists`."""
        if lists is None or len(content) < SMALLEST:
            return read(content)
        held = self._held.get(content)
        if held is not None:
            self._held.move_to_end(content)
            known: T = held[0]
            return known
        found = read(content)
        if self._twice(content):
            self._hold(content, found, [*lists(found)])
        return found

    def clear(self) -> None:
        """Take away everything."""
        self._held.clear()
        self._met.clear()
        self.used_bytes = 0

    def _twice(self, content: bytes) -> bool:
        """Whether an answer was met before: what comes once takes no room. What had to make room is held
        again as soon as it comes.
        """
        mark = hash(content)
        if mark in self._met:
            return True
        self._met[mark] = None
        if len(self._met) > MOST_MET:
            del self._met[next(iter(self._met))]
        return False

    def _hold(self, content: bytes, found: Any, lists: list[list[Any]]) -> None:
        size = 2 * len(content) + EACH * sum(map(len, lists))  # as it came, its records as JSON, and values
        if size > self._most // LARGEST:
            return
        try:
            written = [
                [JsonRecord.of(each) if type(each) is dict else each for each in records] for records in lists
            ]
        except TypeError:  # a record nests deeper than orjson writes
            return
        for records, anew in zip(lists, written, strict=True):
            records[:] = anew
        self._held[content] = found, size
        self.used_bytes += size
        while self.used_bytes > self._most:
            older = self._dice.randrange(len(self._held) // 2 + 1)
            gone = next(islice(self._held, older, None))
            self.used_bytes -= self._held.pop(gone)[1]
