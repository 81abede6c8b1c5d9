"""What people say by hand of records counts before everything else, and can be taken back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import ids
from gateway.model.source import Source
from tests.conftest import Build
from tests.support import world as worlds
from tests.support.persons import (
    OF_CONTACT,
    PEOPLE,
    REASON,
    SAY,
    callers,
    events,
    everybody,
    key,
    members,
    person_of,
    said,
    say,
)
from tests.support.records import PX, SENDER
from tests.support.redis import RedisServer
from tests.support.world import World

BY_HAND = "LINKED_BY_HAND"
NODES = "query ($id: ID!) { contact(by: {id: $id}) { events(first: 50) { nodes { type actor payload } } } }"
AUDIT = "{ audit(first: 50) { nodes { action outcome code caller targets detail } } }"


@pytest.fixture
async def small(new_world: Build) -> World:
    world = new_world(16)
    await world.fill()
    return world


async def strangers(world: World, count: int = 2) -> list[str]:
    """Contacts that have nothing in common."""
    found = [sorted(each)[0] for each in sorted(await everybody(world), key=sorted) if len(each) == 1]
    return found[:count]


async def twins(world: World, count: int = 2) -> list[str]:
    """Contacts that their keys make one."""
    found = next(each for each in sorted(await everybody(world), key=sorted) if len(each) >= count)
    return sorted(found)[:count]


def by_hand(person: Any) -> list[tuple[str, str, str]]:
    return [
        (each["left"], each["right"], each["normalisedAs"])
        for member in person["members"]
        for each in member["reasons"]
        if each["rule"] == BY_HAND
    ]


# ---- joined and taken apart


async def test_records_that_are_linked_are_one_person_and_say_who_said_so_and_why(small: World) -> None:
    one, other = await strangers(small)
    before = await everybody(small)
    (person,) = await said(small, "linkContacts", [one, other])
    assert members(person) == {one, other}
    assert {each["confidence"] for each in person["members"]} == {1}
    why = f"anyone: {REASON}"
    assert sorted(by_hand(person)) == sorted([(one, other, why), (other, one, why)])
    assert await person_of(small, other) == person
    apart = await said(small, "unlinkContacts", [other, one])
    assert {members(each) for each in apart} == {frozenset([one]), frozenset([other])}
    assert await everybody(small) == before


async def test_records_that_keys_join_are_taken_apart_and_joined_again(small: World) -> None:
    one, other = await twins(small)
    before = await everybody(small)
    for verb in ("unlinkContacts", "neverSame"):
        people = await said(small, verb, [one, other])
        assert len(people) == 2
        assert not any(members(each) >= {one, other} for each in await everybody_of(small))
        await said(small, "linkContacts", [one, other])
        assert await everybody(small) == before


async def everybody_of(world: World) -> list[Any]:
    return [{"members": [{"contact": {"id": each}} for each in person]} for person in await everybody(world)]


async def test_what_is_linked_stays_so_when_the_keys_that_joined_it_change(small: World) -> None:
    one, other = await twins(small)
    await said(small, "neverSame", [one, other])
    (person,) = await said(small, "linkContacts", [one, other])
    assert by_hand(person)
    changed = {"email": "somebody.else@example.net", "phone": "+12025550188", "name": "Somebody Else"}
    assert (await small.write("updateContact", {"id": one, "contact": changed}))["userErrors"] == []
    assert {one, other} <= members(await person_of(small, one))


async def test_a_link_that_is_said_again_beside_what_was_forbidden_is_still_there(small: World) -> None:
    one, two, three = await strangers(small, 3)
    await said(small, "linkContacts", [two, three])
    await said(small, "neverSame", [one, three])
    for _ in range(2):
        (person,) = await said(small, "linkContacts", [one, two, three])
        assert members(person) == {one, two, three}
    people = await said(small, "unlinkContacts", [one, two])
    assert [members(each) for each in people] == [{one, two, three}]


@pytest.mark.parametrize("verb", ["linkContacts", "neverSame", "unlinkContacts"])
async def test_what_contradicts_other_statements_is_refused(small: World, verb: str) -> None:
    """Of three of which two are never one, or of a chain of links, nobody can tell which link is wrong."""
    one, two, three = await strangers(small, 3)
    await said(small, "linkContacts", [one, two])
    await said(small, "neverSame" if verb == "linkContacts" else "linkContacts", [one, three])
    before, told = await everybody(small), await events(small)
    payload = await say(small, verb, [two, three])
    assert [(each["code"], each["field"]) for each in payload["userErrors"]] == [("CONFLICT", ["contacts"])]
    assert (await everybody(small), await events(small)) == (before, told)
    await said(small, verb, [one, two, three])
    assert (frozenset([one, two, three]) in await everybody(small)) is (verb == "linkContacts")


async def test_what_is_not_joined_cannot_be_taken_apart(small: World) -> None:
    apart = await strangers(small)
    payload = await say(small, "unlinkContacts", apart)
    assert [each["code"] for each in payload["userErrors"]] == ["CONFLICT"]
    assert await events(small) == []


SHARE = "updateContacts"
VERBS = ("linkContacts", "unlinkContacts", "neverSame")
STEPS = st.lists(
    st.tuples(st.sampled_from((*VERBS, SHARE)), st.sets(st.integers(0, 7), min_size=2, max_size=4)),
    max_size=5,
)


@asynccontextmanager
async def told(steps: Any) -> AsyncIterator[tuple[World, list[str], set[frozenset[str]]]]:
    """A small world in which some things were said and shared, its contacts, and the pairs that are linked."""
    world = worlds.build(10)
    try:
        await world.fill()
        contacts = sorted(contact for person in await everybody(world) for contact in person)[:8]
        linked: set[frozenset[str]] = set()
        for verb, places in steps:
            some = [contacts[place] for place in places]
            if verb == SHARE:
                await world.write(verb, {"ids": some, "contact": {"email": "all@example.org"}})
                continue
            payload = await say(world, verb, some)
            people = await everybody(world)
            if payload["userErrors"]:
                assert payload["userErrors"][0]["code"] == "CONFLICT"
                continue
            pairs = set(map(frozenset, combinations(some, 2)))
            linked = linked | pairs if verb == "linkContacts" else linked - pairs
            if verb == "linkContacts":
                assert any(set(some) <= person for person in people)
            if verb == "neverSame":
                assert not any(pair <= person for pair in pairs for person in people)
        yield world, contacts, linked
    finally:
        await worlds.close(world)


@given(STEPS, st.sets(st.integers(0, 7), min_size=2, max_size=4))
async def test_what_is_joined_and_then_split_is_as_it_was(steps: Any, places: set[int]) -> None:
    async with told(steps) as (world, contacts, linked):
        some = [contacts[place] for place in places]
        if not linked & set(map(frozenset, combinations(some, 2))):
            before = await everybody(world)
            if not (await say(world, "linkContacts", some))["userErrors"]:
                assert any(set(some) <= person for person in await everybody(world))
                await said(world, "unlinkContacts", some)
            assert await everybody(world) == before


@given(STEPS, st.integers(0, 50))
async def test_what_is_split_and_then_joined_is_together_again(steps: Any, number: int) -> None:
    """Others may be told apart by it otherwise than before: what is said by hand counts before any key."""
    async with told(steps) as (world, _, _):
        several = sorted(sorted(person) for person in await everybody(world) if len(person) > 1)
        if several:
            person = several[number % len(several)]
            await said(world, "unlinkContacts", person)
            await said(world, "linkContacts", person)
            assert any(set(person) <= each for each in await everybody(world))


# ---- kept, told and shared


async def test_it_is_in_the_event_log_of_each_record_and_in_the_audit_trail(new_world: Build) -> None:
    world = new_world(13, GATEWAY_API_KEYS=callers(ada="read,write,admin"))
    await world.fill()
    world.headers = key("ada")
    some = await strangers(world, 3)
    await said(world, "linkContacts", some, "One")
    await said(world, "unlinkContacts", some, "Two")
    await said(world, "neverSame", some, "Three")
    expected = [
        ("CONTACTS_LINKED", "linkContacts", "One"),
        ("CONTACTS_UNLINKED", "unlinkContacts", "Two"),
        ("CONTACTS_UNLINKED", "neverSame", "Three"),
    ]
    for contact in some:
        nodes = (await world.data(NODES, {"id": contact}))["contact"]["events"]["nodes"]
        assert {each["actor"] for each in nodes} == {"ada"}
        assert [each["payload"]["contacts"] for each in nodes] == [some] * 3
        assert [(each["type"], each["payload"]["reason"]) for each in nodes] == [
            (type_, reason) for type_, _, reason in expected
        ]
    records = (await world.data(AUDIT))["audit"]["nodes"]
    assert [(each["action"], each["outcome"], each["caller"]) for each in reversed(records)] == [
        (verb, "APPLIED", "ada") for _, verb, _ in expected
    ]
    assert all(set(some) <= set(each["targets"]) for each in records)


async def test_it_outlives_the_process(new_world: Build, tmp_path: Path) -> None:
    first = worlds.build(13, GATEWAY_DATA_DIR=str(tmp_path))
    await first.scan()
    one, other, *_ = await strangers(first, 4)
    pair = await twins(first)
    await said(first, "linkContacts", [one, other])
    await said(first, "neverSame", pair)
    people, person = await everybody(first), await person_of(first, one)
    await worlds.close(first)
    second = new_world(GATEWAY_DATA_DIR=str(tmp_path), beside=first)
    assert await everybody(second) == people
    assert await person_of(second, one) == person
    await second.scan()
    await said(second, "unlinkContacts", [one, other])
    assert await everybody(second) == people - {frozenset([one, other])} | {
        frozenset([one]),
        frozenset([other]),
    }


async def pair_of(new_world: Build, url: str) -> list[World]:
    """Two replicas in front of the same sources."""
    settings = {"GATEWAY_STATE_URL": url, "GATEWAY_REPLICAS": "2"}
    one = new_world(13, **settings)
    both = [one, new_world(beside=one, **settings)]
    for each in both:
        await probe(each)
        await each.scan()
    return both


async def probe(world: World) -> None:
    assert world.gateway.replicas is not None
    await world.gateway.replicas.state.probe()


async def test_what_one_replica_is_told_all_know(new_world: Build, redis_url: str) -> None:
    both = await pair_of(new_world, redis_url)
    one, other = await strangers(both[0])
    pair = await twins(both[0])
    await said(both[0], "linkContacts", [one, other])
    await said(both[0], "neverSame", pair)
    assert await everybody(both[1]) == await everybody(both[0])
    assert by_hand(await person_of(both[1], one)) == by_hand(await person_of(both[0], one))
    await said(both[1], "unlinkContacts", [one, other])
    await said(both[1], "linkContacts", pair)
    assert await everybody(both[0]) == await everybody(both[1])
    assert members(await person_of(both[0], one)) == {one}


async def test_a_link_to_a_record_that_goes_counts_again_when_it_is_back(small: World) -> None:
    one, two = (each["id"] for each in await small.some(PX, 2))
    (three,) = (each["id"] for each in await small.some(SENDER))
    await said(small, "linkContacts", [one, two, three])
    before = await everybody(small)
    store = small.packagex._store
    number = store.serial(ids.decode(two).parts[-1])
    assert number is not None
    record = store.record(number)
    await small.write("deleteContacts", {"ids": [two]})
    assert two not in members(await person_of(small, one)) >= {one, three}
    payload = await say(small, "neverSame", [one, two])
    assert [(each["code"], each["field"]) for each in payload["userErrors"]] == [
        ("NOT_FOUND", ["contacts", "1"])
    ]
    store.put(number, record)
    await small.scan(PX)
    assert await everybody(small) == before


# ---- what is no such statement


async def refused(world: World, verb: str, contacts: list[str], reason: str = REASON) -> list[Any]:
    payload = await say(world, verb, contacts, reason)
    assert await events(world) == []
    return [(each["code"], each["field"]) for each in payload["userErrors"]]


@pytest.mark.parametrize("verb", VERBS)
async def test_too_few_too_many_and_blank_ones_are_refused(small: World, verb: str) -> None:
    everyone = [contact["id"] for source in Source for contact in await small.some(source, 7)]
    one, other = await strangers(small)
    assert len(everyone) == 21
    assert await refused(small, verb, []) == [("REQUIRED", ["contacts"])]
    assert await refused(small, verb, [one]) == [("REQUIRED", ["contacts"])]
    assert await refused(small, verb, [one, one]) == [("REQUIRED", ["contacts"])]
    assert await refused(small, verb, everyone) == [("TOO_LARGE", ["contacts"])]
    for reason in ("", " \t", "a\nb", "x" * 501):
        assert [field for _, field in await refused(small, verb, [one, other], reason)] == [["reason"]]


async def test_twenty_are_taken(small: World) -> None:
    some = sorted(contact for person in await everybody(small) for contact in person)[:20]
    (person,) = await said(small, "linkContacts", some)
    assert members(person) >= set(some)
    assert len(await said(small, "neverSame", some)) == 20


@pytest.mark.parametrize("verb", VERBS)
async def test_what_names_no_contact_of_this_account_is_refused(small: World, verb: str) -> None:
    (one,) = await strangers(small, 1)
    person = (await person_of(small, one))["id"]
    foreign = ids.encode("Contact", "other", "PACKAGEX", "", ids.decode(one).parts[-1])
    nobody = ids.encode("Contact", "default", "PACKAGEX", "", "contact_nobody")
    odd = ids.encode("Contact", "default", "SMART_SENDER", "", "x y")
    for wrong in (person, foreign, nobody, odd, "nonsense", ""):
        assert await refused(small, verb, [one, wrong]) == [("NOT_FOUND", ["contacts", "1"])]


# ---- callers who may see a part


@pytest.fixture
async def shared(new_world: Build) -> World:
    """A world with callers who are limited to sources, or to modules of them."""
    keys = callers(
        all="read,write",
        px="read,write::PACKAGEX,SMART_SENDER",
        space="read,write:::Companies",
        people="read,write:::Contacts",
    )
    world = new_world(16, GATEWAY_API_KEYS=keys, GATEWAY_IDENTITY_MODULES="*")
    await world.fill()
    world.headers = key("all")
    return world


async def modules(world: World) -> dict[str, str]:
    """A contact of Samespace by the name of its module, and one of PackageX."""
    names = ("Contacts", "Companies")
    found = await world.data(
        " ".join(
            f'{name}: contacts(first: 1, sources: [SAMESPACE], filter: {{module: {{name: "{name}"}}}}) '
            "{ nodes { id } }"
            for name in names
        ).join("{}")
    )
    (other,) = await world.some(PX)
    return {**{name: found[name]["nodes"][0]["id"] for name in names}, "PX": other["id"]}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("caller", "hidden"), [("px", "Contacts"), ("space", "Contacts"), ("people", "Companies")]
)
async def test_nobody_says_anything_of_what_they_may_not_see(
    shared: World, verb: str, caller: str, hidden: str
) -> None:
    known = await modules(shared)
    one, other = known["PX"], known[hidden]
    if verb == "unlinkContacts":
        await said(shared, "linkContacts", [one, other])
    before = await everybody(shared), await events(shared)
    named = ids.decode(other)
    missing = ids.encode("Contact", "default", named.source.value, named.parts[0], "6553f100e9fd6049d600ffff")  # type: ignore[union-attr]
    told = [await say(shared, verb, [one, each], headers=key(caller)) for each in (other, missing)]
    assert told[0] == told[1]  # nor do they learn whether it is there
    assert [(each["code"], each["field"]) for each in told[0]["userErrors"]] == [
        ("UNSUPPORTED", ["contacts", "1"])
    ]
    assert (await everybody(shared), await events(shared)) == before


@pytest.mark.parametrize(
    ("caller", "hidden"), [("px", "Contacts"), ("space", "Contacts"), ("people", "Companies")]
)
async def test_nobody_learns_of_links_to_what_they_may_not_see(
    shared: World, caller: str, hidden: str
) -> None:
    known = await modules(shared)
    one, two, other = known["PX"], (await shared.some(PX, 2))[1]["id"], known[hidden]
    before = await person_of(shared, one, headers=key(caller))
    await said(shared, "linkContacts", [one, other], "Secret one")
    assert await person_of(shared, one, headers=key(caller)) == before
    assert await events(shared, headers=key(caller)) == []
    answer = await shared.data(NODES, {"id": one}, headers=key(caller))
    assert answer["contact"]["events"]["nodes"] == []
    await said(shared, "linkContacts", [one, two, other], "Secret two")
    seen = await events(shared, headers=key(caller))
    assert [each["contactId"] for each in seen] == [one, two]
    assert {tuple(each["payload"]["contacts"]) for each in seen} == {(one, two)}
    person = await person_of(shared, two, headers=key(caller))
    assert {one, two} <= members(person)
    assert other not in str(person)


async def test_what_is_no_person_cannot_be_linked(small: World) -> None:
    known = await modules(small)
    payload = await say(small, "linkContacts", [known["PX"], known["Companies"]])
    assert [(each["code"], each["field"]) for each in payload["userErrors"]] == [
        ("UNSUPPORTED", ["contacts", "1"])
    ]


# ---- repeated, at once, and without the journal


async def test_a_repeat_with_the_same_key_says_nothing_again(small: World) -> None:
    pair = await twins(small)
    await said(small, "linkContacts", pair)
    for _ in range(2):  # without the key the second would keep them apart
        await said(small, "unlinkContacts", pair, headers={"Idempotency-Key": "k"})
    assert len(await events(small)) == 4
    assert any(set(pair) <= person for person in await everybody(small))
    answer = await small.ask(
        SAY % "unlinkContacts",
        {"input": {"contacts": pair, "reason": "Another"}},
        headers={"Idempotency-Key": "k"},
    )
    assert answer.codes == ["IDEMPOTENCY_CONFLICT"]


@pytest.mark.parametrize("first", ["unlinkContacts", "neverSame"])
async def test_of_two_who_speak_at_once_each_hears_the_other(small: World, first: str) -> None:
    pair = await twins(small)
    await said(small, "linkContacts", pair)
    verbs = [first, "neverSame" if first == "unlinkContacts" else "unlinkContacts"]
    await asyncio.gather(*(say(small, verb, pair) for verb in verbs))
    assert not any(set(pair) <= person for person in await everybody(small))


FULL = "CREATE TEMP TRIGGER full BEFORE INSERT ON statement_version BEGIN SELECT RAISE(ABORT, 'full'); END"
BROKEN = {
    "full in the middle": (FULL, "DROP TRIGGER full"),
    "read-only": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("verb", VERBS)
async def test_nothing_is_half_said_where_the_journal_cannot_be_written(
    small: World, verb: str, how: str
) -> None:
    pair = await strangers(small) if verb == "linkContacts" else await twins(small)
    before = await everybody(small), await events(small)
    given = {"input": {"contacts": pair, "reason": REASON}}
    headers = {"Idempotency-Key": "k"} if how != "read-only" else {}
    db = small.gateway.journal._db  # type: ignore[attr-defined]
    db.execute(BROKEN[how][0])
    for _ in range(2):
        answer = await small.ask(SAY % verb, given, headers=headers)
        assert (answer.codes, answer.data) == (["STATE_UNAVAILABLE"], {"it": None})
        assert (await everybody(small), await events(small)) == before
    db.execute(BROKEN[how][1])
    assert (await small.ask(SAY % verb, given, headers=headers)).errors == []
    assert await everybody(small) != before[0]


@pytest.mark.parametrize("verb", VERBS)
async def test_nothing_is_said_while_redis_is_away(
    new_world: Build, redis_server: RedisServer, redis_url: str, verb: str
) -> None:
    both = await pair_of(new_world, redis_url)
    pair = await strangers(both[0]) if verb == "linkContacts" else await twins(both[0])
    before = await everybody(both[0])
    redis_server.hold()
    try:
        answer = await both[0].ask(SAY % verb, {"input": {"contacts": pair, "reason": REASON}})
        assert (answer.codes, answer.data) == (["STATE_UNAVAILABLE"], {"it": None})
    finally:
        redis_server.go_on()
    for each in both:
        await probe(each)
        assert await everybody(each) == before
        assert await events(each) == []
    await said(both[1], verb, pair)
    assert await everybody(both[0]) != before


async def test_what_is_forbidden_is_joined_by_nobody_who_cannot_hear_of_it(
    new_world: Build, redis_server: RedisServer, redis_url: str
) -> None:
    """A replica that starts without Redis knows nobody; one that has heard of it before keeps to that, and
    writes to no person, of whom others may have said more since.
    """
    one, other = await pair_of(new_world, redis_url)
    pair = await twins(one)
    await said(one, "neverSame", pair)
    assert not any(set(pair) <= person for person in await everybody(other))
    person = (await person_of(other, pair[0]))["id"]
    redis_server.hold()
    try:
        late = new_world(beside=one, GATEWAY_STATE_URL=redis_url, GATEWAY_REPLICAS="2")
        await probe(late)
        await late.scan()
        for document, variables in ((PEOPLE, {}), (OF_CONTACT, {"id": pair[0]})):
            assert (await late.ask(document, variables)).codes == ["STATE_UNAVAILABLE"]
        await probe(other)
        assert not any(set(pair) <= each for each in await everybody(other))
        for field, given_ in WRITES.items():
            document = f"mutation ($input: {field[0].upper()}{field[1:]}Input!) {{ {field}(input: $input) {{ userErrors {{ code }} }} }}"
            answer = await other.ask(document, {"input": {"id": person, **given_}})
            assert (answer.codes, answer.data) == (["STATE_UNAVAILABLE"], {field: None})
    finally:
        redis_server.go_on()
    assert not {"updatePerson", "updateContact", "updateContacts"} & other.operations.keys()


WRITES: dict[str, dict[str, Any]] = {
    "updatePerson": {"contact": {"name": "Somebody Else"}},
    "syncPerson": {"fields": ["displayName"]},
    "erasePerson": {},
}
