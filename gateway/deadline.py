"""How long the work at hand may take. Set once for an operation, read wherever something waits."""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field

from gateway.loop import loop_time, running_loop

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
        return self.at - loop_time()


class within:  # noqa: N801 - a context manager, without the cost of a generator
    """Give the work inside so many seconds; never more than what is already allowed."""

    __slots__ = ("_background", "_caller", "_seconds", "_token")

    def __init__(self, seconds: float, *, background: bool = False, caller: str = "") -> None:
        self._seconds, self._background, self._caller = seconds, background, caller

    def __enter__(self) -> Deadline:
        at = loop_time() + self._seconds
        outer = _deadline.get()
        if outer is None:
            deadline = Deadline(at, self._background, self._caller)
        else:
            caller = outer.caller or self._caller
            deadline = Deadline(min(at, outer.at), self._background, caller, outer.operation)
        self._token = _deadline.set(deadline)
        return deadline

    def __exit__(self, *_: object) -> None:
        _deadline.reset(self._token)


class limit:  # noqa: N801 - a context manager
    """Let the work inside take so many seconds; TimeoutError after that.

    `asyncio.timeout` for what happens many times in a request: the same, at half of its cost. `loop` spares a
    look for the one that runs.
    """

    __slots__ = ("_before", "_late", "_loop", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._seconds = seconds
        self._loop = loop or running_loop()

    def __enter__(self) -> None:
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("there is no task to be stopped")
        self._task = task
        self._before = task.cancelling()
        self._late = False
        self._timer = self._loop.call_later(self._seconds, self._stop)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self._timer.cancel()
        if self._late and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _stop(self) -> None:
        self._late = True
        self._task.cancel()


def current() -> Deadline | None:
    """The deadline of the work at hand, if it has one."""
    return _deadline.get()


def seconds_left(most: float, now: float | None = None) -> float:
    """Seconds that a step may take: what is left, and never more than `most`; `now` spares a look at it."""
    deadline = _deadline.get()
    if deadline is None:
        return most
    left = deadline.at - (loop_time() if now is None else now)
    return left if left < most else most
