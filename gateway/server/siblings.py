"""What several workers of one gateway know of each other: their metrics.

The system gives a connection to any of them, so whoever is asked for metrics asks all, over sockets in a
folder that belongs to them alone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.telemetry.metrics import merged

ANSWER_SECONDS: Final = 1.0  # one that is later than this is left out
MOST_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Worker:
    """One of several processes that serve on one port, counted from 1. They meet in a `folder` while they
    live, and keep in `kept` what outlives them.
    """

    number: int
    count: int
    folder: Path
    kept: Path

    def socket(self, number: int) -> Path:
        """Where a worker tells its metrics."""
        return self.folder / f"{number}.socket"


@dataclass(frozen=True, slots=True)
class Siblings:
    """The workers of a gateway, seen from one of them, whose own metrics are `text`.

    A process that serves alone is no `worker`, and has none beside it.
    """

    worker: Worker | None
    text: Callable[[], bytes]

    async def all(self) -> bytes:
        """The metrics of all workers that answer."""
        worker = self.worker
        if worker is None:
            return self.text()
        numbers = range(1, worker.count + 1)
        texts = await asyncio.gather(*(self._of(worker, number) for number in numbers))
        return merged({number: text for number, text in zip(numbers, texts, strict=True) if text})

    @asynccontextmanager
    async def heard(self) -> AsyncIterator[None]:
        """Tell the others what they ask for, as long as the work inside takes."""
        if self.worker is None:
            yield
            return
        path = self.worker.socket(self.worker.number)
        path.unlink(missing_ok=True)  # of one that was killed in this place
        server = await asyncio.start_unix_server(self._tell, path)
        try:
            yield
        finally:
            server.close()
            path.unlink(missing_ok=True)

    async def _of(self, worker: Worker, number: int) -> bytes:
        if number == worker.number:
            return self.text()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await _read(worker.socket(number))
        except (OSError, TimeoutError):  # it begins, ends, or has too much to do
            return b""

    async def _tell(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(self.text())
            await writer.drain()
        except OSError:
            return
        finally:
            writer.close()


async def _read(path: Path) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path, limit=MOST_BYTES)
    try:
        text = await reader.read(-1)
        return text if text.endswith(b"\n") else b""  # cut off, as its worker has ended
    finally:
        writer.close()
