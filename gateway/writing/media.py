"""Links to media, which a source fetches: they must not lead it, or anybody, into a private network.

The gateway itself fetches nothing. What a name stands for is looked up once, before the link is handed on: a
name that stands for another address later, or a host that redirects, is only kept out by a list of hosts.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

LONGEST: Final = 2_048
LOOKUP_SECONDS: Final = 2.0
NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
PRIVATE: Final = "This host is not public: it stands for an address of a private network."

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses that a name stands for; none where that is not known."""


@dataclass(frozen=True, slots=True)
class Media:
    """Which links are handed on: to `hosts` alone where there are any, else to whatever is public."""

    resolve: Resolve
    hosts: tuple[str, ...] = ()

    async def fault(self, url: str) -> str | None:
        """Why a link is not handed on."""
        if len(url) > LONGEST:
            return f"At most {LONGEST} signs are taken."
        if not is_public_url(url):
            return "Give an http or https address that can be reached from anywhere."
        host = (urlsplit(url).hostname or "").lower()
        if self.hosts:
            listed = any(host == each or (each[:1] == "." and host.endswith(each)) for each in self.hosts)
            return None if listed else "Links to this host are not taken."
        addresses = await self.resolve(host)
        return None if all(is_public(each) for each in addresses) else PRIVATE


async def by_dns(host: str) -> list[str]:
    """The addresses of a name, from the resolver of the system, on a thread."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return []
    return [str(each[4][0]) for each in found]


def is_public(address: str) -> bool:
    """Whether an IP address, in whatever packing, can be reached from anywhere."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if inner is None and found in NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


def is_public_url(text: str) -> bool:
    """Whether a text is a web address with a host that could be reached from anywhere."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc or port == 0:
        return False
    if not text.isprintable() or " " in text or "\\" in text:
        return False
    letters = host.rpartition(".")[2]  # a last label of letters is neither an IPv4 nor an IPv6 address
    named = letters.isalpha() or letters.startswith("xn--")
    return "." in host and named and letters not in {"local", "localhost", "internal"}
