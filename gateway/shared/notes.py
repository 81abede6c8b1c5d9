"""News that replicas tell each other by publish and subscribe: locks of sources, and open breakers.

They are hints. One that is lost costs a request or two; a lock is kept as well, for replicas that start
later.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from gateway.errors import StateUnavailable
from gateway.shared.state import AWAY, PROBE_SECONDS, State, key

CHANNEL: Final = key("notes")
LISTEN_SECONDS: Final = 60.0
LOCK: Final = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """`what` is the class of calls (`read`, `write`) whose breaker has opened, or empty for a lock."""

    source: str
    what: str
    seconds: float


@dataclass(slots=True, eq=False)
class Notes:
    """Tells and hears notes. `name` is this process, which does not listen to itself."""

    state: State
    name: str
    heard: list[Callable[[Note], None]] = field(default_factory=list)
    _sending: "set[asyncio.Task[None]]" = field(default_factory=set)

    def tell(self, note: Note) -> None:
        """Tell the others, without waiting for it."""
        text = orjson.dumps({**_members(note), "from": self.name})

        async def send(redis: Redis) -> None:
            if not note.what:
                await redis.set(key(LOCK, note.source), text, px=max(1, int(note.seconds * 1000)))
            await redis.publish(CHANNEL, text)

        self._start(self.state.use(send))

    async def learn(self) -> None:
        """Hear of locks that began before we were there."""
        async for name in self.state.redis.scan_iter(match=key(LOCK, "*")):
            left = await self.state.redis.pttl(name)
            text = await self.state.redis.get(name)
            if text is not None and left > 0:
                self._hear(text, seconds=left / 1000)

    async def listen(self) -> None:
        """Hear what others tell, until cancelled."""
        while True:
            try:
                async with self.state.redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    while True:
                        message = await channel.get_message(timeout=LISTEN_SECONDS)
                        if message is not None:
                            self._hear(message["data"])
            except AWAY:
                mine = asyncio.current_task()
                if mine is not None and mine.cancelling():  # leaving a channel that is gone hid that
                    raise asyncio.CancelledError from None
                await asyncio.sleep(PROBE_SECONDS)

    def _hear(self, text: bytes, seconds: float | None = None) -> None:
        try:
            told = orjson.loads(text)
            note = Note(
                source=str(told["source"]), what=str(told["what"]), seconds=float(seconds or told["seconds"])
            )
        except (ValueError, KeyError, TypeError):
            return  # of another version
        if told.get("from") != self.name:
            for heard in self.heard:
                heard(note)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: "asyncio.Task[None]") -> None:
        self._sending.discard(task)
        if not task.cancelled() and not isinstance(task.exception(), StateUnavailable | None):
            task.result()


def _members(note: Note) -> dict[str, Any]:
    return {"source": note.source, "what": note.what, "seconds": note.seconds}
