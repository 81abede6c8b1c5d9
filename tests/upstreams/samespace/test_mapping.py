"""Samespace records become contacts, modules and definitions, whatever of them is missing."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import UpstreamBadResponse
from gateway.model import ids
from gateway.model.contact import Contact, ContactKey
from gateway.model.property import PropertyType
from gateway.model.source import Source
from gateway.upstreams.samespace import mapping

EXAMPLES = Path(__file__).parents[1] / "examples"
AS_OF = "2026-01-02T03:04:05.678Z"
MODULE = "66f0a1c2d3e4f5a6b7c8d900"
SPACE = Source.SAMESPACE


def published(operation: str) -> Any:
    answer = json.loads((EXAMPLES / f"samespace.{operation}.response.json").read_text("utf-8"))
    return answer["body"]["data"][operation]


def contact(module: str = MODULE, **properties: Any) -> Contact:
    record: Any = {"_id": "c1", "properties": properties}
    return mapping.contact(record, account="default", as_of=AS_OF, module=module)


def cell(value: Any, type_: Any = "TEXT") -> dict[str, Any]:
    return {"value": value, "type": type_}


# Contacts.


def test_a_published_contact_in_the_gateways_words() -> None:
    record = published("getContacts")[1]
    made = mapping.contact(record, account="default", as_of=AS_OF, module="another")
    properties = made.pop("_properties")  # type: ignore[misc]
    assert made == {
        "__typename": "Contact",
        "id": ids.encode("Contact", "default", "SAMESPACE", MODULE, record["_id"]),
        "source": SPACE,
        "sourceId": record["_id"],
        "displayName": "Tadeo Quiroga",
        "firstName": "Tadeo",
        "lastName": "Quiroga",
        "email": None,
        "emails": [],
        "phone": "202-555-0112",
        "phones": ["202-555-0112"],
        "company": "Brightwater Ltd",
        "notes": [],
        "address": None,
        "avatarUrl": None,
        "tags": [],
        "funnels": [],
        "createdAt": "2025-03-05T16:40:02.500Z",
        "updatedAt": None,
        "asOf": AS_OF,
        "_key": ContactKey(SPACE, MODULE, record["_id"]),
        "_raw": record,
    }
    assert [(each["key"], each["type"]) for each in properties or []] == [
        ("firstName", "TEXT"),
        ("lastName", "TEXT"),
        ("phoneNumber", "PHONE"),
        ("company", "TEXT"),
        ("owner", "REFERENCE"),
        ("createdBy", "REFERENCE"),
        ("createdAt", "DATE_TIME"),
    ]
    assert {each["_module"] for each in properties or []} == {MODULE}


@pytest.mark.parametrize("properties", [None, {}])
def test_a_record_without_properties_is_a_contact(properties: Any) -> None:
    made = mapping.contact(
        {"_id": "c1", "properties": properties}, account="default", as_of=AS_OF, module=MODULE
    )
    bare = mapping.contact({"_id": "c1"}, account="default", as_of=AS_OF, module=MODULE)
    assert {**made, "_raw": None} == {**bare, "_raw": None}
    told = {key for key, value in made.items() if value not in (None, [], "")}
    assert told == {"__typename", "id", "source", "sourceId", "asOf", "_key", "_raw"}


def test_the_module_of_the_record_counts_and_else_the_one_that_was_asked_for() -> None:
    for module, expected in (("m9", "m9"), (None, MODULE), ("", MODULE)):
        made = mapping.contact({"_id": "c1", "module": module}, account="default", as_of=AS_OF, module=MODULE)
        assert made["_key"] == ContactKey(SPACE, expected, "c1")
        assert ids.decode(made["id"]).parts == (expected, "c1")


def test_the_record_is_kept_as_it_was_with_what_the_gateway_does_not_know() -> None:
    record: Any = {"_id": "c1", "score": 5, "properties": {"a": {"value": 1, "type": "X", "locked": True}}}
    before = json.dumps(record)
    made = mapping.contact(record, account="default", as_of=AS_OF, module=MODULE)
    assert made["_raw"] is record
    assert json.dumps(record) == before


@pytest.mark.parametrize(
    ("word", "type_"),
    [
        ("TEXT", "TEXT"),
        ("EMAIL", "EMAIL"),
        ("PHONE", "PHONE"),
        ("REFERENCE", "REFERENCE"),
        ("DATE_TIME", "DATE_TIME"),
        ("NUMBER", "NUMBER"),
        ("BOOLEAN", "BOOLEAN"),
        ("DROPDOWN", "ENUM"),
        ("HOLOGRAM", "OTHER"),
        ("text", "OTHER"),
        ("", "OTHER"),
        (None, "OTHER"),
    ],
)
def test_the_words_for_types_are_translated_and_unknown_ones_are_other(word: Any, type_: str) -> None:
    (held,) = contact(a=cell(1, word))["_properties"] or []
    assert (held["value"], held["type"]) == (1, type_)
    record: Any = {"_id": "p1", "key": "a", "type": word}
    made = mapping.definition(record, account="default", module=MODULE)
    assert (made["type"], made["sourceType"]) == (type_, word or None)


def test_every_translated_word_is_a_type_of_the_schema() -> None:
    assert set(mapping.TYPES.values()) <= {each.value for each in PropertyType}


@pytest.mark.parametrize("value", [None, 5, 1.5, True, "x", [1], {"a": 1}])
def test_a_property_keeps_its_value_whatever_it_is(value: Any) -> None:
    (held,) = contact(a=cell(value, "NUMBER"))["_properties"] or []
    assert held["value"] == value


@pytest.mark.parametrize("odd", ["plain", 5, None, ["x"]])
def test_a_property_that_is_no_cell_is_a_value_of_unknown_type(odd: Any) -> None:
    (held,) = contact(a=odd)["_properties"] or []
    assert (held["value"], held["type"]) == (odd, "OTHER")


def test_a_cell_without_its_members_is_an_empty_value() -> None:
    (held,) = contact(firstName={})["_properties"] or []
    assert (held["value"], held["type"]) == (None, "OTHER")
    assert contact(firstName={})["firstName"] is None


def test_plain_values_fill_the_unified_fields_too() -> None:
    made = contact(firstName="Ada", email="ada@example.com")
    assert (made["firstName"], made["email"], made["emails"]) == (
        "Ada",
        "ada@example.com",
        ["ada@example.com"],
    )


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"firstName": "Ada", "lastName": "Lovelace", "name": "x"}, "Ada Lovelace"),
        ({"lastName": "Lovelace"}, "Lovelace"),
        ({"name": "Harbor Ltd", "email": "a@b.c"}, "Harbor Ltd"),
        ({"firstName": "", "lastName": None, "email": "a@b.c"}, "a@b.c"),
        ({"phoneNumber": 12025550111}, "12025550111"),
        ({}, None),
    ],
)
def test_a_contact_is_shown_by_the_best_name_it_has(properties: Any, name: str | None) -> None:
    record: Any = {"_id": "c1", "properties": {key: cell(value) for key, value in properties.items()}}
    made = mapping.contact(record, account="default", as_of=AS_OF, module=MODULE)
    assert made["displayName"] == name


def test_all_emails_and_phones_are_told_the_main_ones_first() -> None:
    made = contact(
        workEmail=cell("ada@work.example", "EMAIL"),
        email=cell("ada@example.com", "EMAIL"),
        emptyEmail=cell("", "EMAIL"),
        mobile=cell(12025550111, "PHONE"),
    )
    assert (made["email"], made["emails"]) == ("ada@example.com", ["ada@example.com", "ada@work.example"])
    assert (made["phone"], made["phones"]) == ("12025550111", ["12025550111"])


def test_an_email_under_another_key_is_the_main_one_where_there_is_no_other() -> None:
    made = contact(workEmail=cell("ada@work.example", "EMAIL"))
    assert (made["email"], made["emails"]) == ("ada@work.example", ["ada@work.example"])


def test_the_main_email_is_told_even_where_its_type_is_another() -> None:
    made = contact(email=cell("ada@example.com", "TEXT"), other=cell("ada@work.example", "EMAIL"))
    assert made["emails"] == ["ada@example.com", "ada@work.example"]


def test_notes_are_one_note_without_author_or_time() -> None:
    assert contact(notes=cell("Rings twice"))["notes"] == [
        {"text": "Rings twice", "author": None, "createdAt": None}
    ]


# Modules and definitions.


def test_a_published_module_with_its_times() -> None:
    made = mapping.module(published("getModules")[1], account="default")
    assert made["id"] == ids.encode("Module", "default", "SAMESPACE", "66f0a1c2d3e4f5a6b7c8d901")
    assert made["name"] == "Companies"
    assert made["createdAt"] == "2024-09-22T22:44:18.112Z"
    assert made["updatedAt"] == "2025-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("stamp", "moment"),
    [
        ("1727045058000", "2024-09-22T22:44:18Z"),
        (1727045058000, "2024-09-22T22:44:18Z"),
        ("0", "1970-01-01T00:00:00Z"),
        ("2025-03-04T09:15:27Z", "2025-03-04T09:15:27Z"),
        ("recently", None),
        ("9" * 30, None),
        (None, None),
    ],
)
def test_epoch_milliseconds_become_times_also_as_texts(stamp: Any, moment: str | None) -> None:
    made = mapping.module({"_id": "m1", "createdAt": stamp}, account="default")
    assert made["createdAt"] == moment


def test_a_module_with_an_id_alone_is_a_module() -> None:
    made = mapping.module({"_id": "m1"}, account="default")
    assert (made["sourceId"], made["name"], made["createdAt"], made["updatedAt"]) == ("m1", None, None, None)


def test_a_published_definition_in_the_gateways_words() -> None:
    record = published("createProperty")
    made = mapping.definition(record, account="default", module=MODULE)
    assert made == {
        "__typename": "Property",
        "id": ids.encode("Property", "default", "SAMESPACE", MODULE, record["_id"]),
        "source": SPACE,
        "sourceId": record["_id"],
        "key": "badgeNumber",
        "label": "Badge Number",
        "type": "TEXT",
        "sourceType": "TEXT",
        "description": None,
        "options": [],
        "optionsType": None,
        "required": False,
        "builtIn": False,
        "addToView": False,
        "displayOrder": 19,
        "valueType": "STRING",
        "default": False,
        "createdBy": "66f0a1c2d3e4f5a6b7c8aa01",
        "_module": MODULE,
        "_reference": None,
    }


def test_a_definition_that_nobody_created_is_built_in() -> None:
    assert mapping.definition(published("getProperties")[0], account="default", module=MODULE)["builtIn"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (None, []),
        ([], []),
        ([{"label": "Small", "key": "s"}], [{"key": "s", "label": "Small"}]),
        ([{"label": "Small"}, {}], [{"key": None, "label": "Small"}, {"key": None, "label": None}]),
    ],
)
def test_choices_are_told_with_what_they_have(options: Any, expected: Any) -> None:
    record: Any = {"_id": "p1", "key": "size", "options": options}
    assert mapping.definition(record, account="default", module=MODULE)["options"] == expected


def test_a_definition_with_id_and_key_alone_is_one() -> None:
    made = mapping.definition({"_id": "p1", "key": "a"}, account="default", module=MODULE)
    assert (made["key"], made["label"], made["type"], made["required"]) == ("a", None, "OTHER", None)


def test_the_account_is_part_of_every_id() -> None:
    for account in ("default", "north"):
        record = published("getContacts")[0]
        made = [
            mapping.contact(record, account=account, as_of=AS_OF, module=MODULE)["id"],
            mapping.module(published("getModules")[0], account=account)["id"],
            mapping.definition(published("getProperties")[0], account=account, module=MODULE)["id"],
        ]
        assert {ids.decode(each).account for each in made} == {account}


# Back.


def test_values_go_out_as_texts_and_none_clears() -> None:
    values = {"a": "x", "b": None, "c": 5, "d": 1.5, "e": True, "f": False, "g": ""}
    assert mapping.pairs(values) == [
        {"key": "a", "value": "x"},
        {"key": "b", "value": None},
        {"key": "c", "value": "5"},
        {"key": "d", "value": "1.5"},
        {"key": "e", "value": "true"},
        {"key": "f", "value": "false"},
        {"key": "g", "value": ""},
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from("firstName lastName name email phoneNumber company notes createdAt".split()) | st.text(
    max_size=8
)
plain_values = json_values.filter(lambda value: not isinstance(value, dict))
cells = st.fixed_dictionaries({}, optional={"value": json_values, "type": st.none() | st.text(max_size=9)})
records = st.fixed_dictionaries(
    {"_id": st.text(min_size=1, max_size=24)},
    optional={
        "module": st.none() | st.text(max_size=24),
        "properties": st.none() | st.dictionaries(keys, cells | plain_values, max_size=8),
        "surprise": json_values,
    },
)


@given(records)
@settings(deadline=None, database=None)
def test_any_record_of_the_published_shape_is_a_contact_whatever_its_properties_hold(record: Any) -> None:
    made: Any = mapping.contact(record, account="default", as_of=AS_OF, module=MODULE)
    assert made.keys() == contact().keys()
    assert made["_raw"] is record
    assert ids.decode(made["id"]).parts == (record.get("module") or MODULE, record["_id"])
    assert [each["key"] for each in made["_properties"] or []] == list(record.get("properties") or ())
    for name in ("displayName", "firstName", "lastName", "email", "phone", "company"):
        assert made[name] is None or isinstance(made[name], str)
    assert all(isinstance(each, str) and each for each in (*made["emails"], *made["phones"]))
    assert (made["email"] is None) == (made["emails"] == [])


@pytest.mark.parametrize("identity", [{}, {"_id": None}, {"_id": ""}, {"_id": []}, {"_id": True}])
def test_a_record_without_an_id_is_refused(identity: Any) -> None:
    record: Any = {"name": "Contacts", "key": "a", "properties": {}, **identity}
    for read in (
        lambda: mapping.contact(record, account="default", as_of=AS_OF, module=MODULE),
        lambda: mapping.module(record, account="default"),
        lambda: mapping.definition(record, account="default", module=MODULE),
    ):
        with pytest.raises(UpstreamBadResponse):
            read()


def test_a_definition_without_a_key_is_refused() -> None:
    with pytest.raises(UpstreamBadResponse):
        mapping.definition({"_id": "p1"}, account="default", module=MODULE)  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("stamp", "moment"),
    [
        ("2025-03-04T09:15:27.031Z", "2025-03-04T09:15:27.031Z"),
        ("2025-03-04T09:15:27+02:00", "2025-03-04T07:15:27Z"),
        ("1741079727000", "2025-03-04T09:15:27Z"),
        (1741079727000, "2025-03-04T09:15:27Z"),
        ("today", None),
        ({"a": 1}, None),
        (None, None),
    ],
)
def test_a_time_that_cannot_be_read_is_none_and_stays_among_the_properties(
    stamp: Any, moment: str | None
) -> None:
    made = contact(createdAt=cell(stamp, "DATE_TIME"))
    assert made["createdAt"] == moment
    assert [each["value"] for each in made["_properties"] or []] == [stamp]


def in_utc(moment: str) -> bool:
    """Whether a text is a moment as RFC 3339 in UTC."""
    written = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z", moment)
    return written is not None and datetime.fromisoformat(moment).tzinfo is UTC


def well_formed(made: Any) -> None:
    """Every field has the type that the schema promises."""
    for name in ("displayName", "firstName", "lastName", "email", "phone", "company", "avatarUrl"):
        assert made[name] is None or (isinstance(made[name], str) and made[name])
    for name in ("createdAt", "updatedAt"):
        assert made[name] is None or in_utc(made[name])
    for name in ("emails", "phones"):
        assert all(isinstance(each, str) and each for each in made[name])
    for note in made["notes"]:
        assert all(value is None or isinstance(value, str) for value in note.values())
    for held in made["_properties"]:
        assert isinstance(held["key"], str)
        assert held["type"] in set(PropertyType)
    for each in (*made["tags"], *made["funnels"]):
        assert all(value is None or isinstance(value, str) for value in each.values())
    for name, value in (made["address"] or {}).items():
        kind = {"latitude": float, "longitude": float, "verified": bool}.get(name, str)
        assert value is None or isinstance(value, kind)


odd_cells = st.fixed_dictionaries({}, optional={"value": json_values, "type": json_values})
anything = st.fixed_dictionaries(
    {"_id": st.text(min_size=1, max_size=24)},
    optional={
        "module": json_values,
        "properties": json_values | st.dictionaries(keys, odd_cells | json_values, max_size=8),
    },
)


@given(anything)
@settings(deadline=None, database=None)
def test_a_record_with_an_id_is_a_contact_whatever_else_it_holds(record: Any) -> None:
    made = mapping.contact(record, account="default", as_of=AS_OF, module=MODULE)
    well_formed(made)
    assert made["_raw"] is record
    assert isinstance(made["_key"].module, str)


words = "label type description options optionsType referenceModule addToView displayOrder required createdBy"


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(words.split(), json_values)))
@settings(deadline=None, database=None)
def test_a_definition_with_id_and_key_is_one_whatever_else_it_holds(record: Any) -> None:
    record |= {"_id": "p1", "key": "a"}
    made: Any = mapping.definition(record, account="default", module=MODULE)
    assert made["type"] in set(PropertyType)
    for name in ("label", "sourceType", "description", "optionsType", "createdBy", "_reference"):
        assert made[name] is None or isinstance(made[name], str)
    for name in ("required", "addToView"):
        assert made[name] is None or isinstance(made[name], bool)
    assert made["displayOrder"] is None or isinstance(made["displayOrder"], int)
    assert all(value is None or isinstance(value, str) for each in made["options"] for value in each.values())
