"""Files come with a request as the public specification says; anything else is refused in words."""

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
        (form(OPERATIONS, MAP, *(part(str(n), CSV, "a.csv") for n in range(6))), 413),
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


async def test_a_form_without_a_boundary_is_refused(fresh: World) -> None:
    assert (await sent(fresh, form(), "multipart/form-data")).status_code == 400


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
    body = form({"query": "{ sources { name } }"}, {})
    answer = await sent(fresh, body)
    assert len(answer.json()["data"]["sources"]) == 3
