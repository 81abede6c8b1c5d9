"""Requests whose bytes are written once are those that httpx would send."""

import httpx
import pytest

from gateway.network import sending
from gateway.network.prepared import Base, Prepared

HEADERS = {"accept": "application/json", "px-api-key": "key-7Jq2"}


def prepared(method: str = "GET", target: str = "/contacts?page=1", **more: object) -> Prepared:
    options = {"headers": HEADERS, "content": None, "extensions": {}, **more}
    return Prepared(method, Base("https://api.example.com:8443/v1"), target, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "content"),
    [("GET", None), ("DELETE", None), ("POST", b'{"name": "Imke"}'), ("POST", None), ("PUT", b"")],
)
def test_a_prepared_request_is_that_of_httpx(method: str, content: bytes | None) -> None:
    ours = prepared(method, content=content)
    theirs = httpx.Request(
        method, "https://api.example.com:8443/v1/contacts?page=1", headers=HEADERS, content=content
    )
    mine, length = sending.head(ours)
    theirs_head, theirs_length = sending.head(theirs)
    assert sorted(mine.lower().split(b"\r\n")) == sorted(theirs_head.lower().split(b"\r\n"))
    assert length == theirs_length
    assert sending.whole(ours, length) == sending.whole(theirs, theirs_length)
    assert (ours.method, ours.url, ours.content) == (theirs.method, theirs.url, theirs.content)
    assert sorted(ours.headers.multi_items()) == sorted(theirs.headers.multi_items())
    assert ours.base.origin == (True, "api.example.com", 8443)


@pytest.mark.parametrize(
    "headers",
    [
        {"px-api-key": "key\r\nx-more: 1"},
        {"px-api-key": "key\n"},
        {"px-api-key": "kéy→"},
        {"px-api-key": "key\x00"},
        {"px api key": "key"},
        {"content-length": "7"},
        {"Transfer-Encoding": "chunked"},
        {"": "key"},
    ],
)
def test_a_header_that_would_change_what_is_sent_is_refused_and_not_quoted(headers: dict[str, str]) -> None:
    with pytest.raises(httpx.LocalProtocolError) as raised:
        sending.head(prepared(headers=headers))
    assert "key" not in str(raised.value)


@pytest.mark.parametrize(
    "target", ["/contacts HTTP/1.1\r\nx: 1", "/con tacts", "/contacts\x7f", "contacts\n"]
)
def test_an_address_that_would_is_too(target: str) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        sending.head(prepared(target=target))


def test_where_it_leads_to_is_told_when_it_is_sent() -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        _ = Base("ftp://api.example.com").origin
