"""How long `gateway --help` takes, and `gateway serve` until it has answered its first request.

    python -m tests.benchmarks.startup --write docs/performance.md

New processes, one after another; medians. Behind the gateway stands the quick mock of the sources, its index
is empty, and the first request asks all of them. Modules are compiled already, as they are once installed.
"""

import argparse
import http.client
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from tests.benchmarks import servers, written

PEOPLE: Final = 240
PAGES: Final = 1
PAUSE: Final = 0.002  # between two attempts to be answered
FIRST: Final = "{ contacts(first: 20) { nodes { id displayName } sources { source status } } }"
HELP_GOAL: Final = 0.3
ANSWER_GOAL: Final = 1.0
HEAD: Final = """As run on {day}, CPython {python}, medians of {runs} runs:

| from the start of the process | seconds | slowest | goal | CPU seconds |
|---|---:|---:|---:|---:|"""

Took = tuple[float, float]
"""Seconds on the wall, and of CPU."""


def main() -> None:
    """Measure, print a table, and write it where that is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.startup", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--write", metavar="PAGE", type=Path, help="such as docs/performance.md")
    chosen = parser.parse_args()
    lines = [HEAD.format(day=datetime.now(UTC).date(), python=platform.python_version(), runs=chosen.runs)]
    with servers.mock(PEOPLE, PAGES) as mock, tempfile.TemporaryDirectory() as kept:
        environment = {**os.environ, **mock.addresses, "PYTHONPYCACHEPREFIX": kept}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for name, measure, goal in (
            ("`gateway --help` has ended", helped, HELP_GOAL),
            ("`gateway serve` has answered its first request", served, ANSWER_GOAL),
        ):
            lines.append(row(name, partial(measure, environment), goal, chosen.runs))
    print("\n".join(lines))
    if chosen.write:
        written.put(chosen.write, "startup", lines)


def row(name: str, measure: Callable[[], Took], goal: float, runs: int) -> str:
    """One row of the table; the first run only compiles."""
    wall, cpu = zip(*[measure() for _ in range(runs + 1)][1:], strict=True)
    middle = statistics.median(wall)
    holds = "holds" if middle < goal else "missed"
    return f"| {name} | {middle:.3f} | {max(wall):.3f} | {goal:g}: {holds} | {statistics.median(cpu):.3f} |"


def helped(environment: Mapping[str, str]) -> Took:
    """`gateway --help`, until it has ended."""
    command = [str(Path(sys.executable).with_name("gateway")), "--help"]
    before, started = children_seconds(), time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started, children_seconds() - before


def children_seconds() -> float:
    """CPU of all processes that have ended so far."""
    times = os.times()
    return times.children_user + times.children_system


def served(environment: Mapping[str, str]) -> Took:
    """A gateway with an empty index, until it has answered with contacts of all sources."""
    port = servers.free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = {**environment, **servers.settings_on(port), "GATEWAY_DATA_DIR": folder}
        command, quiet = [*servers.GATEWAY, "serve"], subprocess.DEVNULL
        started = time.perf_counter()
        with subprocess.Popen(command, env=settings, stdout=quiet, stderr=quiet) as process:
            try:
                answered(port)
                return time.perf_counter() - started, servers.cpu_seconds(process.pid)
            finally:
                process.terminate()


def answered(port: int) -> None:
    """Ask until there is an answer, which has to be a whole one."""
    until = time.monotonic() + servers.PATIENCE
    while True:
        try:
            answer = servers.post(port, FIRST, {})
            break
        except (OSError, http.client.HTTPException):
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE)
    assert not answer.get("errors"), answer
    assert all(each["status"] == "OK" for each in answer["data"]["contacts"]["sources"]), answer


if __name__ == "__main__":
    main()
