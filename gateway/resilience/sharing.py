"""What a transport agrees on with other processes that call the same source."""

from collections.abc import Callable
from typing import Protocol


class Sharing(Protocol):
    """Room in a budget that is shared, and news of the source."""

    async def take(self, calls: int, background: bool) -> float:
        """Take room for some calls: 0.0, or the seconds until it is worth asking again."""
        ...

    async def take_of_one(self, caller: str, calls: int, most: int) -> float:
        """Take room in the part of one caller, who gets so many calls in a window; as `take`."""
        ...

    def opened(self, kind: str, seconds: float) -> None:
        """Our breaker for a class of calls has opened for so long."""
        ...

    def locked(self, seconds: float) -> None:
        """The source refuses requests for so long."""
        ...

    def listen(self, hinted: Callable[[str, float], None], closed: Callable[[float], None]) -> None:
        """Tell us what others learn: their breakers (class, seconds), and locks of the source (seconds)."""
        ...
