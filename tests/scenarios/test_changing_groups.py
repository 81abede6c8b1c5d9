"""Members of groups are changed over an API that replaces whole lists, and nothing gets lost."""

import asyncio
from typing import Any

import httpx

from gateway.model.source import Source
from tests.support.world import World

GROUP = "group { id name memberCount members(first: 100) { nodes { id } } primaryContacts { id } }"


async def harbor(world: World, count: int = 2) -> tuple[str, list[str]]:
    """A group with that many members, and the ids of twenty contacts of which they are the first."""
    ids = [each["id"] for each in await world.some(Source.PACKAGEX, 20)]
    made = await world.write("createGroup", {"name": "Harbor", "members": ids[:count]}, GROUP)
    assert made["outcome"]["status"] == "APPLIED"
    world.forget()
    return made["group"]["id"], ids


def members(payload: dict[str, Any]) -> list[str]:
    return [node["id"] for node in payload["group"]["members"]["nodes"]]


async def test_a_group_is_created_with_members_and_those_who_answer_for_it(world: World) -> None:
    ids = [each["id"] for each in await world.some(Source.PACKAGEX, 3)]
    given = {"name": "Harbor", "email": "harbor@example.com", "members": ids, "primaryContacts": ids[1:2]}
    made = await world.write("createGroup", given, GROUP)
    assert made["outcome"]["status"] == "APPLIED"
    assert (made["group"]["name"], members(made)) == ("Harbor", ids)
    assert [each["id"] for each in made["group"]["primaryContacts"]] == ids[1:2]


async def test_members_are_added_and_taken_out_and_the_rest_stays(world: World) -> None:
    group, ids = await harbor(world, 3)
    done = await world.write(
        "updateGroup", {"id": group, "addMembers": ids[3:5], "removeMembers": ids[:1]}, GROUP
    )
    assert done["outcome"]["applied"] == ["addMembers", "removeMembers"]
    assert members(done) == ids[1:5]


async def test_whoever_is_taken_out_does_not_answer_for_the_group_any_more(world: World) -> None:
    group, ids = await harbor(world, 3)
    await world.write("updateGroup", {"id": group, "setPrimaryContacts": ids[:2]})
    done = await world.write("updateGroup", {"id": group, "removeMembers": ids[:1]}, GROUP)
    assert [each["id"] for each in done["group"]["primaryContacts"]] == ids[1:2]


async def test_changes_at_once_through_one_gateway_lose_nothing(world: World) -> None:
    group, ids = await harbor(world)
    changes = [{"id": group, "addMembers": [each]} for each in ids[2:12]]
    changes += [{"id": group, "removeMembers": ids[:1]}, {"id": group, "name": "Renamed"}]
    done = await asyncio.gather(*(world.write("updateGroup", change) for change in changes))
    assert {each["outcome"]["status"] for each in done} == {"APPLIED"}
    shown = await world.data(
        "query ($id: ID!) { node(id: $id) { ... on Group { name members(first: 100) { nodes { id } } } } }",
        {"id": group},
    )
    assert {node["id"] for node in shown["node"]["members"]["nodes"]} == set(ids[1:12])
    assert shown["node"]["name"] == "Renamed"


class Elsewhere:
    """Somebody else, who replaces the members of a group each time after we have."""

    def __init__(self, world: World, group: str, times: int) -> None:
        self.world = world
        self.group = group
        self.times = times
        self.written = False

    def __call__(self, request: httpx.Request) -> None:
        operation = request.extensions["operation"]
        if operation == "updateGroup":
            self.written = True
        elif operation == "getContact" and self.written and self.times:
            self.written = False
            self.times -= 1
            store = self.world.packagex._store
            serial = store.serial(request.url.path.rpartition("/")[2])
            record = store.record(serial)
            store.put(serial, record | {"group_contacts": {"children": [], "primary": []}})


async def test_a_change_made_elsewhere_meanwhile_is_seen_and_tried_again(world: World) -> None:
    group, ids = await harbor(world)
    world.transports[Source.PACKAGEX].on = Elsewhere(world, group, 1)
    done = await world.write("updateGroup", {"id": group, "addMembers": ids[5:6]}, GROUP)
    assert done["outcome"]["status"] == "APPLIED"
    assert members(done) == ids[5:6]
    assert world.operations["updateGroup"] == 2


async def test_a_group_that_somebody_keeps_changing_is_a_conflict(world: World) -> None:
    group, ids = await harbor(world)
    world.transports[Source.PACKAGEX].on = Elsewhere(world, group, 99)
    done = await world.write("updateGroup", {"id": group, "addMembers": ids[5:6]})
    outcome = done["outcome"]
    assert outcome["status"] == "REJECTED"
    assert [each["code"] for each in outcome["userErrors"]] == ["CONFLICT"]
    assert outcome["retryable"]
    assert world.operations["updateGroup"] == 3


async def test_a_group_that_is_deleted_is_gone_and_its_members_stay(world: World) -> None:
    group, ids = await harbor(world)
    done = await world.write("deleteGroup", {"id": group}, "group { id }")
    assert (done["outcome"]["status"], done["group"]) == ("APPLIED", None)
    found = await world.data("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [group, *ids[:2]]})
    assert [node and node["id"] for node in found["nodes"]] == [None, *ids[:2]]


async def test_smart_sender_takes_single_members_only_and_says_what_it_has_no_place_for(world: World) -> None:
    page = await world.data(
        "{ contacts(sources: [SMART_SENDER], first: 50) { nodes { id groups { nodes { id name } } } } }"
    )
    held = [(node["id"], each) for node in page["contacts"]["nodes"] for each in node["groups"]["nodes"]]
    group = held[0][1]
    inside = {contact for contact, each in held if each["id"] == group["id"]}
    outside = next(node["id"] for node in page["contacts"]["nodes"] if node["id"] not in inside)
    given = {"id": group["id"], "addMembers": [outside], "removeMembers": [min(inside)], "name": "New"}
    done = await world.write("updateGroup", given, "group { name }")
    outcome = done["outcome"]
    assert (outcome["status"], outcome["applied"], outcome["ignored"]) == (
        "PARTIAL",
        ["addMembers.0", "removeMembers.0"],
        ["name"],
    )
    done = await world.write("updateGroup", {"id": group["id"], "name": "New"})
    assert done["outcome"]["status"] == "UNSUPPORTED"


async def test_one_member_that_is_refused_does_not_hide_the_others(world: World) -> None:
    people = await world.data(
        "{ contacts(sources: [SMART_SENDER], first: 50) { nodes { id groups { nodes { id } } } } }"
    )
    nodes = people["contacts"]["nodes"]
    group = next(each["id"] for node in nodes for each in node["groups"]["nodes"])
    new = [node["id"] for node in nodes if not node["groups"]["nodes"]][:3]
    world.smartsender.switches.fail("addContactGroup", status=503, times=1)
    done = await world.write("updateGroup", {"id": group, "addMembers": new})
    outcome = done["outcome"]
    assert outcome["status"] == "PARTIAL"
    assert (len(outcome["applied"]), len(outcome["ignored"])) == (2, 1)
    assert outcome["code"] == "UPSTREAM_UNAVAILABLE"
