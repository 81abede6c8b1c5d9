"""One job over more and more connections."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Final

from tests.benchmarks import comparison, load, servers
from tests.benchmarks.growth.chart import Panel
from tests.benchmarks.growth.measuring import PAGES, PEOPLE, WARM_UP, Curve, Pace, asking
from tests.benchmarks.jobs import JOBS
from tests.benchmarks.measuring import Bench

COUNTS: Final = (1, 8, 32, 128, 512)
JOB: Final = JOBS["J2"]
LONGER: Final = 4  # than other sizes are asked, so that every connection has several answers
SHOWN: Final = 100
ABOUT: Final = f"""
### Connections

J2 ({JOB.title}), each connection asking again as soon as it has its answer. Latencies are those of what
was answered properly. The bytes of the sources were all met before.

| connections | answered/s | p50 ms | p99 ms | p50 by connections | refused | CPU ms by answers |
|---:|---:|---:|---:|---:|---:|---:|"""

Runs = Sequence[tuple[load.Ran, float]]
"""What came of each round, and the CPU seconds that it took."""


def curve(pace: Pace, runner: asyncio.Runner) -> Curve:
    """Throughput, latencies, and what is refused."""
    runs: dict[int, list[tuple[load.Ran, float]]] = {count: [] for count in COUNTS}
    with servers.mock(PEOPLE, PAGES) as mock, comparison.opened(["gateway"], mock) as running:
        bench, server = Bench(running, mock, runner), running[0]
        with asking():
            bench.warm_up(JOB, 3 * WARM_UP)
            for _ in range(pace.rounds):
                for count in COUNTS:
                    cpu = servers.cpu_seconds(server.pid)
                    ran = bench.run(server, JOB, connections=count, seconds=LONGER * pace.seconds)
                    runs[count].append((ran, servers.cpu_seconds(server.pid) - cpu))
                    time.sleep(WARM_UP)  # for the gateway to see that nobody waits any more
    refusals = [ran.failure for found in runs.values() for ran, _ in found if ran.failure]
    lines = [ABOUT, *(_row(count, found) for count, found in runs.items())]
    if refusals:
        lines.append(f"\nA refusal: `{refusals[0][:SHOWN].decode(errors='replace')}…`")
    panel = Panel(
        title="Connections, J2",
        across="connections",
        up="",
        lines=[
            ("answered/s", [(count, _rate(found)) for count, found in runs.items()]),
            ("p50 ms", [(count, _served(found, 50)) for count, found in runs.items()]),
            ("p99 ms", [(count, _served(found, 99)) for count, found in runs.items()]),
        ],
        log_x=True,
        log_y=True,
    )
    return Curve(lines, [panel])


def _row(count: int, found: Runs) -> str:
    sent = sum(len(ran.seconds) for ran, _ in found)
    refused = sum(ran.failures for ran, _ in found) / sent
    cpu = statistics.median(cpu / max(1, len(ran.served)) * 1000 for ran, cpu in found)
    middle = _served(found, 50)
    return (
        f"| {count} | {_rate(found):.0f} | {middle:.1f} | {_served(found, 99):.1f} | {middle / count:.2f} "
        f"| {refused:.0%} | {cpu:.2f} |"
    )


def _rate(runs: Runs) -> float:
    return statistics.median(ran.rate for ran, _ in runs)


def _served(runs: Runs, percent: int) -> float:
    """Milliseconds within which so many of the proper answers came."""
    seconds = [each for ran, _ in runs for each in ran.served]
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1] * 1000
