"""How a source answered."""

from collections.abc import Awaitable, Callable, Sequence
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
    """A page of a list.

    `_info` makes the `pageInfo`, `_cursors` the cursors of the nodes; `_totals` holds what each source told
    of its total, and `_total` counts the whole list when that is selected.
    """

    nodes: Sequence[Any]
    sources: list[SourceOutcome]
    _info: Callable[[], dict[str, Any]]
    _cursors: Callable[[], list[str]]
    _totals: dict[Source, int | None]
    _total: Callable[[], Awaitable[int | None]] | None
