"""The arguments of a field: what the document says is read once, and variables are put into it each time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
    ListValueNode,
    NameNode,
    Node,
    NullValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    coerce_input_literal,
    get_nullable_type,
)
from graphql.execution.values import get_argument_values
from graphql.utilities.coerce_input_value import coerce_default_value

Part = Callable[[Mapping[str, Any]], Any]
"""Makes a value out of those of the variables. Raises KeyError where graphql-core has to do it."""

SCALARS: Final = (str, int, float, bool, type(None))


def reader(definition: GraphQLField, node: FieldNode) -> Part | None:
    """Makes the arguments of a field; None where graphql-core has to do it each time."""
    given = {each.name.value: each.value for each in node.arguments or ()}
    parts: dict[str, Part] = {}
    for name, argument in definition.args.items():
        held = given.get(name)
        if held is None:
            default = _default(name, argument)
            if default is None:
                return None
            parts.update(default)
            continue
        part = _part(held, argument.type)
        if part is None:
            return None
        parts[argument.out_name or name] = part
    items = tuple(parts.items())
    return lambda values: {name: part(values) for name, part in items}


def _default(name: str, argument: GraphQLArgument) -> dict[str, Part] | None:
    """What counts for an argument that was left out, if anything. What others could change is not shared."""
    alone = GraphQLField(GraphQLString, args={name: argument})
    try:
        found = get_argument_values(alone, FieldNode(name=NameNode(value=name), arguments=()))
    except GraphQLError:  # it is told, with its place, when the field is called
        return None
    if not all(isinstance(value, SCALARS) for value in found.values()):
        return None
    return {key: _constant(value) for key, value in found.items()}


def _part(node: ValueNode, type_: GraphQLInputType) -> Part | None:
    """The value of an argument, a member or an item."""
    required = isinstance(type_, GraphQLNonNull)
    if isinstance(node, VariableNode):
        name = node.name.value
        return (lambda values: _there(values[name])) if required else (lambda values: values[name])
    if isinstance(node, NullValueNode):
        return None if required else _constant(None)
    bare: Any = get_nullable_type(type_)
    if isinstance(bare, GraphQLList):  # one value counts as a list of it
        return _list(node.values if isinstance(node, ListValueNode) else (node,), bare.of_type)
    if isinstance(bare, GraphQLInputObjectType):
        return _object(node, bare) if isinstance(node, ObjectValueNode) else None
    return None if _varies(node) else _leaf(node, bare)


def _leaf(node: ValueNode, type_: GraphQLInputType) -> Part | None:
    """A scalar or a word of an enum. What others could change is made anew each time."""
    found = coerce_input_literal(node, type_)
    if found is Undefined:
        return None
    if isinstance(found, SCALARS):
        return _constant(found)
    return lambda _: coerce_input_literal(node, type_)


def _list(nodes: Sequence[ValueNode], type_: GraphQLInputType) -> Part | None:
    """A list of its own each time."""
    parts: list[Part] = []
    for each in nodes:
        part = _part(each, type_)
        if part is None:
            return None
        parts.append(part)
    return lambda values: [part(values) for part in parts]


def _object(node: ObjectValueNode, type_: GraphQLInputObjectType) -> Part | None:
    """An input object with the members that were given, and the defaults of others."""
    given = {each.name.value: each.value for each in node.fields}
    count = len(given)
    parts: dict[str, Part] = {}
    for name, member in type_.fields.items():
        held = given.pop(name, None)
        if held is None and member.default is None and member.default_value is Undefined:
            if isinstance(member.type, GraphQLNonNull):
                return None
            continue
        part = _left_out(member) if held is None else _part(held, member.type)
        if part is None:
            return None
        parts[member.out_name or name] = part
    if given or (type_.is_one_of and (count != 1 or len(parts) != 1)):
        return None
    items, one_of, made = tuple(parts.items()), type_.is_one_of, type_.out_type

    def make(values: Mapping[str, Any]) -> Any:
        found = {name: part(values) for name, part in items}
        if one_of:
            _there(found[items[0][0]])
        return made(found)

    return make


def _left_out(member: GraphQLInputField) -> Part | None:
    """The default of a member."""
    try:
        found = coerce_default_value(member)
    except TypeError:  # it is told when the field is called
        return None
    return _constant(found) if isinstance(found, SCALARS) else lambda _: coerce_default_value(member)


def _constant(value: Any) -> Part:
    return lambda _: value


def _varies(node: Node) -> bool:
    """Whether a value depends on variables."""
    if isinstance(node, VariableNode):
        return True
    inside = getattr(node, "values", None) or [each.value for each in getattr(node, "fields", None) or ()]
    return any(_varies(each) for each in inside)


def _there(value: Any) -> Any:
    if value is None:
        raise KeyError
    return value
