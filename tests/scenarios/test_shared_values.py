"""What was made of an answer is shared by all who get the same one, so nothing on the way may change it."""

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
import pytest

from gateway.model.record import KeptRecord
from gateway.server.explorer.examples import EXAMPLES
from tests.support.world import World

FRESH = {"cache-control": "no-cache"}


def made_of(value: Any) -> Iterator[Any]:
    """What was made of the records in what is held."""
    if isinstance(value, KeptRecord):
        if value.made is not None:
            yield value.made
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from made_of(each)


def untold(made: Iterable[Any]) -> list[Any]:
    """Values without what was told of their properties."""
    return [each | {"_properties": [*each["_properties"]]} for each in made]


def held(world: World) -> dict[bytes, bytes]:
    """All answers that are held, by their digests, as JSON."""

    def text(record: Any) -> Any:
        return orjson.Fragment(record.text)

    known = world.gateway.known._held
    return {digest: orjson.dumps(answer, default=text) for digest, (answer, _) in known.items()}


async def test_nothing_that_is_asked_changes_what_is_shared(world: World) -> None:
    async def ask_everything() -> None:
        for example in EXAMPLES * 2:
            variables = json.loads(example.variables) if example.variables else None
            await world.ask(example.query, variables, headers=FRESH)

    await ask_everything()
    before = held(world)
    assert len(before) > 3
    await ask_everything()
    after = held(world)
    assert {digest: after[digest] for digest in before} == before
    assert len([*made_of(world.gateway.known._held)]) > 10


async def test_values_are_the_same_after_everything_was_asked_of_them(world: World) -> None:
    lists = (
        "{ contacts(first: 20) { nodes { properties { key } } } "
        "groups(first: 5) { nodes { members { nodes { id } } } } }"
    )
    for _ in range(3):
        await world.ask(lists, headers=FRESH)
    made = [*made_of(world.gateway.known._held)]
    before = copy.deepcopy(untold(made))
    assert len(made) >= 20
    for example in EXAMPLES:
        await world.ask(
            example.query, json.loads(example.variables) if example.variables else None, headers=FRESH
        )
        await world.ask(lists, headers=FRESH)
    assert untold(made) == before


ASKED = (
    "{ contacts(first: 9) { nodes { id displayName emails createdAt source } } }",
    "{ contacts(first: 9) { edges { cursor node { id displayName } } pageInfo { endCursor } } }",
    "{ contacts(first: 9) { nodes { name: displayName first: firstName __typename } } }",
    "{ contacts(first: 9) { nodes { id address { city } tags { name } notes { text } } } }",
    "{ contacts(first: 9) { nodes { id properties { key value type } raw } } }",
    '{ contacts(first: 9) { nodes { id properties(keys: ["city", "jobTitle"]) { key value } } } }',
    "{ contacts(first: 4, sources: [SAMESPACE]) { nodes { sourceId lastName } } }",
    "{ contacts(first: 4, sources: [PACKAGEX]) { nodes { sourceId lastName person { id } } } }",
    "{ contacts(first: 4, sources: [SMART_SENDER]) { nodes { phones chat { id } funnels { name } } } }",
    "{ groups(first: 4) { nodes { id name memberCount members { nodes { id email phone } } } } }",
    "{ one: contacts(first: 3) { nodes { id } } more: contacts(first: 5) { nodes { id phone } } }",
)


@pytest.mark.parametrize("query", ASKED)
async def test_an_answer_is_the_same_however_often_its_pages_came(world: World, query: str) -> None:
    first, *others = [await world.ask(query, headers=FRESH) for _ in range(5)]
    assert first.errors == []
    for each in others:
        assert each.body["data"] == first.body["data"]
        assert each.body["extensions"]["cost"]["points"] == first.body["extensions"]["cost"]["points"]


async def test_what_is_told_again_has_the_time_of_its_own_answer(world: World) -> None:
    query = "{ contacts(first: 4, sources: [PACKAGEX]) { nodes { id asOf } sources { asOf } } }"
    times = []
    for _ in range(5):
        page = (await world.data(query, headers=FRESH))["contacts"]
        assert {each["asOf"] for each in page["nodes"]} == {page["sources"][0]["asOf"]}
        times.append(page["sources"][0]["asOf"])
    assert times == sorted(times)
