"""Work on another thread: in order, told to whoever waits, and left out where nobody does any more."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from functools import partial

import pytest

from gateway.thread import OneThread


class Held:
    """Something that can be seen to be gone."""


@pytest.fixture
def thread() -> Iterator[OneThread]:
    made = OneThread("worker")
    yield made
    made.end()


async def test_work_is_carried_out_in_order_on_one_other_thread(thread: OneThread) -> None:
    done: list[tuple[int, str]] = []

    def work(number: int) -> int:
        done.append((number, threading.current_thread().name))
        return number

    found = await asyncio.gather(*(thread.run(partial(work, each)) for each in range(50)))
    assert found == list(range(50))
    assert done == [(each, "worker") for each in range(50)]


async def test_an_exception_is_for_whoever_waits_and_the_next_work_is_carried_out(thread: OneThread) -> None:
    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda: 1 // 0)
    assert await thread.run(lambda: 7) == 7


async def test_work_that_nobody_waits_for_before_it_begins_is_left_out(thread: OneThread) -> None:
    go, done = threading.Event(), []
    first = asyncio.create_task(thread.run(go.wait))
    second = asyncio.create_task(thread.run(lambda: done.append("second")))
    await asyncio.sleep(0)
    second.cancel()
    first.cancel()  # this one has begun, or is left out as well
    await asyncio.wait((first, second))
    go.set()
    assert await thread.run(lambda: "third") == "third"
    assert done == []


async def test_what_was_worked_with_is_not_kept_while_there_is_nothing_to_do(thread: OneThread) -> None:
    seen = weakref.ref(await thread.run(Held))
    await thread.run(lambda: None)
    gc.collect()
    assert seen() is None


async def test_at_the_end_what_waits_is_carried_out_and_nothing_more() -> None:
    thread, done = OneThread("worker"), []
    waiting = [asyncio.create_task(thread.run(lambda: done.append(1))) for _ in range(9)]
    await asyncio.sleep(0)
    thread.end()
    assert len(done) == 9
    await asyncio.gather(*waiting)
    with pytest.raises(RuntimeError, match="has ended"):
        await thread.run(lambda: None)


def test_a_thread_that_had_nothing_to_do_never_begins() -> None:
    before = threading.active_count()
    OneThread("worker").end()
    assert threading.active_count() == before


def test_an_event_loop_that_is_gone_is_told_nothing() -> None:
    thread, go = OneThread("worker"), threading.Event()

    async def leave() -> None:
        task = asyncio.create_task(thread.run(go.wait))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    go.set()
    thread.end()
