"""Every published example, replayed."""

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import build_schema, parse, validate

from gateway.upstreams.people import Population
from gateway.upstreams.samespace.emulator import Emulator
from tests.upstreams.samespace.calling import NOW

EXAMPLES = Path(__file__).parents[1] / "examples"
SDL = Path(__file__).parents[1] / "contracts" / "samespace.graphql"
OPERATIONS = (
    "getContacts createContact updateContacts deleteContacts getModules getProperties createProperty "
    "updateProperty csvUpload importContacts"
).split()
NOBODY = "6700b1c2d3e4f5a6b7c8effe"

# What has to happen before a request can be answered as in its example.
BEFORE = {"updateProperty": "createProperty"}
BEFORE_ERROR = {"createProperty": "createProperty"}

# The ids of new records cannot be those of the examples; their form is checked instead.
NEW_IDS = {
    "createContact": (("data", "createContact", "_id"), r"[0-9a-f]{24}"),
    "csvUpload": (("fileUuid",), r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
}


def example(operation: str, part: str) -> Any:
    return json.loads((EXAMPLES / f"samespace.{operation}.{part}.json").read_text("utf-8"))


def spoiled(operation: str) -> Any:
    """The request of an example, changed so that the error of the example is due."""
    request = example(operation, "request")
    variables = request.get("body", {}).get("variables", {})
    match operation:
        case "getContacts" | "getModules":
            del request["headers"]["x-api-key"]
        case "createContact":
            variables["p"] = [pair for pair in variables["p"] if pair["key"] != "lastName"]
        case "updateContacts":
            variables["ids"] = None
        case "deleteContacts":
            variables["ids"] = [NOBODY]
        case "getProperties":
            variables["m"] = NOBODY
        case "csvUpload":
            request["multipart"] = {"another": request["multipart"]["uploadFile"]}
        case "importContacts":
            variables["f"] = "00000000-0000-4000-8000-000000000000"
    return request


def content(request: dict[str, Any]) -> bytes:
    if "body" in request:
        return json.dumps(request["body"]).encode()
    boundary = request["headers"]["Content-Type"].partition("boundary=")[2]
    ((name, part),) = request["multipart"].items()
    lines = (
        f"--{boundary}",
        f'Content-Disposition: form-data; name="{name}"; filename="{part["filename"]}"',
        f"Content-Type: {part['contentType']}",
        "",
        part["text"],
        f"--{boundary}--",
        "",
    )
    return "\r\n".join(lines).encode()


async def send(emulator: Emulator, request: dict[str, Any]) -> httpx.Response:
    transport = httpx.ASGITransport(app=emulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as http:
        return await http.request(
            request["method"], request["path"], headers=request["headers"], content=content(request)
        )


def check(response: httpx.Response, expected: dict[str, Any], operation: str = "") -> None:
    body, wanted = response.json(), deepcopy(expected["body"])
    if operation in NEW_IDS:
        (*way, last), form = NEW_IDS[operation]
        got, want = body, wanted
        for step in way:
            got, want = got[step], want[step]
        assert re.fullmatch(form, want[last])
        assert re.fullmatch(form, got[last])
        want[last] = got[last]
    assert response.status_code == expected["status"]
    assert body == wanted
    for name, value in expected["headers"].items():
        assert response.headers[name] == value


@pytest.fixture
def emulator() -> Emulator:
    emulator = Emulator(Population(0), lambda: NOW)
    emulator.add_examples()
    return emulator


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_the_example_is_answered_as_published(emulator: Emulator, operation: str) -> None:
    if operation in BEFORE:
        await send(emulator, example(BEFORE[operation], "request"))
        emulator.switches.forget()
    response = await send(emulator, example(operation, "request"))
    check(response, example(operation, "response"), operation)
    assert emulator.switches.operations == {operation: 1}


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_the_error_of_the_example_is_answered_as_published(emulator: Emulator, operation: str) -> None:
    if operation in BEFORE_ERROR:
        await send(emulator, example(BEFORE_ERROR[operation], "request"))
    check(await send(emulator, spoiled(operation)), example(operation, "error"))


def test_every_example_of_samespace_is_replayed() -> None:
    files = {path.name for path in EXAMPLES.glob("samespace.*.json")}
    parts = ("request", "response", "error")
    assert files == {f"samespace.{operation}.{part}.json" for operation in OPERATIONS for part in parts}


def test_every_example_document_is_valid_against_the_contract() -> None:
    schema = build_schema(SDL.read_text("utf-8"))
    for operation in OPERATIONS:
        body = example(operation, "request").get("body")
        assert body is None or not validate(schema, parse(body["query"]))


async def test_the_sandbox_has_none_of_the_example_records() -> None:
    emulator = Emulator(Population(240))
    request = example("deleteContacts", "request")
    assert (await send(emulator, request)).json() == example("deleteContacts", "error")["body"]
    assert emulator.refused_phones == set()
