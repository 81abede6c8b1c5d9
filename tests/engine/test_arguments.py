"""Arguments that are read in one go are those of graphql-core, or are left to it."""

import random
from typing import Any, cast

import pytest
from graphql import FieldNode, GraphQLError, OperationDefinitionNode, build_schema, parse
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values

from gateway.engine.compiled.arguments import reader

SCHEMA = build_schema("""
    type Query {
        one(
            id: ID!, first: Int = 20, after: String, by: By, filter: Filter, ids: [ID!], on: On = UP, any: Any
            grid: [[Int]], kept: [String!] = ["a"]
        ): String
    }
    scalar Any
    enum On { UP DOWN }
    input By @oneOf { id: ID email: String }
    input Filter {
        name: String company: String = "Lumen" tags: [String!] by: By any: Any on: [On] must: Must
        kept: [String!] = ["a"]
    }
    input Must { id: ID! ids: [ID]! size: Float! = 2 inner: Filter }
""")
VARIABLES = (
    "($id: ID!, $first: Int, $after: String, $email: String, $by: By, $filter: Filter, $ids: [ID!], "
    "$size: Float)"
)


def asked(arguments: str, given: dict[str, Any]) -> tuple[FieldNode, VariableValues]:
    document = parse(f"query {VARIABLES} {{ one({arguments}) }}")
    operation = cast("OperationDefinitionNode", document.definitions[0])
    values = get_variable_values(SCHEMA, operation.variable_definitions or (), {"id": "x", **given})
    assert isinstance(values, VariableValues)
    return cast("FieldNode", operation.selection_set.selections[0]), values


def by_core(node: FieldNode, values: VariableValues) -> Any:
    assert SCHEMA.query_type
    try:
        return get_argument_values(SCHEMA.query_type.fields["one"], node, values)
    except GraphQLError:
        return GraphQLError


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ('id: "a"', {}),
        ("id: $id, first: $first", {"first": 3}),
        ("id: $id, first: 7, after: $after, on: DOWN", {"after": None}),
        ("id: $id, by: {id: $id}", {}),
        ("id: $id, by: {email: $email}", {"email": "imke@example.com"}),
        ("id: $id, by: $by, ids: $ids", {"by": {"id": "b"}, "ids": ["c", "d"]}),
        ("id: $id, filter: $filter", {"filter": {"name": "Imke"}}),
        ("id: $id, filter: {name: $after}", {"after": "x"}),  # a member with a default
        ("id: $id, filter: {name: null, company: null, on: UP}", {}),
        ("id: $id, filter: {tags: [$email]}", {"email": "x"}),
        ('id: $id, filter: {tags: "a", must: {id: 7, ids: [null, $email]}}', {"email": None}),
        ('id: $id, by: {email: "imke@example.com"}', {}),
        ("id: $id, kept: $ids", {"ids": ["x"]}),
        ("id: $id, first: $first, after: $after", {}),  # the default counts, or nothing
        ("id: $id, filter: {name: $after, company: $email, by: $by}", {}),
        ("id: $id, filter: {company: $email}", {"email": None}),
        ("id: $id, filter: {must: {id: $id, ids: [], size: $size}}", {}),
        ('id: $id, ids: ["a", "b"], grid: [[1, null], [], null]', {}),
        ("id: $id, ids: $email, grid: 3", {"email": "x"}),
        ('id: $id, any: {a: [1, {b: "c"}]}', {}),
    ],
)
def test_what_is_usual_is_read_in_one_go(arguments: str, given: dict[str, Any]) -> None:
    assert SCHEMA.query_type
    node, values = asked(arguments, given)
    read = reader(SCHEMA.query_type.fields["one"], node)
    assert read is not None
    assert read(values.coerced) == by_core(node, values)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ("id: $id, by: {email: $email}", {"email": None}),
        ("id: $id, by: {email: $email}", {}),
        ("id: $after", {}),
        ("id: $id, filter: {must: {id: $after, ids: []}}", {}),
        ("id: $id, filter: {must: {id: $id, ids: [], size: $size}}", {"size": None}),
        ("id: $id, filter: {tags: [$email]}", {"email": None}),
        ("id: $id, filter: {must: {ids: []}}", {}),
        ("id: $id, filter: {must: {id: null, ids: []}}", {}),
        ("id: $id, filter: [{}]", {}),
        ('id: $id, filter: {on: ["UP"]}', {}),
        ("id: $id, any: {a: $email}", {"email": "x"}),
        ('id: $id, by: {email: $email, id: "b"}', {"email": "x"}),
        ("id: $id, by: {}", {}),
        ("id: $id, by: {email: null}", {}),
        ("first: $first", {"first": 1}),
        ('id: $id, first: "seven"', {}),
        ("id: $id, by: {shoe: $email}", {"email": "x"}),
    ],
)
def test_what_is_not_is_left_to_graphql_core(arguments: str, given: dict[str, Any]) -> None:
    assert SCHEMA.query_type
    node, values = asked(arguments, given)
    read = reader(SCHEMA.query_type.fields["one"], node)
    if read is not None:
        with pytest.raises(KeyError):
            read(values.coerced)


@pytest.mark.parametrize(
    "arguments", ['id: "a", ids: ["b"]', 'id: "a", any: [1]', 'id: "a", filter: {kept: "b", tags: ["c"]}']
)
def test_what_could_be_changed_is_made_anew_each_time(arguments: str) -> None:
    assert SCHEMA.query_type
    node, values = asked(arguments, {})
    read = reader(SCHEMA.query_type.fields["one"], node)
    assert read is not None
    first = read(values.coerced)
    for value in (first.get("ids"), first.get("any"), *first.get("filter", {}).values()):
        if isinstance(value, list):
            value.append("changed")
    first.get("filter", {})["name"] = "changed"
    assert read(values.coerced) == by_core(node, values)


def test_a_variable_that_is_null_where_none_may_be_is_left_to_graphql_core() -> None:
    assert SCHEMA.query_type
    node, _ = asked("id: $after", {})
    read = reader(SCHEMA.query_type.fields["one"], node)
    assert read is not None
    with pytest.raises(KeyError):
        read({"after": None})


WORDS = (
    "null",
    "1",
    "2.5",
    "true",
    '"x"',
    "UP",
    "SIDE",
    "$id",
    "$first",
    "$after",
    "$email",
    "$ids",
    "$by",
    "$size",
)
NAMES = (
    "id",
    "ids",
    "name",
    "company",
    "tags",
    "by",
    "any",
    "on",
    "must",
    "kept",
    "size",
    "inner",
    "email",
    "shoe",
)


def literal(chance: random.Random, depth: int) -> str:
    roll = chance.random()
    if depth and roll < 0.3:
        return "[" + ", ".join(literal(chance, depth - 1) for _ in range(chance.randrange(3))) + "]"
    if depth and roll < 0.7:
        chosen = chance.sample(NAMES, chance.randrange(4))
        return "{" + ", ".join(f"{name}: {literal(chance, depth - 1)}" for name in chosen) + "}"
    return chance.choice(WORDS)


def likely(chance: random.Random, type_: Any, depth: int) -> str:
    """A literal that mostly fits a type."""
    if chance.random() < 0.1:
        return literal(chance, 2)
    named = str(type_).strip("!")
    if named.startswith("["):
        inner = getattr(type_, "of_type", type_)
        inner = getattr(inner, "of_type", inner) if str(type_).endswith("!") else inner
        if chance.random() < 0.2:
            return likely(chance, inner, depth)
        return "[" + ", ".join(likely(chance, inner, depth) for _ in range(chance.randrange(3))) + "]"
    if named in ("Filter", "Must", "By"):
        fields: Any = SCHEMA.type_map[named]
        count = 1 if named == "By" else chance.randrange(4 if depth else 2)
        names = chance.sample(list(fields.fields), min(count, len(fields.fields)))
        if named == "Must" and chance.random() < 0.9:
            names = list(dict.fromkeys(("id", "ids", *names)))
        parts = (f"{name}: {likely(chance, fields.fields[name].type, depth - 1)}" for name in names)
        return "{" + ", ".join(parts) + "}" if depth > 0 else "{}"
    found = {
        "ID": ['"a"', "7", "$id"],
        "Int": ["1", "$first"],
        "Float": ["1", "2.5", "$size"],
        "On": ["UP", "DOWN"],
    }
    return chance.choice([*found.get(named, ['"x"', "$after", "$email"]), "null"])


@pytest.mark.parametrize("seed", range(8))
def test_random_literals_are_read_as_graphql_core_does(seed: int) -> None:
    chance = random.Random(seed)
    assert SCHEMA.query_type
    field = SCHEMA.query_type.fields["one"]
    read_at_once = 0
    for _ in range(500):
        chosen = ["id", *chance.sample(list(field.args)[1:], chance.randrange(3))]
        arguments = ", ".join(f"{name}: {likely(chance, field.args[name].type, 3)}" for name in chosen)
        given: dict[str, Any] = {
            "after": "x",
            "email": "y",
            "first": 3,
            "ids": ["c"],
            "by": {"id": "b"},
            "size": 2.5,
        }
        given = {
            name: None if chance.random() < 0.2 else value
            for name, value in given.items()
            if chance.random() < 0.8
        }
        node, values = asked(arguments, given)
        read = reader(field, node)
        if read is None:
            continue
        try:
            mine = read(values.coerced)
        except KeyError:
            continue
        theirs = by_core(node, values)
        assert repr(mine) == repr(theirs), (arguments, given)  # 1 is not 1.0 here, and order counts
        read_at_once += 1
    assert read_at_once > 100
