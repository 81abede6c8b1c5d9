"""Writes that are cut, and disks that fill, in the middle of one: what was carried out is told, and told once."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.context.writes import Writes
from gateway.imports import table
from gateway.model import ids
from gateway.model.audit import AuditQuery
from gateway.model.source import Source
from gateway.upstreams.packagex.adapter import PackageX
from gateway.writing import recording
from tests.conftest import Build
from tests.scenarios.test_noticed_changes import told, types
from tests.support.world import World

CREATE = (
    "mutation ($input: CreateContactInput!) "
    "{ createContact(input: $input) { outcomes { source status } userErrors { code } } }"
)
UPDATE = "mutation ($input: UpdateContactInput!) { updateContact(input: $input) { outcome { status } } }"
DELETE = "mutation ($input: DeleteContactsInput!) { deleteContacts(input: $input) { outcomes { status } } }"
IMPORT = (
    "mutation ($input: ImportContactsInput!) "
    "{ importContacts(input: $input) { job { state } userErrors { code } } }"
)
ADA = {"targets": [{"source": "PACKAGEX"}], "contact": {"name": "Ada Quux", "email": "ada.quux@example.com"}}
BOTH = {**ADA, "targets": [{"source": "PACKAGEX"}, {"source": "SAMESPACE"}]}
FILE = b"Name,Email\nAda Quux,ada@example.com\n"
KEY = {"Idempotency-Key": "k"}


def cut_after(monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> None:
    """The task is cancelled when this is on the disk, before it hears so: by a deadline, or when all ends."""
    inner = getattr(place, name)

    async def cut(*arguments: Any, **more: Any) -> Any:
        await inner(*arguments, **more)
        monkeypatch.setattr(place, name, inner)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.Event().wait()

    monkeypatch.setattr(place, name, cut)


async def trail(world: World) -> list[tuple[str, str | None]]:
    found = await world.gateway.journal.trail("default", AuditQuery(), None, 100)
    return [(str(each.outcome), each.code) for each in found]


async def test_what_is_cut_while_it_begins_leaves_no_open_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_after(monkeypatch, world.gateway.journal, "open_audit")
    await world.ask(CREATE, {"input": ADA})
    assert "createPerson" not in world.operations
    assert await world.gateway.journal.open_audits() == []


async def test_a_write_that_is_cut_while_it_begins_does_not_end_noticing(
    new_world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world(60)
    await world.fill()
    other = new_world(beside=world)
    await other.scan()
    cut_after(monkeypatch, world.gateway.journal, "open_audit")
    await world.ask(CREATE, {"input": ADA})
    await other.write("createContact", {**ADA, "contact": {"name": "Bob Elsewhere"}})
    for _ in range(2):
        await world.scan()
    assert [kind for kind, _ in await types(world)] == ["CONTACT_CREATED"]


async def test_a_write_that_is_cut_while_its_end_is_kept_has_one_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried: list[Any] = []
    noted, note = Writes._noted, world.gateway.journal.note

    async def carrying(*arguments: Any) -> Any:
        carried.append(asyncio.current_task())
        return await noted(*arguments)

    async def cut(*arguments: Any, **more: Any) -> Any:
        found = await note(*arguments, **more)
        carried[0].cancel()
        await asyncio.sleep(0)
        return found

    monkeypatch.setattr(Writes, "_noted", carrying)
    monkeypatch.setattr(world.gateway.journal, "note", cut)
    await world.ask(CREATE, {"input": ADA})
    assert await trail(world) == [("APPLIED", None)]


@pytest.mark.parametrize("given", [ADA, BOTH], ids=["one", "two"])
async def test_a_keyed_write_is_told_where_the_disk_fills_while_it_is_sent(
    world: World, given: dict[str, Any]
) -> None:
    db: Any = world.gateway.journal._db  # type: ignore[attr-defined]
    world.transports[Source.PACKAGEX].on = lambda _: db.execute("PRAGMA query_only = ON")
    answer = await world.ask(CREATE, {"input": given}, headers=KEY)
    db.execute("PRAGMA query_only = OFF")
    assert world.operations["createPerson"] == 1
    assert {each["status"] for each in answer.data["createContact"]["outcomes"]} == {"APPLIED"}


async def test_a_key_that_cannot_be_kept_sends_nothing_and_is_good_later(world: World) -> None:
    db: Any = world.gateway.journal._db  # type: ignore[attr-defined]
    db.execute("PRAGMA query_only = ON")
    answer = await world.ask(CREATE, {"input": ADA}, headers=KEY)
    db.execute("PRAGMA query_only = OFF")
    assert (answer.codes, world.operations.get("createPerson", 0)) == (["STATE_UNAVAILABLE"], 0)
    again = await world.data(CREATE, {"input": ADA}, headers=KEY)
    assert [each["status"] for each in again["createContact"]["outcomes"]] == ["APPLIED"]


async def test_a_step_that_cannot_be_noted_hides_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = world.gateway.journal
    inner = journal.leaving

    async def leaving(place: Any, step: str, owner: str) -> bool:
        if "SAMESPACE" in step:
            raise sqlite3.OperationalError("database or disk is full")
        return await inner(place, step, owner)

    monkeypatch.setattr(journal, "leaving", leaving)
    answer = await world.ask(CREATE, {"input": BOTH}, headers=KEY)
    assert (world.operations["createPerson"], world.operations.get("createContact", 0)) == (1, 0)
    outcomes = {each["source"]: each["status"] for each in answer.data["createContact"]["outcomes"]}
    assert outcomes["PACKAGEX"] == "APPLIED"
    assert outcomes["SAMESPACE"] != "APPLIED"


@pytest.mark.parametrize(
    ("document", "given", "headers"),
    [
        (UPDATE, lambda id_: {"id": id_, "contact": {"lastName": "Zorro"}}, {}),
        (UPDATE, lambda id_: {"id": id_, "contact": {"lastName": "Zorro"}}, KEY),
        (DELETE, lambda id_: {"ids": [id_]}, {}),
    ],
    ids=["plain", "keyed", "deleted"],
)
async def test_a_change_is_told_where_the_index_cannot_be_written(
    world: World, document: str, given: Callable[[str], dict[str, Any]], headers: dict[str, str]
) -> None:
    (contact,) = await world.some(Source.PACKAGEX)
    writer: Any = world.gateway._store._writer  # type: ignore[attr-defined]
    writer.execute("PRAGMA query_only = ON")
    answer = await world.ask(document, {"input": given(contact["id"])}, headers=headers)
    writer.execute("PRAGMA query_only = OFF")
    assert sum(world.operations.get(name, 0) for name in ("updatePerson", "deleteContact")) == 1
    (payload,) = answer.data.values()
    told_of = payload.get("outcomes") or [payload["outcome"]]
    assert [each["status"] for each in told_of] == ["APPLIED"]


@pytest.mark.parametrize("new", [True, False])
async def test_what_is_cut_after_it_left_makes_the_index_stale(
    world: World, monkeypatch: pytest.MonkeyPatch, new: bool
) -> None:
    (contact,) = await world.some(Source.PACKAGEX)
    cut_after(monkeypatch, PackageX, "create_contact" if new else "update_contacts")
    values = {"lastName": "Happened"}
    if new:
        asking = world.ask(CREATE, {"input": {**ADA, "contact": {"firstName": "It", **values}}})
    else:
        asking = world.ask(UPDATE, {"input": {"id": contact["id"], "contact": values}})
    await asyncio.create_task(asking)
    assert await trail(world) == [("UNCERTAIN", "INTERRUPTED")]
    query = '{ contacts(filter: { lastName: "Happened" }, sources: [PACKAGEX]) { sources { status } } }'
    assert (await world.data(query))["contacts"]["sources"] == [{"status": "STALE"}]


def test_a_write_may_have_changed_the_sources_that_it_names_and_those_of_its_contacts() -> None:
    named = {"source": "SMART_SENDER", "sourceId": "60001"}  # by the vendor's own id
    contact = ids.encode("Contact", "default", "SAMESPACE", "m", "1")
    for given, found in (
        ({"contacts": [named]}, {Source.SMART_SENDER}),
        ({"id": contact, "targets": [{"source": Source.PACKAGEX}]}, {Source.SAMESPACE, Source.PACKAGEX}),
        ({"targets": None, "name": "A"}, set()),
    ):
        assert recording.sources(given, recording.begun("ada", "updateContact", "", given)) == found


async def test_an_import_that_is_cut_while_it_begins_leaves_no_open_record(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_after(monkeypatch, fresh.gateway.journal, "open_audit")
    await fresh.upload(IMPORT, {"input": {"targets": [{"source": "PACKAGEX"}], "file": None}}, FILE)
    assert "createFromCsv" not in fresh.operations
    assert await fresh.gateway.journal.open_audits() == []


async def test_an_import_whose_reading_fails_has_an_end_in_the_trail(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(table, "read", full)
    answer = await fresh.upload(IMPORT, {"input": {"targets": [{"source": "PACKAGEX"}], "file": None}}, FILE)
    assert answer.data["importContacts"]["job"] == {"state": "INTERRUPTED"}
    assert await fresh.gateway.journal.open_audits() == []
    assert len(await trail(fresh)) == 2  # its beginning, and its end


@pytest.mark.parametrize("source", ["PACKAGEX", "SAMESPACE"])
@pytest.mark.parametrize("kept", [True, False], ids=["in the index", "not in the index"])
async def test_what_was_noticed_after_a_kill_is_not_told_again_by_its_key(
    new_world: Build, tmp_path: Path, source: str, kept: bool
) -> None:
    first = new_world(60, GATEWAY_DATA_DIR=str(tmp_path))
    await first.scan()
    given = {**ADA, "targets": [{"source": source}]}
    reached, dead = asyncio.Event(), asyncio.Event()

    async def never(*_: Any, **__: Any) -> Any:
        reached.set()
        await dead.wait()
        raise asyncio.CancelledError

    async def nothing(*_: Any) -> None:
        """Nothing is kept."""

    first.gateway.journal.note = never  # type: ignore[method-assign]
    if not kept:
        first.directory.index.put = nothing  # type: ignore[method-assign, assignment]
    running = asyncio.create_task(first.ask(CREATE, {"input": given}, headers=KEY))
    await reached.wait()
    owner: Any = first.gateway._owner
    owner._file.close()  # as when the process is killed
    second = new_world(GATEWAY_DATA_DIR=str(tmp_path), beside=first)
    await second.gateway.recover()
    for _ in range(2):
        await second.scan()
    again = await second.data(CREATE, {"input": given}, headers=KEY)
    assert [each["status"] for each in again["createContact"]["outcomes"]] == ["APPLIED"]
    await second.scan()
    assert len(await told(second)) == 1
    dead.set()
    await asyncio.wait((running,))
