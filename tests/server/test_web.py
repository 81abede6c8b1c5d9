"""What pages in browsers may do: CORS, requests from other sites, sockets, headers; and proxies in front."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.types import Message

from gateway.config import BadSetting
from tests.conftest import Build
from tests.support import process
from tests.support.world import World

QUERY = {"query": "{ __typename }"}
READER = "key-reader"
HASHED = hashlib.sha256(READER.encode()).hexdigest()
KEYS = f"reader:{HASHED}:read,write,admin"
OURS, THEIRS = "https://app.example.com", "https://evil.example.com"
KEY = {"x-api-key": READER}
BROWSER = {"accept": "text/html,*/*;q=0.8"}
SIMPLE = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
EVERYWHERE = [
    ("GET", "/", {}),
    ("GET", "/graphql", BROWSER),
    ("GET", "/graphql", {}),
    ("POST", "/graphql", {}),
    ("PUT", "/graphql", {}),
    ("GET", "/schema.graphql", {}),
    ("GET", "/healthz", {}),
    ("GET", "/readyz", {}),
    ("GET", "/metrics", {}),
    ("GET", "/nothing", {}),
    ("GET", "/graphiql/assets/nothing.js", {}),
    ("GET", "/healthz", {"x": "y" * 70_000}),
    ("OPTIONS", "/graphql", {"origin": OURS, "access-control-request-method": "POST"}),
]


def code(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])


async def preflight(world: World, origin: str, header: str = "content-type") -> httpx.Response:
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": header,
    }
    return await world.client.options("/graphql", headers=asked)


def granted(response: httpx.Response) -> dict[str, str]:
    """What a browser is told of other origins."""
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-")}


@pytest.fixture
def guarded(new_world: Build) -> World:
    """With keys, and one origin that may call."""
    return new_world(GATEWAY_API_KEYS=KEYS, GATEWAY_CORS_ORIGINS=OURS)


# ---- CORS


async def test_nothing_is_granted_to_other_origins_unless_they_are_set(new_world: Build) -> None:
    world = new_world(GATEWAY_API_KEYS=KEYS)
    assert granted(await preflight(world, OURS)) == {}
    answer = await world.client.post("/graphql", json=QUERY, headers={**KEY, "origin": OURS})
    assert granted(answer) == {}


async def test_an_origin_that_is_set_may_ask_and_read(guarded: World) -> None:
    asked = await preflight(guarded, OURS, "content-type, x-api-key, graphql-require-preflight")
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == OURS
    assert "POST" in asked.headers["access-control-allow-methods"]
    answer = await guarded.client.post("/graphql", json=QUERY, headers={**KEY, "origin": OURS})
    assert answer.json()["data"] == {"__typename": "Query"}
    assert answer.headers["access-control-allow-origin"] == OURS
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "origin",
    [
        THEIRS,
        "null",
        "*",
        "http://app.example.com",
        "https://app.example.com:444",
        "https://app.example.com.evil.example",
        "https://evilapp.example.com",
        "https://sub.app.example.com",
        "https://app.example.com@evil.example",
        "https://app.example.com/",
        "",
    ],
)
async def test_no_other_origin_may(guarded: World, origin: str) -> None:
    asked = await preflight(guarded, origin)
    assert "access-control-allow-origin" not in asked.headers
    answer = await guarded.client.post("/graphql", json=QUERY, headers={**KEY, "origin": origin})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("header", ["x-forwarded-for", "cookie", "x-anything", "host"])
async def test_only_headers_of_the_contract_may_be_sent(guarded: World, header: str) -> None:
    assert (await preflight(guarded, OURS, header)).status_code == 400


async def test_credentials_of_browsers_are_never_asked_for(guarded: World) -> None:
    """Nothing here is told by a cookie, so no answer may say that they count."""
    for origin in (OURS, THEIRS):
        for answer in (
            await preflight(guarded, origin),
            await guarded.client.post("/graphql", json=QUERY, headers={**KEY, "origin": origin}),
        ):
            assert "access-control-allow-credentials" not in answer.headers
            assert answer.headers.get("access-control-allow-origin") != "*"
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "value", ["*", "https://*.example.com", "app.example.com", "null", f"{OURS}/path", "file://x"]
)
def test_origins_are_named_one_by_one(new_world: Build, value: str) -> None:
    with pytest.raises(BadSetting, match="GATEWAY_CORS_ORIGINS"):
        new_world(GATEWAY_API_KEYS=KEYS, GATEWAY_CORS_ORIGINS=value)


def test_without_keys_no_page_of_another_machine_may_call(new_world: Build) -> None:
    with pytest.raises(BadSetting, match="GATEWAY_CORS_ORIGINS"):
        new_world(GATEWAY_CORS_ORIGINS=OURS)


# ---- what a browser sends without asking


def forms() -> list[tuple[str, dict[str, Any]]]:
    """Requests that a page of any site can make a browser send."""
    posts = [
        ("POST", {"content": b'{"query": "mutation { x }"}', "headers": {"content-type": kind}})
        for kind in SIMPLE
    ]
    return [
        *posts,
        ("POST", {"content": b"query=%7B__typename%7D", "headers": {"content-type": SIMPLE[1].upper()}}),
        ("POST", {"content": b"", "headers": {}}),
        ("POST", {"content": b"{}", "headers": {"content-type": "text/plain; application/json"}}),
        ("GET", {"params": QUERY}),
        ("GET", {"params": {"query": "mutation { x }"}}),
    ]


FOREIGN: list[Mapping[str, str]] = [
    {"origin": THEIRS},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8000"},
]


@pytest.mark.parametrize("said", FOREIGN, ids=str)
@pytest.mark.parametrize("sent", forms(), ids=str)
async def test_what_needs_no_preflight_is_not_taken_from_other_sites(
    guarded: World, sent: tuple[str, dict[str, Any]], said: dict[str, str]
) -> None:
    method, more = sent
    headers = {**KEY, **more.get("headers", {}), **said}
    answer = await guarded.client.request(method, "/graphql", **{**more, "headers": headers})
    assert (answer.status_code, code(answer)) == (403, "CSRF_BLOCKED")
    assert guarded.calls == {}


@pytest.mark.parametrize("sent", forms()[:5], ids=str)
async def test_what_is_no_json_is_not_read_as_json_from_anywhere(
    guarded: World, sent: tuple[str, dict[str, Any]]
) -> None:
    method, more = sent
    answer = await guarded.client.request(
        method, "/graphql", **{**more, "headers": {**KEY, **more["headers"]}}
    )
    assert answer.status_code in {400, 415}
    assert "data" not in answer.json()


async def test_a_mutation_is_not_carried_out_over_get(guarded: World) -> None:
    mutation = 'mutation { deleteContacts(input: {ids: ["x"]}) { outcomes { status } } }'
    asked = {
        "query": f"query a {{ __typename }} {mutation.replace('mutation', 'mutation b')}",
        "operationName": "b",
    }
    for parameters in ({"query": mutation}, asked):
        answer = await guarded.client.get("/graphql", params=parameters, headers=KEY)
        assert (answer.status_code, code(answer)) == (405, "METHOD_NOT_ALLOWED")
        assert answer.headers["allow"] == "POST"
    assert guarded.calls == {}


# ---- without keys: names that lead here, and proxies


@pytest.mark.parametrize(("method", "path", "headers"), EVERYWHERE, ids=lambda each: str(each)[:40])
@pytest.mark.parametrize(
    "said",
    [{"host": "rebound.example.com"}, {"x-forwarded-host": "x"}, {"forwarded": "for=192.0.2.1"}],
    ids=str,
)
async def test_without_keys_no_path_is_open_to_other_names_and_proxies(
    fresh: World, method: str, path: str, headers: dict[str, str], said: dict[str, str]
) -> None:
    answer = await fresh.client.request(method, path, headers={**headers, **said})
    assert answer.status_code in {403, 431}
    assert "data" not in answer.json()


# ---- sockets


async def socket(world: World, headers: Mapping[str, str]) -> dict[str, Any]:
    """The first thing that a socket hears."""
    heard: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        heard.append(message)

    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "headers": sent,
        "subprotocols": ["graphql-transport-ws"],
        "state": {},
    }
    await world.app(scope, receive, send)
    return heard[0]


@pytest.mark.parametrize("origin", [THEIRS, "null", "", "http://gateway.example.com:81"])
async def test_a_socket_of_a_page_of_another_origin_is_refused(guarded: World, origin: str) -> None:
    """Browsers ask nobody before they open one."""
    heard = await socket(guarded, {**KEY, "host": "gateway.example.com", "origin": origin})
    assert (heard["type"], heard["code"]) == ("websocket.close", 1008)


@pytest.mark.parametrize("headers", [{}, {"origin": OURS}, {"host": "rebound.example.com"}], ids=str)
async def test_a_socket_says_nothing_without_a_key(guarded: World, headers: dict[str, str]) -> None:
    """It is taken, as a browser can send its key in the first message only; nothing is told before."""
    messages = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": '{"type": "connection_init"}'},
    ]
    told: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        told.append(message)

    raw = [
        (b"host", b"gateway.example.com"),
        *((name.encode(), value.encode()) for name, value in headers.items()),
    ]
    scope = {
        "type": "websocket",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "headers": raw,
    }
    await guarded.app(
        {**scope, "subprotocols": ["graphql-transport-ws"], "client": ("127.0.0.1", 1)}, receive, send
    )
    assert [each["type"] for each in told] == ["websocket.accept", "websocket.close"]
    assert told[-1]["code"] == 4403


# ---- headers of answers


@pytest.mark.parametrize(("method", "path", "headers"), EVERYWHERE, ids=lambda each: str(each)[:40])
async def test_every_answer_says_what_browsers_may_do_with_it(
    new_world: Build, method: str, path: str, headers: dict[str, str]
) -> None:
    for world in (new_world(), new_world(GATEWAY_API_KEYS=KEYS, GATEWAY_CORS_ORIGINS=OURS)):
        answer = await world.client.request(method, path, headers=headers)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "server" not in answer.headers
        assert "x-powered-by" not in answer.headers


async def test_the_explorer_takes_nothing_from_elsewhere(fresh: World) -> None:
    first, second = [await fresh.client.get("/graphql", headers=BROWSER) for _ in range(2)]
    policy = dict(each.split(" ", 1) for each in first.headers["content-security-policy"].split("; "))
    nonce = policy["script-src"]
    assert re.fullmatch(r"'nonce-[\w-]{20,}'", nonce)
    assert nonce not in second.headers["content-security-policy"]
    assert policy["connect-src"] == "'self'"
    assert {policy[name] for name in ("default-src", "base-uri", "form-action", "frame-ancestors")} == {
        "'none'"
    }
    assert policy["require-trusted-types-for"] == "'script'"
    assert "http:" not in first.headers["content-security-policy"]
    assert first.headers["cache-control"] == "no-store"
    assert re.findall(r'(?:src|href)="(?!/graphiql/assets/|data:)', first.text) == []


async def test_what_a_caller_sends_does_not_come_back_as_a_page(fresh: World) -> None:
    script = "<script>alert(1)</script>"
    answer = await fresh.client.get(
        "/graphql", params={"query": script, "operationName": script}, headers=BROWSER
    )
    assert "alert(1)" not in answer.text
    wrong = await fresh.client.get("/graphql", params={"query": script})
    assert wrong.headers["content-type"].startswith("application/json")
    assert script not in (await fresh.client.get(f"/{script}")).text


async def test_a_header_of_the_caller_splits_no_answer(fresh: World) -> None:
    """Values with line ends come out of other servers' mouths only; here they come in unchecked."""
    answer = await fresh.client.post(
        "/graphql", json=QUERY, headers={b"x-request-id": b"a\r\nset-cookie: x=y"}
    )
    assert "set-cookie" not in answer.headers
    assert "\n" not in answer.headers["x-request-id"]


# ---- production


PATHS = (
    "/",
    "/schema.graphql",
    "/graphiql/assets/explorer.js",
    "/graphiql",
    "/playground",
    "/voyager",
    "/docs",
)


async def test_production_shows_neither_explorer_nor_schema(new_world: Build) -> None:
    world = new_world(GATEWAY_API_KEYS=KEYS, GATEWAY_PRODUCTION="true")
    for path in PATHS:
        assert (await world.client.get(path, headers={**KEY, **BROWSER})).status_code == 404
    page = await world.client.get("/graphql", headers={**KEY, **BROWSER}, params=QUERY)
    assert "<html" not in page.text
    for field in ("__schema { types { name } }", '__type(name: "Contact") { fields { name } }'):
        for query in (f"{{ {field} }}", f"{{ sources {{ source }} ...f }} fragment f on Query {{ {field} }}"):
            answer = await world.ask(query, headers=KEY)
            assert set(answer.codes) == {"GRAPHQL_VALIDATION_FAILED"}
            assert answer.data is None


@pytest.mark.parametrize(
    ("setting", "path"), [("INTROSPECTION", "/schema.graphql"), ("EXPLORER", "/")], ids=str
)
async def test_production_shows_what_is_switched_on_and_nothing_else(
    new_world: Build, setting: str, path: str
) -> None:
    world = new_world(GATEWAY_API_KEYS=KEYS, GATEWAY_PRODUCTION="true", **{f"GATEWAY_{setting}": "on"})
    others = {"/schema.graphql", "/"} - {path}
    assert (await world.client.get(path, headers=KEY)).status_code in {200, 307}
    assert [(await world.client.get(each, headers=KEY)).status_code for each in others] == [404]


def test_production_does_not_start_without_keys(new_world: Build) -> None:
    with pytest.raises(BadSetting, match="GATEWAY_"):
        new_world(GATEWAY_PRODUCTION="true")


# ---- proxies in front


@pytest.mark.parametrize(
    ("trusted", "client"), [("", "127.0.0.1"), ("192.0.2.0/24", "127.0.0.1"), ("127.0.0.0/8", "203.0.113.9")]
)
def test_the_address_of_a_caller_is_taken_from_trusted_proxies_only(trusted: str, client: str) -> None:
    settings = {"GATEWAY_API_KEYS": KEYS, "GATEWAY_TRUSTED_PROXIES": trusted, "GATEWAY_LOG_LEVEL": "info"}
    with process.running("sandbox", settings=settings) as found:
        address = found.line(r"The gateway answers on (http://\S+)")[1]
        headers = {**KEY, "x-forwarded-for": "198.51.100.1, 203.0.113.9", "x-request-id": "told"}
        assert httpx.get(f"{address}/healthz", headers=headers, trust_env=False).status_code == 200
        assert f'"client":"{client}"' in found.line('"requestId":"told"').string
