"""Fails when a job has become dearer: CPU of the gateway over that of plain ariadne in the same run.

    python -m tests.benchmarks.ratio            compares with ratio.json
    python -m tests.benchmarks.ratio --write    accepts what is measured now

Both are Python, run on one core, and are asked in turns, so that a slow or busy machine meets both alike.
Where a job looks dearer, all are measured twice more and the medians count.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from tests.benchmarks import comparison, servers
from tests.benchmarks.jobs import JOBS, Job
from tests.benchmarks.measuring import Bench, Figures

BASELINE: Final = Path(__file__).with_name("ratio.json")
COMPARED: Final = [JOBS[number] for number in ("J1", "J2", "J4")]
DEARER: Final = 1.15
ROUNDS: Final = 40  # short ones: what lies next to each other in time has met the same noise
AGAIN: Final = 2
SECONDS: Final = 0.05
WARM_UP: Final = 0.6
CONNECTIONS: Final = 8
PEOPLE: Final = 2_500
PAGES: Final = 10  # more than requests at a time


def main(arguments: Sequence[str]) -> int:
    """Measure, print a line for each job, and return 1 where one is dearer than it was."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.ratio", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--write", action="store_true", help="accept what is measured now")
    chosen = parser.parse_args(arguments)
    baseline: dict[str, float] = {} if chosen.write else json.loads(BASELINE.read_text())
    with (
        servers.mock(PEOPLE, PAGES) as mock,
        comparison.opened(["gateway", "ariadne"], mock) as running,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        os.sched_setaffinity(0, servers.OTHER_CORES)
        bench = Bench(running, mock, runner)
        for job in COMPARED:
            bench.warm_up(job, WARM_UP)
        runs = [ratios(bench, COMPARED)]
        if any(runs[0][job.number] > limit(baseline, job) for job in COMPARED):
            runs += [ratios(bench, COMPARED) for _ in range(AGAIN)]
        found = {job.number: statistics.median(run[job.number] for run in runs) for job in COMPARED}
    if chosen.write:
        BASELINE.write_text(json.dumps({number: round(ratio, 3) for number, ratio in found.items()}) + "\n")
    failed = [job for job in COMPARED if found[job.number] > limit(baseline, job)]
    for job in COMPARED:
        ratio, was = found[job.number], baseline.get(job.number, found[job.number])
        verdict = "too dear" if job in failed else "accept it with --write" if ratio * DEARER < was else "ok"
        print(f"{job.number}: {ratio:.3f} x plain ariadne; {ratio / was - 1:+.0%} to {was:.3f}: {verdict}")
    return 1 if failed else 0


def limit(baseline: dict[str, float], job: Job) -> float:
    """The ratio that a job may have."""
    return baseline[job.number] * DEARER if baseline else float("inf")


def ratios(bench: Bench, jobs: Sequence[Job]) -> dict[str, float]:
    """The ratio of each job, the median over the rounds."""
    figures: dict[tuple[str, str], Figures] = {}
    for _ in range(ROUNDS):
        for job in jobs:
            bench.round(job, figures, SECONDS, CONNECTIONS)
    failures = [held.failure for held in figures.values() if held.failures]
    if failures:
        raise SystemExit(f"A request failed: {failures[0]!r}")
    return {job.number: figures[job.number, "gateway"].over(figures[job.number, "ariadne"]) for job in jobs}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
