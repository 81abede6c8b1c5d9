"""What a query costs: the calls that each emulator received, and nothing more."""

import asyncio
from typing import Any

import pytest

from tests.support.world import World

FIELDS = "id displayName firstName lastName email phone company createdAt"


async def ids(world: World, source: str, count: int) -> list[str]:
    page = await world.data(
        "query ($sources: [Source!], $first: Int) "
        "{ contacts(first: $first, sources: $sources) { nodes { id } } }",
        {"sources": [source], "first": count},
    )
    world.forget()
    return [node["id"] for node in page["contacts"]["nodes"]]


async def cost(world: World, query: str, **variables: Any) -> dict[str, int]:
    """The calls of a query, once it is sure that the answer tells the same as the emulators counted."""
    answer = await world.ask(query, variables)
    assert answer.errors == []
    assert answer.calls == world.calls
    assert answer.body["extensions"]["cost"]["upstreamCalls"] == sum(world.calls.values())
    return world.calls


async def test_sixty_contacts_of_three_sources_are_three_calls(world: World) -> None:
    query = f"{{ contacts(first: 60) {{ nodes {{ {FIELDS} }} }} }}"
    assert await cost(world, query) == {"SAMESPACE": 1, "PACKAGEX": 1, "SMART_SENDER": 1}


async def test_one_contact_of_each_source_is_two_calls_and_the_index(world: World) -> None:
    named = {source: (await ids(world, source, 1))[0] for source in ("SAMESPACE", "PACKAGEX", "SMART_SENDER")}
    query = "query ($a: ID!, $b: ID!, $c: ID!) {" + "".join(
        f" {name}: contact(by: {{ id: ${name} }}) {{ {FIELDS} }}" for name in "abc"
    )
    a, b, c = named.values()
    assert await cost(world, query + " }", a=a, b=b, c=c) == {"PACKAGEX": 1, "SMART_SENDER": 1}
    assert world.operations == {"getContact": 1, "getContactInfo": 1}


async def test_a_smart_sender_contact_with_its_variables_is_read_in_full(world: World) -> None:
    (one,) = await ids(world, "SMART_SENDER", 1)
    query = "query ($id: ID!) { contact(by: { id: $id }) { displayName properties { key type } } }"
    assert await cost(world, query, id=one) == {"SMART_SENDER": 1}
    assert world.operations == {"getContact": 1}


async def test_chats_and_communications_of_twenty_contacts_are_one_call_each(world: World) -> None:
    query = (
        "{ contacts(first: 20, sources: [SMART_SENDER]) { nodes { displayName chat { name unreadMessages } "
        "communications { nodes { subscribed channel { name } } } } } }"
    )
    answer = await world.data(query)
    chatless = sum(node["chat"] is None for node in answer["contacts"]["nodes"])
    assert world.operations["listContacts"] == 1
    assert world.operations["getContactChat"] == 20
    # Only a contact without a chat is asked for its communications by itself.
    assert world.operations.get("listContactGates", 0) == chatless


async def test_communications_alone_do_not_ask_for_the_chat(world: World) -> None:
    query = "{ contacts(first: 5, sources: [SMART_SENDER]) { nodes { communications { nodes { id } } } } }"
    assert await cost(world, query) == {"SMART_SENDER": 6}
    assert world.operations == {"listContacts": 1, "listContactGates": 5}


async def test_the_contact_of_a_chat_is_the_one_at_hand(world: World) -> None:
    query = "{ contacts(first: 3, sources: [SMART_SENDER]) { nodes { chat { contact { displayName } } } } }"
    assert await cost(world, query) == {"SMART_SENDER": 4}


async def test_tags_notes_and_variables_cost_nothing(world: World) -> None:
    query = (
        "{ contacts(first: 20, sources: [SMART_SENDER]) { nodes "
        "{ tags { name } funnels { name } notes { text } properties { key value } } } }"
    )
    assert await cost(world, query) == {"SMART_SENDER": 1}


async def test_members_that_the_group_mirrors_cost_nothing(world: World) -> None:
    query = "{ groups(first: 20) { nodes { name members { nodes { displayName email } } } } }"
    assert await cost(world, query) == {"PACKAGEX": 1}


async def test_groups_do_not_ask_for_the_same_member_twice(world: World) -> None:
    query = "{ groups(first: 20) { nodes { members(first: 10) { nodes { id phone } } } } }"
    answer = await world.data(query)
    members = [member["id"] for group in answer["groups"]["nodes"] for member in group["members"]["nodes"]]
    assert len(members) > len(set(members))
    assert world.operations == {"listContacts": 1, "getContact": len(set(members))}


async def test_fifty_samespace_contacts_with_all_properties_are_one_call(world: World) -> None:
    query = "{ contacts(first: 50, sources: [SAMESPACE]) { nodes { properties { key value type } } } }"
    assert await cost(world, query) == {"SAMESPACE": 1}


async def test_a_hundred_samespace_contacts_are_two_root_fields_of_one_document(world: World) -> None:
    query = "{ contacts(first: 100, sources: [SAMESPACE]) { nodes { id } } }"
    assert await cost(world, query) == {"SAMESPACE": 1}
    assert world.operations == {"getContacts": 2}


async def test_root_fields_of_one_turn_travel_in_one_document(world: World) -> None:
    query = (
        "{ modules { name } properties(source: SAMESPACE) { nodes { key } } "
        "contacts(sources: [SAMESPACE]) { nodes { id } } }"
    )
    assert await cost(world, query) == {"SAMESPACE": 1}
    assert world.operations == {"getModules": 1, "getProperties": 1, "getContacts": 1}


async def test_definitions_of_all_properties_are_one_read_of_the_module(world: World) -> None:
    query = (
        "{ contacts(first: 10, sources: [SAMESPACE]) "
        "{ nodes { module { name } properties { key definition { label type } } } } }"
    )
    await world.data(query)
    assert world.operations == {"getContacts": 1, "getModules": 1, "getProperties": 1}


async def test_the_same_contact_under_three_aliases_is_one_call(world: World) -> None:
    (one,) = await ids(world, "PACKAGEX", 1)
    query = (
        "query ($id: ID!) { a: contact(by: { id: $id }) { phone } b: contact(by: { id: $id }) { email } "
        "c: node(id: $id) { id } }"
    )
    assert await cost(world, query, id=one) == {"PACKAGEX": 1}


@pytest.mark.parametrize("clause", ['search: "an"', 'filter: { name: "an" }', "orderBy: { field: NAME }"])
async def test_what_samespace_cannot_do_costs_it_nothing(world: World, clause: str) -> None:
    query = f"{{ contacts(first: 10, sources: [SAMESPACE], {clause}) {{ nodes {{ id }} totalCount }} }}"
    assert await cost(world, query) == {}


async def test_searching_asks_the_sources_that_can(world: World) -> None:
    query = '{ contacts(first: 6, search: "an") { nodes { displayName } } }'
    assert await cost(world, query) == {"PACKAGEX": 1, "SMART_SENDER": 1}
    assert world.operations == {"listContacts": 1, "searchContacts": 1}


async def test_sources_are_told_without_asking_them(world: World) -> None:
    assert await cost(world, "{ sources { status capabilities { operation } } }") == {}


async def test_requests_of_one_moment_share_their_calls(world: World) -> None:
    (one,) = await ids(world, "PACKAGEX", 1)
    world.packagex.switches.fail("getContact", latency=0.01)
    query = "query ($id: ID!) { contact(by: { id: $id }) { phone } }"
    answers = await asyncio.gather(*(world.ask(query, {"id": one}) for _ in range(5)))
    assert len({answer.data["contact"]["phone"] for answer in answers}) == 1
    assert world.calls == {"PACKAGEX": 1}
    hits = [answer.body["extensions"]["cost"]["cacheHits"] for answer in answers]
    assert sorted(hits) == [0, 1, 1, 1, 1]
