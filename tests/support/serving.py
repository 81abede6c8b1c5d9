"""A world behind a real socket, in this process: for what comes in parts, and for sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from uvicorn.server import ServerState

from gateway.app import guard
from gateway.server import running
from tests.support.waiting import until
from tests.support.world import World


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[str]:
    """Host and port at which the gateway of a world answers, without the loop of uvicorn, which ends at its
    leisure.
    """
    listening = running.listen("127.0.0.1", 0)
    chosen = running.chosen(world.app, 1, guard(world.gateway.config, world.app))
    chosen.lifespan = "off"
    chosen.load()
    protocol, state = chosen.http_protocol_class, ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=chosen, server_state=state, app_state={}), sock=listening
    )
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.close()
        world.gateway.feed.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await until(lambda: not state.connections and not state.tasks)
