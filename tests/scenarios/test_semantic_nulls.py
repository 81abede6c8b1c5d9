"""A field with `@semanticNonNull` is null only where `errors` says why, whatever fails."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_non_null_type,
    parse,
)

from gateway.model.source import Source
from tests.conftest import Build
from tests.server.test_rights import SETTINGS, by
from tests.support.world import Answer, World, schema
from tests.test_operations import FILE, OF_PEOPLE, WRITES, filled, there

EVENTS = "events(first: 2) { nodes { id } pageInfo { endCursor } }"
CONTACT = f"source displayName raw funnels {{ id }} properties {{ key }} groups {{ nodes {{ id }} }} {EVENTS}"
READS = f"""query ($contact: ID!) {{
  contacts(first: 9) {{ nodes {{ {CONTACT} chat {{ contact {{ {CONTACT} }} }} }} sources {{ status }} }}
  found: contacts(first: 6, search: "an") {{ nodes {{ {CONTACT} }} }}
  one: contact(by: {{id: $contact}}) {{ {CONTACT} }}
  nodes(ids: [$contact, $contact]) {{ id }}
  groups(first: 2) {{ nodes {{ members(first: 2) {{ nodes {{ {CONTACT} }} }} }} }}
  modules {{ properties(first: 2) {{ nodes {{ id }} }} }}
  samespace: properties(source: SAMESPACE) {{ nodes {{ id module {{ id }} }} }}
  packagex: properties(source: PACKAGEX) {{ nodes {{ id }} }}
  smartSender: properties(source: SMART_SENDER) {{ nodes {{ id }} }}
  channels {{ nodes {{ id }} }}
  {EVENTS}
  audit(first: 2) {{ nodes {{ number }} }}
  people(first: 2) {{ nodes {{ id members {{ contact {{ {CONTACT} }} }} }} }}
  drift(first: 2) {{ nodes {{ id }} }}
  identityConflicts(first: 2) {{ nodes {{ id contacts {{ {CONTACT} }} }} }}
}}"""
LIMITS = "{ sources { rateLimit { limit remaining resetsAt windowSeconds } } }"
BROKEN_CURSORS = """{
  contacts(after: "x") { nodes { id } }
  groups(after: "x") { nodes { id } }
  properties(source: PACKAGEX, after: "x") { nodes { id } }
  channels(after: "x") { nodes { id } }
  events(after: "x") { nodes { id } }
  audit(after: "x") { nodes { number } }
  people(after: "x") { nodes { id } }
  drift(after: "x") { nodes { id } }
  identityConflicts(after: "x") { nodes { id } }
  node: contacts(first: 3) { nodes { displayName events(after: "x") { nodes { id } } } }
}"""
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"status": 503}, ""),
    ({"status": 401}, "errors"),
    ({"status": 200, "body": "[]"}, ""),
    ({"reset": "headers"}, "errors"),
]
EVERY_WRITE = [*WRITES.values(), *OF_PEOPLE, ("deleteGroup", {"id": "@group"})]
OUTCOME = "{ status contact { displayName } }"
PAYLOADS = {
    name: f"{{ {'outcomes' if 'outcomes' in get_named_type(field.type).fields else 'outcome'} {OUTCOME} }}"  # type: ignore[union-attr]
    for name, field in schema().mutation_type.fields.items()  # type: ignore[union-attr]
} | {
    "importContacts": "{ job { id } }",
    **dict.fromkeys(["linkContacts", "unlinkContacts", "neverSame"], "{ people { id } }"),
}

# What may be null without an error, among the fields at a root and those that give pages.
OTHERWISE = {
    **dict.fromkeys(
        [
            *("Query.node", "Query.nodes", "Query.contact", "Query.person", "Query.group", "Query.chat"),
            *("Query.importJob", "Query.exportPerson"),
        ],
        "nothing is there",
    ),
    **dict.fromkeys(
        ["Contact.groups", "Contact.communications", "Group.members"], "the source has no such ability"
    ),
    # Who goes by the directive reads `errors` only.
    **dict.fromkeys(["Module.properties", "Chat.messages"], "below an item of a list a failure is a warning"),
}


def marked(field: GraphQLField) -> bool:
    directives = field.ast_node.directives if field.ast_node else None
    return any(each.name.value == "semanticNonNull" for each in directives or ())


def fields() -> Iterator[tuple[str, GraphQLField]]:
    for type_ in schema().type_map.values():
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) and type_.name[:2] != "__":
            yield from ((f"{type_}.{name}", field) for name, field in type_.fields.items())


MARKED = {name for name, field in fields() if marked(field)}


def walked(
    type_: GraphQLNamedType, selected: SelectionSetNode | None, value: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[str, tuple[str | int, ...], bool]]:
    """Each marked field of an answer: its name, its path, and whether it is null."""
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from walked(type_, selected, item, (*path, place))
    elif isinstance(value, dict) and isinstance(type_, GraphQLObjectType):
        for node in selected.selections if selected else ():
            assert isinstance(node, FieldNode)
            key = (node.alias or node.name).value
            field, here = type_.fields[node.name.value], (*path, key)
            if marked(field):
                yield f"{type_}.{node.name.value}", here, value[key] is None
            yield from walked(get_named_type(field.type), node.selection_set, value[key], here)


def seen(document: str, answer: Answer) -> Mapping[str, set[bool]]:
    """The marked fields of an answer, and whether they were null. Fails where one is, and no error tells."""
    (operation,) = parse(document).definitions
    assert isinstance(operation, OperationDefinitionNode)
    root = schema().get_root_type(operation.operation)
    assert root is not None
    told = [tuple(error["path"]) for error in answer.errors]
    found: dict[str, set[bool]] = {}
    for name, path, null in walked(root, operation.selection_set, answer.data, ()):
        assert not null or any(each[: len(path)] == path for each in told), (path, answer.errors)
        found.setdefault(name, set()).add(null)
    return found


def test_whatever_gives_a_page_or_stands_at_a_root_is_marked_or_says_why_not() -> None:
    roots = (schema().query_type, schema().mutation_type, schema().subscription_type)
    starts = tuple(f"{root}." for root in roots if root)
    nullable = {
        name
        for name, field in fields()
        if not is_non_null_type(field.type)
        if name.startswith(starts) or get_named_type(field.type).name.endswith("Connection")
    }
    assert nullable - MARKED == OTHERWISE.keys()


def test_what_is_marked_is_nullable_and_no_list_of_nulls() -> None:
    assert len(MARKED) > 20
    assert [name for name, field in fields() if marked(field) and is_non_null_type(field.type)] == []


@pytest.fixture
async def lived(new_world: Build) -> World:
    """A world in which something has happened."""
    world = new_world(30)
    await world.fill()
    (contact,) = await world.some(Source.PACKAGEX)
    await world.write("updateContact", {"id": contact["id"], "contact": {"notes": "Rings twice."}})
    return world


async def contact(world: World) -> dict[str, str]:
    return {"contact": (await world.some(Source.SMART_SENDER))[0]["id"]}


async def test_where_nothing_fails_none_is_null(lived: World, new_world: Build) -> None:
    answer = await lived.ask(READS, await contact(lived))
    limits = await new_world(beside=lived, SMART_SENDER_RATE_LIMIT="180/60").ask(LIMITS)
    assert [*answer.errors, *limits.errors] == []
    found = {**seen(READS, answer), **seen(LIMITS, limits)}
    assert found.keys() == {name for name in MARKED if not name.startswith("Mutation.")}
    assert set.union(*found.values()) == {False}


@pytest.mark.parametrize("sources", [*([source] for source in Source), list(Source)], ids="+".join)
async def test_where_sources_fail_errors_say_so(lived: World, sources: Sequence[Source]) -> None:
    variables = await contact(lived)
    nulls: set[str] = set()
    for fault, partial in FAULTS:
        for source in sources:
            lived.boards[source].fail(**fault)
        answer = await lived.ask(READS, variables, headers={"X-Partial": partial})
        assert answer.status == 200
        nulls |= {name for name, states in seen(READS, answer).items() if True in states}
    lost = {
        Source.SAMESPACE: {"Query.modules", "Query.properties"},
        Source.PACKAGEX: {"Query.groups"},
        Source.SMART_SENDER: {"Query.channels", "Query.properties"},
    }
    expected = set.union(*(lost[source] for source in sources))
    assert nulls == expected | ({"Query.contacts"} if len(sources) == len(Source) else set())


@pytest.mark.parametrize("operation", ["getContactChat", "listContactGroups", "listVariables", "getContact"])
async def test_where_one_operation_fails_errors_say_so(lived: World, operation: str) -> None:
    variables = await contact(lived)
    for source in Source:
        lived.boards[source].fail(operation, status=500)
    answer = await lived.ask(READS, variables)
    assert answer.warnings or answer.errors
    assert seen(READS, answer)["Query.contacts"] == {False}


async def test_broken_cursors_are_told_as_errors(lived: World) -> None:
    answer = await lived.ask(BROKEN_CURSORS)
    found = seen(BROKEN_CURSORS, answer)
    assert found.pop("Query.contacts") == {True, False}
    assert len(found) == 9
    assert set.union(*found.values()) == {True}


async def test_rights_that_lack_are_told_as_errors(new_world: Build) -> None:
    world = new_world(30, **SETTINGS)
    await world.fill()
    world.headers = by("read")
    answer = await world.ask(READS, await contact(world))
    found = seen(READS, answer)
    assert {name for name, states in found.items() if states == {True}} == {"Contact.raw", "Query.audit"}


async def written(world: World, field: str, given: dict[str, Any]) -> Mapping[str, set[bool]]:
    input_ = schema().mutation_type.fields[field].args["input"].type  # type: ignore[union-attr]
    document = f"mutation ($input: {input_}) {{ {field}(input: $input) {PAYLOADS[field]} }}"
    if field == "importContacts":
        answer = await world.upload(document, {"input": {**given, "file": None}}, FILE)
    else:
        answer = await world.ask(document, {"input": given})
    assert answer.status == 200, answer.body
    return seen(document, answer)


@pytest.mark.parametrize("fault", [{}, {"status": 503}, {"status": 200, "body": "<html>"}], ids=str)
async def test_writes_always_answer(lived: World, fault: Mapping[str, Any]) -> None:
    names = await there(lived)
    if fault:
        for source in Source:
            lived.boards[source].fail(**fault)
    found: dict[str, set[bool]] = {}
    for field, given in EVERY_WRITE:
        found |= await written(lived, field, filled(given, names))
    assert found == {name: {False} for name in MARKED if name.startswith("Mutation.")}


async def test_writes_to_what_is_no_id_are_told_as_errors_or_in_the_payload(lived: World) -> None:
    bogus = dict.fromkeys(await there(lived), "bogus")
    found: dict[str, set[bool]] = {}
    for field, given in EVERY_WRITE:
        found |= await written(lived, field, filled(given, bogus))
    assert found.keys() == {name for name in MARKED if name.startswith("Mutation.")}
