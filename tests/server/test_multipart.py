"""Files come with a request as the public specification says; anything else is refused in words."""

import asyncio
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from gateway.allowances import Intake
from gateway.server import multipart
from gateway.server.admission import UPLOADS
from gateway.server.multipart import LONGEST_EPILOGUE
from gateway.server.problems import TooSlow
from tests.conftest import Build
from tests.support.jumping import jumping
from tests.support.waiting import until
from tests.support.world import World

IMPORT = (
    "mutation ($input: ImportContactsInput!) "
    "{ importContacts(input: $input) { job { total } userErrors { code } } }"
)
OPERATIONS = {
    "query": IMPORT,
    "variables": {"input": {"targets": [{"source": "PACKAGEX"}], "dryRun": True, "file": None}},
}
MAP = {"0": ["variables.input.file"]}
SIX = {str(number): ["variables.input.file"] for number in range(6)}
CSV = b"Name,Email\nAda,ada@example.com\n"
BOUNDARY = "cut-here"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    named = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def form(
    operations: Any = OPERATIONS,
    places: Any = MAP,
    *files: bytes,
    end: bytes = f"--{BOUNDARY}--\r\n".encode(),
) -> bytes:
    parts = [part("operations", json.dumps(operations).encode()), part("map", json.dumps(places).encode())]
    return b"".join([*parts, *(files or (part("0", CSV, "a.csv"),)), end])


async def sent(
    world: World, body: bytes, kind: str = f"multipart/form-data; boundary={BOUNDARY}", **headers: str
) -> Any:
    return await world.client.post("/graphql", content=body, headers={"content-type": kind, **headers})


async def test_a_file_reaches_the_variable_that_the_map_names(fresh: World) -> None:
    answer = await sent(fresh, form())
    assert answer.json()["data"]["importContacts"] == {"job": {"total": 1}, "userErrors": []}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"no form at all", 400),
        (form(end=b""), 400),
        (form()[:200], 400),
        (part("map", b"{}") + f"--{BOUNDARY}--\r\n".encode(), 400),
        (part("operations", json.dumps(OPERATIONS).encode()) + f"--{BOUNDARY}--\r\n".encode(), 400),
        (part("operations", b"{") + part("map", b"{}") + f"--{BOUNDARY}--\r\n".encode(), 400),
        (part("0", CSV, "a.csv") + form(), 400),
        (form([OPERATIONS]), 400),
        (form(7), 400),
        (form(OPERATIONS, []), 400),
        (form(OPERATIONS, {"1": ["variables.input.file"]}), 400),
        (form(OPERATIONS, {"0": "variables.input.file"}), 400),
        (form(OPERATIONS, {"0": []}), 400),
        (form(OPERATIONS, {"0": [7]}), 400),
        (form(OPERATIONS, {"0": ["query"]}), 400),
        (form(OPERATIONS, {"0": ["variables"]}), 400),
        (form(OPERATIONS, {"0": ["variables.input"]}), 400),
        (form(OPERATIONS, {"0": ["variables.input.targets"]}), 400),
        (form(OPERATIONS, {"0": ["variables.input.targets.9.x"]}), 400),
        (form(OPERATIONS, {"0": ["variables.input.file.deeper"]}), 400),
        (form(OPERATIONS, {"0": ["variables" + ".a" * 500_0]}), 400),
        (form(OPERATIONS, {"0": ["variables.input.file"] * 21}), 413),
        (form(OPERATIONS, SIX, *(part(name, CSV, "a.csv") for name in SIX)), 413),
        (form(OPERATIONS, MAP, part("0", CSV, "a.csv"), part("0", CSV, "a.csv")), 400),
        (form(OPERATIONS, MAP, part("0", CSV, "a.csv"), part("1", CSV, "a.csv")), 400),
        (form(OPERATIONS, MAP, part("0", CSV, "a.csv"), part("stray", b"x")), 400),
        (form({**OPERATIONS, "variables": {"input": {"file": "x"}}}), 400),
    ],
)  # fmt: skip
async def test_a_form_that_is_not_as_specified_is_refused(fresh: World, body: bytes, status: int) -> None:
    answer = await sent(fresh, body)
    assert answer.status_code == status, answer.text
    code = answer.json()["errors"][0]["extensions"]["code"]
    assert code == ("PAYLOAD_TOO_LARGE" if status == 413 else "BAD_REQUEST")
    assert fresh.calls == {}


@pytest.mark.parametrize("boundary", ["", "; boundary=", f"; boundary={'x' * 71}"])
async def test_a_form_without_a_usable_boundary_is_refused(fresh: World, boundary: str) -> None:
    assert (await sent(fresh, form(), f"multipart/form-data{boundary}")).status_code == 400


@pytest.mark.parametrize("query", ["{ nope }", "mutation { x"])
async def test_what_takes_no_file_is_refused_before_one_is_taken(
    fresh: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    opened: list[Path] = []
    before = Path.open

    def spied(path: Path, *given: Any, **more: Any) -> Any:
        opened.append(path)
        return before(path, *given, **more)

    monkeypatch.setattr(Path, "open", spied)
    answer = await sent(fresh, form({**OPERATIONS, "query": query}))
    assert answer.json()["errors"]
    assert opened == []


async def test_a_key_without_the_scope_sends_no_file(new_world: Build) -> None:
    hashed = hashlib.sha256(b"ada").hexdigest()
    world = new_world(GATEWAY_API_KEYS=f"ada:{hashed}:read,write")
    answer = await sent(world, form(), **{"x-api-key": "ada"})
    assert (answer.status_code, world.calls) == (403, {})
    assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_file_does_not_pass_for_json(fresh: World) -> None:
    """Where a scalar takes any value, a file is none."""
    query = 'query ($v: JSON) { contacts(filter: {properties: [{key: "a", equals: $v}]}) { nodes { id } } }'
    operations = {"query": query, "variables": {"v": None}}
    answer = await sent(fresh, form(operations, {"0": ["variables.v"]}))
    assert [each["extensions"]["code"] for each in answer.json()["errors"]] == ["BAD_USER_INPUT"]
    assert ("upload-" in answer.text, fresh.calls) == (False, {})


@pytest.mark.parametrize(
    "value", ['"x"', '{"path": "/etc/passwd", "filename": "a.csv", "size": 1}', "7", "null"]
)
async def test_no_json_passes_for_a_file(fresh: World, value: str) -> None:
    given = {**OPERATIONS["variables"]["input"], "file": json.loads(value)}  # type: ignore[index,dict-item]
    answer = await fresh.ask(IMPORT, {"input": given})
    assert answer.codes == ["BAD_USER_INPUT"]
    assert fresh.calls == {}


async def test_files_and_operations_have_their_own_limits(new_world: Build) -> None:
    world = new_world(GATEWAY_IMPORT_BYTES="1000", GATEWAY_BODY_BYTES="2000")
    large = await sent(world, form(OPERATIONS, MAP, part("0", b"x" * 1001, "a.csv")))
    assert large.status_code == 413
    long = await sent(world, form({**OPERATIONS, "extensions": {"x": "y" * 2000}}))
    assert long.status_code == 413
    assert (await sent(world, form())).status_code == 200


async def test_a_page_of_another_site_cannot_send_files(fresh: World) -> None:
    foreign = {"sec-fetch-site": "cross-site"}
    assert (await sent(fresh, form(), **foreign)).status_code == 403
    allowed = await sent(fresh, form(), **foreign, **{"graphql-require-preflight": "1"})
    assert allowed.status_code == 200


async def test_nothing_is_left_on_disk_and_names_lead_nowhere(
    new_world: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fresh = new_world()
    for name in ("../../../etc/cron.d/x.csv", "..\\x.csv", "a.csv", ""):
        answer = await sent(fresh, form(OPERATIONS, MAP, part("0", CSV, name)))
        assert answer.status_code == 200
    await sent(fresh, form()[:400])
    assert os.listdir(fresh.gateway.scratch) == []
    assert os.listdir(tmp_path) == [fresh.gateway.scratch.parent.name]


async def test_an_operation_without_files_may_come_as_a_form_too(fresh: World) -> None:
    operations = part("operations", b'{"query": "{ sources { name } }"}')
    body = operations + part("map", b"{}") + f"--{BOUNDARY}--\r\n".encode()
    answer = await sent(fresh, body)
    assert len(answer.json()["data"]["sources"]) == 3


def scope(**headers: str) -> dict[str, Any]:
    named = {"content-type": f"multipart/form-data; boundary={BOUNDARY}", "host": "127.0.0.1:8000", **headers}
    return {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }


class Sending:
    """A request of which one piece after another is sent, as slowly as a test wants it."""

    def __init__(self, world: World, **headers: str) -> None:
        self.status = 0
        self._pieces: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue()
        self._task = asyncio.create_task(world.app(scope(**headers), self._receive, self._send))

    async def piece(self, content: bytes, *, more: bool = True) -> None:
        """Send a piece, and let it be read."""
        await self._pieces.put((content, more))
        await until(lambda: self._pieces.empty() or self._task.done())
        await asyncio.sleep(0)

    async def answered(self) -> int:
        """The status of the answer."""
        await self._task
        return self.status

    async def _receive(self) -> dict[str, Any]:
        content, more = await self._pieces.get()
        return {"type": "http.request", "body": content, "more_body": more}

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)


HEAD = part("operations", json.dumps(OPERATIONS).encode()) + part("map", json.dumps(MAP).encode())
BEGUN, REST = part("0", CSV, "a.csv")[:-10], part("0", CSV, "a.csv")[-10:] + f"--{BOUNDARY}--\r\n".encode()


async def test_a_place_for_files_is_taken_when_the_first_one_begins(fresh: World) -> None:
    admission = fresh.gateway.admission
    early = [Sending(fresh) for _ in range(UPLOADS + 1)]
    for each in early:
        await each.piece(HEAD)
    assert admission.uploads == 0
    for each in early[:UPLOADS]:
        await each.piece(BEGUN)
    assert admission.uploads == UPLOADS
    await early[UPLOADS].piece(BEGUN)
    assert await early[UPLOADS].answered() == 503
    for each in early[:UPLOADS]:
        await each.piece(REST, more=False)
        assert await each.answered() == 200
    assert admission.uploads == 0


async def test_files_of_one_caller_leave_room_for_those_of_others(new_world: Build) -> None:
    keys = ";".join(
        f"{name}:{hashlib.sha256(name.encode()).hexdigest()}:read,write,import" for name in ("ada", "bob")
    )
    world = new_world(GATEWAY_API_KEYS=keys, GATEWAY_CALLER_SHARE="0.5")
    hers = [Sending(world, **{"x-api-key": "ada"}) for _ in range(UPLOADS // 2 + 1)]
    for each in hers:
        await each.piece(HEAD + BEGUN)
    assert await hers.pop().answered() == 503
    assert (await sent(world, form(), **{"x-api-key": "bob"})).status_code == 200
    for each in hers:
        await each.piece(REST, more=False)
        assert await each.answered() == 200


async def test_a_sender_who_goes_away_gives_the_place_back_and_leaves_no_file(
    fresh: World, tmp_path: Path
) -> None:
    gone = Sending(fresh)
    await gone.piece(HEAD + BEGUN)
    assert os.listdir(fresh.gateway.scratch) != []
    gone._task.cancel()
    await asyncio.wait((gone._task,))
    assert (fresh.gateway.admission.uploads, os.listdir(fresh.gateway.scratch)) == (0, [])


@pytest.mark.parametrize("size", [1, LONGEST_EPILOGUE - 2])
async def test_a_little_behind_the_end_of_a_form_is_not_looked_at(fresh: World, size: int) -> None:
    assert (await sent(fresh, form() + b"x" * size)).status_code == 200


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_comes_behind_the_end_of_a_form_counts(new_world: Build, at_once: bool) -> None:
    world = new_world(GATEWAY_IMPORT_BYTES="100000", GATEWAY_BODY_BYTES="100000")
    sending, body, behind = Sending(world), form(), b"x" * (3 * LONGEST_EPILOGUE)
    for piece in [body + behind] if at_once else [body, *(behind[:1000] for _ in range(10))]:
        await sending.piece(piece)
    assert (await sending.answered(), world.calls) == (413, {})


@pytest.mark.parametrize("filler", [b"\r\n", b"x"])
async def test_a_body_of_unsaid_length_ends_where_all_that_may_be_in_one_is_there(
    new_world: Build, filler: bytes
) -> None:
    """Line ends before the first boundary are read by nobody, and are counted by no part."""
    world = new_world(GATEWAY_IMPORT_BYTES="1000", GATEWAY_BODY_BYTES="1000")
    sending = Sending(world)
    for _ in range(4):
        await sending.piece(filler * (1_000 // len(filler)))
    assert await sending.answered() in ({413} if filler == b"\r\n" else {400, 413})


def request_of(pieces: Iterable[bytes], seconds: float) -> Request:
    """A request whose pieces come so many seconds apart."""
    left = iter(pieces)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(seconds)
        piece = next(left, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    return Request(scope(), receive)


async def files_of(request: Request, folder: Path) -> int:
    async with multipart.received(request, Intake(), scratch=folder, check=lambda _: None) as asked:
        upload = (asked.variables or {})["input"]["file"]
        return int(upload.size)


def test_who_sends_a_file_drop_by_drop_is_not_waited_for(tmp_path: Path) -> None:
    @jumping
    async def story() -> None:
        body = form(OPERATIONS, MAP, part("0", b"x" * 1_000, "a.csv"))
        with pytest.raises(TooSlow):
            await files_of(request_of((body[at : at + 1] for at in range(len(body))), 1.0), tmp_path)
        assert asyncio.get_running_loop().time() <= 16.0

    story()
    assert os.listdir(tmp_path) == []


def test_a_slow_line_is_waited_for(tmp_path: Path) -> None:
    @jumping
    async def story() -> None:
        body = form(OPERATIONS, MAP, part("0", b"x" * 1_000_000, "a.csv"))
        pieces = (body[at : at + 8_192] for at in range(0, len(body), 8_192))
        assert await files_of(request_of(pieces, 1.5), tmp_path) == 1_000_000

    story()
