"""Clients that people use, put to a real gateway: each script below this folder is a program of its own.

They are installed, locked, into an environment (by `make test`) and a `node_modules` of their own.
"""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.node import packages
from tests.support.process import Running, running

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PYTHON = ROOT / ".venv-clients" / "bin" / "python"
PATIENCE = 120
KEY = "client-key"
ADMIN_KEY = "admin-key"
KEYS = ";".join(
    f"{name}:{hashlib.sha256(key.encode()).hexdigest()}:{scopes}"
    for name, key, scopes in (("clients", KEY, "read,write,import"), ("admin", ADMIN_KEY, "admin"))
)
SETTINGS = {"SMART_SENDER_RATE_LIMIT": "off"}

in_python = pytest.mark.skipif(
    not PYTHON.exists() and not os.environ.get("CI"), reason="needs .venv-clients of `make test`"
)
Places = Mapping[str, str]


def places(found: Running, key: str) -> Places:
    """Where a sandbox is, as variables for the scripts."""
    return {
        "CLIENTS_PACKAGEX": found.line(r"PACKAGEX_URL=(\S+)")[1],
        "CLIENTS_GATEWAY": found.line(r"The gateway answers on (http://\S+)")[1],
        "CLIENTS_KEY": key,
        "CLIENTS_ADMIN_KEY": ADMIN_KEY,
    }


@pytest.fixture(scope="module")
def guarded() -> Iterator[Places]:
    """A gateway that wants a key."""
    with running("sandbox", "--contacts", "40", settings={**SETTINGS, "GATEWAY_API_KEYS": KEYS}) as found:
        yield places(found, KEY)


@pytest.fixture(scope="module")
def open_to_all() -> Iterator[Places]:
    """A gateway without keys."""
    with running("sandbox", "--contacts", "40", settings=SETTINGS) as found:
        yield places(found, "")


def run(command: list[str], environment: Mapping[str, str]) -> str:
    """Run a script to its end; what it printed is shown where it fails."""
    done = subprocess.run(
        command,
        cwd=HERE,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def passed(script: str, where: Places) -> int:
    """How many tests of a script in JavaScript passed; none of them failed or was left out."""
    node = packages(HERE)
    told = run([node.command, "--test-reporter=tap", script], {**node.environment, **where})
    counts = {word: int(count) for word, count in re.findall(r"^# (tests|pass) (\d+)$", told, re.MULTILINE)}
    assert counts["tests"] == counts["pass"], told
    return counts["pass"]


def test_the_public_audits_of_graphql_over_http_pass_in_open_mode(open_to_all: Places) -> None:
    assert passed("audits.mjs", open_to_all) == 62


def test_the_public_audits_of_graphql_over_http_pass_with_a_key(guarded: Places) -> None:
    assert passed("audits.mjs", guarded) == 62


def test_graphql_js_reads_the_same_schema_by_either_way(guarded: Places) -> None:
    assert passed("graphql_js.mjs", guarded) == 3


def test_apollo_client_keeps_its_cache(guarded: Places) -> None:
    assert passed("apollo.mjs", guarded) == 5


def test_apollo_client_takes_answers_in_parts(guarded: Places) -> None:
    assert passed("apollo_parts.mjs", guarded) == 7


def test_graphql_ws_follows_what_happens(guarded: Places) -> None:
    assert passed("graphql_ws.mjs", guarded) == 8


def test_graphql_sse_follows_what_happens(guarded: Places) -> None:
    assert passed("graphql_sse.mjs", guarded) == 9


def test_urql_keeps_its_caches(guarded: Places) -> None:
    assert passed("urql.mjs", guarded) == 6


def test_graphql_request_asks_and_is_told(guarded: Places) -> None:
    assert passed("graphql_request.mjs", guarded) == 5


def test_relay_compiles_the_schema_and_pages(guarded: Places) -> None:
    assert passed("relay.mjs", guarded) == 4


def test_a_program_with_generated_types_compiles_and_runs(guarded: Places) -> None:
    assert passed("typed.mjs", guarded) == 2


@in_python
def test_gql_asks_by_the_schema_that_it_read(guarded: Places) -> None:
    assert "\nOK\n" in run([str(PYTHON), "-W", "error", "with_gql.py"], guarded)


@in_python
def test_gql_follows_what_happens(guarded: Places) -> None:
    assert "\nOK\n" in run([str(PYTHON), "-W", "error", "with_gql_websockets.py"], guarded)


@in_python
def test_a_client_made_by_ariadne_codegen_runs(guarded: Places) -> None:
    assert "\nOK\n" in run([str(PYTHON), "-W", "error", "with_ariadne_codegen.py"], guarded)


def test_the_example_for_browsers_reads_streams_in_any_pieces(guarded: Places) -> None:
    assert passed("example.mjs", guarded) == 7


def locked() -> dict[str, str]:
    """Every client that is installed by name, with its version, but for what comes along with them."""
    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]
    wanted = set(packages[""]["dependencies"]) - {
        *("rxjs", "typescript", "ws", "@types/node", "@graphql-typed-document-node/core")
    }
    found = {name: packages[f"node_modules/{name}"]["version"] for name in wanted}
    lock = (ROOT / "requirements" / "clients.txt").read_text()
    for name in re.findall(r"^[a-z-]+", (ROOT / "requirements" / "clients.in").read_text(), re.MULTILINE):
        [found[name]] = re.findall(rf"^{name}(?:\[[\w, ]+\])?==(\S+)", lock, re.MULTILINE)
    return found


def test_the_documented_versions_are_those_that_are_locked_and_run() -> None:
    page = (ROOT / "docs" / "clients.md").read_text()
    rows = re.findall(r"^\| `(\S+)` \| (\S+) \| .+ \| `(\S+)` \|$", page, re.MULTILINE)
    assert {name: version for name, version, _ in rows} == locked()
    scripts = {path.name for path in HERE.iterdir() if path.suffix in {".mjs", ".py"}}
    assert {script for *_, script in rows} == scripts - {
        *("support.mjs", "example.mjs", "__init__.py", "test_clients.py")
    }
