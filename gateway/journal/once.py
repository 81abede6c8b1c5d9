"""Keyed writes: a repeat returns the first answer, and what has left once never leaves again.

The record is claimed before anything is sent; each step is noted before it leaves, and with its outcome
afterwards. A gateway that was killed in between finds the steps: those with an outcome are answered from it,
those without are uncertain, and only the rest may still be sent.
"""

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from gateway import deadline
from gateway.errors import DeadlineExceeded, IdempotencyConflict, StateUnavailable
from gateway.journal.journal import Journal, Keyed, KeyedAs, Owning
from gateway.loop import running_loop
from gateway.telemetry import logs

KEPT: Final = timedelta(hours=24)
LONGEST_KEY: Final = 255
UNKEPT: Final = "The journal cannot be written now, so this was not sent. Repeat it later with the same key."
UNMEANT: Final = frozenset({"clientMutationId", "idempotencyKey"})  # do not make another input

T = TypeVar("T")

Answer = dict[str, Any]

_steps: ContextVar["Steps | None"] = ContextVar("steps", default=None)


@dataclass(slots=True)
class Steps:
    """The steps of the keyed write at hand, those that a killed process has left behind included."""

    journal: Journal
    place: KeyedAs
    owner: str
    before: Mapping[str, Any] = field(default_factory=dict)
    taken: bool = False
    answered: bool = False

    async def leaving(self, step: str) -> None:
        """Note that a step is about to leave. Raises StateUnavailable where it must not."""
        if not await _needed(self.journal.leaving(self.place, step, self.owner)):
            raise StateUnavailable("Another process has taken this write over. Repeat it with the same key.")
        self.taken = True

    async def ended(self, step: str, outcome: Any) -> None:
        """Note what became of a step."""
        await self.journal.step(self.place, step, outcome)


async def _needed(kept: Awaitable[T]) -> T:
    """What comes of something that has to be kept before anything leaves. Raises StateUnavailable."""
    try:
        return await kept
    except sqlite3.Error as error:
        logs.failure(error, "journal")
        raise StateUnavailable(UNKEPT) from None


async def told(kept: Awaitable[None]) -> None:
    """Keep something that has happened, where that can be done: with a full disk it is told all the same."""
    try:
        await kept
    except sqlite3.Error as error:
        logs.failure(error, "journal")


def current() -> Steps | None:
    """The steps of the keyed write at hand; None for a write without a key."""
    return _steps.get()


@contextmanager
def _noting(steps: Steps) -> Iterator[None]:
    token = _steps.set(steps)
    try:
        yield
    finally:
        _steps.reset(token)


def fingerprint(given: Mapping[str, Any], *more: str) -> str:
    """The same for the same input; `more` stands for what is no JSON, such as the hash of a file."""
    meant = {name: value for name, value in given.items() if name not in UNMEANT}
    text = json.dumps([meant, *more], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Running:
    """A keyed write under way. `claimed` tells the fingerprint that the journal holds for its key."""

    mark: str
    task: "asyncio.Task[Answer]"
    claimed: "asyncio.Future[str]"


class Once:
    """Answers keyed writes once."""

    def __init__(self, journal: Journal, owner: Owning, now: Callable[[], str]) -> None:
        self._journal = journal
        self._owner = owner
        self._now = now
        self._running: dict[KeyedAs, _Running] = {}

    async def run(self, place: KeyedAs, mark: str, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer of `work`, or that of the first call with this key. Raises IdempotencyConflict.

        The work goes on when its caller goes away. Failures that are raised are not kept: nothing had left,
        or its steps are known.
        """
        while True:
            running = self._running.get(place)
            if running is None:
                running = self._start(place, mark, work)
            elif running.mark != mark and await self._claimed(running) != mark:
                raise _conflict()
            elif running.mark != mark:  # that one is in conflict itself, and about to end
                await asyncio.wait((running.task,))
                continue
            return await self._joined(running)

    def _start(self, place: KeyedAs, mark: str, work: Callable[[], Awaitable[Answer]]) -> _Running:
        claimed: asyncio.Future[str] = running_loop().create_future()
        task = asyncio.create_task(self._begin(place, mark, work, claimed))
        task.add_done_callback(lambda _: self._ended(place))
        found = self._running[place] = _Running(mark, task, claimed)
        return found

    async def _claimed(self, running: _Running) -> str | None:
        """The fingerprint that the journal holds; None where that could not be learnt."""
        await asyncio.wait((running.claimed, running.task), return_when=asyncio.FIRST_COMPLETED)
        return running.claimed.result() if running.claimed.done() else None

    async def _joined(self, running: _Running) -> Answer:
        left = deadline.seconds_left(float("inf"))
        try:
            async with asyncio.timeout(None if left == float("inf") else max(left, 0) + GRACE):
                return await asyncio.shield(running.task)
        except TimeoutError:
            raise DeadlineExceeded(
                "The write with this key goes on. Repeat it with the same key to learn what became of it."
            ) from None

    async def aclose(self, seconds: float) -> None:
        """Let what runs come to its end, for so long."""
        tasks = [running.task for running in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def _begin(
        self,
        place: KeyedAs,
        mark: str,
        work: Callable[[], Awaitable[Answer]],
        claimed: "asyncio.Future[str]",
    ) -> Answer:
        held = await _needed(self._claimed_by(place, mark, claimed))
        before: Mapping[str, Any] = {}
        if held is not None:
            if held.fingerprint != mark:
                raise _conflict()
            if held.answer is not None:
                answer: Answer = held.answer
                return answer
            if not await self._journal.take_over(place, self._owner.name, held.owner):
                raise _elsewhere()
            before = await self._journal.steps(place)
        steps = Steps(self._journal, place, self._owner.name, before)
        try:
            with _noting(steps):
                answer = await work()
        except BaseException:
            if not steps.taken and not before:
                await asyncio.shield(self._journal.drop(place, self._owner.name))
            else:
                await asyncio.shield(self._journal.release(place, self._owner.name))
            raise
        if not steps.taken and not before:  # nothing has left, so a mended repeat is welcome
            await self._journal.drop(place, self._owner.name)
        elif not steps.answered:
            await told(self._journal.answered(place, answer))  # else a repeat goes by its steps
        return answer

    async def _claimed_by(self, place: KeyedAs, mark: str, claimed: "asyncio.Future[str]") -> Keyed | None:
        """The record of the first call with this key, once no other process carries it out; None: it is ours.

        Raises DeadlineExceeded where another process takes longer than there is time.
        """
        now = self._now()
        oldest = (datetime.fromisoformat(now) - KEPT).isoformat(timespec="milliseconds")
        oldest = oldest.replace("+00:00", "Z")
        while True:
            try:
                held = await self._journal.claim(place, mark, now, self._owner.name, oldest)
            except StateUnavailable:  # it may have been kept all the same
                await self._journal.release(place, self._owner.name)
                raise
            if not claimed.done():
                claimed.set_result(mark if held is None else held.fingerprint)
            if held is None or held.answer is not None or held.fingerprint != mark:
                return held
            if held.owner == self._owner.name or not await self._owner.lives(held.owner):
                return held
            if deadline.seconds_left(float("inf")) <= LOOK_SECONDS:
                raise _elsewhere()
            await asyncio.sleep(LOOK_SECONDS)

    def _ended(self, place: KeyedAs) -> None:
        task = self._running.pop(place).task
        if not task.cancelled():
            task.exception()  # seen, so that nobody is warned of what all waiters left behind


LOOK_SECONDS: Final = 0.05  # between looks whether another process has answered
GRACE: Final = 0.5  # seconds that the work has to end after its own deadline


def _elsewhere() -> DeadlineExceeded:
    return DeadlineExceeded("Another process carries out the write with this key. Repeat it later.")


def _conflict() -> IdempotencyConflict:
    return IdempotencyConflict(
        "This idempotency key came with another input before. Use a new key for a new write."
    )
