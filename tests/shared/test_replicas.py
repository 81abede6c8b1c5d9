"""Several replicas act as one: one budget, one answer to a key, one event log, one cache."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest

from gateway.app import wall_clock
from gateway.cache.reads import Keep
from gateway.errors import StateUnavailable
from gateway.index import rows
from gateway.model.contact import Contact
from gateway.model.event import EventType, Happening
from gateway.model.source import Source
from gateway.noticing import MOST
from gateway.shared.journal import RedisJournal
from gateway.shared.replicas import Replicas
from gateway.shared.state import AGAIN
from tests.conftest import Build
from tests.scenarios.test_audit import CREATE, KEYS, WRITER, person, records
from tests.support.redis import RedisServer
from tests.support.waiting import give_way, until
from tests.support.world import World

CHANNELS = "{ channels { nodes { id } } }"
LIST = (
    "{ contacts(first: 3, sources: [PACKAGEX]) { nodes { id displayName } "
    "sources { source status fromCache } } }"
)
OF_ONE = (
    "query ($id: ID!) { contact(by: { id: $id }) "
    "{ events(first: 2) { nodes { id } pageInfo { hasNextPage } } } }"
)
EVENTS = "{ events(first: 50) { nodes { id type actor contactId } } }"
Pair = tuple[World, World]
NewPair = Callable[..., Any]


def shared(world: World) -> Replicas:
    assert world.gateway.replicas is not None
    return world.gateway.replicas


@pytest.fixture
async def new_pair(new_world: Build, redis_server: RedisServer, redis_url: str) -> AsyncIterator[NewPair]:
    """Makes two gateways in front of the same sources and the same Redis."""
    listening: list[asyncio.Task[None]] = []

    async def build(**settings: str) -> Pair:
        settings = {"GATEWAY_STATE_URL": redis_url, "GATEWAY_REPLICAS": "2", **settings}
        one = new_world(**settings)
        other = new_world(beside=one, **settings)
        for each in (one, other):
            await shared(each).state.probe()
            listening.append(asyncio.create_task(shared(each).notes.listen()))
        redis = shared(one).state.redis
        while (await redis.pubsub_numsub("contacts-gateway:notes"))[0][1] < len(listening):
            await give_way()
        return one, other

    yield build
    for task in listening:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    if redis_server.process is None:
        redis_server.start()


# One budget.


async def test_two_replicas_stay_inside_one_budget(new_pair: NewPair) -> None:
    pair = await new_pair(SMART_SENDER_RATE_LIMIT="180/60")
    board = pair[0].smartsender.switches
    board.rate_limits = True
    codes: list[str] = []
    for number in range(260):
        answer = await pair[number % 2].ask(
            CHANNELS, headers={"X-Deadline-Ms": "5000", "Cache-Control": "no-cache"}
        )
        codes += answer.codes
    assert board.requests == 180
    assert codes == ["UPSTREAM_RATE_LIMITED"] * 80
    assert (pair[0].smartsender.refused, pair[0].smartsender.locks) == (0, 0)


async def test_a_lock_that_one_learns_of_keeps_the_other_away(new_pair: NewPair) -> None:
    one, other = await new_pair()
    one.smartsender.switches.fail(status=429, headers={"retry-after": "100"}, times=1)
    assert (await one.ask(CHANNELS)).codes == ["UPSTREAM_RATE_LIMITED"]
    budget = other.gateway.accounts.budget(Source.SMART_SENDER)
    await until(lambda: budget.closed_for(asyncio.get_running_loop().time()) > 90)
    answer = await other.ask(CHANNELS, headers={"X-Deadline-Ms": "5000"})
    assert answer.codes == ["UPSTREAM_RATE_LIMITED"]
    assert one.calls == {"SMART_SENDER": 1}


async def test_a_lock_is_known_to_a_replica_that_starts_later(
    new_pair: NewPair, new_world: Build, redis_url: str
) -> None:
    one, _ = await new_pair()
    one.smartsender.switches.fail(status=429, headers={"retry-after": "100"}, times=1)
    await one.ask(CHANNELS)
    redis = shared(one).state.redis
    while not await redis.exists("contacts-gateway:lock:SMART_SENDER"):
        await give_way()
    late = new_world(beside=one, GATEWAY_STATE_URL=redis_url)
    await shared(late).state.probe()
    assert (await late.ask(CHANNELS, headers={"X-Deadline-Ms": "5000"})).codes == ["UPSTREAM_RATE_LIMITED"]


async def test_a_breaker_that_opens_here_needs_one_failure_there(new_pair: NewPair) -> None:
    one, other = await new_pair(PACKAGEX_ATTEMPTS="1")
    one.packagex.switches.fail(status=503)
    for _ in range(5):
        await one.ask(LIST, headers={"Cache-Control": "no-cache"})
    breaker: Any = other.directory.upstreams[Source.PACKAGEX]
    assert breaker.conditions().breakers["read"] == "CLOSED"
    gate = breaker.client._wire.transport.gates["read"]
    await until(lambda: gate.breaker._hinted_until > 0)
    await other.ask(LIST, headers={"Cache-Control": "no-cache"})
    assert breaker.conditions().breakers["read"] == "OPEN"


# One cache.


@pytest.fixture
async def keeping(new_pair: NewPair) -> Pair:
    kinds = {f"GATEWAY_CACHE_{kind.name}_SECONDS": "3600" for kind in Keep}
    pair: Pair = await new_pair(**kinds)
    return pair


async def test_what_one_has_read_the_other_need_not(keeping: Pair) -> None:
    one, other = keeping
    first = await one.data(LIST)
    again = await other.data(LIST)
    assert again["contacts"]["nodes"] == first["contacts"]["nodes"]
    assert again["contacts"]["sources"][0]["fromCache"] is True
    assert one.calls == {"PACKAGEX": 1}


async def test_what_one_writes_the_other_sees_at_once(keeping: Pair) -> None:
    one, other = keeping
    first = (await other.data(LIST))["contacts"]["nodes"][0]
    await one.write("updateContact", {"id": first["id"], "contact": {"name": "Somebody Newname"}})
    again = (await other.data(LIST))["contacts"]["nodes"][0]
    assert (again["id"], again["displayName"]) == (first["id"], "Somebody Newname")


@pytest.mark.parametrize(
    "query",
    [
        "{ contacts(first: 9) { nodes { id asOf raw properties { key value type } "
        "groups { nodes { id name members { nodes { id } } } } "
        "chat { id communications { id channel { name } } messages { nodes { text } } } } } }",
        "{ groups(first: 5) { nodes { id name memberCount members { nodes { displayName } } } } }",
        "{ modules { id name properties(first: 50) { nodes { key type options { key } } } } "
        "channels { nodes { id name } } }",
    ],
)
async def test_an_answer_out_of_the_shared_cache_is_the_same(keeping: Pair, query: str) -> None:
    one, other = keeping
    for each in keeping:
        await each.scan()
    first = await one.data(query)
    assert await other.data(query) == first
    assert await one.data(query) == first


# One journal.


async def test_a_keyed_write_that_is_sent_to_both_happens_once(new_pair: NewPair) -> None:
    one, other = await new_pair()
    given = {
        "targets": [{"source": "PACKAGEX"}],
        "contact": {"name": "Only One"},
        "idempotencyKey": "order-17",
    }
    payloads = await asyncio.gather(*(each.write("createContact", given) for each in (one, other) * 5))
    assert {str(payload) for payload in payloads} == {str(payloads[0])}
    assert payloads[0]["outcomes"][0]["status"] == "APPLIED"
    assert one.operations["createPerson"] == 1
    again = await other.ask(
        "mutation ($input: CreateContactInput!) { createContact(input: $input) { outcomes { status } } }",
        {"input": {**given, "contact": {"name": "Another"}}},
    )
    assert again.codes == ["IDEMPOTENCY_CONFLICT"]


async def test_events_of_both_are_read_from_either_in_one_order(new_pair: NewPair) -> None:
    pair = await new_pair()
    contacts = await pair[0].some(Source.PACKAGEX, 2)
    for number in range(6):
        change = {"id": contacts[number % 2]["id"], "contact": {"name": f"Name {number}"}}
        await pair[number % 2].write("updateContact", change)
    nodes = [(await each.data(EVENTS))["events"]["nodes"] for each in pair]
    assert nodes[0] == nodes[1]
    assert [each["contactId"] for each in nodes[0]] == [contacts[n % 2]["id"] for n in range(6)]
    page = (await pair[1].data(OF_ONE, {"id": contacts[0]["id"]}))["contact"]["events"]
    assert [each["id"] for each in page["nodes"]] == [nodes[0][0]["id"], nodes[0][2]["id"]]
    assert page["pageInfo"]["hasNextPage"]


async def test_an_import_of_one_is_followed_at_the_other(new_pair: NewPair) -> None:
    one, other = await new_pair()
    given = {"targets": [{"source": "PACKAGEX"}], "dryRun": True}
    job = (await one.load(given, b"name,email\nAda,ada@example.org\n"))["job"]
    found = await other.data("query ($id: ID!) { importJob(id: $id) { id state } }", {"id": job["id"]})
    assert found["importJob"] == {"id": job["id"], "state": "FINISHED"}


async def test_what_a_killed_replica_left_is_taken_up_by_another(new_pair: NewPair) -> None:
    one, other = await new_pair()
    key = f"contacts-gateway:alive:{shared(one).owner.name}"
    redis = shared(other).state.redis
    assert await redis.ttl(key) > 0
    assert await shared(other).owner.lives(shared(one).owner.name)
    await redis.delete(key)  # as time does, when it says so no longer
    assert await shared(other).owner.lives(shared(one).owner.name)  # it may not have come back yet
    for _ in range(3):
        await shared(other).state.probe()
    assert not await shared(other).owner.lives(shared(one).owner.name)


# One eye on the sources.


async def told(world: World) -> list[tuple[str, str | None, str | None]]:
    nodes = (await world.data(EVENTS))["events"]["nodes"]
    return [(each["type"], each["contactId"], each["actor"]) for each in nodes]


@pytest.fixture
async def watching(new_pair: NewPair, new_world: Build) -> tuple[World, World, World]:
    """Two replicas with filled indexes, and a gateway in front of the same sources that shares nothing."""
    one, other = await new_pair()
    elsewhere = new_world(beside=one)
    for each in (one, other, elsewhere):
        await each.scan()
    return one, other, elsewhere


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_change_made_elsewhere_is_noticed_by_one_of_them(
    watching: tuple[World, World, World], at_once: bool
) -> None:
    *replicas, elsewhere = watching
    change, gone = await elsewhere.some(Source.PACKAGEX, 2)
    await elsewhere.write("updateContact", {"id": change["id"], "contact": {"lastName": "Elsewhere"}})
    await elsewhere.write("deleteContacts", {"ids": [gone["id"]]})
    if at_once:
        await asyncio.gather(*(each.crawler.scan(Source.PACKAGEX) for each in replicas))
    for each in replicas * 2:
        await each.crawler.scan(Source.PACKAGEX)
    expected = [("CONTACT_DELETED", gone["id"], None), ("CONTACT_UPDATED", change["id"], None)]
    assert await told(replicas[0]) == expected


async def test_a_write_of_one_is_no_news_to_the_other(watching: tuple[World, World, World]) -> None:
    one, other, elsewhere = watching
    contact, gone = await one.some(Source.SMART_SENDER, 2)
    await one.write("updateContact", {"id": contact["id"], "contact": {"lastName": "Byron"}})
    await one.write("mergeContacts", {"into": contact["id"], "from": gone["id"]})
    (space,) = await one.some(Source.SAMESPACE)
    await one.write("deleteContacts", {"ids": [space["id"]]})
    given = {"targets": [{"source": "PACKAGEX"}], "contact": {"name": "Ada Quux"}}
    await one.write("createContact", given)
    before = await told(one)
    for each in (other, one, other):
        await each.scan()
    assert await told(one) == before
    await elsewhere.write("updateContact", {"id": contact["id"], "contact": {"lastName": "Lovelace"}})
    for each in (other, one):
        await each.scan()
    assert (await told(one))[len(before) :] == [("CONTACT_UPDATED", contact["id"], None)]


async def test_an_import_of_one_is_no_news_to_the_other(watching: tuple[World, World, World]) -> None:
    one, other, _ = watching
    rows = "".join(f"Ada {number},ada{number}@example.com\n" for number in range(30))
    await one.load({"targets": [{"source": "PACKAGEX"}]}, f"Name,Email\n{rows}".encode())
    for each in (other, one, other):
        await each.scan()
    assert [type_ for type_, _, _ in await told(one)] == ["CONTACTS_IMPORTED"]


async def test_very_many_changes_are_one_event_of_all_of_them(watching: tuple[World, World, World]) -> None:
    one, other, _ = watching
    for number in range(MOST + 1):
        one.packagex._store.add("person", f"Somebody {number}", 1_900_000_000)
    await asyncio.gather(*(each.crawler.scan(Source.PACKAGEX) for each in (one, other)))
    for each in (one, other):
        await each.crawler.scan(Source.PACKAGEX)
    assert await told(one) == [("CONTACT_CREATED", None, None)]


async def test_what_a_replica_leaves_of_very_many_changes_is_told_after_another_scan(
    watching: tuple[World, World, World],
) -> None:
    one, other, _ = watching
    for number in range(MOST + 1):
        other.packagex._store.add("person", f"Somebody {number}", 1_900_000_000)
    upstream = one.directory.upstreams[Source.PACKAGEX]
    new: list[Contact] = []
    while (page := await upstream.contacts(len(new), 100)).items:
        new += page.items
    new = [each for each in new if (each["displayName"] or "").startswith("Somebody")]
    assert len(new) == MOST + 1
    happening = Happening(type=EventType.CONTACT_CREATED, source=Source.PACKAGEX, payload={"noticed": True})
    states = {each["id"]: rows.digest(each) for each in new[: MOST - 2]}
    await one.gateway.journal.note("default", None, wall_clock(), [happening], answer=len, states=states)
    summary = [("CONTACT_CREATED", None, None)]
    await other.crawler.scan(Source.PACKAGEX)  # the first may be about to tell of the others
    assert await told(other) == summary
    await other.crawler.scan(Source.PACKAGEX)
    assert len(await told(other)) == len(summary) + 3


async def test_what_is_found_while_redis_is_away_is_told_when_it_is_back(
    watching: tuple[World, World, World], redis_server: RedisServer
) -> None:
    one, _, elsewhere = watching
    (contact,) = await elsewhere.some(Source.PACKAGEX)
    await elsewhere.write("updateContact", {"id": contact["id"], "contact": {"lastName": "Elsewhere"}})
    redis_server.hold()
    await shared(one).state.probe()
    await one.scan(Source.PACKAGEX)
    redis_server.go_on()
    await shared(one).state.probe()
    assert await told(one) == []
    await one.scan(Source.PACKAGEX)
    assert await told(one) == [("CONTACT_UPDATED", contact["id"], None)]


# Without Redis.


async def test_a_process_that_stood_still_does_not_take_it_for_gone(
    new_pair: NewPair, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = await new_pair()
    loop = asyncio.get_running_loop()
    time, stood_still = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: time() + stood_still)
    redis_server.hold()
    waiting = asyncio.create_task(one.gateway.journal.latest("default"))
    await give_way()
    stood_still = 60.0  # all timers are due at once
    await give_way()
    redis_server.go_on()
    assert await waiting == 0
    assert shared(one).state.here


async def test_it_is_gone_when_the_process_waited_for_it(
    new_pair: NewPair, redis_server: RedisServer
) -> None:
    one, _ = await new_pair()
    redis_server.hold()
    with pytest.raises(StateUnavailable):
        await one.gateway.journal.latest("default")
    assert not shared(one).state.here
    redis_server.go_on()


@pytest.mark.parametrize("how", ["stopped", "held up"])
async def test_while_it_is_away_reads_go_on_and_keyed_writes_are_refused(
    new_pair: NewPair, redis_server: RedisServer, how: str
) -> None:
    one, other = await new_pair(SMART_SENDER_RATE_LIMIT="60/60")
    await one.data(CHANNELS)
    await shared(one).state.probe()
    if how == "stopped":
        redis_server.stop()
    else:
        redis_server.hold()
    try:
        assert (await one.ask(LIST)).errors == []
        await shared(one).state.probe()
        assert (await one.client.get("/readyz")).json()["sharedState"] == "DOWN"
        assert "gateway_state_connected 0.0" in (await one.client.get("/metrics")).text
        codes = [(await one.ask(CHANNELS, headers={"X-Deadline-Ms": "5000"})).codes for _ in range(40)]
        assert (
            len([each for each in codes if not each]) == 29
        )  # half of the limit, less half of what was used
        (contact,) = await one.some(Source.PACKAGEX)
        change = {"id": contact["id"], "contact": {"name": "Written Meanwhile"}}
        keyed = {"input": {**change, "idempotencyKey": "k"}}
        document = (
            "mutation ($input: UpdateContactInput!) { updateContact(input: $input) { outcome { status } } }"
        )
        refused = await one.ask(document, keyed)
        assert refused.codes == ["STATE_UNAVAILABLE"]
        assert refused.errors[0]["extensions"]["retryable"] is True
        assert one.operations.get("updatePerson", 0) == 0
        assert (await one.write("updateContact", change))["outcome"]["status"] == "APPLIED"
        assert (await one.ask(EVENTS)).codes == ["STATE_UNAVAILABLE"]
    finally:
        if how == "stopped":
            redis_server.start()
        else:
            redis_server.go_on()
    await shared(one).state.probe()
    await shared(other).state.probe()
    assert (await one.client.get("/readyz")).json()["sharedState"] == "UP"
    for each in (one, other):  # what happened meanwhile is told
        nodes = (await each.data(EVENTS))["events"]["nodes"]
        assert [(node["type"], node["contactId"]) for node in nodes] == [("CONTACT_UPDATED", contact["id"])]
    assert (await other.ask(document, keyed)).data["updateContact"]["outcome"]["status"] == "APPLIED"


async def test_a_write_is_told_right_when_redis_goes_in_the_middle_of_it(
    new_pair: NewPair, redis_server: RedisServer
) -> None:
    one, _ = await new_pair()
    (contact,) = await one.some(Source.PACKAGEX)
    change = {"id": contact["id"], "contact": {"name": "Halfway"}, "idempotencyKey": "k"}
    one.transports[Source.PACKAGEX].on = lambda request: (
        redis_server.stop() if request.extensions["operation"] == "updatePerson" else None
    )
    payload = await one.write("updateContact", change)
    assert payload["outcome"]["status"] == "APPLIED"
    redis_server.start()
    await shared(one).state.probe()
    one.transports[Source.PACKAGEX].on = lambda _: None
    again = await one.write("updateContact", change)
    assert one.operations["updatePerson"] in (1, 2)  # Redis kept nothing: a repeat is a new write then
    assert again["outcome"]["status"] == "APPLIED"


async def test_a_gateway_starts_without_redis_and_finds_it_later(
    new_world: Build, redis_server: RedisServer, redis_url: str
) -> None:
    redis_server.stop()
    world = new_world(GATEWAY_STATE_URL=redis_url)
    await shared(world).state.probe()
    assert (await world.ask(LIST)).errors == []
    assert (await world.client.get("/readyz")).json()["sharedState"] == "DOWN"
    redis_server.start()
    await shared(world).state.probe()
    assert (await world.client.get("/readyz")).json()["sharedState"] == "UP"
    assert (await world.data(EVENTS))["events"]["nodes"] == []


async def calmed(*worlds: World) -> None:
    """Probe until every replica has said that it lives."""
    for _ in range(4):
        for each in worlds:
            await shared(each).state.probe()


async def test_what_a_killed_replica_was_writing_is_found_once_it_counts_as_dead(new_pair: NewPair) -> None:
    one, other = await new_pair(GATEWAY_API_KEYS=KEYS)
    shared(other).state.settled.append(other.gateway.recover)  # as at its start
    gate = asyncio.Event()
    one.packagex.switches.sleep = lambda _: gate.wait()
    one.packagex.switches.fail("createPerson", latency=1.0)
    running = asyncio.create_task(one.ask(CREATE, {"input": person()}, headers=WRITER))
    await until(lambda: one.operations.get("createPerson"))
    await calmed(one, other)
    assert await records(other) == []  # it still lives
    await shared(one).state.redis.delete(f"contacts-gateway:alive:{shared(one).own.name}")
    for _ in range(AGAIN):
        await shared(other).state.probe()
    (record,) = await records(other)
    assert (record["outcome"], record["code"]) == ("UNCERTAIN", "INTERRUPTED")
    gate.set()
    await running


async def test_blips_do_not_use_up_the_budget(new_pair: NewPair, redis_server: RedisServer) -> None:
    one, other = await new_pair(SMART_SENDER_RATE_LIMIT="60/60")
    await calmed(one, other)
    for _ in range(6):
        redis_server.hold()
        await asyncio.gather(*(shared(each).state.probe() for each in (one, other)))
        redis_server.go_on()
        await calmed(one, other)
    codes = []
    for number in range(60):
        answer = await (one, other)[number % 2].ask(CHANNELS, headers={"X-Deadline-Ms": "5000"})
        codes += answer.codes
    assert codes == []


async def test_a_redis_that_is_full_is_away_and_costs_no_budget(new_pair: NewPair) -> None:
    one, other = await new_pair(SMART_SENDER_RATE_LIMIT="60/60")
    await calmed(one, other)
    redis = shared(one).state.redis
    await redis.config_set("maxmemory", "1")
    try:
        for _ in range(20):
            await shared(one).state.probe()
        assert not shared(one).state.here
        codes = [(await one.ask(CHANNELS, headers={"X-Deadline-Ms": "5000"})).codes for _ in range(30)]
        assert codes == [[]] * 30
    finally:
        await redis.config_set("maxmemory", "0")
    await shared(one).state.probe()
    assert shared(one).state.here


async def test_who_is_back_first_does_not_use_up_what_the_others_sent(
    new_pair: NewPair, redis_server: RedisServer
) -> None:
    one, other = await new_pair(SMART_SENDER_RATE_LIMIT="40/60")
    await calmed(one, other)
    redis_server.hold()
    for each in (one, other):
        await shared(each).state.probe()
        for _ in range(20):
            assert (await each.ask(CHANNELS, headers={"X-Deadline-Ms": "5000"})).codes == []
    redis_server.go_on()
    await shared(one).state.probe()
    assert (await one.ask(CHANNELS, headers={"X-Deadline-Ms": "5000"})).codes == ["UPSTREAM_RATE_LIMITED"]
    await calmed(one, other)
    assert (await one.ask(CHANNELS, headers={"X-Deadline-Ms": "5000"})).codes == ["UPSTREAM_RATE_LIMITED"]
    assert one.calls == {"SMART_SENDER": 40}


async def test_scans_of_all_replicas_leave_room_to_callers(new_pair: NewPair) -> None:
    one, other = await new_pair(SMART_SENDER_RATE_LIMIT="20/60")
    scans = [asyncio.create_task(each.crawler.scan(Source.SMART_SENDER)) for each in (one, other)]
    await until(lambda: one.calls.get("SMART_SENDER", 0) >= 10)
    for each in (one, other):
        assert (await each.ask(CHANNELS, headers={"X-Deadline-Ms": "5000"})).codes == []
    for scan in scans:
        scan.cancel()
    await asyncio.gather(*scans, return_exceptions=True)


async def test_a_key_is_not_burnt_when_redis_goes_before_anything_left(
    new_pair: NewPair, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await new_pair()
    (contact,) = await one.some(Source.PACKAGEX)
    change = {"input": {"id": contact["id"], "contact": {"name": "Later"}, "idempotencyKey": "k"}}
    document = (
        "mutation ($input: UpdateContactInput!) { updateContact(input: $input) { outcome { status } } }"
    )
    leaving = RedisJournal.leaving

    async def held_up(*args: Any) -> bool:
        redis_server.hold()
        return await leaving(*args)

    monkeypatch.setattr(RedisJournal, "leaving", held_up)
    refused = await one.ask(document, change)
    assert refused.codes == ["STATE_UNAVAILABLE"]
    assert "updatePerson" not in one.operations
    monkeypatch.setattr(RedisJournal, "leaving", leaving)
    redis_server.go_on()
    await calmed(one, other)
    for each in (other, one):
        assert (await each.data(document, change))["updateContact"]["outcome"]["status"] == "APPLIED"
    assert one.operations["updatePerson"] == 1


async def test_what_was_told_while_it_was_away_keeps_its_order_and_is_told_once(
    new_pair: NewPair, redis_server: RedisServer
) -> None:
    one, other = await new_pair()
    contacts = await one.some(Source.PACKAGEX, 4)
    redis_server.hold()
    await shared(one).state.probe()
    for each in contacts[:3]:
        await one.write("updateContact", {"id": each["id"], "contact": {"name": "Away"}})
    redis_server.go_on()
    await calmed(one, other)
    await one.write("updateContact", {"id": contacts[3]["id"], "contact": {"name": "Back"}})
    nodes = (await other.data(EVENTS))["events"]["nodes"]
    assert [node["contactId"] for node in nodes] == [each["id"] for each in contacts]


async def test_garbage_in_redis_is_no_answer(keeping: Pair) -> None:
    one, other = keeping
    first = await one.data(LIST)
    redis = shared(one).state.redis
    names = [name async for name in redis.scan_iter(match="contacts-gateway:answer:*")]
    assert names
    for name in names:
        await redis.set(name, b"\xc1garbage")
    assert (await other.data(LIST))["contacts"]["nodes"] == first["contacts"]["nodes"]


async def test_a_fault_of_ours_does_not_end_the_sharing(
    new_world: Build, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = new_world(GATEWAY_STATE_URL=redis_url)
    state, probed = shared(world).state, asyncio.Event()

    async def broken() -> None:
        probed.set()
        raise KeyError("of ours")

    state.returned.append(broken)
    watching = asyncio.create_task(state.watch())
    await probed.wait()
    await asyncio.sleep(0)
    assert not watching.done()
    assert not state.here
    state.returned.remove(broken)
    await state.probe()
    assert state.here
    watching.cancel()
    await asyncio.wait((watching,))


async def test_closing_without_redis_is_quiet(
    new_world: Build, redis_server: RedisServer, redis_url: str
) -> None:
    world = new_world(GATEWAY_STATE_URL=redis_url)
    await shared(world).state.probe()
    redis_server.stop()
    await world.gateway._owner.aclose()
    await world.gateway.journal.aclose()
    redis_server.start()
