"""What a document selects below a field. Pure."""

from collections.abc import Iterable
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionSetNode,
)

from gateway.engine.compiled.plan import Nodes


def names(info: GraphQLResolveInfo[Any], *path: str) -> frozenset[str]:
    """Names of the fields selected below this field, or below fields of it along a path of names.

    Whatever may be selected counts: `@skip`, `@include` and type conditions are not looked at. It depends on
    the document alone, so it is kept with the nodes of a compiled field.
    """
    nodes = info.field_nodes
    if not isinstance(nodes, Nodes):
        return _names(info, path)
    found: frozenset[str] | None = nodes.known.get(path)
    if found is None:
        found = nodes.known[path] = _names(info, path)
    return found


def _names(info: GraphQLResolveInfo[Any], path: tuple[str, ...]) -> frozenset[str]:
    sets: Iterable[SelectionSetNode] = [node.selection_set for node in info.field_nodes if node.selection_set]
    for step in path:
        sets = [
            field.selection_set
            for field in _fields(sets, info.fragments)
            if field.name.value == step and field.selection_set
        ]
    return frozenset(field.name.value for field in _fields(sets, info.fragments))


def root_fields(sets: Iterable[SelectionSetNode], fragments: dict[str, FragmentDefinitionNode]) -> list[str]:
    """Names of the fields in selection sets, one for each response key; a key that merges counts once."""
    found = {
        field.alias.value if field.alias else field.name.value: field.name.value
        for field in _fields(sets, fragments)
    }
    return list(found.values())


def _fields(
    sets: Iterable[SelectionSetNode], fragments: dict[str, FragmentDefinitionNode]
) -> list[FieldNode]:
    found: list[FieldNode] = []
    seen: set[str] = set()
    waiting = list(sets)
    while waiting:
        for selection in waiting.pop().selections:
            if isinstance(selection, FieldNode):
                found.append(selection)
            elif isinstance(selection, InlineFragmentNode):
                waiting.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
                seen.add(selection.name.value)
                fragment = fragments.get(selection.name.value)
                if fragment is not None:
                    waiting.append(fragment.selection_set)
    return found
