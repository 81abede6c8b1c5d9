"""`gateway people duplicates` as a process."""

import csv
import io
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

from gateway.upstreams.people import Population
from tests.cli.test_import import command, sources
from tests.support.process import PATIENCE

PEOPLE = 60


def test_who_is_there_more_than_once_is_told_with_the_reason(tmp_path: Path) -> None:
    several = [person for person in Population(PEOPLE) if len(person.systems) > 1]
    with sources(tmp_path) as settings:
        told = command("people", "duplicates", settings=settings)
        listed = command("people", "duplicates", "--csv", settings=settings)
    assert (told.returncode, told.stderr) == (0, "")
    assert f"{len(several)} people have several records: 0 of them twice in one source." in told.stdout
    assert listed.returncode == 0
    rows = list(csv.DictReader(io.StringIO(listed.stdout)))
    assert len(rows) == sum(len(person.systems) for person in several)
    assert len({row["person"] for row in rows}) == len(several)
    assert all("SAME_EMAIL" in row["why"] or "SAME_PHONE" in row["why"] for row in rows)
    assert all(not row["phone"].startswith("+") for row in rows)  # which a spreadsheet would reckon with


def test_a_source_that_is_down_is_told_and_the_others_are_compared(tmp_path: Path) -> None:
    with sources(tmp_path) as settings:
        told = command("people", "duplicates", settings={**settings, "PACKAGEX_URL": "http://127.0.0.1:9"})
    assert told.returncode == 1
    assert "PACKAGEX" in told.stderr
    assert "SAMESPACE" in told.stdout
    assert "PACKAGEX" not in told.stdout
    assert "Traceback" not in told.stderr


def test_without_a_source_there_is_no_report(tmp_path: Path) -> None:
    done = command("people", "duplicates", settings={"GATEWAY_DATA_DIR": str(tmp_path / "data")})
    assert (done.returncode, done.stdout) == (2, "")
    assert "No source has both a key and an address" in done.stderr


def test_a_source_that_is_switched_off_is_told(tmp_path: Path) -> None:
    with sources(tmp_path) as settings:
        told = command("people", "duplicates", settings={**settings, "PACKAGEX_API_KEY": ""})
    assert told.returncode == 0
    assert "PackageX is switched off: its records are not in this report." in told.stderr


def test_an_account_that_is_not_there_is_no_report(tmp_path: Path) -> None:
    done = command(
        "people", "duplicates", "--account", "acme", settings={"GATEWAY_DATA_DIR": str(tmp_path / "data")}
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no account 'acme'" in done.stderr


def test_a_terminal_sees_how_far_it_is(tmp_path: Path) -> None:
    with sources(tmp_path) as settings:
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))  # where it has no width, there is no bar
        os.set_blocking(ours, False)
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "people", "duplicates"],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={"PATH": "", "HOME": "/nonexistent", **settings},
        )
        process.communicate(timeout=3 * PATIENCE)
        shown = os.read(ours, 65_536).decode()
        os.close(theirs)
        os.close(ours)
    assert process.returncode == 0
    assert "reading" in shown
    assert "comparing: " in shown
    assert "person/s" in shown
