"""What breaks a caller of the schema is seen, and accepted only with a line in the changelog."""

import pytest

from tools import snapshot

SCHEMA = """
"A library."
schema { query: Query }
directive @access(anyOf: [Scope!]!) on OBJECT | FIELD_DEFINITION
directive @cost(weight: String!) on OBJECT | FIELD_DEFINITION
directive @semanticNonNull(levels: [Int!]! = [0]) on FIELD_DEFINITION
enum Scope { READ LEND ADMIN }
type Query @access(anyOf: [READ]) {
  "All books."
  books(first: Int = 20, search: String): [Book!] @semanticNonNull
  loans: [Loan!] @access(anyOf: [READ, LEND])
  book(by: BookBy!): Book
}
input BookBy { id: ID title: String }
interface Node { id: ID! }
type Book implements Node { id: ID! title: String authors: [String!]! in: Language @access(anyOf: [LEND]) }
enum Language { GERMAN UKRAINIAN OTHER }
type Loan { book: Book }
"""
# A change, and the thing that it breaks.
BREAKING = [
    (" title: String authors", " authors", "Book.title"),
    ("[String!]!", "[String!]", "Book.authors"),
    (" OTHER }", " }", "Language.OTHER"),
    (", search: String", "", "Query.books"),
    ("BookBy { id: ID", "BookBy { shelf: ID! id: ID", "BookBy.shelf"),
    ("input BookBy {", "input BookBy @oneOf {", "BookBy"),
    ("Loan", "Lending", "Loan"),
    (" implements Node", "", "Book"),
    ("title: String authors", "title: String @access(anyOf: [ADMIN]) authors", "Book.title"),
    ("[READ, LEND]", "[LEND]", "Query.loans"),
    ("Query @access(anyOf: [READ])", "Query @access(anyOf: [ADMIN])", "Query.book"),
    ("[Book!] @semanticNonNull", "[Book!]", "Query.books"),
    ("@cost(weight: String!) on OBJECT |", "@cost(weight: String!) on", "@cost"),
]
HARMLESS = [
    ("title: String authors", "title: String subtitle: String authors"),
    ("title: String authors", "title: String! authors"),
    ("[Book!] @semanticNonNull", "[Book!]!"),
    ("[READ, LEND]", "[READ, LEND, ADMIN]"),
    (" @access(anyOf: [LEND])", ""),
    ("A library.", "Some books."),
]


def changed(before: str, after: str) -> snapshot.Changes:
    assert before in SCHEMA
    return snapshot.changes(snapshot.bare(SCHEMA), snapshot.bare(SCHEMA.replace(before, after)))


@pytest.mark.parametrize(("before", "after", "name"), BREAKING)
def test_what_breaks_a_caller_needs_a_line_that_names_it(before: str, after: str, name: str) -> None:
    breaking = changed(before, after).breaking
    assert breaking
    elsewhere = f"# Changelog\n\n## Unreleased\n\n- Something else.\n\n## 1.0\n\n- `{name}` is new.\n"
    assert snapshot.unsaid(breaking, elsewhere) == list(breaking)
    said = elsewhere.replace("Something else", f"`{name}` is no more")
    assert len(snapshot.unsaid(breaking, said)) < len(breaking)


@pytest.mark.parametrize(("before", "after"), HARMLESS)
def test_what_breaks_nobody_needs_none(before: str, after: str) -> None:
    assert changed(before, after).breaking == ()


def test_what_may_surprise_a_caller_is_told() -> None:
    assert changed(" OTHER }", " OTHER FRENCH }").dangerous == ("Enum value Language.FRENCH was added.",)
    (told,) = changed("first: Int = 20", "first: Int = 10").dangerous
    assert told.startswith("Query.books(first:)")


def test_descriptions_are_not_part_of_it() -> None:
    bare = snapshot.bare(SCHEMA)
    assert "All books" not in bare
    assert "books(first: Int = 20, search: String): [Book!] @semanticNonNull" in bare
