"""Waiting for something that is about to happen, without a clock."""

import asyncio
from collections.abc import Callable


async def until(met: Callable[[], object]) -> None:
    """Give way to whatever runs until a condition holds."""
    while not met():  # noqa: ASYNC110 - there is no event to wait for: it happens in an emulator
        await asyncio.sleep(0)
