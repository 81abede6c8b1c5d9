"""Arguments that are read in one go are those of graphql-core, or are left to it."""

from typing import Any, cast

import pytest
from graphql import FieldNode, GraphQLError, OperationDefinitionNode, build_schema, parse
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values

from gateway.engine.compiled.arguments import reader

SCHEMA = build_schema("""
    type Query {
        one(id: ID!, first: Int = 20, after: String, by: By, filter: Filter, ids: [ID!], on: On = UP): String
    }
    enum On { UP DOWN }
    input By @oneOf { id: ID email: String }
    input Filter { name: String company: String = "Lumen" tags: [String!] by: By }
""")
VARIABLES = "($id: ID!, $first: Int, $after: String, $email: String, $by: By, $filter: Filter, $ids: [ID!])"


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
        ("id: $id, first: $first", {}),  # the default counts
        ("id: $id, by: {email: $email}", {"email": None}),
        ("id: $id, by: {email: $email}", {}),
        ("id: $id, filter: {name: $after}", {"after": "x"}),  # a member with a default
        ("id: $id, filter: {tags: [$email]}", {"email": "x"}),
        ('id: $id, by: {email: $email, id: "b"}', {"email": "x"}),
        ('id: $id, ids: ["a"]', {}),  # a list could be changed
        ('id: $id, filter: {name: "Imke"}', {}),
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


def test_a_variable_that_is_null_where_none_may_be_is_left_to_graphql_core() -> None:
    assert SCHEMA.query_type
    node, _ = asked("id: $after", {})
    read = reader(SCHEMA.query_type.fields["one"], node)
    assert read is not None
    with pytest.raises(KeyError):
        read({"after": None})
