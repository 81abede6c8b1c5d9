"""An HTTP proxy that knows CONNECT alone, and is as odd as wanted. To be served by `vendor`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tests.support.vendor import END_OF_HEAD

OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class ConnectProxy:
    """Leads to ports of loopback by what is asked for, as in `{"source.example:443": 40000}`.

    What is to be said instead of opening a tunnel is `instead`, after which it waits for the end. `through`
    is all that a client has sent inside tunnels.
    """

    places: Mapping[str, int] = field(default_factory=dict)
    opens: bytes = OPEN
    instead: bytes | Answer | None = None
    ends: bool = False  # closes the connection itself after what it says instead
    heads: list[bytes] = field(default_factory=list)
    through: bytearray = field(default_factory=bytearray)
    connections: int = 0
    ended: int = 0  # of those, how many the other side has closed, or both
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            self.heads.append(await reader.readuntil(END_OF_HEAD))
            if self.instead is None:
                await self._lead(reader, writer)
            elif callable(self.instead):
                await self.instead(reader, writer)
            else:
                writer.write(self.instead)
                await writer.drain()
            if self.instead is not None and not self.ends:
                await reader.read()
        except (OSError, EOFError):
            pass  # the other side went away
        finally:
            self.ended += 1

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = self.places[self.heads[-1].split(b" ")[1].decode()]
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(self.opens)
        back = asyncio.create_task(_passed_on(inner_reader, writer))
        try:
            await _passed_on(reader, inner_writer, self.through)
        finally:
            inner_writer.close()
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)


async def _passed_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None = None
) -> None:
    """Pass on what comes, and the end of it as well."""
    try:
        while data := await reader.read(64 * 1024):
            if kept is not None:
                kept += data
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
