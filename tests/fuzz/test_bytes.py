"""Bytes, headers and JSON without sense: never a fault of ours, always an answer in form."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.form import check
from tests.support import world as worlds

AGAIN = settings(
    max_examples=80,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
HONEST: dict[str, Any] = {
    "query": "query a($id: ID!, $n: Int = 3) { node(id: $id) { id } contacts(first: $n) { nodes { id } } }",
    "operationName": "a",
    "variables": {"id": "x", "n": 2},
    "extensions": {"explain": True},
}
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=20),
    ),
    lambda below: st.one_of(
        st.lists(below, max_size=4), st.dictionaries(st.text(max_size=8), below, max_size=4)
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    [
        "application/json", "application/json; charset=utf-8", "application/json;charset=utf-16",
        "text/plain",
        "multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded",
        "application/graphql", "application/json" * 50, 'multipart/form-data; boundary="', "\xff", "",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.text(alphabet=st.characters(codec="latin-1", exclude_characters="\x00\r\n"), max_size=60),
    st.sampled_from(["0", "-1", "1" * 400, "x" * 5_000, "null", "\t", "no-cache, max-age=9", "*/*;q=", "1"]),
)
NAMES = st.sampled_from(
    "accept accept-encoding cache-control cookie idempotency-key if-none-match range traceparent "
    "tracestate x-api-key authorization x-deadline-ms x-explain x-partial x-request-id user-agent te expect "
    "content-encoding x-http-method-override sec-fetch-site origin referer graphql-require-preflight".split()
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "OPTIONS", "HEAD", "DELETE", "PROPFIND", "post"])
PATHS = st.sampled_from(
    ["/graphql", "/", "/healthz", "/readyz", "/metrics", "/schema.graphql", "/graphql/", "//"]
)


class Asked:
    """A gateway, and a loop of its own to ask it in."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.world = worlds.build(20)

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def sent() -> httpx.Response:
            async with asyncio.timeout(30):
                return await self.world.client.request(method, path, **more)

        return self.runner.run(sent())

    def close(self) -> None:
        self.runner.run(worlds.close(self.world))
        self.runner.close()


@pytest.fixture(scope="module")
def gateway() -> Iterator[Asked]:
    found = Asked()
    yield found
    found.close()


@AGAIN
@given(body=st.binary(max_size=200), kind=KINDS)
def test_any_bytes_are_answered_in_form(gateway: Asked, body: bytes, kind: str) -> None:
    headers = {"content-type": kind.encode("latin-1")}
    check(gateway.send("POST", "/graphql", content=body, headers=headers), (body, kind))


@AGAIN
@given(
    place=st.integers(0, len(orjson.dumps(HONEST)) - 1),
    length=st.integers(0, 12),
    put=st.one_of(
        st.binary(max_size=12), st.sampled_from([b"\\u0000", b"\\ud800", b"{" * 9, b"}" * 9, b'"', b"$"])
    ),
)
def test_honest_json_with_holes_is_answered_in_form(
    gateway: Asked, place: int, length: int, put: bytes
) -> None:
    honest = orjson.dumps(HONEST)
    body = honest[:place] + put + honest[place + length :]
    headers = {"content-type": "application/json"}
    check(gateway.send("POST", "/graphql", content=body, headers=headers), body)


@AGAIN
@given(st.dictionaries(st.sampled_from([*HONEST, "id", "persistedQuery", "documentId"]), JSON))
def test_any_members_are_answered_in_form(gateway: Asked, members: dict[str, Any]) -> None:
    check(gateway.send("POST", "/graphql", json={**HONEST, **members}), members)


@AGAIN
@given(st.dictionaries(st.sampled_from(["id", "n", "more"]), JSON), JSON)
def test_any_variables_are_answered_in_form(gateway: Asked, variables: dict[str, Any], value: Any) -> None:
    check(gateway.send("POST", "/graphql", json={**HONEST, "variables": variables}), variables)
    query = (
        "query ($f: ContactFilter, $o: ContactOrder, $s: [Source!]) "
        "{ contacts(filter: $f, orderBy: $o, sources: $s) { totalCount } }"
    )
    body = {"query": query, "variables": {"f": value, "o": value, "s": value}}
    check(gateway.send("POST", "/graphql", json=body), value)


@AGAIN
@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_any_headers_are_answered_in_form(gateway: Asked, headers: dict[str, str]) -> None:
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    check(gateway.send("POST", "/graphql", json=HONEST, headers=sent), headers)


@AGAIN
@given(
    METHODS,
    PATHS,
    st.dictionaries(
        st.sampled_from([*HONEST, "x"]), st.text(alphabet=st.characters(codec="utf-8"), max_size=40)
    ),
)
def test_any_method_path_and_parameters_are_no_fault(
    gateway: Asked, method: str, path: str, parameters: dict[str, str]
) -> None:
    answer = gateway.send(method, path, params=parameters, headers={"accept": "application/json"})
    assert answer.status_code < 500
    if path == "/graphql" and method in {"GET", "POST"}:
        check(answer, parameters)


@AGAIN
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["operations", "map", "0", "x"]),
            st.one_of(st.binary(max_size=60), JSON.map(orjson.dumps), st.just(orjson.dumps(HONEST))),
        ),
        max_size=4,
    )
)
def test_any_form_is_answered_in_form(gateway: Asked, parts: list[tuple[str, bytes]]) -> None:
    files = [(name, (None if name in {"operations", "map"} else "a.csv", content)) for name, content in parts]
    check(gateway.send("POST", "/graphql", files=files or {"x": b""}), parts)
