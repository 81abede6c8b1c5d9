"""Answers of sources that all replicas use. While Redis is away each keeps its own."""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgpack
from redis.asyncio import Redis

from gateway import freshness
from gateway.cache.shelf import Kept, Mark, MemoryShelf
from gateway.errors import StateUnavailable
from gateway.model.contact import ContactKey
from gateway.model.group import GroupKey
from gateway.model.page import Slice
from gateway.model.source import Source
from gateway.shared.state import State, key

ANSWER: Final = "answer"
MARK: Final = "mark"
MARK_SECONDS: Final = 7 * 24 * 3600  # longer than anything is kept
ODD: Final = (ValueError, TypeError, KeyError, msgpack.exceptions.UnpackException)
LARGEST: Final = 1024 * 1024  # bytes of one answer; larger ones are not kept

# Values that are more than JSON, by the number of their extension type.
SOURCE, CONTACT_KEY, GROUP_KEY, SLICE, TUPLE = range(5)
SOURCES: Final = {each.value.encode(): each for each in Source}
PACKED: Final = {each: msgpack.ExtType(SOURCE, name) for name, each in SOURCES.items()}  # many in each answer


class RedisShelf:
    """A shelf in Redis. An answer is kept with the mark under which it was asked for."""

    def __init__(self, state: State, own: MemoryShelf) -> None:
        self._state = state
        self._own = own
        self._spaces: set[str] = set()
        state.returned.append(self._renew_all)

    async def get(self, space: str, keys: Sequence[str]) -> tuple[Mark, list[Kept | None]]:
        """The mark of a space now, and what is kept under some keys."""
        self._spaces.add(space)
        wanted = () if freshness.current().max_age == 0 else keys  # whoever asks anew needs the mark alone

        async def read(redis: Redis) -> tuple[Mark, list[Kept | None]]:
            mark, *held = await redis.mget(key(MARK, space), *(key(ANSWER, space, each) for each in wanted))
            if mark is None:
                mark = await self._marked(redis, space)
            return mark.decode(), [_kept(each, mark) for each in held] or [None] * len(keys)

        try:
            return await self._state.use(read)
        except StateUnavailable:
            return await self._own.get(space, keys)

    async def put(self, space: str, mark: Mark, kept: Mapping[str, Kept], seconds: float) -> None:
        """Keep answers, for so long at most, that were asked for when the space had this mark."""

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=False) as pipe:
                for name, each in kept.items():
                    content = _content(mark, each)
                    if len(content) <= LARGEST:
                        pipe.set(key(ANSWER, space, name), content, px=max(1, int(seconds * 1000)))
                await pipe.execute()

        try:
            await self._state.use(write)
        except StateUnavailable:
            await self._own.put(space, mark, kept, seconds)

    async def drop(self, space: str, keys: Sequence[str]) -> None:
        """Forget what is kept under some keys, as there is nothing any more."""
        try:
            await self._state.use(lambda redis: redis.delete(*(key(ANSWER, space, each) for each in keys)))
        except StateUnavailable:
            await self._own.drop(space, keys)

    async def renew(self, space: str) -> None:
        """Something was written: nothing that was asked for before is used any more, by nobody."""
        await self._own.renew(space)

        async def write(redis: Redis) -> None:
            await redis.set(key(MARK, space), uuid.uuid4().hex, ex=MARK_SECONDS)

        try:
            await self._state.use(write)
        except StateUnavailable:
            return  # told when it is back

    async def clear(self, space: str) -> None:
        """Take away everything that is kept of a space; while Redis is away, what is kept here."""
        await self._own.clear(space)
        await self.renew(space)

        async def delete(redis: Redis) -> None:
            async for name in redis.scan_iter(match=key(ANSWER, space, "*")):
                await redis.delete(name)

        with suppress(StateUnavailable):  # then it goes by its age, and nobody is given it
            await self._state.use(delete)

    async def forget(self, space: str) -> None:
        """Nobody asks for a space any more; what Redis holds of it goes by its age."""
        self._spaces.discard(space)
        await self._own.forget(space)

    @property
    def used_bytes(self) -> int:
        """The bytes in use in this process, roughly."""
        return self._own.used_bytes

    async def _marked(self, redis: Redis, space: str) -> bytes:
        """The mark of a space that has none; that of whoever is first."""
        fresh = uuid.uuid4().hex.encode()
        await redis.set(key(MARK, space), fresh, ex=MARK_SECONDS, nx=True)
        return await redis.get(key(MARK, space)) or fresh

    async def _renew_all(self) -> None:
        """Redis is back: what was written meanwhile is not known to it."""
        for space in list(self._spaces):
            await self._own.renew(space)
            await self._state.redis.set(key(MARK, space), uuid.uuid4().hex, ex=MARK_SECONDS)


def packed(value: Any) -> bytes:
    """A value as bytes, with what is more than JSON in it."""
    content: bytes = msgpack.packb(value, default=_more, strict_types=True)
    return content


def unpacked(content: bytes) -> Any:
    """The value again."""
    return msgpack.unpackb(content, ext_hook=_less, strict_map_key=False)


def _more(value: Any) -> msgpack.ExtType:
    if isinstance(value, Source):
        return PACKED[value]
    if isinstance(value, ContactKey):
        return msgpack.ExtType(CONTACT_KEY, packed([value.source.value, value.module, value.id]))
    if isinstance(value, GroupKey):
        return msgpack.ExtType(GROUP_KEY, packed([value.source.value, value.id]))
    if isinstance(value, Slice):
        return msgpack.ExtType(SLICE, packed([value.items, value.more, value.total]))
    if isinstance(value, tuple):
        return msgpack.ExtType(TUPLE, packed(list(value)))
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _less(code: int, content: bytes) -> Any:
    match code:
        case 0:
            return SOURCES[content]
        case 1:
            source, module, vendor_id = unpacked(content)
            return ContactKey(Source(source), module, vendor_id)
        case 2:
            source, vendor_id = unpacked(content)
            return GroupKey(Source(source), vendor_id)
        case 3:
            items, more, total = unpacked(content)
            return Slice(items, more, total)
        case _:
            return tuple(unpacked(content))


def _content(mark: Mark, kept: Kept) -> bytes:
    """What is kept; an answer that nests deeper than msgpack goes becomes one that is too large to keep."""
    try:
        return packed((mark, kept.at, kept.value))
    except (ValueError, OverflowError):
        return b" " * (LARGEST + 1)


def _kept(content: bytes | None, mark: bytes) -> Kept | None:
    if content is None:
        return None
    try:
        asked_under, at, value = unpacked(content)
    except ODD:  # of another version, or of somebody else
        return None
    return Kept(value, at) if asked_under == mark.decode() else None
