"""The type of an answer is the best that the caller takes, as GraphQL over HTTP and RFC 9110 have it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.server.negotiation import (
    GRAPHQL,
    HTML,
    JSON,
    OFFERED,
    media_type,
    prefers_html,
    status_of_invalid,
)

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    "accept", [None, "", "  ", "*/*", "application/*", "*/*;q=0.1", "text/html, */*;q=0.1"]
)
def test_callers_who_take_anything_get_the_older_type(accept: str | None) -> None:
    assert media_type(accept) == JSON


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (GRAPHQL, GRAPHQL),
        (JSON, JSON),
        (f"{GRAPHQL}; charset=utf-8", GRAPHQL),
        (f"{GRAPHQL};charset=utf-8;q=0.9", GRAPHQL),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"{JSON};q=0.9,{GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0.5, {JSON}", JSON),
        (f"{GRAPHQL};q=0.5, {JSON};q=0.4", GRAPHQL),
        (f"{GRAPHQL}, {JSON}", JSON),
        ("Application/JSON", JSON),
        (f"text/plain, {JSON}", JSON),
        (f"{GRAPHQL}, */*;q=0.1", GRAPHQL),
        (f"{GRAPHQL};Q=0.2, {JSON};Q=0.1", GRAPHQL),
        (f" {GRAPHQL} ; q=0.2 , {JSON} ; q = 0.1 ", GRAPHQL),
    ],
)
def test_the_type_that_is_wanted_most_is_given(accept: str, kind: str) -> None:
    assert media_type(accept) == kind


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (f"*/*, {JSON};q=0.5", GRAPHQL),
        (f"*/*;q=0.5, {GRAPHQL};q=0.1", JSON),
        (f"application/*;q=0.2, {GRAPHQL};q=0.3", GRAPHQL),
        (f"{JSON};q=0, */*", GRAPHQL),
        (f"{JSON};q=0, application/*;q=0.5, */*", GRAPHQL),
    ],
)
def test_what_is_said_most_specifically_counts(accept: str, kind: str) -> None:
    assert media_type(accept) == kind


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/xml",
        "application/jsonp",
        f"{JSON};q=0",
        f"{JSON};q=0, {GRAPHQL};q=0",
        "*/*;q=0",
        "text/*",
        "nonsense",
        ",",
        f"{JSON};q=much",
    ],
)
def test_a_caller_who_takes_nothing_that_is_offered_gets_nothing(accept: str) -> None:
    assert media_type(accept) is None


def test_a_weight_beyond_one_is_no_more_than_one() -> None:
    assert media_type(f"{GRAPHQL};q=7, {JSON}") == JSON
    assert media_type(f"{GRAPHQL}, {JSON};q=-1") == GRAPHQL


@given(st.text(alphabet="apliconjst/*;q=.019, +-\x00é", max_size=60))
def test_any_header_gives_an_offered_type_or_none(accept: str) -> None:
    assert media_type(accept) in (*OFFERED, None)


@given(st.lists(st.sampled_from([JSON, GRAPHQL, HTML, "*/*", "application/*"]), min_size=1, unique=True))
def test_the_order_in_which_types_are_named_does_not_count(named: list[str]) -> None:
    assert media_type(", ".join(named)) == media_type(", ".join(reversed(named)))


@pytest.mark.parametrize("accept", [BROWSER, "text/html", f"text/html, {JSON};q=0.5", "text/html,*/*"])
def test_a_browser_prefers_a_page(accept: str) -> None:
    assert prefers_html(accept)


@pytest.mark.parametrize(
    "accept",
    [None, "", "*/*", JSON, GRAPHQL, f"{JSON}, text/html;q=0.5", "text/html;q=0", "text/html;q=0.1, */*"],
)
def test_a_client_prefers_data(accept: str | None) -> None:
    assert not prefers_html(accept)


def test_the_newer_type_tells_in_the_status_what_the_older_hides() -> None:
    assert status_of_invalid(GRAPHQL) == 400
    assert status_of_invalid(JSON) == 200
