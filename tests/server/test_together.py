"""Equal queries of one caller at the same moment are carried out once; what differs in anything is not."""

import asyncio
from typing import Any

import pytest

from gateway.server.together import Together
from tests.support.world import World

LIST = "{ contacts(first: 3, sources: [PACKAGEX]) { nodes { id displayName } } }"
RENAME = (
    "mutation ($id: ID!, $name: String) { updateContact(input: { id: $id, contact: { name: $name } }) "
    "{ contact { displayName } } }"
)


class Work:
    """Waits until it is let go, and counts how often it was begun."""

    def __init__(self) -> None:
        self.times = 0
        self.go = asyncio.Event()
        self.found: str | None = "found"

    async def __call__(self) -> str | None:
        self.times += 1
        await self.go.wait()
        return self.found


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_is_under_way_is_shared() -> None:
    together, work = Together[str](), Work()
    asked = [asyncio.create_task(together.share("key", work)) for _ in range(5)]
    await turns()
    work.go.set()
    assert await asyncio.gather(*asked) == [("found", False), *[("found", True)] * 4]
    assert work.times == 1


async def test_what_differs_is_not() -> None:
    together, work = Together[str](), Work()
    work.go.set()
    await asyncio.gather(together.share("one", work), together.share("other", work))
    await together.share("one", work)
    assert work.times == 3


async def test_nothing_that_was_begun_before_a_write_is_shared_after_it() -> None:
    together, work = Together[str](), Work()
    before = asyncio.create_task(together.share("key", work))
    await turns()
    together.writes += 1
    after = asyncio.create_task(together.share("key", work))
    await turns()
    work.go.set()
    assert await before == await after == ("found", False)
    assert work.times == 2


async def test_what_did_not_go_well_is_no_answer_for_others() -> None:
    together, work = Together[str](), Work()
    work.found = None
    asked = [asyncio.create_task(together.share("key", work)) for _ in range(3)]
    await turns()
    work.go.set()
    assert await asyncio.gather(*asked) == [(None, False)] * 3
    assert work.times == 3


async def test_who_began_may_go_away_without_the_others() -> None:
    together, work = Together[str](), Work()
    first, second, third = (asyncio.create_task(together.share("key", work)) for _ in range(3))
    await turns()
    first.cancel()
    second.cancel()
    await turns()
    work.go.set()
    assert await third == ("found", False)
    with pytest.raises(asyncio.CancelledError):
        await first


async def at_once(world: World, count: int, query: str = LIST, **options: Any) -> list[Any]:
    return await asyncio.gather(*(world.ask(query, **options) for _ in range(count)))


async def test_equal_queries_get_equal_answers_each_with_an_id_and_a_cost_of_its_own(world: World) -> None:
    answers = await at_once(world, 4)
    assert world.calls == {"PACKAGEX": 1}
    told = [answer.body["extensions"] for answer in answers]
    assert len({each["requestId"] for each in told}) == 4
    assert sorted(each["cost"]["upstreamCalls"] for each in told) == [0, 0, 0, 1]
    assert sorted(each["cost"]["cacheHits"] for each in told) == [0, 1, 1, 1]
    assert len({str(answer.body["data"]) for answer in answers}) == 1
    assert len({each["cost"]["points"] for each in told}) == 1


@pytest.mark.parametrize("header", [{"cache-control": "no-cache"}, {"x-deadline-ms": "4000"}])
async def test_who_has_wishes_is_answered_alone(world: World, header: dict[str, str]) -> None:
    answers = await at_once(world, 3, headers=header)
    assert all(answer.errors == [] for answer in answers)
    assert len({answer.body["extensions"]["requestId"] for answer in answers}) == 3


async def test_mutations_are_never_one(world: World) -> None:
    (one, *_) = (await world.data(LIST))["contacts"]["nodes"]
    world.forget()
    await at_once(world, 2, RENAME, variables={"id": one["id"], "name": "Imke Vandersloot"})
    assert world.calls["PACKAGEX"] >= 2
