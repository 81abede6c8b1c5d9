"""The one way to a source: an httpx transport around another.

`handle_async_request` reads top to bottom: within the deadline, not faster than allowed, send, learn from
the answer. It knows no vendor; what differs between vendors comes in as `Limits`.
"""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx

from gateway import deadline, events
from gateway.errors import (
    DeadlineExceeded,
    GatewayError,
    UpstreamBadResponse,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.resilience.budget import Budget
from gateway.resilience.purse import LEAST_WAIT, Purse, Sleep

GZIP: Final = 16 + zlib.MAX_WBITS  # how zlib is told that its input has the header of gzip
LARGEST_ANSWER: Final = 8 * 1024 * 1024
LONGEST_LOCK: Final = 3_600.0  # however long a source says; Smart Sender locks for 720 s at most
NUMBER: Final = re.compile(r"[0-9]{1,9}")
UNKNOWN_LOCK: Final = 60.0  # a source that says 429 without a time
UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
SENDING: Final = ".send_request_headers.started"  # how httpcore names the moment at which a request leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is allowed with one source: seconds for one call, bytes of one answer, calls under way at once."""

    seconds: float = 10.0
    at_once: int = 20
    answer_bytes: int = LARGEST_ANSWER


@dataclass(slots=True)
class _Trace:
    """Whether a request has left, as far as httpcore tells; other transports tell nothing."""

    told: bool = False
    left: bool = False

    async def __call__(self, name: str, _: Mapping[str, object]) -> None:
        """Hear what httpcore does."""
        self.told = True
        self.left = self.left or name.endswith(SENDING)

    @property
    def may_have_left(self) -> bool:
        """Whether the source may have got the request."""
        return self.left or not self.told


class UpstreamTransport(httpx.AsyncBaseTransport):
    """Sends one request to one source, within the deadline and the budget, and reads its whole answer.

    Raises an `UpstreamError` or `DeadlineExceeded`; never an httpx exception. Redirects are not followed.
    A request whose extensions say `safe` is sent once more when a kept-alive connection turns out dead; any
    other is sent once, and what it raises says whether it is `uncertain`. The extensions `seconds` and
    `answer_bytes` allow one call more than usual.
    """

    def __init__(
        self,
        source: str,
        inner: httpx.AsyncBaseTransport,
        budget: Budget,
        limits: Limits,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.source = source
        self.budget = budget
        self.purse = Purse(source, budget, sleep)
        self._inner = inner
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.at_once)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its extensions name the `operation`, and say whether a repeat is `safe`."""
        clock = asyncio.get_running_loop().time
        await self.purse.pay()
        async with self._slot():
            self.purse.check_open()
            return await self._within_time(request, clock)

    async def _within_time(self, request: httpx.Request, clock: Callable[[], float]) -> httpx.Response:
        allowed = float(request.extensions.get("seconds", self._limits.seconds))
        seconds = self._seconds(allowed)
        trace = _Trace()
        safe = bool(request.extensions.get("safe"))
        if not safe:
            request.extensions = {**request.extensions, "trace": trace}
        started = clock()
        status: int | None = None
        failed: str | None = None
        try:
            async with asyncio.timeout(seconds):
                response = await self._send(request)
                status = response.status_code
                self._learn(response, clock())
                await self._read(response, int(request.extensions.get("answer_bytes", 0)))
        except TimeoutError:
            error = self._too_late(seconds, allowed)
            error.uncertain = not safe and trace.may_have_left
            failed = error.code
            raise error from None
        except httpx.HTTPError as broken:
            failed = UpstreamUnavailable.code
            # Its text may quote an address or a header, so it goes no further than its kind.
            kind = type(broken).__name__
            left = not safe and trace.may_have_left and not isinstance(broken, UNSENT)
            unreached = UpstreamUnavailable(
                self.source,
                f"The connection to {self.source} broke before the answer was there ({kind})."
                if left  # and whoever reads this must not simply try again
                else f"{self.source} could not be reached ({kind}). Try again later.",
            )
            unreached.uncertain = left
            raise unreached from None
        except GatewayError as error:
            failed = error.code
            raise
        finally:
            if status is not None or failed is not None:  # else the caller went away: that says nothing
                events.emit(
                    events.UpstreamCalled(
                        source=self.source,
                        operation=str(request.extensions.get("operation", "")),
                        status=status,
                        error=failed,
                        seconds=clock() - started,
                    )
                )
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """One of the places for calls under way; httpcore's pool costs ever more with the calls that wait."""
        left = deadline.seconds_left(float("inf"))
        try:
            async with asyncio.timeout(None if left == float("inf") else max(left, 0)):
                await self._slots.acquire()
        except TimeoutError:
            raise DeadlineExceeded(
                f"Too many calls to {self.source} were under way for the time left.", source=self.source
            ) from None
        try:
            yield
        finally:
            self._slots.release()

    def _seconds(self, allowed: float) -> float:
        seconds = deadline.seconds_left(allowed)
        if seconds <= 0:
            raise DeadlineExceeded(f"No time was left to ask {self.source}.", source=self.source)
        return seconds

    def _too_late(self, seconds: float, allowed: float) -> GatewayError:
        if seconds < allowed:
            return DeadlineExceeded(
                f"{self.source} did not answer in the {seconds:.1f} seconds left.", source=self.source
            )
        return UpstreamTimeout(self.source, f"{self.source} did not answer in {seconds:.1f} seconds.")

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._inner.handle_async_request(request)
        except (httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError):
            if not request.extensions.get("safe"):
                raise
        return await self._inner.handle_async_request(request)

    async def _read(self, response: httpx.Response, most: int) -> None:
        """Read the body into the response, and no more of it than allowed."""
        most = most or self._limits.answer_bytes
        if response.is_stream_consumed:  # it came as a whole, not from a socket
            if len(response.content) > most:
                raise UpstreamBadResponse(self.source, f"{self.source} sent more than {most} bytes.")
            return
        packing = response.headers.get("content-encoding", "identity").strip().lower()
        unpack = None if packing == "identity" else zlib.decompressobj(GZIP)
        content = bytearray()
        try:
            if packing not in ("identity", "gzip"):
                raise UpstreamBadResponse(
                    self.source, f"{self.source} packed its answer in a way not asked for."
                )
            async for chunk in response.aiter_raw():
                room = most + 1 - len(content)
                content += chunk if unpack is None else unpack.decompress(chunk, room)
                if len(content) > most:
                    raise UpstreamBadResponse(self.source, f"{self.source} sent more than {most} bytes.")
            if unpack is not None and not unpack.eof:
                raise UpstreamBadResponse(self.source, f"{self.source} sent half of a packed answer.")
        except zlib.error:
            raise UpstreamBadResponse(
                self.source, f"{self.source} sent an answer that cannot be unpacked."
            ) from None
        finally:
            await response.aclose()
        response._content = bytes(content)  # what `Response.aread` keeps, but bounded

    def _learn(self, response: httpx.Response, now: float) -> None:
        remaining = response.headers.get("x-rate-limit")
        if remaining is not None and NUMBER.fullmatch(remaining):
            self.budget.told_remaining(int(remaining), now)
        if response.status_code == 429:
            wait = retry_after(response)
            self.budget.told_to_wait(UNKNOWN_LOCK if wait is None else max(wait, LEAST_WAIT), now)


def retry_after(response: httpx.Response) -> float | None:
    """Seconds of a `Retry-After` header, an hour at most; None without one, or where it is a date."""
    text = response.headers.get("retry-after", "")
    return min(float(text), LONGEST_LOCK) if NUMBER.fullmatch(text) else None
