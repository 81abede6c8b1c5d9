"""The log of events in Redis: a stream for each account, and beside it the events that were emptied.

What stands in a stream cannot be changed. So an emptied event leaves it for a sorted set, where its number
keeps its place.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ResponseError

from gateway.journal.journal import Noted
from gateway.model.event import EventQuery, Happening
from gateway.shared.state import key

COUNTER: Final = key("event")
STRETCH: Final = 500  # events read at a time
NOTHING: Final = "no such key"

Entry = tuple[bytes, Mapping[bytes, bytes]]


def event(each: Happening, actor: str | None, at: str) -> str:
    """What is kept of an event beside its number."""
    source = each.source and each.source.value
    return _text([each.type.value, each.name, source, each.contact, actor, at, each.payload])


async def last(pipe: Pipeline, account: str) -> int:
    """The number of the latest event of all accounts, also where the counter was lost."""
    return max(int(await pipe.get(COUNTER) or 0), await latest(pipe, account))


async def latest(redis: Redis | Pipeline, account: str) -> int:
    """The number of the newest event of an account, also where it was emptied; 0 where there is none."""
    try:
        told = await redis.xinfo_stream(_stream(account))
    except ResponseError as error:
        if NOTHING not in str(error).lower():
            raise
        return 0
    return int(told["last-generated-id"].partition(b"-")[0])


def append(pipe: Pipeline, account: str, number: int, contact: str | None, said: str) -> None:
    """Queue an event behind all others."""
    pipe.xadd(_stream(account), {"event": said}, id=f"{number}-0")
    if contact is not None:
        pipe.zadd(_contact(account, contact), {str(number): number})


async def read(redis: Redis, account: str, query: EventQuery, after: int, limit: int) -> list[Noted]:
    """Events behind a number, oldest first."""
    found: list[Noted] = []
    start: int | None = after
    while start is not None and len(found) < limit:
        if query.contact is None:
            stretch, start = await _stretch(redis, account, start)
        else:
            stretch, start = await _of_contact(redis, account, query.contact, start)
        found += [each for each in stretch if _fits(each, query)]
    return found[:limit]


async def erase(redis: Redis, account: str, contacts: Sequence[str]) -> int:
    """Empty the events that are about one of these contacts, or name it; of how many."""
    wanted, count, after = frozenset(contacts), 0, 0
    while True:
        entries = await redis.xrange(_stream(account), min=f"({after}-0", count=STRETCH)
        stretch = [_noted(entry) for entry in entries]
        count += await _empty(redis, account, [each for each in stretch if _tells(each, wanted)])
        if len(stretch) < STRETCH:
            return count
        after = stretch[-1].number


async def _empty(redis: Redis, account: str, events: Sequence[Noted]) -> int:
    """Take events out of the stream, and keep them empty; how many were still there."""
    if not events:
        return 0
    emptied = [replace(each, name=None, payload={}) for each in events]
    async with redis.pipeline() as pipe:
        pipe.zadd(_emptied(account), {_text(astuple(each)): each.number for each in emptied})
        pipe.xdel(_stream(account), *(f"{each.number}-0" for each in emptied))
        told = await pipe.execute()
    return int(told[-1])


async def _stretch(redis: Redis, account: str, after: int) -> tuple[list[Noted], int | None]:
    """The next events of an account, and where more follow. Both places are read at one moment."""
    async with redis.pipeline() as pipe:
        pipe.xrange(_stream(account), min=f"({after}-0", count=STRETCH)
        pipe.zrangebyscore(_emptied(account), f"({after}", "+inf", start=0, num=STRETCH)
        entries, emptied = await pipe.execute()
    found = _in_order([*map(_noted, entries), *map(_kept, emptied)])[:STRETCH]
    return found, _next([each.number for each in found])


async def _of_contact(redis: Redis, account: str, contact: str, after: int) -> tuple[list[Noted], int | None]:
    """The next events of a contact, and where more follow. What is not in the stream was emptied."""
    name = _contact(account, contact)
    numbers = [int(each) for each in await redis.zrangebyscore(name, f"({after}", "+inf", 0, STRETCH)]
    async with redis.pipeline(transaction=False) as pipe:
        for number in numbers:
            pipe.xrange(_stream(account), min=f"{number}-0", max=f"{number}-0")
        entries = await pipe.execute()
    found = [_noted(entry) for some in entries for entry in some]
    gone = [number for number, some in zip(numbers, entries, strict=True) if not some]
    if gone:
        async with redis.pipeline(transaction=False) as pipe:
            for number in gone:
                pipe.zrangebyscore(_emptied(account), number, number)
            found += [_kept(text) for some in await pipe.execute() for text in some]
    return _in_order(found), _next(numbers)


def _in_order(events: Iterable[Noted]) -> list[Noted]:
    return sorted(events, key=lambda each: each.number)


def _next(numbers: Sequence[int]) -> int | None:
    return numbers[-1] if len(numbers) == STRETCH else None


def _tells(each: Noted, contacts: frozenset[str]) -> bool:
    """Whether there is anything to take away from an event that is about one of these, or names it."""
    named = [each.contact, each.payload.get("from")]
    several = each.payload.get("contacts")
    named += several if isinstance(several, list) else []
    about = any(isinstance(one, str) and one in contacts for one in named)
    return about and bool(each.payload or each.name)


def _fits(each: Noted, query: EventQuery) -> bool:
    return (
        (query.types is None or each.type in {type_.value for type_ in query.types})
        and (query.sources is None or each.source in {source.value for source in query.sources})
        and (query.contact is None or each.contact == query.contact)
        and (query.since is None or each.at >= query.since)
    )


def _noted(entry: Entry) -> Noted:
    number = int(entry[0].partition(b"-")[0])
    return Noted(number, *orjson.loads(entry[1][b"event"]))


def _kept(text: bytes) -> Noted:
    return Noted(*orjson.loads(text))


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _stream(account: str) -> str:
    return key("events", account)


def _contact(account: str, contact: str) -> str:
    return key("events", account, "of", contact)


def _emptied(account: str) -> str:
    return key("emptied", account)
