"""Reads of one source for one account: from what was kept, or from the source; when it fails, as last seen.

Which reads are kept is declared where they are: `@kept(LIST)` and `@kept_each(CONTACT)` at the methods of an
adapter. All callers who may read a source see the same of it, so what is kept is theirs in common; rights of
single fields are checked above.
"""

import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, ParamSpec, TypeVar, cast

import orjson

from gateway import clock, deadline, events, freshness
from gateway.cache.flights import Flights
from gateway.cache.known import Known
from gateway.cache.shelf import Kept, Mark, Shelf
from gateway.errors import (
    DeadlineExceeded,
    GatewayError,
    SourceCrowded,
    UpstreamBadResponse,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.model.page import Slice

P = ParamSpec("P")
T = TypeVar("T")

DOWN: Final = (
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamRateLimited,
    UpstreamBadResponse,
    SourceCrowded,
    DeadlineExceeded,
)
NEVER: Final = float("inf")  # nothing is asked for then or later


class Keep(Enum):
    """What is kept, each with a time to live of its own."""

    CONTACT = "contact"
    LIST = "list"
    GROUP = "group"
    CHAT = "chat"
    CHANNEL = "channel"
    DEFINITION = "definition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """In seconds: `live` for each kind, in which an answer needs no call; `stale`, in which it may stand in
    for a source that fails.
    """

    live: Mapping[Keep, float] = field(default_factory=dict)
    stale: float = 0.0

    @property
    def none(self) -> bool:
        """Whether nothing has to be kept at all."""
        return not self.stale and not any(self.live.values())


@dataclass(slots=True, eq=False)
class Reads:
    """What was read of a source. `space` names it, with the account, where answers are kept; `known` holds
    what was made of answers that come again.
    """

    space: str
    flights: Flights
    shelf: Shelf
    times: Times
    now: Callable[[], str]
    known: Known = field(default_factory=lambda: Known(0))
    _none: bool = field(init=False)
    _longest: float = field(init=False)

    def __post_init__(self) -> None:
        self._none = self.times.none
        self._longest = max(self.times.stale, *self.times.live.values(), 0.0)

    async def renew(self) -> None:
        """Something was written, or may have been: what was read before is not used any more."""
        self.flights.renew()
        await self.shelf.renew(self.space)

    async def clear(self) -> None:
        """Take away everything that was read before."""
        self.flights.renew()
        self.known.clear()
        await self.shelf.clear(self.space)

    async def one(self, kind: Keep, key: str, fetch: Callable[[], Awaitable[T]]) -> T:
        """One answer as a whole."""
        if self._none or _background():
            return await fetch()
        at, mark, (kept,) = await self._fresh(kind, [key])
        if kept is not None:
            self._spared()
            return cast("T", _marked(kept.value, None))
        try:
            value = await fetch()
        except DOWN as error:
            older = await self._older(mark, {key: error})
            if key not in older:
                raise
            return cast("T", _marked(older[key].value, error))
        await self.shelf.put(self.space, mark, {key: Kept(value, at)}, self._longest)
        return value

    async def each(
        self,
        kind: Keep,
        name: str,
        keys: Sequence[Any],
        fetch: Callable[[Sequence[Any]], Awaitable[dict[Any, Any]]],
    ) -> dict[Any, Any]:
        """Answers by key: those that are not kept are asked for together; what is absent is not kept.

        `fetch` answers for the keys that it is given, and for no others.
        """
        if self._none or _background():
            return await fetch(keys)
        places = {key: _place(name, key) for key in keys}
        at, mark, held = await self._fresh(kind, [places[key] for key in keys])
        found: dict[Any, Any] = {}
        for key, kept in zip(keys, held, strict=True):
            if kept is not None:
                self._spared()
                found[key] = kept.value
        missing = [key for key in keys if key not in found]
        if not missing:
            return found
        down: GatewayError | None = None
        try:
            fetched = await fetch(missing)
        except DOWN as error:
            down, fetched = error, dict.fromkeys(missing, error)
        failed = {places[key]: value for key, value in fetched.items() if isinstance(value, DOWN)}
        older = await self._older(mark, failed) if failed else {}
        if down is not None and not older:
            raise down
        new: dict[str, Kept] = {}
        for key, value in fetched.items():
            place = places[key]
            if not isinstance(value, GatewayError):
                new[place] = Kept(value, at)
            found[key] = older[place].value if place in older else value
        if new:
            await self.shelf.put(self.space, mark, new, self._longest)
        gone = [places[key] for key in missing if key not in fetched]
        if gone:  # what is not there any more must not come back
            await self.shelf.drop(self.space, gone)
        return found

    async def _fresh(self, kind: Keep, keys: Sequence[str]) -> tuple[float, Mark, list[Kept | None]]:
        """The time, the mark then, and what needs no call. Older answers are looked for once the source has
        failed.
        """
        asked = freshness.current().max_age
        allowed = self.times.live.get(kind, 0.0) if asked is None else asked
        now = self._clock()
        mark, held = await self.shelf.get(self.space, keys, now - allowed if allowed > 0 else NEVER)
        return now, mark, [kept if kept is not None and kept.at <= now else None for kept in held]

    async def _older(self, mark: Mark, failed: Mapping[str, GatewayError]) -> dict[str, Kept]:
        """What stands in for answers of a source that fails, told to whoever listens; nothing where something
        was written since the mark was this one.
        """
        keys = [key for key, error in failed.items() if not isinstance(error, UpstreamRejected)]
        if not keys or freshness.current().max_age is not None:
            return {}
        marked, held = await self.shelf.get(self.space, keys, self._clock() - self.times.stale)
        if marked != mark:
            return {}
        found = {key: kept for key, kept in zip(keys, held, strict=True) if kept is not None}
        for key, kept in found.items():
            error = failed[key]
            self._spared()
            events.emit(
                events.StaleServed(
                    source=self.flights.source, at=kept.at, error=error.code, retry_after=error.retry_after
                )
            )
        return found

    def _spared(self) -> None:
        events.emit(events.UpstreamSpared(source=self.flights.source, reason="cache"))

    def _clock(self) -> float:
        return clock.seconds(self.now())


def kept(kind: Keep) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """Keep what a method returns, under all of its arguments."""

    def around(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @functools.wraps(method)
        async def read(*args: P.args, **kwargs: P.kwargs) -> T:
            adapter: Any = args[0]
            key = repr((method.__name__, args[1:], sorted(kwargs.items())))
            reads: Reads = adapter.reads
            return await reads.one(kind, key, lambda: method(*args, **kwargs))

        return read

    return around


def kept_each(
    kind: Keep,
) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """Keep what a method that takes keys returns for each of them, under its other arguments."""

    def around(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @functools.wraps(method)
        async def read(*args: P.args, **kwargs: P.kwargs) -> T:
            adapter, keys = cast("tuple[Any, Sequence[Any]]", args)
            asked: Any = method
            name = f"{method.__name__}{sorted(kwargs.items())!r}"
            reads: Reads = adapter.reads
            found: Any = await reads.each(kind, name, keys, lambda some: asked(adapter, some, **kwargs))
            return found  # type: ignore[no-any-return]

        return read

    return around


def _place(name: str, key: Any) -> str:
    """Where the answer of a key is kept. Written as JSON: texts of two keys cannot run into one another."""
    return f"{name}:{orjson.dumps(tuple(key) if isinstance(key, tuple) else key).decode()}"


def _background() -> bool:
    held = deadline.current()
    return held is not None and held.background


def _marked(value: Any, error: GatewayError | None) -> Any:
    """A value that was kept; what can be marked as such is. `error`: why it stands in for the source."""
    return value.kept(error) if isinstance(value, Slice) else value
