"""Every published example, sent to the emulator."""

from typing import Any

import httpx
import pytest

from gateway.upstreams.smartsender.emulator import Emulator
from tests.upstreams.smartsender.asking import OPERATIONS, TOKEN, ask, emulator, example

# The examples show two of the contacts of a page, two of our channels and the newest message of a page.
SHORTENED = {"listContacts": 2, "listChannels": 2, "listContactMessages": 1}
NINTH_REQUEST = 8  # the answers of the examples have 171 requests left
LIST = {"listContacts": 100}  # people that make up the three pages of the example

ERRORS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "addContactFunnel": ("POST", "/contacts/50417/funnels/nothing", {}),
    "addContactGroup": ("POST", "/contacts/50417/groups/5", {}),
    "addContactTag": ("POST", "/contacts/50417/tags/80", {}),
    "createGate": ("POST", "/channels/2/gates", {"json": {"identifier": "12025550120"}}),
    "deleteContact": ("DELETE", "/contacts/50434", {}),
    "fireEvent": ("POST", "/contacts/50417/fire", {"json": {"name": ""}}),
    "getChannel": ("GET", "/channels/3", {}),
    "getContact": ("GET", "/contacts/50434", {}),
    "getContactChat": ("GET", "/contacts/50433/chat", {}),
    "getContactInfo": ("GET", "/contacts/50434/info", {}),
    "listChannels": ("GET", "/channels", {"headers": {}}),
    "listContactFunnels": ("GET", "/contacts/50434/funnels", {}),
    "listContactGates": ("GET", "/contacts/50434/gates", {}),
    "listContactGroups": ("GET", "/contacts/50434/groups", {}),
    "listContactMessages": ("GET", "/contacts/50434/messages", {}),
    "listContacts": ("GET", "/contacts", {"params": {"limitation": 21}}),
    "listVariables": ("GET", "/variables", {}),
    "mergeContacts": ("POST", "/contacts/50417/merge/50434", {}),
    "removeContactFunnel": ("DELETE", "/contacts/50417/funnels/nothing", {}),
    "removeContactGroup": ("DELETE", "/contacts/50417/groups/5", {}),
    "removeContactTag": ("DELETE", "/contacts/50417/tags/80", {}),
    "searchContacts": ("GET", "/contacts/search", {"params": {"term": ""}}),
    "sendContactMessage": ("POST", "/contacts/50417/send", {"json": {"type": "text"}}),
    "updateContact": ("PUT", "/contacts/50417", {"json": {"values": ["lastName"]}}),
}


async def use_up(project: Emulator, requests: int) -> None:
    for _ in range(requests):
        await ask(project, "GET", "/channels")


def holds(answer: httpx.Response, expected: Any, body: Any) -> None:
    assert answer.status_code == expected["status"]
    named = {name: answer.headers[name] for name in expected["headers"]}
    assert named == {name: str(value) for name, value in expected["headers"].items()}
    assert body == expected["body"]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_the_published_request_gets_the_published_answer(operation: str) -> None:
    project = emulator(LIST.get(operation, 0), examples=True)
    await use_up(project, NINTH_REQUEST)
    request = example(operation, "request")
    answer = await ask(
        project,
        request["method"],
        request["path"].removeprefix("/v1"),
        params=request.get("query"),
        headers=request["headers"],
        json=request.get("body"),
    )
    body = answer.json()
    if operation in SHORTENED:
        body["collection"] = body["collection"][: SHORTENED[operation]]
    holds(answer, example(operation, "response"), body)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_wrong_request_gets_the_published_error(operation: str) -> None:
    project = emulator(0, examples=True)
    if operation == "listVariables":
        await use_up(project, 180)
    verb, path, parts = ERRORS[operation]
    answer = await ask(project, verb, path, **parts)
    holds(answer, example(operation, "error"), answer.json())
    assert int(answer.headers["X-Rate-Limit"]) >= 0


async def test_the_records_of_the_examples_are_not_in_the_sandbox() -> None:
    project = emulator()
    assert (await ask(project, "GET", "/contacts/50417", headers=TOKEN)).status_code == 404


async def test_the_published_update_drops_the_email_in_silence() -> None:
    project = emulator(0, examples=True)
    await ask(project, "PUT", "/contacts/50417", json=example("updateContact", "request")["body"])
    contact = (await ask(project, "GET", "/contacts/50417")).json()
    assert (contact["fullName"], contact["email"]) == ("Imke Vandersloot-Reyes", "imke@example.com")
    assert [(held["name"], held["value"]) for held in contact["variables"]] == [("visits", 5)]
    assert contact["updatedAt"] == "2025-03-06 18:21:40"
