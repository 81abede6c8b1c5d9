"""Reads the body of an answer: no more of it than allowed, packed or not."""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import brotli
import httpx

from gateway.errors import UpstreamBadResponse
from gateway.network.answer import Received, header

GZIP: Final = 16 + zlib.MAX_WBITS  # how zlib is told that its input has the header of gzip
BLOCK: Final = 32 * 1024  # bytes that brotli makes at once at most, where it is told to make as few as it can


class Unpacker(Protocol):
    """Unpacks an answer piece by piece. What is odd, or behind its end, raises an error of the library."""

    def take(self, data: bytes, most: int) -> bytes:
        """What some more bytes hold: no more than `most`, or one block more."""
        ...

    @property
    def ended(self) -> bool:
        """Whether all of it was there."""
        ...


class _Gzip:
    def __init__(self) -> None:
        self._unpack = zlib.decompressobj(GZIP)

    def take(self, data: bytes, most: int) -> bytes:
        part = self._unpack.decompress(data, most)
        if self._unpack.unused_data:  # a second member, or anything: it would be left out, and nobody told
            raise zlib.error("more behind its end")
        return part

    @property
    def ended(self) -> bool:
        return self._unpack.eof


class _Brotli:
    def __init__(self) -> None:
        self._unpack = brotli.Decompressor()

    def take(self, data: bytes, most: int) -> bytes:
        part: bytes = self._unpack.process(data, output_buffer_limit=1)
        parts, size = [part], len(part)
        while part and size <= most:  # it may hold back output of what it has taken as a whole already
            part = self._unpack.process(b"", output_buffer_limit=1)
            parts.append(part)
            size += len(part)
        return b"".join(parts)

    @property
    def ended(self) -> bool:
        return bool(self._unpack.is_finished())


UNPACKERS: Final[Mapping[str, Callable[[], Unpacker]]] = {"gzip": _Gzip, "br": _Brotli}


async def read(response: httpx.Response, most: int, source: str) -> None:
    """Read the body into the response. Raises UpstreamBadResponse where it is larger than allowed, or odd."""
    if response.is_stream_consumed:  # it came as a whole, not from a socket
        if len(response.content) > most:
            raise UpstreamBadResponse(source, f"{source} sent more than {most} bytes.")
        return
    packing = header(response, b"content-encoding")
    whole = response.whole if isinstance(response, Received) else None
    if whole is not None and not packing and len(whole) <= most:
        response._content = whole
        return
    try:
        unpack = _unpacker(packing.strip().lower(), source) if packing else None
        if whole is None:
            content = await _gathered(response.stream, unpack, most)
        else:
            content = whole if unpack is None else unpack.take(whole, most + 1)
        if len(content) > most:
            raise UpstreamBadResponse(source, f"{source} sent more than {most} bytes.")
        if unpack is not None and not unpack.ended:
            raise UpstreamBadResponse(source, f"{source} sent half of a packed answer.")
    except (zlib.error, brotli.error):
        raise UpstreamBadResponse(source, f"{source} sent an answer that cannot be unpacked.") from None
    finally:
        if whole is None:
            await response.aclose()  # never waits for anything, so nobody can go away in the middle of it
    response._content = content  # what `Response.aread` keeps, but bounded


async def _gathered(stream: Any, unpack: Unpacker | None, most: int) -> bytes:
    """A body that comes piece by piece, until it is larger than allowed."""
    parts: list[bytes] = []
    size = 0
    async for chunk in stream:
        part = chunk if unpack is None else unpack.take(chunk, most + 1 - size)
        parts.append(part)
        size += len(part)
        if size > most:
            break
    return b"".join(parts)


def _unpacker(packing: str, source: str) -> Unpacker | None:
    """What unpacks an answer; None where nothing has to."""
    if packing == "identity":
        return None
    if packing not in UNPACKERS:
        raise UpstreamBadResponse(source, f"{source} packed its answer in a way not asked for.")
    return UNPACKERS[packing]()
