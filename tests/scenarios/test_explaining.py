"""Whoever asks is told what an operation asked of the sources, or what it would ask."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from gateway.model.source import Source
from tests.conftest import Build
from tests.support.world import World

PEOPLE = (
    "query People { people: contacts(first: 6) { nodes { id chat { id messages(first: 2) { nodes { text } } } } } "
    "channels { nodes { id } } }"
)


def fields(tree: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a plan, by its path."""
    for each in tree["fields"]:
        here = f"{path}.{each['field']}".lstrip(".")
        yield here, each
        if "fields" in each:
            yield from fields(each, here)


async def test_a_field_with_an_argument_named_source_is_explained_as_any_other(world: World) -> None:
    answer = await world.ask(
        "{ properties(source: SAMESPACE, first: 1) { nodes { key } } }", headers={"X-Explain": "1"}
    )
    assert answer.errors == []
    assert "properties" in dict(fields(answer.body["extensions"]["plan"]))


async def test_each_call_stands_below_the_field_that_asked_for_it(world: World) -> None:
    answer = await world.ask(PEOPLE, headers={"X-Explain": "1"})
    plan = answer.body["extensions"]["plan"]
    by_path = dict(fields(plan))
    operations = {
        path: {call["operation"] for call in each.get("calls", ())} for path, each in by_path.items()
    }
    assert operations["people"] == {"getContacts", "listContacts"}
    assert operations["people.nodes.chat"] == {"getContactChat"}
    assert operations["people.nodes.chat.messages"] == {"listContactMessages"}
    assert operations["channels"] == {"listChannels"}
    assert (plan["executed"], plan["calls"]) == (True, sum(world.calls.values()))
    call = by_path["channels"]["calls"][0]
    assert {
        "source",
        "operation",
        "status",
        "code",
        "attempt",
        "batch",
        "startedMs",
        "waitedMs",
        "durationMs",
    } == set(call)
    assert answer.data == (await world.ask(PEOPLE)).data


async def test_the_extension_does_the_same_as_the_header_and_without_both_there_is_no_plan(
    world: World,
) -> None:
    told = await world.ask(PEOPLE, extensions={"explain": True})
    assert told.body["extensions"]["plan"]["executed"]
    assert "plan" not in (await world.ask(PEOPLE)).body["extensions"]
    assert (await world.ask(PEOPLE, extensions={"explain": "all"})).codes == ["BAD_REQUEST"]


async def test_repeats_refusals_and_what_took_no_call_are_told_too(new_world: Build) -> None:
    world = new_world(GATEWAY_CACHE_CHANNEL_SECONDS="60", GATEWAY_STALE_IF_ERROR_SECONDS="60")
    await world.scan()
    await world.ask(PEOPLE)
    world.packagex.switches.fail(status=503)
    plan = (await world.ask(PEOPLE, extensions={"explain": True})).body["extensions"]["plan"]
    by_path = dict(fields(plan))
    packagex = [call for call in by_path["people"]["calls"] if call["source"] == "PACKAGEX"]
    assert [(call["attempt"], call["status"]) for call in packagex] == [(1, 503), (2, 503), (3, 503)]
    assert by_path["channels"]["spared"] == [{"source": "SMART_SENDER", "reason": "cache", "count": 1}]
    assert {each["reason"] for each in by_path["people"]["spared"]} >= {"cache", "stale"}
    for _ in range(5):
        await world.ask(PEOPLE, headers={"Cache-Control": "no-cache"})
    again = (await world.ask(PEOPLE, extensions={"explain": True})).body["extensions"]["plan"]
    assert dict(fields(again))["people"]["refused"][0]["reason"] == "UpstreamUnavailable"


async def test_many_calls_of_one_field_are_counted(world: World) -> None:
    query = "{ contacts(first: 100, sources: [SMART_SENDER]) { nodes { chat { id } } } }"
    plan = (await world.ask(query, extensions={"explain": True})).body["extensions"]["plan"]
    chats = dict(fields(plan))["contacts.nodes.chat"]
    assert len(chats["calls"]) == 50
    assert len(chats["calls"]) + chats["callsOmitted"] == world.operations["getContactChat"]


# Without running it.

NESTED = (
    "query ($first: Int, $chats: Boolean = true) { contacts(first: $first) { ...people } } "
    "fragment people on ContactConnection { nodes { chat @include(if: $chats) { messages { nodes { id } } } } }"
)


async def planned(world: World, query: str, variables: dict[str, Any] | None = None) -> Any:
    answer = await world.ask(query, variables, extensions={"explain": "plan"})
    assert answer.errors == []
    assert answer.data is None
    assert world.calls == {}
    return answer.body["extensions"]["plan"]


async def test_a_query_can_be_planned_without_being_carried_out(world: World) -> None:
    plan = await planned(world, NESTED, {"first": 30})
    assert plan["executed"] is False
    assert plan["perSource"]["SMART_SENDER"]["expected"] == 1 + 10 + 10
    assert plan["perSource"]["SMART_SENDER"]["worst"] >= 30 + 30
    assert dict(fields(plan))["contacts.nodes.chat.messages"]["calls"][0]["worst"] == 30
    without = await planned(world, NESTED, {"first": 30, "chats": False})
    assert without["perSource"]["SMART_SENDER"]["expected"] == 1


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("{ contacts(first: 20) { nodes { id } } }", {"SAMESPACE": 2, "PACKAGEX": 2, "SMART_SENDER": 2}),
        ('{ contacts(filter: { name: "a" }) { nodes { id } } }', {}),
        ('{ contacts(search: "ada") { nodes { id } } }', {"PACKAGEX": 2, "SMART_SENDER": 2}),
        (
            "{ groups(first: 5) { nodes { members(first: 2) { nodes { id displayName } } } } }",
            {"PACKAGEX": 2},
        ),
        ("{ groups(first: 5) { nodes { members(first: 2) { nodes { phone } } } } }", {"PACKAGEX": 2 + 10}),
        ("{ modules { properties { nodes { key } } } }", {"SAMESPACE": 2}),
        ("{ sources { status } __schema { types { name } } }", {}),
    ],
)
async def test_no_more_calls_are_made_than_the_worst_that_was_told(
    world: World, query: str, most: dict[str, int]
) -> None:
    plan = await planned(world, query)
    worst = {source: each["worst"] for source, each in plan["perSource"].items() if each["worst"]}
    assert worst == most
    await world.data(query)
    assert all(calls <= worst.get(source, 0) for source, calls in world.calls.items())


async def test_the_wait_for_a_budget_is_told(new_world: Build) -> None:
    world = new_world(SMART_SENDER_RATE_LIMIT="20/60")
    plan = await planned(world, NESTED, {"first": 50})
    told = plan["perSource"]["SMART_SENDER"]
    assert told["worstWaitSeconds"] > 60
    assert told["fits"] is False
    assert plan["worstWaitSeconds"] == told["worstWaitSeconds"]
    assert plan["perSource"][Source.PACKAGEX.value]["fits"] is True


async def test_what_cannot_be_planned_says_so(world: World) -> None:
    mutation = 'mutation { deleteGroup(input: { id: "x" }) { clientMutationId } }'
    assert (await world.ask(mutation, extensions={"explain": "plan"})).codes == ["BAD_REQUEST"]
    odd = await world.ask(NESTED, {"first": "many"}, extensions={"explain": "plan"})
    assert odd.codes == ["BAD_USER_INPUT"]


BOMB = "query { contacts(first: 1) { nodes { ...F0 } } } " + " ".join(
    f"fragment F{n} on Contact {{ ...F{n + 1} ...F{n + 1} }}" for n in range(40)
)


async def test_a_document_that_grows_when_it_is_walked_through_is_no_bomb(world: World) -> None:
    bomb = BOMB + " fragment F40 on Contact { id }"
    assert (await world.ask(bomb, extensions={"explain": "plan"})).codes == ["QUERY_TOO_COMPLEX"]
    deep = (
        "{ contacts(first: 1) { nodes { ...G0 } } } "
        + " ".join(
            f"fragment G{n} on Contact {{ "
            + " ".join(f"a{m}: chat {{ contact {{ ...G{n + 1} }} }}" for m in range(10))
            + " }"
            for n in range(8)
        )
        + " fragment G8 on Contact { id }"
    )
    assert (await world.ask(deep, extensions={"explain": "plan"})).codes == ["QUERY_TOO_COMPLEX"]


@pytest.mark.parametrize(
    ("query", "variables", "codes"),
    [
        (
            "query ($id: ID!) { node(id: $id) { ... on Group { x: members { nodes { displayName } } } ... on Contact { x: groups { nodes { memberCount } } } } }",
            {"id": "x"},
            [],
        ),
        (
            "query ($v: Boolean = true) { channels @include(if: $v) { nodes { id } } }",
            {"v": None},
            ["BAD_USER_INPUT"],
        ),
    ],
)
async def test_odd_documents_are_planned_or_refused(
    world: World, query: str, variables: dict[str, Any], codes: list[str]
) -> None:
    answer = await world.ask(query, variables, extensions={"explain": "plan"})
    assert answer.codes == codes


async def test_a_plan_tells_nothing_of_sources_that_the_caller_may_not_read(new_world: Build) -> None:
    digest = sha256(b"k").hexdigest()
    world = new_world(GATEWAY_API_KEYS=f"k:{digest}:read:default:PACKAGEX", SMART_SENDER_RATE_LIMIT="20/60")
    answer = await world.ask(
        "{ contacts(first: 50) { nodes { chat { id } } } channels { nodes { id } } }",
        extensions={"explain": "plan"},
        headers={"X-Api-Key": "k"},
    )
    assert set(answer.body["extensions"]["plan"]["perSource"]) == {"PACKAGEX"}
