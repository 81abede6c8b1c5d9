"""The log of events in SQLite. Everything here runs on the thread of the journal."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import orjson

from gateway.journal.journal import Noted
from gateway.model.event import EventQuery, Happening

APPEND: Final = (
    "INSERT INTO event (account, type, name, source, contact, actor, at, payload) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
SELECT: Final = "SELECT number, type, name, source, contact, actor, at, payload FROM event WHERE "
ERASE: Final = """
UPDATE event SET name = NULL, payload = '{}'
WHERE account = :account AND (name IS NOT NULL OR payload <> '{}') AND (
    contact IN (SELECT value FROM json_each(:contacts))
    OR json_extract(payload, '$.from') IN (SELECT value FROM json_each(:contacts))
    OR EXISTS (
        SELECT 1 FROM json_each(payload, '$.contacts') AS named
        WHERE named.value IN (SELECT value FROM json_each(:contacts))
    )
)
"""


def append(db: sqlite3.Connection, account: str, actor: str | None, at: str, each: Happening) -> int:
    """Add an event; its number."""
    source = each.source and each.source.value
    payload = orjson.dumps(each.payload).decode()
    values = (account, each.type.value, each.name, source, each.contact, actor, at, payload)
    return int(db.execute(APPEND, values).lastrowid or 0)


def select(db: sqlite3.Connection, account: str, query: EventQuery, after: int, limit: int) -> list[Noted]:
    """Events behind a number, oldest first."""
    conditions, values = ["account = ?", "number > ?"], [account, after]
    for column, wanted in (("type", query.types), ("source", query.sources)):
        if wanted is not None:
            conditions.append(f"{column} IN ({', '.join('?' * len(wanted))})")
            values.extend(each.value for each in wanted)
    for condition, value in (("contact = ?", query.contact), ("at >= ?", query.since)):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    sql = f"{SELECT}{' AND '.join(conditions)} ORDER BY number LIMIT ?"
    return [_noted(row) for row in db.execute(sql, [*values, limit])]


def latest(db: sqlite3.Connection, account: str) -> int:
    """The number of the newest event; 0 where there is none."""
    return db.execute("SELECT max(number) FROM event WHERE account = ?", (account,)).fetchone()[0] or 0


def erase(db: sqlite3.Connection, account: str, contacts: Sequence[str]) -> int:
    """Empty the events that are about one of these contacts, or name it; of how many."""
    return db.execute(ERASE, {"account": account, "contacts": orjson.dumps(list(contacts)).decode()}).rowcount


def _noted(row: Sequence[Any]) -> Noted:
    number, type_, name, source, contact, actor, at, payload = row
    return Noted(number, type_, name, source, contact, actor, at, orjson.loads(payload))
