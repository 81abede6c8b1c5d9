"""Callers see our errors with their code, and nothing at all of anybody else's."""

from typing import Any

import pytest
from graphql import GraphQLError, build_schema, graphql_sync, parse

from gateway.engine import errors
from gateway.errors import (
    BadInput,
    CursorInvalid,
    Forbidden,
    GatewayError,
    UpstreamRateLimited,
    UpstreamTimeout,
)

SCHEMA = build_schema("type Query { name(of: Int): String must: String! list: [Query] }")
SECRET = "https://ada:key-7Jq2@internal/?x=1"


def entry(error: GraphQLError) -> tuple[dict[str, Any], list[BaseException]]:
    reported: list[BaseException] = []
    return errors.formatted(error, "request-1", reported.append), reported


def raised(problem: BaseException, text: str = "{ name }") -> tuple[dict[str, Any], list[BaseException]]:
    """The entry for what a resolver raises."""

    def fail(*_: object, **__: object) -> None:
        raise problem

    result = graphql_sync(SCHEMA, text, {"name": fail, "must": fail, "list": [{"name": fail}]})
    assert result.errors is not None
    return entry(result.errors[0])


# ---- errors of fields


def test_an_error_of_ours_is_shown_with_its_code_place_and_request() -> None:
    shown, reported = raised(BadInput("first has to be larger."))
    assert shown == {
        "message": "first has to be larger.",
        "locations": [{"line": 1, "column": 3}],
        "path": ["name"],
        "extensions": {"code": "BAD_USER_INPUT", "requestId": "request-1"},
    }
    assert reported == []


def test_an_error_of_a_source_names_it_and_says_whether_a_retry_can_help() -> None:
    shown, _ = raised(UpstreamRateLimited("PACKAGEX", "much", retry_after=1.23456))
    assert shown["extensions"] == {
        "code": "UPSTREAM_RATE_LIMITED",
        "source": "PACKAGEX",
        "retryable": True,
        "retryAfterSeconds": 1.235,
        "requestId": "request-1",
    }


def test_an_error_within_a_list_tells_its_place() -> None:
    shown, _ = raised(CursorInvalid("broken"), "{ list { again: name } }")
    assert shown["path"] == ["list", 0, "again"]
    assert shown["extensions"]["code"] == "CURSOR_INVALID"


@pytest.mark.parametrize(
    "problem", [ValueError(SECRET), KeyError(SECRET), RuntimeError(SECRET), AssertionError(SECRET)]
)
def test_an_error_that_is_not_ours_is_masked_and_reported(problem: Exception) -> None:
    shown, reported = raised(problem)
    assert shown["message"] == errors.MASKED
    assert shown["extensions"] == {"code": "INTERNAL", "requestId": "request-1"}
    assert SECRET not in repr(shown)
    assert reported == [problem]


def test_a_cause_is_never_shown() -> None:
    try:
        raise ValueError(SECRET)
    except ValueError as cause:
        problem = UpstreamTimeout("PACKAGEX", "PACKAGEX did not answer in 10.0 seconds.")
        problem.__cause__ = cause
    shown, _ = raised(problem)
    assert SECRET not in repr(shown)


def test_extensions_of_a_foreign_error_do_not_get_through() -> None:
    class Foreign(Exception):
        extensions = {"secret": SECRET}  # noqa: RUF012

    shown, reported = raised(Foreign("x"))
    assert shown["extensions"] == {"code": "INTERNAL", "requestId": "request-1"}
    assert len(reported) == 1


def test_a_missing_value_that_may_not_miss_is_a_bug_of_ours() -> None:
    result = graphql_sync(SCHEMA, "{ must }", {"must": None})
    assert result.errors is not None
    shown, reported = entry(result.errors[0])
    assert shown["extensions"]["code"] == "INTERNAL"
    assert shown["message"] == errors.MASKED
    assert len(reported) == 1


def test_an_error_of_ours_around_another_is_found_through_both() -> None:
    inner = GraphQLError("inner", original_error=Forbidden("Not yours."))
    shown, _ = entry(GraphQLError("outer", original_error=inner))
    assert (shown["message"], shown["extensions"]["code"]) == ("Not yours.", "FORBIDDEN")


def test_a_refusal_of_variables_is_bad_input() -> None:
    text = "query ($of: Int) { name(of: $of) }"
    result = graphql_sync(SCHEMA, text, {"name": "x"}, variable_values={"of": "many"})
    assert result.errors is not None
    shown, reported = entry(result.errors[0])
    assert shown["extensions"] == {"code": "BAD_USER_INPUT", "requestId": "request-1"}
    assert "path" not in shown
    assert reported == []


# ---- errors around fields


def test_what_is_wrong_with_a_document_is_told_with_its_place() -> None:
    with pytest.raises(GraphQLError) as problem:
        parse("{ name ")
    [shown] = errors.invalid([problem.value], "GRAPHQL_PARSE_FAILED", "request-1")
    assert "Syntax Error" in shown["message"]
    assert shown["locations"]
    assert shown["extensions"] == {"code": "GRAPHQL_PARSE_FAILED", "requestId": "request-1"}


def test_an_error_outside_of_any_field_has_no_place() -> None:
    assert errors.plain(Forbidden("Not yours.", source="PACKAGEX"), "request-1") == {
        "message": "Not yours.",
        "extensions": {
            "code": "FORBIDDEN",
            "source": "PACKAGEX",
            "retryable": False,
            "requestId": "request-1",
        },
    }


# ---- errors and warnings


def told(error: GatewayError, *path: str | int) -> dict[str, Any]:
    shown = errors.plain(error, "request-1")
    return {**shown, "path": list(path)} if path else shown


def test_a_source_that_fails_below_an_item_of_a_list_is_a_warning() -> None:
    error = told(UpstreamTimeout("PACKAGEX", "slow", retry_after=2), "contacts", "nodes", 3, "chat")
    kept, warnings = errors.parted([error])
    assert kept == []
    assert warnings == [
        {
            "message": "slow",
            "path": ["contacts", "nodes", 3, "chat"],
            "code": "UPSTREAM_TIMEOUT",
            "source": "PACKAGEX",
            "retryAfterSeconds": 2,
        }
    ]


@pytest.mark.parametrize(
    "error",
    [
        told(UpstreamTimeout("PACKAGEX", "slow"), "contact"),
        told(UpstreamTimeout("PACKAGEX", "slow")),
        told(BadInput("odd"), "contacts", "nodes", 3, "groups"),
        told(Forbidden("not yours", source="PACKAGEX"), "contacts", "nodes", 3, "raw"),
    ],
)
def test_every_other_error_stays_one(error: dict[str, Any]) -> None:
    assert errors.parted([error]) == ([error], [])


def test_errors_and_warnings_keep_their_order() -> None:
    mixed = [
        told(UpstreamTimeout("PACKAGEX", str(place)), *(["a", place] if place % 2 else ["a"]))
        for place in range(6)
    ]
    kept, warnings = errors.parted(mixed)
    assert [each["message"] for each in kept] == ["0", "2", "4"]
    assert [each["message"] for each in warnings] == ["1", "3", "5"]
