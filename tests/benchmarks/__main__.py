"""The gateway against a server on graphql-yoga and one on ariadne and httpx, in the same run.

    python -m tests.benchmarks --jobs J1,J2 --servers gateway,yoga --rounds 5

Servers run on one core, the sources and the load on others. They are asked in turns, round by round, so that
the noise of the machine meets all of them; figures are medians over the rounds. See docs/performance.md.
"""

import argparse
import asyncio
import os
import statistics
import sys
from collections.abc import Sequence
from typing import Final

import uvloop

from tests.benchmarks import comparison, load, servers
from tests.benchmarks.comparison import SERVERS, Server
from tests.benchmarks.jobs import JOBS, Job
from tests.benchmarks.measuring import CONNECTIONS, TOO_SLOW, Bench, Figures

PAGES: Final = 40  # more than requests at a time, so that no two of them ask for the same
WARM_UPS: Final = 2
PARTS: Final = ("cost", "new", "latency", "connections")
BASE: Final = "yoga"
LATENCY_JOBS: Final = {"J1": 1.5, "J3a": 4.0}  # milliseconds on top of the sources that are allowed
DELAY: Final = 20
CONNECTIONS_JOB: Final = "J2"
CONNECTION_STEPS: Final = (1, 32, 128, 512)
ROUNDS_OF_CONNECTIONS: Final = 3
MEMORY: Final = 150


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for, and print tables. Returns 1 where an answer was wrong."""
    asked = options().parse_args(arguments)
    jobs = [JOBS[number] for number in asked.jobs]
    with (
        servers.mock(asked.people, PAGES) as mock,
        comparison.opened(asked.servers, mock) as running,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        os.sched_setaffinity(0, servers.OTHER_CORES)
        bench = Bench(running, mock, runner)
        wrong = [each for job in jobs for each in comparison.differences(job, running)]
        print("\n".join(wrong), file=sys.stderr)
        failed = 0
        if "cost" in asked.parts:
            print(
                f"\nCPU of the server for each request, {CONNECTIONS} connections, sources without delay:\n"
            )
            failed += cost(bench, jobs, asked.rounds, asked.seconds)
        again = [job for job in jobs if job.fresh]
        if "new" in asked.parts and again:
            print("\nThe same where no answer of a source has the bytes of one before it:\n")
            mock.new_bytes(wanted=True)
            failed += cost(bench, again, asked.rounds, asked.seconds)
            mock.new_bytes(wanted=False)
        waiting = [job for job in jobs if job.number in LATENCY_JOBS]
        if "latency" in asked.parts and waiting:
            latency(bench, waiting, asked.rounds)
        if "connections" in asked.parts:
            connections(bench, JOBS[CONNECTIONS_JOB], asked.seconds)
        memory(running)
    return 1 if wrong or failed else 0


def options() -> argparse.ArgumentParser:
    """What the command line takes."""

    def some_of(known: Sequence[str]) -> dict[str, object]:
        def chosen(text: str) -> list[str]:
            return [known[known.index(each)] for each in text.split(",")]

        return {"type": chosen, "default": list(known), "help": f"some of {','.join(known)}", "metavar": "…"}

    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", **some_of(list(JOBS)))
    parser.add_argument("--servers", **some_of(SERVERS))
    parser.add_argument("--parts", **some_of(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each job and server of a round")
    parser.add_argument("--people", type=int, default=8_000, help="in the sources")
    return parser


def cost(bench: Bench, jobs: Sequence[Job], rounds: int, seconds: float) -> int:
    """CPU, calls, rates and latencies of every job; how many requests failed."""
    for _ in range(WARM_UPS):  # again when compilers have seen the other jobs
        for job in jobs:
            bench.warm_up(job, 3 * seconds)
    figures: dict[tuple[str, str], Figures] = {}
    for _ in range(rounds):
        for job in jobs:
            bench.round(job, figures, seconds)
    print("| job | server | CPU ms | x yoga | goal | calls | requests/s | p50 ms | p99 ms |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for job in jobs:
        for server in bench.asked:
            print(row(job, server, figures))
    failed = {key: held for key, held in figures.items() if held.failures}
    for (number, name), held in failed.items():
        print(f"{number}: {held.failures} requests to {name} failed: {held.failure!r}", file=sys.stderr)
    return len(failed)


def row(job: Job, server: Server, figures: dict[tuple[str, str], Figures]) -> str:
    """One server's figures for one job."""
    held, base = figures[job.number, server.name], figures.get((job.number, BASE))
    ratio = held.over(base) if base else None
    goal = ""
    if server.name == "gateway" and ratio is not None:
        goal = f"{job.goal:g}: {'holds' if ratio <= job.goal else 'missed'}"
    return (
        f"| {job.number} | {server.name} | {statistics.median(held.cpu):.2f} "
        f"| {'' if ratio is None else format(ratio, '.2f')} | {goal} | {statistics.median(held.calls):.1f} "
        f"| {statistics.median(held.rates):.0f} | {held.latency(50):.1f} | {held.latency(99):.1f} |"
    )


def latency(bench: Bench, jobs: Sequence[Job], rounds: int) -> None:
    """What a request takes longer than the sources do that it has to wait for, one request at a time."""
    print(f"\nLatency on top of the sources, which take {DELAY} ms, one request at a time (p50, ms):\n")
    print(f"| job | {' | '.join(server.name for server in bench.asked)} | goal |")
    print(f"|---|{'---:|' * len(bench.asked)}---:|")
    bench.mock.delay(DELAY)
    for job in jobs:
        found: dict[str, list[float]] = {server.name: [] for server in bench.asked}
        sources: list[float] = []
        for _ in range(rounds):
            sources += bench.runner.run(bare(bench.mock))
            for server in bench.asked:
                found[server.name] += bench.run(server, job, connections=1, most=10).seconds
        waited = statistics.median(sources) * job.steps
        cells = [f"{(statistics.median(each) - waited) * 1000:.2f}" for each in found.values()]
        print(f"| {job.number} | {' | '.join(cells)} | {LATENCY_JOBS[job.number]} |")
    bench.mock.delay(0)


async def bare(mock: servers.Mock) -> list[float]:
    """The seconds that calls of a source take by themselves."""
    asked = b"GET /v1/contacts?page=1&limit=1&type=person HTTP/1.1\r\nhost: mock\r\n\r\n"
    port = int(mock.addresses["PACKAGEX_URL"].rpartition(":")[2].partition("/")[0])
    return (await load.run(port, iter([asked] * 10), 1)).seconds


def connections(bench: Bench, job: Job, seconds: float) -> None:
    """Requests a second over more and more connections."""
    print(f"\nRequests a second for {job.number}, by connections (in brackets: those that failed):\n")
    print(f"| connections | {' | '.join(server.name for server in bench.asked)} |")
    print(f"|---:|{'---:|' * len(bench.asked)}")
    for count in CONNECTION_STEPS:
        found: dict[str, list[load.Ran]] = {server.name: [] for server in bench.asked}
        for _ in range(ROUNDS_OF_CONNECTIONS):
            for server in bench.asked:
                runs = found[server.name]
                if not runs or runs[-1].took < TOO_SLOW:
                    runs.append(bench.run(server, job, connections=count, seconds=2 * seconds))
        cells = []
        for name, runs in found.items():
            failures = sum(ran.failures for ran in runs)
            if failures:
                failure = next(ran.failure for ran in runs if ran.failures)
                print(f"{name}, {count} connections: {failure!r}", file=sys.stderr)
            rate = statistics.median(ran.rate for ran in runs)
            cells.append(f"{rate:.0f}{f' ({failures})' if failures else ''}")
        print(f"| {count} | {' | '.join(cells)} |")


def memory(running: Sequence[Server]) -> None:
    """The most memory that each server has had by now."""
    print("\nPeak memory, MB:\n")
    print(f"| {' | '.join(server.name for server in running)} | goal |")
    print(f"|{'---:|' * len(running)}---:|")
    cells = [f"{servers.peak_megabytes(server.pid):.0f}" for server in running]
    print(f"| {' | '.join(cells)} | {MEMORY} |")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
