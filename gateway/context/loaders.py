"""Batches the look-ups of one request. Keys of one turn of the loop become one call of the directory."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

from aiodataloader import DataLoader, dispatch_queue
from aiodataloader import Loader as Load

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


class Loader(DataLoader[K, V | None]):
    """Loads values by key: each key once in a request, matched by key and never by position.

    Everybody who waits has a future of their own: one that goes away takes the value from nobody.
    """

    def __init__(self, find: Callable[[Sequence[K]], Awaitable[Found[K, V]]], work: "Work") -> None:
        self._find = find
        self._work = work
        self._asked: set[K] = set()
        super().__init__()

    @staticmethod
    def get_cache_key(key: K) -> K:
        """A key as it is."""
        return key

    async def batch_load_fn(self, keys: list[K]) -> list[Any]:
        """The values of some keys, in their order."""
        with self._work:
            found = await self._find(keys)
        return [found.get(key) for key in keys]

    def load(self, key: K) -> "asyncio.Future[V | None]":
        """The value of a key; None where there is none. Raises the failure of its source."""
        self._asked.add(key)
        promise = super().load(key)
        waiter: asyncio.Future[V | None] = self.loop.create_future()
        if promise.done():
            _tell(waiter, promise)
        else:
            promise.add_done_callback(partial(_tell, waiter))
        return waiter

    async def load_all(self, keys: Sequence[K]) -> list[V | None]:
        """The values of several keys, in their order."""
        self._asked.update(keys)
        promises = [*map(super().load, keys)]
        for promise in promises:
            if not promise.done():  # most end with the first one, as they are in its batch
                waiter: asyncio.Future[None] = self.loop.create_future()
                promise.add_done_callback(partial(_wake, waiter))
                await waiter
        try:
            return [promise.result() for promise in promises]
        except Exception:
            for promise in promises:
                promise.exception()  # looked at, so that asyncio does not report it as lost
            raise

    def asked(self, key: K) -> bool:
        """Whether somebody has asked for this key."""
        return key in self._asked

    def do_resolve_reject(self, key: K, future: "asyncio.Future[V | None]") -> None:
        """Put a key into the next batch. The batch leaves after as many turns of the event loop as it would
        otherwise, but without a task that only begins another one.
        """
        self._queue.append(Load(key=key, future=future))
        if len(self._queue) == 1:
            self.loop.call_soon(self.loop.call_soon, dispatch_queue, self)


def _tell(waiter: "asyncio.Future[Any]", promise: "asyncio.Future[Any]") -> None:
    """Tell one who waits what has come of a promise."""
    error = promise.exception()
    if waiter.done():  # whoever has waited is gone
        return
    if error is not None:
        waiter.set_exception(error)
    else:
        waiter.set_result(promise.result())


def _wake(waiter: "asyncio.Future[None]", _: object) -> None:
    if not waiter.done():
        waiter.set_result(None)


@dataclass(slots=True, eq=False)
class Work:
    """The batches of one request that are under way; they end with it.

    A context manager around what the task at hand does for it.
    """

    abandoned: bool = False
    _tasks: "set[asyncio.Task[Any]]" = field(default_factory=set)

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
