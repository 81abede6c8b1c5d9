"""Gates, chats, messages and what else hangs on a contact, as the fact sheet tells it."""

from typing import Any

import pytest

from tests.upstreams.smartsender.asking import (
    IMKE,
    NOOR,
    TADEO,
    ask,
    complaints,
    emulator,
    everybody,
    get,
    unlimited,
    with_gates,
)

# Creation through a gate


async def test_a_new_gate_brings_a_new_contact_into_being() -> None:
    project = unlimited()
    parameters = {"city": "Salem", "visits": "often", "nope": 1}
    body = NOOR | {"lastName": "Aldana", "email": "noor@example.com", "parameters": parameters}
    gate = (await ask(project, "POST", "/channels/2/gates", json=body)).json()
    contact = (await everybody(project))[-1]
    assert contact["fullName"] == "Noor Aldana"
    assert (contact["email"], contact["phone"]) == ("noor@example.com", "+12025550120")
    assert [(held["name"], held["value"]) for held in contact["variables"]] == [("city", "Salem")]
    assert contact["createdAt"] == contact["updatedAt"] == "2025-03-06 18:21:40"
    assert (await get(project, f"/contacts/{contact['id']}/gates"))["collection"] == [gate]
    found = await get(project, "/contacts/search", term="+12025550120")
    assert found["collection"] == [contact]


async def test_the_same_identifier_gets_the_same_gate_and_no_second_contact() -> None:
    project = unlimited()
    gate = (await ask(project, "POST", "/channels/2/gates", json=NOOR)).json()
    before = len(await everybody(project))
    again = (await ask(project, "POST", "/channels/2/gates", json=NOOR | {"firstName": "Nora"})).json()
    assert again == gate
    assert len(await everybody(project)) == before


async def test_the_phone_of_somebody_on_whatsapp_is_a_known_identifier() -> None:
    project = unlimited()
    project.switches.gate_tells_contact = True
    for contact in await everybody(project):
        gates = (await get(project, f"/contacts/{contact['id']}/gates"))["collection"]
        if any(gate["channel"]["id"] == 2 for gate in gates):
            break
    body = {"identifier": contact["phone"][1:], "firstName": "Whoever"}
    gate = (await ask(project, "POST", "/channels/2/gates", json=body)).json()
    assert gate in gates
    assert gate["contact"]["originalId"] == contact["id"]


async def test_an_identifier_is_known_at_the_survivor_after_a_merge_and_unknown_after_a_delete() -> None:
    project = unlimited(0, examples=True)
    project.switches.gate_tells_contact = True
    made = (await ask(project, "POST", "/channels/2/gates", json=NOOR)).json()
    await ask(project, "POST", f"/contacts/50417/merge/{made['contact']['originalId']}")
    again = (await ask(project, "POST", "/channels/2/gates", json=NOOR)).json()
    assert (again["id"], again["contact"]["originalId"]) == (made["id"], 50417)
    await ask(project, "DELETE", IMKE)
    anew = (await ask(project, "POST", "/channels/2/gates", json=NOOR)).json()
    assert anew["id"] != made["id"]
    assert anew["contact"]["originalId"] not in {50417, made["contact"]["originalId"]}


@pytest.mark.parametrize("channel", [5, 8, 11, 14])
async def test_a_gate_is_created_on_whatsapp_only(channel: int) -> None:
    answer = await ask(emulator(), "POST", f"/channels/{channel}/gates", json=NOOR)
    assert complaints(answer) == {"channelId": ["must be a WhatsApp channel"]}


async def test_a_gate_on_an_unknown_channel_is_not_found() -> None:
    answer = await ask(emulator(), "POST", "/channels/3/gates", json=NOOR)
    assert answer.json() == {"error": {"code": 404, "message": "Channel not found"}}


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"identifier": ""}, {"identifier": ["must not be empty"]}),
        ({"identifier": 12025550120}, {"identifier": ["must be a string"]}),
        ({"firstName": None}, {"firstName": ["must not be empty"]}),
        ({"firstName": "x" * 256}, {"firstName": ["must be a string of at most 255 characters"]}),
        ({"lastName": "x" * 256}, {"lastName": ["must be a string of at most 255 characters"]}),
        ({"email": "nonsense"}, {"email": ["must be an email address"]}),
        ({"phone": "12025550120"}, {"phone": ["must be an international phone number"]}),
        ({"parameters": ["city"]}, {"parameters": ["must be an object"]}),
        ({"nickname": "No"}, {"nickname": ["is not a known parameter"]}),
    ],
)
async def test_a_gate_with_a_wrong_part_is_refused(
    change: dict[str, Any], fields: dict[str, list[str]]
) -> None:
    project = emulator()
    assert complaints(await ask(project, "POST", "/channels/2/gates", json=NOOR | change)) == fields
    found = await get(project, "/contacts/search", term="noor")
    assert "+12025550120" not in [contact["phone"] for contact in found["collection"]]


async def test_a_gate_does_not_tell_whose_it_is_unless_switched_on() -> None:
    project = emulator()
    silent = (await ask(project, "POST", "/channels/2/gates", json=NOOR)).json()
    assert "contact" not in silent
    project.switches.gate_tells_contact = True
    told = (await ask(project, "POST", "/channels/2/gates", json=NOOR)).json()
    assert told["id"] == silent["id"]
    assert (await get(project, f"/contacts/{told['contact']['originalId']}"))["firstName"] == "Noor"


# Chats and messages


async def test_the_chat_names_the_contact_by_its_original_id_only() -> None:
    project = unlimited()
    for number in await with_gates(project, 1):
        chat = await get(project, f"/contacts/{number}/chat")
        assert chat["contact"]["originalId"] == number
        assert chat["contact"]["id"] != number
        assert chat["id"] != number


async def test_a_contact_without_a_chat_has_no_gates_and_no_messages() -> None:
    project = unlimited()
    number = (await with_gates(project, 0))[0]
    answer = await ask(project, "GET", f"/contacts/{number}/chat")
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Chat not found")
    empty = {"cursor": {"page": 1, "pages": 0}, "collection": []}
    assert await get(project, f"/contacts/{number}/gates") == empty
    assert await get(project, f"/contacts/{number}/messages", activities=1) == empty


async def test_messages_come_newest_first_and_stretch_over_pages() -> None:
    project = emulator(0, examples=True)
    first, second = [await get(project, f"{IMKE}/messages", page=page) for page in (1, 2)]
    assert (first["cursor"], second["cursor"]) == ({"page": 1, "pages": 2}, {"page": 2, "pages": 2})
    created = [message["createdAt"] for message in first["collection"] + second["collection"]]
    assert created == sorted(created, reverse=True)
    assert len(created) == 24


async def test_system_messages_come_only_when_asked_for() -> None:
    project = unlimited()
    number = (await with_gates(project, 1))[0]
    plain = await get(project, f"/contacts/{number}/messages")
    with_zero = await get(project, f"/contacts/{number}/messages", activities=0)
    assert plain == with_zero
    assert not any(message["internal"] for message in plain["collection"])
    last = (await get(project, f"/contacts/{number}/messages", activities=1))["cursor"]["pages"]
    oldest = (await get(project, f"/contacts/{number}/messages", activities=1, page=last))["collection"][-1]
    assert (oldest["internal"], oldest["sender"]["type"]) == (True, "system")


async def test_activities_are_wanted_or_not() -> None:
    answer = await ask(emulator(0, examples=True), "GET", f"{IMKE}/messages", params={"activities": "yes"})
    assert complaints(answer) == {"activities": ["must be 0 or 1"]}


@pytest.mark.parametrize(
    ("body", "parameters"),
    [
        ({"type": "text", "content": "Yes"}, {"content": "Yes"}),
        (
            {"type": "picture", "media": "https://cdn.example.com/a.jpg"},
            {"url": "https://cdn.example.com/a.jpg"},
        ),
        (
            {"type": "location", "title": "Desk", "latitude": 45.5, "longitude": -122},
            {"title": "Desk", "latitude": 45.5, "longitude": -122},
        ),
        (
            {"type": "contact", "fullName": "Desk One", "phoneNumber": "+12025550100", "watermark": 7},
            {"fullName": "Desk One", "phoneNumber": "+12025550100"},
        ),
    ],
)
async def test_a_sent_message_is_the_newest_of_the_chat(
    body: dict[str, Any], parameters: dict[str, Any]
) -> None:
    project = unlimited()
    number = (await with_gates(project, 3))[0]
    sent = (await ask(project, "POST", f"/contacts/{number}/send", json=body)).json()
    assert sent["content"] == {"type": body["type"], "resource": {"parameters": parameters}}
    assert (await get(project, f"/contacts/{number}/messages"))["collection"][0] == sent
    assert (await get(project, f"/contacts/{number}/chat"))["updatedAt"] == sent["createdAt"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"type": ["must not be empty"]}),
        ({"type": "text"}, {"content": ["must not be empty"]}),
        ({"type": "text", "content": 5}, {"content": ["must be a string"]}),
        ({"type": "video", "media": "a.mp4"}, {"media": ["must be a URL"]}),
        (
            {"type": "location", "title": "x", "latitude": "1", "longitude": True},
            {"latitude": ["must be a number"], "longitude": ["must be a number"]},
        ),
        ({"type": "contact"}, {"fullName": ["must not be empty"], "phoneNumber": ["must not be empty"]}),
        ({"type": "text", "content": "x", "watermark": "now"}, {"watermark": ["must be an integer"]}),
    ],
)
async def test_a_message_that_lacks_something_is_refused(
    body: dict[str, Any], fields: dict[str, list[str]]
) -> None:
    assert complaints(await ask(emulator(0, examples=True), "POST", f"{IMKE}/send", json=body)) == fields


async def test_a_message_of_an_unknown_type_is_refused() -> None:
    answer = await ask(emulator(0, examples=True), "POST", f"{IMKE}/send", json={"type": "sticker"})
    assert complaints(answer)["type"][0].startswith("must be one of file, location")


async def test_nothing_can_be_sent_to_a_contact_without_a_chat() -> None:
    answer = await ask(
        emulator(0, examples=True), "POST", f"{TADEO}/send", json={"type": "text", "content": "Hi"}
    )
    assert answer.json() == {"error": {"code": 404, "message": "Chat not found"}}


# Tags, funnels, groups


@pytest.mark.parametrize(
    ("part", "key"), [("tags", 74), ("tags", 90), ("funnels", "abk3Xf9"), ("groups", 6), ("groups", 17)]
)
async def test_what_is_put_on_a_contact_stays_until_it_is_taken_off(part: str, key: object) -> None:
    project = emulator(0, examples=True)

    async def held() -> list[object]:
        contact = await get(project, TADEO)
        groups = await get(project, f"{TADEO}/groups")
        record = groups["collection"] if part == "groups" else contact[part]
        return [thing["serviceKey" if part == "funnels" else "id"] for thing in record]

    for _ in range(2):
        assert (await ask(project, "POST", f"{TADEO}/{part}/{key}")).json() == {"state": True}
        assert await held() == [key]
    for _ in range(2):
        assert (await ask(project, "DELETE", f"{TADEO}/{part}/{key}")).json() == {"state": True}
        assert await held() == []


@pytest.mark.parametrize("verb", ["POST", "DELETE"])
async def test_a_funnel_is_named_by_its_service_key_and_not_by_its_id(verb: str) -> None:
    answer = await ask(emulator(0, examples=True), verb, f"{IMKE}/funnels/12")
    assert answer.json() == {"error": {"code": 404, "message": "Funnel not found"}}
