"""What one call of a source costs, layer by layer: each figure is that of a layer with all that lie below it.

    python -m tests.benchmarks.layers

A contact is asked for by its id, 32 at a time, from the mock on another core; what is told is microseconds of
this process's CPU for one call. All else that an operation takes comes on top.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import count
from typing import Any, Final, cast

import uvloop

from gateway import clock, deadline, events
from gateway.cache.flights import Flights
from gateway.cache.known import Known
from gateway.context.cost import CostMeter
from gateway.federation.health import HealthBoard
from gateway.network.pool import Pool
from gateway.network.prepared import Base, Prepared
from gateway.network.transport import Network
from gateway.resilience.budget import Budget
from gateway.resilience.policy import Policy
from gateway.resilience.transport import UpstreamTransport
from gateway.resilience.wire import Credential, Wire
from gateway.telemetry import logs
from gateway.telemetry.voice import Voice
from tests.benchmarks import servers

AT_ONCE: Final = 32
CALLS: Final = 3_200
ROUNDS: Final = 9
PEOPLE: Final = 600
SOURCE: Final = "PACKAGEX"
FLIGHT: Final = "flight, and all who listen"

Ask = Callable[[], Awaitable[object]]


class Raw(asyncio.Protocol):
    """A connection that takes whatever comes for an answer."""

    transport: asyncio.Transport
    answered: "asyncio.Future[None]"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Some of an answer has come: those of the mock are small."""
        del data
        self.answered.set_result(None)


async def raw(base: Base, path: str) -> Ask:
    """A socket, and bytes that were written before: what any client in Python takes at least."""
    loop = asyncio.get_running_loop()
    origin = base.origin
    idle = [(await loop.create_connection(Raw, origin.host, origin.port))[1] for _ in range(AT_ONCE)]
    head = f"GET {base.path.decode()}{path} HTTP/1.1\r\nhost: {base.host}\r\n\r\n".encode()

    async def ask() -> None:
        connection = idle.pop()
        connection.answered = loop.create_future()
        connection.transport.write(head)
        await connection.answered
        idle.append(connection)

    return ask


@contextmanager
def heard() -> Iterator[None]:
    """Everybody listens who listens to an operation, which has a deadline; the log goes nowhere."""
    with ExitStack() as stack:
        before, sys.stderr = sys.stderr, stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
        stack.callback(setattr, sys, "stderr", before)
        logs.configure("info")
        board = HealthBoard(lambda: clock.as_text(time.time_ns() // 1_000_000))
        stack.enter_context(deadline.within(60.0))
        stack.enter_context(events.heard_by(CostMeter(), board, *Voice().listeners("layers")))
        yield


async def layers(address: str) -> dict[str, Ask]:
    """How each layer asks for one contact."""
    network, credential = Network(Pool(AT_ONCE, AT_ONCE, 60.0)), Credential({"px-api-key": "benchmark"})
    transport = UpstreamTransport(SOURCE, network, Budget(None, 60.0), Policy(at_once=AT_ONCE))
    wire, flights, numbers = Wire(transport, address, credential, Known(0)), Flights(SOURCE), count()
    found = await wire.send("listContacts", "GET", ("contacts",), query={"page": 1, "limit": 1}, safe=True)
    contact, base = found.json["data"][0]["id"], Base(address)

    def request(**extensions: Any) -> Prepared:
        path, headers = f"/contacts/{contact}", credential.headers
        return Prepared("GET", base, path, headers=headers, content=None, extensions=extensions)

    def send() -> Any:
        return wire.send("getContact", "GET", ("contacts", contact), safe=True)

    return {
        "a socket": await raw(base, f"/contacts/{contact}"),
        "network": lambda: network.handle_async_request(request()),
        "resilience": lambda: transport.handle_async_request(request(operation="getContact", safe=True)),
        "wire": send,
        FLIGHT: lambda: flights.share(next(numbers), send),
    }


async def measured(ask: Ask) -> float:
    """Microseconds of CPU for one call."""

    async def one_after_another() -> None:
        for _ in range(CALLS // AT_ONCE):
            await ask()

    before = time.process_time()
    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    return (time.process_time() - before) / CALLS * 1e6


async def run(address: str) -> dict[str, list[float]]:
    """The figures of each layer, round by round; the layers take turns."""
    found: dict[str, list[float]] = {}
    asks = await layers(address)
    for _ in range(ROUNDS):
        for name, ask in asks.items():
            with heard() if name == FLIGHT else nullcontext():
                found.setdefault(name, []).append(await measured(ask))
    return found


def main() -> None:
    """Print a line for each layer."""
    with servers.mock(PEOPLE, 1) as mock:
        os.sched_setaffinity(0, servers.SERVER_CORE)
        found = uvloop.run(run(mock.addresses["PACKAGEX_URL"]))
    print("| layer, with all below it | µs a call |\n|---|---:|")
    for name, figures in found.items():
        print(f"| {name} | {statistics.median(figures):.0f} |")


if __name__ == "__main__":
    main()
