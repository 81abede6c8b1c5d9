"""What scanners send: graphql-cop's requests, and near misses as clairvoyance reads hidden schemas by."""

import hashlib
from typing import Any

import httpx
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    is_introspection_type,
)

from tests.conftest import Build
from tests.support import world as worlds
from tests.support.world import World

READER = {"x-api-key": "key-reader"}
KEYS = f"reader:{hashlib.sha256(b'key-reader').hexdigest()}:read,write"
COP = {"user-agent": "graphql-cop/1.13", "accept": "*/*"}
CIRCLE = "query cop { __schema { types {" + " fields { type {" * 4 + " name " + "} }" * 4 + " } } }"


@pytest.fixture
def production(new_world: Build) -> World:
    """As it stands on the internet."""
    world = new_world(GATEWAY_API_KEYS=KEYS, GATEWAY_PRODUCTION="true")
    world.headers = dict(READER)
    return world


def code(answer: httpx.Response) -> str:
    return str(answer.json()["errors"][0]["extensions"]["code"])


# ---- graphql-cop


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        ("query cop { " + " ".join(f"alias{n}:__typename" for n in range(101)) + " }", "aliases"),
        ("query cop { __typename " + "@aa" * 10 + " }", "place"),
        ("query cop { " + "__typename \n" * 500 + "}", "root_fields"),
        (CIRCLE, "introspection"),
    ],
    ids=["alias overloading", "directive overloading", "field duplication", "circular introspection"],
)
@pytest.mark.parametrize("open_", [True, False], ids=["sandbox", "production"])
async def test_documents_that_overload_are_refused(
    production: World, fresh: World, query: str, limit: str, open_: bool
) -> None:
    world = fresh if open_ else production
    answer = await world.ask(query, headers=COP, operationName="cop")
    [error] = answer.errors
    assert (error["extensions"]["code"], error["extensions"]["exceeded"]) == ("QUERY_TOO_COMPLEX", limit)
    assert answer.data is None


async def test_batches_of_operations_are_not_taken(production: World) -> None:
    batch = [{"query": "query cop { __typename }", "operationName": "cop"}] * 10
    answer = await production.client.post("/graphql", json=batch, headers={**READER, **COP})
    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")
    assert "__typename" not in answer.text


async def test_get_carries_out_no_mutation(production: World) -> None:
    asked = {"query": "mutation cop { __typename }"}
    answer = await production.client.get("/graphql", params=asked, headers={**READER, **COP})
    assert (answer.status_code, code(answer)) == (405, "METHOD_NOT_ALLOWED")


async def test_forms_are_not_read_as_operations(production: World) -> None:
    asked = {"query": "query cop { __typename }"}
    answer = await production.client.post("/graphql", data=asked, headers={**READER, **COP})
    assert (answer.status_code, code(answer)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_page_of_another_site_gets_no_query_over_get(production: World) -> None:
    """graphql-cop calls GET itself a risk; what it is about is that other pages can send it unasked."""
    asked = {"query": "query cop { __typename }"}
    foreign = {**READER, **COP, "sec-fetch-site": "cross-site"}
    answer = await production.client.get("/graphql", params=asked, headers=foreign)
    assert (answer.status_code, code(answer)) == (403, "CSRF_BLOCKED")


async def test_nothing_is_traced_for_callers(production: World) -> None:
    answer = await production.ask("query cop { __typename }", headers=COP)
    assert set(answer.body["extensions"]) == {"requestId", "cost"}
    wrong = await production.ask("query cop { __typename", headers=COP)
    for word in ("stacktrace", "traceback", "exception", "tracing", ".py", "debug"):
        assert word not in str(wrong.body).lower()


async def test_there_is_nothing_to_introspect(production: World) -> None:
    for query in (
        "query cop { __schema { types { name fields { name } } } }",
        CIRCLE,
        '{ __type(name: "Query") { name } }',
    ):
        answer = await production.ask(query, headers=COP)
        assert answer.data is None
        assert "Contact" not in str(answer.body)


@pytest.mark.parametrize(
    "path", ["/graphql", "/", "/graphiql", "/playground", "/console", "/v1/graphql", "/api"]
)
async def test_no_explorer_is_found(production: World, path: str) -> None:
    answer = await production.client.get(path, headers={**COP, "accept": "text/html"})
    for word in ("graphiql.min.css", "GraphiQL", "GraphQL Playground", "<html", "graphql-playground"):
        assert word.lower() not in answer.text.lower()


# ---- clairvoyance


def misspelt(word: str) -> str:
    return word[:-1] + ("x" if word[-1] != "x" else "y")


def near_misses() -> list[tuple[str, str, dict[str, Any] | None]]:
    """Each word of the schema, one letter wrong, in the places where a server could mend it."""
    schema = worlds.schema()
    found: list[tuple[str, str, dict[str, Any] | None]] = []
    for kind in schema.type_map.values():
        if is_introspection_type(kind):
            continue
        found.append((kind.name, f"query ($v: {misspelt(kind.name)}) {{ __typename }}", None))
        found.append((kind.name, f"{{ ... on {misspelt(kind.name)} {{ id }} }}", None))
        found.append((kind.name, f"{{ __typename }} fragment f on {misspelt(kind.name)} {{ id }}", None))
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for name, held in kind.fields.items():
                found.append(
                    (name, f"{{ __typename }} fragment f on {kind.name} {{ {misspelt(name)} }}", None)
                )
                for argument in held.args:
                    text = f"{{ __typename }} fragment f on {kind.name} {{ {name}({misspelt(argument)}: 1) }}"
                    found.append((argument, text, None))
        if isinstance(kind, GraphQLInputObjectType):
            for name in kind.fields:
                found.append(
                    (name, f"query ($v: {kind.name} = {{ {misspelt(name)}: 1 }}) {{ __typename }}", None)
                )
                found.append((name, f"query ($v: {kind.name}) {{ __typename }}", {"v": {misspelt(name): 1}}))
        if isinstance(kind, GraphQLEnumType):
            for name in kind.values:
                found.append((name, f"query ($v: {kind.name} = {misspelt(name)}) {{ __typename }}", None))
                found.append((name, f'query ($v: {kind.name} = "{name.lower()}") {{ __typename }}', None))
                found.append((name, f"query ($v: {kind.name}) {{ __typename }}", {"v": misspelt(name)}))
                found.append((name, f"query ($v: {kind.name}) {{ __typename }}", {"v": name.lower()}))
    found += [(each.name, f"{{ __typename @{misspelt(each.name)} }}", None) for each in schema.directives]
    found.append(("first", "query ($first: Int) { contacts(first: $firsx) { totalCount } }", None))
    return found


async def test_no_near_miss_is_mended_in_production(production: World) -> None:
    """Neither by a suggestion nor by the right word in any other form; that something is required is told."""
    told = []
    for word, query, variables in near_misses():
        answer = await production.ask(query, variables)
        for text in (error["message"] for error in answer.errors):
            given_away = f"'{word}'" in text and word not in query and "required" not in text
            if "did you mean" in text.lower() or given_away:
                told.append((query, text))
        assert "INTERNAL" not in answer.codes, query
    assert told == []


async def test_near_misses_are_mended_where_that_is_switched_on(fresh: World) -> None:
    """So that the test above is about what it seems to be."""
    mended = 0
    for _, query, variables in near_misses()[::7]:
        answer = await fresh.ask(query, variables)
        mended += any("Did you mean" in error["message"] for error in answer.errors)
    assert mended > 20


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ contacts }", None),
        ("{ contact { id } }", None),
        ("{ node(id: 1.5) { id } }", None),
        ("{ contacts(first: \"x\") { nodes { id } } }", None),
        ("query ($v: ContactBy!) { contact(by: $v) { id } }", {"v": {}}),
        ("query ($v: ContactBy!) { contact(by: $v) { id } }", {"v": 1}),
        ("mutation { createContact(input: {}) { contacts { id } } }", None),
        ("mutation ($v: CreateContactInput!) { createContact(input: $v) { contacts { id } } }", {"v": {}}),
    ],
)  # fmt: skip
async def test_what_lacks_in_a_known_field_is_told_and_suggests_nothing(
    production: World, query: str, variables: dict[str, Any] | None
) -> None:
    answer = await production.ask(query, variables)
    assert answer.codes
    assert "Did you mean" not in str(answer.body)
    assert production.calls == {}
