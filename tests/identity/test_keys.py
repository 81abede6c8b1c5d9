"""What two records can have in common, in forms that compare; and what of it is nobody's own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.keys import emails, joins, keys, local_only, phones, placeholder, provided, region_of
from gateway.identity.rules import EMAIL, MAILBOX, PHONE, ROLES, Rules
from gateway.model.contact import Contact
from gateway.model.source import Source
from tests.support.contacts import address, contact, held

RULES = Rules()
CRM = Rules(external={"crm": {Source.PACKAGEX: "crmId", Source.SAMESPACE: "crm"}})


def record(**more: Any) -> Contact:
    return contact(Source.PACKAGEX, "c1", **more)


# ---- e-mails


@pytest.mark.parametrize(
    "written",
    ["ada@example.com", " ADA@Example.COM ", "Ada@example.com.", "ada@EXAMPLE.com"],
)
def test_spellings_of_one_address_are_one_key(written: str) -> None:
    assert set(keys(record(emails=[written]), RULES)) == {(EMAIL, "ada@example.com")}


def test_a_key_tells_how_it_was_written_first() -> None:
    found = keys(record(emails=["Ada@example.com", "ada@example.com"]), RULES)
    assert found == {(EMAIL, "ada@example.com"): "Ada@example.com"}
    assert emails(record(emails=[])) == {}


def test_tags_and_dots_count_unless_the_rules_of_providers_are_on() -> None:
    tagged = record(emails=["A.da+news@googlemail.com"])
    assert set(keys(tagged, RULES)) == {(EMAIL, "a.da+news@googlemail.com")}
    assert set(keys(tagged, Rules(providers=True))) == {
        (EMAIL, "a.da+news@googlemail.com"),
        (MAILBOX, "ada@gmail.com"),
    }


@pytest.mark.parametrize(
    ("form", "mailbox"),
    [
        ("a.b+c@gmail.com", "ab@gmail.com"),
        ("a.b+c@outlook.com", "a.b@outlook.com"),
        ("a.b+c@example.com", None),
        ("+@gmail.com", "+@gmail.com"),
        ("...@gmail.com", "...@gmail.com"),
    ],
)
def test_a_provider_reads_a_mailbox_in_its_own_way(form: str, mailbox: str | None) -> None:
    assert provided(form) == mailbox


# ---- phones


@pytest.mark.parametrize(
    "written",
    [
        "+1 503 555 0142",
        "(503) 555-0142",
        "503.555.0142",
        "15035550142",
        "+1-503-555-0142",
        "503-555-0142 ext. 7",
    ],
)
def test_spellings_of_one_phone_are_one_key(written: str) -> None:
    assert set(keys(record(phones=[written]), RULES)) == {(PHONE, "+15035550142")}


@pytest.mark.parametrize("written", ["", "n/a", "-", "12", "call me", "+999"])
def test_what_is_no_phone_is_no_key(written: str) -> None:
    assert phones(record(phones=[written]), RULES) == {}


@pytest.mark.parametrize(
    ("more", "region"),
    [
        ({}, "US"),
        ({"address": address(countryCode="de")}, "DE"),
        ({"address": address(country=" GB ")}, "GB"),
        ({"address": address(country="Germany")}, "US"),
        ({"_properties": [held(Source.PACKAGEX, "Country_Code", "fr")]}, "FR"),
        ({"_properties": [held(Source.PACKAGEX, "country", 4)]}, "US"),
        ({"_properties": None}, "US"),
    ],
)
def test_a_phone_without_a_code_is_read_in_the_country_of_its_record(more: Any, region: str) -> None:
    assert region_of(record(**more), RULES) == region


def test_a_record_without_a_country_is_read_in_that_of_the_setting() -> None:
    assert phones(record(phones=["030 1234567"]), Rules(region="DE")) == {"+49301234567": "030 1234567"}


# ---- ids that an operator has named


@pytest.mark.parametrize(
    ("value", "id_"), [("A-7", "A-7"), (" A-7 ", "A-7"), (7, "7"), (7.0, "7"), (0, "0"), ("a", "a")]
)
def test_an_id_is_a_key(value: Any, id_: str) -> None:
    found = keys(record(_properties=[held(Source.PACKAGEX, "crmId", value)]), CRM)
    assert found == {("external:crm", id_): id_}


@pytest.mark.parametrize("value", [None, "", "  ", True, False, {}, [], ["A-7"], {"id": 7}, "x" * 201])
def test_what_is_no_id_is_no_key(value: Any) -> None:
    assert keys(record(_properties=[held(Source.PACKAGEX, "crmId", value)]), CRM) == {}


def test_an_id_is_read_where_the_source_has_it() -> None:
    properties = [held(Source.SAMESPACE, "crmId", "A-7"), held(Source.SAMESPACE, "crm", "A-8")]
    found = keys(contact(Source.SAMESPACE, "c1", _properties=properties), CRM)
    assert set(found) == {("external:crm", "A-8")}
    sender = contact(Source.SMART_SENDER, "c1", _properties=properties)
    assert keys(sender, CRM) == {}
    assert keys(record(_properties=None), CRM) == {}


# ---- what joins nobody


@pytest.mark.parametrize("role", sorted(RULES.roles))
def test_mailboxes_of_roles_join_nobody(role: str) -> None:
    assert not joins((EMAIL, f"{role}@example.com"), RULES)


@pytest.mark.parametrize(
    "local",
    ["info+berlin", "no-reply", "no_reply", "do.not.reply", "customer.care", "front-desk", "+", "+x", "..."],
)
def test_mailboxes_of_roles_are_known_however_they_are_written(local: str) -> None:
    assert not joins((EMAIL, f"{local}@example.com"), RULES)
    assert not joins((MAILBOX, f"{local}@gmail.com"), RULES)


@pytest.mark.parametrize("value", ["a@a.com", "xx@xx.de", "na@na.na", "@example.com", "example.com"])
def test_made_up_addresses_join_nobody(value: str) -> None:
    assert not joins((EMAIL, value), RULES)


@pytest.mark.parametrize(
    "value",
    ["ada@example.com", "a@example.com", "inform@example.com", "sales.ada@example.com", "ada1@ada.dev"],
)
def test_other_mailboxes_join(value: str) -> None:
    assert joins((EMAIL, value), RULES)


def test_an_operator_names_roles_of_their_own() -> None:
    rules = Rules(roles=frozenset({"rezeption"}))
    assert not joins((EMAIL, "rezeption@example.com"), rules)
    assert joins((EMAIL, "info@example.com"), rules)
    assert "info" in ROLES.split()


@pytest.mark.parametrize(
    "number",
    [
        "+10000000000",
        "+15555555555",
        "+11234567890",
        "+19876543210",
        "+11231231234",
        "+491111111",
        "+4912345678",
    ],
)
def test_phones_that_were_made_up_join_nobody(number: str) -> None:
    assert placeholder(number)
    assert not joins((PHONE, number), RULES)


@pytest.mark.parametrize(
    "number", ["+15035550142", "+15551234567", "+447700900123", "+12025550000", "+4930111111"]
)
def test_other_phones_join(number: str) -> None:
    assert not placeholder(number)
    assert joins((PHONE, number), RULES)


def test_a_phone_without_its_area_code_joins_nobody() -> None:
    (number,) = phones(record(phones=["555-0142"]), RULES)
    assert local_only(number)
    assert not joins((PHONE, number), RULES)


def test_what_an_operator_says_is_shared_joins_nobody() -> None:
    rules = Rules(shared=frozenset({"+15035550142", "ada@example.com"}))
    assert not joins((PHONE, "+15035550142"), rules)
    assert not joins((EMAIL, "ada@example.com"), rules)
    assert joins((EMAIL, "bob@example.com"), rules)


@given(st.lists(st.text(max_size=20), max_size=4), st.lists(st.text(max_size=20), max_size=4))
def test_whatever_is_written_keys_are_found_or_not_and_nothing_breaks(
    mails: list[str], numbers: list[str]
) -> None:
    found = keys(record(emails=mails, phones=numbers), Rules(providers=True))
    again = keys(record(emails=[form for kind, form in found if kind == EMAIL]), Rules(providers=True))
    for key in found:
        assert joins(key, RULES) in (True, False)
        assert key[0] == PHONE or key in again  # a normal form is its own normal form
