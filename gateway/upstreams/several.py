"""Reads that a source is asked for at once."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def all_of(reads: Iterable[Awaitable[T]]) -> list[T]:
    """What some reads bring, in their order; mostly it is one, which needs no task of its own."""
    some = list(reads)
    return [await some[0]] if len(some) == 1 else await asyncio.gather(*some)
