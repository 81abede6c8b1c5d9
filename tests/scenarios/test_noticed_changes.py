"""What is changed elsewhere becomes an event when a scan finds it: once, and never what the gateway wrote.

"Elsewhere" is another gateway in front of the same sources, which shares nothing with the first, or a hand in
an emulator.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway import noticing
from gateway.errors import UpstreamUnavailable
from gateway.index.rows import instant
from gateway.model import ids
from gateway.model.audit import AuditEntry, AuditOutcome
from gateway.model.event import EventType, Happening
from gateway.model.source import Source
from tests.conftest import Build
from tests.server.test_rights import SETTINGS, by
from tests.support.houses import ALL_HEADERS, entry, environment, houses, town
from tests.support.world import World, build, close

EVENTS = "query ($after: String) { events(first: 100, after: $after) { nodes { type source contactId actor payload contact { id } } pageInfo { endCursor hasNextPage } } }"
PX, SPACE, SENDER = Source.PACKAGEX, Source.SAMESPACE, Source.SMART_SENDER
CHANGED = {"lastName": "Elsewhere"}
LATER = 1_900_000_000  # so that it comes at the end of a list


@pytest.fixture
async def world(new_world: Build) -> World:
    """A small one, as it is read again and again."""
    made = new_world(60)
    await made.fill()
    return made


@pytest.fixture
async def elsewhere(world: World, new_world: Build) -> World:
    """Another way to the sources of `world`."""
    other = new_world(beside=world)
    await other.scan()
    return other


async def told(world: World, **asking: Any) -> list[dict[str, Any]]:
    """All events, oldest first."""
    found: list[dict[str, Any]] = []
    page: Any = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
    while page["pageInfo"]["hasNextPage"]:
        after = page["pageInfo"]["endCursor"]
        page = (await world.data(EVENTS, {"after": after}, **asking))["events"]
        found += page["nodes"]
    return found


async def types(world: World) -> list[tuple[str, str | None]]:
    return [(each["type"], each["contactId"]) for each in await told(world)]


def rename(world: World, contact: dict[str, Any], name: str = "Renamed Elsewhere") -> None:
    """Change a PackageX contact without a call."""
    store = world.packagex._store
    serial = store.serial(contact["sourceId"])
    assert serial is not None
    store.put(serial, store.record(serial) | {"name": name})


def in_days(days: int) -> str:
    found = instant((datetime.now(UTC) + timedelta(days=days)).isoformat())
    assert found is not None
    return found


# ---- what is noticed


@pytest.mark.parametrize("source", Source)
async def test_a_change_becomes_an_event_with_its_fields_and_its_delay(
    world: World, elsewhere: World, source: Source
) -> None:
    (contact,) = await elsewhere.some(source)
    await elsewhere.write("updateContact", {"id": contact["id"], "contact": CHANGED})
    assert await told(world) == []
    await world.scan()
    (event,) = await told(world)
    assert (event["type"], event["source"], event["actor"]) == ("CONTACT_UPDATED", source.value, None)
    assert (event["contactId"], event["contact"]["id"]) == (contact["id"], contact["id"])
    assert event["payload"].keys() == {"noticed", "fields", "delaySeconds"}
    assert event["payload"]["noticed"] is True
    assert {"displayName", "lastName"} <= set(event["payload"]["fields"])
    assert "Elsewhere" not in str(event["payload"])
    assert 0 <= event["payload"]["delaySeconds"] < 3_600


@pytest.mark.parametrize("source", [PX, SPACE])
async def test_a_new_contact_becomes_an_event(world: World, elsewhere: World, source: Source) -> None:
    person = {"firstName": "Ada", "lastName": "Quux", "email": "ada.quux@example.com"}
    given = {"targets": [{"source": source.value}], "contact": person}
    (outcome,) = (await elsewhere.write("createContact", given))["outcomes"]
    await world.scan()
    (event,) = await told(world)
    assert (event["type"], event["contactId"]) == ("CONTACT_CREATED", outcome["contact"]["id"])
    assert {"displayName", "firstName", "lastName", "email"} <= set(event["payload"]["fields"])
    assert "company" not in event["payload"]["fields"]


@pytest.mark.parametrize("source", Source)
async def test_a_contact_that_is_gone_becomes_an_event(
    world: World, elsewhere: World, source: Source
) -> None:
    (contact,) = await elsewhere.some(source)
    await elsewhere.write("deleteContacts", {"ids": [contact["id"]]})
    await world.scan()
    (event,) = await told(world)
    assert (event["type"], event["contactId"], event["contact"]) == ("CONTACT_DELETED", contact["id"], None)
    assert event["payload"]["fields"] == []


async def test_what_is_as_it_was_is_no_event_and_a_change_is_one_once(world: World) -> None:
    (contact,) = await world.some(PX)
    await world.scan()
    assert await told(world) == []
    rename(world, contact)
    for _ in range(3):
        await world.scan()
    assert await types(world) == [("CONTACT_UPDATED", contact["id"])]


async def test_fields_are_told_and_another_order_time_or_signature_is_none(world: World) -> None:
    (contact,) = await world.some(SENDER)
    store = world.smartsender._store
    resident = store.find(int(contact["sourceId"]))
    assert resident is not None
    store.keep(resident)
    record = resident.record
    assert len(record["tags"]) > 1 or len(record["variables"]) > 1
    for change in (
        {"photo": "https://cdn.example.com/ada.png?signature=1"},
        {"photo": "https://cdn.example.com/ada.png?signature=2"},
        {"updatedAt": "2026-01-01 00:00:00"},
        {"tags": record["tags"][::-1], "variables": record["variables"][::-1]},
        {"tags": [*record["tags"], {"id": "t9", "name": "Elsewhere"}]},
    ):
        record.update(change)  # type: ignore[typeddict-item]
        await world.scan(SENDER)
    assert [each["payload"]["fields"] for each in await told(world)] == [["avatarUrl"], ["tags"]]


async def test_a_contact_tells_what_was_noticed_of_it(world: World, elsewhere: World) -> None:
    (contact,) = await world.some(PX)
    await elsewhere.write("updateContact", {"id": contact["id"], "contact": CHANGED})
    await world.scan(PX)
    query = "query ($id: ID!) { contact(by: {id: $id}) { events { nodes { type actor } } } }"
    found = await world.data(query, {"id": contact["id"]})
    assert found["contact"]["events"]["nodes"] == [{"type": "CONTACT_UPDATED", "actor": None}]


async def test_what_a_reader_met_first_is_noticed_by_the_next_scan_all_the_same(
    world: World, elsewhere: World
) -> None:
    (contact,) = await elsewhere.some(SPACE)
    await elsewhere.write("updateContact", {"id": contact["id"], "contact": CHANGED})
    query = "query ($id: ID!) { contact(by: {id: $id}) { lastName } }"
    seen = await world.data(query, {"id": contact["id"]}, headers={"Cache-Control": "no-cache"})
    assert seen["contact"] == CHANGED
    assert await told(world) == []
    await world.scan(SPACE)
    assert await types(world) == [("CONTACT_UPDATED", contact["id"])]


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        (None, 301),  # the whole time since it was last seen to be otherwise
        ("2026-01-01T00:04:00.000Z", 61),  # its source says when
        ("2025-12-31T23:59:59.000Z", 301),  # it had been seen since, so that is another change
        ("2026-01-01T00:05:01.000Z", 301),  # no clock of ours
    ],
)
def test_a_delay_is_the_longest_that_can_be_and_that_of_the_source_where_it_tells(
    at: str | None, seconds: int
) -> None:
    found = noticing.Difference(
        kind=EventType.CONTACT_UPDATED,
        id="a",
        contact="",
        state="",
        fields=(),
        since="2026-01-01T00:00:00.000Z",
        at=at,
    )
    assert found.delay("2026-01-01T00:05:00.500Z") == seconds


# ---- what is not


async def test_the_first_scan_of_a_source_is_silent(fresh: World) -> None:
    await fresh.scan()
    await fresh.scan()
    assert await told(fresh) == []


async def test_a_scan_that_fails_half_way_tells_nothing_and_the_next_one_does(world: World) -> None:
    first, *_ = people = await world.some(PX, 100)
    rename(world, first)
    store = world.packagex._store
    gone = store.serial(people[1]["sourceId"])
    assert gone is not None
    store.remove(gone)
    calls = 0

    def second(request: httpx.Request) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise httpx.ConnectError("down", request=request)

    for _ in range(150):  # so that there is a second page
        store.add("person", "Somebody New", LATER)
    world.transports[PX].on = second
    with pytest.raises(UpstreamUnavailable):
        await world.scan(PX)
    assert await told(world) == []
    world.transports[PX].on = lambda _: None
    await world.scan(PX)
    found = await types(world)
    assert ("CONTACT_UPDATED", first["id"]) in found
    assert ("CONTACT_DELETED", people[1]["id"]) in found
    assert len(found) == 152


async def test_with_the_setting_off_nothing_is_noticed_and_nothing_piles_up(new_world: Build) -> None:
    world = new_world(GATEWAY_NOTICE_CHANGES="false")
    await world.scan()
    (contact,) = await world.some(PX)
    rename(world, contact)
    await world.scan()
    assert await told(world) == []
    left = await world.directory.index.store.changes("default", "PACKAGEX", "", "", 9, gone=False)
    assert left == []


async def test_accounts_of_brought_keys_notice_nothing(new_world: Build) -> None:
    (house,) = houses("guest", people=20)
    made = town(
        [house], environment(house, GATEWAY_API_KEYS=entry("ada"), GATEWAY_CREDENTIAL_HEADERS=ALL_HEADERS)
    )
    name = await made.gateway.accounts.bring("default", {"PACKAGEX_API_KEY": house.keys[PX]})
    crawler = made.gateway.crawlers[name]
    await crawler.scan(PX)
    store = house.emulators[PX]._store
    serial = store.serials("person")[0]
    store.put(serial, store.record(serial) | {"name": "Renamed Elsewhere"})
    await crawler.scan(PX)
    assert await made.gateway.journal.latest(name) == 0
    await made.aclose()


# ---- what the gateway wrote itself


async def some_writes(world: World, source: Source) -> list[tuple[str, str]]:
    one, other = await world.some(source, 2)
    await world.write("updateContact", {"id": one["id"], "contact": {"lastName": "Byron"}})
    await world.write("deleteContacts", {"ids": [other["id"]]})
    return [("CONTACT_UPDATED", one["id"]), ("CONTACT_DELETED", other["id"])]


@pytest.mark.parametrize("source", Source)
async def test_own_writes_are_told_once(world: World, source: Source) -> None:
    expected: list[tuple[str, str | None]] = [*await some_writes(world, source)]
    if source is not SENDER:
        given = {"targets": [{"source": source.value}], "contact": {"firstName": "Ada", "lastName": "Quux"}}
        (outcome,) = (await world.write("createContact", given))["outcomes"]
        expected.append(("CONTACT_CREATED", outcome["contact"]["id"]))
    await world.scan()
    await world.scan()
    assert await types(world) == expected


async def test_tags_funnels_and_merges_are_told_once(world: World) -> None:
    one, other = await world.some(SENDER, 2)
    tags = "{ contacts(first: 50, sources: [SMART_SENDER]) { nodes { tags { id } } } }"
    nodes = (await world.data(tags))["contacts"]["nodes"]
    tag = next(tag["id"] for node in nodes for tag in node["tags"])
    await world.write("updateContactTags", {"id": one["id"], "add": [tag]})
    await world.write("mergeContacts", {"into": one["id"], "from": other["id"]})
    before = await types(world)
    await world.scan()
    assert await types(world) == before
    assert ("CONTACTS_MERGED", one["id"]) in before


@pytest.mark.parametrize("source", Source)
async def test_a_write_that_may_have_happened_is_told_by_the_scan_that_finds_it(
    world: World, source: Source
) -> None:
    operation = {"SAMESPACE": "updateContacts", "PACKAGEX": "updatePerson", "SMART_SENDER": "updateContact"}
    (contact,) = await world.some(source)
    world.boards[source].fail(operation[source.value], reset="headers", after=True, times=1)
    done = await world.write("updateContact", {"id": contact["id"], "contact": {"lastName": "Happened"}})
    assert done["outcome"]["status"] == "UNCERTAIN"
    assert await told(world) == []
    await world.scan()
    await world.scan()
    (event,) = await told(world)
    assert (event["type"], event["contactId"], event["actor"]) == ("CONTACT_UPDATED", contact["id"], None)


async def test_a_change_after_an_own_write_is_told_with_its_own_fields_also_one_that_takes_it_back(
    world: World, elsewhere: World
) -> None:
    one, other = await world.some(PX, 2)
    for each in (one, other):
        await world.write("updateContact", {"id": each["id"], "contact": {"lastName": "Byron"}})
    await elsewhere.write("updateContact", {"id": one["id"], "contact": {"email": "else@example.com"}})
    await elsewhere.write("updateContact", {"id": other["id"], "contact": {"name": other["displayName"]}})
    await world.scan(PX)
    noticed = {each["contactId"]: each["payload"] for each in await told(world) if each["actor"] is None}
    assert noticed.keys() == {one["id"], other["id"]}
    assert noticed[one["id"]]["fields"] == ["email"]
    assert "lastName" in noticed[other["id"]]["fields"]


async def test_a_scan_in_the_middle_of_a_write_leaves_it_to_the_write(world: World) -> None:
    (contact,) = await world.some(PX)
    scanning: list[asyncio.Task[int]] = []
    answered = asyncio.Event()
    inner = world.transports[PX]._inner

    class Slow(httpx.AsyncBaseTransport):
        """Delivers a change, and answers after a whole scan has come and gone."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await inner.handle_async_request(request)
            if request.extensions["operation"] == "updatePerson":
                scanning.append(asyncio.create_task(world.crawler.scan(PX)))
                await asyncio.wait(scanning)
                answered.set()
            return response

    world.transports[PX]._inner = Slow()  # type: ignore[assignment]
    await world.write("updateContact", {"id": contact["id"], "contact": {"lastName": "Byron"}})
    assert answered.is_set()
    await world.scan(PX)
    assert [(each["type"], each["actor"]) for each in await told(world)] == [("CONTACT_UPDATED", "anyone")]


async def test_a_scan_that_read_before_a_write_and_ends_after_it_does_not_tell_of_it(world: World) -> None:
    (contact,) = await world.some(PX)
    inner = world.transports[PX]._inner
    writing: list[asyncio.Task[Any]] = []

    class Slow(httpx.AsyncBaseTransport):
        """Reads a page, and hands it over after a write of what is on it."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await inner.handle_async_request(request)
            if request.extensions["operation"] == "listContacts" and not writing:
                given = {"id": contact["id"], "contact": {"lastName": "Byron"}}
                writing.append(asyncio.create_task(world.write("updateContact", given)))
                await asyncio.wait(writing)
            return response

    world.transports[PX]._inner = Slow()  # type: ignore[assignment]
    await world.scan(PX)
    assert writing
    await world.scan(PX)
    assert [(each["type"], each["actor"]) for each in await told(world)] == [("CONTACT_UPDATED", "anyone")]


async def test_a_creation_that_could_not_be_read_back_is_told_once(world: World) -> None:
    channels = await world.data("{ channels { nodes { id type } } }")
    channel = next(each["id"] for each in channels["channels"]["nodes"] if each["type"] == "whatsapp")
    world.smartsender.switches.fail("searchContacts", status=422)
    target = {"source": "SMART_SENDER", "channel": channel, "identifier": "12025550177"}
    given = {"targets": [target], "contact": {"firstName": "Ada", "phone": "+12025550177"}}
    (outcome,) = (await world.write("createContact", given))["outcomes"]
    assert outcome["contact"] is None
    for _ in range(2):
        await world.scan(SENDER)
    assert await types(world) == [("CONTACT_CREATED", None)]


@pytest.mark.parametrize("ended", [True, False])
async def test_what_a_write_under_way_may_have_done_waits_as_long_as_its_process_lives(
    world: World, *, ended: bool
) -> None:
    one, other = await world.some(PX, 2)
    owner = "nobody-any-more" if ended else world.gateway._owner.name
    entry = AuditEntry(
        caller="ada",
        action="updateContact",
        outcome=AuditOutcome.BEGUN,
        request="r",
        detail={"targets": [one["id"]]},
        contacts=(one["id"],),
    )
    journal = world.gateway.journal
    await journal.open_audit("token", "default", owner, "2026-01-01T00:00:00.000Z", entry)
    for each in (one, other):
        rename(world, each)
    await world.scan(PX)
    found = {("CONTACT_UPDATED", other["id"])} | ({("CONTACT_UPDATED", one["id"])} if ended else set())
    assert set(await types(world)) == found
    await journal.audit("default", "2026-01-01T00:00:00.000Z", [entry], "token")
    await world.scan(PX)
    assert sorted(await types(world)) == sorted(
        [("CONTACT_UPDATED", one["id"]), ("CONTACT_UPDATED", other["id"])]
    )


async def test_a_replica_that_was_away_for_days_leaves_to_the_others_what_they_have_told(
    world: World,
) -> None:
    one, other = await world.some(PX, 2)
    index = world.directory.index
    source = world.directory.upstreams[PX]
    happening = Happening(type=EventType.CONTACT_UPDATED, source=PX, contact=one["id"])
    await world.gateway.journal.note("default", "ada", in_days(2), [happening], answer=len)
    rows = index.store.get("default", "PACKAGEX", [one["sourceId"], other["sourceId"]])
    for row in rows.values():
        record = {**index.contact(row)["_raw"], "name": "Renamed Elsewhere"}
        await index.put([source.contact_of(record, in_days(3), "")])
    late = noticing.Noticing(
        account="default",
        upstreams=world.directory.upstreams,
        store=index.store,
        journal=world.gateway.journal,
        owner=world.gateway._owner,
        now=lambda: in_days(3),
    )
    await late.ended(PX, "")
    first, second = await told(world)
    assert (first["contactId"], first["actor"]) == (one["id"], "ada")
    assert (second["contactId"], second["actor"]) == (other["id"], None)
    assert second["payload"]["delaySeconds"] >= 2 * 24 * 3600


# ---- imports, and changes of many


@pytest.mark.parametrize("source", [PX, SPACE])
async def test_an_import_is_one_event_whatever_it_adds(world: World, source: Source) -> None:
    rows = "".join(f"Ada {n},Quux,ada{n}@example.com\n" for n in range(40))
    given = {"targets": [{"source": source.value}]}
    payload = await world.load(given, f"First Name,Last Name,Email\n{rows}".encode())
    assert payload["job"]["state"] == "FINISHED"
    for _ in range(2):
        await world.scan()
    assert [each["type"] for each in await told(world)] == ["CONTACTS_IMPORTED"]
    (contact,) = await world.some(PX)
    rename(world, contact)
    await world.scan()
    assert (await types(world))[1:] == [("CONTACT_UPDATED", contact["id"])]


async def test_an_import_that_deletes_everybody_first_is_one_event(world: World) -> None:
    file = b"Name,Email\nAda Quux,ada.quux@example.com\n"
    target = {"source": "PACKAGEX", "overwrite": True}
    tried = await world.load({"targets": [target], "dryRun": True}, file)
    token = tried["job"]["confirmation"]
    done = await world.load({"targets": [{**target, "confirmation": token}]}, file)
    assert done["job"]["reports"][0]["deleted"] > 10
    await world.scan()
    assert [each["type"] for each in await told(world)] == ["CONTACTS_IMPORTED"]


async def test_a_change_of_very_many_is_one_event_of_its_kind(world: World) -> None:
    (contact,) = await world.some(PX)
    rename(world, contact)
    for number in range(noticing.MOST + 1):
        world.packagex._store.add("person", f"Somebody {number}", LATER)
    for _ in range(2):
        await world.scan(PX)
    summary, one = await told(world)
    assert (summary["type"], summary["contactId"], summary["actor"]) == ("CONTACT_CREATED", None, None)
    assert summary["payload"]["count"] == noticing.MOST + 1
    assert summary["payload"].keys() == {"noticed", "count", "module", "delaySeconds"}
    assert (one["type"], one["contactId"]) == ("CONTACT_UPDATED", contact["id"])


# ---- restarts


async def test_what_was_changed_while_the_gateway_was_away_is_noticed_when_it_is_back(
    new_world: Build, tmp_path: Any
) -> None:
    elsewhere = new_world()
    await elsewhere.scan()
    first = build(beside=elsewhere, GATEWAY_DATA_DIR=str(tmp_path))
    await first.scan()
    one, other = await first.some(PX, 2)
    await first.write("updateContact", {"id": other["id"], "contact": CHANGED})
    await close(first)
    await elsewhere.write("updateContact", {"id": one["id"], "contact": CHANGED})
    again = new_world(beside=elsewhere, GATEWAY_DATA_DIR=str(tmp_path))
    await again.scan()
    assert await types(again) == [("CONTACT_UPDATED", other["id"]), ("CONTACT_UPDATED", one["id"])]


# ---- rights


@pytest.fixture
async def guarded(new_world: Build) -> World:
    """A gateway that takes tokens, behind whose back a contact of each source and module was changed."""
    world = new_world(60, **SETTINGS)
    await world.fill()
    elsewhere = new_world(beside=world)
    await elsewhere.scan()
    for source in (PX, SENDER):
        (contact,) = await elsewhere.some(source)
        await elsewhere.write("updateContact", {"id": contact["id"], "contact": CHANGED})
    for module in world.samespace._account.modules[:2]:
        values = next(iter(module.contacts)).values
        for number in range(1 if module is world.samespace._account.modules[0] else noticing.MOST + 1):
            module.create({**values, "email": f"new{number}@example.com"}, 1_760_000_000.0)
    await world.scan()
    return world


async def test_callers_hear_of_what_they_may_read_only(guarded: World) -> None:
    everything = await told(guarded, headers=by())
    contacts, companies = (module.row["_id"] for module in guarded.samespace._account.modules[:2])
    assert sorted(each["source"] for each in everything) == [
        "PACKAGEX",
        "SAMESPACE",
        "SAMESPACE",
        "SMART_SENDER",
    ]
    assert {each["source"] for each in await told(guarded, headers=by(sources=["PACKAGEX"]))} == {"PACKAGEX"}
    for module, other in ((contacts, companies), (companies, contacts)):
        headers = by(sources=["SAMESPACE"], modules=[module])
        (event,) = await told(guarded, headers=headers)
        assert event["type"] == "CONTACT_CREATED"
        named = event["payload"].get("module") or event["contactId"]
        assert ids.expect(named, "Contact" if event["contactId"] else "Module", "default").parts[0] == module
        assert other not in str(event)
