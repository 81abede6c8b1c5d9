"""Which process an unfinished piece of work belongs to, and whether that process still lives.

A lock on a file ends with the process that holds it, also when it is killed.
"""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

SUFFIX: Final = ".alive"
UNBORN: Final = ".unborn"
SCRATCH: Final = ".scratch"
PLACE: Final = "contacts-gateway"
BIRTH_SECONDS: Final = 60.0  # after which nobody is about to be born any more


class NotOurs(Exception):
    """The folder for temporary files is in the hands of somebody else. Nothing is put there."""


def temporary() -> Path:
    """A folder of this user's alone among the system's temporary files. Raises NotOurs."""
    folder = Path(tempfile.gettempdir()) / f"{PLACE}-{os.geteuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # a link, a file, or closed to us
        raise NotOurs(f"{folder} is no folder of ours.") from None
    try:
        found = os.fstat(opened)
        if found.st_uid != os.geteuid():
            raise NotOurs(f"{folder} belongs to another user.")
        if stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
            os.fchmod(opened, stat.S_IRWXU)
    finally:
        os.close(opened)
    return folder


class Owner:
    """This process, as the owner of work in a data directory; without one, of temporary files alone."""

    def __init__(self, folder: Path | None) -> None:
        self.name = uuid.uuid4().hex
        self._folder = folder = temporary() if folder is None else folder
        unborn = folder / f"{self.name}{UNBORN}"  # nobody may see it before it is locked
        unborn.touch(mode=0o600)
        self._file: IO[bytes] = unborn.open("wb")
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._path = unborn.rename(folder / f"{self.name}{SUFFIX}")
        self._sweep(folder)
        self._scratch = folder / f"{self.name}{SCRATCH}"
        self._scratch.mkdir(mode=0o700)

    @property
    def scratch(self) -> Path:
        """Where files lie that must not outlive the process."""
        return self._scratch

    async def lives(self, name: str) -> bool:
        """Whether the process of this name still runs."""
        if name == self.name:
            return True
        with self._held(self._folder / f"{name}{SUFFIX}") as held:
            return held

    async def aclose(self) -> None:
        """End ownership."""
        shutil.rmtree(
            self._scratch, ignore_errors=True
        )  # first: without an owner only the next start finds it
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
        for path in folder.glob(f"*{UNBORN}"):  # of one who was killed while it began
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - BIRTH_SECONDS:
                    path.unlink()
