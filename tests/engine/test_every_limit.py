"""Every limit has its setting, lets through what is just allowed, and says what is exceeded, by how much."""

import json
from dataclasses import fields
from typing import Any

import pytest
from graphql import get_introspection_query

from gateway.engine.limits import Limits
from gateway.options import LIMITS
from gateway.server.explorer.examples import EXAMPLES
from tests.conftest import Build
from tests.support.world import World

SETTINGS = {field: f"GATEWAY_{name}" for field, name, _ in LIMITS}
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
ASKED = 'query ($v: JSON) { contacts(filter: { properties: [{ key: "a", equals: $v }] }) { nodes { id } } }'
SKIP = "@skip(if: false) "
FRAGMENTS = "fragment f on SourceInfo { a: name b: status } { sources { ...f } }"
LIST = "{ contacts(first: %d) { nodes { %s } } }"
TWICE = "{ x: sources { ...f } y: sources { ...f } } fragment f on SourceInfo { name status }"

# Limit: what it is set to, what is just allowed, what is refused, and what that costs.
Case = tuple[int, str | tuple[str, Any], str | tuple[str, Any], int]
CASES: dict[str, list[Case]] = {
    "bytes": [
        (30, "{ __typename }#".ljust(30, "x"), "{ __typename }#".ljust(31, "x"), 31),
        (30, '{ __typename }#ééééé', "{ __typename }#éééééééé", 31),
    ],
    "tokens": [
        (5, "{ a: __typename }", "{ a: __typename b: __typename }", 8),
        (3, "{__typename}", '{__typename @x(y: "1 2 3 4")}', 10),
        (4, "{__typename} #a", "{__typename} #a\n#b\n", 5),
    ],
    "operations": [
        (2, "query a { __typename } query b { __typename }", "query a{x} query b{x} query c{x}", 3),
    ],
    "fragments": [
        (1, FRAGMENTS, FRAGMENTS + " fragment g on SourceInfo { name }", 2),
    ],
    "depth": [
        (2, "{ sources { name } }", "{ contacts { nodes { id } } }", 3),
        (2, "{ sources { ... { ... { name } } } }", "{ ...f } fragment f on Query { a { b { c } } }", 3),
        (2, "{ sources { name } }", "{ sources { name } } fragment f on Query { a { b { c } } }", 3),
    ],
    "height": [
        (4, "{ sources { a: name b: name name } }", "{ sources { name status enabled breaker } }", 5),
        (5, TWICE, "{ modules { name } sources { name status enabled } }", 6),
    ],
    "fields": [
        (4, "{ sources { name name name } }", "{ sources { name name name name } }", 5),
        (6, TWICE, TWICE.replace("y: sources { ...f", "y: sources { ...f ...f"), 8),
        (4, "query a{sources{name}} query b{sources{name}}", "query a{a b} query b{a b} query c{a}", 5),
    ],
    "root_fields": [
        (2, "{ a: __typename b: __typename }", "{ a: __typename b: __typename c: __typename }", 3),
        (2, "{ sources { a: name b: name c: name } }", "{ __typename __typename ...{ __typename } }", 3),
    ],
    "aliases": [
        (2, FRAGMENTS, "{ a: __typename b: __typename c: __typename }", 3),
        (4, TWICE.replace("name", "a: name"), TWICE.replace("name", "a: name c: name"), 6),
    ],
    "directives": [
        (2, f"{{ a: name {SKIP} b: name {SKIP} }}", f"{{ a: x {SKIP} b: x {SKIP} c: x {SKIP} }}", 3),
        (2, f"{{ ...f {SKIP} }} fragment f on Query {{ ...{SKIP} {{ __typename }} }}",
         f"query {SKIP} {{ ...f {SKIP} }} fragment f on Query {{ ...{SKIP} {{ __typename }} }}", 3),
    ],
    "overlaps": [
        (3, "{ sources { name name name } }", "{ sources { name name name name } }", 6),
        (3, "{ __typename __typename }", "{ sources { name } sources { name } sources { name } }", 6),
    ],
    "variables": [
        (3, (NODES, {"ids": ["a", "b"]}), (NODES, {"ids": ["a", "b", "c"]}), 4),
        (4, (ASKED, {"v": {"a": {"b": 1}}}), (ASKED, {"v": {"a": {"b": {"c": [1]}}}}), 5),
        (2, (ASKED, {"v": 1, "unused": 2}), (ASKED, {"v": 1, "unused": 2, "more": 3}), 3),
    ],
    "list_size": [
        (2, (NODES, {"ids": ["a", "b"]}), (NODES, {"ids": ["a", "b", "c"]}), 3),
        (2, '{ nodes(ids: ["a", "b"]) { id } }', '{ nodes(ids: ["a", "b", "c"]) { id } }', 3),
        (2, (ASKED, {"v": [[1], [2]]}), (ASKED, {"v": [{"a": [1, 2, 3]}]}), 3),
        (2, "{ sources { name } }",
         '{ contacts(filter: { properties: [{ key: "a", equals: { b: [1, 2, 3] } }] }) { totalCount } }', 3),
    ],
    "introspection": [
        (2, '{ __type(name: "Query") { fields { args { name } } } }',
         '{ __type(name: "Query") { fields { type { fields { args { name } } } } } }', 3),
    ],
    "points": [
        (101, LIST % (100, "id"), LIST % (100, "id tags { id }"), 601),
        (101, ("query ($n: Int) { contacts(first: $n) { nodes { id } } }", {"n": 100}),
         ("query ($n: Int) { contacts(first: $n) { nodes { id notes { text } } } }", {"n": 50}), 201),
    ],
    "calls": [
        (9, LIST % (20, "id"), "{ a: contacts { nodes { id } } b: contacts { nodes { id } } }", 18),
        (29, LIST % (20, "chat { id }"), LIST % (21, "chat { id }"), 30),
    ],
    "values": [
        (12, LIST % (5, "id email"), LIST % (5, "id email phone"), 16),
        (12, LIST % (5, "id email"), LIST % (5, "a" * 64 + ": id email"), 16),
    ],
}  # fmt: skip
PLAIN = [(name, case) for name, cases in CASES.items() for case in cases]


async def asked(world: World, sent: str | tuple[str, Any]) -> Any:
    query, variables = sent if isinstance(sent, tuple) else (sent, None)
    return await world.ask(query, variables)


def test_no_limit_is_left_out() -> None:
    assert {each.name for each in fields(Limits)} == set(SETTINGS) == set(CASES)


@pytest.mark.parametrize(("name", "case"), PLAIN, ids=[f"{name}-{case[2]}"[:70] for name, case in PLAIN])
async def test_a_limit_is_kept_to_the_one(new_world: Build, name: str, case: Case) -> None:
    most, allowed, refused, cost = case
    world = new_world(**{SETTINGS[name]: str(most)})
    fine = await asked(world, allowed)
    assert "QUERY_TOO_COMPLEX" not in fine.codes, fine.body
    world.forget()
    answer = await asked(world, refused)
    [error] = answer.errors
    told = {key: error["extensions"][key] for key in ("code", "exceeded", "cost", "limit")}
    assert told == {"code": "QUERY_TOO_COMPLEX", "exceeded": name, "cost": cost, "limit": most}
    assert f"at most {most} are allowed" in error["message"]
    assert (answer.data, world.calls) == (None, {})


@pytest.mark.parametrize(
    "place", ["{ __typename %s }", "query %s { __typename }", "{ ... %s { __typename } }"]
)
async def test_a_tenth_of_all_directives_may_stand_in_one_place(new_world: Build, place: str) -> None:
    """Each is compared with those beside it."""
    world = new_world(GATEWAY_QUERY_DIRECTIVES="20")
    answer = await world.ask(place % ("@skip(if: false) " * 3))
    [error] = answer.errors
    assert (error["extensions"]["exceeded"], error["extensions"]["limit"]) == ("place", 2)


@pytest.mark.parametrize("member", ["variables", "extensions"])
@pytest.mark.parametrize("shape", ["[%s]", '{"a": %s}'])
async def test_json_nests_as_deep_as_is_set(new_world: Build, member: str, shape: str) -> None:
    def body(deep: int) -> bytes:
        value = "{}"
        for _ in range(deep - 2):
            value = shape % value
        return f'{{"query": "{{ __typename }}", "{member}": {{"x": {value}}}}}'.encode()

    world = new_world(GATEWAY_JSON_DEPTH="10")
    kind = {"content-type": "application/json"}
    fine = await world.client.post("/graphql", content=body(10), headers=kind)
    assert fine.json()["data"] == {"__typename": "Query"}
    for deep in (11, 1_000, 100_000):
        answer = await world.client.post("/graphql", content=body(deep), headers=kind)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


# ---- what is honest passes


async def test_what_the_explorer_asks_passes_as_shipped(fresh: World) -> None:
    answer = await fresh.ask(
        get_introspection_query(
            specified_by_url=True,
            schema_description=True,
            directive_is_repeatable=True,
            input_value_deprecation=True,
        )
    )
    assert answer.errors == []
    assert answer.data["__schema"]["queryType"]["name"] == "Query"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
async def test_the_examples_pass_as_shipped_and_cost_no_more_than_expected(
    world: World, example: Any
) -> None:

    answer = await world.ask(example.query, json.loads(example.variables or "null"))
    assert answer.errors == []
    cost = answer.body["extensions"]["cost"]
    assert 0 < cost["points"] <= cost["expected"]["points"]
    assert cost["upstreamCalls"] <= cost["expected"]["upstreamCalls"]
