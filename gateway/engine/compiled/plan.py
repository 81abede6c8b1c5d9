"""What an operation selects: collected once, and kept as long as its document."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLBoolean,
    GraphQLField,
    GraphQLID,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    Node,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues

from gateway.engine.compiled.arguments import Part, reader

META: Final = frozenset({"__schema", "__type"})
TYPE_NAME: Final = "__typename"
EXACT: Final[Mapping[str, type]] = {
    GraphQLString.name: str,
    GraphQLID.name: str,
    GraphQLBoolean.name: bool,
}
"""Scalars whose values, where they are of the class, are right as they are: written and read."""

DECIDING: Final = frozenset({"skip", "include"})


Finish = Callable[[Any, Any, Any], Any]
"""Completes a value that is not null, out of the value, the run and the path. Raises what is UNUSUAL."""


class NotCompiled(Exception):
    """An operation that is left to graphql-core."""


class Nodes(list[FieldNode]):
    """The nodes of a compiled field. A resolver is told the same ones each time, so what was found out about
    them may be kept here, in `known`.
    """

    __slots__ = ("known",)

    def __init__(self, nodes: Iterable[FieldNode]) -> None:
        super().__init__(nodes)
        self.known: dict[tuple[str, ...], Any] = {}


@dataclass(slots=True, eq=False)
class Field:
    """A selected field. `key` is its name in the answer; `below` what is selected of each type it may be.

    `details` are its nodes as graphql-core wants them; `reads` makes its arguments, where that is easy;
    `told` is what its resolver is told of it each time. `finish` completes its values; it is made last.
    """

    key: str
    name: str
    parent: GraphQLObjectType
    definition: GraphQLField
    details: FieldDetailsList
    below: dict[str, "Selection"]
    nodes: Nodes = field(init=False)
    required: bool = field(init=False)
    called: bool = field(init=False)  # with arguments
    reads: Part | None = field(init=False)
    told: tuple[str, list[FieldNode], GraphQLOutputType, GraphQLObjectType] = field(init=False)
    finish: Finish = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = Nodes(each.node for each in self.details)
        self.required = isinstance(self.definition.type, GraphQLNonNull)
        self.called = bool(self.definition.args or self.nodes[0].arguments)
        self.reads = reader(self.definition, self.nodes[0]) if self.called else None
        self.told = (self.name, self.nodes, self.type, self.parent)

    @property
    def type(self) -> GraphQLOutputType:
        """The type of its value."""
        return self.definition.type

    @property
    def plain(self) -> bool:
        """Whether its value lies in that of its parent, and so do all below it."""
        return self.held and self.simple

    @property
    def simple(self) -> bool:
        """Whether its value, once it is there, is only copied: no resolvers, no types to choose."""
        if is_abstract_type(get_named_type(self.type)):
            return False
        return all(each.plain for each in self.below.values())

    @property
    def held(self) -> bool:
        """Whether its value lies in that of its parent."""
        return self.definition.resolve is None or self.name == TYPE_NAME


@dataclass(slots=True, eq=False)
class Selection:
    """The fields that are selected of one object type, by their names in the answer, in order."""

    type: GraphQLObjectType
    fields: list[Field]

    @property
    def plain(self) -> bool:
        """Whether nothing below has to be resolved."""
        return all(each.plain for each in self.fields)


@dataclass(frozen=True, slots=True)
class Reading:
    """What collecting fields takes."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]
    variables: VariableValues

    def root(self) -> Selection:
        """What the operation selects. Raises NotCompiled."""
        root = self.schema.get_root_type(self.operation.operation)
        if root is None or self.operation.operation is OperationType.SUBSCRIPTION:
            raise NotCompiled
        found = collect_fields(self.schema, self.fragments, self.variables, root, self.operation)
        return self._selection(root, found.grouped_field_set)

    def _selection(self, type_: GraphQLObjectType, groups: Mapping[str, FieldDetailsList]) -> Selection:
        return Selection(type_, [self._field(type_, key, details) for key, details in groups.items()])

    def _field(self, parent: GraphQLObjectType, key: str, details: FieldDetailsList) -> Field:
        name = details[0].node.name.value
        definition = self.schema.get_field(parent, name)
        if definition is None or name in META:
            raise NotCompiled
        if any(each.fragment_variable_values is not None for each in details):
            raise NotCompiled
        below: dict[str, Selection] = {}
        named = get_named_type(definition.type)
        if not is_leaf_type(named):
            for each in self._possible(named):
                found = collect_subfields(
                    self.schema, self.fragments, self.variables, self.operation, each, details
                )
                below[each.name] = self._selection(each, found.grouped_field_set)
        return Field(key, name, parent, definition, details, below)

    def _possible(self, named: Any) -> Iterator[GraphQLObjectType]:
        if isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
            yield from self.schema.get_possible_types(named)
        elif isinstance(named, GraphQLObjectType) and named.is_type_of is None:
            yield named
        else:
            raise NotCompiled


def deciding(node: Node) -> frozenset[str]:
    """The variables on which it depends what is selected: those of `@skip` and `@include`."""
    found: set[str] = set()
    waiting: list[Node] = [node]
    while waiting:
        here = waiting.pop()
        inside = getattr(here, "directives", None) or ()
        for directive in inside:
            if directive.name.value in DECIDING:
                found |= {
                    each.value.name.value
                    for each in directive.arguments or ()
                    if isinstance(each.value, VariableNode)
                }
        for below in ("definitions", "selection_set", "selections"):
            held = getattr(here, below, None)
            waiting.extend(held if isinstance(held, tuple | list) else [held] if held is not None else [])
    return frozenset(found)
