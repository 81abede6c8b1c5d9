"""Contacts are changed, deleted and united; what a source drops in silence is told."""

import json
from typing import Any

import pytest

from gateway.model.source import Source
from tests.conftest import Build
from tests.support.world import World


async def one_of_each(world: World) -> list[str]:
    return [(await world.some(source))[0]["id"] for source in Source]


async def test_the_same_values_go_to_contacts_of_all_sources_with_one_outcome_each(world: World) -> None:
    ids = await one_of_each(world)
    done = await world.write(
        "updateContacts",
        {"ids": ids, "contact": {"lastName": "Byron", "email": "new@example.com"}},
        "contacts { id lastName email }",
    )
    assert [each["targetId"] for each in done["outcomes"]] == ids
    assert [each["status"] for each in done["outcomes"]] == ["APPLIED"] * 3
    assert {(each["lastName"], each["email"]) for each in done["contacts"]} == {("Byron", "new@example.com")}


async def test_many_of_one_module_are_one_call_and_read_back_together(world: World) -> None:
    ids = [each["id"] for each in await world.some(Source.SAMESPACE, 30)]
    done = await world.write("updateContacts", {"ids": ids, "contact": {"company": "Harbor Ltd"}})
    assert [each["status"] for each in done["outcomes"]] == ["APPLIED"] * 30
    assert world.operations["updateContacts"] == 1
    assert world.operations["getContacts"] <= 3
    world.forget()
    found = await world.data('{ contacts(first: 50, filter: {company: "Harbor Ltd"}) { nodes { id } } }')
    assert {node["id"] for node in found["contacts"]["nodes"]} == set(ids)


async def test_what_smart_sender_drops_in_silence_is_told(world: World) -> None:
    (contact,) = await world.some(Source.SMART_SENDER)
    given = {"lastName": "Held", "properties": [{"key": "language", "value": "English"}]}
    done = await world.write("updateContact", {"id": contact["id"], "contact": given})
    assert done["outcome"]["status"] == "APPLIED"
    world.smartsender.switches.fail("updateContact", status=200, body='{"state": true}')  # and drops it all
    done = await world.write("updateContact", {"id": contact["id"], "contact": {"lastName": "Dropped"}})
    assert (done["outcome"]["status"], done["outcome"]["ignored"]) == ("REJECTED", ["lastName"])
    given = {"firstName": contact["firstName"], "lastName": "Dropped"}
    done = await world.write("updateContact", {"id": contact["id"], "contact": given})
    outcome = done["outcome"]
    assert (outcome["status"], outcome["applied"], outcome["ignored"]) == (
        "PARTIAL",
        ["firstName"],
        ["lastName"],
    )
    assert "without a word" in outcome["message"]


@pytest.mark.parametrize("source", Source)
async def test_null_clears_and_what_is_absent_stays(world: World, source: Source) -> None:
    (contact,) = await world.some(source)
    await world.write("updateContact", {"id": contact["id"], "contact": {"email": "a@example.com"}})
    done = await world.write(
        "updateContact",
        {"id": contact["id"], "contact": {"email": None}},
        "contact { email firstName phone }",
    )
    assert done["outcome"]["status"] == "APPLIED"
    assert done["contact"] == {
        "email": None,
        "firstName": contact["firstName"],
        "phone": contact["phone"],
    }


async def test_half_a_name_is_completed_where_a_source_has_one_only(world: World) -> None:
    (contact,) = await world.some(Source.PACKAGEX)
    done = await world.write(
        "updateContact", {"id": contact["id"], "contact": {"firstName": "Zoë"}}, "contact { displayName }"
    )
    assert done["contact"]["displayName"] == f"Zoë {contact['lastName']}"
    assert done["outcome"]["applied"] == ["firstName"]


async def test_a_change_without_any_place_is_not_sent(world: World) -> None:
    (contact,) = await world.some(Source.PACKAGEX)
    done = await world.write("updateContact", {"id": contact["id"], "contact": {"company": "Nowhere"}})
    assert (done["outcome"]["status"], done["outcome"]["ignored"]) == ("UNSUPPORTED", ["company"])
    assert world.calls == {}


@pytest.mark.parametrize("success", [False, None])
async def test_success_false_within_a_200_is_a_failure(world: World, success: object) -> None:
    (contact,) = await world.some(Source.SAMESPACE)
    body = json.dumps({"data": {"updateContacts": {"success": success, "message": "secret"}}})
    world.samespace.switches.fail("updateContacts", status=200, body=body)
    done = await world.write("updateContact", {"id": contact["id"], "contact": {"lastName": "X"}})
    assert done["outcome"]["status"] == "REJECTED"
    assert "secret" not in str(done)


async def test_what_was_deleted_is_gone_everywhere_at_once(world: World) -> None:
    ids = await one_of_each(world)
    done = await world.write("deleteContacts", {"ids": ids}, "deletedIds")
    assert done["deletedIds"] == ids
    assert [each["status"] for each in done["outcomes"]] == ["APPLIED"] * 3
    again = await world.data("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    assert again["nodes"] == [None] * 3
    found = await world.data("{ contacts(first: 100, orderBy: {field: NAME}) { nodes { id } } }")
    assert not {node["id"] for node in found["contacts"]["nodes"]} & set(ids)


@pytest.mark.parametrize("status", [405, 410])
async def test_a_deletion_that_the_vendor_took_away_is_unsupported_and_known_from_then_on(
    world: World, status: int
) -> None:
    ids = [each["id"] for each in await world.some(Source.SMART_SENDER, 2)]
    world.smartsender.switches.delete_status = status
    done = await world.write("deleteContacts", {"ids": ids[:1]}, "deletedIds")
    assert (done["outcomes"][0]["status"], done["deletedIds"]) == ("UNSUPPORTED", [])
    shown = await world.data("{ sources { source capabilities { operation supported } } }")
    abilities = {
        each["operation"]: each["supported"]
        for source in shown["sources"]
        if source["source"] == "SMART_SENDER"
        for each in source["capabilities"]
    }
    assert abilities["deleteContacts"] is False
    world.forget()
    done = await world.write("deleteContacts", {"ids": ids[1:]}, "deletedIds")
    assert done["userErrors"][0]["code"] == "UNSUPPORTED"
    assert world.calls == {}


async def test_deletions_can_be_switched_off(new_world: Build) -> None:
    world = new_world(PACKAGEX_DELETE="false", SMART_SENDER_DELETE="false")
    await world.scan()
    ids = await one_of_each(world)
    done = await world.write("deleteContacts", {"ids": ids}, "deletedIds")
    assert [(each["code"], each["field"]) for each in done["userErrors"]] == [
        ("UNSUPPORTED", ["ids", "1"]),
        ("UNSUPPORTED", ["ids", "2"]),
    ]
    assert done["deletedIds"] == []
    assert world.calls == {}


async def test_the_contact_that_stays_wins_and_the_other_is_gone(world: World) -> None:
    into, gone = await world.some(Source.SMART_SENDER, 2)
    done = await world.write("mergeContacts", {"into": into["id"], "from": gone["id"]}, "contact { id }")
    assert done["outcome"]["status"] == "APPLIED"
    assert done["contact"]["id"] == into["id"]
    assert (await world.data("query ($id: ID!) { node(id: $id) { id } }", {"id": gone["id"]}))["node"] is None
    found = await world.data("{ contacts(first: 100, orderBy: {field: NAME}) { nodes { id } } }")
    assert gone["id"] not in {node["id"] for node in found["contacts"]["nodes"]}


@pytest.mark.parametrize("source", [Source.SAMESPACE, Source.PACKAGEX])
async def test_other_sources_cannot_unite_and_say_so(world: World, source: Source) -> None:
    into, gone = await world.some(source, 2)
    done = await world.write("mergeContacts", {"into": into["id"], "from": gone["id"]})
    assert done["outcome"]["status"] == "UNSUPPORTED"
    assert done["userErrors"][0]["code"] == "UNSUPPORTED"
    assert world.calls == {}


def spent(**settings: str) -> Any:
    return {"SMART_SENDER_RATE_LIMIT": "20/60", "GATEWAY_DEADLINE_SECONDS": "30", **settings}


async def test_what_does_not_fit_the_budget_is_skipped_with_a_time_and_never_half_tried(
    new_world: Build,
) -> None:
    world = new_world(people=60, **spent())
    await world.scan()
    ids = [each["id"] for each in await world.some(Source.SMART_SENDER, 15)]
    done = await world.write("updateContacts", {"ids": ids, "contact": {"lastName": "Budget"}})
    statuses = [each["status"] for each in done["outcomes"]]
    assert set(statuses) == {"APPLIED", "SKIPPED"}
    applied = statuses.count("APPLIED")
    assert world.operations["updateContact"] == applied
    for outcome in done["outcomes"]:
        if outcome["status"] == "SKIPPED":
            assert outcome["code"] == "UPSTREAM_RATE_LIMITED"
            assert 0 < outcome["retryAfterSeconds"] <= 60
            assert outcome["retryable"]
