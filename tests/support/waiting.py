"""Waiting for something that is about to happen, without a clock."""

import asyncio
from collections.abc import Callable

TURN = 0.001


async def give_way() -> None:
    """Let all others have a turn. A loop that looks again without any pause keeps the interpreter from
    threads, such as the journal's, for as long as it looks.
    """
    await asyncio.sleep(TURN)


async def until(met: Callable[[], object]) -> None:
    """Give way to whatever runs until a condition holds."""
    while not met():
        await give_way()
