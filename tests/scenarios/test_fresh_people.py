"""People as fresh as their caller wants them, and as last seen where a source cannot tell of them now."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.model import ids
from gateway.model.source import Source
from tests.conftest import Build
from tests.server.test_rights import SETTINGS, by
from tests.support import world as worlds
from tests.support.people import EVERYBODY, LIVE, ask_for, people, person, records, together
from tests.support.records import PX, SENDER, SPACE, changed, deleted, made
from tests.support.world import Answer, World

NODE = "query ($id: ID!) { node(id: $id) { ... on Person { members { contact { id } } } } }"
OF_EACH = "{ contacts(first: 20) { nodes { id email person { id members { contact { id } } } } } }"


@asynccontextmanager
async def scanning(world: World) -> AsyncIterator[None]:
    """Read a source anew whenever somebody asks for that, as a gateway does that runs."""

    async def keep(source: Source) -> None:
        progress = world.crawler.progress[source]
        while True:
            await progress.due.wait()
            progress.due.clear()
            await asyncio.gather(world.crawler.scan(source), return_exceptions=True)

    tasks = [asyncio.create_task(keep(source)) for source in world.crawler.progress]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@pytest.fixture
async def live(new_world: Build) -> AsyncIterator[World]:
    """A world of one Ada, in PackageX, that is read anew when somebody wants that."""
    world = new_world(0, GATEWAY_INDEX_WAIT_SECONDS="20")
    made(world, PX, "Ada Quux", email="ada@example.com")
    await world.scan()
    async with scanning(world):
        yield world


def stale(answer: Answer) -> set[str]:
    """The sources of which an answer says that it tells their records as last seen."""
    assert {each["code"] for each in answer.warnings} <= {"STALE"}, answer.warnings
    return {each["source"] for each in answer.warnings}


# ---- what is new at a source


@pytest.mark.parametrize("source", Source)
async def test_who_is_new_at_a_source_is_found_by_e_mail_when_it_is_asked_itself(
    live: World, source: Source
) -> None:
    new = made(live, source, "Otto Byron", email="Otto.Byron@example.com")
    assert await person(live, email="otto.byron@example.com") is None
    assert live.calls == {}
    assert records(await person(live, headers=LIVE, email="otto.byron@EXAMPLE.com")) == [new]
    assert live.operations["listContacts" if source is not SENDER else "searchContacts"] >= 1
    live.forget()
    assert records(await person(live, email="otto.byron@example.com")) == [new]
    assert live.calls == {}


@pytest.mark.parametrize("header", ["no-cache", "max-age=0"])
async def test_sources_that_search_are_asked_once_and_others_are_read_anew(live: World, header: str) -> None:
    found = await person(live, headers={"Cache-Control": header}, email="ada@example.com")
    assert found is not None
    assert live.operations == {
        "listContacts": 1, "searchContacts": 1, "getModules": 1, "getContacts": 2,
    }  # fmt: skip


async def test_an_index_that_is_fresh_enough_costs_no_call(live: World) -> None:
    (ada,) = await people(live)
    for way in ({"email": "ada@example.com"}, {"id": ada["id"]}, {"contact": records(ada)[0]}):
        for header in ({}, {"Cache-Control": "max-age=600"}):
            assert await person(live, headers=header, **way) == ada
    assert live.calls == {}


@pytest.mark.parametrize("source", Source)
async def test_who_is_new_is_found_by_the_id_of_their_contact(live: World, source: Source) -> None:
    new = made(live, source, "Ada Quux", email="ADA@example.com")
    for headers in ({}, LIVE):
        found = await person(live, headers=headers, contact=new)
        assert len(records(found)) == 2
        assert new in records(found)


async def test_who_is_new_in_a_list_of_contacts_has_a_person(live: World) -> None:
    new = made(live, PX, "Ada Quux", email="ADA@example.com", phone="+12025550111")
    other = made(live, SENDER, "Ada Quux", phone="+12025550111")
    answer = await live.ask(OF_EACH)
    held = {node["id"]: node["person"] for node in answer.data["contacts"]["nodes"]}
    assert held[new] == held[other]
    assert len(held[new]["members"]) == len(held) == 3
    assert answer.warnings == []


async def test_who_is_new_is_found_by_phone_and_listed_when_sources_are_asked(live: World) -> None:
    new = made(live, SPACE, "Otto Byron", phone="2025550112")
    assert await person(live, phone="+12025550112") is None
    assert records(await person(live, headers=LIVE, phone="+12025550112")) == [new]
    newer = made(live, SENDER, "Grete Lind", email="grete@example.com")
    assert len(await people(live)) == 2
    assert frozenset([newer]) in together(await people(live, headers=LIVE))


@pytest.mark.parametrize("source", Source)
async def test_an_e_mail_that_was_changed_at_a_source_is_no_longer_its_contacts(
    live: World, source: Source
) -> None:
    contact = made(live, source, "Otto Byron", email="otto@example.com")
    assert await person(live, headers=LIVE, email="otto@example.com") is not None
    changed(live, contact, email="byron@example.com")
    assert records(await person(live, email="otto@example.com")) == [contact]  # as fresh as allowed
    assert await person(live, headers=LIVE, email="otto@example.com") is None
    assert records(await person(live, headers=LIVE, email="byron@example.com")) == [contact]


@pytest.mark.parametrize("source", Source)
async def test_who_was_deleted_at_a_source_is_gone_when_it_is_asked(live: World, source: Source) -> None:
    contact = made(live, source, "Otto Byron", email="otto@example.com")
    found = await person(live, headers=LIVE, email="otto@example.com")
    assert found is not None
    deleted(live, contact)
    for way in ({"id": found["id"]}, {"contact": contact}, {"email": "otto@example.com"}):
        assert await person(live, headers=LIVE, **way) is None


async def test_each_of_several_e_mails_is_looked_for(live: World) -> None:
    new = [made(live, PX, f"Otto {name}", email=f"{name}@example.com") for name in ("byron", "lind")]
    query = (
        '{ a: person(by: { email: "byron@example.com" }) { members { contact { id } } } '
        'b: person(by: { email: "lind@example.com" }) { members { contact { id } } } '
        "people { nodes { id } pageInfo { hasNextPage } sources { status } } }"
    )
    answer = await live.ask(query, headers=LIVE)
    assert (answer.errors, answer.warnings) == ([], [])
    assert [answer.data[name]["members"][0]["contact"]["id"] for name in "ab"] == new
    assert len(answer.data["people"]["nodes"]) == 3
    assert answer.data["people"]["pageInfo"]["hasNextPage"] is False
    assert {each["status"] for each in answer.data["people"]["sources"]} == {"OK"}


# ---- a source that is down


@pytest.fixture
async def three(new_world: Build) -> AsyncIterator[tuple[World, list[str]]]:
    """One Ada in each source."""
    world = new_world(0, GATEWAY_INDEX_WAIT_SECONDS="20")
    held = [made(world, source, "Ada Quux", email="ada@example.com") for source in Source]
    await world.scan()
    async with scanning(world):
        yield world, held


async def every_way(world: World, id_: str, contact: str, headers: dict[str, str]) -> dict[str, Answer]:
    """One person and everybody, asked for in each way."""
    ways = {"id": id_, "contact": contact, "email": "ada@example.com"}
    found = {name: await ask_for(world, headers=headers, **{name: text}) for name, text in ways.items()}
    found["node"] = await world.ask(NODE, {"id": id_}, headers=headers)
    found["people"] = await world.ask(EVERYBODY, {}, headers=headers)
    for field in ("drift", "identityConflicts"):
        found[field] = await world.ask(f"{{ {field} {{ nodes {{ id }} }} }}", headers=headers)
    return found


@pytest.mark.parametrize("source", Source)
async def test_a_source_that_is_down_gives_its_records_as_last_seen_and_says_so(
    three: tuple[World, list[str]], source: Source
) -> None:
    world, held = three
    (ada,) = await people(world)
    world.boards[source].fail(status=503)
    contact = next(each for each in held if ids.decode(each).source is not source)  # type: ignore[union-attr]
    for way, answer in (await every_way(world, ada["id"], contact, LIVE)).items():
        assert answer.errors == [], way
        assert stale(answer) == {source.value}, way
        found = answer.data.get("person") or answer.data.get("node")
        if found is not None:
            assert sorted(records(found)) == sorted(held)
        if way == "people":
            (found,) = answer.data["people"]["nodes"]
            assert found == ada | {"members": found["members"]}
            told = {each["source"]: each["status"] for each in answer.data["people"]["sources"]}
            assert told == {each.value: "STALE" if each is source else "OK" for each in Source}
    calm = await every_way(world, ada["id"], contact, {})
    assert all(stale(answer) == {source.value} for answer in calm.values())  # it is known to be down


async def test_when_everything_is_down_everybody_is_told_as_last_seen(
    three: tuple[World, list[str]],
) -> None:
    world, held = three
    (ada,) = await people(world)
    for source in Source:
        world.boards[source].fail(status=503)
    for way, answer in (await every_way(world, ada["id"], held[0], LIVE)).items():
        assert answer.errors == [], way
        assert stale(answer) == {each.value for each in Source}, way
    strict = await ask_for(world, headers={**LIVE, "X-Partial": "errors"}, id=ada["id"])
    assert set(strict.codes) == {"STALE"}


async def test_a_source_that_comes_back_is_believed_again(three: tuple[World, list[str]]) -> None:
    world, held = three
    world.boards[SENDER].fail(status=503)
    assert stale(await ask_for(world, headers=LIVE, contact=held[0])) == {"SMART_SENDER"}
    world.boards[SENDER].fail(status=None)
    changed(world, held[2], name="Ada Lovelace Quux")
    await world.scan(SENDER)
    found = await person(world, headers=LIVE, contact=held[0])
    assert found is not None
    assert found["displayName"] == "Ada Lovelace Quux"


@pytest.mark.parametrize("down", [tuple(Source), (SPACE,), (PX,), (SENDER,)])
async def test_where_the_first_scan_was_never_done_that_is_told(
    new_world: Build, down: tuple[Source, ...]
) -> None:
    world = new_world(0)
    held = [made(world, source, "Ada Quux", email="ada@example.com") for source in Source]
    for source in down:
        world.boards[source].fail(status=503)
    up = [each for each in Source if each not in down]
    await world.scan(*up) if up else None
    names = {each.value for each in down}
    answer = await ask_for(world, email="ada@example.com")
    assert (answer.errors, stale(answer)) == ([], names)
    assert len(records(answer.data["person"])) == len(up)
    everybody = await world.ask(EVERYBODY, {})
    assert everybody.errors == []
    page = everybody.data["people"]
    assert page["pageInfo"]["hasNextPage"] is True
    assert len(page["nodes"]) == (1 if up else 0)
    assert {each["source"] for each in page["sources"] if each["status"] != "OK"} == names
    assert {each["source"] for each in everybody.warnings} == names
    assert len(everybody.warnings) == len(names)
    assert held


async def test_a_first_scan_that_is_slow_is_waited_for_within_reason_only(new_world: Build) -> None:
    world = new_world(0, GATEWAY_INDEX_WAIT_SECONDS="0.01")
    made(world, SPACE, "Ada Quux", email="ada@example.com")
    await world.scan(PX, SENDER)
    answer = await ask_for(world, email="ada@example.com")
    assert (answer.data, answer.errors, stale(answer)) == ({"person": None}, [], {"SAMESPACE"})
    await world.scan(SPACE)
    assert await person(world, email="ada@example.com") is not None


async def test_a_source_without_a_key_is_as_if_it_were_not_there(new_world: Build) -> None:
    world = new_world(0, off=(PX,))
    held = [made(world, source, "Ada Quux", email="ada@example.com") for source in (SPACE, PX, SENDER)]
    await world.scan()
    assert together(await people(world)) == {frozenset([held[0], held[2]])}
    found = await person(world, email="ada@example.com")
    assert records(found) == [held[0], held[2]]
    refused = await ask_for(world, id=ids.encode("Person", "default", "PACKAGEX", "contact_0000"))
    assert refused.codes == ["CAPABILITY_UNSUPPORTED"]


async def test_after_a_restart_people_of_a_source_that_is_down_are_still_there(
    new_world: Build, tmp_path: Path
) -> None:
    """Which module holds people is known from the index too, and for callers of some modules as well."""
    before = worlds.build(0, GATEWAY_DATA_DIR=str(tmp_path), **SETTINGS)
    held = [made(before, source, "Ada Quux", email="ada@example.com") for source in Source]
    await before.scan()
    (ada,) = await people(before, headers=by())
    await worlds.close(before)
    after = new_world(beside=before, GATEWAY_DATA_DIR=str(tmp_path), **SETTINGS)
    for source in Source:
        after.boards[source].fail(status=503)
    for headers in (by(), by(modules=["Contacts"])):
        answer = await ask_for(after, id=ada["id"], headers=headers)
        assert (answer.errors, answer.data["person"]) == ([], ada)
    assert stale(await ask_for(after, id=ada["id"], headers={**by(), **LIVE})) == set(Source)
    nobody = await ask_for(after, id=ada["id"], headers=by(modules=["Companies"]))
    assert records(nobody.data["person"]) == []
    assert len(held) == 3


# ---- what it costs


async def test_people_of_a_list_cost_the_calls_of_the_list_only(world: World) -> None:
    bare: Any = await world.ask("{ contacts(first: 20) { nodes { id } } }")
    expected = dict(world.operations)
    world.forget()
    query = (
        "{ contacts(first: 20) { nodes { id person { id displayName emails provenance { conflicting } "
        "suggestions { score } members { reasons { rule } "
        'contact { displayName notes { text } properties { key value } property(key: "city") { value } raw '
        "person { id } } } } } } }"
    )
    answer = await world.ask(query)
    assert answer.errors == []
    assert len(answer.data["contacts"]["nodes"]) == 20
    assert world.operations == expected
    assert answer.calls == bare.calls == {"SAMESPACE": 1, "PACKAGEX": 1, "SMART_SENDER": 1}


@pytest.mark.parametrize(
    "query",
    [
        "people(first: 50) { nodes { displayName members { contact { displayName raw } } } }",
        "drift(first: 50) { nodes { provenance { candidates { value } } } }",
        "identityConflicts { nodes { contacts { displayName } } }",
        'people(first: 50, search: "an") { nodes { suggestions { contact { displayName } } } }',
    ],
)
async def test_a_fresh_index_answers_alone(world: World, query: str) -> None:
    answer = await world.ask(f"{{ {query} }}")
    assert (answer.errors, answer.calls, world.calls) == ([], {}, {})
    told = answer.body["extensions"]["cost"]["perSource"]
    assert set(told) <= {source.value for source in Source}


async def test_what_only_a_source_knows_of_a_record_is_read_for_it(world: World) -> None:
    (ada,) = (await people(world, 1, search="ana"))[:1]
    query = (
        "query ($id: ID!) { node(id: $id) { ... on Person { members { contact { id source "
        "groups(first: 5) { nodes { name } } } } } } }"
    )
    answer = await world.ask(query, {"id": ada["id"]})
    assert answer.errors == []
    asked = {each["contact"]["source"] for each in ada["members"]} - {"SAMESPACE"}  # which has no groups
    assert set(answer.calls) == asked
