"""How sockets are listened on."""

import asyncio
import socket
from contextlib import ExitStack

import uvloop

from gateway.server import running

CALLERS = 320


def test_a_turn_of_the_event_loop_takes_many_callers() -> None:
    """A busy loop has few turns, and whoever is not taken is not even refused."""
    taken: list[int] = []

    async def turns() -> int:
        loop, turn = asyncio.get_running_loop(), 0

        class Noted(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                taken.append(turn)
                transport.close()

        listening = running.listen("127.0.0.1", 0)
        servers = [
            await loop.create_server(Noted, sock=handle, backlog=running.BACKLOG)
            for handle in running.handles(listening)
        ]
        with ExitStack() as callers:
            for _ in range(CALLERS):
                callers.enter_context(socket.create_connection(listening.getsockname()))
            while len(taken) < CALLERS:
                turn += 1
                await asyncio.sleep(0)
        for server in servers:
            server.close()
        return max(taken) - min(taken) + 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(turns()) <= CALLERS / 10
    assert len(taken) == CALLERS
