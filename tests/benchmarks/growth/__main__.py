"""How the cost of a request grows: with the page, the depth, the contacts in the index, and connections.

    python -m tests.benchmarks.growth --curves page,depth,index,connections --write docs/performance.md

The gateway is as in tests/benchmarks/comparison.py, in front of the quick mock, or of emulators with many
contacts. Sizes are asked in turns, round by round; figures are medians. `--write` replaces the section of the
page, and the chart beside it.
"""

import argparse
import asyncio
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvloop

from tests.benchmarks import written
from tests.benchmarks.growth import connections, depth, index, page
from tests.benchmarks.growth.chart import Panel, svg
from tests.benchmarks.growth.measuring import Curve, Pace

CHART: Final = Path("profiles/growth.svg")  # beside the page
CURVES: Final[dict[str, Callable[[Pace, asyncio.Runner], Curve]]] = {
    "page": page.curve,
    "depth": depth.curve,
    "index": index.curve,
    "connections": connections.curve,
}
HEAD: Final = """As run on {day}, CPython {python}, {cores} cores ([chart]({chart})). A cell holds the CPU
ms of the gateway for a request (8 connections), the p50 ms (one connection), and in brackets the calls
of sources, where there are any. Then: how many times as much there is at the last size as at the first,
how many times the CPU, and the µs of CPU for each one more, up to the middle size and from there on."""


def main() -> None:
    """Measure what is asked for, print it, and write it where that is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.growth", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--curves", default=",".join(CURVES), help=f"some of {','.join(CURVES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3, help="for each size of a round")
    parser.add_argument("--write", metavar="PAGE", type=Path, help="such as docs/performance.md")
    chosen = parser.parse_args()
    day, pace = datetime.now(UTC).date(), Pace(chosen.rounds, chosen.seconds)
    lines = [HEAD.format(day=day, python=platform.python_version(), chart=CHART, cores=os.cpu_count())]
    print(lines[0])
    panels: list[Panel] = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for name in chosen.curves.split(","):
            found = CURVES[name](pace, runner)
            print("\n".join(found.lines), flush=True)
            lines += found.lines
            panels += found.panels
    if chosen.write:
        written.put(chosen.write, "growth", lines)
        (chosen.write.parent / CHART).write_text(svg(panels))


if __name__ == "__main__":
    main()
