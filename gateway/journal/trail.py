"""The audit trail in SQLite. Everything here runs on the thread of the journal, within its transactions."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import orjson

from gateway.journal.chain import Link, sealed
from gateway.model.audit import AuditEntry, AuditOutcome, AuditQuery, AuditRecord

SCHEMA: Final = """
CREATE TABLE audit (
    account TEXT NOT NULL, number INTEGER NOT NULL, at TEXT NOT NULL, caller TEXT NOT NULL,
    action TEXT NOT NULL, outcome TEXT NOT NULL, code TEXT, request TEXT NOT NULL, times INTEGER NOT NULL,
    digest TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL,
    PRIMARY KEY (account, number)
) WITHOUT ROWID;
CREATE TABLE audit_detail (
    account TEXT NOT NULL, number INTEGER NOT NULL, salt TEXT NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (account, number)
) WITHOUT ROWID;
CREATE TABLE audit_contact (
    account TEXT NOT NULL, contact TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (account, contact, number)
) WITHOUT ROWID;
CREATE TABLE audit_open (
    token TEXT PRIMARY KEY, account TEXT NOT NULL, owner TEXT NOT NULL, at TEXT NOT NULL, entry TEXT NOT NULL
) WITHOUT ROWID;
"""

COLUMNS: Final = (
    "a.account, a.number, a.at, a.caller, a.action, a.outcome, a.code, a.request, a.times, a.digest, "
    "a.previous, a.hash, d.salt, d.detail"
)
SELECT: Final = f"SELECT {COLUMNS} FROM audit a LEFT JOIN audit_detail d USING (account, number) WHERE "  # noqa: S608
NEWEST: Final = "SELECT number, hash FROM audit WHERE account = ? ORDER BY number DESC LIMIT 1"
OF_CONTACT: Final = "SELECT number FROM audit_contact WHERE account = ? AND contact = ?"


def append(
    db: sqlite3.Connection, account: str, at: str, entries: Sequence[AuditEntry], closes: str | None
) -> None:
    """Add records behind the last one. Needs a transaction that may write, begun before anything is read."""
    row = db.execute(NEWEST, (account,)).fetchone()
    last = None if row is None else Link(*row)
    for entry in entries:
        record = sealed(account, at, entry, last)
        last = Link(record.number, record.hash)
        values = [getattr(record, name) for name in AuditRecord.__slots__]
        db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values[:12])
        db.execute("INSERT INTO audit_detail VALUES (?, ?, ?, ?)", (account, record.number, *values[12:]))
        for contact in entry.contacts:
            of_contact = (account, contact, record.number)
            db.execute("INSERT OR IGNORE INTO audit_contact VALUES (?, ?, ?)", of_contact)
    if closes is not None:
        db.execute("DELETE FROM audit_open WHERE token = ?", (closes,))


def select(
    db: sqlite3.Connection, account: str, query: AuditQuery, before: int | None, limit: int
) -> list[AuditRecord]:
    """Records below a number, newest first."""
    conditions, values = ["a.account = ?"], [account]
    found: tuple[tuple[str, Any], ...] = (
        ("a.number < ?", before),
        ("a.caller = ?", query.caller),
        ("a.action = ?", query.action),
        ("a.at >= ?", query.since),
    )
    for condition, value in found:
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if query.outcomes is not None:
        conditions.append(f"a.outcome IN ({', '.join('?' * len(query.outcomes))})")
        values.extend(each.value for each in query.outcomes)
    if query.contact is not None:
        conditions.append(f"a.number IN ({OF_CONTACT})")
        values.extend((account, query.contact))
    sql = f"{SELECT}{' AND '.join(conditions)} ORDER BY a.number DESC LIMIT ?"
    names = AuditRecord.__slots__
    rows = db.execute(sql, [*values, limit])
    return [AuditRecord(**dict(zip(names, row, strict=True))) for row in rows]


def erase(db: sqlite3.Connection, account: str, contact: str) -> int:
    """Take away what records say of a contact; of how many. The chain stays whole."""
    sql = f"DELETE FROM audit_detail WHERE account = ? AND number IN ({OF_CONTACT})"  # noqa: S608
    count = db.execute(sql, (account, account, contact)).rowcount
    db.execute("DELETE FROM audit_contact WHERE account = ? AND contact = ?", (account, contact))
    return count


def packed(entry: AuditEntry) -> str:
    """An entry as a text."""
    return orjson.dumps(entry).decode()


def unpacked(text: str) -> AuditEntry:
    """The same entry again."""
    held = orjson.loads(text)
    return AuditEntry(
        **{**held, "outcome": AuditOutcome(held["outcome"]), "contacts": tuple(held["contacts"])}
    )
