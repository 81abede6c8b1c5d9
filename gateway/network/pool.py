"""How many connections there are, and which of them are kept for a next request."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import httpx

from gateway.loop import running_loop
from gateway.network.connection import Connection
from gateway.network.prepared import Origin

Place = asyncio.Future[Connection | None]


@dataclass(slots=True, eq=False)
class Pool:
    """At most `most` connections, of which `kept` wait for a next request, for so many `seconds` at most.

    Whoever can take no connection that was kept waits for a place for a new one, which is then `opened`, or
    `failed`.
    """

    most: int
    kept: int
    seconds: float
    taken: int = 0  # places: connections, and those that are being opened
    open: set[Connection] = field(default_factory=set)
    idle: list[Connection] = field(default_factory=list)  # the one used last is the next
    _line: "deque[tuple[Origin, Place]]" = field(default_factory=deque)
    _sweeping: asyncio.TimerHandle | None = None

    def take(self, origin: Origin) -> Connection | None:
        """A connection that was kept, if there is one."""
        for connection in self.idle[::-1]:
            if connection.origin == origin:
                self.idle.remove(connection)
                if connection.kept_until > connection.loop.time() and connection.idle:
                    return connection
                connection.abort()
        return None

    async def place(self, origin: Origin, seconds: float | None) -> Connection | None:
        """A place for a new connection, or one that has become free meanwhile. Raises PoolTimeout."""
        if self.taken >= self.most and self.idle:  # they lead elsewhere
            self.idle[0].abort()
        if self.taken >= self.most:
            return await self._wait(origin, seconds)
        self.taken += 1
        return None

    def opened(self, connection: Connection) -> None:
        """A place has become a connection."""
        self.open.add(connection)

    def failed(self) -> None:
        """A place has not: it goes to whoever is next."""
        self.taken -= 1
        if (first := self._first()) is not None:
            self.taken += 1
            first[1].set_result(None)

    def released(self, connection: Connection) -> None:
        """A connection is fit for another request."""
        if self._line and (first := self._first()) is not None:
            if first[0] == connection.origin:
                first[1].set_result(connection)
            else:
                self._line.appendleft(first)
                connection.abort()
        elif len(self.idle) < self.kept:
            connection.kept_until = connection.loop.time() + self.seconds
            self.idle.append(connection)
            if self._sweeping is None:
                self._sweeping = connection.loop.call_later(self.seconds, self._sweep)
        else:
            connection.abort()

    def lost(self, connection: Connection) -> None:
        """A connection is closed."""
        if connection in self.open:  # else it was told already, or before the connection was ours
            self.open.remove(connection)
            if connection in self.idle:
                self.idle.remove(connection)
            self.failed()

    def close(self) -> None:
        """Close all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in self.open.copy():
            connection.abort()

    def _first(self) -> tuple[Origin, Place] | None:
        """Who has waited longest, out of the line."""
        while self._line:
            first = self._line.popleft()
            if not first[1].done():
                return first
        return None

    async def _wait(self, origin: Origin, seconds: float | None) -> Connection | None:
        place: Place = running_loop().create_future()
        self._line.append((origin, place))
        try:
            async with asyncio.timeout(seconds):
                return await place
        except TimeoutError:
            self._return(place)
            raise httpx.PoolTimeout("No connection became free in time.") from None
        except asyncio.CancelledError:
            self._return(place)
            raise

    def _return(self, place: Place) -> None:
        """Wait no longer; what was given in the same moment goes to the next one."""
        if place.done() and not place.cancelled():
            given = place.result()
            if given is None:
                self.failed()
            else:
                self.released(given)

    def _sweep(self) -> None:
        """Close what nobody has used for too long, and come again while something is kept."""
        loop = running_loop()
        while self.idle and self.idle[0].kept_until <= loop.time():
            self.idle[0].abort()
        self._sweeping = None
        if self.idle:
            self._sweeping = loop.call_at(self.idle[0].kept_until, self._sweep)
