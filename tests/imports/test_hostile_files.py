"""Files that are made to do harm: what one attack after another has found."""

import asyncio
import io
import json
import os
import resource
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gateway import importer
from gateway.imports import columns, reader, table
from gateway.imports.reader import Unreadable
from gateway.journal.owner import Owner
from gateway.model.writing import UserErrorCode
from gateway.writing.inputs import Complaints

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
LINKS = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PARTS = "http://schemas.openxmlformats.org/package/2006/relationships"
LAUGHS = '<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY b SYSTEM "file:///etc/passwd">]>'


def book(cell: str = "Ada", header: str = "Name", doctype: str = "") -> dict[str, str]:
    """The parts of a workbook with one header and one cell."""
    sheets = '<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets>'
    return {
        "_rels/.rels": f'<Relationships xmlns="{PARTS}">'
        f'<Relationship Id="r0" Type="{KIND}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f"<workbook {MAIN} {LINKS}>{sheets}</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PARTS}">'
        f'<Relationship Id="r1" Type="{KIND}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{KIND}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/sharedStrings.xml": f"{doctype}<sst {MAIN}><si><t>{header}</t></si><si><t>{cell}</t></si></sst>",
        "xl/worksheets/sheet1.xml": f"<worksheet {MAIN}><sheetData>"
        '<row r="1"><c r="A1" t="s"><v>0</v></c></row>'
        '<row r="2"><c r="A2" t="s"><v>1</v></c></row></sheetData></worksheet>',
    }


def packed(parts: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def rows_of(path: Path, content: bytes, name: str, *, rows: int = 1_000, cells: int = 10_000) -> Any:
    source = path / "file"
    source.write_bytes(content)
    out = io.StringIO()
    reader.write(reader.tidy(reader.table(source, name)), out, rows, cells)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def refused(path: Path, content: bytes, name: str, **limits: int) -> str:
    with pytest.raises(Unreadable) as found:
        rows_of(path, content, name, **limits)
    return found.value.code


def test_the_workbook_of_these_tests_is_read(tmp_path: Path) -> None:
    assert rows_of(tmp_path, packed(book()), "a.xlsx") == [["Name"], ["Ada"]]


@pytest.mark.parametrize("doctype", [LAUGHS, OUTSIDE])
def test_entities_of_a_workbook_are_never_followed(tmp_path: Path, doctype: str) -> None:
    assert refused(tmp_path, packed(book("&b;", doctype=doctype)), "a.xlsx") == "INVALID"


def test_a_header_is_as_short_as_a_header(tmp_path: Path) -> None:
    """It is kept with the job, and stands in what callers are told."""
    assert refused(tmp_path, packed(book(header="x" * 100_000)), "a.xlsx") == "TOO_LARGE"
    assert refused(tmp_path, b"a" * 100_000 + b",b\n1,2\n", "a.csv") == "TOO_LARGE"


def test_cells_that_rows_are_filled_up_with_count(tmp_path: Path) -> None:
    """A wide header over short rows: a small file that becomes a large table."""
    wide = b",".join(b"c%d" % place for place in range(400)) + b"\n" + b"1\n" * 100
    assert refused(tmp_path, wide, "a.csv", cells=10_000) == "TOO_LARGE"


@pytest.mark.parametrize("cell", ["A\x00da", "A_x0000_da"])
def test_a_workbook_holds_no_zero_byte_either(tmp_path: Path, cell: str) -> None:
    assert refused(tmp_path, packed(book(cell)), "a.xlsx") == "INVALID"


def damaged(kind: str) -> bytes:
    content = bytearray(packed(book("Ada " * 500)))
    for place in range(len(content) - 4):
        mark = bytes(content[place : place + 4])
        local, central = mark == b"PK\x03\x04", mark == b"PK\x01\x02"
        if not (local or central):
            continue
        if kind == "encrypted":
            content[place + (6 if local else 8)] |= 1
        elif kind == "method":
            content[place + (8 if local else 10)] = 77
        elif kind == "deflate" and local and b"sheet1.xml" in content[place : place + 60]:
            start = place + 30 + len("xl/worksheets/sheet1.xml")
            content[start : start + 8] = b"\xff" * 8
    return bytes(content)


@pytest.mark.parametrize("kind", ["encrypted", "method", "deflate"])
def test_a_damaged_archive_is_called_invalid_not_too_large(tmp_path: Path, kind: str) -> None:
    assert refused(tmp_path, damaged(kind), "a.xlsx") == "INVALID"


def run_reader(folder: Path, file: Path, **more: Any) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "gateway.imports.reader", str(file), file.name, str(folder / "out")]
    return subprocess.run(
        [*command, "100000", "2000000", str(os.getpid())],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=60,
        **more,
    )


def test_a_reader_that_is_ended_leaves_no_image_of_its_memory(tmp_path: Path) -> None:
    """It would hold what the file holds, wherever the system puts it."""
    parts = book("\U0001f600" * 32_000)
    cells = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>1</v></c></row>' for row in range(2, 15_000))
    parts["xl/worksheets/sheet1.xml"] = f"<worksheet {MAIN}><sheetData>{cells}</sheetData></worksheet>"
    file = tmp_path / "a.xlsx"
    file.write_bytes(packed(parts))
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    program = tmp_path / "sitecustomize.py"
    program.write_text(f"import resource; resource.setrlimit(resource.RLIMIT_CORE, ({hard}, {hard}))\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = run_reader(tmp_path, file, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode < 0
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("core")] == []


def test_a_reader_works_below_limits_that_are_lower_than_its_own(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"Name,Email\nAda,ada@example.com\n")
    lower = (reader.MEMORY_BYTES - 2**20,) * 2
    done = run_reader(tmp_path, file, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, lower))
    assert (done.returncode, done.stderr[-200:]) == (0, b"")


def test_a_mapping_has_at_most_as_many_entries_as_a_file_has_columns() -> None:
    mapping = [{"column": f"c{place}", "field": f"f{place}"} for place in range(reader.MOST_COLUMNS + 1)]
    wrong = Complaints()
    columns.given(mapping, ["Name"], [], wrong)
    assert [error["code"] for error in wrong.found] == [UserErrorCode.TOO_LARGE]


def test_what_a_closing_or_killed_process_has_left_is_swept(tmp_path: Path) -> None:
    """Killed between the end of its ownership and the end of its files."""
    (tmp_path / "dead.scratch" / "upload-x").mkdir(parents=True)
    (tmp_path / "dead.scratch" / "upload-x" / "3").write_text("secret")
    owner = Owner(tmp_path)
    other = Owner(tmp_path)
    assert owner.scratch.exists()
    assert not [each for each in tmp_path.iterdir() if each.name.startswith("dead")]
    asyncio.run(other.aclose())
    asyncio.run(owner.aclose())
    assert list(tmp_path.iterdir()) == []


def test_rejects_hold_no_formula_however_a_program_parts_them(tmp_path: Path) -> None:
    read = table.Table(["\ufeff=1+1", "Name"], [["a;=2+2", "\uff1d3+3"], ["b\t=4+4", "@5"]])
    rows = [{"index": place, "status": "FAILED", "reason": "bad"} for place in range(2)]
    job: Any = {"reports": [{"source": "PACKAGEX", "rows": rows}]}
    out = tmp_path / "rejects.csv"
    importer._write_rejects(out, read, job)
    text = out.read_text(encoding="utf-8")
    assert text.startswith('"')  # a mark of the byte order is not eaten with a formula behind it
    for line in text.splitlines():
        assert all(each.startswith('"') and each.endswith('"') for each in line.split(","))
    assert '"\uff1d3' not in text
    assert '"@5' not in text


ESCAPES = "\x1b]0;title\x07\x1b[2J\x9b31m\r\n\u202eevil\u2066\ud800"


def test_nothing_that_a_terminal_would_carry_out_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Headers come from a file, reasons and messages from a vendor."""
    row = {"index": 0, "status": "FAILED", "reason": f"bad {ESCAPES}", "fields": [f"Name{ESCAPES}"]}
    report = {
        **dict.fromkeys(("created", "merged", "failed", "unknown", "deleted"), 1),
        "source": "PACKAGEX",
        "status": "PARTIAL",
        "message": f"It said {ESCAPES}",
        "rows": [row],
    }
    mapping = [{"column": f"Column {ESCAPES}", "field": None}]
    job: Any = {"id": "x", "state": "FINISHED", "dryRun": True, "mapping": mapping, "reports": [report]}
    assert importer._told({**job, "confirmation": None}) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["Job", "Columns:", "PACKAGEX:", "It", "row"]
    assert all(line.isprintable() for line in lines)
    assert sum("evil" in line for line in lines) == 3


def test_rejects_are_for_their_user_alone_and_hold_no_escapes_of_a_vendor(tmp_path: Path) -> None:
    out = tmp_path / "rejects.csv"
    read = table.Table(["Name"], [["Ada"]])
    rows = [{"index": 0, "status": "FAILED", "reason": ESCAPES}]
    job: Any = {"reports": [{"source": "PACKAGEX", "rows": rows}]}
    umask = os.umask(0)
    try:
        assert not importer._writable(out, Path(__file__))
        importer._write_rejects(out, read, job)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert all(line.isprintable() for line in out.read_text(encoding="utf-8").splitlines())


async def test_the_second_reading_for_rejects_lies_in_the_scratch_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[Path | None] = []
    before = table.read

    async def spied(*given: Any, scratch: Path | None = None, **more: Any) -> Any:
        places.append(scratch)
        return await before(*given, scratch=scratch, **more)

    monkeypatch.setattr(table, "read", spied)
    file, scratch = tmp_path / "a.csv", tmp_path / "scratch"
    file.write_bytes(b"Name\nAda\n")
    scratch.mkdir()

    class Begun:
        """As much of the imports as the command line asks for."""

        def __init__(self) -> None:
            self.scratch = scratch
            self.limits = type("Limits", (), {"rows": 10, "cells": 10})()

        async def begin(self, *_: Any) -> Any:
            return {"job": "x", "userErrors": []}

        async def get(self, _: int) -> Any:
            job = {"id": "x", "state": "FINISHED", "dryRun": True, "columns": ["Name"], "mapping": []}
            return {**job, "total": 1, "processed": 1, "reports": [], "confirmation": None}

    monkeypatch.setattr(importer.ids, "expect_own", lambda *_: 1)
    wish = importer.Wish(
        file=str(file), to=("packagex",), module=None, dry_run=True, mapping=(), overwrite=False,
        confirmation=None, rejects=str(tmp_path / "out.csv"), account="default", follow=None,
    )  # fmt: skip
    imports: Any = Begun()
    await importer._import(imports, wish)
    assert places == [scratch]
