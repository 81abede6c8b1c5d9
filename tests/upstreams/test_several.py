"""What is waited for at once comes in order, be it one thing or several."""

import asyncio

import pytest

from gateway.upstreams.several import all_of, each_of


async def brought(value: int) -> int:
    await asyncio.sleep(0)
    if value < 0:
        raise ValueError(value)
    return value


@pytest.mark.parametrize("count", range(4))
async def test_all_of_some_come_in_order(count: int) -> None:
    assert await all_of(brought(value) for value in range(count)) == list(range(count))
    assert await each_of(brought(value) for value in range(count)) == list(range(count))


@pytest.mark.parametrize("values", [[-1], [1, -1], [-1, 2, 3]])
async def test_what_is_raised_stands_in_its_place_or_is_raised(values: list[int]) -> None:
    found = await each_of(map(brought, values))
    assert [each if isinstance(each, int) else each.args[0] for each in found] == values
    with pytest.raises(ValueError, match="-1"):
        await all_of(map(brought, values))


@pytest.mark.parametrize("count", [1, 2])
async def test_whoever_is_not_waited_for_any_more_ends(count: int) -> None:
    ended: list[int] = []

    async def forever(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    waiting = asyncio.create_task(each_of(map(forever, range(count))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == list(range(count))
