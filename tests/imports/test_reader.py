"""Files of every kind become rows of texts, and none of them does harm."""

import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt

from gateway.imports import reader
from gateway.imports.reader import Unreadable


def rows_of(path: Path, content: bytes, name: str, *, rows: int = 1_000, cells: int = 10_000) -> Any:
    source = path / "file"
    source.write_bytes(content)
    out = io.StringIO()
    reader.write(reader.tidy(reader.table(source, name)), out, rows, cells)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def workbook(*rows: tuple[Any, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_text_files_of_any_delimiter_and_encoding_are_read(
    tmp_path: Path, delimiter: str, encoding: str
) -> None:
    text = "\r\n".join(
        delimiter.join(cells) for cells in (["Name", "City"], ["Renée", "Köln"], ["Søren", "Århus"])
    )
    found = rows_of(tmp_path, text.encode(encoding), "a.csv")
    assert found == [["Name", "City"], ["Renée", "Köln"], ["Søren", "Århus"]]


def test_cyrillic_is_told_from_latin(tmp_path: Path) -> None:
    text = "Имя;Почта\nИван Петров;ivan@example.com\nОльга Сидорова;olga@example.com\n"
    assert rows_of(tmp_path, text.encode("cp1251"), "a.csv")[1] == ["Иван Петров", "ivan@example.com"]


@pytest.mark.parametrize(
    ("text", "encoding", "named"),
    [
        ("Name;City\nJörg;Köln\n", "cp1252", "cp1252"),
        ("Imię;Miasto\nŁukasz Wójcik;Łódź\nJoanna Śliwińska;Gdańsk\n", "cp1250", "cp1250"),
        ("名前,都市\n山田太郎,東京都千代田区\n佐藤花子,大阪府大阪市北区\n", "shift_jis", "shift_jis"),
    ],
)
def test_other_encodings_are_found_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, encoding: str, named: str
) -> None:
    found = rows_of(tmp_path, text.encode(encoding), "a.csv")
    assert found == [line.replace(";", ",").split(",") for line in text.splitlines()]
    assert json.loads(capsys.readouterr().out) == {"encoding": named}


def test_a_byte_gone_wrong_does_not_turn_a_whole_file_into_another_encoding(tmp_path: Path) -> None:
    names = "".join(f"Zoë Müller,Köln {number}\n" for number in range(40)).encode()
    found = rows_of(tmp_path, b"Name,City\n" + names + b"Ja\xff,Ulm\n", "a.csv")
    assert found[1] == ["Zoë Müller", "Köln 0"]
    assert found[-1] == ["Ja\ufffd", "Ulm"]


def test_the_separator_that_excel_is_told_of_counts(tmp_path: Path) -> None:
    assert rows_of(tmp_path, b"sep=;\nName;City\n1,5;2,5\n", "a.csv") == [["Name", "City"], ["1,5", "2,5"]]


def test_a_quote_that_is_closed_at_the_end_is_fine(tmp_path: Path) -> None:
    assert rows_of(tmp_path, b'a,b\n1,"two\nlines"', "a.csv")[1] == ["1", "two\nlines"]


def test_quotes_hold_delimiters_and_line_breaks(tmp_path: Path) -> None:
    content = b'Name,Notes\n"Quux, Ada","first line\nsecond ""line"""\n'
    assert rows_of(tmp_path, content, "a.csv")[1] == ["Quux, Ada", 'first line\nsecond "line"']


def test_one_column_is_a_table_too(tmp_path: Path) -> None:
    assert rows_of(tmp_path, b"Name\nAda\nBob\n", "a.csv") == [["Name"], ["Ada"], ["Bob"]]


def test_headers_get_a_name_each_and_rows_one_width(tmp_path: Path) -> None:
    content = b"Email,Email,,Name\na@x.com,b@x.com,c,Ada,more\n\n,,,\nd@x.com\n"
    assert rows_of(tmp_path, content, "a.csv") == [
        ["Email", "Email (2)", "Column 3", "Name", "Column 5"],
        ["a@x.com", "b@x.com", "c", "Ada", "more"],
        ["d@x.com", "", "", "", ""],
    ]


def test_the_apostrophe_that_keeps_a_text_from_being_a_formula_is_taken_off(tmp_path: Path) -> None:
    content = b"A,B,C,D\n'=1+1,'+12025550120,=1+1,'quoted'\n"
    assert rows_of(tmp_path, content, "a.csv")[1] == ["=1+1", "+12025550120", "=1+1", "'quoted'"]


def test_cells_of_a_workbook_become_texts(tmp_path: Path) -> None:
    content = workbook(
        ("Phone", "Score", "Yes", "Day", "Moment", "Text", "Formula"),
        (12025550120, 1.5, True, date(2025, 3, 4), datetime(2025, 3, 4, 9, 15), "+1 2", "=1+1"),
    )
    assert rows_of(tmp_path, content, "a.xlsx")[1] == [
        "12025550120",
        "1.5",
        "true",
        "2025-03-04",
        "2025-03-04 09:15:00",
        "+1 2",
        "",  # a formula that was never computed has no value
    ]


def test_old_workbooks_are_read(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("People")
    for row, cells in enumerate((("Name", "Phone"), ("Ada", 12025550120.0))):
        for column, cell in enumerate(cells):
            sheet.write(row, column, cell)
    out = io.BytesIO()
    book.save(out)
    assert rows_of(tmp_path, out.getvalue(), "a.xls") == [["Name", "Phone"], ["Ada", "12025550120"]]


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "a.csv", "INVALID"),
        (b"\n\n", "a.csv", "INVALID"),
        (b"Name\n", "a.csv", "INVALID"),
        (b"a\x00b,c\n1,2\n", "a.csv", "INVALID"),
        (b"%PDF-1.7\n\xe2\xe3\xcf\xd3\x00\x00", "a.pdf", "INVALID"),
        (b"a,b\n1," + b"x" * 40_000 + b"\n", "a.csv", "TOO_LARGE"),
        (b'a,b\n1,"never closed\n2,3\n4,5\n', "a.csv", "INVALID"),
        (b"<html><table>", "a.xls", "INVALID"),
        (b"a,b\n1,2\n", "a.xlsx", "INVALID"),
        (workbook(("a",), ("b",)), "a.csv", "INVALID"),
        (b"PK\x03\x04junk", "a.xlsx", "INVALID"),
        (b"\xd0\xcf\x11\xe0junk", "a.xls", "INVALID"),
        (archive(word__document_xml=b"<x/>"), "a.xlsx", "INVALID"),
        (archive(xl__workbook_xml=b"<x/>", xl__bomb_xml=b"\0" * 5_000_000), "a.xlsx", "TOO_LARGE"),
        (b"a\n" * 1_002, "a.csv", "TOO_LARGE"),
        (b"a,b\n" + b"1,2\n" * 5_001, "a.csv", "TOO_LARGE"),
        (b",".join(b"c%d" % n for n in range(501)) + b"\n" + b",".join([b"1"] * 501), "a.csv", "TOO_LARGE"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, name: str, code: str) -> None:
    rows = 10_000 if content.startswith(b"a,b") else 1_000
    with pytest.raises(Unreadable) as refused:
        rows_of(tmp_path, content, name, rows=rows)
    assert refused.value.code == code


def test_a_file_that_takes_too_much_memory_ends_its_reader_and_nothing_else(tmp_path: Path) -> None:
    """Two cells at the far ends of a sheet: some libraries make all the cells between them."""
    book = openpyxl.Workbook()
    book.active["A1"] = "Name"
    book.active["XFD1048576"] = "far"
    path = tmp_path / "far.xlsx"
    book.save(path)
    out = tmp_path / "out"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gateway.imports.reader", str(path), "far.xlsx", str(out)),
            *("1000", "10000", str(os.getpid())),
        ],
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    assert b"Traceback" not in done.stdout
