"""What commands on the records of an account share: a gateway of their own, signals, progress bars."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tqdm import tqdm

from gateway.app import Gateway, over_the_network, wall_clock
from gateway.config import BadSetting, Config
from gateway.errors import GatewayError
from gateway.model.text import printable

CALLER: Final = "command line"
BAD_CALL: Final = 2
STOPPED: Final = 130
LOOK_SECONDS: Final = 0.2  # between two looks at how far it is


async def carried_out(config: Config, account: str, work: Callable[[Gateway], Awaitable[int]]) -> int:
    """The exit status of work on an account: its own, 2 for a bad call, 130 where a signal has ended it."""
    gateway = Gateway(config, over_the_network(config.outgoing_proxy), wall_clock)
    mine = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, mine.cancel if mine else print)
    try:
        if account not in gateway.directories:
            raise BadSetting(f"There is no account {account!r}: GATEWAY_API_KEYS names none.")
        async with gateway.sharing():
            return await work(gateway)
    except GatewayError as error:
        complain(error.message)
        return BAD_CALL
    except asyncio.CancelledError:
        return STOPPED
    finally:
        await gateway.aclose()


def complain(text: str) -> None:
    """Say what is wrong."""
    print(f"gateway: {printable(text)}", file=sys.stderr)


def bar(unit: str, *, what: str | None = None, total: int | None = None) -> "tqdm[Any]":
    """A progress bar on a terminal, nothing elsewhere."""
    return tqdm(desc=what, total=total, unit=unit, disable=not sys.stderr.isatty(), leave=False)
