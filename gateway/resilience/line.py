"""Who waits for room, and who is next: operations take turns, work in the background comes last. Pure."""

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

W = TypeVar("W")


@dataclass(slots=True)
class Line(Generic[W]):
    """A fair queue: one turn for each operation in rotation, however many calls each of them has waiting."""

    _callers: "OrderedDict[Hashable, deque[W]]" = field(default_factory=OrderedDict)
    _background: "OrderedDict[Hashable, deque[W]]" = field(default_factory=OrderedDict)

    def join(self, operation: Hashable, waiter: W, *, background: bool) -> None:
        """Wait, behind those of the same operation."""
        queues = self._background if background else self._callers
        waiting = queues.get(operation)
        if waiting is None:
            waiting = queues[operation] = deque()
        waiting.append(waiter)

    def first(self) -> tuple[Hashable, W, bool] | None:
        """Who is next: operation, waiter, whether it is work in the background; None when nobody waits."""
        queues = self._callers or self._background
        if not queues:
            return None
        operation = next(iter(queues))
        return operation, queues[operation][0], queues is self._background

    def pop(self) -> W | None:
        """Serve who is next; None when nobody waits."""
        first = self.first()
        if first is None:
            return None
        operation, waiter, _ = first
        self.serve(operation, waiter)
        return waiter

    def serve(self, operation: Hashable, waiter: W) -> None:
        """Somebody has been served: the operation goes to the end of the rotation."""
        self.leave(operation, waiter)
        for queues in (self._callers, self._background):
            if operation in queues:
                queues.move_to_end(operation)

    def leave(self, operation: Hashable, waiter: W) -> None:
        """Wait no longer."""
        for queues in (self._callers, self._background):
            waiting = queues.get(operation)
            if waiting is not None and waiter in waiting:
                waiting.remove(waiter)
                if not waiting:
                    del queues[operation]

    def ahead_of(self, operation: Hashable, *, background: bool) -> int:
        """How many are served before one who joins now, if nobody else joins."""
        queues = self._background if background else self._callers
        own = len(queues.get(operation, ()))
        others = sum(min(len(waiting), own + 1) for of, waiting in queues.items() if of != operation)
        return own + others + (sum(map(len, self._callers.values())) if background else 0)

    @property
    def callers(self) -> bool:
        """Whether somebody waits who is no work in the background."""
        return bool(self._callers)

    def __iter__(self) -> Iterator[W]:
        for queues in (self._callers, self._background):
            for waiting in queues.values():
                yield from waiting

    def __bool__(self) -> bool:
        return bool(self._callers or self._background)

    def __len__(self) -> int:
        return sum(len(each) for queues in (self._callers, self._background) for each in queues.values())
