"""What an operation may cost, told by the schema before it runs: points, and calls of sources.

`@cost` and `@listSize` mean what the GraphQL Cost Directives Specification says (ibm.github.io):
a field costs the weight of its type, once for each item of a list, and what lies below it as often. Composite
types weigh 1, leaves nothing; a weight of a field or an argument is added once. Two things go beyond it: a
slicing argument may hold a list, of which the length counts, and lie within another one (`input.ids`).
`@upstream` counts calls of sources in the same way. As leaves weigh nothing, the values of an answer are
counted beside the points; one with a long alias, which stands in the answer as often, counts as several, and
so does what is to come in a part of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    value_from_ast_untyped,
)

from gateway.engine.compiled.telling import Written
from gateway.engine.limits import Limits, merged, too_complex

EDGES: Final = "edges"
EDGE_NODE: Final = "node"
INCREMENTAL: Final = frozenset({"defer", "stream"})
INTROSPECTION: Final = "__"
INTROSPECTION_POINTS: Final = 500  # the whole schema at most
LONG_KEY: Final = 64  # signs of a key in the answer that count as one value more
PART: Final = 10  # values that a part of its own counts as, again in each item that it stands in
MOST_ITEMS: Final = 100  # in a page; of one that asks for more, the field itself says what is wrong
UNKNOWN_LIST: Final = 10  # items of a list of which the schema says nothing

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType
Variables = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """Points, calls of sources, and values of the answer, at most."""

    points: int
    calls: int
    values: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.points + other.points, self.calls + other.calls, self.values + other.values)


@dataclass(frozen=True, slots=True)
class Rates:
    """What the directives of a field say. `carried`: with these fields alone, an item costs no calls."""

    points: int = 0
    calls: int = 0
    calls_per_item: int = 0
    carried: frozenset[str] = frozenset()
    assumed: int | None = None
    slicing: tuple[str, ...] = ()
    sized: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Length:
    """How long a list is: the largest of some numbers, and of values of variables at paths in them."""

    numbers: list[int] = field(default_factory=list)
    variables: list[tuple[str, tuple[str, ...], int]] = field(default_factory=list)

    def of(self, variables: Variables) -> int:
        """The number of items."""
        found = list(self.numbers)
        for name, path, otherwise in self.variables:
            held: Any = variables.get(name)
            for step in path:
                held = held.get(step) if isinstance(held, dict) else None
            size = _size(held)
            found.append(otherwise if size is None else size)
        return max(found, default=1)


ONE: Final = Length([1])


@dataclass(slots=True)
class Node:
    """A field of an operation: its key in the answer, and what it costs.

    `length` is how many things it is, `items` how many it lists, itself or in a field below; `values` are
    those of a thing, those of what lies below it aside.
    """

    key: str
    own: int = 0
    weight: int = 0
    calls: int = 0
    calls_per_item: int = 0
    values: int = 0
    length: Length = ONE
    items: Length = ONE
    below: tuple["Node", ...] = ()
    nested: bool = field(init=False)  # whether things that count lie in its things

    def __post_init__(self) -> None:
        self.nested = any(each.weight or each.below for each in self.below)

    def cost(self, variables: Variables) -> Cost:
        """What it costs at most."""
        thing = Cost(self.weight, 0, self.values)
        for each in self.below:
            thing += each.cost(variables)
        here = self.calls + (self.calls_per_item and self.calls_per_item * self.items.of(variables))
        count = self.length.of(variables)
        return Cost(self.own + count * thing.points, here + count * thing.calls, count * thing.values)

    @property
    def fixed(self) -> bool:
        """Whether no variable counts."""
        held = not (self.length.variables or self.items.variables)
        return held and all(each.fixed for each in self.below)


class Price:
    """What an operation costs, as far as it can be known before its variables are."""

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self._nodes = nodes
        self._fixed = _expected(nodes, {}) if all(each.fixed for each in nodes) else None

    def expected(self, variables: Variables | None) -> Cost:
        """What it costs at most."""
        return self._fixed or _expected(self._nodes, variables or {})

    @property
    def fixed(self) -> Cost | None:
        """What it costs at most, whatever its variables are; None where they count."""
        return self._fixed

    def actual(self, data: Mapping[str, Any] | None) -> int:
        """The points of an answer."""
        return _actual(self._nodes, [data or {}])


def price(
    schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Price:
    """The price of a valid operation."""
    root = schema.get_root_type(operation.operation)
    defaults = {
        each.variable.name.value: value_from_ast_untyped(each.default_value)
        for each in operation.variable_definitions or ()
        if each.default_value is not None
    }
    compiler = _Compiler(schema, fragments, defaults)
    return Price(compiler.below(root, [operation.selection_set], {}) if root else ())


def check_cost(cost: Cost, limits: Limits) -> None:
    """Raise TooComplex where something costs more than is allowed."""
    for what, value, most in (
        ("points", cost.points, limits.points),
        ("calls", cost.calls, limits.calls),
        ("values", cost.values, limits.values),
    ):
        if value > most:
            raise too_complex(what, value, most)


def _expected(nodes: Sequence[Node], variables: Variables) -> Cost:
    return sum((each.cost(variables) for each in nodes), Cost(0, 0))


def _actual(nodes: Sequence[Node], things: Sequence[Mapping[str, Any]]) -> int:
    """The points of what was told of some things."""
    points = 0
    for each in nodes:
        points += each.own * len(things)
        key, found, written = each.key, [], 0
        for thing in things:
            value = thing.get(key)
            if isinstance(value, list):
                found += value
            elif isinstance(value, dict):
                found.append(value)
            elif isinstance(value, Written) and each.nested:
                found += value.read()
            elif isinstance(value, Written):
                written += value.count
        points += each.weight * (len(found) + written)
        if written:
            points += written * sum([below.own for below in each.below])
        if each.below:
            points += _actual(each.below, [value for value in found if isinstance(value, dict)])
    return points


class _Compiler:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        defaults: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._defaults = defaults

    def below(
        self, parent: Composite, sets: Sequence[SelectionSetNode], sized: Mapping[str, Length]
    ) -> tuple[Node, ...]:
        """The fields of selection sets, those with one key as one."""
        found: dict[tuple[str, str], list[FieldNode]] = {}
        self._collect(parent, sets, found, set())
        nodes = (self._node(type_name, nodes, sized) for (_, type_name), nodes in found.items())
        return tuple(node for node in nodes if node.own or node.weight or node.calls or node.below)

    def _values(self, sets: Sequence[SelectionSetNode]) -> int:
        """How many values stand in one thing."""
        values = sum(1 + len(key) // LONG_KEY for key in merged(sets, self._fragments))
        return values + PART * self._parts(sets, set())

    def _parts(self, sets: Sequence[SelectionSetNode], met: set[str]) -> int:
        """How many parts of their own one thing is told in."""
        found = 0
        for each in (each for one in sets for each in one.selections):
            found += sum(directive.name.value in INCREMENTAL for directive in each.directives or ())
            if not isinstance(each, FieldNode):
                selections, _ = self._spread(each, met)
                found += 0 if selections is None else self._parts([selections], met)
        return found

    def _collect(
        self,
        parent: Composite,
        sets: Sequence[SelectionSetNode],
        found: dict[tuple[str, str], list[FieldNode]],
        met: set[str],
    ) -> None:
        for each in (each for one in sets for each in one.selections):
            if isinstance(each, FieldNode):
                key = (each.alias or each.name).value
                found.setdefault((key, parent.name), []).append(each)
                continue
            selections, named = self._spread(each, met)
            if selections is not None:
                kind = self._schema.get_type(named) if named else parent
                if isinstance(kind, Composite):
                    self._collect(kind, [selections], found, met)

    def _spread(self, each: Any, met: set[str]) -> tuple[SelectionSetNode | None, str]:
        """What stands in the place of a fragment, and the type it is for."""
        if isinstance(each, InlineFragmentNode):
            return each.selection_set, each.type_condition.name.value if each.type_condition else ""
        if not isinstance(each, FragmentSpreadNode) or each.name.value in met:
            return None, ""
        met.add(each.name.value)
        fragment = self._fragments[each.name.value]
        return fragment.selection_set, fragment.type_condition.name.value

    def _node(self, type_name: str, nodes: list[FieldNode], sized: Mapping[str, Length]) -> Node:
        first = nodes[0]
        name, key = first.name.value, (first.alias or first.name).value
        if name.startswith(INTROSPECTION):
            points = INTROSPECTION_POINTS if name == "__schema" else 0
            return Node(key, points)
        definition: GraphQLField = self._schema.get_type(type_name).fields[name]  # type: ignore[union-attr]
        rates = rates_of(definition)
        kind = get_named_type(definition.type)
        composite = isinstance(kind, Composite)
        length = self._length(definition, rates, nodes)
        sets = [node.selection_set for node in nodes if node.selection_set]
        listed = _is_list(definition)
        own = rates.points + sum(
            weight(definition.args[argument.name.value].ast_node)
            for argument in first.arguments or ()
            if argument.name.value in definition.args
        )
        return Node(
            key=key,
            own=own,
            weight=(weight(kind.ast_node) or 1) if composite else 0,
            calls=rates.calls,
            calls_per_item=rates.calls_per_item if self._wants_more(rates, sets) else 0,
            values=self._values(sets) if composite else 0,
            length=sized.get(name) or (length if listed else ONE),
            items=length,
            below=self.below(kind, sets, dict.fromkeys(rates.sized, length))
            if isinstance(kind, Composite)
            else (),
        )

    def _wants_more(self, rates: Rates, sets: Sequence[SelectionSetNode]) -> bool:
        """Whether items are asked for more than what comes with the list."""
        wanted: set[str] = set()
        for name in rates.sized:
            below = self._under(sets, name)
            wanted.update(self._names(self._under(below, EDGE_NODE) if name == EDGES else below))
        return not rates.carried.issuperset(wanted if rates.sized else self._names(sets)) or not rates.carried

    def _under(self, sets: Sequence[SelectionSetNode], name: str) -> list[SelectionSetNode]:
        fields = merged(sets, self._fragments).values()
        return [
            each.selection_set
            for nodes in fields
            for each in nodes
            if each.name.value == name and each.selection_set
        ]

    def _names(self, sets: Sequence[SelectionSetNode]) -> set[str]:
        return {each.name.value for nodes in merged(sets, self._fragments).values() for each in nodes}

    def _length(self, definition: GraphQLField, rates: Rates, nodes: list[FieldNode]) -> Length:
        """The length of the list that a field is, or that lies below it."""
        found = Length()
        given = {each.name.value: each.value for each in nodes[0].arguments or ()}
        assumed = UNKNOWN_LIST if rates.assumed is None else rates.assumed
        for path in rates.slicing:
            name, *steps = path.split(".")
            argument = definition.args[name]
            default = None if argument.ast_node is None else argument.ast_node.default_value
            usual = None if default is None else _size(value_from_ast_untyped(default))
            self._sliced(found, given.get(name), tuple(steps), assumed if usual is None else usual)
        if not rates.slicing:
            found.numbers.append(assumed)
        return found

    def _sliced(self, found: Length, node: ValueNode | None, path: tuple[str, ...], default: int) -> None:
        if isinstance(node, VariableNode):
            name = node.name.value
            otherwise: Any = self._defaults.get(name)
            for step in path:
                otherwise = otherwise.get(step) if isinstance(otherwise, dict) else None
            size = _size(otherwise)
            found.variables.append((name, path, default if size is None else size))
        elif path and isinstance(node, ObjectValueNode):
            member = next((each.value for each in node.fields if each.name.value == path[0]), None)
            self._sliced(found, member, path[1:], default)
        elif isinstance(node, ListValueNode) and not path:
            found.numbers.append(len(node.values))
        else:
            size = None if node is None or path else _size(value_from_ast_untyped(node))
            found.numbers.append(default if size is None else size)


def rates_of(definition: GraphQLField) -> Rates:
    """What the directives of a field say of its cost."""
    node = definition.ast_node
    said = {each.name.value: _arguments(each) for each in (node.directives if node else None) or ()}
    size, upstream = said.get("listSize", {}), said.get("upstream", {})
    return Rates(
        points=weight(node),
        calls=int(upstream.get("calls", 0)),
        calls_per_item=int(upstream.get("perItem", 0)),
        carried=frozenset(upstream.get("carried", ())),
        assumed=size.get("assumedSize"),
        slicing=tuple(size.get("slicingArguments", ())),
        sized=tuple(size.get("sizedFields", ())),
    )


def weight(node: Any) -> int:
    """The weight of a definition; 0 where it says nothing."""
    for each in (node.directives if node is not None else None) or ():
        if each.name.value == "cost":
            return int(float(_arguments(each)["weight"]))
    return 0


def _arguments(directive: DirectiveNode) -> dict[str, Any]:
    return {each.name.value: value_from_ast_untyped(each.value) for each in directive.arguments or ()}


def _is_list(definition: GraphQLField) -> bool:
    kind = definition.type
    while isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    return isinstance(kind, GraphQLList)


def _size(value: Any) -> int | None:
    """The number that a value is, or its length; None where it is neither."""
    if isinstance(value, list):
        return len(value)
    return min(max(0, value), MOST_ITEMS) if isinstance(value, int) and not isinstance(value, bool) else None
