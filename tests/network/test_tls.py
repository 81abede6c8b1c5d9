"""TLS: whoever cannot prove to be the source is told nothing."""

import asyncio
import datetime
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import over_the_network
from gateway.model.source import Source
from gateway.resilience.why import why
from tests.network.support import asked, over, request
from tests.network.test_opening import Told, hanging
from tests.support import certificates
from tests.support.vendor import Player, ok, vendor
from tests.support.waiting import until

PAST = -datetime.timedelta(hours=1)


def secure(port: int, host: str = "localhost", **more: Any) -> httpx.Request:
    return request(port, host=host, scheme="https", **more)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_source_that_proves_its_name_is_talked_to_over_connections_that_are_kept(
    tmp_path: Path, host: str
) -> None:
    player, network = Player([ok()]), over()
    context = certificates.server(tmp_path, "localhost", "127.0.0.1")
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    async with vendor(player, tls=context) as port:
        for _ in range(3):
            assert await asked(network, secure(port, host)) == (200, b"{}")
        assert player.connections == 1
        assert names == ["localhost" if host == "localhost" else None]
        await network.aclose()
        await until(lambda: player.ended)


async def test_large_bodies_go_through_both_ways(tmp_path: Path) -> None:
    body = bytes(range(256)) * 20_000
    taken = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        taken.append(await reader.readexactly(len(body)))
        writer.write(ok(body))
        await reader.read()

    network = over()
    async with vendor(take, tls=certificates.server(tmp_path, "localhost")) as port:
        assert await asked(network, secure(port, method="POST", content=body)) == (200, body)
        assert taken == [body]
        await network.aclose()


BAD: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "another name": (("elsewhere.example",), {}),
    "a name that only begins like it": (("localhost.example",), {}),
    "an address instead of the name": (("127.0.0.1",), {}),
    "a time that is over": (("localhost",), {"until": PAST}),
    "nobody who vouches for it": (("localhost",), {"by_itself": True}),
}


@pytest.mark.parametrize("how", BAD)
async def test_a_source_that_proves_nothing_is_told_nothing(tmp_path: Path, how: str) -> None:
    names, more = BAD[how]
    player, told = Player([ok()]), Told()
    network = over()
    async with vendor(player, tls=certificates.server(tmp_path, *names, **more)) as port:
        with pytest.raises(httpx.ConnectError) as raised:
            await asked(network, secure(port, extensions={"trace": told}))
    assert why(raised.value).word == "certificate"
    assert (player.heads, told.left, network.pool.taken) == ([], False, 0)


async def test_only_known_authorities_are_trusted_as_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.pem"
    own.write_text(ssl.DER_cert_to_PEM_cert(certificates.authority().trusted().get_ca_certs(True)[0]))
    monkeypatch.setenv("SSL_CERT_FILE", str(own))  # nor is what the environment says of them
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    player, network = Player([ok()]), over_the_network(None)(Source.PACKAGEX)
    async with vendor(player, tls=certificates.server(tmp_path, "localhost")) as port:
        with pytest.raises(httpx.ConnectError) as raised:
            await asked(network, secure(port))  # type: ignore[arg-type]
    assert isinstance(raised.value.__cause__, ssl.SSLCertVerificationError)
    assert player.heads == []


async def test_a_source_without_tls_is_told_nothing() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await reader.read()

    network = over()
    async with vendor(refuse) as port:
        with pytest.raises(httpx.ConnectError) as raised:
            await asked(network, secure(port))
        assert network.pool.taken == 0
    assert why(raised.value).word == "tls"


async def test_a_source_that_only_speaks_tls_is_not_understood_without(tmp_path: Path) -> None:
    network = over()
    async with vendor(Player([ok()]), tls=certificates.server(tmp_path, "localhost")) as port:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await asked(network, request(port))
        assert network.pool.taken == 0


async def test_a_source_that_shakes_no_hands_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()
        await reader.read()

    network = over()
    async with vendor(silent) as port:
        with pytest.raises(httpx.ConnectTimeout):
            await asked(network, secure(port, times={"connect": 0.05}))
        assert network.pool.taken == 0
    with hanging() as port, pytest.raises(httpx.ConnectTimeout):
        await asked(network, secure(port, times={"connect": 0.02}))


@pytest.mark.parametrize("turns", range(0, 24, 2))
async def test_whoever_goes_away_while_hands_are_shaken_leaves_nothing_behind(
    tmp_path: Path, turns: int
) -> None:
    player, network = Player([ok()]), over()
    async with vendor(player, tls=certificates.server(tmp_path, "localhost", "127.0.0.1")) as port:
        call = asyncio.create_task(asked(network, secure(port, "127.0.0.1")))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait((call,))
        assert network.pool.taken == len(network.pool.idle)
        assert await asked(network, secure(port, "127.0.0.1")) == (200, b"{}")
        await network.aclose()


async def test_what_comes_unasked_or_ends_within_counts_over_tls_as_well(tmp_path: Path) -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"
    player = Player([ok(b"1") + ok(b"2"), half, ok(b"3")])
    network = over()
    async with vendor(player, tls=certificates.server(tmp_path, "localhost")) as port:
        assert await asked(network, secure(port)) == (200, b"1")
        with pytest.raises(httpx.ReadTimeout):
            await asked(network, secure(port, times={"read": 0.02}))
        assert await asked(network, secure(port)) == (200, b"3")
        assert player.connections == 3
        player.writers[2].write(ok(b"4"))
        await until(lambda: not network.pool.taken)
        assert await asked(network, secure(port)) == (200, b"3")
        await network.aclose()
