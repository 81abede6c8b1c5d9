"""Asks servers in turns, and keeps what each round took of them."""

import asyncio
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.benchmarks import load, servers
from tests.benchmarks.comparison import Server, in_turns
from tests.benchmarks.jobs import Job

CONNECTIONS: Final = 32
WARM_UP_CONNECTIONS: Final = 8
TOO_SLOW: Final = 5.0  # seconds for a request on each connection
ROUNDS_OF_SLOW: Final = 2


@dataclass(slots=True)
class Figures:
    """What one server took for one job, round by round."""

    cpu: list[float] = field(default_factory=list)  # milliseconds a request
    calls: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)  # milliseconds, of all rounds
    slow: bool = False
    failures: int = 0
    failure: bytes = b""

    def over(self, other: "Figures") -> float:
        """The CPU of a request over that of another server, compared round by round: what is next to each
        other in time has met the same noise.
        """
        return statistics.median(mine / theirs for mine, theirs in zip(self.cpu, other.cpu, strict=False))

    def latency(self, percent: int) -> float:
        """The milliseconds within which so many of the requests were answered."""
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[percent - 1]


class Bench:
    """The servers, the sources behind them, and the event loop that asks."""

    def __init__(self, asked: Sequence[Server], mock: servers.Mock, runner: asyncio.Runner) -> None:
        self.asked = asked
        self.mock = mock
        self.runner = runner
        self.turns: dict[tuple[str, str], Iterator[bytes]] = {}

    def run(
        self, server: Server, job: Job, *, connections: int, seconds: float = 60.0, most: int | None = None
    ) -> load.Ran:
        """Go on with the requests of a job where the last run has ended."""
        requests = self.turns.setdefault((server.name, job.number), in_turns(server, job))
        run = load.run(server.port, requests, connections, seconds=seconds, most=most)
        return self.runner.run(run)

    def warm_up(self, job: Job, seconds: float) -> None:
        """Send requests for a while.

        Servers that keep nothing get the same ones again afterwards, as the sources have met all of those.
        """
        for server in self.asked:
            ran = self.run(server, job, connections=WARM_UP_CONNECTIONS, seconds=seconds)
            met = None if server.keeps else max(len(ran.seconds), CONNECTIONS + 1)
            self.turns[server.name, job.number] = in_turns(server, job, met)

    def round(
        self,
        job: Job,
        figures: dict[tuple[str, str], Figures],
        seconds: float,
        connections: int = CONNECTIONS,
    ) -> None:
        """Ask every server once for so many seconds. Those that take much longer rest after two rounds."""
        for server in self.asked:
            held = figures.setdefault((job.number, server.name), Figures())
            if held.slow and len(held.cpu) >= ROUNDS_OF_SLOW:
                continue
            calls, cpu = self.mock.calls(), servers.cpu_seconds(server.pid)
            ran = self.run(server, job, connections=connections, seconds=seconds)
            cpu, calls = servers.cpu_seconds(server.pid) - cpu, self.mock.calls() - calls
            done = len(ran.seconds)
            held.slow = ran.took > TOO_SLOW
            held.cpu.append(cpu / done * 1000)
            held.calls.append(calls / done)
            held.rates.append(ran.rate)
            held.latencies += [each * 1000 for each in ran.seconds]
            held.failures += ran.failures
            held.failure = held.failure or ran.failure
