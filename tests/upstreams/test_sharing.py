"""Emulators of one process share what they were seeded with, and nothing of what became of it."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.model.source import Source
from tests.support.world import World

FIRST = (
    "query ($of: [Source!]) { contacts(first: 1, sources: $of) { nodes { id displayName firstName lastName "
    "email phone notes { text } tags { id } groups { nodes { id } } } } }"
)


async def first(world: World, source: Source) -> dict[str, Any]:
    """The first contact of a source."""
    found: dict[str, Any] = (await world.data(FIRST, {"of": [source.value]}))["contacts"]["nodes"][0]
    return found


@pytest.mark.parametrize("source", Source)
async def test_what_is_written_at_one_emulator_stands_in_no_other(
    new_world: Callable[..., World], source: Source
) -> None:
    one, other = new_world(), new_world()
    await one.scan(source)
    before = await first(one, source)
    assert await first(other, source) == before
    name = "name" if source is Source.PACKAGEX else "firstName"
    change = {"id": before["id"], "contact": {name: "Somebody"}}
    assert (await one.write("updateContact", change))["outcome"]["status"] == "APPLIED"
    assert (await first(one, source))["displayName"] != before["displayName"]
    assert await first(other, source) == await first(new_world(), source) == before


async def test_tags_of_one_emulator_are_put_on_nobody_in_another(new_world: Callable[..., World]) -> None:
    one, other, source = new_world(), new_world(), Source.SMART_SENDER
    before = await first(one, source)
    listed = await one.data("{ contacts(first: 50, sources: [SMART_SENDER]) { nodes { tags { id } } } }")
    every = {tag["id"] for each in listed["contacts"]["nodes"] for tag in each["tags"]}
    change = {"id": before["id"], "add": [min(every - {tag["id"] for tag in before["tags"]})]}
    assert (await one.write("updateContactTags", change))["outcome"]["status"] == "APPLIED"
    assert len((await first(one, source))["tags"]) == len(before["tags"]) + 1
    assert await first(other, source) == await first(new_world(), source) == before
