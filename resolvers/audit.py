"""The audit trail: who has changed or imported something, or was refused."""

from collections.abc import Awaitable
from typing import Any

from ariadne import ObjectType, QueryType

from gateway.context import Info

query = QueryType()
connection = ObjectType("AuditConnection")


@query.field("audit")
def resolve_audit(_: object, info: Info, **arguments: Any) -> Awaitable[dict[str, Any]]:
    """Records, newest first."""
    return info.context.audit.page(arguments)


@connection.field("edges")
def resolve_edges(page: dict[str, Any], info: Info) -> list[dict[str, Any]]:
    """The records of a page with their cursors."""
    return info.context.audit.edges(page)


BINDABLES = (query, connection)
