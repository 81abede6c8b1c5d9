"""Stands between the gateway and one source, and breaks what goes through in a chosen way.

Plain sockets on loopback: nothing here knows a vendor, or the gateway's clients.
"""

import asyncio
import json
import socket
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from tests.support.faults import AT_THE_DOOR, CANARY, END_OF_HEAD, MADE_UP, Fault, Reply, made_up, mangle

LOOPBACK: Final = "127.0.0.1"
FILLERS: Final = 4  # connections that fill a backlog of none
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came from the gateway."""

    method: str
    path: str
    head: bytes
    body: bytes

    @property
    def writes(self) -> bool:
        """Whether it may change something: by its method, or for GraphQL by the kind of its operation."""
        if self.method in SAFE_METHODS:
            return False
        try:
            document = json.loads(self.body)["query"]
        except (ValueError, TypeError, KeyError):
            return True
        return not isinstance(document, str) or document.lstrip().startswith("mutation")


@dataclass(slots=True, eq=False)
class FaultProxy:
    """A proxy in front of the source at `target`; `elsewhere` is where its redirects lead.

    It counts what it has read: `requests`, and of those `writes`.
    """

    target: str
    elsewhere: str = ""
    seen: list[Request] = field(default_factory=list)
    _port: int = 0
    _fault: Fault | None = None
    _only_writes: bool = False
    _passing: int = 0  # reads that still pass before the door is shut
    _retry_after: int = 7
    _door: socket.socket | None = None
    _fillers: list[socket.socket] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _open: "dict[asyncio.StreamWriter, asyncio.Task[None]]" = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address that the gateway takes for the source's."""
        return f"http://{self.place}{urlsplit(self.target).path}"

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def requests(self) -> int:
        """Requests that were read since the last `forget`."""
        return len(self.seen)

    @property
    def writes(self) -> int:
        """Those that may change something."""
        return sum(request.writes for request in self.seen)

    @property
    def reads_before_writes(self) -> int:
        """Requests before the first that may change something."""
        return next((place for place, request in enumerate(self.seen) if request.writes), len(self.seen))

    def forget(self) -> None:
        """Set the counters to zero."""
        self.seen.clear()

    async def start(self) -> None:
        """Listen, healthy."""
        await self._admit()

    async def fail(
        self, fault: Fault, *, only_writes: bool = False, passing: int = 0, retry_after: int = 7
    ) -> None:
        """Break everything from now on, or writes only. Whoever is connected has to connect anew.

        A fault at the door knows no writes; there `passing` is the number of requests that still pass.
        """
        self._fault, self._only_writes = fault, only_writes
        self._passing, self._retry_after = passing, retry_after
        if fault in AT_THE_DOOR and not passing:
            self._shut(fault)
        await self._drop()

    async def heal(self) -> None:
        """Pass everything on again."""
        self._fault, self._passing = None, 0
        await self._drop()
        await self._admit()

    async def aclose(self) -> None:
        """Close everything."""
        self._leave()
        await self._drop()

    # The door: a port that is ours as long as the proxy lives, so that nobody else answers on it.

    def _leave(self) -> None:
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        if self._server is not None:
            self._server.close()
        elif self._door is not None:
            self._door.close()
        self._server = self._door = None

    def _bind(self) -> socket.socket:
        self._leave()
        door = socket.socket()
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((LOOPBACK, self._port))
        self._port = door.getsockname()[1]
        self._door = door
        return door

    async def _admit(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, sock=self._bind())

    def _shut(self, fault: Fault) -> None:
        """Refuse connections, or let them hang: a full backlog, for which the system drops each SYN."""
        door = self._bind()
        if fault is Fault.CONNECT_HANG:
            door.listen(0)
            for _ in range(FILLERS):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex((LOOPBACK, self._port))
                self._fillers.append(filler)

    async def _drop(self) -> None:
        """Close all connections, and wait until nobody serves them any more."""
        serving = list(self._open.items())
        for writer, _ in serving:
            writer.close()
        await asyncio.gather(*(task for _, task in serving), return_exceptions=True)

    # One connection.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[writer] = task
        try:
            while (request := await _read_request(reader)) is not None:
                self.seen.append(request)
                if not await self._answer(request, reader, writer):
                    break
        except (OSError, EOFError):
            pass  # the gateway went away, or was sent away
        finally:
            del self._open[writer]
            writer.close()

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request, well or badly; whether the connection stays."""
        fault = self._fault
        if fault is None or fault in AT_THE_DOOR or (self._only_writes and not request.writes):
            return await self._pass(request, writer)
        if fault is Fault.READ_HANG:
            await reader.read()  # until the other side gives up
        elif fault in MADE_UP:
            reply = made_up(fault, self.elsewhere, self._retry_after)
            writer.write(reply.head() + reply.body)
            await writer.drain()
            return True
        else:
            await mangle(fault, await self._forward(request), writer)
        return False

    async def _pass(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        keep = self._fault not in AT_THE_DOOR
        reply = await self._forward(request)
        if self._passing:
            self._passing -= 1
            if not self._passing and self._fault is not None:
                self._shut(self._fault)  # before the answer, so that whatever follows finds it shut
        writer.write(reply.head(keep=keep) + reply.body)
        await writer.drain()
        return keep

    async def _forward(self, request: Request) -> Reply:
        """The answer of the source itself."""
        place = urlsplit(self.target)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            first, _, rest = request.head.partition(b"\r\n")
            writer.write(first + b"\r\nconnection: close\r\n" + rest + request.body)
            head, _, body = (await reader.read()).partition(END_OF_HEAD)
        finally:
            writer.close()
        status, headers = _parsed(head)
        kept = [each for each in headers if each[0] not in {"connection", "content-length", "keep-alive"}]
        assert not any(name == "transfer-encoding" for name, _ in kept), "the emulators tell the length"
        return Reply(status.partition(" ")[2], body, tuple(kept))


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection; None at its end."""
    try:
        head = await reader.readuntil(END_OF_HEAD)
    except asyncio.IncompleteReadError:
        return None
    first, headers = _parsed(head)
    method, path, _ = first.split(" ")
    body = await reader.readexactly(int(dict(headers).get("content-length", 0)))
    return Request(method, path, head, body)


def _parsed(head: bytes) -> tuple[str, list[tuple[str, str]]]:
    """The first line, and the headers with names in small letters."""
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    split = (line.partition(":") for line in lines)
    return first, [(name.strip().lower(), value.strip()) for name, _, value in split]


@dataclass(slots=True)
class Elsewhere:
    """A server that nobody has any business with. It counts who comes all the same."""

    visits: int = 0
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._visited, LOOPBACK, 0)

    @property
    def place(self) -> str:
        """Host and port."""
        assert self._server is not None
        return f"{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"

    @property
    def url(self) -> str:
        """An address there."""
        return f"http://{self.place}/{CANARY}"

    async def aclose(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _visited(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        writer.close()
