"""Processes that read files, as the system lists them."""

import os
from pathlib import Path
from typing import Final

READER: Final = b"gateway/imports/reader.py"


def readers(parent: int | None = None) -> list[int]:
    """The processes that read files for a process; for this one, where none is named."""
    return [each for each in _processes() if _asked_by(each) == (parent or os.getpid())]


def bound(process: int) -> bool:
    """Whether a reader is bound to whoever asked, which it is before it says that it may go first."""
    try:
        return Path(f"/proc/{process}/oom_score_adj").read_text().strip() == "1000"
    except OSError:
        return False


def lives(process: int) -> bool:
    """Whether a process still runs; one that nobody has buried does not."""
    try:
        return b") Z " not in Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return False


def _processes() -> list[int]:
    return [int(each) for each in os.listdir("/proc") if each.isdecimal()]


def _asked_by(process: int) -> int | None:
    """Who has asked a reader, as its arguments say; None of any other process."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return None
    reads = any(word.endswith(READER) for word in words)
    return int(words[-1]) if reads and lives(process) else None
