"""What is selected below a field is found through aliases, fragments and repeated fields."""

from typing import Any

import pytest
from graphql import GraphQLResolveInfo, build_schema, graphql_sync, parse, print_schema

from gateway.engine import selection
from gateway.engine.compiled.prepared import prepare
from gateway.engine.schema import from_value

SCHEMA = build_schema(
    """
    type Query { page: Page }
    type Page { nodes: [Node] edges: [Edge] total: Int }
    type Edge { cursor: String node: Node }
    interface Node { id: ID }
    type Person implements Node { id: ID name: String friend: Person }
    type Thing implements Node { id: ID size: Int }
    """
)


def selected(text: str, *path: str) -> frozenset[str]:
    """The names that a resolver of `page` sees."""
    seen: list[frozenset[str]] = []

    def page(info: GraphQLResolveInfo[Any]) -> None:
        seen.append(selection.names(info, *path))

    assert graphql_sync(SCHEMA, text, {"page": page}).errors is None
    [names] = seen
    return names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{ page { total } }", {"total"}),
        ("{ page { a: total b: total nodes { id } } }", {"total", "nodes"}),
        ("{ page { total } page { edges { cursor } } }", {"total", "edges"}),
        ("{ page { ...f } } fragment f on Page { ...g total } fragment g on Page { total }", {"total"}),
        ("{ ...q } fragment q on Query { page { total } }", {"total"}),
        ("{ page { ... { total } ... on Page { nodes { id } } } }", {"total", "nodes"}),
        ("{ page { ...f ...f } } fragment f on Page { total }", {"total"}),
        ("{ page { __typename } }", {"__typename"}),
    ],
)  # fmt: skip
def test_names_below_a_field_are_found_wherever_they_are_written(text: str, names: set[str]) -> None:
    assert selected(text) == names


@pytest.mark.parametrize("condition", ["@include(if: false)", "@skip(if: true)"])
def test_what_a_directive_leaves_out_counts_as_well(condition: str) -> None:
    assert selected(f"{{ page {{ total edges {condition} {{ cursor }} }} }}") == {"total", "edges"}


def test_a_path_leads_further_down() -> None:
    text = """{
      page {
        edges { cursor node { id ... on Person { name friend { friend { id } } } ...thing } }
        again: edges { node { __typename } }
      }
    }
    fragment thing on Thing { size }"""
    assert selected(text, "edges") == {"cursor", "node"}
    assert selected(text, "edges", "node") == {"id", "name", "friend", "size", "__typename"}
    assert selected(text, "edges", "node", "friend") == {"friend"}
    assert selected(text, "edges", "node", "friend", "friend") == {"id"}


def test_a_path_that_is_not_selected_has_nothing() -> None:
    assert selected("{ page { total } }", "edges", "node") == frozenset()
    assert selected("{ page { total } }", "total") == frozenset()


def test_only_the_path_that_was_asked_for_is_followed() -> None:
    text = "{ page { nodes { id } edges { node { ... on Person { name } } } } }"
    assert selected(text, "nodes") == {"id"}
    assert selected(text, "edges", "node") == {"name"}


async def test_a_compiled_operation_sees_the_same_each_time() -> None:
    seen: list[frozenset[str]] = []

    def page(_: object, info: GraphQLResolveInfo[Any]) -> None:
        seen.append(selection.names(info))
        seen.append(selection.names(info, "edges"))

    schema = build_schema(print_schema(SCHEMA))
    schema.query_type.fields["page"].resolve = page  # type: ignore[union-attr]
    text = "{ page { total edges { cursor } } more: page { nodes { id } } }"
    operation = prepare(schema, parse(text), None, from_value)
    assert operation is not None
    for _ in range(3):  # the first time it is not compiled
        assert (await operation.run(None, None)).errors is None
    once = [frozenset({"total", "edges"}), frozenset({"cursor"}), frozenset({"nodes"}), frozenset()]
    assert seen == once * 3
