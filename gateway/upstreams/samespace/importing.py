"""Files for Samespace: which columns it takes, what is expected of it, and what it has told. Pure.

See samespace.md, "csv/xls upload" and importContacts.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.model.importing import RowStatus
from gateway.model.property import PropertyType
from gateway.model.text import as_text
from gateway.model.writing import split_name
from gateway.ports import Definitions, Imported, Sheet, Twins, Verdict
from gateway.upstreams import tolerant
from gateway.upstreams.samespace import mapping
from gateway.upstreams.samespace.records import ImportReport

FILENAME: Final = "contacts.csv"
LONGEST_REASON: Final = 200
# What an import takes is not published: only what is no address and no number at all is expected to fail.
EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
PHONE: Final = re.compile(r"\+?(?:[ ().-]*[0-9]){7,15}[ ().-]*")
SYSTEM_KEYS: Final = frozenset({"owner", "createdBy", "createdAt"})
KEYS: Final = {field: key for key, field in mapping.FIELDS.items()}


def fields(definitions: Definitions) -> dict[str, str]:
    """The keys that people may set, with their labels; those that are unified fields go by these."""
    return {
        mapping.FIELDS.get(key, key): each["label"] or key
        for key, each in definitions.items()
        if key not in SYSTEM_KEYS
    }


def takes(field: str, definitions: Definitions) -> bool:
    """Whether a column can hold this field."""
    key = KEYS.get(field, field)
    return field == "name" or (key in definitions and key not in SYSTEM_KEYS)


def sheet(
    columns: Sequence[str],
    named: Sequence[str],
    rows: Sequence[Sequence[str]],
    definitions: Definitions,
) -> Sheet:
    """The columns that Samespace takes. A whole name becomes two columns where the module has two."""
    headers: list[str] = []
    keys: list[str] = []
    origins: list[str] = []
    reads: list[tuple[int, int | None]] = []  # column of the file, and which part of a name

    def add(header: str, key: str, origin: str, place: int, part: int | None = None) -> None:
        headers.append(header)
        keys.append(key)
        origins.append(origin)
        reads.append((place, part))

    for place, (column, field) in enumerate(zip(columns, named, strict=True)):
        key = KEYS.get(field, field)
        if field == "name" and mapping.NAME not in definitions:
            add(f"{column} (first)", mapping.FIRST_NAME, column, place, 0)
            add(f"{column} (last)", mapping.LAST_NAME, column, place, 1)
        elif takes(field, definitions):
            add(column, key, column, place)
    cut = [
        tuple(row[place] if part is None else split_name(row[place])[part] or "" for place, part in reads)
        for row in rows
    ]
    return Sheet(columns=tuple(headers), keys=tuple(keys), origins=tuple(origins), rows=cut)


def expected(
    sheet: Sheet, definitions: Definitions, twins: Twins, merge_keys: Sequence[str]
) -> list[Verdict]:
    """What would become of every row: refused, merged by an equal value of a merge key, or created.

    Rows are taken in their order, as each may give a contact values that the next ones meet.
    """
    found: list[Verdict] = []
    ordered = sorted(definitions.values(), key=lambda each: each["displayOrder"] or 0)
    crowd = _Crowd(twins)
    for index, row in enumerate(sheet.rows):
        values = {key: cell for key, cell in zip(sheet.keys, row, strict=True) if cell}
        wrong = next((each for each in ordered if _wrong(values.get(each["key"]), each)), None)
        if wrong is not None:
            found.append(_would_fail(wrong, sheet, missing=wrong["key"] not in values))
            continue
        pairs = {key: values[key] for key in merge_keys if values.get(key)}
        met = next(((key, who) for key, value in pairs.items() if (who := crowd.find(key, value))), None)
        crowd.give(met[1] if met else f"row {index}", pairs)
        found.append(_would_pass(met))
    return found


class _Crowd:
    """The contacts of a module while a file is imported: those who were there, and rows made contacts."""

    def __init__(self, twins: Twins) -> None:
        self._twins = twins
        self._given: dict[str, dict[str, str]] = {}  # what rows have given, by contact
        self._places: dict[tuple[str, str], str] = {}

    def find(self, key: str, value: str) -> str | None:
        """Who has this value now: somebody who was there and still has it, else whoever a row gave it to."""
        for contact in self._twins.find(key, value):
            if self._given.get(contact, {}).get(key, value) == value:
                return contact
        found = self._places.get((key, value))
        return found if found is not None and self._given[found].get(key) == value else None

    def give(self, contact: str, values: Mapping[str, str]) -> None:
        """A row gives a contact its values."""
        self._given.setdefault(contact, {}).update(values)
        for pair in values.items():
            self._places[pair] = contact


def _would_fail(definition: Any, sheet: Sheet, *, missing: bool) -> Verdict:
    label = definition["label"] or definition["key"]
    columns = tuple(
        dict.fromkeys(
            origin for origin, key in zip(sheet.origins, sheet.keys, strict=True) if key == definition["key"]
        )
    )
    reason = f"{label} is required." if missing else f"{label} is not valid."
    return Verdict(status=RowStatus.WOULD_FAIL, reason=reason, columns=columns)


def _would_pass(met: tuple[str, str] | None) -> Verdict:
    if met is None:
        return Verdict(status=RowStatus.WOULD_CREATE)
    key, contact = met
    if contact.startswith("row "):
        return Verdict(status=RowStatus.WOULD_MERGE, reason=f"Equal {key} in {contact} (assumed to merge).")
    reason = f"Equal {key} of a contact that is there (assumed to merge)."
    return Verdict(status=RowStatus.WOULD_MERGE, contact=contact, reason=reason)


def _wrong(value: str | None, definition: Any) -> bool:
    if value is None:
        return bool(definition["required"]) and definition["key"] not in SYSTEM_KEYS
    if definition["type"] == PropertyType.EMAIL:
        return not EMAIL.fullmatch(value)
    return definition["type"] == PropertyType.PHONE and not PHONE.fullmatch(value)


def told(sheet: Sheet, report: ImportReport) -> Imported:
    """What Samespace has told, row by row. Failures carry values only, so rows are found by their values.

    Of several rows with the same values of which only some failed, nobody can tell which.
    """
    failures: defaultdict[tuple[tuple[str, str], ...], list[Mapping[str, Any]]] = defaultdict(list)
    for failure in tolerant.items(report.get("failed")):
        failures[_values_of(tolerant.members(failure.get("contact")))].append(failure)
    alike = Counter(_row_values(sheet, row) for row in sheet.rows)
    verdicts: list[Verdict] = []
    matched = 0
    for row in sheet.rows:
        values = _row_values(sheet, row)
        failed = failures.get(values, [])
        if not failed:
            verdicts.append(Verdict())
        elif len(failed) == alike[values]:
            matched += 1
            verdicts.append(_failed(failed[0], sheet))
        else:
            text = f"{len(failed)} of {alike[values]} rows with these values failed; which ones is not told."
            verdicts.append(Verdict(status=RowStatus.UNKNOWN, reason=text))
    created, merged = tolerant.whole(report.get("success")), tolerant.whole(report.get("merged"))
    count = sum(len(each) for each in failures.values())
    rest = sum(verdict.status is None for verdict in verdicts)
    if matched == count and (created or 0) + (merged or 0) == rest:
        if not merged:
            verdicts = [_settled(verdict, RowStatus.CREATED) for verdict in verdicts]
        elif not created:
            verdicts = [_settled(verdict, RowStatus.MERGED) for verdict in verdicts]
    return Imported(created=created, merged=merged, failed=count, verdicts=verdicts)


def _settled(verdict: Verdict, status: RowStatus) -> Verdict:
    """All rows that did not fail met the same fate, by the counts of the source."""
    return Verdict(status=status) if verdict.status is None else verdict


def _failed(failure: Mapping[str, Any], sheet: Sheet) -> Verdict:
    """A row that failed. `key` need not fit `reason` (samespace.md), so both are told, none is relied on."""
    key = tolerant.text(failure.get("key"))
    columns = tuple(
        dict.fromkeys(origin for origin, own in zip(sheet.origins, sheet.keys, strict=True) if own == key)
    )
    said = " ".join((tolerant.text(failure.get("reason")) or "").split())[:LONGEST_REASON]
    reason = said or "It was refused without a reason."
    return Verdict(status=RowStatus.FAILED, reason=reason, columns=columns)


def _row_values(sheet: Sheet, row: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return _values_of(dict(zip(sheet.keys, row, strict=True)))


def _values_of(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, as_text(value)) for key, value in values.items() if value not in (None, "")))
