"""Why a connection failed is told in words of ours, to callers and in the log."""

import socket
import ssl
from typing import Any

import httpx
import pytest

from gateway.errors import UpstreamUnavailable
from gateway.events import UpstreamCalled
from gateway.network.tunnel import NoTunnel
from gateway.resilience.why import why
from tests.resilience.test_transport import Inner, Stream, failure, heard, over, request, streamed

SAYS: list[tuple[BaseException | None, str, str, int]] = [
    (
        socket.gaierror(-2, "Name or service not known"),
        "dns",
        "its name could not be looked up. Try again later.",
        3,
    ),
    (UnicodeError("label too long"), "dns", "its name can be none.", 1),
    (ssl.SSLCertVerificationError(1, "self-signed"), "certificate", "its certificate is not trusted.", 1),
    (
        ssl.SSLError(1, "WRONG_VERSION_NUMBER"),
        "tls",
        "it does not speak TLS as expected. Try again later.",
        3,
    ),
    (
        ConnectionRefusedError(111, "x"),
        "refused",
        "nothing takes connections at its address. Try again later.",
        3,
    ),
    (OSError(113, "No route to host"), "unreachable", "no way leads there. Try again later.", 3),
    (None, "unreachable", "no way leads there. Try again later.", 3),
]


def refused(cause: BaseException | None) -> httpx.ConnectError:
    broken = httpx.ConnectError("No connection.")
    broken.__cause__ = cause
    return broken


@pytest.mark.parametrize(("cause", "word", "says", "times"), SAYS)
async def test_what_keeps_a_source_from_being_reached_is_told(
    cause: BaseException | None, word: str, says: str, times: int
) -> None:
    inner = Inner(refused(cause))
    transport = over(inner)
    told = await heard(transport, request())
    calls = [each for each in told if isinstance(each, UpstreamCalled)]
    assert {each.why for each in calls} == {word}
    assert len(calls) == times  # what will be the same in a moment is not tried again
    error = await failure(over(Inner(refused(cause))).handle_async_request(request()))
    assert error.message == f"PACKAGEX could not be reached: {says}"


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        (httpx.ConnectTimeout(""), "late"),
        (httpx.ReadTimeout(""), "silent"),
        (httpx.WriteTimeout(""), "silent"),
        (httpx.RemoteProtocolError(""), "protocol"),
        (httpx.ReadError(""), "broken"),
        (httpx.WriteError(""), "broken"),
        (httpx.LocalProtocolError(""), "address"),
        (httpx.UnsupportedProtocol(""), "address"),
        (NoTunnel("The outgoing proxy is not there."), "proxy"),
    ],
)
def test_each_kind_has_a_word(broken: httpx.HTTPError, word: str) -> None:
    assert why(broken).word == word


async def test_an_answer_that_has_begun_is_told_as_one_that_broke_off() -> None:
    inner = Inner(streamed(Stream([b"{"], broken=httpx.ReadError("gone"))))
    error = await failure(over(inner, attempts=1).handle_async_request(request()))
    assert isinstance(error, UpstreamUnavailable)
    assert error.message == "The answer of PACKAGEX broke off. Try again later."


async def test_a_call_that_went_well_has_no_why() -> None:
    told: list[Any] = await heard(over(Inner(httpx.Response(200))), request())
    assert [each.why for each in told] == [None]
