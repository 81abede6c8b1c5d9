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
