"""What each scope opens, and nothing else: every root field, every payload, every path, every form."""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest
import pytest_asyncio
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
    parse,
)

from gateway.app import sdl
from gateway.engine import access
from gateway.model.caller import Scope
from gateway.model.source import Source
from tests.support import issuer
from tests.support import world as worlds
from tests.support.world import Answer, World, schema, subgraph

SETTINGS: dict[str, Any] = {
    "GATEWAY_JWT_ISSUER": issuer.ISSUER,
    "GATEWAY_JWT_AUDIENCE": issuer.AUDIENCE,
    "GATEWAY_JWT_KEYS": issuer.keys("rsa"),
}
ALL = " ".join(Scope)
SCOPES = {*(scope.value for scope in Scope), ""}
FILE = b"First Name,Last Name,Email\nNoor,Aldana,noor@example.com\n"


def by(scope: str = ALL, **more: Any) -> dict[str, str]:
    """The headers of a caller with these scopes, limited as its token says."""
    return {"authorization": f"Bearer {issuer.token(scope=scope, **more)}"}


@pytest.fixture
async def guarded(new_world: Callable[..., World]) -> World:
    """A world that takes tokens only, with a filled index."""
    world = new_world(60, **SETTINGS)
    await world.fill()
    return world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library() -> AsyncIterator[tuple[World, dict[str, Any]]]:
    """Such a world for tests that only read, with the ids of what there is to read."""
    world = worlds.build(60, **SETTINGS)
    await world.fill()
    yield world, await ids_of(world) | {"job": await imported(world)}
    await worlds.close(world)


@pytest_asyncio.fixture(loop_scope="module")
async def read(library: tuple[World, dict[str, Any]]) -> tuple[World, dict[str, Any]]:
    """The same, with counters at zero."""
    library[0].forget()
    return library


# ---- what the schema declares

ROOTS = access.roots(subgraph())  # with what only routers ask for
QUERIES = {name for kind, name in ROOTS if kind == "query"}
MUTATIONS = {name for kind, name in ROOTS if kind == "mutation"}
OTHERWISE = {
    ("query", "importJob"): {"READ", "IMPORT"},
    ("query", "audit"): {"ADMIN"},
    ("query", "exportPerson"): {"RAW"},
    ("mutation", "importContacts"): {"IMPORT"},
}
USUAL = {"query": {"READ"}, "mutation": {"WRITE"}, "subscription": {"READ"}}
# A payload shows these to whoever could write, as they are what was sent.
OPEN = {("SendMessagePayload", "message")}


def test_every_root_field_declares_its_right_and_none_is_open() -> None:
    for (kind, name), scopes in ROOTS.items():
        assert scopes == OTHERWISE.get((kind, name), USUAL[kind]), name


def reachable(root: GraphQLNamedType | None, *, through: Callable[[str, str], bool]) -> set[str]:
    """Names of the object types that fields lead to from a type, by the fields that may be passed."""
    found: set[str] = set()
    waiting: list[GraphQLNamedType] = [root] if root else []
    while waiting:
        here = waiting.pop()
        if here.name in found or not isinstance(here, GraphQLObjectType | GraphQLInterfaceType):
            continue
        found.add(here.name)
        if isinstance(here, GraphQLInterfaceType):
            waiting.extend(schema().get_possible_types(here))
        waiting.extend(
            get_named_type(field.type) for name, field in here.fields.items() if through(here.name, name)
        )
    return found


def unguarded(type_: str, name: str) -> bool:
    """Whether a field says nothing of rights itself."""
    return not access.declared(field_of(type_, name)) and (type_, name) not in OPEN


def field_of(type_: str, name: str) -> GraphQLField:
    found: Any = schema().type_map[type_]
    field: GraphQLField = found.fields[name]
    return field


def test_nothing_that_is_read_is_reached_from_a_write_without_the_right_to_read() -> None:
    readable = reachable(schema().query_type, through=lambda *_: True) - {"Query"}
    assert {"Contact", "Group", "Property", "Event", "ImportJob", "Message", "Chat"} <= readable
    written = reachable(schema().mutation_type, through=unguarded)
    assert {"WriteOutcome", "CreateContactPayload"} <= written
    assert written & readable == set()


def test_what_a_right_guards_can_be_empty() -> None:
    for type_ in schema().type_map.values():
        if isinstance(type_, GraphQLObjectType) and type_.name not in {"Query", "Mutation"}:
            for name, field in type_.fields.items():
                if access.declared(field):
                    told = str(field.type)
                    assert not told.endswith("!") or told.startswith("["), f"{type_.name}.{name}"


async def test_the_published_schema_says_who_may_do_what(guarded: World) -> None:
    text = (await guarded.client.get("/schema.graphql", headers=by("read"))).text
    assert text == sdl()
    said: dict[tuple[str, str], access.Scopes] = {}
    for definition in parse(text).definitions:
        given: Any = definition
        common = _scopes(given)
        for field in getattr(given, "fields", None) or ():
            scopes = _scopes(field) or common
            if scopes and given.kind == "object_type_definition":
                said[given.name.value, field.name.value] = scopes
    roots = access.roots(schema())
    for (kind, name), scopes in roots.items():
        if not name.startswith("__"):
            assert said[kind.capitalize(), name] == scopes
    assert said["Contact", "raw"] == {"RAW"}
    listed = await guarded.data(
        "{ __schema { directives { name args { name type { kind } } } } }", headers=by("read")
    )
    assert "access" in {each["name"] for each in listed["__schema"]["directives"]}


def _scopes(node: Any) -> access.Scopes:
    return frozenset(
        value.value
        for directive in node.directives or ()
        if directive.name.value == "access"
        for value in directive.arguments[0].value.values
    )


# ---- queries, by each scope alone

QUERY: dict[str, str] = {
    "node": "node(id: $contact) { id __typename ... on Contact { displayName } }",
    "nodes": "nodes(ids: [$contact, $group]) { id __typename }",
    "contact": "contact(by: {id: $contact}) { displayName email }",
    "contacts": "contacts(first: 3) { nodes { displayName } totalCount sources { status } }",
    "person": "person(by: {contact: $contact}) { displayName members { reasons { rule } } }",
    "people": "people(first: 3) { nodes { displayName } sources { status } }",
    "drift": "drift(first: 3) { nodes { displayName provenance { conflicting } } }",
    "identityConflicts": "identityConflicts(first: 3) { nodes { reason } pageInfo { hasNextPage } }",
    "exportPerson": "exportPerson(id: $person)",
    "group": "group(by: {id: $group}) { name members { nodes { displayName } } }",
    "groups": "groups(first: 3) { nodes { name } totalCount }",
    "modules": "modules { name }",
    "properties": "properties(source: SAMESPACE) { nodes { key } }",
    "channels": "channels { nodes { name } }",
    "chat": "chat(contact: {id: $talker}) { messages { nodes { text } } }",
    "events": "events { nodes { type } pageInfo { endCursor } }",
    "audit": "audit { nodes { caller action detail } }",
    "sources": "sources { source status capabilities { operation } }",
    "importJob": "importJob(id: $job) { state columns reports { rows { contactId } } }",
    "_entities": (
        '_entities(representations: [{__typename: "Contact", id: $contact}, '
        '{__typename: "Group", id: $group}]) '
        "{ __typename ... on Contact { displayName } ... on Group { name } }"
    ),
    "_service": "_service { sdl }",
}
META = {
    "__schema": "__schema { types { name } }",
    "__type": '__type(name: "Contact") { name fields { name } }',
    "__typename": "__typename",
}


@pytest.fixture
async def known(guarded: World) -> dict[str, Any]:
    """Ids of what there is to write to; then everything is forgotten."""
    found = await ids_of(guarded)
    guarded.forget()
    return found


async def imported(world: World) -> str:
    """The id of an import, which was only tried."""
    job = await world.load(
        {"targets": [{"source": "PACKAGEX"}], "dryRun": True}, FILE, headers=by("import", sub="importer")
    )
    found: str = job["job"]["id"]
    return found


async def ids_of(world: World) -> dict[str, Any]:
    """Ids of what there is, as a caller with every scope sees them."""
    told = await world.data(
        "{ groups(first: 1) { nodes { id members { nodes { id } } } } "
        "px: contacts(first: 2, sources: [PACKAGEX]) { nodes { id displayName "
        "person { id members { contact { id } } } } } "
        "sm: contacts(first: 2, sources: [SMART_SENDER]) { nodes { id displayName tags { id } } } "
        "channels { nodes { id } } properties(source: SAMESPACE) { nodes { id } } }",
        headers=by(),
    )
    people, talkers = told["px"]["nodes"], told["sm"]["nodes"]
    return {
        "contact": people[0]["id"],
        "other": people[1]["id"],
        "person": people[0]["person"]["id"],
        "kin": next(
            each["contact"]["id"]
            for each in people[0]["person"]["members"]
            if each["contact"]["id"] != people[0]["id"]
        ),
        "group": told["groups"]["nodes"][0]["id"],
        "talker": talkers[0]["id"],
        "friend": talkers[1]["id"],
        "tag": next(tag["id"] for each in talkers for tag in each["tags"]),
        "channel": told["channels"]["nodes"][0]["id"],
        "property": told["properties"]["nodes"][0]["id"],
    }


def declaring(text: str) -> str:
    """A query that declares the variables which it uses."""
    used = [name for name in ("contact", "group", "talker", "job", "person") if f"${name}" in text]
    return f"query ({', '.join(f'${name}: ID!' for name in used)}) {text}" if used else text


def test_every_query_is_tried() -> None:
    assert QUERY.keys() | META.keys() == QUERIES


FORMS = (
    "{ %s }",
    "{ aliased: %s }",
    "{ ... { ... on Query @include(if: true) { %s } } }",
    "{ ...F } fragment F on Query { ...G } fragment G on Query { %s }",
)


@pytest.mark.parametrize("name", [*QUERY, *META])
@pytest.mark.asyncio(loop_scope="module")
async def test_a_query_opens_to_its_scopes_alone(read: tuple[World, dict[str, Any]], name: str) -> None:
    guarded, known = read
    needed = {each.lower() for each in ROOTS["query", name]}
    texts = [declaring(form % {**QUERY, **META}[name]) for form in FORMS]
    for scope in SCOPES - needed:
        for text in texts:
            for answer in await every_way(guarded, text, known, by(scope)):
                assert (answer.status, answer.codes) == (403, ["FORBIDDEN"])
                assert answer.body.keys() == {"errors", "extensions"}
                assert "plan" not in answer.body["extensions"]
    assert guarded.calls == {}
    for scope in needed:
        for text in texts:
            *answers, planned = await every_way(guarded, text, known, by(scope))
            assert (planned.data, planned.body["extensions"]["plan"]["executed"]) == (None, False)
            for answer in answers:
                assert (answer.status, answer.codes) == (200, [])
                assert all(answer.data.values()) or name == "events"


def codes(told: Iterable[dict[str, Any]]) -> set[str]:
    """The codes of errors and warnings."""
    return {each.get("code") or each["extensions"]["code"] for each in told}


async def every_way(
    world: World, text: str, variables: dict[str, Any], headers: dict[str, str]
) -> list[Answer]:
    """The answers to POST, to GET, with its plan, and to the question for the plan alone."""
    return [
        await world.ask(text, variables, headers=headers),
        await _get(world, text, variables, headers),
        await world.ask(text, variables, headers={**headers, "x-explain": "1"}),
        await world.ask(text, variables, headers=headers, extensions={"explain": "plan"}),
    ]


async def _get(world: World, text: str, variables: dict[str, Any], headers: dict[str, str]) -> Answer:
    asked = {"query": text, "variables": json.dumps(variables)}
    response = await world.client.get("/graphql", params=asked, headers=headers)
    return Answer(response.status_code, response.headers, response.json())


@pytest.mark.parametrize("name", sorted(QUERY.keys() - {"importJob", "_service"}))
@pytest.mark.asyncio(loop_scope="module")
async def test_beside_a_field_that_is_open_one_without_the_right_is_null(
    read: tuple[World, dict[str, Any]], name: str
) -> None:
    guarded, known = read
    text = (
        f"{{ job: importJob(id: $job) {{ state }} it: {QUERY[name]} "
        "all: nodes(ids: [$contact, $group, $talker]) { id } }"
    )
    text = declaring(text)
    answer = await guarded.ask(text, known, headers=by("import"))
    assert answer.status == 200
    empty: Any = [] if name in {"sources", "_entities"} else None
    assert answer.data == {"job": {"state": "FINISHED"}, "it": empty, "all": None}
    told = [*answer.errors, *answer.warnings]
    assert {str(each["path"][0]) for each in told} == {"it", "all"}
    assert codes(told) == {"FORBIDDEN"}
    assert guarded.calls == {}


@pytest.mark.asyncio(loop_scope="module")
async def test_introspection_hides_behind_no_field_that_is_open(read: tuple[World, dict[str, Any]]) -> None:
    guarded, known = read
    job = "importJob(id: $job) { state }"
    for text in (
        f"query ($job: ID!) {{ {job} __schema {{ types {{ name }} }} }}",
        f'query ($job: ID!) {{ {job} x: __type(name: "Contact") {{ name }} }}',
        f"query ($job: ID!) {{ {job} ...F }} fragment F on Query {{ x: __schema {{ types {{ name }} }} }}",
        f"query ($job: ID!) {{ {job} ... on Query {{ __schema {{ types {{ name }} }} }} }}",
        f"query ($job: ID!) {{ {job} _service {{ sdl }} }}",
        f"query ($job: ID!) {{ {job} ...F }} fragment F on Query {{ x: _service {{ sdl }} }}",
    ):
        answer = await guarded.ask(text, known, headers=by("import"))
        assert (answer.status, answer.codes) == (403, ["FORBIDDEN"])
        assert "data" not in answer.body


@pytest.mark.parametrize("scope", sorted(SCOPES))
async def test_raw_records_are_shown_with_raw_and_read_together(guarded: World, scope: str) -> None:
    text = "{ contacts(first: 1, sources: [PACKAGEX]) { nodes { displayName raw } } }"
    answer = await guarded.ask(text, headers=by(f"read {scope}"))
    (shown,) = answer.data["contacts"]["nodes"]
    assert shown["displayName"]
    assert bool(shown["raw"]) is (scope == "raw")
    assert answer.codes == ([] if scope == "raw" else ["FORBIDDEN"])


# ---- mutations, by each scope alone

MUTATION: dict[str, tuple[str, dict[str, Any]]] = {
    "createContact": (
        "contacts { displayName } outcomes { status contact { displayName } } userErrors { message }",
        {"targets": [{"source": "PACKAGEX"}], "contact": {"name": "Noor Aldana"}},
    ),
    "updateContact": (
        "contact { displayName } outcome { status contact { displayName } } userErrors { message }",
        {"id": "$contact", "contact": {"name": "Noor Aldana"}},
    ),
    "updateContacts": (
        "contacts { displayName } outcomes { status contact { displayName } } userErrors { message }",
        {"ids": ["$contact"], "contact": {"name": "Noor Aldana"}},
    ),
    "updateContactTags": (
        "contact { displayName } outcome { status contact { displayName } } userErrors { message }",
        {"id": "$talker", "add": ["$tag"]},
    ),
    "updateContactFunnels": (
        "contact { displayName } outcome { status contact { displayName } } userErrors { message }",
        {"id": "$talker", "subscribe": ["wsl2Vn6"]},
    ),
    "deleteContacts": ("deletedIds outcomes { status } userErrors { message }", {"ids": ["$contact"]}),
    "mergeContacts": (
        "contact { displayName } outcome { status contact { displayName } } userErrors { message }",
        {"into": "$talker", "from": "$friend"},
    ),
    "createGroup": (
        "group { name members { nodes { displayName } } } outcome { status } userErrors { message }",
        {"name": "Aldana", "members": ["$contact"]},
    ),
    "updateGroup": (
        "group { name members { nodes { displayName } } } outcome { status } userErrors { message }",
        {"id": "$group", "name": "Aldana"},
    ),
    "deleteGroup": ("group { name } outcome { status } userErrors { message }", {"id": "$group"}),
    "createProperty": (
        "property { label module { name } } outcome { status } userErrors { message }",
        {"label": "Shoe Size", "type": "TEXT"},
    ),
    "updateProperty": (
        "property { label module { name } } outcome { status } userErrors { message }",
        {"id": "$property", "description": "as on the card"},
    ),
    "triggerEvent": (
        "event { type contact { displayName } } outcome { status } userErrors { message }",
        {"contact": "$talker", "name": "InvoicePaid"},
    ),
    "sendMessage": (
        "message { text } outcome { status } userErrors { message }",
        {"contact": "$talker", "type": "TEXT", "text": "hello"},
    ),
    "linkContacts": (
        "people { displayName } userErrors { message }",
        {"contacts": ["$contact", "$talker"], "reason": "They said so."},
    ),
    "unlinkContacts": (
        "people { displayName } userErrors { message }",
        {"contacts": ["$contact", "$kin"], "reason": "They said so."},
    ),
    "neverSame": (
        "people { displayName } userErrors { message }",
        {"contacts": ["$contact", "$other"], "reason": "They said so."},
    ),
    "updatePerson": (
        "person { displayName } outcomes { status contact { displayName } } userErrors { message }",
        {"id": "$person", "contact": {"name": "Noor Aldana"}, "sources": ["PACKAGEX"]},
    ),
    "syncPerson": (
        "person { displayName } changes { before after } outcomes { status } userErrors { message }",
        {"id": "$person", "fields": ["displayName"], "dryRun": True},
    ),
    "erasePerson": (
        "records { displayName } outcomes { status } userErrors { message }",
        {"id": "$person"},
    ),
    "importContacts": (
        "job { state reports { created } } userErrors { message }",
        {"targets": [{"source": "PACKAGEX"}], "file": None},
    ),
}


# What is kept by the gateway alone, or only tried; with the statuses of its outcomes.
UNSENT: dict[str, list[str]] = {
    **{name: [] for name in ("linkContacts", "unlinkContacts", "neverSame", "syncPerson")},
    "erasePerson": ["SKIPPED", "SKIPPED", "SKIPPED"],
}


def test_every_mutation_is_tried() -> None:
    assert MUTATION.keys() | {"__typename", "__schema", "__type"} == MUTATIONS


def filled(value: Any, known: dict[str, Any]) -> Any:
    """An input with ids in the place of names."""
    if isinstance(value, dict):
        return {name: filled(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, known) for each in value]
    return known[value[1:]] if isinstance(value, str) and value.startswith("$") else value


def mutation(name: str, form: str = "{ it: %s }") -> str:
    """A document of one mutation."""
    field = f"{name}(input: $input) {{ {MUTATION[name][0]} }}"
    return f"mutation ($input: {field_of('Mutation', name).args['input'].type}) " + form % field


async def send(
    world: World, name: str, known: dict[str, Any], headers: dict[str, str], form: str = "{ it: %s }"
) -> Answer:
    """Send one mutation, a file with it where it takes one."""
    variables = {"input": filled(MUTATION[name][1], known)}
    if name == "importContacts":
        return await world.upload(mutation(name, form), variables, FILE, headers=headers)
    return await world.ask(mutation(name, form), variables, headers=headers)


def writes(world: World) -> dict[str, int]:
    """How often each source was asked for something that writes."""
    reading = ("get", "list", "introspection")
    return {name: count for name, count in world.operations.items() if not name.startswith(reading)}


@pytest.mark.parametrize("name", MUTATION)
async def test_a_mutation_is_carried_out_for_its_scope_alone(
    guarded: World, known: dict[str, Any], name: str
) -> None:
    (needed,) = (each.lower() for each in access.roots(schema())["mutation", name])
    for scope in SCOPES - {needed}:
        for form in ("{ it: %s }", "{ ... on Mutation { %s } }", "{ ...F } fragment F on Mutation { %s }"):
            answer = await send(guarded, name, known, by(scope), form)
            assert (answer.status, answer.codes) == (403, ["FORBIDDEN"])
            assert "data" not in answer.body
    assert guarded.calls == {}
    answer = await send(guarded, name, known, by(needed))
    assert answer.status == 200
    payload = answer.data["it"]
    assert payload["userErrors"] == []
    statuses = [each["status"] for each in [payload.get("outcome"), *payload.get("outcomes", ())] if each]
    if name in UNSENT:
        assert statuses == UNSENT[name]
        assert writes(guarded) == {}
    else:
        assert statuses == [] if name == "importContacts" else statuses in (["APPLIED"], ["PARTIAL"])
        assert writes(guarded) != {}


@pytest.mark.parametrize("name", [name for name in MUTATION if name != "importContacts"])
async def test_who_may_only_write_is_shown_nothing_of_what_is_there(
    guarded: World, known: dict[str, Any], name: str
) -> None:
    type_: Any = get_named_type(field_of("Mutation", name).type)
    answer = await send(guarded, name, known, by("write"))
    payload = answer.data["it"]
    hidden = [field for field in payload if access.declared(type_.fields[field])]
    assert all(not payload[field] for field in hidden)
    told = [*answer.errors, *answer.warnings]
    assert {str(each["path"][-1]) for each in told} >= set(hidden)
    for outcome in [payload.get("outcome"), *payload.get("outcomes", ())]:
        assert not (outcome or {}).get("contact")
    assert codes(told) <= {"FORBIDDEN"}


async def test_who_may_only_import_follows_their_import_and_reads_nothing_else(
    guarded: World, known: dict[str, Any]
) -> None:
    answer = await send(guarded, "importContacts", known, by("import"))
    assert answer.errors == []
    assert answer.data["it"]["job"]["state"] == "FINISHED"
    text = "query ($job: ID!) { node(id: $job) { ... on ImportJob { state } } }"
    job = {"job": await imported(guarded)}
    assert (await guarded.ask(text, job, headers=by("import"))).status == 403


async def test_of_several_mutations_those_with_the_right_are_carried_out(
    guarded: World, known: dict[str, Any]
) -> None:
    text = (
        "mutation ($import: ImportContactsInput!, $create: CreateContactInput!) { "
        "a: importContacts(input: $import) { job { state } } "
        "b: createContact(input: $create) { outcomes { status } } }"
    )
    variables = {
        "import": {"targets": [{"source": "PACKAGEX"}], "file": None},
        "create": MUTATION["createContact"][1],
    }
    for scope, expected in (
        ("write", {"a": None, "b": {"outcomes": [{"status": "APPLIED"}]}}),
        ("import", {"a": {"job": {"state": "FINISHED"}}, "b": None}),
    ):
        guarded.forget()
        answer = await guarded.upload(text, variables, FILE, path="variables.import.file", headers=by(scope))
        assert (answer.status, answer.codes) == (200, ["FORBIDDEN"])
        assert answer.data == expected
        assert len(writes(guarded)) == 1


async def test_a_file_that_may_not_be_imported_is_not_even_taken(guarded: World) -> None:
    """The form ends in the middle of its file, of which nobody has heard when the answer is given."""
    part = '--x\r\ncontent-disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    operations = {"query": mutation("importContacts"), "variables": {"input": MUTATION["importContacts"][1]}}
    body = (
        part % ("operations", "", json.dumps(operations))
        + part % ("map", "", '{"0": ["variables.input.file"]}')
        + part % ("0", '; filename="people.csv"', "First Name,La")
    )
    for scope, status in (("read write raw admin", 403), ("import", 400)):
        response = await guarded.client.post(
            "/graphql",
            content=body.encode(),
            headers={**by(scope), "content-type": "multipart/form-data; boundary=x"},
        )
        assert response.status_code == status
        assert "data" not in response.json()
    assert guarded.calls == {}


# ---- other paths


@pytest.mark.parametrize("scope", sorted(SCOPES))
@pytest.mark.parametrize(("path", "needed"), [("/schema.graphql", "read"), ("/metrics", "admin")])
async def test_a_path_opens_to_its_scope_alone(guarded: World, path: str, needed: str, scope: str) -> None:
    for method in ("GET", "HEAD"):
        response = await guarded.client.request(method, path, headers=by(scope))
        assert response.status_code == (200 if scope == needed else 403)
        if scope != needed and method == "GET":
            assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert (await guarded.client.get(path)).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_are_open_and_tell_nothing_of_anybody(guarded: World, path: str) -> None:
    response = await guarded.client.get(path)
    assert response.status_code == 200
    assert response.json().keys() <= {"status", "sources"}
    assert set(response.json().get("sources", {})) <= set(Source)
    assert guarded.calls == {}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_no_other_method_leads_past_the_key(guarded: World, method: str) -> None:
    response = await guarded.client.request(
        method, "/graphql", params={"query": "{ sources { source } }"}, headers={"x-requested-with": "1"}
    )
    assert response.status_code in (204, 401, 405)
    assert "SAMESPACE" not in response.text
