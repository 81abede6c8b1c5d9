"""Documents that are named instead of sent, as clients do it; and a manifest beside which nothing runs."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

from gateway.app import create_app
from gateway.config import BadSetting, read
from gateway.engine.persisted import APOLLO, Registered, digest
from gateway.server.persisted import Watch
from tests.conftest import Build
from tests.server.test_auth import FULL, KEYS, OTHER, READER
from tests.support import process
from tests.support.world import World

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
LISTED = "query Sources { sources { source } }"
OTHERS = "query Others { sources { source status } }"
UPLOAD = (
    "mutation Upload($input: ImportContactsInput!) { importContacts(input: $input) { userErrors { code } } }"
)
GROUP = "mutation Group($input: CreateGroupInput!) { createGroup(input: $input) { userErrors { code } } }"
ID = "7b3f"
NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
REQUIRED = "PERSISTED_QUERY_REQUIRED"


def hashed(text: str, **more: Any) -> dict[str, Any]:
    """The extensions that go with a text."""
    return {"persistedQuery": {"version": 1, "sha256Hash": digest(text), **more}}


def code(response: httpx.Response) -> str:
    [error] = response.json()["errors"]
    return str(error["extensions"]["code"])


async def post(world: World, accept: str = JSON, key: str = "", **body: Any) -> httpx.Response:
    headers = {"accept": accept} | ({"x-api-key": key} if key else {})
    return await world.client.post("/graphql", json=body, headers=headers)


async def get(world: World, **parameters: Any) -> httpx.Response:
    sent = {name: each if isinstance(each, str) else json.dumps(each) for name, each in parameters.items()}
    headers = {"accept": "*/*", "apollo-require-preflight": "true"}
    return await world.client.get("/graphql", params=sent, headers=headers)


def answered(response: httpx.Response) -> bool:
    """Whether the sources were answered."""
    body = response.json()
    return response.status_code == 200 and "errors" not in body and len(body["data"]["sources"]) == 3


def manifest(path: Path, *texts: str, **named: str) -> str:
    """A manifest, with hashes for ids or with ids of its own."""
    path.write_text(json.dumps({**{digest(text): text for text in texts}, **named}))
    return str(path)


def put(path: Path, content: str | None) -> None:
    """Write a file, or take it away."""
    if content is None:
        path.unlink()
    else:
        path.write_text(content)


class Lines(logging.Handler):
    """What the log says."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append({"event": record.getMessage(), **getattr(record, "details", {})})

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]


@pytest.fixture
def log() -> Iterator[Lines]:
    found = Lines()
    logging.getLogger("gateway").addHandler(found)
    yield found
    logging.getLogger("gateway").removeHandler(found)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "documents.json"


@pytest.fixture
def enforced(new_world: Build, path: Path) -> World:
    """A world in which only listed documents run."""
    manifest(path, LISTED, GROUP, UPLOAD, **{ID: OTHERS})
    return new_world(GATEWAY_DOCUMENTS=str(path), GATEWAY_DOCUMENTS_MODE="enforce")


# ---- automatic persisted queries, as clients send them


@pytest.mark.parametrize("accept", ["*/*", JSON, GRAPHQL, f"{GRAPHQL},{JSON};q=0.9"])
async def test_apollo_client_over_post(fresh: World, accept: str) -> None:
    asked = {"operationName": "Sources", "variables": {}, "extensions": hashed(LISTED)}
    missed = await post(fresh, accept, **asked)
    assert missed.status_code == 200  # Apollo's convention: others mask what stands in the body
    assert missed.headers["cache-control"] == "private, no-store"
    [error] = missed.json()["errors"]
    assert (error["message"], error["extensions"]["code"]) == ("PersistedQueryNotFound", NOT_FOUND)
    assert "data" not in missed.json()
    assert answered(await post(fresh, accept, **asked, query=LISTED))
    assert answered(await post(fresh, accept, **asked))


async def test_apollo_client_over_get_for_hashed_queries(fresh: World) -> None:
    """`useGETForHashedQueries`: only the text goes over POST."""
    asked = {"operationName": "Sources", "variables": {}, "extensions": hashed(LISTED)}
    missed = await get(fresh, **asked)
    assert missed.status_code == 200
    assert missed.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert answered(await post(fresh, **asked, query=LISTED))
    assert answered(await get(fresh, **asked))


async def test_apollo_client_over_get_for_all_queries(fresh: World) -> None:
    asked = {"operationName": "Sources", "variables": {}, "extensions": hashed(LISTED)}
    assert code(await get(fresh, **asked)) == NOT_FOUND
    assert answered(await get(fresh, **asked, query=LISTED))
    assert answered(await get(fresh, **asked))


async def test_urql_over_post_and_get(fresh: World) -> None:
    """Its exchange says of the second request that the first one missed."""
    accept = f"{GRAPHQL}, application/graphql+json, {JSON}, text/event-stream, multipart/mixed"
    asked = {"operationName": "Sources", "variables": {}}
    missed = await post(fresh, accept, **asked, extensions=hashed(LISTED))
    assert [each["message"] for each in missed.json()["errors"]] == ["PersistedQueryNotFound"]
    again = hashed(LISTED, miss=True)
    assert answered(await post(fresh, accept, **asked, query=LISTED, extensions=again))
    assert answered(await post(fresh, accept, **asked, extensions=hashed(LISTED)))
    assert answered(await get(fresh, **asked, extensions=hashed(LISTED)))


async def test_a_hash_may_stand_in_the_document_id(fresh: World) -> None:
    name = f"sha256:{digest(LISTED)}"
    assert code(await post(fresh, documentId=name)) == NOT_FOUND
    assert answered(await post(fresh, documentId=name, query=LISTED))
    assert answered(await post(fresh, documentId=name))
    assert answered(await get(fresh, documentId=name))
    assert answered(await post(fresh, documentId=name, extensions=hashed(LISTED)))


@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (GRAPHQL, 400)])
async def test_an_unknown_id_is_a_document_that_cannot_run(fresh: World, accept: str, status: int) -> None:
    response = await post(fresh, accept, documentId="nothing")
    assert (response.status_code, code(response)) == (status, NOT_FOUND)


async def test_variables_and_the_name_of_the_operation_count_for_a_named_document(fresh: World) -> None:
    text = f"query Few($n: Int) {{ contacts(first: $n) {{ nodes {{ id }} }} }} {LISTED}"
    await post(fresh, query=text, operationName="Sources", extensions=hashed(text))
    few = await post(fresh, operationName="Few", variables={"n": 2}, extensions=hashed(text))
    assert len(few.json()["data"]["contacts"]["nodes"]) == 2
    assert answered(await get(fresh, operationName="Sources", extensions=hashed(text)))
    assert code(await get(fresh, operationName="None", extensions=hashed(text))) == "BAD_USER_INPUT"


async def test_a_mutation_is_not_carried_out_over_get_by_its_hash(fresh: World) -> None:
    given = {"variables": {"input": {"name": "New"}}, "extensions": hashed(GROUP)}
    sent = await post(fresh, query=GROUP, **given)
    assert sent.json()["data"]["createGroup"]["userErrors"] == []
    fresh.forget()
    response = await get(fresh, **given)
    assert (response.status_code, code(response)) == (405, "METHOD_NOT_ALLOWED")
    assert fresh.calls == {}


async def test_a_page_of_another_site_asks_nothing_by_hash(fresh: World) -> None:
    await post(fresh, query=LISTED, extensions=hashed(LISTED))
    response = await fresh.client.get(
        "/graphql",
        params={"extensions": json.dumps(hashed(LISTED))},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert (response.status_code, code(response)) == (403, "CSRF_BLOCKED")


# ---- what is not registered


async def test_a_text_with_the_hash_of_another_one_is_refused_and_not_registered(fresh: World) -> None:
    for named in ({"extensions": hashed(LISTED)}, {"documentId": f"sha256:{digest(LISTED)}"}):
        for accept in (JSON, GRAPHQL):
            response = await post(fresh, accept, query=OTHERS, **named)
            assert (response.status_code, code(response)) == (400, "BAD_REQUEST")
        assert code(await post(fresh, **named)) == NOT_FOUND
    assert code(await post(fresh, extensions=hashed(OTHERS))) == NOT_FOUND


async def test_a_known_hash_does_not_excuse_another_text(fresh: World) -> None:
    await post(fresh, query=LISTED, extensions=hashed(LISTED))
    assert code(await post(fresh, query=OTHERS, extensions=hashed(LISTED))) == "BAD_REQUEST"
    assert (await post(fresh, extensions=hashed(LISTED))).json()["data"]["sources"][0].keys() == {"source"}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{ nope }",
        "# nothing",
        "{ " + " ".join(f"a{n}: __typename" for n in range(1_000)) + " }",
        "{ sources { source } } #" + "x" * 70_000,
    ],
    ids=lambda text: text[:20],
)
async def test_what_is_not_valid_or_too_large_is_not_registered(fresh: World, text: str) -> None:
    assert (await post(fresh, query=text, extensions=hashed(text))).json()["errors"]
    assert code(await post(fresh, extensions=hashed(text))) == NOT_FOUND
    assert len(fresh.app.state.documents.registered) == 0


async def test_in_production_introspection_is_not_registered(new_world: Build) -> None:
    world = new_world(GATEWAY_API_KEYS=KEYS, GATEWAY_PRODUCTION="true")
    text = get_introspection_query()
    refused = await post(world, key=FULL, query=text, extensions=hashed(text))
    assert "GRAPHQL_VALIDATION_FAILED" in refused.text
    assert code(await post(world, key=FULL, extensions=hashed(text))) == NOT_FOUND
    assert answered(await post(world, key=READER, query=LISTED, extensions=hashed(LISTED)))
    assert answered(await post(world, key=READER, extensions=hashed(LISTED)))


async def test_only_known_callers_register_or_ask_and_each_in_their_account(new_world: Build) -> None:
    world = new_world(GATEWAY_API_KEYS=KEYS)
    assert code(await post(world, query=LISTED, extensions=hashed(LISTED))) == "UNAUTHENTICATED"
    assert code(await post(world, key=FULL, extensions=hashed(LISTED))) == NOT_FOUND
    assert answered(await post(world, key=FULL, query=LISTED, extensions=hashed(LISTED)))
    assert answered(await post(world, key=READER, extensions=hashed(LISTED)))
    assert code(await post(world, key=OTHER, extensions=hashed(LISTED))) == NOT_FOUND
    assert code(await post(world, extensions=hashed(LISTED))) == "UNAUTHENTICATED"


async def test_a_document_has_no_more_rights_for_being_registered_by_somebody_else(new_world: Build) -> None:
    world = new_world(GATEWAY_API_KEYS=KEYS)
    given = {"variables": {"input": {"name": "New"}}, "extensions": hashed(GROUP)}
    await post(world, key=FULL, query=GROUP, **given)
    world.forget()
    response = await post(world, key=READER, **given)
    assert (response.status_code, code(response)) == (403, "FORBIDDEN")
    assert world.calls == {}


async def test_one_caller_cannot_push_out_what_others_have_registered(new_world: Build) -> None:
    world = new_world(GATEWAY_API_KEYS=KEYS)
    world.app.state.documents.registered = Registered(most=20)
    await post(world, key=READER, query=LISTED, extensions=hashed(LISTED))
    for number in range(30):
        text = f"{{ a{number}: __typename }}"
        assert (await post(world, key=FULL, query=text, extensions=hashed(text))).status_code == 200
    assert len(world.app.state.documents.registered) == 20
    assert answered(await post(world, key=READER, extensions=hashed(LISTED)))
    assert code(await post(world, key=FULL, extensions=hashed("{ a0: __typename }"))) == NOT_FOUND


async def test_switched_off_it_says_so_in_the_words_of_apollo(new_world: Build) -> None:
    world = new_world(GATEWAY_APQ="false")
    assert answered(await post(world, query=LISTED, extensions=hashed(LISTED)))
    response = await post(world, extensions=hashed(LISTED))
    assert (response.status_code, code(response)) == (200, "PERSISTED_QUERY_NOT_SUPPORTED")
    assert response.json()["errors"][0]["message"] == "PersistedQueryNotSupported"
    assert code(await post(world, documentId=f"sha256:{digest(LISTED)}")) == NOT_FOUND


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": None, "extensions": {}},
        {"query": "", "extensions": {"persistedQuery": None}},
        {"query": "  ", "extensions": hashed(LISTED)},
        {"query": 1, "extensions": hashed(LISTED)},
        {"query": 0, "documentId": ID},
        {"documentId": ""},
        {"documentId": 7},
        {"documentId": [ID]},
        {"documentId": "another", "extensions": hashed(LISTED)},
        {"query": LISTED, "extensions": {"persistedQuery": {}}},
        {"query": LISTED, "extensions": {"persistedQuery": "x"}},
        {"query": LISTED, "extensions": {"persistedQuery": {"version": 2, "sha256Hash": digest(LISTED)}}},
        {"query": LISTED, "extensions": {"persistedQuery": {"sha256Hash": digest(LISTED)}}},
        {"query": LISTED, "extensions": {"persistedQuery": {"version": 1}}},
        {"query": LISTED, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": 5}}},
        {"query": LISTED, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "abc"}}},
        {
            "query": LISTED,
            "extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest(LISTED).upper()}},
        },
    ],
    ids=str,
)
async def test_what_names_no_document_in_a_form_that_is_known_is_refused(
    fresh: World, body: dict[str, Any]
) -> None:
    response = await post(fresh, **body)
    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")


# ---- documents of a manifest


@pytest.mark.parametrize("mode", ["off", "audit", "enforce"])
async def test_a_listed_document_is_named_by_id_hash_or_text(new_world: Build, path: Path, mode: str) -> None:
    world = new_world(
        GATEWAY_DOCUMENTS=manifest(path, LISTED, **{ID: OTHERS}), GATEWAY_DOCUMENTS_MODE=mode, people=3
    )
    for body in (
        {"documentId": ID},
        {"documentId": f"sha256:{digest(OTHERS)}"},
        {"documentId": digest(LISTED)},
        {"documentId": ID, "query": OTHERS},
        {"extensions": hashed(LISTED)},
        {"extensions": hashed(LISTED), "query": LISTED},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": ID}}},
        {"query": LISTED},
    ):
        assert answered(await post(world, **body)), body
        assert answered(await get(world, **body)), body
    mixed = await post(world, documentId=ID, query=LISTED)
    assert (mixed.status_code, code(mixed)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(("mode", "apq"), [("off", "true"), ("audit", "false"), ("audit", "true")])
async def test_without_enforcement_everything_else_runs_too(
    new_world: Build, path: Path, mode: str, apq: str
) -> None:
    settings = {"GATEWAY_DOCUMENTS_MODE": mode, "GATEWAY_APQ": apq}
    world = new_world(GATEWAY_DOCUMENTS=manifest(path, LISTED), **settings)
    assert answered(await post(world, query=OTHERS))
    assert code(await post(world, extensions=hashed(OTHERS))) == NOT_FOUND  # a client names the others still
    assert answered(await post(world, query=OTHERS, extensions=hashed(OTHERS)))
    assert answered(await post(world, extensions=hashed(OTHERS))) == (apq == "true")


async def test_an_id_of_a_newer_manifest_runs_with_its_text_and_is_registered_for_nothing(
    new_world: Build, path: Path
) -> None:
    """Nobody has proved that it belongs to this text: the next one could send another."""
    world = new_world(GATEWAY_DOCUMENTS=manifest(path, LISTED))
    newer = {"persistedQuery": {"version": 1, "sha256Hash": "newer"}}
    assert answered(await post(world, extensions=newer, query=OTHERS))
    assert code(await post(world, extensions=newer)) == NOT_FOUND
    assert answered(await post(world, documentId="newer", query=OTHERS))
    assert code(await post(world, documentId="newer")) == NOT_FOUND


async def test_an_audit_tells_and_counts_what_is_not_listed(new_world: Build, path: Path, log: Lines) -> None:
    world = new_world(
        GATEWAY_DOCUMENTS=manifest(path, LISTED), GATEWAY_DOCUMENTS_MODE="audit", GATEWAY_API_KEYS=KEYS
    )
    await post(world, key=READER, documentId=digest(LISTED))
    await post(world, key=READER, query=LISTED)
    assert log.of("unlisted document") == []
    text = 'query Find { contacts(first: 1, search: "ada@example.com") { nodes { id } } }'
    response = await post(world, key=READER, query=text, extensions=hashed(text))
    await post(world, key=FULL, extensions=hashed(text))
    await post(world, key=FULL, query="{ __typename }")
    first, second, third = log.of("unlisted document")
    assert first == {
        "event": "unlisted document",
        "requestId": response.json()["extensions"]["requestId"],
        "operation": "Find",
        "caller": "reader",
        "sha256": digest(text),
    }
    assert (second["caller"], second["sha256"]) == ("full", digest(text))
    assert third["operation"] is None
    counted = (await world.client.get("/metrics", headers={"x-api-key": FULL})).text
    assert 'gateway_unlisted_documents_total{operation="Find"} 2.0' in counted
    assert 'gateway_documents_total{origin="manifest"} 2.0' in counted
    assert 'gateway_documents_total{origin="registered"} 1.0' in counted


async def test_an_audited_upload_counts_once(new_world: Build, path: Path, log: Lines) -> None:
    world = new_world(GATEWAY_DOCUMENTS=manifest(path, LISTED), GATEWAY_DOCUMENTS_MODE="audit")
    answer = await world.upload(UPLOAD, {"input": {"targets": [], "file": None}}, b"Name\nAda\n")
    assert answer.status == 200
    assert [line["operation"] for line in log.of("unlisted document")] == ["Upload"]


# ---- a manifest that is enforced

UNLISTED = [
    {"query": OTHERS + " "},
    {"query": "{ __typename }"},
    {"query": get_introspection_query()},
    {"query": "{ _service { sdl } }"},
    {"query": "mutation { deleteTag(input: {id: \"x\"}) { outcome { status } } }"},
    {"query": "subscription { contactChanged { id } }"},
    {"query": "{"},
    {"query": "{ nope }", "extensions": hashed("{ nope }")},
    {"query": "{ __typename }", "extensions": hashed("{ __typename }")},
    {"query": LISTED + OTHERS},
    {"query": "{ __typename }", "extensions": {"explain": "plan"}},
    {"query": "{ __typename }", "extensions": {"explain": True}},
    {"query": "{ __typename }", "documentId": "another"},
    {"extensions": hashed("{ __typename }")},
    {"documentId": f"sha256:{digest('{ __typename }')}"},
    {"documentId": "another"},
]  # fmt: skip


@pytest.mark.parametrize("body", UNLISTED, ids=lambda body: json.dumps(body)[:70])
async def test_nothing_that_is_not_listed_runs_over_get_or_post(
    enforced: World, body: dict[str, Any]
) -> None:
    for _ in range(2):  # nothing is registered either
        for response in (await post(enforced, **body), await get(enforced, **body)):
            assert (response.status_code, code(response)) == (200, REQUIRED)
            assert "data" not in response.json()
        assert (await post(enforced, GRAPHQL, **body)).status_code == 400
    assert enforced.calls == {}


async def test_a_listed_id_does_not_excuse_another_text(enforced: World) -> None:
    for named in ({"documentId": ID}, {"extensions": hashed(LISTED)}):
        response = await post(enforced, query="{ __typename }", **named)
        assert (response.status_code, code(response)) == (400, "BAD_REQUEST")


async def test_a_name_of_two_documents_is_refused(enforced: World) -> None:
    response = await post(enforced, documentId=ID, extensions=hashed(LISTED))
    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")


def form(operations: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"operations": json.dumps(operations), "map": json.dumps({"0": ["variables.input.file"]})},
        "files": {"0": ("people.csv", b"Name\nAda\n")},
    }


async def test_a_listed_document_comes_with_files_too_and_no_other_one(enforced: World) -> None:
    given = {"variables": {"input": {"targets": [], "dryRun": True, "file": None}}}
    for named in ({"documentId": digest(UPLOAD)}, {"extensions": hashed(UPLOAD)}, {"query": UPLOAD}):
        response = await enforced.client.post("/graphql", **form({**named, **given}))
        assert response.json()["data"]["importContacts"]["userErrors"], response.text
    text = UPLOAD.replace("Upload", "Other")
    for other in ({"query": text}, {"documentId": digest(text)}, {"query": text, "extensions": hashed(text)}):
        response = await enforced.client.post("/graphql", **form({**other, **given}))
        assert code(response) == REQUIRED


async def test_a_listed_query_can_be_planned_and_explained(enforced: World) -> None:
    planned = (await post(enforced, documentId=ID, extensions={"explain": "plan"})).json()
    assert planned["data"] is None
    assert "plan" in planned["extensions"]
    explained = await post(enforced, documentId=ID, extensions={"explain": True})
    assert answered(explained)
    assert "plan" in explained.json()["extensions"]


async def test_enforcement_holds_in_production_and_before_keys_nothing_is_told(
    new_world: Build, path: Path
) -> None:
    world = new_world(
        GATEWAY_DOCUMENTS=manifest(path, LISTED),
        GATEWAY_DOCUMENTS_MODE="enforce",
        GATEWAY_API_KEYS=KEYS,
        GATEWAY_PRODUCTION="true",
    )
    assert answered(await post(world, key=READER, documentId=digest(LISTED)))
    assert code(await post(world, key=FULL, query="{ __schema { types { name } } }")) == REQUIRED
    assert code(await post(world, documentId=digest(LISTED))) == "UNAUTHENTICATED"
    assert code(await post(world, query="{ __typename }")) == "UNAUTHENTICATED"


async def test_refusals_of_enforcement_stand_in_the_audit_trail(new_world: Build, path: Path) -> None:
    trail = "query Trail { audit(first: 5) { nodes { caller action code } } }"
    world = new_world(
        GATEWAY_DOCUMENTS=manifest(path, trail), GATEWAY_DOCUMENTS_MODE="enforce", GATEWAY_API_KEYS=KEYS
    )
    await post(world, key=READER, query="{ __typename }")
    await world.gateway.refusals.flush()
    found = (await post(world, key=FULL, documentId=digest(trail))).json()["data"]["audit"]["nodes"]
    assert [(each["caller"], each["code"]) for each in found] == [("reader", REQUIRED)]


# ---- the file


def test_a_manifest_with_a_document_that_is_not_valid_stops_the_start_and_names_it(path: Path) -> None:
    operations = [
        {"id": "1", "name": "Fine", "type": "query", "body": "query Fine { __typename }"},
        {"id": "2", "name": "Broken", "type": "query", "body": "query Broken { nope }"},
    ]
    path.write_text(json.dumps({"format": APOLLO, "version": 1, "operations": operations}))
    settings = {"GATEWAY_DOCUMENTS": str(path), "GATEWAY_DATA_DIR": ":memory:"}
    with pytest.raises(BadSetting) as refused:
        create_app(read(settings))
    assert str(refused.value).startswith("GATEWAY_DOCUMENTS holds documents that are not valid here")
    assert "2 (Broken): Cannot query field 'nope'" in str(refused.value)
    assert "Fine" not in str(refused.value)
    with process.running("serve", settings=settings) as found:
        assert found.process.wait(process.PATIENCE) != 0
    assert "2 (Broken): Cannot query field 'nope'" in found.output()


async def test_in_production_a_listed_introspection_stops_the_start(new_world: Build, path: Path) -> None:
    settings = {"GATEWAY_DOCUMENTS": manifest(path, get_introspection_query()), "GATEWAY_API_KEYS": KEYS}
    new_world(**settings)
    with pytest.raises(BadSetting, match="introspection"):
        new_world(**settings, GATEWAY_PRODUCTION="true")


async def test_a_manifest_that_changes_counts_without_a_restart(
    enforced: World, path: Path, log: Lines
) -> None:
    watch = Watch(enforced.app.state.documents, path)
    await watch.look()
    assert log.of("documents renewed") == []
    manifest(path, "{ __typename }")
    assert code(await post(enforced, query="{ __typename }")) == REQUIRED
    await watch.look()
    assert (await post(enforced, query="{ __typename }")).json()["data"] == {"__typename": "Query"}
    assert code(await post(enforced, documentId=ID)) == REQUIRED
    assert [line["documents"] for line in log.of("documents renewed")] == [1]


async def test_an_odd_manifest_changes_nothing_and_is_told_once(
    enforced: World, path: Path, log: Lines
) -> None:
    watch = Watch(enforced.app.state.documents, path)
    for odd in ("{", '{"x": "{ nope }"}', None):
        put(path, odd)
        await watch.look()
        await watch.look()
        assert answered(await post(enforced, documentId=ID))
        assert code(await post(enforced, query="{ __typename }")) == REQUIRED
    assert len(log.of("documents refused")) == 3
    assert all(line["message"].startswith("GATEWAY_DOCUMENTS ") for line in log.of("documents refused"))
    manifest(path, GROUP, LISTED, UPLOAD, **{ID: OTHERS})
    await watch.look()
    assert len(log.of("documents refused")) == 3
    assert len(log.of("documents renewed")) == 1
