"""Shows that the gateway stays up: with a source that is slow or dead, overloaded, over an hour's requests.

Prints three tables; `--write docs/endurance.md` writes the page. Nothing here is asserted: timings are noisy.
"""

import argparse
import asyncio
import json
import platform
import random
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.server.patience import LONGEST, SHORT, SPELL
from tests.benchmarks.servers import cpu_seconds, emulators, gateway, post
from tests.endurance.caller import Connections, Notes, closed, ms, request, steady

LIST = (
    "query List { contacts(first: 20) "
    "{ nodes { id displayName email phone company createdAt updatedAt asOf } sources { source status } } }"
)
TALKS = (
    "{ contacts(first: 10, sources: [SMART_SENDER]) "
    "{ nodes { chat { id messages(first: 2) { nodes { text } } } } } }"
)
ONE = (
    "query One($id: ID!) { contact(by: { id: $id }) "
    "{ displayName properties { key value } groups { nodes { name } } chat { id } } }"
)
CHANGE = (
    "mutation Change($id: ID!, $n: String!) "
    "{ updateContact(input: { id: $id, contact: { lastName: $n } }) { outcome { status } } }"
)
FRESH = "cache-control: no-cache"
FAULTS = (
    ("all sources well", None),
    ("PackageX answers after 0.5 s", {"latency": 0.5}),
    ("PackageX never answers", {"latency": 3_600}),
    ("PackageX answers 503", {"status": 503}),
    ("PackageX breaks every connection", {"reset": "headers"}),
)
SOURCE_SECONDS = "2"
COMING_AND_GOING = ({"status": 503}, {"latency": 0.2}, {"reset": "headers"}, {"body": "<"}, None)
SOAK_REQUESTS = 36_000  # ten a second for an hour
SOAK_SAMPLES = 12
REST_SECONDS = 30.0


def main() -> None:
    """Run the reports that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.endurance", description=__doc__)
    parser.add_argument("--write", metavar="PAGE", type=Path)
    parser.add_argument("--only", choices=("sources", "overload", "soak"))
    parser.add_argument("--requests", type=int, default=SOAK_REQUESTS, help="of the soak")
    chosen = parser.parse_args()
    lines: list[str] = []
    for name, report in (("sources", sources), ("overload", overload), ("soak", soak)):
        if chosen.only in (None, name):
            for line in report(chosen.requests):
                print(line, flush=True)
                lines.append(line)
    if chosen.write:
        head = HEAD.format(day=datetime.now(UTC).date(), python=platform.python_version())
        chosen.write.write_text("\n".join([head, *lines, ""]))


HEAD = """# Endurance

<!-- Written by `make endurance`. Do not edit. -->

How the gateway stays up: `make endurance` starts the emulators and `gateway serve` as processes of their own,
with the settings as shipped except `SMART_SENDER_RATE_LIMIT=off` (no vendor stands behind the emulators) and,
in the first table, two seconds for a call of a source. As run on {day}, CPython {python}, on two cores that
gateway, emulators and callers share. Timings are noisy: compare rows of one table.
"""


def body(query: str, **variables: Any) -> bytes:
    """A GraphQL request."""
    return json.dumps({"query": query, "variables": variables}).encode()


def fault(address: str, told: dict[str, Any] | None, operation: str = "*") -> None:
    """Switch a fault of an emulator on, or all of them off."""
    url = f"{address.removesuffix('/v1')}/_emulator/faults"
    if told is None:
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()
        return
    sent = urllib.request.Request(f"{url}/{operation}", json.dumps(told).encode(), method="PUT")
    sent.add_header("content-type", "application/json")
    urllib.request.urlopen(sent).close()


def sources(_: int) -> Iterator[str]:
    """What callers of all three sources meet when one of them is in trouble."""
    yield "\n## One source in trouble\n"
    yield "Eight callers ask for 20 contacts of all sources with `Cache-Control: no-cache`, 400 times.\n"
    yield "| | p50 ms | p99 ms | PackageX in the last answer | requests that PackageX got |"
    yield "|---|---:|---:|---|---:|"
    settings = {"PACKAGEX_TIMEOUT_SECONDS": SOURCE_SECONDS}
    with emulators() as addresses, gateway({**addresses, **settings}) as (port, _):
        asyncio.run(closed(port, lambda _: request(port, body(LIST), FRESH), 64, 8))
        for name, told in FAULTS:
            calls = f"{addresses['PACKAGEX_URL'].removesuffix('/v1')}/_emulator/calls"
            urllib.request.urlopen(urllib.request.Request(calls, method="DELETE")).close()
            fault(addresses["PACKAGEX_URL"], told)
            notes = asyncio.run(closed(port, lambda _: request(port, body(LIST), FRESH), 400, 8))
            status = _status(port)
            with urllib.request.urlopen(calls) as answer:
                got = json.load(answer)["requests"]
            yield f"| {name} | {ms(notes.answered, 50)} | {ms(notes.answered, 99)} | {status} | {got} |"
            fault(addresses["PACKAGEX_URL"], None)
            while _status(port) != "OK":  # the breaker lets a probe through when its time has come
                time.sleep(0.2)
    yield "\nWithout `no-cache` a source in trouble is stood in for by what was last seen, marked `STALE`,"
    yield "for five minutes."


def _status(port: int) -> str:
    sent = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        body(LIST),
        {"content-type": "application/json", "cache-control": "no-cache"},
    )
    with urllib.request.urlopen(sent, timeout=30) as answer:
        told = json.load(answer)["data"]["contacts"]["sources"]
    return str(next(each["status"] for each in told if each["source"] == "PACKAGEX"))


def overload(_: int) -> Iterator[str]:
    """What callers meet when they ask for twice of what one core can do."""
    yield "\n## Overload\n"
    yield "20 contacts of all three sources, uncached. First 512 callers at once, and 16 for the capacity,"
    yield "each with its next request when the last is answered; then twice that rate, whatever is answered;"
    yield f"then an ordinary load again. A crowd waits for its turn, {LONGEST:.0f} s at most. Where the line"
    yield f"is too long again and again, it is kept to {SHORT} s for {SPELL:.0f} s; what has no room there is"
    yield "refused at once.\n"
    yield "| | offered/s | answered/s | p50 ms | p99 ms | refused | p50 ms then | p95 ms | p99 ms | MB |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    with emulators() as addresses, gateway(addresses) as (port, pid):
        sent = request(port, body(LIST), FRESH)
        asyncio.run(closed(port, lambda _: sent, 200, 16))
        for name, count, callers in (("512 callers", 2_000, 512), ("capacity, 16 callers", 1_000, 16)):
            started = time.perf_counter()
            notes = asyncio.run(closed(port, lambda _: sent, count, callers))
            took = time.perf_counter() - started
            yield _row(name, None, notes, took, pid)
        rate = count / took
        for name, share, seconds in (
            ("a quarter of it", 0.25, 10),
            ("twice of it, 15 s", 2.0, 15),
            ("twice of it, 15 s more", 2.0, 15),
            ("a quarter again, at once", 0.25, 2),
            ("a quarter, 2 s later", 0.25, 10),
        ):
            started = time.perf_counter()
            notes = asyncio.run(steady(port, sent, rate * share, seconds))
            yield _row(name, rate * share, notes, time.perf_counter() - started, pid)


def _row(name: str, offered: float | None, notes: Notes, seconds: float, pid: int) -> str:
    answered, refused = notes.answered, notes.refused
    return (
        f"| {name} | {'–' if offered is None else f'{offered:.0f}'} | {len(answered) / seconds:.0f} "
        f"| {ms(answered, 50)} | {ms(answered, 99)} | {len(refused) / max(1, notes.count):.0%} "
        f"| {ms(refused, 50)} | {ms(refused, 95)} | {ms(refused, 99)} | {_memory(pid):.0f} |"
    )


def soak(count: int) -> Iterator[str]:
    """Whether anything grows over an hour's requests."""
    yield "\n## Soak\n"
    yield f"{count} requests, ten a second for an hour, sent as fast as 12 callers get answers: lists,"
    yield "look-ups, chats, searches, groups, writes, events, documents that are not valid, callers who hang"
    yield "up (one in twenty), and faults of every source that come and go. CPU follows the calls that are"
    yield "made: with the same dice breakers are open for a larger part of the first thousands.\n"
    yield "| requests | memory MB | tasks | file handles | sockets | CPU ms/request | broken |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    with emulators() as addresses, gateway(addresses) as (port, pid):
        mix = _mix(port)
        notes, dice = Notes(), random.Random(1)
        done, cpu = 0, cpu_seconds(pid)
        for sample in range(SOAK_SAMPLES + 1):
            if sample:
                _stretch(port, mix, count // SOAK_SAMPLES, notes, dice, list(addresses.values()))
                done += count // SOAK_SAMPLES
            for address in addresses.values():
                fault(address, None)
            time.sleep(1.5)  # what hung up is gone, and connections at rest are closed
            used, cpu = cpu_seconds(pid) - cpu, cpu_seconds(pid)
            each = f"{used / (count // SOAK_SAMPLES) * 1000:.2f}" if sample else "–"
            open_now = f"{_tasks(port)} | {_handles(pid)} | {_sockets(pid)}"
            yield f"| {done} | {_memory(pid):.0f} | {open_now} | {each} | {notes.broken} |"
        time.sleep(REST_SECONDS)
        for _ in range(3):  # connections that were at rest for long are closed when the next one is asked for
            asyncio.run(closed(port, lambda _: mix[0], 3, 1))
        rested = f"{_tasks(port)} | {_handles(pid)} | {_sockets(pid)}"
        yield f"| half a minute later | {_memory(pid):.0f} | {rested} | – | {notes.broken} |"
        told = ", ".join(f"{status}: {len(seconds)}" for status, seconds in sorted(notes.by_status.items()))
        yield f"\nAnswers by status: {told}."


def _stretch(
    port: int, mix: list[bytes], count: int, notes: Notes, dice: random.Random, addresses: list[str]
) -> None:
    async def work(connections: Connections, numbers: Iterator[int]) -> None:
        for number in numbers:
            if number % 200 == 0:
                address = dice.choice(addresses)
                told = dice.choice(
                    ({"status": 503}, {"latency": 0.2}, {"reset": "headers"}, {"body": "<"}, None)
                )
                await asyncio.to_thread(fault, address, {**told, "times": 30} if told else None)
            gone = dice.random() * 0.02 if dice.random() < 0.05 else None
            await connections.call(dice.choice(mix), notes, hang_up_after=gone)

    async def all_of_it() -> None:
        connections, numbers = Connections(port), iter(range(count))
        await asyncio.gather(*(work(connections, numbers) for _ in range(12)))
        connections.close()

    asyncio.run(all_of_it())


def _mix(port: int) -> list[bytes]:
    """Requests of every kind."""
    found = post(port, "{ contacts(first: 60) { nodes { id source } } }", {})["data"]["contacts"]["nodes"]
    bodies = [
        body(LIST),
        body(TALKS),
        body('{ contacts(first: 10, search: "an") { totalCount nodes { displayName } } }'),
        body("{ contacts(first: 10, orderBy: { field: NAME }) { nodes { displayName } } }"),
        body("{ groups(first: 5) { nodes { name members(first: 3) { nodes { displayName } } } } }"),
        body("{ modules { name properties(first: 5) { nodes { key } } } channels { nodes { name } } }"),
        body("{ events(first: 5) { nodes { id type } } sources { source status breaker } }"),
        body("{ nothing }"),
        *(body(ONE, id=node["id"]) for node in found),
        *(body(CHANGE, id=node["id"], n=f"Soak{place}") for place, node in enumerate(found[:6])),
        *(
            body(f"query Q{place} {{ contacts(first: {place + 1}) {{ nodes {{ id }} }} }}")
            for place in range(30)
        ),
    ]
    return [request(port, each) for each in bodies]


def _memory(pid: int) -> float:
    """Resident memory in MB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in line)
    return int(line.split()[1]) / 1024


def _handles(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _sockets(pid: int) -> int:
    links = (path.readlink() for path in Path(f"/proc/{pid}/fd").iterdir())
    return sum(str(link).startswith("socket:") for link in links)


def _tasks(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    return int(
        float(next(line for line in text.splitlines() if line.startswith("gateway_tasks ")).split()[1])
    )


if __name__ == "__main__":
    main()
