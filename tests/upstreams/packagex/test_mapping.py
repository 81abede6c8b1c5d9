"""PackageX records become contacts, groups and definitions, whatever of them is missing."""

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
from gateway.model.group import Group, GroupKey
from gateway.model.property import Property, PropertyType
from gateway.model.source import Source
from gateway.upstreams.packagex import mapping

EXAMPLES = Path(__file__).parent.parent / "examples"
AS_OF = "2026-01-02T03:04:05.678Z"
PX = Source.PACKAGEX


def published(operation: str) -> Any:
    return json.loads((EXAMPLES / f"packagex.{operation}.response.json").read_text())["body"]["data"]


def contact(**record: Any) -> Contact:
    return mapping.contact({"id": "contact_1", **record}, account="default", as_of=AS_OF)  # type: ignore[typeddict-item]


def group(**record: Any) -> Group:
    return mapping.group({"id": "contact_9", **record}, account="default", as_of=AS_OF)  # type: ignore[typeddict-item]


def test_a_published_contact_in_the_gateways_words() -> None:
    record = published("getContact")
    made = mapping.contact(record, account="default", as_of=AS_OF)
    assert made == {
        "__typename": "Contact",
        "id": ids.encode("Contact", "default", "PACKAGEX", "", record["id"]),
        "source": PX,
        "sourceId": record["id"],
        "displayName": "Imke Vandersloot",
        "firstName": "Imke",
        "lastName": "Vandersloot",
        "email": "imke@example.com",
        "emails": ["imke@example.com"],
        "phone": "+12025550111",
        "phones": ["+12025550111"],
        "company": None,
        "notes": [],
        "address": {
            "id": "addr_7Yd2Kq9Lm4Vx",
            "formatted": "18 Harbor Row, Unit 4, Portland, OR 97209, US",
            "line1": "18 Harbor Row",
            "line2": "Unit 4",
            "city": "Portland",
            "state": "Oregon",
            "stateCode": "OR",
            "postalCode": "97209",
            "country": "United States",
            "countryCode": "US",
            "latitude": 45.531,
            "longitude": -122.684,
            "timezone": "America/Los_Angeles",
            "verified": True,
        },
        "avatarUrl": None,
        "tags": [],
        "funnels": [],
        "createdAt": "2025-03-04T09:15:27Z",
        "updatedAt": "2025-03-04T09:15:27Z",
        "asOf": AS_OF,
        "_key": ContactKey(PX, "", record["id"]),
        "_properties": [{"key": "crm", "value": "A-17", "type": "TEXT", "_source": PX, "_module": ""}],
        "_raw": record,
    }


def test_a_record_with_an_id_alone_is_a_contact() -> None:
    made = contact()
    assert made.keys() == mapping.contact(published("getContact"), account="default", as_of=AS_OF).keys()
    told = {key for key, value in made.items() if value not in (None, [], "")}
    assert told == {"__typename", "id", "source", "sourceId", "asOf", "_key", "_raw"}


def test_null_says_the_same_as_a_missing_member() -> None:
    members = [
        "name",
        "email",
        "phone",
        "address",
        "notes",
        "metadata",
        "created_at",
        "updated_at",
        "group_contacts",
        "referenced_contacts",
        "type",
    ]
    nulls = dict.fromkeys(members)
    assert {**contact(**nulls), "_raw": None} == {**contact(), "_raw": None}
    assert {**group(**nulls), "_raw": None} == {**group(), "_raw": None}


def test_the_record_is_kept_as_it_was_with_what_the_gateway_does_not_know() -> None:
    record = {"id": "contact_1", "name": "Ada", "alternate_emails": ["a@b.c"], "_search": {"relevance": 1}}
    before = json.dumps(record)
    assert contact(**record)["_raw"] == record
    assert json.dumps(record) == before


def test_the_account_is_part_of_every_id() -> None:
    record: Any = {"id": "contact_1", "group_contacts": {"children": ["contact_2"]}}
    for account in ("default", "north"):
        made = mapping.contact(record, account=account, as_of=AS_OF)
        held = mapping.group(record, account=account, as_of=AS_OF)
        defined = mapping.definitions({}, account=account)
        for each in (made["id"], held["id"], *(one["id"] for one in defined)):
            assert ids.decode(each).account == account


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Ada Lovelace", "Ada", "Lovelace"),
        ("Ada King Noel", "Ada", "King Noel"),
        ("  Ada   Lovelace ", "Ada", "Lovelace"),
        ("Ada", "Ada", None),
        ("", None, None),
        ("   ", None, None),
        (None, None, None),
        ("王 小明", "王", "小明"),
    ],
)
def test_a_name_is_split_at_its_first_space(name: str | None, first: str | None, last: str | None) -> None:
    assert mapping.split_name(name) == (first, last)
    assert contact(name=name)["firstName"] == first


words = st.lists(st.text(st.characters(categories=["L", "N", "P"]), min_size=1), min_size=1)


def test_a_nameless_contact_is_shown_by_its_email_and_else_its_phone() -> None:
    assert contact(name="", email="a@b.c", phone="1")["displayName"] == "a@b.c"
    assert contact(name=None, phone="1")["displayName"] == "1"


def test_epoch_seconds_become_times_and_the_epoch_itself_is_one() -> None:
    made = contact(created_at=0, updated_at=1_741_080_500)
    assert made["createdAt"] == "1970-01-01T00:00:00Z"
    assert made["updatedAt"] == "2025-03-04T09:28:20Z"


def test_a_time_that_is_a_text_already_is_kept() -> None:
    assert contact(created_at="2025-03-04T09:15:27Z")["createdAt"] == "2025-03-04T09:15:27Z"


@pytest.mark.parametrize("empty", [None, {}, ""])
def test_an_empty_address_is_none(empty: Any) -> None:
    assert contact(address=empty)["address"] is None


def test_an_address_that_is_a_text_is_one_line() -> None:
    made = contact(address="18 Harbor Row, Portland")["address"]
    assert made is not None
    assert {key: value for key, value in made.items() if value is not None} == {
        "formatted": "18 Harbor Row, Portland"
    }


def test_an_address_without_its_formatted_line_has_that_of_the_text_area() -> None:
    made = contact(address={"textarea": "18 Harbor Row", "city": "Portland", "hash": "x"})["address"]
    assert made is not None
    assert (made["formatted"], made["city"]) == ("18 Harbor Row", "Portland")


def test_notes_are_one_note_without_author_or_time() -> None:
    assert contact(notes="Rings twice")["notes"] == [
        {"text": "Rings twice", "author": None, "createdAt": None}
    ]
    assert contact(notes="")["notes"] == []


def test_metadata_are_properties_with_the_kind_that_their_value_shows() -> None:
    values = {"a": "x", "b": 5, "c": 1.5, "d": True, "e": {"f": 1}, "g": [1], "h": None}
    kinds = {each["key"]: each["type"] for each in contact(metadata=values)["_properties"] or []}
    assert kinds == {
        "a": "TEXT",
        "b": "NUMBER",
        "c": "NUMBER",
        "d": "BOOLEAN",
        "e": "JSON",
        "g": "JSON",
        "h": "TEXT",
    }


def test_a_published_group_with_its_members() -> None:
    record = published("updateGroup")
    made = mapping.group(record, account="default", as_of=AS_OF)
    imke, tadeo = record["group_contacts"]["children"]
    assert made["_key"] == GroupKey(PX, record["id"])
    assert made["id"] == ids.encode("Group", "default", "PACKAGEX", record["id"])
    assert (made["name"], made["memberCount"]) == ("Harbor Office", 2)
    assert made["_members"] == [ContactKey(PX, "", imke), ContactKey(PX, "", tadeo)]
    assert made["_primary"] == [ContactKey(PX, "", tadeo)]
    assert (made["createdAt"], made["updatedAt"]) == ("2025-03-04T09:15:27Z", "2025-03-04T09:35:00Z")
    assert made["_raw"] is record


@pytest.mark.parametrize("held", [{"children": []}, {"children": [], "primary": None}])
def test_a_group_that_holds_nobody_is_a_group(held: Any) -> None:
    made = group(name="Empty", group_contacts=held)
    assert (made["memberCount"], made["_members"], made["_primary"]) == (0, [], [])


def test_a_member_as_its_group_mirrors_it() -> None:
    mirror = published("updateGroup")["referenced_contacts"][0]
    made = mapping.member(mirror, account="default", as_of=AS_OF)
    assert made["_key"] == ContactKey(PX, "", mirror["id"])
    assert (made["displayName"], made["email"]) == ("Imke Vandersloot", "imke@example.com")
    assert (made["phone"], made["createdAt"]) == (None, None)


def test_a_mirror_without_name_or_email_is_a_member_too() -> None:
    made = mapping.member({"id": "contact_2"}, account="default", as_of=AS_OF)
    assert (made["sourceId"], made["displayName"]) == ("contact_2", None)


def test_definitions_are_the_fields_and_then_the_metadata_keys_by_name() -> None:
    seen = {"size": PropertyType.NUMBER, "crm": PropertyType.TEXT}
    made: list[Property] = mapping.definitions(seen, account="default")
    assert [each["key"] for each in made] == ["name", "email", "phone", "address", "notes", "crm", "size"]
    assert [each["required"] for each in made] == [True] + [False] * 6
    assert [each["builtIn"] for each in made] == [True] * 5 + [False] * 2
    assert [each["type"] for each in made[-2:]] == ["TEXT", "NUMBER"]


def test_a_metadata_key_named_like_a_field_is_a_definition_of_its_own() -> None:
    made = mapping.definitions({"name": PropertyType.TEXT}, account="default")
    named = [each for each in made if each["key"] == "name"]
    assert len(named) == 2
    assert len({each["id"] for each in made}) == len(made)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
texts = st.none() | st.text(max_size=20)
records = st.fixed_dictionaries(
    {"id": st.text(min_size=1, max_size=30)},
    optional={
        "type": st.sampled_from(["person", "group", "robot", None]),
        "name": texts,
        "email": texts,
        "phone": texts,
        "notes": texts,
        "address": texts | st.dictionaries(st.text(max_size=9), json_values, max_size=3),
        "metadata": st.none() | st.dictionaries(st.text(max_size=5), json_values, max_size=3),
        "group_contacts": st.none()
        | st.fixed_dictionaries({}, optional={"children": st.none() | st.lists(st.text(max_size=9))}),
        "created_at": st.none() | st.integers(0, 2**33),
        "updated_at": texts | st.integers(0, 2**33),
        "surprise": json_values,
    },
)


@given(records)
@settings(deadline=None, database=None)
def test_any_record_whose_members_have_the_published_types_is_a_contact_and_a_group(record: Any) -> None:
    made = mapping.contact(record, account="default", as_of=AS_OF)
    held = mapping.group(record, account="default", as_of=AS_OF)
    assert made.keys() == contact().keys()
    assert held.keys() == group().keys()
    assert made["_raw"] is held["_raw"] is record
    assert ids.decode(made["id"]).parts == ("", record["id"])
    assert ids.decode(held["id"]).parts == (record["id"],)
    assert {each["key"] for each in made["_properties"] or []} == set(record.get("metadata") or {})


@pytest.mark.parametrize("identity", [{}, {"id": None}, {"id": ""}, {"id": []}, {"id": True}])
def test_a_record_without_an_id_is_refused(identity: Any) -> None:
    record: Any = {"name": "Ada", **identity}
    for read in (mapping.contact, mapping.group, mapping.member):
        with pytest.raises(UpstreamBadResponse):
            read(record, account="default", as_of=AS_OF)


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


names = (
    "name email phone address notes metadata group_contacts referenced_contacts created_at updated_at type"
)
anything = st.fixed_dictionaries(
    {"id": st.text(min_size=1, max_size=9)},
    optional={name: json_values | st.floats(allow_nan=False) for name in names.split()},
)


@given(anything)
@settings(deadline=None, database=None)
def test_a_record_with_an_id_is_a_contact_and_a_group_whatever_else_it_holds(record: Any) -> None:
    made = mapping.contact(record, account="default", as_of=AS_OF)
    held = mapping.group(record, account="default", as_of=AS_OF)
    well_formed(made)
    assert made["_raw"] is held["_raw"] is record
    assert held["memberCount"] == len(held["_members"] or [])
    assert all(isinstance(each.id, str) for each in (held["_members"] or []) + (held["_primary"] or []))
