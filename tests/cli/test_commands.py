"""The commands as processes: what they print, how they end."""

import json
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import PATIENCE, running, sandbox, until

CONTACTS = "{ contacts(first: 9) { nodes { source displayName } sources { source status } } }"


def call(url: str, body: bytes | None = None, method: str | None = None) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=PATIENCE) as answer:
        return bytes(answer.read())


def called(emulator: str) -> dict[str, int]:
    """How often each operation of an emulator was called."""
    counted: dict[str, int] = json.loads(call(f"{emulator}/_emulator/calls"))["operations"]
    return counted


def ask(address: str, query: str, variables: dict[str, Any] | None = None) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def gateway(*arguments: str, settings: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={"PATH": "", "HOME": "/nonexistent", "GATEWAY_DATA_DIR": ":memory:", **(settings or {})},
    )


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The gateway of a sandbox, for those who only read."""
    with sandbox() as found:
        yield found


def test_the_sandbox_answers_with_people_of_all_three_systems(address: str) -> None:
    answer = ask(address, CONTACTS)
    assert {node["source"] for node in answer["data"]["contacts"]["nodes"]} == {
        "SAMESPACE",
        "PACKAGEX",
        "SMART_SENDER",
    }
    assert json.loads(call(f"{address}/readyz"))["status"] == "ready"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_ends_cleanly_with_everything_it_started(number: signal.Signals) -> None:
    with running("sandbox") as found:
        emulator = found.line(r"^PACKAGEX_URL=(\S+)")[1]
        found.line("The gateway answers on")
        assert found.stop(number) == 0
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"{emulator}/contacts", timeout=1)


CHANGE = (
    'mutation ($id: ID!) { updateContact(input: { id: $id, contact: { name: "Last Words" } }) '
    "{ outcome { status } } }"
)


def test_what_is_under_way_is_finished_after_sigterm_and_nothing_new_is_taken() -> None:
    with running("sandbox", "--contacts", "20") as found:
        packagex = found.line(r"PACKAGEX_URL=(http://\S+)/v1")[1]
        address = found.line(r"The gateway answers on (http://\S+)")[1]
        first = ask(address, "{ contacts(first: 1, sources: [PACKAGEX]) { nodes { id } } }")
        contact = first["data"]["contacts"]["nodes"][0]["id"]
        call(f"{packagex}/_emulator/faults/*", b'{"latency": 1.0}', "PUT")
        call(f"{packagex}/_emulator/calls", method="DELETE")
        with ThreadPoolExecutor(2) as callers:
            read = callers.submit(ask, address, CONTACTS)
            written = callers.submit(ask, address, CHANGE, {"id": contact})
            until(lambda: {"listContacts", "updatePerson"} <= called(packagex).keys())
            assert found.stop() == 0
            assert len(read.result()["data"]["contacts"]["nodes"]) == 9
            assert written.result()["data"]["updateContact"]["outcome"]["status"] == "APPLIED"
        with pytest.raises(OSError, match="refused"):
            call(f"{address}/healthz")


def test_a_write_that_is_cut_off_at_the_end_of_the_grace_is_never_called_retryable() -> None:
    with running("sandbox", "--contacts", "20", settings={"GATEWAY_GRACE_SECONDS": "1"}) as found:
        packagex = found.line(r"PACKAGEX_URL=(http://\S+)/v1")[1]
        address = found.line(r"The gateway answers on (http://\S+)")[1]
        first = ask(address, "{ contacts(first: 1, sources: [PACKAGEX]) { nodes { id } } }")
        contact = first["data"]["contacts"]["nodes"][0]["id"]
        call(f"{packagex}/_emulator/faults/updatePerson", b'{"latency": 8.0}', "PUT")
        with ThreadPoolExecutor(1) as callers:
            written = callers.submit(ask, address, CHANGE, {"id": contact})
            until(lambda: "updatePerson" in called(packagex))
            assert found.stop() == 0
            with pytest.raises(urllib.error.HTTPError) as cut:
                written.result()
        assert (cut.value.code, cut.value.headers["retry-after"]) == (503, None)
        (error,) = json.load(cut.value)["errors"]
        assert (error["extensions"]["code"], error["extensions"]["retryable"]) == ("DEADLINE_EXCEEDED", False)


def test_the_emulators_alone_print_their_addresses_first() -> None:
    with running("sandbox", "--upstreams-only") as found:
        addresses = {
            name: found.line(rf"^{name}=(http://127\.0\.0\.1:\d+\S*)$")[1]
            for name in ("SAMESPACE_URL", "PACKAGEX_URL", "SMART_SENDER_URL")
        }
        assert "".join(found.printed).startswith("SAMESPACE_URL=")
        checked = gateway(
            "check", settings={**addresses, "PACKAGEX_API_KEY": "any", "SMART_SENDER_TOKEN": "any"}
        )
        assert checked.returncode == 0
        assert "switched off" in checked.stdout
        assert checked.stdout.count("ok") >= 6


def test_checking_says_what_does_not_work_and_fails() -> None:
    settings = {"PACKAGEX_URL": "http://127.0.0.1:9/v1", "PACKAGEX_API_KEY": "px-secret"}
    checked = gateway("check", settings=settings)
    assert checked.returncode == 1
    assert "UPSTREAM_UNAVAILABLE" in checked.stdout
    assert "px-secret" not in checked.stdout + checked.stderr


def test_checking_goes_through_the_proxy_that_is_set_and_says_where_it_is_not_there() -> None:
    settings = {"PACKAGEX_URL": "https://source.invalid/v1", "PACKAGEX_API_KEY": "px-secret"}
    settings["GATEWAY_OUTGOING_PROXY"] = "http://ada:word-7Jq2@127.0.0.1:9"
    checked = gateway("check", settings=settings)
    assert checked.returncode == 1
    assert "The outgoing proxy is not there." in checked.stdout
    assert "word-7Jq2" not in checked.stdout + checked.stderr


def test_the_gateway_serves_without_any_source_and_ends_cleanly() -> None:
    with running("serve", settings={"GATEWAY_DATA_DIR": ":memory:"}) as found:
        address = found.line(r"The gateway answers on (\S+) \(no keys are set")[1]
        answer = ask(address, "{ sources { enabled } contacts { nodes { id } } }")
        assert [source["enabled"] for source in answer["data"]["sources"]] == [False] * 3
        assert answer["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
        assert found.stop() == 0


def test_an_odd_setting_stops_the_start_and_is_named() -> None:
    for settings, name in (
        ({"GATEWAY_PORT": "eighty"}, "GATEWAY_PORT"),
        ({"GATEWAY_HOST": "0.0.0.0"}, "GATEWAY_HOST"),
        ({"PACKAGEX_URL": "http://packagex.example"}, "PACKAGEX_URL"),
        ({"GATEWAY_API_KEYS": "a:b"}, "GATEWAY_API_KEYS"),
    ):
        refused = gateway("serve", settings=settings)
        assert refused.returncode == 2
        assert refused.stderr.startswith(f"gateway: {name} ")


def test_a_port_that_is_taken_is_said_plainly(address: str) -> None:
    port = address.rpartition(":")[2]
    refused = gateway("serve", settings={"GATEWAY_PORT": port})
    assert refused.returncode == 1
    assert refused.stderr.endswith(f":{port}. Choose another port with GATEWAY_PORT.\n")


def test_a_variable_that_is_misspelt_is_told() -> None:
    with running("serve", settings={"GATEWAY_CONCURENCY": "5", "GATEWAY_DATA_DIR": ":memory:"}) as found:
        assert json.loads(found.line("unknown setting").string)["name"] == "GATEWAY_CONCURENCY"
        assert json.loads(found.line("no source").string)["level"] == "warning"
        found.line("The gateway answers on")
        assert found.stop() == 0
    checked = gateway("check", settings={"GATEWAY_CONCURENCY": "5"})
    assert checked.stderr == "gateway: GATEWAY_CONCURENCY looks like a setting and is none.\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("sandbox", "--contacts", "abc"), "--contacts: has to be a whole number of at least 1"),
        (("sandbox", "--contacts", "0"), "--contacts: has to be a whole number of at least 1"),
        (("mcp", "--port", "65536"), "--port: has to be a port, from 0 to 65535"),
        (("audit", "--last", "-1"), "--last: has to be a whole number of at least 0"),
    ],
)
def test_an_odd_argument_is_told_as_what_it_has_to_be(arguments: tuple[str, ...], told: str) -> None:
    refused = gateway(*arguments)
    assert refused.returncode == 2
    assert refused.stderr.endswith(f"argument {told}\n")


def test_the_schema_is_printed_as_it_is_served(address: str) -> None:
    assert call(f"{address}/schema.graphql").decode() == gateway("schema").stdout


def test_the_schema_for_composition_is_printed_as_routers_are_told_it(address: str) -> None:
    printed = gateway("schema", "--federation").stdout
    assert ask(address, "{ _service { sdl } }")["data"]["_service"]["sdl"] == printed
    assert "specs.apollo.dev/federation/v2.9" in printed


def test_the_audit_trail_is_checked_shown_and_erased(tmp_path: Path) -> None:
    settings = {"GATEWAY_DATA_DIR": str(tmp_path)}
    with sandbox(settings=settings) as address:
        given = {"contact": {"firstName": "Ada"}, "targets": [{"source": "PACKAGEX"}]}
        query = "mutation ($input: CreateContactInput!) { createContact(input: $input) { contacts { id } } }"
        (made,) = ask(address, query, {"input": given})["data"]["createContact"]["contacts"]
    told = gateway("audit", "--last", "5", settings=settings)
    assert told.returncode == 0
    record, summary = told.stdout.splitlines()
    assert json.loads(record)["detail"]["targets"] == [made["id"]]
    assert summary == f"default: whole, up to 1:{json.loads(record)['hash']}"
    erased = gateway("audit", "--erase", made["id"], settings=settings)
    assert (erased.returncode, erased.stdout) == (0, "1 records say nothing of it any more.\n")
    head = summary.rpartition(" ")[2]
    assert gateway("audit", "--expect", head, settings=settings).returncode == 0
    assert made["id"] not in gateway("audit", "--last", "9", settings=settings).stdout
    db = sqlite3.connect(tmp_path / "journal.sqlite3")
    db.execute("UPDATE audit SET caller = 'somebody else' WHERE number = 1")
    db.commit()
    db.close()
    broken = gateway("audit", settings=settings)
    assert (broken.returncode, broken.stdout) == (1, "")
    assert "Record 1 was changed." in broken.stderr
    assert gateway("audit", "--expect", "1:abc", settings=settings).returncode == 1
    assert gateway("audit", "--erase", "nonsense", settings=settings).returncode == 2


def test_whoever_follows_events_does_not_hold_up_the_end() -> None:
    with running("sandbox", "--contacts", "5", settings={"GATEWAY_GRACE_SECONDS": "60"}) as found:
        address = found.line(r"The gateway answers on (http://\S+)")[1]
        body = json.dumps({"query": "subscription { events { cursor } }"}).encode()
        headers = {"content-type": "application/json", "accept": "text/event-stream"}
        request = urllib.request.Request(f"{address}/graphql", body, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as stream:
            assert stream.readline() == b":\n"
            assert found.stop() == 0  # within the patience, which is less than the grace
            assert b"complete" not in stream.read()
