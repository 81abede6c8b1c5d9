"""Every method of the Smart Sender client: what it sends, what it returns, and how it fails."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway import events
from gateway.errors import (
    GatewayError,
    UpstreamAuth,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)
from gateway.model.source import Source
from gateway.upstreams.smartsender import settings
from gateway.upstreams.smartsender.client import Client
from tests.support.sources import KEY, Lone, lone, shown
from tests.upstreams.smartsender.asking import OPERATIONS, emulator, example

IMKE, TADEO, NOBODY = "50417", "50433", "50434"

Call = Callable[[Client, Any], Awaitable[Any]]

PAGES: dict[str, Call] = {
    "listContacts": lambda client, _: client.list_contacts(1, 20),
    "searchContacts": lambda client, _: client.search_contacts("imke", 1, 20),
    "listContactGates": lambda client, _: client.list_gates(IMKE, 1, 20),
    "listContactMessages": lambda client, _: client.list_messages(IMKE, 1, 20),
    "listContactFunnels": lambda client, _: client.list_contact_funnels(IMKE, 1, 20),
    "listContactGroups": lambda client, _: client.list_contact_groups(IMKE, 1, 20),
    "listChannels": lambda client, _: client.list_channels(1, 20),
    "listVariables": lambda client, _: client.list_variables(1, 20),
}
SINGLE: dict[str, Call] = {
    "getContact": lambda client, _: client.get_contact(IMKE),
    "getContactInfo": lambda client, _: client.get_contact_info(IMKE),
    "getContactChat": lambda client, _: client.get_chat(IMKE),
    "getChannel": lambda client, _: client.get_channel("2"),
}
CHANGES: dict[str, Call] = {
    "updateContact": lambda client, body: client.update_contact(IMKE, body["values"]),
    "fireEvent": lambda client, body: client.fire_event(IMKE, body["name"]),
    "mergeContacts": lambda client, _: client.merge_contacts(IMKE, TADEO),
    "deleteContact": lambda client, _: client.delete_contact(TADEO),
    "addContactTag": lambda client, _: client.add_tag(IMKE, "81"),
    "removeContactTag": lambda client, _: client.remove_tag(IMKE, "81"),
    "addContactFunnel": lambda client, _: client.add_funnel(IMKE, "wlc7Qd2"),
    "removeContactFunnel": lambda client, _: client.remove_funnel(IMKE, "wlc7Qd2"),
    "addContactGroup": lambda client, _: client.add_group(IMKE, "4"),
    "removeContactGroup": lambda client, _: client.remove_group(IMKE, "4"),
}
MAKES: dict[str, Call] = {
    "createGate": lambda client, body: client.create_gate("2", body),
    "sendContactMessage": lambda client, body: client.send_message(IMKE, body),
}
READS = {**PAGES, **SINGLE}
WRITES = {**CHANGES, **MAKES}
CALLS = {**READS, **WRITES}
NOT_OFFERED = {"listVariables": {"term"}}  # parameters of an example that the client has no use for


@pytest.fixture
def desk() -> Lone:
    """A project with the contacts of the published examples."""
    return lone(Source.SMART_SENDER, emulator(0, examples=True))


@pytest.fixture
def crowd() -> Lone:
    return lone(Source.SMART_SENDER)


async def call(source: Lone, operation: str) -> Any:
    return await CALLS[operation](source.client, example(operation, "request").get("body"))


async def failure(work: Awaitable[object]) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        await work
    return raised.value


# What is sent.


def test_every_operation_of_the_contract_is_called_here() -> None:
    assert sorted(CALLS) == OPERATIONS


@pytest.mark.parametrize("operation", CALLS)
async def test_a_request_is_sent_as_published(desk: Lone, operation: str) -> None:
    published = example(operation, "request")
    await call(desk, operation)
    (sent,) = desk.sent
    assert (sent.method, sent.path) == (published["method"], published["path"])
    assert sent.body == published.get("body")
    assert sent.query == {
        name: str(value)
        for name, value in published.get("query", {}).items()
        if name not in NOT_OFFERED.get(operation, ())
    }
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers.get("content-type") == published["headers"].get("Content-Type")


@pytest.mark.parametrize("operation", CALLS)
async def test_the_emulator_sees_the_operation_that_events_name(desk: Lone, operation: str) -> None:
    told: list[Any] = []
    with events.heard_by(told.append):
        await call(desk, operation)
    assert dict(desk.switches.operations) == {operation: 1}
    assert [(event.operation, event.status, event.error) for event in told] == [(operation, 200, None)]


@pytest.mark.parametrize("operation", CALLS)
async def test_only_reads_are_repeated_on_a_dead_connection(desk: Lone, operation: str) -> None:
    desk.switches.fail(operation, reset="headers", times=1)
    if operation in WRITES:
        assert type(await failure(call(desk, operation))) is UpstreamUnavailable
        assert len(desk.sent) == 1
    else:
        await call(desk, operation)
        assert len(desk.sent) == 2


async def test_a_term_goes_out_as_it_is(crowd: Lone) -> None:
    await crowd.client.search_contacts("a&page=9 +%é", 2, 7)
    assert crowd.sent[0].query == {"page": "2", "limitation": "7", "term": "a&page=9 +%é"}


async def test_the_path_of_a_merge_can_be_another_as_it_is_assumed() -> None:
    desk = lone(Source.SMART_SENDER, emulator(0, examples=True))
    path = settings.merge_path("/unite/{targetContactId}/with/{contactId}")
    with pytest.raises(UpstreamRejected):
        await Client(desk.client._wire, desk.client.reads, path).merge_contacts(IMKE, TADEO)
    assert desk.sent[0].path == f"/v1/unite/{TADEO}/with/{IMKE}"


# What comes back.


@pytest.mark.parametrize("operation", SINGLE)
async def test_a_single_thing_is_returned_as_it_was_sent(desk: Lone, operation: str) -> None:
    assert await call(desk, operation) == example(operation, "response")["body"]


@pytest.mark.parametrize("operation", PAGES)
async def test_a_page_has_the_records_as_they_were_sent(desk: Lone, operation: str) -> None:
    published = example(operation, "response")["body"]["collection"]
    page = await call(desk, operation)
    assert [record for record in page["collection"] if record in published] == published


@pytest.mark.parametrize("operation", CHANGES)
async def test_a_change_says_whether_it_was_made(desk: Lone, operation: str) -> None:
    assert await call(desk, operation) is True


@pytest.mark.parametrize("operation", CHANGES)
async def test_a_state_of_false_is_told_although_the_status_is_fine(desk: Lone, operation: str) -> None:
    desk.answers({"state": False})
    assert await call(desk, operation) is False


async def test_an_event_of_another_name_is_not_launched(desk: Lone) -> None:
    assert await desk.client.fire_event(IMKE, "InvoicePaid") is True
    assert await desk.client.fire_event(IMKE, "invoicepaid") is False


async def test_what_a_change_writes_can_be_read_back(desk: Lone) -> None:
    assert await desk.client.update_contact(IMKE, {"lastName": "Reyes", "email": "not-an-email"}) is True
    contact = await desk.client.get_contact(IMKE)
    assert (contact["lastName"], contact["email"]) == ("Reyes", "imke@example.com")
    await desk.client.remove_tag(IMKE, "81")
    assert (await desk.client.get_contact(IMKE))["tags"] == []
    await desk.client.remove_group(IMKE, "4")
    assert (await desk.client.list_contact_groups(IMKE, 1, 20))["collection"] == []


async def test_a_merge_keeps_the_first_and_uses_up_the_second(desk: Lone) -> None:
    assert await desk.client.merge_contacts(IMKE, TADEO) is True
    assert (await desk.client.get_contact(IMKE))["firstName"] == "Imke"
    assert await desk.client.get_contact(TADEO) is None


async def test_a_gate_for_a_new_identifier_makes_a_contact(desk: Lone) -> None:
    body = example("createGate", "request")["body"]
    gate = await desk.client.create_gate("2", body)
    assert gate == example("createGate", "response")["body"]
    assert (await desk.client.create_gate("2", body))["id"] == gate["id"]
    found = await desk.client.search_contacts("noor@example.com", 1, 20)
    assert [each["firstName"] for each in found["collection"]] == ["Noor"]


async def test_a_message_that_was_sent_is_the_newest(desk: Lone) -> None:
    sent = await call(desk, "sendContactMessage")
    newest = (await desk.client.list_messages(IMKE, 1, 1))["collection"]
    assert newest == [sent]


async def test_messages_are_asked_for_without_those_of_the_system(crowd: Lone) -> None:
    contacts = (await crowd.client.list_contacts(1, 20))["collection"]
    for contact in contacts:
        page = await crowd.client.list_messages(str(contact["id"]), 1, 20)
        assert not any(message["internal"] for message in page["collection"])


@pytest.mark.parametrize("operation", SINGLE)
async def test_a_single_thing_that_is_not_there_is_none(desk: Lone, operation: str) -> None:
    published = example(operation, "error")
    desk.answers(published["body"], published["status"])
    assert await call(desk, operation) is None


@pytest.mark.parametrize(
    "operation", [name for name in PAGES if name.startswith("listContact") and name != "listContacts"]
)
async def test_what_hangs_on_a_contact_that_is_not_there_is_an_empty_page(desk: Lone, operation: str) -> None:
    published = example(operation, "error")
    desk.answers(published["body"], published["status"])
    assert await call(desk, operation) == {"collection": [], "more": False}


async def test_a_contact_of_another_project_is_not_there_when_the_vendor_says_400(desk: Lone) -> None:
    desk.answers({"error": {"code": 400}}, 400)
    assert await desk.client.get_contact(IMKE) is None


async def test_pages_go_on_until_the_last(crowd: Lone) -> None:
    seen: list[int] = []
    page, more = 0, True
    while more:
        page += 1
        answer = await crowd.client.list_contacts(page, 20)
        seen += [contact["id"] for contact in answer["collection"]]
        more = answer["more"]
    assert len(seen) == len(set(seen)) > 40
    beyond = await crowd.client.list_contacts(page + 1, 20)
    assert beyond == {"collection": [], "more": False}


@pytest.mark.parametrize(
    ("cursor", "more"),
    [
        ({"page": 1, "pages": 3}, True),
        ({"page": 3, "pages": 3}, False),
        ({"page": 4, "pages": 3}, False),
        ({"page": 1, "pages": 1}, False),
        ({"page": 1, "pages": 0}, False),
        ({"page": "1", "pages": "2"}, True),
        ({"pages": 2}, True),
        ({}, False),
    ],
)
async def test_the_cursor_tells_whether_another_page_follows(crowd: Lone, cursor: Any, more: bool) -> None:
    crowd.answers({"cursor": cursor, "collection": []})
    assert (await crowd.client.list_contacts(1, 20))["more"] is more


async def test_identical_reads_at_the_same_time_are_one_call(desk: Lone) -> None:
    answers = await asyncio.gather(*(desk.client.get_contact(each) for each in (IMKE, TADEO, IMKE)))
    assert [answer["id"] for answer in answers] == [50417, 50433, 50417]
    assert len(desk.sent) == 2


async def test_the_two_forms_of_one_contact_are_two_calls(desk: Lone) -> None:
    full, plain = await asyncio.gather(desk.client.get_contact(IMKE), desk.client.get_contact_info(IMKE))
    assert "variables" in full
    assert plain["city"] == "Portland"
    assert len(desk.sent) == 2


async def test_identical_writes_at_the_same_time_are_all_sent(desk: Lone) -> None:
    await asyncio.gather(*(desk.client.fire_event(IMKE, "InvoicePaid") for _ in range(3)))
    assert len(desk.sent) == 3


# How it fails.


@pytest.mark.parametrize("operation", [name for name in CALLS if name != "listVariables"])
async def test_a_422_names_the_fields_that_failed(desk: Lone, operation: str) -> None:
    fields = {"email": ["is odd: ada@example.com"], "phone": ["is odd"]}
    desk.answers({"error": {"code": 422, "message": "Ada is invalid", "fields": fields}}, 422)
    error = await failure(call(desk, operation))
    assert isinstance(error, UpstreamRejected)
    assert error.fields == ("email", "phone")
    assert error.source == "SMART_SENDER"
    for part in ("Ada", "ada@example.com", "is odd"):
        assert part not in shown(error)


@pytest.mark.parametrize("operation", CALLS)
async def test_an_error_that_hides_in_a_200_is_an_error(desk: Lone, operation: str) -> None:
    desk.answers({"error": {"code": 422, "message": "Ada is invalid"}, "id": 1, "state": True})
    error = await failure(call(desk, operation))
    assert isinstance(error, UpstreamRejected)
    assert "Ada" not in shown(error)


@pytest.mark.parametrize(
    "error", ["text", 5, ["x"], {"fields": ["email"]}, {"fields": "email"}, {"code": None}]
)
async def test_an_error_in_an_odd_form_is_an_error(desk: Lone, error: Any) -> None:
    desk.answers({"error": error, "cursor": {"page": 1, "pages": 1}, "collection": []})
    assert isinstance(await failure(desk.client.list_contacts(1, 20)), UpstreamError)


@pytest.mark.parametrize("operation", WRITES)
async def test_a_write_on_something_that_is_not_there_is_refused(desk: Lone, operation: str) -> None:
    desk.answers({"error": {"code": 404, "message": "Contact not found"}}, 404)
    assert isinstance(await failure(call(desk, operation)), UpstreamRejected)


@pytest.mark.parametrize("status", [405, 410])
async def test_a_delete_that_the_vendor_has_removed_is_refused(desk: Lone, status: int) -> None:
    desk.emulator.switches.delete_status = status
    error = await failure(desk.client.delete_contact(TADEO))
    assert isinstance(error, UpstreamError)
    assert await desk.client.get_contact(TADEO) is not None


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
    desk: Lone, operation: str, status: int, kind: type[UpstreamError]
) -> None:
    desk.answers({"error": {"code": status, "message": f"bad {KEY}"}}, status)
    error = await failure(call(desk, operation))
    assert type(error) is kind
    assert error.source == "SMART_SENDER"
    assert KEY not in shown(error)


@pytest.mark.parametrize("body", ["", "<html>", '{"id": ', "null", "[]", "5", '"text"', "{}"])
@pytest.mark.parametrize("operation", CALLS)
async def test_an_answer_of_another_shape_is_a_bad_response(desk: Lone, operation: str, body: str) -> None:
    desk.switches.fail(body=body)
    assert type(await failure(call(desk, operation))) is UpstreamBadResponse


@pytest.mark.parametrize(
    "body",
    [
        {"collection": []},
        {"cursor": {"page": 1, "pages": 1}},
        {"cursor": [], "collection": []},
        {"cursor": {"page": 1, "pages": 1}, "collection": {}},
        {"cursor": {"page": 1, "pages": 1}, "collection": None},
        {"cursor": {"page": None, "pages": None}, "collection": []},
        {"cursor": {"page": "first", "pages": 1}, "collection": []},
        {"cursor": {"page": [1], "pages": 1}, "collection": []},
    ],
)
@pytest.mark.parametrize("operation", PAGES)
async def test_a_page_without_cursor_or_list_is_a_bad_response(desk: Lone, operation: str, body: Any) -> None:
    desk.answers(body)
    assert type(await failure(call(desk, operation))) is UpstreamBadResponse


@pytest.mark.parametrize("state", [None, "true", 1, {}])
@pytest.mark.parametrize("operation", CHANGES)
async def test_a_state_that_is_neither_true_nor_false_is_a_bad_response(
    desk: Lone, operation: str, state: Any
) -> None:
    desk.answers({"state": state})
    assert type(await failure(call(desk, operation))) is UpstreamBadResponse
