"""The journal on disk.

Unlike the index it cannot be filled anew, so a file that is broken or of another version is never replaced.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from gateway.commits import Commits
from gateway.journal import log, trail
from gateway.journal import statements as said
from gateway.journal.journal import RUNNING, STATES_KEPT, Keyed, KeyedAs, Noted, Open, news
from gateway.model.audit import AuditEntry, AuditQuery, AuditRecord
from gateway.model.event import EventQuery, Happening
from gateway.model.person import Statement
from gateway.thread import OneThread

T = TypeVar("T")

VERSION: Final = 4
FIRST: Final = 1  # without the audit trail
SECOND: Final = 2  # without the states of contacts
THIRD: Final = 3  # without statements
MEMORY: Final = ":memory:"

SCHEMA: Final = """
CREATE TABLE event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL, type TEXT NOT NULL, name TEXT, source TEXT, contact TEXT, actor TEXT,
    at TEXT NOT NULL, payload TEXT NOT NULL
);
CREATE INDEX event_of_account ON event (account, number);
CREATE INDEX event_of_contact ON event (account, contact, number);
CREATE TABLE keyed (
    account TEXT NOT NULL, caller TEXT NOT NULL, field TEXT NOT NULL, key TEXT NOT NULL,
    fingerprint TEXT NOT NULL, at TEXT NOT NULL, owner TEXT NOT NULL, answer TEXT,
    PRIMARY KEY (account, caller, field, key)
) WITHOUT ROWID;
CREATE INDEX keyed_at ON keyed (at);
CREATE TABLE step (
    account TEXT NOT NULL, caller TEXT NOT NULL, field TEXT NOT NULL, key TEXT NOT NULL, step TEXT NOT NULL,
    outcome TEXT,
    PRIMARY KEY (account, caller, field, key, step)
) WITHOUT ROWID;
CREATE TABLE job (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL, state TEXT NOT NULL, owner TEXT NOT NULL, job TEXT NOT NULL
);
CREATE TABLE confirmation (
    token TEXT PRIMARY KEY, account TEXT NOT NULL, caller TEXT NOT NULL, bound TEXT NOT NULL,
    expires TEXT NOT NULL
) WITHOUT ROWID;
"""

STATES: Final = """
CREATE TABLE state (
    account TEXT NOT NULL, contact TEXT NOT NULL, state TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (account, contact)
) WITHOUT ROWID;
CREATE INDEX state_at ON state (at);
"""

ANSWERED: Final = "UPDATE keyed SET answer = ? WHERE account = ? AND caller = ? AND field = ? AND key = ?"
EMPTY_CHANGES: Final = """
UPDATE keyed SET answer = json_set(answer, '$.changes', json('[]'))
WHERE account = :account AND json_type(answer, '$.changes') = 'array' AND EXISTS (
    SELECT 1 FROM json_each(answer, '$.changes') AS change
    WHERE json_extract(change.value, '$.contact') IN (SELECT value FROM json_each(:contacts))
)
"""


class BrokenJournal(Exception):
    """The file is no journal of this version. It is left as it is."""


class SqliteJournal:
    """The journal in one SQLite file, or in memory. Everything happens on one thread of its own."""

    def __init__(self, path: Path | None) -> None:
        self._thread = OneThread("journal")
        self._db = _opened(path)
        self._commits = Commits(self._db, self._thread)
        self.listeners: list[Callable[[str], None]] = []

    # Events.

    async def note(
        self,
        account: str,
        actor: str | None,
        at: str,
        happenings: Sequence[Happening],
        *,
        answer: Callable[[list[int]], Any],
        place: KeyedAs | None = None,
        entry: AuditEntry | None = None,
        closes: str | None = None,
        states: Mapping[str, str] | None = None,
        statements: Sequence[Statement] = (),
        heard: int | None = None,
    ) -> Any:
        """Append events, and make the answer out of their numbers, which grow.

        The answer of a keyed write, and the `entry` of the audit trail that `closes` an open one, are kept in
        the same transaction: either all of it is there or nothing. So are the `states` of contacts, and the
        `statements` of pairs. Raises Overtaken where more was said than `heard`.
        """

        def run(db: sqlite3.Connection) -> Any:
            noted = happenings
            if actor is None:
                noted = news(happenings, states or {}, _states(db, account, tuple(states or ())))
            made = answer([log.append(db, account, actor, at, each) for each in noted])
            _keep_states(db, account, at, states or {})
            said.keep(db, account, statements, heard)
            if place is not None:
                db.execute(ANSWERED, (_text(made), *place.parts))
            if entry is not None:
                trail.append(db, account, at, [entry], closes)
            return made

        anything = happenings or place or entry or states or statements
        made = await self._commits.carry_out(run) if anything else answer([])
        for listener in self.listeners if happenings else ():
            listener(account)
        return made

    async def states(self, account: str, contacts: Sequence[str]) -> dict[str, str]:
        """In which states contacts were last told of."""
        return await self._run(lambda: _states(self._db, account, contacts))

    async def events(self, account: str, query: EventQuery, after: int, limit: int) -> list[Noted]:
        """Events behind a number, oldest first."""
        return await self._run(lambda: log.select(self._db, account, query, after, limit))

    async def event(self, account: str, number: int) -> Noted | None:
        """One event."""
        found = await self.events(account, EventQuery(), number - 1, 1)
        return found[0] if found and found[0].number == number else None

    async def latest(self, account: str) -> int:
        """The number of the newest event; 0 where there is none."""
        return await self._run(lambda: log.latest(self._db, account))

    async def erase_events(self, account: str, contacts: Sequence[str]) -> int:
        """Empty the events of contacts, by their global ids, and those that name one; of how many."""

        return await self._erase(lambda db: log.erase(db, account, contacts))

    async def erase_answers(self, account: str, contacts: Sequence[str]) -> int:
        """Take values of contacts out of the answers that are kept of keyed writes; of how many."""
        values = {"account": account, "contacts": orjson.dumps(list(contacts)).decode()}
        return await self._erase(lambda db: db.execute(EMPTY_CHANGES, values).rowcount)

    # Statements.

    async def statements(self, account: str, known: int | None) -> tuple[int, list[Statement] | None]:
        """The version of what was said by hand of pairs, and all of it unless that version is `known`."""
        return await self._run(lambda: said.read(self._db, account, known))

    async def erase_statements(self, account: str, refs: Sequence[str]) -> int:
        """Take away the statements that name one of these records; how many."""

        return await self._erase(lambda db: said.erase(db, account, refs))

    # Keyed writes.

    async def claim(self, place: KeyedAs, fingerprint: str, at: str, owner: str, oldest: str) -> Keyed | None:
        """Begin a keyed write, unless it was begun before: then its record. What is older goes."""

        def run(db: sqlite3.Connection) -> Keyed | None:
            db.execute(
                "DELETE FROM step WHERE (account, caller, field, key) IN "
                "(SELECT account, caller, field, key FROM keyed WHERE at < ?)",
                (oldest,),
            )
            db.execute("DELETE FROM keyed WHERE at < ?", (oldest,))
            sql = (
                "SELECT fingerprint, at, owner, answer FROM keyed "
                "WHERE account = ? AND caller = ? AND field = ? AND key = ?"
            )
            row = db.execute(sql, place.parts).fetchone()
            if row is not None:
                return Keyed(row[0], row[1], row[2], None if row[3] is None else orjson.loads(row[3]))
            db.execute(
                "INSERT INTO keyed VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                (*place.parts, fingerprint, at, owner),
            )
            return None

        return await self._commits.carry_out(run)

    async def take_over(self, place: KeyedAs, owner: str, before: str) -> bool:
        """Go on with a keyed write that a process left behind; False where another one already does."""

        def run(db: sqlite3.Connection) -> bool:
            sql = (
                "UPDATE keyed SET owner = ? WHERE account = ? AND caller = ? AND field = ? AND key = ? "
                "AND owner = ?"
            )
            return db.execute(sql, (owner, *place.parts, before)).rowcount == 1

        return await self._commits.carry_out(run)

    async def drop(self, place: KeyedAs, owner: str) -> None:
        """Forget a keyed write that was begun and of which nothing was sent, unless it was taken over."""
        sql = "DELETE FROM keyed WHERE account = ? AND caller = ? AND field = ? AND key = ? AND owner = ?"
        await self._change(sql, (*place.parts, owner))

    async def answered(self, place: KeyedAs, answer: Any) -> None:
        """Keep the answer of a keyed write."""
        await self._change(ANSWERED, (_text(answer), *place.parts))

    async def steps(self, place: KeyedAs) -> dict[str, Any]:
        """The steps of a keyed write that have left, and their outcomes; None where that is not known."""
        sql = "SELECT step, outcome FROM step WHERE account = ? AND caller = ? AND field = ? AND key = ?"

        def run() -> dict[str, Any]:
            rows = self._db.execute(sql, place.parts)
            return {step: None if outcome is None else orjson.loads(outcome) for step, outcome in rows}

        return await self._run(run)

    async def leaving(self, place: KeyedAs, step: str, owner: str) -> bool:
        """Note that a step is about to leave; False where another process has taken the write over."""
        sql = (
            "INSERT OR REPLACE INTO step SELECT account, caller, field, key, ?, NULL FROM keyed "
            "WHERE account = ? AND caller = ? AND field = ? AND key = ? AND owner = ?"
        )

        def run(db: sqlite3.Connection) -> bool:
            return db.execute(sql, (step, *place.parts, owner)).rowcount == 1

        return await self._commits.carry_out(run)

    async def step(self, place: KeyedAs, step: str, outcome: Any) -> None:
        """Note what became of a step."""
        sql = "INSERT OR REPLACE INTO step VALUES (?, ?, ?, ?, ?, ?)"
        await self._change(sql, (*place.parts, step, _text(outcome)))

    async def release(self, place: KeyedAs, owner: str) -> None:
        """Nobody carries a keyed write out any more: whoever comes next may go on with it."""
        sql = (
            "UPDATE keyed SET owner = '' WHERE account = ? AND caller = ? AND field = ? AND key = ? "
            "AND owner = ?"
        )
        await self._change(sql, (*place.parts, owner))

    # Imports.

    async def begin_job(self, account: str, owner: str, job: Any, named: Callable[[int], str]) -> int:
        """Keep a new import, with the id that `named` makes of its number; the number."""

        def run(db: sqlite3.Connection) -> int:
            sql = "INSERT INTO job (account, state, owner, job) VALUES (?, ?, ?, '')"
            number = int(db.execute(sql, (account, job["state"], owner)).lastrowid or 0)
            job["id"] = named(number)
            db.execute("UPDATE job SET job = ? WHERE number = ?", (_text(job), number))
            return number

        return await self._commits.carry_out(run)

    async def drop_job(self, number: int) -> None:
        """Forget an import that was never begun."""
        await self._change("DELETE FROM job WHERE number = ?", (number,))

    async def keep_job(self, number: int, job: Any) -> None:
        """Keep an import as it is now."""
        sql = "UPDATE job SET state = ?, job = ? WHERE number = ?"
        await self._change(sql, (job["state"], _text(job), number))

    async def end_job(self, number: int, owner: str, ended: Callable[[Any], Any]) -> Any:
        """The import, after `ended` has made it what it is now: unless its owner has ended it itself."""

        def run(db: sqlite3.Connection) -> Any:
            sql = "SELECT job FROM job WHERE number = ?"
            row = db.execute(sql, (number,)).fetchone()
            if row is None:
                return None
            job = orjson.loads(row[0])
            sql = "UPDATE job SET state = ?, job = ? WHERE number = ? AND owner = ? AND state = ?"
            changed = ended(orjson.loads(row[0]))
            values = (changed["state"], _text(changed), number, owner, RUNNING)
            return changed if db.execute(sql, values).rowcount else job

        return await self._commits.carry_out(run)

    async def job(self, account: str, number: int) -> tuple[str, Any] | None:
        """The owner of an import, and the import."""
        sql = "SELECT owner, job FROM job WHERE account = ? AND number = ?"
        row = await self._run(lambda: self._db.execute(sql, (account, number)).fetchone())
        return None if row is None else (row[0], orjson.loads(row[1]))

    async def jobs_in(self, account: str, state: str) -> list[tuple[int, str]]:
        """The imports of an account in a state: number, owner."""
        sql = "SELECT number, owner FROM job WHERE account = ? AND state = ?"
        return await self._run(lambda: self._db.execute(sql, (account, state)).fetchall())

    # Confirmations.

    async def hand_out(self, token: str, account: str, caller: str, bound: str, expires: str) -> None:
        """Keep a confirmation: a hash of it, whose it is, what it is bound to, and until when."""
        await self._change(
            "INSERT INTO confirmation VALUES (?, ?, ?, ?, ?)", (token, account, caller, bound, expires)
        )

    async def redeem(self, token: str, account: str, caller: str, bound: str, now: str, *, use: bool) -> bool:
        """Whether a confirmation is good for this, now; `use` takes it away, as it is good once only."""

        def run(db: sqlite3.Connection) -> bool:
            db.execute("DELETE FROM confirmation WHERE expires <= ?", (now,))
            good = "FROM confirmation WHERE token = ? AND account = ? AND caller = ? AND bound = ?"
            values = (token, account, caller, bound)
            if use:
                return db.execute(f"DELETE {good}", values).rowcount == 1
            return db.execute(f"SELECT 1 {good}", values).fetchone() is not None

        return await self._commits.carry_out(run)

    # The audit trail.

    async def open_audit(self, token: str, account: str, owner: str, at: str, entry: AuditEntry) -> None:
        """Keep what is about to be carried out, until its end is recorded."""
        values = (token, account, owner, at, trail.packed(entry))
        await self._change("INSERT INTO audit_open VALUES (?, ?, ?, ?, ?)", values)

    async def audit(
        self, account: str, at: str, entries: Sequence[AuditEntry], closes: str | None = None
    ) -> None:
        """Add records to the audit trail of an account."""

        def run(db: sqlite3.Connection) -> None:
            trail.append(db, account, at, entries, closes)

        await self._commits.carry_out(run)

    async def open_audits(self) -> list[Open]:
        """What was begun and has no end, of all accounts."""
        sql = "SELECT token, account, owner, at, entry FROM audit_open ORDER BY at"
        rows = await self._run(lambda: self._db.execute(sql).fetchall())
        return [
            Open(token, account, owner, at, trail.unpacked(entry))
            for token, account, owner, at, entry in rows
        ]

    async def trail(
        self, account: str, query: AuditQuery, before: int | None, limit: int
    ) -> list[AuditRecord]:
        """Records below a number, newest first."""
        return await self._run(lambda: trail.select(self._db, account, query, before, limit))

    async def audited(self) -> list[str]:
        """The accounts that have records."""
        sql = "SELECT DISTINCT account FROM audit ORDER BY account"
        return [row[0] for row in await self._run(lambda: self._db.execute(sql).fetchall())]

    async def erase(self, account: str, contact: str) -> int:
        """Take away what records say of a contact, by its global id; of how many. The chain stays whole."""

        def run(db: sqlite3.Connection) -> int:
            return trail.erase(db, account, contact)

        return await self._commits.carry_out(run)

    async def aclose(self) -> None:
        """Close the file."""
        await self._run(lambda: None)
        self._thread.end()
        self._db.close()

    async def _erase(self, work: Callable[[sqlite3.Connection], int]) -> int:
        """Take something away, also out of what was written beside the file and not put into it yet."""
        count = await self._commits.carry_out(work)
        await self._run(lambda: self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
        return count

    async def _change(self, sql: str, values: Sequence[Any]) -> None:
        def run(db: sqlite3.Connection) -> None:
            db.execute(sql, values)

        await self._commits.carry_out(run)

    async def _run(self, work: Callable[[], T]) -> T:
        return await self._thread.run(work)


def _opened(path: Path | None) -> sqlite3.Connection:
    name = MEMORY if path is None else str(path)
    if path is not None:
        path.touch(mode=0o600)  # what lies beside it gets the same rights
    db = sqlite3.connect(name, check_same_thread=False, timeout=5)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA secure_delete = ON")  # what is erased leaves no trace in the file
        db.execute("PRAGMA synchronous = FULL")  # a step that was noted outlives a power cut
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version in (0, FIRST, SECOND, THIRD):
            _extended(db)
            version = VERSION
    except sqlite3.DatabaseError as error:
        db.close()
        if isinstance(error, sqlite3.OperationalError):  # such as a file that is locked
            raise
        raise BrokenJournal(
            f"{name} is no journal. Put it aside: events and idempotency keys are in it."
        ) from None
    if version != VERSION:
        db.close()
        raise BrokenJournal(f"{name} is a journal of version {version}, not {VERSION}.")
    return db


def _extended(db: sqlite3.Connection) -> None:
    """Make the tables, or those that were added since; once, whoever else opens the file now."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        scripts = {
            0: SCHEMA + trail.SCHEMA + STATES + said.SCHEMA,
            FIRST: trail.SCHEMA + STATES + said.SCHEMA,
            SECOND: STATES + said.SCHEMA,
            THIRD: said.SCHEMA,
        }
        for statement in scripts.get(version, "").split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _states(db: sqlite3.Connection, account: str, contacts: Sequence[str]) -> dict[str, str]:
    sql = "SELECT state FROM state WHERE account = ? AND contact = ?"
    found = ((contact, db.execute(sql, (account, contact)).fetchone()) for contact in contacts)
    return {contact: row[0] for contact, row in found if row is not None}


def _keep_states(db: sqlite3.Connection, account: str, at: str, states: Mapping[str, str]) -> None:
    if not states:
        return
    oldest = (datetime.fromisoformat(at) - STATES_KEPT).isoformat(timespec="milliseconds")
    db.execute("DELETE FROM state WHERE at < ?", (oldest.replace("+00:00", "Z"),))
    db.executemany(
        "INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)",
        [(account, contact, state, at) for contact, state in states.items()],
    )
