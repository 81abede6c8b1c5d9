"""The questions of the gateway, answered by Smart Sender: stretches of lists, look-ups, chats."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import BadInput, UpstreamBadResponse, UpstreamRejected, UpstreamUnavailable
from gateway.model.contact import ContactKey
from gateway.model.source import Source
from tests.support.jumping import jumping
from tests.support.sources import NOW, Lone, lone
from tests.upstreams.smartsender.asking import emulator

SENDER = Source.SMART_SENDER
IMKE, TADEO, NOBODY = (ContactKey(SENDER, "", each) for each in ("50417", "50433", "50434"))


@pytest.fixture
def crowd() -> Lone:
    return lone(SENDER, attempts=1)


@pytest.fixture
def desk() -> Lone:
    """A project with the contacts of the published examples."""
    return lone(SENDER, emulator(0, examples=True))


def key(identity: str) -> ContactKey:
    return ContactKey(SENDER, "", identity)


async def pages_of(source: Lone, read: Callable[[int, int], Awaitable[Any]]) -> list[Any]:
    """A whole list, as the vendor's own pages tell it."""
    found: list[Any] = []
    more, page = True, 1
    while more:
        answer = await read(page, 20)
        found += answer["collection"]
        more, page = answer["more"], page + 1
    source.forget()
    return found


async def everybody(source: Lone) -> list[str]:
    return [str(each["id"]) for each in await pages_of(source, source.client.list_contacts)]


# Stretches of lists.


async def test_a_stretch_of_any_place_and_length_is_that_part_of_the_list(crowd: Lone) -> None:
    whole = await everybody(crowd)
    assert len(whole) > 110
    for offset in (0, 1, 7, 19, 20, 21, 39, 40, 77, len(whole) - 1, len(whole), len(whole) + 30):
        for count in (1, 2, 7, 19, 20, 21, 50, 100):
            found = await crowd.upstream.contacts(offset, count)
            assert [each["sourceId"] for each in found.items] == whole[offset : offset + count]
            assert found.more is (offset + count < len(whole)), (offset, count)


async def test_a_stretch_costs_as_few_pages_as_it_lies_on(crowd: Lone) -> None:
    whole = await everybody(crowd)
    for offset in range(0, len(whole), 13):
        for count in (1, 7, 20, 60, 100):
            crowd.forget()
            await crowd.upstream.contacts(offset, count)
            sizes = [int(sent.query["limitation"]) for sent in crowd.sent]
            assert max(sizes) <= 20
            assert len(sizes) <= (offset + count - 1) // 20 - offset // 20 + 1


@given(st.lists(st.integers(1, 100), min_size=1))
@settings(max_examples=25, deadline=None, database=None)
def test_a_walk_with_any_sizes_meets_everybody_once(sizes: list[int]) -> None:
    @jumping
    async def walk() -> None:
        source = lone(SENDER, people=120)
        whole = await everybody(source)
        seen: list[str] = []
        more, turn = True, 0
        while more:
            found = await source.upstream.contacts(len(seen), sizes[turn % len(sizes)])
            seen += [each["sourceId"] for each in found.items]
            more, turn = found.more, turn + 1
        assert seen == whole

    walk()


async def test_nobody_at_all_is_an_empty_stretch() -> None:
    found = await lone(SENDER, people=0).upstream.contacts(0, 20)
    assert (found.items, found.more, found.total) == ([], False, None)


async def test_a_failing_page_fails_the_stretch(crowd: Lone) -> None:
    crowd.switches.fail("listContacts", status=503, times=1)
    with pytest.raises(UpstreamUnavailable):
        await crowd.upstream.contacts(0, 60)


async def test_every_contact_says_when_it_was_read(crowd: Lone) -> None:
    assert {each["asOf"] for each in (await crowd.upstream.contacts(0, 5)).items} == {NOW}


async def test_the_source_searches_itself(crowd: Lone) -> None:
    someone = (await crowd.upstream.contacts(30, 1)).items[0]
    crowd.forget()
    found = await crowd.upstream.contacts(0, 20, search=f"  {someone['displayName']} ")
    assert [each["sourceId"] for each in found.items] == [someone["sourceId"]]
    assert [sent.path for sent in crowd.sent] == ["/v1/contacts/search"]
    assert crowd.sent[0].query["term"] == someone["displayName"]


async def test_what_a_search_finds_comes_in_stretches_too(crowd: Lone) -> None:
    whole = await pages_of(crowd, lambda page, size: crowd.client.search_contacts("a", page, size))
    assert len(whole) > 40
    for offset in (0, 1, 19, 33, len(whole) - 1):
        for count in (1, 20, 45):
            found = await crowd.upstream.contacts(offset, count, search="a")
            assert [each["_raw"] for each in found.items] == whole[offset : offset + count]
            assert found.more is (offset + count < len(whole))


@pytest.mark.parametrize("search", ["", " ", "\t"])
async def test_a_search_without_a_term_finds_nobody_and_asks_nobody(crowd: Lone, search: str) -> None:
    found = await crowd.upstream.contacts(0, 20, search=search)
    assert (found.items, found.more) == ([], False)
    assert crowd.sent == []


@pytest.mark.parametrize("list_", ["channels", "properties"])
async def test_lists_of_the_project_come_in_stretches(crowd: Lone, list_: str) -> None:
    def stretch(offset: int, count: int) -> Awaitable[Any]:
        if list_ == "channels":
            return crowd.upstream.channels(offset, count)  # type: ignore[no-any-return]
        return crowd.upstream.properties(None, offset, count)  # type: ignore[no-any-return]

    read = crowd.client.list_channels if list_ == "channels" else crowd.client.list_variables
    whole = [str(each["id"]) for each in await pages_of(crowd, read)]
    assert len(whole) > 3
    for offset in range(len(whole) + 2):
        for count in (1, 2, 5, 100):
            found = await stretch(offset, count)
            assert [each["sourceId"] for each in found.items] == whole[offset : offset + count]
            assert found.more is (offset + count < len(whole))


async def test_what_hangs_on_a_contact_comes_in_stretches(crowd: Lone) -> None:
    contacts = [key(each) for each in (await everybody(crowd))[:12]]
    for contact in contacts:
        gates = await pages_of(crowd, partial(crowd.client.list_gates, contact.id))
        said = await pages_of(crowd, partial(crowd.client.list_messages, contact.id))
        for offset in (0, 1, 19, 20, 21):
            for count in (1, 3, 30):
                ways = await crowd.upstream.communications_of(contact, offset, count)
                assert [each["sourceId"] for each in ways.items] == [
                    str(each["id"]) for each in gates[offset : offset + count]
                ]
                assert ways.more is (offset + count < len(gates))
                messages = await crowd.upstream.messages_of(contact, offset, count)
                assert [each["sourceId"] for each in messages.items] == [
                    str(each["id"]) for each in said[offset : offset + count]
                ]
                assert messages.more is (offset + count < len(said))


async def test_messages_are_newest_first(desk: Lone) -> None:
    found = await desk.upstream.messages_of(IMKE, 0, 100)
    times = [each["createdAt"] for each in found.items]
    assert times == sorted(times, reverse=True)
    assert len(times) > 20


# Look-ups.


@pytest.mark.parametrize("brief", [True, False])
async def test_contacts_are_matched_by_id_whatever_the_order(crowd: Lone, brief: bool) -> None:
    whole = await everybody(crowd)
    wanted = [key(each) for each in (whole[9], whole[3], "999999999", whole[9], whole[0])]
    found = await crowd.upstream.contacts_by_id(wanted, brief=brief)
    assert found.keys() == {key(whole[9]), key(whole[3]), key(whole[0])}
    for asked, contact in found.items():
        assert (contact["_key"], contact["sourceId"]) == (asked, asked.id)
    assert len(crowd.sent) == 4


async def test_the_simple_form_is_read_where_that_is_enough(desk: Lone) -> None:
    plain = (await desk.upstream.contacts_by_id([IMKE], brief=True))[IMKE]
    assert [sent.path for sent in desk.sent] == ["/v1/contacts/50417/info"]
    assert plain["_properties"] is None
    desk.forget()
    full = (await desk.upstream.contacts_by_id([IMKE], brief=False))[IMKE]
    assert [sent.path for sent in desk.sent] == ["/v1/contacts/50417"]
    assert [each["key"] for each in full["_properties"]] == ["city", "visits"]
    unlike = {"_properties", "_raw"}
    assert {k: v for k, v in plain.items() if k not in unlike} == {
        k: v for k, v in full.items() if k not in unlike
    }


async def test_a_look_up_that_fails_costs_its_own_key_only(crowd: Lone) -> None:
    wanted = [key(each) for each in (await everybody(crowd))[:3]]
    crowd.switches.fail("getContact", status=500, times=1)
    found = await crowd.upstream.contacts_by_id(wanted, brief=False)
    assert len(found) == 3
    assert sum(isinstance(each, UpstreamUnavailable) for each in found.values()) == 1
    crowd.switches.fail("getContactChat", status=500, times=1)
    chats = await crowd.upstream.chats_of(wanted)
    assert sum(isinstance(each, UpstreamUnavailable) for each in chats.values()) == 1


@pytest.mark.parametrize("brief", [True, False])
async def test_another_contact_than_was_asked_for_is_given_to_nobody(desk: Lone, brief: bool) -> None:
    desk.answers(await desk.client.get_contact(TADEO.id))
    found = await desk.upstream.contacts_by_id([IMKE], brief=brief)
    assert isinstance(found[IMKE], UpstreamBadResponse)


async def test_the_chat_of_another_contact_is_given_to_nobody(desk: Lone) -> None:
    desk.answers(await desk.client.get_chat(IMKE.id))
    chats = await desk.upstream.chats_of([TADEO, IMKE])
    assert isinstance(chats[TADEO], UpstreamBadResponse)
    assert chats[IMKE]["_contact"] == IMKE


async def test_a_chat_that_does_not_say_whose_it_is_belongs_to_whom_it_was_asked_for(desk: Lone) -> None:
    desk.answers({"id": 61200, "gates": []})
    assert (await desk.upstream.chats_of([TADEO]))[TADEO]["_contact"] == TADEO


async def test_channels_are_found_by_id_and_others_are_missing(crowd: Lone) -> None:
    found = await crowd.upstream.channels_by_id(["5", "3", "2"])
    assert {identity: channel["type"] for identity, channel in found.items()} == {
        "5": "telegram",
        "2": "whatsapp",
    }


# Chats.


async def test_a_chat_is_that_of_the_contact_it_was_asked_for(crowd: Lone) -> None:
    wanted = [key(each) for each in (await everybody(crowd))[:20]]
    chats = await crowd.upstream.chats_of(wanted)
    assert len(chats) > 5
    for contact, chat in chats.items():
        assert chat["_contact"] == contact
        assert {each["_contact"] for each in chat["communications"]} == {contact}
        record = await crowd.client.get_chat(contact.id)
        assert str(record["contact"]["originalId"]) == contact.id
        assert record["contact"]["id"] != record["contact"]["originalId"]


async def test_whoever_has_no_chat_is_missing(desk: Lone) -> None:
    chats = await desk.upstream.chats_of([TADEO, IMKE, NOBODY])
    assert list(chats) == [IMKE]


async def test_a_chat_carries_the_same_communications_as_their_own_list(desk: Lone) -> None:
    chat = (await desk.upstream.chats_of([IMKE]))[IMKE]
    assert chat["communications"] == (await desk.upstream.communications_of(IMKE, 0, 100)).items


async def test_whoever_is_not_there_has_nothing(desk: Lone) -> None:
    for found in (
        await desk.upstream.communications_of(NOBODY, 0, 20),
        await desk.upstream.messages_of(NOBODY, 0, 20),
        await desk.upstream.groups_of(NOBODY, 0, 20),
    ):
        assert (found.items, found.more) == ([], False)


async def test_a_gate_that_names_a_contact_does_not_change_whose_it_is(desk: Lone) -> None:
    before = (await desk.upstream.communications_of(IMKE, 0, 20)).items
    desk.emulator.switches.gate_tells_contact = True
    assert (await desk.upstream.communications_of(IMKE, 0, 20)).items == before


# Groups and funnels.


async def test_the_groups_of_a_contact_are_told(desk: Lone) -> None:
    found = await desk.upstream.groups_of(IMKE, 0, 20)
    assert [each["sourceId"] for each in found.items] == ["4"]
    assert (await desk.upstream.groups_of(TADEO, 0, 20)).items == []


async def test_the_funnels_of_each_contact_are_told(desk: Lone) -> None:
    await desk.client.add_funnel("50417", "wsl2Vn6")
    found = await desk.upstream.funnels_of([IMKE, TADEO])
    assert [each["serviceKey"] for each in found[IMKE]] == ["wlc7Qd2", "wsl2Vn6"]
    assert found[TADEO] == []


async def test_funnels_on_many_pages_are_all_told(desk: Lone) -> None:
    for number in range(45):
        funnel = {"id": number, "name": str(number), "serviceKey": f"key{number}"}
        desk.emulator._store.find(50433).record["funnels"].append(funnel)
    desk.forget()
    found = await desk.upstream.funnels_of([TADEO])
    assert [each["serviceKey"] for each in found[TADEO]] == [f"key{number}" for number in range(45)]
    assert [sent.query["page"] for sent in desk.sent] == ["1", "2", "3"]


async def test_an_empty_page_ends_the_funnels_even_if_it_promises_more(desk: Lone) -> None:
    desk.answers({"cursor": {"page": 1, "pages": 9}, "collection": []})
    assert (await desk.upstream.funnels_of([TADEO]))[TADEO] == []
    assert len(desk.sent) == 1


async def test_funnels_that_cannot_be_read_cost_their_own_contact_only(desk: Lone) -> None:
    desk.switches.fail("listContactFunnels", status=422, body='{"error": {"code": 422}}', times=1)
    found = await desk.upstream.funnels_of([IMKE, TADEO])
    assert sum(isinstance(each, UpstreamRejected) for each in found.values()) == 1
    assert len(found) == 2


# Ids.


async def test_every_id_that_the_source_gives_is_taken(crowd: Lone) -> None:
    for identity in await everybody(crowd):
        crowd.upstream.check_id("contact", identity)


@pytest.mark.parametrize(
    "identity", ["", "0", "-1", "05", "1.0", "1e3", "5\n", " 5", "٥", "search", "../5", "5/info", "9" * 19]
)
def test_what_is_no_whole_number_is_the_callers_mistake(identity: str) -> None:
    with pytest.raises(BadInput, match="the id of a channel of Smart Sender"):
        lone(SENDER, people=0).upstream.check_id("channel", identity)
