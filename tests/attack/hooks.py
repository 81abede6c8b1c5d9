"""What schemathesis is told: a value for our scalars, and what counts as a fault.

Its own checks take every error of a field for a fault of the server; ours are values with codes.
"""

import json

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

KEYS = ("sandbox-key", "key-attack")

schemathesis.graphql.scalar("Upload", st.text(max_size=9).map(nodes.String))
schemathesis.graphql.scalar(
    "JSON", st.one_of(st.integers(-9, 9).map(nodes.Int), st.text(max_size=9).map(nodes.String))
)
schemathesis.graphql.scalar("DateTime", st.datetimes().map(lambda time: nodes.String(f"{time.isoformat()}Z")))


@schemathesis.check
def answered_in_form(
    _: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """No fault of ours, GraphQL's form, and nothing that nobody may know."""
    text = response.text
    assert response.status_code < 500, f"{response.status_code}: {text[:500]}"
    assert not any(key in text for key in KEYS), "a key is in the answer"
    body = json.loads(text)
    assert body.keys() <= {"data", "errors", "extensions"}, f"not in form: {text[:500]}"
    codes = [error["extensions"]["code"] for error in body.get("errors", ())]
    codes += [warning["code"] for warning in body.get("extensions", {}).get("warnings", ())]
    assert "INTERNAL" not in codes, f"a fault inside: {text[:500]}"
