"""The processes of a benchmark: the gateway, what it is compared with, and the sources behind them."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support import node

HERE: Final = Path(__file__).parent
PATIENCE: Final = 30.0
SHOWN: Final = 5_000
GATEWAY: Final = (sys.executable, "-m", "tests.benchmarks.installed")
PROCESS_CLOCK: Final = 2  # of another process, its threads included: clock_getcpuclockid(3)
CORES: Final = sorted(os.sched_getaffinity(0))
SERVER_CORE: Final = {CORES[0]}
OTHER_CORES: Final = set(CORES[1:]) or SERVER_CORE


@dataclass(frozen=True, slots=True)
class Mock:
    """The quick sources. `places` tells where the pages of some jobs begin."""

    addresses: Mapping[str, str]
    places: Mapping[str, list[int]]

    @property
    def port(self) -> int:
        """Where it answers questions about itself."""
        return int(self.addresses["FILTERED_URL"].rpartition(":")[2])

    def calls(self) -> int:
        """How many calls came so far."""
        return int(self._control("GET", "calls")["calls"])

    def delay(self, milliseconds: int) -> None:
        """From now on every answer takes so long."""
        self._control("PUT", f"delay/{milliseconds}")

    def new_bytes(self, *, wanted: bool) -> None:
        """From now on no answer has the bytes of one before it, or all have again."""
        self._control("PUT", f"new/{int(wanted)}")

    def _control(self, method: str, path: str) -> Any:
        url = f"{self.addresses['FILTERED_URL']}/_mock/{path}"
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as answer:
            return json.load(answer)


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far."""
    return time.clock_gettime((~pid << 3) | PROCESS_CLOCK)


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has had."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def post(
    port: int, query: str, variables: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Any:
    """The answer to one query."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"content-type": "application/json", **(headers or {})}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.load(answer)


@contextmanager
def mock(people: int, pages: int) -> Iterator[Mock]:
    """The quick sources, with so many people, and pages of each list that jobs go through in turns."""
    sizes = ["--people", str(people), "--pages", str(pages)]
    command = [sys.executable, "-m", "tests.benchmarks.mock", *sizes]
    with _process(command, {}, OTHER_CORES, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        places = facts.pop("places")
        yield Mock(facts, places)


@contextmanager
def emulators(people: int = 240) -> Iterator[dict[str, str]]:
    """The emulators, without rate limits; their addresses."""
    command = [*GATEWAY, "sandbox", "--upstreams-only", "--contacts", str(people)]
    with _process(command, {}, None, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        addresses = dict(process.stdout.readline().strip().split("=", 1) for _ in range(3))
        wait_for(addresses["SMART_SENDER_URL"].removesuffix("/v1") + "/_emulator/calls")
        switch = addresses["SMART_SENDER_URL"].removesuffix("/v1") + "/_emulator/rate-limit"
        urllib.request.urlopen(urllib.request.Request(switch, b'{"on": false}', method="PUT"))
        yield addresses


def settings_on(port: int) -> dict[str, str]:
    """The variables of a gateway that listens there, without limits of rates."""
    return {
        "SAMESPACE_API_KEY": "benchmark",
        "PACKAGEX_API_KEY": "benchmark",
        "SMART_SENDER_TOKEN": "benchmark",
        "SAMESPACE_RATE_LIMIT": "off",
        "PACKAGEX_RATE_LIMIT": "off",
        "SMART_SENDER_RATE_LIMIT": "off",
        "GATEWAY_PORT": str(port),
        "GATEWAY_DATA_DIR": ":memory:",
        "GATEWAY_INDEX_MAX_AGE_SECONDS": "86400",
    }


@contextmanager
def gateway(
    settings: Mapping[str, str], cores: set[int] | None = None, command: Sequence[str] = GATEWAY
) -> Iterator[tuple[int, int]]:
    """The gateway with its default settings, but no limit of rates; its port and process id."""
    port = free_port()
    held = {**settings_on(port), **settings}
    with _process([*command, "serve"], held, cores) as process:
        wait_for(f"http://127.0.0.1:{port}/readyz")
        yield port, process.pid


@contextmanager
def yoga(addresses: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """graphql-yoga; its packages are installed where they are not."""
    port = free_port()
    command = [node.installed(HERE / "yoga").command, str(HERE / "yoga" / "server.mjs")]
    settings = {**addresses, "PORT": str(port), "NODE_ENV": "production"}
    with _process(command, settings, SERVER_CORE) as process:
        wait_for_port(port)
        yield port, process.pid


@contextmanager
def plain_ariadne(addresses: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """ariadne and httpx."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.benchmarks.plain_ariadne:app", "--port", str(port)]
    with _process(command, addresses, SERVER_CORE) as process:
        wait_for_port(port)
        yield port, process.pid


@contextmanager
def _process(
    command: Sequence[str], settings: Mapping[str, str], cores: set[int] | None, stdout: int | None = None
) -> "Iterator[subprocess.Popen[str]]":
    """A process on some cores; what it prints goes to a file, and is shown when it ended or failed."""
    environment, before = {**os.environ, **settings}, os.sched_getaffinity(0)
    with tempfile.TemporaryFile("w+") as printed:
        os.sched_setaffinity(0, cores or before)  # threads to come inherit it as well
        try:
            process = subprocess.Popen(
                command, env=environment, stdout=stdout or printed, stderr=printed, text=True
            )
        finally:
            os.sched_setaffinity(0, before)
        try:
            yield process
        finally:
            ended = process.poll() is not None
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
            printed.seek(0)
            text = printed.read()
            if ended or "Traceback" in text:
                print(f"{' '.join(command)} printed:\n…{text[-SHOWN:]}", file=sys.stderr)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(url: str) -> None:
    """Wait until an address answers."""
    _patiently(lambda: urllib.request.urlopen(url, timeout=1).close())


def wait_for_port(port: int) -> None:
    """Wait until somebody listens."""
    _patiently(lambda: socket.create_connection(("127.0.0.1", port), timeout=1).close())


def _patiently(attempt: Any) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            attempt()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
