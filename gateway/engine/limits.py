"""What a document may ask for before any of it runs. Pure, and cheap for whatever is refused.

A fragment is measured once, however often it is spread; what would be walked through field by field is only
walked when it is known to be small.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
)

from gateway.errors import GatewayError

INTROSPECTION_LISTS: Final = frozenset({"fields", "interfaces", "possibleTypes", "inputFields", "args"})
LABEL: Final = "label"
MOST_MEMBERS: Final = 100  # of one object: each one that is not known is told with the whole of it
MOST_TEXT: Final = 100_000  # signs of one text in variables: no field takes as many
MOST_TOLD: Final = 10**9  # fragments within fragments grow without end
MOST_LABEL: Final = 100  # signs: a label is told with each item that it stands in
MOST_DIGITS: Final = 400  # of one number: any double can be written with fewer
PLACE_SHARE: Final = 10  # of all directives may stand in one place
SAID: Final = {
    "bytes": "The document is {} bytes long",
    "depth": "The document nests {} fields deep",
    "height": "The operation has {} different fields",
    "root_fields": "The operation has {} fields at its root",
    "overlaps": "The document has {} pairs of fields with the same key",
    "introspection": "The document has {} lists of introspection in one another",
    "place": "The document has {} directives in one place",
    "variables": "The variables hold {} values",
    "members": "An object has {} members",
    "text": "A text has {} signs",
    "digits": "A number has {} signs",
    "label": "A label has {} signs",
    "list_size": "A list has {} items",
    "points": "The operation costs {} points",
    "calls": "The operation costs {} calls of sources",
    "values": "The answer could hold {} values",
}
TOKEN: Final = re.compile(
    r'"""(?:\\"""|[^"]|"(?!""))*"""|"(?:\\.|[^"\\\n\r])*"|#[^\n\r]*|\.\.\.|[A-Za-z_]\w*|-?\d[\w.+-]*|[^\s,\ufeff]'
)


class TooComplex(GatewayError):
    """A document that asks for more than is allowed; refused before it runs.

    `bound` names the limit, `cost` is what was asked for, `allowed` what may be.
    """

    code = "QUERY_TOO_COMPLEX"

    def __init__(self, message: str, bound: str, cost: int, allowed: int) -> None:
        super().__init__(message)
        self.bound = bound
        self.cost = cost
        self.allowed = allowed

    @property
    def extensions(self) -> dict[str, object]:
        """What stands in `errors[].extensions`."""
        return {**super().extensions, "exceeded": self.bound, "cost": self.cost, "limit": self.allowed}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most of everything. `overlaps` counts pairs of fields that share a key in the answer."""

    bytes: int = 64 * 1024
    tokens: int = 2_000
    operations: int = 20
    fragments: int = 100
    depth: int = 20
    height: int = 500
    fields: int = 1_000
    root_fields: int = 50
    aliases: int = 100
    directives: int = 50
    overlaps: int = 2_000
    variables: int = 10_000
    list_size: int = 1_000
    introspection: int = 3
    points: int = 20_000
    calls: int = 2_000
    values: int = 100_000


@dataclass(slots=True)
class Size:
    """Sums over a selection set, fragments put in their places."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    lists: int = 0  # of introspection, in one another

    def add(self, other: "Size", *, deeper: int = 0, listed: int = 0) -> None:
        """Put another one below or beside."""
        self.depth = max(self.depth, other.depth + deeper)
        self.fields += other.fields
        self.aliases += other.aliases
        self.lists = max(self.lists, other.lists + listed)


def check_text(text: str, limits: Limits) -> None:
    """Raise TooComplex where a document is too large to be parsed."""
    size = len(text) if text.isascii() else len(text.encode())
    if size > limits.bytes:
        raise too_complex("bytes", size, limits.bytes)
    tokens = sum(1 for _ in TOKEN.finditer(text)) if size > limits.tokens else 0
    if tokens > limits.tokens:
        raise too_complex("tokens", tokens, limits.tokens)


def check_document(document: DocumentNode, limits: Limits) -> bool:
    """Raise TooComplex where a document that was parsed is too large to be validated.

    Whether it can be: not where a fragment spreads itself.
    """
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    _check("operations", len(operations), limits.operations)
    _check("fragments", len(fragments), limits.fragments)
    sizes = _Sizes(fragments, limits)
    for each in (*operations, *fragments.values()):
        sizes.directives(each.directives)
    measured = [sizes.of(each.selection_set) for each in operations]
    _check("fields", sum(size.fields for size in measured), limits.fields)
    for size in (*measured, *(sizes.fragment(name) for name in fragments)):
        _check("depth", size.depth, limits.depth)
        _check("fields", size.fields, limits.fields)
        _check("aliases", size.aliases, limits.aliases)
        _check("introspection", size.lists, limits.introspection)
    for operation in operations:
        for variable in operation.variable_definitions or ():
            sizes.directives(variable.directives)
            if variable.default_value is not None:
                sizes.value(variable.default_value)
        roots = sum(len(nodes) for nodes in merged([operation.selection_set], fragments).values())
        _check("root_fields", roots, limits.root_fields)
    _check("directives", sizes.count, limits.directives)
    if sizes.cyclic:
        return False
    overlaps = height = 0
    for each in (*operations, *fragments.values()):
        more, fields = _overlaps([each.selection_set], fragments)
        overlaps, height = overlaps + more, max(height, fields)
    _check("height", height, limits.height)
    _check("overlaps", overlaps, limits.overlaps)
    return True


def check_variables(variables: Mapping[str, Any] | None, limits: Limits) -> None:
    """Raise TooComplex where variables hold more than is worth looking at."""
    count = 0
    level: list[Any] = [variables] if variables else []
    while level:
        below: list[Any] = []
        for each in level:
            count += len(each)
            if count > limits.variables:
                raise too_complex("variables", count, limits.variables)
            if isinstance(each, list):
                _check("list_size", len(each), limits.list_size)
            elif each is not variables:
                _check("members", len(each), MOST_MEMBERS)
            for inner in each if isinstance(each, list) else each.values():
                if isinstance(inner, str):
                    if len(inner) > MOST_TEXT:
                        raise too_complex("text", len(inner), MOST_TEXT)
                elif isinstance(inner, dict | list):
                    below.append(inner)
        level = below


def merged(
    sets: Sequence[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode]
) -> dict[str, list[FieldNode]]:
    """The fields of selection sets by their key in the answer, fragments put in their places."""
    found: dict[str, list[FieldNode]] = {}
    for field in _fields(sets, fragments, set()):
        found.setdefault((field.alias or field.name).value, []).append(field)
    return found


def too_complex(what: str, cost: int, allowed: int) -> TooComplex:
    """The error for one limit."""
    cost = min(cost, MOST_TOLD)
    said = SAID.get(what, "The document has {} " + what)
    return TooComplex(f"{said.format(cost)}; at most {allowed} are allowed.", what, cost, allowed)


def _check(what: str, cost: int, allowed: int) -> None:
    if cost > allowed:
        raise too_complex(what, cost, allowed)


class _Sizes:
    """Measures selection sets, each fragment once; a fragment within itself ends there."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], limits: Limits) -> None:
        self._fragments = fragments
        self._limits = limits
        self._measured: dict[str, Size] = {}
        self._open: set[str] = set()
        self.count = 0  # of directives
        self.cyclic = False

    def directives(self, nodes: Sequence[Any] | None) -> None:
        """Count directives of one place."""
        if nodes:
            self.count += len(nodes)
            for argument in (each for node in nodes for each in node.arguments or ()):
                self.value(argument.value)
                if argument.name.value == LABEL and isinstance(argument.value, StringValueNode):
                    _check("label", len(argument.value.value), MOST_LABEL)
            _check("place", len(nodes), max(1, self._limits.directives // PLACE_SHARE))

    def of(self, selections: SelectionSetNode) -> Size:
        """The size of a selection set."""
        found = Size()
        for each in selections.selections:
            self.directives(each.directives)
            if isinstance(each, FieldNode):
                listed = int(each.name.value in INTROSPECTION_LISTS)
                found.add(Size(depth=1, fields=1, aliases=int(each.alias is not None), lists=0))
                for argument in each.arguments or ():
                    self.value(argument.value)
                if each.selection_set:
                    found.add(self.of(each.selection_set), deeper=1, listed=listed)
            elif isinstance(each, InlineFragmentNode):
                found.add(self.of(each.selection_set))
            elif isinstance(each, FragmentSpreadNode):
                found.add(self.fragment(each.name.value))
        return found

    def fragment(self, name: str) -> Size:
        """The size of a fragment; nothing of one that is not there."""
        self.cyclic = self.cyclic or name in self._open
        if name not in self._measured:
            self._measured[name] = Size()
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._open.add(name)
                self._measured[name] = self.of(fragment.selection_set)
                self._open.discard(name)
        return self._measured[name]

    def value(self, node: ValueNode) -> None:
        """Look at a value that stands in the document."""
        if isinstance(node, IntValueNode | FloatValueNode):
            _check("digits", len(node.value), MOST_DIGITS)
        elif isinstance(node, ListValueNode):
            _check("list_size", len(node.values), self._limits.list_size)
            for each in node.values:
                self.value(each)
        elif isinstance(node, ObjectValueNode):
            _check("members", len(node.fields), MOST_MEMBERS)
            for member in node.fields:
                self.value(member.value)


def _overlaps(
    sets: Sequence[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode]
) -> tuple[int, int]:
    """Pairs of fields with the same key, and different fields; merged as an answer merges them."""
    pairs = names = 0
    waiting = [sets]
    while waiting:
        found = merged(waiting.pop(), fragments).values()
        names += len({node.name.value for nodes in found for node in nodes})
        for nodes in found:
            pairs += len(nodes) * (len(nodes) - 1) // 2
            below = [node.selection_set for node in nodes if node.selection_set]
            if below:
                waiting.append(below)
    return pairs, names


def _fields(
    sets: Sequence[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode], met: set[str]
) -> Iterator[FieldNode]:
    for each in (each for one in sets for each in one.selections):
        if isinstance(each, FieldNode):
            yield each
        elif isinstance(each, InlineFragmentNode):
            yield from _fields([each.selection_set], fragments, met)
        elif isinstance(each, FragmentSpreadNode) and each.name.value not in met:
            met.add(each.name.value)
            fragment = fragments.get(each.name.value)
            if fragment is not None:
                yield from _fields([fragment.selection_set], fragments, met)
