"""Answers of sources that all replicas use. While Redis is away each keeps its own.

What a replica has put there or read from there it also holds itself: Redis confirms that it is what lies
there still, which is cheaper than sending and unpacking it again.
"""

import asyncio
import math
import struct
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgpack
from redis.asyncio import Redis

from gateway.cache.shelf import Kept, Mark, MemoryShelf
from gateway.engine.compiled.telling import Telling
from gateway.errors import StateUnavailable
from gateway.model.contact import ContactKey
from gateway.model.group import GroupKey
from gateway.model.page import Slice
from gateway.model.record import JsonRecord
from gateway.model.source import Source
from gateway.shared.state import State, key

ANSWER: Final = "answer"
MARK: Final = "mark"
MARK_SECONDS: Final = 7 * 24 * 3600  # longer than anything is kept
ODD: Final = (ValueError, TypeError, KeyError, msgpack.exceptions.UnpackException)
SCANNED: Final = 1_000  # names looked at in one call
LARGEST: Final = 1024 * 1024  # bytes of one answer; larger ones are not kept
SAME: Final = 1
MARK_BYTES: Final = 32
HEAD: Final = struct.Struct(f">{MARK_BYTES}sd")  # before an answer: the mark, and when it was asked for
READ: Final = """
local found = {redis.call('GET', KEYS[1])}
for i = 2, #KEYS do
    local head = ARGV[i - 1]
    if head ~= '' and redis.call('GETRANGE', KEYS[i], 0, #head - 1) == head then
        found[i] = 1
    else
        found[i] = redis.call('GET', KEYS[i])
    end
end
return found
"""  # the mark, and each answer: a number where it begins as the one does that is held here

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
        self._behind: set[str] = set()  # whose marks are to be set when Redis is back
        self._read = state.redis.register_script(READ)
        state.returned.append(self._all_behind)
        state.catching_up.append(self._renew_all)

    async def get(
        self, space: str, keys: Sequence[str], since: float = 0.0
    ) -> tuple[Mark, list[Kept | None]]:
        """The mark of a space now, and what is kept under some keys and was asked for `since` or later."""
        self._spaces.add(space)
        wanted = () if since == math.inf else keys  # whoever asks anew needs the mark alone
        places = [key(MARK, space), *(key(ANSWER, space, each) for each in wanted)]
        own = [self._own.held(space, each) for each in wanted]

        async def read(redis: Redis) -> tuple[Mark, list[Kept | None]]:
            if any(own):
                mark, *held = await self._read(places, [_head(*each) if each else b"" for each in own])
            else:
                mark, *held = await redis.mget(places)
            if mark is None:
                mark = await self._marked(redis, space)
            mark = mark.decode()
            found = self._found(space, mark, since, zip(wanted, held, own, strict=True))
            return mark, found or [None] * len(keys)

        try:
            return await self._state.use(read)
        except StateUnavailable:
            return await self._own.get(space, keys, since)

    async def put(self, space: str, mark: Mark, kept: Mapping[str, Kept], seconds: float) -> None:
        """Keep answers, for so long at most, that were asked for when the space had this mark."""

        contents = {name: _content(mark, each) for name, each in kept.items()} if self._state.here else {}
        small = {name: content for name, content in contents.items() if len(content) <= LARGEST}

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=False) as pipe:
                for name, content in small.items():
                    pipe.set(key(ANSWER, space, name), content, px=max(1, int(seconds * 1000)))
                await pipe.execute()

        try:
            await self._state.use(write)
        except StateUnavailable:
            await self._own.put(space, mark, kept, seconds)
        else:
            self._own.hold(space, mark, {name: kept[name] for name in small})

    async def drop(self, space: str, keys: Sequence[str]) -> None:
        """Forget what is kept under some keys, as there is nothing any more."""
        await self._own.drop(space, keys)
        try:
            await self._state.use(lambda redis: redis.delete(*(key(ANSWER, space, each) for each in keys)))
        except StateUnavailable:
            return  # it goes by its age, and is not used while Redis is away

    async def renew(self, space: str) -> None:
        """Something was written: nothing that was asked for before is used any more, by nobody."""
        await self._own.renew(space)

        async def write(redis: Redis) -> None:
            await redis.set(key(MARK, space), uuid.uuid4().hex, ex=MARK_SECONDS)

        async def tell() -> None:
            try:
                await self._state.use(write)
            except StateUnavailable:
                self._behind.add(space)  # told when it is back

        await asyncio.shield(tell())  # whoever has written may be gone

    async def clear(self, space: str) -> None:
        """Take away everything that is kept of a space; while Redis is away, what is kept here."""
        await self._own.clear(space)
        await self.renew(space)

        async def delete(redis: Redis) -> None:
            async for name in redis.scan_iter(match=key(ANSWER, space, "*"), count=SCANNED):
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

    def _found(
        self,
        space: str,
        mark: Mark,
        since: float,
        held: Iterable[tuple[str, bytes | int | None, tuple[Mark, Kept] | None]],
    ) -> list[Kept | None]:
        """Answers by what lies in Redis, and what is held here, under each key."""
        found: list[Kept | None] = []
        for name, content, own in held:
            if content == SAME and own is not None:
                found.append(own[1] if own[0] == mark and own[1].at >= since else None)
                continue
            kept = _kept(content, mark, since)
            if kept is not None:
                self._own.hold(space, mark, {name: kept})
            found.append(kept)
        return found

    async def _marked(self, redis: Redis, space: str) -> bytes:
        """The mark of a space that has none; that of whoever is first."""
        fresh = uuid.uuid4().hex.encode()
        await redis.set(key(MARK, space), fresh, ex=MARK_SECONDS, nx=True)
        return await redis.get(key(MARK, space)) or fresh

    async def _all_behind(self) -> None:
        """Others may have written while we were away."""
        self._behind.update(self._spaces)

    async def _renew_all(self) -> bool:
        """Redis is back: what was written meanwhile is not known to it; whether anything was."""
        found = bool(self._behind)
        while self._behind:
            space = self._behind.pop()
            try:
                await self._own.renew(space)
                await self._state.redis.set(key(MARK, space), uuid.uuid4().hex, ex=MARK_SECONDS)
            except BaseException:
                self._behind.add(space)
                raise
        return found


def packed(value: Any) -> bytes:
    """A value as bytes, with what is more than JSON in it."""
    content: bytes = msgpack.packb(value, default=_more, strict_types=True)
    return content


def unpacked(content: bytes | memoryview) -> Any:
    """The value again."""
    return msgpack.unpackb(content, ext_hook=_less, strict_map_key=False)


def _more(value: Any) -> Any:
    if isinstance(value, Source):
        return PACKED[value]
    if isinstance(value, ContactKey):
        return msgpack.ExtType(CONTACT_KEY, msgpack.packb((value.source.value, value.module, value.id)))
    if isinstance(value, GroupKey):
        return msgpack.ExtType(GROUP_KEY, msgpack.packb((value.source.value, value.id)))
    if isinstance(value, Slice):
        return msgpack.ExtType(SLICE, packed([value.items, value.more, value.total]))
    if isinstance(value, tuple):
        return msgpack.ExtType(TUPLE, packed(list(value)))
    if isinstance(value, Telling):
        return list(value)
    if isinstance(value, JsonRecord):
        return value.read()
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _less(code: int, content: bytes) -> Any:
    match code:
        case 0:
            return SOURCES[content]
        case 1:
            source, module, vendor_id = msgpack.unpackb(content)
            return ContactKey(Source(source), module, vendor_id)
        case 2:
            source, vendor_id = msgpack.unpackb(content)
            return GroupKey(Source(source), vendor_id)
        case 3:
            items, more, total = unpacked(content)
            return Slice(items, more, total)
        case _:
            return tuple(unpacked(content))


def _content(mark: Mark, kept: Kept) -> bytes:
    """What is kept; an answer that nests deeper than msgpack goes becomes one that is too large to keep."""
    try:
        return _head(mark, kept) + packed(kept.value)
    except (ValueError, OverflowError):
        return b" " * (LARGEST + 1)


def _head(mark: Mark, kept: Kept) -> bytes:
    return HEAD.pack(mark.encode(), kept.at)


def _kept(content: bytes | int | None, mark: Mark, since: float) -> Kept | None:
    """What is kept; nothing is unpacked that would not be used."""
    if not isinstance(content, bytes) or len(content) < HEAD.size:
        return None
    asked_under, at = HEAD.unpack_from(content)
    if asked_under != mark.encode() or not at >= since:
        return None
    try:
        return Kept(unpacked(memoryview(content)[HEAD.size :]), at)
    except ODD:  # of another version, or of somebody else
        return None
