"""What one operation asked of the sources, field by field: `extensions.plan` of an explained request.

A listener of events, and a middleware that tells which field is at work; both only where somebody asks.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Final

from gateway.events import Event, StaleServed, UpstreamCalled, UpstreamRefused, UpstreamSpared

MOST_CALLS: Final = 50  # shown for one field; the rest is counted

Path = tuple[str, ...]

_place: ContextVar[Path] = ContextVar("place", default=())


@dataclass(slots=True)
class _Field:
    """What happened for one field, list indexes aside."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    omitted: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)
    spared: dict[tuple[str, str], int] = field(default_factory=dict)

    def report(self) -> dict[str, Any]:
        """What there is to tell."""
        found: dict[str, Any] = {}
        if self.calls:
            found["calls"] = self.calls
        if self.omitted:
            found["callsOmitted"] = self.omitted
        if self.refused:
            found["refused"] = self.refused
        if self.spared:
            found["spared"] = [
                {"source": source, "reason": reason, "count": count}
                for (source, reason), count in sorted(self.spared.items())
            ]
        return found


@dataclass(slots=True, eq=False)
class Plan:
    """Records one operation."""

    started: float = field(default_factory=time.perf_counter)
    _fields: dict[Path, _Field] = field(default_factory=dict)

    def hear(self, event: Event) -> None:
        """A listener of events."""
        if isinstance(event, UpstreamCalled):
            self._called(event)
        elif isinstance(event, UpstreamSpared):
            spared = self._here().spared
            spared[event.source, event.reason] = spared.get((event.source, event.reason), 0) + 1
        elif isinstance(event, StaleServed):
            spared = self._here().spared
            spared[event.source, "stale"] = spared.get((event.source, "stale"), 0) + 1
        elif isinstance(event, UpstreamRefused):
            told = {"source": event.source, "operation": event.operation, "code": event.error}
            self._here().refused.append({**told, "reason": event.reason})

    def resolve(self, following: Callable[..., Any], source: Any, info: Any, /, **arguments: Any) -> Any:
        """A middleware of graphql-core: what happens inside belongs to this field."""
        path = tuple(key for key in info.path.as_list() if isinstance(key, str))
        with _at(path):
            found = following(source, info, **arguments)
        if not isawaitable(found):
            return found

        async def resolved() -> Any:
            with _at(path):
                return await found

        return resolved()

    def report(self) -> dict[str, Any]:
        """The tree of fields with calls somewhere in or below them."""
        fields = self._fields.values()
        return {
            "executed": True,
            "durationMs": _ms(time.perf_counter() - self.started),
            "calls": sum(len(each.calls) + each.omitted for each in fields),
            "spared": sum(sum(each.spared.values()) for each in fields),
            "fields": self._below(()),
        }

    def _below(self, path: Path) -> list[dict[str, Any]]:
        names = dict.fromkeys(
            each[len(path)] for each in self._fields if len(each) > len(path) and each[: len(path)] == path
        )
        found = []
        for name in names:
            here = (*path, name)
            below = self._below(here)
            own = self._fields[here].report() if here in self._fields else {}
            found.append({"field": name, **own, **({"fields": below} if below else {})})
        return found

    def _called(self, call: UpstreamCalled) -> None:
        here = self._here()
        if len(here.calls) >= MOST_CALLS:
            here.omitted += 1
            return
        here.calls.append(
            {
                "source": call.source,
                "operation": call.operation,
                "status": call.status,
                "code": call.error,
                "attempt": call.attempt,
                "batch": call.batch,
                "startedMs": _ms(time.perf_counter() - self.started - call.seconds),
                "waitedMs": _ms(call.waited),
                "durationMs": _ms(call.seconds),
            }
        )

    def _here(self) -> _Field:
        return self._fields.setdefault(_place.get(), _Field())


@contextmanager
def _at(path: Path) -> Iterator[None]:
    token = _place.set(path)
    try:
        yield
    finally:
        _place.reset(token)


def _ms(seconds: float) -> float:
    return round(max(0.0, seconds) * 1000, 3)
