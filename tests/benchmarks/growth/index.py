"""Questions to an index of more and more contacts."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from gateway.upstreams.people import COMPANIES, LAST_NAMES, WHERE, Population
from tests.benchmarks import comparison, servers
from tests.benchmarks.comparison import KEY, Server, ask
from tests.benchmarks.growth.chart import Panel
from tests.benchmarks.growth.lines import Line, table
from tests.benchmarks.growth.measuring import Curve, Pace, drawn, measured, point
from tests.benchmarks.jobs import FIELDS, Job, Names
from tests.benchmarks.measuring import Bench

SIZES: Final = (1_000, 10_000, 100_000)
SCAN_SECONDS: Final = 600.0  # for the largest, on a machine that has other work
ASKED: Final = 200  # different e-mails
STRIDE: Final = 997  # a prime, so that people are taken from all over
CURSORS: Final = 16
ALONE: Final = {"x-deadline-ms": "30000"}  # with a deadline of its own no query is answered with an equal one
NODES: Final = f"{{ nodes {{ {FIELDS} }} }}"
SORTED: Final = "orderBy: { field: NAME }"
OF_COMPANY: Final = "first: 20, filter: { company: $company }"
JOBS: Final = {  # the argument, and the rest of the document
    "contact by e-mail": ("email", f"contacts(first: 20, filter: {{ email: $email }}) {NODES}"),
    "person by e-mail": (
        "email",
        "person(by: { email: $email }) { id displayName members { contact { id } } }",
    ),
    "sorted by name": ("", f"contacts(first: 20, {SORTED}) {NODES}"),
    "sorted, in the middle": ("after", f"contacts(first: 20, after: $after, {SORTED}) {NODES}"),
    "filtered by company": ("company", f"contacts({OF_COMPANY}) {NODES}"),
    "filtered and sorted": ("company", f"contacts({OF_COMPANY}, {SORTED}) {NODES}"),
    "filtered, with total": ("company", f"contacts({OF_COMPANY}) {{ totalCount nodes {{ {FIELDS} }} }}"),
    "search in Samespace": ("last", f"contacts(first: 20, search: $last, sources: [SAMESPACE]) {NODES}"),
    "search for people": ("last", "people(first: 20, search: $last) { nodes { id displayName emails } }"),
    "two letters in no name": ("", f'contacts(first: 20, filter: {{ name: "qq" }}) {NODES}'),
}
ABOUT: Final = """
### Contacts in the index

The index as the gateway has filled it itself, by a scan of emulators with so many contacts; nothing
here asks a source. A company is that of one contact in 27, a last name that of one in 77, which is
searched for: ten times the contacts, ten times the matches. E-mails, pages, companies and names change
from request to request.
"""


class Emulated(servers.Mock):
    """Emulators, in the place of the mock: nothing asks them once the index is filled."""

    def calls(self) -> int:
        """None."""
        return 0


def curve(pace: Pace, runner: asyncio.Runner) -> Curve:
    """One gateway for each size, all running at once."""
    jobs = [
        Job(number=name, title=name, query=_document(argument, text), variables=_values(argument), goal=0)
        for name, (argument, text) in JOBS.items()
    ]
    with ExitStack() as stack:
        running = [stack.enter_context(_indexed(size)) for size in SIZES]
        found = measured(Bench(running, Emulated({}, {}), runner), jobs, pace)
    lines = [Line(name, [point(size, found[name, str(size)]) for size in SIZES]) for name in JOBS]
    panel = Panel(
        title="Contacts in the index",
        across="contacts",
        up="CPU ms",
        lines=drawn(lines),
        log_x=True,
        log_y=True,
    )
    return Curve([ABOUT, *table("contacts", [f"{size:,}" for size in SIZES], lines)], [panel])


def _document(argument: str, text: str) -> str:
    return f"query (${argument}: String) {{ {text} }}" if argument else f"{{ {text} }}"


def _values(argument: str) -> Callable[[Names], list[dict[str, Any]]]:
    return lambda names: [{argument: each} for each in names.pages[argument]] if argument else [{}]


@contextmanager
def _indexed(contacts: int) -> Iterator[Server]:
    """A gateway whose index knows so many contacts, and what its jobs ask for."""
    people = contacts * len(WHERE) // sum(map(len, WHERE))
    with servers.emulators(people) as addresses, comparison.gateway(addresses) as (port, pid):
        comparison.wait_for_index(port, SCAN_SECONDS)
        population = Population(people, 1)
        values: dict[str, list[str | None]] = {
            "email": [population.person(number * STRIDE % people).email for number in range(ASKED)],
            "company": list(COMPANIES),
            "last": [name for name in LAST_NAMES if name.isascii()],
            "after": _middle(port, contacts),
        }
        yield Server(str(contacts), port, pid, Names({}, values), {"x-api-key": KEY, **ALONE}, keeps=True)


def _middle(port: int, contacts: int) -> list[str | None]:
    """Cursors in the middle of the list that is sorted by name."""
    query = (
        f"query ($after: String) {{ page: contacts(first: 100, after: $after, {SORTED}) "
        "{ pageInfo { endCursor } } }"
    )
    found: list[str | None] = [None]
    for _ in range(contacts // 200):
        found.append(ask(port, query, {"after": found[-1]})["page"]["pageInfo"]["endCursor"])
    return found[-CURSORS:]
