"""Modules and property definitions of the Samespace emulator."""

import re

from tests.upstreams.samespace.calling import CREATE, NEW_PROPERTY, PROPERTIES, UPDATE, UPDATED, Caller, pairs


async def test_modules_carry_epoch_milliseconds_as_text(caller: Caller) -> None:
    for module in await caller.ask("{ getModules { _id name createdAt modifiedAt } }"):
        assert re.fullmatch(r"\d{13}", module["createdAt"])
        assert re.fullmatch(r"\d{13}", module["modifiedAt"])


async def test_there_are_eighteen_definitions_of_many_types_in_display_order(caller: Caller) -> None:
    rows = await caller.ask(PROPERTIES)
    assert [row["displayOrder"] for row in rows] == list(range(1, 19))
    assert [row["_id"][-4:] for row in rows] == [f"f0{number:02d}" for number in range(1, 19)]
    assert [row["key"] for row in rows if row["required"]] == ["firstName", "lastName"]
    assert {"TEXT", "EMAIL", "PHONE", "REFERENCE", "DATE_TIME", "NUMBER", "BOOLEAN", "URL", "GEO_POINT"} <= {
        row["type"] for row in rows
    }
    (status,) = (row for row in rows if row["key"] == "leadStatus")
    assert {"label": "On Hold", "key": "on_hold"} in status["options"]


async def test_properties_are_paged_one_level_deeper_than_contacts(caller: Caller) -> None:
    rows = await caller.ask("{ getProperties(payload: {query: {skip: 16, limit: 5}}) { key } }")
    assert rows == [{"key": "createdBy"}, {"key": "createdAt"}]
    assert (await caller.send("{ getProperties(query: {skip: 16}) { key } }"))["errors"]


async def test_the_key_of_a_property_is_made_of_its_label_and_unique(caller: Caller) -> None:
    payload = {"label": "VIP level (2025)", "type": "SELECT", "options": [{"label": "Gold", "key": "gold"}]}
    assert await caller.ask(NEW_PROPERTY, p=payload) == {
        "_id": "66f0a1c2d3e4f5a6b7c8f019",
        "key": "vipLevel2025",
        "displayOrder": 19,
        "options": [{"label": "Gold", "key": "gold"}],
        "required": False,
        "addToView": False,
        "default": False,
        "createdBy": "66f0a1c2d3e4f5a6b7c8aa01",
    }
    error = await caller.refusal(NEW_PROPERTY, p={"label": "vip LEVEL 2025", "type": "TEXT"})
    assert error["message"] == "A property with key vipLevel2025 already exists"
    assert (await caller.refusal(NEW_PROPERTY, p={"label": "?!", "type": "TEXT"}))[
        "message"
    ] == "label is required"


async def test_a_new_property_can_be_written_and_required(caller: Caller) -> None:
    await caller.ask(NEW_PROPERTY, p={"label": "Badge Number", "type": "TEXT", "required": True})
    error = await caller.refusal(CREATE, p=pairs({"firstName": "Noor", "lastName": "Aldana"}))
    assert error["message"] == "Property badgeNumber is required"
    (old,) = await caller.contacts(limit=1)
    assert await caller.ask(UPDATE, id=[old["_id"]], p=pairs({"notes": "no badge yet"})) == UPDATED
    assert await caller.ask(UPDATE, id=[old["_id"]], p=pairs({"badgeNumber": "17"})) == UPDATED
    (new,) = await caller.contacts(limit=1, fields=["badgeNumber"])
    assert new["properties"]["badgeNumber"] == {"value": "17", "type": "TEXT"}


async def test_a_property_changes_but_never_its_key_or_type(caller: Caller) -> None:
    mutation = (
        "mutation($i: ID!, $p: UpdatePropertyInput!, $n: String)"
        " { updateProperty(_id: $i, payload: $p, moduleName: $n)"
        " { key type label description displayOrder required } }"
    )
    notes = "66f0a1c2d3e4f5a6b7c8f009"
    change = {"label": "Remarks", "description": "Anything", "displayOrder": 30, "required": None}
    assert await caller.ask(mutation, i=notes, p=change) == {
        "key": "notes", "type": "TEXT", "label": "Remarks", "description": "Anything", "displayOrder": 30,
        "required": False,
    }  # fmt: skip
    assert (await caller.ask(PROPERTIES))[-1]["key"] == "notes"
    assert (await caller.ask(mutation, i=notes, p={"description": None}))["description"] is None
    assert (await caller.send(mutation, i=notes, p={"type": "EMAIL"}))["errors"]
    assert (await caller.refusal(mutation, i=notes, p={}, n="Companies"))["message"] == "Property not found"
