"""Everybody exactly once, whatever the size of pages, while sources grow and people change."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.source import Source
from tests.conftest import Build
from tests.support import world as worlds
from tests.support.people import EVERYBODY, people, records, together
from tests.support.records import BEGAN, PX, SENDER, SPACE, changed, deleted, made
from tests.support.world import World

NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"


class Walk:
    """A walk through everybody, or those whom a search finds, in which time passes between pages."""

    def __init__(self, world: World, search: str | None = None) -> None:
        self.world = world
        self.search = search
        self.found: list[dict[str, Any]] = []
        self.after: str | None = None
        self.more = True

    async def on(self, first: int) -> None:
        """One page more."""
        asked = {"first": first, "after": self.after, "search": self.search}
        page = (await self.world.data(EVERYBODY, asked))["people"]
        self.found += page["nodes"]
        self.after, self.more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    async def to_its_end(self, first: int) -> None:
        """The rest of the pages."""
        while self.more:
            await self.on(first)

    @property
    def ids(self) -> list[str]:
        return [each["id"] for each in self.found]


@pytest.mark.parametrize("first", [1, 2, 7, 100])
async def test_everybody_is_listed_once_with_any_page_size(new_world: Build, first: int) -> None:
    world = new_world(45)
    await world.fill()
    whole = await people(world)
    assert len(whole) == len({each["id"] for each in whole}) == 45
    assert await people(world, first) == whole
    found = await people(world, first, search="example.org")
    assert [each["id"] for each in found] == [
        each["id"] for each in whole if any("example.org" in email for email in each["emails"])
    ]
    assert world.calls == {}


@pytest.mark.parametrize("search", [None, "example"])
async def test_a_page_of_few_people_looks_at_few_records(new_world: Build, search: str | None) -> None:
    world = new_world(120)
    await world.fill()
    db: sqlite3.Connection = world.directory.index.store._reader  # type: ignore[attr-defined]
    read: list[str] = []
    db.set_trace_callback(read.append)
    costs: list[int] = []
    for first in (5, 50):
        read.clear()
        found = await world.data(EVERYBODY, {"first": first, "search": search})
        assert len(found["people"]["nodes"]) == first
        costs.append(len(read))
    db.set_trace_callback(None)
    assert costs[0] < costs[1] / 3


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("quux", True),
        ("QUUX ada", True),
        ("lovelace", True),  # in one record
        ("lumen", True),  # in another one
        ("ada@example.com", True),
        ("5550111", True),
        ("lumen lovelace", False),  # no record has both
        ("nobody", False),
    ],
)
async def test_a_search_finds_people_by_the_words_of_one_of_their_records(
    new_world: Build, search: str, found: bool
) -> None:
    world = new_world(0)
    held = [
        made(world, SPACE, "Ada Quux", email="ada@example.com", company="Lumen"),
        made(world, PX, "Ada Lovelace Quux", email="ada@example.com", phone="(202) 555-0111"),
    ]
    made(world, SENDER, "Otto Byron", email="otto@example.com")
    await world.scan()
    assert together(await people(world, search=search)) == ({frozenset(held)} if found else set())


@pytest.mark.parametrize("search", [" ", "x" * 1_001, "a\x00b"])
async def test_a_search_for_nothing_is_refused(world: World, search: str) -> None:
    answer = await world.ask(EVERYBODY, {"search": search})
    assert (answer.data, answer.codes) == ({"people": None}, ["BAD_USER_INPUT"])


async def test_an_empty_world_is_an_empty_list(new_world: Build) -> None:
    world = new_world(0)
    await world.scan()
    for field in ("people", "drift", "identityConflicts"):
        page = await world.data(f"{{ {field} {{ nodes {{ id }} pageInfo {{ hasNextPage endCursor }} }} }}")
        assert page[field] == {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}


async def test_who_joins_and_who_goes_during_a_walk_is_listed_once(new_world: Build) -> None:
    world = new_world(0)
    names = "abcdef"
    held = {each: made(world, PX, "Ada Quux", email=f"{each}@example.com") for each in names}
    also_a = made(world, SENDER, "Ada Quux", email="a@example.com", created=BEGAN - 1)
    await world.scan()
    walk = Walk(world)
    await walk.on(2)  # a and b
    assert [records(each)[-1] for each in walk.found] == [held["a"], held["b"]]
    deleted(world, held["a"])  # the place of the person goes, not the person
    changed(world, held["c"], email="b@example.com")  # joins one who was listed
    changed(world, held["d"], email="e@example.com")  # two who were not become one
    new = made(world, SPACE, "Ada Quux", email="new@example.com")
    also_f = made(world, SPACE, "Ada Quux", email="f@example.com", created=BEGAN - 2)
    await world.scan()
    await walk.to_its_end(1)
    assert [set(records(each)) for each in walk.found[2:]] == [
        {held["d"], held["e"]},
        {held["f"], also_f},
        {new},
    ]
    assert together(await people(world)) == {
        frozenset(each)
        for each in (
            {also_a}, {held["b"], held["c"]}, {held["d"], held["e"]}, {held["f"], also_f}, {new}
        )
    }  # fmt: skip


async def test_who_parts_during_a_walk_is_not_missed(new_world: Build) -> None:
    world = new_world(0)
    held = [made(world, PX, "Ada Quux", email="a@example.com") for _ in range(3)]
    other = made(world, PX, "Ada Quux", email="b@example.com")
    await world.scan()
    walk = Walk(world)
    await walk.on(1)
    changed(world, held[1], email="c@example.com")
    await world.scan()
    await walk.to_its_end(1)
    assert [records(each) for each in walk.found] == [held, [held[1]], [other]]


# ---- any story

Step = tuple[str, int, int]
growth = st.tuples(st.just("make"), st.integers(0, 5), st.integers(0, 9))
steps = st.lists(
    st.one_of(
        growth, growth, st.tuples(st.sampled_from(["phone", "delete"]), st.integers(0, 30), st.integers(0, 3))
    ),
    max_size=8,
)


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[asyncio.Runner, World]]:
    """A world that stories share, each of which leaves it empty."""
    with asyncio.Runner() as runner:

        async def built() -> World:
            world = worlds.build(0)
            await world.fill()
            return world

        world = runner.run(built())
        yield runner, world
        runner.run(worlds.close(world))


@given(
    before=st.lists(growth, max_size=10),
    during=steps,
    size=st.integers(1, 4),
    search=st.sampled_from([None, "quux"]),
)
def test_a_walk_meets_everybody_once_while_sources_grow(
    stage: tuple[asyncio.Runner, World],
    before: Sequence[Step],
    during: Sequence[Step],
    size: int,
    search: str | None,
) -> None:
    runner, world = stage
    held: list[str] = []

    async def take(step: Step) -> None:
        what, which, key = step
        if what == "make":
            source = tuple(Source)[which % 3]
            held.append(
                made(world, source, "Ada Quux", email=f"a{key}@example.com", created=BEGAN + 7 * which - key)
            )
        elif held and what == "phone":
            changed(world, held[which % len(held)], phone=f"+1202555011{key}")
        elif held and search is None:  # what a record said that is gone is not known
            deleted(world, held.pop(which % len(held)))
        await world.scan()

    async def walked() -> None:
        for step in before:
            await take(step)
        walk = Walk(world, search)
        for step in during:
            await walk.on(size)
            if not walk.more:
                break
            await take(step)
        await walk.to_its_end(size)
        assert len(walk.ids) == len(set(walk.ids))
        asked = await world.data(NODES, {"ids": walk.ids})
        listed = {each["id"] for each in asked["nodes"] if each}
        met = {id_ for each in walk.found for id_ in records(each)}
        for each in await people(world):
            assert each["id"] in listed or met & set(records(each))

    async def tell() -> None:
        try:
            await walked()
        finally:
            while held:
                deleted(world, held.pop())
            await world.scan()
        assert await people(world) == []

    runner.run(tell())
