"""A file as a table of texts; read in another process, so that no file can hold up or bring down this one."""

import asyncio
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from gateway.imports import reader
from gateway.model.importing import Upload
from gateway.model.writing import UserErrorCode

PYTHON: Final = (sys.executable, "-I", "-X", "utf8")  # nothing is imported from where files lie
READING_SECONDS: Final = 90.0
TOLD: Final = 3  # exit status of a reader that says what is wrong


class BadFile(Exception):
    """A file that cannot be taken."""

    def __init__(self, code: UserErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Table:
    """Header cells, each name once, and the rows below, all of one width and none of them blank.

    `encoding` is told where it had to be guessed.
    """

    columns: list[str]
    rows: list[list[str]]
    encoding: str | None = None


async def read(
    upload: Upload,
    *,
    most_rows: int,
    most_cells: int,
    scratch: Path | None = None,
    seconds: float = READING_SECONDS,
) -> Table:
    """The table of a file. Raises BadFile. `scratch` is where what is read lies meanwhile."""
    with tempfile.TemporaryDirectory(prefix="reading-", dir=scratch) as folder:
        out = Path(folder) / "rows"
        process = await asyncio.create_subprocess_exec(
            *PYTHON,
            reader.__file__,
            str(upload.path),
            f"file.{upload.filename.rpartition('.')[2]}",
            str(out),
            str(most_rows),
            str(most_cells),
            str(os.getpid()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
            env={},  # none of the keys: whatever a file does to its reader, it finds nothing
        )
        try:
            async with asyncio.timeout(seconds):
                told, _ = await process.communicate()
        except TimeoutError:
            raise BadFile(UserErrorCode.TOO_LARGE, "The file took too long to read.") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode == TOLD:
            problem = orjson.loads(told.strip().rpartition(b"\n")[2])
            raise BadFile(UserErrorCode(problem["code"]), problem["message"])
        if process.returncode != 0:
            raise BadFile(
                UserErrorCode.TOO_LARGE, "The file is broken, or unpacks to more than can be taken."
            )
        encoding = orjson.loads(told).get("encoding") if told.strip() else None
        return await asyncio.to_thread(_load, out, encoding)


def _load(path: Path, encoding: str | None) -> Table:
    with path.open("rb") as lines:
        columns = orjson.loads(next(lines))
        return Table(columns, [orjson.loads(line) for line in lines], encoding)
