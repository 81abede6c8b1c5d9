"""Measures jobs at several sizes, in turns."""

import os
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.benchmarks import servers
from tests.benchmarks.growth.chart import Panel
from tests.benchmarks.growth.lines import Line, Point
from tests.benchmarks.jobs import Job
from tests.benchmarks.measuring import Bench, Figures

PEOPLE: Final = 5_000  # in the sources
PAGES: Final = 40  # of lists that jobs go through
BUSY: Final = 8  # connections while CPU is measured
WARM_UP: Final = 0.3  # seconds
UNKNOWN: Final = {"GATEWAY_CACHE_BYTES": "1"}  # nothing that sources have answered is known word for word


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how long everything is measured."""

    rounds: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Curve:
    """What came of it: lines for the page, and panels of the chart."""

    lines: list[str]
    panels: list[Panel]


Measured = dict[tuple[str, str], tuple[Figures, Figures]]
"""By job and server: over several connections, and over one."""


@contextmanager
def asking() -> Iterator[None]:
    """Leave the core of the server alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, servers.OTHER_CORES)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measured(bench: Bench, jobs: Sequence[Job], pace: Pace) -> Measured:
    """Figures of all jobs, which have to be answered properly."""
    busy: dict[tuple[str, str], Figures] = {}
    alone: dict[tuple[str, str], Figures] = {}
    with asking():
        for job in jobs:
            bench.warm_up(job, WARM_UP)
        for _ in range(pace.rounds):
            for job in jobs:
                bench.round(job, busy, pace.seconds, BUSY)
                bench.round(job, alone, pace.seconds, 1)
    for (number, name), held in [*busy.items(), *alone.items()]:
        if held.failures:
            raise SystemExit(f"{number}: {name} failed {held.failures} times: {held.failure!r}")
    return {key: (busy[key], alone[key]) for key in busy}


def point(size: float, figures: tuple[Figures, Figures]) -> Point:
    """The medians of one size."""
    busy, alone = figures
    calls = statistics.median(busy.calls)
    return Point(size, statistics.median(busy.cpu), statistics.median(alone.latencies), calls)


def drawn(lines: Sequence[Line]) -> list[tuple[str, list[tuple[float, float]]]]:
    """CPU over size, for a chart."""
    return [(line.name, [(each.size, each.cpu) for each in line.points]) for line in lines]
