"""A write that fails says whether it had left."""

import asyncio
import socket

import httpx
import pytest

from gateway.app import over_the_network
from gateway.errors import GatewayError, UpstreamTimeout, UpstreamUnavailable
from gateway.model.source import Source
from gateway.resilience.budget import Budget
from gateway.resilience.policy import Policy
from gateway.resilience.transport import UpstreamTransport
from tests.support.vendor import vendor
from tests.support.waiting import until


def over(seconds: float = 5.0) -> UpstreamTransport:
    inner = over_the_network(None)(Source.PACKAGEX)
    return UpstreamTransport("PACKAGEX", inner, Budget(None, 60.0), Policy(seconds=seconds), dice=lambda: 0.0)


def request(port: int, *, safe: bool = False) -> httpx.Request:
    extensions = {"operation": "createPerson", "safe": safe}
    return httpx.Request("POST", f"http://127.0.0.1:{port}/", json={}, extensions=extensions)


async def failure(transport: UpstreamTransport, sent: httpx.Request) -> GatewayError:
    try:
        with pytest.raises(GatewayError) as raised:
            await transport.handle_async_request(sent)
        return raised.value
    finally:
        await transport.aclose()


async def test_a_refused_connection_is_certain() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = await failure(over(), request(port))
    assert (type(error), error.uncertain) == (UpstreamUnavailable, False)


async def test_a_connection_that_breaks_after_the_request_left_is_not() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with vendor(cut) as port:
        error = await failure(over(), request(port))
    assert (type(error), error.uncertain) == (UpstreamUnavailable, True)


async def test_a_connection_that_breaks_within_the_answer_is_not() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{")
        await writer.drain()
        writer.transport.abort()

    async with vendor(half) as port:
        error = await failure(over(), request(port))
    assert error.uncertain


async def test_a_source_that_takes_the_request_and_says_nothing_is_uncertain() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    async with vendor(silent) as port:
        for seconds in (0.05, 0.5, 5.0):  # a process that has no CPU may have sent nothing by then
            error = await failure(over(seconds=seconds), request(port))
            if error.uncertain:
                break
    assert (type(error), error.uncertain) == (UpstreamTimeout, True)


async def test_a_write_is_sent_once_also_over_a_connection_that_has_died() -> None:
    received = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.transport.abort()

    async with vendor(once) as port:
        await failure(over(), request(port))
        assert len(received) == 1
        await failure(over(), request(port, safe=True))
        assert len(received) == 4  # a safe one is repeated


async def test_a_call_may_be_given_more_time_and_a_longer_answer_than_usual() -> None:
    async def long(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + b"x" * 2000)
        await writer.drain()
        writer.close()

    async with vendor(long) as port:
        inner = over_the_network(None)(Source.PACKAGEX)
        limits = Policy(seconds=5.0, answer_bytes=1000)
        transport = UpstreamTransport("PACKAGEX", inner, Budget(None, 60.0), limits)
        sent = request(port)
        sent.extensions = {**sent.extensions, "seconds": 30.0, "answer_bytes": 2000}
        assert len((await transport.handle_async_request(sent)).content) == 2000
        await transport.aclose()


async def test_no_connection_is_lost_whenever_a_caller_goes_away_and_goes_away_again() -> None:
    async def in_two_parts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n"
            writer.write(head + b"{ ")
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(b" }")

    async with vendor(in_two_parts) as port:
        transport = over()
        pool = transport._inner.pool  # type: ignore[attr-defined]
        for turns in range(120):
            call = asyncio.create_task(transport.handle_async_request(request(port, safe=True)))
            for _ in range(turns // 2):
                await asyncio.sleep(0)
            call.cancel()
            for _ in range(turns % 2):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait((call,))
        await until(lambda: pool.taken == len(pool.open) == len(pool.idle))
        assert transport.slots.taken == 0
        assert (await transport.handle_async_request(request(port, safe=True))).content == b"{  }"
        await transport.aclose()
