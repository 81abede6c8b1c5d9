"""SDL and resolvers to an executable schema."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ariadne import make_executable_schema
from ariadne.types import SchemaBindable
from graphql import GraphQLResolveInfo, GraphQLSchema, default_field_resolver

from gateway.engine import access


class UnboundField(Exception):
    """A root field that nothing resolves: the schema promises what the code does not do."""


def build(sdl: str, bindables: Sequence[SchemaBindable]) -> GraphQLSchema:
    """The schema of an SDL text, its rights enforced; raises UnboundField where a root has no resolver."""
    schema = make_executable_schema(sdl, list(bindables))
    unbound = sorted(_unbound(schema))
    if unbound:
        raise UnboundField(f"No resolver is bound to {', '.join(unbound)}.")
    access.enforce(schema)
    return schema


def from_value(value: Mapping[str, Any], info: GraphQLResolveInfo[Any], **_: Any) -> Any:
    """Resolve a field that stands in the value: values are dicts with every key of their type."""
    return value.get(info.field_name)


def _unbound(schema: GraphQLSchema) -> Iterable[str]:
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for name, field in (root.fields if root else {}).items():
            if field.resolve in (None, default_field_resolver):
                yield f"{root}.{name}"
