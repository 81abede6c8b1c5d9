"""`gateway people duplicates`: who is there more than once, and who is held apart, for whoever cleans up."""

import asyncio
import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from gateway.app import Gateway
from gateway.config import BadSetting, Config
from gateway.errors import GatewayError
from gateway.federation.directory import Directory
from gateway.federation.people import People, contacts_of
from gateway.identity.clusters import Conflict
from gateway.index.crawl import Crawler
from gateway.model.caller import Caller, Scope
from gateway.model.contact import Contact
from gateway.model.formulas import cells
from gateway.model.person import Person, PersonMember
from gateway.model.source import Source
from gateway.model.text import printable
from gateway.terminal import CALLER, LOOK_SECONDS, bar, carried_out, complain

STRETCH: Final = 50  # people read at a time
TWICE: Final = "twice in one source"
SEVERAL: Final = "in several sources"
APART: Final = "held apart"
COLUMNS: Final = (
    *("kind", "person", "name", "source", "sourceId", "contact", "displayName", "email", "phone", "company"),
    "why",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks for."""

    account: str
    csv: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A record of the report. `person` is a global id, empty for a record that is held apart."""

    kind: str
    person: str
    name: str
    contact: Contact
    why: str

    @property
    def cells(self) -> list[str]:
        """The columns."""
        each = self.contact
        shown = (each["displayName"], each["email"], each["phone"], each["company"])
        told = (self.kind, self.person, self.name, each["source"].value, each["sourceId"], each["id"])
        return [printable(text or "") for text in (*told, *shown, self.why)]


async def run(config: Config, wish: Wish, out: TextIO = sys.stdout) -> int:
    """Print the report. The exit status: 1 where a source could not be read, 2 for a bad call."""

    async def work(gateway: Gateway) -> int:
        directory = gateway.directories[wish.account]
        _tell_what_is_off(directory)
        failed = await _read(directory, gateway.crawlers[wish.account])
        for error in failed.values():
            complain(error.message)
        lines = await _lines(directory)
        if wish.csv:
            _write(lines, out)
        else:
            _print(lines, out)
        return 1 if failed else 0

    return await carried_out(config, wish.account, work)


def _tell_what_is_off(directory: Directory) -> None:
    """Whose records cannot be in the report. Raises BadSetting where that is everybody's."""
    off = [each.name for source, each in directory.traits.items() if source not in directory.upstreams]
    if not directory.upstreams:
        raise BadSetting(
            "No source has both a key and an address, so there is nobody to report: see `gateway check`."
        )
    for name in off:
        complain(f"{name} is switched off: its records are not in this report.")


async def _read(directory: Directory, crawler: Crawler) -> dict[Source, GatewayError]:
    """Read the sources whose index is too old, with a progress bar on a terminal; failures by source."""
    old = [source for source in directory.upstreams if not _fresh(directory, source)]
    failed: dict[Source, GatewayError] = {}

    async def scan(source: Source) -> None:
        try:
            await directory.upstreams[source].prepare()
            await crawler.scan(source)
        except GatewayError as error:
            failed[source] = error

    scans = asyncio.gather(*(scan(source) for source in old))
    with bar("contact", what="reading") as shown:
        while not scans.done():
            shown.update(sum(crawler.progress[source].read for source in old) - shown.n)
            await asyncio.wait((scans,), timeout=LOOK_SECONDS)
        await scans
    return failed


def _fresh(directory: Directory, source: Source) -> bool:
    states = directory.index.states(source, None)
    return bool(states) and all(state.fresh for state in states)


async def _lines(directory: Directory) -> list[Line]:
    """The records of everybody who is there more than once, those twice in one source first."""
    caller = Caller(name=CALLER, scopes=frozenset(Scope), account=directory.account)
    people = People(directory, caller, None)
    seen = await people.look()
    crowds = await directory.census.crowds(seen.sight)
    several = [person for crowd in crowds for person in crowd.people if len(person.records) > 1]
    found: list[Line] = []
    with bar("person", what="comparing", total=len(several)) as shown:
        for start in range(0, len(several), STRETCH):
            some = several[start : start + STRETCH]
            for person in people.made(some, seen).values():
                found.extend(_of_person(person))
            shown.update(len(some))
            await asyncio.sleep(0)
    for conflict in await directory.census.conflicts(seen.sight):
        found.extend(_of_conflict(conflict, directory))
    return sorted(found, key=lambda line: (TWICE, SEVERAL, APART).index(line.kind))


def _of_person(person: Person) -> Iterator[Line]:
    count = Counter(contact["source"] for contact in contacts_of(person))
    kind = TWICE if max(count.values()) > 1 else SEVERAL
    for member in person["members"]:
        yield Line(kind, person["id"], person["displayName"] or "", member["contact"], _why(member))


def _of_conflict(conflict: Conflict, directory: Directory) -> Iterator[Line]:
    for contact in directory.census.contacts(conflict.places).values():
        yield Line(APART, "", "", contact, conflict.reason)


def _why(member: PersonMember) -> str:
    return "; ".join(f"{reason['rule']} {reason['normalisedAs']}" for reason in member["reasons"])


def _write(lines: Iterable[Line], out: TextIO) -> None:
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(cells(line.cells) for line in lines)


def _print(lines: Sequence[Line], out: TextIO) -> None:
    """The report for people: each person with their records, and a sum."""
    last = None
    for line in lines:
        kind, person, name, source, source_id, _, *shown, why = line.cells
        group = person or why
        if group != last:
            print(f"\n{name or 'Held apart'}: {kind}" if person else f"\n{kind}: {why}", file=out)
            last = group
        told = ", ".join(part for part in (*shown, person and why) if part)
        print(f"  {source} {source_id}: {told}", file=out)
    people = {line.person: line.kind for line in lines if line.person}
    kinds = Counter(people.values())
    apart = len({line.why for line in lines if not line.person})
    print(
        f"\n{len(people)} people have several records: {kinds[TWICE]} of them twice in one source. "
        f"{apart} conflicts are held apart.",
        file=out,
    )
