"""What an operator can set, and what is refused at the start."""

import pytest

from gateway.identity.rules import (
    FIELDS,
    ROLES,
    SURVIVAL,
    Rules,
    Survival,
    read_external,
    read_priority,
    read_roles,
    read_shared,
    read_survival,
)
from gateway.model.source import Source


def test_without_a_word_the_rules_are_those_that_are_documented() -> None:
    rules = Rules()
    assert (rules.region, rules.most, rules.providers) == ("US", 5, False)
    assert rules.roles == frozenset(ROLES.split())
    assert (rules.shared, rules.external) == (frozenset(), {})
    assert rules.survival == SURVIVAL
    assert rules.priority == tuple(Source)
    assert set(SURVIVAL) == set(FIELDS)


@pytest.mark.parametrize(
    ("text", "roles"), [("", set()), ("Info, SALES", {"info", "sales"}), ("a b,,c\n", {"a", "b", "c"})]
)
def test_roles_are_words(text: str, roles: set[str]) -> None:
    assert read_roles(text) == roles


def test_the_roles_are_written_as_they_are_compared() -> None:
    assert all(word == word.lower() and not set("-_.@+") & set(word) for word in ROLES.split())
    assert len(ROLES.split()) == len(set(ROLES.split()))


def test_shared_keys_are_kept_in_the_form_in_which_records_have_them() -> None:
    assert read_shared(" Team@Example.com, +1 (503) 555-0142,") == {"team@example.com", "+15035550142"}
    assert read_shared("") == frozenset()


@pytest.mark.parametrize("text", ["(503) 555-0142", "5035550142", "front desk", "+1", "team@example.com, 12"])
def test_a_shared_phone_needs_its_country(text: str) -> None:
    with pytest.raises(ValueError, match="country code"):
        read_shared(text)


def test_ids_are_named_by_source_and_property() -> None:
    assert read_external("crm=PACKAGEX:crmId, SAMESPACE:crm ; tax_no=SMART_SENDER: VAT ;") == {
        "crm": {Source.PACKAGEX: "crmId", Source.SAMESPACE: "crm"},
        "tax_no": {Source.SMART_SENDER: "VAT"},
    }
    assert read_external("") == {}
    assert read_external("crm=PACKAGEX:a:b") == {"crm": {Source.PACKAGEX: "a:b"}}


@pytest.mark.parametrize(
    "text",
    [
        "crm",
        "=PACKAGEX:a",
        "c r m=PACKAGEX:a",
        "crm=PACKAGEX:a;crm=SAMESPACE:b",
        "crm=",
        "crm=PACKAGEX",
        "crm=PACKAGEX:",
        "crm=OTHER:a",
        "crm=packagex:a",
        "crm=PACKAGEX:a,PACKAGEX:b",
    ],
)
def test_an_odd_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="has"):
        read_external(text)


def test_rules_of_fields_replace_those_that_are_named() -> None:
    found = read_survival("company=MOST_RECENT; address = SOURCE_PRIORITY")
    assert found == {**SURVIVAL, "company": Survival.MOST_RECENT, "address": Survival.SOURCE_PRIORITY}
    assert read_survival("") == SURVIVAL


@pytest.mark.parametrize(
    "text", ["company", "company=", "tags=MOST_RECENT", "company=most_recent", "=MOST_RECENT"]
)
def test_an_odd_rule_of_a_field_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"fields are displayName, .* rules SOURCE_PRIORITY, "):
        read_survival(text)


@pytest.mark.parametrize(
    ("text", "first"),
    [("", Source.SAMESPACE), ("PACKAGEX", Source.PACKAGEX), ("SMART_SENDER, PACKAGEX", Source.SMART_SENDER)],
)
def test_sources_that_are_left_out_are_believed_last(text: str, first: Source) -> None:
    found = read_priority(text)
    assert found[0] is first
    assert set(found) == set(Source)
    assert len(found) == len(Source)


@pytest.mark.parametrize("text", ["packagex", "PACKAGEX,PACKAGEX", "OTHER"])
def test_an_odd_source_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no list of SAMESPACE, PACKAGEX, SMART_SENDER, each once"):
        read_priority(text)
