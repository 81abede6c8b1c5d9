"""Every method of the PackageX client: what it sends, what it returns, and how it fails."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway import events
from gateway.errors import (
    GatewayError,
    UpstreamAuth,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamMissing,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)
from gateway.model.source import Source
from gateway.upstreams.packagex.client import Client
from gateway.upstreams.packagex.emulator import Emulator
from gateway.upstreams.people import Population
from tests.support.sources import KEY, Lone, lone, shown

EXAMPLES = Path(__file__).parent.parent / "examples"
IMKE = "contact_2Lk8vQy5Tn3Wc7Rb9Zs4Hd"
TADEO = "contact_6Fp1mXe9Gu4Ja2Ky8Do7Ni"
OFFICE = "contact_9Bt3cHw7Ol5Qz1Ex6Ma2Us"

Call = Callable[[Client, Any], Awaitable[Any]]

# Each operation of the contract, called as its published example was sent.
CALLS: dict[str, Call] = {
    "listContacts": lambda client, _: client.list_contacts(1, 2, kind="person"),
    "getContact": lambda client, _: client.get_contact(IMKE),
    "createPerson": lambda client, body: client.create_contact(body),
    "createGroup": lambda client, body: client.create_contact(body),
    "createFromCsv": lambda client, body: client.create_from_file(body["csv_url"]),
    "updatePerson": lambda client, body: client.update_contact(IMKE, body),
    "updateGroup": lambda client, body: client.update_contact(OFFICE, body),
    "deleteContact": lambda client, _: client.delete_contact(TADEO),
}
WRITES = [name for name in CALLS if not name.startswith(("list", "get"))]


def example(operation: str, part: str) -> Any:
    return json.loads((EXAMPLES / f"packagex.{operation}.{part}.json").read_text())


@pytest.fixture
def office() -> Lone:
    """A source with the people of the published examples."""
    emulator = Emulator(Population(0), lambda: 1_741_079_727)
    emulator.add_examples()
    return lone(Source.PACKAGEX, emulator)


@pytest.fixture
def crowd() -> Lone:
    return lone(Source.PACKAGEX)


async def call(source: Lone, operation: str) -> Any:
    return await CALLS[operation](source.client, example(operation, "request").get("body"))


async def failure(work: Awaitable[object]) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        await work
    return raised.value


# What is sent.


def test_every_operation_of_the_contract_is_called_here() -> None:
    assert set(CALLS) == {file.name.split(".")[1] for file in EXAMPLES.glob("packagex.*.json")}


@pytest.mark.parametrize("operation", CALLS)
async def test_a_request_is_sent_as_published(office: Lone, operation: str) -> None:
    published = example(operation, "request")
    await call(office, operation)
    (sent,) = office.sent
    assert (sent.method, sent.path) == (published["method"], published["path"])
    assert sent.body == published.get("body")
    assert (
        sent.query.items() >= {key: str(value) for key, value in published.get("query", {}).items()}.items()
    )
    assert sent.headers["px-api-key"] == KEY
    assert sent.headers.get("content-type") == published["headers"].get("Content-Type")


@pytest.mark.parametrize("operation", CALLS)
async def test_the_emulator_sees_the_operation_that_events_name(office: Lone, operation: str) -> None:
    told: list[Any] = []
    with events.heard_by(told.append):
        await call(office, operation)
    assert dict(office.switches.operations) == {operation: 1}
    assert [(event.operation, event.status, event.error) for event in told] == [
        (operation, example(operation, "response")["status"], None)
    ]


@pytest.mark.parametrize("operation", CALLS)
async def test_only_reads_are_repeated_on_a_dead_connection(office: Lone, operation: str) -> None:
    office.switches.fail(operation, reset="headers", times=1)
    if operation in WRITES:
        assert type(await failure(call(office, operation))) is UpstreamUnavailable
        assert len(office.sent) == 1
    else:
        await call(office, operation)
        assert len(office.sent) == 2


async def test_a_list_is_asked_for_oldest_first_with_its_page_and_size(crowd: Lone) -> None:
    await crowd.client.list_contacts(3, 7, kind="group", search="a b&limit=1", child="contact_x")
    assert crowd.sent[0].query == {
        "page": "3",
        "limit": "7",
        "type": "group",
        "order_by": "created_at",
        "direction": "asc",
        "search": "a b&limit=1",
        "child": "contact_x",
    }


async def test_a_plain_list_asks_neither_for_a_term_nor_for_a_member(crowd: Lone) -> None:
    await crowd.client.list_contacts(1, 7, kind="person")
    assert not {"search", "child"} & set(crowd.sent[0].query)


async def test_existing_contacts_are_not_replaced_by_a_file_unless_that_is_asked_for(office: Lone) -> None:
    body = example("createFromCsv", "request")["body"]
    await office.client.create_from_file(body["csv_url"])
    assert office.sent[-1].body["overwrite"] is False
    assert await office.client.get_contact(IMKE) is not None
    await office.client.create_from_file(body["csv_url"], overwrite=True)
    assert office.sent[-1].body["overwrite"] is True
    assert await office.client.get_contact(IMKE) is None


# What comes back.


async def test_a_contact_is_returned_as_it_was_sent(office: Lone) -> None:
    assert await office.client.get_contact(IMKE) == example("getContact", "response")["body"]["data"]


@pytest.mark.parametrize("operation", ["createPerson", "createGroup", "updatePerson", "updateGroup"])
async def test_a_write_returns_the_contact_as_it_is_afterwards(office: Lone, operation: str) -> None:
    written = await call(office, operation)
    published = example(operation, "response")["body"]["data"]
    unlike = {"id", "updated_at", "organization_id", "created_at", "address"}
    assert {k: v for k, v in written.items() if k not in unlike} == {
        k: v for k, v in published.items() if k not in unlike
    }
    assert await office.client.get_contact(written["id"]) == written


async def test_a_page_tells_whether_another_follows_and_how_many_there_are(crowd: Lone) -> None:
    first = await crowd.client.list_contacts(1, 50, kind="person")
    assert len(first["contacts"]) == 50
    assert first["more"] is True
    last_page = -(-first["total"] // 50)
    last = await crowd.client.list_contacts(last_page, 50, kind="person")
    assert len(last["contacts"]) == first["total"] - 50 * (last_page - 1)
    assert last["more"] is False


async def test_an_older_deployment_tells_no_total() -> None:
    source = lone(Source.PACKAGEX, Emulator(Population(20), total_count=False))
    page = await source.client.list_contacts(1, 5, kind="person")
    assert page["total"] is None
    assert page["more"] is True


async def test_a_list_without_pagination_is_the_whole_list(crowd: Lone) -> None:
    crowd.answers({"status": 200, "data": [{"id": "contact_1"}], "pagination": None})
    page = await crowd.client.list_contacts(1, 5, kind="person")
    assert page == {"contacts": [{"id": "contact_1"}], "more": False, "total": None}


async def test_what_is_not_there_is_none_for_reads_and_missing_for_writes(office: Lone) -> None:
    assert await office.client.get_contact("contact_missing") is None
    for write in (
        office.client.update_contact("contact_missing", {"name": "Ada"}),
        office.client.delete_contact("contact_missing"),
    ):
        assert isinstance(await failure(write), UpstreamMissing)


async def test_a_deleted_contact_is_gone(office: Lone) -> None:
    await office.client.delete_contact(TADEO)
    assert await office.client.get_contact(TADEO) is None
    assert isinstance(await failure(office.client.delete_contact(TADEO)), UpstreamMissing)


async def test_a_file_is_reported_with_new_ids_and_the_rows_at_fault(office: Lone) -> None:
    report = await call(office, "createFromCsv")
    assert len(report["contact_ids"]) == 2
    assert report["issues"] == [{"index": 1, "errors": ["email"]}]
    for identity in report["contact_ids"]:
        assert (await office.client.get_contact(identity))["id"] == identity


@pytest.mark.parametrize("key", ["contact_ids", "contacts", "ids"])
async def test_the_new_ids_are_found_under_whatever_word_the_vendor_uses(office: Lone, key: str) -> None:
    office.answers({"status": 201, "data": {key: ["contact_1"]}}, 201)
    assert await call(office, "createFromCsv") == {"contact_ids": ["contact_1"], "issues": []}


async def test_identical_reads_at_the_same_time_are_one_call(crowd: Lone) -> None:
    page = await crowd.client.list_contacts(1, 2, kind="person")
    one, other = (contact["id"] for contact in page["contacts"])
    crowd.forget()
    answers = await asyncio.gather(*(crowd.client.get_contact(each) for each in (one, other, one, one)))
    assert [answer["id"] for answer in answers] == [one, other, one, one]
    assert len(crowd.sent) == 2


async def test_identical_writes_at_the_same_time_are_all_sent(office: Lone) -> None:
    await asyncio.gather(*(office.client.create_contact({"name": "Ada"}) for _ in range(3)))
    assert len(office.sent) == 3


# How it fails.


@pytest.mark.parametrize(
    "operation", ["createPerson", "createGroup", "createFromCsv", "updatePerson", "updateGroup"]
)
async def test_a_refusal_names_the_properties_that_failed(office: Lone, operation: str) -> None:
    published = example(operation, "error")
    office.answers(published["body"], published["status"])
    error = await failure(call(office, operation))
    assert isinstance(error, UpstreamRejected)
    assert error.fields == tuple(published["body"]["errors"])
    assert error.source == "PACKAGEX"
    assert published["body"]["message"] not in shown(error)


@pytest.mark.parametrize("status", [400, 409, 413, 422])
async def test_a_refused_read_is_no_missing_contact(office: Lone, status: int) -> None:
    office.answers({"status": status, "message": "no", "data": {}, "errors": []}, status)
    assert isinstance(await failure(office.client.get_contact(IMKE)), UpstreamRejected)
    assert isinstance(await failure(office.client.list_contacts(1, 5, kind="person")), UpstreamRejected)
    assert isinstance(await failure(office.client.delete_contact(IMKE)), UpstreamRejected)


@pytest.mark.parametrize("errors", [None, "name", {"name": "bad"}, 5, [["name"], None, 5]])
async def test_a_refusal_in_an_odd_form_is_a_refusal(office: Lone, errors: Any) -> None:
    office.answers({"status": 400, "errors": errors}, 400)
    error = await failure(office.client.create_contact({"name": "Ada"}))
    assert isinstance(error, UpstreamRejected)
    assert all(isinstance(field, str) for field in error.fields)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, UpstreamAuth),
        (403, UpstreamAuth),
        (429, UpstreamRateLimited),
        (500, UpstreamUnavailable),
        (503, UpstreamUnavailable),
        (302, UpstreamBadResponse),
    ],
)
@pytest.mark.parametrize("operation", WRITES)
async def test_a_write_has_the_same_errors_as_every_read(
    office: Lone, operation: str, status: int, kind: type[UpstreamError]
) -> None:
    office.answers({"status": status, "message": f"bad {KEY}", "errors": ["name"]}, status)
    error = await failure(call(office, operation))
    assert type(error) is kind
    assert error.source == "PACKAGEX"
    assert KEY not in shown(error)


@pytest.mark.parametrize("body", ["", "<html>", '{"data": [', "null", "[]", "5", '"text"'])
@pytest.mark.parametrize("operation", CALLS)
async def test_an_answer_that_is_no_envelope_is_a_bad_response(
    office: Lone, operation: str, body: str
) -> None:
    office.switches.fail(body=body)
    assert type(await failure(call(office, operation))) is UpstreamBadResponse


@pytest.mark.parametrize("data", [None, {}, "text", 5, {"id": "contact_1"}])
async def test_a_page_without_a_list_is_a_bad_response(crowd: Lone, data: Any) -> None:
    crowd.answers({"status": 200, "data": data, "pagination": {"has_more": False}})
    assert type(await failure(crowd.client.list_contacts(1, 5, kind="person"))) is UpstreamBadResponse


@pytest.mark.parametrize("data", [None, {}, [], "text", 5, {"id": None}, {"id": 5}, {"name": "Ada"}])
@pytest.mark.parametrize("operation", ["getContact", "createPerson", "updatePerson"])
async def test_a_contact_without_an_id_is_a_bad_response(office: Lone, operation: str, data: Any) -> None:
    office.answers({"status": 200, "data": data})
    assert type(await failure(call(office, operation))) is UpstreamBadResponse


@pytest.mark.parametrize("data", [None, [], "text"])
async def test_a_file_without_a_report_is_a_bad_response(office: Lone, data: Any) -> None:
    office.answers({"status": 201, "data": data}, 201)
    assert type(await failure(call(office, "createFromCsv"))) is UpstreamBadResponse
