"""Work that is done again and again beside requests."""

from collections.abc import Awaitable, Callable

from gateway.resilience.transport import Sleep
from gateway.telemetry import logs


async def again(work: Callable[[], Awaitable[None]], what: str, seconds: float, sleep: Sleep) -> None:
    """Do some work, pause, and so on, until cancelled. A fault is logged, and must not end it in silence."""
    while True:
        try:
            await work()
        except Exception as error:
            logs.failure(error, what)
        await sleep(seconds)
