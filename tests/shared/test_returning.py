"""What replicas share while Redis goes and comes back, and while its answers are lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from gateway.cache.shelf import Kept, MemoryShelf
from gateway.errors import StateUnavailable
from gateway.journal.journal import KeyedAs
from gateway.journal.owner import Owner
from gateway.model.audit import AuditEntry, AuditOutcome
from gateway.model.event import EventQuery, EventType, Happening
from gateway.model.source import Source
from gateway.setting import Rate, Secret
from gateway.shared import journal
from gateway.shared.replicas import Replicas, share
from gateway.shared.state import key
from tests.conftest import Build
from tests.support.link import Link, linked, once
from tests.support.redis import RedisServer
from tests.support.waiting import give_way
from tests.support.world import World

AT = "2026-01-01T00:00:00.000Z"
OLD = "2025-01-01T00:00:00.000Z"
PLACE = KeyedAs("default", "c", "f", "k")
SPACE = "default:PACKAGEX"
ENTRY = AuditEntry(caller="c", action="a", outcome=AuditOutcome.BEGUN)
UPDATE = "mutation ($input: UpdateContactInput!) { updateContact(input: $input) { outcome { status } } }"
Sharing = Callable[[str], Awaitable[Replicas]]


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[Link]:
    async with linked(redis_url) as made:
        yield made


@pytest.fixture
async def sharing() -> AsyncIterator[Sharing]:
    """Makes what one replica shares, without a gateway."""
    made: list[Replicas] = []

    async def build(url: str) -> Replicas:
        made.append(share(Secret(url), 2, Owner(None)))
        await made[-1].state.probe()
        return made[-1]

    yield build
    for each in made:
        await each.aclose()
        await each.own.aclose()


def shared(world: World) -> Replicas:
    assert world.gateway.replicas is not None
    return world.gateway.replicas


def away(replicas: Replicas) -> None:
    """As if Redis had not answered."""
    replicas.state.gone(OSError())


async def note(replicas: Replicas, contact: str) -> Any:
    """Tell of a contact; the numbers of the events."""
    happening = Happening(type=EventType.CONTACT_CREATED, source=Source.PACKAGEX, contact=contact, payload={})
    return await replicas.journal.note("default", "c", AT, [happening], answer=list)


async def noted(replicas: Replicas) -> list[str | None]:
    """The contacts that were told of."""
    return [each.contact for each in await replicas.journal.events("default", EventQuery(), 0, 10)]


# What is told while Redis comes back.


async def test_what_is_told_in_the_moment_in_which_redis_comes_back_is_told(
    sharing: Sharing, redis_url: str
) -> None:
    one = await sharing(redis_url)
    numbers: list[Any] = []
    away(one)

    async def meanwhile() -> bool:
        """A write ends while what else has to be caught up with is still under way."""
        if numbers:
            return False
        numbers.append(await note(one, "a"))
        return True

    one.state.catching_up.append(meanwhile)
    await one.state.probe()
    assert one.state.here
    assert (await note(one, "b"), await noted(one)) == ([2], ["a", "b"])


async def test_what_is_told_all_the_time_does_not_keep_redis_away(new_world: Build, redis_url: str) -> None:
    limits = dict.fromkeys((f"{source}_RATE_LIMIT" for source in Source), "60/60")
    one = shared(new_world(GATEWAY_STATE_URL=redis_url, **limits))
    await one.state.probe()
    away(one)
    probing = asyncio.create_task(one.state.probe())
    while not probing.done():
        await one.journal.open_audit("t", "default", "me", AT, ENTRY)
        await give_way()
    assert one.state.here
    assert await note(one, "a") == [1]


async def test_what_was_written_in_that_moment_is_not_answered_as_before(
    sharing: Sharing, redis_url: str
) -> None:
    one, other = await sharing(redis_url), await sharing(redis_url)
    shelves = [each.shelf(MemoryShelf(10**6)) for each in (one, other)]
    for shelf in shelves:
        await shelf.get(SPACE, ["a"])
    away(one)
    done: list[bool] = []

    async def meanwhile() -> bool:
        """Another replica keeps an old answer, and then this one writes."""
        if done:
            return False
        mark, _ = await shelves[1].get(SPACE, ["a"])
        await shelves[1].put(SPACE, mark, {"a": Kept("old", 1.0)}, 60.0)
        await shelves[0].renew(SPACE)
        done.append(True)
        return True

    one.state.catching_up.append(meanwhile)
    await one.state.probe()
    assert [(await shelf.get(SPACE, ["a"]))[1] for shelf in shelves] == [[None], [None]]


async def test_what_is_sent_alone_while_the_count_is_caught_up_counts(
    sharing: Sharing, redis_url: str
) -> None:
    one = await sharing(redis_url)
    rate: Any = one.rate("S", Rate(100, 60.0))
    await one.state.probe()
    away(one)
    assert await rate.take(1, False) == 0.0
    hit, hits = rate.windows.hit, []

    async def slow(*args: Any, **named: Any) -> Any:
        hits.append(args)
        if len(hits) == 1:
            assert await rate.take(1, False) == 0.0
        return await hit(*args, **named)

    rate.windows.hit = slow
    for _ in range(2):
        await one.state.probe()
    stats = await rate.windows.get_window_stats(rate._item, "S")
    assert (100 - stats.remaining, rate.alone) == (2, 0)


async def test_calls_that_go_on_do_not_keep_redis_away(sharing: Sharing, redis_url: str) -> None:
    one = await sharing(redis_url)
    rate: Any = one.rate("S", Rate(1_000, 60.0))
    await one.state.probe()
    away(one)
    assert await rate.take(1, False) == 0.0
    hit = rate.windows.hit

    async def busy(*args: Any, **named: Any) -> Any:
        """A call goes out whenever Redis is told of others."""
        await rate.take(1, False)
        return await hit(*args, **named)

    rate.windows.hit = busy
    async with asyncio.timeout(5):
        await one.state.probe()
    assert one.state.here


async def test_a_process_that_ends_while_it_tells_loses_nothing(sharing: Sharing, redis_url: str) -> None:
    one = await sharing(redis_url)
    away(one)
    for name in "abcd":
        await note(one, name)
    await asyncio.gather(one.state.probe(), one.journal.aclose())
    assert await noted(one) == ["a", "b", "c", "d"]


async def test_where_too_much_waits_nothing_is_lost_beside_the_oldest(
    sharing: Sharing, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MOST_UNTOLD", 3)
    one = await sharing(redis_url)
    untold: Any = one.journal._untold
    away(one)
    for name in "abc":
        await note(one, name)
    first = untold[0]

    async def crowded(redis: Any) -> Any:
        """While it is told, it is crowded out by a fourth one."""
        await note(one, "d")
        return await first(redis)

    untold[0] = crowded
    await one.state.probe()
    assert await noted(one) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("here", [True, False])
async def test_whether_redis_is_there_is_told_from_the_start_on(
    new_world: Build, link: Link, caplog: pytest.LogCaptureFixture, here: bool
) -> None:
    one = new_world(GATEWAY_STATE_URL=link.url)
    if not here:
        await link.stop()
    with caplog.at_level("INFO", "gateway"):
        async with one.gateway.sharing():
            pass
    lines: list[Any] = [each for each in caplog.records if each.message == "shared state"]
    assert [(each.levelname, each.details["here"]) for each in lines] == [
        ("INFO" if here else "WARNING", here)
    ]


# What another replica has taken over.


async def test_a_replica_that_was_away_does_not_unsay_a_step_of_another(
    sharing: Sharing, link: Link, redis_url: str
) -> None:
    one, other = await sharing(link.url), await sharing(redis_url)
    assert await one.journal.claim(PLACE, "m", AT, one.owner.name, OLD) is None
    await link.stop()
    with pytest.raises(StateUnavailable):
        await one.journal.leaving(PLACE, "s", one.owner.name)
    held = await other.journal.claim(PLACE, "m", AT, other.owner.name, OLD)
    assert held is not None
    assert await other.journal.take_over(PLACE, other.owner.name, held.owner)
    assert await other.journal.leaving(PLACE, "s", other.owner.name)  # and it is on its way now
    await link.start()
    await one.state.probe()
    assert one.state.here
    assert "s" in await other.journal.steps(PLACE)


async def test_a_keyed_write_is_not_sent_twice_where_its_first_replica_was_away(
    new_world: Build, link: Link, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = new_world(GATEWAY_STATE_URL=link.url, GATEWAY_REPLICAS="2")
    other = new_world(beside=one, GATEWAY_STATE_URL=redis_url, GATEWAY_REPLICAS="2")
    for _ in range(4):
        for each in (one, other):
            await shared(each).state.probe()
    (contact,) = await one.some(Source.PACKAGEX)
    change = {"input": {"id": contact["id"], "contact": {"name": "Later"}, "idempotencyKey": "k"}}

    leaving = one.gateway.journal.leaving

    async def too_late(*args: Any) -> bool:
        """Redis goes after the write was begun, and before it is noted that it leaves."""
        await link.stop()
        return await leaving(*args)

    monkeypatch.setattr(one.gateway.journal, "leaving", too_late)
    assert (await one.ask(UPDATE, change)).codes == ["STATE_UNAVAILABLE"]
    assert "updatePerson" not in one.operations
    await shared(other).state.redis.delete(key("alive", shared(one).owner.name))  # as it does after a while
    assert (await other.data(UPDATE, change))["updateContact"]["outcome"]["status"] == "APPLIED"
    await link.start()
    await shared(one).state.probe()
    assert shared(one).state.here
    assert (await other.data(UPDATE, change))["updateContact"]["outcome"]["status"] == "APPLIED"
    assert one.operations["updatePerson"] == 1


async def test_a_replica_that_has_ended_does_not_say_that_it_lives(sharing: Sharing, redis_url: str) -> None:
    one, other = await sharing(redis_url), await sharing(redis_url)
    await one.owner.aclose()
    await one.state.probe()  # they go on until everything is closed
    assert not await other.state.redis.exists(key("alive", one.owner.name))


# Redis is well, but an answer is lost.


async def test_a_note_whose_answer_is_lost_still_has_its_numbers(sharing: Sharing, link: Link) -> None:
    one = await sharing(link.url)
    link.loses = once(b"EXEC", b"XADD")
    assert await note(one, "a") == [1]
    assert await noted(one) == ["a"]


@pytest.mark.parametrize("keyed", [True, False])
async def test_a_write_whose_note_loses_its_answer_is_answered(
    new_world: Build, link: Link, keyed: bool
) -> None:
    one = new_world(GATEWAY_STATE_URL=link.url)
    await shared(one).state.probe()
    (contact,) = await one.some(Source.PACKAGEX)
    change = {"id": contact["id"], "contact": {"name": "Later"}, **({"idempotencyKey": "k"} if keyed else {})}
    link.loses = once(b"EXEC", b"XADD")
    answer = await one.data(UPDATE, {"input": change})
    assert answer["updateContact"]["outcome"]["status"] == "APPLIED"


async def test_a_confirmation_whose_answer_is_lost_is_good_and_is_good_once(
    sharing: Sharing, link: Link
) -> None:
    one = await sharing(link.url)
    await one.journal.hand_out("token", "default", "c", "b", "2099")
    link.loses = once(b"EXEC")
    assert await one.journal.redeem("token", "default", "c", "b", "2026", use=True)
    for use in (False, True):
        assert not await one.journal.redeem("token", "default", "c", "b", "2026", use=use)


@pytest.mark.parametrize("word", [b"EXEC", b"WATCH", b"HGETALL"])
async def test_a_claim_and_a_step_whose_answer_is_lost(sharing: Sharing, link: Link, word: bytes) -> None:
    one = await sharing(link.url)
    link.loses = once(word)
    try:
        held = await one.journal.claim(PLACE, "m", AT, one.owner.name, OLD)
        assert held is None or held.owner == one.owner.name
    except StateUnavailable:
        await one.state.probe()
        assert await one.journal.claim(PLACE, "m", AT, one.owner.name, OLD) is None
    link.loses = once(word)
    try:
        assert await one.journal.leaving(PLACE, "s", one.owner.name)
        assert await one.journal.steps(PLACE) == {"s": None}
    except StateUnavailable:
        await one.state.probe()
        assert await one.journal.steps(PLACE) == {}


async def test_a_transaction_that_is_held_up_gives_its_connection_back_and_opens_no_other(
    sharing: Sharing, redis_server: RedisServer, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await sharing(redis_url)
    pool: Any = one.state.redis.connection_pool
    opened, multi = [], journal._multi
    connect = pool.connection_class.connect

    async def counted(connection: Any) -> None:
        opened.append(connection)
        await connect(connection)

    def held(pipe: Any) -> None:
        redis_server.hold()
        opened.clear()
        multi(pipe)

    monkeypatch.setattr(journal, "_multi", held)
    monkeypatch.setattr(pool.connection_class, "connect", counted)
    try:
        with pytest.raises(StateUnavailable):
            await one.journal.claim(PLACE, "m", AT, "me", OLD)
    finally:
        redis_server.go_on()
    assert (opened, pool._in_use_connections) == ([], set())


async def test_who_goes_away_while_a_mark_is_set_leaves_no_old_answers(
    sharing: Sharing, redis_url: str
) -> None:
    one = await sharing(redis_url)
    shelf, pool = one.shelf(MemoryShelf(10**6)), one.state.redis.connection_pool
    mark, _ = await shelf.get(SPACE, ["a"])
    await shelf.put(SPACE, mark, {"a": Kept("old", 1.0)}, 60.0)
    await pool.disconnect()
    pool._available_connections.clear()  # as where all are in use: another one is opened
    others = asyncio.all_tasks()
    writing = asyncio.create_task(shelf.renew(SPACE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait(asyncio.all_tasks() - others)
    assert writing.cancelled()
    assert (await shelf.get(SPACE, ["a"]))[1] == [None]
