"""`gateway import` as a process, and gateways that are killed in the middle of a write."""

import csv
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.emulators import emulators
from tests.support.process import PATIENCE, running, until
from tests.support.world import JOB

CSV = (
    "First Name,Last Name,Email,Phone\nNoor,Aldana,noor@example.com,+12025550120\nPiet,Orsini,piet@example,\n"
)
IMPORT = f"mutation ($input: ImportContactsInput!) {{ importContacts(input: $input) {{ job {JOB} }} }}"
CREATE = (
    "mutation ($input: CreateContactInput!) { createContact(input: $input) { outcomes { source status } } }"
)


@contextmanager
def sources(folder: Path) -> Iterator[dict[str, str]]:
    """The emulators, and the settings of a gateway in front of them."""
    with emulators(60) as places:
        keys = dict.fromkeys(("SAMESPACE_API_KEY", "PACKAGEX_API_KEY", "SMART_SENDER_TOKEN"), "any")
        yield {**places, **keys, "GATEWAY_DATA_DIR": str(folder / "data")}


@contextmanager
def serving(settings: dict[str, str]) -> Iterator[tuple[Any, str]]:
    with running("serve", settings=settings) as found:
        yield found.process, found.line(r"The gateway answers on (http://\S+)")[1]


def command(*arguments: str, settings: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
        env={"PATH": "", "HOME": "/nonexistent", **settings},
    )


def ask(address: str, query: str, variables: Any, **headers: str) -> Any:
    answer = httpx.post(
        f"{address}/graphql", json={"query": query, "variables": variables}, headers=headers, timeout=PATIENCE
    )
    return answer.json()["data"]


def board(settings: dict[str, str], source: str) -> str:
    return settings[f"{source}_URL"].removesuffix("/v1") + "/_emulator"


def calls(settings: dict[str, str], source: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{board(settings, source)}/calls", timeout=PATIENCE) as answer:
        found: dict[str, int] = json.load(answer)["operations"]
    return found


def slow(settings: dict[str, str], source: str, operation: str, seconds: float) -> None:
    httpx.put(f"{board(settings, source)}/faults/{operation}", json={"latency": seconds}, timeout=PATIENCE)


def test_a_file_is_tried_then_imported_and_what_failed_is_written_to_a_file(tmp_path: Path) -> None:
    people, rejects = tmp_path / "people.csv", tmp_path / "rejects.csv"
    people.write_text(CSV)
    both = ("import", str(people), "--to", "samespace", "--to", "packagex")
    with sources(tmp_path) as settings:
        tried = command(*both, "--dry-run", settings=settings)
        assert tried.returncode == 1, tried.stderr
        assert "SAMESPACE: PARTIAL (created 1, merged 0, failed 1, unknown 0)" in tried.stdout
        assert "  row 2, Email: Its e-mail is not valid." in tried.stdout
        assert "Confirmation" not in tried.stdout
        assert "createFromCsv" not in calls(settings, "PACKAGEX")
        done = command(*both, "--rejects", str(rejects), settings=settings)
        assert "PACKAGEX: PARTIAL (created 1, merged 0, failed 1, unknown 0)" in done.stdout
        assert "Columns: First Name → firstName; Last Name → lastName" in done.stdout
        assert list(csv.reader(rejects.read_text().splitlines()))[1] == [
            *("Piet", "Orsini", "piet@example", ""),
            'SAMESPACE: Invalid "Email" input PACKAGEX: Not valid: email.',
        ]
        job = done.stdout.split("Job ", 1)[1].split(":", 1)[0]
        followed = command("import", "--follow", job, settings=settings)
        assert "Job " + job + ": finished" in followed.stdout
        mapped = command(
            *both[:3],
            "packagex",
            "--map",
            "First Name=name",
            "--map",
            "Email=email",
            "--dry-run",
            settings=settings,
        )
        assert "Phone → (left out)" in mapped.stdout


def test_rejects_never_go_over_the_file_itself(tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text(CSV)
    settings = {
        "GATEWAY_DATA_DIR": ":memory:",
        "PACKAGEX_URL": "http://127.0.0.1:9",
        "PACKAGEX_API_KEY": "any",
    }
    done = command(
        "import", str(people), "--to", "packagex", "--dry-run", "--rejects", str(people), settings=settings
    )
    assert (done.returncode, "the file itself" in done.stderr, people.read_text()) == (2, True, CSV)


def test_names_of_files_steer_no_terminal(tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("Quantity\x1b[2J,\x1b]0;evil\x07\n1,2\n")
    settings = {
        "GATEWAY_DATA_DIR": ":memory:",
        "PACKAGEX_URL": "http://127.0.0.1:9",
        "PACKAGEX_API_KEY": "any",
    }
    to = ("--to", "packagex", "--dry-run")
    for arguments in (
        (str(tmp_path / "no\x1b[2J.csv"), *to),
        (str(people), *to, "--rejects", str(tmp_path / "no\x1b[2J" / "x.csv")),
        (str(people), *to),
    ):
        done = command("import", *arguments, settings=settings)
        assert done.returncode == 2
        assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())
        assert "[2J" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("import",), 2, "name a FILE"),
        (("import", "people.csv"), 2, "--to"),
        (("import", "people.csv", "--to", "hubspot"), 2, "no source 'hubspot'"),
        (("import", "/nonexistent/people.csv", "--to", "packagex"), 2, "No such file"),
        (("import", "people.csv", "--to", "packagex", "--account", "acme"), 2, "no account 'acme'"),
        (("import", "--follow", "nonsense"), 2, "not an id"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(arguments: tuple[str, ...], status: int, told: str) -> None:
    settings = {
        "GATEWAY_DATA_DIR": ":memory:",
        "PACKAGEX_URL": "http://127.0.0.1:9",
        "PACKAGEX_API_KEY": "any",
    }
    done = command(*arguments, settings=settings)
    assert (done.returncode, told in done.stderr) == (status, True), done.stderr


def test_a_killed_gateway_sends_no_keyed_write_again_that_had_left(tmp_path: Path) -> None:
    given = {
        "targets": [{"source": "SAMESPACE"}, {"source": "PACKAGEX"}],
        "contact": {"firstName": "Ada", "lastName": "Quux"},
        "idempotencyKey": "order-17",
    }
    with sources(tmp_path) as settings:
        slow(settings, "PACKAGEX", "createPerson", 3.0)
        with serving(settings) as (process, address):
            with pytest.raises(httpx.HTTPError):
                httpx.post(
                    f"{address}/graphql", json={"query": CREATE, "variables": {"input": given}}, timeout=1.5
                )
            assert calls(settings, "PACKAGEX")["createPerson"] == 1
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE)
        with serving(settings) as (_, address):
            for _ in range(2):
                made = ask(address, CREATE, {"input": given})["createContact"]
                assert [each["status"] for each in made["outcomes"]] == ["APPLIED", "UNCERTAIN"]
        assert calls(settings, "PACKAGEX")["createPerson"] == 1
        assert calls(settings, "SAMESPACE")["createContact"] == 1


def test_an_import_that_is_stopped_names_the_job_that_says_what_is_known(tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text(CSV)
    with sources(tmp_path) as settings:
        slow(settings, "PACKAGEX", "createFromCsv", 4.0)
        with running("import", str(people), "--to", "packagex", settings=settings) as found:
            until(lambda: found.process.poll() is not None or "createFromCsv" in calls(settings, "PACKAGEX"))
            found.process.send_signal(signal.SIGINT)
            job = found.line(r"stopped\. The job (\S+)")[1]
            assert found.process.wait(PATIENCE) == 130
        followed = command("import", "--follow", job, settings=settings)
        assert "PACKAGEX: UNCERTAIN" in followed.stdout


def test_a_killed_gateway_finds_its_import_interrupted(tmp_path: Path) -> None:
    form = {
        "operations": json.dumps(
            {"query": IMPORT, "variables": {"input": {"targets": [{"source": "PACKAGEX"}], "file": None}}}
        ),
        "map": json.dumps({"0": ["variables.input.file"]}),
    }
    with sources(tmp_path) as settings:
        slow(settings, "PACKAGEX", "createFromCsv", 6.0)
        with serving(settings) as (process, address):
            answer = httpx.post(
                f"{address}/graphql",
                data=form,
                files={"0": ("people.csv", CSV.encode())},
                headers={"x-deadline-ms": "3000"},
                timeout=PATIENCE,
            )
            job = answer.json()["data"]["importContacts"]["job"]
            assert job["state"] == "RUNNING"
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE)
        with serving(settings) as (_, address):
            found = ask(address, f"query ($id: ID!) {{ importJob(id: $id) {JOB} }}", {"id": job["id"]})
            assert found["importJob"]["state"] == "INTERRUPTED"
            assert [report["status"] for report in found["importJob"]["reports"]] == ["UNCERTAIN"]
        assert calls(settings, "PACKAGEX")["createFromCsv"] == 1


def test_events_survive_a_restart(tmp_path: Path) -> None:
    given = {"targets": [{"source": "PACKAGEX"}], "contact": {"name": "Ada Quux"}}
    query = "query { events { nodes { type contact { displayName } } pageInfo { endCursor } } }"
    shown = []
    with sources(tmp_path) as settings:
        for _ in range(2):
            with serving(settings) as (process, address):
                ask(address, CREATE, {"input": given})
                shown.append(ask(address, query, {})["events"])
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE) == 0
    assert shown[1]["nodes"] == shown[0]["nodes"] * 2
    assert shown[1]["pageInfo"] != shown[0]["pageInfo"]


def test_replicas_and_the_command_line_share_through_redis(tmp_path: Path, redis_url: str) -> None:
    people = tmp_path / "people.csv"
    people.write_text(CSV)
    with sources(tmp_path) as settings:
        shared = {**settings, "GATEWAY_STATE_URL": redis_url, "GATEWAY_REPLICAS": "2"}
        one, other = ({**shared, "GATEWAY_DATA_DIR": str(tmp_path / name)} for name in ("one", "other"))
        with serving(one) as (killed, first), serving(other) as (_, second):
            done = command("import", str(people), "--to", "packagex", settings=shared)
            job = done.stdout.split("Job ", 1)[1].split(":", 1)[0]
            following = "query ($id: ID!) { importJob(id: $id) { state } }"
            for address in (first, second):
                assert ask(address, following, {"id": job})["importJob"] == {"state": "FINISHED"}
            given = {"targets": [{"source": "PACKAGEX"}], "contact": {"name": "Only One"}}
            written = [
                ask(address, CREATE, {"input": given}, **{"Idempotency-Key": "k"})
                for address in (first, second)
            ]
            assert written[0] == written[1]
            assert calls(settings, "PACKAGEX")["createPerson"] == 1
            killed.kill()
            events = ask(second, "{ events(first: 9) { nodes { type } } }", {})["events"]["nodes"]
            assert [each["type"] for each in events] == ["CONTACTS_IMPORTED", "CONTACT_CREATED"]
