"""One HTTP request in, one answer out: statuses, media types, headers and bodies of the public contract."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.conftest import Build
from tests.support.world import World

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
SOURCES = "{ sources { source } }"
BODY = {"query": SOURCES}
GENERATED_ID = re.compile("[0-9a-f]{32}")


def code(response: httpx.Response) -> str:
    [error] = response.json()["errors"]
    return str(error["extensions"]["code"])


async def post(world: World, content: bytes, kind: str | None = JSON, accept: str = JSON) -> httpx.Response:
    headers = {"accept": accept} | ({"content-type": kind} if kind is not None else {})
    return await world.client.post("/graphql", content=content, headers=headers)


@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_data_is_answered_in_the_type_that_was_asked_for(fresh: World, accept: str) -> None:
    response = await fresh.client.post("/graphql", json=BODY, headers={"accept": accept})
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{accept}; charset=utf-8"
    assert response.headers["vary"] == "Accept"
    assert [each["source"] for each in response.json()["data"]["sources"]] == [
        "SAMESPACE",
        "PACKAGEX",
        "SMART_SENDER",
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "# nothing"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nope }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "type A { a: Int }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query ($a: Int!) { contacts(first: $a) { nodes { id } } }"}, "BAD_USER_INPUT"),
        ({"query": f"query a {SOURCES}", "operationName": "b"}, "BAD_USER_INPUT"),
        ({"query": f"query a {SOURCES} query b {SOURCES}"}, "BAD_USER_INPUT"),
        ({"query": "{" + " ".join(f"a{n}: __typename" for n in range(10_000)) + "}"}, "QUERY_TOO_COMPLEX"),
    ],
)
@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (GRAPHQL, 400)])
async def test_an_operation_that_cannot_run_is_400_but_200_for_the_older_type(
    fresh: World, body: dict[str, Any], expected: str, accept: str, status: int
) -> None:
    response = await fresh.client.post("/graphql", json=body, headers={"accept": accept})
    assert response.status_code == status
    assert code(response) == expected
    assert "data" not in response.json()
    assert fresh.calls == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"1",
        b"null",
        b'"text"',
        b"[]",
        b'[{"query": "{ sources { source } }"}]',
        b"{}",
        b'{"query": null}',
        b'{"query": 1}',
        b'{"query": "  "}',
        b'{"query": "{ sources { source } }", "variables": "{}"}',
        b'{"query": "{ sources { source } }", "variables": []}',
        b'{"query": "{ sources { source } }", "extensions": [1]}',
        b'{"query": "{ sources { source } }", "operationName": 1}',
        b'{"query": "{ sources { source } }", "variables": {"a": NaN}}',
        b'{"query": "{ sources { source } } #\xff"}',
        b'{"query": "{ sources { source } } #\\ud800"}',
        b'{"query": "", "variables": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    ],
    ids=lambda content: content[:60].decode("latin-1"),
)
@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_a_body_that_is_no_graphql_request_is_refused(
    fresh: World, content: bytes, accept: str
) -> None:
    response = await post(fresh, content, accept=accept)
    assert response.status_code == 400
    assert code(response) == "BAD_REQUEST"
    assert response.headers["content-type"].startswith(accept)


@pytest.mark.parametrize(
    "kind", [JSON, "Application/JSON", f"{JSON}; charset=utf-8", f'{JSON};charset="UTF-8"']
)
async def test_bodies_are_json_in_utf_8(fresh: World, kind: str) -> None:
    assert (await post(fresh, b'{"query": "{ __typename }"}', kind)).status_code == 200


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "nonsense",
        "text/plain",
        "text/json",
        "application/graphql",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        f"{JSON}; charset=utf-16",
        f"{JSON}; charset=latin1",
    ],
)
async def test_bodies_of_other_types_are_refused(fresh: World, kind: str | None) -> None:
    response = await post(fresh, b'{"query": "{ __typename }"}', kind)
    assert response.status_code == 415
    assert code(response) == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize("accept", ["text/html", "text/plain", "image/png", f"{JSON};q=0", ";;,"])
async def test_a_caller_who_takes_neither_type_gets_406(fresh: World, accept: str) -> None:
    response = await fresh.client.post("/graphql", json=BODY, headers={"accept": accept})
    assert response.status_code == 406
    assert code(response) == "NOT_ACCEPTABLE"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
async def test_other_methods_are_told_which_ones_there_are(fresh: World, method: str) -> None:
    response = await fresh.client.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"
    assert code(response) == "METHOD_NOT_ALLOWED"


async def test_a_body_that_is_too_large_is_refused(new_world: Any) -> None:
    world: World = new_world(GATEWAY_BODY_BYTES="1000")
    assert (await post(world, b'{"query": "{ __typename }"}'.ljust(1000))).status_code == 200
    response = await post(world, b'{"query": "{ __typename }"}'.ljust(1001))
    assert response.status_code == 413
    assert code(response) == "PAYLOAD_TOO_LARGE"


async def test_a_body_that_hides_its_length_is_counted(new_world: Any) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" " * 100

    world: World = new_world(GATEWAY_BODY_BYTES="1000")
    response = await world.client.post("/graphql", content=chunks(), headers={"content-type": JSON})
    assert response.status_code == 413
    assert code(response) == "PAYLOAD_TOO_LARGE"


async def test_a_query_may_come_with_get(fresh: World) -> None:
    parameters = {
        "query": "query a($id: ID!) { node(id: $id) { id } } query b { sources { source } }",
        "operationName": "a",
        "variables": '{"id": "nonsense"}',
    }
    response = await fresh.client.get("/graphql", params=parameters)
    assert response.status_code == 200
    assert response.json()["data"] == {"node": None}
    assert code(response) == "BAD_USER_INPUT"


@pytest.mark.parametrize("value", ["", "null"])
async def test_get_may_leave_parameters_empty(fresh: World, value: str) -> None:
    parameters = {"query": SOURCES, "variables": value, "extensions": value, "operationName": ""}
    response = await fresh.client.get("/graphql", params=parameters)
    assert "errors" not in response.json()


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"query": " "},
        {"query": SOURCES, "variables": "{"},
        {"query": SOURCES, "variables": "[]"},
        {"query": SOURCES, "extensions": "x"},
    ],
)
async def test_odd_parameters_of_get_are_refused(fresh: World, parameters: dict[str, str]) -> None:
    response = await fresh.client.get("/graphql", params=parameters)
    assert response.status_code == 400
    assert code(response) == "BAD_REQUEST"


async def test_a_path_that_only_looks_alike_is_not_redirected(fresh: World) -> None:
    for path in ("/graphql/", "/GRAPHQL"):
        assert (await fresh.client.post(path, json=BODY)).status_code == 404


@pytest.mark.parametrize("asked", ["abc", "a:b.c_d-e", "0", "x" * 128])
async def test_a_fitting_request_id_is_echoed(fresh: World, asked: str) -> None:
    response = await fresh.client.post("/graphql", json=BODY, headers={"x-request-id": asked})
    assert response.headers.get_list("x-request-id") == [asked]
    assert response.json()["extensions"]["requestId"] == asked


@pytest.mark.parametrize(
    "asked", [b"", b"a b", b"a;b", b"<script>", b'"x"', b"../x", b"\xff", b"\xc3\xa9", b"x" * 129, b"%0a"]
)
async def test_any_other_request_id_is_replaced(fresh: World, asked: bytes) -> None:
    headers = {b"x-request-id": asked}
    response = await fresh.client.post("/graphql", json=BODY, headers=headers)
    [given] = response.headers.get_list("x-request-id")
    assert GENERATED_ID.fullmatch(given)
    assert response.json()["extensions"]["requestId"] == given


async def test_each_request_without_an_id_gets_one_of_its_own(fresh: World) -> None:
    given = {(await fresh.client.post("/graphql", json=BODY)).headers["x-request-id"] for _ in range(3)}
    assert len(given) == 3


async def test_refusals_carry_the_request_id_too(fresh: World) -> None:
    response = await fresh.client.post("/graphql", content=b"{", headers={"x-request-id": "abc"})
    assert response.headers["x-request-id"] == "abc"
    assert response.json()["errors"][0]["extensions"]["requestId"] == "abc"
    assert response.json()["extensions"]["requestId"] == "abc"


async def test_every_answer_tells_what_it_cost(fresh: World) -> None:
    for body in ({"query": "{"}, {}):
        response = await fresh.client.post("/graphql", json=body)
        cost = response.json()["extensions"]["cost"]
        assert cost == {"upstreamCalls": 0, "cacheHits": 0, "perSource": {}}
    answer = await fresh.ask("{ channels { nodes { id } } }")
    assert answer.body["extensions"]["cost"] == {
        "upstreamCalls": 1,
        "cacheHits": 0,
        "perSource": {"SMART_SENDER": {"calls": 1, "cacheHits": 0}},
        "points": 6,
        "expected": {"points": 21, "upstreamCalls": 5},
    }


async def test_answers_are_for_the_caller_alone(fresh: World) -> None:
    response = await fresh.client.post("/graphql", json=BODY)
    assert response.headers["cache-control"] == "private, no-store"
    assert response.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "asked",
    ["0", "-1", "1.5", "1e3", "abc", "NaN", "", "9" * 10, "9" * 400, "٣".encode(), "²".encode("latin-1")],
)
async def test_an_odd_deadline_is_refused(fresh: World, asked: str | bytes) -> None:
    response = await fresh.client.post("/graphql", json=BODY, headers={"x-deadline-ms": asked})
    assert response.status_code == 400
    assert code(response) == "BAD_REQUEST"


@pytest.mark.parametrize("asked", ["5000", "000100000", "999999999"])
async def test_a_deadline_is_a_positive_whole_number_of_milliseconds(fresh: World, asked: str) -> None:
    response = await fresh.client.post("/graphql", json=BODY, headers={"x-deadline-ms": asked})
    assert response.status_code == 200
    assert "errors" not in response.json()


async def test_a_browser_gets_the_explorer_and_data_only_when_it_asks_for_data(fresh: World) -> None:
    page = await fresh.client.get("/graphql", headers={"accept": BROWSER})
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert policy.count("'unsafe-") == policy.count("style-src-attr 'unsafe-inline'") == 1
    (nonce,) = set(re.findall("'nonce-([^']+)'", policy))
    assert f'nonce="{nonce}"' in page.text
    data = await fresh.client.get("/graphql", params=BODY, headers={"accept": f"{JSON}, text/html;q=0.5"})
    assert data.headers["content-type"].startswith(JSON)


async def test_the_start_page_leads_to_the_explorer(fresh: World) -> None:
    response = await fresh.client.get("/")
    assert response.status_code == 307
    assert response.headers["location"] == "/graphql"


async def test_the_schema_is_published(fresh: World) -> None:
    response = await fresh.client.get("/schema.graphql")
    assert response.status_code == 200
    assert "type Query @access(anyOf: [READ]) {" in response.text


async def test_the_process_says_that_it_is_alive(fresh: World) -> None:
    response = await fresh.client.get("/healthz")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"


async def test_a_dead_source_does_not_take_a_replica_out(fresh: World) -> None:
    for transport in fresh.transports.values():
        transport.down = httpx.ConnectError
    await fresh.ask("{ contacts(first: 3) { nodes { id } } }")
    response = await fresh.client.get("/readyz")
    assert response.status_code == 200
    assert "DOWN" in response.text


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
async def test_a_long_answer_is_packed_for_those_who_take_it(fresh: World, encoding: str) -> None:
    query = {"query": "{ __schema { types { name description } } }"}
    packed = await fresh.client.post("/graphql", json=query, headers={"accept-encoding": encoding})
    plain = await fresh.client.post("/graphql", json=query, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == encoding
    assert "content-encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["vary"]
    assert int(packed.headers["content-length"]) < len(plain.content) / 2


async def test_zstd_is_for_those_who_take_nothing_else(fresh: World) -> None:
    """Tools on Node 20 say that they take it, and cannot."""
    query = {"query": "{ __schema { types { name description } } }"}
    for accepted, chosen in (
        ("gzip, deflate, br, zstd", "br"),
        ("zstd, br;q=0.1", "br"),
        ("gzip, zstd", "zstd"),
    ):
        packed = await fresh.client.post("/graphql", json=query, headers={"accept-encoding": accepted})
        assert packed.headers["content-encoding"] == chosen


async def test_packing_can_be_switched_off(new_world: Build) -> None:
    world = new_world(GATEWAY_COMPRESSION="false")
    query = {"query": "{ __schema { types { name description } } }"}
    response = await world.client.post("/graphql", json=query, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in response.headers


async def test_head_is_get_without_a_body_and_options_say_what_is_taken(fresh: World) -> None:
    head = await fresh.client.head("/graphql", params={"query": SOURCES})
    assert (head.status_code, head.headers["content-type"]) == (200, f"{JSON}; charset=utf-8")
    assert (await fresh.client.head("/graphql", params={"query": "mutation { nope }"})).status_code != 500
    options = await fresh.client.request("OPTIONS", "/graphql")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, POST, OPTIONS")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (SOURCES, 200),
        ("{", 400),
        ("{ nope }", 422),
        ("query ($a: Int!) { contacts(first: $a) { nodes { id } } }", 422),
        ('{ sources { source } contact(by: { id: "x" }) { id } }', 294),
    ],
)
async def test_the_statuses_of_the_newer_draft_are_a_setting(
    new_world: Build, query: str, status: int
) -> None:
    world = new_world(GATEWAY_STRICT_STATUS="true")
    response = await world.client.post("/graphql", json={"query": query}, headers={"accept": GRAPHQL})
    assert response.status_code == status
    older = await world.client.post("/graphql", json={"query": query}, headers={"accept": JSON})
    assert older.status_code == 200
