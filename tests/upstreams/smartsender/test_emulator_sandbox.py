"""The people of the sandbox, its switches and counters, and that the emulator stands alone."""

import ast
import inspect
import tracemalloc
from pathlib import Path

import httpx
import pytest

from gateway.upstreams.emulation import ConnectionBroken
from gateway.upstreams.people import Population
from gateway.upstreams.smartsender import seed, seed_project
from gateway.upstreams.smartsender.emulator import Emulator
from tests.upstreams.smartsender.asking import IMKE, TADEO, ask, emulator, everybody, get, unlimited

# The people of the sandbox


def test_the_seed_is_rich_and_uneven() -> None:
    people = Population(240)
    residents = [
        seed.resident(people.person(number), position)
        for position, number in enumerate(people.living_in("smartsender"))
    ]
    talks = [resident.talk for resident in residents]
    said = [sum(not message["internal"] for message in talk.messages) for talk in talks]
    assert {len(talk.gates) for talk in talks} == {0, 1, 2, 3}
    assert (min(said), max(said) > 20, max(said) <= 40) == (0, True, True)
    for kind in ("tags", "funnels", "notes", "variables"):
        amounts = {len(resident.record[kind]) for resident in residents}
        assert 0 in amounts, kind
        assert len(amounts) > 2, kind
    assert {len(resident.groups) for resident in residents} >= {0, 1, 2}
    held = {each["name"] for resident in residents for each in resident.record["variables"]}
    assert held == set(seed_project.VARIABLES)
    assert any(gate.unread for talk in talks for gate in talk.gates)


def test_the_unread_messages_of_a_gate_are_the_last_ones_nobody_answered() -> None:
    people = Population(240)
    for position, number in enumerate(people.living_in("smartsender")):
        talk = seed.talk(people.person(number), position)
        for gate in talk.gates:
            through = [
                each for each in talk.messages if each["gate"]["id"] == gate.id and not each["internal"]
            ]
            types = [each["sender"]["type"] for each in through]
            assert types[len(types) - gate.unread :] == ["contact"] * gate.unread


def test_every_id_is_found_again_and_no_two_records_share_one() -> None:
    ids = [seed.contact_id(position) for position in range(3000)]
    assert [seed.position_of(number) for number in ids] == list(range(3000))
    assert sum(seed.position_of(number) is not None for number in range(59_000, ids[-1] + 1)) == 3000
    people = Population(2000)
    talks = [
        seed.talk(people.person(n), position) for position, n in enumerate(people.living_in("smartsender"))
    ]
    gates = [gate.id for talk in talks for gate in talk.gates]
    messages = [message["id"] for talk in talks for message in talk.messages]
    assert (len(gates), len(messages)) == (len(set(gates)), len(set(messages)))


async def test_two_emulators_of_the_same_people_answer_alike_and_share_nothing() -> None:
    one, other = unlimited(), unlimited()
    assert await everybody(one) == await everybody(other)
    before = await everybody(other)
    for contact in before:
        await ask(one, "POST", f"/contacts/{contact['id']}/tags/81")
        await ask(one, "DELETE", f"/contacts/{contact['id']}/funnels/wlc7Qd2")
    assert await everybody(other) == before


async def test_a_hundred_thousand_people_cost_nothing_until_they_are_read() -> None:
    tracemalloc.start()
    project = Emulator(Population(100_000))
    page = await get(project, "/contacts", page=2000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert page["cursor"] == {"page": 2000, "pages": 2400}
    assert len(page["collection"]) == 20
    assert peak < 20_000_000


# Switches


async def test_a_fault_replaces_the_answer_of_one_operation() -> None:
    project = emulator(0, examples=True)
    project.switches.fail("getContact", status=503, body="down", times=1)
    down = await ask(project, "GET", IMKE)
    assert (down.status_code, down.text) == (503, "down")
    assert (await ask(project, "GET", f"{IMKE}/info")).status_code == 200
    assert (await ask(project, "GET", IMKE)).status_code == 200


async def test_a_fault_after_the_effect_leaves_the_effect() -> None:
    project = emulator(0, examples=True)
    project.switches.fail("deleteContact", status=502, after=True)
    assert (await ask(project, "DELETE", TADEO)).status_code == 502
    assert (await ask(project, "GET", TADEO)).status_code == 404


async def test_a_broken_connection_is_an_error_of_the_transport() -> None:
    project = emulator(0, examples=True)
    project.switches.fail("*", reset="headers")
    with pytest.raises(ConnectionBroken):
        await ask(project, "GET", IMKE)


async def test_latency_is_slept_before_the_answer() -> None:
    project = emulator(0, examples=True)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    project.switches.sleep = sleep
    project.switches.fail("getContact", latency=2.5)
    assert (await ask(project, "GET", IMKE)).status_code == 200
    assert slept == [2.5]


async def test_calls_are_counted_by_operation() -> None:
    project = emulator(0, examples=True)
    await ask(project, "GET", IMKE)
    await ask(project, "GET", IMKE, headers={})
    await ask(project, "GET", "/contacts/search", params={"term": "imke"})
    await ask(project, "GET", "/nowhere")
    assert project.switches.requests == 4
    assert project.switches.operations == {"getContact": 2, "searchContacts": 1}


async def test_the_counters_can_be_read_from_outside() -> None:
    project = emulator(0, examples=True)
    await ask(project, "GET", IMKE)
    transport = httpx.ASGITransport(app=project.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
        calls = (await client.get("/_emulator/calls")).json()
    assert calls == {"requests": 1, "operations": {"getContact": 1}}


# Independence


@pytest.mark.parametrize(
    "file", sorted(Path(inspect.getfile(Emulator)).parent.glob("emulator*.py")), ids=lambda file: file.stem
)
def test_the_emulator_imports_nothing_of_the_client(file: Path) -> None:
    ours = ("gateway.upstreams.people", "gateway.upstreams.emulation")
    own = "gateway.upstreams.smartsender"
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [
                f"{node.module}.{alias.name}" if node.module == own else str(node.module)
                for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            allowed = name in ours or name.startswith((f"{own}.emulator", f"{own}.seed"))
            assert allowed or not name.startswith(("gateway", "resolvers")), f"{file.name} imports {name}"
