"""Rights that the schema declares with `@access`, enforced where a field is resolved, whatever led to it."""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from ariadne import SchemaDirectiveVisitor
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
)

NAME: Final = "access"
META: Final = frozenset({"__schema", "__type"})
TYPE_NAME: Final = "__typename"

Scopes = frozenset[str]


class Access(SchemaDirectiveVisitor):
    """Stands before the resolver of each field that needs a scope.

    The context says with `allows(scopes)` whether a caller has one of them; `refuse(scopes, info)` raises, or
    notes it where the field cannot be null.
    """

    def visit_object(self, object_: GraphQLObjectType) -> GraphQLObjectType:
        """Guard the fields of a type that say nothing themselves."""
        for field in object_.fields.values():
            if not declared(field):
                guard(field, frozenset(self.args["anyOf"]))
        return object_

    def visit_field_definition(
        self, field: GraphQLField, object_type: GraphQLObjectType | GraphQLInterfaceType
    ) -> GraphQLField:
        """Guard one field."""
        del object_type
        guard(field, frozenset(self.args["anyOf"]))
        return field


def declared(held: GraphQLField | GraphQLObjectType) -> Scopes:
    """The scopes that a definition asks for; none where it says nothing."""
    for each in (held.ast_node.directives if held.ast_node else None) or ():
        if each.name.value == NAME:
            listed = cast("Any", each).arguments[0].value
            return frozenset(value.value for value in listed.values)
    return frozenset()


def roots(schema: GraphQLSchema) -> Mapping[tuple[str, str], Scopes]:
    """What each field at a root asks for, by kind of operation and name."""
    found: dict[tuple[str, str], Scopes] = {}
    for kind, root in (
        ("query", schema.query_type),
        ("mutation", schema.mutation_type),
        ("subscription", schema.subscription_type),
    ):
        if root is not None:
            common = declared(root)
            found.update({(kind, name): declared(field) or common for name, field in root.fields.items()})
            found.update({(kind, name): common for name in (*META, TYPE_NAME)})
    return found


def enforce(schema: GraphQLSchema) -> None:
    """Guard every field of a schema that says so."""
    cast("Any", SchemaDirectiveVisitor).visit_schema_directives(schema, {NAME: Access})


def guard(field: GraphQLField, scopes: Scopes) -> None:
    """Stand before the resolver of a field. A list that cannot be null is empty; other fields are refused."""
    resolve: Callable[..., Any] | None = field.resolve
    of = field.type.of_type if isinstance(field.type, GraphQLNonNull) else None
    empty: Any = [] if isinstance(of, GraphQLList) else None

    def guarded(source: Any, info: Any, /, **arguments: Any) -> Any:
        if info.context.allows(scopes):
            if resolve is None:
                return source.get(info.field_name)
            return resolve(source, info, **arguments)
        info.context.refuse(scopes, info, nullable=empty is None)
        return empty

    field.resolve = guarded
    follow: Callable[..., Any] | None = field.subscribe
    if follow is not None:

        def guarded_source(source: Any, info: Any, /, **arguments: Any) -> Any:
            if not info.context.allows(scopes):
                info.context.refuse(scopes, info, nullable=True)
            return follow(source, info, **arguments)

        field.subscribe = guarded_source
