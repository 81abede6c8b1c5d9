"""Reference cycles are looked for by time: the young often, everything seldom."""

import asyncio
import gc
import weakref

from gateway.server import tidying
from tests.support.waiting import until


class Held:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.me = self


async def test_a_cycle_is_gone_after_a_while() -> None:
    gc.disable()
    seen = weakref.ref(Held())
    assert seen() is not None
    looking = asyncio.create_task(tidying.tidy(0))
    try:
        await until(lambda: seen() is None)
    finally:
        looking.cancel()
        gc.enable()


def test_what_is_old_is_looked_through_seldom() -> None:
    turns = [tidying.generation(turn) for turn in range(1, 121)]
    assert [turns.count(each) for each in (0, 1, 2)] == [100, 18, 2]
    assert turns[59] == turns[119] == 2


def test_what_is_there_at_the_start_is_looked_through_no_more() -> None:
    before, threshold = gc.get_freeze_count(), gc.get_threshold()
    try:
        tidying.begin()
        assert gc.get_freeze_count() > before
        assert gc.get_threshold() == tidying.MOST
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
