"""The contract, the transport and the switches of the Samespace emulator."""

import ast
import json
import time
from pathlib import Path

import httpx
import pytest
from graphql import build_client_schema, build_schema, get_introspection_query, print_schema
from graphql.utilities import lexicographic_sort_schema

from gateway.upstreams import samespace
from gateway.upstreams.emulation import ConnectionBroken
from gateway.upstreams.people import Population
from gateway.upstreams.samespace.emulator import Emulator
from tests.upstreams.samespace.calling import CREATE, UPDATE, UPDATED, Caller, calling, pairs

FOLDER = Path(samespace.__file__).parent
CONTRACT = Path(__file__).parents[1] / "contracts" / "samespace.graphql"


def test_the_emulator_carries_the_contract_unchanged() -> None:
    assert (FOLDER / "emulator.graphql").read_bytes() == CONTRACT.read_bytes()


async def test_introspection_tells_the_contract(emulator: Emulator, caller: Caller) -> None:
    answer = await caller.send(get_introspection_query())
    told, written = build_client_schema(answer["data"]), build_schema(CONTRACT.read_text("utf-8"))
    assert print_schema(lexicographic_sort_schema(told)) == print_schema(lexicographic_sort_schema(written))
    assert emulator.switches.operations == {"introspection": 1}


async def test_introspection_can_be_closed(emulator: Emulator, caller: Caller) -> None:
    emulator.introspection = False
    for query in ("{ __schema { queryType { name } } }", '{ __type(name: "QueryInput") { name } }'):
        answer = await caller.send(query)
        assert "data" not in answer
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}
    assert await caller.ask("{ __typename }") == "Query"
    emulator.introspection = True
    assert await caller.ask('{ __type(name: "QueryInput") { name } }') == {"name": "QueryInput"}


async def test_every_file_of_the_emulator_knows_no_client_code() -> None:
    own = {"gateway.upstreams.people", "gateway.upstreams.emulation", "gateway.upstreams.samespace.seed"}
    for path in (*FOLDER.glob("emulator*.py"), FOLDER / "seed.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module or ""]
            for name in names:
                parts = name.startswith("gateway.upstreams.samespace.emulator_")
                assert not name.startswith(("gateway", "resolvers")) or name in own or parts, (path, name)


@pytest.mark.parametrize("headers", [{}, {"x-api-key": ""}])
async def test_a_missing_or_empty_key_is_refused(emulator: Emulator, headers: dict[str, str]) -> None:
    transport = httpx.ASGITransport(app=emulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator", headers=headers) as http:
        asked = await http.post("/crm/api", json={"query": "{ getModules { _id } }"})
        uploaded = await http.post("/manage/api/v3/csv/upload", files={"uploadFile": ("a.csv", b"a\n1\n")})
    error = {"message": "Invalid API key", "extensions": {"code": "UNAUTHENTICATED"}}
    assert (asked.status_code, asked.json()) == (401, {"errors": [error], "data": None})
    assert (uploaded.status_code, uploaded.json()) == (401, {"message": "Invalid API key"})
    assert emulator.switches.operations == {"getModules": 1, "csvUpload": 1}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"{}", b'{"query": 1}', b'{"query": "{a}", "variables": []}']
)
async def test_a_body_that_is_no_graphql_request_is_refused(caller: Caller, body: bytes) -> None:
    response = await caller.http.post("/crm/api", content=body)
    assert response.status_code == 400
    assert response.json()["errors"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ getContacts", "GRAPHQL_PARSE_FAILED"),
        ("{ getContact(id: 1) { _id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ getModules { _id } ...Gone }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_an_invalid_document_is_200_with_errors_and_no_data(
    caller: Caller, query: str, code: str
) -> None:
    answer = await caller.send(query)
    assert "data" not in answer
    assert answer["errors"][0]["extensions"] == {"code": code}


async def test_a_value_that_is_no_string_is_refused(caller: Caller) -> None:
    answer = await caller.send(CREATE, p=[{"key": "leadScore", "value": 12}])
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}
    assert not answer.get("data")


async def test_several_root_fields_are_one_request_and_one_operation_each(
    emulator: Emulator, caller: Caller
) -> None:
    document = """
        query Both { one: getContacts(query: {limit: 1}) { _id } ...More __typename }
        fragment More on Query {
            two: getContacts(query: {skip: 1, limit: 1}) { _id } ... { getModules { name } } ...More2
        }
        fragment More2 on Query { two: getContacts(query: {skip: 1, limit: 1}) { _id } }
    """
    answer = await caller.send(document)
    assert answer["data"].keys() == {"one", "two", "getModules", "__typename"}
    assert answer["data"]["one"] != answer["data"]["two"]
    assert emulator.switches.requests == 1
    assert emulator.switches.operations == {"getContacts": 2, "getModules": 1}


async def test_one_alias_can_fail_alone(caller: Caller) -> None:
    answer = await caller.send('{ good: getModules { name } bad: getContacts(module: "x") { _id } }')
    assert [error["path"] for error in answer["errors"]] == [["bad"]]
    assert answer["data"]["bad"] is None
    assert answer["data"]["good"]


async def test_only_the_named_operation_is_counted_and_run(emulator: Emulator, caller: Caller) -> None:
    query = "query A { getModules { _id } } query B { getContacts(query: {limit: 1}) { _id } }"
    response = await caller.http.post("/crm/api", json={"query": query, "operationName": "B"})
    assert response.json()["data"].keys() == {"getContacts"}
    assert emulator.switches.operations == {"getContacts": 1}
    assert (await caller.send(query))["errors"]


async def test_a_fault_replaces_the_answer_as_often_as_set(emulator: Emulator, caller: Caller) -> None:
    emulator.switches.fail("getModules", status=503, body="busy", times=1)
    query = {"query": "{ getModules { _id } }"}
    broken = await caller.http.post("/crm/api", json=query)
    assert (broken.status_code, broken.text) == (503, "busy")
    assert (await caller.http.post("/crm/api", json=query)).status_code == 200


async def test_a_fault_may_come_after_the_effect(emulator: Emulator, caller: Caller) -> None:
    emulator.switches.fail("createContact", status=502, after=True, times=1)
    body = {"query": CREATE, "variables": {"p": pairs({"firstName": "Noor", "lastName": "Aldana"})}}
    assert (await caller.http.post("/crm/api", json=body)).status_code == 502
    assert (await caller.contacts(limit=1000))[-1]["properties"]["lastName"]["value"] == "Aldana"


async def test_a_fault_may_break_the_connection(emulator: Emulator, caller: Caller) -> None:
    emulator.switches.fail(reset="headers")
    with pytest.raises(ConnectionBroken):
        await caller.contacts()


async def test_latency_is_waited_before_the_answer(emulator: Emulator, caller: Caller) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    emulator.switches.sleep = sleep
    emulator.switches.fail("getContacts", latency=1.5)
    assert await caller.contacts(limit=1)
    assert waited == [1.5]


async def test_counters_and_faults_are_reached_over_http(caller: Caller) -> None:
    for odd in (b"nonsense", b'{"bogus": 1}', b"[]"):
        refused = await caller.http.put("/_emulator/faults/csvUpload", content=odd)
        assert (refused.status_code, "`status`" in refused.text) == (400, True)
    fault = await caller.http.put("/_emulator/faults/csvUpload", json={"status": 500})
    assert fault.status_code == 204
    assert (await caller.upload("a.csv", b"a\n1\n")).status_code == 500
    await caller.contacts()
    calls = (await caller.http.get("/_emulator/calls")).json()
    assert calls == {"requests": 2, "operations": {"csvUpload": 1, "getContacts": 1}}


async def test_a_hundred_thousand_people_are_there_at_once() -> None:
    started = time.process_time()
    emulator = Emulator(Population(100_000))
    async with calling(emulator) as http:
        page = await Caller(http).contacts(skip=40_000, limit=50)
        again = await Caller(http).ask(UPDATE, id=[page[7]["_id"]], p=pairs({"notes": "x"}))
    assert time.process_time() - started < 2
    assert len(page) == 50
    assert again == UPDATED
    assert json.dumps(page[0])
