"""The arguments of a field: what the document says is read once, and variables are put into it each time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

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


class _Member(NamedTuple):
    """An argument or a member of an input object. `variable` is what it may be left out with, and then
    `default` counts, if there is any.
    """

    name: str
    part: Part
    variable: str | None = None
    default: Part | None = None


def reader(definition: GraphQLField, node: FieldNode) -> Part | None:
    """Makes the arguments of a field; None where graphql-core has to do it each time."""
    given = {each.name.value: each.value for each in node.arguments or ()}
    members: list[_Member] = []
    for name, argument in definition.args.items():
        held, out_name = given.get(name), argument.out_name or name
        variable = None if held is None else _optional(held, argument)
        default: Part | None = None
        if held is None or variable is not None:
            try:
                default = _default(name, argument)
            except GraphQLError:  # it is told, with its place, when the field is called
                return None
        part = default if held is None else _part(held, argument.type)
        if part is not None:
            members.append(_Member(out_name, part, variable, default))
        elif held is not None:
            return None
    return lambda values: _filled(members, values)


def _filled(members: list[_Member], values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, part, variable, default in members:
        if variable is None or variable in values:
            found[name] = part(values)
        elif default is not None:
            found[name] = default(values)
    return found


def _optional(node: ValueNode, holder: GraphQLArgument | GraphQLInputField) -> str | None:
    """The variable that a value is, where what holds it may be left out."""
    none = holder.default is None and holder.default_value is Undefined
    if not isinstance(node, VariableNode) or (none and isinstance(holder.type, GraphQLNonNull)):
        return None
    return node.name.value


def _default(name: str, argument: GraphQLArgument) -> Part | None:
    """What counts for an argument that was left out, if anything. Raises GraphQLError."""
    alone = GraphQLField(GraphQLString, args={name: argument})
    asked = FieldNode(name=NameNode(value=name), arguments=())
    found = list(get_argument_values(alone, asked).values())
    if not found:
        return None
    if isinstance(found[0], SCALARS):
        return _constant(found[0])
    return lambda _: next(iter(get_argument_values(alone, asked).values()))


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
    members: list[_Member] = []
    for name, member in type_.fields.items():
        held = given.pop(name, None)
        none = member.default is None and member.default_value is Undefined
        if held is None and none:
            if isinstance(member.type, GraphQLNonNull):
                return None
            continue
        default = None if none else _left_out(member)
        part = default if held is None else _part(held, member.type)
        if part is None:
            return None
        variable = None if held is None else _optional(held, member)
        members.append(_Member(member.out_name or name, part, variable, default))
    if given or (type_.is_one_of and (count != 1 or len(members) != 1)):
        return None
    one_of, made = type_.is_one_of, type_.out_type

    def make(values: Mapping[str, Any]) -> Any:
        found = _filled(members, values)
        if one_of:
            _there(found[members[0].name])
        return made(found)

    return make


def _left_out(member: GraphQLInputField) -> Part:
    """The default of a member."""
    try:
        found = coerce_default_value(member)
    except TypeError:  # it is told when the field is called
        return _by_core
    return _constant(found) if isinstance(found, SCALARS) else lambda _: coerce_default_value(member)


def _by_core(_: Mapping[str, Any]) -> Any:
    raise KeyError


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
