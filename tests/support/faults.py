"""What goes wrong between the gateway and a source, and what is sent then instead of an answer."""

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CANARY: Final = "canary-4fQ9"  # stands in every faulty body; it must be seen nowhere else
DRIP_SECONDS: Final = 0.05
RESET_SECONDS: Final = 0.01  # a reset takes away what has not been read yet
PADDING: Final = b'{"padding": "%b' % CANARY.encode() + b"x" * 10_000_000 + b'", '
END_OF_HEAD: Final = b"\r\n\r\n"


class Fault(StrEnum):
    """What goes wrong between the gateway and a source."""

    REFUSED = "refused connection"
    DNS = "DNS failure"  # no proxy does this one: the address of the source names no host
    CONNECT_HANG = "connect hang"
    READ_HANG = "read hang"
    DRIP = "slow drip"
    RESET_IN_HEADERS = "reset in headers"
    RESET_IN_BODY = "reset in body"
    TRUNCATED = "truncated JSON"
    GARBAGE = "garbage bytes"
    WRONG_TYPE = "wrong content type"
    LARGE_ANSWER = "10 MB answer"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    RATE_LIMITED = "429 with Retry-After"
    RATE_LIMITED_UNTIMED = "429 without Retry-After"
    BROKEN = "500"
    BAD_GATEWAY = "502 with HTML"
    UNAVAILABLE = "503"
    GRAPHQL_ERRORS = "200 with GraphQL errors"
    EMPTY = "200 with empty body"
    REDIRECT = "302 to elsewhere"


AT_THE_DOOR: Final = frozenset({Fault.REFUSED, Fault.CONNECT_HANG})  # no request is read
STATUSES: Final[Mapping[Fault, str]] = {
    Fault.UNAUTHORIZED: "401 Unauthorized",
    Fault.FORBIDDEN: "403 Forbidden",
    Fault.NOT_FOUND: "404 Not Found",
    Fault.RATE_LIMITED: "429 Too Many Requests",
    Fault.RATE_LIMITED_UNTIMED: "429 Too Many Requests",
    Fault.BROKEN: "500 Internal Server Error",
    Fault.BAD_GATEWAY: "502 Bad Gateway",
    Fault.UNAVAILABLE: "503 Service Unavailable",
    Fault.REDIRECT: "302 Found",
}
MADE_UP: Final = frozenset({*STATUSES, Fault.GARBAGE, Fault.WRONG_TYPE, Fault.EMPTY, Fault.GRAPHQL_ERRORS})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: of the emulator, or made up."""

    status: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)

    def head(self, *, keep: bool = True) -> bytes:
        """Everything before the body, whose whole length it promises."""
        told = (*self.headers, ("content-length", str(len(self.body))))
        told = told if keep else (*told, ("connection", "close"))
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in told)]
        return "\r\n".join(lines).encode("latin-1") + END_OF_HEAD


def made_up(fault: Fault, elsewhere: str, retry_after: int) -> Reply:
    """An answer without the source. Its texts stand wherever one of the vendors would put them."""
    text = f"{CANARY} {fault.name}"
    html = f"<html><body><h1>{text}</h1></body></html>".encode()
    told = {"message": text, "error": {"message": text, "fields": {text: [text]}}, "errors": [text]}
    status = STATUSES.get(fault, "200 OK")
    as_html = (("content-type", "text/html; charset=utf-8"),)
    if fault is Fault.GARBAGE:
        return Reply(status, bytes(range(256)) + text.encode())
    if fault is Fault.WRONG_TYPE or fault is Fault.BAD_GATEWAY:
        return Reply(status, html, as_html)
    if fault is Fault.EMPTY:
        return Reply(status, b"")
    if fault is Fault.GRAPHQL_ERRORS:
        error = {"message": text, "extensions": {"exception": text}}
        return Reply(status, json.dumps({"errors": [error], "data": None}).encode())
    reply = Reply(status, json.dumps(told).encode())
    if fault is Fault.REDIRECT:
        return Reply(status, reply.body, (*reply.headers, ("location", elsewhere)))
    if fault is Fault.RATE_LIMITED:
        return Reply(status, reply.body, (*reply.headers, ("retry-after", str(retry_after))))
    return reply


async def mangle(fault: Fault, reply: Reply, writer: asyncio.StreamWriter) -> None:
    """Send what the source has answered, but not as it should be."""
    half = len(reply.body) // 2
    if fault is Fault.RESET_IN_HEADERS:
        await _reset(writer, reply.head()[: len(reply.head()) // 2])
    elif fault is Fault.RESET_IN_BODY:
        await _reset(writer, reply.head() + reply.body[:half])
    elif fault is Fault.TRUNCATED:
        short = Reply(reply.status, reply.body[:half], reply.headers)
        writer.write(short.head() + short.body)
        await writer.drain()
    elif fault is Fault.LARGE_ANSWER:
        large = Reply(reply.status, PADDING + reply.body.lstrip()[1:], reply.headers)
        writer.write(large.head() + large.body)
        await writer.drain()
    elif fault is Fault.DRIP:  # the head at once: a time-out that is per read never ends the body
        writer.write(reply.head())
        for place in range(len(reply.body)):
            writer.write(reply.body[place : place + 1])
            await writer.drain()
            await asyncio.sleep(DRIP_SECONDS)
    else:
        raise ValueError(f"not for a proxy: {fault}")


async def _reset(writer: asyncio.StreamWriter, sent: bytes) -> None:
    """Send some bytes, then RST."""
    writer.write(sent)
    await writer.drain()
    await asyncio.sleep(RESET_SECONDS)
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
