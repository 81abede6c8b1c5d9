"""The innermost transport: what puts a request on a connection, and an answer behind it."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

from gateway.loop import running_loop
from gateway.network import opening, sending, tunnel
from gateway.network.connection import Connection, Seconds
from gateway.network.pool import Pool
from gateway.network.prepared import Origin, Prepared, origin_of
from gateway.setting import LOOPBACK, Proxy


class Network(httpx.AsyncBaseTransport):
    """Sends requests over connections that it keeps, with certificates checked, and repeats none.

    It reads the extensions `timeout` and `trace` of a request, as httpx does; of a trace it tells only that
    it looks for a connection, and the moment at which the request leaves. Answers come packed as they are.
    It knows no redirects or cookies, and nothing of the environment. What is reached over TLS, and is not on
    loopback, is reached through `proxy` where there is one.
    """

    def __init__(self, pool: Pool, tls: ssl.SSLContext | None = None, *, proxy: Proxy | None = None) -> None:
        self.pool = pool
        self._proxy = proxy
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        self._tls.set_alpn_protocols(["http/1.1"])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises a TransportError; its text quotes nothing of the request."""
        first, rest = sending.begun(request)
        seconds: Seconds = request.extensions.get("timeout", {})
        trace: Callable[[str, Mapping[str, Any]], Awaitable[None]] | None = request.extensions.get("trace")
        origin = request.base.origin if isinstance(request, Prepared) else origin_of(request.url)
        if trace is not None:
            await trace("connection.take.started", {})
        connection = self.pool.take(origin) or await self.pool.place(origin, seconds.get("pool"))
        if connection is None:
            connection = await self._open(origin, seconds.get("connect"))
        if trace is not None:
            try:
                await trace("http11.send_request_headers.started", {})
            except BaseException:
                connection.abort()
                raise
        return await connection.ask(first, rest, seconds, bodiless=request.method == "HEAD")

    async def aclose(self) -> None:
        """Close all connections."""
        self.pool.close()
        await asyncio.sleep(0)  # the event loop closes their sockets in its next turn

    async def _open(self, origin: Origin, seconds: float | None) -> Connection:
        """A new connection, on a place that was taken for it."""
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connected(origin)
        except BaseException as broken:
            self.pool.failed()
            if isinstance(broken, TimeoutError):
                raise httpx.ConnectTimeout("No connection in time.") from None
            if isinstance(broken, OSError | UnicodeError):
                raise httpx.ConnectError("No connection.") from broken
            raise
        self.pool.opened(connection)
        return connection

    async def _connected(self, origin: Origin) -> Connection:
        if self._proxy is not None and origin.tls and origin.host not in LOOPBACK:
            found = await tunnel.connect(self._proxy, origin)
        else:
            found = await opening.connect(origin.host, origin.port)
        _, connection = await running_loop().create_connection(
            lambda: Connection(origin, self.pool.released, self.pool.lost),
            sock=found,
            ssl=self._tls if origin.tls else None,
            server_hostname=origin.host if origin.tls else None,
        )
        return connection
