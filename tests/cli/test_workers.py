"""Several workers on one port: what they share, how they begin, end, and stand in for each other."""

import http.client
import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.workers import LONGEST_PAUSE, Watch
from gateway.workers import PATIENCE as LOOKS
from tests.cli.test_commands import CHANGE, ask, call, gateway
from tests.support.children import lives
from tests.support.emulators import emulators
from tests.support.process import PATIENCE, Running, running, until
from tests.support.redis import RedisServer

CREATE = (
    'mutation { createContact(input: { idempotencyKey: "once", targets: [{ source: PACKAGEX }], '
    'contact: { name: "Written Once", email: "once@example.com" } }) { contacts { id } } }'
)
CHANNELS = "{ channels { nodes { id } } }"
LIST = "{ contacts(first: 3, sources: [PACKAGEX]) { nodes { id } } }"
LISTED = json.dumps({"a": "{ __typename }"})
READY = r"The gateway answers on (http://\S+) with 2 workers"


@dataclass
class Pair:
    """A gateway with two workers, and the emulators of its sources."""

    found: Running
    address: str
    sources: dict[str, str]

    @property
    def workers(self) -> list[int]:
        """The processes that serve now."""
        begun = Path(f"/proc/{self.found.process.pid}/task/{self.found.process.pid}/children").read_text()
        return [pid for pid in map(int, begun.split()) if b"spawn_main" in _command(pid)]

    @contextmanager
    def connections(self) -> Iterator[tuple[http.client.HTTPConnection, http.client.HTTPConnection]]:
        """A connection to each worker: the other one is held while it is opened."""
        one, other = self.workers
        host = self.address.removeprefix("http://")
        opened = []
        for held in (one, other):
            os.kill(held, signal.SIGSTOP)
            try:
                connection = http.client.HTTPConnection(host, timeout=PATIENCE)
                connection.request("GET", "/healthz")
                assert connection.getresponse().read()
                opened.append(connection)
            finally:
                os.kill(held, signal.SIGCONT)
        try:
            yield opened[0], opened[1]
        finally:
            for connection in opened:
                connection.close()

    def metrics(self) -> dict[str, dict[str, float]]:
        """The metrics without labels, by worker."""
        found: dict[str, dict[str, float]] = {}
        for family in text_string_to_metric_families(call(f"{self.address}/metrics").decode()):
            for sample in family.samples:
                worker = sample.labels.pop("worker")
                if not sample.labels:
                    found.setdefault(worker, {})[sample.name] = sample.value
        return found

    def refuses(self) -> bool:
        """Whether nobody listens any more."""
        host, port = self.address.removeprefix("http://").split(":")
        try:
            socket.create_connection((host, int(port)), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:  # in the line of a socket that was closed meanwhile
            return False
        return False

    def calls(self, source: str) -> Any:
        """How often operations of a source were called."""
        return json.loads(call(f"{self.sources[source]}/_emulator/calls"))["operations"]

    def slow(self, source: str, operation: str, seconds: float) -> None:
        """From now on the source takes so long."""
        body = json.dumps({"latency": seconds}).encode()
        call(f"{self.sources[source]}/_emulator/faults/{operation}", body, "PUT")


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def posted(connection: http.client.HTTPConnection, query: str, **headers: str) -> Any:
    body = json.dumps({"query": query}).encode()
    connection.request("POST", "/graphql", body, {"content-type": "application/json", **headers})
    return json.load(connection.getresponse())


@contextmanager
def pair(redis_url: str, folder: Path, **settings: str) -> Iterator[Pair]:
    with emulators(20) as urls:
        chosen = {
            **urls,
            "PACKAGEX_API_KEY": "any",
            "SMART_SENDER_TOKEN": "any",
            "GATEWAY_STATE_URL": redis_url,
            "GATEWAY_DATA_DIR": str(folder),
            **settings,
        }
        with running("serve", "--workers", "2", settings=chosen) as found:
            address = found.line(READY)[1]
            places = {name.removesuffix("_URL"): url.removesuffix("/v1") for name, url in urls.items()}
            yield Pair(found, address, places)


@pytest.fixture(scope="module")
def both(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A pair whose indexes know everybody."""
    with pair(redis_server.url, tmp_path_factory.mktemp("data"), SMART_SENDER_RATE_LIMIT="off") as two:
        with two.connections() as connections:
            for connection in connections:
                until(lambda connection=connection: whole(connection))
        yield two


def whole(connection: http.client.HTTPConnection) -> bool:
    """Whether the index of a worker knows everybody."""
    query = "{ contacts(first: 1, orderBy: { field: NAME }) { sources { status } } }"
    sources = posted(connection, query)["data"]["contacts"]["sources"]
    return all(source["status"] == "OK" for source in sources)


def test_two_workers_write_once_for_a_key_and_show_their_metrics_together(
    redis_url: str, tmp_path: Path
) -> None:
    with pair(redis_url, tmp_path) as two, two.connections() as connections:
        two.slow("PACKAGEX", "createPerson", 0.5)
        with ThreadPoolExecutor(2) as callers:
            answers = list(callers.map(lambda connection: posted(connection, CREATE), connections))
        made = [answer["data"]["createContact"]["contacts"] for answer in answers]
        assert made[0] == made[1] != []
        assert two.calls("PACKAGEX")["createPerson"] == 1
        found = two.metrics()
        assert found.keys() == {"1", "2"}
        assert [found[worker]["gateway_state_connected"] for worker in found] == [1, 1]
        assert len({found[worker]["process_start_time_seconds"] for worker in found}) == 2
        assert (tmp_path / "index.sqlite3").exists()
        assert (tmp_path / "worker-2" / "index.sqlite3").exists()
        assert two.found.stop() == 0
    assert [path for path in tmp_path.rglob("*") if path.suffix in {".alive", ".scratch"}] == []


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("contacts", "orderBy: { field: NAME }"),
        ("contacts", 'filter: { name: "a" }'),
        ("people", ""),
    ],
)
def test_a_list_goes_on_at_any_worker(both: Pair, field: str, more: str) -> None:
    walk = "{ page: %s(first: 3, after: %s, %s) { nodes { id } pageInfo { endCursor hasNextPage } } }"
    with both.connections() as connections:
        seen: list[list[str]] = []
        for turns in ((0, 0), (1, 1), (0, 1)):
            ids, after, page = [], None, {"hasNextPage": True}
            while page["hasNextPage"]:
                asked = walk % (field, json.dumps(after), more)
                answer = posted(connections[turns[len(ids) // 3 % 2]], asked)["data"]["page"]
                ids += [node["id"] for node in answer["nodes"]]
                page, after = answer["pageInfo"], answer["pageInfo"]["endCursor"]
            seen.append(ids)
        assert len(seen[0]) > 9
        assert seen[0] == seen[1] == seen[2]


def test_two_workers_stay_inside_one_rate_limit(redis_url: str, tmp_path: Path) -> None:
    asked = {"x-deadline-ms": "2000", "cache-control": "no-cache"}
    with pair(redis_url, tmp_path, SMART_SENDER_RATE_LIMIT="5/600") as two, two.connections() as connections:
        codes = []
        for turn in range(12):
            answer = posted(connections[turn % 2], CHANNELS, **asked)
            codes += [error["extensions"]["code"] for error in answer.get("errors", ())]
        assert set(codes) == {"UPSTREAM_RATE_LIMITED"}
        assert 2 <= sum(two.calls("SMART_SENDER").values()) <= 5  # those of scans are among them


def test_all_workers_finish_what_is_under_way_however_often_they_are_told_to_end(
    redis_url: str, tmp_path: Path
) -> None:
    with pair(redis_url, tmp_path) as two, two.connections() as connections:
        contact = ask(two.address, LIST)["data"]["contacts"]["nodes"][0]["id"]
        two.slow("PACKAGEX", "updatePerson", 1.0)
        change = CHANGE.replace("($id: ID!)", "").replace("$id", json.dumps(contact))
        with ThreadPoolExecutor(2) as callers:
            written = [callers.submit(posted, connection, change) for connection in connections]
            until(lambda: two.calls("PACKAGEX").get("updatePerson") == 2)
            workers = two.workers
            for pid in (*workers, *workers):  # as a service manager, or Ctrl-C in a terminal
                os.kill(pid, signal.SIGTERM)
                os.kill(pid, signal.SIGINT)
            assert two.found.stop() == 0
            answers = [one.result() for one in written]
            assert [each["data"]["updateContact"]["outcome"]["status"] for each in answers] == ["APPLIED"] * 2
        assert two.refuses()
        assert not any(map(lives, workers))
    assert "worker ended" not in two.found.output()


def test_a_second_signal_ends_all_workers_at_once(redis_url: str, tmp_path: Path) -> None:
    with pair(redis_url, tmp_path, GATEWAY_GRACE_SECONDS="60") as two, two.connections() as connections:
        two.slow("PACKAGEX", "listContacts", 50.0)
        with ThreadPoolExecutor(2) as callers:
            asked = [
                callers.submit(posted, one, LIST, **{"cache-control": "no-cache"}) for one in connections
            ]
            until(lambda: two.calls("PACKAGEX").get("listContacts", 0) >= 2)
            two.found.process.send_signal(signal.SIGTERM)
            until(two.refuses)
            assert two.found.stop() == 0  # within the patience, which is less than the grace
            for one in asked:
                assert one.exception() or "errors" in one.result()


def test_a_worker_that_dies_is_begun_anew_and_another_one_serves_meanwhile(
    redis_url: str, tmp_path: Path
) -> None:
    documents = tmp_path / "documents.json"
    documents.write_text(LISTED)
    with pair(redis_url, tmp_path / "data", GATEWAY_DOCUMENTS=str(documents)) as two:
        first, second = two.workers
        os.kill(second, signal.SIGKILL)
        ended = json.loads(two.found.line("worker ended").string)
        assert (ended["worker"], ended["status"]) == (2, -signal.SIGKILL)
        assert json.loads(two.found.line("worker begun").string)["worker"] == 2
        documents.write_text("nonsense")  # a worker cannot begin with that, but the other one serves on
        replaced = next(pid for pid in two.workers if pid != first)
        os.kill(replaced, signal.SIGKILL)
        two.found.line("^gateway: GATEWAY_DOCUMENTS ")
        assert json.loads(call(f"{two.address}/readyz"))["status"] == "ready"
        documents.write_text(LISTED)
        two.found.line("worker begun")
        assert two.metrics().keys() == {"1", "2"}
        two.found.process.send_signal(signal.SIGHUP)
        told = {json.loads(two.found.line('"log level"').string).get("worker") for _ in range(3)}
        assert told == {None, 1, 2}
        documents.write_text("nonsense")
        for pid in two.workers:
            os.kill(pid, signal.SIGKILL)
        assert two.found.process.wait(PATIENCE) == 2  # none of them can begin


def test_workers_end_when_their_supervisor_is_gone(redis_url: str, tmp_path: Path) -> None:
    with pair(redis_url, tmp_path) as two:
        workers = two.workers
        two.found.process.kill()
        until(two.refuses)
        until(lambda: not any(map(lives, workers)))


def test_what_no_worker_can_begin_with_is_told_once(redis_url: str, tmp_path: Path) -> None:
    several = {"GATEWAY_STATE_URL": redis_url, "GATEWAY_WORKERS": "2", "PACKAGEX_API_KEY": "any"}
    (tmp_path / "documents.json").write_text("nonsense")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for settings, status, told in (
            ({"GATEWAY_WORKERS": "2"}, 2, "GATEWAY_STATE_URL is empty"),
            ({**several, "GATEWAY_PORT": "eighty"}, 2, "GATEWAY_PORT is not of the right form"),
            (
                {**several, "GATEWAY_PORT": port},
                1,
                f"Address already in use: 127.0.0.1:{port}. Choose another port with GATEWAY_PORT.",
            ),
            (
                {**several, "GATEWAY_PORT": "0", "GATEWAY_DOCUMENTS": str(tmp_path / "documents.json")},
                2,
                "GATEWAY_DOCUMENTS names a file that is not JSON",
            ),
        ):
            refused = gateway("serve", settings=settings)
            assert refused.returncode == status
            (line,) = refused.stderr.splitlines()
            assert line.startswith(f"gateway: {told}")


def test_a_worker_that_cannot_begin_is_begun_again_after_growing_pauses() -> None:
    watch, pauses = Watch(), []
    for _ in range(7):
        watch.ended(100.0, served=False)
        assert watch.due is not None
        pauses.append(watch.due - 100.0)
        assert not watch.begins(watch.due - 0.1)
        assert watch.begins(watch.due)
    assert pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE]
    watch.ended(100.0, served=True)
    assert watch.begins(100.0)


def test_a_worker_hangs_when_it_has_been_asked_often_and_has_never_answered() -> None:
    watch = Watch()
    assert [watch.asked() for _ in range(LOOKS)] == [False] * LOOKS
    assert watch.asked()
