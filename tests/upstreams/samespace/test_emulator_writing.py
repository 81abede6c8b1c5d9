"""Creating, updating and deleting contacts in the Samespace emulator."""

from typing import Any

import pytest

from gateway.upstreams.people import COMPANIES
from tests.upstreams.samespace.calling import (
    CONTACTS,
    CREATE,
    DELETE,
    DELETED,
    NOBODY,
    NOT_FOUND,
    NOW,
    UPDATE,
    UPDATED,
    Caller,
    pairs,
)


async def test_a_new_contact_is_the_last_one_and_has_its_system_properties(caller: Caller) -> None:
    created = await caller.ask(CREATE, p=pairs({"firstName": "Noor", "lastName": "Aldana", "leadScore": "7"}))
    assert created["module"] == CONTACTS
    assert created["_id"].startswith(f"{int(NOW):08x}")
    user = {"value": "66f0a1c2d3e4f5a6b7c8aa01", "type": "REFERENCE"}
    assert created["properties"] == {
        "firstName": {"value": "Noor", "type": "TEXT"},
        "lastName": {"value": "Aldana", "type": "TEXT"},
        "leadScore": {"value": "7", "type": "NUMBER"},
        "owner": user,
        "createdBy": user,
        "createdAt": {"value": "2025-10-09T08:53:20.250Z", "type": "DATE_TIME"},
    }
    assert (await caller.contacts(limit=1000))[-1] == created


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lastName": "Aldana"}, "Property firstName is required"),
        ({"firstName": "Noor", "lastName": None}, "Property lastName is required"),
        ({"firstName": "Noor", "lastName": "Aldana", "shoe": "38"}, "Unknown property shoe"),
        ({"firstName": "Noor", "lastName": "Aldana", "email": "noor"}, 'Invalid "Email" input'),
    ],
)
async def test_a_contact_that_breaks_its_definitions_is_refused(
    caller: Caller, values: dict[str, str | None], message: str
) -> None:
    before = await caller.contacts(limit=1000)
    answer = await caller.send(CREATE, p=pairs(values))
    error = {"message": message, "path": ["createContact"], "extensions": {"code": "BAD_USER_INPUT"}}
    assert answer == {"errors": [error], "data": {"createContact": None}}
    assert await caller.contacts(limit=1000) == before


async def test_creating_does_not_look_for_duplicates_and_leaves_phones_as_they_are(caller: Caller) -> None:
    ids = [
        await caller.create(firstName="Noor", lastName="Aldana", email="n@example.com", phoneNumber="ask her")
        for _ in range(2)
    ]
    assert len(set(ids)) == 2
    phones = [row["properties"]["phoneNumber"]["value"] for row in (await caller.contacts(limit=1000))[-2:]]
    assert phones == ["ask her", "ask her"]


async def test_an_update_touches_what_it_names_and_null_clears(caller: Caller) -> None:
    first = await caller.create(firstName="Noor", lastName="Aldana", email="n@example.com", notes="old")
    assert await caller.ask(UPDATE, id=[first], p=pairs({"notes": None, "jobTitle": "Nurse"})) == UPDATED
    changed = (await caller.contacts(limit=1000))[-1]["properties"]
    assert "notes" not in changed
    assert changed["jobTitle"] == {"value": "Nurse", "type": "TEXT"}
    assert changed["email"] == {"value": "n@example.com", "type": "EMAIL"}


async def test_one_bare_id_is_taken_for_a_list(caller: Caller) -> None:
    (row,) = await caller.contacts(limit=1)
    assert await caller.ask(UPDATE, id=row["_id"], p=pairs({"notes": "called"})) == UPDATED
    assert (await caller.contacts(limit=1))[0]["properties"]["notes"]["value"] == "called"


async def test_the_narrowest_selector_wins(caller: Caller) -> None:
    rows = await caller.contacts(limit=1000)
    last = rows[-1]["_id"]
    everything = {"id": [last], "f": {"city": "Boston"}, "all": True}
    assert await caller.ask(UPDATE, p=pairs({"notes": "by id"}), **everything) == UPDATED
    assert await caller.ask(UPDATE, p=pairs({"notes": "by filter"}), **(everything | {"id": None})) == UPDATED
    for before, after in zip(rows, await caller.contacts(limit=1000), strict=True):
        notes = after["properties"].get("notes")
        if before["properties"].get("city", {}).get("value") == "Boston":
            assert notes["value"] == "by filter"
        elif before["_id"] == last:
            assert notes["value"] == "by id"
        else:
            assert after == before


async def test_all_means_the_whole_module_and_no_other(caller: Caller) -> None:
    assert await caller.ask(UPDATE, all=True, p=pairs({"notes": "same"})) == UPDATED
    assert {row["properties"]["notes"]["value"] for row in await caller.contacts(limit=1000)} == {"same"}
    assert await caller.ask(DELETE, all=True) == DELETED
    assert await caller.contacts() == []
    assert len(await caller.ask('{ getContacts(moduleName: "Companies") { _id } }')) == len(COMPANIES)


@pytest.mark.parametrize("where", [{}, {"all": False}, {"id": None, "f": None}])
async def test_without_a_selector_nothing_is_touched(caller: Caller, where: dict[str, Any]) -> None:
    for mutation, more in ((UPDATE, {"p": pairs({"notes": "x"})}), (DELETE, {})):
        assert (await caller.refusal(mutation, **where, **more))[
            "message"
        ] == "One of _id, filter or all is required"


async def test_unknown_ids_are_no_error_but_no_success_either(caller: Caller) -> None:
    for unknown in ([NOBODY], ["odd"], []):
        assert await caller.ask(UPDATE, id=unknown, p=pairs({"notes": "x"})) == NOT_FOUND
        assert await caller.ask(DELETE, id=unknown) == NOT_FOUND


async def test_an_update_cannot_clear_what_is_required_nor_write_what_is_unknown(caller: Caller) -> None:
    before = await caller.contacts(limit=2)
    ids = [row["_id"] for row in before]
    for values in (
        {"notes": "x", "lastName": None},
        {"notes": "x", "shoe": "38"},
        {"notes": "x", "email": "@"},
    ):
        assert (await caller.refusal(UPDATE, id=ids, p=pairs(values)))["path"] == ["updateContacts"]
    assert await caller.contacts(limit=2) == before


async def test_a_deleted_contact_is_gone_and_its_id_does_not_come_back(caller: Caller) -> None:
    created = await caller.create(firstName="Noor", lastName="Aldana")
    assert await caller.ask(DELETE, id=[created]) == DELETED
    assert await caller.ask(DELETE, id=[created]) == NOT_FOUND
    assert await caller.create(firstName="Noor", lastName="Aldana") != created
    first, second, third = await caller.contacts(limit=3)
    assert await caller.ask(DELETE, id=[second["_id"]]) == DELETED
    assert (await caller.contacts(limit=2)) == [first, third]
