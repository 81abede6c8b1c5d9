"""Ends work whose caller has gone away, and with it the calls to sources that nobody else waits for."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar, cast

from gateway.loop import running_loop
from gateway.server.problems import Gone

T = TypeVar("T")

SOON: Final = 0.02  # seconds


async def while_there(gone: Callable[[], Awaitable[None]] | None, work: Coroutine[Any, Any, T]) -> T:
    """The result of some work, unless the caller goes away: then the work is cancelled, and Gone raised.

    `gone` comes to its end when the caller has; None where nobody can tell. It is looked at from SOON on:
    what takes less time ends by itself.
    """
    if gone is None:
        return await work
    task = cast("asyncio.Task[Any]", asyncio.current_task(running_loop()))
    has_gone = False

    async def watch() -> None:
        nonlocal has_gone
        await gone()
        has_gone = True
        task.cancel()

    watching: asyncio.Task[None] | None = None

    def begin() -> None:
        nonlocal watching
        watching = asyncio.create_task(watch())

    begun = running_loop().call_later(SOON, begin)
    try:
        return await work
    except asyncio.CancelledError:
        if has_gone and task.uncancel() == 0:
            raise Gone("The caller went away.") from None
        raise
    finally:
        begun.cancel()
        if watching is not None:
            watching.cancel()
