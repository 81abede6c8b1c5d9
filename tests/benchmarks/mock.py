"""The three sources as a process of their own that is too quick to matter: a request comes, its answer goes.

    python -m tests.benchmarks.mock --people 8000

Prints one line of JSON: addresses, and where the pages of some jobs begin. `GET /_mock/calls` counts what was
asked so far, `PUT /_mock/delay/20` makes every answer take 20 ms, `PUT /_mock/new/1` gives every answer other
bytes than all before it: space at its end that means nothing.
"""

import argparse
import asyncio
import re
import signal
from dataclasses import asdict
from typing import Final, cast

import orjson
import uvloop

from tests.benchmarks.recorded import Recorded, prepared

END: Final = b"\r\n\r\n"
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
SPACE: Final = {ord("0"): " ", ord("1"): "\n"}
CONTROL: Final = b"/_mock/"
PATHS: Final = {"PACKAGEX_URL": "/v1", "SMART_SENDER_URL": "/v1"}


class Mock:
    """What all connections have in common."""

    def __init__(self) -> None:
        self.calls = 0
        self.delay = 0.0
        self.new = False
        self.at_work: set[asyncio.Task[None]] = set()

    def control(self, line: bytes) -> bytes:
        """Answer a request about the mock itself."""
        if b"/delay/" in line:
            self.delay = int(line.split()[1].rpartition(b"/")[2]) / 1000
        if b"/new/" in line:
            self.new = line.split()[1].endswith(b"1")
        body = orjson.dumps({"calls": self.calls})
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


class Connection(asyncio.Protocol):
    """One connection; its requests come one after another, with a length where they have a body."""

    def __init__(self, mock: Mock, source: Recorded) -> None:
        self.mock = mock
        self.source = source
        self.held = b""
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.held += data
        end = self.held.find(END)
        if end < 0:
            return
        stated = None if self.held.startswith(b"GET") else LENGTH.search(self.held, 0, end)
        whole = end + 4 + (int(stated[1]) if stated else 0)
        if len(self.held) < whole:
            return
        line, body = self.held[: self.held.index(b"\r\n")], self.held[end + 4 : whole]
        self.held = self.held[whole:]
        self.answer(line, body)

    def answer(self, line: bytes, body: bytes) -> None:
        if CONTROL in line:
            self.transport.write(self.mock.control(line))
            return
        self.mock.calls += 1
        key = line + body
        known = self.source.answers.get(key)
        if known is None:
            task = self.loop.create_task(self.ask(key, line, body))
            self.mock.at_work.add(task)
            task.add_done_callback(self.mock.at_work.discard)
        else:
            self.send(known)

    async def ask(self, key: bytes, line: bytes, body: bytes) -> None:
        method, target, _ = line.decode().split(" ")
        self.send(await self.source.answer(key, method, target, body))

    def send(self, answer: bytes) -> None:
        if self.mock.new:
            answer = other_bytes(answer, self.mock.calls)
        if self.mock.delay:
            self.loop.call_later(self.mock.delay, self.transport.write, answer)
        else:
            self.transport.write(answer)


def other_bytes(answer: bytes, number: int) -> bytes:
    """The same answer with a number behind it, written in space."""
    end = answer.index(END)
    head, body = answer[: answer.rindex(b" ", 0, end)], answer[end + 4 :]
    space = f"{number:032b}".translate(SPACE).encode()
    return b"%b %d\r\n\r\n%b%b" % (head, len(body) + len(space), body, space)


async def serve(people: int, pages: int) -> None:
    """Serve until a signal."""
    sources, places = await prepared(people, pages)
    mock, loop = Mock(), asyncio.get_running_loop()
    facts: dict[str, object] = {"places": asdict(places)}
    for name, source in sources.items():
        server = await loop.create_server(
            lambda source=source: Connection(mock, source), "127.0.0.1", 0, backlog=1024
        )
        port = server.sockets[0].getsockname()[1]
        facts[name] = f"http://127.0.0.1:{port}{PATHS.get(name, '')}"
    print(orjson.dumps(facts).decode(), flush=True)
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The three sources, quick.")
    parser.add_argument("--people", type=int, default=8_000)
    parser.add_argument("--pages", type=int, default=40, help="different ones of each list")
    chosen = parser.parse_args()
    uvloop.run(serve(chosen.people, chosen.pages))
