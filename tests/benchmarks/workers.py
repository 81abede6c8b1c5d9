"""What a second worker brings: the gateway with one worker and with two, asked in turns.

    python -m tests.benchmarks.workers

All gateways share one Redis, as workers have to; the first one shares nothing, for comparison. Sources, Redis
and load need CPU as well, which on a machine of two cores the workers lack. So beside the requests a second
stand the CPU of a request, that of all workers together, and the cores that they got: where the CPU of a
request is that of one worker, two workers with a core each carry twice as many.
"""

import asyncio
import re
import shutil
import statistics
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Final

import uvloop

from tests.benchmarks import comparison, load, servers
from tests.benchmarks.jobs import JOBS, Job, Names
from tests.support import redis

ROUNDS: Final = 5
SECONDS: Final = 0.5
WARM_UP: Final = 0.6
CONNECTIONS: Final = 32
PEOPLE: Final = 1_200
PAGES: Final = 10
ALONE: Final = "1, nothing shared"
ONE: Final = "1"
TWO: Final = "2"
NO_CALLS: Final = Job(
    number="no call",
    title="the schema and the sources that there are, of which none is asked",
    query=(
        "{ sources { source } "
        "__schema { types { name kind fields { name type { name kind ofType { name kind } } } } } }"
    ),
    variables=lambda _: [{}],
    goal=1.0,
)
ASKED: Final = (NO_CALLS, JOBS["J2"], JOBS["J5"])
COUNTED: Final = re.compile(r'^gateway_requests_total\{worker="(\d+)".*\} (\S+)$', re.MULTILINE)


@dataclass(slots=True)
class Row:
    """A gateway, and what each round took of it: requests a second, milliseconds of CPU, cores."""

    port: int
    pid: int
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    least: list[float] = field(default_factory=list)  # part of the requests that the idler worker carried

    def cpu_seconds(self) -> float:
        """Of the process and those that it has begun."""
        begun = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sum(servers.cpu_seconds(pid) for pid in (self.pid, *map(int, begun)))

    def carried(self) -> dict[str, float]:
        """Requests by worker so far; nothing where there is only one."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            found: dict[str, float] = {}
            for worker, value in COUNTED.findall(answer.read().decode()):
                found[worker] = found.get(worker, 0.0) + float(value)
            return found


def main() -> int:
    """Measure, and print a table for each job."""
    if not any(map(shutil.which, ("redis-server", "valkey-server"))):
        print("redis-server is missing: install Debian's package of that name", file=sys.stderr)
        return 1
    with (
        redis.running() as state,
        servers.mock(PEOPLE, PAGES) as mock,
        ExitStack() as stack,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        shared = {"GATEWAY_STATE_URL": state.url}
        rows = {
            name: Row(*stack.enter_context(servers.gateway({**sources(mock), **settings})))
            for name, settings in (
                (ALONE, {}),
                (ONE, shared),
                (TWO, {**shared, "GATEWAY_WORKERS": "2"}),
            )
        }
        for row in rows.values():
            comparison.wait_for_index(row.port)
        names, *_ = [comparison.names(row.port, mock.places) for row in rows.values()]
        for job in ASKED:
            measure(runner, rows, job, names)
            print(f"\n{job.number}: {job.title}\n")
            print("| workers | requests/s | CPU ms | cores | requests per CPU second | idler worker |")
            print("|---|---:|---:|---:|---:|---:|")
            for name, row in rows.items():
                print(line(name, row))
            print(
                f"\nWith a core for each, two carry {times(rows, ONE):.2f} times as much as one, and", end=" "
            )
            print(f"{times(rows, ALONE):.2f} times as much as one that shares nothing.")
            for row in rows.values():
                row.rates, row.cpu, row.cores, row.least = [], [], [], []
    return 0


def sources(mock: servers.Mock) -> dict[str, str]:
    """The addresses of the sources as settings."""
    wanted = ("SAMESPACE_URL", "PACKAGEX_URL", "SMART_SENDER_URL")
    return {"GATEWAY_LOG_LEVEL": "error", **{name: mock.addresses[name] for name in wanted}}


def measure(runner: asyncio.Runner, rows: Mapping[str, Row], job: Job, names: Names) -> None:
    """Ask all of them in turns, after they have warmed up."""
    headers = comparison.FRESH if job.fresh else {}
    turns: dict[str, Iterator[bytes]] = {
        name: cycle([load.request(row.port, job.query, each, headers) for each in job.variables(names)])
        for name, row in rows.items()
    }
    for name, row in rows.items():
        runner.run(load.run(row.port, turns[name], CONNECTIONS, seconds=WARM_UP))
    for _ in range(ROUNDS):
        for name, row in rows.items():
            carried, cpu = row.carried(), row.cpu_seconds()
            ran = runner.run(load.run(row.port, turns[name], CONNECTIONS, seconds=SECONDS))
            cpu = row.cpu_seconds() - cpu
            if ran.failures:
                raise SystemExit(f"A request failed: {ran.failure!r}")
            row.rates.append(ran.rate)
            row.cpu.append(cpu / len(ran.seconds) * 1000)
            row.cores.append(cpu / ran.took)
            now = row.carried()
            parts = [now[worker] - carried.get(worker, 0.0) for worker in now]
            row.least.append(min(parts) / sum(parts) if parts else 1.0)


def times(rows: Mapping[str, Row], other: str) -> float:
    """What two workers carry over what one does, from the CPU of a request; round by round, as those next to
    each other in time have met the same noise.
    """
    pairs = zip(rows[other].cpu, rows[TWO].cpu, strict=True)
    return statistics.median(2 * one / two for one, two in pairs)


def line(name: str, row: Row) -> str:
    """A row of the table: medians over the rounds."""
    rate, cpu, cores, least = map(statistics.median, (row.rates, row.cpu, row.cores, row.least))
    return f"| {name} | {rate:.0f} | {cpu:.2f} | {cores:.2f} | {1000 / cpu:.0f} | {least:.0%} |"


if __name__ == "__main__":
    sys.exit(main())
