"""Values of a gateway that are read when metrics are asked for: breakers, budgets, queues, ages."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

from gateway.cache.known import Known
from gateway.cache.shelf import MemoryShelf
from gateway.federation.directory import Directory
from gateway.model.source import Source
from gateway.ports import Conditions, Upstream
from gateway.server.admission import Admission
from gateway.telemetry.metrics import Gauge, Sample

STATES: Final = {"CLOSED": 0.0, "HALF_OPEN": 1.0, "OPEN": 2.0}
WHERE: Final = ("account", "source")


class Watched(Protocol):
    """What is looked at."""

    admission: Admission
    shelf: MemoryShelf
    known: Known

    @property
    def directories(self) -> dict[str, Directory]:
        """The directory of each account."""
        ...

    def shared_state(self) -> bool | None:
        """Whether what replicas share is there; None where nothing is shared."""
        ...


def of(gateway: Watched) -> tuple[Gauge, ...]:
    """All gauges of a gateway."""
    return (*_of_sources(gateway.directories), *_of_indexes(gateway.directories), *_of_itself(gateway))


def _of_sources(directories: Mapping[str, Directory]) -> Iterator[Gauge]:
    def breakers() -> Iterator[Sample]:
        for account, source, upstream in _upstreams(directories):
            for kind, state in upstream.conditions().breakers.items():
                yield (account, source.value, kind), STATES[state]

    def read(value_of: Callable[[Conditions], float | None]) -> Callable[[], Iterable[Sample]]:
        def samples() -> Iterator[Sample]:
            for account, source, upstream in _upstreams(directories):
                value = value_of(upstream.conditions())
                if value is not None:
                    yield (account, source.value), float(value)

        return samples

    yield Gauge(
        name="gateway_breaker_state",
        meaning="Circuit breaker of reads and of writes: 0 closed, 1 half open, 2 open.",
        labels=(*WHERE, "kind"),
        read=breakers,
    )
    for name, meaning, value_of in (
        ("gateway_budget_limit", "Calls in a window that the gateway allows itself.", _limit),
        ("gateway_budget_remaining", "Calls that could be sent now.", _remaining),
        ("gateway_upstream_under_way", "Calls under way.", _under_way),
        ("gateway_upstream_waiting", "Calls that wait for room.", _waiting),
    ):
        yield Gauge(name=name, meaning=meaning, labels=WHERE, read=read(value_of))


def _of_indexes(directories: Mapping[str, Directory]) -> Iterator[Gauge]:
    def states() -> Iterator[tuple[tuple[str, str], float | None, float]]:
        for account, source, _ in _upstreams(directories):
            index = directories[account].index
            found = [index.state(source, module) for module in index.modules(source)]
            whole = bool(found) and all(state.as_of is not None for state in found)
            age = max(index.age(state.as_of or "") for state in found) if whole else None
            yield (account, source.value), age, float(sum(state.contacts for state in found))

    yield Gauge(
        name="gateway_index_age_seconds",
        meaning="Age of the oldest module of the index; not there before the first scan has ended.",
        labels=WHERE,
        read=lambda: ((labels, age) for labels, age, _ in states() if age is not None),
    )
    yield Gauge(
        name="gateway_index_contacts",
        meaning="Contacts that the latest scan met.",
        labels=WHERE,
        read=lambda: ((labels, contacts) for labels, _, contacts in states()),
    )


def _of_itself(gateway: Watched) -> Iterator[Gauge]:
    admission = gateway.admission

    def one(name: str, meaning: str, value: Callable[[], float]) -> Gauge:
        return Gauge(name=name, meaning=meaning, read=lambda: [((), float(value()))])

    yield Gauge(
        name="gateway_state_connected",
        meaning="Whether what replicas share is there; only where something is shared.",
        read=lambda: [] if gateway.shared_state() is None else [((), float(gateway.shared_state() or 0))],
    )
    yield one(
        "gateway_cache_bytes",
        "Memory for what is kept, roughly.",
        lambda: gateway.shelf.used_bytes + gateway.known.used_bytes,
    )
    yield one(
        "gateway_event_loop_lag_seconds", "How late the event loop is, smoothed.", lambda: admission.lag
    )
    yield one("gateway_tasks", "Tasks of the event loop.", lambda: len(asyncio.all_tasks()))
    yield one("gateway_operations_under_way", "Operations under way.", lambda: admission.under_way)
    yield one(
        "gateway_operations_waiting", "Operations that wait for their turn.", lambda: len(admission.line)
    )
    yield one("gateway_subscriptions", "Subscriptions that are followed now.", lambda: admission.followers)
    yield one("gateway_operations_limit", "Operations taken at once at most, now.", lambda: admission.limit)


def _upstreams(directories: Mapping[str, Directory]) -> Iterator[tuple[str, Source, Upstream]]:
    for account, directory in directories.items():
        for source, upstream in directory.upstreams.items():
            yield account, source, upstream


def _limit(conditions: Conditions) -> float | None:
    return conditions.limit


def _remaining(conditions: Conditions) -> float | None:
    return conditions.remaining


def _under_way(conditions: Conditions) -> float | None:
    return conditions.under_way


def _waiting(conditions: Conditions) -> float | None:
    return conditions.waiting
