"""What was made of an answer is shared by all who get the same one, so nothing on the way may change it."""

import copy
import json

import orjson

from gateway.server.explorer.examples import EXAMPLES
from tests.support.world import World

FRESH = {"cache-control": "no-cache"}


async def test_nothing_that_is_asked_changes_what_is_shared(world: World) -> None:
    for example in EXAMPLES * 4:
        await world.ask(
            example.query, json.loads(example.variables) if example.variables else None, headers=FRESH
        )
    known = world.gateway.known
    assert len(known._held) > 5
    assert sum(len(held.made) for held in known._held.values()) > 10
    for content, held in known._held.items():
        assert held.read == orjson.loads(content)


async def test_values_are_the_same_after_everything_was_asked_of_them(world: World) -> None:
    lists = "{ contacts(first: 20) { nodes { id } } groups(first: 5) { nodes { id } } }"
    for _ in range(3):
        await world.ask(lists, headers=FRESH)
    made = [made for held in world.gateway.known._held.values() for made in held.made.values()]
    before = copy.deepcopy(made)
    assert len(made) >= 20
    for example in EXAMPLES:
        await world.ask(
            example.query, json.loads(example.variables) if example.variables else None, headers=FRESH
        )
        await world.ask(lists, headers=FRESH)
    assert made == before
