"""What comes back: every way in which HTTP/1.1 ends a message, and whatever is none."""

import asyncio

import httpx
import pytest

from gateway.network.answer import HEAD_BYTES, HELD_BYTES, Received, header
from tests.network.support import asked, over, read, request
from tests.support.vendor import END_OF_HEAD, Player, ok, vendor
from tests.support.waiting import until

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"

# What is sent, the body, and whether the connection can be used again.
GOOD = {
    "with a length": (ok(b'{"a": 1}'), b'{"a": 1}', True),
    "without a body": (ok(b""), b"", True),
    "in chunks": (CHUNKED + b"3\r\n{ }\r\n2;of=ten\r\n, \r\n0\r\n\r\n", b"{ }, ", True),
    "in chunks, with trailers": (CHUNKED + b"2\r\n{}\r\n0\r\nx-sum: 7\r\ny: z\r\n\r\n", b"{}", True),
    "after a line too many": (b"\r\n" + ok(), b"{}", True),
    "after those that only say that it will come": (CONTINUE + HINTS * 3 + ok(), b"{}", True),
    "the last of its connection": (ok(b"{}", b"connection: close"), b"{}", False),
    "of HTTP/1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", b"{}", False),
    "of HTTP/1.0 that stays": (
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\n{}", b"{}", True,
    ),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "304 that tells the length of what it does not send": (
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n", b"", True,
    ),
    "without a reason": (b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\n{}", b"{}", True),
}  # fmt: skip


@pytest.mark.parametrize("how", GOOD)
async def test_an_answer_is_read_to_its_end_and_no_further(how: str) -> None:
    sent, body, stays = GOOD[how]
    player, network = Player([sent]), over()
    async with vendor(player) as port:
        for _ in range(2):
            assert (await asked(network, request(port)))[1] == body
        assert player.connections == (1 if stays else 2)
        await network.aclose()


@pytest.mark.parametrize("how", GOOD)
async def test_an_answer_may_come_byte_by_byte(how: str) -> None:
    sent, body, _ = GOOD[how]

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END_OF_HEAD)
        for place in range(len(sent)):
            writer.write(sent[place : place + 1])
            await asyncio.sleep(0)
        await reader.read()

    network = over()
    async with vendor(drip) as port:
        assert (await asked(network, request(port)))[1] == body
        await network.aclose()


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    player, network = (
        Player([b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nall of it"], ends=True),
        over(),
    )
    async with vendor(player) as port:
        for _ in range(2):
            assert await asked(network, request(port)) == (200, b"all of it")
        assert player.connections == 2
        await network.aclose()


async def test_status_and_headers_are_as_they_came() -> None:
    sent = (
        b"HTTP/1.1 207 Odd\r\nX-Rate-Limit: 5\r\nset-cookie: a\r\nset-cookie: b\r\nempty:\r\nl: \xe4\r\n\r\n"
    )
    network = over()
    async with vendor(Player([sent], ends=True)) as port:
        response = await network.handle_async_request(request(port))
        assert response.status_code == 207
        assert response.headers.raw == [
            (b"X-Rate-Limit", b"5"),
            (b"set-cookie", b"a"),
            (b"set-cookie", b"b"),
            (b"empty", b""),
            (b"l", b"\xe4"),
        ]
        assert response.headers["x-rate-limit"] == "5"
        await response.aclose()


async def test_nobody_waits_for_the_body_of_an_answer_to_head() -> None:
    player, network = Player([b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"]), over()
    async with vendor(player) as port:
        for _ in range(2):
            assert await asked(network, request(port, method="HEAD")) == (200, b"")
        assert player.connections == 2  # as nobody knows whether the source sends the body all the same
        await network.aclose()


# What is no answer. Some of these have a head that is good as far as it goes.
ODD = {
    "nothing": b"",
    "empty lines": b"\r\n\r\n",
    "garbage": bytes(range(256)),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00",
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "half a body": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}",
    "half a chunk": CHUNKED + b"9\r\n{}",
    "chunks without an end": CHUNKED + b"2\r\n{}\r\n",
    "a chunk that is too long": CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
    "a chunk of an odd length": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "a chunk of a negative length": CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than any": CHUNKED + b"f" * 40 + b"\r\n{}\r\n0\r\n\r\n",
    "a length that is none": b"HTTP/1.1 200 OK\r\ncontent-length: nine\r\n\r\n{}",
    "a negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}",
    "a length longer than any": b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 40 + b"\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 4\r\n\r\n{}",
    "a length and chunks": CHUNKED[:-2] + b"content-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks of something else": CHUNKED[:-4] + b", gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a status below any": b"HTTP/1.1 099 What\r\ncontent-length: 2\r\n\r\n{}",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "another version": b"HTTP/3.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    "another protocol of the same form": b"ICY/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    "a header over two lines": b"HTTP/1.1 200 OK\r\na: b\r\n c\r\ncontent-length: 2\r\n\r\n{}",
    "a header with a zero byte": b"HTTP/1.1 200 OK\r\na: \0\r\ncontent-length: 2\r\n\r\n{}",
    "a header whose name has a space": b"HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\n{}",
    "lines without a return": b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}",
    "a head that is too large": b"HTTP/1.1 204 OK\r\nx: " + b"y" * HEAD_BYTES + b"\r\n\r\n",
    "another length in a trailer": CHUNKED + b"2\r\n{}\r\n0\r\ncontent-length: 9\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("how", ODD)
async def test_what_is_no_answer_is_an_error_and_ends_the_connection(how: str) -> None:
    player, network = Player([ODD[how], ok()], ends=True), over()
    async with vendor(player) as port:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await asked(network, request(port))
        assert network.pool.taken == 0
        assert await asked(network, request(port)) == (200, b"{}")
        assert player.connections == 2
        await network.aclose()


# What never ends, and would fill the memory.
ENDLESS = {
    "an endless header": b"HTTP/1.1 200 OK\r\nx: " + b"y" * 10 * HEAD_BYTES,
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * HEAD_BYTES,
    "endless hints": HINTS * HEAD_BYTES,
    "endless trailers": CHUNKED + b"2\r\n{}\r\n0\r\n" + b"x: y\r\n" * HEAD_BYTES,
    "an endless trailer": CHUNKED + b"2\r\n{}\r\n0\r\nx: " + b"y" * 10 * HEAD_BYTES,
    "an endless extension": CHUNKED + b"2;" + b"y" * 10 * HEAD_BYTES,
}  # fmt: skip


@pytest.mark.parametrize("how", ENDLESS)
async def test_what_never_becomes_a_body_is_given_up(how: str) -> None:
    player, network = Player([ENDLESS[how]]), over()
    async with vendor(player) as port:
        with pytest.raises(httpx.RemoteProtocolError):
            await asked(network, request(port))
        await until(lambda: player.ended)
        assert network.pool.taken == 0


async def test_what_ends_within_the_answer_is_told_as_such() -> None:
    network = over()
    async with vendor(Player([ODD["half a body"]], ends=True)) as port:
        response = await network.handle_async_request(request(port))
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await read(response)


# Silence, and answers that nobody reads.


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"]
)
async def test_a_source_that_falls_silent_is_left(sent: bytes) -> None:
    player, network = Player([sent]), over()
    async with vendor(player) as port:
        with pytest.raises(httpx.ReadTimeout):
            await asked(network, request(port, times={"read": 0.02}))
        await until(lambda: player.ended)
        assert network.pool.taken == 0


async def test_a_source_is_silent_only_while_nothing_comes() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END_OF_HEAD)
        for sign in ok(b"{}"):
            writer.write(bytes([sign]))
            await asyncio.sleep(0.005)
        await reader.read()

    network = over()
    async with vendor(drip) as port:
        assert await asked(network, request(port, times={"read": 0.25})) == (200, b"{}")
        await network.aclose()


async def test_a_source_has_to_wait_for_those_who_read_slowly() -> None:
    size = 32 * 1024 * 1024
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(END_OF_HEAD)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(bytes(65_536))
            await writer.drain()
            sent += 65_536
        await reader.read()

    network = over()
    async with vendor(pour) as port:
        response = await network.handle_async_request(request(port))
        before = -1
        while sent != before:  # until nothing more goes through
            before = sent
            await asyncio.sleep(0.05)
        assert response.stream._held <= 3 * HELD_BYTES  # type: ignore[union-attr]
        assert sent < size
        assert len(await read(response)) == size
        assert len(network.pool.idle) == 1
        await network.aclose()


async def test_headers_are_found_by_name_however_they_are_written_and_however_often() -> None:
    raw = [(b"X-Rate-Limit", b"7"), (b"content-encoding", b"gzip"), (b"Content-Encoding", b"gzip")]
    received = Received(200, raw, httpx.ByteStream(b""))
    assert header(received, b"x-rate-limit") == received.headers["x-rate-limit"] == "7"
    assert header(received, b"content-encoding") == received.headers["content-encoding"] == "gzip, gzip"
    assert header(received, b"retry-after") == ""
    assert header(httpx.Response(200, headers={"retry-after": "3"}), b"retry-after") == "3"


def test_what_comes_back_begins_as_an_answer_of_httpx() -> None:
    body = httpx.ByteStream(b"")
    theirs, ours = httpx.Response(200, stream=body), Received(200, [], body)
    assert {name: getattr(ours, name) for name in vars(theirs)} == vars(theirs)
