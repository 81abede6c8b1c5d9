"""A gateway that is killed while files are on their way leaves none of them, and no process, to the next."""

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.children import bound, lives, readers
from tests.support.process import PATIENCE, running, until

IMPORT = "mutation ($input: ImportContactsInput!) { importContacts(input: $input) { job { id } } }"
OPERATIONS = {
    "query": IMPORT,
    "variables": {"input": {"targets": [{"source": "PACKAGEX"}], "dryRun": True, "file": None}},
}
HEAD = "POST /graphql HTTP/1.1\r\nhost: {host}\r\ncontent-type: multipart/form-data; boundary=cut\r\n"
LONG = b"Name,Email\n" + b"\n" * 5_000_000  # takes a reader long enough to be met at work
KINDS = ("data", "memory")


def part(name: str, content: bytes, filename: str = "") -> bytes:
    named = f'; filename="{filename}"' if filename else ""
    return (
        f'--cut\r\ncontent-disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"
    )


def form(content: bytes) -> bytes:
    operations, places = json.dumps(OPERATIONS).encode(), b'{"0": ["variables.input.file"]}'
    file = part("0", content, "people.csv")
    return part("operations", operations) + part("map", places) + file + b"--cut--\r\n"


def settings(folder: Path, kind: str) -> dict[str, str]:
    """Of a gateway that keeps its data in a folder, or nothing at all; and its temporary files here, too."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    data = ":memory:" if kind == "memory" else str(folder / "data")
    return {
        "TMPDIR": str(temporary),
        "GATEWAY_DATA_DIR": data,
        "PACKAGEX_URL": "http://127.0.0.1:9",
        "PACKAGEX_API_KEY": "any",
    }


@contextmanager
def serving(folder: Path, kind: str) -> Iterator[tuple[Any, str]]:
    with running("serve", settings=settings(folder, kind)) as found:
        yield found.process, found.line(r"The gateway answers on (http://\S+)")[1]


@contextmanager
def sending(address: str, body: bytes, length: int) -> Iterator[None]:
    """Send as much of a body as there is; the rest never comes."""
    host, port = address.removeprefix("http://").split(":")
    head = HEAD.format(host=f"{host}:{port}") + f"content-length: {length}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as line:
        line.sendall(head.encode() + body)
        yield


@contextmanager
def held(server: int) -> Iterator[int]:
    """The process that reads a file for a gateway, held where it is: it does not end by itself."""
    (child,) = until(lambda: [each for each in readers(server) if bound(each)])
    try:
        os.kill(child, signal.SIGSTOP)
        yield child
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def on_their_way(folder: Path) -> list[Path]:
    """Files that came with a request, wherever they lie; those of processes that work now, too."""
    places = (folder / "tmp", folder / "data")
    return [
        Path(root) / name
        for place in places
        for root, _, names in os.walk(place)
        for name in names
        if ".scratch" in root
    ]


def scratches(folder: Path) -> list[str]:
    return [
        name
        for place in (folder / "tmp", folder / "data")
        for _, names, _ in os.walk(place)
        for name in names
        if name.endswith(".scratch")
    ]


def lying_about(folder: Path) -> list[str]:
    """What is neither the data of a gateway nor of one that lives now."""
    return [name for name in os.listdir(folder / "tmp") if not name.startswith("contacts-gateway-")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_gateway_killed_in_the_middle_of_an_upload_leaves_no_file(tmp_path: Path, kind: str) -> None:
    body = form(b"Name,Email\n" + b"Ada,ada@example.com\n" * 50_000)
    with serving(tmp_path, kind) as (process, address), sending(address, body[: len(body) // 2], len(body)):
        until(lambda: any(path.stat().st_size for path in on_their_way(tmp_path)))
        process.kill()
        process.wait()
        assert on_their_way(tmp_path) != []
    with serving(tmp_path, kind) as (process, _):
        assert (on_their_way(tmp_path), len(scratches(tmp_path)), lying_about(tmp_path)) == ([], 1, [])
    assert scratches(tmp_path) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_gateway_killed_while_a_file_is_read_leaves_no_file_and_no_process(
    tmp_path: Path, kind: str
) -> None:
    body = form(LONG)
    with serving(tmp_path, kind) as (process, address), sending(address, body, len(body)):
        with held(process.pid) as child:
            process.kill()
            process.wait()
            until(lambda: not lives(child))
        assert on_their_way(tmp_path) != []
    with serving(tmp_path, kind) as (process, address):
        assert (on_their_way(tmp_path), len(scratches(tmp_path)), lying_about(tmp_path)) == ([], 1, [])
        assert readers(process.pid) == []
        answer = httpx.post(f"{address}/graphql", json={"query": "{ __typename }"}, timeout=PATIENCE)
        assert answer.json()["data"] == {"__typename": "Query"}


def test_a_gateway_that_is_stopped_while_a_file_is_read_takes_the_process_along(tmp_path: Path) -> None:
    body = form(LONG)
    patience = {"GATEWAY_GRACE_SECONDS": "1"}
    with (
        running("serve", settings={**settings(tmp_path, "data"), **patience}) as found,
        sending(found.line(r"The gateway answers on (http://\S+)")[1], body, len(body)),
        held(found.process.pid) as child,
    ):
        found.stop()
        assert not lives(child)
    assert (on_their_way(tmp_path), scratches(tmp_path)) == ([], [])


def test_what_a_gateway_keeps_is_for_its_user_alone(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        with serving(tmp_path, "data"):
            modes = {
                path.suffix: stat.S_IMODE(path.lstat().st_mode) for path in (tmp_path / "data").iterdir()
            }
            assert stat.S_IMODE((tmp_path / "data").lstat().st_mode) == 0o700
    finally:
        os.umask(umask)
    private = dict.fromkeys((".sqlite3", ".sqlite3-wal", ".sqlite3-shm", ".alive"), 0o600)
    assert modes == {**private, ".scratch": 0o700}
