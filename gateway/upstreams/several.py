"""What is waited for at once; mostly it is one thing, which needs no task of its own."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def all_of(reads: Iterable[Awaitable[T]]) -> list[T]:
    """What some reads bring, in their order."""
    some = list(reads)
    return [await some[0]] if len(some) == 1 else await asyncio.gather(*some)


async def each_of(work: Iterable[Awaitable[T]]) -> list[T | BaseException]:
    """The same, with what was raised in the place of what would have come."""
    some = list(work)
    if len(some) != 1:
        return await asyncio.gather(*some, return_exceptions=True)
    try:
        return [await some[0]]
    except Exception as error:
        return [error]
