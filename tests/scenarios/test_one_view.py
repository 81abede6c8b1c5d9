"""What a person is shown with, where each value comes from, and whose sources disagree."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.identity.rules import FIELDS
from gateway.model.source import Source
from tests.conftest import Build
from tests.support import world as worlds
from tests.support.records import BEGAN, PX, SENDER, SPACE, changed, made
from tests.support.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")  # most tests share a world, which they only read

SHOWN = "id displayName firstName lastName company emails phones address { id city postalCode formatted }"
TOLD = "provenance { field chosen rule conflicting candidates { source contact value asOf } }"
VIEW = (
    f"query ($by: PersonBy!) {{ person(by: $by) {{ {SHOWN} {TOLD} "
    "members { contact { id source asOf email phone company address { id city } } } } }"
)
DRIFT = (
    "query ($first: Int, $after: String, $fields: [String!]) { "
    "drift(first: $first, after: $after, fields: $fields) { "
    "nodes { id displayName provenance { field conflicting candidates { value } } } "
    "edges { cursor node { id } } pageInfo { hasNextPage endCursor } sources { source status returned } } }"
)
VARIABLE = {"id": 90, "name": "company", "type": "string"}


async def view(world: World, **by: str) -> dict[str, Any]:
    """A person, with what is told of each field by its name."""
    found = (await world.data(VIEW, {"by": by}))["person"]
    found["provenance"] = {each["field"]: each for each in found["provenance"]}
    return dict(found)


def ada(world: World) -> list[str]:
    """One Ada, whom each source writes in its own way."""
    return [
        made(world, SPACE, "ADA QUUX", email="Ada@example.com", phone="12025550111", company="Lumen"),
        made(
            world,
            PX,
            "Ada Lovelace Quux",
            email="ada@example.com",
            phone="(202) 555-0111",
            updated_at=BEGAN + 90_000_000,
        ),
        made(
            world,
            SENDER,
            "Ada Quux",
            email="a.quux@example.org",
            phone="+12025550111",
            variables=[VARIABLE | {"value": "Lumen Optics"}],
        ),
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[World]:
    world = worlds.build(0)
    ada(world)
    await world.scan()
    yield world
    await worlds.close(world)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[World]:
    world = worlds.build(120)
    await world.scan()
    yield world
    await worlds.close(world)


async def test_a_person_is_shown_with_the_values_that_are_believed_most(shared: World) -> None:
    found = await view(shared, email="ada@example.com")
    assert found["displayName"] == "Ada Lovelace Quux"  # says more than the others
    assert (found["firstName"], found["lastName"]) == ("Ada", "Lovelace Quux")
    assert found["company"] == "Lumen"
    assert found["emails"] == ["ada@example.com", "a.quux@example.org"]
    assert found["phones"] == ["+12025550111"]
    assert found["address"] is None


async def test_every_value_is_told_with_its_source_and_its_time(shared: World) -> None:
    found = await view(shared, email="ada@example.com")
    told = found["provenance"]
    assert list(told) == list(FIELDS)
    records = {member["contact"]["id"]: member["contact"] for member in found["members"]}
    for field in FIELDS:
        each = told[field]
        shown = found[f"{field}s"][0] if field in ("email", "phone") else found[field]
        if field not in ("email", "phone"):
            assert each["chosen"] == shown
        assert each["chosen"] == (each["candidates"][0]["value"] if each["candidates"] else None)
        for candidate in each["candidates"]:
            record = records[candidate["contact"]]
            assert (candidate["source"], candidate["asOf"]) == (record["source"], record["asOf"])
    assert [each["value"] for each in told["email"]["candidates"]] == [
        "Ada@example.com",
        "ada@example.com",
        "a.quux@example.org",
    ]
    assert [each["value"] for each in told["company"]["candidates"]] == ["Lumen", "Lumen Optics"]
    assert told["company"]["rule"] == told["email"]["rule"] == "SOURCE_PRIORITY"
    assert told["displayName"]["rule"] == "MOST_COMPLETE"
    assert told["address"] == {
        "field": "address", "chosen": None, "rule": "MOST_COMPLETE", "conflicting": False, "candidates": [],
    }  # fmt: skip


async def test_records_disagree_where_no_value_is_common_to_all_after_normalisation(shared: World) -> None:
    told = (await view(shared, email="ada@example.com"))["provenance"]
    assert {field for field, each in told.items() if each["conflicting"]} == {
        "displayName",
        "lastName",
        "email",
        "company",
    }
    assert len({each["value"] for each in told["phone"]["candidates"]}) == 3  # and yet the same number


async def test_fields_are_told_as_asked_and_others_are_refused(shared: World) -> None:
    query = (
        'query ($fields: [String!]) { person(by: { email: "ada@example.com" }) '
        "{ provenance(fields: $fields) { field } } }"
    )
    found = await shared.data(query, {"fields": ["email", "company", "email"]})
    assert found["person"]["provenance"] == [{"field": "email"}, {"field": "company"}]
    for wrong in ([], ["notes"], ["email", "Email"]):
        answer = await shared.ask(query, {"fields": wrong})
        assert answer.codes == ["BAD_USER_INPUT"], wrong


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"GATEWAY_IDENTITY_PRIORITY": "SMART_SENDER"}, {"company": "Lumen Optics", "email": "a.quux@example.org"}),
        ({"GATEWAY_IDENTITY_PRIORITY": "PACKAGEX,SMART_SENDER"}, {"company": "Lumen Optics", "email": "ada@example.com"}),
        ({"GATEWAY_IDENTITY_SURVIVAL": "displayName=SOURCE_PRIORITY"}, {"displayName": "ADA QUUX"}),
        ({"GATEWAY_IDENTITY_SURVIVAL": "email=MOST_RECENT;company=MOST_RECENT"}, {"email": "ada@example.com", "company": "Lumen Optics"}),
        ({"GATEWAY_IDENTITY_SURVIVAL": "company=MOST_COMPLETE"}, {"company": "Lumen Optics"}),
    ],
)  # fmt: skip
async def test_which_value_is_shown_follows_the_settings(
    new_world: Build, settings: dict[str, str], expected: dict[str, str]
) -> None:
    world = new_world(0, **settings)
    ada(world)
    await world.scan()
    found = await view(world, phone="+1 202 555 0111")
    for field, value in expected.items():
        assert found["provenance"][field]["chosen"].lower() == value.lower()
        shown = found["emails"][0] if field == "email" else found[field]
        assert shown.lower() == value.lower()
        rule = settings.get("GATEWAY_IDENTITY_SURVIVAL", "").partition(f"{field}=")[2].partition(";")[0]
        if rule:
            assert found["provenance"][field]["rule"] == rule


async def test_the_view_is_the_same_from_every_record(sandbox: World) -> None:
    query = (
        f"{{ people(first: 20) {{ nodes {{ {SHOWN} {TOLD} "
        f"members {{ contact {{ id person {{ {SHOWN} {TOLD} }} }} }} }} }} }}"
    )
    found = await sandbox.data(query)
    for each in found["people"]["nodes"]:
        for member in each.pop("members"):
            assert member["contact"]["person"] == each


async def test_an_address_is_shown_without_the_id_that_its_source_gave_it(sandbox: World) -> None:
    found = (await sandbox.data(f"{{ people(first: 100) {{ nodes {{ {SHOWN} {TOLD} }} }} }}"))["people"]
    placed = [each for each in found["nodes"] if each["address"]]
    assert placed
    for each in placed:
        assert each["address"]["id"] is None
        (told,) = (one for one in each["provenance"] if one["field"] == "address")
        assert told["chosen"]["city"] == each["address"]["city"]
        assert told["chosen"]["id"] is None


# ---- drift


def badness(node: dict[str, Any]) -> int:
    """How many fields disagree."""
    return sum(each["conflicting"] for each in node["provenance"])


async def drift(world: World, first: int = 100, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after, has_more = None, True
    while has_more:
        page = (await world.data(DRIFT, {"first": first, "after": after, **more}))["drift"]
        assert len(page["nodes"]) <= first
        found += page["nodes"]
        after, has_more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return found


async def test_whose_sources_disagree_is_listed_worst_first(sandbox: World) -> None:
    found = await drift(sandbox)
    assert found
    assert all(map(badness, found))
    everybody = await sandbox.data(
        "{ people(first: 100) { nodes { id provenance { field conflicting candidates { value } } } "
        "pageInfo { hasNextPage endCursor } } }"
    )
    differing = {each["id"] for each in everybody["people"]["nodes"] if badness(each)}
    assert differing <= {each["id"] for each in found}
    assert badness(found[0]) == max(map(badness, found))
    assert badness(found[-1]) == min(map(badness, found))


@pytest.mark.parametrize("first", [1, 3, 7])
async def test_drift_is_walked_with_any_page_size(sandbox: World, first: int) -> None:
    whole = [each["id"] for each in await drift(sandbox)]
    assert [each["id"] for each in await drift(sandbox, first)] == whole
    assert len(set(whole)) == len(whole)


@pytest.mark.parametrize("fields", [["phone"], ["email"], ["address"], ["lastName", "email"]])
async def test_drift_of_some_fields_lists_who_disagrees_about_these(
    sandbox: World, fields: list[str]
) -> None:
    for each in await drift(sandbox, fields=fields):
        assert any(one["conflicting"] for one in each["provenance"] if one["field"] in fields)


async def test_a_change_is_seen_in_drift_at_once(new_world: Build) -> None:
    world = new_world(0)
    old = made(world, SPACE, "Ada Quux", email="ada@example.com", company="Lumen")
    new = made(world, PX, "Ada Quux", email="ada@example.com", phone="+12025550111")
    await world.scan()
    assert await drift(world) == []
    changed(world, old, phone="+12025550112")
    await world.scan()
    (found,) = await drift(world)
    assert [each["field"] for each in found["provenance"] if each["conflicting"]] == ["phone"]
    changed(world, new, name="Ada M. Quux")
    await world.scan()
    (found,) = await drift(world)
    assert {each["field"] for each in found["provenance"] if each["conflicting"]} >= {"phone", "displayName"}
    assert (await drift(world, fields=["email"])) == []


async def test_sources_tell_how_many_of_a_page_they_know(sandbox: World) -> None:
    page = (await sandbox.data(DRIFT, {"first": 100}))["drift"]
    assert [each["source"] for each in page["sources"]] == list(Source)
    assert {each["status"] for each in page["sources"]} == {"OK"}
    assert all(0 < each["returned"] <= len(page["nodes"]) for each in page["sources"])
