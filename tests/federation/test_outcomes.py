"""Every answer and every failure of a source has its status, and a list that nobody gave has one error."""

import pytest

from gateway.errors import (
    BadInput,
    CapabilityUnsupported,
    DeadlineExceeded,
    Forbidden,
    GatewayError,
    UpstreamAuth,
    UpstreamBadResponse,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.federation import outcomes
from gateway.federation.feeds import Read
from gateway.federation.paging import Position
from gateway.model.source import Source

SOURCE = Source.PACKAGEX


def read(
    *, as_of: str | None = None, stale: bool = False, from_cache: bool = False, more: bool = False
) -> Read:
    return Read(items=[], end=Position(), more=more, as_of=as_of, stale=stale, from_cache=from_cache)


def test_a_source_that_answered_is_ok() -> None:
    told = outcomes.answered(SOURCE, [read(as_of="2026-01-01T00:00:00Z")], 7, exhausted=True)
    assert told == {
        "source": SOURCE,
        "status": "OK",
        "returned": 7,
        "exhausted": True,
        "fromCache": False,
        "asOf": "2026-01-01T00:00:00Z",
        "retryAfterSeconds": None,
        "code": None,
        "message": None,
    }


def test_an_index_that_is_too_old_makes_the_answer_stale() -> None:
    told = outcomes.answered(SOURCE, [read(stale=True, from_cache=True)], 0, exhausted=False)
    assert (told["status"], told["fromCache"], told["code"]) == ("STALE", True, None)
    assert told["message"]


def test_of_several_ages_the_oldest_counts() -> None:
    stamps = ["2026-01-02T00:00:00Z", None, "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"]
    told = outcomes.answered(SOURCE, [read(as_of=stamp) for stamp in stamps], 0, exhausted=False)
    assert told["asOf"] == "2026-01-01T00:00:00Z"


def test_one_stale_read_of_several_makes_the_answer_stale() -> None:
    assert outcomes.answered(SOURCE, [read(), read(stale=True)], 0, exhausted=False)["status"] == "STALE"


def test_a_source_that_had_ended_before_is_ok_without_a_read() -> None:
    told = outcomes.answered(SOURCE, [], 0, exhausted=True)
    assert (told["status"], told["exhausted"], told["asOf"]) == ("OK", True, None)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UpstreamTimeout("PACKAGEX", "slow"), "TIMED_OUT", "UPSTREAM_TIMEOUT"),
        (DeadlineExceeded("late"), "TIMED_OUT", "DEADLINE_EXCEEDED"),
        (UpstreamRateLimited("PACKAGEX", "much"), "RATE_LIMITED", "UPSTREAM_RATE_LIMITED"),
        (CapabilityUnsupported("PACKAGEX", "cannot"), "UNSUPPORTED", "CAPABILITY_UNSUPPORTED"),
        (Forbidden("no"), "FORBIDDEN", "FORBIDDEN"),
        (UpstreamUnavailable("PACKAGEX", "down"), "UNAVAILABLE", "UPSTREAM_UNAVAILABLE"),
        (UpstreamAuth("PACKAGEX", "key"), "UNAVAILABLE", "UPSTREAM_AUTH"),
        (UpstreamBadResponse("PACKAGEX", "odd"), "UNAVAILABLE", "UPSTREAM_BAD_RESPONSE"),
        (UpstreamRejected("PACKAGEX", "refused"), "UNAVAILABLE", "UPSTREAM_BAD_RESPONSE"),
    ],
)
def test_every_failure_has_its_status_and_code(error: GatewayError, status: str, code: str) -> None:
    told = outcomes.failed(SOURCE, error, 3)
    assert (told["status"], told["code"], told["returned"]) == (status, code, 3)
    assert told["message"] == error.message
    assert told["exhausted"] is False


def test_a_failure_tells_when_a_retry_makes_sense() -> None:
    told = outcomes.failed(SOURCE, UpstreamRateLimited("PACKAGEX", "much", retry_after=12.5))
    assert told["retryAfterSeconds"] == 12.5
    assert outcomes.failed(SOURCE, UpstreamTimeout("PACKAGEX", "slow"))["retryAfterSeconds"] is None


# ---- when nobody answered


def test_one_failure_alone_is_told_as_it_is() -> None:
    error = UpstreamTimeout("PACKAGEX", "slow", retry_after=3)
    assert outcomes.nobody([error]) is error


def test_no_source_at_all_is_told() -> None:
    error = outcomes.nobody([])
    assert isinstance(error, UpstreamUnavailable)
    assert "No source is switched on" in error.message


@pytest.mark.parametrize(
    "errors",
    [
        [UpstreamTimeout("SAMESPACE", "one"), UpstreamTimeout("PACKAGEX", "two")],
        [DeadlineExceeded("one"), DeadlineExceeded("two")],
        [Forbidden("one"), Forbidden("two")],
        [CapabilityUnsupported("SAMESPACE", "one"), CapabilityUnsupported("PACKAGEX", "two")],
        [UpstreamRejected("SAMESPACE", "one"), UpstreamRejected("PACKAGEX", "two")],
        [BadInput("one"), BadInput("two")],
    ],
)
def test_failures_of_one_kind_stay_of_that_kind(errors: list[GatewayError]) -> None:
    combined = outcomes.nobody(errors)
    assert combined.code == errors[0].code
    assert "one two" in combined.message
    assert combined.source is None


def test_failures_of_several_kinds_are_an_unavailability() -> None:
    combined = outcomes.nobody([UpstreamTimeout("SAMESPACE", "one"), UpstreamAuth("PACKAGEX", "two")])
    assert combined.code == "UPSTREAM_UNAVAILABLE"
    assert "one two" in combined.message


def test_the_longest_wait_of_several_is_told() -> None:
    errors = [
        UpstreamRateLimited("SAMESPACE", "one", retry_after=3),
        UpstreamRateLimited("PACKAGEX", "two"),
        UpstreamRateLimited("SMART_SENDER", "three", retry_after=17),
    ]
    assert outcomes.nobody(errors).retry_after == 17
    assert (
        outcomes.nobody([UpstreamTimeout("SAMESPACE", "a"), UpstreamTimeout("PACKAGEX", "b")]).retry_after
        is None
    )
