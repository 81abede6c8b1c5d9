"""The loop that runs here, whatever ran before and elsewhere."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from gateway.loop import _held, loop_time, running_loop


@pytest.mark.parametrize("find", [_held, running_loop])
def test_it_is_that_of_this_thread_and_of_now(find: Callable[[], asyncio.AbstractEventLoop]) -> None:
    found: list[bool] = []

    async def look() -> None:
        for _ in range(2):
            found.append(find() is asyncio.get_running_loop())

    async def look_in_both() -> None:
        await look()
        other = threading.Thread(target=lambda: asyncio.run(look()))
        other.start()
        other.join()
        await look()

    asyncio.run(look())
    asyncio.run(look_in_both())
    assert found == [True] * 8
    with pytest.raises(RuntimeError, match="no running event loop"):
        find()


async def test_its_time_is_the_loop_s() -> None:
    before = asyncio.get_running_loop().time()
    assert before <= loop_time() <= asyncio.get_running_loop().time()
