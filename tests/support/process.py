"""The real thing: `gateway` commands as processes on free ports."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support import leaks

PATIENCE = 20.0
TURN = 0.005


@dataclass
class Running:
    """A process that was started; `printed` grows while lines are waited for."""

    process: "subprocess.Popen[str]"
    printed: list[str] = field(default_factory=list)
    _lines: "queue.Queue[str]" = field(default_factory=queue.Queue)
    _reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Close the pipe, once the process has ended."""
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        while not self._lines.empty():
            self.printed.append(self._lines.get())
        assert leaks.in_output(self.printed) == []

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self._lines.put(text)

    def line(self, pattern: str) -> re.Match[str]:
        """Wait for a printed line that matches."""
        until = time.monotonic() + PATIENCE
        while (left := until - time.monotonic()) > 0:
            try:
                self.printed.append(self._lines.get(timeout=left))
            except queue.Empty:
                break
            found = re.search(pattern, self.printed[-1])
            if found:
                return found
        raise AssertionError(f"no line matches {pattern!r}: {self.printed}")

    def output(self) -> str:
        """All that was printed, once the process has ended."""
        self._reader.join(PATIENCE)
        while not self._lines.empty():
            self.printed.append(self._lines.get())
        return "".join(self.printed)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and wait for the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def until(met: Callable[[], Any]) -> Any:
    """What another process has come to, as soon as it has; looking without a pause would hold it up."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := met():
            return found
        time.sleep(TURN)
    raise AssertionError("it has not come to that")


@contextmanager
def running(*arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run `gateway` with these arguments, and end it afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
        env={**os.environ, "GATEWAY_PORT": "0", "GATEWAY_LOG_LEVEL": "warning", **(settings or {})},
    )
    found = Running(process)
    try:
        yield found
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        found.close()


@contextmanager
def sandbox(*arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """The sandbox; the address of its gateway."""
    with running("sandbox", *arguments, settings=settings) as found:
        yield found.line(r"The gateway answers on (http://\S+)")[1]
