"""How long the work at hand may take. Set once for an operation, read wherever something waits."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

_deadline: ContextVar["Deadline | None"] = ContextVar("deadline", default=None)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the event loop's clock, in seconds. `background` work yields to callers who wait.

    `operation` tells one piece of work from another, however many deadlines lie inside it; `caller` is whose
    it is, the empty text for nobody's.
    """

    at: float
    background: bool = False
    caller: str = ""
    operation: object = field(default_factory=object)

    def left(self) -> float:
        """Seconds left; negative when it has passed."""
        return self.at - asyncio.get_running_loop().time()


@contextmanager
def within(seconds: float, *, background: bool = False, caller: str = "") -> Iterator[Deadline]:
    """Give the work inside so many seconds; never more than what is already allowed."""
    at = asyncio.get_running_loop().time() + seconds
    outer = _deadline.get()
    if outer is None:
        deadline = Deadline(at, background, caller)
    else:
        deadline = Deadline(min(at, outer.at), background, outer.caller or caller, outer.operation)
    token = _deadline.set(deadline)
    try:
        yield deadline
    finally:
        _deadline.reset(token)


def current() -> Deadline | None:
    """The deadline of the work at hand, if it has one."""
    return _deadline.get()


def seconds_left(most: float) -> float:
    """Seconds that a step may take: what is left, and never more than `most`."""
    deadline = _deadline.get()
    return most if deadline is None else min(most, deadline.left())
