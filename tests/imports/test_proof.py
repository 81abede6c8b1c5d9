"""A row is called created or merged only where something proves it."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.imports import reports
from gateway.imports.twins import Held, proved
from gateway.model.importing import RowStatus
from gateway.model.source import Source
from gateway.ports import Imported, Sheet, Verdict
from gateway.upstreams.packagex import importing as packagex
from gateway.upstreams.samespace import importing as samespace

KEYS = ("email", "phoneNumber")


def sheet(*rows: tuple[str, ...], keys: tuple[str, ...] = KEYS) -> Sheet:
    return Sheet(columns=keys, keys=keys, origins=keys, rows=rows)


def held(**rows: dict[str, str]) -> Held:
    """Contacts by vendor id, with their values."""
    found = Held(everyone=set(rows), values=dict(rows))
    for vendor_id, values in rows.items():
        for pair in values.items():
            found.ids.setdefault(pair, []).append(vendor_id)
    return found


def told(*statuses: RowStatus | None, created: int | None = None, merged: int | None = None) -> Imported:
    verdicts = [Verdict(status=status) for status in statuses]
    return Imported(created=created, merged=merged, failed=None, verdicts=verdicts)


A, A_PLUS = {"email": "a"}, {"email": "a", "firstName": "Ada"}


@pytest.mark.parametrize(
    ("before", "after", "status", "contact"),
    [
        ({}, {"one": A_PLUS}, RowStatus.CREATED, "one"),
        ({"one": A}, {"one": A_PLUS}, RowStatus.MERGED, "one"),
        ({"one": A_PLUS}, {"one": A_PLUS}, None, None),  # nothing has changed: merged, or never looked at
        ({}, {}, None, None),
        ({}, {"one": A}, None, None),  # somebody else's work: it does not hold the row
        ({}, {"one": A_PLUS, "two": A_PLUS}, None, None),
        ({"one": A}, {"two": A_PLUS}, RowStatus.CREATED, "two"),
        ({"one": A}, {"one": A, "two": A_PLUS}, RowStatus.CREATED, "two"),
        ({"one": A, "two": A}, {"one": A, "two": A}, None, None),
        ({"one": A, "two": A}, {"one": A, "two": A_PLUS}, RowStatus.MERGED, "two"),
    ],
)
def test_what_the_contacts_prove_of_one_row(
    before: Any, after: Any, status: RowStatus | None, contact: str | None
) -> None:
    rows = sheet(("a", "Ada"), keys=("email", "firstName"))
    (found,) = proved(rows, told(None), held(**before), held(**after), KEYS)
    assert (found.status, found.contact) == (status, contact)


def test_one_who_had_another_value_before_was_there_all_the_same() -> None:
    """Somebody's address was changed to that of a row meanwhile: the row has not created them."""
    before = Held(everyone={"one"})
    (found,) = proved(sheet(("a", "")), told(None), before, held(one=A), KEYS)
    assert found.status is None


def test_a_value_of_two_rows_proves_neither() -> None:
    found = proved(sheet(("a", ""), ("a", "")), told(None, None), held(), held(one=A), KEYS)
    assert [each.status for each in found] == [None, None]


def test_a_failure_that_the_source_has_told_is_not_argued_with() -> None:
    (found,) = proved(sheet(("a", "")), told(RowStatus.FAILED), held(), held(one=A), KEYS)
    assert (found.status, found.contact) == (RowStatus.FAILED, None)


def test_a_row_that_the_counts_prove_created_is_not_called_merged() -> None:
    rows = sheet(("a", "Ada"), keys=("email", "firstName"))
    (found,) = proved(rows, told(RowStatus.CREATED), held(one=A), held(one=A_PLUS), KEYS)
    assert (found.status, found.contact) == (RowStatus.CREATED, None)


@pytest.mark.parametrize(("created", "statuses"), [(2, ["CREATED", "CREATED"]), (1, [None, None])])
def test_what_contradicts_the_counts_proves_nothing(created: int, statuses: list[str | None]) -> None:
    after = held(one={"email": "a"}, two={"email": "b"})
    found = proved(sheet(("a", ""), ("b", "")), told(None, None, created=created), held(), after, KEYS)
    assert [each.status for each in found] == statuses


def test_rows_that_are_left_are_what_the_counts_leave() -> None:
    rows = sheet(("a", "Ada"), ("b", "Bob"), ("c", "Cyd"), keys=("email", "firstName"))
    bob = {"email": "b", "firstName": "Bob"}
    imported = Imported(
        created=1, merged=1, failed=1, verdicts=[Verdict(), Verdict(), Verdict(status=RowStatus.FAILED)]
    )
    found = proved(rows, imported, held(two=bob), held(one=A_PLUS, two=bob), KEYS)
    assert [(each.status, each.contact) for each in found] == [
        ("CREATED", "one"),
        ("MERGED", "two"),
        ("FAILED", None),
    ]
    # Without the second contact in the read-back the counts alone still say it, but not with whom.
    found = proved(rows, imported, held(), held(one=A_PLUS), KEYS)
    assert [(each.status, each.contact) for each in found[:2]] == [("CREATED", "one"), ("MERGED", None)]
    # What the source does not account for is not guessed.
    loose = replace(imported, failed=2)
    found = proved(rows, loose, held(two=bob), held(one=A_PLUS, two=bob), KEYS)
    assert [each.status for each in found] == ["CREATED", None, "FAILED"]


def report(created: int, merged: int, *failed: dict[str, Any]) -> Any:
    failures = [{"contact": each, "reason": "Invalid", "key": "email"} for each in failed]
    return {"success": created, "merged": merged, "failed": failures}


@pytest.mark.parametrize(
    ("answer", "statuses"),
    [
        (report(2, 0, {"email": "a"}), ["FAILED", "CREATED", "CREATED"]),
        (report(0, 2, {"email": "a"}), ["FAILED", "MERGED", "MERGED"]),
        (report(1, 1, {"email": "a"}), ["FAILED", None, None]),
        (report(2, 0), [None, None, None]),
        (report(2, 0, {"email": "somebody else"}), [None, None, None]),
        ({"success": "3", "failed": None}, [None, None, None]),
    ],
)
def test_what_samespace_tells_of_the_rows(answer: Any, statuses: list[str | None]) -> None:
    found = samespace.told(sheet(("a", ""), ("b", ""), ("c", "")), answer)
    assert [each.status for each in found.verdicts] == statuses


def test_of_rows_alike_of_which_some_failed_nobody_can_tell_which() -> None:
    found = samespace.told(sheet(("a", ""), ("a", ""), ("c", "")), report(2, 0, {"email": "a"}))
    assert [each.status for each in found.verdicts] == ["UNKNOWN", "UNKNOWN", None]
    found = samespace.told(sheet(("a", ""), ("a", "")), report(0, 0, {"email": "a"}, {"email": "a"}))
    assert [each.status for each in found.verdicts] == ["FAILED", "FAILED"]


@pytest.mark.parametrize(
    ("ids", "issues", "statuses"),
    [
        (["1", "2"], [{"index": 1, "errors": ["email"]}], ["CREATED", "FAILED", "CREATED"]),
        (["1"], [{"index": 1, "errors": ["email"]}], [None, "FAILED", None]),
        (None, [], [None, None, None]),
        (["1", "2", "3"], [], ["CREATED"] * 3),
        (["1", "2"], [{"index": 9, "errors": []}], [None, None, None]),
        (["1", "2"], [{"index": "1"}], [None, None, None]),
        (["1"], [{"index": 1}, {"index": 1}], [None, None, None]),
    ],
)
def test_what_packagex_tells_of_the_rows(
    ids: list[str] | None, issues: list[Any], statuses: list[str | None]
) -> None:
    rows = sheet(("A", "a"), ("B", "b"), ("C", "c"), keys=("Name", "Email"))
    found = packagex.told(rows, {"contact_ids": ids, "issues": issues}, 0)
    assert [each.status for each in found.verdicts] == statuses


def test_a_contact_that_differs_from_a_row_anywhere_is_not_made_of_it() -> None:
    rows = sheet(("A", "ada@x"), ("B", "ADA@x"), ("C", "c@x"), keys=("Name", "Email"))
    contacts = {"1": ("ada@x", None, "B"), "2": ("c@x", None, "D")}
    assert packagex.matched(rows, contacts) == {1: "1"}


def test_counts_that_are_not_told_make_nothing_rejected() -> None:
    imported = Imported(created=0, merged=None, failed=0, verdicts=[Verdict(), Verdict()])
    proved_one = [Verdict(status=RowStatus.MERGED), Verdict()]
    for verdicts, status in ((proved_one, "PARTIAL"), (imported.verdicts, "UNCERTAIN")):
        found = reports.told(Source.SAMESPACE, imported, verdicts, {}, deleted=None, notes=None)
        assert found["status"] == status


def test_a_value_that_everybody_has_proves_nothing_and_costs_little() -> None:
    count = 20_000
    rows = sheet(*(("same", str(number)) for number in range(count)), keys=("email", "firstName"))
    everybody = {f"c{number}": {"email": "same", "firstName": str(number)} for number in range(count)}
    found = proved(rows, told(*[None] * count), held(), held(**everybody), KEYS)
    assert {each.status for each in found} == {None}


def test_a_contact_is_matched_to_a_row_by_a_value_that_no_other_has() -> None:
    rows = sheet(("A", "a@x"), ("A", ""), ("C", "c@x"), keys=("Name", "Email"))
    contacts = {"1": ("c@x", None, "C"), "2": ("a@x", None, "A"), "3": (None, None, "A")}
    assert packagex.matched(rows, contacts) == {0: "2", 2: "1"}
