"""The event loop that runs on this thread, found without asking the system."""

import asyncio
import sys
import threading


class _Here(threading.local):
    loop: asyncio.AbstractEventLoop | None = None


_here = _Here()


def _held() -> asyncio.AbstractEventLoop:
    loop = _here.loop
    if loop is None or not loop.is_running():
        loop = _here.loop = asyncio.get_running_loop()
    return loop


# Before Python 3.12 asyncio's own asks for the id of the process each time, a hundred times a request.
running_loop = asyncio.get_running_loop if sys.version_info >= (3, 12) else _held


def loop_time() -> float:
    """The time of the loop, in seconds."""
    return running_loop().time()
