"""What a document selects below a field."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionSetNode,
)

MOST_KNOWN: Final = 1_000
# By the list of nodes, which a compiled operation keeps: the same list means the same, as long as it is held.
_known: dict[tuple[int, tuple[str, ...]], tuple[list[FieldNode], frozenset[str]]] = {}


def names(info: GraphQLResolveInfo[Any], *path: str) -> frozenset[str]:
    """Names of the fields selected below this field, or below fields of it along a path of names.

    Whatever may be selected counts: `@skip`, `@include` and type conditions are not looked at.
    """
    key = id(info.field_nodes), path
    held = _known.get(key)
    if held is not None and held[0] is info.field_nodes:
        return held[1]
    found = _names(info, path)
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    _known[key] = info.field_nodes, found
    return found


def _names(info: GraphQLResolveInfo[Any], path: Sequence[str]) -> frozenset[str]:
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
