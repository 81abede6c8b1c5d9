"""What people have said of pairs of records, in SQLite, within the transactions of the journal."""

import sqlite3
from collections.abc import Sequence
from typing import Final

import orjson

from gateway.journal.journal import Overtaken
from gateway.model.person import Saying, Statement

SCHEMA: Final = """
CREATE TABLE statement (
    account TEXT NOT NULL, one TEXT NOT NULL, other TEXT NOT NULL, saying TEXT NOT NULL,
    actor TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, earlier TEXT,
    PRIMARY KEY (account, one, other)
) WITHOUT ROWID;
CREATE TABLE statement_version (account TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
"""

KEEP: Final = "INSERT OR REPLACE INTO statement VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
WITHDRAW: Final = "DELETE FROM statement WHERE account = ? AND one = ? AND other = ?"
SELECT: Final = (
    "SELECT one, other, saying, actor, reason, at, earlier FROM statement "
    "WHERE account = ? ORDER BY one, other"
)
ERASE: Final = """
DELETE FROM statement WHERE account = :account
AND (one IN (SELECT value FROM json_each(:refs)) OR other IN (SELECT value FROM json_each(:refs)))
"""
CHANGED: Final = (
    "INSERT INTO statement_version VALUES (?, 1) ON CONFLICT (account) DO UPDATE SET version = version + 1"
)


def keep(
    db: sqlite3.Connection, account: str, statements: Sequence[Statement], heard: int | None = None
) -> None:
    """Put statements in the place of what was said of their pairs before.

    Raises Overtaken where the version is not the one that was `heard`.
    """
    if heard is not None and heard != _version(db, account):
        raise Overtaken
    for each in statements:
        if each.saying is None:
            db.execute(WITHDRAW, (account, each.one, each.other))
        else:
            said = (each.saying.value, each.actor, each.reason, each.at, each.before and each.before.value)
            db.execute(KEEP, (account, each.one, each.other, *said))
    if statements:
        db.execute(CHANGED, (account,))


def read(db: sqlite3.Connection, account: str, known: int | None) -> tuple[int, list[Statement] | None]:
    """The version of an account's statements, and all of them unless that version is known."""
    with db:
        db.execute("BEGIN")  # both of one moment
        version = _version(db, account)
        if version == known:
            return version, None
        return version, [_statement(row) for row in db.execute(SELECT, (account,))]


def erase(db: sqlite3.Connection, account: str, refs: Sequence[str]) -> int:
    """Take away the statements that name one of these records; how many."""
    count = db.execute(ERASE, {"account": account, "refs": orjson.dumps(list(refs)).decode()}).rowcount
    if count:
        db.execute(CHANGED, (account,))
    return count


def _version(db: sqlite3.Connection, account: str) -> int:
    row = db.execute("SELECT version FROM statement_version WHERE account = ?", (account,)).fetchone()
    return 0 if row is None else int(row[0])


def _statement(row: Sequence[str]) -> Statement:
    one, other, saying, actor, reason, at, earlier = row
    return Statement(
        one=one,
        other=other,
        saying=Saying(saying),
        actor=actor,
        reason=reason,
        at=at,
        before=Saying(earlier) if earlier else None,
    )
