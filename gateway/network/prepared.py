"""Requests whose bytes are written where they are made, once.

httpx takes an address apart, puts headers into a list and looks through both several times for each request.
Almost all of that is the same for every request to one source.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

import httpx

PORTS: Final = {"http": 80, "https": 443}
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
        self._url: httpx.URL | None = None
        self._headers: httpx.Headers | None = None

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
    def stream(self) -> httpx.ByteStream:  # type: ignore[override]
        """The body."""
        return httpx.ByteStream(self._content)

    @property
    def lines(self) -> int:
        """How many headers there are."""
        return len(self._fields) + 1 + self._told

    def head(self) -> bytes:
        """The head as it is sent. Whoever sends it looks for what would change its meaning."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in self._all()])
        try:
            return b"%b %b HTTP/1.1\r\n%b\r\n" % (self.method.encode(), self.target, lines.encode("latin-1"))
        except UnicodeEncodeError:
            raise httpx.LocalProtocolError("A header has illegal characters.") from None

    def _all(self) -> list[tuple[str, str]]:
        found = [("host", self.base.host), *self._fields.items()]
        if self._told:
            found.append(("content-length", str(len(self._content))))
        return found


def origin_of(url: httpx.URL) -> Origin:
    """Where an address leads to. Raises UnsupportedProtocol."""
    port = PORTS.get(url.scheme)
    if port is None:
        raise httpx.UnsupportedProtocol("Only http and https can be spoken.")
    return Origin(url.scheme == "https", url.raw_host.decode("ascii"), url.port or port)
