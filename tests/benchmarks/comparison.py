"""The servers of one comparison, each with its own names for the same contacts and pages."""

import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final

from gateway.model import ids
from tests.benchmarks import load, servers
from tests.benchmarks.jobs import SOURCES, Job, Names

KEY: Final = "benchmark-key"
SCAN_SECONDS: Final = 120.0  # for the index to meet everybody
FRESH: Final = {"cache-control": "no-cache"}
CONTACTS: Final = (
    "query ($first: Int, $after: String, $sources: [Source!]) { page: contacts(first: $first, after: $after, "
    "sources: $sources) { nodes { id } pageInfo { endCursor hasNextPage } } }"
)
GROUPS: Final = (
    "query ($first: Int, $after: String) { page: groups(first: $first, after: $after) "
    "{ nodes { id } pageInfo { endCursor hasNextPage } } }"
)
COMPLETE: Final = "{ contacts(first: 1, orderBy: { field: NAME }) { sources { source status } } }"
SERVERS: Final = ("gateway", "yoga", "ariadne")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is asked."""

    name: str
    port: int
    pid: int
    names: Names
    headers: dict[str, str] = field(default_factory=dict)
    keeps: bool = False  # answers, for a while

    def requests(self, job: Job) -> list[bytes]:
        """The requests of a job, one for each set of variables."""
        headers = {**self.headers, **(FRESH if job.fresh else {})}
        return [
            load.request(self.port, job.query, variables, headers) for variables in job.variables(self.names)
        ]

    def answer(self, job: Job) -> Any:
        """What it answers first."""
        return servers.post(self.port, job.query, job.variables(self.names)[0], self.headers)


@contextmanager
def opened(
    wanted: Sequence[str],
    mock: servers.Mock,
    settings: Mapping[str, str] | None = None,
    command: Sequence[str] = servers.GATEWAY,
) -> Iterator[list[Server]]:
    """The servers by name, all running at once. The gateway always comes first, as it knows the contacts."""
    with ExitStack() as stack:
        port, pid = stack.enter_context(gateway({**mock.addresses, **(settings or {})}, command))
        wait_for_index(port)
        ours = Server("gateway", port, pid, names(port, mock.places), {"x-api-key": KEY}, keeps=True)
        found = [ours]
        for name, start in (("yoga", servers.yoga), ("ariadne", servers.plain_ariadne)):
            if name in wanted:
                port, pid = stack.enter_context(start(mock.addresses))
                found.append(Server(name, port, pid, _others(ours.names, mock.places)))
        yield [server for server in found if server.name in wanted]


@contextmanager
def gateway(
    settings: Mapping[str, str], command: Sequence[str] = servers.GATEWAY
) -> Iterator[tuple[int, int]]:
    """The gateway as it is compared: with a key, and its store on disk; its port and process id."""
    hashed = hashlib.sha256(KEY.encode()).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        own = {"GATEWAY_DATA_DIR": folder, "GATEWAY_API_KEYS": f"benchmark:{hashed}:read,write"}
        with servers.gateway({**own, **settings}, servers.SERVER_CORE, command) as found:
            yield found


def wait_for_index(port: int, seconds: float = SCAN_SECONDS) -> None:
    """Wait until the index of a gateway knows everybody."""
    until = time.monotonic() + seconds
    while any(each["status"] != "OK" for each in ask(port, COMPLETE, {})["contacts"]["sources"]):
        assert time.monotonic() < until, "the index is not complete"
        time.sleep(0.2)


def names(port: int, places: Mapping[str, list[int]]) -> Names:
    """The gateway's ids and cursors."""
    return Names(
        {source: _ids(port, source) for source in SOURCES},
        {name: _cursors(port, query, source, offsets) for name, query, source, offsets in _lists(places)},
    )


def _others(ours: Names, places: Mapping[str, list[int]]) -> Names:
    """What the other servers call the same: ids of the sources, and offsets."""
    return Names(
        {
            source: [f"{source}:{found.parts[-1]}" for found in map(ids.decode, ours.contacts[source])]
            for source in SOURCES
        },
        {name: [str(offset) for offset in offsets] for name, _, _, offsets in _lists(places)},
    )


def _lists(places: Mapping[str, list[int]]) -> list[tuple[str, str, str | None, list[int]]]:
    """Name, query, source and offsets of every list that jobs take pages of."""
    return [
        *((source, CONTACTS, source, places["people"]) for source in SOURCES),
        ("RICH", CONTACTS, "SAMESPACE", places["rich"]),
        ("GROUPS", GROUPS, None, places["groups"]),
    ]


def _ids(port: int, source: str) -> list[str]:
    found: list[str] = []
    after, more = None, True
    while more:
        page = _page(port, CONTACTS, source, 100, after)
        found += [node["id"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return found


def _cursors(port: int, query: str, source: str | None, offsets: list[int]) -> list[str | None]:
    """The cursors after which pages begin that begin at these offsets."""
    found: list[str | None] = []
    position, after = 0, None
    for offset in offsets:
        while position < offset:
            step = min(100, offset - position)
            after = _page(port, query, source, step, after)["pageInfo"]["endCursor"]
            position += step
        found.append(after)
    return found


def _page(port: int, query: str, source: str | None, first: int, after: str | None) -> Any:
    variables = {"first": first, "after": after, **({"sources": [source]} if source else {})}
    return ask(port, query, variables)["page"]


def ask(port: int, query: str, variables: dict[str, Any]) -> Any:
    """The data that a gateway answers."""
    answer = servers.post(port, query, variables, {"x-api-key": KEY})
    assert not answer.get("errors"), answer["errors"]
    return answer["data"]


def differences(job: Job, asked: Sequence[Server]) -> list[str]:
    """The servers that answer a job differently from the first one, ids aside."""
    left_out = {"id", *job.new_each_time}
    answers = {server.name: server.answer(job) for server in asked}
    plain = {name: _without(answer.get("data"), left_out) for name, answer in answers.items()}
    first = next(iter(plain.values()))
    return [
        f"{job.number}: {name} differs: {_difference(first, value)} {answers[name].get('errors', '')}"
        for name, value in plain.items()
        if value != first or answers[name].get("errors")
    ]


def _without(value: Any, keys: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(each, keys) for key, each in value.items() if key not in keys}
    return [_without(each, keys) for each in value] if isinstance(value, list) else value


def _difference(one: Any, other: Any, path: str = "") -> str:
    """The first place where two answers differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        pairs: Any = ((key, one[key], other[key]) for key in one)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = ((str(place), *both) for place, both in enumerate(zip(one, other, strict=True)))
    else:
        return f"{path}: {str(one)[:80]} / {str(other)[:80]}"
    return next((_difference(a, b, f"{path}.{key}") for key, a, b in pairs if a != b), "")


def in_turns(server: Server, job: Job, most: int | None = None) -> Iterator[bytes]:
    """The requests of a job for ever, or the first few of them."""
    return cycle(server.requests(job)[:most])
