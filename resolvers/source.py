"""State and abilities of the sources."""

from typing import Any

from ariadne import QueryType

from gateway.context import Info

query = QueryType()


@query.field("sources")
def resolve_sources(_: object, info: Info) -> list[dict[str, Any]]:
    """Every source."""
    return info.context.sources()


BINDABLES = (query,)
