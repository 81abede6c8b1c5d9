"""Everything that listens to one gateway, put together."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from gateway.events import Event, Listener
from gateway.telemetry import logs
from gateway.telemetry.metrics import Metrics


class Known(Protocol):
    """Takes what becomes known of a request."""

    def __call__(self, *, operation: str, kind: str, outcome: str, code: str) -> None:
        """Note it."""


class Tracing(Protocol):
    """Makes spans. `gateway.telemetry.tracing` is imported only where they are wanted: it takes a while."""

    def request(self, headers: Mapping[str, str], request_id: str) -> AbstractContextManager[Known]:
        """The span of a request."""
        ...

    def resolve(self, following: Callable[..., Any], source: Any, info: Any, /, **arguments: Any) -> Any:
        """A middleware of graphql-core: the span of a root field."""
        ...

    def hear(self, event: Event) -> None:
        """A listener of events: the span of a call."""
        ...

    def close(self) -> None:
        """Send what has not been sent yet."""
        ...


def _nothing(*, operation: str, kind: str, outcome: str, code: str) -> None:
    """No trace to note it in."""


UNTRACED: Final = nullcontext(_nothing)


@dataclass(frozen=True, slots=True)
class Voice:
    """Log, metrics and, where they are switched on, traces."""

    metrics: Metrics = field(default_factory=Metrics)
    tracing: Tracing | None = None

    def listeners(self, work: str, *, background: bool = False) -> tuple[Listener, ...]:
        """Whoever listens to some work: a request by its id, or something in the background by a word."""
        heard: tuple[Listener, ...] = (logs.Lines(work, background), self.metrics.hear)
        return heard if self.tracing is None else (*heard, self.tracing.hear)

    def request(self, headers: Mapping[str, str], request_id: str) -> AbstractContextManager[Known]:
        """The trace of a request, where there is one."""
        return UNTRACED if self.tracing is None else self.tracing.request(headers, request_id)

    @property
    def middleware(self) -> tuple[Tracing, ...]:
        """What stands around resolvers, where there are traces."""
        return () if self.tracing is None else (self.tracing,)

    def close(self) -> None:
        """Send what has not been sent yet."""
        if self.tracing is not None:
            self.tracing.close()
