"""Reads a CSV, XLS or XLSX file into lines of JSON. Runs in a process of its own, which may be killed.

    python -m gateway.imports.reader FILE NAME OUT MOST_ROWS MOST_CELLS PARENT

PARENT is the process that asked; where that has ended, nothing is read. OUT gets the header cells as its
first line, then a line for each row that is not blank. Standard output gets `{"encoding"}` for a text that
is not in UTF-8, or what is wrong with the file as `{"code", "message"}`, with the exit status 3. Macros are
never looked at, formulas never computed: of a workbook the stored values of the first sheet are read.
"""

import contextlib
import copy
import csv
import ctypes
import io
import json
import os
import re
import resource
import signal
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any, Final

from gateway.model.formulas import FORMULA_SIGNS

MEMORY_BYTES: Final = 1024**3
CPU_SECONDS: Final = 60
OUT_BYTES: Final = 512 * 1024**2
MOST_TEXT: Final = 64 * 1024**2  # signs of all cells together
EMPTY_CELLS: Final = 10  # for each cell that is allowed: sheets are laid out with all cells of their extent
LARGEST_UNPACKED: Final = 400 * 1024 * 1024
WORST_RATIO: Final = 200  # unpacked to packed; honest sheets stay below 50
SMALL: Final = 1024 * 1024  # bytes; below, the ratio says nothing
MOST_ENTRIES: Final = 10_000  # of an archive
ENTRY_HEAD: Final = 30  # bytes before the name of an entry, at least
METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})  # others unpack without any bound
BOOK: Final = "xl/workbook.xml"
OTHER_BOOKS: Final = frozenset({"mimetype", "content.xml", "xl/workbook.bin"})  # of ODS and XLSB
FOREIGN: Final = ("xl/media/", "xl/embeddings/")  # pictures and documents, some of them with a DTD of theirs
SAMPLE: Final = 8_192  # signs in which the delimiter is looked for
ENCODING_SAMPLE: Final = 256 * 1024
LONGEST_CELL: Final = 32_767
LONGEST_HEADER: Final = 1_000
MOST_COLUMNS: Final = 500
OTHER_DELIMITERS: Final = [";", "\t", "|"]
DELIMITERS: Final = [",", *OTHER_DELIMITERS]
WESTERN: Final = "cp1252"
SINGLE_BYTES: Final = [
    WESTERN,
    "cp1250",
    "cp1251",
    "koi8_r",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
]
SEVERAL_BYTES: Final = ["shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "utf_16_le", "utf_16_be"]
NEARLY: Final = 3  # signs that are well for each that is not
CHUNK: Final = 1024 * 1024
CELL: Final = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]{1,3})([0-9]{1,7})[\"']")
ROW: Final = re.compile(rb"<(?:\w+:)?row\s[^>]*?\br\s*=\s*[\"']()([0-9]{1,7})[\"']")
DTD: Final = re.compile(rb"<!(?i:doctype|entity)")
OVERLAP: Final = 64  # bytes of a piece that are looked at again with the next one
SEPARATOR: Final = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
WORKBOOKS: Final = frozenset({"xls", "xlsx", "xlsm"})
TEXTS: Final = frozenset({"csv", "tsv", "txt"})
ZIP: Final = b"PK\x03\x04"
COMPOUND: Final = b"\xd0\xcf\x11\xe0"


class Unreadable(Exception):
    """The file cannot be taken; a code of `UserErrorCode`, and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def main(arguments: Sequence[str]) -> int:
    """Read one file."""
    source, name, out, rows, cells, parent = arguments
    shut_in()
    if os.getppid() != int(parent):  # it was killed before this process was bound to it
        return 1
    try:
        with Path(out).open("w", encoding="utf-8") as lines:
            write(tidy(table(Path(source), name, int(cells))), lines, int(rows), int(cells))
    except Unreadable as problem:
        print(json.dumps({"code": problem.code, "message": problem.message}))
        return 3
    except (MemoryError, OverflowError):
        print(json.dumps({"code": "TOO_LARGE", "message": "The file unpacks to more than can be taken."}))
        return 3
    return 0


def shut_in() -> None:
    """Leave this process no more than it needs: no open connection, bounded memory and time, no afterlife."""
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # end with the process that asked, also when that is killed
        with contextlib.suppress(OSError):  # where memory is short, this process goes first
            Path("/proc/self/oom_score_adj").write_text("1000")
        prctl(PR_SET_DUMPABLE, 0)  # no image of the file, also where a pipe takes what RLIMIT_CORE forbids
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, OUT_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (least, least))


def table(path: Path, name: str, most_cells: int = 1_000_000) -> Iterator[list[str]]:
    """The rows of a file, by what it is; what it says it is has to agree."""
    with path.open("rb") as file:
        head = file.peek(len(ZIP))
        kind = name.lower().rpartition(".")[2]
        packed, compound = head.startswith(ZIP), head.startswith(COMPOUND)
        if (packed or compound) and kind in TEXTS:
            raise Unreadable("INVALID", f"The file is called .{kind} but is a workbook or an archive.")
        if kind in WORKBOOKS and not (packed or compound):
            raise Unreadable("INVALID", f"The file is called .{kind} but is no workbook.")
        if not (packed or compound):
            return text_table(file.read())
    if packed:
        check_archive(path, most_cells)
    return workbook(path, EMPTY_CELLS * most_cells)


def check_archive(path: Path, most_cells: int) -> None:
    """Refuse archives that are no workbook, that unpack to far more than they are, or that span too much.

    This is for words that help: what holds, whatever an archive says of itself, are the limits of `shut_in`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = {entry.filename for entry in entries}
            if BOOK not in names or not OTHER_BOOKS.isdisjoint(map(str.lower, names)):
                raise Unreadable("INVALID", "The file is an archive, but no workbook.")
            check_sizes(entries)
            for entry in entries:
                check_entry(archive, entry, EMPTY_CELLS * most_cells)
    except (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, EOFError, OSError) as error:
        raise Unreadable("INVALID", "The workbook is broken.") from error


def check_sizes(entries: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse what an archive says to unpack to, and entries that share their bytes to unpack to more."""
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, sum(entry.compress_size for entry in entries))
    if (
        len(entries) > MOST_ENTRIES
        or unpacked > LARGEST_UNPACKED
        or (unpacked > SMALL and unpacked / packed > WORST_RATIO)
    ):
        raise Unreadable("TOO_LARGE", "The workbook unpacks to far more than it is; it is not taken.")
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end or entry.compress_type not in METHODS:
            raise Unreadable("INVALID", "The workbook is packed in a way that no program packs one.")
        end = entry.header_offset + ENTRY_HEAD + entry.compress_size


def check_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most_cells: int) -> None:
    """Read an entry to its true end, whatever its name and its size are said to be."""
    whole = copy.copy(entry)
    whole.file_size = LARGEST_UNPACKED + 1
    with archive.open(whole) as part:
        seen = check_part(part, entry.file_size, most_cells, dtd=entry.filename.startswith(FOREIGN))
    if seen != entry.file_size:
        raise Unreadable("INVALID", "The workbook is broken: it holds more or less than it says.")


def check_part(part: IO[bytes], size: int, most_cells: int, *, dtd: bool) -> int:
    """Refuse cells so far apart that those between them would fill the memory, and a DTD, which no part has.

    Returns how many bytes there are, or that they are more than `size`.
    """
    rows = columns = 1
    seen, rest = 0, b""
    while seen <= size and (chunk := part.read(CHUNK)):
        seen += len(chunk)
        piece = (rest + chunk).replace(b"\0", b"")  # a part in UTF-16 looks like one in ASCII then
        for letters, digits in (*CELL.findall(piece), *ROW.findall(piece)):
            rows = max(rows, int(digits))
            columns = max(columns, _column(letters))
        rest = chunk[-OVERLAP:]
        if rows * columns > most_cells:
            raise Unreadable(
                "TOO_LARGE", f"The sheet spans {rows} rows and {columns} columns; it is not taken."
            )
        if not dtd and DTD.search(piece):
            raise Unreadable("INVALID", "The workbook declares entities or a document type, which none may.")
    return seen


def _column(letters: bytes) -> int:
    return sum((sign - 64) * 26**place for place, sign in enumerate(reversed(letters.upper())))


def workbook(path: Path, most: int) -> Iterator[list[str]]:
    """Rows of the first sheet of a workbook, which may have so many cells, empty ones included."""
    from python_calamine import CalamineError, load_workbook  # noqa: PLC0415 - a CSV file needs none of it

    try:
        book = load_workbook(str(path))
        sheet = book.get_sheet_by_index(0)
        for row in sheet.iter_rows():
            most -= len(row)
            if most < 0:
                raise Unreadable("TOO_LARGE", "The sheet spans too many rows and columns; it is not taken.")
            if row.count("") < len(row):
                yield [shown(cell) for cell in row]
    except (CalamineError, IndexError, OSError) as error:
        raise Unreadable("INVALID", "The workbook is broken, protected, or has no sheet.") from error


def shown(cell: Any) -> str:
    """A cell as text: whole numbers without a point, times in ISO form."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e18:
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return "" if cell is None or isinstance(cell, timedelta) else str(cell)


def text_table(content: bytes) -> Iterator[list[str]]:
    """Rows of a CSV file of any usual encoding and delimiter."""
    text = decoded(content)
    said = SEPARATOR.match(text)  # how Excel is told of the delimiter
    parted_by = said[1] if said else delimiter(text)
    text = text[said.end() :] if said else text
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=parted_by)
    row: list[str] = []
    try:
        for row in rows:
            yield row
    except csv.Error as error:
        raise Unreadable("INVALID", f"The file is no table near line {rows.line_num}.") from error
    if any("\n" in cell for cell in row) and _open_at_end(text, parted_by):
        raise Unreadable("INVALID", "A quote is never closed: everything behind it would be one cell.")


def _open_at_end(text: str, parted_by: str) -> bool:
    """Whether the last quote of a text is never closed."""
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), delimiter=parted_by, strict=True):
            pass
    except csv.Error as error:
        return "end of data" in str(error)
    return False


def decoded(content: bytes) -> str:
    """A text: UTF-8 or UTF-16 where it says so or fits, else what the library takes for most likely."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return _checked(content.decode(encoding, "replace"))
    try:
        return _checked(content.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    broken = content.decode("utf-8", "replace")
    signs = sum(sign > "\x7f" for sign in broken)
    if signs > NEARLY * broken.count("\ufffd"):  # UTF-8 with a byte gone wrong here and there
        return _told(_checked(broken), "utf-8 with bytes that are none")
    encoding = guessed(content[:ENCODING_SAMPLE])
    return _told(_checked(content.decode(encoding, "replace")), encoding)


def guessed(sample: bytes) -> str:
    """The most likely encoding: of single bytes where one fits, which short texts are in most often."""
    from charset_normalizer import from_bytes  # noqa: PLC0415 - most files are UTF-8

    for pages in (SINGLE_BYTES, SEVERAL_BYTES):
        matches = from_bytes(sample, cp_isolation=pages)
        best = matches.best()
        if best is None:
            continue
        if sample.decode(WESTERN, "replace") == str(best):
            return WESTERN
        western = next((each for each in matches if each.encoding == WESTERN), None)
        # Code pages of one family fit alike; between equals the most usual one is right most often.
        if western is not None and western.chaos <= best.chaos and _letters(western) >= _letters(best):
            return WESTERN
        return best.encoding
    raise Unreadable("INVALID", "The file is no text in an encoding that is known.")


def _letters(match: Any) -> int:
    return sum(sign > "\x7f" and sign.isalpha() for sign in str(match))


def _told(text: str, encoding: str) -> str:
    """The text, after telling how it was read."""
    print(json.dumps({"encoding": encoding}))
    return text


def _checked(text: str) -> str:
    if "\x00" in text:
        raise Unreadable("INVALID", "The file is neither a text nor a workbook.")
    return text


def delimiter(text: str) -> str:
    """What parts the cells, as the library sees it; a comma where there is one column only."""
    sample = text[:SAMPLE]
    whole_lines = sample.rpartition("\n")[0] or sample
    if not any(sign in whole_lines for sign in OTHER_DELIMITERS):
        return ","
    from clevercsv import Detector  # noqa: PLC0415 - takes a while to load, and most files need none of it

    try:
        found = Detector().detect(whole_lines, delimiters=DELIMITERS)
    except Exception:  # its own errors are of no common kind
        found = None
    return (found.delimiter if found else "") or ","


def tidy(rows: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    """Rows without blank ones and without space around cells; the first gets a name for every column."""
    for row in rows:
        cells = [plain(cell) for cell in row]
        if any(cells):
            yield cells


def plain(cell: str) -> str:
    """A cell without space around. The apostrophe that keeps a text from being a formula is taken off."""
    if "\x00" in cell:
        raise Unreadable("INVALID", "A cell has a zero byte, which no text has.")
    text = cell.replace("\ufeff", "").strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_SIGNS) else text


def headers(cells: Sequence[str], width: int) -> list[str]:
    """A name for every column, each once."""
    found: list[str] = []
    for place in range(width):
        name = (cells[place] if place < len(cells) else "") or f"Column {place + 1}"
        number, unique = 1, name
        while unique in found:
            number += 1
            unique = f"{name} ({number})"
        found.append(unique)
    return found


def write(rows: Iterator[list[str]], lines: IO[str], most_rows: int, most_cells: int) -> None:
    """The header and the rows as lines of JSON, all of one width."""
    first = next(rows, None)
    if first is None:
        raise Unreadable("INVALID", "The file is empty.")
    while first and not first[-1]:
        first.pop()
    if len(first) > MOST_COLUMNS or any(len(cell) > LONGEST_HEADER for cell in first):
        raise Unreadable(
            "TOO_LARGE",
            f"The file has more than {MOST_COLUMNS} columns, or a header of {LONGEST_HEADER} signs.",
        )
    held: list[list[str]] = []
    width, signs = len(first), 0
    for row in rows:
        while row and not row[-1]:
            row.pop()
        width = max(width, len(row))
        signs += sum(map(len, row))
        held.append(row)
        if signs > MOST_TEXT or max(map(len, row)) > LONGEST_CELL:
            raise Unreadable("TOO_LARGE", f"A cell has more than {LONGEST_CELL} signs, or all have too many.")
        if len(held) > most_rows:
            raise Unreadable("TOO_LARGE", f"The file has more than {most_rows} rows.")
        if width * len(held) > most_cells or width > MOST_COLUMNS:
            raise Unreadable(
                "TOO_LARGE", f"The file has more than {most_cells} cells or {MOST_COLUMNS} columns."
            )
    if not held:
        raise Unreadable("INVALID", "The file has a header, but no row below it.")
    lines.write(json.dumps(headers(first, width)) + "\n")
    for row in held:
        lines.write(json.dumps(row + [""] * (width - len(row))) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
