"""What is refused for its size says so in little room, and is counted by the limit that it met."""

from typing import Any

import pytest

from gateway.engine.errors import LONGEST_MESSAGE, MOST_LOCATIONS
from tests.conftest import Build
from tests.support.world import World

LONG = "n" * 20_000
DIGITS = "9" * 5_000


async def ask(world: World, **body: Any) -> dict[str, Any]:
    response = await world.client.post("/graphql", json=body)
    assert response.status_code < 500
    found: dict[str, Any] = response.json()
    return found


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{ " + LONG + " }"},
        {"query": "{ contacts(first: " + DIGITS + ") { nodes { id } } }"},
        {"query": "{ contact(id: 1.5e" + DIGITS + ") { id } }"},
        {"query": '{ contacts(filter: {search: {a: "' + LONG + '"}}) { nodes { id } } }'},
        {"query": "query ($n: Int) { contacts(first: $n) { nodes { id } } }", "variables": {"n": LONG}},
        {"query": "query ($n: Int) { contacts(first: $n) { nodes { id } } }", "variables": {"n": [[LONG]]}},
        {"query": "query a { sources { source } }", "operationName": LONG},
        {"query": f"query ${LONG}", "variables": {LONG: LONG}},
        {"query": "{ contact(id: $" + LONG + ") { id } }"},
    ],
)
async def test_a_message_is_short_whatever_it_quotes(fresh: World, body: dict[str, Any]) -> None:
    found = await ask(fresh, **body)
    assert found["errors"]
    for error in found["errors"]:
        assert len(error["message"]) <= LONGEST_MESSAGE + 1
        assert "set_int_max_str_digits" not in error["message"]
        assert error["extensions"]["code"] != "INTERNAL"


@pytest.mark.parametrize(
    ("query", "variables", "message"),
    [
        ("query ($n: Int) { contacts(first: $n) { nodes { id } } }", {"n": "secret"}, "cannot represent"),
        ("query ($f: ContactFilter) { contacts(filter: $f) { nodes { id } } }", {"f": "secret"}, "object"),
        (
            "query ($f: ContactFilter) { contacts(filter: $f) { nodes { id } } }",
            {"f": {"a": "secret"}},
            "'a'",
        ),
        ('{ contacts(first: "secret") { nodes { id } } }', None, "cannot represent"),
        ('{ contacts(filter: { a: "secret" }) { nodes { id } } }', None, "'a'"),
        ('{ contact(by: { email: "secret\\n: value: x" }) { id } }', None, "'email'"),
        ('{ contacts(filter: "secret") { nodes { id } } }', None, "object"),
        ('query ($n: Int = "secret") { contacts(first: $n) { nodes { id } } }', None, "cannot represent"),
        ('{ contacts(sources: ["secret"]) { nodes { id } } }', None, "'Source'"),
    ],
)
async def test_a_message_says_what_is_wrong_without_the_value(
    fresh: World, query: str, variables: dict[str, Any] | None, message: str
) -> None:
    found = await ask(fresh, query=query, variables=variables)
    assert "secret" not in str(found)
    assert message in " ".join(error["message"] for error in found["errors"])


async def test_what_is_wrong_with_variables_is_told_ten_times_at_most(fresh: World) -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    found = await ask(fresh, query=query, variables={"ids": [{}] * 500})
    assert len(found["errors"]) == 10


async def test_a_text_longer_than_any_field_takes_is_refused(fresh: World) -> None:
    query = "query ($of: [Source!]) { contacts(sources: $of) { nodes { id } } }"
    (error,) = (await ask(fresh, query=query, variables={"of": ["a" * 100_001]}))["errors"]
    assert (error["extensions"]["exceeded"], error["extensions"]["cost"]) == ("text", 100_001)


@pytest.mark.parametrize("written", [True, False])
async def test_an_object_of_more_members_than_any_input_has_is_refused(fresh: World, written: bool) -> None:
    members = {f"m{n}": 1 for n in range(200)}
    literal = "{" + " ".join(f"{name}: 1" for name in members) + "}"
    query = "query ($f: ContactFilter) { contacts(filter: $f) { nodes { id } } }"
    if written:
        query = query.replace("($f: ContactFilter)", "").replace("$f", literal)
    (error,) = (await ask(fresh, query=query, variables={} if written else {"f": members}))["errors"]
    assert (error["extensions"]["exceeded"], error["extensions"]["cost"]) == ("members", 200)


async def test_an_error_names_a_bounded_number_of_places(fresh: World) -> None:
    found = await ask(fresh, query="{ contact(" + "id: 1 " * 30 + ") { id } }")
    assert max(len(error.get("locations", ())) for error in found["errors"]) == MOST_LOCATIONS


@pytest.mark.parametrize(
    ("settings", "body", "headers", "limit"),
    [
        ({}, {"query": "{a" * 40 + "}" * 40}, {}, "depth"),
        ({"GATEWAY_QUERY_POINTS": "1"}, {"query": "{ contacts { nodes { id } } }"}, {}, "points"),
        ({"GATEWAY_BODY_BYTES": "10"}, {"query": "{ __typename }"}, {}, "body_bytes"),
        ({"GATEWAY_HEADER_BYTES": "500"}, {"query": "{ __typename }"}, {"x-long": "a" * 500}, "header_bytes"),
        ({"GATEWAY_JSON_DEPTH": "2"}, {"query": "{ a }", "variables": {"a": [[[[]]]]}}, {}, "json_depth"),
    ],
)
async def test_a_limit_that_was_met_is_counted(
    new_world: Build, settings: dict[str, str], body: dict[str, Any], headers: dict[str, str], limit: str
) -> None:
    world = new_world(**settings)
    refused = await world.client.post("/graphql", json=body, headers=headers)
    assert refused.json()["errors"]
    text = (await world.client.get("/metrics")).text
    assert f'gateway_limit_refusals_total{{limit="{limit}"}} 1.0' in text
