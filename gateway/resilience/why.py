"""Why a connection failed: a word for the log, and words for callers.

Of the error itself nothing is told: its text may quote an address, a header or an answer.
"""

import socket
import ssl
from typing import Final, NamedTuple

import httpx


class Why(NamedTuple):
    """`says` follows "could not be reached: ", where that is said; `lasting`: it will stay so."""

    word: str
    says: str = ""
    lasting: bool = False


# What lies behind an httpx.ConnectError; the first that fits counts.
CAUSES: Final[tuple[tuple[type[BaseException], Why], ...]] = (
    (socket.gaierror, Why("dns", "its name could not be looked up")),
    (UnicodeError, Why("dns", "its name can be none", lasting=True)),
    (ssl.SSLCertVerificationError, Why("certificate", "its certificate is not trusted", lasting=True)),
    (ssl.SSLError, Why("tls", "it does not speak TLS as expected")),
    (ConnectionRefusedError, Why("refused", "nothing takes connections at its address")),
)
KINDS: Final[tuple[tuple[type[httpx.HTTPError], Why], ...]] = (
    (httpx.ConnectTimeout, Why("late")),
    (httpx.TimeoutException, Why("silent")),
    (httpx.ProxyError, Why("proxy", "the proxy does not lead there")),
    (httpx.RemoteProtocolError, Why("protocol", "it hung up, or what it answered is not HTTP")),
    (httpx.UnsupportedProtocol, Why("address", "its address can be none", lasting=True)),
    (httpx.LocalProtocolError, Why("address", "the request cannot be sent", lasting=True)),
)
UNREACHABLE: Final = Why("unreachable", "no way leads there")
BROKEN: Final = Why("broken", "the connection broke")


def why(broken: httpx.HTTPError) -> Why:
    """Why a connection failed."""
    cause = broken.__cause__
    for kind, found in KINDS:
        if isinstance(broken, kind):
            return found
    if not isinstance(broken, httpx.ConnectError):
        return BROKEN
    return next((found for kind, found in CAUSES if isinstance(cause, kind)), UNREACHABLE)
