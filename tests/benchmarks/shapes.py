"""Measures the gateway alone against the emulators, with and without what it keeps of answers.

Prints, for each shape: requests a second, CPU milliseconds of the gateway process for each request, upstream
calls, and latencies. Medians over the rounds; timings of a shared machine are noisy.
"""

import asyncio
import json
import statistics
from itertools import cycle

from gateway.cache.reads import Keep
from tests.benchmarks import load
from tests.benchmarks.jobs import JOBS, SOURCES, Job, Names
from tests.benchmarks.servers import cpu_seconds, emulators, gateway, post

ROUNDS = 5
CONNECTIONS = 32
WARM_UP = 64
COUNTS = {"J1": 480, "J2": 160, "J3a": 64, "J4": 160}
NOTHING_KEPT = {f"GATEWAY_CACHE_{kind.name}_SECONDS": "0" for kind in Keep}


def main() -> None:
    """Run every job and print the table."""
    with emulators() as addresses:
        for title, settings in (("Every answer read from the sources", NOTHING_KEPT), ("As shipped", {})):
            print(f"\n{title}:\n")
            print("| shape | requests/s | CPU ms/request | upstream calls | p50 ms | p99 ms |")
            print("|---|---:|---:|---:|---:|---:|")
            with gateway({**addresses, **settings}) as (port, pid):
                names = read_names(port)
                for number, count in COUNTS.items():
                    print(measured(JOBS[number], port, pid, names, count), flush=True)


def measured(job: Job, port: int, pid: int, names: Names, count: int) -> str:
    """One row of the table."""
    requests = cycle([load.request(port, job.query, variables) for variables in job.variables(names)])
    asyncio.run(load.run(port, requests, CONNECTIONS, most=WARM_UP))
    rates, cpus, latencies = [], [], []
    for _ in range(ROUNDS):
        cpu = cpu_seconds(pid)
        ran = asyncio.run(load.run(port, requests, CONNECTIONS, most=count))
        if ran.failures:
            raise RuntimeError(ran.failure)
        rates.append(ran.rate)
        cpus.append((cpu_seconds(pid) - cpu) / count * 1000)
        latencies += ran.seconds
    last = asyncio.run(load.run(port, requests, 1, most=1)).last
    calls = json.loads(last.partition(load.END)[2])["extensions"]["cost"]["upstreamCalls"]
    p50, p99 = (statistics.quantiles(latencies, n=100)[place] * 1000 for place in (49, 98))
    return (
        f"| {job.title} | {statistics.median(rates):.0f} | {statistics.median(cpus):.2f} | {calls} "
        f"| {p50:.0f} | {p99:.0f} |"
    )


def read_names(port: int) -> Names:
    """Ids of contacts of each source, once the index knows them, and the first page of each list."""
    query = "query ($sources: [Source!]) { contacts(first: 100, sources: $sources, orderBy: {field: NAME}) "
    query += "{ nodes { id } sources { status } } }"
    contacts = {}
    for source in SOURCES:
        answer = post(port, query, {"sources": [source]})["data"]["contacts"]
        contacts[source] = [node["id"] for node in answer["nodes"]]
    return Names(contacts, {name: [None] for name in (*SOURCES, "RICH")})


if __name__ == "__main__":
    main()
