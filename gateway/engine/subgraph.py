"""A schema as a subgraph of Apollo Federation v2: what composition reads of it, and its entities.

Federation is declared in a text of extensions beside the schema: `extend type Book @key(fields: "id")`. What
clients see has nothing of it: the root fields of routers stand in a schema of their own, in which only
documents that ask for them are carried out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, cast

from graphql import (
    DirectiveDefinitionNode,
    DirectiveNode,
    DocumentNode,
    FieldDefinitionNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeExtensionNode,
    SchemaDefinitionNode,
    SchemaExtensionNode,
    TypeNode,
    ValidationRule,
    extend_schema,
    get_named_type,
    parse,
    print_ast,
    value_from_ast_untyped,
)

from gateway.engine import access
from gateway.errors import BadInput

ENTITIES: Final = "_entities"
SERVICE: Final = "_service"
ROUTED: Final = frozenset({ENTITIES, SERVICE})
TELLING: Final = access.META | {SERVICE}  # fields that tell the schema
TYPE_NAME: Final = "__typename"
LONGEST: Final = 2_048  # signs of one value of a key
USUAL: Final = "READ"  # the scope of everything that is read: worth no tag
ONE_OF: Final = "directive @oneOf on INPUT_OBJECT"  # composition does not know it by itself

ROOTS: Final = """
"A representation: `__typename`, and the fields of a key."
scalar _Any

"What this subgraph says of itself."
type _Service {{
  "Its schema, for composition."
  sdl: String
}}

"Whatever has a key."
union _Entity = {entities}

extend type {query} {{
  "What this subgraph says of itself."
  _service: _Service! @cost(weight: "500")

  "Things by their keys, in the order asked; null where nothing is found, or where an error says why."
  _entities(
    "What is asked for; the same may stand there twice."
    representations: [_Any!]!
  ): [_Entity]! @listSize(assumedSize: 20, slicingArguments: ["representations"], requireOneSlicingArgument: false) @upstream(perItem: 1)
}}
"""  # noqa: E501

Keys = Mapping[str, Sequence[frozenset[str]]]


class OddDeclaration(Exception):
    """What is declared of federation does not fit the schema."""


class NoServiceRule(ValidationRule):
    """Where introspection is off, the schema is not told to routers either."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Refuse `_service`."""
        if node.name.value == SERVICE:
            told = f"GraphQL introspection has been disabled, and so has the field '{SERVICE}'."
            self.report_error(GraphQLError(told, node))


@dataclass(frozen=True, slots=True)
class Reference:
    """An entity, named by the fields of one of its keys, or of several."""

    type: str
    fields: Mapping[str, str]


def sdl(text: str, declared: str) -> str:
    """The schema as composition reads it: with descriptions and directives, in federation's forms of them."""
    document = parse(text, no_location=True)
    linked = parse(declared, no_location=True)
    imported = _imported(linked)
    known = {cast("Any", each).name.value for each in document.definitions if hasattr(each, "name")}
    more = _directives(linked, known)
    told = []
    for definition in cast("Sequence[Any]", document.definitions):
        if isinstance(definition, DirectiveDefinitionNode):
            if f"@{definition.name.value}" not in imported:
                told.append(definition)
            continue
        place = "" if isinstance(definition, SchemaDefinitionNode) else definition.name.value
        told.append(_put(definition, more.get(place, ())))
    return "\n\n".join([*(print_ast(each) for each in told), ONE_OF]) + "\n"


def extended(schema: GraphQLSchema, text: str, declared: str) -> GraphQLSchema:
    """The schema with the root fields of routers; the context finds `entities(references, info)`."""
    keys = keys_of(declared)
    _check(schema, keys)
    _directives(parse(declared, no_location=True), schema.type_map)
    query = cast("GraphQLObjectType", schema.query_type)
    roots = ROOTS.format(entities=" | ".join(keys), query=query.name)
    found = extend_schema(schema, parse(roots), assume_valid=True)
    fields = cast("GraphQLObjectType", found.query_type).fields

    @cache
    def said() -> str:  # written when first asked for: it takes most of the time of all this
        return sdl(text, declared)

    def entities(_: object, info: Any, *, representations: Sequence[Any]) -> Any:
        return info.context.entities([reference(found, keys, each) for each in representations], info)

    fields[SERVICE].resolve = lambda *_: {"sdl": said()}
    fields[ENTITIES].resolve = entities
    for name in ROUTED:
        access.guard(fields[name], access.declared(query))
    return found


def keys_of(declared: str) -> Keys:
    """The keys of each entity."""
    found: dict[str, list[frozenset[str]]] = {}
    for each in parse(declared, no_location=True).definitions:
        if isinstance(each, ObjectTypeExtensionNode):
            for directive in each.directives or ():
                if directive.name.value == "key":
                    fields = str(_arguments(directive)["fields"])
                    found.setdefault(each.name.value, []).append(frozenset(fields.split()))
    return found


def reference(schema: GraphQLSchema, keys: Keys, given: Any) -> Reference | BadInput:
    """What a representation names; what is wrong with it is returned, as it is one of many."""
    name = given.get(TYPE_NAME) if isinstance(given, dict) else None
    if not isinstance(name, str) or name not in keys:
        return BadInput(f"A representation has the `__typename` of an entity: {', '.join(keys)}.")
    fields = {field: value for field, value in given.items() if field != TYPE_NAME}
    whole = [key for key in keys[name] if key <= fields.keys()]
    if not whole or fields.keys() != frozenset[str]().union(*whole):
        told = ", or ".join(f"`{' '.join(sorted(key))}`" for key in keys[name])
        return BadInput(f"A representation of a {name} has `__typename` and the fields of a key: {told}.")
    type_ = cast("GraphQLObjectType", schema.type_map[name])
    for field, value in fields.items():
        kind = get_named_type(type_.fields[field].type)
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST:
            return BadInput(f"`{field}` of a representation is a text of 1 to {LONGEST} signs.")
        if isinstance(kind, GraphQLEnumType) and value not in kind.values:
            return BadInput(f"`{field}` of a representation is none of: {', '.join(kind.values)}.")
    return Reference(name, fields)


def _check(schema: GraphQLSchema, keys: Keys) -> None:
    for name, held in keys.items():
        type_ = schema.type_map.get(name)
        if not isinstance(type_, GraphQLObjectType):
            raise OddDeclaration(f"There is no type {name} that could have a key.")
        for field in frozenset[str]().union(*held):
            if field not in type_.fields:
                raise OddDeclaration(f"{name} has a key with {field}, and no such field.")


def _imported(linked: DocumentNode) -> frozenset[str]:
    """The directives that federation defines."""
    return frozenset(
        name
        for each in linked.definitions
        if isinstance(each, SchemaExtensionNode)
        for directive in each.directives or ()
        for name in _arguments(directive).get("import", ())
    )


def _directives(linked: DocumentNode, known: Collection[str]) -> dict[str, list[DirectiveNode]]:
    """The directives that are declared, by the name of their type; "" for the schema itself."""
    found: dict[str, list[DirectiveNode]] = {}
    for each in linked.definitions:
        place = "" if isinstance(each, SchemaExtensionNode) else cast("Any", each).name.value
        if place and place not in known:
            raise OddDeclaration(f"There is no {place} that could be extended.")
        found.setdefault(place, []).extend(cast("Any", each).directives)
    return found


def _put(node: Any, more: Sequence[DirectiveNode] = ()) -> Any:
    """A definition in federation's words, with what stands in it, and with further directives."""
    own = [each for directive in node.directives or () for each in _translated(directive, node)]
    below = {
        name: tuple(_put(each) for each in held)
        for name in ("fields", "arguments")
        if (held := getattr(node, name, None))
    }
    return replace(node, directives=(*own, *more), **below)


def _translated(directive: DirectiveNode, place: Any) -> Sequence[DirectiveNode]:
    match directive.name.value:
        case "cost":  # a text in the specification of these directives, a whole number in federation's
            return [_directive(f"@cost(weight: {round(float(_arguments(directive)['weight']))})")]
        case "listSize":
            return [_list_size(directive, place)]
        case access.NAME:
            scopes = _arguments(directive)["anyOf"]
            tags = [_directive(f'@tag(name: "{scope.lower()}")') for scope in scopes if USUAL not in scopes]
            return [directive, *tags]
    return [directive]


def _list_size(directive: DirectiveNode, field: FieldDefinitionNode) -> DirectiveNode:
    """Only numbers can be slicing arguments there; of lists, what is assumed remains."""
    numbers = {each.name.value for each in field.arguments or () if _named(each.type) == "Int"}
    given = {each.name.value: each for each in directive.arguments or ()}
    slicing = _arguments(directive).get("slicingArguments", ())
    if not numbers.issuperset(slicing):
        del given["slicingArguments"]
    return DirectiveNode(name=directive.name, arguments=tuple(given.values()))


def _named(type_: TypeNode) -> str:
    """The name of a type that is no list; the empty text for one that is."""
    held = type_.type if isinstance(type_, NonNullTypeNode) else type_
    return held.name.value if isinstance(held, NamedTypeNode) else ""


def _directive(text: str) -> DirectiveNode:
    (definition,) = parse(f"scalar _ {text}", no_location=True).definitions
    return cast("Any", definition).directives[0]  # type: ignore[no-any-return]


def _arguments(directive: DirectiveNode) -> dict[str, Any]:
    return {each.name.value: value_from_ast_untyped(each.value) for each in directive.arguments or ()}
