"""Smart Sender records become contacts, chats and messages, whatever of them is missing."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import UpstreamBadResponse
from gateway.model import ids
from gateway.model.contact import Contact, ContactKey
from gateway.model.property import PropertyType
from gateway.model.source import Source
from gateway.upstreams.smartsender import mapping
from tests.upstreams.smartsender.asking import example

AS_OF = "2026-01-02T03:04:05.678Z"
SENDER = Source.SMART_SENDER
IMKE = ContactKey(SENDER, "", "50417")


def published(operation: str) -> Any:
    body = example(operation, "response")["body"]
    return body["collection"][0] if "collection" in body else body


def contact(**record: Any) -> Contact:
    return mapping.contact({"id": 5, **record}, account="default", as_of=AS_OF)  # type: ignore[typeddict-item]


# Contacts.


def test_a_published_contact_in_the_gateways_words() -> None:
    record = published("getContact")
    assert mapping.contact(record, account="default", as_of=AS_OF) == {
        "__typename": "Contact",
        "id": ids.encode("Contact", "default", "SMART_SENDER", "", "50417"),
        "source": SENDER,
        "sourceId": "50417",
        "displayName": "Imke Vandersloot",
        "firstName": "Imke",
        "lastName": "Vandersloot",
        "email": "imke@example.com",
        "emails": ["imke@example.com"],
        "phone": "+12025550111",
        "phones": ["+12025550111"],
        "company": None,
        "notes": [{"text": "Prefers mornings", "author": "Desk One", "createdAt": "2025-03-05T08:00:00Z"}],
        "address": None,
        "avatarUrl": None,
        "tags": [
            {
                "id": ids.encode("Tag", "default", "SMART_SENDER", "81"),
                "sourceId": "81",
                "name": "vip",
                "color": "FF8800",
            }
        ],
        "funnels": [
            {
                "id": ids.encode("Funnel", "default", "SMART_SENDER", "wlc7Qd2"),
                "serviceKey": "wlc7Qd2",
                "name": "Welcome",
            }
        ],
        "createdAt": "2025-03-04T09:15:27Z",
        "updatedAt": "2025-03-06T18:20:05Z",
        "asOf": AS_OF,
        "_key": IMKE,
        "_properties": [
            {"key": "city", "value": "Portland", "type": "TEXT", "_source": SENDER, "_module": ""},
            {"key": "visits", "value": 4, "type": "NUMBER", "_source": SENDER, "_module": ""},
        ],
        "_raw": record,
    }


def test_the_simple_form_is_the_same_contact_with_untyped_properties() -> None:
    full = mapping.contact(published("getContact"), account="default", as_of=AS_OF)
    plain = mapping.contact(published("getContactInfo"), account="default", as_of=AS_OF)
    assert {(each["key"], each["value"], each["type"]) for each in plain["_properties"] or []} == {
        ("city", "Portland", "OTHER"),
        ("visits", 4, "OTHER"),
    }
    unlike = {"_properties", "_raw"}
    assert {k: v for k, v in plain.items() if k not in unlike} == {
        k: v for k, v in full.items() if k not in unlike
    }


def test_the_simple_form_may_carry_its_variables_as_values() -> None:
    made = contact(values=[{"name": "city", "value": "Salem"}])
    assert [(each["key"], each["value"]) for each in made["_properties"] or []] == [("city", "Salem")]


@pytest.mark.parametrize("empty", [[], None])
def test_a_detailed_contact_without_variables_has_no_properties_whatever_else_it_carries(empty: Any) -> None:
    assert contact(variables=empty, chatState="open")["_properties"] == []


def test_a_member_of_the_simple_form_that_is_the_gateways_own_is_no_property() -> None:
    made = contact(city="Salem", _stale=True, gates=[], chat={"id": 1}, notes=None)
    assert [each["key"] for each in made["_properties"] or []] == ["city"]


def test_a_record_with_an_id_alone_is_a_contact() -> None:
    made = contact()
    assert made.keys() == mapping.contact(published("getContact"), account="default", as_of=AS_OF).keys()
    told = {key for key, value in made.items() if value not in (None, [], "")}
    assert told == {"__typename", "id", "source", "sourceId", "asOf", "_key", "_raw"}
    assert made["displayName"] in (None, "")


def test_null_says_the_same_as_a_missing_member() -> None:
    texts = "firstName lastName fullName email phone photo createdAt updatedAt"
    lists = "tags funnels notes variables values"
    nulls = dict.fromkeys(f"{texts} {lists}".split())
    assert {**contact(**nulls), "_raw": None} == {**contact(), "_raw": None}


def test_the_record_is_kept_as_it_was_with_what_the_gateway_does_not_know() -> None:
    record = {"id": 5, "variables": [{"id": 1, "name": "a", "value": 1, "extra": 2}], "blocked": True}
    before = json.dumps(record)
    made = mapping.contact(record, account="default", as_of=AS_OF)  # type: ignore[arg-type]
    assert made["_raw"] is record
    assert json.dumps(record) == before


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"fullName": "Ada King", "firstName": "Ada"}, "Ada King"),
        ({"fullName": "", "firstName": "Ada", "lastName": "Lovelace"}, "Ada Lovelace"),
        ({"fullName": None, "lastName": "Lovelace"}, "Lovelace"),
        ({"email": "a@b.c", "phone": "+1"}, "a@b.c"),
        ({"phone": "+1"}, "+1"),
    ],
)
def test_a_contact_is_shown_by_the_best_name_it_has(members: Any, name: str) -> None:
    assert contact(**members)["displayName"] == name


def test_further_emails_and_phones_come_from_variables_of_those_types() -> None:
    variables = [
        {"name": "work", "type": "email", "value": "ada@work.example"},
        {"name": "same", "type": "email", "value": "ada@example.com"},
        {"name": "none", "type": "email", "value": None},
        {"name": "mobile", "type": "phone", "value": 12025550111},
        {"name": "note", "type": "string", "value": "x@y.z"},
    ]
    made = contact(email="ada@example.com", variables=variables)
    assert made["emails"] == ["ada@example.com", "ada@work.example"]
    assert made["phones"] == ["12025550111"]


def test_the_company_is_a_variable_of_that_name_in_any_case() -> None:
    assert contact(variables=[{"name": "Company", "value": "Harbor"}])["company"] == "Harbor"
    assert contact(variables=[{"name": "companyName", "value": "Harbor"}])["company"] is None
    assert contact(COMPANY="Harbor")["company"] == "Harbor"


@pytest.mark.parametrize(
    ("word", "type_"),
    [
        ("string", "TEXT"),
        ("number", "NUMBER"),
        ("date", "DATE"),
        ("enum", "ENUM"),
        ("email", "EMAIL"),
        ("phone", "PHONE"),
        ("url", "URL"),
        ("boolean", "OTHER"),
        ("STRING", "OTHER"),
        ("", "OTHER"),
        (None, "OTHER"),
    ],
)
def test_the_words_for_types_are_translated_and_unknown_ones_are_other(word: Any, type_: str) -> None:
    (held,) = contact(variables=[{"name": "a", "type": word, "value": 1}])["_properties"] or []
    assert held["type"] == type_
    made = mapping.definition({"name": "a", "type": word}, account="default")
    assert (made["type"], made["sourceType"]) == (type_, word or None)


# Chats and what hangs on them.


def test_a_published_chat_belongs_to_the_contact_that_was_asked_about() -> None:
    record = published("getContactChat")
    assert record["contact"] == {"id": 55731, "originalId": 50417}
    made = mapping.chat(record, IMKE, account="default")
    assert made["_contact"] == IMKE
    assert made["id"] == ids.encode("Chat", "default", "SMART_SENDER", "50417")
    assert (made["sourceId"], made["name"], made["imageUrl"]) == ("61200", "Imke Vandersloot", None)
    assert (made["createdAt"], made["updatedAt"]) == ("2025-03-04T09:15:27Z", "2025-03-06T18:20:05Z")
    (gate,) = made["communications"]
    assert gate["_contact"] == IMKE
    assert "55731" not in json.dumps(made)


def test_unread_messages_of_a_chat_are_those_of_its_gates_unless_it_says_itself() -> None:
    gates = [
        {"id": 1, "unreadMessages": 2},
        {"id": 2, "unreadMessages": None},
        {"id": 3, "unreadMessages": 5},
    ]
    chat: Any = {"id": 9, "gates": gates}
    assert mapping.chat(chat, IMKE, account="default")["unreadMessages"] == 7
    assert mapping.chat(chat | {"unreadMessages": 0}, IMKE, account="default")["unreadMessages"] == 0


@pytest.mark.parametrize("gates", [None, []])
def test_a_chat_without_gates_is_a_chat(gates: Any) -> None:
    made = mapping.chat({"id": 9, "gates": gates}, IMKE, account="default")
    assert (made["communications"], made["unreadMessages"]) == ([], 0)


def test_a_chat_with_an_id_alone_is_a_chat() -> None:
    made = mapping.chat({"id": 9}, IMKE, account="default")
    assert made.keys() == mapping.chat(published("getContactChat"), IMKE, account="default").keys()


def test_a_published_gate_is_a_way_to_reach_its_contact() -> None:
    made = mapping.communication(published("listContactGates"), IMKE, account="default")
    assert made["id"] == ids.encode("Communication", "default", "SMART_SENDER", "50417", "90112")
    assert (made["sourceId"], made["subscribed"], made["unreadMessages"]) == ("90112", True, 2)
    channel = made["channel"]
    assert channel is not None
    assert (channel["sourceId"], channel["type"], channel["name"]) == ("2", "whatsapp", "Front desk")
    assert channel["createdAt"] == "2024-11-20T12:00:00Z"


@pytest.mark.parametrize("channel", [None, {}])
def test_a_gate_without_a_channel_is_a_gate(channel: Any) -> None:
    made = mapping.communication({"id": 1, "channel": channel}, IMKE, account="default")
    assert (made["channel"], made["subscribed"], made["unreadMessages"]) == (None, None, None)


def test_a_channel_of_a_kind_that_nobody_knows_keeps_its_word() -> None:
    made = mapping.channel({"id": 3, "type": "carrier-pigeon"}, account="default")
    assert (made["type"], made["name"], made["active"]) == ("carrier-pigeon", None, None)


def test_the_channel_of_a_gate_is_told_as_the_gate_has_it_now() -> None:
    gate: Any = {"id": 1, "channel": {"id": 2, "name": "Front desk", "active": True}}
    told = [{}, {"name": "Desk"}, {}, {"active": 1}, {"id": 2.0}, {"name": "x" * 5_000}, {"app": nested(300)}]
    for change in told:
        record = gate["channel"] | change
        for account in ("default", "north"):
            made = mapping.communication(gate | {"channel": record}, IMKE, account=account)
            assert made["channel"] == mapping.channel(record, account=account)


def nested(levels: int) -> Any:
    """A list in a list, and so on."""
    return [nested(levels - 1)] if levels else []


def test_a_published_message_with_its_text() -> None:
    record = published("listContactMessages")
    made = mapping.message(record, IMKE, account="default")
    assert made["id"] == ids.encode("Message", "default", "SMART_SENDER", "50417", str(record["id"]))
    assert made["text"] == record["content"]["resource"]["parameters"]["content"]
    assert (made["type"], made["mediaUrl"]) == ("text", None)
    assert made["sender"] == record["sender"]["fullName"]
    assert made["fromContact"] is (record["sender"]["type"] == "contact")


@pytest.mark.parametrize(
    "content", [None, {}, {"type": "text"}, {"resource": None}, {"resource": {"parameters": None}}]
)
@pytest.mark.parametrize("sender", [None, {}, {"fullName": None, "type": None}])
def test_a_message_without_content_or_sender_is_a_message(content: Any, sender: Any) -> None:
    made = mapping.message({"id": 1, "content": content, "sender": sender}, IMKE, account="default")
    assert (made["text"], made["mediaUrl"]) == (None, None)
    assert (made["sender"], made["fromContact"]) == (None, None)


@pytest.mark.parametrize("word", ["url", "media"])
def test_the_address_of_a_picture_is_told(word: str) -> None:
    content = {"type": "picture", "resource": {"parameters": {word: "https://a.example/1.png"}}}
    assert mapping.message({"id": 1, "content": content}, IMKE, account="default")["mediaUrl"] == (
        "https://a.example/1.png"
    )


# The project.


def test_a_published_definition_is_known_by_its_name() -> None:
    record = published("listVariables")
    made = mapping.definition(record, account="default")
    assert (made["key"], made["label"]) == (record["name"], record["name"])
    assert made["id"] == ids.encode("Property", "default", "SMART_SENDER", "", record["name"])
    assert made["sourceId"] == str(record["id"])


def test_a_definition_without_a_number_is_named_by_its_name_alone() -> None:
    assert mapping.definition({"name": "city"}, account="default")["sourceId"] == "city"


@pytest.mark.parametrize(
    ("values", "options"),
    [("S,M, L", ["S", "M", "L"]), ("one", ["one"]), ("", []), (None, [])],
)
def test_the_choices_of_a_variable_are_a_comma_list(values: Any, options: list[str]) -> None:
    made = mapping.definition({"name": "size", "type": "enum", "values": values}, account="default")
    assert made["options"] == [{"key": each, "label": each} for each in options]


def test_a_group_does_not_tell_who_is_in_it() -> None:
    made = mapping.group(published("listContactGroups"), account="default", as_of=AS_OF)
    assert made["name"]
    assert (made["memberCount"], made["_members"], made["_primary"]) == (None, None, None)


def test_the_account_is_part_of_every_id() -> None:
    for account in ("default", "north"):
        contact_ = mapping.contact(published("getContact"), account=account, as_of=AS_OF)
        chat = mapping.chat(published("getContactChat"), IMKE, account=account)
        made = [
            contact_["id"],
            contact_["tags"][0]["id"],
            contact_["funnels"][0]["id"],
            chat["id"],
            chat["communications"][0]["id"],
            mapping.channel(published("getChannel"), account=account)["id"],
            mapping.message(published("listContactMessages"), IMKE, account=account)["id"],
            mapping.definition(published("listVariables"), account=account)["id"],
            mapping.group(published("listContactGroups"), account=account, as_of=AS_OF)["id"],
        ]
        assert {ids.decode(each).account for each in made} == {account}


values_ = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
texts = st.none() | st.text(max_size=20)
members = st.text("abcxyzABC", min_size=1, max_size=6)
stamps = st.none() | st.datetimes().map(lambda each: each.isoformat(sep=" ", timespec="seconds"))
records = st.fixed_dictionaries(
    {"id": st.integers(1, 2**53)},
    optional={
        "firstName": texts,
        "lastName": texts,
        "fullName": texts,
        "email": texts,
        "phone": texts,
        "photo": texts,
        "tags": st.none() | st.lists(st.fixed_dictionaries({"id": st.integers()}, optional={"name": texts})),
        "funnels": st.none()
        | st.lists(st.fixed_dictionaries({"serviceKey": members}, optional={"name": texts})),
        "notes": st.none()
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "content": texts,
                    "createdAt": stamps,
                    "user": st.none() | st.fixed_dictionaries({}, optional={"fullName": texts}),
                },
            )
        ),
        "variables": st.none()
        | st.lists(
            st.fixed_dictionaries(
                {"name": members}, optional={"value": values_, "type": texts, "id": values_}
            )
        ),
        "createdAt": stamps,
        "updatedAt": stamps,
    },
)


@given(records, st.dictionaries(members, values_, max_size=4))
@settings(deadline=None, database=None)
def test_any_record_whose_members_have_the_published_types_is_a_contact(record: Any, extra: Any) -> None:
    record = {**extra, **record}
    made = mapping.contact(record, account="default", as_of=AS_OF)
    assert made.keys() == contact().keys()
    assert made["_raw"] is record
    assert ids.decode(made["id"]).parts == ("", str(record["id"]))
    assert len(made["tags"]) == len(record.get("tags") or ())
    named = record.get("variables")
    if "variables" in record:
        assert [each["key"] for each in made["_properties"] or []] == [each["name"] for each in named or ()]
    else:
        assert {each["key"] for each in made["_properties"] or []} == set(extra)


@pytest.mark.parametrize("identity", [{}, {"id": None}, {"id": ""}, {"id": []}, {"id": True}])
def test_a_record_without_an_id_is_refused(identity: Any) -> None:
    for read in (
        lambda: mapping.contact(identity, account="default", as_of=AS_OF),
        lambda: mapping.group(identity, account="default", as_of=AS_OF),
        lambda: mapping.channel(identity, account="default"),
        lambda: mapping.chat(identity, IMKE, account="default"),
        lambda: mapping.communication(identity, IMKE, account="default"),
        lambda: mapping.message(identity, IMKE, account="default"),
    ):
        with pytest.raises(UpstreamBadResponse):
            read()


def test_odd_parts_of_a_contact_are_left_out_and_the_rest_is_told() -> None:
    made = contact(
        tags=["vip", {"name": "no id"}, {"id": 81, "name": "vip"}],
        funnels=[{"id": 3, "name": "no key"}, {"serviceKey": "k1"}, 5],
        notes=["text", {"content": "kept", "user": "Desk One", "createdAt": 5}],
        variables=[{"value": 1}, "text", {"name": "city", "value": "Salem", "type": ["string"]}],
    )
    assert [each["sourceId"] for each in made["tags"]] == ["81"]
    assert [each["serviceKey"] for each in made["funnels"]] == ["k1"]
    assert [(each["text"], each["author"]) for each in made["notes"]] == [("kept", None)]
    assert [(each["key"], each["type"]) for each in made["_properties"] or []] == [("city", "OTHER")]


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


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
PARTS = "id name type value serviceKey content user createdAt color"
parts = json_values | st.lists(
    json_values
    | st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            "id name type value serviceKey content user createdAt color".split(), json_values
        ),
    ),
    max_size=3,
)
plain = "firstName lastName fullName email phone photo createdAt updatedAt city".split()
anything = st.fixed_dictionaries(
    {"id": st.integers(1, 2**53)},
    optional={
        **dict.fromkeys(plain, json_values),
        **dict.fromkeys("tags funnels notes variables values".split(), parts),
        "": json_values,
    },
)


@given(anything)
@settings(deadline=None, database=None)
def test_a_record_with_an_id_is_a_contact_whatever_else_it_holds(record: Any) -> None:
    made = mapping.contact(record, account="default", as_of=AS_OF)
    well_formed(made)
    assert made["_raw"] is record


no_list = json_values.filter(lambda value: not isinstance(value, list))
no_object = json_values.filter(lambda value: not isinstance(value, dict))
gates = no_list | st.lists(
    no_object
    | st.fixed_dictionaries(
        {"id": st.integers()},
        optional={
            "channel": no_object
            | st.fixed_dictionaries(
                {"id": st.integers()}, optional={"type": json_values, "active": json_values}
            ),
            "subscribed": json_values,
            "unreadMessages": json_values,
        },
    ),
    max_size=3,
)
chats = st.fixed_dictionaries(
    {"id": st.integers()},
    optional={
        "gates": gates,
        **dict.fromkeys("name image contact unreadMessages createdAt".split(), json_values),
    },
)


@given(chats)
@settings(deadline=None, database=None)
def test_a_chat_with_ids_is_a_chat_whatever_else_it_holds(record: Any) -> None:
    made = mapping.chat(record, IMKE, account="default")
    assert made["name"] is None or isinstance(made["name"], str)
    assert isinstance(made["unreadMessages"], int)
    for gate in made["communications"]:
        assert gate["_contact"] == IMKE
        assert gate["subscribed"] is None or isinstance(gate["subscribed"], bool)
        assert gate["unreadMessages"] is None or isinstance(gate["unreadMessages"], int)
        channel = gate["channel"]
        assert channel is None or channel["type"] is None or isinstance(channel["type"], str)


contents = json_values | st.fixed_dictionaries(
    {},
    optional={
        "type": json_values,
        "resource": json_values
        | st.fixed_dictionaries(
            {},
            optional={
                "parameters": json_values
                | st.fixed_dictionaries({}, optional={"content": json_values, "url": json_values})
            },
        ),
    },
)


@given(
    contents, json_values | st.fixed_dictionaries({}, optional={"type": json_values, "fullName": json_values})
)
@settings(deadline=None, database=None)
def test_a_message_with_an_id_is_one_whatever_else_it_holds(content: Any, sender: Any) -> None:
    made: Any = mapping.message({"id": 1, "content": content, "sender": sender}, IMKE, account="default")
    for name in ("sender", "type", "text", "mediaUrl", "createdAt"):
        assert made[name] is None or isinstance(made[name], str)
    assert made["fromContact"] is None or isinstance(made["fromContact"], bool)
