"""Arguments are checked and put into the core's words before any source is asked."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadInput
from gateway.federation import asking
from gateway.federation.asking import ModuleRef
from gateway.model import ids
from gateway.model.filter import Filter, Order, OrderField, PropertyCondition
from gateway.model.source import Source

TAG = ids.encode("Tag", "default", "SMART_SENDER", "77")
GROUP = ids.encode("Group", "default", "PACKAGEX", "group_1")
MODULE = ids.encode("Module", "default", "SAMESPACE", "module_1")


def asked(**arguments: Any) -> asking.ContactsQuery:
    return asking.contacts(arguments, "default", "US")


def filtered(**conditions: Any) -> Filter:
    found = asked(filter=conditions).filter
    assert found is not None
    return found


# ---- pages


@given(st.integers(1, asking.LARGEST_PAGE))
def test_a_page_of_one_to_a_hundred_is_taken(first: int) -> None:
    assert asking.page({"first": first, "after": "c"}) == (first, "c")


@given(st.integers().filter(lambda first: not 1 <= first <= asking.LARGEST_PAGE))
def test_any_other_page_is_refused(first: int) -> None:
    with pytest.raises(BadInput, match="first has to be between 1 and 100"):
        asking.page({"first": first})


@pytest.mark.parametrize("arguments", [{}, {"first": None}, {"first": None, "after": None}])
def test_an_explicit_null_is_the_default_page(arguments: dict[str, Any]) -> None:
    assert asking.page(arguments) == (asking.DEFAULT_PAGE, None)


# ---- sources


@given(st.lists(st.sampled_from([source.value for source in Source]), min_size=1))
def test_sources_come_in_their_fixed_order_and_once(named: list[str]) -> None:
    found = asking.sources({"sources": named})
    assert found == tuple(source for source in Source if source.value in named)


@pytest.mark.parametrize("arguments", [{}, {"sources": None}])
def test_no_sources_named_means_all(arguments: dict[str, Any]) -> None:
    assert asking.sources(arguments) is None


def test_an_empty_list_of_sources_is_refused() -> None:
    with pytest.raises(BadInput, match="sources is empty"):
        asking.sources({"sources": []})


# ---- texts


@pytest.mark.parametrize("text", ["", " ", "\t\n"])
def test_a_blank_text_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(BadInput, match=r"filter\.name is empty"):
        asking.text(text, "filter.name")


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "a\x1bb", "a\x7fb"])
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="search holds control characters"):
        asking.text(text, "search")


def test_a_text_is_taken_without_the_space_around_it() -> None:
    assert asking.text("  Ann  Lee ", "search") == "Ann  Lee"
    assert asking.text(None, "search") is None


def test_a_text_may_be_long_but_not_endless() -> None:
    assert asking.text("x" * asking.LONGEST_TEXT, "search")
    with pytest.raises(BadInput, match="search is longer than 1000 signs"):
        asking.text("x" * (asking.LONGEST_TEXT + 1), "search")


@pytest.mark.parametrize("text", ["Zoë", "田中太郎", "O’Donnell", '"%_*', "🙂"])
def test_texts_of_all_scripts_are_taken(text: str) -> None:
    assert asking.text(text, "search") == text


# ---- modules


def test_a_module_is_named_by_id_or_by_name() -> None:
    assert asking.module(None, "default") is None
    assert asking.module({"id": MODULE}, "default") == ModuleRef(id="module_1")
    assert asking.module({"name": " Companies "}, "default") == ModuleRef(name="Companies")


@pytest.mark.parametrize("by", [{"id": GROUP}, {"id": "nonsense"}, {"name": ""}])
def test_a_module_that_is_none_is_refused(by: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        asking.module(by, "default")


# ---- filters


@pytest.mark.parametrize("conditions", [None, {}, {"name": None}, {"email": None, "properties": None}])
def test_a_filter_without_conditions_is_none(conditions: dict[str, Any] | None) -> None:
    assert asked(filter=conditions).filter is None


def test_a_module_or_a_group_alone_is_no_filter_of_contacts() -> None:
    query = asked(filter={"module": {"name": "Companies"}, "group": GROUP})
    assert query.filter is None
    assert query.module == ModuleRef(name="Companies")
    assert query.group is not None
    assert query.group.parts == ("group_1",)


def test_an_email_is_normalised() -> None:
    assert filtered(email=" Ann@Example.COM ").email == "ann@example.com"


def test_a_phone_is_brought_to_its_international_form() -> None:
    assert filtered(phone="(202) 555-0123").phone == "+12025550123"
    assert asking.contacts({"filter": {"phone": "07700 900123"}}, "default", "GB").filter == Filter(
        phone="+447700900123"
    )


@pytest.mark.parametrize("phone", ["call me", "12", "+"])
def test_a_phone_that_is_none_is_refused(phone: str) -> None:
    with pytest.raises(BadInput, match=r"filter\.phone is no phone number"):
        filtered(phone=phone)


def test_times_come_in_the_one_form_that_sorts() -> None:
    found = filtered(
        createdAfter="2025-03-04T09:15:27Z",
        createdBefore="2025-03-04T11:15:27+02:00",
        updatedAfter="2025-03-04T09:15:27.5Z",
        updatedBefore="2025-03-04",
    )
    assert found.created_after == found.created_before == "2025-03-04T09:15:27.000Z"
    assert found.updated_after == "2025-03-04T09:15:27.500Z"
    assert found.updated_before == "2025-03-04T00:00:00.000Z"
    assert found.needs_updated_at
    assert not filtered(createdAfter="2025-03-04").needs_updated_at


def test_a_tag_belongs_to_its_source() -> None:
    found = filtered(tag=TAG)
    assert (found.tag, found.tag_source) == ("77", Source.SMART_SENDER)


@pytest.mark.parametrize(
    "conditions", [{"tag": GROUP}, {"group": TAG}, {"tag": "nonsense"}, {"module": {"id": TAG}}]
)
def test_an_id_of_another_type_is_refused(conditions: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        asked(filter=conditions)


def test_ids_of_another_account_are_refused() -> None:
    foreign = ids.encode("Tag", "other", "SMART_SENDER", "77")
    with pytest.raises(BadInput, match="not an id of your account"):
        filtered(tag=foreign)


@pytest.mark.parametrize("name", ["email", "phone", "firstName", "lastName", "name", "company"])
def test_blank_conditions_are_refused_by_their_name(name: str) -> None:
    with pytest.raises(BadInput, match=rf"filter\.{name} is empty"):
        asked(filter={name: "  "})


# ---- conditions on properties


@pytest.mark.parametrize(
    ("given_", "condition"),
    [
        ({"key": "a", "exists": True}, PropertyCondition(key="a", exists=True)),
        ({"key": "a", "exists": False}, PropertyCondition(key="a", exists=False)),
        ({"key": "a", "equals": 4}, PropertyCondition(key="a", equals=(4,))),
        ({"key": "a", "equals": None}, PropertyCondition(key="a", equals=(None,))),
        ({"key": "a", "contains": " x "}, PropertyCondition(key="a", contains="x")),
        ({"key": 'a."b"', "equals": ""}, PropertyCondition(key='a."b"', equals=("",))),
        (
            {"key": "a", "equals": "b", "contains": "c", "exists": True},
            PropertyCondition(key="a", equals=("b",), contains="c", exists=True),
        ),
    ],
)
def test_a_condition_says_what_was_asked(given_: dict[str, Any], condition: PropertyCondition) -> None:
    assert filtered(properties=[given_]).properties == (condition,)


def test_a_condition_without_anything_to_hold_is_refused() -> None:
    with pytest.raises(BadInput, match="needs equals, contains or exists"):
        filtered(properties=[{"key": "a"}])


def test_a_blank_key_is_refused() -> None:
    with pytest.raises(BadInput, match=r"filter\.properties\.key is empty"):
        filtered(properties=[{"key": " ", "exists": True}])


def test_many_conditions_are_taken_but_not_any_number() -> None:
    some = [{"key": str(place), "exists": True} for place in range(asking.MOST_CONDITIONS)]
    assert len(filtered(properties=some).properties) == asking.MOST_CONDITIONS
    with pytest.raises(BadInput, match="more than 20 conditions"):
        filtered(properties=[*some, {"key": "a", "exists": True}])


# ---- orders


@pytest.mark.parametrize("field", list(OrderField))
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_an_order_names_a_field_and_a_way(field: OrderField, direction: str) -> None:
    query = asked(orderBy={"field": field.value, "direction": direction})
    assert query.order == Order(field=field, descending=direction == "DESC")


def test_no_order_is_the_order_of_the_sources() -> None:
    assert asked().order is None
    assert asked(orderBy=None).order is None
