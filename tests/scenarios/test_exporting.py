"""Whoever asks for their data gets all of it that the caller may read, and what is missing is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.context import export
from gateway.model import ids
from gateway.model.source import Source
from tests.conftest import Build
from tests.scenarios.test_person_writes import by_source, of_three
from tests.support import world as worlds
from tests.support.persons import callers, key, members, person_of, said
from tests.support.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")  # tests that only read share one world

PX, SPACE, SENDER = Source.PACKAGEX, Source.SAMESPACE, Source.SMART_SENDER
EXPORT = "query ($id: ID!) { exportPerson(id: $id) }"
CONTACT = (
    "query ($id: ID!) { contact(by: {id: $id}) { raw groups { nodes { sourceId } } chat { id "
    "communications { id } messages(first: 100) { nodes { id text } } } events(first: 100) { nodes { type } } } }"
)
AUDIT = "{ audit(first: 50) { nodes { action outcome caller targets detail } } }"
CALLERS = callers(
    all="read,raw,write,admin",
    reader="read,write,admin",
    raw="raw",
    px="read,raw::PACKAGEX",
    space="read,raw,write:::Companies",
)


async def made(**settings: str) -> World:
    world = worlds.build(16, GATEWAY_API_KEYS=CALLERS, GATEWAY_IDENTITY_MODULES="*", **settings)
    await world.scan()
    world.headers = key("all")
    return world


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def held() -> AsyncIterator[World]:
    world = await made()
    yield world
    await worlds.close(world)


@pytest_asyncio.fixture(loop_scope="module")
async def own(new_world: Build) -> AsyncIterator[World]:
    """A world to change."""
    world = await made()
    yield world
    await worlds.close(world)


async def exported(world: World, person: str, **asking: Any) -> Any:
    return (await world.data(EXPORT, {"id": person}, **asking))["exportPerson"]


def by_contact(found: Any) -> dict[str, Any]:
    return {each["contact"]: each for each in found["records"]}


async def test_everything_that_sources_hold_is_in_it(own: World) -> None:
    person = await of_three(own)
    await own.write("updatePerson", {"id": person["id"], "contact": {"firstName": "Tony"}})
    found = await exported(own, person["id"])
    assert found["person"]["id"] == person["id"]
    assert found["exportedAt"]
    records = by_contact(found)
    assert records.keys() == members(person)
    for contact, record in records.items():
        shown = (await own.data(CONTACT, {"id": contact}))["contact"]
        assert record["missing"] == []
        assert record["record"] == shown["raw"]
        assert [each["sourceId"] for each in record["groups"]] == [
            each["sourceId"] for each in (shown["groups"] or {"nodes": []})["nodes"]
        ]
        assert [each["type"] for each in record["events"]] == ["CONTACT_UPDATED"]
        if record["source"] == SENDER:
            assert record["chat"]["id"] == shown["chat"]["id"]
            assert [each["id"] for each in record["chat"]["communications"]] == [
                each["id"] for each in shown["chat"]["communications"]
            ]
            texts = [each["text"] for each in shown["chat"]["messages"]["nodes"]]
            assert [each["text"] for each in record["messages"]] == texts
            assert len(texts) > 20  # more than a page of the source
        else:
            assert (record["chat"], record["messages"]) == (None, [])
    assert '"_' not in json.dumps(
        {**found, "records": [{**each, "record": None} for each in found["records"]]}
    )


async def test_it_is_read_from_the_sources_and_no_more_than_is_needed(held: World) -> None:
    person = await of_three(held)
    held.forget()
    await exported(held, person["id"])
    wanted = ("listContactGroups", "listContactMessages", "getContactChat")
    assert [held.operations[name] for name in wanted] == [1, 2, 1]
    assert held.calls == {"SAMESPACE": 1, "PACKAGEX": 2, "SMART_SENDER": 5}


async def test_nobody_is_exported_and_nothing_of_other_accounts(held: World) -> None:
    (contact,) = await held.some(PX)
    for account in ("default", "other"):
        text = ids.encode("Person", account, "PACKAGEX", "contact_nobody")
        answer = await held.ask(EXPORT, {"id": text})
        assert answer.data == {"exportPerson": None}
        assert answer.codes == ([] if account == "default" else ["BAD_USER_INPUT"])
    assert (await held.ask(EXPORT, {"id": contact["id"]})).codes == ["BAD_USER_INPUT"]


# ---- what is missing


async def test_a_source_that_is_down_is_told_and_costs_its_own_record_only(own: World) -> None:
    person = await of_three(own)
    own.transports[SENDER].down = httpx.ConnectError
    records = by_contact(await exported(own, person["id"]))
    for record in records.values():
        what = {each["what"] for each in record["missing"]}
        assert what == ({"record", "groups", "chat", "messages"} if record["source"] == SENDER else set())
        assert {each["code"] for each in record["missing"]} <= {"UPSTREAM_UNAVAILABLE"}
        assert record["record"]  # as the index has it


async def test_what_cannot_be_read_of_a_record_is_told(own: World) -> None:
    person = await of_three(own)
    own.smartsender.switches.fail("listContactMessages", reset="body")
    own.packagex.switches.fail("listContacts", status=503)
    records = {each["source"]: each for each in (await exported(own, person["id"]))["records"]}
    assert [each["what"] for each in records["SMART_SENDER"]["missing"]] == ["messages"]
    assert records["SMART_SENDER"]["chat"]
    assert [each["what"] for each in records["PACKAGEX"]["missing"]] == ["groups"]
    assert records["SAMESPACE"]["missing"] == []


async def test_a_list_that_is_too_long_is_cut_and_that_is_told(
    held: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await of_three(held)
    monkeypatch.setattr(export, "MOST", 25)
    (record,) = [each for each in (await exported(held, person["id"]))["records"] if each["source"] == SENDER]
    assert len(record["messages"]) == 25
    assert [(each["what"], each["code"]) for each in record["missing"]] == [("messages", "TOO_LARGE")]


@pytest.mark.parametrize("source", Source)
async def test_a_record_that_is_gone_at_its_source_is_told(own: World, source: Source) -> None:
    person = await of_three(own)
    elsewhere = worlds.build(beside=own)
    await elsewhere.scan()
    contact = by_source(person)[source.value]
    await elsewhere.write("deleteContacts", {"ids": [contact]})
    await worlds.close(elsewhere)
    record = by_contact(await exported(own, person["id"]))[contact]
    found = {each["what"]: each["code"] for each in record["missing"]}
    assert found["record"] == ("STALE" if source is SPACE else "NOT_FOUND")


# ---- who may


async def test_it_needs_the_scope_raw(held: World) -> None:
    person = await of_three(held)
    answer = await held.ask(EXPORT, {"id": person["id"]}, headers=key("reader"))
    assert (answer.status, answer.data, answer.codes) == (403, None, ["FORBIDDEN"])
    assert (await exported(held, person["id"], headers=key("raw")))["records"]


async def test_what_the_caller_may_not_see_is_not_in_it(own: World) -> None:
    person = await of_three(own)
    mine = by_source(person)
    other = (await own.some(PX, 9))[-1]["id"]
    await said(own, "linkContacts", [mine["PACKAGEX"], mine["SMART_SENDER"], other], "Secret")
    await said(own, "linkContacts", [mine["PACKAGEX"], mine["SMART_SENDER"]], "Secret")
    for name, sources in (("px", {"PACKAGEX"}), ("space", {"PACKAGEX", "SMART_SENDER"})):
        seen = await person_of(own, mine["PACKAGEX"], headers=key(name))
        found = await exported(own, seen["id"], headers=key(name))
        assert {each["source"] for each in found["records"]} == sources
        assert mine["SAMESPACE"] not in json.dumps(found)
        if name == "px":
            assert mine["SMART_SENDER"] not in json.dumps(found)
            of_mine = by_contact(found)[mine["PACKAGEX"]]["events"]
            assert [each["payload"]["contacts"] for each in of_mine] == [[mine["PACKAGEX"], other]]
    text = ids.encode("Person", "default", "SAMESPACE", ids.decode(mine["SAMESPACE"]).parts[-1])
    for name, codes in (("px", ["FORBIDDEN"]), ("space", [])):
        answer = await own.ask(EXPORT, {"id": text}, headers=key(name))
        assert (answer.data, answer.codes) == ({"exportPerson": None}, codes)


async def test_it_is_audited_with_its_records_and_no_value(own: World) -> None:
    person = await of_three(own)
    await exported(own, person["id"])
    own.transports[SENDER].down = httpx.ConnectError
    await exported(own, person["id"])
    records = (await own.data(AUDIT))["audit"]["nodes"]
    assert [(each["action"], each["outcome"], each["caller"]) for each in records] == [
        ("exportPerson", "PARTIAL", "all"),
        ("exportPerson", "APPLIED", "all"),
    ]
    for record in records:
        assert set(record["targets"]) == {person["id"], *members(person)}
        assert person["emails"][0] not in str(record)


async def test_each_of_two_that_are_asked_for_at_once_is_audited(own: World) -> None:
    person = await of_three(own)
    await asyncio.gather(*(exported(own, person["id"]) for _ in range(3)))
    assert len((await own.data(AUDIT))["audit"]["nodes"]) == 3


async def test_what_cannot_be_audited_is_not_exported(own: World) -> None:
    person = await of_three(own)
    db = own.gateway.journal._db  # type: ignore[attr-defined]
    db.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
    answer = await own.ask(EXPORT, {"id": person["id"]})
    assert (answer.data, answer.codes) == ({"exportPerson": None}, ["INTERNAL"])
