"""Places for calls under way at once. Whoever has to wait stands in a fair line."""

import asyncio
from dataclasses import dataclass, field

from gateway.deadline import Deadline
from gateway.errors import DeadlineExceeded
from gateway.resilience.line import Line


@dataclass(slots=True, eq=False)
class Slots:
    """At most `most` calls of one source at once."""

    source: str
    most: int
    taken: int = 0
    _line: "Line[asyncio.Future[bool]]" = field(default_factory=Line)

    def take(self) -> bool:
        """Take a place; whether there was one, and nobody who waits for it."""
        if self.taken < self.most and not self._line:
            self.taken += 1
            return True
        return False

    def free(self) -> None:
        """Leave a place: it goes to whoever is next."""
        while (place := self._line.pop()) is not None:
            if not place.done():
                place.set_result(True)
                return
        self.taken -= 1

    async def wait(self, held: Deadline | None, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for a place within the deadline that is held, and take it. Raises DeadlineExceeded."""
        place: asyncio.Future[bool] = loop.create_future()
        operation: object = place if held is None else held.operation
        self._line.join(operation, place, background=held is not None and held.background)
        late = None if held is None else loop.call_at(held.at, _too_late, place)
        try:
            if await place:
                return
        except asyncio.CancelledError:
            self._return(operation, place)
            raise
        finally:
            if late is not None:
                late.cancel()
        self._line.leave(operation, place)
        raise DeadlineExceeded(
            f"Too many calls to {self.source} were under way for the time left.", source=self.source
        )

    def _return(self, operation: object, place: "asyncio.Future[bool]") -> None:
        """Wait no longer; a place that was given in the same moment goes to the next one."""
        self._line.leave(operation, place)
        if place.done() and not place.cancelled() and place.result():
            self.free()


def _too_late(place: "asyncio.Future[bool]") -> None:
    """There was no place in time."""
    if not place.done():
        place.set_result(False)
