"""When and how often a call may be sent once more. Pure: told the dice.

Full jitter, and a budget of repeats, so that a source in trouble is not buried under them
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
"""

from dataclasses import dataclass
from typing import Final

FIRST: Final = 0.1
LONGEST: Final = 2.0
MOST_SAVED: Final = 10.0
SHARE: Final = 0.2  # of the calls that may be repeats, in the long run


def pause(attempt: int, dice: float) -> float:
    """Seconds before the repeat that follows an attempt (1 for the first); `dice` is from 0 to 1."""
    return dice * float(min(LONGEST, FIRST * 2.0 ** (attempt - 1)))


@dataclass(slots=True)
class Repeats:
    """Every call saves a part of a repeat; a repeat costs a whole one. Without savings there is none."""

    saved: float = MOST_SAVED

    def earn(self) -> None:
        """A call was made."""
        self.saved = min(MOST_SAVED, self.saved + SHARE)

    def spend(self) -> bool:
        """Take a repeat, where one is saved."""
        if self.saved < 1.0:
            return False
        self.saved -= 1.0
        return True
