"""What the latest calls of a source say about it."""

import pytest

from gateway.events import ScanFinished, UpstreamCalled, UpstreamSpared
from gateway.federation.health import REMEMBERED, Health, HealthBoard


def call(status: int | None = 200, error: str | None = None, source: str = "PACKAGEX") -> UpstreamCalled:
    return UpstreamCalled(source=source, operation="listContacts", status=status, error=error, seconds=0.1)


def heard(*calls: UpstreamCalled) -> Health:
    health = Health()
    for number, each in enumerate(calls):
        health.hear(each, f"time {number}")
    return health


def test_a_source_that_was_not_called_is_unknown() -> None:
    health = Health()
    assert (health.status, health.last_error, health.last_ok_at) == ("UNKNOWN", None, None)


def test_a_source_whose_last_call_was_answered_is_up() -> None:
    health = heard(call(500), call(200))
    assert (health.status, health.last_error, health.last_ok_at) == ("UP", None, "time 1")


def test_a_source_that_failed_last_but_answered_lately_is_degraded() -> None:
    health = heard(call(200), call(503))
    assert health.status == "DEGRADED"
    assert health.last_ok_at == "time 0"
    assert health.last_error == "answered 503 to listContacts"


def test_a_source_whose_last_calls_all_failed_is_down() -> None:
    assert heard(*[call(500)] * REMEMBERED).status == "DOWN"
    assert heard(call(500)).status == "DOWN"


def test_an_answer_counts_for_a_few_calls_only() -> None:
    assert heard(call(200), *[call(500)] * (REMEMBERED - 1)).status == "DEGRADED"
    assert heard(call(200), *[call(500)] * REMEMBERED).status == "DOWN"


def test_the_last_answer_is_remembered_also_while_a_source_is_down() -> None:
    assert heard(call(200), *[call(500)] * REMEMBERED).last_ok_at == "time 0"


@pytest.mark.parametrize("status", [200, 201, 400, 404, 409, 422])
def test_a_refusal_of_what_was_asked_is_a_proper_answer(status: int) -> None:
    assert heard(call(status)).status == "UP"


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503, 504])
def test_a_refusal_of_the_gateway_or_an_error_of_the_source_is_not(status: int) -> None:
    health = heard(call(status))
    assert health.status == "DOWN"
    assert health.last_error == f"answered {status} to listContacts"


@pytest.mark.parametrize("status", [None, 200])
def test_a_call_that_ended_with_an_error_failed_whatever_its_status(status: int | None) -> None:
    health = heard(call(status, error="UPSTREAM_TIMEOUT"))
    assert (health.status, health.last_error) == ("DOWN", "UPSTREAM_TIMEOUT")


def test_a_board_keeps_sources_apart_and_hears_of_calls_only() -> None:
    board = HealthBoard(lambda: "now")
    board(call(200, source="PACKAGEX"))
    board(call(500, source="SAMESPACE"))
    board(UpstreamSpared(source="SMART_SENDER", reason="index"))
    board(ScanFinished(source="SMART_SENDER", contacts=0, seconds=0.0, error="UPSTREAM_TIMEOUT"))
    states = {source: board.of(source).status for source in ("PACKAGEX", "SAMESPACE", "SMART_SENDER")}
    assert states == {"PACKAGEX": "UP", "SAMESPACE": "DOWN", "SMART_SENDER": "UNKNOWN"}
    assert board.of("PACKAGEX").last_ok_at == "now"
