"""What the gateway carries out for one request: instructions of the interpreter, and calls.

    python -m tests.benchmarks.instructions --jobs J1,J5 --top 40

Times are noisy, these numbers are not: they show what a change spares before it is measured. They belong to
one version of Python, and what is written in C counts for nothing but its calls.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import uvloop

from tests.benchmarks import comparison, servers
from tests.benchmarks.jobs import JOBS, Job
from tests.benchmarks.measuring import Bench

COUNTED: Final = (sys.executable, "-m", "tests.benchmarks.counted")
WARM_UP: Final = 1.0
CONNECTIONS: Final = 8
SECONDS: Final = 3.0
PEOPLE: Final = 600
PAGES: Final = 40
BEFORE_NAMES: Final = re.compile(r".*/(?:site-packages|python3\.\d+)/")


def main() -> None:
    """Print a table for each job."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", default=",".join(JOBS))
    parser.add_argument("--top", type=int, default=0, help="so many modules, functions and C functions")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COUNTED"] = f"{folder}/counted.json"
        with (
            servers.mock(PEOPLE, PAGES) as mock,
            comparison.opened(["gateway"], mock, command=COUNTED) as running,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            bench = Bench(running, mock, runner)
            for number in chosen.jobs.split(","):
                _show(*_counted(bench, JOBS[number], Path(os.environ["COUNTED"])), number, chosen.top)


def _counted(bench: Bench, job: Job, written: Path) -> tuple[dict[str, Any], int]:
    """What was counted, and for how many requests."""
    server = bench.asked[0]
    bench.warm_up(job, WARM_UP)
    written.unlink(missing_ok=True)
    os.kill(server.pid, signal.SIGUSR2)
    ran = bench.run(server, job, connections=CONNECTIONS, seconds=SECONDS)
    os.kill(server.pid, signal.SIGUSR2)
    while not written.exists():
        time.sleep(0.05)
    return json.loads(written.read_text()), len(ran.seconds)


def _show(counted: dict[str, Any], requests: int, number: str, top: int) -> None:
    modules: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for file, name, steps, called in counted["functions"]:
        module = BEFORE_NAMES.sub("", file).removeprefix(f"{Path.cwd()}/")
        modules[module] += steps
        functions[f"{module}:{name}"] += steps
        calls[f"{module}:{name}"] += called
    built_in = Counter(counted["builtIn"])
    print(
        f"{number}: {modules.total() / requests:,.0f} instructions, {calls.total() / requests:,.0f} calls, "
        f"{built_in.total() / requests:,.0f} of C functions, for each of {requests} requests",
        flush=True,
    )
    for title, counter in (
        ("instructions by module", modules),
        ("instructions by function", functions),
        ("calls by function", calls),
        ("calls of C functions", built_in),
    ):
        if top:
            print(f"\n  {title}")
        for name, amount in counter.most_common(top):
            print(f"  {amount / requests:9.1f}  {name}")


if __name__ == "__main__":
    main()
