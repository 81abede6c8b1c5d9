"""Variables of an operation as JSON Schema: what an assistant has to know to fill them in."""

from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    ArgumentNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    ObjectFieldNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    get_named_type,
    type_from_ast,
    value_from_ast_untyped,
    visit,
)

SCALARS: Final[Mapping[str, Mapping[str, Any]]] = {
    "String": {"type": "string"},
    "ID": {"type": "string"},
    "Int": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "Float": {"type": "number"},
    "Boolean": {"type": "boolean"},
    "DateTime": {"type": "string", "format": "date-time"},
}
UPLOAD: Final = "Upload"


class UnfitVariable(Exception):
    """A variable that no assistant can fill in."""


def json_schema(operation: OperationDefinitionNode, schema: GraphQLSchema) -> dict[str, Any]:
    """The JSON Schema of an object with all variables of an operation."""
    form = _Form()
    uses = _Uses(TypeInfo(schema))
    visit(operation, TypeInfoVisitor(uses.types, uses))
    properties, required = {}, []
    for each in operation.variable_definitions or ():
        name, kind = each.variable.name.value, type_from_ast(schema, each.type)
        text = each.description.value if each.description else uses.descriptions.get(name)
        properties[name] = _described(form.of(kind), text)  # type: ignore[arg-type] # the document is valid
        if each.default_value is not None:
            properties[name]["default"] = value_from_ast_untyped(each.default_value)
        elif isinstance(kind, GraphQLNonNull):
            required.append(name)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        **({"$defs": form.defs} if form.defs else {}),
    }


class _Uses(Visitor):
    """What the schema says of the places where variables stand."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self.types = types
        self.descriptions: dict[str, str] = {}

    def enter_variable(self, node: VariableNode, _key: Any, parent: Any, *_: Any) -> None:
        """Note the description of an argument or input field that a variable fills."""
        text = None
        if isinstance(parent, ArgumentNode):
            argument = self.types.get_argument()
            text = argument and argument.description
        elif isinstance(parent, ObjectFieldNode):
            holder = get_named_type(self.types.get_parent_input_type())
            if isinstance(holder, GraphQLInputObjectType):
                text = holder.fields[parent.name.value].description
        if text:
            self.descriptions.setdefault(node.name.value, text)


class _Form:
    """Types as JSON Schema; those with a name of their own are told once, in `defs`."""

    def __init__(self) -> None:
        self.defs: dict[str, Any] = {}

    def of(self, kind: GraphQLInputType) -> dict[str, Any]:
        """A type; null is taken unless it says otherwise."""
        if isinstance(kind, GraphQLNonNull):
            return self._bare(kind.of_type)
        bare = self._bare(kind)
        if isinstance(bare.get("type"), str):
            return {**bare, "type": [bare["type"], "null"]}
        return {"anyOf": [bare, {"type": "null"}]} if bare else bare

    def _bare(self, kind: GraphQLInputType) -> dict[str, Any]:
        if isinstance(kind, GraphQLList):
            return {"type": "array", "items": self.of(kind.of_type)}
        if isinstance(kind, GraphQLScalarType):
            if kind.name == UPLOAD:
                raise UnfitVariable("takes a file, which no assistant can send")
            return dict(SCALARS.get(kind.name, {}))
        if not isinstance(kind, GraphQLEnumType | GraphQLInputObjectType):
            raise UnfitVariable(f"has a type that is not known: {kind}")
        if kind.name not in self.defs:
            self.defs[kind.name] = {}  # it may hold itself
            self.defs[kind.name] = _enum(kind) if isinstance(kind, GraphQLEnumType) else self._object(kind)
        return {"$ref": f"#/$defs/{kind.name}"}

    def _object(self, kind: GraphQLInputObjectType) -> dict[str, Any]:
        properties, required = {}, []
        for name, field in kind.fields.items():
            # Of `@oneOf` the one that is given must not be null.
            form = self._bare(field.type) if kind.is_one_of else self.of(field.type)
            properties[name] = _described(form, field.description)
            default = field.ast_node and field.ast_node.default_value
            if default is not None:
                properties[name]["default"] = value_from_ast_untyped(default)
            elif isinstance(field.type, GraphQLNonNull):
                required.append(name)
        one = {"oneOf": [{"required": [name]} for name in properties]} if kind.is_one_of else {}
        form = {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
            **one,
        }
        return _described(form, kind.description)


def _enum(kind: GraphQLEnumType) -> dict[str, Any]:
    said = [f"{name}: {each.description}" for name, each in kind.values.items() if each.description]
    text = "\n".join([*([kind.description] if kind.description else []), *said])
    return _described({"type": "string", "enum": list(kind.values)}, text)


def _described(form: dict[str, Any], text: str | None) -> dict[str, Any]:
    return {**form, "description": text} if text else dict(form)
