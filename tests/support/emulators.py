"""The emulators behind real sockets, on a thread of this process: one of their own takes half a second of
CPU to begin.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gateway import sandbox
from gateway.server import running
from gateway.upstreams.people import Population
from tests.support.process import PATIENCE


@contextmanager
def emulators(contacts: int) -> Iterator[dict[str, str]]:
    """New ones, with so many people; their addresses, as settings of a gateway."""
    settings, servers, sockets = {}, [], []
    for source, emulator in sandbox.emulators(Population(size=contacts)).items():
        url, _, path = sandbox.PLACES[source]
        sockets.append(running.listen(sandbox.LOOPBACK, 0))
        settings[url] = running.address(sockets[-1]) + path
        servers.append(running.Server(running.chosen(emulator.app, running.EMULATOR_SECONDS)))
        sockets[-1].listen()  # who calls before they are ready waits

    async def serve() -> None:
        served = zip(servers, sockets, strict=True)
        await asyncio.gather(*(server.serve(sockets=[each]) for server, each in served))

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield settings
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()
