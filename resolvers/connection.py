"""What all connections share: edges, totals and cursors are made only when they are selected."""

from collections.abc import Awaitable
from typing import Any

from ariadne import ObjectType

from gateway.context import Info
from gateway.model.outcome import Connection

EDGED = (
    "ContactConnection",
    "GroupConnection",
    "PersonConnection",
    "PropertyConnection",
    "CommunicationConnection",
    "ChannelConnection",
    "MessageConnection",
)
COUNTED = ("ContactConnection", "GroupConnection")


def resolve_page_info(connection: Connection, info: Info) -> dict[str, Any]:
    """Where a page stands in its list."""
    return info.context.page_info(connection)


def resolve_edges(connection: Connection, info: Info) -> list[dict[str, Any]]:
    """The nodes of a page with their cursors."""
    return info.context.edges(connection)


def resolve_total_count(connection: Connection, info: Info) -> Awaitable[int | None] | None:
    """The number of items in the whole list."""
    return info.context.total(connection)


def _connection(name: str) -> ObjectType:
    bound = ObjectType(name)
    bound.set_field("edges", resolve_edges)
    bound.set_field("pageInfo", resolve_page_info)
    if name in COUNTED:
        bound.set_field("totalCount", resolve_total_count)
    return bound


BINDABLES = tuple(_connection(name) for name in EDGED)
