"""A source that sends odd things costs no more than those, and nobody gets what belongs to somebody else."""

import asyncio
import gzip
import json
from itertools import count
from typing import Any

import httpx
import pytest

from gateway.errors import UpstreamUnavailable
from gateway.model import ids
from gateway.model.source import Source
from tests.conftest import Build
from tests.support.world import InProcess, World

LIST = (
    "{ contacts(first: 60) { nodes { source displayName email emails createdAt } "
    "sources { source status code } } }"
)
ODD = [
    {"name": 5, "email": {"work": "x@example.com"}, "phone": 12025550111, "created_at": 1741079727000},
    {
        "name": None,
        "email": [],
        "notes": {"a": 1},
        "metadata": "none",
        "address": 7,
        "created_at": "yesterday",
    },
]


class Changing(httpx.AsyncBaseTransport):
    """Changes the JSON of every answer on its way."""

    def __init__(self, inner: httpx.AsyncBaseTransport, change: Any) -> None:
        self._inner = inner
        self._change = change

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        body = json.loads(await response.aread())
        return httpx.Response(response.status_code, json=self._change(body))


def change(transport: InProcess, how: Any) -> None:
    transport._inner = Changing(transport._inner, how)  # type: ignore[assignment]


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_record_spoils_neither_its_page_nor_the_index(new_world: Build, odd: Any) -> None:
    world = new_world()

    def spoil(body: Any) -> Any:
        if isinstance(body.get("data"), list) and body["data"]:
            body["data"][0].update(odd)
        return body

    change(world.transports[Source.PACKAGEX], spoil)
    answer = await world.ask(LIST)
    assert answer.errors == []
    assert {each["status"] for each in answer.data["contacts"]["sources"]} == {"OK"}
    assert len(answer.data["contacts"]["nodes"]) == 60
    assert await world.crawler.scan(Source.PACKAGEX) > 100


async def test_a_record_without_an_id_costs_its_source_only(world: World) -> None:
    world.packagex.switches.fail("listContacts", body='{"data": [null, 5, {}], "pagination": {}}')
    answer = await world.ask(LIST)
    told = {each["source"]: each["code"] for each in answer.data["contacts"]["sources"]}
    assert told == {"SAMESPACE": None, "PACKAGEX": "UPSTREAM_BAD_RESPONSE", "SMART_SENDER": None}


@pytest.mark.parametrize("source", [Source.PACKAGEX, Source.SMART_SENDER])
async def test_another_contact_than_asked_for_is_refused(world: World, source: Source) -> None:
    query = "query ($sources: [Source!]) { contacts(first: 1, sources: $sources) { nodes { id } } }"
    page = await world.data(query, {"sources": [source.value]})
    contact = page["contacts"]["nodes"][0]["id"]

    def swap(body: Any) -> Any:
        (body.get("data") or body)["id"] = "contact_other" if source is Source.PACKAGEX else 1
        return body

    change(world.transports[source], swap)
    answer = await world.ask("query ($id: ID!) { contact(by: { id: $id }) { displayName } }", {"id": contact})
    assert answer.data == {"contact": None}
    assert answer.codes == ["UPSTREAM_BAD_RESPONSE"]


async def test_the_chat_of_another_contact_is_refused(world: World) -> None:
    page = await world.data("{ contacts(first: 1, sources: [SMART_SENDER]) { nodes { id } } }")
    contact = page["contacts"]["nodes"][0]["id"]

    def swap(body: Any) -> Any:
        body["contact"]["originalId"] = 1
        return body

    change(world.transports[Source.SMART_SENDER], swap)
    answer = await world.ask("query ($id: ID!) { chat(contact: { id: $id }) { name } }", {"id": contact})
    assert (answer.data, answer.codes) == ({"chat": None}, ["UPSTREAM_BAD_RESPONSE"])


async def test_a_packed_answer_is_unpacked_no_further_than_allowed(world: World) -> None:
    class Bomb(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            yield gzip.compress(b" " * 50_000_000)

    class Packed(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Bomb())

    world.transports[Source.PACKAGEX]._inner = Packed()  # type: ignore[assignment]
    answer = await world.ask(LIST)
    told = {each["source"]: each["code"] for each in answer.data["contacts"]["sources"]}
    assert told["PACKAGEX"] == "UPSTREAM_BAD_RESPONSE"
    assert told["SAMESPACE"] is None


@pytest.mark.parametrize("levels", [300, 490])
async def test_a_raw_record_that_nests_deep_is_given_out_all_the_same(world: World, levels: int) -> None:
    deep: Any = "end"
    for _ in range(levels):
        deep = [deep]

    def dig(body: Any) -> Any:
        body["data"][0]["metadata"] = {"deep": deep}
        return body

    change(world.transports[Source.PACKAGEX], dig)
    answer = await world.ask("{ contacts(first: 1, sources: [PACKAGEX]) { nodes { raw } } }")
    assert answer.status == 200
    assert answer.data["contacts"]["nodes"][0]["raw"]["metadata"] == {"deep": deep}


async def test_a_caller_in_a_hurry_does_not_cost_the_others_their_answer(world: World) -> None:
    world.packagex.switches.fail("listContacts", latency=0.2)
    query = "{ contacts(first: 3, sources: [PACKAGEX]) { nodes { id } } }"
    hurried, patient = await asyncio.gather(
        world.ask(query, headers={"X-Deadline-Ms": "50"}), world.ask(query)
    )
    assert hurried.codes == ["DEADLINE_EXCEEDED"]
    assert (patient.errors, len(patient.data["contacts"]["nodes"])) == ([], 3)


async def test_no_cache_on_a_filter_costs_two_scans_at_the_most(new_world: Build) -> None:
    world = new_world(GATEWAY_INDEX_WAIT_SECONDS="20")
    await world.scan()
    crawl = asyncio.create_task(world.gateway.accounts.crawl())
    await asyncio.sleep(0)
    world.forget()
    answer = await world.ask(
        '{ contacts(filter: { name: "an" }) { sources { source status } } }',
        headers={"Cache-Control": "no-cache"},
    )
    crawl.cancel()
    await asyncio.wait((crawl,))
    assert {each["status"] for each in answer.data["contacts"]["sources"]} == {"OK"}
    assert sum(world.calls.values()) <= 3 * 20


async def test_a_module_that_there_is_not_is_refused(world: World) -> None:
    page = await world.data("{ modules { id } }")
    good = page["modules"][0]["id"]
    bad = ids.encode("Module", "default", "SAMESPACE", "nowhere")
    query = 'query ($id: ID!) { contacts(filter: { module: { id: $id }, name: "an" }) { nodes { id } } }'
    assert (await world.ask(query, {"id": good})).errors == []
    answer = await world.ask(query, {"id": bad})
    assert answer.codes == ["BAD_USER_INPUT"]


async def test_contacts_that_move_while_they_are_read_do_not_empty_the_index(world: World) -> None:
    query = '{ contacts(filter: { name: "a" }, sources: [PACKAGEX]) { totalCount } }'
    before = await world.data(query)

    turns = count(1)

    def shuffle(body: Any) -> Any:
        turn = next(turns)
        body["data"] = body["data"][turn:] + body["data"][:turn]
        return body

    change(world.transports[Source.PACKAGEX], shuffle)
    with pytest.raises(UpstreamUnavailable):
        await world.crawler.scan(Source.PACKAGEX)
    assert await world.data(query) == before


async def test_one_refusal_for_want_of_rate_is_shared_and_not_asked_again(world: World) -> None:
    world.packagex.switches.fail("listContacts", status=429, headers={"retry-after": "30"}, latency=0.01)
    query = "{ contacts(first: 3, sources: [PACKAGEX]) { nodes { id } } }"
    answers = await asyncio.gather(*(world.ask(query) for _ in range(5)))
    assert {code for answer in answers for code in answer.codes} == {"UPSTREAM_RATE_LIMITED"}
    assert world.calls == {"PACKAGEX": 1}
