"""The audit trail: every write, import and refusal leaves a record that only `admin` may read."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.journal import chain
from gateway.model.source import Source
from tests.conftest import Build
from tests.support.waiting import until
from tests.support.world import World

RIGHTS = {"root": "admin,read,write,import", "writer": "read,write", "reader": "read"}
KEYS = ";".join(
    f"{name}:{hashlib.sha256(f'{name}-key'.encode()).hexdigest()}:{scopes}" for name, scopes in RIGHTS.items()
)
ROOT, WRITER, READER = ({"x-api-key": f"{name}-key"} for name in ("root", "writer", "reader"))
AUDIT = (
    "query ($filter: AuditFilter, $first: Int, $after: String) "
    "{ audit(first: $first, after: $after, filter: $filter) { edges { cursor } nodes { number at caller action "
    "outcome code requestId times targets detail hash } pageInfo { hasNextPage endCursor } } }"
)
CREATE = (
    "mutation ($input: CreateContactInput!) { createContact(input: $input) "
    "{ outcomes { status contact { id } } userErrors { code } } }"
)
CSV = b"First name,Last name,Email\nAda,Byron,ada@example.com\n"


@pytest.fixture
def guarded(new_world: Build) -> World:
    return new_world(GATEWAY_API_KEYS=KEYS)


async def records(world: World, **filter_: Any) -> list[dict[str, Any]]:
    await world.gateway.refusals.flush()
    data = await world.data(AUDIT, {"filter": filter_ or None, "first": 100}, headers=ROOT)
    assert [each async for each in chain.faults(world.gateway.journal, "default")] == []
    found: list[dict[str, Any]] = data["audit"]["nodes"]
    return found


def person(source: Source = Source.PACKAGEX, **more: Any) -> dict[str, Any]:
    contact = {"firstName": "Ada", "lastName": "Secretname", "email": "ada.secret@example.com"}
    return {"contact": contact, "targets": [{"source": source.value}], **more}


async def test_a_write_leaves_who_what_and_its_outcome(guarded: World) -> None:
    answer = await guarded.ask(CREATE, {"input": person()}, headers={**WRITER, "x-request-id": "request-7"})
    (outcome,) = answer.data["createContact"]["outcomes"]
    made = outcome["contact"]["id"]
    (record,) = await records(guarded)
    assert record["caller"] == "writer"
    assert (record["action"], record["outcome"], record["code"]) == ("createContact", "APPLIED", None)
    assert record["requestId"] == "request-7"
    assert record["targets"] == [made]
    assert record["detail"]["outcomes"][0]["id"] == made
    assert record["detail"]["outcomes"][0]["source"] == "PACKAGEX"
    assert "contact.email" in record["detail"]["fields"]
    assert "ecret" not in str(record)  # names of fields, never what stood in them


async def test_a_write_goes_on_where_the_journal_cannot_be_written_and_that_is_told_once(
    guarded: World,
) -> None:
    db = guarded.gateway.journal._db  # type: ignore[attr-defined]
    db.execute("PRAGMA query_only = ON")  # as with a full disk
    answer = await guarded.ask(CREATE, {"input": person()}, headers=WRITER)
    assert answer.data["createContact"]["outcomes"][0]["status"] == "APPLIED"
    told = [each["message"] for each in answer.warnings if "event log" in each["message"]]
    assert told == ["The event log could not be written; the outcomes are right."]
    db.execute("PRAGMA query_only = OFF")
    assert await records(guarded) == []
    await guarded.ask(CREATE, {"input": person()}, headers=WRITER)
    assert [each["outcome"] for each in await records(guarded)] == ["APPLIED"]


async def test_a_write_that_no_source_takes_leaves_a_record_too(guarded: World) -> None:
    guarded.transports[Source.PACKAGEX].down = httpx.ConnectError
    await guarded.ask(CREATE, {"input": person()}, headers=WRITER)
    guarded.transports[Source.PACKAGEX].down = httpx.ReadError
    await guarded.ask(CREATE, {"input": person()}, headers=WRITER)
    await guarded.ask(CREATE, {"input": {"contact": {}, "targets": []}}, headers=WRITER)
    invalid, unknown, failed = await records(guarded, action="createContact")
    assert (failed["outcome"], failed["code"]) == ("REJECTED", "UPSTREAM_UNAVAILABLE")
    assert unknown["outcome"] == "UNCERTAIN"
    assert invalid["outcome"] == "REJECTED"


async def test_a_write_to_several_sources_can_be_done_in_part(guarded: World) -> None:
    guarded.transports[Source.SAMESPACE].down = httpx.ConnectError
    both = {**person(), "targets": [{"source": "PACKAGEX"}, {"source": "SAMESPACE"}]}
    await guarded.ask(CREATE, {"input": both}, headers=WRITER)
    (record,) = await records(guarded)
    assert record["outcome"] == "PARTIAL"
    assert {each["source"] for each in record["detail"]["outcomes"]} == {"PACKAGEX", "SAMESPACE"}


async def test_a_repeat_that_writes_nothing_leaves_no_record(guarded: World) -> None:
    for _ in range(3):
        await guarded.ask(CREATE, {"input": person(idempotencyKey="order-1")}, headers=WRITER)
    assert len(await records(guarded)) == 1


async def test_an_import_leaves_its_beginning_and_its_end(guarded: World) -> None:
    given = {"targets": [{"source": "PACKAGEX"}]}
    await guarded.load(given, CSV, headers=ROOT)
    ended, begun = await records(guarded, action="importContacts")
    assert (begun["outcome"], ended["outcome"]) == ("BEGUN", "APPLIED")
    assert begun["detail"]["job"] == ended["detail"]["job"]
    assert begun["requestId"] == ended["requestId"] != ""
    assert ended["detail"]["reports"][0]["created"] == 1
    assert await guarded.gateway.journal.open_audits() == []
    await guarded.load(given, b"nothing", headers=ROOT)
    (wrong, *_) = await records(guarded, action="importContacts")
    assert wrong["outcome"] == "REJECTED"


async def test_refusals_that_are_alike_are_one_record_that_counts_them(guarded: World) -> None:
    for _ in range(5):
        await guarded.ask("{ sources { source } }", headers={"x-api-key": "guessed"})
    for _ in range(3):
        await guarded.ask(CREATE, {"input": person()}, headers=READER)
    await guarded.ask("{ audit { nodes { number } } }", headers=WRITER)
    await guarded.client.get("/metrics", headers=READER)
    found = {(each["caller"], each["action"], each["code"]): each for each in await records(guarded)}
    assert {whose: each["times"] for whose, each in found.items()} == {
        ("", "request", "UNAUTHENTICATED"): 5,
        ("reader", "mutation", "FORBIDDEN"): 3,
        ("writer", "query", "FORBIDDEN"): 1,
        ("reader", "/metrics", "FORBIDDEN"): 1,
    }
    assert {each["outcome"] for each in found.values()} == {"REFUSED"}
    assert found["reader", "mutation", "FORBIDDEN"]["detail"]["fields"] == ["createContact"]
    assert "guessed" not in str(found)


async def test_only_admin_may_read_it(guarded: World) -> None:
    await guarded.ask(CREATE, {"input": person()}, headers=WRITER)
    both = "{ sources { source } audit { nodes { number } } }"
    answer = await guarded.ask(both, headers=READER)
    assert answer.data["audit"] is None
    assert answer.data["sources"]
    assert answer.codes == ["FORBIDDEN"]


async def test_it_is_read_page_by_page_and_by_contact(guarded: World) -> None:
    targets = []
    for _ in range(3):
        answer = await guarded.ask(CREATE, {"input": person()}, headers=WRITER)
        targets.append(answer.data["createContact"]["outcomes"][0]["contact"]["id"])
    page = (await guarded.data(AUDIT, {"first": 2}, headers=ROOT))["audit"]
    assert [each["number"] for each in page["nodes"]] == [3, 2]
    assert page["pageInfo"]["hasNextPage"]
    after = page["edges"][-1]["cursor"]
    assert after == page["pageInfo"]["endCursor"]
    rest = (await guarded.data(AUDIT, {"first": 2, "after": after}, headers=ROOT))["audit"]
    assert [each["number"] for each in rest["nodes"]] == [1]
    assert not rest["pageInfo"]["hasNextPage"]
    assert [each["number"] for each in await records(guarded, contactId=targets[1])] == [2]
    other = await guarded.ask(AUDIT, {"after": after, "filter": {"caller": "ada"}}, headers=ROOT)
    assert other.codes == ["CURSOR_INVALID"]


async def test_what_a_killed_process_was_writing_is_found_by_the_next_one(
    new_world: Build, tmp_path: Path
) -> None:
    first = new_world(GATEWAY_API_KEYS=KEYS, GATEWAY_DATA_DIR=str(tmp_path))
    await first.scan()
    gate = asyncio.Event()
    first.packagex.switches.sleep = lambda _: gate.wait()
    first.packagex.switches.fail("createPerson", latency=1.0)
    running = asyncio.create_task(first.ask(CREATE, {"input": person()}, headers=WRITER))
    await until(lambda: first.operations.get("createPerson"))
    second = new_world(GATEWAY_API_KEYS=KEYS, GATEWAY_DATA_DIR=str(tmp_path))
    await second.gateway.recover()
    assert await records(second) == []  # the first one still lives
    first.gateway._owner._file.close()  # type: ignore[union-attr]  # as when the process is killed
    await second.gateway.recover()
    await second.gateway.recover()
    (record,) = await records(second)
    assert (record["caller"], record["action"]) == ("writer", "createContact")
    assert (record["outcome"], record["code"]) == ("UNCERTAIN", "INTERRUPTED")
    gate.set()
    await running
