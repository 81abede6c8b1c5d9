"""Records that look alike: how much, and why."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.likeness import likeness
from gateway.model.contact import Contact
from gateway.model.source import Source
from tests.support.contacts import address, contact


def record(vendor_id: str = "c1", **more: Any) -> Contact:
    return contact(Source.PACKAGEX, vendor_id, **{"displayName": "Ada Lovelace", **more})


def test_the_same_name_is_not_all() -> None:
    found = likeness([record()], record("c2", displayName="LOVELACE, Ada"))
    assert found is not None
    score, reasons = found
    assert 0.6 < score <= 0.7
    assert reasons == ["Names alike: Ada Lovelace and LOVELACE, Ada (0.96)"]


def test_whatever_else_is_alike_counts_and_is_told() -> None:
    more = {"company": "Analytical Engines", "address": address(city="London"), "emails": ["ada@example.com"]}
    other = {
        "company": "ANALYTICAL engines",
        "address": address(city="london"),
        "emails": ["adaa@example.com"],
    }
    assert likeness([record(**more)], record("c2", **other)) == (
        1.0,
        [
            "Names alike: Ada Lovelace and Ada Lovelace (1.00)",
            "Same company: ANALYTICAL engines",
            "Same city: London",
            "E-mail almost the same as ada@example.com",
        ],
    )


@pytest.mark.parametrize("name", ["Grace Hopper", "Ada", "", None, "ada.lovelace@example.com"])
def test_another_name_is_not_alike(name: str | None) -> None:
    assert likeness([record()], record("c2", displayName=name)) is None


def test_nobody_without_a_name_is_like_anybody() -> None:
    assert likeness([record(displayName=None)], record("c2", displayName=None)) is None


@pytest.mark.parametrize("mail", ["ada@example.com", "ada@example.org", "augusta@example.com"])
def test_the_same_and_another_mailbox_are_not_almost_the_same(mail: str) -> None:
    found = likeness([record(emails=["ada@example.com"])], record("c2", emails=[mail]))
    assert found is not None
    assert len(found[1]) == 1


def test_the_member_that_is_most_alike_counts() -> None:
    members = [record("c1", displayName="Augusta King"), record("c2", displayName="Ada Lovelace")]
    found = likeness(members, record("c3", displayName="Ada Lovelase"))
    assert found is not None
    assert found[1] == ["Names alike: Ada Lovelace and Ada Lovelase (0.92)"]


NAMES = st.sampled_from(["Ada Lovelace", "Lovelace Ada", "Ada Lovelase", "Ada Byron", "", None])
RECORDS = st.builds(
    lambda name, mails, company, city: record(
        displayName=name, emails=mails, company=company, address=address(city=city)
    ),
    NAMES,
    st.lists(st.sampled_from(["ada@example.com", "adaa@example.com", "aad@example.com"]), max_size=2),
    st.sampled_from([None, "Acme", "ACME", "Apex"]),
    st.sampled_from([None, "London", "Paris"]),
)


@given(st.lists(RECORDS, min_size=1, max_size=4), RECORDS, st.data())
def test_the_order_of_members_does_not_matter(
    members: list[Contact], other: Contact, data: st.DataObject
) -> None:
    found = likeness(members, other)
    assert likeness(data.draw(st.permutations(members)), other) == found
    assert found is None or 0 < found[0] <= 1
