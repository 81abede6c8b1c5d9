"""Flame graphs of the gateway at work on single jobs: where the CPU of a request goes.

    python -m tests.benchmarks.profile --sampler .venv-profile/bin/py-spy --folder docs/profiles

The sampler reads the stacks of another process, for which most systems want root.
"""

import argparse
import asyncio
import os
import re
import subprocess
from pathlib import Path
from typing import Final

import uvloop

from tests.benchmarks import comparison, servers
from tests.benchmarks.jobs import JOBS
from tests.benchmarks.measuring import CONNECTIONS, Bench

WARM_UP: Final = 2.0
TITLE: Final = re.compile(r'(<text id="title"[^>]*>)[^<]*<')
SAMPLES: Final = 400  # a second
PEOPLE: Final = 2_000
PAGES: Final = 40


def main() -> None:
    """Write one file for each job."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sampler", required=True, help="py-spy")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--jobs", default="J2,J4")
    parser.add_argument("--seconds", type=int, default=10)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with (
        servers.mock(PEOPLE, PAGES) as mock,
        comparison.opened(["gateway"], mock) as running,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        os.sched_setaffinity(0, servers.OTHER_CORES)
        bench = Bench(running, mock, runner)
        for number in chosen.jobs.split(","):
            job, written = JOBS[number], chosen.folder / f"{number}.svg"
            bench.warm_up(job, WARM_UP)
            sampling = [
                "record",
                "--gil",
                "--function",
                "--rate",
                str(SAMPLES),
                "--duration",
                str(chosen.seconds),
            ]
            named = ["--pid", str(running[0].pid), "--output", str(written)]
            with subprocess.Popen([chosen.sampler, *sampling, *named]) as sampler:
                while sampler.poll() is None:
                    bench.run(running[0], job, connections=CONNECTIONS, seconds=0.5)
            if sampler.returncode:
                raise SystemExit(f"{chosen.sampler} failed; most systems want root for it.")
            text = written.read_text()
            written.write_text(TITLE.sub(rf"\g<1>{number}: {job.title}<", text))
            print(written)


if __name__ == "__main__":
    main()
