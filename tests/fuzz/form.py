"""What every answer is held to, whatever was sent."""

from typing import Any

import httpx
import orjson

from gateway.sandbox import SANDBOX_KEY

MEMBERS = {"data", "errors", "extensions"}


def check(answer: httpx.Response, asked: object) -> None:
    """Fail where an answer is a fault of ours, not in GraphQL's form, or tells what nobody may know."""
    assert answer.status_code < 500, asked
    assert SANDBOX_KEY.encode() not in answer.content, asked
    assert SANDBOX_KEY not in str(answer.headers), asked
    body: Any = orjson.loads(answer.content)
    assert isinstance(body, dict), asked
    assert body.keys() <= MEMBERS, asked
    assert "data" in body or body["errors"], asked
    errors = body.get("errors", [])
    assert isinstance(errors, list), asked
    assert "errors" not in body or errors, asked
    for error in errors:
        assert isinstance(error["message"], str), asked
        assert error.keys() <= {"message", "locations", "path", "extensions"}, asked
        assert error["extensions"]["code"] != "INTERNAL", (asked, error)
    for warning in body.get("extensions", {}).get("warnings", []):
        assert warning["code"] != "INTERNAL", (asked, warning)
