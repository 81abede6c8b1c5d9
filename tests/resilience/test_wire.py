"""JSON over HTTP: what is sent, and what the statuses and bodies of answers mean."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlencode

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway import deadline
from gateway.cache.known import SMALLEST, Known
from gateway.errors import (
    GatewayError,
    UpstreamAuth,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from gateway.resilience.budget import Budget
from gateway.resilience.policy import Policy
from gateway.resilience.transport import UpstreamTransport
from gateway.resilience.wire import Answer, Credential, Wire, nests_deeper, parameters, segment
from tests.support.sources import shown

KEY = "key-7Jq2-that-nobody-may-see"
BODY = "Ada Lovelace, ada@example.com"


class Vendor:
    """Answers every request alike, and keeps them."""

    def __init__(
        self, status: int = 200, body: bytes = b"{}", headers: Mapping[str, str] | None = None
    ) -> None:
        self._answer = (status, body, headers)
        self.requests: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        status, body, headers = self._answer
        return httpx.Response(status, headers=headers, content=body)

    @property
    def request(self) -> httpx.Request:
        (only,) = self.requests
        return only


def wire(vendor: Vendor, address: str = "https://api.example.com/v1", known: Known | None = None) -> Wire:
    inner = httpx.MockTransport(vendor)
    transport = UpstreamTransport("PACKAGEX", inner, Budget(None, 60.0), Policy(), dice=lambda: 0.0)
    return Wire(transport, address, Credential({"px-api-key": KEY}), known or Known(0))


async def failure(vendor: Vendor) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        await wire(vendor).send("getContact", "GET", ("contacts", 5))
    return raised.value


# What is sent.


@pytest.mark.parametrize("address", ["https://api.example.com/v1", "https://api.example.com/v1/"])
async def test_a_request_goes_below_the_address_with_the_key(address: str) -> None:
    vendor = Vendor()
    await wire(vendor, address).send("getContact", "GET", ("contacts", 5))
    assert vendor.request.method == "GET"
    assert str(vendor.request.url) == "https://api.example.com/v1/contacts/5"
    assert vendor.request.headers["px-api-key"] == KEY
    assert vendor.request.headers["accept"] == "application/json"
    assert vendor.request.headers["accept-encoding"] == "gzip, br"
    assert vendor.request.headers["host"] == "api.example.com"
    assert "content-type" not in vendor.request.headers


async def test_a_body_is_json_and_says_so() -> None:
    vendor = Vendor()
    await wire(vendor).send("updatePerson", "POST", ("contacts",), json={"name": "Zoë", "email": None})
    assert vendor.request.headers["content-type"] == "application/json"
    assert vendor.request.content == '{"name":"Zoë","email":null}'.encode()
    assert vendor.request.headers["content-length"] == str(len(vendor.request.content))


@pytest.mark.parametrize("empty", [{}, [], "", 0, False])
async def test_an_empty_body_is_a_body_all_the_same(empty: Any) -> None:
    vendor = Vendor()
    await wire(vendor).send("updatePerson", "POST", ("contacts",), json=empty)
    assert vendor.request.content in {b"{}", b"[]", b'""', b"0", b"false"}


async def test_a_post_without_a_body_has_none() -> None:
    vendor = Vendor()
    await wire(vendor).send("addContactTag", "POST", ("contacts", 5, "tags", 7))
    assert vendor.request.content == b""
    assert vendor.request.headers["content-length"] == "0"


async def test_a_value_of_the_query_cannot_become_another_parameter() -> None:
    vendor = Vendor()
    query: dict[str, str | int] = {"search": "a&type=group#x?limit=9+%2B \r\nx: y", "page": 2}
    await wire(vendor).send("listContacts", "GET", ("contacts",), query=query)
    assert dict(vendor.request.url.params) == {**query, "page": "2"}
    assert vendor.request.url.raw_path.startswith(b"/v1/contacts?search=a%26type%3Dgroup%23x%3Flimit%3D9%2B")


@pytest.mark.parametrize("safe", [True, False])
async def test_whether_a_repeat_is_safe_and_the_operation_travel_with_the_request(safe: bool) -> None:
    vendor = Vendor()
    await wire(vendor).send("getContact", "GET", ("contacts",), safe=safe)
    assert vendor.request.extensions["safe"] is safe
    assert vendor.request.extensions["operation"] == "getContact"


async def test_one_request_leaves_nothing_behind_for_the_next() -> None:
    vendor = Vendor()
    sender = wire(vendor)
    await sender.send("createPerson", "POST", ("contacts",), query={"a": 1}, json={"name": "Ada"})
    await sender.send("getContact", "GET", ("contacts", 5))
    assert "content-type" not in vendor.requests[1].headers
    assert vendor.requests[1].url.query == b""
    assert vendor.requests[1].content == b""


# Parts of a path.

HOSTILE = [
    "../groups",
    "1/fire",
    "1?admin=true",
    "1#x",
    "1;x",
    "%2e%2e",
    "%2e%2e%2fgroups",
    "..%2f",
    "1\\..\\2",
    "1\r\nx-evil: 1",
    "1\0",
    " ",
    "...",
    "//example.com",
    "@example.com",
    "é漢字\u202e",
    "a" * 10_000,
]


@pytest.mark.parametrize("part", HOSTILE)
async def test_a_part_of_a_path_stays_one_segment(part: str) -> None:
    vendor = Vendor()
    await wire(vendor).send("getContact", "GET", ("contacts", part, "info"))
    raw = vendor.request.url.raw_path.decode("ascii")
    assert raw.isprintable()
    assert [unquote(each) for each in raw.split("/")] == ["", "v1", "contacts", part, "info"]
    assert vendor.request.url.host == "api.example.com"
    assert not {"x-evil", "x"} & set(vendor.request.headers)


@pytest.mark.parametrize("part", ["", ".", ".."])
async def test_a_part_that_is_a_step_to_another_path_is_never_sent(part: str) -> None:
    vendor = Vendor()
    with pytest.raises((ValueError, GatewayError)):
        await wire(vendor).send("getContact", "GET", ("contacts", part))
    assert vendor.requests == []


@given(st.text(max_size=60))
@example("%2e")
@example(".\u200b.")
@settings(max_examples=200, deadline=None, database=None)
def test_whatever_a_part_holds_it_is_one_segment_and_comes_out_as_it_was(part: str) -> None:
    if part in {"", ".", ".."}:
        return
    url = httpx.URL(f"https://api.example.com/v1/contacts/{segment(part)}/info")
    path = url.raw_path.decode("ascii")
    assert [unquote(each) for each in path.split("/")] == ["", "v1", "contacts", part, "info"]
    assert set(path) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%/_.-~")
    assert (url.query, url.fragment, url.host) == (b"", "", "api.example.com")


# Files.


async def test_a_file_is_sent_as_a_form_with_the_key() -> None:
    vendor = Vendor(body=b'{"fileUuid": "1"}')
    files = {"uploadFile": ("people.csv", b"Name\nAda\n", "text/csv")}
    answer = await wire(vendor).upload("csvUpload", ("csv", "upload"), files)
    assert answer == Answer(200, {"fileUuid": "1"})
    assert vendor.request.method == "POST"
    assert vendor.request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert vendor.request.headers["px-api-key"] == KEY
    assert b'name="uploadFile"; filename="people.csv"\r\nContent-Type: text/csv' in vendor.request.content
    assert b"\r\n\r\nName\nAda\n\r\n" in vendor.request.content
    assert not vendor.request.extensions.get("safe")


async def test_the_name_of_a_file_cannot_add_a_header_or_a_part() -> None:
    vendor = Vendor()
    name = 'a"\r\nContent-Type: text/html\r\n\r\n--x\r\n'
    await wire(vendor).upload("csvUpload", ("upload",), {"uploadFile": (name, b"1", "text/csv")})
    head = vendor.request.content.split(b"\r\n\r\n")[0]
    assert head.count(b"\r\n") == 2
    assert b"text/html" not in head.split(b"\r\n")[2]


# What comes back.


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, UpstreamAuth),
        (403, UpstreamAuth),
        (429, UpstreamRateLimited),
        (500, UpstreamUnavailable),
        (502, UpstreamUnavailable),
        (503, UpstreamUnavailable),
        (504, UpstreamUnavailable),
        (599, UpstreamUnavailable),
        (300, UpstreamBadResponse),
        (301, UpstreamBadResponse),
        (302, UpstreamBadResponse),
        (304, UpstreamBadResponse),
        (307, UpstreamBadResponse),
        (308, UpstreamBadResponse),
    ],
)
@pytest.mark.parametrize("body", [b"{}", b"", b"<html>", BODY.encode()])
async def test_a_status_has_its_error_whatever_the_body(
    status: int, kind: type[UpstreamError], body: bytes
) -> None:
    error = await failure(Vendor(status, body, {"location": f"https://elsewhere.example/{KEY}"}))
    assert type(error) is kind
    assert error.source == "PACKAGEX"
    assert str(status) in error.message
    for part in (KEY, BODY, "elsewhere", "<html>"):
        assert part not in shown(error)


@pytest.mark.parametrize("status", [200, 201, 202, 400, 404, 405, 409, 410, 413, 422])
async def test_other_statuses_come_with_their_json(status: int) -> None:
    answer = await wire(Vendor(status, b'{"id": 5}')).send("getContact", "GET", ("contacts", 5))
    assert answer == Answer(status, {"id": 5})


@pytest.mark.parametrize("status", [429, 503])
async def test_the_time_that_a_source_names_is_passed_on(status: int) -> None:
    error = await failure(Vendor(status, headers={"retry-after": "17"}))
    assert error.retry_after == 17.0
    assert error.extensions["retryAfterSeconds"] == 17.0
    assert error.extensions["retryable"] is True


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<html>" + BODY.encode(),
        b'{"data": [',
        b'{"name": "' + BODY.encode() + b'"} trailing',
        b'{"name": NaN}',
        b'{"name": "\xff"}',
        b"\xef\xbb\xbf{}",
        '{"name": "Ada"}'.encode("utf-16"),
    ],
)
async def test_what_is_not_json_is_a_bad_response_and_is_not_quoted(body: bytes) -> None:
    error = await failure(Vendor(200, body))
    assert type(error) is UpstreamBadResponse
    assert error.source == "PACKAGEX"
    assert BODY not in shown(error)
    assert error.__suppress_context__  # what could not be read holds the whole body


@pytest.mark.parametrize(
    "body", [b"null", b"[]", b"5", b'"text"', b"true", b'{"a": 1}', b"[" * 500 + b"]" * 500]
)
async def test_json_of_any_shape_is_handed_on(body: bytes) -> None:
    answer = await wire(Vendor(200, body)).send("getContact", "GET", ("contacts", 5))
    assert answer.status == 200


def test_a_broken_contract_is_told_with_its_source() -> None:
    error = wire(Vendor()).strange("a page without a list")
    assert type(error) is UpstreamBadResponse
    assert (error.source, error.message) == ("PACKAGEX", "PACKAGEX sent a page without a list.")


@given(st.dictionaries(st.text(), st.text() | st.integers()))
@example({"page": 1, "order by": "first name", "ß": "٣", "q": "a&b=c+d/%", "": ""})
def test_parameters_are_written_as_forms_write_them(query: dict[str, str | int]) -> None:
    assert parameters(query) == urlencode(query)


@pytest.mark.parametrize(
    ("text", "deeper"),
    [
        (b"[" * 64 + b"]" * 64, False),
        (b"[" * 65 + b"]" * 65, True),
        (b'{"a":' * 64 + b"1" + b"}" * 64, False),
        (b'{"a":' * 65 + b"1" + b"}" * 65, True),
        (b'["' + b"[{" * 500 + b'"]', False),
        (b'["' + b"[{" * 500 + b'",' + b"[" * 64 + b"]" * 64 + b"]", True),
        (b'["\\"' + b"[" * 100 + b'"]', False),
        (b"[" * 100_000, True),
        (b"nothing of the kind", False),
    ],
)
def test_json_that_nests_too_deep_is_known_before_it_is_read(text: bytes, deeper: bool) -> None:
    assert nests_deeper(text, 64) is deeper


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/graphql-response+json", True),
        ("text/json", True),
        ("", True),
        ("text/html", False),
        ("text/html; x=application/json", False),
        ("application/jsonlines", False),
    ],
)
async def test_an_answer_has_to_call_itself_json(kind: str, taken: bool) -> None:
    vendor = Vendor(headers={"content-type": kind} if kind else {})
    if taken:
        assert (await wire(vendor).send("getContact", "GET", ("contacts", 5))).json == {}
    else:
        assert type(await failure(vendor)) is UpstreamBadResponse


def lists(answer: Any) -> list[list[Any]]:
    """The list of a page."""
    return [answer["data"]]


async def test_an_answer_that_comes_again_is_read_once() -> None:
    page = b'{"data": [{"id": "a"}]}' + b" " * SMALLEST
    asked = wire(Vendor(body=page), known=Known(10**6))
    found = [
        (await asked.send("listContacts", "GET", ("contacts",), safe=True, lists=lists)).json
        for _ in range(4)
    ]
    assert found[0] == found[1] == found[2] == found[3] == {"data": [{"id": "a"}]}
    assert found[1] is found[2] is found[3]


async def test_what_is_odd_is_refused_however_often_it_comes() -> None:
    vendor = Vendor(body=b"[" * SMALLEST + b"]" * SMALLEST)
    asked = wire(vendor, known=Known(10**6))
    for _ in range(4):
        with pytest.raises(UpstreamBadResponse):
            await asked.send("listContacts", "GET", ("contacts",), safe=True, lists=lists)


async def test_a_scan_leaves_nothing_behind() -> None:
    known = Known(10**6)
    asked = wire(Vendor(body=b'{"data": []}' + b" " * SMALLEST), known=known)
    with deadline.within(10.0, background=True):
        for _ in range(3):
            await asked.send("listContacts", "GET", ("contacts",), safe=True, lists=lists)
    assert known.used_bytes == 0
    for _ in range(3):
        await asked.send("listContacts", "GET", ("contacts",), safe=True, lists=lists)
    assert known.used_bytes > 0
