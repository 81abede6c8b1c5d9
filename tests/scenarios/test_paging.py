"""Lists of the whole gateway, walked with pages of any size while sources fail and people come and go."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.model.source import Source
from gateway.upstreams.people import Population
from gateway.upstreams.smartsender import seed_project
from tests.conftest import Build
from tests.support import world as worlds
from tests.support.world import Answer, World

PEOPLE = 120
SEED = 1
LIVING = {
    source: len(Population(PEOPLE, SEED).living_in(system))
    for source, system in zip(Source, ("samespace", "packagex", "smartsender"), strict=True)
}
STORIES = settings(deadline=None, max_examples=5)

PAGE = """
  edges { cursor node { id } } nodes { id }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
"""
PASSED = "$first: Int, $after: String"
ARGUMENTS = "first: $first, after: $after"
CONTACTS = f"""query ({PASSED}, $sources: [Source!], $search: String, $filter: ContactFilter) {{
  list: contacts({ARGUMENTS}, sources: $sources, search: $search, filter: $filter) {{
    {PAGE} totalCount nodes {{ source }} edges {{ node {{ source }} }} sources {{ source status returned }}
  }}
}}"""

Page = dict[str, Any]


@pytest.fixture
def small(new_world: Build) -> World:
    """A world of few people whose index is still empty."""
    return new_world(60)


# What is shown here is the walk; how a source that fails is left alone is shown elsewhere.
NEVER_LEFT_ALONE = {f"{source.value}_BREAKER_FAILURES": "1000000" for source in Source}


@asynccontextmanager
async def small_world(**settings: str) -> AsyncIterator[World]:
    """A world whose index is still empty, for one story."""
    made = worlds.build(PEOPLE, seed=SEED, **NEVER_LEFT_ALONE, **settings)
    try:
        yield made
    finally:
        await worlds.close(made)


@dataclass(frozen=True)
class Listed:
    """A list of the schema: its document, its variables, and where it stands in the data."""

    document: str
    variables: Mapping[str, Any]
    path: tuple[str, ...] = ("list",)

    async def ask(self, world: World, first: int, after: str | None) -> Answer:
        return await world.ask(self.document, {**self.variables, "first": first, "after": after})

    def page(self, answer: Answer) -> Page:
        found = answer.data
        for step in self.path:
            found = found[step]
        assert found["nodes"] == [edge["node"] for edge in found["edges"]]
        return found  # type: ignore[no-any-return]

    async def read(self, world: World, first: int, after: str | None = None) -> Page:
        answer = await self.ask(world, first, after)
        assert answer.errors == []
        return self.page(answer)


def contacts(*sources: Source, **more: Any) -> Listed:
    return Listed(CONTACTS, {"sources": [source.value for source in sources] or None, **more})


def ids(page: Page) -> list[str]:
    return [node["id"] for node in page["nodes"]]


async def walked(world: World, listed: Listed, sizes: Sequence[int], after: str | None = None) -> list[str]:
    """All ids behind a cursor, in pages of these sizes over and over."""
    found: list[str] = []
    for turn in range(1_000):
        first = sizes[turn % len(sizes)]
        page = await listed.read(world, first, after)
        found += ids(page)
        info = page["pageInfo"]
        assert info["hasPreviousPage"] is (after is not None)
        assert info["startCursor"] == (page["edges"][0]["cursor"] if page["edges"] else None)
        if page["edges"]:
            assert info["endCursor"] == page["edges"][-1]["cursor"]
        if not info["hasNextPage"]:
            return found
        assert len(page["nodes"]) == first
        after = info["endCursor"]
    raise AssertionError("the walk does not end")


SIZES = st.lists(st.integers(1, 100), min_size=1, max_size=3)
SUBSETS = st.sets(st.sampled_from(list(Source)), min_size=1).map(
    lambda chosen: [source for source in Source if source in chosen]
)


# ---- contacts, while nothing happens


@STORIES
@given(SUBSETS, SIZES)
@example(list(Source), [1])
@example(list(Source), [100])
async def test_contacts_of_any_sources_in_pages_of_any_size_are_met_once_each_in_one_order(
    sources: list[Source], sizes: list[int]
) -> None:
    async with small_world() as world:
        order = await walked(world, contacts(*sources), [100])
        found = await walked(world, contacts(*sources), sizes)
        assert found == order
        assert len(set(found)) == len(found) == sum(LIVING[source] for source in sources)


@STORIES
@given(SUBSETS, st.integers(1, 100), st.integers(0, 99), SIZES)
async def test_every_cursor_of_a_page_goes_on_behind_its_own_contact(
    sources: list[Source], first: int, number: int, sizes: list[int]
) -> None:
    async with small_world() as world:
        listed = contacts(*sources)
        page = await listed.read(world, first)
        edge = page["edges"][number % len(page["edges"])]
        rest = await walked(world, listed, sizes, edge["cursor"])
        order = await walked(world, listed, [100])
        assert rest == order[order.index(edge["node"]["id"]) + 1 :]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("search", {"search": "ann"}),
        ("filter", {"filter": {"name": "an"}}),
        ("property", {"filter": {"properties": [{"key": "city", "exists": True}]}}),
        ("since", {"filter": {"createdAfter": "2023-11-15T00:00:00Z"}}),
    ],
)
async def test_contacts_that_are_looked_for_are_walked_like_all_others(
    world: World, name: str, arguments: dict[str, Any]
) -> None:
    listed = contacts(**arguments)
    order = await walked(world, listed, [100])
    assert len(set(order)) == len(order) > 5
    for sizes in ([1], [7, 2], [50]):
        assert await walked(world, listed, sizes) == order


async def test_contacts_of_a_module_are_walked_like_all_others(world: World) -> None:
    listed = contacts(filter={"module": {"name": "Companies"}})
    order = await walked(world, listed, [100])
    assert len(set(order)) == len(order) == 20
    assert await walked(world, listed, [3]) == order


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", ["NAME", "EMAIL", "CREATED_AT", "UPDATED_AT"])
async def test_sorted_contacts_are_met_once_each_whatever_the_size_of_pages(
    world: World, field: str, direction: str
) -> None:
    document = f"""query ({PASSED}, $order: ContactOrder) {{
      list: contacts({ARGUMENTS}, orderBy: $order) {{ {PAGE} totalCount }}
    }}"""
    listed = Listed(document, {"order": {"field": field, "direction": direction}})
    order = await walked(world, listed, [100])
    total = (await listed.read(world, 1))["totalCount"]
    assert len(set(order)) == len(order)
    assert len(order) == total or field == "UPDATED_AT"
    for sizes in ([13], [1, 40]):
        assert await walked(world, listed, sizes) == order


# ---- contacts, while things happen

LISTING = {
    Source.SAMESPACE: "getContacts",
    Source.PACKAGEX: "listContacts",
    Source.SMART_SENDER: "listContacts",
}
FAULTS: list[dict[str, Any]] = [
    {"status": 503},
    {"status": 500, "body": "oops"},
    {"status": 401},
    {"body": "<html>"},
    {"reset": "headers"},
    {"reset": "body"},
]


@dataclass(frozen=True)
class Turn:
    """What happens before one page: who fails on it and how, and who gets a new contact."""

    first: int
    failing: Mapping[Source, dict[str, Any]]
    growing: frozenset[Source]


TURNS = st.lists(
    st.builds(
        Turn,
        first=st.integers(1, 60),
        failing=st.dictionaries(st.sampled_from(list(Source)), st.sampled_from(FAULTS), max_size=2),
        growing=st.frozensets(st.sampled_from(list(Source))),
    ),
    min_size=1,
    max_size=6,
)


async def call(
    world: World, source: Source, method: str, path: str, body: Mapping[str, Any] | None = None
) -> Any:
    """Call an emulator as somebody else who uses the same system."""
    emulator = {
        Source.SAMESPACE: world.samespace,
        Source.PACKAGEX: world.packagex,
        Source.SMART_SENDER: world.smartsender,
    }[source]
    headers = {"x-api-key": "k", "px-api-key": "k", "authorization": "Bearer k"}
    transport = httpx.ASGITransport(app=emulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://vendor", headers=headers) as client:
        answer = await client.request(method, path, json=body)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def arrive(world: World, source: Source, number: int) -> str:
    """A new contact in a source; its id there."""
    name = {"firstName": "Newcomer", "lastName": str(number)}
    if source is Source.SAMESPACE:
        document = "mutation ($of: [KeyValueInput!]!) { createContact(properties: $of) { _id } }"
        pairs = [{"key": key, "value": value} for key, value in name.items()]
        made = await call(world, source, "POST", "/crm/api", {"query": document, "variables": {"of": pairs}})
        return str(made["data"]["createContact"]["_id"])
    if source is Source.PACKAGEX:
        made = await call(world, source, "POST", "/v1/contacts", {"name": f"Newcomer {number}"})
        return str(made["data"]["id"])
    whatsapp = next(key for key, each in seed_project.CHANNELS.items() if each["type"] == "whatsapp")
    phone = {"identifier": f"+1202556{number:04d}"}
    await call(world, source, "POST", f"/v1/channels/{whatsapp}/gates", {**name, **phone})
    return "not told"


@STORIES
@given(SUBSETS, TURNS)
@example(list(Source), [Turn(5, {Source.PACKAGEX: {"status": 503}}, frozenset(Source))] * 3)
@example([Source.SAMESPACE], [Turn(50, {Source.SAMESPACE: {"reset": "headers"}}, frozenset())])
@example(list(Source), [Turn(60, {source: {"status": 503} for source in Source}, frozenset(Source))])
async def test_who_was_there_all_the_time_is_met_once_whatever_fails_and_whoever_comes(
    sources: list[Source], turns: list[Turn]
) -> None:
    async with small_world() as world:
        listed = contacts(*sources)
        at_first = await walked(world, listed, [100])
        found: list[str] = []
        after: str | None = None
        arrived = 0
        for number in range(200):
            turn = turns[number] if number < len(turns) else Turn(31, {}, frozenset())
            for source in turn.growing:
                await arrive(world, source, arrived)
                arrived += 1
            for source, fault in turn.failing.items():
                world.boards[source].fail(LISTING[source], **fault)
            answer = await listed.ask(world, turn.first, after)
            for board in world.boards.values():
                board.heal()
            if answer.errors:
                assert answer.data == {"list": None}
                assert set(turn.failing) >= set(sources)
                continue
            page = listed.page(answer)
            found += ids(page)
            told = {outcome["source"]: outcome for outcome in page["sources"]}
            assert list(told) == [source.value for source in sources]
            returned = Counter(node["source"] for node in page["nodes"])
            for source in sources:
                outcome = told[source.value]
                assert outcome["returned"] == returned[source.value]
                if outcome["status"] != "OK":
                    assert source in turn.failing
                    assert outcome["status"] == "UNAVAILABLE"
                    assert page["pageInfo"]["hasNextPage"]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert len(set(found)) == len(found)
        assert set(at_first) <= set(found)
        assert set(found) <= set(await walked(world, listed, [100]))


async def test_a_contact_that_arrives_during_a_walk_is_met_at_its_end(world: World) -> None:
    listed = contacts(Source.SAMESPACE)
    first = await listed.read(world, 40)
    vendor_id = await arrive(world, Source.SAMESPACE, 1)
    rest = await walked(world, listed, [40], first["pageInfo"]["endCursor"])
    last = await world.data("query ($id: ID!) { contact(by: {id: $id}) { sourceId } }", {"id": rest[-1]})
    assert last == {"contact": {"sourceId": vendor_id}}


@pytest.mark.parametrize("source", [Source.PACKAGEX, Source.SMART_SENDER])
async def test_contacts_that_are_deleted_behind_a_walk_take_nobody_along(
    world: World, source: Source
) -> None:
    listed = contacts(source)
    order = await walked(world, listed, [100])
    first = await listed.read(world, 7)
    deleted = await world.data(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Contact { sourceId } } }", {"ids": order[2:5]}
    )
    for node in deleted["nodes"]:
        await call(world, source, "DELETE", f"/v1/contacts/{node['sourceId']}")
    assert await walked(world, listed, [6], first["pageInfo"]["endCursor"]) == order[7:]


# ---- all other lists


async def group(world: World) -> str:
    """The group that has the most members."""
    found = (await world.data("{ groups(first: 100) { nodes { id memberCount } } }"))["groups"]["nodes"]
    return str(max(found, key=lambda each: each["memberCount"])["id"])


async def talker(world: World) -> str:
    """The contact who has talked the most."""
    query = """{ contacts(first: 20, sources: [SMART_SENDER]) {
      nodes { id chat { messages(first: 100) { nodes { id } } } }
    } }"""
    found = (await world.data(query))["contacts"]["nodes"]
    return str(
        max(found, key=lambda each: len(each["chat"]["messages"]["nodes"]) if each["chat"] else 0)["id"]
    )


async def owner(world: World, source: Source, field: str) -> str:
    """The contact of a source who has the most of something."""
    query = f"""query ($of: [Source!]) {{
      contacts(first: 20, sources: $of) {{ nodes {{ id {field} {{ nodes {{ id }} }} }} }}
    }}"""
    found = (await world.data(query, {"of": [source.value]}))["contacts"]["nodes"]
    return str(max(found, key=lambda each: len(each[field]["nodes"]))["id"])


async def the_groups(world: World) -> Listed:
    return Listed(f"query ({PASSED}) {{ list: groups({ARGUMENTS}) {{ {PAGE} }} }}", {})


async def the_members(world: World) -> Listed:
    document = f"""query ({PASSED}, $id: ID!) {{
      group(by: {{id: $id}}) {{ list: members({ARGUMENTS}) {{ {PAGE} }} }}
    }}"""
    return Listed(document, {"id": await group(world)}, ("group", "list"))


async def the_members_in_full(world: World) -> Listed:
    """Members with what only their own records tell."""
    document = f"""query ({PASSED}, $id: ID!) {{
      group(by: {{id: $id}}) {{
        list: members({ARGUMENTS}) {{ {PAGE} nodes {{ phone }} edges {{ node {{ phone }} }} }}
      }}
    }}"""
    return Listed(document, {"id": await group(world)}, ("group", "list"))


async def the_messages(world: World) -> Listed:
    document = f"""query ({PASSED}, $id: ID!) {{
      chat(contact: {{id: $id}}) {{ list: messages({ARGUMENTS}) {{ {PAGE} }} }}
    }}"""
    return Listed(document, {"id": await talker(world)}, ("chat", "list"))


async def the_channels(world: World) -> Listed:
    return Listed(f"query ({PASSED}) {{ list: channels({ARGUMENTS}) {{ {PAGE} }} }}", {})


def the_definitions(source: Source) -> Callable[[World], Awaitable[Listed]]:
    async def listed(world: World) -> Listed:
        document = (
            f"query ({PASSED}, $of: Source!) {{ list: properties(source: $of, {ARGUMENTS}) {{ {PAGE} }} }}"
        )
        return Listed(document, {"of": source.value})

    return listed


def the(field: str, source: Source) -> Callable[[World], Awaitable[Listed]]:
    async def listed(world: World) -> Listed:
        document = f"""query ({PASSED}, $id: ID!) {{
          contact(by: {{id: $id}}) {{ list: {field}({ARGUMENTS}) {{ {PAGE} }} }}
        }}"""
        return Listed(document, {"id": await owner(world, source, field)}, ("contact", "list"))

    return listed


# Each list, the operation of its source that reads it, and whose that is.
LISTS: dict[str, tuple[Callable[[World], Awaitable[Listed]], Source, str]] = {
    "groups": (the_groups, Source.PACKAGEX, "listContacts"),
    "members": (the_members, Source.PACKAGEX, "getContact"),
    "members in full": (the_members_in_full, Source.PACKAGEX, "getContact"),
    "messages": (the_messages, Source.SMART_SENDER, "listContactMessages"),
    "channels": (the_channels, Source.SMART_SENDER, "listChannels"),
    "definitions of Samespace": (the_definitions(Source.SAMESPACE), Source.SAMESPACE, "getProperties"),
    "definitions of PackageX": (the_definitions(Source.PACKAGEX), Source.PACKAGEX, "listContacts"),
    "definitions of Smart Sender": (
        the_definitions(Source.SMART_SENDER),
        Source.SMART_SENDER,
        "listVariables",
    ),
    "groups of a person": (the("groups", Source.PACKAGEX), Source.PACKAGEX, "listContacts"),
    "groups of a chatter": (the("groups", Source.SMART_SENDER), Source.SMART_SENDER, "listContactGroups"),
    "communications": (
        the("communications", Source.SMART_SENDER),
        Source.SMART_SENDER,
        "listContactGates",
    ),
}


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_is_walked_without_loss_or_repetition_whatever_the_size_of_pages(
    small: World, name: str
) -> None:
    listed = await LISTS[name][0](small)
    whole = await listed.read(small, 100)
    order = ids(whole)
    assert len(set(order)) == len(order) > 0
    assert not whole["pageInfo"]["hasNextPage"]
    for first in range(1, min(len(order), 9) + 1):
        assert await walked(small, listed, [first]) == order
    for place, edge in enumerate(whole["edges"], start=1):
        after = await listed.read(small, 2, edge["cursor"])
        assert ids(after) == order[place : place + 2]


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_whose_source_fails_on_one_page_goes_on_from_the_same_cursor(
    small: World, name: str
) -> None:
    find, source, operation = LISTS[name]
    listed = await find(small)
    order = ids(await listed.read(small, 100))
    first = await listed.read(small, 1)
    small.boards[source].fail(operation, status=503)
    failed = await listed.ask(small, 1, first["pageInfo"]["endCursor"])
    if name == "definitions of PackageX":  # which are known from what was seen
        assert failed.errors == []
    else:
        assert failed.codes == ["UPSTREAM_UNAVAILABLE"]
        assert failed.errors[0]["extensions"]["source"] == source.value
    small.boards[source].heal()
    rest = await walked(small, listed, [2], first["pageInfo"]["endCursor"])
    assert ids(first) + rest == order


SORTED = Listed(
    f"query ({PASSED}) {{ list: contacts({ARGUMENTS}, orderBy: {{field: NAME}}) {{ {PAGE} }} }}", {}
)


async def every_list(world: World) -> dict[str, Listed]:
    return {
        **{name: await find(world) for name, (find, _, _) in LISTS.items()},
        "contacts": contacts(),
        "contacts of one source": contacts(Source.PACKAGEX),
        "contacts found": contacts(search="ann"),
        "contacts filtered": contacts(filter={"name": "ann"}),
        "contacts sorted": SORTED,
    }


async def test_a_cursor_of_one_list_is_refused_by_every_other(small: World) -> None:
    await small.scan()
    lists = await every_list(small)
    cursors = {name: (await each.read(small, 1))["pageInfo"]["endCursor"] for name, each in lists.items()}
    assert None not in cursors.values()
    for name, cursor in cursors.items():
        for other, listed in lists.items():
            same = name == other or {name, other} == {"members", "members in full"}
            answer = await listed.ask(small, 1, cursor)
            assert answer.codes == ([] if same else ["CURSOR_INVALID"]), (name, other)


BROKEN = ["", "nonsense", "é", "W10", "A" * 5_000, "null", "eyJhIjoxfQ"]


async def test_a_broken_cursor_is_refused_by_every_list(small: World) -> None:
    await small.scan()
    for name, listed in (await every_list(small)).items():
        for cursor in BROKEN:
            assert (await listed.ask(small, 5, cursor)).codes == ["CURSOR_INVALID"], (name, cursor)


@pytest.mark.parametrize("cursor", BROKEN)
async def test_a_broken_cursor_of_contacts_is_refused_without_a_call(small: World, cursor: str) -> None:
    answer = await contacts().ask(small, 5, cursor)
    assert answer.codes == ["CURSOR_INVALID"]
    assert small.calls == {}


async def test_a_page_of_no_or_too_many_items_is_refused_by_every_list(small: World) -> None:
    for name, listed in (await every_list(small)).items():
        for first in (0, -1, 101):
            assert (await listed.ask(small, first, None)).codes == ["BAD_USER_INPUT"], (name, first)


async def test_messages_that_arrive_during_a_walk_repeat_none(small: World) -> None:
    listed = await the_messages(small)
    order = ids(await listed.read(small, 100))
    assert len(order) > 5
    first = await listed.read(small, 4)
    query = "query ($id: ID!) { contact(by: {id: $id}) { sourceId } }"
    contact = (await small.data(query, {"id": listed.variables["id"]}))["contact"]
    for text in ("one", "two", "three"):
        body = {"type": "text", "content": text}
        await call(small, Source.SMART_SENDER, "POST", f"/v1/contacts/{contact['sourceId']}/send", body)
    assert await walked(small, listed, [4], first["pageInfo"]["endCursor"]) == order[4:]
    assert (await walked(small, listed, [4]))[3:] == order


async def test_a_group_that_is_made_during_a_walk_is_met_at_its_end(small: World) -> None:
    listed = await the_groups(small)
    order = ids(await listed.read(small, 100))
    first = await listed.read(small, 3)
    await call(small, Source.PACKAGEX, "POST", "/v1/contacts", {"name": "New group", "type": "group"})
    rest = await walked(small, listed, [4], first["pageInfo"]["endCursor"])
    assert rest[:-1] == order[3:]
    assert rest[-1] not in order


async def test_members_that_come_and_go_during_a_walk_take_nobody_along(small: World) -> None:
    listed = await the_members(small)
    order = ids(await listed.read(small, 100))
    first = await listed.read(small, 3)
    query = "query ($id: ID!) { group(by: {id: $id}) { sourceId members { nodes { sourceId } } } }"
    held = (await small.data(query, {"id": listed.variables["id"]}))["group"]
    members = [node["sourceId"] for node in held["members"]["nodes"]]
    newcomer = await arrive(small, Source.PACKAGEX, 1)
    changed = {
        "group_contacts": {
            "children": [
                newcomer,
                *members[1:],
            ],
            "primary": [],
        }
    }
    await call(small, Source.PACKAGEX, "POST", f"/v1/contacts/{held['sourceId']}", changed)
    assert await walked(small, listed, [2], first["pageInfo"]["endCursor"]) == order[3:]


async def test_a_definition_that_is_made_during_a_walk_is_met_once(small: World) -> None:
    listed = await the_definitions(Source.SAMESPACE)(small)
    order = ids(await listed.read(small, 100))
    first = await listed.read(small, 5)
    document = """mutation ($of: CreatePropertyInput!) { createProperty(payload: $of) { _id } }"""
    payload = {"label": "Shoe size", "type": "TEXT"}
    await call(small, Source.SAMESPACE, "POST", "/crm/api", {"query": document, "variables": {"of": payload}})
    rest = await walked(small, listed, [4], first["pageInfo"]["endCursor"])
    assert rest[: len(order) - 5] == order[5:]
    assert len(rest) == len(order) - 5 + 1
