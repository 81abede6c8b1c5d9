"""A router asks for things by their keys: all of a kind at once, strictly, and with the caller's rights."""

import json
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType, build_schema, get_introspection_query, parse

from gateway.app import federated_sdl, sdl
from gateway.engine import subgraph as subgraphs
from gateway.model import ids
from gateway.model.source import Source
from tests.conftest import Build
from tests.scenarios.test_explaining import fields
from tests.server.test_rights import SETTINGS, by
from tests.support import houses
from tests.support.world import Answer, World, schema, subgraph

PX, SPACE, SENDER = Source.PACKAGEX, Source.SAMESPACE, Source.SMART_SENDER
PERSON = "__typename ... on Contact { id sourceId displayName }"
FILE = b"First Name,Last Name,Email\nNoor,Aldana,noor@example.com\n"


async def entities(world: World, given: list[Any], selected: str = PERSON, **more: Any) -> Answer:
    query = f"query ($given: [_Any!]!) {{ _entities(representations: $given) {{ {selected} }} }}"
    return await world.ask(query, {"given": given}, **more)


def by_id(text: str) -> dict[str, str]:
    return {"__typename": ids.decode(text).type, "id": text}


def by_source(contact: dict[str, Any], source: Source) -> dict[str, str]:
    return {"__typename": "Contact", "source": source.value, "sourceId": contact["sourceId"]}


async def one_of_each(world: World) -> dict[str, str]:
    """An id of every kind of entity."""
    found = await world.data(
        "{ contacts(first: 1, sources: [PACKAGEX]) { nodes { id person { id } } } groups(first: 1) { nodes { id } } "
        "properties(source: SAMESPACE, first: 1) { nodes { id } } modules { id } channels(first: 1) { nodes { id } } "
        "sm: contacts(first: 20, sources: [SMART_SENDER]) { nodes { chat { id communications { id } } } } }"
    )
    chat = next(node["chat"] for node in found["sm"]["nodes"] if node["chat"])
    await world.write("createContact", {"contact": {"firstName": "Ada"}, "targets": [{"source": "PACKAGEX"}]})
    events = await world.data("{ events(first: 1) { nodes { id } } }")
    job = await world.load({"targets": [{"source": "PACKAGEX"}], "dryRun": True}, FILE)
    listed = [
        *(found[name]["nodes"][0] for name in ("contacts", "groups", "properties", "channels")),
        found["contacts"]["nodes"][0]["person"],
        *(found["modules"][0], chat, chat["communications"][0], events["events"]["nodes"][0], job["job"]),
    ]
    world.forget()
    return {ids.decode(each["id"]).type: each["id"] for each in listed}


# ---- what is found


async def test_every_entity_is_found_by_its_id_in_the_order_asked(world: World) -> None:
    known = await one_of_each(world)
    union: Any = subgraph().type_map["_Entity"]
    assert known.keys() == {type_.name for type_ in union.types}
    selected = "__typename " + " ".join(f"... on {name} {{ id }}" for name in known)
    answer = await entities(world, [by_id(text) for text in known.values()], selected)
    assert answer.errors == []
    assert answer.data["_entities"] == [{"__typename": name, "id": text} for name, text in known.items()]
    backwards = await entities(world, [by_id(text) for text in reversed(known.values())], selected)
    assert backwards.data["_entities"] == answer.data["_entities"][::-1]


@pytest.mark.parametrize("source", Source)
async def test_a_contact_is_found_by_its_source_and_its_id_there(world: World, source: Source) -> None:
    people = await world.some(source, 5)
    answer = await entities(world, [by_source(each, source) for each in people])
    assert answer.errors == []
    assert [each["displayName"] for each in answer.data["_entities"]] == [
        each["displayName"] for each in people
    ]
    assert [each["id"] for each in answer.data["_entities"]] == [each["id"] for each in people]


async def test_keys_that_agree_may_come_together(world: World) -> None:
    first, second = await world.some(PX, 2)
    both = by_source(first, PX) | by_id(first["id"])
    answer = await entities(world, [both, both | {"id": second["id"]}, both | {"source": "SAMESPACE"}])
    assert answer.data["_entities"][0]["id"] == first["id"]
    assert answer.data["_entities"][1:] == [None, None]
    assert answer.codes == ["BAD_USER_INPUT"] * 2


async def test_the_same_thing_may_be_asked_for_twice_and_its_type_alone_is_enough(world: World) -> None:
    (contact,) = await world.some(PX)
    answer = await entities(world, [by_id(contact["id"])] * 3, "__typename")
    assert answer.data["_entities"] == [{"__typename": "Contact"}] * 3
    assert world.calls == {"PACKAGEX": 1}


async def test_what_is_not_there_is_null_without_an_error(world: World) -> None:
    (contact,) = await world.some(PX)
    gone = [
        {"__typename": "Contact", "source": "PACKAGEX", "sourceId": "cont_nobody"},
        {"__typename": "Contact", "source": "SAMESPACE", "sourceId": "5f0000000000000000000000"},
        {"__typename": "Contact", "source": "SMART_SENDER", "sourceId": "999999999"},
        by_id(ids.encode("Group", "default", "PACKAGEX", "grp_nobody")),
        by_id(ids.own("Event", "default", 999_999)),
    ]
    answer = await entities(world, [*gone, by_id(contact["id"])])
    assert answer.errors == []
    assert answer.data["_entities"][:-1] == [None] * len(gone)
    assert answer.data["_entities"][-1]["id"] == contact["id"]


# ---- as few calls as by ids


@pytest.mark.parametrize("key", ["id", "source sourceId"])
@pytest.mark.parametrize("source", Source)
async def test_many_contacts_of_a_source_take_no_more_calls_than_by_their_ids(
    world: World, source: Source, key: str
) -> None:
    people = await world.some(source, 30)
    texts = [each["id"] for each in people]
    await world.data("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": texts})
    calls = dict(world.calls)
    world.forget()
    given = [by_id(each["id"]) if key == "id" else by_source(each, source) for each in people]
    answer = await entities(world, given)
    assert [each["id"] for each in answer.data["_entities"]] == texts
    assert world.calls == answer.calls == calls


async def test_definitions_modules_and_chats_are_read_once_for_all(world: World) -> None:
    listed = await world.data(
        "{ modules { id } properties(source: SAMESPACE) { nodes { id } } "
        "contacts(first: 20, sources: [SMART_SENDER]) { nodes { chat { id communications { id } } } } }"
    )
    chat = next(node["chat"] for node in listed["contacts"]["nodes"] if node["chat"])
    world.forget()
    given = [
        *listed["modules"],
        *listed["properties"]["nodes"],
        *chat["communications"],
        chat,
    ]
    answer = await entities(world, [by_id(each["id"]) for each in given], "__typename")
    assert answer.errors == []
    assert None not in answer.data["_entities"]
    assert len(given) > 10
    assert world.operations == {"getModules": 1, "getProperties": 1, "getContactChat": 1}


async def test_details_of_a_smart_sender_contact_are_read_at_once_where_they_are_asked_for(
    world: World,
) -> None:
    people = await world.some(SENDER, 3)
    given = [by_id(each["id"]) for each in people]
    await entities(world, given)
    assert world.operations == {"getContactInfo": 3}
    world.forget()
    await entities(world, given, "... on Contact { displayName properties { key } }")
    assert world.operations == {"getContact": 3}


# ---- what is wrong


async def test_what_is_wrong_is_an_error_at_its_own_place_and_the_others_go_on(world: World) -> None:
    (contact,) = await world.some(PX)
    mine = by_id(contact["id"])
    wrong: list[Any] = [
        {},
        "Contact",
        7,
        [mine],
        {"__typename": "Nobody", "id": contact["id"]},
        {"__typename": "PageInfo"},
        {"__typename": "Query"},
        {"__typename": "Message", "id": contact["id"]},
        {"__typename": "Contact"},
        {"__typename": "Contact", "source": "PACKAGEX"},
        {"__typename": "Contact", "source": "HUBSPOT", "sourceId": "1"},
        {"__typename": "Contact", "source": "PACKAGEX", "sourceId": "../groups"},
        {"__typename": "Contact", "source": "SMART_SENDER", "sourceId": "1?admin=true"},
        {"__typename": "Contact", "source": "PACKAGEX", "sourceId": "x" * 3_000},
        {"__typename": "Contact", "id": "x"},
        {"__typename": "Contact", "id": 7},
        {"__typename": "Contact", "id": None},
        {**mine, "displayName": "Ada"},
        {**mine, "__typename": "Group"},
        {**mine, "__typename": "Event"},
        by_id(ids.encode("Contact", "somebody", "PACKAGEX", "", "cont_1")),
        by_id(ids.own("Event", "somebody", 1)),
    ]
    answer = await entities(world, [mine, *wrong, mine])
    first, *between, last = answer.data["_entities"]
    assert first == last
    assert first["id"] == contact["id"]
    assert between == [None] * len(wrong)
    assert answer.codes == ["BAD_USER_INPUT"] * len(wrong)
    assert [each["path"] for each in answer.errors] == [["_entities", 1 + n] for n in range(len(wrong))]
    assert world.calls == {"PACKAGEX": 1}


@pytest.mark.parametrize("given", [None, [None], "x"])
async def test_representations_that_are_missing_are_refused(world: World, given: Any) -> None:
    query = "query ($given: [_Any!]!) { _entities(representations: $given) { __typename } }"
    answer = await world.ask(query, {"given": given})
    assert answer.codes == ["BAD_USER_INPUT"] if given != "x" else answer.data == {"_entities": [None]}


async def test_nothing_that_has_no_key_can_be_asked_for(world: World) -> None:
    answer = await entities(world, [], "... on Message { id }")
    assert answer.codes == ["GRAPHQL_VALIDATION_FAILED"]


# ---- how much


async def test_a_list_of_representations_has_an_end(new_world: Build) -> None:
    world = new_world(20, GATEWAY_QUERY_LIST_SIZE="3")
    nobody = {"__typename": "Contact", "source": "PACKAGEX", "sourceId": "cont_nobody"}
    assert (await entities(world, [nobody] * 3)).errors == []
    answer = await entities(world, [nobody] * 4)
    assert answer.codes == ["QUERY_TOO_COMPLEX"]
    assert answer.errors[0]["extensions"]["exceeded"] == "list_size"
    written = ", ".join(['{__typename: "Contact", id: "x"}'] * 4)
    literal = await world.ask(f"{{ _entities(representations: [{written}]) {{ __typename }} }}")
    assert literal.codes == ["QUERY_TOO_COMPLEX"]


async def test_entities_have_their_price(new_world: Build) -> None:
    world = new_world(20, GATEWAY_QUERY_CALLS="20")
    (contact,) = await world.some(PX)
    given = [by_id(contact["id"])] * 10
    answer = await entities(world, given, "... on Contact { displayName address { city } }")
    assert answer.body["extensions"]["cost"]["expected"] == {"points": 20, "upstreamCalls": 10}
    over = await entities(world, given, "... on Contact { displayName chat { name } }")
    assert over.errors == []
    more = await entities(world, [*given, *given[:1]], "... on Contact { displayName chat { name } }")
    assert more.codes == ["QUERY_TOO_COMPLEX"]
    assert more.errors[0]["extensions"]["exceeded"] == "calls"
    twice = "a: _entities(representations: $given) { __typename } b: _entities(representations: $given) { __typename }"
    aliased = await world.ask(f"query ($given: [_Any!]!) {{ {twice} }}", {"given": given * 2})
    assert aliased.codes == ["QUERY_TOO_COMPLEX"]


# ---- sources that fail


async def test_a_source_that_fails_costs_its_own_entities_and_is_told_as_errors(world: World) -> None:
    """Routers pass on errors and nothing else: a null without one would say that nobody is there."""
    people = {source: (await world.some(source, 2)) for source in Source}
    world.transports[PX].down = httpx.ConnectError
    given = [by_id(people[source][n]["id"]) for n in range(2) for source in (PX, SENDER, SPACE)]
    answer = await entities(world, given)
    assert [each is None for each in answer.data["_entities"]] == [True, False, False] * 2
    assert [each["path"] for each in answer.errors] == [["_entities", 0], ["_entities", 3]]
    assert {(each["extensions"]["code"], each["extensions"]["source"]) for each in answer.errors} == {
        ("UPSTREAM_UNAVAILABLE", "PACKAGEX")
    }
    assert answer.warnings == []


async def test_a_failure_below_an_entity_is_told_as_an_error_too(world: World) -> None:
    people = await world.some(SENDER, 2)
    world.smartsender.switches.fail("getContactChat", status=500, body='{"secret": "of the vendor"}')
    answer = await entities(
        world, [by_id(each["id"]) for each in people], "... on Contact { id chat { name } }"
    )
    assert answer.data["_entities"] == [{"id": each["id"], "chat": None} for each in people]
    assert [each["path"] for each in answer.errors] == [["_entities", n, "chat"] for n in range(2)]
    assert answer.codes == ["UPSTREAM_UNAVAILABLE"] * 2
    assert "secret" not in json.dumps(answer.body)


async def test_a_switched_off_source_is_told_too(new_world: Build) -> None:
    world = new_world(20, off=(SENDER,))
    answer = await entities(world, [{"__typename": "Contact", "source": "SMART_SENDER", "sourceId": "1"}])
    assert answer.data == {"_entities": [None]}
    assert answer.codes == ["CAPABILITY_UNSUPPORTED"]


# ---- rights


async def test_an_entity_of_a_source_that_a_key_does_not_cover_is_refused_alone(new_world: Build) -> None:
    world = new_world(40, **SETTINGS)
    world.headers = by()
    people = {source: (await world.some(source))[0] for source in (PX, SENDER)}
    given = [by_id(people[PX]["id"]), by_id(people[SENDER]["id"]), by_source(people[SENDER], SENDER)]
    answer = await entities(world, given, headers=by("read", sources=["PACKAGEX"]))
    assert answer.data["_entities"][0]["id"] == people[PX]["id"]
    assert answer.data["_entities"][1:] == [None, None]
    assert answer.codes == ["FORBIDDEN"] * 2
    assert world.calls == {"PACKAGEX": 1}


async def test_a_field_of_an_entity_keeps_its_own_right(new_world: Build) -> None:
    world = new_world(40, **SETTINGS)
    world.headers = by()
    (contact,) = await world.some(PX)
    answer = await entities(world, [by_id(contact["id"])], "... on Contact { id raw }", headers=by("read"))
    assert answer.data == {"_entities": [{"id": contact["id"], "raw": None}]}
    assert answer.codes == ["FORBIDDEN"]


async def test_beside_what_a_key_may_read_entities_are_empty_and_the_schema_is_refused(
    new_world: Build,
) -> None:
    world = new_world(20, **SETTINGS)
    job = await world.load({"targets": [{"source": "PACKAGEX"}], "dryRun": True}, FILE, headers=by("import"))
    world.forget()
    text = "query ($id: ID!, $given: [_Any!]!) { importJob(id: $id) { state } %s }"
    variables = {
        "id": job["job"]["id"],
        "given": [{"__typename": "Contact", "source": "PACKAGEX", "sourceId": "1"}],
    }
    asked = text % "_entities(representations: $given) { __typename }"
    answer = await world.ask(asked, variables, headers=by("import"))
    assert answer.data == {"importJob": {"state": "FINISHED"}, "_entities": []}
    assert answer.codes == ["FORBIDDEN"]
    asked = (text % "_service { sdl }").replace(", $given: [_Any!]!", "")
    answer = await world.ask(asked, variables, headers=by("import"))
    assert (answer.status, answer.data, answer.codes) == (403, None, ["FORBIDDEN"])
    assert world.calls == {}


async def test_ids_of_another_account_lead_nowhere() -> None:
    first, second = houses.houses("ada", "bob", people=20)
    keys = ";".join(houses.entry(name, f"read:{name}") for name in ("ada", "bob"))
    settings = houses.environment(
        None, GATEWAY_API_KEYS=keys, GATEWAY_ACCOUNTS=houses.accounts(first, second)
    )
    town = houses.town((first, second), settings)
    listed = await town.data("ada", "{ contacts(first: 1, sources: [PACKAGEX]) { nodes { id } } }")
    (contact,) = listed["contacts"]["nodes"]
    town.forget()
    query = "query ($given: [_Any!]!) { _entities(representations: $given) { __typename } }"
    answer = await town.ask("bob", query, {"given": [by_id(contact["id"])]})
    assert answer.data == {"_entities": [None]}
    assert answer.codes == ["BAD_USER_INPUT"]
    assert (first.calls, second.calls) == ({}, {})
    await town.aclose()


# ---- explained


async def test_the_calls_of_entities_stand_below_their_field(world: World) -> None:
    people = await world.some(PX, 2)
    answer = await entities(world, [by_id(each["id"]) for each in people], headers={"X-Explain": "1"})
    told = dict(fields(answer.body["extensions"]["plan"]))
    assert [call["operation"] for call in told["_entities"]["calls"]] == ["getContact"] * 2


async def test_entities_can_be_planned_and_take_no_more_calls_than_was_told(world: World) -> None:
    known = await one_of_each(world)
    (space,) = await world.some(SPACE)
    given: list[Any] = [by_id(text) for text in known.values()]
    given += [by_source(space, SPACE), {"__typename": "Contact", "id": "x"}, "odd", {"source": "HUBSPOT"}]
    answer = await entities(world, given, extensions={"explain": "plan"})
    assert answer.errors == []
    worst = {source: each["worst"] for source, each in answer.body["extensions"]["plan"]["perSource"].items()}
    assert world.calls == {}
    await entities(world, given)
    assert world.calls.keys() == set(Source)
    assert all(calls <= worst[source] for source, calls in world.calls.items())


# ---- what is shown


async def test_clients_see_nothing_of_federation(world: World) -> None:
    told = await world.data(get_introspection_query())
    names = {each["name"] for each in told["__schema"]["types"]}
    assert {name for name in names if name.startswith("_") and not name.startswith("__")} == set()
    assert names.isdisjoint({"FieldSet", "link__Import", "federation__FieldSet"})
    query = next(each for each in told["__schema"]["types"] if each["name"] == "Query")
    assert {each["name"] for each in query["fields"]}.isdisjoint(subgraphs.ROUTED)
    directives = {each["name"] for each in told["__schema"]["directives"]}
    assert directives.isdisjoint({"key", "shareable", "tag", "link"})
    assert not any(word in sdl() for word in ("@key", "@shareable", "@tag", "@link", "_entities", "_Any"))
    answer = await world.ask("{ _servise { sdl } }")
    assert answer.codes == ["GRAPHQL_VALIDATION_FAILED"]
    assert "_service" not in json.dumps(answer.body)


async def test_the_schema_for_composition_is_told_to_readers(world: World) -> None:
    told = (await world.data("{ _service { sdl } }"))["_service"]["sdl"]
    assert told == federated_sdl()
    assert (await world.data("{ ...s } fragment s on Query { it: _service { sdl } }"))["it"]["sdl"] == told
    assert world.calls == {}


async def test_asking_for_the_schema_again_and_again_is_too_much(world: World) -> None:
    many = " ".join(f"a{n}: _service {{ sdl }}" for n in range(45))
    assert (await world.ask(f"{{ {many} }}")).codes == ["QUERY_TOO_COMPLEX"]


async def test_where_introspection_is_off_routers_are_not_told_the_schema_and_get_their_entities(
    new_world: Build,
) -> None:
    world = new_world(20, GATEWAY_INTROSPECTION="off")
    for query in (
        "{ _service { sdl } }",
        "{ sources { name } ...s } fragment s on Query { it: _service { sdl } }",
    ):
        answer = await world.ask(query)
        assert answer.codes == ["GRAPHQL_VALIDATION_FAILED"]
        assert "@key" not in json.dumps(answer.body)
    (contact,) = await world.some(PX)
    assert (await entities(world, [by_id(contact["id"])])).data["_entities"][0]["id"] == contact["id"]


def test_composition_is_told_all_that_the_schema_says() -> None:
    """Whatever has a description, or says something of itself, does so for composition too."""
    text = federated_sdl()
    for what, count in (
        ("@specifiedBy(", sdl().count("@specifiedBy(")),
        (" @oneOf {", sdl().count(" @oneOf {")),
        ("@deprecated(", sdl().count("@deprecated(")),
        ("@access(", sdl().count("@access(")),
        ("@upstream(", sdl().count("@upstream(")),
        ("@cost(", sdl().count("@cost(") - 1),  # less the definition
        ("@listSize(", sdl().count("@listSize(") - 1),
    ):
        assert text.count(what) == count, what
    assert _described(text) == _described(sdl())


def _described(text: str) -> dict[str, str]:
    """Every description, by the place of what it is of; directives that federation defines aside."""
    found: dict[str, str] = {}
    waiting: list[tuple[str, Any]] = [("", each) for each in parse(text).definitions]
    while waiting:
        place, node = waiting.pop()
        here = f"{place}.{getattr(node, 'name', None) and node.name.value}"
        if here in {".cost", ".listSize", ".oneOf"}:
            continue
        if node.description:
            found[here] = node.description.value
        for name in ("fields", "arguments", "values"):
            waiting += [(here, each) for each in getattr(node, name, None) or ()]
    return found


def test_entities_are_objects_of_the_schema_and_carry_their_keys() -> None:
    union: Any = subgraph().type_map["_Entity"]
    told = build_schema(federated_sdl(), assume_valid=True, assume_valid_sdl=True)
    for type_ in union.types:
        assert isinstance(schema().type_map[type_.name], GraphQLObjectType)
        assert type_.fields.keys() == schema().type_map[type_.name].fields.keys()  # type: ignore[attr-defined]
        node: Any = told.type_map[type_.name].ast_node
        assert "key" in {each.name.value for each in node.directives}
