"""What was made of an answer is shared by all who get the same one, so nothing on the way may change it."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from gateway.model.record import JsonRecord
from gateway.server.explorer.examples import EXAMPLES
from tests.support.world import World

FRESH = {"cache-control": "no-cache"}


def made_of(value: Any) -> Iterator[Any]:
    """What was made of the records in what is held."""
    if isinstance(value, JsonRecord):
        if value.made is not None:
            yield value.made
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from made_of(each)


async def test_nothing_that_is_asked_changes_what_is_shared(world: World) -> None:
    for example in EXAMPLES * 4:
        await world.ask(
            example.query, json.loads(example.variables) if example.variables else None, headers=FRESH
        )
    held = world.gateway.known._held
    assert len(held) > 3
    assert len([*made_of(held)]) > 10
    for content, (answer, _) in held.items():
        assert answer == orjson.loads(content)


async def test_values_are_the_same_after_everything_was_asked_of_them(world: World) -> None:
    lists = "{ contacts(first: 20) { nodes { id } } groups(first: 5) { nodes { id } } }"
    for _ in range(3):
        await world.ask(lists, headers=FRESH)
    made = [*made_of(world.gateway.known._held)]
    before = copy.deepcopy(made)
    assert len(made) >= 20
    for example in EXAMPLES:
        await world.ask(
            example.query, json.loads(example.variables) if example.variables else None, headers=FRESH
        )
        await world.ask(lists, headers=FRESH)
    assert made == before
