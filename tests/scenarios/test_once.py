"""What is sent with an idempotency key is sent once, and every repeat gets the first answer."""

import asyncio
import hashlib
from typing import Any

import pytest

from gateway.journal.journal import KeyedAs
from gateway.model.source import Source
from tests.conftest import Build
from tests.support.waiting import give_way, until
from tests.support.world import World

ADA = {"targets": [{"source": "PACKAGEX"}], "contact": {"name": "Ada Quux"}}
CREATE = "mutation ($input: CreateContactInput!) { createContact(input: $input) { contacts { id } outcomes { status } userErrors { code } clientMutationId } }"
KEY = {"Idempotency-Key": "order-17"}


def callers(**entries: str) -> str:
    return ";".join(
        f"{name}:{hashlib.sha256(name.encode()).hexdigest()}:{rest}" for name, rest in entries.items()
    )


async def test_a_repeat_with_the_same_key_returns_the_first_answer(world: World) -> None:
    given = {**ADA, "idempotencyKey": "order-17"}
    first = await world.ask(CREATE, {"input": {**given, "clientMutationId": "a"}})
    second = await world.ask(CREATE, {"input": {**given, "clientMutationId": "b"}})
    assert world.operations["createPerson"] == 1
    made = first.data["createContact"]
    assert second.data["createContact"] == {**made, "clientMutationId": "b"}
    assert len(made["contacts"]) == 1
    assert len((await world.data("{ events { nodes { id } } }"))["events"]["nodes"]) == 1


async def test_the_header_does_the_same_and_the_key_of_an_input_wins(world: World) -> None:
    for _ in range(2):
        assert (await world.ask(CREATE, {"input": ADA}, headers=KEY)).errors == []
    assert world.operations["createPerson"] == 1
    await world.ask(CREATE, {"input": {**ADA, "idempotencyKey": "other"}}, headers=KEY)
    assert world.operations["createPerson"] == 2


async def test_the_header_is_left_aside_for_several_mutations_and_that_is_said(world: World) -> None:
    two = "mutation ($input: CreateContactInput!) { a: createContact(input: $input) { outcomes { status } } b: createContact(input: $input) { outcomes { status } } }"
    answer = await world.ask(two, {"input": ADA}, headers=KEY)
    assert world.operations["createPerson"] == 2
    assert "Idempotency-Key" in answer.warnings[0]["message"]


async def test_the_same_key_with_another_input_is_a_conflict(world: World) -> None:
    await world.ask(CREATE, {"input": ADA}, headers=KEY)
    other = {**ADA, "contact": {"name": "Somebody Else"}}
    answer = await world.ask(CREATE, {"input": other}, headers=KEY)
    assert answer.data == {"createContact": None}
    assert answer.codes == ["IDEMPOTENCY_CONFLICT"]
    assert world.operations["createPerson"] == 1


async def test_a_repeat_while_the_first_is_running_waits_for_its_answer(world: World) -> None:
    gate = asyncio.Event()
    world.packagex.switches.sleep = lambda _: gate.wait()
    world.packagex.switches.fail("createPerson", latency=1.0)
    asked = [asyncio.create_task(world.ask(CREATE, {"input": ADA}, headers=KEY)) for _ in range(3)]
    await until(lambda: world.operations.get("createPerson"))
    gate.set()
    answers = await asyncio.gather(*asked)
    assert world.operations["createPerson"] == 1
    assert len({answer.data["createContact"]["contacts"][0]["id"] for answer in answers}) == 1


async def test_a_conflict_is_told_while_the_first_is_running(world: World) -> None:
    gate = asyncio.Event()
    world.packagex.switches.sleep = lambda _: gate.wait()
    world.packagex.switches.fail("createPerson", latency=1.0)
    first = asyncio.create_task(world.ask(CREATE, {"input": ADA}, headers=KEY))
    await until(lambda: world.operations.get("createPerson"))
    other = await world.ask(CREATE, {"input": {**ADA, "contact": {"name": "Else"}}}, headers=KEY)
    assert other.codes == ["IDEMPOTENCY_CONFLICT"]
    gate.set()
    assert (await first).errors == []


async def test_a_caller_who_goes_away_does_not_end_a_keyed_write(world: World) -> None:
    gate = asyncio.Event()
    world.packagex.switches.sleep = lambda _: gate.wait()
    world.packagex.switches.fail("createPerson", latency=1.0)
    first = asyncio.create_task(world.ask(CREATE, {"input": ADA}, headers=KEY))
    await until(lambda: world.operations.get("createPerson"))
    first.cancel()
    await asyncio.wait((first,))
    gate.set()
    again = await world.ask(CREATE, {"input": ADA}, headers=KEY)
    assert again.data["createContact"]["outcomes"] == [{"status": "APPLIED"}]
    assert world.operations["createPerson"] == 1


async def test_an_uncertain_write_is_not_sent_again_either(world: World) -> None:
    world.packagex.switches.fail("createPerson", reset="headers", after=True, times=1)
    for _ in range(2):
        answer = await world.ask(CREATE, {"input": ADA}, headers=KEY)
        assert answer.data["createContact"]["outcomes"] == [{"status": "UNCERTAIN"}]
    assert world.operations["createPerson"] == 1


async def test_bad_input_uses_no_key_up(world: World) -> None:
    bad = {**ADA, "contact": {}}
    assert (await world.ask(CREATE, {"input": bad}, headers=KEY)).data["createContact"]["userErrors"]
    answer = await world.ask(CREATE, {"input": ADA}, headers=KEY)
    assert answer.data["createContact"]["outcomes"] == [{"status": "APPLIED"}]


async def test_keys_are_apart_for_callers_accounts_and_mutations(new_world: Build) -> None:
    world = new_world(GATEWAY_API_KEYS=callers(ada="read,write", bob="read,write", eve="read,write:acme"))
    answers = [
        await world.ask(CREATE, {"input": ADA}, headers={**KEY, "x-api-key": name})
        for name in ("ada", "bob", "eve", "ada")
    ]
    assert world.operations["createPerson"] == 3
    ids = [answer.data["createContact"]["contacts"][0]["id"] for answer in answers]
    assert ids[0] == ids[3]
    assert len(set(ids)) == 3
    group = "mutation ($input: CreateGroupInput!) { createGroup(input: $input) { outcome { status } } }"
    answer = await world.ask(group, {"input": {"name": "G"}}, headers={**KEY, "x-api-key": "ada"})
    assert answer.data["createGroup"]["outcome"] == {"status": "APPLIED"}


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
async def test_an_odd_key_is_refused_before_anything_is_sent(world: World, key: str) -> None:
    answer = await world.ask(CREATE, {"input": {**ADA, "idempotencyKey": key}})
    assert answer.codes == ["BAD_USER_INPUT"]
    assert world.calls == {}


async def test_what_was_sent_before_a_crash_is_uncertain_and_what_was_answered_is_kept(
    new_world: Build, tmp_path: Any
) -> None:
    """The journal of a gateway that ended between two writes, as the next one finds it."""
    both = {**ADA, "targets": [{"source": "SAMESPACE"}, {"source": "PACKAGEX"}], "idempotencyKey": "k"}
    first = new_world(GATEWAY_DATA_DIR=str(tmp_path))
    await first.scan()
    gate = asyncio.Event()
    first.packagex.switches.sleep = lambda _: gate.wait()
    first.packagex.switches.fail("createPerson", latency=1.0)
    running = asyncio.create_task(first.ask(CREATE, {"input": both}))
    await until(lambda: first.operations.get("createPerson") and first.operations.get("createContact"))
    place = KeyedAs("default", "anyone", "createContact", "k")
    while not any((await first.gateway.journal.steps(place)).values()):
        await give_way()  # until the write that was answered is in the journal
    first.gateway._owner._file.close()  # type: ignore[union-attr]  # as when the process is killed
    second = new_world(GATEWAY_DATA_DIR=str(tmp_path))
    await second.scan()
    answer = await second.ask(CREATE, {"input": both})
    statuses = [each["status"] for each in answer.data["createContact"]["outcomes"]]
    assert statuses == ["APPLIED", "UNCERTAIN"]
    assert "createPerson" not in second.operations
    assert "createContact" not in second.operations
    gate.set()
    await running


async def test_a_source_is_written_once_whatever_the_key(world: World) -> None:
    (contact,) = await world.some(Source.SMART_SENDER)
    document = "mutation ($input: TriggerEventInput!) { triggerEvent(input: $input) { event { id name contact { id } } outcome { status } } }"
    given = {"contact": contact["id"], "name": "InvoicePaid"}
    first = await world.ask(document, {"input": given}, headers=KEY)
    second = await world.ask(document, {"input": given}, headers=KEY)
    assert first.data == second.data
    assert first.data["triggerEvent"]["event"]["contact"] == {"id": contact["id"]}
    assert world.operations["fireEvent"] == 1
