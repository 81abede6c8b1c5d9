"""A mapping is proposed from headers, without case, accents and signs."""

import pytest

from gateway.imports import columns
from gateway.model.source import Source
from gateway.upstreams.packagex.importing import HEADERS
from gateway.writing.inputs import Complaints
from tests.support.sources import lone

PACKAGEX = (lone(Source.PACKAGEX, people=0).upstream, {})


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("E-Mail", "email"),
        ("email_address", "email"),
        ("EMAIL", "email"),
        ("emailAddress", "email"),
        ("Téléphone", "phone"),
        ("Mobile Phone", "phone"),
        ("First Name", "firstName"),
        ("firstName", "firstName"),
        ("Prénom", "firstName"),
        ("Surname", "lastName"),
        ("Full  Name", "name"),
        ("metadata.crm", "metadata.crm"),
        ("Metadata.CRM id", "metadata.CRM id"),
        ("Address Line2", "addressLine2"),
        ("Quantity", None),
        ("metadata.", None),
    ],
)
def test_a_header_tells_what_a_column_holds(header: str, field: str | None) -> None:
    assert columns.proposed([header], [PACKAGEX]) == [field]


def test_each_field_is_proposed_once() -> None:
    assert columns.proposed(["Email", "E-Mail"], [PACKAGEX]) == ["email", None]


def test_a_field_without_a_target_that_takes_it_is_not_proposed() -> None:
    assert columns.proposed(["Company"], [PACKAGEX]) == [None]


def test_every_header_of_packagex_means_its_own_field() -> None:
    assert columns.proposed(list(HEADERS.values()), [PACKAGEX]) == list(HEADERS)


def test_properties_may_be_named_in_full() -> None:
    wrong = Complaints()
    found = columns.given([{"column": "a", "field": "properties.metadata.x"}], ["a", "b"], [PACKAGEX], wrong)
    assert (found, wrong.found) == (["metadata.x", None], [])
