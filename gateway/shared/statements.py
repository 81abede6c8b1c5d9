"""What people have said of pairs of records, in Redis: a hash for each account, its version among them."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, cast

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from gateway.journal.journal import Overtaken
from gateway.model.person import Saying, Statement
from gateway.shared.state import key

VERSION: Final = "version"  # beside pairs, which are lists in JSON


async def check(pipe: Pipeline, account: str, heard: int | None) -> None:
    """Raise Overtaken where the version is not the one that was `heard`."""
    if heard is not None and heard != await _version(pipe, account):
        raise Overtaken


def keep(pipe: Pipeline, account: str, statements: Sequence[Statement]) -> None:
    """Queue statements in the place of what was said of their pairs before."""
    name = place(account)
    for each in statements:
        pair = _text([each.one, each.other])
        if each.saying is None:
            pipe.hdel(name, pair)
        else:
            said = [each.saying, each.actor, each.reason, each.at, each.before]
            pipe.hset(name, pair, _text(said))
    if statements:
        pipe.hincrby(name, VERSION)


async def read(redis: Redis, account: str, known: int | None) -> tuple[int, list[Statement] | None]:
    """The version of an account's statements, and all of them unless that version is known."""
    if known is not None and known == await _version(redis, account):
        return known, None
    held = dict(await cast("Awaitable[Mapping[bytes, bytes]]", redis.hgetall(place(account))))
    version = int(held.pop(VERSION.encode(), 0))
    found = [_statement(pair, said) for pair, said in held.items()]
    return version, sorted(found, key=lambda each: (each.one, each.other))


async def erase(redis: Redis, account: str, refs: Sequence[str]) -> int:
    """Take away the statements that name one of these records; how many."""
    name, wanted = place(account), frozenset(refs)

    async def work(pipe: Pipeline) -> int:
        fields = [each.decode() for each in await cast("Awaitable[list[bytes]]", pipe.hkeys(name))]
        pairs = [each for each in fields if each != VERSION and wanted.intersection(orjson.loads(each))]
        cast("Any", pipe).multi()
        if pairs:
            pipe.hdel(name, *pairs)
            pipe.hincrby(name, VERSION)
        return len(pairs)

    count: int = await redis.transaction(cast("Any", work), name, value_from_callable=True)
    return count


def place(account: str) -> str:
    """The name of the hash of an account."""
    return key("statements", account)


async def _version(redis: "Redis | Pipeline", account: str) -> int:
    told = await cast("Awaitable[bytes | None]", redis.hget(place(account), VERSION))
    return int(told or 0)


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _statement(pair: bytes, said: bytes) -> Statement:
    one, other = orjson.loads(pair)
    saying, actor, reason, at, before = orjson.loads(said)
    return Statement(
        one=one,
        other=other,
        saying=Saying(saying),
        actor=actor,
        reason=reason,
        at=at,
        before=Saying(before) if before else None,
    )
