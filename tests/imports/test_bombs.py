"""Files made to take all memory or time: refused in words where that can be, and else ended by the limits."""

import asyncio
import contextlib
import hashlib
import io
import os
import resource
import signal
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import xlwt

from gateway.imports import reader, table
from gateway.imports.table import BadFile
from gateway.model.importing import Upload
from tests.imports.test_hostile_files import LAUGHS, MAIN, OUTSIDE, book, packed, refused, rows_of
from tests.support.children import readers
from tests.support.waiting import until

SHEET = "xl/worksheets/sheet1.xml"
LINKS = "xl/_rels/workbook.xml.rels"
STYLES = f"<styleSheet {MAIN}/>"
KINDS = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
EVERY_PART = [*book(), "[Content_Types].xml", "xl/styles.xml", "xl/theme/theme1.xml", "docProps/app.xml"]
NOISE = f"<x>{hashlib.shake_256(b'noise').hexdigest(50_000)}</x>"  # a ratio that raises no doubt
ROWS, CELLS = 1_000, 10_000
MB = 1024 * 1024
Made = Callable[[], bytes]  # a file: made where it is read, not held by every worker from the collection on


@dataclass(frozen=True)
class Ended:
    """How a reader ended: its exit status, and what it told."""

    status: int
    told: bytes


def read_apart(folder: Path, content: bytes, name: str, *, memory: int = 0, cpu: int = 0) -> Ended:
    """Read a file as the gateway does, in a process of its own; with lower limits, so that it is quick."""
    file = folder / "file"
    file.write_bytes(content)

    def lower() -> None:
        for limit, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, cpu)):
            if most:
                resource.setrlimit(limit, (most, most))

    command = [*table.PYTHON, reader.__file__, str(file), name, str(folder / "out")]
    done = subprocess.run(
        [*command, "100000", "2000000", str(os.getpid())],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=100,
        env={},
        preexec_fn=lower,
    )
    return Ended(done.returncode, done.stdout)


def sheet(rows: str) -> str:
    return f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>"


def cell(reference: str) -> str:
    return f'<row><c t="s"><v>0</v></c></row><row><c {reference} t="s"><v>1</v></c></row>'


FAR = sheet(cell('r="XFD1048576"'))


def moved(target: str) -> dict[str, str]:
    """A workbook with two cells far apart, in a sheet of another name."""
    parts = {**book(), target: FAR}
    del parts[SHEET]
    parts[LINKS] = parts[LINKS].replace("worksheets/sheet1.xml", target.removeprefix("xl/"))
    return parts


@pytest.mark.parametrize(
    "parts",
    [
        {**book(), SHEET: FAR},
        {**book(), SHEET: sheet(cell("r='XFD1048576'"))},
        {**book(), SHEET: sheet(cell('r\n=\t"XFD1048576"'))},
        {**book(), SHEET: sheet(cell('r="xfd1048576"'))},
        {**book(), SHEET: sheet('<row><c t="s"><v>0</v></c></row><row r="1048576"><c r="XFD9"/></row>')},
        {**book(), SHEET: FAR + " " * 3 * MB},
        {**book(), SHEET: "<!--" + "x" * (MB - 260) + "-->" + FAR},
        moved("xl/elsewhere/sheet.bin"),
        moved("xl/Worksheets/SHEET1.XML"),
        moved("xl/media/image1.png"),
    ],
)  # fmt: skip
def test_cells_far_apart_are_seen_however_they_are_written(tmp_path: Path, parts: Mapping[str, str]) -> None:
    """Else the library lays out all the cells between them."""
    content = packed({**parts, "xl/noise.xml": NOISE})
    assert refused(tmp_path, content, "a.xlsx", rows=ROWS, cells=CELLS) == "TOO_LARGE"


def blank_rows_first() -> bytes:
    rows = "<row/>" * 60_000 + "<row>" + '<c t="s"><v>0</v></c>' * 16_384 + "</row>"
    return packed({**book(), SHEET: sheet(rows), "xl/noise.xml": NOISE})


def test_empty_cells_count_too(tmp_path: Path) -> None:
    """A billion of them come out of 100 kB, and none has an address."""
    ended = read_apart(tmp_path, blank_rows_first(), "a.xlsx", cpu=30)
    assert (ended.status, b"TOO_LARGE" in ended.told) == (3, True)


def directory(content: bytes) -> int:
    """Where the directory of an archive begins."""
    return int(struct.unpack_from("<I", content, content.rfind(b"PK\x05\x06") + 16)[0])


def entry(content: bytes, name: str) -> int:
    """Where an entry of the directory begins."""
    return content.index(name.encode(), directory(content)) - 46


def lying(parts: Mapping[str, str], name: str, told: int) -> bytes:
    """An archive that says an entry unpacks to fewer bytes, with a check sum that is right for those."""
    content = bytearray(packed(dict(parts)))
    place, local = entry(content, name), 0
    local = struct.unpack_from("<I", content, place + 42)[0]
    check = zlib.crc32(parts[name].encode()[:told])
    for crc, size in ((place + 16, place + 24), (local + 14, local + 22)):
        struct.pack_into("<I", content, crc, check)
        struct.pack_into("<I", content, size, told)
    return bytes(content)


def overlapping() -> bytes:
    """Many entries of a directory that unpack the same bytes."""
    once = packed({**book(), "xl/again.xml": NOISE})
    start, end = directory(once), once.rfind(b"PK\x05\x06")
    place = entry(once, "xl/again.xml")
    again = once[place : place + 46 + len("xl/again.xml")]
    entries = once[start:end] + again * 100
    tail = bytearray(once[end:])
    count = struct.unpack_from("<H", tail, 8)[0] + 100
    struct.pack_into("<HHI", tail, 8, count, count, len(entries))
    return once[:start] + entries + bytes(tail)


def quoting() -> bytes:
    """Entries that hold the heads of those behind them, as the better zip bomb has them."""
    kernel = zlib.compress(b"0" * 30_000, 9)[2:-4]
    body, entries = bytearray(), []
    names = [f"xl/{number:02}.xml".encode() for number in range(20)]
    heads = [local_head(name) for name in names]
    behind, place = b"", 0
    tail = b"".join(heads) + kernel
    for name, head in zip(names, heads, strict=True):
        del behind
        behind = tail[place + len(head) :]
        entries.append(central(name, place, len(behind), 30_000))
        place += len(head)
    body += tail
    rest = packed(book())
    start, end = directory(rest), rest.rfind(b"PK\x05\x06")
    shifted = bytearray(rest[start:end])
    at = 0
    while at < len(shifted):
        own = struct.unpack_from("<I", shifted, at + 42)[0]
        struct.pack_into("<I", shifted, at + 42, own + len(body))
        at += 46 + sum(struct.unpack_from("<HHH", shifted, at + 28))
    listed = bytes(shifted) + b"".join(entries)
    count = len(entries) + len(book())
    last = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(listed), len(body) + start, 0)
    return bytes(body) + rest[:start] + listed + last


def local_head(name: bytes) -> bytes:
    return struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, 0, 0, len(name), 0) + name


def central(name: bytes, place: int, size: int, unpacked: int) -> bytes:
    fields = (20, 20, 0, 8, 0, 0, 0, size, unpacked, len(name), 0, 0, 0, 0, 0, place)
    return struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", *fields) + name


def with_method(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in book().items():
            archive.writestr(name, content)
    return out.getvalue()


LONG = {**book(), SHEET: sheet(cell('r="A2"')) + " " * 5_000}
OTHER = {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "xl/workbook.xml": "<x/>"}


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda: lying(LONG, SHEET, 100), "INVALID"),
        (lambda: lying(LONG, SHEET, len(LONG[SHEET]) + 100), "INVALID"),
        (lambda: lying({**book(), "xl/bomb.xml": "x" * 5 * MB}, "xl/bomb.xml", 10), "INVALID"),
        (overlapping, "INVALID"),
        (quoting, "INVALID"),
        (lambda: packed({**book(), **{f"xl/{number}.xml": "" for number in range(10_001)}}), "TOO_LARGE"),
        (lambda: packed({**book(), "xl/bomb.xml": "x" * 5 * MB}), "TOO_LARGE"),
        (lambda: with_method(zipfile.ZIP_BZIP2), "INVALID"),
        (lambda: with_method(zipfile.ZIP_LZMA), "INVALID"),
        (lambda: packed({"a.xlsx": packed(book()).decode("latin-1")}), "INVALID"),
        (lambda: packed({**book(), **OTHER}), "INVALID"),
        (lambda: packed({**OTHER, "Content.xml": "<x/>"}), "INVALID"),
        (lambda: packed({**book(), "xl/workbook.bin": "x"}), "INVALID"),
    ],
)  # fmt: skip
def test_archives_that_lie_about_themselves_are_refused(tmp_path: Path, made: Made, code: str) -> None:
    assert refused(tmp_path, made(), "a.xlsx", rows=ROWS, cells=CELLS) == code


def streamed(parts: Mapping[str, str]) -> bytes:
    """An archive written to where nobody can go back: sizes stand behind each entry."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.content = b""

        def writable(self) -> bool:
            return True

        def write(self, piece: Any) -> int:
            self.content += bytes(piece)
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return pipe.content


@pytest.mark.parametrize(
    "made",
    [
        lambda: streamed(book()),
        lambda: with_method(zipfile.ZIP_STORED),
        lambda: packed({**book(), "xl/media/bomb.zip": packed({"x": "x" * 9 * MB}).decode("latin-1")}),
        lambda: packed({**book(), "xl/media/image1.svg": f"{OUTSIDE}<svg/>"}),
        lambda: packed({**book(), "xl/theme/theme1.xml": '<a:fillToRect l="0" r="1000000"/>'}),
        lambda: packed({**book(), "docProps/core.xml": "&lt;!DOCTYPE x>"}),
    ],
)
def test_what_only_looks_like_an_attack_is_read(tmp_path: Path, made: Made) -> None:
    assert rows_of(tmp_path, made(), "a.xlsx", cells=200_000) == [["Name"], ["Ada"]]


@pytest.mark.parametrize("part", EVERY_PART)
@pytest.mark.parametrize("doctype", [LAUGHS, OUTSIDE, LAUGHS.lower(), "<!ENTITY b 'x'>"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_no_part_of_a_workbook_declares_anything(
    tmp_path: Path, part: str, doctype: str, encoding: str
) -> None:
    more = {"[Content_Types].xml": KINDS, "xl/styles.xml": STYLES}
    parts = {**dict.fromkeys(EVERY_PART, "<x/>"), **more, **book("&b;")}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            told = doctype + content if name == part else content
            archive.writestr(name, told.encode(encoding if name == part else "utf-8"))
    assert refused(tmp_path, out.getvalue(), "a.xlsx", rows=ROWS, cells=CELLS) == "INVALID"


@pytest.mark.parametrize("doctype", [LAUGHS, OUTSIDE])
@pytest.mark.parametrize("part", EVERY_PART)
def test_the_library_itself_follows_no_entity(tmp_path: Path, doctype: str, part: str) -> None:
    """In case a declaration is overlooked: a sheet may lie where ours does not look for any."""
    parts = {**book("&b;"), SHEET: sheet('<row><c t="inlineStr"><is><t>&b;</t></is></c></row>')}
    parts = {**dict.fromkeys(EVERY_PART, "<x/>"), **parts}
    parts[part] = doctype + parts[part]
    file = tmp_path / "a.xlsx"
    file.write_bytes(packed(parts))
    try:
        found = str(list(reader.workbook(file, CELLS)))
    except reader.Unreadable as problem:
        found = problem.message
    assert "lol" not in found
    assert "root:" not in found


def old_book() -> bytearray:
    made = xlwt.Workbook()
    sheet_of = made.add_sheet("People")
    for place, value in enumerate(("Name", "Ada")):
        sheet_of.write(place, 0, value)
    sheet_of.write(2, 1, 4.5)
    out = io.BytesIO()
    made.save(out)
    return bytearray(out.getvalue())


def far_in_an_old_book() -> bytes:
    content = old_book()
    place = content.index(struct.pack("<HHHH", 0x027E, 10, 2, 1))
    struct.pack_into("<HH", content, place + 4, 65_535, 65_535)
    return bytes(content)


def chained(to: Callable[[int], int]) -> bytes:
    """An old workbook whose sectors follow one another for ever."""
    content = old_book()
    sectors = 512 * (struct.unpack_from("<I", content, 76)[0] + 1)
    for number in range(128):
        struct.pack_into("<i", content, sectors + 4 * number, to(number))
    return bytes(content)


def miscounted(offset: int, value: int) -> bytes:
    content = old_book()
    struct.pack_into("<I", content, offset, value)
    return bytes(content)


def many_strings() -> bytes:
    content = old_book()
    place = content.index(struct.pack("<H", 0x00FC))
    struct.pack_into("<II", content, place + 4, 0x7FFFFFFF, 0x7FFFFFFF)
    return bytes(content)


OLD: dict[str, Made] = {
    "two cells at the far ends": far_in_an_old_book,
    "sectors in a circle": lambda: chained(lambda _: 0),
    "sectors that follow themselves": lambda: chained(lambda number: number),
    "a table of sectors without end": lambda: miscounted(72, 0xFFFF),
    "sectors of two gigabytes": lambda: miscounted(30, 31),
    "more texts than there are": many_strings,
}


@pytest.mark.parametrize("kind", OLD)
def test_an_old_workbook_takes_no_more_than_its_reader_may_have(tmp_path: Path, kind: str) -> None:
    ended = read_apart(tmp_path, OLD[kind](), "a.xls", cpu=20)
    assert ended.status in (0, 3, -signal.SIGABRT), ended


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda: b"x" * 50_000_000, b"INVALID"),
        (lambda: b'"' * 50_000_000, b"INVALID"),
        (lambda: "\U0001f600".encode() * 12_500_000, b"INVALID"),
        (lambda: "a\n".encode("utf-16") + ("b" * 24_000_000).encode("utf-16-le"), b"INVALID"),
    ],
    ids=["letters", "quotes", "signs", "utf-16"],
)
def test_one_line_of_fifty_megabytes_is_refused(tmp_path: Path, made: Made, code: bytes) -> None:
    ended = read_apart(tmp_path, made(), "a.csv")
    assert (ended.status, code in ended.told) == (3, True)


def test_a_line_of_nothing_but_delimiters_meets_the_limit_of_memory(tmp_path: Path) -> None:
    ended = read_apart(tmp_path, b"," * 10_000_000, "a.csv", memory=256 * MB)
    assert (ended.status, b"TOO_LARGE" in ended.told) == (3, True)


def test_what_takes_too_long_meets_the_limit_of_time(tmp_path: Path) -> None:
    ended = read_apart(tmp_path, b"\n" * 50_000_000, "a.csv", cpu=1)
    assert (ended.status, ended.told) == (-signal.SIGKILL, b"")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("a,b\n1,2\n".encode("utf-16"), 0),
        (b"\xfe\xff" + "a,b\n1,2\n".encode("utf-16-be"), 0),
        (b"\xef\xbb\xbf\xef\xbb\xbfa,b\n1,2\n", 0),
        ("a,b\n1,2\n".encode("utf-16-le"), 3),
        ("a,b\n1,2\n".encode("utf-32"), 3),
        (b"\xff\xfe" + "a,b\n1,2\n".encode("utf-16-be"), 3),
        (b"\xff\xfe" + b"a,b\n1,2\n", 3),
        (b"\xef\xbb\xbf" + packed(book()), 3),
        (b"\xff\xfe" + packed(book()), 3),
        (b"", 3),
        (b"\xff\xfe", 3),
    ],
)
def test_a_mark_of_the_byte_order_deceives_nobody(tmp_path: Path, content: bytes, status: int) -> None:
    ended = read_apart(tmp_path, content, "a.csv")
    assert ended.status == status, ended
    if status == 0:
        assert (tmp_path / "out").read_text().splitlines() == ['["a", "b"]', '["1", "2"]']


@pytest.mark.parametrize("sign", ['"', "\r", " ", "\x00", "\U0001f600", "'"])
def test_no_separator_that_a_file_names_breaks_its_reader(tmp_path: Path, sign: str) -> None:
    ended = read_apart(tmp_path, f"sep={sign}\nName{sign}City\nAda{sign}Ulm\n".encode(), "a.csv")
    assert ended.status in (0, 3)


async def test_a_reader_has_its_limits_before_it_opens_a_file(tmp_path: Path) -> None:
    """They are the system's, and hold whatever a file says of itself."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = asyncio.create_task(table.read(Upload(path, "a.csv", 1, ""), most_rows=ROWS, most_cells=CELLS))
    end: list[int] = []
    await until(lambda: opened(path, end))
    (process,) = readers()
    limits = Path(f"/proc/{process}/limits").read_text()  # noqa: ASYNC240 - not on a disk
    found = {line[:26].strip(): line[26:].split()[1] for line in limits.splitlines()[1:]}
    assert found["Max address space"] == str(reader.MEMORY_BYTES)
    assert found["Max cpu time"] == str(reader.CPU_SECONDS)
    assert found["Max file size"] == str(reader.OUT_BYTES)
    assert found["Max core file size"] == "0"
    assert Path(f"/proc/{process}/oom_score_adj").read_text().strip() == "1000"  # noqa: ASYNC240
    reading.cancel()
    await asyncio.wait((reading,))
    os.close(end[0])


def opened(pipe: Path, end: list[int]) -> bool:
    """Whether somebody has opened a pipe for reading; the other end is ours then."""
    with contextlib.suppress(OSError):
        end.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    return bool(end)


def test_a_reader_whose_caller_has_ended_reads_nothing(tmp_path: Path) -> None:
    file, out = tmp_path / "a.csv", tmp_path / "out"
    file.write_bytes(b"Name\nAda\n")
    command = [
        sys.executable,
        reader.__file__,
        str(file),
        "a.csv",
        str(out),
        "10",
        "10",
        str(os.getpid() + 1),
    ]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert (done.returncode, out.exists(), done.stderr) == (1, False, b"")


async def test_a_reader_that_is_not_done_in_time_is_ended(tmp_path: Path) -> None:
    path, scratch = tmp_path / "pipe", tmp_path / "scratch"
    os.mkfifo(path)
    scratch.mkdir()
    upload = Upload(path, "a.csv", 1, "")
    with pytest.raises(BadFile, match="too long"):
        await table.read(upload, most_rows=ROWS, most_cells=CELLS, scratch=scratch, seconds=0.0)
    assert (readers(), os.listdir(scratch)) == ([], [])


async def test_a_reading_that_is_cancelled_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    """Also before its process has begun."""
    path, scratch = tmp_path / "pipe", tmp_path / "scratch"
    os.mkfifo(path)
    scratch.mkdir()
    upload = Upload(path, "a.csv", 1, "")
    for turns in range(12):
        reading = asyncio.create_task(table.read(upload, most_rows=ROWS, most_cells=CELLS, scratch=scratch))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait((reading,))
        await until(lambda: not readers())
        assert os.listdir(scratch) == []
