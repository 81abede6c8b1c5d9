"""What may have happened is not denied afterwards: by what is read, by a repeat, or by another outcome."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from gateway.journal.store import SqliteJournal
from gateway.model.source import Source
from gateway.upstreams.smartsender.emulator_limit import RateLimit
from tests.conftest import Build
from tests.support.waiting import until
from tests.support.world import World

ADA = {"firstName": "Ada", "lastName": "Quux", "email": "ada.quux@example.com"}
GET = "query ($id: ID!) { contact(by: {id: $id}) { lastName } }"


@pytest.mark.parametrize("source", Source)
async def test_an_uncertain_change_is_seen_by_whoever_looks(world: World, source: Source) -> None:
    operation = {"SAMESPACE": "updateContacts", "PACKAGEX": "updatePerson", "SMART_SENDER": "updateContact"}
    (contact,) = await world.some(source)
    world.boards[source].fail(operation[source.value], reset="headers", after=True, times=1)
    done = await world.write("updateContact", {"id": contact["id"], "contact": {"lastName": "Happened"}})
    assert done["outcome"]["status"] == "UNCERTAIN"
    assert (await world.data(GET, {"id": contact["id"]}))["contact"] == {"lastName": "Happened"}
    found = await world.data('{ contacts(filter: {lastName: "Happened"}) { nodes { id } } }')
    assert [node["id"] for node in found["contacts"]["nodes"]] == [contact["id"]]


async def test_an_uncertain_create_makes_the_index_stale_until_the_source_was_read_anew(world: World) -> None:
    world.samespace.switches.fail("createContact", reset="headers", after=True, times=1)
    given = {"targets": [{"source": "SAMESPACE"}], "contact": ADA}
    assert (await world.write("createContact", given))["outcomes"][0]["status"] == "UNCERTAIN"
    query = '{ contacts(filter: {email: "ada.quux@example.com"}, sources: [SAMESPACE]) { nodes { displayName } sources { status } } }'
    before = (await world.data(query))["contacts"]
    assert (before["nodes"], before["sources"]) == ([], [{"status": "STALE"}])
    await world.scan(Source.SAMESPACE)
    after = (await world.data(query))["contacts"]
    assert (after["nodes"], after["sources"]) == ([{"displayName": "Ada Quux"}], [{"status": "OK"}])


async def test_an_uncertain_deletion_is_looked_after(world: World) -> None:
    (contact,) = await world.some(Source.SAMESPACE)
    world.samespace.switches.fail("deleteContacts", reset="headers", after=True, times=1)
    done = await world.write("deleteContacts", {"ids": [contact["id"]]})
    assert done["outcomes"][0]["status"] == "UNCERTAIN"
    assert (await world.data(GET, {"id": contact["id"]}))["contact"] is None


@pytest.mark.parametrize(
    ("source", "reading", "field"),
    [
        (Source.SAMESPACE, "getProperties", "createContact"),
        (Source.SMART_SENDER, "getChannel", "createContact"),
        (Source.PACKAGEX, "getContact", "updateContact"),
    ],
)
async def test_a_read_that_fails_before_a_write_makes_nothing_uncertain(
    world: World, source: Source, reading: str, field: str
) -> None:
    channels = (await world.data("{ channels { nodes { id type } } }"))["channels"]["nodes"]
    channel = next(each["id"] for each in channels if each["type"] == "whatsapp")
    targets = {
        Source.SAMESPACE: {"source": "SAMESPACE"},
        Source.SMART_SENDER: {"source": "SMART_SENDER", "channel": channel, "identifier": "1"},
    }
    given: dict[str, Any] = {"targets": [targets.get(source)], "contact": ADA}
    if field == "updateContact":
        (contact,) = await world.some(source)
        given = {"id": contact["id"], "contact": {"firstName": "Half"}}
    for fault in ({"reset": "headers"}, {"status": 500}, {"status": 200, "body": "x"}):
        world.boards[source].fail(reading, **fault)
        done = await world.write(field, given)
        outcome = done["outcomes"][0] if "outcomes" in done else done["outcome"]
        assert outcome["status"] == "REJECTED", fault


async def test_one_of_many_that_is_gone_is_not_called_written(world: World) -> None:
    contacts = await world.some(Source.SAMESPACE, 3)
    store = world.samespace._account.modules[0].contacts
    store.remove(store.with_ids([contacts[0]["sourceId"]]))
    ids = [each["id"] for each in contacts]
    done = await world.write("updateContacts", {"ids": ids, "contact": {"lastName": "Here"}})
    assert [each["status"] for each in done["outcomes"]] == ["REJECTED", "APPLIED", "APPLIED"]
    assert done["outcomes"][0]["userErrors"][0]["field"] == ["ids", "0"]
    assert (await world.data(GET, {"id": ids[0]}))["contact"] is None


async def test_a_contact_that_the_source_does_not_know_leaves_the_index(world: World) -> None:
    (contact,) = await world.some(Source.PACKAGEX)
    world.packagex._store.remove(world.packagex._store.serial(contact["sourceId"]))
    done = await world.write("deleteContacts", {"ids": [contact["id"]]})
    assert [(each["code"], each["field"]) for each in done["outcomes"][0]["userErrors"]] == [
        ("NOT_FOUND", ["ids", "0"])
    ]
    found = await world.data(
        "{ contacts(first: 100, sources: [PACKAGEX], orderBy: {field: NAME}) { nodes { id } } }"
    )
    assert contact["id"] not in {node["id"] for node in found["contacts"]["nodes"]}


async def test_a_later_write_is_not_undone_by_what_an_earlier_one_has_read(world: World) -> None:
    (person,) = await world.some(Source.PACKAGEX)
    (contact,) = await world.some(Source.SAMESPACE)
    gate = asyncio.Event()
    world.packagex.switches.sleep = lambda _: gate.wait()
    world.packagex.switches.fail("updatePerson", latency=1.0)
    given = {"ids": [contact["id"], person["id"]], "contact": {"lastName": "Bulk"}}
    bulk = asyncio.create_task(world.write("updateContacts", given))
    await until(lambda: world.operations.get("updatePerson") and world.operations.get("getContacts"))
    await world.write("updateContact", {"id": contact["id"], "contact": {"lastName": "Single"}})
    gate.set()
    await bulk
    assert (await world.data(GET, {"id": contact["id"]}))["contact"] == {"lastName": "Single"}


# Groups and labels of which a part was carried out.


async def test_a_name_that_was_written_is_not_denied_when_the_members_fail(world: World) -> None:
    ids = [each["id"] for each in await world.some(Source.PACKAGEX, 3)]
    made = await world.write("createGroup", {"name": "Harbor", "members": ids[:1]}, "group { id }")
    group = made["group"]["id"]
    written = 0

    def on(request: httpx.Request) -> None:
        nonlocal written
        if request.extensions["operation"] == "updateGroup":
            written += 1
            if written == 2:
                raise httpx.ConnectError("down", request=request)
            serial = world.packagex._store.serial(request.url.path.rpartition("/")[2])
            asyncio.get_running_loop().call_soon(reset, serial)

    def reset(serial: int) -> None:
        world.packagex.switches.fail("getContact", latency=0.0)
        record = world.packagex._store.record(serial)
        lists = {"children": [], "primary": []}
        world.packagex._store.put(serial, record | {"group_contacts": lists, "name": "Renamed"})

    world.transports[Source.PACKAGEX].on = on
    done = await world.write("updateGroup", {"id": group, "name": "Renamed", "addMembers": ids[1:2]})
    assert done["outcome"]["status"] in {"PARTIAL", "APPLIED"}
    assert "name" in done["outcome"]["applied"]


async def test_members_that_may_be_in_make_a_creation_uncertain(world: World) -> None:
    (contact,) = await world.some(Source.PACKAGEX)
    world.packagex.switches.fail("updateGroup", reset="headers", after=True)
    done = await world.write("createGroup", {"name": "Harbor", "members": [contact["id"]]})
    assert (done["outcome"]["status"], done["outcome"]["ignored"]) == ("UNCERTAIN", [])
    assert "is not known" in done["outcome"]["message"]


async def test_a_tag_that_was_agreed_to_is_not_called_refused_when_it_cannot_be_read_back(
    world: World,
) -> None:
    (contact,) = await world.some(Source.SMART_SENDER)
    funnels = {"id": contact["id"], "subscribe": ["wsl2Vn6", "unheard"]}
    world.smartsender.switches.fail("getContact", status=500)
    done = await world.write("updateContactFunnels", funnels)
    assert (done["outcome"]["status"], done["outcome"]["ignored"]) == ("PARTIAL", ["subscribe.1"])


async def test_a_member_that_may_be_in_is_not_hidden_by_one_that_was_refused(world: World) -> None:
    people = await world.data(
        "{ contacts(sources: [SMART_SENDER], first: 50) { nodes { id groups { nodes { id } } } } }"
    )
    nodes = people["contacts"]["nodes"]
    group = next(each["id"] for node in nodes for each in node["groups"]["nodes"])
    new = [node["id"] for node in nodes if not node["groups"]["nodes"]][:2]
    faults = iter(({"status": 422, "body": "{}"}, {"reset": "headers", "after": True}))
    world.transports[Source.SMART_SENDER].on = lambda request: (
        world.smartsender.switches.fail("addContactGroup", **next(faults))
        if request.extensions["operation"] == "addContactGroup"
        else None
    )
    done = await world.write("updateGroup", {"id": group, "addMembers": new})
    assert done["outcome"]["status"] == "UNCERTAIN"


async def test_half_names_at_once_make_one_whole_name(world: World) -> None:
    (contact,) = await world.some(Source.PACKAGEX)
    await asyncio.gather(
        world.write("updateContact", {"id": contact["id"], "contact": {"firstName": "Aaa"}}),
        world.write("updateContact", {"id": contact["id"], "contact": {"lastName": "Bbb"}}),
    )
    shown = await world.data(
        "query ($id: ID!) { contact(by: {id: $id}) { displayName } }", {"id": contact["id"]}
    )
    assert shown["contact"]["displayName"] == "Aaa Bbb"


async def test_a_group_that_is_locked_for_too_long_costs_its_own_outcome_only(world: World) -> None:
    ids = [each["id"] for each in await world.some(Source.PACKAGEX, 3)]
    made = await world.write("createGroup", {"name": "Harbor"}, "group { id }")
    group = made["group"]["id"]
    gate = asyncio.Event()
    world.packagex.switches.sleep = lambda _: gate.wait()
    world.packagex.switches.fail("updateGroup", latency=1.0, times=1)
    first = asyncio.create_task(world.write("updateGroup", {"id": group, "addMembers": ids[:1]}))
    await until(lambda: world.operations.get("updateGroup"))
    document = "mutation ($a: CreateContactInput!, $b: UpdateGroupInput!) { a: createContact(input: $a) { outcomes { status } } b: updateGroup(input: $b) { outcome { status retryAfterSeconds } } }"
    given = {
        "a": {"targets": [{"source": "PACKAGEX"}], "contact": ADA},
        "b": {"id": group, "addMembers": ids[1:2]},
    }
    answer = await world.ask(document, given, headers={"x-deadline-ms": "300"})
    assert answer.data["a"]["outcomes"] == [{"status": "APPLIED"}]
    assert answer.data["b"]["outcome"]["status"] == "SKIPPED"
    assert answer.data["b"]["outcome"]["retryAfterSeconds"] > 0
    gate.set()
    assert (await first)["outcome"]["status"] == "APPLIED"


# What the gateway does wrong itself.


async def test_an_odd_answer_in_the_middle_of_a_write_has_an_outcome_and_hides_no_other(world: World) -> None:
    channels = (await world.data("{ channels { nodes { id type } } }"))["channels"]["nodes"]
    channel = next(each["id"] for each in channels if each["type"] == "whatsapp")
    targets = [
        {"source": "PACKAGEX"},
        {"source": "SMART_SENDER", "channel": channel, "identifier": "12025550999"},
    ]
    body = {"cursor": {"page": 1, "pages": 1}, "collection": [{"id": "abc"}, {"id": None}]}
    world.smartsender.switches.fail("searchContacts", status=200, body=json.dumps(body))
    done = await world.write("createContact", {"targets": targets, "contact": ADA})
    assert done["outcomes"][0]["status"] == "APPLIED"
    assert done["outcomes"][1]["status"] in {"PARTIAL", "UNCERTAIN"}


async def test_a_log_that_cannot_be_written_does_not_hide_what_was_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.gateway.journal._db.execute("DROP TABLE event")
    document = (
        "mutation ($input: CreateContactInput!) { createContact(input: $input) { outcomes { status } } }"
    )
    answer = await world.ask(document, {"input": {"targets": [{"source": "PACKAGEX"}], "contact": ADA}})
    assert answer.data["createContact"]["outcomes"] == [{"status": "APPLIED"}]
    assert "event log" in answer.warnings[0]["message"]


async def test_numbers_beyond_what_can_be_sent_are_refused(world: World) -> None:
    document = 'mutation { createContact(input: {targets: [{source: PACKAGEX}], contact: {name: "A", properties: [{key: "n", value: 123456789012345678901234567890}]}}) { userErrors { code } } }'
    assert (await world.data(document))["createContact"]["userErrors"] == [{"code": "INVALID"}]
    assert world.calls == {}


async def test_a_lock_of_smart_sender_is_not_made_longer_by_what_was_paid_for_before(
    new_world: Build,
) -> None:
    world = new_world(SMART_SENDER_RATE_LIMIT="180/60")
    await world.scan()
    (contact,) = await world.some(Source.SMART_SENDER)
    world.smartsender._limit = RateLimit(budget=3)
    world.smartsender.switches.rate_limits = True
    keys = [f"key{number}" for number in range(20)]
    done = await world.write("updateContactFunnels", {"id": contact["id"], "subscribe": keys})
    assert done["outcome"]["status"] in {"REJECTED", "SKIPPED"}
    assert world.smartsender.refused <= 1


# A keyed write that was carried out, and whose answer was not kept.

RESUMED: list[tuple[str, dict[str, Any], str, str]] = [
    ("deleteContacts", {"ids": ["@SAMESPACE", "@PACKAGEX", "@SMART_SENDER"]}, "deletedIds", "APPLIED"),
    ("mergeContacts", {"into": "@SMART_SENDER", "from": "@other"}, "contact { id }", "APPLIED"),
    ("createProperty", {"label": "Badge", "type": "TEXT"}, "property { label }", "APPLIED"),
    ("createGroup", {"name": "Harbor"}, "group { name }", "APPLIED"),
    ("sendMessage", {"contact": "@SMART_SENDER", "text": "Hello"}, "message { text }", "APPLIED"),
    ("triggerEvent", {"contact": "@SMART_SENDER", "name": "InvoicePaid"}, "event { name }", "APPLIED"),
    ("updateContact", {"id": "@SAMESPACE", "contact": {"lastName": "X"}}, "contact { lastName }", "APPLIED"),
]


@pytest.mark.parametrize(("field", "given", "more", "status"), RESUMED, ids=[each[0] for each in RESUMED])
async def test_a_repeat_after_a_crash_answers_what_was_done_and_does_it_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch, field: str, given: dict[str, Any], more: str, status: str
) -> None:
    names = {f"@{source.value}": (await world.some(source))[0]["id"] for source in Source}
    names["@other"] = (await world.some(Source.SMART_SENDER, 2))[1]["id"]
    filled = {
        name: [names.get(each, each) for each in value]
        if isinstance(value, list)
        else names.get(str(value), value)
        for name, value in given.items()
    }
    keyed = {**filled, "idempotencyKey": "k"}
    many = field in {"deleteContacts"}
    type_ = f"{field[0].upper()}{field[1:]}Input!"
    document = f"mutation ($input: {type_}) {{ {field}(input: $input) {{ {'outcomes' if many else 'outcome'} {{ status }} userErrors {{ code }} {more} }} }}"
    noted = SqliteJournal.note

    async def crash(*_: Any, **__: Any) -> Any:
        raise SystemError("killed")

    monkeypatch.setattr(SqliteJournal, "note", crash)
    assert (await world.ask(document, {"input": keyed})).codes == ["INTERNAL"]
    monkeypatch.setattr(SqliteJournal, "note", noted)
    writes = dict(world.operations)
    payload = (await world.data(document, {"input": keyed}))[field]
    outcomes = payload["outcomes"] if many else [payload["outcome"]]
    assert {each["status"] for each in outcomes} == {status}
    assert payload["userErrors"] == []
    assert list(payload.values())[-1]
    again = (await world.data(document, {"input": keyed}))[field]
    assert again["userErrors"] == []
    changed = {name for name, count in world.operations.items() if count != writes.get(name, 0)}
    assert all(name.startswith(("get", "list")) for name in changed)
    assert len((await world.data("{ events { nodes { id } } }"))["events"]["nodes"]) == len(outcomes)
