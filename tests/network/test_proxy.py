"""A proxy on the way: it is told where to lead, and nothing else."""

import asyncio
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.network.transport import Network
from gateway.network.tunnel import HEAD_BYTES
from gateway.setting import Proxy, Secret
from tests.network.support import asked, over, request
from tests.network.test_opening import Told, closed, hanging
from tests.support import certificates
from tests.support.connect_proxy import OPEN, ConnectProxy
from tests.support.vendor import Player, ok, vendor
from tests.support.waiting import until

NAME = "source.example"  # a name that nobody but the proxy of these tests can look up
PLACE = f"{NAME}:8443"
KEY = "key-7Jq2-that-nobody-may-see"
PASSWORD = "wörd:7Jq2"


def to(port: int, credentials: str = "", host: str = "127.0.0.1") -> Proxy:
    return Proxy(host, port, Secret(credentials))


def secure(host: str = NAME, **more: Any) -> httpx.Request:
    return request(8443, host=host, scheme="https", headers={"px-api-key": KEY}, **more)


@dataclass
class Way:
    """A client, the proxy that it goes through, and the source behind it."""

    network: Network
    proxy: ConnectProxy
    source: Player


@asynccontextmanager
async def way(
    folder: Path,
    proxy: ConnectProxy | None = None,
    *,
    names: tuple[str, ...] = (NAME,),
    answers: tuple[bytes, ...] = (ok(),),
    asks_for: str = PLACE,
    credentials: str = "",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Way]:
    proxy, source = proxy or ConnectProxy(), Player(list(answers))
    async with vendor(source, tls=tls or certificates.server(folder, *names)) as behind:
        proxy.places = {asks_for: behind}
        async with vendor(proxy) as port:
            network = over(proxy=to(port, credentials))
            yield Way(network, proxy, source)
            await network.aclose()
            await until(lambda: proxy.ended == proxy.connections)


async def test_a_source_is_reached_through_the_proxy_over_a_connection_that_is_kept(tmp_path: Path) -> None:
    context = certificates.server(tmp_path, NAME)
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    async with way(tmp_path, tls=context) as found:
        for _ in range(3):
            assert await asked(found.network, secure()) == (200, b"{}")
        assert found.proxy.heads == [f"CONNECT {PLACE} HTTP/1.1\r\nHost: {PLACE}\r\n\r\n".encode()]
        assert (found.source.connections, len(found.source.heads)) == (1, 3)
        assert names == [NAME]
        assert found.network.pool.taken == 1


async def test_large_bodies_go_through_both_ways(tmp_path: Path) -> None:
    body, taken = bytes(range(256)) * 20_000, []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        taken.append(await reader.readexactly(len(body)))
        writer.write(ok(body))
        await reader.read()

    proxy = ConnectProxy()
    async with vendor(take, tls=certificates.server(tmp_path, NAME)) as behind, vendor(proxy) as port:
        proxy.places, network = {PLACE: behind}, over(proxy=to(port))
        assert await asked(network, secure(method="POST", content=body)) == (200, body)
        assert taken == [body]
        await network.aclose()


async def test_the_port_of_https_is_told_as_well_and_an_address_stands_in_brackets(tmp_path: Path) -> None:
    address = "2001:db8::7"
    async with way(tmp_path, names=(address,), asks_for=f"[{address}]:443") as found:
        sent = httpx.Request("GET", f"https://[{address}]/", extensions={"timeout": {"connect": 5.0}})
        assert await asked(found.network, sent) == (200, b"{}")
        assert found.proxy.heads[0].startswith(f"CONNECT [{address}]:443 ".encode())


# Who is told what.


async def test_the_proxy_alone_is_told_its_credentials_and_nothing_of_the_request(tmp_path: Path) -> None:
    async with way(tmp_path, credentials=f"ada:{PASSWORD}") as found:
        assert await asked(found.network, secure(method="POST", content=b"what nobody may see"))
        (head,) = found.proxy.heads
        (line,) = [each for each in head.split(b"\r\n") if each.startswith(b"Proxy-Authorization: Basic ")]
        assert b64decode(line.rpartition(b" ")[2]).decode() == f"ada:{PASSWORD}"
        assert b"proxy-authorization" not in found.source.heads[0].lower()
        assert KEY.encode() in found.source.heads[0]
        assert KEY.encode() not in head + found.proxy.through
        assert b"what nobody may see" not in found.proxy.through


BAD: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "another name": (("elsewhere.example",), {}),
    "the name of the proxy": (("127.0.0.1", "localhost"), {}),
    "nobody who vouches for it": ((NAME,), {"by_itself": True}),
}


@pytest.mark.parametrize("how", BAD)
async def test_a_source_that_proves_nothing_is_told_nothing(tmp_path: Path, how: str) -> None:
    names, more = BAD[how]
    told = Told()
    async with way(tmp_path, tls=certificates.server(tmp_path, *names, **more)) as found:
        with pytest.raises(httpx.ConnectError):
            await asked(found.network, secure(extensions={"trace": told}))
        assert (found.source.heads, told.left, found.network.pool.taken) == ([], False, 0)
        assert KEY.encode() not in found.proxy.through


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_loopback_is_reached_without_the_proxy(tmp_path: Path, host: str, scheme: str) -> None:
    proxy, source = ConnectProxy(), Player([ok()])
    tls = certificates.server(tmp_path, "localhost", "127.0.0.1") if scheme == "https" else None
    async with vendor(source, tls=tls) as port, vendor(proxy) as aside:
        network = over(proxy=to(aside))
        assert await asked(network, request(port, host=host, scheme=scheme)) == (200, b"{}")
        assert (proxy.connections, source.connections) == (0, 1)
        await network.aclose()


# What the proxy says.

WELL = {
    "of HTTP/1.0": b"HTTP/1.0 200 Connection established\r\n\r\n",
    "without a reason": b"HTTP/1.1 200\r\n\r\n",
    "with headers, of which none counts": OPEN[:-2] + b"Content-Length: 9\r\nVia: 1.1 proxy\r\n\r\n",
    "another success": b"HTTP/1.1 204 No Content\r\n\r\n",
    "after those that only say that it will come": b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + OPEN,
}


@pytest.mark.parametrize("how", WELL)
async def test_a_proxy_may_open_the_way_in_many_words(tmp_path: Path, how: str) -> None:
    async with way(tmp_path, ConnectProxy(opens=WELL[how])) as found:
        assert await asked(found.network, secure()) == (200, b"{}")


STATUSES = (300, 302, 304, 400, 401, 403, 404, 405, 407, 429, 500, 502, 503, 504)


async def refused(
    proxy: ConnectProxy, kind: type[httpx.TransportError] = httpx.ProxyError, **times: float
) -> str:
    """What is told where a proxy does not open the way; nothing is left of it."""
    told = Told()
    async with vendor(proxy) as port:
        network = over(proxy=to(port, f"ada:{PASSWORD}"))
        with pytest.raises(kind) as raised:
            await asked(network, secure(times=times, extensions={"trace": told}))
        late = kind is httpx.ConnectTimeout  # a machine that stands still may not even get there
        assert (told.left, network.pool.taken) == (False, 0)
        assert proxy.connections == 1 or late
        await until(lambda: proxy.ended or not proxy.connections)
        assert raised.value.__cause__ is None or kind is not httpx.ProxyError
        return f"{raised.value!r} {raised.value}"


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("ends", [True, False])
async def test_a_proxy_that_does_not_open_the_way_is_an_error_before_anything_is_sent(
    status: int, ends: bool
) -> None:
    body = b"<html>ada 7Jq2 source.example"
    said = b"HTTP/1.1 %d 7Jq2\r\nX-Say: 7Jq2\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)
    told = await refused(ConnectProxy(instead=said, ends=ends))
    assert str(status) in told
    assert ("credentials" in told) == (status == 407)
    assert "7Jq2" not in told
    assert NAME not in told


ODD = {
    "nothing": b"",
    "half a head": OPEN[:-2],
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n",
    "another version": b"HTTP/2 200 OK\r\n\r\n",
    "lines without a return": b"HTTP/1.1 200 OK\n\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a status that is none": b"HTTP/1.1 099 OK\r\n\r\n",
    "a header that is none": b"HTTP/1.1 200 OK\r\nwhat\r\n\r\n",
    "a zero": b"HTTP/1.1 200 O\0K\r\n\r\n",
    "more than was asked for": OPEN + b"\x16",
    "only that it will come": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a refusal after that": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 502 No\r\n\r\n",
}


@pytest.mark.parametrize("how", ODD)
async def test_what_is_no_answer_opens_no_way(how: str) -> None:
    await refused(ConnectProxy(instead=ODD[how], ends=True))


@pytest.mark.parametrize(
    "endless", [b"x" * 1024, b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a:b\r\n"]
)
async def test_too_long_a_head_is_not_read_to_its_end(endless: bytes) -> None:
    sent = 0

    async def for_ever(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(endless)
        piece = endless if endless.endswith(b"\r\n\r\n") else b"a: b\r\n"
        while True:
            writer.write(piece)
            sent += len(piece)
            await writer.drain()
            await asyncio.sleep(0)

    await refused(ConnectProxy(instead=for_ever))
    assert sent < 100 * HEAD_BYTES  # what lies in the buffers of the system


async def test_a_proxy_that_is_silent_or_slow_is_given_up_after_the_time_for_a_connection() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.005)

    await refused(ConnectProxy(instead=b""), httpx.ConnectTimeout, connect=0.03)
    await refused(ConnectProxy(instead=b"HTTP/1.1 200 OK\r\n"), httpx.ConnectTimeout, connect=0.03)
    await refused(ConnectProxy(instead=drip), httpx.ConnectTimeout, connect=0.05)
    with hanging() as port, pytest.raises(httpx.ConnectTimeout):
        await asked(over(proxy=to(port)), secure(times={"connect": 0.02}))


async def test_a_proxy_that_cuts_the_connection_opens_no_way() -> None:
    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    await refused(ConnectProxy(instead=cut))


async def test_a_proxy_that_is_not_there_is_an_error_of_the_proxy() -> None:
    with closed() as port:
        for proxy in (to(port), to(port, host="nobody.invalid"), to(port, host="a" * 64 + ".invalid")):
            network, told = over(proxy=proxy), Told()
            with pytest.raises(httpx.ProxyError):
                await asked(network, secure(extensions={"trace": told}))
            assert (told.left, network.pool.taken) == (False, 0)


async def test_a_source_that_speaks_no_tls_inside_is_told_nothing(tmp_path: Path) -> None:
    proxy, source = ConnectProxy(), Player([ok()])
    async with vendor(source) as behind, vendor(proxy) as port:
        proxy.places, network = {PLACE: behind}, over(proxy=to(port))
        with pytest.raises((httpx.ConnectError, httpx.ConnectTimeout)):
            await asked(network, secure(times={"connect": 0.2}))
        assert (source.heads, network.pool.taken) == ([], 0)
        assert KEY.encode() not in proxy.through


# Who goes away.


@pytest.mark.parametrize("instead", [b"", b"HTTP/1.1 200 OK\r\n"])
async def test_whoever_goes_away_before_the_way_is_open_leaves_nothing_behind(instead: bytes) -> None:
    proxy = ConnectProxy(instead=instead)
    async with vendor(proxy) as port:
        network = over(proxy=to(port), most=1)
        for turn in range(1, 4):
            call = asyncio.create_task(asked(network, secure()))
            await until(lambda turn=turn: len(proxy.heads) == turn)  # type: ignore[misc]
            assert network.pool.taken == 1
            call.cancel()
            await asyncio.wait((call,))
            assert call.cancelled()
            assert network.pool.taken == 0
            await until(lambda turn=turn: proxy.ended == turn)  # type: ignore[misc]


@pytest.mark.parametrize("turns", range(0, 40, 2))
async def test_whoever_goes_away_at_any_moment_leaves_nothing_behind(tmp_path: Path, turns: int) -> None:
    async with way(tmp_path) as found:
        call = asyncio.create_task(asked(found.network, secure()))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait((call,))
        assert found.network.pool.taken == len(found.network.pool.idle)
        assert await asked(found.network, secure()) == (200, b"{}")
        await until(lambda: found.proxy.ended == found.proxy.connections - 1)


async def test_a_tunnel_that_the_proxy_closes_is_used_no_more(tmp_path: Path) -> None:
    async with way(tmp_path) as found:
        assert await asked(found.network, secure()) == (200, b"{}")
        found.proxy.writers[0].transport.abort()
        await until(lambda: not found.network.pool.taken)
        assert await asked(found.network, secure()) == (200, b"{}")
        assert found.proxy.connections == 2


async def test_a_tunnel_that_ends_within_an_answer_is_a_broken_connection(tmp_path: Path) -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"
    async with way(tmp_path, answers=(half,)) as found:
        call = asyncio.create_task(asked(found.network, secure()))
        await until(lambda: found.source.heads)
        found.proxy.writers[0].transport.abort()
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await call
        assert found.network.pool.taken == 0
