"""A row is called created or merged only where something proves it."""

from typing import Any

import pytest

from gateway.imports.twins import Held, proved
from gateway.model.importing import RowStatus
from gateway.ports import Sheet, Verdict
from gateway.upstreams.packagex import importing as packagex
from gateway.upstreams.samespace import importing as samespace

KEYS = ("email", "phoneNumber")


def sheet(*rows: tuple[str, ...], keys: tuple[str, ...] = KEYS) -> Sheet:
    return Sheet(columns=keys, keys=keys, origins=keys, rows=rows)


def held(**ids: list[str]) -> Held:
    return Held(ids={("email", value): found for value, found in ids.items()})


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        ({}, {"a": ["1"]}, RowStatus.CREATED),
        ({"a": ["1"]}, {"a": ["1"]}, RowStatus.MERGED),
        ({}, {}, None),
        ({}, {"a": ["1", "2"]}, None),
        ({"a": ["1"]}, {"a": ["2"]}, None),
        ({"a": ["1"]}, {"a": ["1", "2"]}, None),
        ({"a": ["1", "2"]}, {"a": ["1", "2"]}, None),
    ],
)
def test_a_unique_key_proves_what_it_can(before: Any, after: Any, status: RowStatus | None) -> None:
    (found,) = proved(sheet(("a", "")), [Verdict()], held(**before), held(**after), KEYS)
    assert found.status == status


def test_a_value_of_two_rows_proves_neither() -> None:
    found = proved(sheet(("a", ""), ("a", "")), [Verdict(), Verdict()], held(), held(a=["1"]), KEYS)
    assert [each.status for each in found] == [None, None]


def test_a_failure_that_the_source_has_told_is_not_argued_with() -> None:
    failed = Verdict(status=RowStatus.FAILED)
    assert proved(sheet(("a", "")), [failed], held(), held(a=["1"]), KEYS) == [failed]


def test_a_row_that_the_counts_prove_created_is_not_called_merged() -> None:
    (found,) = proved(
        sheet(("a", "")), [Verdict(status=RowStatus.CREATED)], held(a=["1"]), held(a=["1"]), KEYS
    )
    assert (found.status, found.contact) == (RowStatus.CREATED, None)


def report(created: int, merged: int, *failed: dict[str, Any]) -> Any:
    failures = [{"contact": each, "reason": "Invalid", "key": "email"} for each in failed]
    return {"success": created, "merged": merged, "failed": failures}


@pytest.mark.parametrize(
    ("told", "statuses"),
    [
        (report(2, 0, {"email": "a"}), ["FAILED", "CREATED", "CREATED"]),
        (report(0, 2, {"email": "a"}), ["FAILED", "MERGED", "MERGED"]),
        (report(1, 1, {"email": "a"}), ["FAILED", None, None]),
        (report(2, 0), [None, None, None]),
        (report(2, 0, {"email": "somebody else"}), [None, None, None]),
        ({"success": "3", "failed": None}, [None, None, None]),
    ],
)
def test_what_samespace_tells_of_the_rows(told: Any, statuses: list[str | None]) -> None:
    found = samespace.told(sheet(("a", ""), ("b", ""), ("c", "")), told)
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


def test_a_contact_is_matched_to_a_row_by_a_value_that_no_other_has() -> None:
    rows = sheet(("A", "a@x"), ("A", ""), ("C", "c@x"), keys=("Name", "Email"))
    contacts = {"1": ("c@x", None, "C"), "2": ("a@x", None, "A"), "3": (None, None, "A")}
    assert packagex.matched(rows, contacts) == {0: "2", 2: "1"}
