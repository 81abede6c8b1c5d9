"""The numbers of rows, where several processes of one machine each fill an index.

Cursors count in them, and the next page may be asked of another process: a record has the same number in all
of their indexes. They are kept in a file of their own, which holds no id, only what follows from one.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

FILE: Final = "numbers.sqlite3"
PATIENCE: Final = 30.0  # seconds for another process to end its transaction, of a few milliseconds
DIGEST_BYTES: Final = 16
LARGEST_MARK: Final = 2**31 - 1
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS number (number INTEGER PRIMARY KEY AUTOINCREMENT, record BLOB NOT NULL UNIQUE)
"""


class Numbers:
    """The numbers in a file. The `first` of several processes may begin them anew."""

    def __init__(self, path: Path, *, first: bool) -> None:
        self.first = first
        try:
            self._db = _opened(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) or not first:
                raise
            path.replace(path.with_suffix(".broken"))
            self._db = _opened(path)

    @property
    def mark(self) -> int:
        """Stands for all that was numbered here, in an index that is numbered so."""
        return int(self._db.execute("PRAGMA application_id").fetchone()[0])

    def of(self, account: str, records: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The numbers of records, each a source and an id; those that have none get one."""
        if not records:
            return {}
        with self._db as db:
            db.execute("BEGIN IMMEDIATE")
            return {each: _number(db, _digest(account, *each)) for each in records}

    def take_over(self, rows: Iterable[tuple[int, str, str, str]], highest: int) -> None:
        """Begin anew with the numbers that an index has given, the highest of them to rows that are gone."""
        with self._db as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM number")
            db.executemany(
                "INSERT INTO number VALUES (?, ?)", ((number, _digest(*named)) for number, *named in rows)
            )
            db.execute("DELETE FROM sqlite_sequence")
            db.execute("INSERT INTO sqlite_sequence VALUES ('number', ?)", (highest,))
            _set_mark(db)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def agreed(db: sqlite3.Connection, numbers: Numbers) -> bool:
    """Whether an index is numbered as all are, or is from now on; else it has to be filled anew."""
    (mark,) = db.execute("PRAGMA application_id").fetchone()
    if mark == numbers.mark:
        return True
    (highest,) = db.execute(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'contact'"
    ).fetchone()
    if highest and not numbers.first:
        return False
    if highest:
        numbers.take_over(db.execute("SELECT number, account, source, id FROM contact"), highest)
    db.execute(f"PRAGMA application_id = {numbers.mark}")
    db.commit()
    return True


def _opened(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    db = sqlite3.connect(path, check_same_thread=False, timeout=PATIENCE)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")  # a number that an index uses must not be given again
    db.execute(SCHEMA)
    with db:
        db.execute("BEGIN IMMEDIATE")
        if not db.execute("PRAGMA application_id").fetchone()[0]:
            _set_mark(db)
    return db


def _number(db: sqlite3.Connection, digest: bytes) -> int:
    found = db.execute("SELECT number FROM number WHERE record = ?", (digest,)).fetchone()
    if found is None:
        found = db.execute("INSERT INTO number (record) VALUES (?) RETURNING number", (digest,)).fetchone()
    return int(found[0])


def _set_mark(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA application_id = {secrets.randbelow(LARGEST_MARK) + 1}")


def _digest(account: str, source: str, id_: str) -> bytes:
    named = "\0".join((account, source, id_)).encode()
    return hashlib.blake2b(named, digest_size=DIGEST_BYTES).digest()
