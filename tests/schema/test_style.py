"""How the schema is written: graphql-eslint's rules for schemas and for Relay, and rules of our own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
    is_introspection_type,
    is_specified_directive,
    is_specified_scalar_type,
)

from tests.support import node
from tests.support.node import Node
from tests.support.world import schema

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SDL = (ROOT / "schema.graphql").read_text("utf-8")

# What nobody should add, and which rules mind.
FAULTY = """
extend type Query {
  "Takes its arguments as nobody expects them."
  faults(first: String): FaultConnection
  noCursors(first: Int): FaultConnection
}
extend type Mutation {
  "Answers with an id alone."
  addFault(fault: FaultBy!): ID
}
"A page without a list."
type FaultConnection { edges: FaultEdge pageInfo: PageInfo! }
type FaultEdge { cursor: Int! node: [Fault_Thing!] }
type Fault_Thing { faultThingName: String old: String @deprecated }
"Nobody leads here."
type Lost { id: ID! }
input FaultBy @oneOf { id: ID! }
enum Fault { one }
"""
MINDED = {
    "input-name",
    "naming-convention",
    "no-scalar-result-type-on-mutation",
    "no-unreachable-types",
    "relay-arguments",
    "relay-connection-types",
    "relay-edge-types",
    "require-deprecation-reason",
    "require-description",
    "require-nullable-fields-with-oneof",
    "strict-id-in-types",
}


# Nodes of lists that nobody can ask for by id: they are read with what they belong to.
NOT_BY_ID = {"Message", "AuditRecord", "IdentityConflict"}
SENTENCE = re.compile(r"[`A-Z].*\.", re.DOTALL)


def own_types() -> list[GraphQLNamedType]:
    types = schema().type_map.values()
    return [each for each in types if not is_introspection_type(each) and not is_specified_scalar_type(each)]


def descriptions() -> Iterator[tuple[str, str | None]]:
    """What is said of everything that has a name."""
    yield "schema", schema().description
    for directive in schema().directives:
        if not is_specified_directive(directive):
            yield f"@{directive.name}", directive.description
            for name, argument in directive.args.items():
                yield f"@{directive.name}({name}:)", argument.description
    for type_ in own_types():
        yield type_.name, type_.description
        if isinstance(type_, GraphQLEnumType):
            for name, value in type_.values.items():
                yield f"{type_}.{name}", value.description
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for name, field in type_.fields.items():
                yield f"{type_}.{name}", field.description
                for argument, each in getattr(field, "args", {}).items():
                    yield f"{type_}.{name}({argument}:)", each.description


def test_everything_that_has_a_name_has_a_sentence() -> None:
    told = dict(descriptions())
    assert len(told) > 700
    assert [name for name, text in told.items() if not SENTENCE.fullmatch(text or "")] == []


def test_every_scalar_says_where_it_is_specified() -> None:
    scalars = [each for each in own_types() if isinstance(each, GraphQLScalarType)]
    assert {each.name for each in scalars} >= {"DateTime", "JSON", "Upload"}
    assert [each.name for each in scalars if not (each.specified_by_url or "").startswith("https://")] == []


def test_an_input_that_names_a_thing_takes_exactly_one_of_its_fields() -> None:
    naming = [each for each in own_types() if each.name.endswith("By")]
    assert len(naming) >= 3
    assert all(isinstance(each, GraphQLInputObjectType) and each.is_one_of for each in naming)


def test_what_lists_hold_can_be_read_again_by_its_id() -> None:
    held = {
        get_named_type(each.fields["node"].type)
        for each in own_types()
        if isinstance(each, GraphQLObjectType) and each.name.endswith("Edge")
    }
    again = set(schema().get_possible_types(schema().type_map["Node"]))  # type: ignore[arg-type]
    assert {each.name for each in held - again} == NOT_BY_ID


@pytest.fixture(scope="module")
def eslint() -> Node:
    return node.packages(HERE)


def lint(eslint: Node, folder: Path) -> list[dict[str, Any]]:
    """What graphql-eslint minds in the schema of a folder."""
    done = eslint.run(
        "eslint/bin/eslint.js",
        *("--config", str(HERE / "eslint.config.js"), "--format", "json", "schema.graphql"),
        within=folder,
    )
    assert done.returncode in (0, 1), done.stderr
    (file,) = json.loads(done.stdout)
    messages: list[dict[str, Any]] = file["messages"]
    return messages


def test_the_schema_keeps_to_the_rules_of_graphql_eslint(eslint: Node) -> None:
    assert lint(eslint, ROOT) == []


def test_a_schema_that_does_not_is_minded(eslint: Node, tmp_path: Path) -> None:
    (tmp_path / "schema.graphql").write_text(SDL + FAULTY, "utf-8")
    minded = {message["ruleId"].removeprefix("@graphql-eslint/") for message in lint(eslint, tmp_path)}
    assert MINDED - minded == set()
