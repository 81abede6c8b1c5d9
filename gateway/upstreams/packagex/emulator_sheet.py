"""The file behind `csv_url`: a data URL of CSV, XLS or XLSX, read into rows."""

import base64
import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from python_calamine import CalamineError, CalamineWorkbook

from gateway.upstreams.packagex.emulator_checks import create_errors
from gateway.upstreams.packagex.emulator_envelope import TOO_LARGE, Refused, invalid

LONGEST_URL: Final = 7_500_000
SPREADSHEETS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # XLSX is a zip, XLS a compound file
DATA_URL: Final = re.compile(r"data:[^,]*;base64,", re.IGNORECASE)
COLUMNS: Final[Mapping[str, str]] = {
    "name": "name",
    "email": "email",
    "phone": "phone",
    "address": "address",
    "address line2": "address_line2",
    "type": "type",
}
METADATA: Final = "metadata."


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One data row, the first has index 0: a body as for a single contact, and the groups it belongs to."""

    index: int
    body: dict[str, Any]
    groups: tuple[str, ...]
    errors: tuple[str, ...]


def read_rows(csv_url: str) -> list[Row]:
    """The rows of the file; a web address is refused, for the sandbox fetches nothing."""
    head = DATA_URL.match(csv_url)
    if head is None:
        raise unreadable()
    if len(csv_url) > LONGEST_URL:
        raise Refused(TOO_LARGE)
    try:
        content = base64.b64decode(csv_url[head.end() :], validate=True)
        table = _spreadsheet(content) if content.startswith(SPREADSHEETS) else _csv(content)
    except (ValueError, csv.Error, CalamineError) as error:
        raise unreadable() from error
    header = [cell.strip() for cell in table[0]] if table else []
    if not {"name", "first name", "last name"} & {title.casefold() for title in header}:
        raise unreadable()
    rows = (dict(zip(header, cells, strict=False)) for cells in table[1:])
    return [_row(index, cells) for index, cells in enumerate(rows) if any(cells.values())]


def unreadable() -> Refused:
    """The refusal of a file that is none."""
    return invalid(["csv_url"], "The file could not be read")


def _csv(content: bytes) -> list[list[str]]:
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    return [[cell.strip() for cell in line] for line in csv.reader(text, strict=True)]


def _spreadsheet(content: bytes) -> list[list[str]]:
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return [[_cell(value) for value in line] for line in workbook.get_sheet_by_index(0).to_python()]


def _cell(value: object) -> str:
    """The text of a cell; a phone that was typed as a number has no decimals."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _row(index: int, cells: Mapping[str, str]) -> Row:
    named = {title.casefold(): cell for title, cell in cells.items() if cell}
    body: dict[str, Any] = {COLUMNS[title]: cell for title, cell in named.items() if title in COLUMNS}
    whole = " ".join(part for part in (named.get("first name"), named.get("last name")) if part)
    if whole:
        body.setdefault("name", whole)
    body["type"] = body.get("type", "person").casefold()
    body["metadata"] = {
        title[len(METADATA) :]: cell
        for title, cell in cells.items()
        if cell and title.casefold().startswith(METADATA) and len(title) > len(METADATA)
    }
    groups = tuple(group.strip() for group in named.get("groups", "").split(",") if group.strip())
    return Row(index=index, body=body, groups=groups, errors=tuple(create_errors(body)))
