"""What a gateway imports before it serves: what takes a while, and memory, only where it is wanted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process import PATIENCE

HEAVY = {"cryptography", "email_validator", "jwt", "limits", "msgpack", "opentelemetry", "redis"}
STARTED = """
import json, os, sys
from gateway import cli, config
from gateway.app import create_app
from gateway.server import running
create_app(config.read(os.environ))
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
ISSUER = {
    "GATEWAY_JWT_ISSUER": "https://id.example.org",
    "GATEWAY_JWT_AUDIENCE": "contacts",
    "GATEWAY_JWT_KEYS_URL": "https://id.example.org/keys",
}


def imported(settings: dict[str, str]) -> set[str]:
    """The packages that a gateway with these settings has imported when it is about to serve."""
    ended = subprocess.run(
        [sys.executable, "-c", STARTED],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        cwd=Path(__file__).parents[2],
        env={"PATH": "", "HOME": "/nonexistent", "GATEWAY_DATA_DIR": ":memory:", **settings},
    )
    return set(json.loads(ended.stdout))


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, set()),
        ({"GATEWAY_STATE_URL": "redis://127.0.0.1:9"}, HEAVY - {"email_validator", "jwt"}),
        (ISSUER, {"cryptography", "jwt"}),
        ({"GATEWAY_CALLER_REQUESTS": "100/60"}, {"limits"}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, {"opentelemetry"}),
    ],
    ids=["nothing", "replicas", "issuer", "callers", "traces"],
)
def test_what_few_want_is_imported_before_the_first_request_where_it_is_wanted_and_nowhere_else(
    settings: dict[str, str], wanted: set[str]
) -> None:
    found = imported(settings)
    assert {"graphql", "starlette", "uvicorn"} <= found
    assert found & HEAVY == wanted
