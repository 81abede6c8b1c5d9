"""Whatever is selected of a list: it is the same the first time, from known pages, and told again."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from tests.support.world import Answer, World

SCHEMA = build_schema(Path("schema.graphql").read_text(encoding="utf-8"))
FRESH = {"cache-control": "no-cache"}
TIMES = 4
QUERIES = 12
MOVING = frozenset({"asOf"})
ASKED_ALONE = frozenset({"person", "messages", "events"})  # of a hundred contacts they cost too many points
SOURCES = ("", "sources: [SAMESPACE]", "sources: [PACKAGEX]", "sources: [SMART_SENDER]")


def selection(type_: GraphQLObjectType, chance: random.Random, depth: int) -> str:
    return " ".join(fields(type_, chance, depth)) or "__typename"


def fields(type_: GraphQLObjectType, chance: random.Random, depth: int) -> Iterator[str]:
    """Some fields of a type that need no arguments, some of them under another name."""
    for number, (name, field) in enumerate(type_.fields.items()):
        if name in MOVING | ASKED_ALONE or chance.random() > 0.35 or needs_arguments(field):
            continue
        key = f"other{number}: {name}" if chance.random() < 0.2 else name
        first = f"(first: {chance.choice([1, 3, 5])})" if "first" in field.args else ""
        below = get_named_type(field.type)
        if is_leaf_type(below):
            yield key
        elif depth and isinstance(below, GraphQLObjectType):
            yield f"{key}{first} {{ {selection(below, chance, depth - 1)} }}"


def needs_arguments(field: GraphQLField) -> bool:
    return any(is_required_argument(each) for each in field.args.values())


def query(chance: random.Random) -> str:
    name, type_ = chance.choice([("contacts", "Contact"), ("contacts", "Contact"), ("groups", "Group")])
    node: Any = SCHEMA.type_map[type_]
    asked = f"first: {chance.choice([3, 7, 20, 25])}"
    if name == "contacts":
        asked += f" {chance.choice(SOURCES)}"
    nodes = f"nodes {{ {selection(node, chance, chance.randrange(3))} }}"
    edges = f"edges {{ cursor node {{ {selection(node, chance, 0)} }} }}" if chance.random() < 0.3 else ""
    return f"{{ {name}({asked}) {{ {nodes} {edges} pageInfo {{ endCursor hasNextPage }} }} }}"


def told(answer: Answer) -> Any:
    errors = [(each["message"], each.get("path")) for each in answer.errors]
    return answer.body.get("data"), errors, answer.body["extensions"].get("cost", {}).get("points")


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_asked_again_is_answered_the_same(world: World, seed: int) -> None:
    chance, answered = random.Random(seed), 0
    for _ in range(QUERIES):
        asked = query(chance)
        first, *others = [told(await world.ask(asked, headers=FRESH)) for _ in range(TIMES)]
        assert others == [first] * (TIMES - 1), asked
        answered += first[0] is not None
    assert answered > QUERIES // 2


ASKED = (
    "{ contacts(first: 9) { nodes { id displayName emails createdAt source } } }",
    "{ contacts(first: 9) { edges { cursor node { id displayName } } pageInfo { endCursor } } }",
    "{ contacts(first: 9) { nodes { name: displayName first: firstName __typename } } }",
    "{ contacts(first: 9) { nodes { id address { city } tags { name } notes { text } } } }",
    "{ contacts(first: 9) { nodes { id properties { key value type } raw } } }",
    '{ contacts(first: 9) { nodes { id properties(keys: ["city", "jobTitle"]) { key value } } } }',
    "{ contacts(first: 4, sources: [SAMESPACE]) { nodes { sourceId lastName } } }",
    "{ contacts(first: 4, sources: [PACKAGEX]) { nodes { sourceId lastName person { id } } } }",
    "{ contacts(first: 4, sources: [SMART_SENDER]) { nodes { phones chat { id } funnels { name } } } }",
    "{ groups(first: 4) { nodes { id name memberCount members { nodes { id email phone } } } } }",
    "{ one: contacts(first: 3) { nodes { id } } more: contacts(first: 5) { nodes { id phone } } }",
)


@pytest.mark.parametrize("query", ASKED)
async def test_an_answer_is_the_same_however_often_its_pages_came(world: World, query: str) -> None:
    first, *others = [await world.ask(query, headers=FRESH) for _ in range(5)]
    assert first.errors == []
    for each in others:
        assert each.body["data"] == first.body["data"]
        assert each.body["extensions"]["cost"]["points"] == first.body["extensions"]["cost"]["points"]


async def test_what_is_told_again_has_the_time_of_its_own_answer(world: World) -> None:
    query = "{ contacts(first: 4, sources: [PACKAGEX]) { nodes { id asOf } sources { asOf } } }"
    times = []
    for _ in range(5):
        page = (await world.data(query, headers=FRESH))["contacts"]
        assert {each["asOf"] for each in page["nodes"]} == {page["sources"][0]["asOf"]}
        times.append(page["sources"][0]["asOf"])
    assert times == sorted(times)
