"""What the tests of connections share."""

from typing import Any

import httpx

from gateway.network.pool import Pool
from gateway.network.transport import Network
from gateway.setting import Proxy
from tests.support import certificates

TIMES = {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 5.0}


def over(*, most: int = 10, kept: int = 10, seconds: float = 60.0, proxy: Proxy | None = None) -> Network:
    """The transport of the product, which trusts the authority of the tests."""
    pool = Pool(most=most, kept=kept, seconds=seconds)
    return Network(pool, certificates.authority().trusted(), proxy=proxy)


def request(
    port: int, path: str = "/", *, method: str = "GET", host: str = "127.0.0.1", **more: Any
) -> httpx.Request:
    times = {**TIMES, **more.pop("times", {})}
    scheme = more.pop("scheme", "http")
    extensions = {"timeout": times, **more.pop("extensions", {})}
    return httpx.Request(method, f"{scheme}://{host}:{port}{path}", extensions=extensions, **more)


async def read(response: httpx.Response) -> bytes:
    """The whole body; the connection is free afterwards."""
    try:
        return b"".join([part async for part in response.stream])  # type: ignore[union-attr]
    finally:
        await response.aclose()


async def asked(network: Network, sent: httpx.Request) -> tuple[int, bytes]:
    """Status and body of the answer to a request."""
    response = await network.handle_async_request(sent)
    return response.status_code, await read(response)
