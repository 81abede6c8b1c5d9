"""An import that is cut off anywhere ends, sends nothing that nobody knows of, and hides no other target."""

import asyncio
import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway.imports import delivery, table
from gateway.imports.jobs import Imports
from gateway.model.caller import Caller, Scope
from gateway.model.importing import Upload
from gateway.model.source import Source
from tests.support.world import World

CONTENT = b"First Name,Last Name,Email\nNoor,Aldana,noor@example.com\n"
CALLER = Caller(name="ada", scopes=frozenset(Scope), account="default")
KEYED = {"input": {"targets": [{"source": "PACKAGEX"}], "file": None}}
DOCUMENT = "mutation ($input: ImportContactsInput!) { importContacts(input: $input) { job { id } } }"


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "people.csv"
    path.write_bytes(CONTENT)
    upload = Upload(path, path.name, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    return {"targets": [{"source": "SAMESPACE"}, {"source": "PACKAGEX"}], "dryRun": False, "file": upload}


def imports_of(world: World) -> Imports:
    return world.gateway.ledgers["default"].imports


async def job(world: World, number: int = 1) -> Any:
    found = await imports_of(world).get(number)
    assert found is not None
    return found


def sent(world: World) -> set[str]:
    return {"csvUpload", "importContacts", "createFromCsv"} & world.operations.keys()


@pytest.mark.parametrize("when", ["begin_job", "read"])
async def test_a_caller_who_goes_away_leaves_no_job_running(
    fresh: World, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    imports, reached, gate = imports_of(fresh), asyncio.Event(), asyncio.Event()
    place: Any = imports._journal if when == "begin_job" else table
    before = getattr(place, when)

    async def slow(*arguments: Any, **more: Any) -> Any:
        found = await before(*arguments, **more)
        reached.set()
        await gate.wait()
        return found

    monkeypatch.setattr(place, when, slow)
    beginning = asyncio.create_task(imports.begin(CALLER, given))
    await reached.wait()
    beginning.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    assert ((await job(fresh))["state"], sent(fresh)) == ("INTERRUPTED", set())


async def test_a_step_that_cannot_be_noted_sends_nothing_and_the_repeat_begins_anew(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def locked(*_: Any) -> None:
        raise sqlite3.OperationalError("database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(imports_of(fresh)._journal, "step", locked)
        answer = await fresh.upload(DOCUMENT, KEYED, CONTENT, headers={"idempotency-key": "k"})
        assert (answer.codes, sent(fresh)) == (["INTERNAL"], set())
    assert (await job(fresh))["state"] == "INTERRUPTED"
    answer = await fresh.upload(DOCUMENT, KEYED, CONTENT, headers={"idempotency-key": "k"})
    assert (answer.errors, fresh.operations["createFromCsv"]) == ([], 1)


async def test_a_fault_of_ours_in_one_target_leaves_the_other_alone(
    fresh: World, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = delivery.Delivery.send

    async def send(self: delivery.Delivery, ready: delivery.Ready) -> Any:
        if self._target.source == Source.SAMESPACE:
            raise ValueError("secret")
        return await before(self, ready)

    monkeypatch.setattr(delivery.Delivery, "send", send)
    await imports_of(fresh).begin(CALLER, given)
    await imports_of(fresh).wait(1, 60)
    found = await job(fresh)
    assert (found["state"], "secret" in str(found)) == ("FINISHED", False)
    assert [(each["status"], each["code"]) for each in found["reports"]] == [
        ("REJECTED", "INTERNAL"),
        ("APPLIED", None),
    ]


async def test_a_gateway_that_stops_begins_no_job(fresh: World, given: dict[str, Any]) -> None:
    imports = imports_of(fresh)
    await imports.aclose()
    with pytest.raises(Exception, match="being stopped"):
        await imports.begin(CALLER, given)
    assert ((await job(fresh))["state"], sent(fresh)) == ("INTERRUPTED", set())


async def test_an_end_that_cannot_be_stored_is_found_by_the_next_one_who_asks(
    fresh: World, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = imports_of(fresh)._journal
    before = journal.keep_job

    async def keep(number: int, stored: Any) -> None:
        if stored["state"] == "FINISHED":
            raise sqlite3.OperationalError("database is locked")
        await before(number, stored)

    monkeypatch.setattr(journal, "keep_job", keep)
    await imports_of(fresh).begin(CALLER, given)
    await imports_of(fresh).wait(1, 60)
    found = await job(fresh)
    assert found["state"] == "INTERRUPTED"
    assert {each["status"] for each in found["reports"]} == {"APPLIED"}


async def test_a_file_with_nothing_for_a_source_is_not_sent_there(fresh: World) -> None:
    rows = b"Name,Email,metadata.note\nAda Quux,ada@example.com,\n"
    mapping = [{"column": "metadata.note", "field": "metadata.note"}]
    payload = await fresh.load({**KEYED["input"], "mapping": mapping}, rows)
    (report,) = payload["job"]["reports"]
    assert ([row["status"] for row in report["rows"]], report["failed"], sent(fresh)) == (
        ["FAILED"],
        1,
        set(),
    )
