"""Ask several sources at once: answers and failures side by side."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import TypeVar

from gateway.errors import GatewayError

K = TypeVar("K")
T = TypeVar("T")


async def ask(calls: Mapping[K, Awaitable[T]]) -> dict[K, T | GatewayError]:
    """The answer or the failure of each call. Anything that is not a GatewayError is a bug and is raised."""
    if len(calls) == 1:  # which needs no task of its own
        ((only, call),) = calls.items()
        try:
            return {only: await call}
        except GatewayError as error:
            return {only: error}
    answers = await asyncio.gather(*calls.values(), return_exceptions=True)
    found: dict[K, T | GatewayError] = {}
    for key, answer in zip(calls, answers, strict=True):
        if isinstance(answer, BaseException) and not isinstance(answer, GatewayError):
            raise answer
        found[key] = answer
    return found
