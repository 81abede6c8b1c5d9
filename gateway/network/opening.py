"""A new connection: to whichever address of a name answers first."""

import asyncio
import socket
from collections import deque
from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Any, Final

ALONE_SECONDS: Final = 0.25  # that one address is tried before the next one is as well; RFC 8305, 5

Address = tuple[socket.AddressFamily, int, int, tuple[Any, ...]]
"""Family, type and protocol of a socket, and where it leads to."""


async def connect(host: str, port: int) -> socket.socket:
    """A socket that is connected. Raises OSError, or UnicodeError for what can be no name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = alternating((family, kind, protocol, where) for family, kind, protocol, _, where in found)
    return await (_connected(addresses[0]) if len(addresses) == 1 else _race(addresses))


def alternating(addresses: Iterable[Address]) -> list[Address]:
    """Addresses such that the two families take turns, as one of them may lead nowhere; the first stays."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    return [address for address in chain(*zip_longest(*families.values())) if address is not None]


async def _race(addresses: list[Address]) -> socket.socket:
    """Try one address after the other, without waiting long for any of them."""
    waiting = deque(addresses)
    running: set[asyncio.Task[socket.socket]] = set()
    failure: BaseException = OSError("a name without addresses")
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(_connected(waiting.popleft())))
            alone = ALONE_SECONDS if waiting else None
            await asyncio.wait(running, timeout=alone, return_when=asyncio.FIRST_COMPLETED)
            for task in [each for each in running if each.done()]:
                running.remove(task)
                if (error := task.exception()) is None:
                    return task.result()
                failure = error
        raise failure
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_too_late)


async def _connected(address: Address) -> socket.socket:
    family, kind, protocol, where = address
    found = socket.socket(family, kind, protocol)
    try:
        found.setblocking(False)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(found, where)
    except BaseException:
        found.close()
        raise
    return found


def _too_late(task: "asyncio.Task[socket.socket]") -> None:
    """Close what was connected after another one was."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
