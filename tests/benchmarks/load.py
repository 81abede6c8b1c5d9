"""A lean HTTP/1.1 load generator: requests as bytes over kept-alive connections, in one process."""

import asyncio
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

END: Final = b"\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
SHOWN: Final = 300
OK: Final = b"HTTP/1.1 200"
ERRORS: Final = b'"errors":'
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def request(
    port: int, query: str, variables: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of a POST."""
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    body = json.dumps({"query": query, "variables": variables}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
        f"accept: application/json\r\n{more}content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass(slots=True)
class Ran:
    """What came of a run: the seconds that each request took, and those that failed."""

    took: float = 0.0
    seconds: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)  # of those, what was answered properly
    failures: int = 0
    failure: bytes = b""  # the errors of one of them
    last: bytes = b""

    @property
    def rate(self) -> float:
        """Requests a second that were answered properly."""
        return (len(self.seconds) - self.failures) / self.took


class Work:
    """What the connections of a run have in common: where requests come from, and when they end."""

    def __init__(self, requests: Iterator[bytes], *, seconds: float, most: int | None) -> None:
        self.requests = requests
        self.until = time.perf_counter() + seconds
        self.left = most
        self.ran = Ran()

    def next(self) -> bytes | None:
        """The next request, or None when it is time to end; every connection sends one at least."""
        if self.left is not None:
            if not self.left:
                return None
            self.left -= 1
        return next(self.requests, None)

    def over(self) -> bool:
        return time.perf_counter() > self.until


class Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.done = asyncio.get_running_loop().create_future()
        self.held = b""
        self.whole = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.send()

    def send(self) -> None:
        request = self.work.next()
        if request is None:
            self.transport.close()
            return
        self.started = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.held = self.held + data if self.held else data
        if not self.whole:
            end = self.held.find(END)
            if end < 0:
                return
            stated = LENGTH.search(self.held, 0, end)
            self.whole = end + 4 + int(stated[1]) if stated else -1
        if self.whole < 0:
            if self.held.endswith(LAST_CHUNK):
                self.answered()
        elif len(self.held) >= self.whole:
            self.answered()

    def answered(self) -> None:
        answer, ran = self.held, self.work.ran
        self.held, self.whole = b"", 0
        took = time.perf_counter() - self.started
        ran.seconds.append(took)
        ran.last = answer
        if not answer.startswith(OK) or ERRORS in answer:
            ran.failures += 1
            ran.failure = ran.failure or answer[max(0, answer.find(ERRORS)) :][:SHOWN]
        else:
            ran.served.append(took)
        if self.work.over():
            self.transport.close()
        else:
            self.send()

    def connection_lost(self, _: Exception | None) -> None:
        if self.whole or self.held:
            self.work.ran.failures += 1
        if not self.done.done():
            self.done.set_result(None)


async def run(
    port: int,
    requests: Iterator[bytes],
    connections: int,
    *,
    seconds: float = 60.0,
    most: int | None = None,
) -> Ran:
    """Send requests for so many seconds, or so many of them at most; answers are waited for."""
    work, loop = Work(requests, seconds=seconds, most=most), asyncio.get_running_loop()
    started = time.perf_counter()
    opened = await asyncio.gather(
        *(
            loop.create_connection(lambda: Connection(work), "127.0.0.1", port)
            for _ in range(min(connections, most or connections))
        )
    )
    await asyncio.gather(*(connection.done for _, connection in opened))
    work.ran.took = time.perf_counter() - started
    return work.ran
