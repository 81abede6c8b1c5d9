"""What happens on the way of a request, told to whoever listens: cost meters, logs, metrics.

Listeners are set for the work at hand and everything it starts, so nothing has to pass them along.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple


class UpstreamCalled(NamedTuple):
    """One HTTP request to a source has ended. `status` is None without an answer, `error` a code or None.

    `waited` are the seconds before it was sent, for room in the budget and for a place among those under way.
    `attempt` is 1 for the first; `batch` is how many things one request asked for. `cancelled`: nobody waited
    for it any more, which says nothing of the source. `why` a connection failed is a word, such as `dns`.
    """

    source: str
    operation: str
    status: int | None
    error: str | None
    seconds: float
    waited: float = 0.0
    attempt: int = 1
    batch: int = 1
    cancelled: bool = False
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamRefused:
    """A call was not sent, and why: `error` is a code, `reason` the kind of the refusal."""

    source: str
    operation: str
    error: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerChanged:
    """The circuit breaker of one class of calls (`read`, `write`) of a source has changed its state."""

    source: str
    kind: str
    state: str


class UpstreamSpared(NamedTuple):
    """Answers came from the cache, the index, or calls that were already on their way: how many."""

    source: str
    reason: str
    answers: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleServed:
    """A source failed (`error` is a code), and what was last seen of it, at epoch seconds, stands in."""

    source: str
    at: float
    error: str
    retry_after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """What replicas share has come back, or has gone; `reason` is the kind of the error."""

    here: bool
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFinished:
    """The index has read a source to its end, or given up for now (`error` is a code)."""

    source: str
    contacts: int
    seconds: float
    error: str | None


Event = (
    UpstreamCalled
    | UpstreamRefused
    | UpstreamSpared
    | StaleServed
    | BreakerChanged
    | StateChanged
    | ScanFinished
)
Listener = Callable[[Event], None]

_listeners: ContextVar[tuple[Listener, ...]] = ContextVar("listeners", default=())


def emit(event: Event) -> None:
    """Tell every listener of the work at hand."""
    for listener in _listeners.get():
        listener(event)


class heard_by:  # noqa: N801 - a context manager, without the cost of a generator
    """Let these listeners hear what the work inside does, besides those that already do."""

    __slots__ = ("_held", "_token")

    def __init__(self, *listeners: Listener) -> None:
        self._held = listeners

    def __enter__(self) -> None:
        self._token = _listeners.set((*_listeners.get(), *self._held))

    def __exit__(self, *_: object) -> None:
        _listeners.reset(self._token)


def listeners() -> tuple[Listener, ...]:
    """Whoever listens now; also tells one piece of work from another."""
    return _listeners.get()
