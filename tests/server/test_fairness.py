"""How much one caller gets: of requests, points and calls, of what is carried out at once, of a source."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from typing import Any

import httpx
import limits.aio.storage.memory
import limits.aio.strategies
import pytest

from gateway.allowances import Fair
from gateway.model.caller import Caller, Scope
from gateway.model.source import Source
from gateway.server.admission import UPLOADS, Admission
from gateway.server.fairness import Fairness
from gateway.server.problems import Overloaded, RateLimited
from gateway.setting import Rate
from tests.conftest import Build
from tests.support.asgi import scope_of
from tests.support.houses import Town, entry, environment, houses, town
from tests.support.redis import RedisServer
from tests.support.waiting import until
from tests.support.world import World

LONG = "3600"  # seconds of a window that no test outlives
ONE = "{ contacts(first: 1, sources: [PACKAGEX]) { nodes { id } } }"
SOURCES = "{ sources { source } }"
SOON = {"X-Deadline-Ms": "5000"}
TWO_KEYS = f"{entry('ada')};{entry('bob')}"


def caller(name: str, account: str = "default", home: str | None = None) -> Caller:
    return Caller(name=name, scopes=frozenset(Scope), account=account, home=home)


class Clock:
    """Stands in for `time` in the library that counts."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0  # where a window of 60 seconds begins

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that moves when it is told to; the library takes none."""
    found = Clock()
    for module in (limits.aio.storage.memory, limits.aio.strategies):
        monkeypatch.setattr(module, "time", found)
    return found


@pytest.fixture
def counted(clock: Clock) -> Callable[..., Fairness]:
    """Makes counters by that clock."""

    def build(**fair: Rate) -> Fairness:
        return Fairness(Fair(**fair))  # type: ignore[arg-type]

    return build


ADA, BOB = caller("ada"), caller("bob")
Counted = Callable[..., Fairness]


async def admitted(fairness: Fairness, whom: Caller, most: int = 100) -> int:
    """How many requests in a row are admitted."""
    for number in range(most):
        try:
            await fairness.admit(whom)
        except RateLimited:
            return number
    return most


# Windows.


async def test_a_caller_gets_so_many_requests_in_a_window_and_others_get_theirs(counted: Counted) -> None:
    fairness = counted(requests=Rate(5, 60))
    for whom in (ADA, BOB, caller("ada", "other")):
        assert await admitted(fairness, whom) == 5


async def test_who_brings_keys_of_sources_is_the_same_caller(counted: Counted) -> None:
    fairness = counted(points=Rate(10, 60))
    for number in range(2):
        await fairness.charge(caller("ada", f"brought.{number}", "default"), 5)
    with pytest.raises(RateLimited):
        await fairness.charge(caller("ada", "brought.3", "default"), 5)
    with pytest.raises(RateLimited):
        await fairness.admit(ADA)


async def test_a_refusal_says_the_number_and_when_to_come_back(counted: Counted, clock: Clock) -> None:
    fairness = counted(requests=Rate(5, 60))
    await admitted(fairness, ADA)
    clock.now += 20
    with pytest.raises(RateLimited) as refused:
        await fairness.admit(ADA)
    assert "You have used up your 5 requests in 60 seconds." in refused.value.message
    wait = int(refused.value.headers["retry-after"])
    assert 1 <= wait <= 61
    assert f"Try again in {wait} seconds." in refused.value.message
    clock.now += wait
    await fairness.admit(ADA)


@pytest.mark.parametrize("start", [0, 1, 29.5, 59, 59.9])
@pytest.mark.parametrize("rate", [Rate(1, 60), Rate(7, 60), Rate(60, 60), Rate(3, 2), Rate(5, 0.5)])
async def test_whoever_waits_as_told_is_admitted(
    counted: Counted, clock: Clock, start: float, rate: Rate
) -> None:
    fairness = counted(requests=rate)
    clock.now += start
    for _ in range(5):
        assert await admitted(fairness, ADA) >= 1
        with pytest.raises(RateLimited) as refused:
            await fairness.admit(ADA)
        clock.now += int(refused.value.headers["retry-after"])


async def test_no_window_holds_more_than_the_limit(counted: Counted, clock: Clock) -> None:
    """But for what a sliding counter has to guess: it takes the window before to have been even."""
    fairness = counted(requests=Rate(10, 60))
    times: list[float] = []
    for _ in range(300):
        times += [clock.now] * await admitted(fairness, ADA)
        clock.now += 1
    assert times.count(times[0]) == 10
    for start in times:
        assert sum(start <= each < start + 60 for each in times) <= 2 * 10
    assert len(times) <= 10 * (300 / 60 + 1)


async def test_after_a_pause_all_of_it_is_there_again(counted: Counted, clock: Clock) -> None:
    fairness = counted(requests=Rate(5, 60))
    for _ in range(3):
        assert await admitted(fairness, ADA) == 5
        clock.now += 120


async def test_points_are_taken_before_an_operation_runs(counted: Counted) -> None:
    fairness = counted(points=Rate(100, 60))
    await fairness.charge(ADA, 60)
    with pytest.raises(RateLimited) as refused:
        await fairness.charge(ADA, 60)
    assert "your 100 points in 60 seconds" in refused.value.message
    await fairness.charge(ADA, 40)
    with pytest.raises(RateLimited):
        await fairness.admit(ADA)
    await fairness.admit(BOB)


async def test_what_costs_more_than_a_whole_window_is_told_so(counted: Counted) -> None:
    fairness = counted(points=Rate(100, 60))
    with pytest.raises(RateLimited) as refused:
        await fairness.charge(ADA, 101)
    assert refused.value.message == "This costs 101 points; you get 100 in 60 seconds."
    await fairness.charge(ADA, 100)


async def test_calls_are_counted_afterwards_and_the_next_request_is_refused(
    counted: Counted, clock: Clock
) -> None:
    fairness = counted(calls=Rate(10, 60))
    for calls in (0, 4, 60):  # more than there was left
        await fairness.admit(ADA)
        await fairness.spent(ADA, calls)
    with pytest.raises(RateLimited) as refused:
        await fairness.admit(ADA)
    assert "your 10 calls in 60 seconds" in refused.value.message
    await fairness.admit(BOB)
    clock.now += 120
    await fairness.admit(ADA)


async def test_where_nothing_is_limited_nothing_is_counted(counted: Counted) -> None:
    fairness = counted()
    assert await admitted(fairness, ADA) == 100
    await fairness.charge(ADA, 1_000_000)
    await fairness.spent(ADA, 1_000_000)
    assert not fairness._own.storage.storage


async def test_callers_who_went_away_are_forgotten(counted: Counted, clock: Clock) -> None:
    fairness = counted(requests=Rate(5, 60), points=Rate(5, 60))
    for number in range(500):
        await fairness.admit(caller(f"caller-{number}"))
        await fairness.charge(caller(f"caller-{number}"), 1)
    held: Any = fairness._own.storage
    assert len(held.storage) == 1_000
    clock.now += 600
    await fairness.admit(ADA)
    await until(lambda: len(held.storage) < 5)
    await until(lambda: len(held.locks) < 5)
    assert len(held.expirations) < 5


async def test_alone_each_replica_gives_its_part_and_never_nothing(clock: Clock) -> None:
    for requests, part in ((9, 3), (10, 3), (2, 1)):
        fairness = Fairness(Fair(requests=Rate(requests, 60)), 3)
        assert await admitted(fairness, ADA) == part


async def test_what_costs_more_than_a_part_takes_all_of_it(clock: Clock) -> None:
    fairness = Fairness(Fair(points=Rate(90, 60)), 3)
    await fairness.charge(ADA, 80)
    with pytest.raises(RateLimited):
        await fairness.charge(ADA, 1)
    clock.now += 120
    await fairness.charge(ADA, 30)
    with pytest.raises(RateLimited):
        await fairness.charge(ADA, 1)


# Over HTTP.


@pytest.fixture
def two(new_world: Build) -> Callable[..., World]:
    """Makes a gateway with the callers Ada and Bob."""

    def build(**settings: str) -> World:
        return new_world(40, **{"GATEWAY_API_KEYS": TWO_KEYS, **settings})

    return build


Two = Callable[..., World]


async def as_ada(world: World, query: str = SOURCES, **headers: str) -> Any:
    return await world.ask(query, headers={"X-Api-Key": "ada", **headers})


async def as_bob(world: World, query: str = SOURCES, **headers: str) -> Any:
    return await world.ask(query, headers={"X-Api-Key": "bob", **headers})


def is_refused(answer: Any, number: str) -> bool:
    """Whether it is a refusal of the documented form."""
    assert (answer.status, answer.codes) == (429, ["RATE_LIMITED"])
    (error,) = answer.errors
    assert number in error["message"]
    assert error["extensions"]["retryable"] is True
    assert 0 < error["extensions"]["retryAfterSeconds"] <= int(answer.headers["retry-after"])
    assert "data" not in answer.body
    return True


async def test_a_caller_over_its_requests_meets_429_and_another_does_not(two: Two) -> None:
    world = two(GATEWAY_CALLER_REQUESTS=f"3/{LONG}")
    for _ in range(3):
        assert (await as_ada(world, ONE)).status == 200
    world.forget()
    assert is_refused(await as_ada(world, ONE), "your 3 requests in 3600 seconds")
    assert world.calls == {}
    assert (await as_bob(world, ONE)).status == 200


async def test_every_form_of_a_request_counts_and_those_of_nobody_do_not(two: Two) -> None:
    world = two(GATEWAY_CALLER_REQUESTS=f"5/{LONG}")
    for _ in range(9):
        assert (await world.ask(SOURCES, headers={"X-Api-Key": "nobody"})).status == 401
    sent = {"X-Api-Key": "ada"}
    get = await world.client.get("/graphql", params={"query": SOURCES}, headers=sent)
    not_json = await world.client.post(
        "/graphql", content=b"{", headers={**sent, "content-type": "application/json"}
    )
    form = await world.upload("{ nope }", {}, b"", headers=sent)
    bearer = await world.ask("{ nope }", headers={"Authorization": "Bearer ada"})
    plan = await world.ask(ONE, headers=sent, extensions={"explain": "plan"})
    assert 429 not in {each.status_code for each in (get, not_json)}
    assert 429 not in {each.status for each in (form, bearer, plan)}
    assert is_refused(await as_ada(world), "5 requests")
    get = await world.client.get("/graphql", params={"query": SOURCES}, headers=sent)
    assert get.status_code == 429


async def test_several_keys_of_one_name_are_one_caller(two: Two) -> None:
    keys = f"{entry('ada')};{entry('ada', key='ada-2')};{entry('bob')}"
    world = two(GATEWAY_API_KEYS=keys, GATEWAY_CALLER_REQUESTS=f"2/{LONG}")
    for key in ("ada", "ada-2"):
        assert (await world.ask(SOURCES, headers={"X-Api-Key": key})).status == 200
    for key in ("ada", "ada-2"):
        assert is_refused(await world.ask(SOURCES, headers={"X-Api-Key": key}), "2 requests")


async def test_a_caller_over_its_points_meets_429_before_anything_is_asked(two: Two) -> None:
    price = (await as_ada(two(), ONE)).body["extensions"]["cost"]["expected"]["points"]
    assert price > 0
    world = two(GATEWAY_CALLER_POINTS=f"{2 * price}/{LONG}")
    for _ in range(2):
        assert (await as_ada(world, ONE)).status == 200
    world.forget()
    assert is_refused(await as_ada(world, ONE), f"your {2 * price} points")
    assert world.calls == {}
    assert (await as_bob(world, ONE)).status == 200
    dear = await as_bob(world, "{ contacts(first: 100) { nodes { id displayName email phone } } }")
    assert is_refused(dear, f"you get {2 * price} in 3600 seconds")


async def test_a_caller_over_its_calls_meets_429(two: Two) -> None:
    world = two(GATEWAY_CALLER_CALLS=f"2/{LONG}")
    for _ in range(2):
        assert (await as_ada(world, ONE)).status == 200
    assert is_refused(await as_ada(world, SOURCES), "your 2 calls")
    assert (await as_bob(world, ONE)).status == 200


async def test_calls_count_also_when_the_caller_goes_away_before_the_answer(two: Two) -> None:
    world = two(GATEWAY_CALLER_CALLS=f"1/{LONG}")
    board = world.boards[Source.PACKAGEX]
    never = asyncio.Event()
    board.sleep = lambda _: never.wait()
    board.fail(latency=1.0, times=1)
    assert await hung_up(world, ONE, lambda: board.requests) == 499
    assert is_refused(await as_ada(world, ONE), "your 1 calls")
    assert board.requests == 1


async def hung_up(world: World, query: str, met: Callable[[], object]) -> int:
    """The status of a request of Ada's whose connection ends once a condition holds."""
    request = httpx.Request(
        "POST", "http://127.0.0.1:8000/graphql", json={"query": query}, headers={"x-api-key": "ada"}
    )
    bodies = [request.content]
    gone = asyncio.Event()
    sent: list[Any] = []

    async def receive() -> dict[str, object]:
        if bodies:
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    serving = asyncio.create_task(world.app(scope_of(request), receive, send))
    await until(met)
    gone.set()
    await serving
    return int(sent[0]["status"])


# Points and calls of callers who bring keys.


@pytest.fixture
async def bringing() -> AsyncIterator[Town]:
    """A gateway to which callers may bring keys, and that gives each few points."""
    behind = houses("home", "guest", people=20)
    headers = "PACKAGEX_API_KEY"
    settings = {"GATEWAY_API_KEYS": TWO_KEYS, "GATEWAY_CREDENTIAL_HEADERS": headers}
    made = town(behind, environment(behind[0], GATEWAY_CALLER_CALLS=f"3/{LONG}", **settings))
    yield made
    await made.aclose()


async def test_calls_with_keys_of_its_own_count_for_the_caller(bringing: Town) -> None:
    home, guest = bringing.houses
    for number in range(3):
        guest.rekey(str(number))
        brought = guest.headers(Source.PACKAGEX)
        assert (await bringing.ask("ada", ONE, **brought)).status == 200
    assert (await bringing.ask("ada", ONE, **brought)).status == 429
    assert (await bringing.ask("ada", ONE)).status == 429
    assert (await bringing.ask("bob", ONE, **brought)).status == 200
    assert (home.calls, len(bringing.brought)) == ({}, 3)


# Several replicas.


async def pair_of(new_world: Build, url: str, **settings: str) -> tuple[World, World]:
    """Two gateways that share a Redis."""
    settings = {
        "GATEWAY_API_KEYS": TWO_KEYS,
        "GATEWAY_STATE_URL": url,
        "GATEWAY_REPLICAS": "2",
        **settings,
    }
    one = new_world(40, **settings)
    other = new_world(40, beside=one, **settings)
    for each in (one, other):
        assert each.gateway.replicas is not None
        await each.gateway.replicas.state.probe()
    return one, other


async def test_requests_are_counted_over_all_replicas(new_world: Build, redis_url: str) -> None:
    pair = await pair_of(new_world, redis_url, GATEWAY_CALLER_REQUESTS=f"6/{LONG}")
    statuses = [(await as_ada(pair[number % 2])).status for number in range(10)]
    assert statuses == [200] * 6 + [429] * 4
    assert is_refused(await as_ada(pair[0]), "your 6 requests")
    assert (await as_bob(pair[1])).status == 200


async def test_points_and_calls_are_counted_over_all_replicas(new_world: Build, redis_url: str) -> None:
    for name, most in (("POINTS", 1_000), ("CALLS", 4)):
        pair = await pair_of(new_world, redis_url, **{f"GATEWAY_CALLER_{name}": f"{most}/{LONG}"})
        statuses: list[int] = []
        while 429 not in statuses:
            statuses.append((await as_ada(pair[len(statuses) % 2], ONE)).status)
        assert is_refused(await as_ada(pair[len(statuses) % 2], ONE), f"your {most} {name.lower()}")
        if name == "CALLS":
            assert len(statuses) == most + 1
        assert (await as_bob(pair[0], ONE)).status == 200


async def test_while_redis_is_away_each_replica_counts_its_part(
    new_world: Build, redis_server: RedisServer, redis_url: str
) -> None:
    pair = await pair_of(new_world, redis_url, GATEWAY_CALLER_REQUESTS=f"6/{LONG}")
    assert (await as_ada(pair[0])).status == 200
    redis_server.stop()
    try:
        for world in pair:
            statuses = [(await as_ada(world)).status for _ in range(5)]
            assert statuses == [200] * 3 + [429] * 2
            assert world.gateway.shared_state() is False
            assert (await as_bob(world)).status == 200
    finally:
        redis_server.start()
    for world in pair:
        await world.gateway.replicas.state.probe()  # type: ignore[union-attr]
        assert (await as_ada(world)).status == 200  # a Redis that has forgotten everything


# What is carried out at once.


def taken(admission: Admission, who: str, times: int) -> int:
    """How many places a caller gets."""
    return sum(admission.enter(who) for _ in range(times))


async def test_one_caller_gets_its_part_of_the_places_and_of_the_line_and_others_get_the_rest() -> None:
    admission = Admission(most=40, of_one=0.75)
    assert (taken(admission, "ada", 40), taken(admission, "bob", 40)) == (30, 10)
    for who, part in (("ada", 30), ("bob", 10)):
        for _ in range(part):
            admission.join(who, 30.0, 0.0, asyncio.Future())
        with pytest.raises(Overloaded) as refused:
            admission.join(who, 30.0, 0.0, asyncio.Future())
        assert ("of yours" in refused.value.message) == (who == "ada")
    assert (len(admission.line), admission.refused) == (40, 2)


async def test_who_has_its_part_waits_and_keeps_nobody_else_from_a_place() -> None:
    admission = Admission(most=4, of_one=0.5)
    assert taken(admission, "ada", 4) == 2
    waiter = admission.join("ada", 30.0, 0.0, asyncio.Future())
    assert taken(admission, "bob", 4) == 2
    admission.leave("bob")
    assert not waiter.called.done()
    admission.leave("ada")
    assert waiter.called.result()
    assert admission.under_way == 3


def test_a_place_that_comes_free_is_the_callers_again() -> None:
    admission = Admission(most=4, of_one=0.5)
    for _ in range(10):
        assert taken(admission, "ada", 3) == 2
        admission.leave("ada")
        admission.leave("ada")
    assert (admission.under_way, admission._held) == (0, {})


@pytest.mark.parametrize(("most", "of_one"), [(1, 0.1), (1, 0.9), (2, 0.01), (7, 0.1)])
def test_however_small_its_part_a_caller_gets_one_place(most: int, of_one: float) -> None:
    assert taken(Admission(most=most, of_one=of_one), "ada", 2) == 1


def test_one_caller_gets_its_part_of_the_uploads_and_others_get_the_rest() -> None:
    admission = Admission(of_one=0.75)
    with ExitStack() as held:
        for _ in range(UPLOADS * 3 // 4):
            held.enter_context(admission.upload("ada"))
        with pytest.raises(Overloaded) as refused:
            admission.upload("ada").__enter__()
        assert "uploads of yours" in refused.value.message
        for _ in range(UPLOADS // 4):
            held.enter_context(admission.upload("bob"))
        with pytest.raises(Overloaded):
            admission.upload("cy").__enter__()
    assert (admission.uploads, admission.refused, admission._uploads) == (0, 2, {})


def test_the_only_caller_gets_all_places() -> None:
    assert taken(Admission(most=30), "ada", 40) == 30


@pytest.mark.parametrize(
    ("keys", "places"), [(TWO_KEYS, 3), (entry("ada"), 4), (f"{entry('ada')};{entry('ada', key='a2')}", 4)]
)
async def test_slow_requests_of_one_caller_leave_room_for_another(two: Two, keys: str, places: int) -> None:
    """As many of its requests wait as are under way; the rest is refused."""
    world = two(GATEWAY_API_KEYS=keys, GATEWAY_CONCURRENCY="4")
    hold = asyncio.Event()
    board = world.boards[Source.PACKAGEX]
    board.sleep = lambda _: hold.wait()
    board.fail(latency=1.0)
    asked = [asyncio.create_task(as_ada(world, ONE)) for _ in range(12)]
    await until(lambda: sum(task.done() for task in asked) == 12 - 2 * places)
    refused = [task.result() for task in asked if task.done()]
    assert {(answer.status, *answer.codes) for answer in refused} == {(503, "OVERLOADED")}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert world.gateway.admission.under_way == len(world.gateway.admission.line) == places
    if keys == TWO_KEYS:
        assert (await as_bob(world)).status == 200
    hold.set()
    assert [(await task).status for task in asked].count(200) == 2 * places


# The rate limit of a source.


async def calls_of(who: Callable[..., Any], worlds: tuple[World, ...], most: int) -> int:
    """How many calls one caller gets in a row."""
    for number in range(most):
        answer = await who(worlds[number % len(worlds)], ONE, **SOON, **{"Cache-Control": "no-cache"})
        if answer.errors:
            assert answer.codes == ["UPSTREAM_RATE_LIMITED"]
            assert answer.errors[0]["extensions"]["retryAfterSeconds"] > 0
            return number
    return most


@pytest.mark.parametrize(
    ("settings", "of_ada", "of_bob"),
    [
        ({}, 6, 2),
        ({"GATEWAY_CALLER_SHARE": "0.5"}, 4, 4),
        ({"GATEWAY_CALLER_SHARE": "0.01"}, 1, 1),
        ({"GATEWAY_CALLER_SHARE": "1"}, 8, 0),
        ({"GATEWAY_API_KEYS": entry("ada")}, 8, 0),
        ({"GATEWAY_API_KEYS": f"{entry('ada')};{entry('ada', key='ada-2')}"}, 8, 0),
    ],
)
async def test_one_caller_cannot_use_up_a_source_where_several_are_known(
    two: Two, settings: dict[str, str], of_ada: int, of_bob: int
) -> None:
    world = two(PACKAGEX_RATE_LIMIT=f"8/{LONG}", **settings)
    assert await calls_of(as_ada, (world,), 20) == of_ada
    if "bob" in settings.get("GATEWAY_API_KEYS", TWO_KEYS):
        assert await calls_of(as_bob, (world,), 20) == of_bob
    assert world.calls == {"PACKAGEX": of_ada + of_bob}


async def test_the_part_of_one_is_counted_over_all_replicas(new_world: Build, redis_url: str) -> None:
    pair = await pair_of(new_world, redis_url, PACKAGEX_RATE_LIMIT=f"8/{LONG}", GATEWAY_CALLER_SHARE="0.5")
    assert await calls_of(as_ada, pair, 20) == 4
    assert await calls_of(as_bob, pair, 20) == 4
    assert pair[0].calls == {"PACKAGEX": 8}


async def test_the_part_of_one_holds_while_redis_is_away(
    new_world: Build, redis_server: RedisServer, redis_url: str
) -> None:
    pair = await pair_of(new_world, redis_url, PACKAGEX_RATE_LIMIT=f"8/{LONG}", GATEWAY_CALLER_SHARE="0.5")
    redis_server.stop()
    try:
        assert await calls_of(as_ada, pair[:1], 20) <= 4
        assert await calls_of(as_bob, pair[1:], 20) <= 4
        assert pair[0].calls["PACKAGEX"] <= 8
    finally:
        redis_server.start()


async def test_a_name_in_two_accounts_is_two_callers_of_one_source(new_world: Build) -> None:
    digests = [hashlib.sha256(key.encode()).hexdigest() for key in ("ada", "bob")]
    keys = ";".join(
        f"bot:{digest}:read:{account}" for digest, account in zip(digests, ("a", "b"), strict=True)
    )
    world = new_world(40, GATEWAY_API_KEYS=keys, PACKAGEX_RATE_LIMIT=f"8/{LONG}", GATEWAY_CALLER_SHARE="0.5")
    assert await calls_of(as_ada, (world,), 20) == 4
    assert await calls_of(as_bob, (world,), 20) == 4
