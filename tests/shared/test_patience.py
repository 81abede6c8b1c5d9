"""Time that is counted in ticks of the event loop."""

import asyncio
import gc
import weakref

import pytest

from gateway.shared.patience import TICKS, Patience


class Thing:
    """Something that a call was made for."""


async def test_it_ends_after_so_many_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.shared.patience.TICK_SECONDS", 0.0)
    turns = 0

    async def work() -> None:
        nonlocal turns
        with Patience():
            while True:
                await asyncio.sleep(0)
                turns += 1

    with pytest.raises(TimeoutError):
        await work()
    assert turns >= TICKS


async def test_what_is_in_time_and_what_it_raises_comes_through() -> None:
    with Patience():
        await asyncio.sleep(0)

    async def work() -> None:
        with Patience():
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await work()


async def test_whoever_is_cancelled_is_cancelled() -> None:
    async def wait() -> None:
        with Patience():
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nothing_of_a_call_stays_behind() -> None:
    kept: list[weakref.ref[Thing]] = []

    async def call() -> Thing:
        thing = Thing()
        kept.append(weakref.ref(thing))
        with Patience():
            await asyncio.sleep(0)
        return thing

    gc.disable()
    try:
        await asyncio.create_task(call())
        await asyncio.sleep(0)
        assert [each() for each in kept] == [None]
    finally:
        gc.enable()
