"""A thread for what would hold up the event loop; the way there and back costs a third of an executor's."""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from gateway.loop import running_loop

T = TypeVar("T")

Work = Callable[[], Any]
ENDED: Final = "The thread {} has ended."


class OneThread:
    """Carries out work in the order in which it comes, on a thread that begins with the first of it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: SimpleQueue[tuple[Work, asyncio.Future[Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ended = False

    async def run(self, work: Callable[[], T]) -> T:
        """What comes of some work. Where nobody waits for it any more before it has begun, it is left out."""
        if self._ended:
            raise RuntimeError(ENDED.format(self._name))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        told: asyncio.Future[T] = running_loop().create_future()
        self._waiting.put((work, told))
        return await told

    def end(self) -> None:
        """Carry out what waits, and nothing more."""
        self._ended = True
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()

    def _run(self) -> None:
        while _carried_out(self._waiting.get()):
            pass


def _carried_out(one: "tuple[Work, asyncio.Future[Any]] | None") -> bool:
    """Carry out some work and tell its event loop; False for the end. Nothing of it is kept afterwards."""
    if one is None:
        return False
    work, told = one
    if told.cancelled():
        return True
    try:
        found = work()
    except BaseException as error:  # it is for whoever waits
        _tell(told, told.set_exception, error)
    else:
        _tell(told, told.set_result, found)
    return True


def _tell(told: "asyncio.Future[Any]", tell: Callable[[Any], None], found: object) -> None:
    loop = told.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: None if told.done() else tell(found))
