"""Whoever waits for Redis goes away at each await in turn: nobody else is given an answer that is not theirs,
and no connection stays behind.
"""

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.cache.shelf import Kept, MemoryShelf, Shelf
from gateway.journal.journal import KeyedAs
from gateway.journal.owner import Owner
from gateway.model.audit import AuditEntry, AuditOutcome
from gateway.model.event import EventQuery, EventType, Happening
from gateway.model.source import Source
from gateway.resilience.sharing import Sharing
from gateway.setting import Rate, Secret
from gateway.shared.replicas import Replicas, share

AT = "2026-01-01T00:00:00.000Z"
OLD = "2025-01-01T00:00:00.000Z"
SPACE = "default:PACKAGEX"
PLACE = KeyedAs("default", "c", "f", "k")
ENTRY = AuditEntry(caller="c", action="a", outcome=AuditOutcome.APPLIED, contacts=("x",), detail={"a": 1})
MOST = 400  # awaits of one of the works below


@dataclass(frozen=True, slots=True)
class Shared:
    """What one replica shares."""

    replicas: Replicas
    shelf: Shelf
    rate: Sharing


class CancelledAt:
    """Awaits some work; the task is cancelled at the n-th time at which that waits, and `again` so many times
    later; where it is `soon`, in the next turn of the event loop.
    """

    def __init__(self, work: Awaitable[None], number: int, *, again: int = 0, soon: bool = False) -> None:
        self.work = work
        self.numbers = {number, number + again}
        self.soon = soon
        self.reached = False

    def __await__(self) -> Generator[Any, Any, None]:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        steps: Any = self.work.__await__()
        value: Any = None
        error: BaseException | None = None
        for count in itertools.count():
            try:
                waited = steps.send(value) if error is None else steps.throw(error)
            except StopIteration:
                return
            if count in self.numbers:
                self.reached = True
                loop.call_soon(task.cancel) if self.soon else task.cancel()
            value = error = None
            try:
                value = yield waited
            except BaseException as thrown:
                error = thrown


async def claimed(of: Shared) -> None:
    await of.replicas.journal.claim(PLACE, "m", AT, "me", OLD)
    await of.replicas.journal.take_over(PLACE, "other", "me")


async def stepped(of: Shared) -> None:
    journal = of.replicas.journal
    await journal.claim(PLACE, "m", AT, "me", OLD)
    await journal.leaving(PLACE, "s", "me")
    await journal.step(PLACE, "s", {"a": 1})
    await journal.release(PLACE, "me")
    await journal.drop(PLACE, "me")


async def noted(of: Shared) -> None:
    happening = Happening(type=EventType.CONTACT_CREATED, source=Source.PACKAGEX, contact="x", payload={})
    states = {"x": "1"}
    await of.replicas.journal.note(
        "default", "c", AT, [happening], answer=list, place=PLACE, entry=ENTRY, closes="t", states=states
    )


async def audited(of: Shared) -> None:
    await of.replicas.journal.open_audit("t", "default", "me", AT, ENTRY)
    await of.replicas.journal.audit("default", AT, [ENTRY], "t")
    await of.replicas.journal.erase("default", "x")


async def imported(of: Shared) -> None:
    journal = of.replicas.journal
    number = await journal.begin_job("default", "me", {"state": "RUNNING"}, str)
    await journal.keep_job(number, {"state": "RUNNING", "x": 1})
    await journal.end_job(number, "me", lambda job: {**job, "state": "FINISHED"})
    await journal.jobs_in("default", "RUNNING")


async def confirmed(of: Shared) -> None:
    await of.replicas.journal.hand_out("token", "default", "c", "b", "2099")
    await of.replicas.journal.redeem("token", "default", "c", "b", "2026", use=True)


async def kept(of: Shared) -> None:
    mark, _ = await of.shelf.get(SPACE, ["a", "b"])
    await of.shelf.put(SPACE, mark, {"a": Kept("x" * 100_000, 1.0), "b": Kept("y", 1.0)}, 60.0)
    await of.shelf.get(SPACE, ["a", "b"])
    await of.shelf.drop(SPACE, ["a"])
    await of.shelf.renew(SPACE)
    await of.shelf.clear(SPACE)


async def counted(of: Shared) -> None:
    await of.rate.take(1, False)
    await of.rate.take(1, True)
    await of.rate.take_of_one("c", 1, 5)


async def probed(of: Shared) -> None:
    await of.replicas.state.probe()
    await of.replicas.owner.lives("nobody")


async def read(of: Shared) -> None:
    journal = of.replicas.journal
    await journal.events("default", EventQuery(), 0, 10)
    await journal.statements("default", None)
    await journal.erase_events("default", ["x"])
    await journal.erase_answers("default", ["x"])
    await journal.erase_statements("default", ["x"])


WORKS = (claimed, stepped, noted, audited, imported, confirmed, kept, counted, probed, read)


@pytest.fixture
async def shared(redis_url: str) -> AsyncIterator[Shared]:
    replicas = share(Secret(redis_url), 1, Owner(None))
    made = Shared(replicas, replicas.shelf(MemoryShelf(10**6)), replicas.rate("S", Rate(1_000, 60.0)))
    await replicas.state.probe()
    yield made
    await replicas.aclose()
    await replicas.own.aclose()


async def answered(of: Shared, number: int) -> None:
    """Each connection answers what it is asked."""

    async def ask(caller: int) -> None:
        redis, words = of.replicas.state.redis, [f"{number}.{caller}.{each}" for each in "ab"]
        async with redis.pipeline(transaction=bool(caller % 2)) as pipe:
            for word in words:
                pipe.echo(word)
            assert await pipe.execute() == [word.encode() for word in words]
        assert await redis.echo(words[0]) == words[0].encode()

    await asyncio.gather(*map(ask, range(4)))


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.__name__)
@pytest.mark.parametrize("warm", [True, False], ids=["connected", "not connected"])
@pytest.mark.parametrize("how", [{}, {"soon": True}, {"again": 1}, {"again": 2}], ids=str)
async def test_whoever_goes_away_at_any_await_leaves_redis_as_it_was(
    shared: Shared, work: Callable[[Shared], Awaitable[None]], warm: bool, how: dict[str, Any]
) -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    pool: Any = shared.replicas.state.redis.connection_pool
    for number in range(MOST):
        if not warm:
            await pool.disconnect()
            pool._available_connections.clear()
        cancelled = CancelledAt(work(shared), number, **how)

        async def run(cancelled: CancelledAt = cancelled) -> None:
            await cancelled

        others = asyncio.all_tasks()
        task = asyncio.create_task(run())
        await asyncio.wait((task,))
        if behind := asyncio.all_tasks() - others:
            await asyncio.wait(behind)
        assert task.cancelled() or task.exception() is None
        if not shared.replicas.state.here:  # it is asked again soon
            assert work is probed
            await shared.replicas.state.probe()
        await answered(shared, number)
        assert not pool._in_use_connections
        if not cancelled.reached:
            break
    else:
        raise AssertionError("it never ends")
    assert number > 0
    gc.collect()
    await asyncio.sleep(0)
    assert told == []
