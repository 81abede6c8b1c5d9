"""Answers in parts over HTTP: event streams, and multipart for incremental delivery and for routers."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.model.audit import AuditQuery
from gateway.model.source import Source
from tests.conftest import Build
from tests.support.serving import serving
from tests.support.waiting import until
from tests.support.world import World

SSE = "text/event-stream"
FOLLOW = "subscription ($after: String, $filter: EventFilter) { events(after: $after, filter: $filter) { cursor node { type contactId contact { displayName } } } }"
CREATE = 'mutation { createContact(input: { contact: { firstName: "%s" }, targets: [{ source: PACKAGEX }] }) { contacts { id } } }'
SLOW = '{ sources { source } ... @defer(label: "slow") { contacts(first: 1, sources: [SMART_SENDER]) { nodes { displayName } } } }'


class Parts:
    """The parts of an answer as they arrive."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._chunks = response.aiter_text()
        self._held = ""

    async def until(self, mark: str) -> str:
        """What comes before a mark, which is taken as well."""
        async with asyncio.timeout(20):
            while mark not in self._held:
                self._held += await anext(self._chunks)
        found, _, self._held = self._held.partition(mark)
        return found

    async def event(self) -> tuple[str, Any]:
        """The next event that is no comment."""
        while (text := await self.until("\n\n")).startswith(":"):
            pass
        kind, data = text.split("\n", 1)
        body = data.removeprefix("data: ")
        return kind.removeprefix("event: "), json.loads(body) if body.strip() else None

    async def part(self) -> Any:
        """The next part of a multipart body."""
        text = await self.until("\r\n---")
        while not text:
            text = await self.until("\r\n---")
        head, _, body = text.partition("\r\n\r\n")
        assert head.strip() == "content-type: application/json; charset=utf-8"
        return json.loads(body)

    async def rest(self) -> str:
        """What is left, to the end."""
        return self._held + "".join([each async for each in self._chunks])


@asynccontextmanager
async def streamed(
    place: str, query: str, accept: str, variables: dict[str, Any] | None = None, **headers: str
) -> AsyncIterator[Parts]:
    async with (
        httpx.AsyncClient(base_url=f"http://{place}", timeout=20) as client,
        client.stream(
            "POST",
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"accept": accept, **headers},
        ) as response,
    ):
        yield Parts(response)


@pytest.fixture
async def place(fresh: World) -> AsyncIterator[str]:
    async with serving(fresh) as found:
        yield found


async def following(world: World, parts: Parts) -> None:
    """Until a subscription is live."""
    assert parts.response.status_code == 200
    await until(lambda: world.gateway.feed.followers("default") > 0)


async def test_each_event_is_answered_as_it_happens(fresh: World, place: str) -> None:
    async with streamed(place, FOLLOW, SSE) as parts:
        await following(fresh, parts)
        assert parts.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        for name in ("Ada", "Bob"):
            made = await fresh.data(CREATE % name)
            kind, body = await parts.event()
            node = body["data"]["events"]["node"]
            assert kind == "next"
            assert node["type"] == "CONTACT_CREATED"
            assert node["contactId"] == made["createContact"]["contacts"][0]["id"]
            assert node["contact"] == {"displayName": name}
            assert body["extensions"]["cost"]["upstreamCalls"] <= 1


async def test_resuming_from_a_cursor_loses_and_repeats_nothing(fresh: World, place: str) -> None:
    for name in ("a", "b", "c"):
        await fresh.data(CREATE % name)
    page = (await fresh.data("{ events { edges { cursor node { contactId } } } }"))["events"]["edges"]
    async with streamed(place, FOLLOW, SSE, {"after": page[0]["cursor"]}) as parts:
        missed = [(await parts.event())[1]["data"]["events"] for _ in range(2)]
        assert [each["cursor"] for each in missed] == [each["cursor"] for each in page[1:]]
        await fresh.data(CREATE % "d")
        live = (await parts.event())[1]["data"]["events"]
    async with streamed(place, FOLLOW, SSE, {"after": missed[-1]["cursor"]}) as parts:
        assert (await parts.event())[1]["data"]["events"]["cursor"] == live["cursor"]


async def test_only_what_fits_the_filter_is_told(fresh: World, place: str) -> None:
    async with streamed(place, FOLLOW, SSE, {"filter": {"types": ["GROUP_CREATED"]}}) as parts:
        await following(fresh, parts)
        await fresh.data(CREATE % "unseen")
        await fresh.data('mutation { createGroup(input: { name: "Seen" }) { group { id } } }')
        _, body = await parts.event()
        assert body["data"]["events"]["node"]["type"] == "GROUP_CREATED"


async def test_a_cursor_of_another_list_is_refused_before_anything_is_streamed(
    fresh: World, place: str
) -> None:
    for variables, code in (
        ({"after": "nonsense"}, "CURSOR_INVALID"),
        ({"filter": {"types": []}}, "BAD_USER_INPUT"),
        ({"filter": {"contactId": "nonsense"}}, "BAD_USER_INPUT"),
    ):
        async with streamed(place, FOLLOW, SSE, variables) as parts:
            assert parts.response.status_code == 400
            assert json.loads(await parts.rest())["errors"][0]["extensions"]["code"] == code


async def test_a_query_over_an_event_stream_is_answered_and_ends(place: str) -> None:
    async with streamed(place, "{ sources { source } }", SSE) as parts:
        kind, body = await parts.event()
        assert kind == "next"
        assert len(body["data"]["sources"]) == 3
        assert await parts.event() == ("complete", None)
        assert await parts.rest() == ""


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [("{ nope }", 400, "GRAPHQL_VALIDATION_FAILED"), ("subscription {", 400, "GRAPHQL_PARSE_FAILED")],
)
async def test_what_is_not_valid_has_a_status_of_its_own(
    place: str, query: str, status: int, code: str
) -> None:
    async with streamed(place, query, SSE) as parts:
        assert parts.response.status_code == status
        assert code in await parts.rest()


async def test_a_subscription_needs_somewhere_to_go(place: str) -> None:
    async with streamed(place, FOLLOW, "application/json") as parts:
        assert parts.response.status_code == 406


async def test_json_is_preferred_where_an_event_stream_is_only_the_last_choice(place: str) -> None:
    async with streamed(place, "{ sources { source } }", f"application/json, {SSE};q=0.5") as parts:
        assert parts.response.headers["content-type"].startswith("application/json")


async def test_who_goes_away_is_followed_no_longer(fresh: World, place: str) -> None:
    async with streamed(place, FOLLOW, SSE) as parts:
        await following(fresh, parts)
    await until(lambda: fresh.gateway.feed.followers("default") == 0)
    assert fresh.gateway.admission.followers == 0


async def test_a_gateway_that_is_stopped_ends_the_stream_without_saying_it_is_complete(
    fresh: World, place: str
) -> None:
    async with streamed(place, FOLLOW, SSE) as parts:
        await following(fresh, parts)
        fresh.gateway.feed.close()
        assert "complete" not in await parts.rest()


async def test_subscriptions_are_bounded(new_world: Build) -> None:
    world = new_world(GATEWAY_SUBSCRIPTIONS="1")
    async with serving(world) as place, streamed(place, FOLLOW, SSE) as first:
        await following(world, first)
        async with streamed(place, FOLLOW, SSE) as second:
            assert second.response.status_code == 503
            assert "OVERLOADED" in await second.rest()


async def test_what_is_fast_arrives_before_what_is_slow(fresh: World, place: str) -> None:
    gate = asyncio.Event()
    fresh.smartsender.switches.sleep = lambda _: gate.wait()
    fresh.smartsender.switches.fail("listContacts", latency=1.0)
    async with streamed(place, SLOW, "multipart/mixed") as parts:
        assert parts.response.headers["content-type"].startswith('multipart/mixed; boundary="-"')
        first = await parts.part()
        assert len(first["data"]["sources"]) == 3
        assert first["hasNext"]
        assert [each["label"] for each in first["pending"]] == ["slow"]
        gate.set()
        last = await parts.part()
        assert len(last["incremental"][0]["data"]["contacts"]["nodes"]) == 1
        assert last["completed"] == [{"id": first["pending"][0]["id"]}]
        assert not last["hasNext"]
        assert last["extensions"]["cost"]["perSource"]["SMART_SENDER"]["calls"] == 1
        assert await parts.rest() == "--\r\n"


async def test_items_of_a_list_can_come_one_after_another(place: str) -> None:
    query = "{ contacts(first: 3, sources: [PACKAGEX]) { nodes @stream(initialCount: 1) { id } } }"
    async with streamed(place, query, "multipart/mixed") as parts:
        first = await parts.part()
        assert len(first["data"]["contacts"]["nodes"]) == 1
        more: list[Any] = []
        part = first
        while part["hasNext"]:
            part = await parts.part()
            more += [item for each in part.get("incremental", ()) for item in each["items"]]
        assert len(more) == 2


async def test_a_deferred_part_that_fails_says_so_and_the_rest_stands(fresh: World, place: str) -> None:
    fresh.transports[Source.SMART_SENDER].down = httpx.ConnectError
    query = "{ sources { source } ... @defer { channels(first: 1) { nodes { id } } } }"
    async with streamed(place, query, "multipart/mixed") as parts:
        first, last = await parts.part(), await parts.part()
        assert "errors" not in first
        (failed,) = last["incremental"]
        assert failed["data"] == {"channels": None}
        assert failed["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "*/*",
        "multipart/mixed;deferSpec=20220824, application/json",
        "multipart/mixed;q=0, */*",
    ],
)
async def test_who_takes_no_parts_gets_all_of_it_at_once(place: str, accept: str) -> None:
    async with streamed(place, SLOW, accept) as parts:
        assert parts.response.headers["content-type"].startswith("application/json")
        body = json.loads(await parts.rest())
        assert body["data"].keys() == {"sources", "contacts"}


async def test_who_wants_warnings_as_errors_gets_all_of_it_at_once(fresh: World, place: str) -> None:
    fresh.transports[Source.SMART_SENDER].down = httpx.ConnectError
    query = "{ sources { source } ... @defer { contacts(first: 5) { nodes { id } } } }"
    async with streamed(place, query, "multipart/mixed, */*;q=0.1", **{"x-partial": "errors"}) as parts:
        body = json.loads(await parts.rest())
    assert body["errors"][0]["extensions"]["source"] == "SMART_SENDER"
    assert "warnings" not in body["extensions"]


async def test_parts_leave_at_once_also_where_they_are_packed(place: str) -> None:
    async with streamed(place, SLOW, "multipart/mixed", **{"accept-encoding": "gzip"}) as parts:
        assert parts.response.headers["content-encoding"] == "gzip"
        assert (await parts.part())["hasNext"]
        assert not (await parts.part())["hasNext"]


async def test_a_router_takes_subscriptions_as_multipart(fresh: World, place: str) -> None:
    accept = 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0", application/json'
    async with streamed(place, FOLLOW, accept) as parts:
        await following(fresh, parts)
        assert "subscriptionSpec=1.0" in parts.response.headers["content-type"]
        await fresh.data(CREATE % "Ada")
        body = await parts.part()
        assert body["payload"]["data"]["events"]["node"]["type"] == "CONTACT_CREATED"


async def test_what_is_missed_while_the_gateway_is_away_is_told_afterwards(
    new_world: Build, tmp_path: Path
) -> None:
    first = new_world(GATEWAY_DATA_DIR=str(tmp_path))
    async with serving(first) as place, streamed(place, FOLLOW, SSE) as parts:
        await following(first, parts)
        await first.data(CREATE % "seen")
        cursor = (await parts.event())[1]["data"]["events"]["cursor"]
    await first.data(CREATE % "missed")  # nobody listens any more
    second = new_world(beside=first, GATEWAY_DATA_DIR=str(tmp_path))
    async with serving(second) as place, streamed(place, FOLLOW, SSE, {"after": cursor}) as parts:
        event = (await parts.event())[1]["data"]["events"]["node"]
        assert event["contact"] == {"displayName": "missed"}
        await second.data(CREATE % "live")
        assert (await parts.event())[1]["data"]["events"]["node"]["contact"] == {"displayName": "live"}


async def test_a_cursor_goes_on_at_another_replica_which_tells_of_writes_through_the_first(
    new_world: Build, redis_url: str
) -> None:
    shared = {"GATEWAY_STATE_URL": redis_url, "GATEWAY_REPLICAS": "2"}
    first = new_world(**shared)
    second = new_world(beside=first, **shared)
    for each in (first, second):
        assert each.gateway.replicas is not None
        await each.gateway.replicas.state.probe()
    await first.data(CREATE % "a")
    await first.data(CREATE % "b")
    edges = (await first.data("{ events { edges { cursor } } }"))["events"]["edges"]
    async with serving(second) as place, streamed(place, FOLLOW, SSE, {"after": edges[0]["cursor"]}) as parts:
        assert (await parts.event())[1]["data"]["events"]["cursor"] == edges[1]["cursor"]
        await first.data(CREATE % "c")
        told = (await parts.event())[1]["data"]["events"]["node"]
        assert told["contact"] == {"displayName": "c"}


def held(world: World, calls: int) -> tuple[asyncio.Event, list[float]]:
    """Holds Smart Sender back. Tells when so many calls wait for it, and which ones do now."""
    waited, waiting = asyncio.Event(), list[float]()

    async def sleep(latency: float) -> None:
        waiting.append(latency)
        if len(waiting) == calls:
            waited.set()
        try:
            await asyncio.Event().wait()
        finally:
            waiting.remove(latency)

    world.smartsender.switches.sleep = sleep
    for operation in ("listContacts", "listChannels"):
        world.smartsender.switches.fail(operation, latency=1.0)
    return waited, waiting


async def vanishing(world: World, query: str, waited: asyncio.Event, *, in_part: bool) -> None:
    """Ask, and be gone once a source is waited for: in the middle of the first part, or before it."""
    body = [{"type": "http.request", "body": json.dumps({"query": query}).encode(), "more_body": False}]
    gone: list[bool] = []

    async def receive() -> Any:
        if body:
            return body.pop()
        await waited.wait()
        gone.append(True)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if in_part and message.get("more_body") and not gone:
            await asyncio.Event().wait()

    names = {"host": "127.0.0.1", "content-type": "application/json", "accept": "multipart/mixed"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in names.items()],
    }
    async with asyncio.timeout(20):
        await world.app(scope, receive, send)


DEFERRED = "... @defer { contacts(first: 1, sources: [SMART_SENDER]) { nodes { id } } }"


@pytest.mark.parametrize(
    ("query", "calls", "in_part"),
    [
        ("{ sources { source } %s }", 1, True),
        ("{ channels(first: 1) { nodes { id } } %s }", 2, False),
    ],
    ids=["while the first part is sent", "before there is a part"],
)
async def test_what_is_deferred_ends_when_its_caller_goes_away(
    fresh: World, query: str, calls: int, in_part: bool
) -> None:
    waited, waiting = held(fresh, calls)
    await vanishing(fresh, query % DEFERRED, waited, in_part=in_part)
    for _ in range(1_000):  # at once, not when the source has had its time
        await asyncio.sleep(0)
    assert not waiting
    assert fresh.gateway.admission.under_way == 0


async def test_a_directive_is_one_however_it_is_spaced(place: str) -> None:
    async with streamed(place, SLOW.replace("@defer", "@ #\n defer"), "multipart/mixed") as parts:
        assert (await parts.part())["pending"]


async def test_a_count_that_cannot_be_is_a_fault_of_the_caller(place: str) -> None:
    query = "{ contacts(first: 3, sources: [PACKAGEX]) { nodes @stream(initialCount: -1) { id } } }"
    async with streamed(place, query, "multipart/mixed") as parts:
        (error,) = json.loads(await parts.rest())["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


PARTS = " ".join(f'... @defer(label: "{number}") {{ id }}' for number in range(5))
NESTED = "contacts(first: 100) { nodes { groups(first: 30) { nodes { ...f } } } }"


@pytest.mark.parametrize(
    ("query", "exceeded"),
    [
        (f'{{ sources {{ ... @defer(label: "{"x" * 101}") {{ source }} }} }}', "label"),
        (f"{{ {NESTED.replace('...f', PARTS)} }}", "values"),
        (f"{{ {NESTED} }} fragment f on Group {{ {PARTS} }}", "values"),
    ],
    ids=["a label", "parts", "in a fragment"],
)
async def test_parts_in_every_item_of_large_lists_are_refused(place: str, query: str, exceeded: str) -> None:
    async with streamed(place, query, "multipart/mixed") as parts:
        (error,) = json.loads(await parts.rest())["errors"]
    assert (error["extensions"]["code"], error["extensions"]["exceeded"]) == ("QUERY_TOO_COMPLEX", exceeded)


async def test_a_refusal_in_a_part_is_in_the_audit_trail(new_world: Build) -> None:
    digest = hashlib.sha256(b"reader").hexdigest()
    world = new_world(GATEWAY_API_KEYS=f"reader:{digest}:read")
    query = "{ sources { source } ... @defer { audit(first: 1) { nodes { action } } } }"
    async with (
        serving(world) as place,
        streamed(place, query, "multipart/mixed", **{"x-api-key": "reader"}) as parts,
    ):
        assert "FORBIDDEN" in await parts.rest()
    await world.gateway.refusals.flush()
    (record,) = await world.gateway.journal.trail("default", AuditQuery(), None, 10)
    assert record.code == "FORBIDDEN"


async def test_a_head_is_asked_for_no_stream(place: str) -> None:
    async with httpx.AsyncClient(base_url=f"http://{place}", timeout=20) as client:
        asked = {"query": "subscription { events { cursor } }"}
        refused = await client.head("/graphql", params=asked, headers={"accept": SSE})
        assert refused.status_code == 406
        assert (await client.get("/healthz")).status_code == 200


async def test_a_deadline_that_is_none_is_refused_before_anything_is_streamed(place: str) -> None:
    async with streamed(place, FOLLOW, SSE, **{"x-deadline-ms": "soon"}) as parts:
        assert parts.response.status_code == 400


async def test_a_cursor_ahead_of_all_events_is_refused(fresh: World, place: str, new_world: Build) -> None:
    await fresh.data(CREATE % "Ada")
    (edge,) = (await fresh.data("{ events { edges { cursor } } }"))["events"]["edges"]
    async with (
        serving(new_world()) as anew,
        streamed(anew, FOLLOW, SSE, {"after": edge["cursor"]}) as parts,
    ):
        assert "CURSOR_INVALID" in await parts.rest()


async def test_the_log_tells_the_calls_of_all_events(
    fresh: World, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with streamed(place, FOLLOW, SSE, **{"cache-control": "no-cache"}) as parts:
        await following(fresh, parts)
        calls = 0
        for name in ("Ada", "Bob"):
            await fresh.data(CREATE % name)
            _, body = await parts.event()
            calls += body["extensions"]["cost"]["upstreamCalls"]
    await until(lambda: any(told.get("kind") == "subscription" for told in lines(caplog)))
    (line,) = (told for told in lines(caplog) if told.get("kind") == "subscription")
    assert line["upstreamCalls"] == calls == 2


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """What the access log tells."""
    return [getattr(each, "details", {}) for each in caplog.records if each.getMessage() == "request"]
