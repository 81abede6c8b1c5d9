"""Reading contacts from the Samespace emulator."""

import re
from typing import Any

import pytest

from gateway.upstreams.people import COMPANIES, Population
from gateway.upstreams.samespace.emulator import Emulator
from tests.upstreams.samespace.calling import (
    COMPANY_MODULE,
    CONTACTS,
    NOBODY,
    PROPERTIES,
    Caller,
    calling,
)


async def test_pages_join_without_gap_or_overlap_and_end_with_a_short_one(caller: Caller) -> None:
    pages = [await caller.contacts(skip=skip, limit=50) for skip in (0, 50, 100)]
    everybody = Population(240).living_in("samespace")
    assert [len(page) for page in pages] == [50, 50, len(everybody) - 100]
    ids = [contact["_id"] for page in pages for contact in page]
    assert len(set(ids)) == len(everybody)
    assert ids == sorted(ids)  # an id begins with the time: creation order
    assert all(re.fullmatch("[0-9a-f]{24}", one) for one in ids)
    assert await caller.contacts(skip=1000, limit=50) == []


async def test_without_a_limit_there_are_fifty(caller: Caller) -> None:
    assert len(await caller.contacts()) == 50
    assert await caller.contacts(limit=0) == await caller.contacts()
    assert (await caller.refusal("{ getContacts(query: {skip: -1}) { _id } }"))["path"] == ["getContacts"]


async def test_the_same_seed_gives_the_same_contacts() -> None:
    pages = []
    for seed in (1, 1, 2):
        async with calling(Emulator(Population(60, seed))) as http:
            pages.append(await Caller(http).contacts())
    assert pages[0] == pages[1] != pages[2]


async def test_a_property_is_a_value_and_a_type_and_absent_without_a_value(caller: Caller) -> None:
    types = {row["key"]: row["type"] for row in await caller.ask(PROPERTIES)}
    page = await caller.contacts()
    for contact in page:
        assert contact["module"] == CONTACTS
        for key, entry in contact["properties"].items():
            assert entry.keys() == {"value", "type"}
            assert entry["type"] == types[key]
            assert entry["value"] is not None
        assert {"firstName", "lastName", "owner", "createdBy", "createdAt"} <= contact["properties"].keys()
    counts = [len(contact["properties"]) for contact in page]
    assert min(counts) < 10
    assert max(counts) == 18
    assert sum(counts) / len(counts) > 13


async def test_the_seeded_values_are_written_as_samespace_writes_them(caller: Caller) -> None:
    forms = {
        "createdAt": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
        "birthday": r"\d{4}-\d\d-\d\dT00:00:00\.000Z",
        "owner": r"[0-9a-f]{24}",
        "phoneNumber": r"\d[\d-]+",
        "website": r"https://\w+\.example\.com",
    }
    for contact in await caller.contacts(limit=1000):
        for key, form in forms.items():
            value = contact["properties"].get(key, {}).get("value")
            assert value is None or re.fullmatch(form, value)


async def test_fields_are_answered_with_the_system_properties_beside_them(caller: Caller) -> None:
    whole, some = await caller.contacts(), await caller.contacts(fields=["firstName", "email", "unheardOf"])
    for full, part in zip(whole, some, strict=True):
        kept = ("firstName", "email", "owner", "createdBy", "createdAt")
        expected = {key: entry for key, entry in full["properties"].items() if key in kept}
        assert part == full | {"properties": expected}


async def test_the_module_goes_by_id_then_by_name_then_to_contacts(caller: Caller) -> None:
    query = (
        "query($m: ID, $n: String) { getContacts(module: $m, moduleName: $n, query: {limit: 1}) { module } }"
    )
    assert await caller.ask(query) == [{"module": CONTACTS}]
    assert await caller.ask(query, n="Companies") == [{"module": COMPANY_MODULE}]
    assert await caller.ask(query, m=CONTACTS, n="Companies") == [{"module": CONTACTS}]


@pytest.mark.parametrize(
    "where", ['moduleName: "Contract"', 'module: "66f0a1c2d3e4f5a6b7c8d902"', 'module: ""']
)
async def test_an_unknown_module_is_an_error_and_no_empty_list(caller: Caller, where: str) -> None:
    answer = await caller.send(f"{{ getContacts({where}) {{ _id }} }}")
    error = {"message": "Module not found", "path": ["getContacts"], "extensions": {"code": "NOT_FOUND"}}
    assert answer == {"errors": [error], "data": {"getContacts": None}}


async def test_the_companies_are_contacts_of_their_own_module(caller: Caller) -> None:
    rows = await caller.ask('{ getContacts(moduleName: "Companies") { module properties } }')
    assert [row["properties"]["name"]["value"] for row in rows] == list(COMPANIES)
    assert {"name", "industry", "website", "phoneNumber"} <= rows[0]["properties"].keys()
    definitions = await caller.ask('{ getProperties(moduleName: "Companies") { _id key required } }')
    assert definitions[0] == {"_id": "66f0a1c2d3e4f5a6b7c9f001", "key": "name", "required": True}


async def test_a_filter_is_unknown_unless_it_is_switched_on(emulator: Emulator, caller: Caller) -> None:
    query = "query($q: QueryInput) { getContacts(query: $q) { _id properties } }"
    page = await caller.contacts(limit=3)
    wanted = {"_id": {"$in": [page[2]["_id"], NOBODY, "odd", page[0]["_id"]]}}
    assert (await caller.send(query, q={"filter": wanted}))["errors"]
    emulator.offers_filter = True
    found = await caller.ask(query, q={"filter": wanted})
    assert [row["_id"] for row in found] == [page[0]["_id"], page[2]["_id"]]


async def test_the_switched_on_filter_knows_equality_in_and_nothing_else(
    caller: Caller, emulator: Emulator
) -> None:
    emulator.offers_filter = True
    everybody = await caller.contacts(limit=1000)

    def values(rows: Any, key: str) -> list[Any]:
        return [row["properties"].get(key, {}).get("value") for row in rows]

    found = await caller.contacts(
        limit=1000, filter={"city": "Boston", "leadStatus": {"$in": ["new", "customer"]}}
    )
    assert found == [
        row
        for row in everybody
        if values([row], "city") == ["Boston"] and values([row], "leadStatus")[0] in {"new", "customer"}
    ]
    assert found
    assert await caller.contacts(filter={"_id": found[0]["_id"]}) == found[:1]
    nameless = await caller.contacts(limit=1000, filter={"city": None})
    assert len(nameless) == values(everybody, "city").count(None)
    scores = values(await caller.contacts(limit=1000, sort={"leadScore": -1, "_id": 1}), "leadScore")
    known = [score for score in scores if score is not None]
    assert known == sorted(known, reverse=True)
    assert scores[len(known) :] == [None] * (len(scores) - len(known))
    names = values(await caller.contacts(skip=2, limit=5, sort={"lastName": 1}), "lastName")
    assert names == sorted(values(everybody, "lastName"))[2:7]
    query = "query($q: QueryInput) { getContacts(query: $q) { _id } }"
    odd: list[dict[str, Any]] = [
        {"filter": {"city": {"$gt": "A"}}},
        {"filter": []},
        {"sort": {"city": "up"}},
        {"sort": "city"},
    ]
    for one in odd:
        assert (await caller.refusal(query, q=one))["extensions"] == {"code": "BAD_USER_INPUT"}
