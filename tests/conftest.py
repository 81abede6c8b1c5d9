"""Fixtures that all tests share."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import settings

from tests.support import world as worlds
from tests.support.world import World

# A run of all tests has to stay short: what hypothesis finds in longer runs becomes a test of its own.
settings.register_profile("short", max_examples=30, deadline=None)
settings.load_profile("short")

Build = Callable[..., World]


@pytest.fixture
async def new_world() -> AsyncIterator[Build]:
    """Makes worlds to measure; all of them are closed afterwards."""
    made: list[World] = []

    def build(*arguments: Any, **settings: Any) -> World:
        made.append(worlds.build(*arguments, **settings))
        return made[-1]

    yield build
    for world in made:
        await worlds.close(world)


@pytest.fixture
async def fresh(new_world: Build) -> World:
    """A world whose index is still empty."""
    return new_world()


@pytest.fixture
async def world(new_world: Build) -> World:
    """A world whose index is filled, with counters at zero."""
    made = new_world()
    await made.scan()
    return made
