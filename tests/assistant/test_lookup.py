"""The schema is found a piece at a time."""

import json

import pytest

from gateway.assistant.lookup import LONGEST_TYPE, Lookup
from tests.support.world import schema

LOOKUP = Lookup(schema())


def names(query: str, most: int = 10) -> list[str]:
    return [each["name"] for each in LOOKUP.search(query, most)["results"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("phone filter", "ContactFilter.phone"),
        ("totalCount contacts", "ContactConnection.totalCount"),
        ("smart sender source", "Source.SMART_SENDER"),
        ("update contact tags", "Mutation.updateContactTags"),
        ("ContactOrderField", "ContactOrderField"),
        ("rate limit remaining", "RateLimitInfo.remaining"),
    ],
)
def test_what_is_looked_for_stands_among_the_first(query: str, expected: str) -> None:
    assert expected in names(query)[:5]


def test_an_excerpt_has_type_arguments_and_description() -> None:
    (found,) = LOOKUP.search("Contact.groups", 1)["results"]
    assert (found["name"], found["kind"], found["type"]) == ("Contact.groups", "field", "GroupConnection")
    assert found["arguments"]["first"] == {"type": "Int", "description": "How many at most: 1 to 100."}
    assert found["description"].startswith("Groups that the contact is in")


def test_only_so_many_are_shown_and_the_rest_is_counted() -> None:
    found = LOOKUP.search("contact", 3)
    assert len(found["results"]) == 3
    assert "more fit" in found["more"]
    assert len(json.dumps(LOOKUP.search("a contact source id", 20))) < 30_000


def test_words_that_fit_nothing_together_find_what_fits_most_of_them() -> None:
    assert "ContactFilter.phone" in names("phone filter zebra")
    assert LOOKUP.search("zebra")["results"] == []
    assert LOOKUP.search("?!")["results"] == []


def test_a_type_is_described_and_introspection_is_not() -> None:
    found = LOOKUP.describe("Tag")
    assert found is not None
    assert "name: String" in found["sdl"]
    assert LOOKUP.describe("__Type") is None
    assert LOOKUP.describe("String") is None
    for name in schema().type_map:
        found = LOOKUP.describe(name)
        assert found is None or len(found["sdl"]) <= LONGEST_TYPE
