"""A TCP proxy to Redis that can go away, and lose answers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

READ = 1 << 16


def nothing(_: bytes) -> bool:
    """No answer is lost."""
    return False


@dataclass(slots=True, eq=False)
class Link:
    """Passes on what comes. Where `loses` says so of what a client has sent, the connection is closed in the
    place of the answer, after the server has got the request.
    """

    to: str
    loses: Callable[[bytes], bool] = nothing
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Take no more connections, and end those that there are."""
        assert self._server is not None
        self._server.close()
        for each in [*self._open]:
            each.transport.abort()
        await asyncio.sleep(0)  # the event loop closes their sockets in its next turn

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = urlsplit(self.to)
        there, back = await asyncio.open_connection(place.hostname, place.port)
        self._open |= {writer, back}
        lost = False

        async def answers() -> None:
            with suppress(OSError):
                while (data := await there.read(READ)) and not lost:
                    writer.write(data)
                    await writer.drain()
            writer.transport.abort()

        answering = asyncio.create_task(answers())
        with suppress(OSError):
            while data := await reader.read(READ):
                lost = lost or self.loses(data)
                back.write(data)
                await back.drain()
        back.close()
        await asyncio.wait((answering,))
        writer.close()
        self._open -= {writer, back}


def once(*words: bytes) -> Callable[[bytes], bool]:
    """The first answer is lost to something that holds these words."""
    left = [True]

    def loses(data: bytes) -> bool:
        found = left[0] and all(word in data for word in words)
        left[0] = left[0] and not found
        return found

    return loses


@asynccontextmanager
async def linked(url: str) -> AsyncIterator[Link]:
    """A link to a server."""
    link = Link(url)
    await link.start()
    try:
        yield link
    finally:
        await link.stop()
