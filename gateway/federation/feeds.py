"""Lists that can be read from a position on: of a source, of the index, of known members."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from gateway.cache import making
from gateway.errors import GatewayError
from gateway.federation.paging import Position
from gateway.index.query import Question
from gateway.index.reader import Index, State
from gateway.model.page import Slice, pages
from gateway.model.source import Source

SEARCH_BACK: Final = 20  # items looked at before a position where the last item is no longer found

ReadSlice = Callable[[int, int], Awaitable[Slice[Any]]]


class Read(NamedTuple):
    """A stretch of a list. `after` makes the position behind each of its items, which few ask for; `end` is
    that behind all that was read.

    `stale`: the answer is older or less complete than asked, because of `failed` where that is known; `held`:
    there may be more, but not yet.
    """

    items: Sequence[Any]
    end: Position
    more: bool
    after: Callable[[], list[Position]] = list
    held: bool = False
    total: int | None = None
    from_cache: bool = False
    stale: bool = False
    failed: GatewayError | None = None
    as_of: str | None = None


class Feed(Protocol):
    """A list that can be read from a position on. Raises what its source raises."""

    async def read(self, position: Position, count: int) -> Read:
        """Up to `count` items behind a position."""
        ...


@dataclass(frozen=True, slots=True)
class LiveFeed:
    """A list of a source that counts with offsets.

    Where that costs no further call, the item before the position is read along and compared: when the list
    has shifted meanwhile, the walk goes on behind the last item it has seen, wherever that is now.
    """

    read_slice: ReadSlice
    ceiling: int

    async def read(self, position: Position, count: int) -> Read:
        """Up to `count` items behind a position."""
        offset = position.offset
        start = offset if position.last is None else offset - self._overlap(position, count)
        found = await self.read_slice(start, count + offset - start)
        items = found.items
        if position.last is not None:
            seen = _place(items, position.last)
            if seen is not None:
                items, offset = items[seen + 1 :], start + seen + 1
            elif start < position.offset:
                found, offset = await self._find_again(position, count, found)
                items = found.items
        more = found.more or len(items) > count
        items = items[:count]
        last = making.keys(items[-1:])[0] if items else position.last
        return Read(
            items=items,
            end=Position(offset + len(items), last),
            more=more,
            after=lambda: [
                Position(offset + place, key) for place, key in enumerate(making.keys(items), start=1)
            ],
            total=found.total,
            from_cache=found.from_cache,
            stale=found.failed is not None,
            failed=found.failed,
            as_of=making.as_of(items),
        )

    def _overlap(self, position: Position, count: int) -> int:
        if not position.offset:
            return 0
        without = len(pages(position.offset, count, self.ceiling))
        return int(len(pages(position.offset - 1, count + 1, self.ceiling)) == without)

    async def _find_again(self, position: Position, count: int, found: Slice[Any]) -> tuple[Slice[Any], int]:
        """The last item is not where it was: look further back, as it moves there when others are deleted."""
        start = max(0, position.offset - SEARCH_BACK)
        wider = await self.read_slice(start, position.offset - start + count)
        seen = _place(wider.items, str(position.last))
        if seen is None:  # deleted itself: what stands at its place now follows it
            return found, max(0, position.offset - 1)
        return wider._replace(items=wider.items[seen + 1 :]), start + seen + 1


@dataclass(frozen=True, slots=True)
class IndexFeed:
    """Contacts of one module as the index has them, in the order in which it met them."""

    index: Index
    question: Question
    state: State

    async def read(self, position: Position, count: int) -> Read:
        """Up to `count` rows behind a row number."""
        self.index.spared(Source(self.question.source))
        rows = await self.index.store.after_rowid(self.question, position.offset, count + 1)
        more, rows = len(rows) > count, rows[:count]
        return Read(
            items=[self.index.contact(row) for row in rows],
            end=Position(rows[-1].rowid) if rows else position,
            more=more,
            after=lambda: [Position(row.rowid) for row in rows],
            held=not more and not self.state.complete,
            from_cache=True,
            stale=not self.state.fresh,
            as_of=self.state.as_of,
        )


@dataclass(frozen=True, slots=True)
class KeyFeed:
    """Items behind a known list of keys, such as members of a group; what is gone is left out."""

    keys: Sequence[Any]
    load: Callable[[Sequence[Any]], Awaitable[list[Any]]]

    async def read(self, position: Position, count: int) -> Read:
        """Up to `count` keys behind a position, or behind the last key where keys have moved."""
        offset = position.offset
        if position.last is not None:
            texts = [str(key.id) for key in self.keys]
            gone = position.last not in texts  # then what followed it stands at its place
            offset = max(0, offset - 1) if gone else texts.index(position.last) + 1
        keys = self.keys[offset : offset + count]
        loaded = await self.load(keys)
        behind = offset + len(keys)
        return Read(
            items=[item for item in loaded if item is not None],
            end=Position(behind, str(keys[-1].id)) if keys else position,
            more=behind < len(self.keys),
            after=lambda: [
                Position(offset + place, str(key.id))
                for place, (key, item) in enumerate(zip(keys, loaded, strict=True), start=1)
                if item is not None
            ],
            total=len(self.keys),
        )


@dataclass(frozen=True, slots=True)
class NoFeed:
    """The list of a source that cannot hold what is asked for: empty, and known to be."""

    async def read(self, position: Position, count: int) -> Read:
        """Nothing."""
        del count
        return Read(items=[], end=position, more=False, total=0)


def _place(items: Sequence[Any], last: str) -> int | None:
    found = making.keys(items)
    return found.index(last) if last in found else None
