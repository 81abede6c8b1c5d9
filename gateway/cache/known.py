"""What sources have answered word for word before: it is not read again.

Callers poll lists, and sources repeat themselves: the same bytes mean the same. Nothing here spares a call or
makes an answer older; it only spares the work of understanding it again, and of telling it (`making.py`).
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import sha256
from itertools import islice
from random import Random
from typing import Any, Final, TypeVar

from gateway.engine.compiled.telling import compact
from gateway.model.record import VALUE, WITHIN, KeptRecord, Size

T = TypeVar("T")

MOST_MET: Final = 16_384  # answers that were met, and are known as such
EACH: Final = 250  # bytes that a record takes besides its JSON; measured
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


class Known:
    """Answers that came at least twice, bounded in bytes, with their records as `KeptRecord`.

    One of the older half makes room, whichever: pages of a list are asked for in turns, and where they do not
    all find room, to let go of what was not used longest would keep none.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._dice = Random(0)  # noqa: S311 - nothing is to be secret
        self._held: OrderedDict[bytes, tuple[Any, Size]] = OrderedDict()  # by their digests
        self._met: dict[bytes, None] = {}
        self.used_bytes = 0

    def read(self, content: bytes, read: Callable[[bytes], T], lists: Lists | None = None) -> T:
        """What `read` makes of an answer. What it raises is not remembered, and nothing without `lists`."""
        if lists is None or len(content) < SMALLEST:
            return read(content)
        digest = sha256(content).digest()
        held = self._held.get(digest)
        if held is not None:
            self._held.move_to_end(digest)
            self._make_room()
            known: T = held[0]
            return known
        found = read(content)
        if self._twice(digest):
            self._hold(digest, len(content), found, [*lists(found)])
        return found

    def clear(self) -> None:
        """Take away everything."""
        while self._held:
            self._let_go(next(iter(self._held)))
        self._met.clear()

    def _twice(self, digest: bytes) -> bool:
        """Whether an answer was met before: what comes once takes no room. What had to make room is held
        again as soon as it comes.
        """
        if digest in self._met:
            return True
        self._met[digest] = None
        if len(self._met) > MOST_MET:
            del self._met[next(iter(self._met))]
        return False

    def _hold(self, digest: bytes, length: int, found: Any, lists: list[list[Any]]) -> None:
        count = sum(map(len, lists))
        size = Size(length + EACH * count, self._grow)
        if size.bytes + VALUE * count + WITHIN * length > self._most // LARGEST:
            return
        try:
            written = [
                [KeptRecord(compact(each), size) if type(each) is dict else each for each in records]
                for records in lists
            ]
        except TypeError:  # a record nests deeper than orjson writes
            return
        for records, anew in zip(lists, written, strict=True):
            records[:] = anew
        self._held[digest] = found, size
        self._grow(size.bytes)
        self._make_room()

    def _grow(self, more: int) -> None:
        self.used_bytes += more

    def _make_room(self) -> None:
        while self.used_bytes > self._most:
            older = self._dice.randrange(len(self._held) // 2 + 1)
            self._let_go(next(islice(self._held, older, None)))

    def _let_go(self, digest: bytes) -> None:
        _, size = self._held.pop(digest)
        size.hear = None  # who holds its records still may make more of them
        self.used_bytes -= size.bytes
