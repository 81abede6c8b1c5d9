"""How old an answer is: as the caller allows, told in it, and corrected by what is written."""

import asyncio
from hashlib import sha256
from typing import Any

import httpx
import pytest

from gateway import freshness
from gateway.errors import UpstreamUnavailable
from gateway.model.contact import ContactKey
from gateway.model.source import Source
from tests.conftest import Build
from tests.support.world import World

LIST = (
    "{ contacts(first: 6) { nodes { id source displayName asOf } "
    "sources { source status fromCache asOf code message retryAfterSeconds } } }"
)
ONE = "query ($id: ID!) { contact(by: { id: $id }) { displayName asOf } }"


@pytest.fixture
async def keeping(new_world: Build) -> World:
    """A world that keeps what it has read for an hour."""
    kinds = ("CONTACT", "LIST", "GROUP", "CHAT", "CHANNEL", "DEFINITION")
    made = new_world(
        GATEWAY_STALE_IF_ERROR_SECONDS="7200", **{f"GATEWAY_CACHE_{kind}_SECONDS": "3600" for kind in kinds}
    )
    await made.scan()
    return made


def outcomes(answer: Any) -> dict[str, Any]:
    return {each["source"]: each for each in answer.data["contacts"]["sources"]}


async def test_the_same_list_again_costs_no_call_and_says_how_old_it_is(keeping: World) -> None:
    first = await keeping.ask(LIST)
    again = await keeping.ask(LIST)
    assert again.data["contacts"]["nodes"] == first.data["contacts"]["nodes"]
    assert again.calls == {}
    assert again.body["extensions"]["cost"]["cacheHits"] >= 3
    assert {source: (each["status"], each["fromCache"]) for source, each in outcomes(again).items()} == {
        source.value: ("OK", True) for source in Source
    }
    assert {source: each["asOf"] for source, each in outcomes(again).items()} == {
        source: each["asOf"] for source, each in outcomes(first).items()
    }
    assert again.warnings == []


async def test_no_cache_asks_every_source(keeping: World) -> None:
    await keeping.ask(LIST)
    answer = await keeping.ask(LIST, headers={"Cache-Control": "no-cache"})
    assert set(answer.calls) == {source.value for source in Source}
    assert not any(each["fromCache"] for each in outcomes(answer).values())


@pytest.mark.parametrize("source", Source)
async def test_a_source_that_is_down_is_answered_from_what_was_last_seen(
    new_world: Build, source: Source
) -> None:
    world = new_world(GATEWAY_STALE_IF_ERROR_SECONDS="7200")
    first = await world.ask(LIST)
    world.boards[source].fail(status=503)
    answer = await world.ask(LIST)
    assert answer.errors == []
    assert [node["id"] for node in answer.data["contacts"]["nodes"]] == [
        node["id"] for node in first.data["contacts"]["nodes"]
    ]
    told = outcomes(answer)[source.value]
    assert (told["status"], told["fromCache"], told["code"]) == ("STALE", True, "UPSTREAM_UNAVAILABLE")
    assert told["asOf"] == outcomes(first)[source.value]["asOf"]
    (warning,) = answer.warnings
    assert (warning["code"], warning["source"]) == ("STALE", source.value)
    refused = outcomes(await world.ask(LIST, headers={"Cache-Control": "no-cache"}))[source.value]
    assert (refused["status"], refused["fromCache"]) == ("UNAVAILABLE", False)


async def test_a_single_thing_of_a_source_that_is_down_is_marked_too(new_world: Build) -> None:
    world = new_world(GATEWAY_STALE_IF_ERROR_SECONDS="7200")
    (contact,) = await world.some(Source.PACKAGEX)
    first = await world.ask(ONE, {"id": contact["id"]})
    world.packagex.switches.fail(status=500)
    answer = await world.ask(ONE, {"id": contact["id"]})
    assert answer.errors == []
    assert answer.data == first.data
    assert [(each["code"], each["source"]) for each in answer.warnings] == [("STALE", "PACKAGEX")]
    strict = await world.ask(ONE, {"id": contact["id"]}, headers={"X-Partial": "errors"})
    assert strict.codes == ["STALE"]


@pytest.mark.parametrize("source", Source)
async def test_a_write_is_seen_at_once_by_everybody(keeping: World, source: Source) -> None:
    (contact,) = await keeping.some(source)
    await keeping.ask(ONE, {"id": contact["id"]})
    await keeping.ask(LIST)
    field = {"lastName": "Newname"} if source is not Source.PACKAGEX else {"name": "Somebody Newname"}
    written = await keeping.write("updateContact", {"id": contact["id"], "contact": field})
    assert written["outcome"]["status"] in {"APPLIED", "PARTIAL"}
    answer = await keeping.data(ONE, {"id": contact["id"]})
    assert "Newname" in answer["contact"]["displayName"]
    nodes = (await keeping.data(LIST))["contacts"]["nodes"]
    assert any("Newname" in node["displayName"] for node in nodes if node["id"] == contact["id"])


async def test_callers_whose_keys_cover_other_sources_get_nothing_of_them(new_world: Build) -> None:
    keys = ";".join(
        f"{name}:{sha256(name.encode()).hexdigest()}:read:default:{sources}"
        for name, sources in (("all", "SAMESPACE,PACKAGEX,SMART_SENDER"), ("one", "SAMESPACE"))
    )
    world = new_world(
        GATEWAY_API_KEYS=keys, GATEWAY_CACHE_LIST_SECONDS="3600", GATEWAY_CACHE_CONTACT_SECONDS="3600"
    )
    whole = await world.ask(LIST, headers={"X-Api-Key": "all"})
    other = next(node for node in whole.data["contacts"]["nodes"] if node["source"] == "PACKAGEX")
    await world.ask(ONE, {"id": other["id"]}, headers={"X-Api-Key": "all"})
    part = await world.ask(LIST, headers={"X-Api-Key": "one"})
    assert {node["source"] for node in part.data["contacts"]["nodes"]} == {"SAMESPACE"}
    refused = await world.ask(ONE, {"id": other["id"]}, headers={"X-Api-Key": "one"})
    assert refused.data == {"contact": None}
    assert refused.codes == ["FORBIDDEN"]


async def test_accounts_keep_their_answers_apart(new_world: Build) -> None:
    keys = ";".join(f"{name}:{sha256(name.encode()).hexdigest()}:read:{name}" for name in ("north", "south"))
    world = new_world(GATEWAY_API_KEYS=keys, GATEWAY_CACHE_LIST_SECONDS="3600")
    north = await world.ask(LIST, headers={"X-Api-Key": "north"})
    south = await world.ask(LIST, headers={"X-Api-Key": "south"})
    assert not any(each["fromCache"] for each in outcomes(south).values())
    ids = [{node["id"] for node in answer.data["contacts"]["nodes"]} for answer in (north, south)]
    assert ids[0].isdisjoint(ids[1])


NAMED = "query ($of: String) { contacts(first: 5, sources: [SAMESPACE], search: $of) { nodes { id displayName } } }"


async def test_the_index_never_believes_what_stands_in_for_a_source(new_world: Build) -> None:
    world = new_world(GATEWAY_STALE_IF_ERROR_SECONDS="7200", GATEWAY_CACHE_LIST_SECONDS="3600")
    await world.scan()
    index = world.directory.index
    ((contact,),) = [await world.some(Source.SAMESPACE)]
    nobody = ContactKey(Source.SAMESPACE, "", f"{'0' * 24}")
    with freshness.allowed(None):
        assert await index.contacts([nobody]) == {}
    world.samespace.switches.fail("getContacts", status=503)
    with freshness.allowed(None):
        found = await index.contacts([nobody])
    assert isinstance(found[nobody], UpstreamUnavailable)
    assert contact["id"]


async def test_a_read_that_was_under_way_does_not_undo_a_write(world: World) -> None:
    (contact,) = await world.some(Source.SAMESPACE)
    held, go_on = asyncio.Event(), asyncio.Event()

    async def hold(request: httpx.Request) -> httpx.Response:
        answer = await deliver(request)
        if b"getContacts" in request.content and not held.is_set():
            held.set()
            await go_on.wait()
        return answer

    transport = world.transports[Source.SAMESPACE]
    deliver = transport._inner.handle_async_request
    transport._inner.handle_async_request = hold  # type: ignore[method-assign]
    slow = asyncio.create_task(world.ask(ONE, {"id": contact["id"]}, headers={"Cache-Control": "no-cache"}))
    await held.wait()
    change = {"id": contact["id"], "contact": {"firstName": "Written", "lastName": "Meanwhile"}}
    assert (await world.write("updateContact", change))["outcome"]["status"] == "APPLIED"
    go_on.set()
    await slow
    found = await world.data(NAMED, {"of": "Written Meanwhile"})
    assert [node["id"] for node in found["contacts"]["nodes"]] == [contact["id"]]
