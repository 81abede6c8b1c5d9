"""A row keeps of a contact what it is looked up by, in forms that compare."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.rules import Rules
from gateway.index.rows import Row, as_text, differing, digest, filled, instant, row_of, searchable
from gateway.model.contact import Contact, ContactKey
from gateway.model.source import Source
from tests.support import contacts
from tests.support.contacts import NOW


def contact(vendor_id: str = "c1", *, source: Source = Source.PACKAGEX, **more: Any) -> Contact:
    """A contact that has nothing but what is said: no e-mail or phone follows from the lists."""
    nothing = {"id": f"global {vendor_id}", "email": None, "phone": None}
    return contacts.contact(source, vendor_id, **{**nothing, **more})


def row(**more: Any) -> Row:
    return row_of(contact(**more), 7, Rules())


def held(key: str, value: Any) -> dict[str, Any]:
    return {"key": key, "value": value, "type": "TEXT", "_source": Source.PACKAGEX, "_module": ""}


# ---- rows


def test_a_row_says_whose_it_is_where_it_lay_and_when_it_was_read() -> None:
    found = row(_key=ContactKey(Source.SAMESPACE, "module_1", "c1"), _raw={"_id": "c1", "é": [1, None]})
    assert (found.source, found.module, found.id) == ("SAMESPACE", "module_1", "c1")
    assert (found.position, found.as_of) == (7, NOW)
    assert orjson.loads(found.record) == {"_id": "c1", "é": [1, None]}


def test_a_contact_with_nothing_has_a_row_with_nothing() -> None:
    found = row()
    assert (found.name, found.first, found.last, found.company, found.email) == ("", "", "", "", "")
    assert (found.created, found.updated) == (None, None)
    assert (found.emails, found.phones, found.tags) == ((), (), ())
    assert orjson.loads(found.properties) == {}


def test_names_are_kept_folded() -> None:
    found = row(displayName="Zoë  MÜLLER", firstName="Zoë", lastName="MÜLLER", company="Café Solène")
    assert (found.name, found.first, found.last, found.company) == (
        "zoe muller",
        "zoe",
        "muller",
        "cafe solene",
    )


def test_all_emails_are_kept_once_each_the_main_one_first() -> None:
    found = row(emails=["Ann@Example.com", "b@example.com", " ann@example.COM "])
    assert found.emails == ("ann@example.com", "b@example.com")
    assert found.email == "ann@example.com"


def test_all_phones_that_are_some_are_kept_in_international_form() -> None:
    found = row(phones=["(202) 555-0123", "12025550123", "reception", "+44 7700 900123"])
    assert found.phones == ("+12025550123", "+447700900123")


def test_the_region_counts_for_phones_without_a_country_code() -> None:
    assert row_of(contact(phones=["07700 900123"]), 0, Rules(region="GB")).phones == ("+447700900123",)


@pytest.mark.parametrize("word", ["ann", "acme", "ann@example.com", "(202)", "2025550123"])
def test_the_text_to_search_holds_names_company_emails_and_phones(word: str) -> None:
    found = row(displayName="Ann Lee", company="Acme", emails=["Ann@Example.com"], phones=["(202) 555-0123"])
    assert word in found.text


def test_tags_are_kept_by_the_id_that_the_source_gave_them() -> None:
    tags = [{"id": "global", "sourceId": "77", "name": "vip", "color": None}]
    assert row(tags=tags).tags == ("77",)


@pytest.mark.parametrize("properties", [None, []])
def test_a_contact_without_properties_has_none(properties: list[Any] | None) -> None:
    assert orjson.loads(row(_properties=properties).properties) == {}


def test_properties_are_kept_as_texts_and_those_without_a_value_left_out() -> None:
    properties = [held("a", 4), held("b", None), held("c.d", True), held("", "x"), held("e", "")]
    assert orjson.loads(row(_properties=properties).properties) == {"a": "4", "c.d": "true", "": "x", "e": ""}


# ---- values as texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        ("", ""),
        (4, "4"),
        (-4, "-4"),
        (4.0, "4"),
        (4.5, "4.5"),
        (True, "true"),
        (False, "false"),
        ([1, "a"], '[1,"a"]'),
        ({"lat": 1.5}, '{"lat":1.5}'),
        ([], "[]"),
    ],
)
def test_values_are_compared_as_texts(value: object, text: str) -> None:
    assert as_text(value) == text


@given(st.integers(-(2**53), 2**53))
def test_a_number_is_the_same_text_whole_with_a_point_or_as_text(number: int) -> None:
    assert as_text(number) == as_text(float(number)) == as_text(str(number))


@given(
    st.dictionaries(
        st.text("ab.$[]\"' é", max_size=5), st.none() | st.integers(-9, 9) | st.text("ab", max_size=3)
    )
)
def test_keys_keep_their_spelling(properties: dict[str, Any]) -> None:
    kept = {key: value for key, value in properties.items() if value is not None}
    assert searchable(properties) == {key: as_text(value) for key, value in kept.items()}


# ---- times


@pytest.mark.parametrize(
    ("stamp", "form"),
    [
        ("2025-03-04T09:15:27Z", "2025-03-04T09:15:27.000Z"),
        ("2025-03-04T09:15:27.031Z", "2025-03-04T09:15:27.031Z"),
        ("2025-03-04T09:15:27.031999Z", "2025-03-04T09:15:27.031Z"),
        ("2025-03-04T11:15:27+02:00", "2025-03-04T09:15:27.000Z"),
        ("2025-03-04T09:15:27", "2025-03-04T09:15:27.000Z"),
        ("2025-03-04 09:15:27", "2025-03-04T09:15:27.000Z"),
        ("2025-03-04", "2025-03-04T00:00:00.000Z"),
        (None, None),
        ("", None),
        ("yesterday", None),
        ("2025-02-30", None),
        ("04.03.2025", None),
    ],
)
def test_a_time_has_one_form_and_what_is_none_has_none(stamp: str | None, form: str | None) -> None:
    assert instant(stamp) == form


TIMES = st.datetimes(
    min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)  # fmt: skip


@given(TIMES, TIMES)
def test_the_forms_of_times_sort_as_the_times_do(one: datetime, other: datetime) -> None:
    first, second = instant(one.isoformat()), instant(other.isoformat())
    assert first is not None
    assert second is not None
    whole = [
        moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000) for moment in (one, other)
    ]
    assert (first < second) == (whole[0] < whole[1])
    assert len(first) == len("2025-03-04T09:15:27.000Z")


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_none(stamp: str) -> None:
    form = instant(stamp)
    assert form is None or form.endswith("Z")


# ---- what matters


def test_a_digest_is_the_same_for_the_same_values_in_any_order_and_whenever_they_were_read() -> None:
    one = row(_properties=[held("a", 1), held("b", "x")], tags=[{"sourceId": "1"}, {"sourceId": "2"}])
    other = row(
        _properties=[held("b", "x"), held("a", 1)],
        tags=[{"sourceId": "2"}, {"sourceId": "1"}],
        asOf="2027-01-01T00:00:00.000Z",
        updatedAt="2027-01-01T00:00:00.000Z",
        _raw={"another": "record"},
    )
    assert one.digest == other.digest


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"firstName": "Ada"}, ["firstName"]),
        ({"emails": ["ada@example.com"], "email": "ada@example.com"}, ["email"]),
        ({"phones": ["+12025550123"]}, ["phone"]),
        ({"notes": [{"text": "x", "author": None, "createdAt": None}]}, ["notes"]),
        ({"address": {"city": "Riga"}}, ["address"]),
        ({"funnels": [{"serviceKey": "f"}]}, ["funnels"]),
        ({"_properties": [held("plan", "gold")]}, ["properties.plan"]),
        ({"avatarUrl": "https://cdn.example.com/a.png?x=1"}, ["avatarUrl"]),
    ],
)
def test_what_differs_is_named_and_has_another_digest(change: dict[str, Any], names: list[str]) -> None:
    before, after = contact(), contact(**change)
    assert differing(before, after) == differing(after, before) == names
    assert filled(after) == names
    assert digest(before) != digest(after)
