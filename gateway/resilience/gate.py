"""Asks the breaker before a call, and tells it afterwards. Waits a moment for a probe that is under way."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway import deadline, events
from gateway.errors import UpstreamUnavailable
from gateway.loop import loop_time, running_loop
from gateway.resilience.breaker import Breaker, State

PROBE_SECONDS: Final = 0.5  # that a call waits for a probe, before it is refused


def _nobody(_kind: str, _seconds: float) -> None:
    """Nobody else is told."""


@dataclass(slots=True, eq=False)
class Gate:
    """The way through the breaker of one class of calls (`read`, `write`) of one source."""

    source: str
    kind: str
    breaker: Breaker
    opened: Callable[[str, float], None] = _nobody
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def guarded(self) -> bool:
        """Whether a call may be refused, or counts as a probe."""
        return self.breaker.state is not State.CLOSED

    @property
    def shut(self) -> bool:
        """Whether calls are refused now."""
        return self.breaker.refuses_for(loop_time()) > 0

    def check(self) -> None:
        """Raise UpstreamUnavailable with a time where calls are refused now."""
        wait = self._refused_for(loop_time())
        if wait:
            raise self._refusal(wait)

    async def enter(self) -> int:
        """The number of a call that may go. Raises UpstreamUnavailable with a time where none may."""
        clock = running_loop().time
        until = clock() + deadline.seconds_left(PROBE_SECONDS)
        while True:
            self.check()
            number = self.breaker.enter()
            if number is not None:
                return number
            if clock() >= until:
                raise self._refusal(PROBE_SECONDS)
            try:
                async with asyncio.timeout_at(until):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def succeeded(self, number: int) -> None:
        """A call went well."""
        if number or self.breaker.state is not State.CLOSED:
            self._told(lambda: self.breaker.succeeded(number))
        else:
            self.breaker.succeeded(number)

    def failed(self, number: int) -> None:
        """A call failed in a way that speaks of the source's health."""
        now = loop_time()
        before = self.breaker.state
        self._told(lambda: self.breaker.failed(number, now))
        if self.breaker.state is State.OPEN and before is not State.OPEN:
            self.opened(self.kind, self.breaker.refuses_for(now))

    def asked_to_wait(self, seconds: float) -> None:
        """The source has said for how long it is in trouble."""
        now = loop_time()
        self._told(lambda: self.breaker.told(now, seconds))

    def left(self, number: int) -> None:
        """A call ended without saying anything of the source."""
        if number:
            self._told(lambda: self.breaker.left(number))

    def _refused_for(self, now: float) -> float:
        before = self.breaker.state
        wait = self.breaker.refuses_for(now)
        if self.breaker.state is not before:
            self._tell()
        return wait

    def _told(self, change: Callable[[], None]) -> None:
        before = self.breaker.state
        change()
        if self.breaker.state is not before:
            self._tell()
        self._changed.set()
        self._changed = asyncio.Event()

    def _tell(self) -> None:
        events.emit(events.BreakerChanged(source=self.source, kind=self.kind, state=self.breaker.state.value))

    def _refusal(self, wait: float) -> UpstreamUnavailable:
        error = UpstreamUnavailable(
            self.source,
            f"{self.source} keeps failing, so it is left alone for now. Try again in {wait:.1f} seconds.",
            retry_after=wait,
        )
        error.uncertain, error.unsent = False, True
        return error
