"""Measures what recognising people costs in the index, with growth: CPU time of one thread, no network.

Contacts of three sources, of whom about four in ten are in two or three of them, are put into an index on
disk. Then: all people at once, one contact more, one person by e-mail, and the people of a page of contacts.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from gateway.identity.rules import EMAIL, Rules
from gateway.index.people import EVERYTHING
from gateway.index.rows import Row, row_of
from gateway.index.store import SqliteStore
from gateway.model.contact import Contact, ContactKey
from gateway.model.source import Source
from gateway.upstreams.people import Person, Population, System

SIZES = (1_000, 10_000, 100_000)
ROUNDS = 5
EACH = 200
PAGE = 20
ACCOUNT = "benchmark"
SOURCES: dict[System, Source] = {
    "samespace": Source.SAMESPACE,
    "packagex": Source.PACKAGEX,
    "smartsender": Source.SMART_SENDER,
}
NAMES = (
    ("all people at once, s", 1.0),
    ("one contact more, ms", 1_000.0),
    ("person by e-mail, ms", 1_000.0),
    (f"people of {PAGE} contacts, ms", 1_000.0),
)


def main() -> None:
    """Print a table with a column for each size."""
    print("\nRecognising people in the index on disk (CPU time; medians):\n")
    columns = [asyncio.run(measured(size)) for size in SIZES]
    print(f"| {'':<30} | {' | '.join(f'{size:,} contacts' for size in SIZES)} | growth |")
    print(f"|{'-' * 32}|{'---:|' * (len(SIZES) + 1)}")
    for place, (name, unit) in enumerate(NAMES):
        row = [column[place] * unit for column in columns]
        print(f"| {name:<30} | {' | '.join(f'{each:.2f}' for each in row)} | x {row[-1] / row[0]:.1f} |")


async def measured(size: int) -> list[float]:
    """Seconds for each of the jobs, in an index of so many contacts."""
    rules = Rules()
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "index.sqlite3", rules)
        rows = [row_of(contact, place, rules) for place, contact in enumerate(contacts(size))]
        for start in range(0, len(rows), 1_000):
            await store.put(ACCOUNT, rows[start : start + 1_000], 1)
        newcomers = [row_of(each, size, rules) for each in contacts(EACH, seed=2)]
        emails = [row.emails[0] for row in rows[:: max(1, size // EACH)] if row.emails]
        found = [
            await cpu(lambda: store.everyone(ACCOUNT, EVERYTHING), ROUNDS),
            await cpu(lambda: add(store, newcomers), 1) / len(newcomers),
            await cpu(lambda: look_up(store, emails), ROUNDS) / len(emails),
            await cpu(lambda: pages(store, size), ROUNDS) / EACH,
        ]
        await store.aclose()
    return found


async def add(store: SqliteStore, rows: list[Row]) -> None:
    """Contacts one by one, each with its person afterwards."""
    for row in rows:
        await store.put(ACCOUNT, [row], 1)
        held = store.get(ACCOUNT, row.source, [row.id])[row.id]
        store.people(ACCOUNT, EVERYTHING, [held.rowid])


async def look_up(store: SqliteStore, emails: list[str]) -> None:
    """The person of each e-mail."""
    for email in emails:
        store.people(ACCOUNT, EVERYTHING, store.holding(ACCOUNT, EVERYTHING, (EMAIL, email)))


async def pages(store: SqliteStore, size: int) -> None:
    """The people of pages of contacts, from all over the index."""
    for number in range(EACH):
        start = 1 + number * max(1, size - PAGE) // EACH
        store.people(ACCOUNT, EVERYTHING, range(start, start + PAGE))


async def cpu(work: Callable[[], Awaitable[Any]], rounds: int) -> float:
    """The median CPU seconds of the process."""
    found = []
    for _ in range(rounds):
        started = time.process_time()
        await work()
        found.append(time.process_time() - started)
    return statistics.median(found)


def contacts(size: int, seed: int = 1) -> Iterator[Contact]:
    """So many contacts of invented people, each as its source spells it."""
    made = 0
    for person in Population(size, seed):
        for system in person.systems:
            if made == size:
                return
            made += 1
            yield contact(person, system, seed)


def contact(person: Person, system: System, seed: int) -> Contact:
    """A person's contact in one system, with what identity looks at."""
    said, source = person.spelled(system), SOURCES[system]
    id_ = f"{seed}-{person.number}"
    name = " ".join(part for part in (said.first, said.last) if part)
    empty: Any = dict.fromkeys(("address", "avatarUrl", "updatedAt", "_raw"))
    lists: Any = {each: [] for each in ("notes", "tags", "funnels", "_properties")}
    found: Any = {
        **empty,
        **lists,
        "id": id_,
        "source": source,
        "sourceId": id_,
        "displayName": name,
        "firstName": said.first,
        "lastName": said.last,
        "email": said.email,
        "emails": [said.email] if said.email else [],
        "phone": said.phone,
        "phones": [said.phone] if said.phone else [],
        "company": person.company,
        "createdAt": f"2024-01-01T{person.number % 24:02d}:00:00Z",
        "asOf": "2026-01-01T00:00:00.000Z",
        "_key": ContactKey(source, "", id_),
    }
    held: Contact = found
    return held


if __name__ == "__main__":
    main()
