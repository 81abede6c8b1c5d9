"""Look-ups of one request become one call, each key once, and nobody takes a value from another."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from gateway.context.loaders import Loader, Loaders, Work
from gateway.errors import UpstreamUnavailable
from gateway.model.caller import ANYONE, DEFAULT_ACCOUNT
from gateway.model.contact import ContactKey
from gateway.model.group import GroupKey
from gateway.model.source import Source
from gateway.ports import Found
from tests.support.jumping import jumping
from tests.support.world import World

DOWN = UpstreamUnavailable("PACKAGEX", "down")


@dataclass
class Shop:
    """Finds a value for each key; keys with an "x" fail, keys with an "o" are not there."""

    asked: list[list[str]] = field(default_factory=list)
    failing: Exception | None = None

    async def find(self, keys: Sequence[str]) -> Found[str, str]:
        self.asked.append(list(keys))
        await asyncio.sleep(5)
        if self.failing is not None:
            raise self.failing
        found: Found[str, str] = {
            key: DOWN if "x" in key else key.upper() for key in reversed(keys) if "o" not in key
        }
        return found


@jumping
async def test_keys_of_one_turn_become_one_call_and_get_their_own_values() -> None:
    shop = Shop()
    loader = Loader(shop.find, Work())
    assert await asyncio.gather(*(loader.load(key) for key in "abc")) == ["A", "B", "C"]
    assert shop.asked == [["a", "b", "c"]]


@jumping
async def test_a_key_is_asked_for_once_in_a_request() -> None:
    shop = Shop()
    loader = Loader(shop.find, Work())
    assert await asyncio.gather(*(loader.load(key) for key in "aba")) == ["A", "B", "A"]
    assert await loader.load("b") == "B"
    assert shop.asked == [["a", "b"]]


@jumping
async def test_a_key_with_nothing_behind_it_is_none() -> None:
    assert await Loader(Shop().find, Work()).load("o") is None


@jumping
async def test_a_key_that_fails_fails_alone() -> None:
    loader = Loader(Shop().find, Work())
    found = await asyncio.gather(*(loader.load(key) for key in "axb"), return_exceptions=True)
    assert found == ["A", DOWN, "B"]
    with pytest.raises(UpstreamUnavailable):
        await loader.load("x")


@jumping
async def test_a_call_that_fails_fails_all_of_its_keys() -> None:
    loader = Loader(Shop(failing=DOWN).find, Work())
    assert await asyncio.gather(*(loader.load(key) for key in "ab"), return_exceptions=True) == [DOWN] * 2


@jumping
async def test_a_waiter_that_goes_away_takes_nothing_from_the_others() -> None:
    shop = Shop()
    loader = Loader(shop.find, Work())

    async def wait() -> str | None:
        return await loader.load("a")

    leaving, staying = asyncio.create_task(wait()), asyncio.create_task(wait())
    await asyncio.sleep(1)
    leaving.cancel()
    assert await staying == "A"
    assert leaving.cancelled()
    assert await loader.load("a") == "A"
    assert shop.asked == [["a"]]


@jumping
async def test_a_loader_knows_what_was_asked_for() -> None:
    loader = Loader(Shop().find, Work())
    assert not loader.asked("a")
    await loader.load("a")
    assert loader.asked("a")
    assert not loader.asked("b")


@jumping
async def test_several_keys_come_in_their_order_whenever_they_were_asked_for() -> None:
    shop = Shop()
    loader = Loader(shop.find, Work())
    early = asyncio.create_task(loader.load_all("ab"))
    await asyncio.sleep(1)
    assert await loader.load_all("cboa") == ["C", "B", None, "A"]
    assert await early == ["A", "B"]
    assert await loader.load_all("ca") == ["C", "A"]
    assert shop.asked == [["a", "b"], ["c", "o"]]
    with pytest.raises(UpstreamUnavailable):
        await loader.load_all("ax")


@jumping
async def test_a_call_that_fails_is_made_again_for_whoever_asks_later() -> None:
    shop = Shop(failing=DOWN)
    loader = Loader(shop.find, Work())
    found = await asyncio.gather(loader.load_all("ab"), loader.load("b"), return_exceptions=True)
    assert found == [DOWN, DOWN]
    shop.failing = None
    assert await loader.load_all("ab") == ["A", "B"]
    assert [sorted(keys) for keys in shop.asked] == [["a", "b"]] * 2


@jumping
async def test_nothing_is_begun_for_a_request_that_nobody_waits_for() -> None:
    shop, work = Shop(), Work()
    loader = Loader(shop.find, work)
    loading = loader.load("a")
    work.abandon()
    await asyncio.sleep(10)
    assert not loading.done()
    assert shop.asked == []


# ---- the loaders of a request, over real sources


def loaders(world: World) -> Loaders:
    return Loaders(world.directory, ANYONE, None)


async def keys_of(world: World, source: Source, count: int) -> list[ContactKey]:
    found = await world.directory.upstreams[source].contacts(0, count)
    world.forget()
    return [contact["_key"] for contact in found.items]


async def test_contacts_of_all_sources_are_found_by_their_keys(world: World) -> None:
    keys = [key for source in Source for key in await keys_of(world, source, 2)]
    held = loaders(world)
    found = await asyncio.gather(*(held.contact.load(key) for key in reversed(keys)))
    assert [contact and contact["sourceId"] for contact in found] == [key.id for key in reversed(keys)]
    assert world.calls == {"PACKAGEX": 2, "SMART_SENDER": 2}


async def test_ids_that_nobody_has_are_none_and_cost_their_neighbours_nothing(world: World) -> None:
    [known] = await keys_of(world, Source.PACKAGEX, 1)
    held = loaders(world)
    unknown = ContactKey(Source.PACKAGEX, "", "contact_nobody")
    found = await asyncio.gather(held.contact.load(unknown), held.contact.load(known))
    assert found[0] is None
    assert found[1] is not None


async def test_one_source_that_fails_fails_its_own_keys_only(world: World) -> None:
    [one] = await keys_of(world, Source.PACKAGEX, 1)
    [other] = await keys_of(world, Source.SMART_SENDER, 1)
    world.packagex.switches.fail("getContact", status=503)
    held = loaders(world)
    found = await asyncio.gather(held.contact.load(one), held.contact.load(other), return_exceptions=True)
    assert isinstance(found[0], UpstreamUnavailable)
    assert isinstance(found[1], dict)
    assert found[1]["sourceId"] == other.id


async def test_a_source_without_the_ability_has_nothing_and_is_not_asked(world: World) -> None:
    [key] = await keys_of(world, Source.PACKAGEX, 1)
    held = loaders(world)
    assert await held.chat.load(key) is None
    assert await held.funnels.load(key) is None
    assert await held.group.load(GroupKey(Source.SMART_SENDER, "17")) is None
    assert world.calls == {}


async def test_communications_come_out_of_a_chat_that_is_asked_for_anyway(world: World) -> None:
    [key] = await keys_of(world, Source.SMART_SENDER, 1)
    alone = await loaders(world).communications(key, 0, 20)
    assert world.operations == {"listContactGates": 1}
    world.forget()
    held = loaders(world)
    together, chat = await asyncio.gather(held.communications(key, 0, 20), held.chat.load(key))
    assert world.operations == {"getContactChat": 1}
    assert chat is not None
    assert together.items == alone.items == chat["communications"]
    assert together.more is alone.more is False


async def test_communications_out_of_a_chat_are_paged(world: World) -> None:
    held = loaders(world)
    for key in await keys_of(world, Source.SMART_SENDER, 20):
        chat = await held.chat.load(key)
        gates = chat["communications"] if chat else []
        if len(gates) > 1:
            break
    first = await held.communications(key, 0, 1)
    rest = await held.communications(key, 1, 20)
    assert (first.items, first.more, first.total) == (gates[:1], True, len(gates))
    assert (rest.items, rest.more) == (gates[1:], False)


async def test_definitions_are_read_once_for_each_module(world: World) -> None:
    [key] = await keys_of(world, Source.SAMESPACE, 1)
    held = loaders(world)
    found = await asyncio.gather(*(held.definitions.load((Source.SAMESPACE, key.module)) for _ in range(3)))
    assert all(each is not None and each["firstName"]["label"] == "First Name" for each in found)
    assert world.operations == {"getProperties": 1}


async def test_the_account_of_what_is_found_is_that_of_the_directory(world: World) -> None:
    [key] = await keys_of(world, Source.PACKAGEX, 1)
    contact = await loaders(world).contact.load(key)
    assert contact is not None
    assert world.directory.account == DEFAULT_ACCOUNT
    assert contact["_key"] == key
