"""Connections that are kept: none ever gives one request what belongs to another."""

import asyncio
import random
import socket
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest

from gateway.network.answer import Received
from gateway.network.transport import Network
from tests.network.support import asked, over, read, request
from tests.support.vendor import END_OF_HEAD, Player, ok, vendor
from tests.support.waiting import until

MINE, ANOTHERS = ok(b'"mine"'), ok(b'"another\'s"')


def settled(network: Network) -> bool:
    """Whether every connection that there is waits for a next request."""
    pool = network.pool
    return pool.taken == len(pool.open) == len(pool.idle) and not any(
        not place.done() for _, place in pool._line
    )


async def test_requests_one_after_the_other_share_a_connection() -> None:
    player, network = Player([ok()]), over()
    async with vendor(player) as port:
        for _ in range(5):
            assert await asked(network, request(port)) == (200, b"{}")
        assert (player.connections, network.pool.taken) == (1, 1)
        await network.aclose()


# What comes unasked.


@pytest.mark.parametrize("behind", [ANOTHERS, ANOTHERS[:1], b"H", b"x", b"\0", ok() * 100])
async def test_what_comes_behind_an_answer_is_nobodys(behind: bytes) -> None:
    player, network = Player([MINE + behind, MINE]), over()
    async with vendor(player) as port:
        assert await asked(network, request(port)) == (200, b'"mine"')
        assert network.pool.taken == 0
        assert await asked(network, request(port)) == (200, b'"mine"')
        assert player.connections == 2
        await network.aclose()


async def test_what_comes_while_nobody_asks_closes_the_connection() -> None:
    player, network = Player([MINE]), over()
    async with vendor(player) as port:
        await asked(network, request(port))
        player.writers[0].write(ANOTHERS)
        await until(lambda: player.ended)
        assert network.pool.taken == 0
        assert await asked(network, request(port)) == (200, b'"mine"')
        await network.aclose()


def _speak(source: socket.socket) -> None:
    source.sendall(ANOTHERS)


def _hang_up(source: socket.socket) -> None:
    source.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("act", [_speak, _hang_up])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_lies_in_a_connection_before_the_event_loop_has_seen_it_counts(
    act: Callable[[socket.socket], None], method: str
) -> None:
    loop, network = asyncio.get_running_loop(), over()
    with ExitStack() as open_ones:
        listening = open_ones.enter_context(socket.create_server(("127.0.0.1", 0)))
        listening.setblocking(False)
        port = listening.getsockname()[1]
        for _ in range(3):
            asking = asyncio.create_task(asked(network, request(port, method=method)))
            source, _ = await loop.sock_accept(listening)  # each time, as the one before is of no use
            open_ones.enter_context(source)
            await loop.sock_recv(source, 65_536)
            await loop.sock_sendall(source, MINE)
            assert await asking == (200, b'"mine"')
            assert len(network.pool.idle) == 1
            act(source)  # and the event loop gets no turn before the next request
        await network.aclose()


# What ends a connection.


async def test_an_answer_that_is_not_read_to_its_end_closes_the_connection() -> None:
    player, network = Player([b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"]), over()
    async with vendor(player) as port:
        response = await network.handle_async_request(request(port))
        await response.aclose()
        await response.stream.aclose()  # type: ignore[union-attr]
        await until(lambda: player.ended)
        assert network.pool.taken == 0


async def test_a_body_that_is_there_need_not_be_read() -> None:
    player, network = Player([ok(b"x" * 1_000)]), over()
    async with vendor(player) as port:
        for _ in range(2):
            response = await network.handle_async_request(request(port))
            await response.aclose()
        assert player.connections == 1
        await network.aclose()


async def test_an_answer_that_came_as_a_whole_leaves_its_connection_before_it_is_read() -> None:
    player, network = Player([MINE, ANOTHERS]), over()
    async with vendor(player) as port:
        mine = await network.handle_async_request(request(port))
        assert settled(network)
        anothers = await network.handle_async_request(request(port))
        assert player.connections == 1
        for response, body in ((anothers, b'"another\'s"'), (mine, b'"mine"')):
            assert isinstance(response, Received)
            assert response.whole == await read(response) == body
        await network.aclose()


async def test_one_of_which_some_is_still_to_come_does_not() -> None:
    async def halting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END_OF_HEAD)
        writer.write(MINE[:-1])
        await more.wait()
        writer.write(MINE[-1:])
        await reader.read()

    more, network = asyncio.Event(), over()
    async with vendor(halting) as port:
        response = await network.handle_async_request(request(port))
        assert isinstance(response, Received)
        assert response.whole is None
        assert not network.pool.idle
        more.set()
        assert await read(response) == b'"mine"'
        assert settled(network)
        await network.aclose()


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"])
async def test_whoever_goes_away_takes_the_connection_along(sent: bytes) -> None:
    player, network = Player([sent, MINE]), over()
    async with vendor(player) as port:
        call = asyncio.create_task(asked(network, request(port)))
        await until(lambda: player.heads)
        call.cancel()
        await asyncio.wait((call,))
        assert call.cancelled()
        await until(lambda: player.ended)
        assert network.pool.taken == 0
        assert await asked(network, request(port)) == (200, b'"mine"')
        await network.aclose()


async def test_a_kept_connection_that_dies_before_the_first_byte_repeats_nothing() -> None:
    heads = []

    async def dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(END_OF_HEAD))
        writer.write(MINE)
        heads.append(await reader.readuntil(END_OF_HEAD))

    network = over()
    async with vendor(dies) as port:
        await asked(network, request(port))
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await asked(network, request(port))
        assert len(heads) == 2
        assert network.pool.taken == 0


async def test_connections_that_nobody_uses_are_closed_after_their_time() -> None:
    player, network = Player([ok()]), over(seconds=0.01)
    async with vendor(player) as port:
        await asyncio.gather(*(asked(network, request(port)) for _ in range(3)))
        await until(lambda: player.ended == player.connections)
        assert network.pool.taken == 0


async def test_a_connection_whose_time_is_over_is_not_used() -> None:
    player, network = Player([ok()]), over(seconds=0.0)
    async with vendor(player) as port:
        for _ in range(3):
            await asked(network, request(port))
        assert player.connections == 3
        await network.aclose()


async def test_closing_it_closes_what_is_kept_and_what_is_under_way() -> None:
    player, network = Player([MINE, b""]), over()
    async with vendor(player) as port:
        await asked(network, request(port))
        call = asyncio.create_task(asked(network, request(port)))
        await until(lambda: len(player.heads) == 2)
        await network.aclose()
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await call
        await until(lambda: player.ended)
        assert network.pool.taken == 0


async def test_an_answer_may_be_left_after_all_is_closed() -> None:
    network = over()
    async with vendor(Player([MINE])) as port:
        response = await network.handle_async_request(request(port))
        await network.aclose()
        assert await read(response) == b'"mine"'
        assert settled(network)
        assert network.pool.taken == 0


# How many there are.


async def test_no_more_connections_than_allowed_and_the_others_wait() -> None:
    player, network = Player([ok()]), over(most=3)
    async with vendor(player) as port:
        answers = await asyncio.gather(*(asked(network, request(port)) for _ in range(30)))
        assert answers == [(200, b"{}")] * 30
        assert player.connections == 3
        assert settled(network)
        await network.aclose()


async def test_no_more_are_kept_than_allowed() -> None:
    player, network = Player([ok()]), over(kept=2)
    async with vendor(player) as port:
        await asyncio.gather(*(asked(network, request(port)) for _ in range(5)))
        assert (player.connections, network.pool.taken, len(network.pool.idle)) == (5, 2, 2)
        await network.aclose()


async def test_who_waits_too_long_for_a_connection_is_told() -> None:
    player, network = Player([b""]), over(most=1)
    async with vendor(player) as port:
        call = asyncio.create_task(asked(network, request(port)))
        await until(lambda: player.heads)
        with pytest.raises(httpx.PoolTimeout):
            await asked(network, request(port, times={"pool": 0.01}))
        call.cancel()
        await asyncio.wait((call,))
        assert settled(network)


async def test_a_connection_to_elsewhere_makes_room() -> None:
    player, network = Player([ok()]), over(most=1)
    async with vendor(player) as port, vendor(player) as other:
        for here in (port, other, port):
            assert await asked(network, request(here)) == (200, b"{}")
            assert network.pool.taken == 1
        assert player.connections == 3
        await network.aclose()


async def test_who_waits_for_a_connection_to_elsewhere_gets_the_place() -> None:
    network = over(most=2)
    async with vendor(Player([MINE])) as port, vendor(Player([ANOTHERS])) as other:
        places = [port, other, other] * 10
        answers = await asyncio.gather(*(asked(network, request(here)) for here in places))
        assert [body for _, body in answers] == [b'"mine"', b'"another\'s"', b'"another\'s"'] * 10
        assert network.pool.taken == 2
        await network.aclose()


async def test_a_place_goes_on_when_no_connection_comes_of_it() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
        network = over(most=1)
        calls = [asked(network, request(closed)) for _ in range(10)]
        failed = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in failed} == {httpx.ConnectError}
    assert network.pool.taken == 0


# All of it at once.


class Echo:
    """Answers each request with its own path, in every way, good and bad, that a seed throws."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(END_OF_HEAD)
                if not await self._answer(head.split(b" ", 2)[1], writer):
                    return
        except (OSError, EOFError):
            pass

    async def _answer(self, path: bytes, writer: asyncio.StreamWriter) -> bool:
        throw = self._dice.randrange(12)
        for _ in range(self._dice.randrange(4)):
            await asyncio.sleep(0)
        answer = ok(path)
        if throw in (0, 1):
            chunks = b"".join(b"1\r\n%c\r\n" % sign for sign in path) + b"0\r\n\r\n"
            answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks
        elif throw == 2:
            answer = b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer
        elif throw == 3:
            answer += ok(b"/nobody's")
        elif throw == 4:
            answer = ok(path, b"connection: close")
        elif throw == 5:
            answer = answer[: self._dice.randrange(len(answer))]
        # Not later than the end of the answer: what comes once the next request has left is past telling.
        half = self._dice.randrange(min(len(answer), len(ok(path))) or 1)
        writer.write(answer[:half])
        await writer.drain()
        for _ in range(self._dice.randrange(3)):
            await asyncio.sleep(0)
        writer.write(answer[half:])
        await writer.drain()
        return throw not in (4, 5, 6)


@pytest.mark.parametrize("seed", range(8))
async def test_every_answer_is_that_of_its_own_request_whatever_goes_wrong(seed: int) -> None:
    dice, network = random.Random(seed), over(most=6, kept=3)
    answered = 0

    async def one(port: int, number: int) -> None:
        nonlocal answered
        try:
            response = await network.handle_async_request(request(port, f"/{number}"))
            if number % 7 == 0:
                await response.aclose()  # without a look at it
                return
            body = await read(response)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.ConnectError):
            return
        assert body == b"/%d" % number
        answered += 1

    async with vendor(Echo(random.Random(seed))) as port:
        calls = [asyncio.create_task(one(port, number)) for number in range(400)]
        for call in calls[:: dice.randrange(5, 12)]:
            for _ in range(dice.randrange(12)):
                await asyncio.sleep(0)
            call.cancel()
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(each) for each in done} <= {type(None), asyncio.CancelledError}
        assert answered > 150
        assert settled(network)
        await network.aclose()
        assert network.pool.taken == 0
