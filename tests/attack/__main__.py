"""Sends strangers at a sandbox of its own: schemathesis, which makes operations out of the schema, and
clairvoyance, which guesses at one that is hidden. Says what they found; 1 where that is anything.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gateway.app import read_schema
from tests.support.process import sandbox

HERE = Path(__file__).parent
TOOLS = HERE.parent.parent / ".venv-attack" / "bin"
EXAMPLES, SEED = 20, 7
PATIENCE = 600
KEY = "key-attack"
KEYS = f"attack:{hashlib.sha256(KEY.encode()).hexdigest()}:read,write"
BASE = {"SMART_SENDER_RATE_LIMIT": "off"}
HIDDEN = {**BASE, "GATEWAY_PRODUCTION": "true", "GATEWAY_API_KEYS": KEYS}


def main() -> int:
    """Run both, each against a gateway of its own."""
    found = [*operations(), *guesses()]
    for each in found:
        print(each)
    print(f"{len(found)} findings." if found else "Nothing was found.")
    return 1 if found else 0


def operations() -> list[str]:
    """What schemathesis finds in an open sandbox."""
    with sandbox("--contacts", "40", settings=BASE) as address, tempfile.TemporaryDirectory() as folder:
        print(f"schemathesis, {EXAMPLES} operations for each field …", flush=True)
        command = [TOOLS / "schemathesis", "run", f"{address}/graphql", "--no-color"]
        command += ["--checks", "answered_in_form", "--max-examples", str(EXAMPLES), "--seed", str(SEED)]
        command += ["--phases", "fuzzing", "--suppress-health-check", "all", "--request-timeout", "30"]
        hooks = {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)}
        ended = run(command, folder, hooks)
    return [] if ended.returncode == 0 else [ended.stdout[-8_000:] + ended.stderr[-2_000:]]


def guesses() -> list[str]:
    """Words of the schema that clairvoyance tells from near misses of them."""
    words = names()
    with sandbox("--contacts", "40", settings=HIDDEN) as address, tempfile.TemporaryDirectory() as folder:
        print(f"clairvoyance, {len(words)} near misses …", flush=True)
        listed, told = Path(folder, "words.txt"), Path(folder, "schema.json")
        listed.write_text(
            "\n".join(sorted({word[:-1] + ("x" if word[-1] != "x" else "y") for word in words} - words))
        )
        command = [TOOLS / "clairvoyance", f"{address}/graphql", "-H", f"X-Api-Key: {KEY}"]
        command += ["-w", listed, "-o", told, "--profile", "fast", "--max-retries", "1"]
        ended = run(command, folder, {})
        if ended.returncode or not told.exists():
            return [f"clairvoyance could not run: {ended.stderr[-2_000:]}"]
        types = json.loads(told.read_text())["data"]["__schema"]["types"]
    fields = {field["name"] for each in types for field in each.get("fields") or ()}
    return [f"clairvoyance learned `{word}`" for word in sorted(fields & words)]


def run(command: Sequence[object], folder: str, more: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a tool in a folder of its own."""
    environment = {**os.environ, **more}
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def names() -> set[str]:
    """The fields at the root of queries: with more, it goes on for hours."""
    root = read_schema().query_type
    return set(root.fields) if root else set()


if __name__ == "__main__":
    sys.exit(main())
