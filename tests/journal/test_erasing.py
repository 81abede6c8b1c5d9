"""Events of a person who is erased stay in their places, and say nothing any more."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest_asyncio

from gateway.journal.feed import Feed
from gateway.journal.journal import Journal, KeyedAs, Noted
from gateway.model.event import EventQuery, EventType, Happening
from gateway.model.source import Source
from gateway.shared.journal import RedisJournal
from gateway.shared.state import State, connect

AT = "2026-01-01T00:00:00.000Z"
ALL = EventQuery()


def updated(contact: str | None, name: str | None = "note", **payload: Any) -> Happening:
    return Happening(
        type=EventType.CONTACT_UPDATED,
        source=Source.PACKAGEX,
        contact=contact,
        name=name,
        payload=payload or {"fields": ["email"]},
    )


async def note(journal: Journal, *happenings: Happening, account: str = "default") -> list[int]:
    numbers: list[int] = await journal.note(account, "ada", AT, happenings, answer=list)
    return numbers


async def read(journal: Journal, query: EventQuery = ALL, step: int = 1000) -> list[Noted]:
    """All events, page by page."""
    found: list[Noted] = []
    while some := await journal.events("default", query, found[-1].number if found else 0, step):
        found += some
    return found


def emptied(events: list[Noted], *places: int) -> list[Noted]:
    return [
        replace(each, name=None, payload={}) if place in places else each for place, each in enumerate(events)
    ]


async def test_events_of_a_contact_are_emptied_where_they_stand(journal: Journal) -> None:
    numbers = await note(journal, updated("a"), updated("b"), updated("a", None), updated("c"), updated(None))
    before = await read(journal)
    assert await journal.erase_events("default", ["a", "c", "nobody"]) == 3
    after = await read(journal)
    assert after == emptied(before, 0, 2, 3)
    assert [each.number for each in after] == numbers
    for place, number in enumerate(numbers):
        assert await journal.event("default", number) == after[place]
    assert await read(journal, EventQuery(contact="a")) == [after[0], after[2]]
    assert await read(journal, EventQuery(contact="b")) == [before[1]]
    assert await journal.erase_events("default", []) == 0


async def test_events_that_name_a_contact_are_emptied_too(journal: Journal) -> None:
    await note(
        journal,
        Happening(type=EventType.CONTACTS_LINKED, payload={"contacts": ["a", "b"], "reason": "seen"}),
        Happening(type=EventType.CONTACTS_MERGED, contact="b", payload={"from": "a"}),
        Happening(type=EventType.CONTACTS_MERGED, contact="b", payload={"from": "c"}),
        Happening(type=EventType.CONTACTS_LINKED, payload={"contacts": ["b", "aa"]}),
        Happening(type=EventType.CONTACTS_UNLINKED, payload={"contacts": 2, "from": ["a"], "a": "a"}),
        Happening(type=EventType.CONTACTS_LINKED, payload={"contacts": []}),
    )
    before = await read(journal)
    assert await journal.erase_events("default", ["a"]) == 2
    assert await read(journal) == emptied(before, 0, 1)
    assert await read(journal, EventQuery(contact="b")) == emptied(before, 0, 1)[1:3]


async def test_what_is_empty_is_not_emptied_again(journal: Journal) -> None:
    await note(journal, updated("a"), Happening(type=EventType.CONTACT_DELETED, contact="a"))
    before = await read(journal)
    counts = await asyncio.gather(*(journal.erase_events("default", ["a"]) for _ in range(3)))
    assert sorted(counts) == [0, 0, 1]
    assert await read(journal) == emptied(before, 0)


async def test_only_events_of_the_account_are_emptied(journal: Journal) -> None:
    await note(journal, updated("a"))
    before = await read(journal)
    (number,) = await note(journal, updated("a"), account="acme")
    assert await journal.erase_events("acme", ["a"]) == 1
    assert await journal.erase_events("other", ["a"]) == 0
    assert await read(journal) == before
    assert await journal.latest("default") == before[0].number
    assert await journal.latest("acme") == number
    assert await journal.event("default", number) is None


async def test_the_newest_event_stays_the_newest(journal: Journal) -> None:
    numbers = await note(journal, updated("a"), updated("b"))
    assert await journal.erase_events("default", ["b"]) == 1
    assert await journal.latest("default") == numbers[-1]
    assert await journal.erase_events("default", ["a"]) == 1  # now all are empty
    assert await journal.latest("default") == numbers[-1]
    assert [each.number for each in await read(journal)] == numbers
    numbers += await note(journal, updated("b"))
    assert numbers == sorted(set(numbers))
    assert await journal.latest("default") == numbers[-1]
    assert [(each.number, bool(each.payload)) for each in await read(journal)] == [
        (numbers[0], False),
        (numbers[1], False),
        (numbers[2], True),
    ]


async def test_emptied_events_are_found_by_what_they_are(journal: Journal) -> None:
    await note(
        journal,
        updated("a"),
        Happening(type=EventType.MESSAGE_SENT, source=Source.SMART_SENDER, contact="a", payload={"x": 1}),
        updated("b"),
    )
    await journal.erase_events("default", ["a"])
    for query, contacts in (
        (EventQuery(types=(EventType.CONTACT_UPDATED,)), ["a", "b"]),
        (EventQuery(sources=(Source.SMART_SENDER,)), ["a"]),
        (EventQuery(contact="a", types=(EventType.CONTACT_UPDATED,)), ["a"]),
        (EventQuery(since=AT), ["a", "a", "b"]),
        (EventQuery(since="2027"), []),
    ):
        assert [each.contact for each in await read(journal, query)] == contacts


async def test_many_events_are_read_in_order_whatever_was_emptied(journal: Journal) -> None:
    contacts = [str(number % 7) for number in range(1203)]
    await note(journal, *(updated(each) for each in contacts))
    before = await read(journal)
    places: set[int] = set()
    for wanted in ("3", "0", "6"):
        erased = {place for place, contact in enumerate(contacts) if contact == wanted}
        assert await journal.erase_events("default", [wanted]) == len(erased)
        places |= erased
        expected = emptied(before, *places)
        for step in (1, 100, 500, 2000):
            few = EventQuery(contact=wanted) if step == 1 else ALL
            assert await read(journal, few, step) == [
                each for each in expected if few.contact in (None, each.contact)
            ]


async def test_a_contact_with_more_events_than_are_read_at_a_time(journal: Journal) -> None:
    await note(journal, *(updated("a") for _ in range(501)))
    before = await read(journal)
    assert await journal.erase_events("default", ["a"]) == 501
    await note(journal, updated("a"))
    after = await read(journal, EventQuery(contact="a"))
    assert after[:501] == emptied(before, *range(501))
    assert after[501].payload == {"fields": ["email"]}


# ---- those who follow


def follow(journal: Journal, feed: Feed, after: int | None) -> Any:
    async def found(number: int, count: int) -> list[Noted]:
        return await journal.events("default", ALL, number, count)

    return feed.follow("default", after, found)


async def take(following: Any, count: int) -> list[Noted]:
    async with asyncio.timeout(20):
        return [(await anext(following))[1] for _ in range(count)]


async def test_whoever_resumes_behind_or_before_an_emptied_event_misses_and_repeats_nothing(
    journal: Journal,
) -> None:
    feed = Feed(journal)
    numbers = await note(journal, updated("a"), updated("b"), updated("c"), updated("b"))
    following = follow(journal, feed, 0)
    told = await take(following, 2)
    await following.aclose()
    assert [each.number for each in told] == numbers[:2]
    await journal.erase_events("default", ["b"])
    for after in (told[-1].number, numbers[0], numbers[-1]):
        following = follow(journal, feed, after)
        left = [number for number in numbers if number > after]
        rest = await take(following, len(left))
        assert [each.number for each in rest] == left
        assert all(bool(each.payload) is (each.contact != "b") for each in rest)
        await following.aclose()


async def test_whoever_follows_while_the_newest_is_emptied_goes_on_with_the_next(journal: Journal) -> None:
    feed = Feed(journal)
    numbers = await note(journal, updated("a"), updated("b"))
    early = follow(journal, feed, 0)
    assert [each.number for each in await take(early, 2)] == numbers
    await journal.erase_events("default", ["b"])
    late = follow(journal, feed, await journal.latest("default"))
    waiting = [asyncio.ensure_future(take(each, 1)) for each in (early, late)]
    (number,) = await note(journal, updated("c"))
    for each in await asyncio.gather(*waiting):
        assert [event.number for event in each] == [number]
    await early.aclose()
    await late.aclose()


# ---- in Redis


@pytest_asyncio.fixture
async def state(redis_url: str) -> AsyncIterator[State]:
    """A Redis that is there."""
    found = State(connect(redis_url))
    await found.probe()
    yield found
    await found.aclose()


async def test_a_number_is_not_given_out_again_though_the_counter_is_lost(state: State) -> None:
    journal = RedisJournal(state)
    numbers = await note(journal, updated("a"), updated("b"))
    await journal.erase_events("default", ["a", "b"])
    await state.redis.delete("contacts-gateway:event")
    assert await note(journal, updated("c")) == [numbers[-1] + 1]
    assert [each.contact for each in await read(journal)] == ["a", "b", "c"]


async def test_nothing_of_what_was_erased_is_left_in_redis(state: State) -> None:
    journal = RedisJournal(state)
    await note(journal, updated("a", "a name", secret="a value"), updated("b"))
    await journal.erase_events("default", ["a"])
    entries = await state.redis.xrange("contacts-gateway:events:default")
    kept = await state.redis.zrange("contacts-gateway:emptied:default", 0, -1)
    assert (len(entries), len(kept)) == (1, 1)
    assert b"a name" not in kept[0]
    assert b"secret" not in kept[0]


async def test_whoever_reads_while_events_are_emptied_sees_each_of_them_once(state: State) -> None:
    journal = RedisJournal(state)
    numbers = await note(journal, *(updated(str(number % 3)) for number in range(600)))
    readers = [read(journal, step=200) for _ in range(6)]
    erasers = [journal.erase_events("default", [str(number)]) for number in range(3)]
    told = await asyncio.gather(*readers, *erasers)
    assert [[each.number for each in some] for some in told[:6]] == [numbers] * 6
    assert told[6:] == [200] * 3


async def test_values_of_contacts_leave_the_answers_that_are_kept(journal: Journal) -> None:
    """A repeat still gets its answer, but for what it told of them."""
    answers: dict[str, Any] = {
        "one": {"changes": [{"contact": "a", "before": "Ada"}], "outcomes": [{"targetId": "a"}]},
        "other": {"changes": [{"contact": "b", "before": "Bob"}]},
        "without": {"contacts": ["a"]},
    }
    places = {name: KeyedAs("default", "ada", "syncPerson", name) for name in (*answers, "open")}
    for name, place in places.items():
        assert await journal.claim(place, "mark", AT, "me", "2025-01-01T00:00:00.000Z") is None
        if name in answers:
            await journal.answered(place, answers[name])
    assert await journal.erase_answers("default", []) == 0
    assert await journal.erase_answers("default", ["a", "nobody"]) == 1
    answers["one"]["changes"] = []
    for name, place in places.items():
        held = await journal.claim(place, "mark", AT, "me", "2025-01-01T00:00:00.000Z")
        assert held is not None
        assert held.answer == answers.get(name)
