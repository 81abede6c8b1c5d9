"""The questions of the gateway, answered by Samespace: stretches of lists, modules, and what is offered."""

import asyncio
import json
from typing import Any

import pytest
from graphql import FieldNode, OperationDefinitionNode, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import (
    BadInput,
    CapabilityUnsupported,
    UpstreamAuth,
    UpstreamBadResponse,
    UpstreamRejected,
    UpstreamUnavailable,
)
from gateway.model.contact import ContactKey
from gateway.model.source import Source
from gateway.upstreams.people import Population
from gateway.upstreams.samespace.emulator import Emulator
from tests.support.jumping import jumping
from tests.support.sources import NOW, Lone, Sent, lone
from tests.upstreams.samespace.calling import COMPANY_MODULE, CONTACTS, NOBODY

SPACE = Source.SAMESPACE
OLD_FORM = {
    "data": {
        "__schema": {
            "queryType": {
                "fields": [
                    {"name": "getModules", "args": []},
                    {"name": "getContacts", "args": [{"name": "moduleName"}, {"name": "payload"}]},
                ]
            }
        },
        "__type": None,
    }
}


@pytest.fixture
def crowd() -> Lone:
    return lone(SPACE, attempts=1)


@pytest.fixture
async def filtering() -> Lone:
    """An endpoint that offers the filter, and an adapter that has seen so."""
    source = lone(SPACE, Emulator(Population(240), offers_filter=True))
    await source.upstream.prepare()
    source.forget()
    return source


def roots(sent: Sent) -> list[str]:
    """The root fields of a document that was sent."""
    (operation,) = parse(sent.body["query"]).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return [node.name.value for node in operation.selection_set.selections if isinstance(node, FieldNode)]


def key(identity: str, module: str = CONTACTS) -> ContactKey:
    return ContactKey(SPACE, module, identity)


async def everybody(source: Lone, module: str = CONTACTS) -> list[str]:
    """The ids of all contacts of a module in order, as the vendor's own pages tell them."""
    found: list[str] = []
    while len(page := await source.client.get_contacts(module, len(found), 50)) > 0:
        found += [record["_id"] for record in page]
    source.forget()
    return found


# Stretches of lists.


async def test_a_stretch_of_any_place_and_length_is_that_part_of_the_list(crowd: Lone) -> None:
    whole = await everybody(crowd)
    assert len(whole) > 100
    for offset in (
        0,
        1,
        19,
        49,
        50,
        51,
        99,
        100,
        len(whole) - 50,
        len(whole) - 1,
        len(whole),
        len(whole) + 7,
    ):
        for count in (1, 2, 20, 49, 50, 51, 60, 99, 100):
            found = await crowd.upstream.contacts(offset, count, module=CONTACTS)
            assert [each["sourceId"] for each in found.items] == whole[offset : offset + count]
            assert found.more or offset + count >= len(whole), (offset, count)
            assert not found.more or offset + count <= len(whole), (offset, count)


async def test_a_stretch_ends_surely_where_the_look_ahead_of_one_fits_its_page(crowd: Lone) -> None:
    whole = await everybody(crowd)
    for count in (1, 20, 49, 51, 60, 99):
        found = await crowd.upstream.contacts(len(whole) - count, count, module=CONTACTS)
        assert found.more is False, count


async def test_a_stretch_is_one_document_with_pages_of_fifty_at_most(crowd: Lone) -> None:
    for count in (1, 20, 49, 50, 51, 60, 99, 100):
        crowd.forget()
        await crowd.upstream.contacts(3, count)
        (sent,) = crowd.sent
        assert roots(sent) == ["getContacts"] * (1 if count <= 50 else 2)
        asked = [value for name, value in sent.body["variables"].items() if name.startswith("query")]
        assert max(each["limit"] for each in asked) <= 50
        assert [each["skip"] for each in asked] == [3, 53][: len(asked)]


@given(st.lists(st.integers(1, 100), min_size=1))
@settings(max_examples=25, deadline=None, database=None)
def test_a_walk_with_any_sizes_meets_everybody_once(sizes: list[int]) -> None:
    @jumping
    async def walk() -> None:
        source = lone(SPACE, people=150)
        whole = await everybody(source)
        seen: list[str] = []
        more, turn = True, 0
        while more:
            found = await source.upstream.contacts(len(seen), sizes[turn % len(sizes)])
            seen += [each["sourceId"] for each in found.items]
            more, turn = found.more, turn + 1
        assert seen == whole

    walk()


async def test_a_server_that_sends_more_than_was_asked_for_is_cut_short(crowd: Lone) -> None:
    records = [{"_id": f"{number:024x}", "module": CONTACTS} for number in range(60)]
    crowd.answers({"data": {"getContacts": records}})
    found = await crowd.upstream.contacts(0, 20)
    assert [each["_raw"] for each in found.items] == records[:20]
    assert found.more is True


async def test_pages_that_are_too_long_do_not_overlap(crowd: Lone) -> None:
    records = [{"_id": f"{number:024x}", "module": CONTACTS} for number in range(110)]
    crowd.answers({"data": {"getContacts": records[:60], "getContacts1": records[50:]}})
    found = await crowd.upstream.contacts(0, 100)
    assert [each["_raw"] for each in found.items] == records[:100]


async def test_nobody_at_all_is_an_empty_stretch() -> None:
    found = await lone(SPACE, people=0).upstream.contacts(0, 20)
    assert (found.items, found.more, found.total) == ([], False, None)


async def test_contacts_of_another_module_are_read_from_there(crowd: Lone) -> None:
    people = await crowd.upstream.contacts(0, 20)
    companies = await crowd.upstream.contacts(0, 20, module=COMPANY_MODULE)
    assert {each["_key"].module for each in people.items} == {CONTACTS}
    assert {each["_key"].module for each in companies.items} == {COMPANY_MODULE}
    assert companies.items[0]["displayName"]


async def test_an_unknown_module_is_refused_and_not_empty(crowd: Lone) -> None:
    with pytest.raises(UpstreamRejected):
        await crowd.upstream.contacts(0, 20, module="66f0a1c2d3e4f5a6b7c8dfff")


async def test_every_contact_says_when_it_was_read(crowd: Lone) -> None:
    assert {each["asOf"] for each in (await crowd.upstream.contacts(0, 5)).items} == {NOW}


async def test_a_failing_page_fails_the_stretch(crowd: Lone) -> None:
    crowd.switches.fail("getContacts", status=503)
    with pytest.raises(UpstreamUnavailable):
        await crowd.upstream.contacts(0, 100)


async def test_the_source_cannot_search_and_is_not_asked_to(crowd: Lone) -> None:
    with pytest.raises(CapabilityUnsupported):
        await crowd.upstream.contacts(0, 20, search="ada")
    assert crowd.sent == []


# Modules and definitions.


async def test_modules_are_listed_and_found_by_name(crowd: Lone) -> None:
    modules = await crowd.upstream.modules()
    assert {each["name"]: each["sourceId"] for each in modules} == {
        "Contacts": CONTACTS,
        "Companies": COMPANY_MODULE,
    }
    crowd.forget()
    assert await crowd.upstream.module_id("Companies") == COMPANY_MODULE
    assert crowd.sent == []


async def test_a_module_that_is_not_known_is_looked_for_once_more(crowd: Lone) -> None:
    assert await crowd.upstream.module_id("Contacts") == CONTACTS
    assert await crowd.upstream.module_id("Unicorns") is None
    assert await crowd.upstream.module_id("contacts") is None
    assert len(crowd.sent) == 3


async def test_definitions_come_in_stretches_in_display_order(crowd: Lone) -> None:
    whole = [record["_id"] for record in await crowd.client.get_properties(CONTACTS, 0, 50)]
    assert len(whole) > 5
    for offset in (0, 1, 5, len(whole) - 1, len(whole), len(whole) + 1):
        for count in (1, 3, 49, 100):
            found = await crowd.upstream.properties(CONTACTS, offset, count)
            assert [each["sourceId"] for each in found.items] == whole[offset : offset + count]
            assert found.more is (offset + count < len(whole))


async def test_definitions_of_the_default_module_know_its_id(crowd: Lone) -> None:
    named = await crowd.upstream.properties(CONTACTS, 0, 3)
    default = await crowd.upstream.properties(None, 0, 3)
    assert default.items == named.items
    assert {each["_module"] for each in default.items} == {CONTACTS}


# What the endpoint offers.


async def test_the_published_form_fits_and_cannot_read_by_id(crowd: Lone) -> None:
    await crowd.upstream.prepare()
    assert crowd.upstream.reads_by_id is False
    with pytest.raises(CapabilityUnsupported):
        await crowd.upstream.contacts_by_id([key(NOBODY)], brief=False)


async def test_a_closed_introspection_is_no_obstacle(crowd: Lone) -> None:
    crowd.emulator.introspection = False
    await crowd.upstream.prepare()
    assert crowd.upstream.reads_by_id is False
    assert len((await crowd.upstream.contacts(0, 5)).items) == 5


@pytest.mark.parametrize("body", ["<html>", "{}", '{"errors": [{"message": "no"}]}', '{"data": {}}'])
async def test_an_introspection_that_is_answered_oddly_is_no_obstacle_either(crowd: Lone, body: str) -> None:
    crowd.switches.fail("introspection", body=body)
    await crowd.upstream.prepare()
    assert len((await crowd.upstream.contacts(0, 5)).items) == 5


@pytest.mark.parametrize(("status", "kind"), [(401, UpstreamAuth), (503, UpstreamUnavailable)])
async def test_a_source_that_is_down_has_to_be_asked_again_what_it_offers(
    crowd: Lone, status: int, kind: type[Exception]
) -> None:
    crowd.emulator.offers_filter = True
    crowd.switches.fail("introspection", status=status, times=1)
    with pytest.raises(kind):
        await crowd.upstream.prepare()
    await crowd.upstream.prepare()
    assert crowd.upstream.reads_by_id is True


async def test_the_old_generation_is_refused_with_a_clear_message_and_never_called(crowd: Lone) -> None:
    crowd.switches.fail("introspection", body=json.dumps(OLD_FORM))
    with pytest.raises(UpstreamBadResponse) as refused:
        await crowd.upstream.prepare()
    assert "another generation" in refused.value.message
    assert "(moduleName, payload)" in refused.value.message
    assert "(module, moduleName, query)" in refused.value.message
    crowd.forget()
    for call in (
        crowd.upstream.contacts(0, 20),
        crowd.upstream.modules(),
        crowd.upstream.module_id("Contacts"),
        crowd.upstream.properties(CONTACTS, 0, 20),
    ):
        with pytest.raises(UpstreamBadResponse, match="another generation"):
            await call
    assert crowd.sent == []


# Look-ups, where the endpoint offers the filter.


async def test_an_offered_filter_reads_contacts_by_id_in_one_call_a_module(filtering: Lone) -> None:
    assert filtering.upstream.reads_by_id is True
    people = (await everybody(filtering))[5:9]
    companies = (await everybody(filtering, COMPANY_MODULE))[:2]
    wanted = [key(each) for each in reversed(people)]
    wanted += [key(each, COMPANY_MODULE) for each in companies] + [key(NOBODY), wanted[0]]
    found = await filtering.upstream.contacts_by_id(wanted, brief=False)
    assert found.keys() == set(wanted) - {key(NOBODY)}
    for asked, contact in found.items():
        assert (contact["_key"], contact["sourceId"]) == (asked, asked.id)
    (sent,) = filtering.sent
    assert roots(sent) == ["getContacts", "getContacts"]


async def test_a_contact_whose_module_is_not_known_is_looked_for_in_the_default_one(filtering: Lone) -> None:
    identity = (await everybody(filtering))[3]
    found = await filtering.upstream.contacts_by_id([key(identity, "")], brief=True)
    assert found[key(identity, "")]["_key"] == key(identity)


async def test_records_that_nobody_asked_for_are_given_to_nobody(filtering: Lone) -> None:
    wanted, other = (await everybody(filtering))[:2]
    records = [{"_id": other, "module": CONTACTS}, {"_id": wanted, "module": CONTACTS}]
    filtering.answers({"data": {"getContacts": records}})
    found = await filtering.upstream.contacts_by_id([key(wanted)], brief=False)
    assert {asked: contact["sourceId"] for asked, contact in found.items()} == {key(wanted): wanted}


async def test_a_module_that_fails_costs_its_own_keys_only(filtering: Lone) -> None:
    person = (await everybody(filtering))[0]
    found = await filtering.upstream.contacts_by_id(
        [key(person), key(NOBODY, "66f0a1c2d3e4f5a6b7c8dfff")], brief=False
    )
    assert found[key(person)]["sourceId"] == person
    assert isinstance(found[key(NOBODY, "66f0a1c2d3e4f5a6b7c8dfff")], UpstreamRejected)


async def test_no_keys_cost_no_call(filtering: Lone) -> None:
    assert await filtering.upstream.contacts_by_id([], brief=False) == {}
    assert filtering.sent == []


async def test_lists_and_look_ups_of_one_turn_travel_together(filtering: Lone) -> None:
    identity = (await everybody(filtering))[3]
    page, found, modules = await asyncio.gather(
        filtering.upstream.contacts(0, 5),
        filtering.upstream.contacts_by_id([key(identity)], brief=False),
        filtering.upstream.modules(),
    )
    assert (len(page.items), len(found), len(modules)) == (5, 1, 2)
    (sent,) = filtering.sent
    assert sorted(roots(sent)) == ["getContacts", "getContacts", "getModules"]


# Ids.


async def test_every_id_that_the_source_gives_is_taken(crowd: Lone) -> None:
    for identity in [*(await everybody(crowd)), CONTACTS]:
        crowd.upstream.check_id("contact", identity)


@pytest.mark.parametrize("identity", ["", ".", "..", "../x", "a b", "a\n", "é", '"', "$x", "a" * 65, "a/b"])
def test_what_cannot_be_an_id_is_the_callers_mistake(identity: Any) -> None:
    with pytest.raises(BadInput, match="the id of a contact of Samespace"):
        lone(SPACE, people=0).upstream.check_id("contact", identity)
