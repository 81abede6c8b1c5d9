"""Every method of the Samespace client: the documents it sends, what it returns, and how it fails."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    FieldNode,
    OperationDefinitionNode,
    build_schema,
    parse,
    print_ast,
    validate,
    value_from_ast_untyped,
)

from gateway import deadline, events
from gateway.errors import (
    GatewayError,
    UpstreamAuth,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamMissing,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)
from gateway.model.source import Source
from gateway.upstreams.people import Population
from gateway.upstreams.samespace.client import CRASHED, Client, RootField, document
from gateway.upstreams.samespace.emulator import Emulator
from tests.support.sources import KEY, Lone, Sent, lone, shown
from tests.upstreams.samespace.calling import COMPANY_MODULE, CONTACTS, NOW

HERE = Path(__file__).parents[1]
CONTRACT = build_schema((HERE / "contracts" / "samespace.graphql").read_text("utf-8"))
IMKE, TADEO = "6700b1c2d3e4f5a6b7c8e001", "6700b1c2d3e4f5a6b7c8e002"
BADGE = "66f0a1c2d3e4f5a6b7c8f019"

Call = Callable[[Client, Any], Awaitable[Any]]

# Each operation of the contract, called with the values of its published example.
QUERIES: dict[str, Call] = {
    "getContacts": lambda client, _: client.get_contacts(CONTACTS, 0, 50),
    "getModules": lambda client, _: client.get_modules(),
    "getProperties": lambda client, _: client.get_properties(CONTACTS, 0, 3),
}
MUTATIONS: dict[str, Call] = {
    "createContact": lambda client, values: client.create_contact(CONTACTS, values["p"]),
    "updateContacts": lambda client, values: client.update_contacts(CONTACTS, [IMKE], values["p"]),
    "deleteContacts": lambda client, _: client.delete_contacts(CONTACTS, [TADEO]),
    "createProperty": lambda client, values: client.create_property(CONTACTS, values["p"]),
    "updateProperty": lambda client, values: client.update_property(CONTACTS, BADGE, values["p"]),
    "importContacts": lambda client, values: client.import_contacts(
        CONTACTS, values["f"], {pair["key"]: pair["value"] for pair in values["map"]}
    ),
}
GRAPHQL = {**QUERIES, **MUTATIONS}
BEFORE = {"updateProperty": "createProperty"}  # what has to happen before an operation finds its object


def example(operation: str, part: str) -> Any:
    return json.loads((HERE / "examples" / f"samespace.{operation}.{part}.json").read_text("utf-8"))


@pytest.fixture
def branch() -> Lone:
    """An account with the contacts of the published examples."""
    emulator = Emulator(Population(0), lambda: NOW)
    emulator.add_examples()
    return lone(Source.SAMESPACE, emulator)


@pytest.fixture
def crowd() -> Lone:
    return lone(Source.SAMESPACE)


async def call(source: Lone, operation: str) -> Any:
    values = example(operation, "request")["body"].get("variables", {})
    return await GRAPHQL[operation](source.client, values)


async def prepared(source: Lone, operation: str) -> None:
    if operation in BEFORE:
        await call(source, BEFORE[operation])
        source.forget()


async def failure(work: Awaitable[object]) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        await work
    return raised.value


def operation_of(body: Any) -> OperationDefinitionNode:
    (definition,) = parse(body["query"]).definitions
    assert isinstance(definition, OperationDefinitionNode)
    return definition


def meaning(body: Any) -> list[tuple[str, dict[str, Any]]]:
    """The root fields of a request, each with the values of its arguments."""
    fields = [node for node in operation_of(body).selection_set.selections if isinstance(node, FieldNode)]
    variables = body.get("variables") or {}
    return [
        (
            node.name.value,
            {each.name.value: value_from_ast_untyped(each.value, variables) for each in node.arguments or ()},
        )
        for node in fields
    ]


def roots(sent: Sent) -> list[str]:
    return [name for name, _ in meaning(sent.body)]


# What is sent.


def test_every_operation_of_the_contract_is_called_here() -> None:
    published = {file.name.split(".")[1] for file in (HERE / "examples").glob("samespace.*.json")}
    assert {*GRAPHQL, "csvUpload"} == published


@pytest.mark.parametrize("operation", GRAPHQL)
async def test_a_request_means_what_the_published_one_means(branch: Lone, operation: str) -> None:
    await prepared(branch, operation)
    published = example(operation, "request")
    await call(branch, operation)
    (sent,) = branch.sent
    assert (sent.method, sent.path, sent.query) == ("POST", published["path"], {})
    assert sent.headers["x-api-key"] == KEY
    assert sent.headers["content-type"] == published["headers"]["Content-Type"]
    assert meaning(sent.body) == meaning(published["body"])
    assert operation_of(sent.body).operation is operation_of(published["body"]).operation


@pytest.mark.parametrize("operation", GRAPHQL)
async def test_a_document_is_valid_by_the_contract_and_names_its_operation(
    branch: Lone, operation: str
) -> None:
    await prepared(branch, operation)
    await call(branch, operation)
    body = branch.sent[0].body
    assert validate(CONTRACT, parse(body["query"])) == []
    name = operation_of(body).name
    assert name is not None
    assert body["operationName"] == name.value


@pytest.mark.parametrize("operation", GRAPHQL)
async def test_one_field_keeps_the_vendors_own_form(branch: Lone, operation: str) -> None:
    await prepared(branch, operation)
    await call(branch, operation)
    body = branch.sent[0].body
    (field,) = operation_of(body).selection_set.selections
    assert isinstance(field, FieldNode)
    assert field.alias is None
    assert all(print_ast(each.value) == f"${each.name.value.lstrip('_')}" for each in field.arguments or ())


@pytest.mark.parametrize("operation", GRAPHQL)
async def test_the_emulator_sees_the_operation_that_events_name(branch: Lone, operation: str) -> None:
    await prepared(branch, operation)
    told: list[Any] = []
    with events.heard_by(told.append):
        await call(branch, operation)
    assert dict(branch.switches.operations) == {operation: 1}
    assert [(event.operation, event.status, event.error) for event in told] == [(operation, 200, None)]


@pytest.mark.parametrize("operation", GRAPHQL)
async def test_only_reads_are_repeated_on_a_dead_connection(branch: Lone, operation: str) -> None:
    await prepared(branch, operation)
    branch.switches.fail(operation, reset="headers", times=1)
    if operation in MUTATIONS:
        assert type(await failure(call(branch, operation))) is UpstreamUnavailable
        assert len(branch.sent) == 1
    else:
        await call(branch, operation)
        assert len(branch.sent) == 2


async def test_without_a_module_the_one_named_contacts_is_meant(crowd: Lone) -> None:
    await crowd.client.get_contacts(None, 0, 5)
    await crowd.client.get_properties(None, 0, 5)
    for sent in crowd.sent:
        ((_, arguments),) = meaning(sent.body)
        assert arguments["moduleName"] == "Contacts"
        assert "module" not in arguments


async def test_writes_name_their_contacts_and_never_say_all_or_filter(branch: Lone) -> None:
    await call(branch, "updateContacts")
    await call(branch, "deleteContacts")
    await branch.client.update_contacts(CONTACTS, [], [])
    for sent in branch.sent:
        ((_, arguments),) = meaning(sent.body)
        assert isinstance(arguments["_id"], list)
        assert not {"all", "filter"} & set(arguments)


async def test_an_empty_list_of_ids_touches_nobody(branch: Lone) -> None:
    report = await branch.client.delete_contacts(CONTACTS, [])
    assert report["success"] is False
    assert len(await branch.client.get_contacts(CONTACTS, 0, 50)) == 2


async def test_fields_and_ids_are_asked_for_where_they_are_wanted_only(crowd: Lone) -> None:
    await crowd.client.get_contacts(None, 5, 7, fields=["email"])
    assert meaning(crowd.sent[0].body)[0][1]["query"] == {"skip": 5, "limit": 7, "fields": ["email"]}
    crowd.emulator.offers_filter = True
    await crowd.client.get_contacts(None, 0, 2, ids=[IMKE, TADEO])
    assert meaning(crowd.sent[1].body)[0][1]["query"]["filter"] == {"_id": {"$in": [IMKE, TADEO]}}


@pytest.mark.parametrize("odd", ['") { __typename } #', "$x", "\\", "}", "\r\nx: y", "é漢", "\0"])
async def test_no_value_gets_into_the_text_of_a_document(crowd: Lone, odd: str) -> None:
    await crowd.client.get_contacts(CONTACTS, 0, 1)
    await failure(crowd.client.get_contacts(odd, 0, 1))
    plain, sent = crowd.sent
    assert sent.body["query"] == plain.body["query"]
    assert sent.body["variables"]["module"] == odd
    assert (sent.path, sent.headers.keys()) == (plain.path, plain.headers.keys())


async def test_a_file_is_sent_as_published(branch: Lone) -> None:
    published = example("csvUpload", "request")
    part = published["multipart"]["uploadFile"]
    upload = await branch.client.upload(part["filename"], part["text"].encode(), part["contentType"])
    (request,) = branch.transport.requests
    assert (request.method, request.url.path) == (published["method"], published["path"])
    assert request.headers["x-api-key"] == KEY
    body = (await request.aread()).decode()
    assert f'name="uploadFile"; filename="{part["filename"]}"' in body
    assert f"Content-Type: {part['contentType']}\r\n\r\n{part['text']}\r\n" in body
    answer = example("csvUpload", "response")["body"]
    assert {**upload, "fileUuid": answer["fileUuid"]} == answer


# Several root fields in one document.


async def test_queries_of_one_turn_travel_in_one_document(crowd: Lone) -> None:
    people, companies, modules, definitions = await asyncio.gather(
        crowd.client.get_contacts(CONTACTS, 0, 3),
        crowd.client.get_contacts(COMPANY_MODULE, 1, 2),
        crowd.client.get_modules(),
        crowd.client.get_properties(CONTACTS, 0, 4),
    )
    (sent,) = crowd.sent
    assert roots(sent) == ["getContacts", "getContacts", "getModules", "getProperties"]
    assert validate(CONTRACT, parse(sent.body["query"])) == []
    crowd.forget()
    assert people == await crowd.client.get_contacts(CONTACTS, 0, 3)
    assert companies == await crowd.client.get_contacts(COMPANY_MODULE, 1, 2)
    assert modules == await crowd.client.get_modules()
    assert definitions == await crowd.client.get_properties(CONTACTS, 0, 4)
    assert len(crowd.sent) == 4


async def test_each_of_many_pages_in_one_document_gets_its_own(crowd: Lone) -> None:
    whole = await crowd.client.get_contacts(CONTACTS, 0, 50)
    crowd.forget()
    pages = await asyncio.gather(*(crowd.client.get_contacts(CONTACTS, skip, 2) for skip in range(0, 24, 2)))
    assert [record for page in pages for record in page] == whole[:24]
    assert len(crowd.sent) == 1


async def test_identical_queries_are_one_root_field(crowd: Lone) -> None:
    one, other, same = await asyncio.gather(
        crowd.client.get_contacts(CONTACTS, 0, 3),
        crowd.client.get_contacts(CONTACTS, 3, 3),
        crowd.client.get_contacts(CONTACTS, 0, 3),
    )
    assert one == same != other
    assert [roots(sent) for sent in crowd.sent] == [["getContacts", "getContacts"]]


async def test_queries_of_later_turns_are_documents_of_their_own(crowd: Lone) -> None:
    await crowd.client.get_contacts(CONTACTS, 0, 3)
    await crowd.client.get_contacts(CONTACTS, 3, 3)
    assert [roots(sent) for sent in crowd.sent] == [["getContacts"], ["getContacts"]]


async def test_two_operations_of_different_requests_do_not_share_a_document(crowd: Lone) -> None:
    told: dict[str, list[Any]] = {"one": [], "other": []}

    async def work(name: str, skip: int) -> list[Any]:
        with events.heard_by(told[name].append), deadline.within(5.0):
            return await crowd.client.get_contacts(CONTACTS, skip, 2)  # type: ignore[no-any-return]

    one, other = await asyncio.gather(work("one", 0), work("other", 2))
    assert [record["_id"] for record in one] != [record["_id"] for record in other]
    assert [roots(sent) for sent in crowd.sent] == [["getContacts"], ["getContacts"]]
    assert [len(heard) for heard in told.values()] == [1, 1]


async def test_mutations_never_share_a_document(branch: Lone) -> None:
    values = example("createContact", "request")["body"]["variables"]["p"]
    made = await asyncio.gather(*(branch.client.create_contact(CONTACTS, values) for _ in range(3)))
    assert len({record["_id"] for record in made}) == 3
    assert [roots(sent) for sent in branch.sent] == [["createContact"]] * 3


async def test_an_error_of_one_root_field_does_not_spoil_its_neighbour(crowd: Lone) -> None:
    answers = await asyncio.gather(
        crowd.client.get_contacts("66f0a1c2d3e4f5a6b7c8dfff", 0, 3),
        crowd.client.get_contacts(CONTACTS, 0, 3),
        crowd.client.get_properties("66f0a1c2d3e4f5a6b7c8dfff", 0, 3),
        return_exceptions=True,
    )
    assert len(crowd.sent) == 1
    nowhere, people, definitions = answers
    assert isinstance(nowhere, UpstreamRejected)
    assert isinstance(definitions, UpstreamRejected)
    assert isinstance(people, list)
    assert len(people) == 3


async def test_an_error_without_a_path_concerns_every_root_field(crowd: Lone) -> None:
    crowd.answers(
        {"data": {"getContacts": [], "getModules": []}, "errors": [{"message": "half of me is gone"}]}
    )
    answers = await asyncio.gather(
        crowd.client.get_contacts(CONTACTS, 0, 3), crowd.client.get_modules(), return_exceptions=True
    )
    assert [type(each) for each in answers] == [UpstreamBadResponse, UpstreamBadResponse]


async def test_a_document_that_fails_fails_all_who_are_in_it(crowd: Lone) -> None:
    crowd.switches.fail(status=503)
    answers = await asyncio.gather(
        crowd.client.get_contacts(CONTACTS, 0, 3), crowd.client.get_modules(), return_exceptions=True
    )
    assert [type(each) for each in answers] == [UpstreamUnavailable, UpstreamUnavailable]
    crowd.switches.heal()
    assert len(await crowd.client.get_modules()) == 2


async def test_whoever_goes_away_leaves_the_others_their_answer(crowd: Lone) -> None:
    gone = asyncio.create_task(crowd.client.get_contacts(CONTACTS, 0, 3))
    stays = asyncio.create_task(crowd.client.get_modules())
    await asyncio.sleep(0)
    gone.cancel()
    assert len(await stays) == 2
    assert gone.cancelled()


def test_root_fields_of_one_document_have_names_and_variables_of_their_own() -> None:
    fields = [
        RootField("getContacts", (("module", "ID", str(place)), ("query", "QueryInput", {})), "{ _id }")
        for place in range(12)
    ]
    names, body = document("query", fields)
    assert len(set(names)) == 12
    assert validate(CONTRACT, parse(body["query"])) == []
    assert [arguments["module"] for _, arguments in meaning(body)] == [str(place) for place in range(12)]


# What comes back.


@pytest.mark.parametrize("operation", QUERIES)
async def test_records_are_returned_as_they_were_sent(branch: Lone, operation: str) -> None:
    published = example(operation, "response")["body"]["data"][operation]
    records = await call(branch, operation)
    assert [{key: record[key] for key in record if key in published[0]} for record in records] == published


async def test_writes_return_what_the_vendor_says_of_them(branch: Lone) -> None:
    created = await call(branch, "createContact")
    assert created["_id"] in {record["_id"] for record in await branch.client.get_contacts(CONTACTS, 0, 50)}
    for operation in ("updateContacts", "deleteContacts", "importContacts"):
        assert await call(branch, operation) == example(operation, "response")["body"]["data"][operation]
    created = await call(branch, "createProperty")
    published = example("createProperty", "response")["body"]["data"]["createProperty"]
    assert {key: created[key] for key in published} == published
    assert (await call(branch, "updateProperty"))["description"] == "Number printed on the visitor badge"


@pytest.mark.parametrize("operation", ["updateContacts", "deleteContacts"])
async def test_a_write_that_did_not_succeed_says_so_although_the_status_is_fine(
    branch: Lone, operation: str
) -> None:
    report = {"success": False, "message": "Contact not found"}
    branch.answers({"data": {operation: report}})
    assert (await call(branch, operation))["success"] is False


async def test_introspection_tells_what_is_offered(crowd: Lone) -> None:
    plain = await crowd.client.introspect()
    assert set(plain["arguments"]) == {"module", "moduleName", "query"}
    assert set(plain["members"]) == {"skip", "limit", "fields"}
    crowd.emulator.offers_filter = True
    assert "filter" in (await crowd.client.introspect())["members"]


async def test_an_endpoint_without_the_input_offers_no_members(crowd: Lone) -> None:
    fields = [{"name": "getContacts", "args": [{"name": "moduleName"}, {"name": "payload"}]}]
    crowd.answers({"data": {"__schema": {"queryType": {"fields": fields}}, "__type": None}})
    assert await crowd.client.introspect() == {"arguments": ["moduleName", "payload"], "members": []}


# How it fails.


@pytest.mark.parametrize("operation", [name for name in GRAPHQL if name != "deleteContacts"])
async def test_the_published_error_has_its_kind(branch: Lone, operation: str) -> None:
    published = example(operation, "error")
    branch.answers(published["body"], published["status"])
    error = await failure(call(branch, operation))
    code = published["body"]["errors"][0]["extensions"]["code"]
    kinds = {"UNAUTHENTICATED": UpstreamAuth, "NOT_FOUND": UpstreamMissing}
    assert type(error) is kinds.get(code, UpstreamRejected)
    assert error.source == "SAMESPACE"
    assert published["body"]["errors"][0]["message"] not in shown(error)


@pytest.mark.parametrize("data", [None, {"getModules": None}, {"getModules": []}])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("UNAUTHENTICATED", UpstreamAuth),
        ("FORBIDDEN", UpstreamAuth),
        ("BAD_USER_INPUT", UpstreamRejected),
        ("NOT_FOUND", UpstreamMissing),
        ("GRAPHQL_VALIDATION_FAILED", UpstreamRejected),
        ("INTERNAL_SERVER_ERROR", UpstreamBadResponse),
        (None, UpstreamBadResponse),
    ],
)
async def test_an_error_within_a_200_is_an_error(
    crowd: Lone, code: str | None, kind: type[UpstreamError], data: Any
) -> None:
    crowd.answers({"errors": [{"message": f"Ada {KEY}", "extensions": {"code": code}}], "data": data})
    error = await failure(crowd.client.get_modules())
    assert isinstance(error, kind)
    for part in ("Ada", KEY):
        assert part not in shown(error)


@pytest.mark.parametrize(("code", "uncertain"), [("BAD_USER_INPUT", False), (None, False), (CRASHED, True)])
async def test_a_write_that_was_refused_is_certain_and_one_that_crashed_is_not(
    branch: Lone, code: str | None, uncertain: bool
) -> None:
    error = {"message": "No", "path": ["createContact"], "extensions": {"code": code}}
    branch.answers({"errors": [error], "data": {"createContact": None}})
    assert bool((await failure(call(branch, "createContact"))).uncertain) is uncertain


async def test_a_server_that_tells_ids_only_is_asked_for_no_more(branch: Lone) -> None:
    refusal = {"message": "Cannot query field", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}
    branch.answers({"errors": [refusal]}, times=1)
    values = example("createContact", "request")["body"]["variables"]["p"]
    assert (await branch.client.create_contact(CONTACTS, values)).keys() == {"_id"}
    assert (await branch.client.create_contact(CONTACTS, values)).keys() == {"_id"}
    assert [roots(sent) for sent in branch.sent] == [["createContact"]] * 3


async def test_the_emulators_own_refusal_is_understood(branch: Lone) -> None:
    error = await failure(branch.client.create_contact(CONTACTS, [{"key": "nonsense", "value": "1"}]))
    assert isinstance(error, UpstreamRejected)
    assert "nonsense" not in error.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, UpstreamAuth),
        (403, UpstreamAuth),
        (429, UpstreamRateLimited),
        (500, UpstreamUnavailable),
        (503, UpstreamUnavailable),
        (302, UpstreamBadResponse),
    ],
)
@pytest.mark.parametrize("operation", MUTATIONS)
async def test_a_write_has_the_same_errors_as_every_read(
    branch: Lone, operation: str, status: int, kind: type[UpstreamError]
) -> None:
    branch.answers({"errors": [{"message": f"bad {KEY}"}]}, status)
    error = await failure(call(branch, operation))
    assert type(error) is kind
    assert error.source == "SAMESPACE"
    assert KEY not in shown(error)


@pytest.mark.parametrize(
    "body", ["", "<html>", '{"data": {', "null", "[]", "5", '"text"', "{}", '{"data": null}', '{"data": []}']
)
@pytest.mark.parametrize("operation", [*GRAPHQL, "introspection"])
async def test_an_answer_that_is_not_graphql_is_a_bad_response(
    branch: Lone, operation: str, body: str
) -> None:
    branch.switches.fail(body=body)
    work = branch.client.introspect() if operation == "introspection" else call(branch, operation)
    assert type(await failure(work)) is UpstreamBadResponse


@pytest.mark.parametrize("value", [None, {}, "text", 5, True])
@pytest.mark.parametrize("operation", QUERIES)
async def test_a_query_without_a_list_is_a_bad_response(crowd: Lone, operation: str, value: Any) -> None:
    crowd.answers({"data": {operation: value}})
    assert type(await failure(call(crowd, operation))) is UpstreamBadResponse


@pytest.mark.parametrize("value", [None, [], "text", 5, True])
@pytest.mark.parametrize("operation", MUTATIONS)
async def test_a_mutation_without_a_result_is_a_bad_response(
    branch: Lone, operation: str, value: Any
) -> None:
    branch.answers({"data": {operation: value}})
    assert type(await failure(call(branch, operation))) is UpstreamBadResponse


@pytest.mark.parametrize("errors", ["text", {"message": "x"}, [5], [None], [[]], ["text"]])
async def test_errors_in_an_odd_form_are_errors(crowd: Lone, errors: Any) -> None:
    crowd.answers({"errors": errors, "data": None})
    assert type(await failure(crowd.client.get_modules())) is UpstreamBadResponse


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, '{"message": "uploadFile is missing"}', UpstreamRejected),
        (413, '{"message": "too large"}', UpstreamRejected),
        (200, '{"filename": "a.csv"}', UpstreamRejected),
        (200, "[]", UpstreamRejected),
        (200, "<html>", UpstreamBadResponse),
        (401, '{"message": "Invalid API key"}', UpstreamAuth),
        (429, "{}", UpstreamRateLimited),
        (500, "{}", UpstreamUnavailable),
    ],
)
async def test_a_file_that_is_not_taken_is_an_error(
    branch: Lone, status: int, body: str, kind: type[UpstreamError]
) -> None:
    branch.switches.fail("csvUpload", status=status, body=body)
    error = await failure(branch.client.upload("a.csv", b"Name\nAda\n", "text/csv"))
    assert type(error) is kind
    assert error.source == "SAMESPACE"


async def test_a_file_that_the_vendor_cannot_read_is_refused(branch: Lone) -> None:
    assert isinstance(await failure(branch.client.upload("a.pdf", b"%PDF", "text/csv")), UpstreamRejected)
    assert isinstance(await failure(branch.client.upload("a.csv", b"", "text/csv")), UpstreamRejected)


async def test_a_file_is_never_sent_twice(branch: Lone) -> None:
    branch.switches.fail("csvUpload", reset="headers")
    error = await failure(branch.client.upload("a.csv", b"Name\nAda\n", "text/csv"))
    assert type(error) is UpstreamUnavailable
    assert len(branch.transport.requests) == 1
