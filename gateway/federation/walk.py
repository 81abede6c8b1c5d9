"""Reads one page of a list that is woven out of several."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from gateway.cache.making import picked
from gateway.errors import CapabilityUnsupported, GatewayError
from gateway.federation import outcomes, paging
from gateway.federation.fanout import ask
from gateway.federation.feeds import Feed, Read
from gateway.federation.paging import BEGINNING, START, Buffer, Cursor, Position, Weave
from gateway.model.outcome import Connection, SourceOutcome
from gateway.model.source import SOURCES, Source

ROUNDS: Final = 100  # of reading; each one brings at least one source forward


async def walk(
    feeds: Mapping[Source, Feed],
    *,
    first: int,
    after: str | None,
    mark: Callable[[], str],
    refused: Mapping[Source, GatewayError] | None = None,
) -> Connection:
    """A page of the list that the feeds make together; `refused` are sources that are not asked, and why;
    `mark` makes the fingerprint of the list, which cursors hold.

    A source that fails keeps its position and is told in the outcomes. Raises only when nobody answered.
    """
    if len(feeds) == 1 and not refused:
        ((source, feed),) = feeds.items()
        return await alone(source, feed, first=first, after=after, mark=mark)
    refused = refused or {}
    cursor = paging.decode(after, mark()) if after is not None else BEGINNING
    positions = cursor.positions
    buffers = {source: Buffer.at(positions.get(source, START)) for source in feeds}
    reads: dict[Source, list[Read]] = {source: [] for source in feeds}
    errors: dict[Source, GatewayError] = {}
    woven: Weave[Source] = Weave([], dict.fromkeys(feeds, 0), cursor.turn, short=True)
    for _ in range(ROUNDS):
        wanted = paging.shares(buffers, cursor.turn, first)
        if not wanted:
            break
        answers = await ask(
            {source: feeds[source].read(buffers[source].end, count) for source, count in wanted.items()}
        )
        for source, answer in answers.items():
            _fill(buffers[source], answer)
            if isinstance(answer, GatewayError):
                errors[source] = answer
            else:
                reads[source].append(answer)
        woven = paging.weave(buffers, cursor.turn, first)
        if not woven.short:
            break
    else:
        woven = paging.weave(buffers, cursor.turn, first)
    if len(errors) == len(feeds):
        raise outcomes.nobody([*errors.values(), *refused.values()])
    page = Page(cursor, buffers, woven, mark)
    told = _outcomes(buffers, woven.taken, reads, errors, refused)
    return {
        "nodes": page.nodes(),
        "_info": lambda: page.info(after),
        "sources": told,
        "_cursors": page.cursors,
        "_totals": {source: read[0].total if read else None for source, read in reads.items()},
        "_total": None,
    }


async def alone(
    source: Source, feed: Feed, *, first: int, after: str | None, mark: Callable[[], str]
) -> Connection:
    """The same for one source that is asked alone, as joins do for each thing of a list: nothing is woven.
    Raises what the source raises.
    """
    cursor = paging.decode(after, mark()) if after is not None else BEGINNING
    start = end = cursor.positions.get(source, START)
    items: Sequence[Any] = []
    reads: list[Read] = []
    more, held = not start.done, False
    while more and not held and len(items) < first and len(reads) < ROUNDS:
        read = await feed.read(end, first - len(items))
        reads.append(read)
        items = [*items, *read.items] if items else read.items
        end, more, held = read.end, read.more, read.held
    nodes = items[:first] if len(items) > first else items

    def page() -> Page:
        buffers = {source: Buffer(start, end, items, [read.after for read in reads], more, held)}
        return Page(cursor, buffers, paging.weave(buffers, cursor.turn, first), mark)

    whole = len(nodes) == len(items) and not more and not held
    return {
        "nodes": nodes,
        "_info": lambda: page().info(after),
        "sources": [outcomes.answered(source, reads, len(nodes), exhausted=whole)],
        "_cursors": lambda: page().cursors(),
        "_totals": {source: reads[0].total if reads else None},
        "_total": None,
    }


def _fill(buffer: Buffer, answer: Read | GatewayError) -> None:
    if isinstance(answer, CapabilityUnsupported):
        buffer.more = False  # it never can, so there is nothing to come back for
        return
    if isinstance(answer, GatewayError):
        buffer.held = True
        return
    buffer.items = [*buffer.items, *answer.items] if buffer.items else answer.items
    buffer.after.append(answer.after)
    buffer.end = answer.end
    buffer.more = answer.more
    buffer.held = answer.held


def _outcomes(
    buffers: Mapping[Source, Buffer],
    returned: Mapping[Source, int],
    reads: Mapping[Source, Sequence[Read]],
    errors: Mapping[Source, GatewayError],
    refused: Mapping[Source, GatewayError],
) -> list[SourceOutcome]:
    found: dict[Source, SourceOutcome] = {
        source: outcomes.failed(source, error) for source, error in refused.items()
    }
    for source, some in reads.items():
        count = returned[source]
        if source in errors:
            found[source] = outcomes.failed(source, errors[source], count)
        else:
            exhausted = buffers[source].behind(count).done
            found[source] = outcomes.answered(source, some, count, exhausted=exhausted)
    return [found[source] for source in SOURCES if source in found]


class Page(NamedTuple):
    """A woven page, and the cursors within it."""

    before: Cursor
    buffers: Mapping[Source, Buffer]
    woven: Weave[Source]
    mark: Callable[[], str]

    def nodes(self) -> Sequence[Any]:
        """The items that were picked."""
        buffers = self.buffers
        return picked([(buffers[source].items, place) for source, place in self.woven.picks])

    def info(self, after: str | None) -> dict[str, Any]:
        """The `pageInfo`. There is a next page as long as a source has not told its end."""
        picks = self.woven.picks
        end = self._positions(self.woven.taken)
        has_next = any(not end[source].done for source in self.buffers)
        first = {source: int(bool(picks) and source is picks[0][0]) for source in self.buffers}
        return {
            "hasNextPage": has_next,
            "hasPreviousPage": after is not None,
            "startCursor": self._cursor(first, 1) if picks else None,
            "endCursor": paging.encode(Cursor(end, self.woven.turn), self.mark())
            if picks or has_next
            else None,
        }

    def cursors(self) -> list[str]:
        """The cursor behind each pick."""
        taken = dict.fromkeys(self.buffers, 0)
        found = []
        for place, (source, _) in enumerate(self.woven.picks, start=1):
            taken[source] += 1
            found.append(self._cursor(taken, place))
        return found

    def _cursor(self, taken: Mapping[Source, int], picks: int) -> str:
        return paging.encode(Cursor(self._positions(taken), self._turn(picks)), self.mark())

    def _turn(self, picks: int) -> str | None:
        if picks == len(self.woven.picks):
            return self.woven.turn
        order = list(self.buffers)
        return order[(order.index(self.woven.picks[picks - 1][0]) + 1) % len(order)]

    def _positions(self, taken: Mapping[Source, int]) -> dict[str, Position]:
        return {
            **self.before.positions,
            **{source: buffer.behind(taken[source]) for source, buffer in self.buffers.items()},
        }


def edges(connection: Connection) -> list[dict[str, Any]]:
    """The edges of a connection."""
    cursors = connection["_cursors"]()
    return [{"cursor": text, "node": node} for text, node in zip(cursors, connection["nodes"], strict=True)]
