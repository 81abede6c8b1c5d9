"""A person is erased after a look and a confirmation, everywhere, and what became of each record is told."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cache.reads import Keep
from gateway.model import ids
from gateway.model.source import Source
from tests.conftest import Build
from tests.scenarios.test_links import pair_of, probe
from tests.scenarios.test_person_writes import by_source, of_three
from tests.support import world as worlds
from tests.support.persons import (
    callers,
    events,
    everybody,
    key,
    members,
    person_of,
    said,
    say,
)
from tests.support.records import PX, SENDER, SPACE
from tests.support.redis import RedisServer
from tests.support.world import World

DELETIONS = {SPACE: "deleteContacts", PX: "deleteContact", SENDER: "deleteContact"}
MORE = "confirmation records { id displayName }"
NAME, EMAIL, PHONE = "Qanaryxa Zzyzxqed", "qanaryxb@zzyzxqed.example", "+12025550177"
NEEDLES = ("qanaryx", "zzyzxqed", "2025550177")
AUDIT = "{ audit(first: 50) { nodes { action outcome code targets detail } } }"
SEARCHES = [
    '{ people(search: "zzyzxqed") { nodes { id } } }',
    '{ contacts(search: "qanaryxb") { nodes { id } } }',
    '{ contacts(filter: {email: "qanaryxb@zzyzxqed.example"}) { nodes { id } } }',
    '{ person(by: {email: "qanaryxb@zzyzxqed.example"}) { id } }',
    "{ drift(first: 100) { nodes { displayName } } people(first: 100) { nodes { displayName emails } } }",
]


async def canary(world: World) -> Any:
    """A person with a record in each source and a name, e-mail and phone that nobody else has."""
    person = await of_three(world)
    given = {"name": NAME, "email": EMAIL, "phone": PHONE}
    await world.write("updatePerson", {"id": person["id"], "contact": given})
    found = await person_of(world, person["members"][0]["contact"]["id"])
    assert members(found) == members(person)
    world.forget()
    return found


async def preview(world: World, person: str, **asking: Any) -> Any:
    return await world.write("erasePerson", {"id": person}, MORE, **asking)


async def erase(world: World, person: str, **asking: Any) -> Any:
    """Look, confirm, and erase."""
    confirmation = (await preview(world, person, **asking))["confirmation"]
    return await world.write("erasePerson", {"id": person, "confirmation": confirmation}, MORE, **asking)


def statuses(payload: Any) -> dict[str, str]:
    return {each["source"]: each["status"] for each in payload["outcomes"]}


def written(world: World) -> set[str]:
    return {name for name in world.operations if name.startswith(("update", "delete"))}


async def unknown(world: World) -> None:
    """Nobody finds the canary any more."""
    for query in SEARCHES:
        answer = json.dumps((await world.ask(query)).body["data"]).lower()
        assert not any(each in answer for each in NEEDLES), query


def traces(*places: Path) -> list[str]:
    """Where in files something of the canary stands."""
    found = []
    for place in places:
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file():
                held = path.read_bytes().lower()
                found += [f"{each} in {path.name}" for each in NEEDLES if each.encode() in held]
    return found


@pytest.fixture
async def small(new_world: Build) -> World:
    world = new_world(16)
    await world.fill()
    return world


# ---- looked at first


async def test_a_preview_writes_nothing_and_shows_every_record(small: World) -> None:
    person = await canary(small)
    before = await events(small), await everybody(small)
    payload = await preview(small, person["id"])
    assert payload["confirmation"]
    assert {each["id"] for each in payload["records"]} == members(person)
    assert statuses(payload) == dict.fromkeys(Source, "SKIPPED")
    assert {each["targetId"] for each in payload["outcomes"]} == members(person)
    assert written(small) == set()
    assert (await events(small), await everybody(small)) == before


async def test_a_confirmation_is_good_once_and_for_its_own_caller(new_world: Build) -> None:
    world = new_world(16, GATEWAY_API_KEYS=callers(ada="read,write", bob="read,write"))
    await world.fill()
    world.headers = key("ada")
    person = await canary(world)
    token = (await preview(world, person["id"]))["confirmation"]
    given = {"id": person["id"], "confirmation": token}
    for headers, id_, confirmation in (
        (key("bob"), person["id"], token),
        (key("ada"), person["id"], "guessed"),
        (key("ada"), person["id"], ""),
    ):
        payload = await world.write(
            "erasePerson", {"id": id_, "confirmation": confirmation}, MORE, headers=headers
        )
        assert [(each["code"], each["field"]) for each in payload["userErrors"]] == [
            ("CONFLICT", ["confirmation"])
        ]
        assert payload["confirmation"] not in (None, token)
        assert written(world) == set()
    assert statuses(await world.write("erasePerson", given)) == dict.fromkeys(Source, "APPLIED")
    world.forget()
    payload = await world.write("erasePerson", given)
    assert [each["code"] for each in payload["userErrors"]] == ["NOT_FOUND"]
    assert written(world) == set()


async def test_of_two_at_once_with_one_confirmation_one_erases(small: World) -> None:
    person = await canary(small)
    given = {"id": person["id"], "confirmation": (await preview(small, person["id"]))["confirmation"]}
    both = await asyncio.gather(*(small.write("erasePerson", given) for _ in range(2)))
    assert sorted(bool(each["userErrors"]) for each in both) == [False, True]
    assert [small.boards[source].operations[name] for source, name in DELETIONS.items()] == [1, 1, 1]


@pytest.mark.parametrize(("minutes", "good"), [(14, True), (15, False)])
async def test_a_confirmation_is_good_for_fifteen_minutes(small: World, minutes: int, good: bool) -> None:
    person = await canary(small)
    given = {"id": person["id"], "confirmation": (await preview(small, person["id"]))["confirmation"]}
    db = small.gateway.journal._db  # type: ignore[attr-defined]
    (expires,) = db.execute("SELECT expires FROM confirmation").fetchone()
    earlier = datetime.fromisoformat(expires) - timedelta(minutes=minutes)
    assert earlier.astimezone(UTC) < datetime.now(UTC) + timedelta(minutes=1)
    with db:
        db.execute(
            "UPDATE confirmation SET expires = ?",
            (earlier.isoformat(timespec="milliseconds").replace("+00:00", "Z"),),
        )
    payload = await small.write("erasePerson", given)
    assert (
        not payload["userErrors"]
        if good
        else [each["code"] for each in payload["userErrors"]] == ["CONFLICT"]
    )


async def test_a_record_that_joins_after_the_preview_is_not_erased(small: World) -> None:
    person = await canary(small)
    token = (await preview(small, person["id"]))["confirmation"]
    own = by_source(person)["PACKAGEX"]
    alone = [
        each["id"] for each in await small.some(PX, 9) if frozenset([each["id"]]) in await everybody(small)
    ]
    await said(small, "linkContacts", [own, alone[0]])
    given = {"id": person["id"], "confirmation": token}
    payload = await small.write("erasePerson", given, MORE)
    assert [each["code"] for each in payload["userErrors"]] == ["CONFLICT"]
    assert {each["id"] for each in payload["records"]} == members(person) | {alone[0]}
    assert written(small) == set()
    again = {"id": person["id"], "confirmation": payload["confirmation"]}
    assert len((await small.write("erasePerson", again))["outcomes"]) == 4


@pytest.mark.parametrize("field", ["Person", "Contact"])
async def test_who_is_nobody_cannot_be_erased(small: World, field: str) -> None:
    parts = ("contact_nobody",) if field == "Person" else ("", "contact_nobody")
    for account in ("default", "other"):
        payload = await preview(small, ids.encode(field, account, "PACKAGEX", *parts))
        assert [(each["code"], each["field"]) for each in payload["userErrors"]] == [("NOT_FOUND", ["id"])]
        assert payload["confirmation"] is None


# ---- erased


async def test_everything_is_erased_and_proven(small: World) -> None:
    person = await canary(small)
    others = await everybody(small) - {members(person)}
    payload = await erase(small, person["id"])
    assert (payload["confirmation"], payload["records"], payload["userErrors"]) == (None, [], [])
    assert statuses(payload) == dict.fromkeys(Source, "APPLIED")
    assert all("a read afterwards finds nothing" in each["message"] for each in payload["outcomes"])
    await unknown(small)
    assert await everybody(small) == others
    for _ in range(2):
        await small.scan()
    assert await everybody(small) == others
    told = await events(small)
    assert {each["contactId"] for each in told if each["type"] == "CONTACT_DELETED"} == members(person)
    (erased,) = [each for each in told if each["type"] == "PERSON_ERASED"]
    assert erased["payload"] == {"records": 3, "sources": sorted(Source)}
    assert len(told) == 3 + 3 + 1  # the changes that made the canary are still there, and say nothing
    assert [each["payload"] for each in told[:3]] == [None] * 3


async def test_nothing_of_them_stands_in_any_file_or_log(
    new_world: Build, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = {f"GATEWAY_CACHE_{kind.name}_SECONDS": "300" for kind in Keep}
    world = worlds.build(16, GATEWAY_DATA_DIR=str(tmp_path), **kept)
    await world.scan()
    person = await canary(world)
    other = next(iter(next(each for each in await everybody(world) if len(each) == 1)))
    await say(world, "neverSame", [other, next(iter(members(person)))], f"Not {NAME}")
    given = {"id": person["id"], "fields": ["displayName"], "from": "PACKAGEX", "idempotencyKey": "k"}
    one = {"id": by_source(person)["PACKAGEX"], "contact": {"name": f"{NAME} Two"}}
    await world.write("updateContact", one)
    assert (await world.write("syncPerson", given, "changes { after }"))["changes"]
    for query in SEARCHES:
        await world.ask(query)
    assert traces(tmp_path)
    person = await person_of(world, by_source(person)["PACKAGEX"])
    payload = await erase(world, person["id"])
    assert statuses(payload) == dict.fromkeys(Source, "APPLIED")
    assert traces(tmp_path) == []
    index = world.gateway._store._writer  # type: ignore[attr-defined]
    for table in ("gone", "heir"):
        assert index.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    await unknown(world)
    await world.scan()
    assert traces(tmp_path) == []
    people = await everybody(world)
    await worlds.close(world)
    assert traces(tmp_path) == []
    second = new_world(GATEWAY_DATA_DIR=str(tmp_path), beside=world)
    assert await everybody(second) == people
    await unknown(second)
    await second.scan()
    await unknown(second)
    assert await everybody(second) == people
    assert traces(tmp_path) == []
    told = json.dumps(await events(second)).lower()
    assert not any(name in told or name in caplog.text.lower() for name in NEEDLES)


async def test_a_repeat_with_the_same_key_gets_the_first_answer(small: World) -> None:
    person = await canary(small)
    given = {"id": person["id"], "confirmation": (await preview(small, person["id"]))["confirmation"]}
    told = [await small.write("erasePerson", given, MORE, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert told[0] == told[1]
    assert statuses(told[0]) == dict.fromkeys(Source, "APPLIED")
    assert small.operations["deleteContacts"] == 1


async def test_audit_names_every_record_and_no_value(new_world: Build) -> None:
    world = new_world(16, GATEWAY_API_KEYS=callers(ada="read,write,admin"))
    await world.fill()
    world.headers = key("ada")
    person = await canary(world)
    await erase(world, person["id"])
    erased, tried = (await world.data(AUDIT))["audit"]["nodes"][:2]
    assert (tried["action"], tried["outcome"], tried["detail"]["dryRun"]) == ("erasePerson", "APPLIED", True)
    assert (erased["action"], erased["outcome"], erased["detail"].get("dryRun")) == (
        "erasePerson",
        "APPLIED",
        None,
    )
    for record in (erased, tried):
        assert {person["id"], *members(person)} <= set(record["targets"])
        assert not any(name in str(record).lower() for name in NEEDLES)


# ---- sources that do not delete


@pytest.mark.parametrize("source", [PX, SENDER])
@pytest.mark.parametrize("known", [True, False])
async def test_a_source_that_does_not_delete_blanks_and_that_is_told(
    new_world: Build, tmp_path: Path, source: Source, known: bool
) -> None:
    """`known`: by a setting; else the source answers so."""
    settings = {f"{source.value}_DELETE": "off"} if known else {}
    world = new_world(16, GATEWAY_DATA_DIR=str(tmp_path), **settings)
    await world.scan()
    if not known and source is SENDER:
        world.smartsender.switches.delete_status = 410
    elif not known:
        world.packagex.switches.fail(DELETIONS[PX], status=405, body="{}")
    person = await canary(world)
    own = by_source(person)[source.value]
    await more_of(world, own, source)
    tried = await preview(world, person["id"])
    if known:
        assert statuses(tried)[source.value] == "SKIPPED"
        assert "blanked instead" in str(tried["outcomes"])
    payload = await erase(world, person["id"])
    assert statuses(payload)[source.value] == "PARTIAL"
    assert {status for of, status in statuses(payload).items() if of != source} == {"APPLIED"}
    (outcome,) = [each for each in payload["outcomes"] if each["source"] == source]
    assert "Blanked." in outcome["message"]
    assert "The record stays" in outcome["message"]
    assert outcome["ignored"] == []
    assert own in {each["id"] for each in payload["records"]}
    shown = (
        await world.data(
            "query ($id: ID!) { contact(by: {id: $id}) { displayName emails phones raw } }", {"id": own}
        )
    )["contact"]
    assert (shown["displayName"], shown["emails"], shown["phones"]) == ("Erased", [], [])
    assert not any(each in json.dumps(shown).lower() for each in NEEDLES)
    await unknown(world)
    assert traces(tmp_path) == []
    before = await events(world)
    for _ in range(2):
        await world.scan()
    assert await events(world) == before
    assert members(await person_of(world, own)) == {own}
    assert traces(tmp_path) == []


async def more_of(world: World, contact: str, source: Source) -> None:
    """Say more of the canary where only its source knows a place for it."""
    key_ = {"PACKAGEX": "nickname", "SMART_SENDER": "city"}[source.value]
    given = {"properties": [{"key": key_, "value": "Qanaryxc"}]}
    done = await world.write("updateContact", {"id": contact, "contact": given})
    assert done["outcome"]["status"] == "APPLIED", done


# ---- sources in trouble


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "refuses": ({"status": 422, "body": "{}"}, "REJECTED"),
    "breaks": ({"status": 500}, "UNCERTAIN"),
    "cuts the line before": ({"reset": "headers"}, "UNCERTAIN"),
}


@pytest.mark.parametrize("how", [*FAULTS, "is down"])
@pytest.mark.parametrize("source", Source)
async def test_what_is_not_erased_is_told_and_a_repeat_goes_on(
    new_world: Build, tmp_path: Path, source: Source, how: str
) -> None:
    world = new_world(16, GATEWAY_DATA_DIR=str(tmp_path), GATEWAY_INDEX_WAIT_SECONDS="0.01")
    await world.scan()
    person = await canary(world)
    own = by_source(person)[source.value]
    confirmation = (await preview(world, person["id"]))["confirmation"]
    if how in FAULTS:
        world.boards[source].fail(DELETIONS[source], **FAULTS[how][0])
    else:
        world.transports[source].down = httpx.ConnectError
    payload = await world.write(
        "erasePerson", {"id": person["id"], "confirmation": confirmation}, "confirmation"
    )
    expected = FAULTS[how][1] if how in FAULTS else "REJECTED"
    assert statuses(payload) == {each.value: "APPLIED" if each is not source else expected for each in Source}
    world.boards[source].heal()
    world.transports[source].down = None
    assert members(await person_of(world, own)) == {own}
    again = await erase(world, person["id"])  # by the same id, whose record may be gone
    assert statuses(again) == {source.value: "APPLIED"}
    await unknown(world)
    await world.scan()
    await unknown(world)
    assert traces(tmp_path) == []
    told = [each["contactId"] for each in await events(world) if each["type"] == "CONTACT_DELETED"]
    assert sorted(told) == sorted(members(person))
    payload = await preview(world, person["id"])
    assert [each["code"] for each in payload["userErrors"]] == ["NOT_FOUND"]


@pytest.mark.parametrize("source", Source)
async def test_a_deletion_whose_answer_was_lost_is_found_out(new_world: Build, source: Source) -> None:
    small = new_world(16, GATEWAY_INDEX_WAIT_SECONDS="0.01")
    await small.fill()
    person = await canary(small)
    small.boards[source].fail(DELETIONS[source], reset="headers", after=True, times=1)
    payload = await erase(small, person["id"])
    assert statuses(payload) == dict.fromkeys(Source, "APPLIED")
    await unknown(small)
    for _ in range(2):
        await small.scan()
    told = [each["contactId"] for each in await events(small) if each["type"] == "CONTACT_DELETED"]
    assert sorted(told) == sorted(members(person))


@pytest.mark.parametrize("source", Source)
async def test_a_record_that_its_source_has_no_more_is_forgotten(
    new_world: Build, tmp_path: Path, source: Source
) -> None:
    world = new_world(16, GATEWAY_DATA_DIR=str(tmp_path))
    elsewhere = new_world(beside=world)
    for each in (world, elsewhere):
        await each.scan()
    person = await canary(world)
    await elsewhere.write("deleteContacts", {"ids": [by_source(person)[source.value]]})
    payload = await erase(world, person["id"])
    assert statuses(payload) == dict.fromkeys(Source, "APPLIED")
    await unknown(world)
    assert traces(tmp_path) == []


async def test_a_source_that_agrees_and_deletes_nothing_is_told(small: World) -> None:
    person = await canary(small)
    own = by_source(person)["SMART_SENDER"]
    small.smartsender.switches.fail("deleteContact", status=200, body='{"state": true}', times=1)
    payload = await erase(small, person["id"])
    assert statuses(payload) == {"SAMESPACE": "APPLIED", "PACKAGEX": "APPLIED", "SMART_SENDER": "PARTIAL"}
    assert "still shows it" in str(payload["outcomes"])
    assert [each["id"] for each in payload["records"]] == [own]
    await small.scan()
    types = {each["type"] for each in await events(small) if each["contactId"] == own}
    assert types == {"CONTACT_UPDATED"}
    left = await person_of(small, own)
    assert statuses(await erase(small, left["id"])) == {"SMART_SENDER": "APPLIED"}


async def test_a_blank_that_fails_is_not_called_one(new_world: Build) -> None:
    world = new_world(16, PACKAGEX_DELETE="off")
    await world.fill()
    person = await canary(world)
    world.packagex.switches.fail("updatePerson", status=422, body="{}", times=1)
    payload = await erase(world, person["id"])
    assert statuses(payload)["PACKAGEX"] == "REJECTED"
    assert "Blanked" not in str(payload["outcomes"])
    assert statuses(await erase(world, person["id"])) == {"PACKAGEX": "PARTIAL"}
    await unknown(world)


async def test_a_blank_that_cannot_be_read_back_leaves_nothing_here(new_world: Build, tmp_path: Path) -> None:
    world = new_world(16, SMART_SENDER_DELETE="off", GATEWAY_DATA_DIR=str(tmp_path))
    await world.scan()
    person = await canary(world)
    confirmation = (await preview(world, person["id"]))["confirmation"]
    world.smartsender.switches.fail("getContact", status=503)
    given = {"id": person["id"], "confirmation": confirmation}
    payload = await world.write("erasePerson", given)
    assert statuses(payload)["SMART_SENDER"] == "PARTIAL"
    assert traces(tmp_path) == []
    world.smartsender.switches.heal()
    before = await events(world)
    for _ in range(2):
        await world.scan()
    assert await events(world) == before
    await unknown(world)


# ---- the journal in trouble


async def test_nothing_is_erased_where_the_journal_cannot_be_written(small: World) -> None:
    person = await canary(small)
    given = {"id": person["id"], "confirmation": (await preview(small, person["id"]))["confirmation"]}
    document = "mutation ($input: ErasePersonInput!) { erasePerson(input: $input) { outcomes { status } userErrors { code } } }"
    db = small.gateway.journal._db  # type: ignore[attr-defined]
    db.execute("CREATE TEMP TRIGGER full BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'full'); END")
    answer = await small.ask(document, {"input": given})
    assert (answer.codes, answer.data) == (["STATE_UNAVAILABLE"], {"erasePerson": None})
    assert written(small) == set()
    db.execute("DROP TRIGGER full")
    assert statuses(await erase(small, person["id"])) == dict.fromkeys(Source, "APPLIED")


async def test_what_stays_in_the_journal_is_told(small: World) -> None:
    person = await canary(small)
    await said(small, "linkContacts", list(members(person)))
    db = small.gateway.journal._db  # type: ignore[attr-defined]
    db.execute("CREATE TEMP TRIGGER full BEFORE DELETE ON statement BEGIN SELECT RAISE(ABORT, 'full'); END")
    payload = await erase(small, person["id"])
    assert statuses(payload) == dict.fromkeys(Source, "PARTIAL")
    assert "could be taken away" in str(payload["outcomes"])
    assert payload["records"] == []


async def test_redis_may_go_in_the_middle(
    new_world: Build, redis_server: RedisServer, redis_url: str
) -> None:
    both = await pair_of(new_world, redis_url)
    person = await canary(both[0])
    await said(both[0], "linkContacts", list(members(person)))
    both[0].transports[SENDER].on = lambda request: (
        redis_server.hold() if request.extensions["operation"] == "deleteContact" else None
    )
    try:
        payload = await erase(both[0], person["id"])
    finally:
        redis_server.go_on()
    assert statuses(payload) == dict.fromkeys(Source, "APPLIED")
    for each in both:
        await probe(each)
    journal = both[1].gateway.journal
    assert (await journal.statements("default", None))[1] == []
    told = await events(both[1])
    assert {each["contactId"] for each in told if each["type"] == "CONTACT_DELETED"} == members(person)
    assert not any(name in json.dumps(told).lower() for name in NEEDLES)


async def test_nothing_of_them_stands_in_redis(new_world: Build, redis_url: str) -> None:
    kept = {f"GATEWAY_CACHE_{kind.name}_SECONDS": "300" for kind in Keep}
    world = new_world(16, GATEWAY_STATE_URL=redis_url, **kept)
    await probe(world)
    await world.scan()
    person = await canary(world)
    one = {"id": by_source(person)["PACKAGEX"], "contact": {"name": f"{NAME} Two"}}
    await world.write("updateContact", one)
    given = {"id": person["id"], "fields": ["displayName"], "from": "PACKAGEX", "idempotencyKey": "k"}
    assert (await world.write("syncPerson", given, "changes { after }"))["changes"]
    await said(world, "linkContacts", list(members(person)), f"Is {NAME}")
    for query in SEARCHES:
        await world.ask(query)
    assert await shared_traces(world)
    payload = await erase(world, person["id"])
    assert statuses(payload) == dict.fromkeys(Source, "APPLIED")
    await unknown(world)
    assert await shared_traces(world) == set()
    assert (await world.write("syncPerson", given, "changes { after }"))["changes"] == []


async def shared_traces(world: World) -> set[str]:
    """The names of what in Redis holds something of the canary."""
    assert world.gateway.replicas is not None
    redis = world.gateway.replicas.state.redis
    found = set()
    reads: dict[bytes, Any] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"stream": redis.xrange,
        b"set": redis.smembers,
        b"zset": lambda name: redis.zrange(name, 0, -1),
    }
    async for name in redis.scan_iter():
        held = str(await reads[await redis.type(name)](name)).lower()
        if any(each in held for each in NEEDLES):
            found.add(name.decode())
    return found


# ---- who may see a part only


async def test_a_caller_erases_what_they_may_see(new_world: Build) -> None:
    world = new_world(16, GATEWAY_API_KEYS=callers(all="read,write", px="read,write::PACKAGEX"))
    await world.fill()
    world.headers = key("all")
    person = await canary(world)
    own = by_source(person)
    mine = (await person_of(world, own["PACKAGEX"], headers=key("px")))["id"]
    payload = await erase(world, mine, headers=key("px"))
    assert statuses(payload) == {"PACKAGEX": "APPLIED"}
    others = members(person) - {own["PACKAGEX"]}
    assert members(await person_of(world, own["SAMESPACE"])) == others
    assert {each["id"] for each in (await preview(world, person["id"]))["records"]} == others
