"""What a document may ask for before any of it runs. Pure."""

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from gateway.errors import GatewayError


class TooComplex(GatewayError):
    """A document that asks for more than is allowed; refused before it runs."""

    code = "QUERY_TOO_COMPLEX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Largest document in tokens, deepest nesting in fields."""

    tokens: int = 10_000
    depth: int = 20


def check_depth(document: DocumentNode, deepest: int) -> None:
    """Raise TooComplex when fields nest deeper than allowed.

    Each fragment is measured once, so that fragments within fragments cannot make this slow.
    """
    fragments = {
        node.name.value: node.selection_set
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    measured: dict[str, int] = {}
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            depth = _depth(node.selection_set, fragments, measured)
            if depth > deepest:
                raise TooComplex(f"The document nests {depth} fields deep; at most {deepest} are allowed.")


def _depth(
    selections: SelectionSetNode, fragments: dict[str, SelectionSetNode], measured: dict[str, int]
) -> int:
    deepest = 0
    for selection in selections.selections:
        depth = 0
        if isinstance(selection, FieldNode):
            below = selection.selection_set
            depth = 1 + (_depth(below, fragments, measured) if below else 0)
        elif isinstance(selection, InlineFragmentNode):
            depth = _depth(selection.selection_set, fragments, measured)
        elif isinstance(selection, FragmentSpreadNode):
            depth = _fragment_depth(selection.name.value, fragments, measured)
        deepest = max(deepest, depth)
    return deepest


def _fragment_depth(name: str, fragments: dict[str, SelectionSetNode], measured: dict[str, int]) -> int:
    if name not in measured:
        measured[name] = 0  # a fragment within itself ends here; validation refuses it afterwards
        below = fragments.get(name)
        measured[name] = _depth(below, fragments, measured) if below else 0
    return measured[name]
