"""A schema as composition reads it, and what names an entity."""

import pytest
from graphql import build_schema, parse

from gateway.engine import subgraph
from gateway.engine.subgraph import LONGEST, OddDeclaration, Reference
from gateway.errors import BadInput

SCHEMA = """
"Books."
schema { query: Query }

directive @access(anyOf: [Scope!]!) on OBJECT | FIELD_DEFINITION

"Points."
directive @cost(weight: String!) on FIELD_DEFINITION | ARGUMENT_DEFINITION

directive @listSize(
  assumedSize: Int
  slicingArguments: [String!]
  sizedFields: [String!]
  requireOneSlicingArgument: Boolean = true
) on FIELD_DEFINITION

enum Scope { READ WRITE ADMIN }

"A shelf mark."
scalar Mark @specifiedBy(url: "https://example.com/mark")

type Query @access(anyOf: [READ]) {
  "All books."
  books(
    "How many."
    first: Int = 20
  ): Page @cost(weight: "2.0") @listSize(slicingArguments: ["first"], sizedFields: ["nodes"])
  some(ids: [ID!]! @cost(weight: "1")): [Book] @listSize(assumedSize: 5, slicingArguments: ["ids"])
  secrets: [Book] @access(anyOf: [ADMIN]) @listSize(assumedSize: 3)
  shared: Book @access(anyOf: [READ, WRITE])
  old(by: By): Book @deprecated(reason: "Use `some`.")
}

input By @oneOf { id: ID mark: Mark }

type Page { nodes: [Book!]! }

"A book."
type Book {
  id: ID!
  shop: Shop!
  mark: Mark!
}

enum Shop { HERE THERE }
"""

DECLARED = """
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@tag", "@cost", "@listSize"])
extend type Book @key(fields: "id") @key(fields: "shop mark")
extend type Page @shareable
"""


def line(start: str) -> str:
    """The line of the federated schema that starts like this."""
    (found,) = [
        each for each in subgraph.sdl(SCHEMA, DECLARED).splitlines() if each.strip().startswith(start)
    ]
    return found.strip()


def test_what_is_declared_stands_in_the_types_themselves() -> None:
    assert line("type Book") == 'type Book @key(fields: "id") @key(fields: "shop mark") {'
    assert line("type Page") == "type Page @shareable {"
    assert line("schema").startswith(
        'schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ['
    )
    assert "extend type" not in subgraph.sdl(SCHEMA, DECLARED)


def test_descriptions_and_directives_are_kept() -> None:
    text = subgraph.sdl(SCHEMA, DECLARED)
    for kept in ('"Books."', '"All books."', '"How many."', '"A book."', "directive @access"):
        assert kept in text
    assert line("scalar Mark") == 'scalar Mark @specifiedBy(url: "https://example.com/mark")'
    assert line("input By") == "input By @oneOf {"
    assert line("old(").endswith('@deprecated(reason: "Use `some`.")')
    assert line("secrets").count("@access(anyOf: [ADMIN])") == 1


def test_directives_that_federation_defines_are_not_defined_again_and_take_its_forms() -> None:
    text = subgraph.sdl(SCHEMA, DECLARED)
    assert "directive @cost" not in text
    assert "directive @listSize" not in text
    assert "@cost(weight: 2) " in text
    assert "ids: [ID!]! @cost(weight: 1)" in text
    assert '@listSize(slicingArguments: ["first"], sizedFields: ["nodes"])' in text


def test_lists_are_no_slicing_arguments_of_federation() -> None:
    assert line("some(").endswith("@listSize(assumedSize: 5)")


def test_what_is_not_open_to_every_reader_is_tagged_with_its_scope() -> None:
    assert '@tag(name: "admin")' in line("secrets")
    assert "@tag" not in line("shared")
    assert "@tag" not in line("type Query")


def test_the_same_schema_gives_the_same_text_and_it_can_be_parsed() -> None:
    text = subgraph.sdl(SCHEMA, DECLARED)
    assert subgraph.sdl(SCHEMA, DECLARED) == text
    assert parse(text).definitions


@pytest.mark.parametrize(
    "declared",
    [
        'extend type Bok @key(fields: "id")',
        'extend type Book @key(fields: "isbn")',
        'extend type By @key(fields: "id")',
        "extend type Cover @shareable",
    ],
)
def test_what_does_not_fit_the_schema_is_told_when_it_is_built(declared: str) -> None:
    with pytest.raises(OddDeclaration):
        subgraph.extended(build_schema(SCHEMA), SCHEMA, f"{DECLARED}\n{declared}")


def named(given: object) -> Reference | BadInput:
    return subgraph.reference(build_schema(SCHEMA), subgraph.keys_of(DECLARED), given)


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "1"},
        {"shop": "HERE", "mark": "QA 76"},
        {"id": "1", "shop": "HERE", "mark": "QA 76"},  # routers send both where one of two fetches needs each
        {"id": "x" * LONGEST},
    ],
)
def test_a_representation_names_a_thing_by_a_whole_key(fields: dict[str, str]) -> None:
    assert named({"__typename": "Book", **fields}) == Reference("Book", fields)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "Book",
        ["Book"],
        {},
        {"id": "1"},
        {"__typename": None, "id": "1"},
        {"__typename": ["Book"], "id": "1"},
        {"__typename": "Page", "id": "1"},
        {"__typename": "__Schema"},
        {"__typename": "Book"},
        {"__typename": "Book", "shop": "HERE"},
        {"__typename": "Book", "id": "1", "shop": "HERE"},
        {"__typename": "Book", "id": "1", "title": "Emma"},
        {"__typename": "Book", "id": ""},
        {"__typename": "Book", "id": None},
        {"__typename": "Book", "id": 1},
        {"__typename": "Book", "id": True},
        {"__typename": "Book", "id": {"id": "1"}},
        {"__typename": "Book", "id": "x" * (LONGEST + 1)},
        {"__typename": "Book", "shop": "ELSEWHERE", "mark": "QA 76"},
        {"__typename": "Book", "shop": "HERE", "mark": ["QA 76"]},
    ],
)
def test_anything_else_is_no_representation_and_its_values_are_not_quoted(given: object) -> None:
    found = named(given)
    assert isinstance(found, BadInput)
    assert len(found.message) < 200
    assert not any(word in found.message for word in ("QA 76", "ELSEWHERE", "Emma", "__Schema"))
