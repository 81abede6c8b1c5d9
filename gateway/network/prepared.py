"""Requests whose bytes are written where they are made, once.

httpx takes an address apart, puts headers into a list and looks through both several times for each request.
Almost all of that is the same for every request to one source.
"""

import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

import httpx

PORTS: Final = {"http": 80, "https": 443}
TARGET: Final = re.compile(rb"/[!-~]*")
NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE: Final = re.compile(r"[\t -~\x80-\xff]*")
FRAMING: Final = frozenset({"content-length", "transfer-encoding", "upgrade", "expect"})
NO_BODY: Final = frozenset({"GET", "HEAD", "DELETE"})  # of which no length is told where there is none


class Origin(NamedTuple):
    """Where a connection leads to."""

    tls: bool
    host: str
    port: int


class Base:
    """An address that requests begin with, taken apart."""

    def __init__(self, address: str) -> None:
        url = httpx.URL(address)
        self.url = url
        self.host = url.netloc.decode("ascii")
        self.path = url.raw_path.rstrip(b"/")
        self.root = f"{url.scheme}://{self.host}"

    @cached_property
    def origin(self) -> Origin:
        """Where it leads to. Raises UnsupportedProtocol."""
        return origin_of(self.url)


class Prepared(httpx.Request):
    """A request below a base. What httpx's own have is made where somebody looks for it.

    `target` is the path below the base, with a query if there is one, quoted already.
    """

    _url: httpx.URL | None = None
    _headers: httpx.Headers | None = None

    def __init__(
        self,
        method: str,
        base: Base,
        target: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None,
        extensions: dict[str, Any],
    ) -> None:
        self.method = method
        self.base = base
        self.target = base.path + target.encode("ascii")
        self.extensions = extensions
        self._fields = headers
        self._content = content or b""
        self._told = content is not None or method not in NO_BODY

    @property
    def url(self) -> httpx.URL:  # type: ignore[override]
        """The whole address."""
        if self._url is None:
            self._url = httpx.URL(self.base.root + self.target.decode("ascii"))
        return self._url

    @property
    def headers(self) -> httpx.Headers:  # type: ignore[override]
        """All headers."""
        if self._headers is None:
            self._headers = httpx.Headers(self._all())
        return self._headers

    @property
    def content(self) -> bytes:
        """The body as a whole."""
        return self._content

    @property
    def stream(self) -> httpx.ByteStream:  # type: ignore[override]
        """The body."""
        return httpx.ByteStream(self._content)

    def head(self) -> bytes:
        """The head as it is sent. Raises LocalProtocolError, whose text quotes nothing: it may be a key."""
        if TARGET.fullmatch(self.target) is None:
            raise httpx.LocalProtocolError("An address has illegal characters.")
        lines = _lines(self.base.host, *self._fields.items())
        length = b"content-length: %d\r\n" % len(self._content) if self._told else b""
        return b"%b %b HTTP/1.1\r\n%b%b\r\n" % (self.method.encode(), self.target, lines, length)

    def _all(self) -> list[tuple[str, str]]:
        found = [("host", self.base.host), *self._fields.items()]
        if self._told:
            found.append(("content-length", str(len(self._content))))
        return found


@lru_cache(maxsize=16)  # they are the same for every request to one source
def _lines(host: str, *fields: tuple[str, str]) -> bytes:
    """Headers as they are sent. What would change their meaning is refused."""
    lines = []
    for name, value in (("host", host), *fields):
        if NAME.fullmatch(name) is None or VALUE.fullmatch(value) is None or name.lower() in FRAMING:
            raise httpx.LocalProtocolError("A header has illegal characters.")
        lines.append(f"{name}: {value}\r\n".encode("latin-1"))
    return b"".join(lines)


def origin_of(url: httpx.URL) -> Origin:
    """Where an address leads to. Raises UnsupportedProtocol."""
    port = PORTS.get(url.scheme)
    if port is None:
        raise httpx.UnsupportedProtocol("Only http and https can be spoken.")
    return Origin(url.scheme == "https", url.raw_host.decode("ascii"), url.port or port)
