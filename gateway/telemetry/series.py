"""Counters and histograms of what happens many times in a request.

Those of `prometheus_client` take a lock for each number. All that is counted here is counted by the event
loop, so a number is one addition; samples are made when somebody asks for them, and look the same.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

S = TypeVar("S")


class Count:
    """How often something has happened."""

    __slots__ = ("times",)

    def __init__(self) -> None:
        self.times = 0.0


class Spread:
    """How long something has taken: how often no longer than each bound, and longer than all, and in sum."""

    __slots__ = ("bounds", "seconds", "within")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.within = [0.0] * (len(bounds) + 1)
        self.seconds = 0.0

    def observe(self, seconds: float) -> None:
        """It has taken so long."""
        self.within[bisect_left(self.bounds, seconds)] += 1
        self.seconds += seconds


class _Family(Collector, Generic[S]):
    """Series of one metric, by the values of its labels."""

    def __init__(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str],
        *,
        new: Callable[[], S],
        registry: CollectorRegistry,
    ) -> None:
        self.name = name
        self.names = tuple(labels)
        self._meaning = meaning
        self._new = new
        self._series: dict[tuple[str, ...], S] = {}
        registry.register(self)

    def labels(self, *values: str) -> S:
        """The series of some values."""
        found = self._series.get(values)
        if found is None:
            found = self._series[values] = self._new()
        return found

    def describe(self) -> Iterator[Metric]:
        """Nothing: names are told apart by hand."""
        return iter(())


class Counts(_Family[Count]):
    """A counter, as `prometheus_client.Counter`."""

    def __init__(
        self, name: str, meaning: str, labels: Sequence[str], *, registry: CollectorRegistry
    ) -> None:
        super().__init__(name, meaning, labels, new=Count, registry=registry)

    def collect(self) -> Iterator[Metric]:
        """What was counted until now."""
        family = CounterMetricFamily(self.name, self._meaning, labels=self.names)
        for values, count in list(self._series.items()):  # others may come meanwhile
            family.add_metric(values, count.times)
        yield family


class Spreads(_Family[Spread]):
    """A histogram, as `prometheus_client.Histogram`."""

    def __init__(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str],
        *,
        buckets: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        super().__init__(name, meaning, labels, new=partial(Spread, tuple(buckets)), registry=registry)
        self._shown = [floatToGoString(bound) for bound in (*buckets, float("inf"))]  # type: ignore[no-untyped-call]

    def collect(self) -> Iterator[Metric]:
        """What was observed until now."""
        family = HistogramMetricFamily(self.name, self._meaning, labels=self.names)
        for values, spread in list(self._series.items()):
            buckets = list(zip(self._shown, accumulate(spread.within), strict=True))
            family.add_metric(values, buckets, spread.seconds)
        yield family
