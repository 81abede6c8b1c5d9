"""How a source answered."""

from typing import Any, TypedDict

from gateway.model.source import Source


class SourceOutcome(TypedDict):
    """How one source answered for one page."""

    source: Source
    status: str
    returned: int
    exhausted: bool
    fromCache: bool
    asOf: str | None
    retryAfterSeconds: float | None
    code: str | None
    message: str | None


class Connection(TypedDict):
    """A page of a list. `_edges` are (cursor) texts, one for each node; `_total` is known or None."""

    nodes: list[Any]
    pageInfo: dict[str, Any]
    sources: list[SourceOutcome]
    _cursors: list[str]
    _total: Any
