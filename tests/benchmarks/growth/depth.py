"""Joins below joins."""

import asyncio
import statistics
from typing import Any, Final

from gateway.cache.reads import Keep
from tests.benchmarks import comparison, servers
from tests.benchmarks.comparison import Server, ask
from tests.benchmarks.growth.chart import Panel
from tests.benchmarks.growth.lines import Line, bare_table, table
from tests.benchmarks.growth.measuring import PAGES, PEOPLE, UNKNOWN, Curve, Pace, drawn, measured, point
from tests.benchmarks.jobs import Job
from tests.benchmarks.measuring import Bench

DEPTHS: Final = (1, 2, 3, 4, 5)
WIDTHS: Final = (1, 2, 5, 10, 20, 50)
TEN: Final = 10
NOTHING_KEPT: Final = {**UNKNOWN, **{f"GATEWAY_CACHE_{kind.name}_SECONDS": "0" for kind in Keep}}
CONTACT: Final = "id displayName email phone"
FIRST: Final = f"contacts(first: $first, after: $after, sources: [PACKAGEX]) {{ nodes {{ {CONTACT} … }} }}"
PERSON: Final = "person { id displayName emails … }"
RECORDS: Final = f"members {{ confidence contact {{ {CONTACT} … }} }}"
GROUP: Final = "groups(first: 1) { nodes { id name memberCount … } }"
MEMBER: Final = f"members(first: 1) {{ nodes {{ {CONTACT} … }} }}"
CHAINS: Final = {
    "people": (FIRST, PERSON, RECORDS, GROUP, MEMBER),
    "groups": (FIRST, GROUP, MEMBER, GROUP, MEMBER),
}
ABOUT: Final = """
### Depth

Ten PackageX contacts, and one join more each time; nothing is kept (`GATEWAY_CACHE_…_SECONDS=0`,
`GATEWAY_CACHE_BYTES=1`). *people*: contacts (one call), the person of each and that person's records (the
index, no call), a group of each record (a call for each of PackageX and Smart Sender), a member of each
group (a call for each). *groups*: contacts, a group of each (a call for each), a member of each (a call for
each), a group of each, a member of each. What comes again in a request takes no call. The fifth of *people*
is 10 fields deep, of 20 that `GATEWAY_QUERY_DEPTH` allows, and may take 321 points of 20,000, and 109 calls
of 2,000.
"""
ABOUT_WIDTH: Final = "\nThe deepest of both with more and more contacts at its top:\n"


def curve(pace: Pace, runner: asyncio.Runner) -> Curve:
    """One chain through people in the index, one through groups at their source."""
    deeper = {(name, deep): _job(name, deep, TEN) for name in CHAINS for deep in DEPTHS}
    wider = {(name, width): _job(name, DEPTHS[-1], width) for name in CHAINS for width in WIDTHS}
    jobs = [*deeper.values(), *wider.values()]
    with servers.mock(PEOPLE, PAGES) as mock, comparison.opened(["gateway"], mock, NOTHING_KEPT) as running:
        found = measured(Bench(running, mock, runner), jobs, pace)
        objects = {key: _objects(running[0], job) for key, job in deeper.items()}
    depths, widths = (
        [
            Line(
                name,
                [point(size, found[job.number, "gateway"]) for (of, size), job in some.items() if of == name],
            )
            for name in CHAINS
        ]
        for some in (deeper, wider)
    )
    counts = [f"{name} {', '.join(f'{objects[name, deep]:.0f}' for deep in DEPTHS)}" for name in CHAINS]
    return Curve(
        [
            ABOUT,
            *bare_table([f"depth {deep}" for deep in DEPTHS], depths),
            f"\nContacts, people and groups in an answer by depth: {'; '.join(counts)}.",
            ABOUT_WIDTH,
            *table("contacts", [str(width) for width in WIDTHS], widths),
        ],
        [
            Panel(title="Depth", across="joins, from 10 contacts", up="CPU ms", lines=drawn(depths)),
            Panel(title="Depth 5", across="contacts at the top", up="CPU ms", lines=drawn(widths)),
        ],
    )


def _job(name: str, deep: int, first: int) -> Job:
    return Job(
        number=f"{name}, depth {deep}, {first}",
        title=name,
        query=document(name, deep),
        variables=lambda names: [{"first": first, "after": after} for after in names.pages["PACKAGEX"]],
        goal=0,
    )


def document(name: str, deep: int) -> str:
    """So many joins."""
    text = ""
    for level in reversed(CHAINS[name][:deep]):
        text = level.replace("…", text)
    return f"query ($first: Int, $after: String) {{ {text} }}"


def _objects(server: Server, job: Job) -> float:
    """Things with an id in an answer: the mean over the pages."""
    asked = job.variables(server.names)
    return statistics.mean(_ids(ask(server.port, job.query, variables)) for variables in asked)


def _ids(value: Any) -> int:
    if isinstance(value, dict):
        return ("id" in value) + sum(map(_ids, value.values()))
    return sum(map(_ids, value)) if isinstance(value, list) else 0
