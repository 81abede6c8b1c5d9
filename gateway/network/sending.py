"""The bytes of a request: one head, and a body of the length that it tells."""

import re
from collections.abc import AsyncGenerator
from typing import Final, cast

import httpx

from gateway.network.prepared import Prepared

Pieces = AsyncGenerator[bytes | memoryview, None]

PIECE: Final = 64 * 1024  # of a body, before it is seen whether the source takes it
LENGTH: Final = re.compile(rb"[0-9]{1,18}")
# Every head has to look like this as a whole, so that no value can end its line and begin another one.
WELL_FORMED: Final = re.compile(
    rb"[!-~]+ [!-~]+ HTTP/1\.1\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t -~\x80-\xff]*\r\n)+\r\n"
)


def begun(request: httpx.Request) -> tuple[bytes, Pieces | None]:
    """What of a request is sent at once, and what follows piece by piece; None where nothing does.

    Raises LocalProtocolError.
    """
    if isinstance(request, Prepared) and len(content := request.content) <= PIECE:
        return request.head() + content, None
    first, length = head(request)
    body = whole(request, length)
    return (first, pieces(request, length)) if body is None else (first + body, None)


def head(request: httpx.Request) -> tuple[bytes, int | None]:
    """The head of a request, and the length of its body; None where that is told piece by piece.

    Raises LocalProtocolError, whose text quotes nothing: what is odd may be a key.
    """
    if isinstance(request, Prepared):
        return request.head(), len(request.content)
    length: int | None = 0
    lengths = 0
    lines = []
    for name, value in request.headers.raw:
        lines.append(b"%b: %b\r\n" % (name, value))
        lower = name.lower()
        if lower == b"content-length" and LENGTH.fullmatch(value):
            length, lengths = int(value), lengths + 1
        elif lower == b"transfer-encoding" and value == b"chunked":
            length, lengths = None, lengths + 1
        elif lower in (b"content-length", b"transfer-encoding", b"upgrade", b"expect"):
            raise httpx.LocalProtocolError("A request has a header that would change what its bytes mean.")
    if lengths > 1:
        raise httpx.LocalProtocolError("A request tells the length of its body twice.")
    first = b"%b %b HTTP/1.1\r\n" % (request.method.encode(), request.url.raw_path)
    sent = b"%b%b\r\n" % (first, b"".join(lines))
    return checked(sent, len(lines)), length


def checked(head: bytes, lines: int) -> bytes:
    """A head that holds so many lines for headers, and nothing that would end one early."""
    if WELL_FORMED.fullmatch(head) is None or head.count(b"\n") != lines + 2:
        raise httpx.LocalProtocolError("A header, a method or an address has illegal characters.")
    return head


def whole(request: httpx.Request, length: int | None) -> bytes | None:
    """The body, where it is there as a whole and small."""
    if length is None or length > PIECE:
        return None
    if isinstance(request, Prepared):
        return request.content
    try:
        content = request.content
    except httpx.RequestNotRead:
        return None
    if len(content) != length:
        raise httpx.LocalProtocolError("A body is not as long as its head says.")
    return content


async def pieces(request: httpx.Request, length: int | None) -> Pieces:
    """The body piece by piece, as it goes over the connection. Raises LocalProtocolError."""
    left = length or 0
    async for part in cast("httpx.AsyncByteStream", request.stream):
        left -= len(part)
        if length is None:
            if part:  # an empty one would be the end
                yield b"%x\r\n%b\r\n" % (len(part), part)
            continue
        if left < 0:
            break
        for place in range(0, len(part), PIECE):
            yield memoryview(part)[place : place + PIECE]
    if length is None:
        yield b"0\r\n\r\n"
    elif left:
        raise httpx.LocalProtocolError("A body is not as long as its head says.")
