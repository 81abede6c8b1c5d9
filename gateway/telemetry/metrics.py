"""Metrics for Prometheus: a listener of events, and gauges that are read when somebody asks for them.

No label holds what callers choose freely, but for operation names, of which the first few hundred are kept.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from gateway.events import (
    BreakerChanged,
    Event,
    ScanFinished,
    StaleServed,
    UpstreamCalled,
    UpstreamRefused,
    UpstreamSpared,
)
from gateway.telemetry.series import Count, Counts, Spread, Spreads

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
MOST_NAMES: Final = 200  # operation names with a label of their own
CANCELLED: Final = "CANCELLED"  # the code of a call that nobody waited for any more
MOST_SERIES: Final = 2_000  # that are found at once
OTHER: Final = "(other)"
WORKER: Final = "worker"  # the label that tells several processes of one gateway apart
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A value that is read when metrics are asked for: label values and number, as many as there are."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    read: Callable[[], Iterable[Sample]]


class Metrics(Collector):
    """All metrics of one gateway."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each one, of use to nobody here
        self.registry = CollectorRegistry(auto_describe=False)
        self._gauges: list[Gauge] = []
        self._names: set[str] = set()
        self._requests = Counts(
            "gateway_requests",
            "GraphQL requests by operation name, kind, outcome (ok, partial, failed, refused, gone), code.",
            ["operation", "kind", "outcome", "code"],
            registry=self.registry,
        )
        self._request_seconds = Spreads(
            "gateway_request_seconds",
            "Time to answer a GraphQL request.",
            ["kind", "outcome"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._waited_seconds = Histogram(
            "gateway_operation_wait_seconds",
            "Time for which an operation waited for its turn; those that began at once are not counted.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._calls = Counts(
            "gateway_upstream_calls",
            "Requests sent to sources, by what came of them: a code, or OK.",
            ["source", "operation", "code"],
            registry=self.registry,
        )
        self._call_seconds = Spreads(
            "gateway_upstream_seconds",
            "Time of one request to a source, waiting beforehand not included.",
            ["source", "operation"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._wait_seconds = Spreads(
            "gateway_upstream_wait_seconds",
            "Time for which a request to a source had to wait for room.",
            ["source"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._repeats = Counter(
            "gateway_upstream_repeats", "Requests that were sent again.", ["source"], registry=self.registry
        )
        self._refused = Counter(
            "gateway_upstream_refused",
            "Calls that were not sent: budget spent, source left alone, too many waiting, no time left.",
            ["source", "reason"],
            registry=self.registry,
        )
        self._spared = Counts(
            "gateway_upstream_spared",
            "Answers that took no call: from the cache, the index, or a call already under way.",
            ["source", "reason"],
            registry=self.registry,
        )
        self._stale = Counter(
            "gateway_stale_served",
            "Answers as last seen, in place of a source that failed.",
            ["source", "code"],
            registry=self.registry,
        )
        self._breaker = Counter(
            "gateway_breaker_changes",
            "Changes of circuit breakers.",
            ["source", "kind", "state"],
            registry=self.registry,
        )
        self._scans = Counter(
            "gateway_index_scans",
            "Scans of sources that ended: a code, or OK.",
            ["source", "code"],
            registry=self.registry,
        )
        self._limits = Counter(
            "gateway_limit_refusals",
            "Requests that met a bound: of sizes and times, of what a document may ask for, of one caller.",
            ["limit"],
            registry=self.registry,
        )
        self._documents = Counts(
            "gateway_documents",
            "Documents of requests, by where they are from: manifest, registered (and only named), text.",
            ["origin"],
            registry=self.registry,
        )
        self._unlisted = Counter(
            "gateway_unlisted_documents",
            "Documents that do not stand in the manifest, while it is audited.",
            ["operation"],
            registry=self.registry,
        )
        self._of_call = lru_cache(MOST_SERIES)(self._found_of_call)
        self._of_request = lru_cache(MOST_SERIES)(self._found_of_request)
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def hear(self, event: Event) -> None:
        """Hear an event."""
        if isinstance(event, UpstreamCalled):
            self._called(event)
        elif isinstance(event, UpstreamSpared):
            self._spared.labels(event.source, event.reason).times += event.answers
        elif isinstance(event, UpstreamRefused):
            self._refused.labels(event.source, event.reason).inc()
        elif isinstance(event, StaleServed):
            self._stale.labels(event.source, event.error).inc()
        elif isinstance(event, BreakerChanged):
            self._breaker.labels(event.source, event.kind, event.state).inc()
        elif isinstance(event, ScanFinished):
            self._scans.labels(event.source, event.error or "OK").inc()

    def request(self, *, operation: str, kind: str, outcome: str, code: str, seconds: float) -> None:
        """A GraphQL request has been answered."""
        count, lasted = self._of_request(self._name(operation), kind, outcome, code)
        count.times += 1
        lasted.observe(seconds)

    def waited(self, seconds: float) -> None:
        """An operation has waited for its turn."""
        self._waited_seconds.observe(seconds)

    def limit(self, limit: str) -> None:
        """A request has met a bound."""
        self._limits.labels(limit).inc()

    def document(self, origin: str) -> None:
        """The document of a request has been found."""
        self._documents.labels(origin).times += 1

    def unlisted(self, operation: str) -> None:
        """A document has run that does not stand in the manifest."""
        self._unlisted.labels(self._name(operation)).inc()

    def gauge(self, *gauges: Gauge) -> None:
        """Read these too when metrics are asked for."""
        self._gauges.extend(gauges)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """The gauges, as they are now."""
        for gauge in self._gauges:
            family = GaugeMetricFamily(gauge.name, gauge.meaning, labels=gauge.labels)
            for labels, value in gauge.read():
                family.add_metric(labels, value)
            yield family

    def describe(self) -> Iterator[Metric]:
        """Nothing: gauges are known when they are read."""
        return iter(())

    def _called(self, call: UpstreamCalled) -> None:
        source, operation, status, error, seconds, waited, attempt, _, cancelled, _ = call
        code = CANCELLED if cancelled else error
        count, took, stood = self._of_call(source, operation, status, code)
        count.times += 1
        took.observe(seconds)
        stood.observe(waited)
        if attempt > 1:
            self._repeats.labels(source).inc()

    def _found_of_call(
        self, source: str, operation: str, status: int | None, code: str | None
    ) -> tuple[Count, Spread, Spread]:
        """The series of a call; looking them up costs more than counting."""
        if code is None:
            code = "OK" if status is None or status < 400 else f"HTTP_{status}"
        return (
            self._calls.labels(source, operation, code),
            self._call_seconds.labels(source, operation),
            self._wait_seconds.labels(source),
        )

    def _found_of_request(self, operation: str, kind: str, outcome: str, code: str) -> tuple[Count, Spread]:
        return (
            self._requests.labels(operation, kind, outcome, code),
            self._request_seconds.labels(kind, outcome),
        )

    def _name(self, operation: str) -> str:
        if operation in self._names:
            return operation
        if len(self._names) >= MOST_NAMES:
            return OTHER
        self._names.add(operation)
        return operation


def merged(texts: Mapping[int, bytes]) -> bytes:
    """The metrics of several workers as those of one gateway: each sample says whose it is, and each metric
    stands there once.
    """
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for worker, text in texts.items():
        name, known = "", False
        for line in text.decode().rstrip("\n").split("\n"):
            if line.startswith("# HELP "):
                name = line.split(" ", 3)[2]
                known = name in heads
            if line.startswith("#"):
                if not known:
                    heads.setdefault(name, []).append(line)
            else:
                samples.setdefault(name, []).append(_of_worker(line, worker))
    lines = (line for name, head in heads.items() for line in (*head, *samples.get(name, ())))
    return "".join(f"{line}\n" for line in lines).encode()


def _of_worker(sample: str, worker: int) -> str:
    """A line with one label more; a name has no brace, and no value has one either."""
    if "{" in sample:
        return sample.replace("{", f'{{{WORKER}="{worker}",', 1)
    name, space, value = sample.partition(" ")
    return f'{name}{{{WORKER}="{worker}"}}{space}{value}'


def names(metrics: Metrics) -> Mapping[str, tuple[str, ...]]:
    """Every metric by the name under which it is exposed, with its labels."""
    found: dict[str, tuple[str, ...]] = {gauge.name: gauge.labels for gauge in metrics._gauges}
    for each in vars(metrics).values():
        if isinstance(each, Counts):
            found[f"{each.name}_total"] = each.names
        elif isinstance(each, Spreads):
            found.update(dict.fromkeys((f"{each.name}_{s}" for s in ("bucket", "sum", "count")), each.names))
        elif isinstance(each, Counter):
            found[f"{each._name}_total"] = each._labelnames
        elif isinstance(each, Histogram):
            found.update(
                dict.fromkeys((f"{each._name}_{s}" for s in ("bucket", "sum", "count")), each._labelnames)
            )
    return found
