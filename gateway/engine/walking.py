"""Walks through an operation without running it: the fields that would be resolved, with their arguments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)
from graphql.execution.values import get_argument_values, get_directive_values, get_variable_values
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

from gateway.engine.documents import Document
from gateway.engine.limits import TooComplex

INTROSPECTION = "__"
MOST_STEPS = 20_000  # selections looked at; what merges is looked at once for each type it stands below

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType


@dataclass(frozen=True, slots=True)
class Selected:
    """One field that would be resolved: `key` in the answer, and what is selected below it."""

    key: str
    name: str
    type_name: str
    arguments: dict[str, Any]
    below: tuple["Selected", ...]


class BadVariables(Exception):
    """Variables that do not fit the operation."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__("variables")
        self.errors = errors


def walk(
    schema: GraphQLSchema, document: Document, operation: str | None, variables: dict[str, Any] | None
) -> tuple[Selected, ...]:
    """The root fields of an operation. Raises BadVariables, and TooComplex after so many steps."""
    chosen = next(
        each
        for each in document.node.definitions
        if isinstance(each, OperationDefinitionNode)
        and (not operation or (each.name and each.name.value == operation))
    )
    values = get_variable_values(schema, chosen.variable_definitions or (), variables or {})
    if isinstance(values, list):
        raise BadVariables(values)
    root = schema.get_root_type(chosen.operation)
    fragments = document.fragments

    steps = iter(range(MOST_STEPS))

    def below(kind: Composite, sets: Sequence[SelectionSetNode]) -> tuple[Selected, ...]:
        found: dict[tuple[str, str], list[FieldNode]] = {}
        for type_name, node in _fields(kind.name, sets, set()):
            key = node.alias.value if node.alias else node.name.value
            found.setdefault((key, type_name), []).append(node)
        return tuple(
            selected(key, type_name, nodes)
            for (key, type_name), nodes in found.items()
            if not nodes[0].name.value.startswith(INTROSPECTION)
        )

    def _fields(
        type_name: str, sets: Sequence[SelectionSetNode], met: set[tuple[str, str]]
    ) -> Iterator[tuple[str, FieldNode]]:
        for each in (each for one in sets for each in one.selections):
            if next(steps, None) is None:
                raise TooComplex(
                    "The document is too large to be planned; it may run all the same.",
                    "steps",
                    MOST_STEPS + 1,
                    MOST_STEPS,
                )
            skip = get_directive_values(GraphQLSkipDirective, each, values)
            include = get_directive_values(GraphQLIncludeDirective, each, values)
            if (skip and skip["if"]) or (include and not include["if"]):
                continue
            if isinstance(each, FieldNode):
                yield type_name, each
            elif isinstance(each, InlineFragmentNode):
                named = each.type_condition.name.value if each.type_condition else type_name
                yield from _fields(named, [each.selection_set], met)
            elif isinstance(each, FragmentSpreadNode) and (type_name, each.name.value) not in met:
                met.add((type_name, each.name.value))
                fragment = fragments[each.name.value]
                yield from _fields(fragment.type_condition.name.value, [fragment.selection_set], met)

    def selected(key: str, type_name: str, nodes: list[FieldNode]) -> Selected:
        parent = cast("GraphQLObjectType", schema.get_type(type_name))
        definition = parent.fields[nodes[0].name.value]
        kind = get_named_type(definition.type)
        sets = [node.selection_set for node in nodes if node.selection_set]
        arguments = get_argument_values(definition, nodes[0], values)
        deeper = below(kind, sets) if isinstance(kind, Composite) else ()
        return Selected(key, nodes[0].name.value, type_name, arguments, deeper)

    try:
        return below(root, [chosen.selection_set]) if root else ()
    except GraphQLError as error:  # such as null for the `if` of a directive
        raise BadVariables([error]) from error
