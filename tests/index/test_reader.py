"""How far the index can be believed, how long an answer waits for it, and what it does not know yet."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import config, deadline, events
from gateway.app import create_app
from gateway.errors import DeadlineExceeded, GatewayError, UpstreamUnavailable
from gateway.federation.feeds import IndexFeed
from gateway.federation.paging import Position
from gateway.index.query import Question
from gateway.index.reader import NEARBY, TAIL, State
from gateway.model.contact import ContactKey
from gateway.model.filter import Filter
from gateway.model.source import Source
from gateway.sandbox import PLACES
from tests.conftest import Build
from tests.index.test_crawl import ACCOUNT, DOWN, MAX_AGE, Scene, Shelf, keep_all, numbered, scene
from tests.support.jumping import jumping
from tests.support.world import World, close

SOURCE = Source.SAMESPACE


def key(vendor_id: str, module: str = "") -> ContactKey:
    return ContactKey(SOURCE, module, vendor_id)


async def found(told: Scene, *ids: str, max_age: float | None = None) -> dict[str, Any]:
    """What the index finds: names by id, or the failure."""
    answers = await told.index.contacts([key(each) for each in ids], max_age)
    return {
        each.id: answer if isinstance(answer, GatewayError) else answer["displayName"]
        for each, answer in answers.items()
    }


def now() -> float:
    return asyncio.get_running_loop().time()


# ---- how far it can be believed


@jumping
async def test_before_a_scan_has_ended_the_index_is_neither_complete_nor_fresh() -> None:
    async with scene(Shelf(lists={"m": ["a"]})) as told:
        nothing = State(complete=False, fresh=False, as_of=None, contacts=0, error=None)
        assert told.index.state(SOURCE, "m") == nothing
        await told.store.begin(ACCOUNT, SOURCE.value, "m", "2026-01-01T00:00:00Z")
        assert told.index.state(SOURCE, "m") == nothing


@jumping
async def test_a_scan_that_has_ended_makes_it_complete_and_fresh_for_a_while() -> None:
    async with scene(Shelf(lists={"m": ["a", "b"]})) as told:
        await told.crawler.scan(SOURCE)
        state = told.index.state(SOURCE, "m")
        assert (state.complete, state.fresh, state.contacts) == (True, True, 2)
        await asyncio.sleep(MAX_AGE - 1)
        assert told.index.state(SOURCE, "m").fresh
        await asyncio.sleep(2)
        state = told.index.state(SOURCE, "m")
        assert (state.complete, state.fresh) == (True, False)


@jumping
async def test_a_caller_may_ask_for_something_fresher_but_not_for_something_older() -> None:
    async with scene(Shelf(lists={"m": ["a"]})) as told:
        await told.crawler.scan(SOURCE)
        await asyncio.sleep(60)
        ages = {age: told.index.state(SOURCE, "m", age).fresh for age in (0, 59, 61, 10_000)}
        assert ages == {0: False, 59: False, 61: True, 10_000: True}
        await asyncio.sleep(MAX_AGE)
        assert not told.index.state(SOURCE, "m", 10_000).fresh


@jumping
async def test_a_complete_index_stays_complete_while_its_source_fails() -> None:
    async with scene(Shelf(lists={"m": ["a"]})) as told:
        await told.crawler.scan(SOURCE)
        told.shelf.failing = DOWN
        with pytest.raises(UpstreamUnavailable):
            await told.crawler.scan(SOURCE)
        state = told.index.state(SOURCE, "m")
        assert (state.complete, state.fresh, state.error) == (True, True, DOWN)


# ---- how long an answer waits


@jumping
async def test_a_fresh_index_keeps_nobody_waiting_and_asks_for_no_scan() -> None:
    async with scene(Shelf(lists={"m": ["a"]}), crawling=True) as told:
        await asyncio.sleep(100)
        assert (await told.index.settled(SOURCE, "m")).fresh
        assert now() == 100
        await asyncio.sleep(1)
        assert told.ended == [0]


@jumping
async def test_the_first_scan_is_waited_for() -> None:
    async with scene(Shelf(lists={"m": ["a"]}, seconds=3.0), crawling=True) as told:
        state = await told.index.settled(SOURCE, "m")
        assert (state.complete, state.fresh, state.contacts) == (True, True, 1)
        assert now() == 3


@jumping
async def test_a_scan_is_waited_for_no_longer_than_set() -> None:
    async with scene(Shelf(lists={"m": ["a"]}, seconds=60.0), wait=10.0, crawling=True) as told:
        assert not (await told.index.settled(SOURCE, "m")).complete
        assert now() == 10


@jumping
async def test_a_scan_is_waited_for_no_longer_than_half_of_the_time_left() -> None:
    async with scene(Shelf(lists={"m": ["a"]}, seconds=60.0), wait=10.0, crawling=True) as told:
        with deadline.within(8):
            assert not (await told.index.settled(SOURCE, "m")).complete
        assert now() == 4
        with deadline.within(-1):
            await told.index.settled(SOURCE, "m")
        assert now() == 4


@jumping
async def test_a_source_that_fails_is_not_waited_for() -> None:
    async with scene(Shelf(lists={"m": ["a"]}, failing=DOWN), crawling=True) as told:
        await asyncio.sleep(20)
        state = await told.index.settled(SOURCE, "m")
        assert (state.complete, state.error) == (False, DOWN)
        assert now() == 20


@jumping
async def test_whoever_waits_is_told_at_once_when_the_first_scan_fails() -> None:
    async with scene(Shelf(lists={"m": ["a"]}, seconds=3.0, failing=None), crawling=True) as told:
        told.shelf.happens = lambda _: setattr(told.shelf, "failing", DOWN)
        state = await told.index.settled(SOURCE, "m")
        assert (state.complete, state.error) == (False, DOWN)
        assert now() == 3


@jumping
async def test_a_stale_index_is_read_anew_before_it_answers() -> None:
    shelf = Shelf(lists={"m": ["a"]}, seconds=2.0)
    async with scene(shelf) as told:
        await told.crawler.scan(SOURCE)
        shelf.lists["m"].append("b")
        await asyncio.sleep(MAX_AGE + 1)
        began = now()
        crawling = asyncio.create_task(keep_all(told.crawler))
        state = await told.index.settled(SOURCE, "m")
        assert (state.fresh, state.contacts) == (True, 2)
        assert now() == began + 2
        crawling.cancel()
        await asyncio.wait((crawling,))


@jumping
async def test_many_who_wait_are_served_by_one_scan() -> None:
    async with scene(Shelf(lists={"m": ["a"]}, seconds=3.0), crawling=True) as told:
        states = await asyncio.gather(*(told.index.settled(SOURCE, "m") for _ in range(5)))
        assert all(state.fresh for state in states)
        assert told.ended == [3]


# ---- contacts by their ids


@jumping
async def test_contacts_are_found_in_whatever_module_they_lie_without_a_call() -> None:
    async with scene(Shelf(lists={"m1": ["a"], "m2": ["b"]})) as told:
        await told.crawler.scan(SOURCE)
        told.shelf.reads.clear()
        heard: list[events.Event] = []
        with events.heard_by(heard.append):
            assert await found(told, "b", "a") == {"a": "Name a", "b": "Name b"}
        assert told.shelf.reads == []
        assert heard == [events.UpstreamSpared(source="SAMESPACE", reason="index")] * 2


@jumping
async def test_what_is_found_tells_where_it_lies_and_when_it_was_read() -> None:
    async with scene(Shelf(lists={"m": ["a"]})) as told:
        await told.crawler.scan(SOURCE)
        await asyncio.sleep(90)
        [held] = (await told.index.contacts([key("a")])).values()
        assert not isinstance(held, GatewayError)
        assert held["_key"] == key("a", "m")
        assert held["asOf"] == "2026-01-01T00:00:00.000Z"
        assert told.index.module_of(SOURCE, "a") == "m"
        assert told.index.module_of(SOURCE, "nobody") is None


@jumping
async def test_a_contact_is_not_found_in_a_module_in_which_it_does_not_lie() -> None:
    async with scene(Shelf(lists={"m1": ["a"], "m2": ["b"]})) as told:
        await told.crawler.scan(SOURCE)
        assert await told.index.contacts([key("a", "m2")]) == {}
        assert list(await told.index.contacts([key("a", "m1")])) == [key("a", "m1")]


@jumping
async def test_a_contact_that_came_since_the_last_scan_is_found_at_the_end_of_its_module() -> None:
    async with scene(Shelf(lists={"m1": numbered(60), "m2": ["x"]})) as told:
        await told.crawler.scan(SOURCE)
        told.shelf.lists["m1"] += ["new1", "new2"]
        told.shelf.lists["m2"] += ["new3"]
        told.shelf.reads.clear()
        assert await found(told, "c7", "new3", "new2", "nobody") == {
            "c7": "Name c7",
            "new2": "Name new2",
            "new3": "Name new3",
        }
        assert sorted(told.shelf.reads) == [("m1", 60 - TAIL, 2 * TAIL), ("m2", 0, 2 * TAIL)]


@jumping
async def test_what_was_found_at_the_end_is_known_from_then_on_and_kept_by_the_next_scan() -> None:
    async with scene(Shelf(lists={"m": ["a"]})) as told:
        await told.crawler.scan(SOURCE)
        told.shelf.lists["m"] += ["new1", "new2"]
        await found(told, "new1")
        told.shelf.reads.clear()
        assert await found(told, "new2") == {"new2": "Name new2"}
        assert told.shelf.reads == []
        numbers = {each.id: each.rowid for each in told.store.get(ACCOUNT, SOURCE.value, ["new1"]).values()}
        await told.crawler.scan(SOURCE)
        assert await told.ids() == {"a", "new1", "new2"}
        after = told.store.get(ACCOUNT, SOURCE.value, ["new1"])["new1"]
        assert numbers == {"new1": after.rowid}


@jumping
async def test_only_the_module_that_is_named_is_searched_for_what_came_since() -> None:
    async with scene(Shelf(lists={"m1": ["a"], "m2": ["b"]})) as told:
        await told.crawler.scan(SOURCE)
        told.shelf.lists["m2"].append("new")
        told.shelf.reads.clear()
        assert list(await told.index.contacts([key("new", "m2")])) == [key("new", "m2")]
        assert [module for module, _, _ in told.shelf.reads] == ["m2"]


@jumping
async def test_nobody_is_found_where_there_is_nobody() -> None:
    async with scene(Shelf(lists={"m": ["a"]})) as told:
        await told.crawler.scan(SOURCE)
        assert await found(told, "nobody") == {}


@jumping
async def test_a_source_that_fails_fails_what_the_index_does_not_know_and_nothing_else() -> None:
    async with scene(Shelf(lists={"m": ["a"]})) as told:
        await told.crawler.scan(SOURCE)
        told.shelf.failing = DOWN
        assert await found(told, "a") == {"a": "Name a"}
        answers = await found(told, "a", "unknown")
        assert answers == {"a": "Name a", "unknown": DOWN}


@jumping
async def test_an_index_that_is_not_complete_gives_what_it_has_and_says_why_the_rest_is_missing() -> None:
    async with scene(Shelf(lists={"m": numbered(120)}, seconds=6.0), wait=10.0, crawling=True) as told:
        answers = await found(told, "c3", "c119")
        assert answers["c3"] == "Name c3"
        assert isinstance(answers["c119"], DeadlineExceeded)
        assert answers["c119"].source == "SAMESPACE"
        assert now() == 10


@jumping
async def test_a_first_scan_that_failed_is_the_reason_for_what_is_missing() -> None:
    async with scene(Shelf(lists={"m": ["a"]}, failing=DOWN), crawling=True) as told:
        await asyncio.sleep(20)
        assert await found(told, "a") == {"a": DOWN}
        assert now() == 20


# ---- fresher than the index


@jumping
async def test_a_contact_that_is_older_than_wished_is_read_again_where_it_was() -> None:
    async with scene(Shelf(lists={"m": numbered(200)})) as told:
        await told.crawler.scan(SOURCE)
        await asyncio.sleep(60)
        told.shelf.reads.clear()
        assert await found(told, "c100", max_age=61) == {"c100": "Name c100"}
        assert told.shelf.reads == []
        [held] = (await told.index.contacts([key("c100")], 30)).values()
        assert not isinstance(held, GatewayError)
        assert held["asOf"] == "2026-01-01T00:01:00.000Z"
        assert told.shelf.reads == [("m", 100 - NEARBY, 2 * NEARBY)]
        assert "_stale" not in held


@jumping
async def test_what_was_read_again_is_kept() -> None:
    async with scene(Shelf(lists={"m": numbered(9)})) as told:
        await told.crawler.scan(SOURCE)
        await asyncio.sleep(60)
        await found(told, "c3", max_age=0)
        told.shelf.reads.clear()
        assert await found(told, "c3", max_age=0) == {"c3": "Name c3"}
        assert told.shelf.reads == []
        assert told.store.get(ACCOUNT, SOURCE.value, ["c3"])["c3"].as_of == "2026-01-01T00:01:00.000Z"
        assert await told.crawler.scan(SOURCE) == 9


@pytest.mark.parametrize("gone", [1, NEARBY])
def test_a_contact_that_has_moved_a_little_is_found_nearby(gone: int) -> None:
    @jumping
    async def story() -> None:
        async with scene(Shelf(lists={"m": numbered(200)})) as told:
            await told.crawler.scan(SOURCE)
            await asyncio.sleep(60)
            del told.shelf.lists["m"][:gone]
            [held] = (await told.index.contacts([key("c100")], 0)).values()
            assert not isinstance(held, GatewayError)
            assert "_stale" not in held
            assert told.store.get(ACCOUNT, SOURCE.value, ["c100"])["c100"].position == 100 - gone

    story()


@jumping
async def test_a_contact_that_has_moved_far_is_given_as_last_seen_marked_and_looked_for() -> None:
    async with scene(Shelf(lists={"m": numbered(200)}), crawling=True) as told:
        await asyncio.sleep(60)
        del told.shelf.lists["m"][: NEARBY + 1]
        [held] = (await told.index.contacts([key("c100")], 0)).values()
        assert not isinstance(held, GatewayError)
        assert held["_stale"] is True
        assert held["asOf"] == "2026-01-01T00:00:00.000Z"
        await asyncio.sleep(1)
        assert told.ended == [0, 60]
        [again] = (await told.index.contacts([key("c100")], 5)).values()
        assert not isinstance(again, GatewayError)
        assert "_stale" not in again


@jumping
async def test_a_source_that_fails_cannot_give_anything_fresher() -> None:
    async with scene(Shelf(lists={"m": ["a"]})) as told:
        await told.crawler.scan(SOURCE)
        await asyncio.sleep(60)
        told.shelf.failing = DOWN
        assert await found(told, "a", max_age=0) == {"a": DOWN}
        assert await found(told, "a") == {"a": "Name a"}


# ---- as a list


def feed(told: Scene, module: str = "m", **conditions: Any) -> IndexFeed:
    question = Question(
        account=ACCOUNT,
        source=SOURCE.value,
        module=module,
        filter=Filter(**conditions) if conditions else None,
    )
    return IndexFeed(told.index, question, told.index.state(SOURCE, module))


@jumping
async def test_a_list_from_the_index_goes_on_behind_a_row_whatever_is_removed_meanwhile() -> None:
    async with scene(Shelf(lists={"m": numbered(9)})) as told:
        await told.crawler.scan(SOURCE)
        first = await feed(told).read(Position(), 4)
        assert [item["sourceId"] for item in first.items] == numbered(4)
        assert (first.more, first.from_cache, first.stale, first.held) == (True, True, False, False)
        del told.shelf.lists["m"][:4]
        told.shelf.lists["m"].append("new")
        await told.crawler.scan(SOURCE)
        rest = await feed(told).read(first.end, 100)
        assert [item["sourceId"] for item in rest.items] == [*numbered(9)[4:], "new"]
        assert not rest.more


@jumping
async def test_a_list_from_an_index_that_is_not_complete_is_held_at_its_end() -> None:
    async with scene(Shelf(lists={"m": numbered(60)}, page=50)) as told:
        told.shelf.happens = lambda read: setattr(told.shelf, "failing", DOWN if read == 1 else None)
        with pytest.raises(UpstreamUnavailable):
            await told.crawler.scan(SOURCE)
        first = await feed(told).read(Position(), 40)
        assert (len(first.items), first.more, first.held, first.stale) == (40, True, False, True)
        second = await feed(told).read(first.end, 40)
        assert (len(second.items), second.more, second.held) == (10, False, True)
        assert (await feed(told).read(second.end, 40)).end == second.end
        told.shelf.happens = lambda _: None
        told.shelf.failing = None
        await told.crawler.scan(SOURCE)
        third = await feed(told).read(second.end, 40)
        assert [item["sourceId"] for item in third.items] == numbered(60)[50:]
        assert (third.more, third.held, third.stale) == (False, False, False)


@jumping
async def test_a_list_from_the_index_spares_its_source_and_says_so() -> None:
    async with scene(Shelf(lists={"m": ["a", "b"]})) as told:
        await told.crawler.scan(SOURCE)
        told.shelf.reads.clear()
        heard: list[events.Event] = []
        with events.heard_by(heard.append):
            read = await feed(told, name="name b").read(Position(), 5)
        assert [item["sourceId"] for item in read.items] == ["b"]
        assert heard == [events.UpstreamSpared(source="SAMESPACE", reason="index")]
        assert told.shelf.reads == []


# ---- over real sources

NO_WAIT = {"GATEWAY_INDEX_WAIT_SECONDS": "0.000001"}
BY_ID = """query ($id: ID!) {
  contact(by: {sourceId: {source: SAMESPACE, sourceId: $id}}) { sourceId displayName module { name } }
}"""
NAMED = """query ($name: String!) {
  contacts(first: 100, filter: {name: $name}) {
    nodes { sourceId source } totalCount
    sources { source status fromCache code }
    pageInfo { hasNextPage }
  }
}"""


async def create(world: World, module: str, **properties: str) -> str:
    """Create a contact in Samespace behind the gateway's back."""
    document = """mutation ($module: String, $properties: [KeyValueInput!]!) {
      createContact(moduleName: $module, properties: $properties) { _id }
    }"""
    pairs = [{"key": name, "value": value} for name, value in properties.items()]
    transport = httpx.ASGITransport(app=world.samespace.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://samespace") as client:
        answer = await client.post(
            "/crm/api",
            json={"query": document, "variables": {"module": module, "properties": pairs}},
            headers={"x-api-key": "key"},
        )
    world.forget()
    return str(answer.json()["data"]["createContact"]["_id"])


@pytest.mark.parametrize(
    ("module", "properties"),
    [("Contacts", {"firstName": "Zora", "lastName": "Newcomer"}), ("Companies", {"name": "Zora Newcomer"})],
)
async def test_a_contact_created_elsewhere_is_found_by_its_id_without_a_scan(
    world: World, module: str, properties: dict[str, str]
) -> None:
    vendor_id = await create(world, module, **properties)
    contact = (await world.data(BY_ID, {"id": vendor_id}))["contact"]
    assert contact == {"sourceId": vendor_id, "displayName": "Zora Newcomer", "module": {"name": module}}
    assert world.calls == {"SAMESPACE": 2}


async def test_a_contact_created_elsewhere_is_found_by_a_filter_after_the_next_scan(world: World) -> None:
    vendor_id = await create(world, "Contacts", firstName="Zora", lastName="Newcomer")
    before = (await world.data(NAMED, {"name": "newcomer"}))["contacts"]
    assert before["nodes"] == []
    await world.scan(SOURCE)
    after = (await world.data(NAMED, {"name": "newcomer"}))["contacts"]
    assert after["nodes"] == [{"sourceId": vendor_id, "source": "SAMESPACE"}]
    assert after["totalCount"] == 1


async def test_an_id_that_nobody_has_is_null_and_no_error(world: World) -> None:
    assert (await world.data(BY_ID, {"id": "66f0a1c2d3e4f5a6b7c8ffff"}))["contact"] is None


async def test_a_filter_over_an_index_that_is_empty_says_so_and_can_be_continued(new_world: Build) -> None:
    world = new_world(**NO_WAIT)
    page = (await world.data(NAMED, {"name": "ann"}))["contacts"]
    assert page["nodes"] == []
    assert page["totalCount"] is None
    assert page["pageInfo"]["hasNextPage"]
    assert [each["status"] for each in page["sources"]] == ["STALE"] * 3


async def test_a_filter_over_one_index_that_is_empty_has_the_others_contacts(new_world: Build) -> None:
    world = new_world(**NO_WAIT)
    await world.scan(Source.PACKAGEX, Source.SMART_SENDER)
    page = (await world.data(NAMED, {"name": "ann"}))["contacts"]
    assert {node["source"] for node in page["nodes"]} == {"PACKAGEX", "SMART_SENDER"}
    assert [each["status"] for each in page["sources"]] == ["STALE", "OK", "OK"]


async def test_a_filter_answers_from_the_index_while_all_sources_are_down(world: World) -> None:
    whole = (await world.data(NAMED, {"name": "ann"}))["contacts"]
    for transport in world.transports.values():
        transport.down = httpx.ConnectError
    page = (await world.data(NAMED, {"name": "ann"}))["contacts"]
    assert page["nodes"] == whole["nodes"] != []
    assert [(each["status"], each["fromCache"]) for each in page["sources"]] == [("OK", True)] * 3
    assert world.calls == {}


async def test_an_index_on_disk_answers_after_a_restart_before_any_scan(
    new_world: Build, tmp_path: Path
) -> None:
    first = new_world(240, GATEWAY_DATA_DIR=str(tmp_path))
    await first.scan()
    whole = (await first.data(NAMED, {"name": "ann"}))["contacts"]
    second = new_world(240, GATEWAY_DATA_DIR=str(tmp_path))
    page = (await second.data(NAMED, {"name": "ann"}))["contacts"]
    assert page["nodes"] == whole["nodes"] != []
    assert page["totalCount"] == whole["totalCount"]
    assert [each["status"] for each in page["sources"]] == ["OK"] * 3
    assert not {"listContacts", "getContacts"} & set(second.operations)
    known = next(node["sourceId"] for node in whole["nodes"] if node["source"] == "SAMESPACE")
    assert (await second.data(BY_ID, {"id": known}))["contact"]["sourceId"] == known


async def test_an_index_that_is_found_again_after_days_answers_and_says_that_it_is_stale(
    new_world: Build, tmp_path: Path
) -> None:
    first = new_world(GATEWAY_DATA_DIR=str(tmp_path))
    await first.scan()
    whole = (await first.data(NAMED, {"name": "ann"}))["contacts"]
    settings = {"GATEWAY_DATA_DIR": str(tmp_path), **NO_WAIT}
    for url, key_name, path in PLACES.values():
        settings |= {url: f"http://127.0.0.1:1{path}", key_name: "key"}
    app = create_app(
        config.read(settings),
        transports=first.transports.__getitem__,
        now=lambda: "2199-01-01T00:00:00.000Z",
        crawling=False,
    )
    later = replace(
        first,
        gateway=app.state.gateway,
        client=httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8000"),
    )
    page = (await later.data(NAMED, {"name": "ann"}))["contacts"]
    assert page["nodes"] == whole["nodes"] != []
    assert [each["status"] for each in page["sources"]] == ["STALE"] * 3
    assert page["totalCount"] is None
    assert not page["pageInfo"]["hasNextPage"]
    await close(later)
