"""Who may ask what: keys, scopes, accounts and sources; the guard of open mode; pages of other sites."""

import hashlib
from typing import Any

import httpx
import pytest

from tests.support.world import World

QUERY = "{ sources { source } }"
PARAMETERS = {"query": QUERY}
BODY = {"query": QUERY}
FULL, READER, WRITER, LIMITED, OTHER = "key-full", "key-reader", "key-writer", "key-limited", "key-other"


def entry(key: str, rest: str) -> str:
    return f"{key[4:]}:{hashlib.sha256(key.encode()).hexdigest()}:{rest}"


KEYS = ";".join(
    (
        entry(FULL, "read,write,import,raw,admin"),
        entry(READER, "read"),
        entry(WRITER, "write"),
        entry(LIMITED, "read:default:PACKAGEX"),
        entry(OTHER, "read:other"),
    )
)


@pytest.fixture
def guarded(new_world: Any) -> World:
    """A world that wants keys."""
    world: World = new_world(GATEWAY_API_KEYS=KEYS)
    return world


async def ask(
    world: World, headers: dict[str, str], query: str = QUERY, variables: Any = None
) -> httpx.Response:
    return await world.client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)


def codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json().get("errors", [])]


# ---- keys


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": READER},
        {"authorization": f"Bearer {READER}"},
        {"authorization": f"bearer   {READER}"},
        {"x-api-key": READER, "authorization": "Bearer nonsense"},
    ],
)
async def test_a_known_key_opens(guarded: World, headers: dict[str, str]) -> None:
    response = await ask(guarded, headers)
    assert response.status_code == 200
    assert codes(response) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"x-api-key": "nonsense"},
        {"x-api-key": READER.upper()},
        {"x-api-key": READER[:-1]},
        {"x-api-key": hashlib.sha256(READER.encode()).hexdigest()},
        {"x-api-key": "x" * 50_000},
        {"x-api-key": "nonsense", "authorization": f"Bearer {READER}"},
        {"authorization": READER},
        {"authorization": f"Basic {READER}"},
        {"authorization": f"Bearer{READER}"},
        {"cookie": f"x-api-key={READER}"},
    ],
    ids=lambda headers: str(headers)[:60],
)
async def test_anything_else_does_not(guarded: World, headers: dict[str, str]) -> None:
    response = await ask(guarded, headers)
    assert response.status_code == 401
    assert codes(response) == ["UNAUTHENTICATED"]
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert guarded.calls == {}


async def test_nothing_is_said_of_a_document_before_the_key(guarded: World) -> None:
    for query in ("{", "{ nope }", "{ __schema { types { name } } }"):
        assert codes(await ask(guarded, {}, query)) == ["UNAUTHENTICATED"]
    refused = await guarded.client.get("/graphql", params=PARAMETERS)
    assert refused.status_code == 401
    assert (await guarded.client.get("/schema.graphql")).status_code == 401


async def test_a_key_never_comes_back(guarded: World) -> None:
    response = await ask(guarded, {"x-api-key": "nonsense-of-a-key"})
    assert "nonsense-of-a-key" not in response.text


async def test_with_keys_other_hosts_and_proxies_are_welcome(guarded: World) -> None:
    for headers in ({"host": "contacts.example.com"}, {"x-forwarded-for": "192.0.2.1"}):
        assert (await ask(guarded, {"x-api-key": READER, **headers})).status_code == 200


# ---- scopes


async def test_a_key_without_the_scope_for_the_operation_is_refused(guarded: World) -> None:
    for query in (QUERY, "{ __typename }", "{ __schema { queryType { name } } }"):
        response = await ask(guarded, {"x-api-key": WRITER}, query)
        assert response.status_code == 403
        assert codes(response) == ["FORBIDDEN"]
    assert (await guarded.client.get("/schema.graphql", headers={"x-api-key": WRITER})).status_code == 403
    assert guarded.calls == {}


async def test_raw_records_are_for_keys_with_the_scope(guarded: World) -> None:
    query = "{ contacts(first: 1, sources: [PACKAGEX]) { nodes { displayName raw } } }"
    shown = (await ask(guarded, {"x-api-key": FULL}, query)).json()["data"]["contacts"]["nodes"][0]
    assert shown["raw"]["name"] == shown["displayName"]
    response = await ask(guarded, {"x-api-key": READER}, query)
    assert response.json()["data"]["contacts"]["nodes"] == [{**shown, "raw": None}]
    assert codes(response) == ["FORBIDDEN"]


# ---- sources


async def test_sources_that_a_key_does_not_cover_are_left_out_of_lists(guarded: World) -> None:
    query = "{ contacts(first: 9) { nodes { source } totalCount sources { source status code } } }"
    page = (await ask(guarded, {"x-api-key": LIMITED}, query)).json()["data"]["contacts"]
    assert {node["source"] for node in page["nodes"]} == {"PACKAGEX"}
    assert {each["source"]: each["status"] for each in page["sources"]} == {
        "SAMESPACE": "FORBIDDEN",
        "PACKAGEX": "OK",
        "SMART_SENDER": "FORBIDDEN",
    }
    assert list(guarded.calls) == ["PACKAGEX"]
    everything = (await ask(guarded, {"x-api-key": LIMITED}, "{ contacts { totalCount } }")).json()
    assert everything["data"]["contacts"]["totalCount"] == page["totalCount"]


async def test_nothing_of_a_source_that_a_key_does_not_cover_can_be_read(guarded: World) -> None:
    guarded.headers = {"x-api-key": FULL}
    found = await guarded.data(
        "{ contacts(first: 3) { nodes { id sourceId chat { id communications { id channel { id } } } } } }"
    )
    samespace, _, smart_sender = found["contacts"]["nodes"]
    gate = smart_sender["chat"]["communications"][0]
    guarded.forget()
    by_id = "query ($id: ID!) { it: node(id: $id) { id } }"
    asked = [
        *((by_id, {"id": each}) for each in (samespace["id"], smart_sender["chat"]["id"], gate["id"])),
        (by_id, {"id": gate["channel"]["id"]}),
        ("query ($id: ID!) { it: contact(by: {id: $id}) { id } }", {"id": samespace["id"]}),
        ("query ($id: ID!) { it: chat(contact: {id: $id}) { id } }", {"id": smart_sender["id"]}),
        (
            "query ($id: ID!) { it: contact(by: {sourceId: {source: SAMESPACE, sourceId: $id}}) { id } }",
            {"id": samespace["sourceId"]},
        ),
        ("{ it: channels { nodes { id } } }", None),
        ("{ it: properties(source: SAMESPACE) { nodes { id } } }", None),
        ("{ it: contacts(sources: [SAMESPACE]) { nodes { id } } }", None),
    ]
    for query, variables in asked:
        response = await ask(guarded, {"x-api-key": LIMITED}, query, variables)
        assert response.status_code == 200
        assert response.json()["data"] == {"it": None}
        assert codes(response) == ["FORBIDDEN"]
    assert guarded.calls == {}


# ---- accounts


async def test_ids_of_another_account_are_not_read(guarded: World) -> None:
    query = "{ contacts(first: 1, sources: [PACKAGEX]) { nodes { id sourceId } } }"
    mine, theirs = [
        (await ask(guarded, {"x-api-key": key}, query)).json()["data"]["contacts"]["nodes"][0]
        for key in (READER, OTHER)
    ]
    assert mine["sourceId"] == theirs["sourceId"]
    assert mine["id"] != theirs["id"]
    guarded.forget()
    for query in ("{ it: node(id: $id) { id } }", "{ it: contact(by: {id: $id}) { id } }"):
        response = await ask(guarded, {"x-api-key": OTHER}, f"query ($id: ID!) {query}", {"id": mine["id"]})
        assert response.json()["data"] == {"it": None}
        assert codes(response) == ["BAD_USER_INPUT"]
    assert guarded.calls == {}


async def test_cursors_of_another_account_do_not_fit(guarded: World) -> None:
    query = "query ($after: String) { contacts(first: 1, after: $after) { pageInfo { endCursor } } }"
    page = (await ask(guarded, {"x-api-key": READER}, query)).json()["data"]["contacts"]
    guarded.forget()
    after = {"after": page["pageInfo"]["endCursor"]}
    assert codes(await ask(guarded, {"x-api-key": OTHER}, query, after)) == ["CURSOR_INVALID"]
    assert guarded.calls == {}


# ---- open mode


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost", "LOCALHOST:8000", "[::1]:8000", "localhost:1"]
)
async def test_without_keys_loopback_names_are_answered(fresh: World, host: str) -> None:
    assert (await ask(fresh, {"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "example.com",
        "example.com:8000",
        "127.0.0.1.example.com",
        "localhost.example.com",
        "127.0.0.1@example.com",
        "0.0.0.0",
        "127.0.0.2",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "[::1",
        "localhost,example.com",
    ],
)
async def test_without_keys_no_other_name_is(fresh: World, host: str) -> None:
    response = await ask(fresh, {"host": host})
    assert response.status_code == 403
    assert codes(response) == ["FORBIDDEN"]
    assert (await fresh.client.get("/schema.graphql", headers={"host": host})).status_code == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://example.com",
        "http://example.com:8000",
        "http://127.0.0.1:9000",
        "http://127.0.0.1:8000@example.com",
        "null",
        "",
        "file://",
        "chrome-extension://abc",
    ],
)
async def test_without_keys_pages_of_other_origins_are_refused(fresh: World, origin: str) -> None:
    response = await ask(fresh, {"origin": origin})
    assert response.status_code == 403
    assert codes(response) == ["FORBIDDEN"]


async def test_without_keys_the_own_origin_is_answered(fresh: World) -> None:
    assert (await ask(fresh, {"origin": "http://127.0.0.1:8000"})).status_code == 200


@pytest.mark.parametrize("name", ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"])
@pytest.mark.parametrize("value", ["192.0.2.1", ""])
async def test_without_keys_nothing_is_taken_from_a_proxy(fresh: World, name: str, value: str) -> None:
    response = await ask(fresh, {name: value})
    assert response.status_code == 403
    assert codes(response) == ["FORBIDDEN"]


# ---- production


async def test_production_tells_nothing_of_the_schema(new_world: Any) -> None:
    world: World = new_world(GATEWAY_API_KEYS=KEYS, GATEWAY_PRODUCTION="true")
    headers = {"x-api-key": FULL}
    for query in ("{ __schema { types { name } } }", '{ __type(name: "Query") { name } }'):
        response = await ask(world, headers, query)
        assert "data" not in response.json()
        assert set(codes(response)) == {"GRAPHQL_VALIDATION_FAILED"}
    assert (await ask(world, headers, "{ __typename }")).json()["data"] == {"__typename": "Query"}
    for query in (
        "{ contcts { nodes { id } } }",
        "{ contacts(frist: 1) { nodes { id } } }",
        "{ contacts(sources: [SAMESPAC]) { nodes { id } } }",
        "{ contacts(filter: {nme: 1}) { nodes { id } } }",
        "{ contacts { nodes { ... on Contct { id } } } }",
    ):
        assert "Did you mean" not in (await ask(world, headers, query)).text
    variables = {"sources": ["SAMESPAC"], "order": {"fild": "NAME"}}
    query = (
        "query ($sources: [Source!], $order: ContactOrder) "
        "{ contacts(sources: $sources, orderBy: $order) { nodes { id } } }"
    )
    assert "Did you mean" not in (await ask(world, headers, query, variables)).text
    for path in ("/", "/schema.graphql", "/graphiql/assets/explorer.js"):
        assert (await world.client.get(path, headers=headers)).status_code == 404
    page = await world.client.get("/graphql", headers={**headers, "accept": "text/html"})
    assert page.status_code == 406


# ---- pages of other sites


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "nonsense"},
        {"origin": "https://example.com"},
        {"origin": "null"},
    ],
)
async def test_what_a_browser_sends_unasked_from_elsewhere_is_blocked(
    guarded: World, headers: dict[str, str]
) -> None:
    sent = {"x-api-key": READER, **headers}
    answers = [await guarded.client.get("/graphql", params=PARAMETERS, headers=sent)]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answers.append(
            await guarded.client.post("/graphql", content=b"{}", headers={**sent, "content-type": kind})
        )
    for answer in answers:
        assert answer.status_code == 403
        assert codes(answer) == ["CSRF_BLOCKED"]


@pytest.mark.parametrize(
    "header", ["graphql-require-preflight", "apollo-require-preflight", "x-requested-with"]
)
async def test_a_header_that_needs_a_preflight_lets_it_pass(guarded: World, header: str) -> None:
    headers = {"x-api-key": READER, "sec-fetch-site": "cross-site", header: "1"}
    response = await guarded.client.get("/graphql", params=PARAMETERS, headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize("site", ["none", "same-origin"])
async def test_the_own_pages_are_not_blocked(guarded: World, site: str) -> None:
    headers = {"x-api-key": READER, "sec-fetch-site": site}
    response = await guarded.client.get("/graphql", params=PARAMETERS, headers=headers)
    assert response.status_code == 200


async def test_json_needs_a_preflight_anyway(guarded: World) -> None:
    headers = {"x-api-key": READER, "sec-fetch-site": "cross-site", "origin": "https://example.com"}
    assert (await guarded.client.post("/graphql", json=BODY, headers=headers)).status_code == 200
