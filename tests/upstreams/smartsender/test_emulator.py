"""What Smart Sender does with contacts, sentence by sentence, as the fact sheet tells it."""

from typing import Any

import pytest

from gateway.upstreams.people import Population
from gateway.upstreams.smartsender import seed_project
from tests.upstreams.smartsender.asking import (
    IMKE,
    TADEO,
    Clock,
    ask,
    complaints,
    emulator,
    everybody,
    get,
    unlimited,
    variables,
    with_gates,
)

# Access


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "st-demo-token"])
async def test_without_a_token_nothing_is_answered(header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await ask(emulator(), "GET", "/contacts", headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"error": {"code": 401, "message": "Unauthenticated"}}


async def test_any_token_opens_the_same_project() -> None:
    project = emulator()
    first = await ask(project, "GET", "/contacts", headers={"Authorization": "Bearer one"})
    other = await ask(project, "GET", "/contacts", headers={"Authorization": "bearer other"})
    assert first.json() == other.json()


async def test_an_unknown_path_and_a_wrong_verb_are_errors_of_the_same_form() -> None:
    project = emulator()
    lost, wrong = await ask(project, "GET", "/contacts/"), await ask(project, "PATCH", "/contacts")
    assert lost.json() == {"error": {"code": 404, "message": "Not found"}}
    assert wrong.json() == {"error": {"code": 405, "message": "Method not allowed"}}
    assert (lost.status_code, wrong.status_code) == (404, 405)


# Lists and search


async def test_the_list_has_everybody_once_in_the_order_they_came() -> None:
    project = unlimited()
    ids = [contact["id"] for contact in await everybody(project)]
    assert len(ids) == len(set(ids)) == len(Population(240).living_in("smartsender"))
    assert ids == sorted(ids)
    assert ids[0] == 60001
    assert ids[-1] > 60000 + len(ids)


async def test_a_page_has_twenty_contacts_unless_told_otherwise() -> None:
    project = emulator()
    assert len((await get(project, "/contacts"))["collection"]) == 20
    page = await get(project, "/contacts", page=2, limitation=7)
    assert page["cursor"] == {"page": 2, "pages": 17}
    assert len(page["collection"]) == 7


async def test_a_page_beyond_the_end_is_empty() -> None:
    page = await get(emulator(), "/contacts", page=7)
    assert page == {"cursor": {"page": 7, "pages": 6}, "collection": []}


async def test_an_empty_list_has_no_pages() -> None:
    assert await get(emulator(0), "/contacts") == {"cursor": {"page": 1, "pages": 0}, "collection": []}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"limitation": 21}, {"limitation": ["must not be greater than 20"]}),
        ({"limitation": 0}, {"limitation": ["must be at least 1"]}),
        ({"limitation": "ten"}, {"limitation": ["must be an integer"]}),
        ({"page": 0}, {"page": ["must be at least 1"]}),
        ({"page": ""}, {"page": ["must be an integer"]}),
        ({"page": "9" * 30}, {"page": ["must be an integer"]}),
        (
            {"page": 0, "limitation": 0},
            {"page": ["must be at least 1"], "limitation": ["must be at least 1"]},
        ),
    ],
)
@pytest.mark.parametrize(
    "path", ["/contacts", "/contacts/search", "/channels", "/variables", f"{IMKE}/messages"]
)
async def test_a_page_out_of_range_is_refused(
    path: str, query: dict[str, Any], fields: dict[str, list[str]]
) -> None:
    answer = await ask(emulator(0, examples=True), "GET", path, params={"term": "x", **query})
    assert complaints(answer) == fields


@pytest.mark.parametrize("query", [{}, {"term": ""}, {"term": "  "}])
async def test_a_search_without_a_term_is_refused(query: dict[str, str]) -> None:
    answer = await ask(emulator(), "GET", "/contacts/search", params=query)
    assert complaints(answer) == {"term": ["must not be empty"]}


@pytest.mark.parametrize("term", ["imke vander", "VANDERSLOOT", "imke@EXAMPLE", "+1202555011", "2025550111"])
async def test_a_search_looks_for_a_part_of_name_email_or_phone(term: str) -> None:
    page = await get(emulator(0, examples=True), "/contacts/search", term=term)
    assert page["collection"][0]["id"] == 50417


async def test_a_search_does_not_look_across_two_fields() -> None:
    page = await get(emulator(0, examples=True), "/contacts/search", term="vanderslootimke@")
    assert page["collection"] == []


async def test_a_search_finds_what_was_changed_and_not_what_it_was() -> None:
    project = unlimited()
    contact = (await get(project, "/contacts"))["collection"][3]
    found = await get(project, "/contacts/search", term=contact["fullName"])
    assert contact in found["collection"]
    await ask(
        project,
        "PUT",
        f"/contacts/{contact['id']}",
        json={"values": {"firstName": "Quenby", "lastName": None}},
    )
    after = await get(project, "/contacts/search", term="quenby")
    assert [(held["id"], held["fullName"]) for held in after["collection"]] == [(contact["id"], "Quenby")]
    again = await get(project, "/contacts/search", term=contact["fullName"])
    assert contact["id"] not in [held["id"] for held in again["collection"]]


async def test_variables_are_found_by_a_part_of_their_name() -> None:
    project = emulator()
    assert [held["id"] for held in (await get(project, "/variables", term="CIT"))["collection"]] == [7, 11]
    assert len((await get(project, "/variables"))["collection"]) == len(seed_project.VARIABLES)


# One contact


@pytest.mark.parametrize("number", ["60002", "59999", "0", "-60001", "999999999", "6000１", "abc", "1" * 40])
@pytest.mark.parametrize("part", ["", "/info", "/chat", "/gates", "/messages", "/funnels", "/groups"])
async def test_an_unknown_contact_is_not_found(number: str, part: str) -> None:
    answer = await ask(emulator(), "GET", f"/contacts/{number}{part}")
    assert answer.status_code == 404
    assert answer.json() == {"error": {"code": 404, "message": "Contact not found"}}


async def test_a_contact_reads_the_same_in_the_list_and_alone() -> None:
    project = unlimited()
    for contact in (await get(project, "/contacts", page=2))["collection"]:
        assert await get(project, f"/contacts/{contact['id']}") == contact


async def test_the_simple_form_has_the_variables_next_to_the_system_fields() -> None:
    project = unlimited()
    for contact in await everybody(project):
        simple = await get(project, f"/contacts/{contact['id']}/info")
        held = {each["name"]: each["value"] for each in contact.pop("variables")}
        assert simple == held | contact


async def test_a_system_field_wins_over_a_variable_of_its_name() -> None:
    project = emulator(0, examples=True)
    await ask(project, "PUT", IMKE, json={"values": {"photo": "https://cards.example.com/imke.png"}})
    assert (await variables(project))["photo"] == "https://cards.example.com/imke.png"
    assert (await get(project, f"{IMKE}/info"))["photo"] is None


async def test_a_number_comes_back_as_a_number_from_some_contacts_and_as_text_from_others() -> None:
    project = unlimited()
    kinds = {
        type(held["value"]).__name__
        for contact in await everybody(project)
        for held in contact["variables"]
        if held["name"] == "visits"
    }
    assert kinds == {"int", "str"}


async def test_a_number_that_was_written_may_come_back_as_text() -> None:
    project = unlimited()
    for contact in await everybody(project):
        await ask(project, "PUT", f"/contacts/{contact['id']}", json={"values": {"visits": 77}})
    read = [await variables(project, f"/contacts/{contact['id']}") for contact in await everybody(project)]
    assert {held["visits"] for held in read} == {77, "77"}


# Update


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shoeSize", 44),
        ("visits", "many"),
        ("visits", True),
        ("visits", [5]),
        ("citizenGrade", "bronze"),
        ("citizenGrade", "Gold"),
        ("citizenGrade", ["gold"]),
        ("birthday", "31.12.1990"),
        ("birthday", "1990-02-30"),
        ("website", "example.com"),
        ("website", "ftp://example.com"),
        ("billingEmail", "accounts at example.com"),
        ("emergencyPhone", "202 555 0111"),
        ("city", 5),
        ("city", {"name": "Salem"}),
    ],
)
async def test_an_update_skips_an_invalid_variable_and_says_nothing(name: str, value: object) -> None:
    project = emulator(0, examples=True)
    before = await get(project, IMKE)
    answer = await ask(project, "PUT", IMKE, json={"values": {name: value}})
    assert (answer.status_code, answer.json()) == (200, {"state": True})
    assert await get(project, IMKE) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", "not-an-email"),
        ("email", "a@b"),
        ("email", 5),
        ("phone", "12025550111"),
        ("phone", "+1 202 555 0111"),
        ("phone", "+12345"),
        ("firstName", ""),
        ("firstName", 5),
        ("lastName", "x" * 256),
        ("fullName", "Somebody Else"),
        ("id", 1),
        ("tags", []),
    ],
)
async def test_an_update_skips_an_invalid_system_field_and_says_nothing(name: str, value: object) -> None:
    project = emulator(0, examples=True)
    before = await get(project, IMKE)
    answer = await ask(project, "PUT", IMKE, json={"values": {name: value}})
    assert (answer.status_code, answer.json()) == (200, {"state": True})
    assert await get(project, IMKE) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("visits", 6),
        ("visits", "6.5"),
        ("citizenGrade", "gold"),
        ("birthday", "1990-12-31"),
        ("birthday", "1990-12-31 08:00:00"),
        ("website", "https://vandersloot.example.com/about"),
        ("billingEmail", "accounts@example.com"),
        ("emergencyPhone", "+12025550199"),
        ("city", ""),
    ],
)
async def test_an_update_writes_a_variable_whose_value_fits(name: str, value: object) -> None:
    project = emulator(0, examples=True)
    await ask(project, "PUT", IMKE, json={"values": {name: value}})
    assert (await variables(project))[name] == value


async def test_null_clears_a_system_field_and_a_variable() -> None:
    project = emulator(0, examples=True)
    await ask(project, "PUT", IMKE, json={"values": {"lastName": None, "email": None, "city": None}})
    contact = await get(project, IMKE)
    assert (contact["lastName"], contact["email"], contact["fullName"]) == (None, None, "Imke")
    assert "city" not in await variables(project)


async def test_an_update_is_stamped_only_when_something_was_written() -> None:
    clock = Clock()
    project = emulator(0, examples=True, clock=clock)
    clock.now += 3600
    await ask(project, "PUT", IMKE, json={"values": {"email": "nonsense"}})
    assert (await get(project, IMKE))["updatedAt"] == "2025-03-06 18:20:05"
    await ask(project, "PUT", IMKE, json={"values": {"email": "imke@example.org"}})
    assert (await get(project, IMKE))["updatedAt"] == "2025-03-06 19:21:40"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {"values": ["must be an object"]}),
        (b"{", {"values": ["must be an object"]}),
        (b"[" * 200_000, {"values": ["must be an object"]}),
        (b'{"values": {"visits": NaN}}', {"values": ["must be an object"]}),
        (b'{"values": {"city": "\\ud800"}}', {"values": ["must be an object"]}),
        (b'{"lastName": "Reyes"}', {"values": ["must be an object"]}),
        (b'{"values": {}}', {"values": ["must not be empty"]}),
        (b'{"values": {"city": "Salem"}, "force": true}', {"force": ["is not a known parameter"]}),
    ],
)
async def test_an_update_without_values_is_refused(body: bytes, fields: dict[str, list[str]]) -> None:
    assert complaints(await ask(emulator(0, examples=True), "PUT", IMKE, content=body)) == fields


# Events


async def test_an_event_is_launched_by_a_name_in_the_body_or_in_the_query() -> None:
    project = emulator(0, examples=True)
    body = await ask(project, "POST", f"{IMKE}/fire", json={"name": "OrderShipped"})
    query = await ask(project, "POST", f"{IMKE}/fire", params={"name": "OrderShipped"})
    assert (body.json(), query.json()) == ({"state": True}, {"state": True})


@pytest.mark.parametrize("name", ["invoicepaid", "INVOICEPAID", "InvoicePaid ", "Nothing"])
async def test_an_unknown_or_wrongly_cased_event_is_answered_with_state_false(name: str) -> None:
    answer = await ask(emulator(0, examples=True), "POST", f"{IMKE}/fire", json={"name": name})
    assert (answer.status_code, answer.json()) == (200, {"state": False})


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name": ["must not be empty"]}),
        ({"name": None}, {"name": ["must not be empty"]}),
        ({"name": 5}, {"name": ["must be a string"]}),
        ({"name": "InvoicePaid", "at": 1}, {"at": ["is not a known parameter"]}),
    ],
)
async def test_an_event_without_a_name_is_refused(body: dict[str, Any], fields: dict[str, list[str]]) -> None:
    assert complaints(await ask(emulator(0, examples=True), "POST", f"{IMKE}/fire", json=body)) == fields


# Merge and delete


async def test_the_survivor_keeps_its_values_and_takes_over_what_it_lacks() -> None:
    project = emulator(0, examples=True)
    names = {"lastName": "Quiroga", "email": "tadeo@example.com"}
    values = {"city": "Salem", "visits": 1, "website": "https://t.example.com"}
    await ask(project, "PUT", TADEO, json={"values": names | values})
    await ask(project, "POST", f"{TADEO}/tags/77")
    await ask(project, "POST", f"{TADEO}/funnels/abk3Xf9")
    await ask(project, "PUT", IMKE, json={"values": {"email": None, "city": None}})
    answer = await ask(project, "POST", "/contacts/50417/merge/50433")
    assert answer.json() == {"state": True}
    contact = await get(project, IMKE)
    assert (contact["fullName"], contact["phone"]) == ("Imke Vandersloot", "+12025550111")
    assert contact["email"] == "tadeo@example.com"
    assert {tag["id"] for tag in contact["tags"]} == {81, 77}
    assert [funnel["name"] for funnel in contact["funnels"]] == ["Welcome", "Abandoned basket"]
    assert await variables(project) == {"visits": 4, "city": "Salem", "website": "https://t.example.com"}


async def test_the_target_of_a_merge_is_gone_afterwards() -> None:
    project = emulator(0, examples=True)
    await ask(project, "POST", "/contacts/50417/merge/50433")
    assert (await ask(project, "GET", TADEO)).status_code == 404
    assert [contact["id"] for contact in await everybody(project)] == [50417]
    assert (await ask(project, "POST", "/contacts/50417/merge/50433")).status_code == 404


async def test_the_gates_and_messages_of_the_target_move_to_the_survivor() -> None:
    project = unlimited()
    one, other = (await with_gates(project, 2))[:2]
    both = [(await get(project, f"/contacts/{i}/gates"))["collection"] for i in (one, other)]
    said = [(await get(project, f"/contacts/{i}/messages"))["collection"] for i in (one, other)]
    await ask(project, "POST", f"/contacts/{one}/merge/{other}")
    assert (await get(project, f"/contacts/{one}/gates"))["collection"] == both[0] + both[1]
    after = (await get(project, f"/contacts/{one}/messages"))["collection"]
    newest = sorted(
        said[0] + said[1], key=lambda message: (message["createdAt"], message["id"]), reverse=True
    )
    assert after == newest[:20]


async def test_a_survivor_without_a_chat_has_one_after_taking_over_gates() -> None:
    project = unlimited()
    silent, talking = (await with_gates(project, 0))[0], (await with_gates(project, 1))[0]
    assert (await ask(project, "GET", f"/contacts/{silent}/chat")).status_code == 404
    await ask(project, "POST", f"/contacts/{silent}/merge/{talking}")
    chat = await get(project, f"/contacts/{silent}/chat")
    assert (chat["contact"]["originalId"], len(chat["gates"])) == (silent, 1)


async def test_a_contact_is_not_merged_with_itself() -> None:
    answer = await ask(emulator(0, examples=True), "POST", "/contacts/50417/merge/050417")
    assert complaints(answer) == {"targetContactId": ["must differ from contactId"]}


async def test_a_deleted_contact_is_gone() -> None:
    project = unlimited()
    first = (await everybody(project))[0]["id"]
    assert (await ask(project, "DELETE", f"/contacts/{first}")).json() == {"state": True}
    assert (await ask(project, "GET", f"/contacts/{first}")).status_code == 404
    assert (await ask(project, "DELETE", f"/contacts/{first}")).status_code == 404
    assert first not in [contact["id"] for contact in await everybody(project)]


@pytest.mark.parametrize(("status", "message"), [(405, "Method not allowed"), (410, "Gone")])
async def test_the_deprecated_delete_can_be_taken_away(status: int, message: str) -> None:
    project = emulator(0, examples=True)
    project.switches.delete_status = status
    answer = await ask(project, "DELETE", TADEO)
    assert answer.status_code == status
    assert answer.json() == {"error": {"code": status, "message": message}}
    assert (await ask(project, "GET", TADEO)).status_code == 200
