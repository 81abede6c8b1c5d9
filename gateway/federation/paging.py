"""One cursor over many sources. Pure.

The order of a list is fixed: one item of each source in turn, in the order of `Source`, without those that
have ended or fail. A cursor holds the position in each source and whose turn it is, so a list can be walked
with pages of any size; a source that failed keeps its position and is caught up with later.

A cursor is unpadded base64url of the JSON array `[version, fingerprint, turn, {source: position}]`.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple, TypeVar

import orjson

from gateway.errors import CursorInvalid

N = TypeVar("N", bound=str)  # how sources are named

VERSION: Final = 1
LONGEST: Final = 16_384
LARGEST: Final = 2**53  # offset or row number


class Position(NamedTuple):
    """A place in the list of one source: `offset` items are behind, the last of them had the id `last`.

    Lists from the index count with row numbers instead. `done`: the list had ended there.
    """

    offset: int = 0
    last: str | None = None
    done: bool = False


START: Final = Position()


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a walk stands: a position for each source it has met, and the source whose turn it is."""

    positions: Mapping[str, Position] = field(default_factory=dict)
    turn: str | None = None


BEGINNING: Final = Cursor()


def fingerprint(*parts: Any) -> str:
    """A short text that differs for lists that differ; a cursor fits its own list only."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "replace"), digest_size=6).hexdigest()


def encode(cursor: Cursor, mark: str) -> str:
    """The text of a cursor of the list with this fingerprint."""
    places = {
        str(source): [place.offset, place.last, int(place.done)] for source, place in cursor.positions.items()
    }
    return seal([VERSION, mark, cursor.turn, places])


def decode(text: str, mark: str) -> Cursor:
    """The cursor of a text; CursorInvalid when it is broken or belongs to another list."""
    turn, places = unseal(text, mark, 4)[2:]
    try:
        positions = {str(source): _position(*place) for source, place in places.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise CursorInvalid(BROKEN) from error
    if turn is not None and (not isinstance(turn, str) or turn not in positions):
        raise CursorInvalid(BROKEN)
    return Cursor(positions, turn)


BROKEN: Final = "This cursor is broken. Pass `endCursor` or the `cursor` of an edge on as it is."


def seal(parts: Sequence[Any]) -> str:
    """A JSON array as an opaque text."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def unseal(text: str, mark: str, length: int) -> list[Any]:
    """The JSON array of an opaque text, whose second member has to be the fingerprint."""
    try:
        if len(text) > LONGEST:
            raise ValueError("too long")
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        parts = orjson.loads(base64.b64decode(padded, b"-_", validate=True))
    except (ValueError, UnicodeError, binascii.Error) as error:
        raise CursorInvalid(BROKEN) from error
    if not isinstance(parts, list) or len(parts) != length or parts[0] != VERSION:
        raise CursorInvalid(BROKEN)
    if parts[1] != mark:
        raise CursorInvalid("This cursor belongs to another list, or to other arguments of this one.")
    return parts


def seal_number(number: int, mark: str) -> str:
    """The cursor of a place that is one number, in the list with this fingerprint."""
    return seal([VERSION, mark, number])


def number(text: str, mark: str) -> int:
    """The number of such a cursor."""
    found = unseal(text, mark, 3)[2]
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < LARGEST:
        raise CursorInvalid(BROKEN)
    return found


def info(cursors: Sequence[str], after: str | None, *, more: bool) -> dict[str, Any]:
    """The `pageInfo` of a page whose nodes have a cursor each; an empty one goes on where it began."""
    return {
        "hasNextPage": more,
        "hasPreviousPage": after is not None,
        "startCursor": cursors[0] if cursors else None,
        "endCursor": cursors[-1] if cursors else after,
    }


def _position(offset: Any, last: Any, done: Any) -> Position:
    if not isinstance(offset, int) or isinstance(offset, bool) or not 0 <= offset < LARGEST:
        raise ValueError("no offset")
    if last is not None and not isinstance(last, str):
        raise TypeError("no id")
    return Position(offset, last, bool(done))


@dataclass(slots=True)
class Buffer:
    """What was read of one source for a page. `after` makes, for each read, the positions behind its items.

    `end` is the position behind all that was read, also where nothing came of it. `held`: the source fails
    or is not ready, so it gives no more for this page and keeps its position.
    """

    start: Position
    end: Position
    items: Sequence[Any] = ()
    after: list[Callable[[], list[Position]]] = field(default_factory=list)
    more: bool = True
    held: bool = False
    _made: list[Position] = field(default_factory=list)

    @classmethod
    def at(cls, position: Position) -> "Buffer":
        """An empty buffer at a position."""
        return cls(position, position, more=not position.done)

    @property
    def open(self) -> bool:
        """Whether the source could give more than is here."""
        return self.more and not self.held

    def behind(self, taken: int) -> Position:
        """The position after so many of its items were given out."""
        if taken < len(self.items):
            while len(self._made) < taken:
                self._made += self.after.pop(0)()
            return self._made[taken - 1] if taken else self.start
        return self.end if self.more or self.held else Position(self.end.offset, self.end.last, done=True)


@dataclass(slots=True)
class Weave(Generic[N]):
    """A page in the making: the picks so far, as (source, number in its buffer), how many of them are of each
    source, and whose turn is next.

    `short`: sources that have to be read further before the page can go on.
    """

    picks: list[tuple[N, int]]
    taken: Mapping[N, int]
    turn: str | None
    short: bool


def weave(buffers: Mapping[N, Buffer], turn: str | None, first: int) -> Weave[N]:
    """Pick up to `first` items in turn. Stops early where a source that is open has nothing left to pick."""
    order = list(buffers)
    at = _place(order, turn)
    taken = dict.fromkeys(order, 0)
    picks: list[tuple[N, int]] = []
    idle = 0
    while len(picks) < first and idle < len(order):
        name = order[at]
        buffer = buffers[name]
        if taken[name] < len(buffer.items):
            picks.append((name, taken[name]))
            taken[name] += 1
            idle = 0
        elif buffer.open:
            return Weave(picks, taken, name, short=True)
        else:
            idle += 1
        at = (at + 1) % len(order)
    return Weave(picks, taken, order[at] if order else None, short=False)


def _place(order: Sequence[N], turn: str | None) -> int:
    """The place of the source whose turn it is; the first where it is not asked."""
    return next((place for place, name in enumerate(order) if name == turn), 0)


def shares(buffers: Mapping[N, Buffer], turn: str | None, first: int) -> dict[N, int]:
    """How many more items each open source should be read for, so that a page of `first` can be filled."""
    have = sum(len(buffer.items) for buffer in buffers.values())
    order = list(buffers)
    at = _place(order, turn)
    live = [name for name in order[at:] + order[:at] if buffers[name].open]
    if not live:
        return {}
    if not have:
        base, extra = divmod(first, len(live))
        return {name: max(1, base + (place < extra)) for place, name in enumerate(live)}
    # A later round: even out, so that no open source runs dry before the page is full.
    dead = have - sum(len(buffers[name].items) for name in live)
    target = -(-(first - dead) // len(live))
    wanted = {name: target - len(buffers[name].items) for name in live}
    wanted = {name: count for name, count in wanted.items() if count > 0}
    return wanted or {live[0]: 1}
