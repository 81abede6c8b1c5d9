"""Ends work whose caller has gone away, and with it the calls to sources that nobody else waits for."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from starlette.requests import Request

from gateway.server.problems import Gone

T = TypeVar("T")


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of some work, unless the caller goes away: then the work is cancelled, and Gone raised.

    To be called when the body has been read.
    """
    task = cast("asyncio.Task[Any]", asyncio.current_task())
    has_gone = False

    async def watch() -> None:
        nonlocal has_gone
        while (await request.receive())["type"] != "http.disconnect":
            pass
        has_gone = True
        task.cancel()

    watching = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError:
        if has_gone and task.uncancel() == 0:
            raise Gone("The caller went away.") from None
        raise
    finally:
        watching.cancel()
