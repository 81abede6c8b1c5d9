"""Who waits for a place, and who is next: callers take turns, each in the order of its requests. Pure."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Waiter:
    """One request in the line, and for how many seconds it may stand there. `called` is told whether it gets
    a place; it is cancelled where the caller goes away.
    """

    caller: str
    since: float
    patience: float
    called: "asyncio.Future[bool]"


@dataclass(slots=True)
class Line:
    """First come, first served for each caller; one of each caller in turn."""

    _of: "OrderedDict[str, deque[Waiter]]" = field(default_factory=OrderedDict)
    _count: int = 0

    def join(self, waiter: Waiter) -> None:
        """Wait, behind those of the same caller."""
        self._of.setdefault(waiter.caller, deque()).append(waiter)
        self._count += 1

    def leave(self, waiter: Waiter) -> None:
        """Wait no longer; nothing where it is not in the line any more."""
        waiting = self._of.get(waiter.caller)
        if waiting is not None and waiter in waiting:
            waiting.remove(waiter)
            self._count -= 1
            if not waiting:
                del self._of[waiter.caller]

    def next(self, fits: Callable[[str], bool]) -> Waiter | None:
        """Take out whose turn it is among callers who may have one more; None where there is nobody."""
        caller = next((each for each in self._of if fits(each)), None)
        if caller is None:
            return None
        waiting = self._of[caller]
        found = waiting.popleft()
        self._count -= 1
        if waiting:
            self._of.move_to_end(caller)
        else:
            del self._of[caller]
        return found

    def of(self, caller: str) -> int:
        """How many of a caller wait."""
        return len(self._of.get(caller, ()))

    def ahead_of(self, caller: str) -> int:
        """How many come before one who joins now, if nobody else does."""
        own = self.of(caller)
        return own + sum(min(len(waiting), own + 1) for each, waiting in self._of.items() if each != caller)

    def __iter__(self) -> Iterator[Waiter]:
        for waiting in self._of.values():
            yield from waiting

    def __len__(self) -> int:
        return self._count
