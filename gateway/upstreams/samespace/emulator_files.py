"""The two steps of the emulated import: reading an uploaded file, and turning its rows into contacts."""

import csv
import io
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import zip_longest
from typing import Any, Final

from python_calamine import CalamineError, load_workbook

from gateway.upstreams.samespace.emulator_store import EMAIL, Module, refused
from gateway.upstreams.samespace.seed import Definition, Values

PHONE: Final = re.compile(r"\+?(?:[ ().-]*\d){7,15}[ ().-]*")


class Unreadable(Exception):
    """The uploaded part is not a table; the message says why."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file with a header row; every cell is text."""

    columns: list[str]
    records: list[dict[str, str]]


def read_table(filename: str, content: bytes) -> Table:
    """The table in a CSV, XLS or XLSX file."""
    kind = filename.lower().rpartition(".")[2]
    if kind == "csv":
        rows = csv_rows(content)
    elif kind in {"xls", "xlsx"}:
        rows = sheet_rows(content)
    else:
        raise Unreadable("uploadFile must be CSV or XLS")
    filled = [row for row in rows if any(row)]
    if not filled:
        raise Unreadable("uploadFile is empty")
    columns = filled[0]
    width = len(columns)
    return Table(columns, [dict(zip_longest(columns, row[:width], fillvalue="")) for row in filled[1:]])


def csv_rows(content: bytes) -> list[list[str]]:
    """Rows of a UTF-8 file; the header tells whether commas or semicolons part the cells."""
    try:
        text = content.decode("utf-8-sig")
        header = text.partition("\n")[0]
        delimiter = ";" if header.count(";") > header.count(",") else ","
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except (UnicodeDecodeError, csv.Error):
        raise Unreadable("uploadFile could not be read") from None


def sheet_rows(content: bytes) -> list[list[str]]:
    """Rows of the first sheet of a workbook, as text."""
    try:
        sheet = load_workbook(io.BytesIO(content)).get_sheet_by_index(0)
    except CalamineError:
        raise Unreadable("uploadFile could not be read") from None
    return [[cell_text(cell) for cell in row] for row in sheet.to_python()]


def cell_text(cell: object) -> str:
    """One cell of a sheet as text: whole numbers without a point, dates as Samespace writes them."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, date):
        moment = cell if isinstance(cell, datetime) else datetime.combine(cell, time())
        return moment.isoformat(timespec="milliseconds") + "Z"
    return str(cell)


def import_table(
    module: Module,
    table: Table,
    mapping: Mapping[str, str | None],
    now: float,
    refused_phones: Collection[str],
) -> dict[str, Any]:
    """Add or merge every row; `mapping` leads from a column of the file to a property."""
    targets = {column: module.definition(key or "") for column, key in mapping.items()}
    for column in targets.keys() - set(table.columns):
        raise refused(f"Unknown column {column}")
    success = merged = 0
    failed: list[dict[str, Any]] = []
    for record in table.records:
        values = {target["key"]: record[column] for column, target in targets.items() if record[column]}
        wrong = first_invalid(module, values, refused_phones)
        if wrong is not None:
            reason = f'Invalid "{wrong["label"]}" input'
            failed.append({"contact": values, "reason": reason, "key": wrong["key"]})
        elif twin := module.contacts.twin(values):
            module.change(twin, values)
            merged += 1
        else:
            module.create(values, now)
            success += 1
    return {"success": success, "failed": failed, "merged": merged}


def first_invalid(module: Module, values: Values, refused_phones: Collection[str]) -> Definition | None:
    """The first property, in display order, that keeps a row out."""
    for known in module.definitions:
        value = values.get(known["key"])
        if value is None:
            wrong = known["required"]
        elif known["type"] == "EMAIL":
            wrong = not EMAIL.fullmatch(value)
        elif known["type"] == "PHONE":
            wrong = value in refused_phones or not PHONE.fullmatch(value)
        else:
            wrong = False
        if wrong:
            return known
    return None
