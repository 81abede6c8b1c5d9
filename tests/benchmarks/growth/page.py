"""Pages of more and more contacts, of each source and of all."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from tests.benchmarks import comparison, servers
from tests.benchmarks.comparison import ask
from tests.benchmarks.growth.chart import Panel
from tests.benchmarks.growth.lines import Line, table
from tests.benchmarks.growth.measuring import PAGES, PEOPLE, UNKNOWN, Curve, Pace, drawn, measured, point
from tests.benchmarks.jobs import FIELDS, SOURCES, Job
from tests.benchmarks.measuring import Bench

SIZES: Final = (1, 2, 5, 10, 20, 50, 100)
WALKED: Final = 16  # pages of each size
ASKED: Final = {
    "Samespace": [SOURCES[0]],
    "PackageX": [SOURCES[1]],
    "Smart Sender": [SOURCES[2]],
    "all": list(SOURCES),
}
MET_BEFORE: Final = "all, met before"
QUERY: Final = (
    "query ($first: Int, $after: String, $sources: [Source!]) { page: contacts(first: $first, after: $after, "
    f"sources: $sources) {{ nodes {{ {FIELDS} }} pageInfo {{ endCursor }} }} }}"
)
ABOUT: Final = f"""
### Page size

`contacts(first: N, after:, sources:)` with 8 fields, {WALKED} pages of a walk in turns, all of them with
`Cache-Control: no-cache`. The sources send the same bytes again and again, which the gateway would read
once only: `GATEWAY_CACHE_BYTES=1` keeps it from that, but for the last line.
"""


def curve(pace: Pace, runner: asyncio.Runner) -> Curve:
    """Everything is read from the sources each time."""
    with servers.mock(PEOPLE, PAGES) as mock:
        with comparison.opened(["gateway"], mock, UNKNOWN) as running:
            lines = _lines(Bench(running, mock, runner), ASKED, pace)
        with comparison.opened(["gateway"], mock) as running:
            lines += _lines(Bench(running, mock, runner), {MET_BEFORE: list(SOURCES)}, pace)
    panel = Panel(title="Page size", across="contacts", up="CPU ms", lines=drawn(lines))
    return Curve([ABOUT, *table("contacts", [str(size) for size in SIZES], lines)], [panel])


def _lines(bench: Bench, asked: Mapping[str, list[str]], pace: Pace) -> list[Line]:
    jobs = {
        (name, size): _walk(bench.asked[0].port, f"{name} {size}", sources, size)
        for name, sources in asked.items()
        for size in SIZES
    }
    found = measured(bench, list(jobs.values()), pace)
    return [
        Line(name, [point(size, found[jobs[name, size].number, "gateway"]) for size in SIZES])
        for name in asked
    ]


def _walk(port: int, number: str, sources: list[str], size: int) -> Job:
    """The pages of a walk, each asked for by its cursor."""
    asked: list[dict[str, Any]] = []
    after = None
    for _ in range(WALKED):
        asked.append({"first": size, "after": after, "sources": sources})
        after = ask(port, QUERY, asked[-1])["page"]["pageInfo"]["endCursor"]
    return Job(number=number, title=number, query=QUERY, variables=lambda _: asked, goal=0, fresh=True)
