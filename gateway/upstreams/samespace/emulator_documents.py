"""Parsing, checking and running the documents that the emulated GraphQL endpoint receives."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    SelectionSetNode,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)

SDL: Final = Path(__file__).with_name("emulator.graphql")
OFFERED_FILTER: Final = "extend input QueryInput { filter: JSON sort: JSON }"
DOCUMENTS: Final = 256
INTROSPECTION: Final = {"__schema", "__type"}

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """A document with the errors that keep it from running."""

    node: DocumentNode
    errors: list[Answer]

    def operations(self, name: str | None) -> list[str]:
        """The root fields of the operation that would run, aliases one by one."""
        operation = get_operation_ast(self.node, name)
        if operation is None:
            return []
        fields = {
            field.alias.value if field.alias else field.name.value: field.name.value
            for field in self._fields(operation.selection_set, set())
        }
        names = ("introspection" if field in INTROSPECTION else field for field in fields.values())
        return [name for name in names if name != "__typename"]

    def _fields(self, selections: SelectionSetNode, seen: set[str]) -> Iterator[FieldNode]:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                yield from self._fields(node.selection_set, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                for fragment in self.node.definitions:
                    if (
                        isinstance(fragment, FragmentDefinitionNode)
                        and fragment.name.value == node.name.value
                    ):
                        yield from self._fields(fragment.selection_set, seen)


@lru_cache(maxsize=DOCUMENTS)
def prepare(query: str, introspection: bool, offers_filter: bool) -> Document:
    """A document, parsed and checked once by all endpoints of the process."""
    try:
        node = parse(query)
    except GraphQLError as error:
        return Document(DocumentNode(definitions=()), [formatted(error, "GRAPHQL_PARSE_FAILED")])
    rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
    errors = validate(schema(offers_filter), node, rules)
    return Document(node, [formatted(error, "GRAPHQL_VALIDATION_FAILED") for error in errors])


def run(
    document: Document, request: Mapping[str, Any], root: Mapping[str, Any], offers_filter: bool
) -> Answer:
    """The body of the answer to a request."""
    if document.errors:
        return {"errors": document.errors}
    result = execute_sync(
        schema(offers_filter),
        document.node,
        root,
        variable_values=request.get("variables") or {},
        operation_name=request.get("operationName"),
    )
    if result.errors:
        errors = [formatted(error, "BAD_USER_INPUT") for error in result.errors]
        return {"errors": errors, "data": result.data}
    return {"data": result.data}


@cache
def schema(offers_filter: bool) -> GraphQLSchema:
    """The schema of the contract, or one whose `QueryInput` offers filter and sort as well."""
    sdl = SDL.read_text("utf-8")
    return build_schema(f"{sdl}\n{OFFERED_FILTER}" if offers_filter else sdl)


def formatted(error: GraphQLError, code: str) -> Answer:
    """An error as Samespace writes it, without locations."""
    answer: Answer = {"message": error.message}
    if error.path:
        answer["path"] = error.path
    return answer | {"extensions": error.extensions or {"code": code}}
