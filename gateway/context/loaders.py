"""Batches the look-ups of one request. Keys of one turn of the loop become one call of the directory."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from gateway.federation.directory import Directory
from gateway.federation.fanout import ask
from gateway.lazy import lazy
from gateway.loop import running_loop
from gateway.model.caller import Caller
from gateway.model.chat import Channel, Chat, Communication
from gateway.model.contact import Contact, ContactKey, Funnel
from gateway.model.group import Group, GroupKey
from gateway.model.page import Slice
from gateway.model.property import Property
from gateway.model.source import Source
from gateway.ports import Found

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True, eq=False)
class _Batch(Generic[K, V]):
    """Keys that are asked for together. `waiting` hear of one of them, `watching` that all have come."""

    keys: list[K] = field(default_factory=list)
    waiting: "list[tuple[K, asyncio.Future[V | None]]]" = field(default_factory=list)
    watching: "list[asyncio.Future[None]]" = field(default_factory=list)
    error: Exception | None = None


class Loader(Generic[K, V]):
    """Loads values by key: each key once in a request, matched by key and never by position.

    Everybody who waits has a future of their own: one that goes away takes the value from nobody.
    """

    def __init__(self, find: Callable[[Sequence[K]], Awaitable[Found[K, V]]], work: "Work") -> None:
        self._find = find
        self._work = work
        self._loop = running_loop()
        self._found: dict[K, V | Exception | None] = {}
        self._batches: dict[K, _Batch[K, V]] = {}  # of keys that have not come
        self._next: _Batch[K, V] | None = None

    def load(self, key: K) -> "asyncio.Future[V | None]":
        """The value of a key; None where there is none. Raises the failure of its source."""
        future: asyncio.Future[V | None] = self._loop.create_future()
        if key in self._found:
            _settle(future, self._found[key])
        else:
            batch = self._batches.get(key) or self._ask(key)
            batch.waiting.append((key, future))
        return future

    async def load_all(self, keys: Sequence[K]) -> list[V | None]:
        """The values of several keys, in their order."""
        found, batches = self._found, self._batches
        ends: dict[_Batch[K, V], asyncio.Future[None]] = {}
        for key in keys:
            if key not in found:
                batch = batches.get(key) or self._ask(key)
                if batch not in ends:
                    ends[batch] = self._loop.create_future()
                    batch.watching.append(ends[batch])
        for batch, end in ends.items():
            await end
            if batch.error is not None:
                raise batch.error
        values: list[V | None] = []
        for key in keys:
            value = found[key]
            if isinstance(value, Exception):
                raise value
            values.append(value)
        return values

    def asked(self, key: K) -> bool:
        """Whether somebody has asked for this key."""
        return key in self._found or key in self._batches

    def _ask(self, key: K) -> _Batch[K, V]:
        """Put a key that nobody has asked for into the next batch. It leaves two turns of the loop after its
        first key, as what is begun in this turn asks in the next one.
        """
        batch = self._next
        if batch is None:
            batch = self._next = _Batch()
            self._loop.call_soon(self._loop.call_soon, self._leave, batch)
        batch.keys.append(key)
        self._batches[key] = batch
        return batch

    def _leave(self, batch: _Batch[K, V]) -> None:
        self._next = None
        self._work.begin(self._read(batch))

    async def _read(self, batch: _Batch[K, V]) -> None:
        """Ask for a batch, and tell whoever waits. What fails as a whole is not remembered."""
        try:
            found: Mapping[K, Any] = await self._find(batch.keys)
        except Exception as error:
            batch.error = error
            found = dict.fromkeys(batch.keys, error)
        for key in batch.keys:
            del self._batches[key]
            if batch.error is None:
                self._found[key] = found.get(key)
        for key, waiter in batch.waiting:
            _settle(waiter, found.get(key))
        for watcher in batch.watching:
            _settle(watcher, None)


def _settle(future: "asyncio.Future[Any]", value: Any) -> None:
    if future.done():  # whoever has waited is gone
        return
    if isinstance(value, Exception):
        future.set_exception(value)
    else:
        future.set_result(value)


@dataclass(slots=True, eq=False)
class Work:
    """The work of one request that is under way; it ends with it.

    A context manager around what the task at hand does for it.
    """

    abandoned: bool = False
    _tasks: "set[asyncio.Task[Any]]" = field(default_factory=set)

    def begin(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do something in a task of its own."""
        if self.abandoned:
            doing.close()
            return
        task = running_loop().create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def __enter__(self) -> None:
        task = asyncio.current_task(running_loop())
        if self.abandoned or task is None:
            raise asyncio.CancelledError
        self._tasks.add(task)

    def __exit__(self, *_: object) -> None:
        self._tasks.discard(cast("asyncio.Task[Any]", asyncio.current_task(running_loop())))

    def abandon(self) -> None:
        """Nobody waits any more: end what is under way, and begin nothing."""
        self.abandoned = True
        for task in self._tasks:
            task.cancel()


class Loaders:
    """The loaders of one request, each made when it is needed. `stale` hears of contacts as last seen."""

    def __init__(
        self,
        directory: Directory,
        caller: Caller,
        max_age: float | None,
        stale: Callable[[Contact], None] = lambda _: None,
    ) -> None:
        self._stale = stale
        self._directory = directory
        self._caller = caller
        self._max_age = max_age
        self.work = Work()

    @lazy
    def contact(self) -> Loader[ContactKey, Contact]:
        """Contacts by key, with everything."""
        return self._contacts(brief=False)

    @lazy
    def brief_contact(self) -> Loader[ContactKey, Contact]:
        """Contacts by key, in the simple form."""
        return self._contacts(brief=True)

    def close(self) -> None:
        """Let go of the loaders and what they hold."""
        for name in [name for name, held in self.__dict__.items() if isinstance(held, Loader)]:
            del self.__dict__[name]

    def _contacts(self, *, brief: bool) -> Loader[ContactKey, Contact]:
        async def find(keys: "Sequence[ContactKey]") -> "Found[ContactKey, Contact]":
            found = await self._directory.contacts(keys, self._caller, brief=brief, max_age=self._max_age)
            for each in found.values():
                if isinstance(each, dict) and "_stale" in each:
                    self._stale(each)
            return found

        return Loader(find, self.work)

    @lazy
    def group(self) -> Loader[GroupKey, Group]:
        """Groups by key."""
        return Loader(lambda keys: self._directory.groups(keys, self._caller), self.work)

    @lazy
    def chat(self) -> Loader[ContactKey, Chat]:
        """The chat of each contact."""
        return Loader(lambda keys: self._directory.chats(keys, self._caller), self.work)

    @lazy
    def funnels(self) -> Loader[ContactKey, list[Funnel]]:
        """The funnels of each contact."""
        return Loader(lambda keys: self._directory.funnels(keys, self._caller), self.work)

    @lazy
    def channel(self) -> Loader[tuple[Source, str], Channel]:
        """Channels by source and vendor id."""
        return Loader(lambda keys: self._directory.channels(keys, self._caller), self.work)

    @lazy
    def definitions(self) -> Loader[tuple[Source, str], dict[str, Property]]:
        """The definitions of each module."""
        return Loader(self._definitions, self.work)

    async def communications(self, key: ContactKey, offset: int, count: int) -> Slice[Communication]:
        """The ways to reach a contact. The chat carries them too, so one that is asked for anyway answers."""
        await asyncio.sleep(0)  # let whoever asks for the chat in this turn be seen
        if self.chat.asked(key):
            chat = await self.chat.load(key)
            if chat is not None:
                gates = chat["communications"]
                return Slice(gates[offset : offset + count], offset + count < len(gates), len(gates))
        return await self._directory.communications(key, self._caller, offset, count)

    async def _definitions(
        self, keys: Sequence[tuple[Source, str]]
    ) -> Found[tuple[Source, str], dict[str, Property]]:
        return await ask({key: self._directory.definitions(key[0], key[1], self._caller) for key in keys})
