"""Files for PackageX: its headers, what is expected of it, and what it has told. Pure.

See packagex.md, "Create from CSV or Excel".
"""

import base64
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from gateway.model.importing import RowStatus
from gateway.ports import Imported, Sheet, Verdict
from gateway.upstreams import tolerant
from gateway.upstreams.packagex.records import FileReport
from gateway.upstreams.spreadsheet import csv_bytes

LARGEST_URL: Final = 7_500_000
DATA: Final = "data:text/csv;base64,"
METADATA: Final = "metadata."
# Field of a mapping → header of PackageX.
HEADERS: Final[Mapping[str, str]] = {
    "name": "Name",
    "firstName": "First Name",
    "lastName": "Last Name",
    "email": "Email",
    "phone": "Phone",
    "address": "Address",
    "addressLine2": "Address Line2",
    "type": "Type",
    "groups": "Groups",
}
NAMES: Final = ("Name", "First Name", "Last Name")
KNOWN: Final = frozenset(header.casefold() for header in HEADERS.values())
TYPES: Final = frozenset({"", "person", "group"})
DIGITS: Final = (7, 15)
# What a file may hold is not published in detail: an address has a domain with a dot, a number digits.
EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
PHONE: Final = re.compile(r"\+?[0-9\s().-]+")


def takes(field: str) -> bool:
    """Whether a column can hold this field."""
    return field in HEADERS or (field.startswith(METADATA) and len(field) > len(METADATA))


def sheet(columns: Sequence[str], fields: Sequence[str], rows: Sequence[Sequence[str]]) -> Sheet:
    """The columns that PackageX knows, under its own headers; two columns of one field become one."""
    kept: dict[str, list[int]] = {}
    for place, field in enumerate(fields):
        if takes(field):
            kept.setdefault(HEADERS.get(field, field), []).append(place)
    cut = [
        tuple(next((row[place] for place in places if row[place]), "") for places in kept.values())
        for row in rows
    ]
    headers = tuple(kept)
    origins = tuple(columns[places[0]] for places in kept.values())
    return Sheet(columns=headers, keys=headers, origins=origins, rows=cut)


def data_url(sheet: Sheet) -> str:
    """The file as a base64 data URL."""
    content = csv_bytes(sheet.columns, sheet.rows)
    return f"{DATA}{base64.b64encode(content).decode()}"


def url_length(sheet: Sheet) -> int:
    """How long the data URL of a file is."""
    return len(DATA) + 4 * -(-len(csv_bytes(sheet.columns, sheet.rows)) // 3)


def expected(sheet: Sheet, existing_groups: frozenset[str]) -> list[Verdict]:
    """What would become of every row: created, or refused for its e-mail, phone, name, type or groups."""
    rows = [dict(zip(sheet.keys, row, strict=True)) for row in sheet.rows]
    wrong = [_wrong(row) for row in rows]
    groups = set(existing_groups)
    changed = True
    while changed:  # a group of the file that fails takes those who name it along
        groups = set(existing_groups) | {
            _name(row) for row, bad in zip(rows, wrong, strict=True) if _type(row) == "group" and not bad
        }
        changed = False
        for row, bad in zip(rows, wrong, strict=True):
            if "Groups" not in bad and not groups.issuperset(_groups(row)):
                bad["Groups"] = "It names a group that is neither in the file nor there already."
                changed = True
    return [_verdict(sheet, bad) for bad in wrong]


def _verdict(sheet: Sheet, wrong: Mapping[str, str]) -> Verdict:
    if not wrong:
        return Verdict(status=RowStatus.WOULD_CREATE)
    return Verdict(
        status=RowStatus.WOULD_FAIL,
        reason=" ".join(wrong.values()),
        columns=_origins(sheet, wrong),
    )


def _wrong(row: Mapping[str, str]) -> dict[str, str]:
    found = {}
    if not _name(row):
        found["Name"] = "A name is required."
    if row.get("Email") and not EMAIL.fullmatch(row["Email"]):
        found["Email"] = "Its e-mail is not valid."
    if row.get("Phone") and not _is_phone(row["Phone"]):
        found["Phone"] = "Its phone is not valid."
    if _type(row) not in TYPES:
        found["Type"] = "Its type is neither person nor group."
    return found


def _is_phone(text: str) -> bool:
    digits = sum(sign.isdigit() for sign in text)
    return PHONE.fullmatch(text) is not None and DIGITS[0] <= digits <= DIGITS[1]


def _name(row: Mapping[str, str]) -> str:
    return row.get("Name") or " ".join(part for part in map(row.get, NAMES[1:]) if part)


def _type(row: Mapping[str, str]) -> str:
    return row.get("Type", "").strip().casefold()


def _groups(row: Mapping[str, str]) -> list[str]:
    return [name.strip() for name in row.get("Groups", "").split(",") if name.strip()]


def told(sheet: Sheet, report: FileReport, base: int) -> Imported:
    """What PackageX has told, row by row. `base` is the index of the first row in its issues."""
    issues: dict[int, Mapping[str, Any]] = {}
    lost = 0
    for issue in tolerant.items(report["issues"]):
        index = tolerant.whole(issue.get("index"))
        if index is None or not 0 <= index - base < len(sheet.rows) or index - base in issues:
            lost += 1
        else:
            issues[index - base] = issue
    ids = report["contact_ids"]
    created = None if ids is None else len(ids)
    rest = len(sheet.rows) - len(issues)
    all_created = created == rest and not lost
    verdicts = []
    for place in range(len(sheet.rows)):
        if lost:
            verdicts.append(Verdict())
        elif place in issues:
            verdicts.append(_failed(sheet, issues[place]))
        else:
            verdicts.append(Verdict(status=RowStatus.CREATED) if all_created else Verdict())
    return Imported(
        created=created,
        merged=0,
        failed=len(issues) + lost,
        verdicts=verdicts,
        ids=tuple(tolerant.texts(ids)),
    )


def _failed(sheet: Sheet, issue: Mapping[str, Any]) -> Verdict:
    named = {each.casefold() for each in tolerant.texts(issue.get("errors"))}
    headers = {header for header in sheet.columns if header.casefold() in named}
    if "name" in named:
        headers.update(NAMES)
    shown = ", ".join(sorted(named & KNOWN)) or "something in it"
    return Verdict(
        status=RowStatus.FAILED,
        reason=f"Not valid: {shown}.",
        columns=_origins(sheet, headers),
    )


def _origins(sheet: Sheet, headers: Collection[str]) -> tuple[str, ...]:
    """The caller's columns behind headers; a name may lie in one column or two."""
    wanted = set(headers) | (set(NAMES) if "Name" in headers else set())
    return tuple(
        dict.fromkeys(
            origin for origin, header in zip(sheet.origins, sheet.columns, strict=True) if header in wanted
        )
    )


def matched(
    sheet: Sheet, contacts: Mapping[str, tuple[str | None, str | None, str | None]]
) -> dict[int, str]:
    """Which row each created contact comes from, where an e-mail, phone or name tells one from all others.

    `contacts`: vendor id → e-mail, phone, name. Where one of the three differs, it is not that row.
    """
    found: dict[int, str] = {}
    taken: set[str] = set()
    rows = [dict(zip(sheet.keys, row, strict=True)) for row in sheet.rows]
    mine = [_told_by(row.get("Email"), row.get("Phone"), _name(row)) for row in rows]
    told = {vendor_id: _told_by(*values) for vendor_id, values in contacts.items()}
    for place in range(3):
        of_rows = Counter(row[place] for row in mine)
        of_contacts = Counter(values[place] for values in told.values())
        by_value = {values[place]: vendor_id for vendor_id, values in told.items()}
        for index, row in enumerate(mine):
            value = row[place]
            if not value or of_rows[value] != 1 or of_contacts[value] != 1 or index in found:
                continue
            contact = by_value[value]
            alike = all(own in ("", theirs) for own, theirs in zip(row, told[contact], strict=True))
            if alike and contact not in taken:
                found[index] = contact
                taken.add(contact)
    return found


def _told_by(email: str | None, phone: str | None, name: str | None) -> tuple[str, str, str]:
    """What tells one contact from another, without what a source may write in another way."""
    digits = "".join(sign for sign in phone or "" if sign.isdecimal())
    return (email or "").casefold(), digits, " ".join((name or "").split())
