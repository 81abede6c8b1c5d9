"""Files come with a request as the public specification says; anything else is refused in words."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Build
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
    fresh: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("../../../etc/cron.d/x.csv", "..\\x.csv", "a.csv", ""):
        answer = await sent(fresh, form(OPERATIONS, MAP, part("0", CSV, name)))
        assert answer.status_code == 200
    await sent(fresh, form()[:400])
    assert os.listdir(tmp_path) == []


async def test_an_operation_without_files_may_come_as_a_form_too(fresh: World) -> None:
    operations = part("operations", b'{"query": "{ sources { name } }"}')
    body = operations + part("map", b"{}") + f"--{BOUNDARY}--\r\n".encode()
    answer = await sent(fresh, body)
    assert len(answer.json()["data"]["sources"]) == 3
