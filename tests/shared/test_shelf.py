"""Answers that replicas share: what lies in Redis counts, and what is held here saves sending it again."""

import math
from collections.abc import AsyncIterator

import pytest

from gateway.cache.shelf import Kept, MemoryShelf
from gateway.model.contact import ContactKey
from gateway.model.group import GroupKey
from gateway.model.page import Slice
from gateway.model.source import Source
from gateway.shared.shelf import HEAD, LARGEST, RedisShelf, packed, unpacked
from gateway.shared.state import State, connect, key

SPACE = "default:PACKAGEX"
NOON = 1_800_000_000.0
Two = tuple[RedisShelf, RedisShelf]


@pytest.fixture
async def two(redis_url: str) -> AsyncIterator[Two]:
    """The shelves of two replicas."""
    states = [State(connect(redis_url)) for _ in range(2)]
    one, other = [RedisShelf(state, MemoryShelf(10**6)) for state in states]
    for state in states:
        await state.probe()
    yield one, other
    for state in states:
        await state.aclose()


async def put(shelf: RedisShelf, value: object, at: float = NOON, name: str = "a") -> None:
    mark, _ = await shelf.get(SPACE, [])
    await shelf.put(SPACE, mark, {name: Kept(value, at)}, 60.0)


async def got(shelf: RedisShelf, name: str = "a", since: float = 0.0) -> object:
    _, (kept,) = await shelf.get(SPACE, [name], since)
    return None if kept is None else kept.value


async def test_what_was_put_or_read_here_is_not_unpacked_again(two: Two) -> None:
    one, other = two
    value = ["what was read"]
    await put(one, value)
    assert await got(one) is value
    first = await got(other)
    assert (first, await got(other)) == (value, value)
    assert await got(other) is first


async def test_what_another_has_read_since_is_given_instead_of_what_is_held(two: Two) -> None:
    one, other = two
    await put(one, "old")
    assert await got(other) == "old"
    await put(one, "new", NOON + 1)
    assert await got(other) == "new"
    await put(other, "newest", NOON + 2)
    assert await got(one) == "newest"


async def test_what_another_has_found_gone_is_not_given_from_here(two: Two) -> None:
    one, other = two
    await put(one, "there")
    assert await got(other) == "there"
    await one.drop(SPACE, ["a"])
    assert (await got(one), await got(other)) == (None, None)


async def test_after_a_write_of_one_nothing_that_is_held_is_used_by_either(two: Two) -> None:
    one, other = two
    for name in "ab":
        await put(one, name, name=name)
        assert await got(other, name) == name
    await other.renew(SPACE)
    for shelf in two:
        _, held = await shelf.get(SPACE, ["a", "b"])
        assert held == [None, None]


async def test_what_was_asked_for_before_a_write_is_not_used_though_it_is_put_after_it(two: Two) -> None:
    one, other = two
    mark, _ = await one.get(SPACE, ["a"])
    await other.renew(SPACE)
    await one.put(SPACE, mark, {"a": Kept("old", NOON)}, 60.0)
    assert (await got(one), await got(other)) == (None, None)


async def test_what_is_older_than_wanted_is_not_given_and_stays(two: Two) -> None:
    await put(two[0], "seen")
    for shelf in two:
        assert await got(shelf, since=NOON + 1) is None
        assert await got(shelf, since=math.inf) is None
        assert await got(shelf, since=NOON) == "seen"


async def test_what_is_too_large_is_kept_nowhere(two: Two) -> None:
    one, other = two
    await put(one, "x" * LARGEST)
    assert (await got(one), await got(other)) == (None, None)


async def test_what_cannot_be_unpacked_is_no_answer(two: Two, redis_url: str) -> None:
    one, _ = two
    await put(one, "held here")
    mark, _ = await one.get(SPACE, [])
    redis = connect(redis_url)
    for content in (
        b"",
        b"\xc1",
        HEAD.pack(mark.encode(), NOON + 1) + b"\xc1",
        HEAD.pack(mark.encode(), math.nan),
    ):
        await redis.set(key("answer", SPACE, "a"), content)
        assert await got(one) is None
    await redis.aclose()


@pytest.mark.parametrize(
    "value",
    [
        ContactKey(Source.SAMESPACE, "m", "ü\n1"),
        GroupKey(Source.PACKAGEX, "g"),
        Slice(
            [{"_key": ContactKey(Source.PACKAGEX, "", "1"), "source": Source.PACKAGEX}], more=True, total=9
        ),
        ("a", [None, 1.5, {"b": ("c",)}]),
    ],
)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    again = unpacked(packed(value))
    assert again == value
    assert type(again) is type(value)
