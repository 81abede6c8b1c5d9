"""One view of a person: which value is shown, where it is from, and where records disagree."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.rules import FIELDS, Rules, Survival
from gateway.identity.survivors import chosen, conflicting, disagreements, provenance, view
from gateway.model.contact import Contact
from gateway.model.source import Source
from tests.support.contacts import NOW, address, contact

RULES = Rules()
SPACE, PACKAGE, SENDER = Source


def by(rule: Survival, **more: Any) -> Rules:
    return Rules(survival=dict.fromkeys(FIELDS, rule), **more)


def companies(*told: tuple[Source, str | None, str | None]) -> list[Contact]:
    """Records with a company and when they were changed."""
    return [
        contact(source, f"c{number}", company=company, updatedAt=updated)
        for number, (source, company, updated) in enumerate(told)
    ]


# ---- which value is shown


def test_the_source_that_is_believed_first_is_shown() -> None:
    members = companies((SENDER, "Sender's", None), (PACKAGE, "Package's", None), (SPACE, None, None))
    assert chosen(members, "company", RULES) == "Package's"
    rules = Rules(priority=(SENDER, PACKAGE, SPACE))
    assert chosen(members, "company", rules) == "Sender's"


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z"),
        ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00.500Z"),
        (None, "1969-12-31T23:59:59Z"),
    ],
)
def test_the_latest_is_shown(older: str | None, newer: str) -> None:
    members = companies((SPACE, "old", older), (SENDER, "new", newer))
    assert chosen(members, "company", by(Survival.MOST_RECENT)) == "new"


def test_of_two_that_a_rule_believes_alike_the_others_decide_and_then_the_id() -> None:
    latest = companies(
        (PACKAGE, "Older", "2025-01-01T00:00:00Z"),
        (PACKAGE, "Newer", "2025-01-02T00:00:00Z"),
        (SENDER, "Sender's", "2025-01-03T00:00:00Z"),
    )
    told = provenance(latest, "company", by(Survival.SOURCE_PRIORITY))["candidates"]
    assert [each["value"] for each in told] == ["Newer", "Older", "Sender's"]
    alike = companies(*[(PACKAGE, name, "2025-01-01T00:00:00Z") for name in ("Acme", "Omni")])
    for rule in Survival:
        assert chosen(alike[::-1], "company", by(rule)) == "Acme"


def test_a_record_that_was_never_changed_is_as_old_as_its_creation() -> None:
    one = contact(SPACE, "c1", company="old", updatedAt="2025-01-01T00:00:00Z")
    other = contact(SENDER, "c2", company="new", createdAt="2025-01-02T00:00:00Z")
    assert chosen([one, other], "company", by(Survival.MOST_RECENT)) == "new"


@pytest.mark.parametrize(
    ("poor", "rich"),
    [
        ("ada", "Ada Lovelace"),
        ("ada lovelace", "Ada Lovelace"),
        ("ADA LOVELACE", "Ada Lovelace"),
        ("Zoe Muller", "Zoë Müller"),
        ("ada.lovelace@example.com", "Ada"),
        ("+1 503 555 0142", "Ada"),
        ("Ada L", "Ada Lovelace"),
    ],
)
def test_the_most_complete_is_shown(poor: str, rich: str) -> None:
    members = [contact(SPACE, "c1", displayName=poor), contact(SENDER, "c2", displayName=rich)]
    assert chosen(members, "displayName", RULES) == rich


def test_the_address_with_most_parts_is_shown_without_the_id_of_its_source() -> None:
    poor = contact(SPACE, "c1", address=address(id="a1", city="Portland"))
    rich = contact(SENDER, "c2", address=address(id="a2", city="Salem", postalCode="97301"))
    nothing = contact(PACKAGE, "c3", address=address(id="a3"))
    assert chosen([poor, rich, nothing], "address", RULES) == address(city="Salem", postalCode="97301")
    assert chosen([nothing], "address", RULES) is None


def test_nothing_is_shown_where_no_record_has_anything() -> None:
    members = companies((SPACE, None, None), (SENDER, "", None))
    assert chosen(members, "company", RULES) is None
    assert provenance(members, "company", RULES) == {
        "field": "company",
        "chosen": None,
        "rule": "SOURCE_PRIORITY",
        "candidates": [],
        "conflicting": False,
    }


def test_it_is_told_where_every_value_is_from() -> None:
    members = companies((SENDER, "Acme", None), (SPACE, "ACME", None), (PACKAGE, None, None))
    assert provenance(members, "company", RULES) == {
        "field": "company",
        "chosen": "ACME",
        "rule": "SOURCE_PRIORITY",
        "candidates": [
            {"source": SPACE, "contact": "SAMESPACE:c1", "value": "ACME", "asOf": NOW},
            {"source": SENDER, "contact": "SMART_SENDER:c0", "value": "Acme", "asOf": NOW},
        ],
        "conflicting": False,
    }


# ---- where records disagree


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("company", {"company": "Acme"}, {"company": " ACME "}),
        ("displayName", {"displayName": "Zoë"}, {"displayName": "zoe"}),
        ("email", {"emails": ["a@example.com", "b@example.com"]}, {"emails": ["B@EXAMPLE.com"]}),
        ("phone", {"phones": ["(503) 555-0142"]}, {"phones": ["+15035550142"]}),
        ("phone", {"phones": ["call me"]}, {"phones": ["Call Me"]}),
        ("address", {"address": address(line1="1, Elm St.")}, {"address": address(line1="1 ELM ST")}),
        ("address", {"address": address(city="Salem")}, {"address": None}),
        ("company", {"company": "Acme"}, {"company": None}),
    ],
)
def test_two_spellings_are_no_conflict(field: str, one: Any, other: Any) -> None:
    members = [contact(SPACE, "c1", **one), contact(SENDER, "c2", **other)]
    assert not conflicting(members, field, RULES)
    assert disagreements(members, [field], RULES) == 0


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("company", {"company": "Acme"}, {"company": "Apex"}),
        ("email", {"emails": ["a@example.com"]}, {"emails": ["b@example.com"]}),
        ("phone", {"phones": ["(503) 555-0142"]}, {"phones": ["+15035550143"]}),
        ("phone", {"phones": ["call me"]}, {"phones": ["+15035550143"]}),
        ("address", {"address": address(city="Salem")}, {"address": address(city="Portland")}),
    ],
)
def test_two_values_are_a_conflict(field: str, one: Any, other: Any) -> None:
    members = [contact(SPACE, "c1", **one), contact(SENDER, "c2", **other)]
    assert conflicting(members, field, RULES)
    assert disagreements(members, FIELDS, RULES) == 2


# ---- the whole view


def test_every_e_mail_and_phone_is_shown_once() -> None:
    members = [
        contact(SENDER, "c1", emails=["B@example.com", "a@example.com"], phones=["call me"]),
        contact(SPACE, "c2", emails=["A@Example.com "], phones=["(503) 555-0142", "+15035550142"]),
    ]
    found = view(members, RULES)
    assert found["emails"] == ["a@example.com", "b@example.com"]
    assert found["phones"] == ["+15035550142", "call me"]


TEXTS = st.sampled_from([None, "", "Ada", "ADA", "Àda", "Ada Lovelace", "ada@example.com", "Zz Zz"])
PLACES = st.none() | st.builds(lambda city, code: address(city=city, postalCode=code), TEXTS, TEXTS)
TIMES = st.sampled_from([None, "2025-01-01T00:00:00Z", "2025-01-01T00:00:00.250Z", "2024-06-01T12:00:00Z"])
MAILS = st.lists(st.sampled_from(["a@example.com", "A@example.com", "b@example.com"]), max_size=2)
PHONES = st.lists(st.sampled_from(["+15035550142", "(503) 555-0142", "5035550143", "none"]), max_size=2)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "displayName": TEXTS,
            "firstName": TEXTS,
            "lastName": TEXTS,
            "company": TEXTS,
            "address": PLACES,
            "emails": MAILS,
            "phones": PHONES,
            "updatedAt": TIMES,
            "createdAt": TIMES,
        }
    ),
    min_size=1,
    max_size=5,
)


@given(RECORDS, st.lists(st.sampled_from(list(Source)), min_size=5, max_size=5), st.data())
@pytest.mark.parametrize("rule", Survival)
def test_the_order_of_records_does_not_matter(
    rule: Survival, records: Sequence[Any], sources: Sequence[Source], data: st.DataObject
) -> None:
    members = [contact(sources[at], f"c{at}", **record) for at, record in enumerate(records)]
    shuffled = data.draw(st.permutations(members))
    rules = by(rule)
    assert view(shuffled, rules) == view(members, rules)
    for field in FIELDS:
        told = provenance(members, field, rules)
        assert provenance(shuffled, field, rules) == told
        assert told["chosen"] == chosen(members, field, rules)
        assert told["chosen"] == (told["candidates"][0]["value"] if told["candidates"] else None)
        assert (disagreements(members, [field], rules) > 1) == told["conflicting"]
