"""Asking for people as a caller does."""

from typing import Any, Final

from tests.support.world import Answer, World

PERSON: Final = (
    "{ id displayName emails phones members { confidence contact { id source sourceId displayName asOf } "
    "reasons { rule left right normalisedAs } } }"
)
ONE: Final = f"query ($by: PersonBy!) {{ person(by: $by) {PERSON} }}"
EVERYBODY: Final = (
    "query ($first: Int, $after: String, $search: String) { "
    "people(first: $first, after: $after, search: $search) { "
    f"nodes {PERSON} edges {{ cursor node {{ id }} }} "
    "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } "
    "sources { source status returned exhausted code } } }"
)
LIVE: Final = {"Cache-Control": "no-cache"}

Person = dict[str, Any]


async def ask_for(world: World, *, headers: Any = None, **by: str) -> Answer:
    """The answer to a question for one person."""
    return await world.ask(ONE, {"by": by}, headers=headers)


async def person(world: World, *, headers: Any = None, **by: str) -> Person | None:
    """One person, told without any error or warning."""
    answer = await ask_for(world, headers=headers, **by)
    assert (answer.errors, answer.warnings) == ([], []), answer.body
    found: Person | None = answer.data["person"]
    return found


async def people(
    world: World, first: int = 100, *, search: str | None = None, headers: Any = None
) -> list[Person]:
    """Everybody, page by page."""
    found: list[Person] = []
    after, more = None, True
    while more:
        asked = {"first": first, "after": after, "search": search}
        page = (await world.data(EVERYBODY, asked, headers=headers))["people"]
        assert [edge["node"]["id"] for edge in page["edges"]] == [node["id"] for node in page["nodes"]]
        assert len(page["nodes"]) <= first
        found += page["nodes"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return found


def records(found: Person | None) -> list[str]:
    """The ids of a person's records, oldest first."""
    return [] if found is None else [member["contact"]["id"] for member in found["members"]]


def together(found: list[Person]) -> set[frozenset[str]]:
    """Who is one person, by the ids of records."""
    return {frozenset(records(each)) for each in found}
