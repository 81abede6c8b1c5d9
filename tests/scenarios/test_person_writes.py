"""A person is written as their records are: each has its own outcome, and nobody else is touched."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.model import ids
from gateway.model.source import Source
from gateway.model.text import e164, folded, same_email
from tests.conftest import Build
from tests.scenarios.test_changing import spent
from tests.support import world as worlds
from tests.support.persons import callers, events, everybody, key, members, person_of, said
from tests.support.records import PX, SENDER, SPACE
from tests.support.world import World

UPDATES = {SPACE: "updateContacts", PX: "updatePerson", SENDER: "updateContact"}
FIELDS = ("displayName", "firstName", "lastName", "email", "phone", "company", "address")
CONTACT = (
    "query ($id: ID!) { contact(by: {id: $id}) { source displayName firstName lastName email phone company raw "
    "address { formatted line2 } } }"
)
CHANGES = "changes { contact field before after }"
AUDIT = "{ audit(first: 50) { nodes { action outcome targets detail } } }"
NEW = {"lastName": "Byron", "email": "ada.byron@example.com"}


@pytest.fixture
async def small(new_world: Build) -> World:
    world = new_world(16)
    await world.fill()
    return world


async def of_three(world: World) -> Any:
    """A person with a record in each source."""
    for contact in await world.some(PX, 9):
        person = await person_of(world, contact["id"])
        if len(person["members"]) == 3:
            return person
    raise AssertionError("there is none")


def by_source(person: Any) -> dict[str, str]:
    return {each["contact"]["source"]: each["contact"]["id"] for each in person["members"]}


async def read(world: World, *contacts: str) -> dict[str, Any]:
    return {each: (await world.data(CONTACT, {"id": each}))["contact"] for each in contacts}


async def everything(world: World) -> dict[str, Any]:
    return await read(world, *(contact for person in await everybody(world) for contact in person))


def statuses(payload: Any) -> dict[str, str]:
    return {each["source"]: each["status"] for each in payload["outcomes"]}


def written(world: World) -> dict[str, int]:
    return {name: count for name, count in world.operations.items() if name in UPDATES.values()}


# ---- the same to every record


async def test_every_record_is_written_and_nobody_else(small: World) -> None:
    person = await of_three(small)
    before = await everything(small)
    payload = await small.write("updatePerson", {"id": person["id"], "contact": NEW}, "person { id emails }")
    assert sorted(each["targetId"] for each in payload["outcomes"]) == sorted(members(person))
    assert set(statuses(payload).values()) == {"APPLIED"}
    assert payload["person"]["id"] == person["id"]
    assert payload["person"]["emails"][0] == NEW["email"]
    after = await everything(small)
    assert {each for each in after if after[each] != before[each]} == members(person)
    for contact in members(person):
        assert (after[contact]["lastName"], after[contact]["email"]) == tuple(NEW.values())


@pytest.mark.parametrize("sources", [["PACKAGEX"], ["SAMESPACE", "SMART_SENDER"]])
async def test_records_of_the_named_sources_alone_are_written(small: World, sources: list[str]) -> None:
    person = await of_three(small)
    before = await everything(small)
    given = {"id": person["id"], "contact": {"firstName": "Zoë"}, "sources": sources}
    payload = await small.write("updatePerson", given)
    assert statuses(payload) == dict.fromkeys(sources, "APPLIED")
    after = await everything(small)
    assert {after[each]["source"] for each in after if after[each] != before[each]} == set(sources)


async def test_sources_without_a_record_are_complained_of(small: World) -> None:
    (contact,) = next(each for each in await everybody(small) if len(each) == 1)
    person = await person_of(small, contact)
    others = [each.value for each in Source if each.value not in by_source(person)]
    for sources in (others, []):
        given = {"id": person["id"], "contact": NEW, "sources": sources}
        payload = await small.write("updatePerson", given)
        assert [(each["code"], each["field"]) for each in payload["userErrors"]] == [
            ("NOT_FOUND", ["sources"])
        ]
    assert written(small) == {}


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"id": "nonsense"}, "NOT_FOUND", ["id"]),
        ({"id": ids.encode("Person", "default", "PACKAGEX", "contact_nobody")}, "NOT_FOUND", ["id"]),
        ({"id": ids.encode("Person", "other", "PACKAGEX", "contact_nobody")}, "NOT_FOUND", ["id"]),
        ({"contact": {}}, "REQUIRED", ["contact"]),
        ({"contact": {"email": "x"}}, "INVALID", ["contact", "email"]),
        (
            {"contact": {"properties": [{"key": "nothing", "value": "x"}]}},
            "NOT_FOUND",
            ["contact", "properties", "0", "key"],
        ),
    ],
)
async def test_bad_input_is_told_and_writes_nothing(small: World, given: Any, code: str, field: Any) -> None:
    person = await of_three(small)
    payload = await small.write("updatePerson", {"id": person["id"], "contact": NEW, **given})
    assert {(each["code"], *each["field"]) for each in payload["userErrors"]} == {(code, *field)}
    assert written(small) == {}
    assert await events(small) == []


# ---- sources in trouble


@pytest.mark.parametrize("source", Source)
async def test_what_one_source_does_is_told_for_its_record_alone(new_world: Build, source: Source) -> None:
    small = new_world(16, GATEWAY_INDEX_WAIT_SECONDS="0.01")  # nobody scans again after a doubt
    await small.fill()
    person = await of_three(small)
    fine = {each.value: "APPLIED" for each in Source if each is not source}
    given = {"id": person["id"], "contact": {"firstName": "Tony"}}  # nothing that joins them
    for fault, status in (
        ({"status": 500}, "UNCERTAIN"),
        ({"status": 422, "body": "{}"}, "REJECTED"),
        ({"reset": "headers", "after": True}, "UNCERTAIN"),
        ({"reset": "body", "after": True}, "UNCERTAIN"),
    ):
        small.boards[source].fail(UPDATES[source], times=1, **fault)
        assert statuses(await small.write("updatePerson", given)) == {**fine, source.value: status}
    small.transports[source].down = httpx.ConnectError
    assert statuses(await small.write("updatePerson", given)) == {**fine, source.value: "REJECTED"}


async def test_what_is_dropped_in_silence_and_what_has_no_place_is_told(small: World) -> None:
    person = await of_three(small)
    body = '{"state": true}'
    small.smartsender.switches.fail("updateContact", status=200, body=body, times=1)
    payload = await small.write("updatePerson", {"id": person["id"], "contact": {"lastName": "Dropped"}})
    assert statuses(payload) == {"PACKAGEX": "APPLIED", "SAMESPACE": "APPLIED", "SMART_SENDER": "REJECTED"}
    payload = await small.write("updatePerson", {"id": person["id"], "contact": {"company": "Lumen"}})
    assert statuses(payload)["PACKAGEX"] == "UNSUPPORTED"
    assert statuses(payload)["SAMESPACE"] == "APPLIED"
    given = {"company": "Lumen", "firstName": "Ada"}
    payload = await small.write("updatePerson", {"id": person["id"], "contact": given})
    assert statuses(payload)["PACKAGEX"] == "PARTIAL"


async def test_a_source_without_a_key_is_left_out(new_world: Build) -> None:
    world = new_world(16, off=(SENDER,))
    await world.fill()
    person = await person_of(world, (await world.some(PX))[0]["id"])
    payload = await world.write("updatePerson", {"id": person["id"], "contact": NEW})
    assert statuses(payload) == {"PACKAGEX": "APPLIED", "SAMESPACE": "APPLIED"}


async def test_records_beyond_the_budget_are_skipped(new_world: Build) -> None:
    world = new_world(60, **spent())
    await world.fill()
    talkers = [each["id"] for each in await world.some(SENDER, 15)]
    (person,) = await said(world, "linkContacts", talkers)
    payload = await world.write("updatePerson", {"id": person["id"], "contact": {"lastName": "Budget"}})
    of_sender = [each["status"] for each in payload["outcomes"] if each["source"] == SENDER]
    assert set(of_sender) == {"APPLIED", "SKIPPED"}
    assert of_sender.count("APPLIED") == world.operations["updateContact"]
    assert len(payload["outcomes"]) == len(members(person))


# ---- once


@pytest.mark.parametrize(
    ("field", "given", "other"),
    [
        ("updatePerson", {"contact": NEW}, {"contact": {"lastName": "Other"}}),
        ("syncPerson", {"fields": ["displayName"]}, {"fields": ["email"]}),
    ],
)
async def test_a_repeat_gets_the_first_answer_also_after_a_restart(
    new_world: Build, tmp_path: Path, field: str, given: Any, other: Any
) -> None:
    first = worlds.build(16, GATEWAY_DATA_DIR=str(tmp_path))
    await first.scan()
    person = await of_three(first)
    one = {"id": person["id"], "contact": {"name": "Noor Aldana"}, "sources": ["PACKAGEX"]}
    await first.write("updatePerson", one)
    first.forget()
    more = CHANGES if field == "syncPerson" else ""
    keyed = {"id": person["id"], "idempotencyKey": "k", **given}
    told = await first.write(field, keyed, more)
    sent = written(first)
    assert told["outcomes"]
    assert sent
    assert await first.write(field, keyed, more) == told
    document = f"mutation ($input: {field[0].upper()}{field[1:]}Input!) {{ {field}(input: $input) {{ outcomes {{ status }} }} }}"
    answer = await first.ask(document, {"input": {**keyed, **other}})
    assert answer.codes == ["IDEMPOTENCY_CONFLICT"]
    await worlds.close(first)
    second = new_world(GATEWAY_DATA_DIR=str(tmp_path), beside=first)
    assert await second.write(field, keyed, more) == told
    assert written(second) == sent


async def test_a_copy_that_was_cut_off_is_taken_up_where_it_was(new_world: Build, tmp_path: Path) -> None:
    """Two records of one module that lack different fields: both are written, and none twice."""
    first = new_world(16, GATEWAY_DATA_DIR=str(tmp_path))
    await first.scan()
    one, two, three = (each["id"] for each in await first.some(SPACE, 3))
    (person,) = await said(first, "linkContacts", [one, two, three])
    same = {"firstName": "Ada", "lastName": "Byron", "email": "ada@example.com", "company": "Lumen"}
    await first.write("updatePerson", {"id": person["id"], "contact": same})
    await first.write("updateContact", {"id": two, "contact": {"company": None}})
    await first.write("updateContact", {"id": three, "contact": {"email": None}})
    first.forget()
    gate = asyncio.Event()
    reached = asyncio.Event()

    async def wait(_: float) -> None:
        reached.set()
        await gate.wait()

    given = {"id": person["id"], "fields": ["email", "company"], "idempotencyKey": "k"}
    first.samespace.switches.sleep = wait
    first.samespace.switches.fail("getContacts", latency=1.0)  # the read-back after the first of both
    running = asyncio.create_task(first.write("syncPerson", given))
    await reached.wait()
    first.gateway._owner._file.close()  # type: ignore[union-attr]  # as when the process is killed
    first.samespace.switches.heal()
    second = new_world(GATEWAY_DATA_DIR=str(tmp_path), beside=first)
    await second.scan()
    payload = await second.write("syncPerson", given)
    assert payload["userErrors"] == []
    held = await read(second, one, two, three)
    assert {(each["email"], each["company"]) for each in held.values()} == {("ada@example.com", "Lumen")}
    assert written(second) == {"updateContacts": 1}
    gate.set()
    await asyncio.wait((running,))


# ---- copied between records


async def some_people(world: World) -> list[Any]:
    nodes = (
        await world.data(
            "{ people(first: 100) { nodes { id members { contact { id } } provenance { field chosen } } } }"
        )
    )["people"]["nodes"]
    return [each for each in nodes if len(each["members"]) > 1]


def same(field: str, value: Any) -> Any:
    """A value as far as it matters."""
    if value is None:
        return None
    if field == "email":
        return same_email(value)
    if field == "phone":
        return e164(value, "US")
    return folded(value["formatted"] if field == "address" else value)


NAMES = ("displayName", "firstName", "lastName")


@pytest.mark.parametrize("fields", [NAMES, *[(name,) for name in FIELDS], NAMES[:2], FIELDS])
async def test_a_dry_run_tells_just_what_then_changes(new_world: Build, fields: tuple[str, ...]) -> None:
    world = new_world(30)
    await world.fill()
    changed = 0
    for person in await some_people(world):
        shown = {each["field"] for each in person["provenance"] if each["chosen"] is not None}
        given = {"id": person["id"], "fields": [name for name in fields if name in shown]}
        if not given["fields"]:
            continue
        contacts = members(person)
        before = await read(world, *contacts)
        world.forget()
        tried = await world.write("syncPerson", {**given, "dryRun": True}, CHANGES)
        assert (tried["outcomes"], tried["userErrors"], written(world)) == ([], [], {})
        done = await world.write("syncPerson", given, CHANGES)
        assert done["changes"] == tried["changes"]
        assert {each["targetId"] for each in done["outcomes"]} == {
            each["contact"] for each in tried["changes"]
        }
        assert set(statuses(done).values()) <= {"APPLIED"}
        after = await read(world, *contacts)
        found = {
            (contact, name): (before[contact][name], after[contact][name])
            for contact in contacts
            for name in given["fields"]
            if before[contact][name] != after[contact][name]
        }
        said_ = {
            (each["contact"], each["field"]): (each["before"], each["after"]) for each in tried["changes"]
        }
        assert found.keys() == said_.keys()
        for (_, name), (old, new) in said_.items():
            assert same(name, old) != same(name, new)
        assert {at: same(at[1], new) for at, (_, new) in found.items()} == {
            at: same(at[1], new) for at, (_, new) in said_.items()
        }
        assert (await world.write("syncPerson", {**given, "dryRun": True}, CHANGES))["changes"] == []
        changed += len(said_)
    assert changed or fields in [("lastName",), ("email",), ("company",), ("address",)]
    assert {each["type"] for each in await events(world)} <= {"CONTACT_UPDATED"}


async def test_what_agrees_after_normalisation_is_left_alone(small: World) -> None:
    one, two = (each["id"] for each in await small.some(PX, 2))
    (person,) = await said(small, "linkContacts", [one, two])
    await small.write(
        "updateContact",
        {"id": one, "contact": {"name": "ZOË  Quux", "email": "A@B.example", "phone": "+12025550123"}},
    )
    await small.write(
        "updateContact",
        {"id": two, "contact": {"name": "Zoë Quux", "email": "a@b.example", "phone": "(202) 555-0123"}},
    )
    before = await read(small, one, two)
    fields = [*NAMES, "email", "phone"]
    payload = await small.write("syncPerson", {"id": person["id"], "fields": fields}, CHANGES)
    mine = [each for each in payload["changes"] if each["contact"] in (one, two)]
    assert mine == []
    assert await read(small, one, two) == before


@pytest.mark.parametrize("source", Source)
async def test_the_values_of_one_source_are_copied(small: World, source: Source) -> None:
    person = await of_three(small)
    own = by_source(person)
    for place, contact in enumerate(own.values()):
        given = {"firstName": f"Ada{place}", "lastName": "Quux", "phone": f"+1202555012{place}"}
        await small.write("updateContact", {"id": contact, "contact": given})
    given = {"id": person["id"], "fields": ["phone", "firstName"], "from": source.value}
    before = await read(small, own[source.value])
    payload = await small.write("syncPerson", given, CHANGES)
    assert statuses(payload) == {each.value: "APPLIED" for each in Source if each is not source}
    held = await read(small, *own.values())
    assert held[own[source.value]] == before[own[source.value]]
    assert len({(each["firstName"], e164(each["phone"], "US")) for each in held.values()}) == 1


async def test_an_address_is_copied_as_a_text_that_the_source_takes_apart(small: World) -> None:
    one, two = (each["id"] for each in await small.some(PX, 2))
    (person,) = await said(small, "linkContacts", [one, two])
    given = {"id": person["id"], "fields": ["address"]}
    payload = await small.write("syncPerson", given, CHANGES)
    (change,) = [each for each in payload["changes"] if each["contact"] in (one, two)]
    held = await read(small, one, two)
    assert held[one]["address"] == held[two]["address"]
    assert change["after"]["formatted"] == held[one]["address"]["formatted"]
    assert (await small.write("syncPerson", given, CHANGES))["changes"] == []


async def test_a_caller_writes_to_the_records_alone_that_they_may_see(new_world: Build) -> None:
    world = new_world(16, GATEWAY_API_KEYS=callers(all="read,write,raw", px="read,write::PACKAGEX"))
    await world.fill()
    world.headers = key("all")
    person = await of_three(world)
    before = await everything(world)
    mine = by_source(person)["PACKAGEX"]
    seen = await person_of(world, mine, headers=key("px"))
    payload = await world.write("updatePerson", {"id": seen["id"], "contact": NEW}, headers=key("px"))
    assert statuses(payload) == {"PACKAGEX": "APPLIED"}
    given = {"id": seen["id"], "fields": ["phone"], "from": "SMART_SENDER"}
    payload = await world.write("syncPerson", given, headers=key("px"))
    assert [each["code"] for each in payload["userErrors"]] == ["NOT_FOUND"]
    after = await everything(world)
    assert [each for each in after if after[each] != before[each]] == [mine]


async def test_a_source_without_a_value_or_a_record_copies_nothing(small: World) -> None:
    person = await of_three(small)
    payload = await small.write(
        "syncPerson", {"id": person["id"], "fields": ["email", "address"], "from": "SMART_SENDER"}, CHANGES
    )
    assert [(each["code"], each["field"]) for each in payload["userErrors"]] == [
        ("NOT_FOUND", ["fields", "1"])
    ]
    assert (payload["changes"], payload["outcomes"], written(small)) == ([], [], {})
    for fields, code in ((["nothing"], "INVALID"), (["email", "emails"], "INVALID"), ([], "REQUIRED")):
        payload = await small.write("syncPerson", {"id": person["id"], "fields": fields}, CHANGES)
        assert [each["code"] for each in payload["userErrors"]] == [code]


async def test_a_phone_is_copied_as_its_own_record_means_it(small: World) -> None:
    """A national number of a British record is no American one."""
    british = small.packagex._store.add(
        "person",
        "Ada Quux",
        1_900_000_000,
        phone="020 7946 0123",
        address={"formatted_address": "1 Mill Lane, London, GB", "country": "GB", "country_code": "GB"},
    )
    await small.scan(PX)
    del british
    one = (await small.data('{ contacts(search: "Ada Quux") { nodes { id phoneE164 } } }'))["contacts"][
        "nodes"
    ][0]
    assert one["phoneE164"] == "+442079460123"
    other = (await small.some(SENDER))[0]["id"]
    (person,) = await said(small, "linkContacts", [one["id"], other])
    given = {"id": person["id"], "fields": ["phone"], "from": "PACKAGEX"}
    payload = await small.write("syncPerson", given, CHANGES)
    assert {each["after"] for each in payload["changes"]} == {"+442079460123"}
    assert (await read(small, other))[other]["phone"] == "+442079460123"


async def test_what_cannot_be_copied_is_told_by_the_dry_run_too(small: World) -> None:
    small.packagex._store.add("person", "Ada Quux", 1_900_000_000, phone="ask reception")
    await small.scan(PX)
    one = (await small.data('{ contacts(search: "Ada Quux") { nodes { id } } }'))["contacts"]["nodes"][0][
        "id"
    ]
    other = (await small.some(SENDER))[0]["id"]
    (person,) = await said(small, "linkContacts", [one, other])
    given = {"id": person["id"], "fields": ["displayName", "phone"], "from": "PACKAGEX"}
    for dry in (True, False):
        payload = await small.write("syncPerson", {**given, "dryRun": dry}, CHANGES)
        assert [(each["code"], each["field"]) for each in payload["userErrors"]] == [
            ("INVALID", ["fields", "1"])
        ]
        assert (payload["changes"], payload["outcomes"], written(small)) == ([], [], {})


async def test_a_source_in_trouble_costs_its_own_copies_only(small: World) -> None:
    person = await of_three(small)
    small.smartsender.switches.fail("updateContact", status=422, body="{}")
    small.samespace.switches.fail("updateContacts", reset="headers", after=True)
    given = {"id": person["id"], "fields": ["displayName"], "from": "PACKAGEX"}
    await small.write(
        "updatePerson", {"id": person["id"], "contact": {"name": "Noor Aldana"}, "sources": ["PACKAGEX"]}
    )
    payload = await small.write("syncPerson", given, CHANGES)
    assert statuses(payload) == {"SAMESPACE": "UNCERTAIN", "SMART_SENDER": "REJECTED"}
    assert {each["contact"] for each in payload["changes"]} == {
        each["targetId"] for each in payload["outcomes"]
    }


# ---- told


async def test_events_and_audit_name_every_record(new_world: Build) -> None:
    world = new_world(16, GATEWAY_API_KEYS=callers(ada="read,write,admin"))
    await world.fill()
    world.headers = key("ada")
    person = await of_three(world)
    world.smartsender.switches.fail("updateContact", status=422, body="{}")
    given = {"firstName": "Tony", "lastName": person["displayName"].split()[1]}
    await world.write("updatePerson", {"id": person["id"], "contact": given})
    own = by_source(person)
    assert {each["contactId"]: each["type"] for each in await events(world)} == {
        own["PACKAGEX"]: "CONTACT_UPDATED",
        own["SAMESPACE"]: "CONTACT_UPDATED",
    }
    await world.write("syncPerson", {"id": person["id"], "fields": ["firstName"], "dryRun": True})
    world.smartsender.switches.heal()
    await world.write("syncPerson", {"id": person["id"], "fields": ["firstName"], "from": "PACKAGEX"})
    records = (await world.data(AUDIT))["audit"]["nodes"]
    assert [(each["action"], each["outcome"]) for each in reversed(records)] == [
        ("updatePerson", "PARTIAL"),
        ("syncPerson", "APPLIED"),
        ("syncPerson", "APPLIED"),
    ]
    assert [each["detail"].get("dryRun", False) for each in records] == [False, True, False]
    for record in records:
        assert {person["id"], *members(person)} <= set(record["targets"])
        assert "Tony" not in str(record)


@pytest.mark.parametrize("field", ["updatePerson", "syncPerson", "erasePerson"])
async def test_a_scan_in_the_middle_leaves_all_records_to_the_write(small: World, field: str) -> None:
    person = await of_three(small)
    given: dict[str, Any] = {"id": person["id"]}
    if field == "updatePerson":
        given["contact"] = NEW
    elif field == "syncPerson":
        await small.write(
            "updatePerson", {"id": person["id"], "contact": {"name": "Noor Aldana"}, "sources": ["PACKAGEX"]}
        )
        given |= {"fields": ["displayName"], "from": "PACKAGEX"}
    else:
        given["confirmation"] = (await small.write(field, given, "confirmation"))["confirmation"]
    before = len(await events(small))
    scanned = False
    inner = small.transports[SPACE]._inner

    class Slow(httpx.AsyncBaseTransport):
        """Delivers a change, and answers after scans of all sources have come and gone."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal scanned
            response = await inner.handle_async_request(request)
            if request.extensions["operation"] in {"updateContacts", "deleteContacts"}:
                scans = [asyncio.create_task(small.crawler.scan(source)) for source in Source]
                await asyncio.wait(scans)
                scanned = True
            return response

    small.transports[SPACE]._inner = Slow()  # type: ignore[assignment]
    await small.write(field, given)
    assert scanned
    for _ in range(2):
        await small.scan()
    told = (await events(small))[before:]
    assert {each["actor"] for each in told} == {"anyone"}
    of_contacts = [each["contactId"] for each in told if each["contactId"]]
    assert len(of_contacts) == len(set(of_contacts)) == (2 if field == "syncPerson" else 3)
