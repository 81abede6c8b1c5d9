"""Single writes: paid for as a whole, noted before they leave, and each with an outcome of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway import deadline
from gateway.errors import BudgetSpent, DeadlineExceeded, GatewayError, StateUnavailable
from gateway.journal import once
from gateway.loop import running_loop
from gateway.model.source import Source
from gateway.model.writing import WriteOutcome
from gateway.ports import Upstream
from gateway.telemetry import logs
from gateway.upstreams.several import each_of
from gateway.writing import outcomes

AT_ONCE: Final = 8  # writes to one source; fewer than its transport has places, so that read-backs find one
MARGIN: Final = 1.5  # of the slowest write so far has to be left for the next one

Work = Callable[[], Awaitable[WriteOutcome]]
Failed = Callable[[GatewayError], WriteOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One write to one source. `step` names it within its mutation; `failed` makes outcomes of failures.

    `targets` are the global ids of the records that share its outcome, none for one to be created.
    """

    step: str
    upstream: Upstream
    price: int
    work: Work
    failed: Failed
    targets: Sequence[str] = ()

    @property
    def source(self) -> Source:
        """The source that is written to."""
        return self.upstream.source

    @property
    def target(self) -> str | None:
        """The one record that is meant, where it is one."""
        return self.targets[0] if len(self.targets) == 1 else None


@dataclass(slots=True)
class _Lane:
    """The writes to one source: how many may run at once, and how long the slowest has taken."""

    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    slowest: float = 0.0


async def make(attempts: Sequence[Attempt]) -> list[WriteOutcome]:
    """Carry out writes, to all sources at once. What budget and time do not allow is skipped beforehand."""
    lanes: dict[Source, _Lane] = {}
    room: dict[Source, int | None] = {}
    running: list[Awaitable[WriteOutcome]] = []
    crowded = len(attempts) > AT_ONCE  # else each finds a place
    for attempt in attempts:
        source = attempt.source
        lane = lanes.setdefault(source, _Lane())
        times, wait = attempt.upstream.purse.affordable(attempt.price)
        left = room.setdefault(source, times)
        if left is not None and left < 1 and len(attempts) > 1:
            running.append(_skip(attempt, wait))
            continue
        room[source] = None if left is None else left - 1
        running.append(_in_turn(attempt, lane) if crowded else _one(attempt, lane))
    found = await each_of(running)
    return [_told(attempt, outcome) for attempt, outcome in zip(attempts, found, strict=True)]


def _told(attempt: Attempt, outcome: WriteOutcome | BaseException) -> WriteOutcome:
    """The outcome of a write. What could not be noted beforehand did not leave.

    Where nothing at all has left, the mutation fails as a whole, so that a repeat with its key is welcome.
    """
    if isinstance(outcome, StateUnavailable):
        steps = once.current()
        if steps is None or not (steps.taken or steps.before):
            raise outcome
        return attempt.failed(outcome)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


async def _skip(attempt: Attempt, wait: float) -> WriteOutcome:
    spent = BudgetSpent(
        attempt.source.value,
        f"The rate limit of {attempt.source.value} leaves no room for all of it in the time given.",
        retry_after=wait,
    )
    return outcomes.skipped(attempt.source, spent, target=attempt.target)


async def _in_turn(attempt: Attempt, lane: _Lane) -> WriteOutcome:
    async with lane.places:
        return await _one(attempt, lane)


async def _one(attempt: Attempt, lane: _Lane) -> WriteOutcome:
    steps = once.current()
    if steps is not None and attempt.step in steps.before:
        outcome: WriteOutcome | None = steps.before[attempt.step]
        return outcome or outcomes.left_behind(attempt.source, target=attempt.target)
    left = deadline.seconds_left(float("inf"))
    if left <= lane.slowest * MARGIN:
        late = DeadlineExceeded(
            "The time left would not have been enough.",
            source=attempt.source.value,
            retry_after=max(lane.slowest, outcomes.SOON),
        )
        return outcomes.skipped(attempt.source, late, target=attempt.target)
    try:
        async with attempt.upstream.purse.paid(attempt.price):
            if steps is not None:
                await steps.leaving(attempt.step)
            outcome = await _timed(attempt, lane)
    except StateUnavailable:
        raise
    except GatewayError as error:  # it could not be paid for
        return attempt.failed(error)
    if steps is not None:
        await once.told(steps.ended(attempt.step, outcome))
    return outcome


async def _timed(attempt: Attempt, lane: _Lane) -> WriteOutcome:
    clock = running_loop().time
    started = clock()
    try:
        return await attempt.work()
    except GatewayError as error:
        return attempt.failed(error)
    except Exception as error:  # whatever it was, the write may have left: it must have an outcome
        logs.failure(error, "write")
        return outcomes.broken(attempt.source, target=attempt.target)
    finally:
        lane.slowest = max(lane.slowest, clock() - started)
