"""What is sent: one head, a body as long as it says, and nothing at all where that cannot be."""

import asyncio
import io
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.network import sending
from tests.network.support import asked, over, request
from tests.support.vendor import END_OF_HEAD, Player, ok, vendor
from tests.support.waiting import until

PIECES = 800
PIECE = bytes(65_536)


async def test_a_head_is_what_httpx_made_of_it() -> None:
    player, network = Player([ok()]), over()
    async with vendor(player) as port:
        await asked(
            network, request(port, "/a%20b?c=d&e", headers=[(b"x-key", b"\xe4 \t~"), (b"Accept", b"*/*")])
        )
        assert player.heads == [
            b"GET /a%%20b?c=d&e HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nx-key: \xe4 \t~\r\nAccept: */*\r\n\r\n"
            % port
        ]
        await network.aclose()


BREAKS = ["\r\nx-evil: 1", "\r\n\r\nGET /evil HTTP/1.1\r\nhost: a", "\n", "\r", "\0", "\x7f", "\x0b"]


@pytest.mark.parametrize("end", BREAKS)
@pytest.mark.parametrize("where", ["value", "name", "method"])
async def test_nothing_that_would_end_its_line_is_ever_sent(where: str, end: str) -> None:
    sent = request(1, headers={"x-key": "secret"})
    if where == "value":
        sent.headers["x-key"] = "secret" + end
    elif where == "name":
        sent.headers["x-secret" + end] = "1"
    else:
        sent.method = "GET /secret" + end
    network = over()
    with pytest.raises(httpx.LocalProtocolError) as raised:
        await network.handle_async_request(sent)
    assert "secret" not in str(raised.value)
    assert network.pool.taken == 0


@pytest.mark.parametrize("name", [b"", b" x", b"x ", b"x:", b"x y", b"\xe4"])
def test_a_name_that_is_none_is_refused(name: bytes) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        sending.head(request(1, headers=[(name, b"1")]))


@pytest.mark.parametrize(
    "odd",
    [
        {"content-length": "9"},
        {"content-length": "1"},
        {"content-length": "-2"},
        {"content-length": "+2"},
        {"content-length": "two"},
        {"content-length": "2, 2"},
        {"content-length": "9" * 30},
        {"transfer-encoding": "gzip"},
        {"transfer-encoding": "chunked", "content-length": "2"},
        {"expect": "100-continue"},
        {"upgrade": "h2c"},
    ],
)
async def test_a_head_that_would_misstate_its_body_is_refused(odd: dict[str, str]) -> None:
    player, network = Player([ok()]), over()
    async with vendor(player) as port:
        with pytest.raises(httpx.LocalProtocolError):
            await asked(network, request(port, method="POST", content=b"{}", headers=odd))
        assert player.heads == []
        assert network.pool.taken == 0


# Bodies.


class Taker:
    """Reads requests with bodies of a length; `gate` is when it begins with a body."""

    def __init__(self, answer: bytes = ok(), *, early: bool = False) -> None:
        self.bodies: list[bytes] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.ended = False
        self._answer = answer
        self._early = early

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(END_OF_HEAD)).lower()
                if self._early:
                    writer.write(self._answer)
                await self.gate.wait()
                if b"chunked" in head:
                    self.bodies.append(await reader.readuntil(b"0\r\n\r\n"))
                else:
                    length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
                    self.bodies.append(await reader.readexactly(length))
                if not self._early:
                    writer.write(self._answer)
        except (OSError, EOFError):
            self.ended = True


class Pieces(httpx.AsyncByteStream):
    """A body of many pieces; it knows how many were taken."""

    def __init__(self, count: int = PIECES, *, broken: bool = False) -> None:
        self._count = count
        self._broken = broken
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._count):
            self.taken += 1
            yield PIECE
        if self._broken:
            raise OSError("no more of the file can be read")


def upload(port: int, stream: httpx.AsyncByteStream, length: int | None, **times: float) -> httpx.Request:
    told = {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
    return request(port, method="POST", stream=stream, headers=told, times=times)


@pytest.mark.parametrize("size", [0, 1, sending.PIECE, sending.PIECE + 1, 5_000_000])
async def test_a_body_arrives_as_it_was(size: int) -> None:
    taker, network, body = Taker(), over(), bytes(range(256)) * (size // 256 + 1)
    async with vendor(taker) as port:
        for _ in range(2):
            await asked(network, request(port, method="POST", content=body[:size]))
        assert taker.bodies == [body[:size]] * 2
        assert len(network.pool.idle) == 1
        await network.aclose()


async def test_a_form_with_a_file_arrives_as_it_was() -> None:
    taker, network, content = Taker(), over(), bytes(range(256)) * 4_000
    async with vendor(taker) as port:
        sent = request(port, method="POST", files={"file": ("a.xlsx", io.BytesIO(content))})
        await asked(network, sent)
        assert content in taker.bodies[0]
        assert len(taker.bodies[0]) == int(sent.headers["content-length"])
        await network.aclose()


async def test_a_body_of_unknown_length_goes_in_chunks() -> None:
    async def some() -> AsyncIterator[bytes]:
        for part in (b"ab", b"", b"c" * 20):
            yield part

    taker, network = Taker(), over()
    async with vendor(taker) as port:
        for _ in range(2):
            await asked(network, request(port, method="POST", content=some()))
        assert taker.bodies == [b"2\r\nab\r\n14\r\n" + b"c" * 20 + b"\r\n0\r\n\r\n"] * 2
        assert len(network.pool.idle) == 1
        await network.aclose()


@pytest.mark.parametrize("length", [PIECES * len(PIECE), None])
async def test_a_body_is_taken_no_faster_than_it_is_sent(length: int | None) -> None:
    taker, network, stream = Taker(), over(), Pieces()
    taker.gate.clear()
    async with vendor(taker) as port:
        call = asyncio.create_task(asked(network, upload(port, stream, length)))
        before = -1
        while stream.taken != before or not before:  # until nothing more goes through
            before = stream.taken
            await asyncio.sleep(0.05)
        assert stream.taken < PIECES / 2
        taker.gate.set()
        if length is None:
            call.cancel()  # a body of zeros has no end that can be looked for
            await asyncio.wait((call,))
        else:
            assert await call == (200, b"{}")
            assert len(taker.bodies[0]) == length
        await network.aclose()


@pytest.mark.parametrize("off", [-1, 1])
async def test_a_body_of_another_length_than_told_ends_the_connection(off: int) -> None:
    taker, network = Taker(), over()
    async with vendor(taker) as port:
        with pytest.raises(httpx.LocalProtocolError):
            await asked(network, upload(port, Pieces(2), 2 * len(PIECE) + off))
        await until(lambda: taker.ended)
        assert (taker.bodies, network.pool.taken) == ([], 0)


async def test_a_body_that_cannot_be_read_ends_the_connection() -> None:
    taker, network = Taker(), over()
    async with vendor(taker) as port:
        with pytest.raises(OSError, match="no more"):
            await asked(network, upload(port, Pieces(2, broken=True), 3 * len(PIECE)))
        await until(lambda: taker.ended)
        assert (taker.bodies, network.pool.taken) == ([], 0)


async def test_who_is_answered_early_sends_no_more_of_a_body() -> None:
    refusal = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\n{}"
    taker, network, stream = Taker(refusal, early=True), over(), Pieces()
    taker.gate.clear()
    async with vendor(taker) as port:
        assert await asked(network, upload(port, stream, PIECES * len(PIECE))) == (413, b"{}")
        assert stream.taken < PIECES
        assert network.pool.taken == 0
        taker.gate.set()
        await until(lambda: taker.ended)


async def test_an_answer_to_half_a_request_is_not_the_last_word_on_its_connection() -> None:
    taker, network = Taker(early=True), over()

    async def broken() -> AsyncIterator[bytes]:
        yield b"{"
        await until(lambda: any(connection._answer.ended for connection in network.pool.open))  # type: ignore[union-attr]
        raise OSError("no more of the file can be read")

    async with vendor(taker) as port:
        sent = request(port, method="POST", content=broken(), headers={"content-length": "2"})
        with pytest.raises(OSError, match="no more"):
            await asked(network, sent)
        assert network.pool.taken == 0
        await until(lambda: taker.ended)


async def test_a_source_that_takes_no_more_is_left() -> None:
    taker, network = Taker(), over()
    taker.gate.clear()
    async with vendor(taker) as port:
        with pytest.raises(httpx.WriteTimeout):
            await asked(network, upload(port, Pieces(), PIECES * len(PIECE), write=0.05))
        assert network.pool.taken == 0
        taker.gate.set()


async def test_a_source_that_goes_away_during_a_body_is_an_error() -> None:
    async def leaves(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(END_OF_HEAD)

    network = over()
    async with vendor(leaves) as port:
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await asked(network, upload(port, Pieces(), PIECES * len(PIECE)))
        assert network.pool.taken == 0


async def test_whoever_goes_away_during_a_body_takes_the_connection_along() -> None:
    taker, network, stream = Taker(), over(), Pieces()
    taker.gate.clear()
    async with vendor(taker) as port:
        call = asyncio.create_task(asked(network, upload(port, stream, PIECES * len(PIECE))))
        await until(lambda: stream.taken > 2)
        call.cancel()
        await asyncio.wait((call,))
        taker.gate.set()
        await until(lambda: taker.ended)
        assert network.pool.taken == 0
