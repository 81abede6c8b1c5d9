"""The one way to a source over the connections of the product."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from gateway.app import over_the_network
from gateway.errors import UpstreamBadResponse, UpstreamError, UpstreamUnavailable
from gateway.model.source import Source
from gateway.resilience.budget import Budget
from gateway.resilience.policy import Policy
from gateway.resilience.transport import UpstreamTransport
from tests.support.sources import shown
from tests.support.vendor import Player, ok, vendor
from tests.support.waiting import until

SECRET = "key-7Jq2-that-nobody-may-see"


@asynccontextmanager
async def connected(player: Player) -> AsyncIterator[tuple[UpstreamTransport, str]]:
    inner = over_the_network(None)(Source.PACKAGEX)
    transport = UpstreamTransport("PACKAGEX", inner, Budget(None, 60.0), Policy(), dice=lambda: 0.0)
    async with vendor(player) as port:
        yield transport, f"http://127.0.0.1:{port}/"
        await transport.aclose()


def request(url: str, *, safe: bool, method: str = "POST") -> httpx.Request:
    return httpx.Request(method, url, json={}, extensions={"operation": "getContact", "safe": safe})


@pytest.mark.parametrize("safe", [True, False])
async def test_a_kept_connection_that_the_source_has_closed_costs_nothing(safe: bool) -> None:
    player = Player([ok()], ends=True)
    async with connected(player) as (transport, url):
        for turn in range(1, 4):
            sent = request(url, safe=safe)
            assert (await transport.handle_async_request(sent)).content == b"{}"
            await until(lambda: not transport._inner.pool.taken)  # type: ignore[attr-defined]
            assert (player.connections, len(player.heads)) == (turn, turn)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
async def test_what_is_not_safe_leaves_once_however_it_is_called(method: str) -> None:
    player = Player([ok(), b"", ok()])
    async with connected(player) as (transport, url):
        await transport.handle_async_request(request(url, safe=False, method=method))
        player.ends = True
        with pytest.raises(UpstreamUnavailable) as raised:
            await transport.handle_async_request(request(url, safe=False, method=method))
        assert raised.value.uncertain
        assert (player.connections, len(player.heads)) == (1, 2)


@pytest.mark.parametrize("end", ["\r\nx-evil: 1", "\n", "\0", "\r"])
async def test_a_key_with_control_characters_is_never_sent_and_never_shown(end: str) -> None:
    player = Player([ok()])
    async with connected(player) as (transport, url):
        sent = request(url, safe=True)
        sent.headers["px-api-key"] = SECRET + end
        with pytest.raises(UpstreamError) as raised:
            await transport.handle_async_request(sent)
        assert SECRET not in shown(raised.value)
        assert player.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: nine\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000,
        b"\x16\x03\x01 not http",
        b"HTTP/1.1 099 What\r\n\r\n",
    ],
)
async def test_whatever_comes_back_that_is_not_http_is_a_failure_of_its_source(answer: bytes) -> None:
    async with connected(Player([answer], ends=True)) as (transport, url):
        with pytest.raises((UpstreamUnavailable, UpstreamBadResponse)):
            await transport.handle_async_request(request(url, safe=True))
