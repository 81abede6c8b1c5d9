"""The published examples, sent and compared; nothing in them is left out of the comparison."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.upstreams.packagex.emulator import Emulator
from gateway.upstreams.people import Population
from tests.upstreams.packagex.conftest import Clock
from tests.upstreams.packagex.contract import connect

EXAMPLES = Path(__file__).parent.parent / "examples"
IMKE = "contact_2Lk8vQy5Tn3Wc7Rb9Zs4Hd"
TADEO = "contact_6Fp1mXe9Gu4Ja2Ky8Do7Ni"
OFFICE = "contact_9Bt3cHw7Ol5Qz1Ex6Ma2Us"
OPERATIONS = {file.name.split(".")[1] for file in EXAMPLES.glob("packagex.*.json")}


@pytest.fixture
def clock() -> Clock:
    return Clock(1_741_079_727)


@pytest.fixture
def emulator(clock: Clock) -> Emulator:
    """Nobody lives here but the people of the examples."""
    emulator = Emulator(Population(0), clock)
    emulator.add_examples()
    return emulator


@pytest.fixture
async def api(emulator: Emulator) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(emulator) as client:
        del client.headers["PX-API-KEY"]  # the examples bring their own
        yield client


def example(operation: str, part: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EXAMPLES / f"packagex.{operation}.{part}.json").read_text())
    return loaded


async def replay(api: httpx.AsyncClient, operation: str, **instead: Any) -> httpx.Response:
    """Send the request of an example, with some parts of it replaced."""
    request = example(operation, "request") | instead
    return await api.request(
        request["method"],
        request["path"],
        params=request.get("query"),
        headers=request["headers"],
        json=request.get("body"),
    )


def assert_is(response: httpx.Response, published: dict[str, Any]) -> None:
    assert response.status_code == published["status"]
    assert {name: response.headers[name] for name in published["headers"]} == published["headers"]
    assert response.json() == published["body"]


def test_every_example_is_replayed_here() -> None:
    assert {
        "createPerson",
        "createGroup",
        "createFromCsv",
        "updatePerson",
        "updateGroup",
        "listContacts",
        "getContact",
        "deleteContact",
    } == OPERATIONS


@pytest.mark.parametrize("operation", ["listContacts", "getContact", "deleteContact"])
async def test_reading_and_deleting_answer_as_published(
    api: httpx.AsyncClient, emulator: Emulator, operation: str
) -> None:
    assert_is(await replay(api, operation), example(operation, "response"))
    assert emulator.switches.operations == {operation: 1}


@pytest.mark.parametrize(
    ("operation", "ids"),
    [
        ("createPerson", [IMKE]),
        ("createGroup", [OFFICE]),
        ("createFromCsv", ["contact_1Vn5Rj8Pe3Sk6Wq2Lc9Ty", "contact_4Xh7Gd2Mb9Ua5Fo1Zi8Ev"]),
    ],
)
async def test_creating_answers_as_published(
    api: httpx.AsyncClient, emulator: Emulator, operation: str, ids: list[str]
) -> None:
    for identity in ids:
        await api.delete(f"/v1/contacts/{identity}", headers={"PX-API-KEY": "k"})
    emulator.switches.forget()
    emulator.next_ids.extend(ids)
    assert_is(await replay(api, operation), example(operation, "response"))
    assert emulator.switches.operations == {operation: 1}


@pytest.mark.parametrize(
    ("operation", "now"), [("updatePerson", 1_741_080_500), ("updateGroup", 1_741_080_900)]
)
async def test_updating_answers_as_published(
    api: httpx.AsyncClient, emulator: Emulator, clock: Clock, operation: str, now: int
) -> None:
    clock.now = now
    assert_is(await replay(api, operation), example(operation, "response"))
    assert emulator.switches.operations == {operation: 1}


@pytest.mark.parametrize(
    ("operation", "instead"),
    [
        ("createPerson", {"body": {"email": "imke@example.com"}}),
        ("createGroup", {"body": {"name": "Harbor Office", "type": "team"}}),
        ("createFromCsv", {"body": {"csv_url": "data:text/csv;base64,not base64"}}),
        ("updatePerson", {"body": {"email": "imke@example"}}),
        ("updateGroup", {"body": {"group_contacts": {"children": ["contact_missing"]}}}),
        ("listContacts", {"headers": {}}),
        ("getContact", {"path": "/v1/contacts/contact_missing"}),
    ],
)
async def test_errors_answer_as_published(
    api: httpx.AsyncClient, operation: str, instead: dict[str, Any]
) -> None:
    assert_is(await replay(api, operation, **instead), example(operation, "error"))


async def test_deleting_twice_answers_as_published(api: httpx.AsyncClient) -> None:
    await replay(api, "deleteContact")
    assert_is(await replay(api, "deleteContact"), example("deleteContact", "error"))


async def test_the_file_of_the_example_puts_noor_into_the_night_desk(
    api: httpx.AsyncClient, emulator: Emulator
) -> None:
    created = await replay(api, "createFromCsv")
    noor, desk = created.json()["data"]["contact_ids"]
    group = (await replay(api, "getContact", path=f"/v1/contacts/{desk}")).json()["data"]
    assert group["group_contacts"] == {"children": [noor], "primary": []}
    assert group["referenced_contacts"] == [{"id": noor, "name": "Noor Aldana", "email": "noor@example.com"}]
    assert group["metadata"] == {"source": "fair"}


async def test_the_examples_are_not_part_of_the_sandbox() -> None:
    async with connect(Emulator(Population(240))) as api:
        assert (await api.get(f"/v1/contacts/{IMKE}")).status_code == 404
