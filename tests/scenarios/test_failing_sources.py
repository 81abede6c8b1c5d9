"""A source that fails costs its own part of an answer and nothing else."""

import json

import httpx
import pytest

from gateway.model.source import Source
from tests.conftest import Build
from tests.support.world import World

LIST = """{
  contacts(first: 9) {
    nodes { source displayName }
    pageInfo { hasNextPage endCursor }
    sources { source status returned code message }
  }
}"""


@pytest.mark.parametrize("source", list(Source))
async def test_a_dead_source_leaves_the_others_data_whole(world: World, source: Source) -> None:
    world.transports[source].down = httpx.ConnectError
    answer = await world.ask(LIST)
    assert answer.errors == []
    page = answer.data["contacts"]
    assert len(page["nodes"]) == 9
    assert {node["source"] for node in page["nodes"]} == {each.value for each in Source if each != source}
    told = {each["source"]: each for each in page["sources"]}
    assert told[source.value]["status"] == "UNAVAILABLE"
    assert told[source.value]["code"] == "UPSTREAM_UNAVAILABLE"
    assert [each["status"] for name, each in told.items() if name != source.value] == ["OK", "OK"]
    assert [(warning["source"], warning["path"]) for warning in answer.warnings] == [
        (source.value, ["contacts"])
    ]


async def test_a_list_that_nobody_answers_is_null_with_an_error(world: World) -> None:
    for transport in world.transports.values():
        transport.down = httpx.ConnectError
    answer = await world.ask(LIST)
    assert answer.data == {"contacts": None}
    assert answer.codes == ["UPSTREAM_UNAVAILABLE"]


async def test_a_source_that_was_down_is_caught_up_with(world: World) -> None:
    world.packagex.switches.fail("listContacts", status=503, times=1)
    seen: list[str] = []
    after = None
    while True:
        page = (
            await world.data(
                "query ($after: String) { contacts(first: 50, after: $after) "
                "{ nodes { id } pageInfo { hasNextPage endCursor } } }",
                {"after": after},
            )
        )["contacts"]
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    total = (await world.data("{ contacts { totalCount } }"))["contacts"]["totalCount"]
    assert len(seen) == len(set(seen)) == total


async def test_a_single_thing_that_its_source_cannot_answer_is_null_with_an_error(world: World) -> None:
    contact = (await world.data("{ contacts(first: 1, sources: [SMART_SENDER]) { nodes { id } } }"))[
        "contacts"
    ]
    by = {"id": contact["nodes"][0]["id"]}
    world.smartsender.switches.fail("getContactChat", status=500)
    answer = await world.ask(
        "query ($by: ContactBy!) { chat(contact: $by) { id } contact(by: $by) { displayName } }", {"by": by}
    )
    assert answer.data["chat"] is None
    assert answer.data["contact"]["displayName"]
    assert answer.errors[0]["path"] == ["chat"]
    extensions = answer.errors[0]["extensions"]
    assert extensions["code"] == "UPSTREAM_UNAVAILABLE"
    assert extensions["source"] == "SMART_SENDER"
    assert extensions["retryable"] is True


async def test_a_failure_below_an_item_of_a_list_is_a_warning(world: World) -> None:
    world.smartsender.switches.fail("getContactChat", status=500)
    query = "{ contacts(first: 3, sources: [SMART_SENDER]) { nodes { displayName chat { id } } } }"
    answer = await world.ask(query)
    assert answer.errors == []
    assert [node["chat"] for node in answer.data["contacts"]["nodes"]] == [None] * 3
    assert [warning["path"] for warning in answer.warnings] == [
        ["contacts", "nodes", place, "chat"] for place in range(3)
    ]
    assert {warning["code"] for warning in answer.warnings} == {"UPSTREAM_UNAVAILABLE"}


class WithoutFunnels(httpx.AsyncBaseTransport):
    """An older deployment, whose contacts do not carry their funnels and do not answer for them either."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/funnels"):
            return httpx.Response(503)
        response = await self._inner.handle_async_request(request)
        body = json.loads(await response.aread())
        for contact in body["collection"]:
            del contact["funnels"]
        return httpx.Response(response.status_code, json=body)


async def test_a_list_that_cannot_be_null_is_empty_where_its_source_fails(world: World) -> None:
    way = world.transports[Source.SMART_SENDER]
    way._inner = WithoutFunnels(way._inner)  # type: ignore[assignment]
    answer = await world.ask("{ contacts(first: 6) { nodes { source displayName funnels { id } } } }")
    assert answer.errors == []
    nodes = answer.data["contacts"]["nodes"]
    assert len(nodes) == 6
    assert all(node["displayName"] and node["funnels"] == [] for node in nodes)
    assert [(told["path"], told["code"], told["source"]) for told in answer.warnings] == [
        (["contacts", "nodes", place, "funnels"], "UPSTREAM_UNAVAILABLE", "SMART_SENDER")
        for place, node in enumerate(nodes)
        if node["source"] == "SMART_SENDER"
    ]
    assert len(answer.warnings) == 2


async def test_callers_may_ask_for_warnings_as_errors(world: World) -> None:
    world.transports[Source.PACKAGEX].down = httpx.ConnectError
    answer = await world.ask(LIST, headers={"X-Partial": "errors"})
    assert answer.warnings == []
    assert answer.codes == ["UPSTREAM_UNAVAILABLE"]
    assert len(answer.data["contacts"]["nodes"]) == 9


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"status": 401}, "UNAVAILABLE", "UPSTREAM_AUTH"),
        ({"status": 403}, "UNAVAILABLE", "UPSTREAM_AUTH"),
        ({"status": 429}, "RATE_LIMITED", "UPSTREAM_RATE_LIMITED"),
        ({"status": 500}, "UNAVAILABLE", "UPSTREAM_UNAVAILABLE"),
        ({"status": 503}, "UNAVAILABLE", "UPSTREAM_UNAVAILABLE"),
        (
            {"status": 302, "headers": {"location": "http://127.0.0.1:9/"}},
            "UNAVAILABLE",
            "UPSTREAM_BAD_RESPONSE",
        ),
        ({"body": '{"data": ['}, "UNAVAILABLE", "UPSTREAM_BAD_RESPONSE"),
        ({"body": "<html>", "content_type": "text/html"}, "UNAVAILABLE", "UPSTREAM_BAD_RESPONSE"),
        ({"body": ""}, "UNAVAILABLE", "UPSTREAM_BAD_RESPONSE"),
        ({"body": "[]"}, "UNAVAILABLE", "UPSTREAM_BAD_RESPONSE"),
        ({"body": '{"data": null}'}, "UNAVAILABLE", "UPSTREAM_BAD_RESPONSE"),
        ({"reset": "headers"}, "UNAVAILABLE", "UPSTREAM_UNAVAILABLE"),
    ],
)
@pytest.mark.parametrize("source", list(Source))
async def test_every_fault_has_its_status_and_code(
    world: World, source: Source, fault: dict[str, object], status: str, code: str
) -> None:
    world.boards[source].fail(**fault)
    answer = await world.ask(LIST)
    page = answer.data["contacts"]
    told = {each["source"]: each for each in page["sources"]}
    assert (told[source.value]["status"], told[source.value]["code"]) == (status, code)
    assert len(page["nodes"]) == 9
    world.boards[source].heal()


async def test_retry_after_is_told(world: World) -> None:
    world.packagex.switches.fail("listContacts", status=429, headers={"retry-after": "17"})
    page = await world.ask("{ contacts { sources { source retryAfterSeconds } } }")
    told = {each["source"]: each["retryAfterSeconds"] for each in page.data["contacts"]["sources"]}
    assert told == {"SAMESPACE": None, "PACKAGEX": 17.0, "SMART_SENDER": None}
    again = await world.ask(
        "{ contacts(sources: [PACKAGEX]) { nodes { id } } }", headers={"X-Deadline-Ms": "200"}
    )
    assert again.codes == ["UPSTREAM_RATE_LIMITED"]
    assert 0 < again.errors[0]["extensions"]["retryAfterSeconds"] <= 17


async def test_a_source_without_a_key_is_switched_off_and_says_so(new_world: object) -> None:
    world: World = new_world(off=(Source.PACKAGEX,))  # type: ignore[operator]
    answer = await world.ask(
        "{ sources { source enabled status lastError } contacts { sources { source } } }"
    )
    sources = {each["source"]: each for each in answer.data["sources"]}
    assert sources["PACKAGEX"]["enabled"] is False
    assert sources["PACKAGEX"]["status"] == "UNKNOWN"
    assert "switched off" in sources["PACKAGEX"]["lastError"]
    assert [each["source"] for each in answer.data["contacts"]["sources"]] == ["SAMESPACE", "SMART_SENDER"]
    named = await world.ask("{ contacts(sources: [PACKAGEX]) { nodes { id } } }")
    assert named.codes == ["CAPABILITY_UNSUPPORTED"]


STATE = (
    "{ sources { source status breaker lastError latencyMsP50 latencyMsP95 "
    "rateLimit { limit remaining resetsAt windowSeconds } } }"
)


async def test_the_state_of_a_source_shows_its_breaker_latency_and_rate_limit(new_world: Build) -> None:
    world = new_world(SMART_SENDER_RATE_LIMIT="180/60", PACKAGEX_BREAKER_COOL_DOWN_SECONDS="3600")
    world.packagex.switches.fail(status=503)
    for _ in range(5):
        await world.ask("{ contacts(first: 6) { nodes { id } } }")
    told = {each["source"]: each for each in (await world.data(STATE))["sources"]}
    assert {source: each["breaker"] for source, each in told.items()} == {
        "SAMESPACE": "CLOSED",
        "PACKAGEX": "OPEN",
        "SMART_SENDER": "CLOSED",
    }
    assert told["SAMESPACE"]["rateLimit"] is None
    limit = told["SMART_SENDER"]["rateLimit"]
    assert (limit["limit"], limit["remaining"], limit["windowSeconds"]) == (
        180,
        180 - world.calls["SMART_SENDER"],
        60.0,
    )
    assert limit["resetsAt"] > "2026"
    assert 0 < told["SAMESPACE"]["latencyMsP50"] <= told["SAMESPACE"]["latencyMsP95"]


async def test_a_source_that_keeps_failing_costs_no_time_and_no_calls(new_world: Build) -> None:
    world = new_world(PACKAGEX_BREAKER_COOL_DOWN_SECONDS="3600")
    world.packagex.switches.fail(status=503)
    for _ in range(5):
        await world.ask("{ contacts(first: 6) { nodes { id } } }")
    world.forget()
    answer = await world.ask(
        "{ contacts(first: 6) { nodes { source } sources { source status code retryAfterSeconds message } } }"
    )
    outcome = next(each for each in answer.data["contacts"]["sources"] if each["source"] == "PACKAGEX")
    assert (outcome["status"], outcome["code"]) == ("UNAVAILABLE", "UPSTREAM_UNAVAILABLE")
    assert outcome["retryAfterSeconds"] > 3000
    assert "PACKAGEX" not in world.calls
    assert {node["source"] for node in answer.data["contacts"]["nodes"]} == {"SAMESPACE", "SMART_SENDER"}


async def test_a_source_that_answers_rubbish_shows_in_its_state(world: World) -> None:
    world.packagex.switches.fail(status=200, body="<html>", content_type="text/html")
    for _ in range(6):
        await world.ask("{ contacts(first: 6) { nodes { id } } }")
    told = {each["source"]: each for each in (await world.data(STATE))["sources"]}
    assert (told["PACKAGEX"]["status"], told["PACKAGEX"]["lastError"]) == ("DOWN", "UPSTREAM_BAD_RESPONSE")
    text = (await world.client.get("/metrics")).text
    assert 'code="UPSTREAM_BAD_RESPONSE",operation="listContacts",source="PACKAGEX"' in text


async def test_who_waits_for_room_in_vain_is_told_so_with_a_time(new_world: Build) -> None:
    world = new_world(SMART_SENDER_RATE_LIMIT="20/60")
    query = "{ contacts(first: 60, sources: [SMART_SENDER]) { nodes { chat { id } } } }"
    answer = await world.ask(query, headers={"X-Deadline-Ms": "3000"})
    codes = {each["code"] for each in answer.warnings}
    assert codes == {"UPSTREAM_RATE_LIMITED"}
    assert all(each["retryAfterSeconds"] > 30 for each in answer.warnings)
