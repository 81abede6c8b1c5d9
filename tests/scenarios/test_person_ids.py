"""The id of a person: the same as long as one of their records stays, whatever becomes of the others."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import ids
from gateway.model.source import Source
from tests.conftest import Build
from tests.server.test_rights import SETTINGS, by
from tests.support import world as worlds
from tests.support.people import PERSON, people, person, records, together
from tests.support.records import BEGAN, PX, SENDER, SPACE, changed, deleted, made
from tests.support.world import World

LINK = (
    "mutation ($input: LinkContactsInput!) { linkContacts(input: $input) "
    "{ people { id } userErrors { message } } }"
)
NODES = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Person {PERSON} }} }}"
DELETE = "mutation ($input: DeleteContactsInput!) { deleteContacts(input: $input) { deletedIds } }"


@pytest.fixture
async def empty(new_world: Build) -> World:
    """A world in which nobody is."""
    return new_world(0)


async def ada(world: World, *sources: Source, **more: Any) -> list[str]:
    """Records of one Ada, the oldest first, which the index knows."""
    found = [made(world, source, "Ada Quux", email="ada@example.com", **more) for source in sources]
    await world.scan()
    return found


async def id_of(world: World, contact: str, **asking: Any) -> str:
    found = await person(world, contact=contact, **asking)
    assert found is not None
    id_: str = found["id"]
    return id_


async def delete(world: World, contact: str, *, elsewhere: bool) -> None:
    """Take a record away: through the gateway, or at its source, so that a scan finds it gone."""
    if elsewhere:
        deleted(world, contact)
        await world.scan()
    else:
        done = await world.data(DELETE, {"input": {"ids": [contact]}})
        assert done["deleteContacts"]["deletedIds"] == [contact]


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_an_id_stays_while_one_record_stays(empty: World, elsewhere: bool) -> None:
    held = await ada(empty, SPACE, PX, SENDER, PX)
    other = made(empty, PX, "Bob Other", email="bob@example.com")
    await empty.scan()
    id_ = await id_of(empty, held[0])
    while held:
        for contact in held:
            assert await id_of(empty, contact) == id_
        assert records(await person(empty, id=id_)) == held
        assert records(await person(empty, email="ada@example.com")) == held
        assert together(await people(empty)) == {frozenset(held), frozenset([other])}
        await delete(empty, held.pop(0), elsewhere=elsewhere)
    assert await person(empty, id=id_) is None
    assert together(await people(empty)) == {frozenset([other])}


async def test_an_id_stays_when_another_than_the_oldest_record_goes(empty: World) -> None:
    first, second, third = await ada(empty, PX, SPACE, SENDER)
    id_ = await id_of(empty, first)
    for contact in (second, third):
        await delete(empty, contact, elsewhere=True)
        assert await id_of(empty, first) == id_


async def test_an_id_stays_over_a_restart(new_world: Build, tmp_path: Path) -> None:
    before = worlds.build(0, GATEWAY_DATA_DIR=str(tmp_path))
    first, second, third = await ada(before, SPACE, PX, SENDER)
    id_ = await id_of(before, first)
    await delete(before, first, elsewhere=True)
    await worlds.close(before)
    after = new_world(beside=before, GATEWAY_DATA_DIR=str(tmp_path))
    assert records(await person(after, id=id_)) == [second, third]
    assert after.calls == {}
    await delete(after, second, elsewhere=True)
    assert await id_of(after, third) == id_
    assert [each["id"] for each in await people(after)] == [id_]


async def test_what_was_linked_by_hand_is_known_when_a_record_goes_after_a_restart(
    new_world: Build, tmp_path: Path
) -> None:
    before = worlds.build(0, GATEWAY_DATA_DIR=str(tmp_path))
    old = made(before, SPACE, "Ada Quux", email="ada@example.com")
    new = made(before, PX, "Countess Lovelace", email="lovelace@example.com")
    await before.scan()
    linked = await before.data(LINK, {"input": {"contacts": [old, new], "reason": "She married."}})
    (told,) = linked["linkContacts"]["people"]
    await worlds.close(before)
    deleted(before, old)
    after = new_world(beside=before, GATEWAY_DATA_DIR=str(tmp_path))
    await after.scan()
    assert records(await person(after, id=told["id"])) == [new]
    assert await id_of(after, new) == told["id"]


async def test_older_ids_lead_to_those_whom_a_key_joins_later(empty: World) -> None:
    old = made(empty, SPACE, "Ada Quux", email="ada@example.com")
    young = made(empty, PX, "Ada Quux", email="quux@example.com")
    await empty.scan()
    first, second = await id_of(empty, old), await id_of(empty, young)
    assert first != second
    changed(empty, old, email="quux@example.com")  # the older record gets the key
    await empty.scan()
    for id_ in (first, second):
        found = await person(empty, id=id_)
        assert found is not None
        assert (found["id"], records(found)) == (first, [old, young])
    oldest = made(empty, SENDER, "Ada Quux", email="quux@example.com", created=BEGAN - 1)
    await empty.scan()
    now = await id_of(empty, oldest)
    assert now not in (first, second)
    for id_ in (first, second, now):
        assert records(await person(empty, id=id_)) == [oldest, old, young]
    for contact in (oldest, old):
        await delete(empty, contact, elsewhere=True)
    for id_ in (first, second, now):
        found = await person(empty, id=id_)
        assert found is not None
        assert (found["id"], records(found)) == (now, [young])


async def test_after_a_split_each_id_names_the_part_of_its_record(empty: World) -> None:
    first, second, third = await ada(empty, SPACE, PX, SENDER)
    id_ = await id_of(empty, first)
    changed(empty, second, email="byron@example.com")
    await empty.scan()
    assert records(await person(empty, id=id_)) == [first, third]
    own = await id_of(empty, second)
    assert own != id_
    changed(empty, second, email="ada@example.com")
    await empty.scan()
    for each in (id_, own):
        assert records(await person(empty, id=each)) == [first, second, third]


async def test_who_was_named_by_a_record_that_is_gone_keeps_the_id_when_others_split_off(
    empty: World,
) -> None:
    first, second, third = await ada(empty, SPACE, PX, SENDER)
    id_ = await id_of(empty, first)
    await delete(empty, first, elsewhere=True)
    changed(empty, third, email="byron@example.com")
    await empty.scan()
    assert records(await person(empty, id=id_)) == [second]
    assert await id_of(empty, third) != id_
    await delete(empty, second, elsewhere=True)
    assert await person(empty, id=id_) is None


@pytest.mark.parametrize("source", Source)
async def test_a_record_that_is_made_again_is_itself_again(empty: World, source: Source) -> None:
    other = PX if source is not PX else SENDER
    first, second = await ada(empty, source, other)
    id_ = await id_of(empty, first)
    await delete(empty, first, elsewhere=True)
    assert records(await person(empty, id=id_)) == [second]
    named: Any = ids.decode(first)
    again = made(
        empty, source, "Ada Quux", email="else@example.com", id=named.parts[-1], created=BEGAN + 9_000
    )
    await empty.scan()
    assert again == first
    assert records(await person(empty, id=id_)) == [first]
    assert await id_of(empty, second) != id_
    changed(empty, again, email="ada@example.com")
    await empty.scan()
    assert set(records(await person(empty, id=id_))) == {first, second}


async def test_records_that_are_no_people_name_nobody_and_keep_nobody(empty: World) -> None:
    """Companies may hold the same address; they are no part of the person, so no id leads to one."""
    made(empty, SPACE, "Quux Ltd", module="Companies", email="ada@example.com")
    first, second = await ada(empty, PX, SENDER)
    id_ = await id_of(empty, first)
    await delete(empty, first, elsewhere=True)
    assert records(await person(empty, id=id_)) == [second]
    assert await id_of(empty, second) == id_


# ---- any story

Step = tuple[str, int, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["make", "make", "key", "phone", "delete"]), st.integers(0, 5), st.integers(0, 2)
    ),
    min_size=3,
    max_size=10,
)


class Story:
    """A small world, and what is known of it: the keys of each record, and all ids that were handed out."""

    def __init__(self, world: World, seen: list[Source]) -> None:
        self.world = world
        self.keys: dict[str, dict[str, str | None]] = {}
        self.made: list[tuple[Source, str]] = []
        self.handed: list[dict[str, frozenset[str]]] = [{}, {}]  # by caller: id → records when last seen so
        self.seen = [list(Source), seen]

    async def take(self, step: Step) -> None:
        what, which, key = step
        source = tuple(Source)[which % 3]
        held = list(self.keys)
        if what == "make":
            if sum(ids.decode(each).source is source for each in held) < 5:  # type: ignore[union-attr]
                keys = {"email": f"ada{key}@example.com", "phone": None}
                contact = made(self.world, source, "Ada Quux", **keys)
                self.keys[contact] = keys
                self.made.append((source, ids.decode(contact).parts[-1]))  # type: ignore[union-attr]
        elif held:
            contact = held[which % len(held)]
            source = ids.decode(contact).source  # type: ignore[union-attr]
            if what == "delete":
                del self.keys[contact]
                deleted(self.world, contact)
            else:
                changes = (
                    {"email": f"ada{key}@example.com"} if what == "key" else {"phone": f"+1202555011{key}"}
                )
                self.keys[contact] |= changes
                changed(self.world, contact, **changes)
        await self.world.scan(source)

    async def check(self) -> None:
        for seen, handed in zip(self.seen, self.handed, strict=True):
            headers = by(sources=[each.value for each in seen])
            expected = self.components(seen)
            found = await people(self.world, 3, headers=headers)
            assert together(found) == expected
            assert len(found) == len(expected) == len({each["id"] for each in found})
            named: dict[str, set[str]] = {each["id"]: {each["id"]} for each in found}
            asked = await self.world.ask(NODES, {"ids": list(handed)}, headers=headers)
            for (id_, before), told in zip(list(handed.items()), asked.data["nodes"], strict=True):
                stayed = before & self.keys.keys()
                assert bool(told) is bool(stayed)
                if told:
                    assert frozenset(records(told)) & stayed
                    named[told["id"]].add(id_)
                    handed[id_] = frozenset(records(told))
            for id_, all_of_them in named.items():
                assert id_ == min(all_of_them, key=self.age)
            handed.update({each["id"]: frozenset(records(each)) for each in found})

    def age(self, id_: str) -> int:
        """When the record that gives an id was made."""
        named: Any = ids.decode(id_)
        return self.made.index((named.source, named.parts[-1]))

    def components(self, seen: list[Source]) -> set[frozenset[str]]:
        """Who is one person, to somebody who sees some sources."""
        visible = {
            each: {key for key in held.values() if key}
            for each, held in self.keys.items()
            if ids.decode(each).source in seen  # type: ignore[union-attr]
        }
        found: list[tuple[set[str], set[str]]] = []
        for contact, keys in visible.items():
            joined = [each for each in found if each[1] & keys]
            found = [each for each in found if not each[1] & keys]
            found.append(
                ({contact}.union(*(each[0] for each in joined)), keys.union(*(each[1] for each in joined)))
            )
        return {frozenset(each[0]) for each in found}


@given(story=steps, left=st.sampled_from(Source))
def test_every_id_that_was_handed_out_names_whoever_of_them_stays(
    story: Sequence[Step], left: Source
) -> None:
    async def tell() -> None:
        world = worlds.build(0, **SETTINGS)
        told = Story(world, [each for each in Source if each is not left])
        try:
            await world.scan()
            for step in story:
                await told.take(step)
                await told.check()
        finally:
            await worlds.close(world)

    asyncio.run(tell())
