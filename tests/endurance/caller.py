"""Callers over plain sockets: as many as wanted at once, at a rate, with hang-ups; each call is noted."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import quantiles

REFUSED = 503


@dataclass(slots=True)
class Notes:
    """What callers met: seconds by status."""

    by_status: dict[int, list[float]] = field(default_factory=dict)
    broken: int = 0

    def add(self, status: int, seconds: float) -> None:
        """Note an answer."""
        self.by_status.setdefault(status, []).append(seconds)

    @property
    def answered(self) -> list[float]:
        """Seconds of what was carried out."""
        return self.by_status.get(200, [])

    @property
    def refused(self) -> list[float]:
        """Seconds of what was refused at once."""
        return self.by_status.get(REFUSED, [])

    @property
    def count(self) -> int:
        """All answers."""
        return sum(map(len, self.by_status.values()))


def ms(seconds: Sequence[float], percent: int) -> str:
    """A percentile in milliseconds."""
    if len(seconds) < 2:
        return "–"
    return f"{quantiles(seconds, n=100)[percent - 1] * 1000:.0f}"


def request(port: int, body: bytes, *headers: str) -> bytes:
    """The bytes of a POST."""
    head = [
        "POST /graphql HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Connections:
    """Kept-alive connections; one that is needed and not free is opened."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def call(self, sent: bytes, notes: Notes, *, hang_up_after: float | None = None) -> None:
        """Send a request and note its answer; or go away in the middle of it."""
        started = time.perf_counter()
        try:
            pair = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = pair
            writer.write(sent)
            if hang_up_after is not None:
                await asyncio.sleep(hang_up_after)
                writer.transport.abort()
                return
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            notes.broken += 1
            return
        notes.add(int(head[9:12]), time.perf_counter() - started)
        self._free.append(pair)

    def close(self) -> None:
        """Close what is open."""
        for _, writer in self._free:
            writer.close()


async def closed(port: int, sent: Callable[[int], bytes], count: int, callers: int) -> Notes:
    """So many callers, each with its next request as soon as the last was answered."""
    notes, connections, numbers = Notes(), Connections(port), iter(range(count))

    async def work() -> None:
        for number in numbers:
            await connections.call(sent(number), notes)

    await asyncio.gather(*(work() for _ in range(callers)))
    connections.close()
    return notes


async def steady(port: int, sent: bytes, rate: float, seconds: float) -> Notes:
    """So many requests a second, whether or not the ones before were answered."""
    notes, connections = Notes(), Connections(port)
    running: set[asyncio.Task[None]] = set()
    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
        task = asyncio.create_task(connections.call(sent, notes))
        running.add(task)
        task.add_done_callback(running.discard)
    if running:
        await asyncio.wait(running)
    connections.close()
    return notes
