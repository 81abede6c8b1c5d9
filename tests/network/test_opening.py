"""New connections: names with several addresses, and those that lead nowhere."""

import asyncio
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from gateway.network import opening
from gateway.resilience.why import why
from tests.network.support import asked, over, request
from tests.support.vendor import Player, ok, vendor
from tests.support.waiting import until

V4, V6 = socket.AF_INET, socket.AF_INET6


def at(port: int, host: str = "127.0.0.1") -> opening.Address:
    return (V4, socket.SOCK_STREAM, 0, (host, port))


@contextmanager
def closed() -> Iterator[int]:
    """A port on which connections are refused."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        yield found.getsockname()[1]


@contextmanager
def hanging() -> Iterator[int]:
    """A port on which nobody takes connections: its backlog is full, so the system drops what comes."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        port = door.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        try:
            yield port
        finally:
            for filler in fillers:
                filler.close()


class Told:
    """Remembers what a trace is told."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def __call__(self, name: str, _: Mapping[str, Any]) -> None:
        self.names.append(name)

    @property
    def left(self) -> bool:
        return any(name.endswith(".send_request_headers.started") for name in self.names)


def test_families_take_turns_and_the_first_stays_the_first() -> None:
    one, two, three = ((V6, 1, 6, (str(each),)) for each in range(3))
    four, five = ((V4, 1, 6, (str(each),)) for each in range(2))
    assert opening.alternating([one, two, three, four, five]) == [one, four, two, five, three]
    assert opening.alternating([four, five, one]) == [four, one, five]
    assert opening.alternating([]) == []


async def test_an_address_that_refuses_costs_nothing() -> None:
    player = Player([ok()])
    with closed() as shut:
        async with vendor(player) as port:
            (await opening._race([at(shut), at(shut), at(port)])).close()


async def test_an_address_that_hangs_costs_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "ALONE_SECONDS", 0.01)
    with hanging() as stuck:
        async with vendor(Player([ok()])) as port:
            (await opening._race([at(stuck), at(stuck), at(port), at(port)])).close()


async def test_only_one_of_several_connections_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "ALONE_SECONDS", 0.0)
    player = Player([ok()])
    async with vendor(player) as port:
        found = await opening._race([at(port)] * 3)
        await until(lambda: player.ended == player.connections - 1)
        found.close()
        await until(lambda: player.ended == player.connections)


async def test_what_is_connected_too_late_is_closed() -> None:
    async def late() -> socket.socket:
        return socket.socket()

    task = asyncio.create_task(late())
    await task
    opening._too_late(task)
    assert task.result().fileno() == -1


async def test_an_error_is_that_of_the_last_address() -> None:
    with closed() as one, closed() as two, pytest.raises(OSError, match=str(two)):
        await opening._race([at(one), at(two)])


async def test_whoever_goes_away_leaves_no_attempt_behind() -> None:
    with hanging() as stuck:
        race = asyncio.create_task(opening._race([at(stuck), at(stuck)]))
        await asyncio.sleep(0.01)
        race.cancel()
        await asyncio.wait((race,))
        assert race.cancelled()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_name_is_asked_for_its_addresses() -> None:
    player, network = Player([ok()]), over()
    async with vendor(player) as port:
        assert await asked(network, request(port, host="localhost")) == (200, b"{}")
        assert b"Host: localhost" in player.heads[0]
        await network.aclose()


@pytest.mark.parametrize("host", ["nobody.invalid", "a" * 64 + ".invalid"])
async def test_a_name_without_addresses_is_an_error_before_anything_is_sent(host: str) -> None:
    network, told = over(), Told()
    with pytest.raises(httpx.ConnectError) as raised:
        await asked(network, request(80, host=host, extensions={"trace": told}))
    assert (why(raised.value).word, told.left, network.pool.taken) == ("dns", False, 0)


async def test_a_refused_connection_is_an_error_before_anything_is_sent() -> None:
    network, told = over(), Told()
    with closed() as port, pytest.raises(httpx.ConnectError) as raised:
        await asked(network, request(port, extensions={"trace": told}))
    assert why(raised.value).word == "refused"
    assert (bool(told.names), told.left, network.pool.taken) == (True, False, 0)


async def test_a_connection_that_nobody_takes_is_given_up() -> None:
    network, told = over(), Told()
    with hanging() as port, pytest.raises(httpx.ConnectTimeout):
        await asked(network, request(port, times={"connect": 0.02}, extensions={"trace": told}))
    assert (told.left, network.pool.taken) == (False, 0)


async def test_whoever_goes_away_gives_the_place_of_a_connection_back() -> None:
    network = over()
    with hanging() as port:
        call = asyncio.create_task(asked(network, request(port)))
        await asyncio.sleep(0.01)
        assert network.pool.taken == 1
        call.cancel()
        await asyncio.wait((call,))
    assert network.pool.taken == 0


async def test_a_trace_is_told_when_a_request_leaves() -> None:
    network, told = over(), Told()
    async with vendor(Player([ok()])) as port:
        for _ in range(2):
            await asked(network, request(port, extensions={"trace": told}))
            assert told.left
            told.names.clear()
        await network.aclose()


@pytest.mark.parametrize("scheme", ["ftp", "ws", "unix"])
async def test_nothing_else_is_spoken(scheme: str) -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        await over().handle_async_request(httpx.Request("GET", f"{scheme}://127.0.0.1/"))
