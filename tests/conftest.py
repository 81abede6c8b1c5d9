"""Fixtures that all tests share."""

import gc
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

from gateway.engine.compiled import prepared
from gateway.telemetry import logs
from tests.support import redis
from tests.support import world as worlds
from tests.support.leaks import Watch
from tests.support.redis import RedisServer
from tests.support.world import World

# A run of all tests has to stay short: what hypothesis finds in longer runs becomes a test of its own.
settings.register_profile("short", max_examples=20, deadline=None)
settings.load_profile("short")

Build = Callable[..., World]


def pytest_addoption(parser: pytest.Parser) -> None:
    """All tests hold with every operation compiled, and with none."""
    parser.addoption("--compiled", choices=("always", "never"), help="default: from the second time on")


def pytest_configure(config: pytest.Config) -> None:
    """Set when operations are compiled."""
    times: Any = {"always": 1, "never": float("inf")}.get(config.getoption("--compiled"))
    if times is not None:
        prepared.WORTH_IT = times  # type: ignore[misc]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected lives to the end, so it is not looked through for garbage again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def watch() -> Iterator[Watch]:
    """Hears everything that is logged, at every level."""
    handler, level = Watch(), logs.LOGGER.level
    logging.getLogger().addHandler(handler)
    logs.LOGGER.setLevel(logging.DEBUG)
    yield handler
    logs.LOGGER.setLevel(level)
    logging.getLogger().removeHandler(handler)


@pytest.fixture(autouse=True)
def nothing_leaks(watch: Watch) -> Iterator[None]:
    """No key, e-mail or phone stands in any line of the whole run."""
    watch.found.clear()
    yield
    assert watch.found == []


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
    await made.fill()
    return made


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis of our own, on a free port, that keeps nothing on disk."""
    with redis.running() as found:
        yield found


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of an empty Redis."""
    redis_server.empty()
    return redis_server.url
