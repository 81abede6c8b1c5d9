"""What was made of an answer is shared by all who get the same one, so nothing on the way may change it."""

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

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
