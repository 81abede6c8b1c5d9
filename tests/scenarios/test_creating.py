"""A contact is created in several systems at once, and each says what it did."""

from typing import Any

from gateway.model import ids
from gateway.model.source import Source
from tests.conftest import Build
from tests.support.world import World

ADA = {"firstName": "Ada", "lastName": "Quux", "email": "ada.quux@example.com", "phone": "+12025550999"}
THREE = "contacts { id source displayName email phoneE164 }"


async def channel(world: World) -> str:
    """The WhatsApp channel."""
    found = (await world.data("{ channels { nodes { id type } } }"))["channels"]["nodes"]
    world.forget()
    return str(next(each["id"] for each in found if each["type"] == "whatsapp"))


async def everywhere(world: World) -> list[dict[str, Any]]:
    return [
        {"source": "SAMESPACE"},
        {"source": "PACKAGEX"},
        {"source": "SMART_SENDER", "channel": await channel(world), "identifier": "12025550999"},
    ]


async def test_a_contact_is_created_in_all_three_systems_and_returned_by_each(world: World) -> None:
    made = await world.write("createContact", {"targets": await everywhere(world), "contact": ADA}, THREE)
    assert [each["status"] for each in made["outcomes"]] == ["APPLIED"] * 3
    assert [each["source"] for each in made["contacts"]] == [source.value for source in Source]
    assert {(each["displayName"], each["email"], each["phoneE164"]) for each in made["contacts"]} == {
        ("Ada Quux", "ada.quux@example.com", "+12025550999")
    }
    for outcome in made["outcomes"]:
        assert set(outcome["applied"]) == set(ADA)
        assert outcome["targetId"] is None


async def test_what_was_created_is_found_by_the_next_request_by_id_and_by_search(world: World) -> None:
    made = await world.write("createContact", {"targets": await everywhere(world), "contact": ADA}, THREE)
    ids = [each["id"] for each in made["contacts"]]
    by_id = await world.data("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    assert [node["id"] for node in by_id["nodes"]] == ids
    for arguments in ('search: "ada.quux@"', 'filter: {email: "ADA.Quux@example.com"}'):
        found = await world.data(f"{{ contacts({arguments}) {{ nodes {{ id }} }} }}")
        assert {node["id"] for node in found["contacts"]["nodes"]} == set(ids), arguments


async def test_a_field_that_a_source_has_no_place_for_is_ignored_there_and_said_so(world: World) -> None:
    contact = {**ADA, "company": "Engines", "address": {"text": {"formatted": "18 Harbor Row, Portland"}}}
    made = await world.write("createContact", {"targets": await everywhere(world), "contact": contact})
    ignored = {each["source"]: each["ignored"] for each in made["outcomes"]}
    assert ignored == {
        "SAMESPACE": ["address"],
        "PACKAGEX": ["company"],
        "SMART_SENDER": ["company", "address"],
    }
    assert {each["status"] for each in made["outcomes"]} == {"PARTIAL"}


async def test_one_source_that_is_down_hides_nothing_of_the_others(world: World) -> None:
    targets = await everywhere(world)
    world.packagex.switches.fail("createPerson", status=503)
    made = await world.write("createContact", {"targets": targets, "contact": ADA}, THREE)
    statuses = {each["source"]: each["status"] for each in made["outcomes"]}
    assert statuses == {"SAMESPACE": "APPLIED", "PACKAGEX": "REJECTED", "SMART_SENDER": "APPLIED"}
    assert [each["source"] for each in made["contacts"]] == ["SAMESPACE", "SMART_SENDER"]
    refused = made["outcomes"][1]
    assert (refused["code"], refused["retryable"]) == ("UPSTREAM_UNAVAILABLE", True)


async def test_a_name_is_split_and_joined_by_one_rule(world: World) -> None:
    targets = [{"source": "SAMESPACE"}, {"source": "PACKAGEX"}]
    made = await world.write(
        "createContact",
        {"targets": targets, "contact": {"name": "Grace Brewster Hopper"}},
        "contacts { displayName firstName lastName }",
    )
    assert [each["status"] for each in made["outcomes"]] == ["APPLIED"] * 2
    for contact in made["contacts"]:
        assert contact == {
            "displayName": "Grace Brewster Hopper",
            "firstName": "Grace",
            "lastName": "Brewster Hopper",
        }


async def test_an_identifier_that_is_known_leaves_its_contact_as_it_is_and_that_is_said(world: World) -> None:
    target = (await everywhere(world))[2]
    first = await world.write("createContact", {"targets": [target], "contact": ADA})
    vendor_id = int(ids.decode(first["outcomes"][0]["contact"]["id"]).parts[1])  # type: ignore[union-attr]
    world.smartsender._store.find(vendor_id).record["createdAt"] = "2025-01-02 03:04:05"  # type: ignore[union-attr]
    again = {**ADA, "lastName": "Else"}
    second = await world.write("createContact", {"targets": [target], "contact": again})
    assert second["outcomes"][0]["contact"]["id"] == first["outcomes"][0]["contact"]["id"]
    assert second["outcomes"][0]["status"] == "PARTIAL"
    assert second["outcomes"][0]["ignored"] == ["lastName"]
    assert "identifier" in second["outcomes"][0]["message"]
    noted = await world.data("{ events { nodes { type } } }")
    assert noted["events"]["nodes"] == [{"type": "CONTACT_CREATED"}]


async def test_a_gate_that_names_its_contact_costs_no_search(world: World) -> None:
    world.smartsender.switches.gate_tells_contact = True
    target = (await everywhere(world))[2]
    made = await world.write("createContact", {"targets": [target], "contact": ADA})
    assert made["outcomes"][0]["status"] == "APPLIED"
    assert "searchContacts" not in world.operations


async def test_a_contact_that_the_search_does_not_find_is_not_passed_off_as_another(world: World) -> None:
    target = (await everywhere(world))[2]
    world.smartsender.switches.fail(
        "searchContacts", status=200, body='{"cursor": {"page": 1, "pages": 1}, "collection": []}'
    )
    made = await world.write("createContact", {"targets": [target], "contact": ADA}, THREE)
    (outcome,) = made["outcomes"]
    assert (outcome["status"], outcome["contact"], made["contacts"]) == ("PARTIAL", None, [])
    assert "did not find it" in outcome["message"]


async def test_custom_properties_reach_each_source_in_its_own_form(world: World) -> None:
    for target, key, value in (
        ({"source": "SAMESPACE"}, "leadScore", 7),
        ({"source": "PACKAGEX"}, "crm", "A-17"),
        ((await everywhere(world))[2], "city", "Salem"),
    ):
        contact = {**ADA, "properties": [{"key": key, "value": value}]}
        made = await world.write(
            "createContact",
            {"targets": [target], "contact": contact},
            f'contacts {{ property(key: "{key}") {{ value }} }}',
        )
        assert made["outcomes"][0]["status"] == "APPLIED"
        assert str(made["contacts"][0]["property"]["value"]) == str(value)


async def test_each_create_costs_the_calls_that_it_needs(world: World) -> None:
    await world.write("createContact", {"targets": [{"source": "PACKAGEX"}], "contact": ADA})
    assert world.operations == {"createPerson": 1}
    world.forget()
    await world.write("createContact", {"targets": [{"source": "SAMESPACE"}], "contact": ADA})
    assert world.operations == {"getProperties": 1, "createContact": 1}


async def test_a_source_that_is_switched_off_is_unsupported_and_the_others_go_on(new_world: Build) -> None:
    world = new_world(off=(Source.SAMESPACE,))
    await world.scan()
    targets = [{"source": "SAMESPACE"}, {"source": "PACKAGEX"}]
    made = await world.write("createContact", {"targets": targets, "contact": ADA})
    assert [each["status"] for each in made["outcomes"]] == ["UNSUPPORTED", "APPLIED"]
