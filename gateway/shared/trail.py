"""The audit trail in Redis: a stream for each account, what records are about in hashes beside it."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from gateway.journal.chain import sealed
from gateway.journal.journal import Open
from gateway.journal.trail import packed, unpacked
from gateway.model.audit import AuditEntry, AuditQuery, AuditRecord
from gateway.shared.state import key

OPEN: Final = key("audit", "open")
ACCOUNTS: Final = key("audit", "accounts")
STRETCH: Final = 500  # records looked at at a time

Entry = tuple[bytes, Mapping[bytes, bytes]]


def stream(account: str) -> str:
    """The key of the records of an account."""
    return key("audit", "records", account)


async def last(pipe: Pipeline, account: str) -> AuditRecord | None:
    """The newest record, where the stream is watched and nothing is queued yet."""
    newest = await pipe.xrevrange(stream(account), count=1)
    return _record(newest[0]) if newest else None


def append(
    pipe: Pipeline,
    account: str,
    at: str,
    entries: Sequence[AuditEntry],
    newest: AuditRecord | None,
) -> None:
    """Queue the records of entries behind the newest one."""
    record = newest
    for entry in entries:
        record = sealed(account, at, entry, record)
        said = orjson.dumps(replace(record, salt=None, detail=None))
        pipe.xadd(stream(account), {"record": said}, id=f"{record.number}-0")
        pipe.hset(_details(account), str(record.number), orjson.dumps([record.salt, record.detail]).decode())
        for contact in entry.contacts:
            pipe.zadd(_contact(account, contact), {str(record.number): record.number})
    if entries:
        pipe.sadd(ACCOUNTS, account)


def close(pipe: Pipeline, token: str | None) -> None:
    """Queue that the end of what was begun is recorded."""
    if token is not None:
        pipe.hdel(OPEN, token)


async def begin(redis: Redis, one: Open) -> None:
    """Keep what is about to be carried out."""
    held = orjson.dumps([one.account, one.owner, one.at, packed(one.entry)]).decode()
    await cast("Awaitable[int]", redis.hset(OPEN, one.token, held))


async def open_ones(redis: Redis) -> list[Open]:
    """What was begun and has no end."""
    held = await cast("Awaitable[Mapping[bytes, bytes]]", redis.hgetall(OPEN))
    found = []
    for token, text in held.items():
        account, owner, at, entry = orjson.loads(text)
        found.append(Open(token.decode(), account, owner, at, unpacked(entry)))
    return sorted(found, key=lambda each: each.at)


async def read(
    redis: Redis, account: str, query: AuditQuery, before: int | None, limit: int
) -> list[AuditRecord]:
    """Records below a number, newest first."""
    found: list[AuditRecord] = []
    below = before
    wanted = None if query.contact is None else await _numbers(redis, account, query.contact)
    while len(found) < limit:
        start = "+" if below is None else f"({below}-0"
        entries = await redis.xrevrange(stream(account), max=start, count=STRETCH)
        records = [_record(entry) for entry in entries]
        found += [each for each in records if _fits(each, query, wanted)]
        if len(entries) < STRETCH:
            break
        below = records[-1].number
    return await _with_details(redis, account, found[:limit])


async def accounts(redis: Redis) -> list[str]:
    """The accounts that have records."""
    return sorted(each.decode() for each in await cast("Awaitable[set[bytes]]", redis.smembers(ACCOUNTS)))


async def erase(redis: Redis, account: str, contact: str) -> int:
    """Take away what records say of a contact; of how many."""
    numbers = await _numbers(redis, account, contact)
    async with redis.pipeline() as pipe:
        if numbers:
            pipe.hdel(_details(account), *map(str, numbers))
        pipe.delete(_contact(account, contact))
        told = await pipe.execute()
    return int(told[0]) if numbers else 0


async def _numbers(redis: Redis, account: str, contact: str) -> set[int]:
    return {int(each) for each in await redis.zrange(_contact(account, contact), 0, -1)}


async def _with_details(redis: Redis, account: str, records: Sequence[AuditRecord]) -> list[AuditRecord]:
    if not records:
        return []
    numbers = [str(each.number) for each in records]
    held = await cast("Awaitable[list[bytes | None]]", redis.hmget(_details(account), numbers))
    found = []
    for record, text in zip(records, held, strict=True):
        salt, detail = (None, None) if text is None else orjson.loads(text)
        found.append(replace(record, salt=salt, detail=detail))
    return found


def _record(entry: Entry) -> AuditRecord:
    held: dict[str, Any] = orjson.loads(entry[1][b"record"])
    return AuditRecord(**held)


def _fits(record: AuditRecord, query: AuditQuery, wanted: set[int] | None) -> bool:
    return (
        (wanted is None or record.number in wanted)
        and query.caller in (None, record.caller)
        and query.action in (None, record.action)
        and (query.outcomes is None or record.outcome in query.outcomes)
        and (query.since is None or record.at >= query.since)
    )


def _details(account: str) -> str:
    return key("audit", "details", account)


def _contact(account: str, contact: str) -> str:
    return key("audit", "contact", account, contact)
