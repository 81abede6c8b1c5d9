"""People as nodes and entities, and what is no id or cursor of theirs."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.federation import paging
from gateway.model import ids
from tests.support import world as worlds
from tests.support.people import EVERYBODY, PERSON, ask_for, people, records
from tests.support.records import PX, SPACE, made
from tests.support.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")  # all tests share a world, which they only read

NODE = f"query ($id: ID!) {{ node(id: $id) {{ __typename ... on Person {PERSON} }} }}"
ENTITIES = (
    "query ($all: [_Any!]!) { _entities(representations: $all) { __typename "
    f"... on Person {PERSON} ... on Contact {{ id }} }} }}"
)
LISTS = ("people", "drift", "identityConflicts", "contacts", "groups", "events")
PAGE = "query ($after: String) { it: %s(first: 1, after: $after) { nodes { id } pageInfo { endCursor } } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there() -> AsyncIterator[World]:
    """Some people, one of whom two sources tell differently, and two who are held apart."""
    world = worlds.build(30)
    for place in range(2):
        made(world, SPACE, "Ada Quux", email=f"quux{place}@example.com", phone=f"+1202555018{place}")
        made(world, PX, "Ada Quux", email=f"quux{place}@example.com", phone="+12025550189")
    for place in range(2):
        made(
            world,
            SPACE,
            f"Otto Byron{'ov' * place}",
            email=f"apart{place}@example.com",
            phone=f"+1202555017{place}",
        )
        made(world, PX, "Nora Lind", email=f"apart{place}@example.com", phone=f"+1202555019{place + 1}")
    await world.scan()
    yield world
    await worlds.close(world)


async def test_a_person_is_a_node(there: World) -> None:
    for each in (await people(there))[:9]:
        found = (await there.data(NODE, {"id": each["id"]}))["node"]
        assert found == {"__typename": "Person", **each}


async def test_people_are_nodes_beside_others(there: World) -> None:
    ada, otto = (await people(there))[:2]
    nobody = ids.encode("Person", "default", "PACKAGEX", "contact_0000")
    wanted = [ada["id"], records(otto)[0], nobody, otto["id"], ada["id"]]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    found = (await there.data(query, {"ids": wanted}))["nodes"]
    assert [each and each["id"] for each in found] == [*wanted[:2], None, *wanted[3:]]
    assert [each and each["__typename"] for each in found] == ["Person", "Contact", None, "Person", "Person"]


async def test_people_are_entities(there: World) -> None:
    ada, otto = (await people(there))[:2]
    wanted = [
        {"__typename": "Person", "id": otto["id"]},
        {"__typename": "Contact", "id": records(ada)[0]},
        {"__typename": "Person", "id": ada["id"]},
        {"__typename": "Person", "id": ids.encode("Person", "default", "SMART_SENDER", "1")},
    ]
    answer = await there.ask(ENTITIES, {"all": wanted})
    assert answer.errors == []
    first, contact, third, nobody = answer.data["_entities"]
    assert first == {"__typename": "Person", **otto}
    assert contact == {"__typename": "Contact", "id": records(ada)[0]}
    assert third == {"__typename": "Person", **ada}
    assert nobody is None
    wrong = [{"__typename": "Person", "id": records(ada)[0]}, {"__typename": "Contact", "id": ada["id"]}]
    answer = await there.ask(ENTITIES, {"all": wrong})
    assert answer.data["_entities"] == [None, None]
    assert answer.codes == ["BAD_USER_INPUT"] * 2


async def test_ids_of_other_things_name_nobody(there: World) -> None:
    (ada, *_) = await people(there, 1)
    there.forget()
    contact: Any = ids.decode(records(ada)[0])
    for wrong in (
        "",
        "nobody",
        "WzEsIlUiXQ",
        ada["id"][:-1],
        f"{ada['id']}=",
        "x" * 3_000,
        records(ada)[0],
        ids.encode("Group", "default", "PACKAGEX", contact.parts[-1]),
        ids.encode("Person", "elsewhere", contact.source.value, contact.parts[-1]),
        ids.own("Event", "default", 1),
    ):
        answer = await ask_for(there, id=wrong)
        assert (answer.data, answer.codes) == ({"person": None}, ["BAD_USER_INPUT"]), wrong
        if wrong != records(ada)[0]:
            answer = await ask_for(there, contact=wrong)
            assert (answer.data, answer.codes) == ({"person": None}, ["BAD_USER_INPUT"]), wrong
    answer = await ask_for(there, contact=ada["id"])
    assert answer.codes == ["BAD_USER_INPUT"]
    assert there.calls == {}


@pytest.mark.parametrize("vendor_id", ["", "\x00", "%", "' OR 1=1 --", "ä" * 200])
async def test_odd_ids_of_records_name_nobody(there: World, vendor_id: str) -> None:
    for source in ("SAMESPACE", "PACKAGEX", "SMART_SENDER"):
        answer = await ask_for(there, id=ids.encode("Person", "default", source, vendor_id))
        assert (answer.data, answer.errors) == ({"person": None}, [])


async def test_a_conflict_is_read_in_its_list_only(there: World) -> None:
    (conflict,) = (await there.data(PAGE % "identityConflicts"))["it"]["nodes"]
    answer = await there.ask(NODE, {"id": conflict["id"]})
    assert (answer.data, answer.codes) == ({"node": None}, ["BAD_USER_INPUT"])


async def test_conflicts_are_walked_with_any_page_size(there: World) -> None:
    query = (
        "query ($first: Int, $after: String) { identityConflicts(first: $first, after: $after) "
        "{ nodes { id } edges { cursor node { id } } pageInfo { hasNextPage endCursor } } }"
    )
    whole = (await there.data(query, {"first": 100}))["identityConflicts"]["nodes"]
    assert len(whole) == 2
    found, after, more = [], None, True
    while more:
        page = (await there.data(query, {"first": 1, "after": after}))["identityConflicts"]
        found += page["nodes"]
        more, after = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
        assert after == page["edges"][-1]["cursor"]
    assert found == whole


@pytest.mark.parametrize("field", ["people", "drift", "identityConflicts"])
async def test_cursors_of_other_lists_and_odd_ones_are_refused(there: World, field: str) -> None:
    others = [name for name in LISTS if name != field]
    pages = [(await there.data(PAGE % name))["it"]["pageInfo"]["endCursor"] for name in others]
    wrong = [each for each in pages if each is not None]
    own = (await there.data(PAGE % field))["it"]["pageInfo"]["endCursor"]
    version, mark, *_ = json.loads(base64.urlsafe_b64decode(own + "=" * (-len(own) % 4)))
    for odd in ([-1], [2**60], [1.5], ["1"], [None], [True], [], [1, 2, 3]):
        wrong.append(paging.seal([version, mark, *odd]))
    if field != "people":
        wrong += [
            paging.seal([version, mark, *odd]) for odd in (["a", 1], [None, None], [[], {}], [1.5, "x"])
        ]
    wrong += ["", "x", "W10", own[:-2]]
    for cursor in wrong:
        answer = await there.ask(PAGE % field, {"after": cursor})
        assert answer.codes == ["CURSOR_INVALID"], cursor
    searched = (await there.data(EVERYBODY, {"first": 1, "search": "quux"}))["people"]["pageInfo"][
        "endCursor"
    ]
    assert (await there.ask(PAGE % field, {"after": searched})).codes == ["CURSOR_INVALID"]


@pytest.mark.parametrize("field", ["people", "drift", "identityConflicts"])
@pytest.mark.parametrize("first", [0, -1, 101])
async def test_pages_have_their_bounds(there: World, field: str, first: int) -> None:
    answer = await there.ask(f"{{ {field}(first: {first}) {{ nodes {{ id }} }} }}")
    assert answer.codes == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("first", [0, 21])
async def test_suggestions_have_their_bounds(there: World, first: int) -> None:
    answer = await there.ask(
        f"{{ people(first: 1) {{ nodes {{ suggestions(first: {first}) {{ score }} }} }} }}"
    )
    assert answer.codes == ["BAD_USER_INPUT"]


async def test_a_person_is_named_in_one_way(there: World) -> None:
    for by in ("{}", '{ id: "a", email: "b" }', "{ email: null }"):
        answer = await there.ask(f"{{ person(by: {by}) {{ id }} }}")
        assert answer.codes == ["GRAPHQL_VALIDATION_FAILED"]
