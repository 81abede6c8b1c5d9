"""The arguments of a field, where they are the same each time or come from variables as they are."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLString,
    NameNode,
    Node,
    ObjectFieldNode,
    ObjectValueNode,
    Undefined,
    VariableNode,
    get_nullable_type,
)
from graphql.execution.values import get_argument_values

Part = Callable[[Mapping[str, Any]], Any]
"""Makes a value out of those of the variables. Raises KeyError where graphql-core has to do it."""

SCALARS: Final = (str, int, float, bool, type(None))


def reader(definition: GraphQLField, node: FieldNode) -> Part | None:
    """Makes the arguments of a field; None where graphql-core has to do it each time."""
    given = {each.name.value: each for each in node.arguments or ()}
    parts: dict[str, Part] = {}
    for name, argument in definition.args.items():
        held = given.get(name)
        if held is None or not _varies(held.value):
            same = _same(name, argument, held)
            if same is None:
                return None
            parts.update(same)
            continue
        part = _part(held.value, argument)
        if part is None:
            return None
        parts[argument.out_name or name] = part
    items = tuple(parts.items())
    return lambda values: {name: part(values) for name, part in items}


def _varies(node: Node) -> bool:
    """Whether a value depends on variables."""
    if isinstance(node, VariableNode):
        return True
    inside = getattr(node, "values", None) or [each.value for each in getattr(node, "fields", None) or ()]
    return any(_varies(each) for each in inside)


def _same(name: str, argument: GraphQLArgument, node: ArgumentNode | None) -> dict[str, Part] | None:
    """A value that is the same each time, if there is one. What could be changed by others is not shared."""
    alone = GraphQLField(GraphQLString, args={name: argument})
    asked = FieldNode(name=NameNode(value=name), arguments=(node,) if node is not None else ())
    try:
        found = get_argument_values(alone, asked)
    except GraphQLError:  # it is told, with its place, when the field is called
        return None
    if not all(isinstance(value, SCALARS) for value in found.values()):
        return None
    return {key: lambda _, value=value: value for key, value in found.items()}  # type: ignore[misc]


def _part(node: Node, holder: GraphQLArgument | GraphQLInputField) -> Part | None:
    """The value of an argument or a member."""
    required = isinstance(holder.type, GraphQLNonNull)
    if isinstance(node, VariableNode):
        name = node.name.value
        return (lambda values: _there(values[name])) if required else (lambda values: values[name])
    type_ = get_nullable_type(holder.type)
    if isinstance(node, ObjectValueNode) and isinstance(type_, GraphQLInputObjectType):
        return _object(node, type_)
    return None


def _object(node: ObjectValueNode, type_: GraphQLInputObjectType) -> Part | None:
    """An input object whose members are variables, or left out and without a default."""
    given: dict[str, ObjectFieldNode] = {each.name.value: each for each in node.fields}
    parts: dict[str, Part] = {}
    for name, member in type_.fields.items():
        held = given.pop(name, None)
        if held is None:
            none = member.default is None and member.default_value is Undefined
            if isinstance(member.type, GraphQLNonNull) or not none:
                return None
            continue
        part = _part(held.value, member) if isinstance(held.value, VariableNode) else None
        if part is None:
            return None
        parts[member.out_name or name] = part
    if given or (type_.is_one_of and len(parts) != 1):
        return None
    items, one_of, made = tuple(parts.items()), type_.is_one_of, type_.out_type

    def make(values: Mapping[str, Any]) -> Any:
        found = {name: part(values) for name, part in items}
        if one_of:
            _there(found[items[0][0]])
        return made(found)

    return make


def _there(value: Any) -> Any:
    if value is None:
        raise KeyError
    return value
