"""A vendor on a free port of loopback, which knows its bytes only and is as odd as wanted."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

END_OF_HEAD = b"\r\n\r\n"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def vendor(serve: Serve, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a vendor that does the same with every connection, and then cuts it."""
    served: list[asyncio.Task[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)
        await server.wait_closed()


@dataclass(slots=True)
class Player:
    """Answers one request after the other with what is given, the last one for ever; the rest of a connection
    it waits for its end. After an answer that `ends` it closes the connection itself.
    """

    answers: list[bytes]
    ends: bool = False
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0
    ended: int = 0  # of those, how many the other side has closed
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                self.heads.append(await reader.readuntil(END_OF_HEAD))
                writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
                await writer.drain()
                if self.ends:
                    return
        except (OSError, EOFError):
            self.ended += 1


def ok(body: bytes = b"{}", *headers: bytes) -> bytes:
    """An answer as it should be."""
    told = (*headers, b"content-type: application/json", b"content-length: %d" % len(body))
    return b"\r\n".join((b"HTTP/1.1 200 OK", *told)) + END_OF_HEAD + body
