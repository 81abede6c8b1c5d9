"""The way to a source through an HTTP proxy: a tunnel that CONNECT asks for (RFC 9110, 9.3.6).

TLS begins inside it, so the proxy learns the name and port of a source, and nothing of any request.
"""

import asyncio
import re
import socket
from base64 import b64encode
from typing import Final

import httpx

from gateway.network import opening, sending
from gateway.network.prepared import Origin
from gateway.setting import Proxy

END: Final = b"\r\n\r\n"
HEAD: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n\0]*)?(?:\r\n[^\r\n\0:]+:[^\r\n\0]*)*")
HEAD_BYTES: Final = 16 * 1024  # of all that a proxy says before a tunnel is open


class NoTunnel(httpx.ProxyError):
    """The proxy leads nowhere; the text quotes nothing of it. `lasting` where it would say the same again."""

    def __init__(self, text: str, *, lasting: bool = False) -> None:
        super().__init__(text)
        self.lasting = lasting


async def connect(proxy: Proxy, origin: Origin) -> socket.socket:
    """A socket that leads to a source. Raises NoTunnel."""
    head = _head(proxy, origin)
    try:
        found = await opening.connect(proxy.host, proxy.port)
    except (OSError, UnicodeError):
        raise NoTunnel("The outgoing proxy is not there.") from None
    try:
        await asyncio.get_running_loop().sock_sendall(found, head)
        _check(await _status(found))
    except BaseException as broken:
        found.close()
        if isinstance(broken, OSError):
            raise NoTunnel("The connection to the outgoing proxy broke.") from None
        raise
    return found


def _head(proxy: Proxy, origin: Origin) -> bytes:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    place = f"{host}:{origin.port}".encode("ascii")
    lines = [b"Host: %b\r\n" % place]
    if proxy.credentials:
        lines.append(b"Proxy-Authorization: Basic %b\r\n" % b64encode(proxy.credentials.reveal().encode()))
    return sending.checked(b"CONNECT %b HTTP/1.1\r\n%b\r\n" % (place, b"".join(lines)), len(lines))


async def _status(found: socket.socket) -> int:
    """What the proxy answers, after whatever only says that it will. Raises NoTunnel, and OSError."""
    held, left = b"", HEAD_BYTES
    while left and (part := await asyncio.get_running_loop().sock_recv(found, left)):
        left -= len(part)
        held += part
        while END in held:
            head, _, held = held.partition(END)
            match = HEAD.fullmatch(head)
            if match is None:
                raise NoTunnel("The outgoing proxy does not speak HTTP/1.1.")
            status = int(match[1])
            if 200 <= status < 300 and held:  # the source only speaks when it is spoken to
                raise NoTunnel("The outgoing proxy says more than it was asked for.")
            if status >= 200:
                return status
    raise NoTunnel("The outgoing proxy does not answer as HTTP/1.1 wants it.")


def _check(status: int) -> None:
    """Whether there is a tunnel. Raises NoTunnel."""
    if status == 407:
        raise NoTunnel("The outgoing proxy refuses the gateway's credentials (407).", lasting=True)
    if status >= 300:
        raise NoTunnel(f"The outgoing proxy opens no way there ({status}).", lasting=status < 500)
