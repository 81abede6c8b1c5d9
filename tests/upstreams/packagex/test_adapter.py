"""The questions of the gateway, answered by PackageX: stretches of lists, look-ups, groups."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import BadInput, CapabilityUnsupported, UpstreamBadResponse, UpstreamUnavailable
from gateway.model.contact import ContactKey
from gateway.model.group import GroupKey
from gateway.model.source import Source
from gateway.upstreams.packagex.emulator import Emulator
from gateway.upstreams.people import Population
from tests.support.jumping import jumping
from tests.support.sources import NOW, Lone, lone

PX = Source.PACKAGEX


@pytest.fixture
def crowd() -> Lone:
    return lone(PX, attempts=1)


def key(identity: str) -> ContactKey:
    return ContactKey(PX, "", identity)


async def everybody(source: Lone, kind: str = "person") -> list[str]:
    """The ids of all persons or groups in order, as the vendor's own pages tell them."""
    found: list[str] = []
    more, page = True, 1
    while more:
        answer = await source.client.list_contacts(page, 100, kind=kind)
        found += [record["id"] for record in answer["contacts"]]
        more, page = answer["more"], page + 1
    source.forget()
    return found


# Stretches of lists.


async def test_a_stretch_of_any_place_and_length_is_that_part_of_the_list(crowd: Lone) -> None:
    whole = await everybody(crowd)
    for offset in (0, 1, 19, 50, 99, 100, 101, 150, len(whole) - 1, len(whole), len(whole) + 7):
        for count in (1, 2, 20, 33, 50, 99, 100):
            found = await crowd.upstream.contacts(offset, count)
            assert [each["sourceId"] for each in found.items] == whole[offset : offset + count]
            assert found.more is (offset + count < len(whole)), (offset, count)
            assert found.total == len(whole)


async def test_a_stretch_is_one_call_where_a_page_holds_it_and_two_at_most(crowd: Lone) -> None:
    whole = await everybody(crowd)
    for offset in range(0, len(whole), 17):
        for count in (1, 20, 60, 100):
            crowd.forget()
            await crowd.upstream.contacts(offset, count)
            sizes = [int(sent.query["limit"]) for sent in crowd.sent]
            assert len(sizes) <= (1 if offset % count == 0 else 2)
            assert max(sizes) <= 100


@given(st.lists(st.integers(1, 100), min_size=1))
@settings(max_examples=25, deadline=None, database=None)
def test_a_walk_with_any_sizes_meets_everybody_once(sizes: list[int]) -> None:
    @jumping
    async def walk() -> None:
        source = lone(PX, people=150)
        whole = await everybody(source)
        seen: list[str] = []
        more, turn = True, 0
        while more:
            found = await source.upstream.contacts(len(seen), sizes[turn % len(sizes)])
            seen += [each["sourceId"] for each in found.items]
            more, turn = found.more, turn + 1
        assert seen == whole

    walk()


async def test_persons_come_oldest_first_and_new_ones_at_the_end(crowd: Lone) -> None:
    whole = await everybody(crowd)
    created = await crowd.client.create_contact({"name": "Aaron Aardvark"})
    found = await crowd.upstream.contacts(0, 100)
    times = [each["createdAt"] for each in found.items]
    assert times == sorted(times)
    assert await everybody(crowd) == [*whole, created["id"]]


async def test_a_list_of_persons_holds_no_group_and_one_of_groups_no_person(crowd: Lone) -> None:
    persons, groups = await everybody(crowd), await everybody(crowd, "group")
    assert len(groups) > 1
    assert not set(persons) & set(groups)
    found = await crowd.upstream.groups(0, 100)
    assert [each["sourceId"] for each in found.items] == groups
    assert {each["__typename"] for each in found.items} == {"Group"}
    assert {each["__typename"] for each in (await crowd.upstream.contacts(0, 100)).items} == {"Contact"}


async def test_groups_come_in_stretches_too(crowd: Lone) -> None:
    groups = await everybody(crowd, "group")
    for offset in range(len(groups) + 2):
        for count in (1, 2, 5):
            found = await crowd.upstream.groups(offset, count)
            assert [each["sourceId"] for each in found.items] == groups[offset : offset + count]
            assert found.more is (offset + count < len(groups))
            assert found.total == len(groups)


async def test_nobody_at_all_is_an_empty_stretch() -> None:
    empty = lone(PX, people=0)
    found = await empty.upstream.contacts(0, 20)
    assert (found.items, found.more, found.total) == ([], False, 0)


async def test_a_deployment_without_totals_tells_none() -> None:
    source = lone(PX, Emulator(Population(30), total_count=False))
    assert (await source.upstream.contacts(0, 5)).total is None


async def test_every_contact_says_when_it_was_read(crowd: Lone) -> None:
    assert {each["asOf"] for each in (await crowd.upstream.contacts(0, 5)).items} == {NOW}


async def test_a_failing_page_fails_the_stretch(crowd: Lone) -> None:
    crowd.switches.fail("listContacts", status=503, times=1)
    with pytest.raises(UpstreamUnavailable):
        await crowd.upstream.contacts(50, 100)


# Search.


async def test_the_source_searches_itself(crowd: Lone) -> None:
    someone = (await crowd.upstream.contacts(7, 1)).items[0]
    found = await crowd.upstream.contacts(0, 20, search=someone["lastName"])
    assert someone["sourceId"] in {each["sourceId"] for each in found.items}
    assert all(someone["lastName"].casefold() in str(each["_raw"]).casefold() for each in found.items)
    assert crowd.sent[-1].query["search"] == someone["lastName"]


async def test_terms_that_the_source_would_not_take_are_left_out(crowd: Lone) -> None:
    await crowd.upstream.contacts(0, 20, search=" a  Ada b  Lo ")
    assert crowd.sent[0].query["search"] == "Ada Lo"


@pytest.mark.parametrize("search", ["", " ", "a", "a b c"])
async def test_a_search_without_any_term_that_the_source_takes_is_refused_without_a_call(
    crowd: Lone, search: str
) -> None:
    for call in (crowd.upstream.contacts, crowd.upstream.groups):
        with pytest.raises(CapabilityUnsupported, match="two characters"):
            await call(0, 20, search=search)
    assert crowd.sent == []


# Look-ups.


async def test_contacts_are_matched_by_id_whatever_the_order(crowd: Lone) -> None:
    whole = await everybody(crowd)
    wanted = [key(each) for each in (whole[9], whole[3], "contact_missing", whole[9], whole[0])]
    found = await crowd.upstream.contacts_by_id(wanted, brief=False)
    assert found.keys() == {key(whole[9]), key(whole[3]), key(whole[0])}
    for asked, contact in found.items():
        assert contact["_key"] == asked
        assert contact["sourceId"] == asked.id
    assert len(crowd.sent) == 4


async def test_a_group_is_not_a_contact_and_a_person_is_not_a_group(crowd: Lone) -> None:
    person, group = (await everybody(crowd))[0], (await everybody(crowd, "group"))[0]
    assert await crowd.upstream.contacts_by_id([key(group)], brief=True) == {}
    assert await crowd.upstream.groups_by_id([person]) == {}
    both = await crowd.upstream.groups_by_id([person, group, "contact_missing"])
    assert list(both) == [group]
    assert both[group]["_key"] == GroupKey(PX, group)


@pytest.mark.parametrize("kind", [None, "person", "robot"])
async def test_a_contact_of_no_or_unknown_type_is_a_person(crowd: Lone, kind: str | None) -> None:
    crowd.answers({"status": 200, "data": {"id": "contact_1", "type": kind}})
    assert key("contact_1") in await crowd.upstream.contacts_by_id([key("contact_1")], brief=False)
    assert await crowd.upstream.groups_by_id(["contact_1"]) == {}


async def test_a_look_up_that_fails_costs_its_own_key_only(crowd: Lone) -> None:
    whole = await everybody(crowd)
    crowd.switches.fail("getContact", status=500, times=1)
    found = await crowd.upstream.contacts_by_id([key(each) for each in whole[:3]], brief=False)
    failed = [each for each in found.values() if isinstance(each, UpstreamUnavailable)]
    assert len(found) == 3
    assert len(failed) == 1
    groups = await everybody(crowd, "group")
    crowd.switches.fail("getContact", status=500, times=1)
    held = await crowd.upstream.groups_by_id(groups[:3])
    assert sum(isinstance(each, UpstreamUnavailable) for each in held.values()) == 1
    assert sum(isinstance(each, dict) for each in held.values()) == 2


async def test_another_contact_than_was_asked_for_is_given_to_nobody(crowd: Lone) -> None:
    one, other = (await everybody(crowd))[:2]
    record = await crowd.client.get_contact(other)
    crowd.answers({"status": 200, "data": record})
    found = await crowd.upstream.contacts_by_id([key(one)], brief=False)
    assert isinstance(found[key(one)], UpstreamBadResponse)
    assert isinstance((await crowd.upstream.groups_by_id([one]))[one], UpstreamBadResponse)


# Groups and their members.


async def test_the_groups_of_a_contact_are_those_that_hold_it(crowd: Lone) -> None:
    groups = (await crowd.upstream.groups(0, 100)).items
    member = groups[0]["_members"][0]
    crowd.forget()
    found = await crowd.upstream.groups_of(member, 0, 100)
    holding = [each["sourceId"] for each in groups if member in each["_members"]]
    assert [each["sourceId"] for each in found.items] == holding
    assert found.total == len(holding)
    assert len(crowd.sent) == 1
    assert crowd.sent[0].query["child"] == member.id


async def test_whoever_is_in_no_group_has_none(crowd: Lone) -> None:
    found = await crowd.upstream.groups_of(key("contact_missing"), 0, 20)
    assert (found.items, found.more) == ([], False)


async def test_members_are_known_from_their_group_without_a_call(crowd: Lone) -> None:
    group = next(each for each in (await crowd.upstream.groups(0, 100)).items if each["_members"])
    crowd.forget()
    mirrored = crowd.upstream.members_as_mirrored(group)
    assert crowd.sent == []
    assert set(mirrored) == set(group["_members"])
    read = await crowd.upstream.contacts_by_id(group["_members"], brief=False)
    for member, contact in mirrored.items():
        assert contact["displayName"] == read[member]["displayName"]
        assert contact["email"] == read[member]["email"]


@pytest.mark.parametrize("mirrors", [None, []])
async def test_a_group_that_mirrors_nobody_tells_no_members(crowd: Lone, mirrors: Any) -> None:
    crowd.answers(
        {"status": 200, "data": {"id": "contact_9", "type": "group", "referenced_contacts": mirrors}}
    )
    found = await crowd.upstream.groups_by_id(["contact_9"])
    assert crowd.upstream.members_as_mirrored(found["contact_9"]) == {}


# Definitions.


async def test_definitions_know_the_metadata_of_every_contact_seen(crowd: Lone) -> None:
    await crowd.client.create_contact({"name": "Ada", "metadata": {"badge": 7}})
    first = await crowd.upstream.properties(None, 0, 100)
    seen = {each["key"] for each in (await crowd.upstream.contacts(0, 100)).items[0]["_properties"]}
    assert {"name", "email", "phone", "address", "notes"} < {each["key"] for each in first.items}
    assert seen <= {each["key"] for each in first.items}
    offset = len(await everybody(crowd)) - 1
    await crowd.upstream.contacts(offset, 1)
    crowd.forget()
    now = await crowd.upstream.properties(None, 0, 100)
    assert {each["key"]: each["type"] for each in now.items}["badge"] == "NUMBER"
    assert crowd.sent == []


async def test_definitions_come_in_stretches(crowd: Lone) -> None:
    whole = (await crowd.upstream.properties(None, 0, 100)).items
    for offset in range(len(whole) + 2):
        for count in (1, 3, 100):
            found = await crowd.upstream.properties(None, offset, count)
            assert found.items == whole[offset : offset + count]
            assert found.more is (offset + count < len(whole))
            assert found.total == len(whole)


async def test_no_more_metadata_keys_are_remembered_than_a_thousand(crowd: Lone) -> None:
    for part in range(3):
        record = {"id": "contact_1", "metadata": {f"key{part}-{number}": 1 for number in range(500)}}
        crowd.upstream.contact_of(record, NOW, "")
    assert (await crowd.upstream.properties(None, 0, 1)).total == 1_000 + 5


# Ids.


async def test_every_id_that_the_source_gives_is_taken(crowd: Lone) -> None:
    for identity in [*(await everybody(crowd)), *(await everybody(crowd, "group"))]:
        crowd.upstream.check_id("contact", identity)


@pytest.mark.parametrize(
    "identity", ["", ".", "..", "../x", "a/b", "a b", "a\n", "é", "_a", "a" * 201, "a?b", "a%2f"]
)
def test_what_cannot_be_an_id_is_the_callers_mistake(identity: str) -> None:
    with pytest.raises(BadInput, match=re.escape("the id of a contact of PackageX")):
        lone(PX, people=0).upstream.check_id("contact", identity)
