"""Bad input gets a clear error with a code, and no source is asked when the input alone is at fault."""

import base64
import json
from typing import Any

import pytest

from gateway.model import ids
from gateway.model.source import Source
from tests.support.world import World

GRAPHQL = {"accept": "application/graphql-response+json"}
CONTACT = ids.encode("Contact", "default", "PACKAGEX", "", "contact_1")
GROUP = ids.encode("Group", "default", "PACKAGEX", "contact_2")
TAG = ids.encode("Tag", "default", "SMART_SENDER", "81")
MODULE = ids.encode("Module", "default", "SAMESPACE", "66f0a1c2d3e4f5a6b7c8d900")
FOREIGN = ids.encode("Contact", "another", "PACKAGEX", "", "contact_1")
NODES = "{ nodes { id } }"


def packed(value: Any) -> str:
    """Unpadded base64url of JSON, as ids and cursors are."""
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def unpacked(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=="))


async def refused(
    world: World, query: str, variables: Any = None, *, code: str, status: int = 200, says: str = ""
) -> None:
    """The operation ends in exactly this error, and no source was asked."""
    answer = await world.ask(query, variables, headers=GRAPHQL)
    assert set(answer.codes) == {code}, answer.body
    assert answer.status == status
    assert says in answer.errors[0]["message"]
    assert all(value is None for value in (answer.data or {}).values())
    assert world.calls == {}


# ---- page sizes

LISTS = (
    "contacts(first: $n)",
    'contacts(first: $n, filter: {name: "a"})',
    "contacts(first: $n, orderBy: {field: NAME})",
    "groups(first: $n)",
    "channels(first: $n)",
    "properties(source: SAMESPACE, first: $n)",
    "properties(source: PACKAGEX, first: $n)",
)


def kind_of(field: str) -> str:
    """The type of the variable `$id`: the contract has a tag as a String."""
    return "String" if "tag:" in field else "ID"


@pytest.mark.parametrize("field", LISTS)
async def test_pages_hold_1_to_100(fresh: World, field: str) -> None:
    query = f"query ($n: Int) {{ {field} {NODES} }}"
    for size in (0, -1, 101, 2**31 - 1):
        await refused(fresh, query, {"n": size}, code="BAD_USER_INPUT", says=f"it is {size}")


@pytest.mark.parametrize("size", ["1.5", '"5"', "true", "2147483648", "[5]", "ALL"])
async def test_a_page_size_is_a_whole_number(fresh: World, size: str) -> None:
    query = f"{{ contacts(first: {size}) {NODES} }}"
    await refused(fresh, query, code="GRAPHQL_VALIDATION_FAILED", status=400)


@pytest.mark.parametrize("size", [1.5, "5", True, 2**31, [5], {}])
async def test_so_it_is_in_a_variable(fresh: World, size: Any) -> None:
    query = f"query ($n: Int) {{ contacts(first: $n) {NODES} }}"
    await refused(fresh, query, {"n": size}, code="BAD_USER_INPUT", status=400)


# ---- explicit nulls


async def test_an_explicit_null_is_the_default(world: World) -> None:
    query = "{ contacts(%s) { nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor } } }"
    plain = await world.data(query.replace("(%s)", ""))
    members = (
        "email phone firstName lastName name company createdAfter createdBefore updatedAfter updatedBefore "
        "group tag module properties"
    )
    every_member = ", ".join(f"{name}: null" for name in members.split())
    for arguments in (
        "first: null, after: null, sources: null, search: null, filter: null, orderBy: null",
        "filter: {}",
        f"filter: {{{every_member}}}",
    ):
        assert await world.data(query % arguments) == plain
    unset = "query ($n: Int, $a: String, $s: [Source!], $q: String, $f: ContactFilter, $o: ContactOrder) "
    arguments = "first: $n, after: $a, sources: $s, search: $q, filter: $f, orderBy: $o"
    assert await world.data(unset + query % arguments) == plain
    nulls = dict.fromkeys("nasqfo")
    assert await world.data(unset + query % arguments, nulls) == plain


async def test_nulls_of_nested_lists_are_the_default_too(world: World) -> None:
    query = (
        "{ contacts(first: 3) { nodes { groups(%s) { nodes { id } } communications(%s) { nodes { id } } "
        "properties%s { key } } } groups(%s) { nodes { members(%s) { nodes { id } } } } }"
    )
    defaults = query.replace("(%s)", "").replace("properties%s", "properties")
    nulls = query.replace("properties%s", "properties(keys: null)").replace("%s", "first: null, after: null")
    assert await world.data(nulls) == await world.data(defaults)


@pytest.mark.parametrize(
    "arguments",
    [
        "sources: [null]",
        "filter: {properties: [null]}",
        "filter: {properties: [{key: null}]}",
        "filter: {module: {name: null}}",
        "orderBy: {field: null}",
        "orderBy: {field: NAME, direction: null}",
    ],
)
async def test_a_null_where_none_may_stand_is_refused(fresh: World, arguments: str) -> None:
    query = f"{{ contacts({arguments}) {NODES} }}"
    await refused(fresh, query, code="GRAPHQL_VALIDATION_FAILED", status=400)


# ---- one of

NEITHER_NOR = (
    "{}",
    "{id: null}",
    "{sourceId: null}",
    '{id: "x", sourceId: null}',
    '{id: "x", sourceId: {source: SAMESPACE, sourceId: "a"}}',
)
ONE_OFS = ("contact(by: %s) { id }", "chat(contact: %s) { id }", "group(by: %s) { id }")


@pytest.mark.parametrize("field", ONE_OFS)
async def test_one_of_takes_exactly_one(fresh: World, field: str) -> None:
    for value in NEITHER_NOR:
        query = f"{{ {field % value} }}"
        await refused(fresh, query, code="GRAPHQL_VALIDATION_FAILED", status=400, says="exactly one")


CHOICES: tuple[Any, ...] = (
    {},
    {"id": None},
    {"id": "x", "sourceId": None},
    {"id": "x", "sourceId": {"source": "SAMESPACE", "sourceId": "a"}},
    {"sourceId": {"source": "NOPE", "sourceId": "a"}},
    {"sourceId": {"source": "SAMESPACE"}},
    {"sourceId": {"source": "SAMESPACE", "sourceId": None}},
    {"email": "ada@example.com"},
    None,
    [],
    "x",
)


@pytest.mark.parametrize("kind", ["ContactBy", "GroupBy"])
async def test_so_it_does_in_a_variable(fresh: World, kind: str) -> None:
    field = "contact" if kind == "ContactBy" else "group"
    query = f"query ($by: {kind}!) {{ {field}(by: $by) {{ id }} }}"
    for value in CHOICES:
        await refused(fresh, query, {"by": value}, code="BAD_USER_INPUT", status=400)


async def test_a_null_variable_is_no_choice(fresh: World) -> None:
    query = "query ($id: ID) { contact(by: {id: $id}) { id } }"
    await refused(fresh, query, {"id": None}, code="BAD_USER_INPUT")


# ---- ids

OF_ANOTHER_TYPE = (
    ("contact(by: {id: $id}) { id }", (GROUP, TAG, MODULE)),
    ("chat(contact: {id: $id}) { id }", (GROUP, TAG, MODULE)),
    ("group(by: {id: $id}) { id }", (CONTACT, TAG, MODULE)),
    (f"contacts(filter: {{group: $id}}) {NODES}", (CONTACT, TAG, MODULE)),
    (f"contacts(filter: {{tag: $id}}) {NODES}", (CONTACT, GROUP, MODULE)),
    (f"contacts(filter: {{module: {{id: $id}}}}) {NODES}", (CONTACT, GROUP, TAG)),
    (f"properties(source: SAMESPACE, module: {{id: $id}}) {NODES}", (CONTACT, GROUP, TAG)),
)


@pytest.mark.parametrize(("field", "others"), OF_ANOTHER_TYPE, ids=lambda value: str(value)[:40])
async def test_an_id_of_another_type_is_refused(fresh: World, field: str, others: tuple[str, ...]) -> None:
    for other in others:
        query = f"query ($id: {kind_of(field)}!) {{ {field} }}"
        await refused(fresh, query, {"id": other}, code="BAD_USER_INPUT", says="This is the id of a ")


NO_IDS = (
    "",
    " ",
    "é",
    "\0",
    "contact_1",
    "../contacts",
    "x" * 5_000,
    packed([]),
    packed(None),
    packed({"id": 1}),
    packed([1, "X", "default", "PACKAGEX", "", "contact_1"]),
    packed([2, "C", "default", "PACKAGEX", "", "contact_1"]),
    packed([True, "C", "default", "PACKAGEX", "", "contact_1"]),
    packed([1, "C", "default", "packagex", "", "contact_1"]),
    packed([1, "C", "default", "PACKAGEX", "contact_1"]),
    packed([1, "C", "default", "PACKAGEX", "", "contact_1", ""]),
    packed([1, "C", "default", "PACKAGEX", "", 1]),
    packed([1, "C", None, "PACKAGEX", "", "contact_1"]),
    packed([1, [], "default", "PACKAGEX", "", "contact_1"]),
    CONTACT + "=",
    CONTACT + "\n",
    CONTACT[:5] + " " + CONTACT[5:],
)


@pytest.mark.parametrize("field", [field for field, _ in OF_ANOTHER_TYPE] + ["node(id: $id) { id }"])
async def test_what_is_no_id_of_this_gateway_is_refused(fresh: World, field: str) -> None:
    query = f"query ($id: {kind_of(field)}!) {{ {field} }}"
    for text in NO_IDS:
        await refused(fresh, query, {"id": text}, code="BAD_USER_INPUT", says="not an id of this gateway")


@pytest.mark.parametrize("field", ["node(id: $id) { id }", *(each % "{id: $id}" for each in ONE_OFS[:2])])
async def test_an_id_of_another_account_is_refused(fresh: World, field: str) -> None:
    query = f"query ($id: {kind_of(field)}!) {{ {field} }}"
    await refused(fresh, query, {"id": FOREIGN}, code="BAD_USER_INPUT", says="not an id of your account")


HOSTILE = (
    "",
    ".",
    "..",
    "../groups",
    "1?admin=true",
    "1/fire",
    "1#",
    "a b",
    "a\r\nX-Evil: 1",
    "%2e%2e",
    "é",
    "x" * 300,
)


@pytest.mark.parametrize("source", list(Source))
async def test_hostile_vendor_ids_reach_no_source(fresh: World, source: Source) -> None:
    by_source_id = (
        "query ($source: Source!, $id: ID!) { it: contact(by: {sourceId: {source: $source, sourceId: $id}}) "
        "{ id } }"
    )
    for vendor_id in HOSTILE:
        variables = {"source": source.value, "id": vendor_id}
        await refused(fresh, by_source_id, variables, code="BAD_USER_INPUT", says="cannot be the id")
        forged = ids.encode("Contact", "default", source.value, "", vendor_id)
        for query in ("{ it: node(id: $id) { id } }", "{ it: contact(by: {id: $id}) { id } }"):
            await refused(fresh, f"query ($id: ID!) {query}", {"id": forged}, code="BAD_USER_INPUT")


@pytest.mark.parametrize("type_", ["Chat", "Channel", "Communication"])
async def test_so_they_do_within_other_ids(fresh: World, type_: str) -> None:
    query = "query ($id: ID!) { node(id: $id) { id } }"
    for vendor_id in (*HOSTILE, "0", "-1", "01", "1e3"):
        rest = ("1",) if type_ == "Communication" else ()
        forged = ids.encode(type_, "default", "SMART_SENDER", vendor_id, *rest)
        await refused(fresh, query, {"id": forged}, code="BAD_USER_INPUT")


async def test_at_most_100_nodes_are_read_at_once(fresh: World) -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    await refused(fresh, query, {"ids": [CONTACT] * 101}, code="BAD_USER_INPUT", says="at most 100")
    await refused(fresh, query, {"ids": [CONTACT, "nonsense"]}, code="BAD_USER_INPUT")
    await refused(fresh, query, {"ids": [None]}, code="BAD_USER_INPUT", status=400)
    assert await fresh.data(query, {"ids": []}) == {"nodes": []}


async def test_what_belongs_to_something_else_is_no_node(fresh: World) -> None:
    query = "query ($id: ID!) { node(id: $id) { id } }"
    await refused(fresh, query, {"id": TAG}, code="BAD_USER_INPUT", says="A Tag cannot be read by itself")


# ---- sources, texts, times, conditions


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("sources: []", "sources is empty"),
        ('search: ""', "search is empty"),
        ('search: "  "', "search is empty"),
        ('search: "a\\u0000b"', "control characters"),
        ('search: "a\\nb"', "control characters"),
        (f'search: "{"x" * 1_001}"', "longer than 1000"),
        ('filter: {name: ""}', "filter.name is empty"),
        ('filter: {email: " "}', "filter.email is empty"),
        ('filter: {phone: "abc"}', "no phone number"),
        ('filter: {phone: "12"}', "no phone number"),
        ('filter: {module: {name: " "}}', "module.name is empty"),
        ('filter: {properties: [{key: ""}]}', "key is empty"),
        ('filter: {properties: [{key: "a"}]}', "needs equals, contains or exists"),
        ('filter: {properties: [{key: "a", contains: ""}]}', "contains is empty"),
        ("filter: {properties: [" + '{key: "a", exists: true}' * 21 + "]}", "more than 20 conditions"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_arguments_that_mean_nothing_are_refused(fresh: World, arguments: str, says: str) -> None:
    await refused(fresh, f"{{ contacts({arguments}) {NODES} }}", code="BAD_USER_INPUT", says=says)


@pytest.mark.parametrize(
    "arguments",
    [
        "sources: [NOPE]",
        'sources: "SAMESPACE"',
        "search: 5",
        "filter: {nope: 1}",
        'filter: {createdAfter: ""}',
        'filter: {createdAfter: "soon"}',
        'filter: {createdAfter: "2024-02-30T00:00:00Z"}',
        'filter: {createdAfter: "0001-01-01T00:00:00+23:59"}',
        "filter: {createdAfter: 5}",
        "filter: {module: {}}",
        'filter: {module: {name: "Contacts", id: "x"}}',
        "orderBy: {}",
        "orderBy: {field: NOPE}",
        "orderBy: {direction: ASC}",
        "last: 5",
    ],
)
async def test_arguments_of_wrong_types_are_refused(fresh: World, arguments: str) -> None:
    query = f"{{ contacts({arguments}) {NODES} }}"
    await refused(fresh, query, code="GRAPHQL_VALIDATION_FAILED", status=400)


async def test_modules_are_for_sources_that_have_some(fresh: World) -> None:
    for query in (
        '{ properties(source: PACKAGEX, module: {name: "Contacts"}) { nodes { id } } }',
        "{ contact(by: {sourceId: "
        '{source: SMART_SENDER, sourceId: "1", module: {name: "Contacts"}}}) { id } }',
    ):
        await refused(fresh, query, code="BAD_USER_INPUT", says="has no modules")


async def test_a_module_that_is_not_there_is_named(fresh: World) -> None:
    for query in (
        '{ contacts(filter: {module: {name: "Nope"}}, sources: [SAMESPACE]) { nodes { id } } }',
        '{ properties(source: SAMESPACE, module: {name: "Nope"}) { nodes { id } } }',
    ):
        answer = await fresh.ask(query)
        assert answer.codes == ["BAD_USER_INPUT"]
        assert "'Nope'" in answer.errors[0]["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        'sources: [SAMESPACE], filter: {updatedAfter: "2024-01-01T00:00:00Z"}',
        'sources: [SAMESPACE], filter: {updatedBefore: "2024-01-01T00:00:00Z", name: "a"}',
        "sources: [SAMESPACE], orderBy: {field: UPDATED_AT}",
        'sources: [PACKAGEX], filter: {module: {name: "Contacts"}}',
        'sources: [PACKAGEX, SMART_SENDER], filter: {module: {name: "Contacts"}}, orderBy: {field: NAME}',
        'filter: {module: {name: "Contacts"}, updatedAfter: "2024-01-01T00:00:00Z"}',
    ],
)
async def test_a_filter_that_no_source_can_answer_is_an_error(fresh: World, arguments: str) -> None:
    await refused(fresh, f"{{ contacts({arguments}) {NODES} }}", code="CAPABILITY_UNSUPPORTED")


async def test_a_filter_that_one_source_cannot_answer_costs_that_source_only(world: World) -> None:
    query = (
        '{ contacts(filter: {updatedAfter: "2000-01-01T00:00:00Z"}) '
        "{ nodes { source } sources { source status code } } }"
    )
    answer = await world.ask(query)
    page = answer.data["contacts"]
    assert answer.errors == []
    assert [(each["source"], each["status"]) for each in page["sources"]] == [
        ("SAMESPACE", "UNSUPPORTED"),
        ("PACKAGEX", "OK"),
        ("SMART_SENDER", "OK"),
    ]
    assert {node["source"] for node in page["nodes"]} == {"PACKAGEX", "SMART_SENDER"}
    assert [warning["code"] for warning in answer.warnings] == ["CAPABILITY_UNSUPPORTED"]


# ---- cursors

WALKS = {
    "live": "contacts(first: 3, after: $after)",
    "indexed": 'contacts(first: 3, after: $after, filter: {name: "a"})',
    "other filter": 'contacts(first: 3, after: $after, filter: {name: "e"})',
    "searched": 'contacts(first: 3, after: $after, search: "an")',
    "one source": "contacts(first: 3, after: $after, sources: [PACKAGEX])",
    "ordered": "contacts(first: 3, after: $after, orderBy: {field: NAME})",
    "the other way": "contacts(first: 3, after: $after, orderBy: {field: NAME, direction: DESC})",
    "groups": "groups(first: 2, after: $after)",
    "channels": "channels(first: 2, after: $after)",
    "properties": "properties(source: SAMESPACE, first: 2, after: $after)",
    "variables": "properties(source: SMART_SENDER, first: 2, after: $after)",
}
END = "{ pageInfo { endCursor } }"


async def test_a_cursor_fits_its_own_list_only(world: World) -> None:
    cursors = {}
    for name, field in WALKS.items():
        page = await world.data(f"query ($after: String) {{ it: {field} {END} }}")
        cursors[name] = page["it"]["pageInfo"]["endCursor"]
    for name, field in WALKS.items():
        for other, cursor in cursors.items():
            world.forget()
            answer = await world.ask(f"query ($after: String) {{ it: {field} {END} }}", {"after": cursor})
            if name == other:
                assert answer.codes == []
            else:
                assert (answer.codes, world.calls) == (["CURSOR_INVALID"], {}), (name, other)


async def test_a_cursor_fits_any_page_size(world: World) -> None:
    query = "query ($n: Int, $after: String) { contacts(first: $n, after: $after) { nodes { id } %s } }"
    start = await world.data(query % "pageInfo { endCursor }", {"n": 5})
    after = start["contacts"]["pageInfo"]["endCursor"]
    rest = await world.data(query % "", {"n": 50, "after": after})
    whole = await world.data(query % "", {"n": 55})
    assert start["contacts"]["nodes"] + rest["contacts"]["nodes"] == whole["contacts"]["nodes"]


@pytest.mark.parametrize("name", ["live", "indexed", "ordered", "groups"])
async def test_a_broken_cursor_is_refused(world: World, name: str) -> None:
    query = f"query ($after: String) {{ it: {WALKS[name]} {END} }}"
    page = await world.data(query)
    cursor = page["it"]["pageInfo"]["endCursor"]
    version, mark, *rest = unpacked(cursor)
    world.forget()
    for broken in (
        "",
        "x",
        "é",
        "x" * 5_000,
        cursor[:-8],
        cursor + "\n",
        packed([]),
        packed({}),
        packed(None),
        packed([2, mark, *rest]),
        packed([version, None, *rest]),
        packed([version, mark, *rest, 1]),
        packed([version, mark]),
        packed([version, mark, None, []]),
        packed([version, mark, None, "x"]),
        packed([version, mark, None, 1.5]),
        packed([version, mark, "NOPE", {}]),
        packed([version, mark, None, {"PACKAGEX": [-1, None, 0]}]),
        packed([version, mark, None, {"PACKAGEX": [2**53, None, 0]}]),
        packed([version, mark, None, {"PACKAGEX": [1, 5, 0]}]),
        packed([version, mark, None, {"PACKAGEX": [1]}]),
    ):
        await refused(world, query, {"after": broken}, code="CURSOR_INVALID")


# ---- documents


@pytest.mark.parametrize(
    "query",
    [
        "{" * 3_000 + "}" * 3_000,
        "{ a" * 2_000 + "}" * 2_000,
        "{ nodes(ids: " + "[" * 3_000 + "]" * 3_000 + ") { id } }",
        "{ contacts(filter: " + "{a: " * 3_000 + "1" + "}" * 3_000 + ") { nodes { id } } }",
        "query ($a: " + "[" * 3_000 + "Int" + "]" * 3_000 + ") { __typename }",
    ],
    ids=["braces", "fields", "lists", "objects", "types"],
)
async def test_a_document_that_nests_without_end_is_refused(fresh: World, query: str) -> None:
    await refused(fresh, query, code="QUERY_TOO_COMPLEX", status=400)


@pytest.mark.parametrize(
    "query",
    [
        "{" + " ".join(f"a{n}: contacts {NODES}" for n in range(10_000)) + "}",
        "{ sources " + "@include(if: true) " * 2_000 + "{ source } }",
        "{ contacts { nodes { " + "groups { nodes { members { nodes { " * 5 + "id" + " } } } }" * 5 + "} } }",
        "{ __schema { types { " + "fields { type { " * 10 + "name" + " } }" * 10 + "} } }",
    ],
    ids=["aliases", "directives", "depth", "introspection"],
)
async def test_a_document_that_asks_for_too_much_is_refused(fresh: World, query: str) -> None:
    await refused(fresh, query, code="QUERY_TOO_COMPLEX", status=400)


async def test_fragments_of_fragments_are_refused_in_no_time(fresh: World) -> None:
    many = " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(100))
    query = f"{{ ...f0 }} {many} fragment f100 on Query {{ nope }}"
    await refused(fresh, query, code="QUERY_TOO_COMPLEX", status=400)
    circle = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }"
    await refused(fresh, circle, code="GRAPHQL_VALIDATION_FAILED", status=400)


async def test_deep_variables_of_a_wrong_type_are_refused(fresh: World) -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = {"id": deep}
    query = "query ($by: ContactBy!) { contact(by: $by) { id } }"
    await refused(fresh, query, {"by": deep}, code="BAD_REQUEST", status=400)


@pytest.mark.parametrize("kind", ["mutation", "subscription"])
async def test_operations_that_there_are_not_are_refused(fresh: World, kind: str) -> None:
    await refused(fresh, f"{kind} {{ anything }}", code="GRAPHQL_VALIDATION_FAILED", status=400)
