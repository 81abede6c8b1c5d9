"""Parts of lists, and how a stretch of a list is read from a source that counts in pages. Pure."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from gateway.errors import GatewayError

T = TypeVar("T")


class Slice(NamedTuple, Generic[T]):
    """Items of a list from some offset on. `more`: whether the list goes on; `total`: None when not told.

    `from_cache`: the source was not asked; `failed`: it was, and this is how the list was last seen.
    """

    items: Sequence[T]
    more: bool
    total: int | None = None
    from_cache: bool = False
    failed: GatewayError | None = None

    def kept(self, error: GatewayError | None) -> "Slice[T]":
        """The same, from the cache."""
        return self._replace(from_cache=True, failed=error)


class PageRead(NamedTuple):
    """One page to ask for: its number (from 1), its size, and the part of it that is wanted."""

    page: int
    size: int
    skip: int
    take: int


@lru_cache(maxsize=4_096)
def pages(offset: int, count: int, ceiling: int) -> tuple[PageRead, ...]:
    """The fewest pages that cover `count` items from `offset` on, with no page larger than `ceiling`.

    One page of a fitting size is preferred, the smaller the better; only where none fits, whole pages of
    the largest size are read one after the other.
    """
    last = offset + count - 1
    for size in range(count, ceiling + 1):
        if offset // size == last // size:
            return (PageRead(offset // size + 1, size, offset % size, count),)
    reads = []
    for page in range(offset // ceiling, last // ceiling + 1):
        start = max(offset, page * ceiling)
        end = min(last + 1, (page + 1) * ceiling)
        reads.append(PageRead(page + 1, ceiling, start - page * ceiling, end - start))
    return tuple(reads)
