"""Measures the gateway as it ships, over real sockets, against emulators in a process of their own.

Prints, for each shape: requests a second, CPU milliseconds of the gateway process for each request, upstream
calls, and latencies. Medians over the rounds; timings of a shared machine are noisy.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.cache.reads import Keep
from tests.benchmarks import load
from tests.benchmarks.jobs import FIELDS, JOBS, Job

ROUNDS = 5
CONNECTIONS = 32
WARM_UP = 64
COUNTS = (480, 160, 64, 160)
TICKS = os.sysconf("SC_CLK_TCK")
NOTHING_KEPT = {f"GATEWAY_CACHE_{kind.name}_SECONDS": "0" for kind in Keep}
GATEWAY = [sys.executable, "-m", "gateway.cli"]


def main() -> None:
    """Run every job and print the table."""
    with emulators() as addresses:
        for title, settings in (("Every answer read from the sources", NOTHING_KEPT), ("As shipped", {})):
            print(f"\n{title}:\n")
            print(f"| {'shape':<54} | requests/s | CPU ms/request | upstream calls | p50 ms | p99 ms |")
            print(f"|{'-' * 56}|---:|---:|---:|---:|---:|")
            with gateway({**addresses, **settings}) as (port, pid):
                ids = read_ids(port)
                for job, count in zip(JOBS, COUNTS, strict=True):
                    print(measured(job, port, pid, ids, count), flush=True)


def measured(job: Job, port: int, pid: int, ids: dict[str, list[str]], count: int) -> str:
    """One row of the table."""
    requests = [load.request(port, job.query, variables) for variables in job.variables(ids)]
    asyncio.run(load.run(port, requests, WARM_UP, CONNECTIONS))
    rates, cpus, latencies = [], [], []
    for _ in range(ROUNDS):
        cpu, started = cpu_seconds(pid), time.perf_counter()
        seconds, last = asyncio.run(load.run(port, requests, count, CONNECTIONS))
        rates.append(count / (time.perf_counter() - started))
        cpus.append((cpu_seconds(pid) - cpu) / count * 1000)
        latencies += seconds
    _, last = asyncio.run(load.run(port, requests, 1, 1))
    calls = json.loads(last)["extensions"]["cost"]["upstreamCalls"]
    p50, p99 = (statistics.quantiles(latencies, n=100)[place] * 1000 for place in (49, 98))
    return (
        f"| {job.name:<54} | {statistics.median(rates):.0f} | {statistics.median(cpus):.2f} | {calls} "
        f"| {p50:.0f} | {p99:.0f} |"
    )


def read_ids(port: int) -> dict[str, list[str]]:
    """Ids of contacts of each source, once the index knows them."""
    query = "query ($sources: [Source!]) { contacts(first: 100, sources: $sources, orderBy: {field: NAME}) "
    query += f"{{ nodes {{ {FIELDS} }} sources {{ status }} }} }}"
    found = {}
    for source in ("SAMESPACE", "PACKAGEX", "SMART_SENDER"):
        answer = post(port, query, {"sources": [source]})["data"]["contacts"]
        found[source] = [node["id"] for node in answer["nodes"]]
    return found


def post(port: int, query: str, variables: dict[str, Any]) -> Any:
    """The answer to one query."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"content-type": "application/json"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.load(answer)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def emulators() -> Iterator[dict[str, str]]:
    """The emulators, without rate limits; their addresses."""
    command = [*GATEWAY, "sandbox", "--upstreams-only"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        addresses = dict(process.stdout.readline().strip().split("=", 1) for _ in range(3))
        wait_for(addresses["SMART_SENDER_URL"].removesuffix("/v1") + "/_emulator/calls")
        switch = addresses["SMART_SENDER_URL"].removesuffix("/v1") + "/_emulator/rate-limit"
        urllib.request.urlopen(urllib.request.Request(switch, b'{"on": false}', method="PUT"))
        yield addresses
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def gateway(addresses: dict[str, str]) -> Iterator[tuple[int, int]]:
    """The gateway with its default settings; its port and process id."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    settings = {
        **os.environ,
        **addresses,
        "SAMESPACE_API_KEY": "benchmark",
        "PACKAGEX_API_KEY": "benchmark",
        "SMART_SENDER_TOKEN": "benchmark",
        "SMART_SENDER_RATE_LIMIT": "off",
        "GATEWAY_PORT": str(port),
        "GATEWAY_DATA_DIR": ":memory:",
        "GATEWAY_INDEX_MAX_AGE_SECONDS": "86400",
    }
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*GATEWAY, "serve"], env=settings, **quiet)  # type: ignore[call-overload]
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


def wait_for(url: str) -> None:
    """Wait until an address answers, for ten seconds at most."""
    until = time.monotonic() + 10
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    main()
