"""The audit trail: a chain that shows every change, and holds when a person is erased."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.journal import chain
from gateway.journal.journal import Journal
from gateway.journal.store import SqliteJournal
from gateway.model.audit import AuditEntry, AuditOutcome, AuditQuery, AuditRecord
from tests.journal.older import make_older

AT = "2026-01-01T00:00:00.000Z"
LATER = "2026-02-01T00:00:00.000Z"
ALL = AuditQuery()


def entry(
    action: str = "updateContact",
    *,
    contacts: tuple[str, ...] = (),
    caller: str = "ada",
    outcome: AuditOutcome = AuditOutcome.APPLIED,
) -> AuditEntry:
    detail = {"targets": list(contacts), "fields": ["email"]}
    return AuditEntry(caller=caller, action=action, outcome=outcome, detail=detail, contacts=contacts)


async def faults(journal: Journal, account: str = "default") -> list[str]:
    return [each async for each in chain.faults(journal, account)]


async def test_records_are_numbered_and_follow_each_other(journal: Journal) -> None:
    await journal.audit("default", AT, [entry("a"), entry("b")])
    await journal.audit("default", LATER, [entry("c")])
    newest, middle, first = await journal.trail("default", ALL, None, 10)
    assert [each.number for each in (first, middle, newest)] == [1, 2, 3]
    assert [each.action for each in (first, middle, newest)] == ["a", "b", "c"]
    assert (first.previous, middle.previous, newest.previous) == ("", first.hash, middle.hash)
    assert await faults(journal) == []


async def test_the_trail_of_an_account_is_its_own(journal: Journal) -> None:
    await journal.audit("default", AT, [entry("a")])
    await journal.audit("acme", AT, [entry("b")])
    assert [each.action for each in await journal.trail("acme", ALL, None, 10)] == ["b"]
    assert [each.number for each in await journal.trail("acme", ALL, None, 10)] == [1]
    assert await journal.audited() == ["acme", "default"]
    assert await journal.trail("other", ALL, None, 10) == []


async def test_records_are_found_by_what_they_say(journal: Journal) -> None:
    await journal.audit("default", AT, [entry("a", contacts=("x", "y")), entry("b", caller="bob")])
    await journal.audit("default", LATER, [entry("a", contacts=("x",), outcome=AuditOutcome.REFUSED)])
    queries = {
        (2,): AuditQuery(caller="bob"),
        (3, 1): AuditQuery(action="a"),
        (3,): AuditQuery(outcomes=(AuditOutcome.REFUSED, AuditOutcome.PARTIAL)),
        (1,): AuditQuery(contact="y"),
        (3, 2, 1): ALL,
        (): AuditQuery(since="2027"),
    }
    for numbers, query in queries.items():
        found = await journal.trail("default", query, None, 10)
        assert tuple(each.number for each in found) == numbers
    assert [each.number for each in await journal.trail("default", AuditQuery(since=LATER), None, 10)] == [3]
    assert [each.number for each in await journal.trail("default", ALL, 3, 1)] == [2]


async def test_a_person_is_erased_and_the_chain_is_whole(journal: Journal) -> None:
    await journal.audit("default", AT, [entry(contacts=("x",)), entry(contacts=("y",))])
    assert await journal.erase("default", "x") == 1
    assert await journal.erase("default", "x") == 0
    kept, erased = await journal.trail("default", ALL, None, 10)
    assert (erased.detail, erased.salt) == (None, None)
    assert kept.detail is not None
    assert await journal.trail("default", AuditQuery(contact="x"), None, 10) == []
    assert await faults(journal) == []


async def test_what_was_begun_stays_open_until_its_end_is_recorded(journal: Journal) -> None:
    await journal.open_audit("one", "default", "process", AT, entry(contacts=("x",)))
    await journal.open_audit("two", "acme", "process", LATER, entry())
    first, second = await journal.open_audits()
    assert (first.token, first.account, first.owner, first.at) == ("one", "default", "process", AT)
    assert first.entry == entry(contacts=("x",))
    await journal.audit("default", AT, [entry()], "one")
    await journal.note("acme", "ada", AT, [], answer=len, entry=entry(), closes=second.token)
    assert await journal.open_audits() == []
    assert len(await journal.trail("acme", ALL, None, 10)) == 1


@pytest.fixture
def damaged(tmp_path: Path) -> Callable[[str], SqliteJournal]:
    """Opens a journal of ten records after somebody else has run SQL on it."""

    def open_after(sql: str) -> SqliteJournal:
        db = sqlite3.connect(tmp_path / "journal")
        db.executescript(sql)
        db.commit()
        db.close()
        return SqliteJournal(tmp_path / "journal")

    return open_after


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("UPDATE audit SET caller = 'eve' WHERE number = 4", "Record 4 was changed."),
        ("UPDATE audit SET at = '2020' WHERE number = 10", "Record 10 was changed."),
        ("UPDATE audit SET times = 7 WHERE number = 1", "Record 1 was changed."),
        ("UPDATE audit SET outcome = 'APPLIED' WHERE number = 2", None),
        (
            "UPDATE audit_detail SET detail = '{}' WHERE number = 3",
            "The detail of record 3 was changed.",
        ),
        ("DELETE FROM audit WHERE number = 5", "Between 4 and 6 records are missing."),
        ("DELETE FROM audit WHERE number < 3", "The records before 3 are missing."),
        ("DELETE FROM audit_detail", None),
        (
            "DELETE FROM audit WHERE number = 5; UPDATE audit SET number = number - 1 WHERE number > 5",
            "Record 5 was changed.",
        ),
    ],
)
async def test_whatever_is_changed_afterwards_shows(
    tmp_path: Path, damaged: Callable[[str], SqliteJournal], sql: str, fault: str | None
) -> None:
    journal = SqliteJournal(tmp_path / "journal")
    await journal.audit("default", AT, [entry() for _ in range(10)])
    await journal.aclose()
    journal = damaged(sql)
    found = await faults(journal)
    await journal.aclose()
    assert found == [] if fault is None else fault in found


async def test_a_record_that_was_sealed_anew_breaks_the_one_after_it(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal")
    await journal.audit("default", AT, [entry("a"), entry("b"), entry("c")])
    _, _, first = await journal.trail("default", ALL, None, 10)
    await journal.aclose()
    forged = chain.sealed("default", AT, entry("a", caller="eve"), first)
    db = sqlite3.connect(tmp_path / "journal")
    values = [getattr(forged, name) for name in AuditRecord.__slots__[:12]]
    db.execute("REPLACE INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    db.execute("UPDATE audit_detail SET salt = ?, detail = ? WHERE number = 2", (forged.salt, forged.detail))
    db.commit()
    db.close()
    journal = SqliteJournal(tmp_path / "journal")
    assert await faults(journal) == ["Record 3 does not follow record 2."]
    await journal.aclose()


async def test_a_journal_from_before_the_trail_gets_one(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal")
    await journal.note("default", "ada", AT, [], answer=len, entry=entry())
    await journal.aclose()
    make_older(tmp_path / "journal", 1)
    journal = SqliteJournal(tmp_path / "journal")
    await journal.audit("default", AT, [entry()])
    assert [each.number for each in await journal.trail("default", ALL, None, 10)] == [1]
    await journal.aclose()
