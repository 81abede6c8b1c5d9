"""What is installed is what was looked at: every dependency is locked with its hashes, of no named index."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
NODE_LOCKS = [*ROOT.glob("gateway/**/package-lock.json"), *ROOT.glob("tests/*/package-lock.json")]
NODE_LOCKS += ROOT.glob("tests/benchmarks/*/package-lock.json")
NODE_LOCKS = [each for each in NODE_LOCKS if "node_modules" not in each.parts]
PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[a-z0-9, -]+\])?==[^\s;]+( ; .+)?")


def entries(lock: Path) -> list[str]:
    return lock.read_text().replace(" \\\n", "\n").split("\n")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_dependency_has_a_version_and_hashes(lock: Path) -> None:
    packages, hashes = 0, 0
    for line in entries(lock):
        if line.startswith("    --hash=sha256:"):
            hashes += 1
            continue
        assert packages == 0 or line or hashes >= packages, line
        if line:
            assert hashes >= packages, f"{line}: the one before it has no hash"
            assert PINNED.fullmatch(line), line
            packages += 1
    assert 0 < packages <= hashes


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_index_and_no_address_is_named(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_what_is_asked_for_is_locked(lock: Path) -> None:
    wanted = {
        re.split(r"[\[<>=!; ]", line)[0].lower()
        for line in lock.with_suffix(".in").read_text().splitlines()
        if line and not line.startswith(("#", "-"))
    }
    locked = {match["name"].lower() for line in entries(lock) if (match := PINNED.fullmatch(line))}
    assert wanted <= locked


@pytest.mark.parametrize("lock", NODE_LOCKS, ids=lambda lock: lock.parent.name)
def test_packages_of_node_are_locked_by_what_they_hold_and_not_by_where_they_lie(lock: Path) -> None:
    held = {path: each for path, each in json.loads(lock.read_text())["packages"].items() if path}
    assert held
    assert [path for path, each in held.items() if not each["integrity"].startswith("sha512-")] == []
    assert [path for path, each in held.items() if "resolved" in each] == []


def test_the_versions_of_suites_in_the_docs_are_those_that_are_locked() -> None:
    page = (ROOT / "docs" / "clients.md").read_text().partition("And suites")[2]
    rows = re.findall(r"^\| `(\S+)` \| (\S+) \|", page, re.MULTILINE)
    assert len(rows) > 5
    locked = {
        match["name"]: line for lock in LOCKS for line in entries(lock) if (match := PINNED.fullmatch(line))
    }
    for name, version in rows:
        held = [
            json.loads(lock.read_text())["packages"].get(f"node_modules/{name}", {}).get("version")
            for lock in NODE_LOCKS
        ]
        assert version in held or f"=={version} " in f"{locked.get(name, '')} ", name
