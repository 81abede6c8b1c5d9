"""Anything by its global id."""

from collections.abc import Awaitable, Sequence
from typing import Any

from ariadne import InterfaceType, QueryType

from gateway.context import Info

query = QueryType()
node = InterfaceType("Node")


@query.field("node")
def resolve_node(_: object, info: Info, *, id: str) -> Awaitable[Any]:
    """One thing by its global id."""
    return info.context.node(id)


@query.field("nodes")
def resolve_nodes(_: object, info: Info, *, ids: Sequence[str]) -> Awaitable[list[Any]]:
    """Several things by their global ids."""
    return info.context.nodes(ids)


@node.type_resolver
def resolve_type(value: dict[str, Any], *_: object) -> str:
    """The type of a value, which every value that is a node names itself."""
    return str(value["__typename"])


BINDABLES = (query, node)
