"""The index on disk: embedded SQLite with FTS5, behind a Protocol that another database can fill as well."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import orjson

from gateway.commits import Commits
from gateway.errors import StateUnavailable
from gateway.identity.clusters import Spoken
from gateway.identity.keys import Key
from gateway.identity.rules import Rules
from gateway.index import heirs, people, query
from gateway.index import numbers as numbering
from gateway.index.heirs import Sight
from gateway.index.numbers import Numbers
from gateway.index.people import Cluster, Crowd, Reading
from gateway.index.query import Question
from gateway.index.rows import Row
from gateway.model.filter import Order
from gateway.model.text import folded
from gateway.thread import OneThread

T = TypeVar("T")

VERSION: Final = 6  # of the tables; an index of another version is filled anew
MEMORY: Final = ":memory:"
CACHE_KIB: Final = 2_048

SCHEMA: Final = """
CREATE TABLE contact (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- that of a row that is gone is not given again
    account TEXT NOT NULL, source TEXT NOT NULL, module TEXT NOT NULL, id TEXT NOT NULL,
    position INTEGER NOT NULL, generation INTEGER NOT NULL, as_of TEXT NOT NULL, record BLOB NOT NULL,
    digest TEXT NOT NULL, told BLOB, confirmed TEXT,
    name TEXT, first TEXT NOT NULL, last TEXT NOT NULL, company TEXT NOT NULL, email TEXT,
    created TEXT, updated TEXT, properties TEXT NOT NULL, text TEXT NOT NULL
);
CREATE UNIQUE INDEX contact_id ON contact (account, source, id);
CREATE INDEX contact_place ON contact (account, source, module);
CREATE INDEX contact_told ON contact (account, source, module) WHERE told IS NOT NULL;
CREATE INDEX contact_name ON contact (name);
CREATE INDEX contact_email ON contact (email);
CREATE INDEX contact_created ON contact (created);
CREATE INDEX contact_updated ON contact (updated);
CREATE TABLE contact_key (
    account TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, contact INTEGER NOT NULL,
    PRIMARY KEY (account, kind, value, contact)
) WITHOUT ROWID;
CREATE INDEX contact_key_of ON contact_key (contact);
CREATE VIRTUAL TABLE contact_text USING fts5 (first, last, name, company, text, tokenize = 'trigram');
CREATE TABLE scan (
    account TEXT NOT NULL, source TEXT NOT NULL, module TEXT NOT NULL,
    generation INTEGER NOT NULL, started TEXT, began TEXT, finished TEXT, contacts INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (account, source, module)
) WITHOUT ROWID;
CREATE TABLE gone (
    account TEXT NOT NULL, source TEXT NOT NULL, module TEXT NOT NULL, id TEXT NOT NULL,
    told BLOB NOT NULL, confirmed TEXT,
    PRIMARY KEY (account, source, module, id)
) WITHOUT ROWID;
"""
TABLES: Final = ("contact", "contact_key", "contact_text", "scan", "gone")
THESE: Final = "account = :account AND source || ':' || id IN (SELECT value FROM json_each(:refs))"
FORGET_TOLD: Final = f"UPDATE contact SET told = NULL, confirmed = as_of WHERE told IS NOT NULL AND {THESE}"  # noqa: S608
FORGET_GONE: Final = f"DELETE FROM gone WHERE {THESE}"  # noqa: S608
USUAL: Final = Rules()
SILENCE: Final = Spoken()
NOTHING: Final = b""  # in the place of a record: nothing was told of the contact so far


class Stored(NamedTuple):
    """A row that was found: its number in the index, where it lies, and its record as JSON."""

    rowid: int
    source: str
    module: str
    id: str
    position: int
    as_of: str
    record: bytes
    sort: Any = None


@dataclass(frozen=True, slots=True)
class Scan:
    """The scans of a module: `started` is that of the latest, `began` and `finished` are those of the latest
    that has come to its end, and None before the first has. Times are RFC 3339.
    """

    generation: int
    started: str | None
    began: str | None
    finished: str | None
    contacts: int


@dataclass(frozen=True, slots=True)
class Change:
    """A contact that is not as it was last told of: `told` is its record then, None where it was not there;
    `record` and `digest` are what it is now, None where it is gone.

    `confirmed` is when it was last seen to be as told; None where nobody knows.
    """

    id: str
    told: bytes | None
    confirmed: str | None
    record: bytes | None = None
    digest: str | None = None
    as_of: str | None = None


class Store(Protocol):
    """What the index needs of a database. What is not awaited is quick enough for the event loop.

    `changed` is a number that grows whenever a row, or what it says, changes.
    """

    changed: int

    def get(self, account: str, source: str, ids: Sequence[str]) -> dict[str, Stored]:
        """Rows by vendor id; ids that are not there are missing."""
        ...

    def scan(self, account: str, source: str, module: str) -> Scan | None:
        """The last scan of a module; None before the first one began."""
        ...

    def scanned(self, account: str, source: str) -> dict[str, str]:
        """The modules of a source of which a scan has begun, with their names."""
        ...

    async def begin(self, account: str, source: str, module: str, started: str, *, name: str = "") -> int:
        """Begin a scan of a module that has this name; its generation."""
        ...

    async def put(self, account: str, rows: Sequence[Row], generation: int) -> None:
        """Add rows, or replace those of the same source and id. A row keeps its number."""
        ...

    async def remove(self, account: str, source: str, ids: Sequence[str]) -> None:
        """Take rows out; ids that are not there are nothing to do."""
        ...

    async def forget(self, account: str) -> None:
        """Take out everything of an account."""
        ...

    async def forget_all(self, beginning: str) -> None:
        """Take out everything of accounts whose names begin so."""
        ...

    async def finish(
        self, account: str, source: str, module: str, generation: int, finished: str, *, quiet: bool = True
    ) -> int:
        """End a scan: rows that it has not met are gone. The number of rows left.

        `quiet`, and after the first scan of a module: what is there now counts as told of.
        """
        ...

    async def changes(
        self, account: str, source: str, module: str, after: str, limit: int, *, gone: bool
    ) -> list[Change]:
        """What was not told of yet, by vendor id: contacts that are gone, or those that are not."""
        ...

    async def settle(self, account: str, source: str, told: Mapping[str, str | None]) -> None:
        """Contacts have been told of by their digest, None for one that is gone.

        One that has changed since keeps what was told of it before.
        """
        ...

    async def after_rowid(self, question: Question, rowid: int, limit: int) -> list[Stored]:
        """Rows that fit, in the order in which the index met them."""
        ...

    async def after_key(
        self, questions: Sequence[Question], order: Order, after: tuple[Any, int] | None, limit: int
    ) -> list[Stored]:
        """Rows of several sources that fit, in a sort order."""
        ...

    async def count(self, questions: Sequence[Question]) -> int:
        """How many rows of several sources fit."""
        ...

    def rows(self, rows: Sequence[int]) -> dict[int, Stored]:
        """Rows by number; those that are not there are missing."""
        ...

    def people(self, account: str, sight: Sight, rows: Sequence[int]) -> dict[int, Cluster]:
        """The person of each row; rows that are not seen, or not there, are missing."""
        ...

    def holding(self, account: str, sight: Sight, key: Key) -> list[int]:
        """The rows that hold a key."""
        ...

    def standing_for(self, account: str, sight: Sight, source: str, id_: str) -> int | None:
        """The row of a record, or, where it is gone, of one that has stayed of its person."""
        ...

    async def walk(
        self,
        account: str,
        sight: Sight,
        *,
        search: str | None,
        after: int,
        limit: int,
        among: Sequence[int] | None = None,
    ) -> list[int]:
        """Numbers of rows of all sources behind a number that fit a search; `among`: of these only."""
        ...

    async def spots(self, account: str, sight: Sight, after: int, limit: int) -> list[tuple[int, int]]:
        """The places of rows of all sources, and of records that are gone, behind a number.

        Each with the number of the row of a record whose person may stand there; 0 for none.
        """
        ...

    async def everyone(self, account: str, sight: Sight) -> list[Crowd]:
        """All that hangs together in an account; records that stand alone are left out."""
        ...

    async def erase(self, account: str, refs: Sequence[str]) -> None:
        """Take away what is kept of records, each `SOURCE:id`, beside their rows, and every trace of it.

        Those who have stayed of a person go on to be named by the ids of others.
        """
        ...

    async def aclose(self) -> None:
        """Close it."""
        ...


class SqliteStore(Store):
    """The index in one SQLite file, or in memory.

    Writing and long reads happen on one thread of its own; reads by key happen where they are asked for, on
    a connection of their own, and take some ten microseconds. In memory both share one connection.

    `rules` and `spoken`, what was said by hand in an account, tell who is one person; `hear` learns the
    latest of that, before records go. Where there are others on this machine, `numbers` are those that rows
    have in all of them.
    """

    def __init__(
        self,
        path: Path | None,
        rules: Rules = USUAL,
        spoken: Callable[[str], Spoken] = lambda _: SILENCE,
        hear: Callable[[str], Awaitable[object]] | None = None,
        *,
        numbers: Numbers | None = None,
    ) -> None:
        self._path = path
        self._numbers = numbers
        self._rules = rules
        self._spoken = spoken
        self._hear = hear
        self.changed = 0
        self._thread = OneThread("index")
        self._told: list[tuple[tuple[str, str, str], str | None]] = []  # of which contacts, and not noted yet
        self._writer = _opened(path)
        if numbers is not None and not numbering.agreed(self._writer, numbers):
            _empty(self._writer)
            numbering.agreed(self._writer, numbers)
        self._commits = Commits(self._writer, self._thread)
        self._reader = self._writer if path is None else _connect(path)

    def get(self, account: str, source: str, ids: Sequence[str]) -> dict[str, Stored]:
        """Rows by vendor id."""
        marks = ", ".join("?" * len(ids))
        sql = (
            "SELECT rowid, source, module, id, position, as_of, record, NULL FROM contact "  # noqa: S608
            f"WHERE account = ? AND source = ? AND id IN ({marks})"
        )
        return {row[3]: Stored(*row) for row in self._reader.execute(sql, (account, source, *ids))}

    def scan(self, account: str, source: str, module: str) -> Scan | None:
        """The last scan of a module."""
        sql = (
            "SELECT generation, started, began, finished, contacts FROM scan "
            "WHERE account = ? AND source = ? AND module = ?"
        )
        row = self._reader.execute(sql, (account, source, module)).fetchone()
        return None if row is None else Scan(*row)

    def scanned(self, account: str, source: str) -> dict[str, str]:
        """The modules of a source of which a scan has begun, with their names."""
        sql = "SELECT module, name FROM scan WHERE account = ? AND source = ?"
        return dict(self._reader.execute(sql, (account, source)).fetchall())

    async def begin(self, account: str, source: str, module: str, started: str, *, name: str = "") -> int:
        """Begin a scan."""

        def run(db: sqlite3.Connection) -> int:
            db.execute(
                "INSERT INTO scan VALUES (?, ?, ?, 1, ?, NULL, NULL, 0, ?) ON CONFLICT DO UPDATE "
                "SET generation = generation + 1, started = excluded.started, name = excluded.name",
                (account, source, module, started, name),
            )
            sql = "SELECT generation FROM scan WHERE account = ? AND source = ? AND module = ?"
            return int(db.execute(sql, (account, source, module)).fetchone()[0])

        return await self._change(run)

    async def put(self, account: str, rows: Sequence[Row], generation: int) -> None:
        """Add or replace rows."""

        def run(db: sqlite3.Connection) -> None:
            given = self._given(account, rows)
            for row in rows:
                number = given.get((row.source, row.id))
                self.changed += _put(db, account, row, generation, number)

        await self._change(run)

    async def remove(self, account: str, source: str, ids: Sequence[str]) -> None:
        """Take rows out."""

        def run(db: sqlite3.Connection) -> None:
            for vendor_id in ids:
                gone = db.execute(
                    "SELECT rowid FROM contact WHERE account = ? AND source = ? AND id = ?",
                    (account, source, vendor_id),
                ).fetchall()
                self._take_leave(db, account, gone)

        await self._listen(account)
        await self._change(run)

    async def forget(self, account: str) -> None:
        """Take out everything of an account."""
        await self._forget("WHERE account = ?", (account,))

    async def forget_all(self, beginning: str) -> None:
        """Take out everything of accounts whose names begin so."""
        await self._forget("WHERE substr(account, 1, ?) = ?", (len(beginning), beginning))

    async def _forget(self, those: str, named: tuple[str | int, ...]) -> None:
        def run(db: sqlite3.Connection) -> None:
            _take_out(db, db.execute(f"SELECT rowid FROM contact {those}", named).fetchall())  # noqa: S608
            self.changed += 1
            for table in ("scan", "gone", "heir"):
                db.execute(f"DELETE FROM {table} {those}", named)  # noqa: S608

        await self._change(run)

    async def finish(
        self, account: str, source: str, module: str, generation: int, finished: str, *, quiet: bool = True
    ) -> int:
        """End a scan."""

        def run(db: sqlite3.Connection) -> int:
            place = (account, source, module)
            gone = db.execute(
                "SELECT rowid FROM contact "
                "WHERE account = ? AND source = ? AND module = ? AND generation < ?",
                (*place, generation),
            ).fetchall()
            self._take_leave(db, account, gone)
            if quiet or _began(db, place) is None:
                _settle_all(db, place)
            sql = "SELECT count(*) FROM contact WHERE account = ? AND source = ? AND module = ?"
            left = int(db.execute(sql, place).fetchone()[0])
            db.execute(
                "UPDATE scan SET began = started, finished = ?, contacts = ? "
                "WHERE account = ? AND source = ? AND module = ? AND generation = ?",
                (finished, left, *place, generation),
            )
            return left

        await self._listen(account)
        return await self._change(run)

    async def changes(
        self, account: str, source: str, module: str, after: str, limit: int, *, gone: bool
    ) -> list[Change]:
        """What was not told of yet."""
        columns, table = (
            ("id, told, confirmed, NULL, NULL, NULL", "gone")
            if gone
            else ("id, told, confirmed, record, digest, as_of", "contact")
        )
        sql = (
            f"SELECT {columns} FROM {table} WHERE account = ? AND source = ? AND module = ? "  # noqa: S608
            "AND told IS NOT NULL AND id > ? ORDER BY id LIMIT ?"
        )

        def run(db: sqlite3.Connection) -> list[Change]:
            rows = db.execute(sql, (account, source, module, after, limit)).fetchall()
            return [Change(row[0], row[1] or None, *row[2:]) for row in rows]

        return await self._change(run)

    async def settle(self, account: str, source: str, told: Mapping[str, str | None]) -> None:
        """Contacts have been told of: noted with the next change, as only `changes` look, and the journal
        knows it too. The copy of one that is gone goes at once.
        """
        self._told += [((account, source, vendor_id), digest) for vendor_id, digest in told.items()]
        if None in told.values():
            await self._change(lambda _: None)

    async def after_rowid(self, question: Question, rowid: int, limit: int) -> list[Stored]:
        """Rows that fit, in the order in which the index met them."""
        return await self._rows(*query.after_rowid(question, rowid, limit))

    async def after_key(
        self, questions: Sequence[Question], order: Order, after: tuple[Any, int] | None, limit: int
    ) -> list[Stored]:
        """Rows of several sources that fit, in a sort order."""
        found: list[Stored] = []
        for sql, values in query.after_key(questions, order, after, limit):
            if len(found) < limit:
                found += await self._rows(sql, values)
        return found[:limit]

    async def count(self, questions: Sequence[Question]) -> int:
        """How many rows of several sources fit."""
        statements = query.count(questions)

        def run() -> int:
            return sum(self._writer.execute(*each).fetchone()[0] for each in statements)

        return await self._run(run)

    def rows(self, rows: Sequence[int]) -> dict[int, Stored]:
        """Rows by number."""
        marks = ", ".join("?" * len(rows))
        sql = f"{query.SELECT}, NULL FROM contact WHERE rowid IN ({marks})"
        return {row[0]: Stored(*row) for row in self._reader.execute(sql, rows)}

    def people(self, account: str, sight: Sight, rows: Sequence[int]) -> dict[int, Cluster]:
        """The person of each row."""
        return self._reading(self._reader, account, sight).clusters(rows)

    def holding(self, account: str, sight: Sight, key: Key) -> list[int]:
        """The rows that hold a key."""
        return self._reading(self._reader, account, sight).holding(key)

    def standing_for(self, account: str, sight: Sight, source: str, id_: str) -> int | None:
        """The row of a record, or of one that has stayed of its person."""
        return heirs.standing_for(self._reader, account, sight, source, id_)

    async def walk(
        self,
        account: str,
        sight: Sight,
        *,
        search: str | None,
        after: int,
        limit: int,
        among: Sequence[int] | None = None,
    ) -> list[int]:
        """Numbers of rows of all sources behind a number that fit a search."""
        sql, values = query.walk(account, sight, search=search, after=after, limit=limit, among=among)
        return await self._run(lambda: [row for (row,) in self._writer.execute(sql, values)])

    async def spots(self, account: str, sight: Sight, after: int, limit: int) -> list[tuple[int, int]]:
        """The places of rows, and of records that are gone, behind a number."""
        sql, values = query.walk(account, sight, search=None, after=after, limit=limit)

        def run() -> list[tuple[int, int]]:
            rows = [(row, row) for (row,) in self._writer.execute(sql, values)]
            gone = heirs.places(self._writer, account, sight, after, limit)
            return sorted(rows + gone)[:limit]

        return await self._run(run)

    async def everyone(self, account: str, sight: Sight) -> list[Crowd]:
        """All that hangs together in an account; on a thread of its own, as it takes seconds for many."""
        spoken = self._spoken(account)

        def run() -> list[Crowd]:
            if self._path is None:
                return people.everyone(self._writer, account, sight, spoken, self._rules)
            with closing(_connect(self._path)) as db:
                return people.everyone(db, account, sight, spoken, self._rules)

        return await asyncio.to_thread(run)

    async def erase(self, account: str, refs: Sequence[str]) -> None:
        """Take away what is kept of records beside their rows."""
        values = {"account": account, "refs": orjson.dumps(list(refs)).decode()}

        def run(db: sqlite3.Connection) -> None:
            for sql in (FORGET_TOLD, FORGET_GONE):
                db.execute(sql, values)
            heirs.unname(db, account, people.EVERYTHING, refs)
            db.execute("INSERT INTO contact_text (contact_text) VALUES ('optimize')")  # drops words as well

        await self._change(run)
        await self._run(lambda: self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)"))

    async def aclose(self) -> None:
        """Close the file."""
        with suppress(sqlite3.Error):  # such as a full disk: the journal knows what was told
            await self._change(lambda _: None)
        self._thread.end()
        if self._reader is not self._writer:
            self._reader.close()
        self._writer.close()
        if self._numbers is not None:
            self._numbers.close()

    def _reading(self, db: sqlite3.Connection, account: str, sight: Sight) -> Reading:
        return Reading(db, account, sight, self._spoken(account), self._rules)

    async def _listen(self, account: str) -> None:
        """Know what was said by hand, before records go: it tells of whose person they were."""
        if self._hear is not None:
            with suppress(StateUnavailable):  # then what was known last has to do
                await self._hear(account)

    def _take_leave(self, db: sqlite3.Connection, account: str, rowids: Sequence[tuple[int]]) -> None:
        """Take rows out, and remember what was told of them and whom they have named."""
        if not rowids:
            return
        self.changed += 1
        people.bequeath(db, account, self._spoken(account), self._rules, [row for (row,) in rowids])
        _bury(db, rowids)
        _take_out(db, rowids)

    def _given(self, account: str, rows: Sequence[Row]) -> dict[tuple[str, str], int]:
        """The numbers of rows that are not there yet, where they are given to all indexes alike."""
        if self._numbers is None:
            return {}
        sql = "SELECT 1 FROM contact WHERE account = ? AND source = ? AND id = ?"
        named = [(row.source, row.id) for row in rows]
        new = [each for each in named if self._writer.execute(sql, (account, *each)).fetchone() is None]
        return self._numbers.of(account, new)

    async def _rows(self, sql: str, values: Sequence[Any]) -> list[Stored]:
        return await self._run(lambda: [Stored(*row) for row in self._writer.execute(sql, values)])

    async def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What comes of some work, and note along with it what was told of before."""
        told, self._told = self._told, []
        begun = False

        def run(db: sqlite3.Connection) -> T:
            nonlocal begun
            begun = True
            for place, digest in told:
                _settle(db, place, digest)
            return work(db)

        try:
            return await self._commits.carry_out(run)
        except BaseException as error:
            if not begun or not isinstance(error, asyncio.CancelledError):  # it is noted with the next one
                self._told = told + self._told
            raise

    async def _run(self, work: Callable[[], T]) -> T:
        return await self._thread.run(work)


def _opened(path: Path | None) -> sqlite3.Connection:
    """A connection with all tables. A file that is broken is put aside: an index can be filled anew."""
    try:
        db = _connect(path)
        _prepare(db)
    except sqlite3.DatabaseError as error:
        if path is None or isinstance(error, sqlite3.OperationalError):  # such as a file that is locked
            raise
        path.replace(path.with_suffix(".broken"))
        db = _connect(path)
        _prepare(db)
    return db


def _connect(path: Path | None) -> sqlite3.Connection:
    name = MEMORY if path is None else str(path)
    if path is not None:
        path.touch(mode=0o600)  # what lies beside it gets the same rights
    db = sqlite3.connect(name, check_same_thread=False, timeout=5)
    db.create_function(
        "folded", 1, lambda text: None if text is None else folded(str(text)), deterministic=True
    )
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA secure_delete = ON")  # what is erased leaves no trace in the file
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return db


def _prepare(db: sqlite3.Connection) -> None:
    found = db.execute("PRAGMA user_version").fetchone()[0]
    if found != VERSION:
        _empty(db)


def _empty(db: sqlite3.Connection) -> None:
    """Begin with new tables, but for the names of those who are gone."""
    db.executescript(heirs.TABLE)
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN (?, ?, ?, ?, ?)"
    for (name,) in db.execute(tables, TABLES).fetchall():
        db.execute(f"DROP TABLE {name}")
    db.executescript(SCHEMA)
    db.execute("UPDATE heir SET place = NULL")  # rows get other numbers
    db.execute(f"PRAGMA user_version = {VERSION}")
    db.commit()


def _take_out(db: sqlite3.Connection, rowids: Sequence[tuple[int]]) -> None:
    for table, column in (("contact", "rowid"), ("contact_key", "contact"), ("contact_text", "rowid")):
        db.executemany(f"DELETE FROM {table} WHERE {column} = ?", rowids)  # noqa: S608


def _put(db: sqlite3.Connection, account: str, row: Row, generation: int, number: int | None) -> int:
    """Add or replace a row; 1 where it says something new, 0 where it does not. A new one has a `number` of
    its own where several indexes share them.
    """
    place = (account, row.source, row.id)
    found = db.execute(
        "SELECT rowid, text, first, last, name, company, module, digest, told, record, confirmed "
        "FROM contact WHERE account = ? AND source = ? AND id = ?",
        place,
    ).fetchone()
    if found is not None and found[6] != row.module:  # there it is gone, and here it is new
        _bury(db, [found[:1]])
    told, confirmed = (
        _dug_up(db, account, row) if found is None or found[6] != row.module else _told(row, *found[7:])
    )
    held = (
        row.module, row.position, generation, row.as_of, row.record, row.digest, told, confirmed,
        row.name or None, row.first, row.last, row.company, row.email or None, row.created, row.updated,
        row.properties, row.text,
    )  # fmt: skip
    if found is None:
        rowid = db.execute(
            "INSERT INTO contact (module, position, generation, as_of, record, digest, told, confirmed, "
            "name, first, last, company, email, created, updated, properties, text, account, source, id, "
            "number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*held, *place, number),
        ).lastrowid
        _put_text(db, rowid, row)
    else:
        rowid = found[0]
        db.execute(
            "UPDATE contact SET module = ?, position = ?, generation = ?, as_of = ?, record = ?, "
            "digest = ?, told = ?, confirmed = ?, name = ?, first = ?, last = ?, company = ?, email = ?, "
            "created = ?, updated = ?, properties = ?, text = ? WHERE rowid = ?",
            (*held, rowid),
        )
        if found[1:6] != (row.text, row.first, row.last, row.name or None, row.company):
            db.execute("DELETE FROM contact_text WHERE rowid = ?", (rowid,))
            _put_text(db, rowid, row)
    moved = _put_keys(db, account, rowid, row)
    if found is None:
        heirs.back(db, *place)
    return int(moved or found is None or found[6:8] != (row.module, row.digest))


def _told(
    row: Row, digest: str, told: bytes | None, record: bytes, confirmed: str | None
) -> tuple[bytes | None, str | None]:
    """What was told of a contact that is replaced by a row, and when it was last seen to be so.

    None stands for the record itself; a copy is kept only from a change until that was told.
    """
    if row.digest == digest:
        return told, row.as_of if told is None else confirmed
    if told is None:
        return record, confirmed
    return told, confirmed


def _dug_up(db: sqlite3.Connection, account: str, row: Row) -> tuple[bytes, str | None]:
    """The same for a row that is new, or was gone without anybody having been told."""
    place = (account, row.source, row.module)
    those = "FROM gone WHERE account = ? AND source = ? AND module = ? AND id = ?"
    found: tuple[bytes, str | None] | None
    found = db.execute(f"SELECT told, confirmed {those}", (*place, row.id)).fetchone()
    if found is None:
        return NOTHING, _began(db, place)
    db.execute(f"DELETE {those}", (*place, row.id))
    return found


def _began(db: sqlite3.Connection, place: tuple[str, str, str]) -> str | None:
    """When the latest complete scan of a module began; None before the first."""
    sql = "SELECT began FROM scan WHERE account = ? AND source = ? AND module = ?"
    found = db.execute(sql, place).fetchone()
    return found[0] if found else None


def _bury(db: sqlite3.Connection, rowids: Sequence[tuple[int]]) -> None:
    """Remember what was told of rows that are taken out."""
    db.executemany(
        "INSERT OR REPLACE INTO gone SELECT account, source, module, id, coalesce(told, record), confirmed "
        "FROM contact WHERE rowid = ?",
        rowids,
    )


def _settle(db: sqlite3.Connection, place: tuple[str, str, str], digest: str | None) -> None:
    this = "account = ? AND source = ? AND id = ?"
    if digest is not None:
        sql = f"UPDATE contact SET told = NULL, confirmed = as_of WHERE {this} AND digest = ?"  # noqa: S608
        db.execute(sql, (*place, digest))
    elif not db.execute(f"DELETE FROM gone WHERE {this}", place).rowcount:  # noqa: S608
        sql = f"UPDATE contact SET told = ? WHERE {this}"  # noqa: S608 - it is there again, as a new one
        db.execute(sql, (NOTHING, *place))


def _settle_all(db: sqlite3.Connection, place: tuple[str, str, str]) -> None:
    this = "account = ? AND source = ? AND module = ?"
    db.execute(
        f"UPDATE contact SET told = NULL, confirmed = as_of WHERE {this} AND told IS NOT NULL",  # noqa: S608
        place,
    )
    db.execute(f"DELETE FROM gone WHERE {this}", place)  # noqa: S608


def _put_text(db: sqlite3.Connection, rowid: int | None, row: Row) -> None:
    db.execute(
        "INSERT INTO contact_text (rowid, first, last, name, company, text) VALUES (?, ?, ?, ?, ?, ?)",
        (rowid, row.first, row.last, row.name, row.company, row.text),
    )


def _put_keys(db: sqlite3.Connection, account: str, rowid: int | None, row: Row) -> bool:
    """Keep the keys of a row; whether they are others than before."""
    by_kind = {"email": row.emails, "phone": row.phones, "tag": row.tags}
    wanted = {(kind, value) for kind, values in by_kind.items() for value in values}
    wanted.update(row.others)
    held = set(db.execute("SELECT kind, value FROM contact_key WHERE contact = ?", (rowid,)))
    if held == wanted:
        return False
    db.executemany(
        "DELETE FROM contact_key WHERE account = ? AND kind = ? AND value = ? AND contact = ?",
        [(account, *key, rowid) for key in held - wanted],
    )
    db.executemany(
        "INSERT INTO contact_key VALUES (?, ?, ?, ?)", [(account, *key, rowid) for key in wanted - held]
    )
    return True
