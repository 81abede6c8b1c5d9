"""Reads the body of an answer: no more of it than allowed, packed or not."""

import zlib
from typing import Final, cast

import httpx

from gateway.errors import UpstreamBadResponse
from gateway.network.answer import header

GZIP: Final = 16 + zlib.MAX_WBITS  # how zlib is told that its input has the header of gzip


async def read(response: httpx.Response, most: int, source: str) -> None:
    """Read the body into the response. Raises UpstreamBadResponse where it is larger than allowed, or odd."""
    if response.is_stream_consumed:  # it came as a whole, not from a socket
        if len(response.content) > most:
            raise UpstreamBadResponse(source, f"{source} sent more than {most} bytes.")
        return
    packing = (header(response, b"content-encoding") or "identity").strip().lower()
    unpack = None if packing == "identity" else zlib.decompressobj(GZIP)
    parts: list[bytes] = []
    size = 0
    try:
        if packing not in ("identity", "gzip"):
            raise UpstreamBadResponse(source, f"{source} packed its answer in a way not asked for.")
        async for chunk in cast("httpx.AsyncByteStream", response.stream):
            part = chunk if unpack is None else unpack.decompress(chunk, most + 1 - size)
            parts.append(part)
            size += len(part)
            if size > most:
                raise UpstreamBadResponse(source, f"{source} sent more than {most} bytes.")
        if unpack is not None and not unpack.eof:
            raise UpstreamBadResponse(source, f"{source} sent half of a packed answer.")
    except zlib.error:
        raise UpstreamBadResponse(source, f"{source} sent an answer that cannot be unpacked.") from None
    finally:
        await response.aclose()  # never waits for anything, so nobody can go away in the middle of it
    response._content = (
        parts[0] if len(parts) == 1 else b"".join(parts)
    )  # what `Response.aread` keeps, but bounded
