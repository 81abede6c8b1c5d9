"""Reads one page of a list that is woven out of several."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import CapabilityUnsupported, GatewayError
from gateway.federation import outcomes, paging
from gateway.federation.fanout import ask
from gateway.federation.feeds import Feed, Read
from gateway.federation.paging import Buffer, Cursor, Position, Weave
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
    refused = refused or {}
    cursor = paging.decode(after, mark()) if after is not None else Cursor()
    buffers = {name.value: Buffer.at(cursor.positions.get(name.value, Position())) for name in feeds}
    reads: dict[Source, list[Read]] = {source: [] for source in feeds}
    errors: dict[Source, GatewayError] = {}
    woven = Weave([], cursor.turn, short=True)
    for _ in range(ROUNDS):
        wanted = paging.shares(buffers, cursor.turn, first)
        if not wanted:
            break
        answers = await ask(
            {Source(name): feeds[Source(name)].read(buffers[name].end, n) for name, n in wanted.items()}
        )
        for source, answer in answers.items():
            _fill(buffers[source.value], answer)
            if isinstance(answer, GatewayError):
                errors[source] = answer
            else:
                reads[source].append(answer)
        woven = paging.weave(buffers, cursor.turn, first)
        if not woven.short:
            break
    else:
        woven = paging.weave(buffers, cursor.turn, first)
    if not wanted_anything(feeds, errors):
        raise outcomes.nobody([*errors.values(), *refused.values()])
    page = Page(cursor, buffers, woven, mark)
    told = _outcomes(buffers, page.taken(len(woven.picks)), reads, errors, refused)
    return {
        "nodes": [buffers[name].items[place] for name, place in woven.picks],
        "_info": lambda: page.info(after),
        "sources": told,
        "_cursors": page.cursors,
        "_totals": {source: read[0].total if read else None for source, read in reads.items()},
        "_total": None,
    }


def wanted_anything(feeds: Mapping[Source, Feed], errors: Mapping[Source, GatewayError]) -> bool:
    """Whether at least one source was asked and did not fail."""
    return any(source not in errors for source in feeds)


def _fill(buffer: Buffer, answer: Read | GatewayError) -> None:
    if isinstance(answer, CapabilityUnsupported):
        buffer.more = False  # it never can, so there is nothing to come back for
        return
    if isinstance(answer, GatewayError):
        buffer.held = True
        return
    buffer.items.extend(answer.items)
    buffer.after.extend(answer.after)
    buffer.end = answer.end
    buffer.more = answer.more
    buffer.held = answer.held


def _outcomes(
    buffers: Mapping[str, Buffer],
    returned: Mapping[str, int],
    reads: Mapping[Source, Sequence[Read]],
    errors: Mapping[Source, GatewayError],
    refused: Mapping[Source, GatewayError],
) -> list[SourceOutcome]:
    found: dict[Source, SourceOutcome] = {
        source: outcomes.failed(source, error) for source, error in refused.items()
    }
    for source in reads:
        count = returned[source.value]
        if source in errors:
            found[source] = outcomes.failed(source, errors[source], count)
        else:
            exhausted = buffers[source.value].behind(count).done
            found[source] = outcomes.answered(source, reads[source], count, exhausted=exhausted)
    return [found[source] for source in SOURCES if source in found]


@dataclass(frozen=True, slots=True)
class Page:
    """A woven page, and the cursors within it."""

    before: Cursor
    buffers: Mapping[str, Buffer]
    woven: Weave
    mark: Callable[[], str]

    def taken(self, picks: int) -> dict[str, int]:
        """How many items of each source are among the first so many picks."""
        count = dict.fromkeys(self.buffers, 0)
        for name, _ in self.woven.picks[:picks]:
            count[name] += 1
        return count

    def info(self, after: str | None) -> dict[str, Any]:
        """The `pageInfo`. There is a next page as long as a source has not told its end."""
        picks = len(self.woven.picks)
        end = self._positions(self.taken(picks))
        has_next = any(not end[name].done for name in self.buffers)
        return {
            "hasNextPage": has_next,
            "hasPreviousPage": after is not None,
            "startCursor": self._cursor(self.taken(1), 1) if picks else None,
            "endCursor": paging.encode(Cursor(end, self.woven.turn), self.mark())
            if picks or has_next
            else None,
        }

    def cursors(self) -> list[str]:
        """The cursor behind each pick."""
        taken = dict.fromkeys(self.buffers, 0)
        found = []
        for place, (name, _) in enumerate(self.woven.picks, start=1):
            taken[name] += 1
            found.append(self._cursor(taken, place))
        return found

    def _cursor(self, taken: Mapping[str, int], picks: int) -> str:
        return paging.encode(Cursor(self._positions(taken), self._turn(picks)), self.mark())

    def _turn(self, picks: int) -> str | None:
        if picks == len(self.woven.picks):
            return self.woven.turn
        order = list(self.buffers)
        return order[(order.index(self.woven.picks[picks - 1][0]) + 1) % len(order)]

    def _positions(self, taken: Mapping[str, int]) -> dict[str, Position]:
        return {
            **self.before.positions,
            **{name: buffer.behind(taken[name]) for name, buffer in self.buffers.items()},
        }


def edges(connection: Connection) -> list[dict[str, Any]]:
    """The edges of a connection."""
    cursors = connection["_cursors"]()
    return [{"cursor": text, "node": node} for text, node in zip(cursors, connection["nodes"], strict=True)]
