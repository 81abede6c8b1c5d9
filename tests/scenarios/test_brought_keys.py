"""Keys of sources that callers bring along in headers: an account of its own, for as long as it is used."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gateway.accounts import BUSY_SECONDS, IDLE_SECONDS
from gateway.cache.reads import Keep
from gateway.model.source import Source
from tests.support.houses import (
    ALL_HEADERS,
    BROUGHT,
    House,
    Street,
    Town,
    accounts,
    entry,
    environment,
    houses,
    town,
)
from tests.support.redis import RedisServer
from tests.support.waiting import until

CACHED = {f"GATEWAY_CACHE_{kind.name}_SECONDS": "60" for kind in Keep} | {
    "GATEWAY_STALE_IF_ERROR_SECONDS": "300"
}
CREATE = (
    "mutation ($input: CreateContactInput!) { createContact(input: $input) "
    "{ contacts { id displayName } outcomes { source status } } }"
)
EVENTS = "{ events(first: 50) { nodes { id } } }"
LIST = (
    "{ contacts(first: 30) { nodes { id source sourceId email } pageInfo { endCursor } "
    "sources { source status fromCache } } }"
)
NEW = {"input": {"targets": [{"source": "PACKAGEX"}], "contact": {"name": "Ada Quux"}}}
NODE = "query ($id: ID!) { node(id: $id) { id } }"
ONE = "{ contacts(first: 1, sources: [PACKAGEX]) { nodes { id email } } }"
PACKAGEX = BROUGHT[Source.PACKAGEX]
STATES = "{ sources { source enabled } }"

Towns = Callable[..., Town]


@pytest.fixture
async def towns() -> AsyncIterator[Towns]:
    """Makes gateways in front of two houses: `home` has the keys of the settings, `guest` brings its own."""
    made: list[Town] = []

    def build(names: tuple[str, ...] = ("home", "guest"), **settings: str) -> Town:
        behind = houses(*names, people=20)
        settings = {"GATEWAY_API_KEYS": entry("ada"), "GATEWAY_CREDENTIAL_HEADERS": ALL_HEADERS} | settings
        made.append(town(behind, environment(behind[0], **settings)))
        return made[-1]

    yield build
    for each in made:
        await each.aclose()


@pytest.fixture(params=["alone", "shared"])
async def open_town(request: pytest.FixtureRequest, towns: Towns) -> Town:
    """A gateway that takes keys, and keeps answers: in itself, or in Redis."""
    settings = dict(CACHED)
    if request.param == "shared":
        settings["GATEWAY_STATE_URL"] = request.getfixturevalue("redis_url")
    made = towns(**settings)
    if made.gateway.replicas is not None:
        await made.gateway.replicas.state.probe()
    return made


def timed(made: Town) -> Callable[[float], None]:
    """Stop the clock by which accounts grow idle; the way to move it on."""
    now = [0.0]
    made.gateway.accounts.clock = lambda: now[0]

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def streets(made: Town, account: str) -> list[Street]:
    """The connections of an account."""
    upstreams: Any = made.gateway.directories[account].upstreams
    return [upstream.client._wire.transport._inner for upstream in upstreams.values()]


def emails(data: Any) -> set[str]:
    return {node["email"] for node in data["contacts"]["nodes"] if node["email"]}


def key(number: int) -> dict[str, str]:
    return {PACKAGEX: f"key-7Jq2-number-{number}"}


# What is taken.


async def test_keys_that_a_caller_brings_are_left_aside_unless_they_are_allowed(towns: Towns) -> None:
    made = towns(GATEWAY_CREDENTIAL_HEADERS="")
    home, guest = made.houses
    for headers in (guest.headers(), {PACKAGEX: "a\x7f"}, {PACKAGEX: ""}):
        assert len((await made.data("ada", LIST, **headers))["contacts"]["nodes"]) > 20
    assert (guest.calls, made.brought, made.strangers) == ({}, [], [])
    assert home.calls


async def test_only_the_headers_that_are_named_are_taken(towns: Towns) -> None:
    made = towns(GATEWAY_CREDENTIAL_HEADERS="PACKAGEX_API_KEY")
    home, guest = made.houses
    await made.data("ada", LIST, **guest.headers(Source.SAMESPACE, Source.SMART_SENDER))
    assert (guest.calls, made.brought) == ({}, [])
    await made.data("ada", LIST, **guest.headers())
    assert (guest.calls, len(made.brought)) == ({"PACKAGEX": 1}, 1)
    assert home.calls["PACKAGEX"] == 1


@pytest.mark.parametrize(
    "value", ["", " ", "\t", "key-7Jq2-é", "key-7Jq2\x7f", "key-7Jq2\x01x", "key-7Jq2" + "x" * 1_000]
)
async def test_an_odd_key_is_refused_without_quoting_it(towns: Towns, value: str) -> None:
    made = towns()
    body = {"query": LIST}
    sent = {b"x-api-key": b"ada", PACKAGEX.lower().encode(): value.encode("latin-1")}
    response = await made.client.post("/graphql", json=body, headers=[*sent.items()])
    assert response.status_code == 400
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["BAD_REQUEST"]
    assert "PACKAGEX_API_KEY" in response.text
    assert "7Jq2" not in response.text
    assert (made.brought, made.streets[3:]) == ([], [])


async def test_nobody_opens_an_account_who_is_not_known_or_may_nothing(towns: Towns) -> None:
    made = towns(GATEWAY_API_KEYS=entry("ada"), GATEWAY_CALLER_REQUESTS="1/3600")
    _, guest = made.houses
    assert (await made.ask("nobody", LIST, **guest.headers())).status == 401
    await made.data("ada", STATES)
    refused = await made.ask("ada", LIST, **guest.headers())
    assert (refused.status, refused.codes) == (429, ["RATE_LIMITED"])
    assert (made.brought, len(made.streets)) == ([], 3)


async def test_what_is_no_graphql_opens_no_account(towns: Towns) -> None:
    made = towns()
    headers = {"X-Api-Key": "ada", **made.houses[1].headers()}
    for path in ("/metrics", "/schema.graphql", "/readyz", "/healthz"):
        assert (await made.client.get(path, headers=headers)).status_code == 200
    assert made.brought == []


# What is seen.


async def test_a_brought_key_sees_what_is_its_own_and_nothing_else(open_town: Town) -> None:
    home, guest = open_town.houses
    brought = guest.headers()
    mine = await open_town.data("ada", LIST)
    theirs = await open_town.data("ada", LIST, **brought)
    assert guest.calls == home.calls
    assert not emails(mine) & emails(theirs)
    open_town.forget()
    assert (await open_town.data("ada", LIST))["contacts"]["nodes"] == mine["contacts"]["nodes"]
    again = await open_town.data("ada", LIST, **brought)
    assert again["contacts"]["nodes"] == theirs["contacts"]["nodes"]
    assert {each["fromCache"] for each in again["contacts"]["sources"]} == {True}
    assert (home.calls, guest.calls, open_town.strangers) == ({}, {}, [])


async def test_ids_and_cursors_do_not_go_from_one_to_the_other(open_town: Town) -> None:
    brought = open_town.houses[1].headers()
    pages = [(await open_town.data("ada", LIST, **more))["contacts"] for more in ({}, brought)]
    open_town.forget()
    paged = "query ($after: String) { contacts(first: 30, after: $after) { nodes { id } } }"
    for page, other in zip(pages, (brought, {}), strict=True):
        found = await open_town.ask("ada", NODE, {"id": page["nodes"][0]["id"]}, **other)
        assert (found.data, found.codes) == ({"node": None}, ["BAD_USER_INPUT"])
        found = await open_town.ask("ada", paged, {"after": page["pageInfo"]["endCursor"]}, **other)
        assert found.codes == ["CURSOR_INVALID"]
    assert [house.calls for house in open_town.houses] == [{}, {}]


async def test_people_are_not_the_same_in_both(open_town: Town) -> None:
    brought = open_town.houses[1].headers()
    await open_town.data("ada", LIST, **brought)
    for account in ("default", *open_town.brought):
        await open_town.scan(account)
    paged = (
        "query ($after: String) { people(first: 5, after: $after) "
        "{ nodes { id emails } pageInfo { endCursor } } }"
    )
    one = "query ($by: PersonBy!) { person(by: $by) { id } }"
    pages = [(await open_town.data("ada", paged, **more))["people"] for more in ({}, brought)]
    for page, other in zip(pages, (brought, {}), strict=True):
        theirs = next(each for each in page["nodes"] if each["emails"])
        assert await open_town.data("ada", one, {"by": {"email": theirs["emails"][0]}}, **other) == {
            "person": None
        }
        found = await open_town.ask("ada", one, {"by": {"id": theirs["id"]}}, **other)
        assert (found.data, found.codes) == ({"person": None}, ["BAD_USER_INPUT"])
        found = await open_town.ask("ada", paged, {"after": page["pageInfo"]["endCursor"]}, **other)
        assert found.codes == ["CURSOR_INVALID"]


async def test_calls_under_way_are_not_shared_between_them(open_town: Town) -> None:
    hold = asyncio.Event()
    boards = [house.board(Source.PACKAGEX) for house in open_town.houses]
    for board in boards:
        board.sleep = lambda _: hold.wait()
        board.fail(latency=1.0)
    brought = open_town.houses[1].headers()
    asked = [asyncio.create_task(open_town.data("ada", ONE, **more)) for more in ({}, brought)]
    await until(lambda: all(board.requests for board in boards))
    hold.set()
    mine, theirs = await asyncio.gather(*asked)
    assert mine != theirs


async def test_writes_events_and_idempotency_keys_are_apart(open_town: Town) -> None:
    home, guest = open_town.houses
    given = {"input": {**NEW["input"], "idempotencyKey": "order-17"}}
    made = [await open_town.data("ada", CREATE, given, **more) for more in ({}, guest.headers())]
    assert made[0]["createContact"]["contacts"][0]["id"] != made[1]["createContact"]["contacts"][0]["id"]
    assert [house.operations["createPerson"] for house in (home, guest)] == [1, 1]
    assert [await open_town.data("ada", CREATE, given, **more) for more in ({}, guest.headers())] == made
    assert [house.operations["createPerson"] for house in (home, guest)] == [1, 1]
    events = [(await open_town.data("ada", EVENTS, **more))["events"] for more in ({}, guest.headers())]
    assert [len(each["nodes"]) for each in events] == [1, 1]
    assert events[0] != events[1]


async def test_only_the_sources_whose_keys_are_brought_are_there(towns: Towns) -> None:
    made = towns()
    home, guest = made.houses
    brought = guest.headers(Source.PACKAGEX)
    states = (await made.data("ada", STATES, **brought))["sources"]
    assert [each["source"] for each in states if each["enabled"]] == ["PACKAGEX"]
    nodes = (await made.data("ada", LIST, **brought))["contacts"]["nodes"]
    assert {node["source"] for node in nodes} == {"PACKAGEX"}
    assert (home.calls, guest.calls) == ({}, {"PACKAGEX": 1})


async def test_a_key_that_opens_nothing_shows_nothing_of_the_configured_account(open_town: Town) -> None:
    await open_town.data("ada", LIST)
    wrong = {**open_town.houses[1].headers(), PACKAGEX: "key-7Jq2-of-nobody"}
    answer = await open_town.ask("ada", LIST, **wrong)
    assert {node["source"] for node in answer.data["contacts"]["nodes"]} == {"SAMESPACE", "SMART_SENDER"}
    assert {each["source"]: each["status"] for each in answer.data["contacts"]["sources"]}[
        "PACKAGEX"
    ] not in {
        "OK",
        "STALE",
    }
    assert "7Jq2" not in str(answer.body)


async def test_a_key_that_opens_nothing_does_not_show_in_the_probe(towns: Towns) -> None:
    made = towns(PACKAGEX_ATTEMPTS="1")
    await made.data("ada", ONE)
    for _ in range(6):
        await made.ask("ada", ONE, **{PACKAGEX: "key-7Jq2-of-nobody"})
    assert made.strangers
    found = (await made.client.get("/readyz")).json()["sources"]
    assert found["PACKAGEX"] == "UP"


async def test_rights_of_the_caller_hold_for_what_it_brings(towns: Towns) -> None:
    made = towns(GATEWAY_API_KEYS=";".join((entry("ada", "read:default:PACKAGEX"), entry("bob", "write"))))
    guest = made.houses[1]
    nodes = (await made.data("ada", LIST, **guest.headers()))["contacts"]["nodes"]
    assert {node["source"] for node in nodes} == {"PACKAGEX"}
    assert (await made.ask("ada", CREATE, NEW, **guest.headers())).status == 403
    assert (await made.ask("bob", LIST, **guest.headers())).status == 403
    assert guest.calls == {"PACKAGEX": 1}


async def test_the_same_key_brought_from_two_accounts_is_two(towns: Towns) -> None:
    names = ("home", "acme", "guest")
    behind = houses(*names)
    keys = ";".join((entry("ada"), entry("bob", "read:acme")))
    made = towns(names, GATEWAY_API_KEYS=keys, GATEWAY_ACCOUNTS=accounts(behind[1]), **CACHED)
    guest = made.houses[2]
    found = [
        (await made.data(who, LIST, **guest.headers()))["contacts"]["nodes"][0] for who in ("ada", "bob")
    ]
    assert found[0]["sourceId"] == found[1]["sourceId"]
    assert found[0]["id"] != found[1]["id"]
    assert len(made.brought) == 2
    assert guest.calls["PACKAGEX"] == 2


# How many, and for how long.


async def test_no_more_accounts_are_open_than_allowed(towns: Towns) -> None:
    made = towns(GATEWAY_CREDENTIAL_ACCOUNTS="2")
    wait = timed(made)
    for number in (1, 2, 1, 2):
        await made.ask("ada", ONE, **key(number))
    refused = await made.ask("ada", ONE, **key(3))
    assert (refused.status, refused.codes) == (503, ["OVERLOADED"])
    assert int(refused.headers["retry-after"]) == BUSY_SECONDS
    assert len(made.brought) == 2
    first, second = made.brought
    await made.data("ada", ONE)  # the caller's own account is not concerned
    wait(1.0)
    await made.ask("ada", ONE, **key(1))
    wait(BUSY_SECONDS)
    await made.ask("ada", ONE, **key(3))
    assert made.brought[0] == first  # the one used longer ago has gone
    assert second not in made.brought
    assert len(made.brought) == 2


async def test_nothing_is_left_of_accounts_that_were_closed(towns: Towns) -> None:
    made = towns(GATEWAY_CREDENTIAL_ACCOUNTS="2", **CACHED)
    wait = timed(made)
    gateway = made.gateway
    for number in range(30):
        made.houses[1].keys[Source.PACKAGEX] = key(number)[PACKAGEX]
        await made.data("ada", ONE, **key(number))
        await made.data("ada", CREATE, NEW, **key(number))
        wait(BUSY_SECONDS + 1)
    for held in (gateway.directories, gateway.crawlers, gateway.ledgers):
        assert len(held) == 3
    spaces = {place for place, _ in gateway.shelf._kept} | set(gateway.shelf._writes)
    assert {place.rpartition(":")[0] for place in spaces} <= {"default", *made.brought}
    assert len([street for street in made.streets if not street.closed]) == 3 + 2


async def test_an_account_that_nobody_uses_is_closed_and_its_index_forgotten(open_town: Town) -> None:
    wait = timed(open_town)
    brought = open_town.houses[1].headers()
    await open_town.data("ada", LIST, **brought)
    (account,) = open_town.brought
    for each in (account, "default"):
        await open_town.scan(each)
    store = open_town.gateway.accounts._parts.store
    connections = streets(open_town, account)
    wait(IDLE_SECONDS)
    await open_town.gateway.accounts.close_idle()
    assert open_town.brought == [account]
    wait(1.0)
    await open_town.gateway.accounts.close_idle()
    assert open_town.brought == []
    assert [street.closed for street in connections] == [True, True, True]
    assert await held(store, account) == 0
    assert await held(store, "default") > 20
    open_town.forget()
    again = await open_town.data("ada", LIST, **brought)
    assert open_town.brought == [account]
    assert not emails(again) & emails(await open_town.data("ada", LIST))


async def held(store: Any, account: str) -> int:
    """Contacts of an account in the index."""
    rows = store._writer.execute("SELECT count(*) FROM contact WHERE account = ?", (account,))
    return int(rows.fetchone()[0])


async def test_configured_accounts_are_never_closed(towns: Towns) -> None:
    made = towns()
    wait = timed(made)
    wait(100 * IDLE_SECONDS)
    await made.gateway.accounts.close_idle()
    assert list(made.gateway.directories) == ["default"]
    await made.data("ada", LIST)


async def test_what_a_killed_process_has_indexed_with_brought_keys_is_forgotten(towns: Towns) -> None:
    made = towns()
    await made.data("ada", LIST, **made.houses[1].headers())
    (account,) = made.brought
    for each in (account, "default"):
        await made.scan(each)
    store = made.gateway.accounts._parts.store
    assert await held(store, account) > 20
    await made.gateway.accounts.forget()  # as at a start
    assert await held(store, account) == 0
    assert await held(store, "default") > 20


# Races.


async def test_two_requests_that_bring_the_same_key_at_once_open_one_account(towns: Towns) -> None:
    made = towns()
    guest = made.houses[1]
    found = await asyncio.gather(*(made.data("ada", LIST, **guest.headers()) for _ in range(9)))
    assert len({str(each) for each in found}) == 1
    assert (len(made.brought), len(made.streets)) == (1, 6)


async def test_many_different_keys_at_once_do_not_exceed_the_bound(towns: Towns) -> None:
    made = towns(GATEWAY_CREDENTIAL_ACCOUNTS="3")
    answers = await asyncio.gather(*(made.ask("ada", ONE, **key(number)) for number in range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 3 + [503] * 17
    assert len(made.brought) == 3


@pytest.mark.parametrize("query", [ONE, CREATE])
async def test_an_account_is_not_closed_under_a_request(towns: Towns, query: str) -> None:
    made = towns(GATEWAY_CREDENTIAL_ACCOUNTS="1")
    wait = timed(made)
    guest = made.houses[1]
    hold = asyncio.Event()
    board = guest.board(Source.PACKAGEX)
    board.sleep = lambda _: hold.wait()
    board.fail(latency=1.0)
    asked = asyncio.create_task(made.data("ada", query, NEW, **guest.headers()))
    await until(lambda: board.requests)
    wait(2 * IDLE_SECONDS)
    await made.gateway.accounts.close_idle()
    assert (await made.ask("ada", ONE, **key(1))).codes == ["OVERLOADED"]
    hold.set()
    await asked
    wait(BUSY_SECONDS)  # it was used until just now
    assert (await made.ask("ada", ONE, **key(1))).codes == ["OVERLOADED"]
    wait(1.0)
    await made.ask("ada", ONE, **key(1))
    assert len(made.brought) == 1


async def test_an_account_that_is_asked_for_while_it_is_closed_is_opened_anew(towns: Towns) -> None:
    made = towns()
    wait = timed(made)
    brought = made.houses[1].headers()
    await made.data("ada", LIST, **brought)
    (account,) = made.brought
    closing, let_go = asyncio.Event(), asyncio.Event()
    slow = streets(made, account)[0]
    close = slow.aclose

    async def close_slowly() -> None:
        closing.set()
        await let_go.wait()
        await close()

    slow.aclose = close_slowly  # type: ignore[method-assign] - the transport, which is the tests' own
    wait(2 * IDLE_SECONDS)
    task = asyncio.create_task(made.gateway.accounts.close_idle())
    await closing.wait()
    asked = asyncio.create_task(made.data("ada", LIST, **brought))
    own = await made.data("ada", LIST)
    assert len(made.streets) == 6  # nothing is opened before the other has gone
    let_go.set()
    await task
    assert not emails(await asked) & emails(own)
    assert made.brought == [account]
    assert [street.closed for street in streets(made, account)] == [False, False, False]
    await made.scan(account)
    await made.data("ada", LIST, **brought)


async def test_an_account_that_is_used_while_others_are_closed_stays_open(towns: Towns) -> None:
    made = towns()
    wait = timed(made)
    for number in (1, 2):
        await made.ask("ada", ONE, **key(number))
    first, second = made.brought
    closing, let_go = asyncio.Event(), asyncio.Event()

    async def close_slowly() -> None:
        closing.set()
        await let_go.wait()

    streets(made, first)[0].aclose = close_slowly  # type: ignore[method-assign] - as above
    wait(2 * IDLE_SECONDS)
    task = asyncio.create_task(made.gateway.accounts.close_idle())
    await closing.wait()
    with made.gateway.accounts.at_work(second):
        let_go.set()
        await task
    assert made.brought == [second]


async def test_an_account_can_be_opened_while_what_replicas_share_is_away(
    towns: Towns, redis_server: RedisServer, redis_url: str
) -> None:
    made = towns(GATEWAY_STATE_URL=redis_url, **CACHED)
    replicas = made.gateway.replicas
    assert replicas is not None
    await replicas.state.probe()
    redis_server.stop()
    try:
        brought: House = made.houses[1]
        await made.data("ada", ONE)  # which learns that it has gone
        first = await made.data("ada", ONE, **brought.headers())
        assert made.gateway.shared_state() is False
        assert await made.data("ada", ONE, **brought.headers()) == first
    finally:
        redis_server.start()


# Whose it is.


async def test_other_keys_of_sources_give_a_caller_no_more_requests(towns: Towns) -> None:
    made = towns(GATEWAY_CALLER_REQUESTS="3/3600")
    statuses = [(await made.ask("ada", STATES, **key(number))).status for number in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert len(made.brought) == 3


async def test_callers_of_one_account_who_bring_the_same_key_share_an_account(towns: Towns) -> None:
    made = towns(GATEWAY_API_KEYS=";".join((entry("ada"), entry("bob"))), **CACHED)
    guest = made.houses[1]
    first = await made.data("ada", LIST, **guest.headers())
    made.forget()
    assert (await made.data("bob", LIST, **guest.headers()))["contacts"]["nodes"] == first["contacts"][
        "nodes"
    ]
    assert (guest.calls, len(made.brought)) == ({}, 1)


# With the index being filled all the time.


def scans() -> list[Any]:
    """The tasks that keep indexes fresh."""
    return [task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == "_for_ever"]


async def test_scans_of_an_account_end_with_it_and_leave_nothing_behind(
    towns: Towns, caplog: pytest.LogCaptureFixture
) -> None:
    made = towns(GATEWAY_CREDENTIAL_ACCOUNTS="2")
    wait = timed(made)
    store = made.gateway.accounts._parts.store
    crawling = asyncio.create_task(made.gateway.accounts.crawl())
    await until(
        lambda: store.scan("default", "PACKAGEX", "") and store.scan("default", "PACKAGEX", "").finished
    )
    seen: list[str] = []
    guest = made.houses[1]
    for number in range(10):
        guest.rekey(str(number))
        await made.data("ada", LIST, **guest.headers())
        seen.append(next(account for account in made.brought if account not in seen))
        await until(lambda: guest.operations.get("listContacts"))  # in the middle of its first scan
        guest.forget()
        wait(BUSY_SECONDS + 1)
    assert len(scans()) == 3 + 2 * 3
    wait(IDLE_SECONDS)
    await made.gateway.accounts.close_idle()
    assert len(scans()) == 3
    assert [await held(store, account) for account in seen] == [0] * 10
    assert await held(store, "default") > 0
    crawling.cancel()
    await asyncio.wait((crawling,))
    assert scans() == []
    assert "internal error" not in caplog.messages
