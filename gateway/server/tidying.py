"""When Python looks for reference cycles while the gateway serves: by time, not by how much is made.

Requests leave no cycles behind. A burst of them looks like growth to the collector all the same, which then
goes through everything that waits, again and again: a tenth of the CPU where a thousand calls are under way.
"""

import asyncio
import gc
import itertools
from typing import Final

# Documents that come once leave cycles behind (graphql-core's validation): they must not pile up until then.
MOST: Final = (300_000, 20, 100)
SECONDS: Final = 10.0
MIDDLE: Final = 6  # turns
WHOLE: Final = 60


def begin() -> None:
    """What is there now stays; a body with many lists must not have it looked through again."""
    gc.freeze()
    gc.set_threshold(*MOST)


async def tidy(seconds: float = SECONDS) -> None:
    """Look for cycles again and again, until cancelled."""
    for turn in itertools.count(1):
        await asyncio.sleep(seconds)
        gc.collect(generation(turn))


def generation(turn: int) -> int:
    """How far back a turn looks: what is young each time, everything each ten minutes."""
    return 2 if turn % WHOLE == 0 else 1 if turn % MIDDLE == 0 else 0
