"""Which process an unfinished piece of work belongs to, and whether that process still lives.

A lock on a file ends with the process that holds it, also when it is killed.
"""

import contextlib
import fcntl
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

SUFFIX: Final = ".alive"
UNBORN: Final = ".unborn"
SCRATCH: Final = ".scratch"


class Owner:
    """This process, as the owner of work in a data directory; None where nothing outlives the process."""

    def __init__(self, folder: Path | None) -> None:
        self.name = uuid.uuid4().hex
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._scratch: Path | None = None
        if folder is not None:
            unborn = folder / f"{self.name}{UNBORN}"  # nobody may see it before it is locked
            self._file = unborn.open("wb")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._path = unborn.rename(folder / f"{self.name}{SUFFIX}")
            self._sweep(folder)
            self._scratch = folder / f"{self.name}{SCRATCH}"
            self._scratch.mkdir(mode=0o700)

    @property
    def scratch(self) -> Path | None:
        """Where files lie that must not outlive the process; None for the system's own place."""
        return self._scratch

    async def lives(self, name: str) -> bool:
        """Whether the process of this name still runs."""
        if name == self.name:
            return True
        if self._folder is None:
            return False
        with self._held(self._folder / f"{name}{SUFFIX}") as held:
            return held

    async def aclose(self) -> None:
        """End ownership."""
        if self._file is not None:
            if self._scratch is not None:  # first: a scratch without an owner is found by the next start only
                shutil.rmtree(self._scratch, ignore_errors=True)
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._file.close()

    @staticmethod
    @contextlib.contextmanager
    def _held(path: Path) -> Iterator[bool]:
        """Whether somebody else holds the lock of a file."""
        try:
            file = path.open("rb")
        except FileNotFoundError:
            yield False
            return
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield True
                return
            yield False

    def _sweep(self, folder: Path) -> None:
        """Take away what killed processes have left."""
        for path in folder.glob(f"*{SUFFIX}"):
            if path.stem != self.name:
                with self._held(path) as held, contextlib.suppress(OSError):
                    if not held:
                        shutil.rmtree(folder / f"{path.stem}{SCRATCH}", ignore_errors=True)
                        path.unlink()
        for path in folder.glob(f"*{SCRATCH}"):  # of one who was killed while it ended
            with self._held(path.with_suffix(SUFFIX)) as held:
                if not held and path.stem != self.name:
                    shutil.rmtree(path, ignore_errors=True)
