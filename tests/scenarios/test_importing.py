"""A file of contacts is imported into several systems, tried first, and every row says what became of it."""

import asyncio
import base64
import csv
import hashlib
import io
from typing import Any

import httpx
import pytest

from gateway.imports import table
from gateway.model.source import Source
from tests.conftest import Build
from tests.support.waiting import give_way
from tests.support.world import JOB, World

BOTH = {"targets": [{"source": "SAMESPACE"}, {"source": "PACKAGEX"}]}
SAMESPACE = {"targets": [{"source": "SAMESPACE"}]}
PACKAGEX = {"targets": [{"source": "PACKAGEX"}]}


def file(*rows: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


HEAD = ("First Name", "Last Name", "Email", "Phone")
NOOR = ("Noor", "Aldana", "noor@example.com", "+12025550120")
PIET = ("Piet", "Orsini", "piet@example", "+12025550121")
GOOD = file(HEAD, NOOR, ("Ida", "Quux", "ida@example.com", "+12025550122"))


def statuses(payload: dict[str, Any], place: int = 0) -> list[str]:
    return [row["status"] for row in payload["job"]["reports"][place]["rows"]]


async def ended(world: World, job: str) -> Any:
    """A job, once it has ended."""
    query = f"query ($id: ID!) {{ importJob(id: $id) {JOB} }}"
    while (found := (await world.data(query, {"id": job}))["importJob"])["state"] == "RUNNING":
        await give_way()
    return found


async def emails(world: World, source: Source) -> set[str]:
    found = await world.data(
        "query ($of: [Source!]) { contacts(first: 100, sources: $of, orderBy: {field: EMAIL}) { nodes { email } } }",
        {"of": [source.value]},
    )
    return {node["email"] for node in found["contacts"]["nodes"]}


async def test_a_dry_run_says_for_every_row_what_would_happen_and_writes_nothing(world: World) -> None:
    (known,) = await world.some(Source.SAMESPACE)
    rows = file(HEAD, NOOR, PIET, ("Else", "Name", known["email"], ""), ("", "", "x@example.com", ""))
    payload = await world.load({**BOTH, "dryRun": True}, rows)
    job = payload["job"]
    assert (job["state"], job["dryRun"], job["processed"], job["total"]) == ("FINISHED", True, 8, 8)
    assert statuses(payload, 0) == ["WOULD_CREATE", "WOULD_FAIL", "WOULD_MERGE", "WOULD_FAIL"]
    assert statuses(payload, 1) == ["WOULD_CREATE", "WOULD_FAIL", "WOULD_CREATE", "WOULD_FAIL"]
    samespace, packagex = job["reports"]
    assert samespace["rows"][1]["fields"] == packagex["rows"][1]["fields"] == ["Email"]
    assert samespace["rows"][2]["contactId"] == known["id"]
    assert (samespace["created"], samespace["merged"], samespace["failed"]) == (1, 1, 2)
    assert "Assumed" in samespace["message"]
    assert not {"csvUpload", "importContacts", "createFromCsv"} & world.operations.keys()


async def test_the_real_run_does_what_the_dry_run_said(world: World) -> None:
    (known,) = await world.some(Source.SAMESPACE)
    rows = file(
        HEAD, NOOR, PIET, (known["firstName"], "Merged", known["email"], ""), ("", "", "x@example.com", "")
    )
    payload = await world.load(BOTH, rows)
    assert statuses(payload, 0) == ["CREATED", "FAILED", "MERGED", "FAILED"]
    assert statuses(payload, 1) == ["CREATED", "FAILED", "CREATED", "FAILED"]
    samespace, packagex = payload["job"]["reports"]
    assert samespace["rows"][2]["contactId"] == known["id"]
    assert (samespace["status"], packagex["status"]) == ("PARTIAL", "PARTIAL")
    assert (packagex["created"], packagex["merged"], packagex["failed"]) == (2, 0, 2)
    for report in (samespace, packagex):
        found = await world.data(
            "query ($id: ID!) { node(id: $id) { ... on Contact { email } } }",
            {"id": report["rows"][0]["contactId"]},
        )
        assert found["node"] == {"email": "noor@example.com"}
    for source in (Source.SAMESPACE, Source.PACKAGEX):
        assert "noor@example.com" in await emails(world, source)
    events = await world.data("{ events { nodes { type source payload } } }")
    assert [(each["type"], each["source"]) for each in events["events"]["nodes"]] in (
        [("CONTACTS_IMPORTED", "SAMESPACE"), ("CONTACTS_IMPORTED", "PACKAGEX")],
        [("CONTACTS_IMPORTED", "PACKAGEX"), ("CONTACTS_IMPORTED", "SAMESPACE")],
    )


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        ("Vorname;Nachname;E-Mail-Adresse;Telefon\nZoë;Müller;zoe@example.com;+12025550123\n".encode("cp1252"), "a.csv"),
        ("first_name\tSURNAME\tmail\tMobile Phone\nZoë\tMüller\tzoe@example.com\t+12025550123\n".encode(), "a.tsv"),
        ("\ufeffPrénom|Nom de famille|Courriel|Cell\nZoë|Müller|zoe@example.com|+12025550123\n".encode(), "a.txt"),
        ("Given Name,Last,E-MAIL,tel\n\nZoë,Müller,zoe@example.com,+12025550123\n".encode("utf-16"), "a.csv"),
    ],
    ids=["cp1252 semicolons", "tabs", "bom pipes", "utf-16 blank line"],
)  # fmt: skip
async def test_a_mapping_is_proposed_from_headers_of_any_kind(
    world: World, content: bytes, filename: str
) -> None:
    payload = await world.load({**BOTH, "dryRun": True}, content, filename)
    fields = [each["field"] for each in payload["job"]["mapping"]]
    assert fields == ["firstName", "lastName", "email", "phone"]
    assert statuses(payload) == ["WOULD_CREATE"]


async def test_a_given_mapping_counts_and_columns_left_out_are_not_imported(world: World) -> None:
    rows = file(("a", "b", "c", "d"), ("Noor Van Aldana", "x", "noor@example.com", "A-17"))
    mapping = [
        {"column": "a", "field": "name"},
        {"column": "c", "field": "email"},
        {"column": "d", "field": "metadata.crm"},
    ]
    payload = await world.load({**BOTH, "mapping": mapping}, rows)
    assert [each["field"] for each in payload["job"]["mapping"]] == ["name", None, "email", "metadata.crm"]
    assert [report["status"] for report in payload["job"]["reports"]] == ["APPLIED", "APPLIED"]
    contacts = [
        (
            await world.data(
                'query ($id: ID!) { contact(by: {id: $id}) { firstName lastName properties(keys: ["crm"]) { value } } }',
                {"id": report["rows"][0]["contactId"]},
            )
        )["contact"]
        for report in payload["job"]["reports"]
    ]
    assert {(each["firstName"], each["lastName"]) for each in contacts} == {("Noor", "Van Aldana")}
    assert contacts[1]["properties"] == [{"value": "A-17"}]


async def test_custom_properties_of_a_module_are_fields_too(world: World) -> None:
    rows = file((*HEAD, "Lead Score", "city"), (*NOOR, "7", "Salem"))
    payload = await world.load(SAMESPACE, rows)
    assert [each["field"] for each in payload["job"]["mapping"]][4:] == ["leadScore", "city"]
    assert statuses(payload) == ["CREATED"]


async def test_what_packagex_documents_of_its_columns_is_honoured(world: World) -> None:
    rows = file(
        ("First Name", "Last Name", "Address", "Address Line2", "Type", "Groups", "metadata.source"),
        ("Noor", "Aldana", "18 Harbor Row, Portland, OR 97209", "Unit 4", "", "Night Desk", "fair"),
        ("Night Desk", "", "", "", "group", "", ""),
        ("Ida", "Quux", "", "", "person", "Nobody Knows", ""),
    )
    tried = await world.load({**PACKAGEX, "dryRun": True}, rows)
    assert statuses(tried) == ["WOULD_CREATE", "WOULD_CREATE", "WOULD_FAIL"]
    assert tried["job"]["reports"][0]["rows"][2]["fields"] == ["Groups"]
    payload = await world.load(PACKAGEX, rows)
    assert statuses(payload) == ["CREATED", "CREATED", "FAILED"]
    contact = await world.data(
        "query ($id: ID!) { contact(by: {id: $id}) { displayName address { line2 city } "
        'properties(keys: ["source"]) { value } groups { nodes { name } } } }',
        {"id": payload["job"]["reports"][0]["rows"][0]["contactId"]},
    )
    assert contact["contact"] == {
        "displayName": "Noor Aldana",
        "address": {"line2": "Unit 4", "city": "Portland"},
        "properties": [{"value": "fair"}],
        "groups": {"nodes": [{"name": "Night Desk"}]},
    }


async def test_rows_that_share_a_value_merge_within_the_file_and_none_is_called_proved_that_is_not(
    world: World,
) -> None:
    rows = file(HEAD, NOOR, ("Noor", "Again", "noor@example.com", ""), ("Ida", "Quux", "ida@example.com", ""))
    tried = await world.load({**SAMESPACE, "dryRun": True}, rows)
    assert statuses(tried) == ["WOULD_CREATE", "WOULD_MERGE", "WOULD_CREATE"]
    payload = await world.load(SAMESPACE, rows)
    report = payload["job"]["reports"][0]
    assert (report["created"], report["merged"], report["failed"]) == (2, 1, 0)
    # Nothing tells which of the two the contact was made of.
    assert statuses(payload) == ["UNKNOWN", "UNKNOWN", "CREATED"]
    assert report["unknown"] == 2


async def test_failures_of_samespace_are_matched_back_by_their_values(world: World) -> None:
    world.samespace.refused_phones.add("+12025550120")
    payload = await world.load(
        SAMESPACE, file(HEAD, ("A", "B", "", ""), NOOR, ("C", "D", "c@example.com", ""))
    )
    assert statuses(payload) == ["CREATED", "FAILED", "CREATED"]
    row = payload["job"]["reports"][0]["rows"][1]
    assert (row["fields"], row["reason"]) == (["Phone"], 'Invalid "Phone Number" input')


async def test_counts_that_do_not_add_up_leave_rows_unknown(world: World) -> None:
    world.packagex.switches.fail(
        "createFromCsv",
        status=201,
        body='{"status": 201, "data": {"contact_ids": ["contact_1"], "issues": []}}',
    )
    payload = await world.load(PACKAGEX, GOOD)
    assert statuses(payload) == ["UNKNOWN", "UNKNOWN"]


@pytest.mark.parametrize("base", [0, 1])
async def test_the_index_of_issues_is_a_setting(new_world: Build, base: int) -> None:
    world = new_world(PACKAGEX_IMPORT_INDEX_BASE=str(base))
    world.packagex.switches.fail(
        "createFromCsv",
        status=201,
        body='{"status": 201, "data": {"ids": ["contact_1"], "issues": [{"index": 1, "errors": ["email"]}]}}',
    )
    payload = await world.load(PACKAGEX, GOOD)
    assert statuses(payload).index("FAILED") == 1 - base


async def test_a_read_back_overrules_an_index_that_is_counted_otherwise(new_world: Build) -> None:
    """The emulator counts from 0: with the wrong setting the first row would be called failed."""
    world = new_world(PACKAGEX_IMPORT_INDEX_BASE="1")
    payload = await world.load(PACKAGEX, file(HEAD, NOOR, PIET, ("Ida", "Quux", "ida@example.com", "")))
    assert statuses(payload) == ["CREATED", "UNKNOWN", "CREATED"]


# Overwriting.


async def test_an_overwrite_without_a_confirmation_is_refused_before_anything_is_sent(world: World) -> None:
    given = {"targets": [{"source": "PACKAGEX", "overwrite": True}]}
    payload = await world.load(given, GOOD)
    assert payload["job"] is None
    assert [(each["field"], each["code"]) for each in payload["userErrors"]] == [
        (["targets", "0", "confirmation"], "REQUIRED")
    ]
    assert world.calls == {}


async def test_a_confirmed_overwrite_replaces_everybody_once(world: World) -> None:
    target = {"source": "PACKAGEX", "overwrite": True}
    tried = await world.load({"targets": [target], "dryRun": True}, GOOD)
    report = tried["job"]["reports"][0]
    assert report["deleted"] > 50
    assert "createFromCsv" not in world.operations
    given = {"targets": [{**target, "confirmation": tried["job"]["confirmation"]}]}
    payload = await world.load(given, GOOD)
    assert statuses(payload) == ["CREATED", "CREATED"]
    assert await emails(world, Source.PACKAGEX) == {"noor@example.com", "ida@example.com"}
    again = await world.load(given, GOOD)
    assert again["userErrors"][0]["code"] == "INVALID"
    assert world.operations["createFromCsv"] == 1


async def test_a_confirmation_is_good_for_its_file_account_and_time_only(new_world: Build) -> None:
    def key(name: str, account: str) -> str:
        return f"{name}:{hashlib.sha256(name.encode()).hexdigest()}:read,import:{account}"

    world = new_world(GATEWAY_API_KEYS=f"{key('ada', 'one')};{key('bob', 'two')}")
    world.headers["x-api-key"] = "ada"
    target = {"source": "PACKAGEX", "overwrite": True}
    tried = await world.load({"targets": [target], "dryRun": True}, GOOD)
    given = {"targets": [{**target, "confirmation": tried["job"]["confirmation"]}]}
    for headers, content in (({"x-api-key": "bob"}, GOOD), ({"x-api-key": "ada"}, GOOD + b"x,y,,\n")):
        payload = await world.load(given, content, headers=headers)
        assert [each["code"] for each in payload["userErrors"]] == ["INVALID"]
    imports = world.gateway.ledgers["one"].imports
    imports._confirmations._now = lambda: "2999-01-01T00:00:00.000Z"
    payload = await world.load(given, GOOD)
    assert [each["code"] for each in payload["userErrors"]] == ["INVALID"]
    assert "createFromCsv" not in world.operations


async def test_a_confirmation_is_good_for_its_mapping_only_and_never_of_a_dry_run_that_fails(
    world: World,
) -> None:
    target = {"source": "PACKAGEX", "overwrite": True}
    mapping = [{"column": "First Name", "field": "firstName"}, {"column": "Email", "field": "email"}]
    tried = await world.load({"targets": [target], "dryRun": True}, GOOD)
    confirmed = {**target, "confirmation": tried["job"]["confirmation"]}
    payload = await world.load({"targets": [confirmed], "mapping": mapping}, GOOD)
    assert [each["code"] for each in payload["userErrors"]] == ["INVALID"]
    failing = await world.load({"targets": [target], "dryRun": True}, file(HEAD, PIET))
    assert (failing["job"]["confirmation"], "createFromCsv" in world.operations) == (None, False)


async def test_an_overwrite_that_was_answered_with_an_outage_is_uncertain(world: World) -> None:
    target = {"source": "PACKAGEX", "overwrite": True}
    tried = await world.load({"targets": [target], "dryRun": True}, GOOD)
    world.packagex.switches.fail("createFromCsv", status=503)
    given = {"targets": [{**target, "confirmation": tried["job"]["confirmation"]}]}
    payload = await world.load(given, GOOD)
    assert payload["job"]["reports"][0]["status"] == "UNCERTAIN"


async def test_an_overwrite_that_was_never_sent_is_rejected(world: World) -> None:
    target = {"source": "PACKAGEX", "overwrite": True}
    dry = await world.load({"targets": [target], "dryRun": True}, GOOD)
    confirmed = {**target, "confirmation": dry["job"]["confirmation"]}

    def unreachable(request: httpx.Request) -> None:
        if request.method == "POST":
            raise httpx.ConnectError("refused", request=request)

    world.transports[Source.PACKAGEX].on = unreachable
    report = (await world.load({"targets": [confirmed]}, GOOD))["job"]["reports"][0]
    assert (report["status"], report["code"]) == ("REJECTED", "UPSTREAM_UNAVAILABLE")


# What can be wrong with a call.


@pytest.mark.parametrize(
    ("given", "content", "filename", "path", "code"),
    [
        ({"targets": []}, GOOD, "a.csv", ["targets"], "REQUIRED"),
        ({"targets": [{"source": "PACKAGEX"}] * 2}, GOOD, "a.csv", ["targets", "1", "source"], "DUPLICATE"),
        ({"targets": [{"source": "SAMESPACE", "overwrite": True}]}, GOOD, "a.csv", ["targets", "0", "overwrite"], "UNSUPPORTED"),
        ({"targets": [{"source": "SAMESPACE", "module": {"name": "Unicorns"}}]}, GOOD, "a.csv", ["targets", "0", "module"], "NOT_FOUND"),
        ({"targets": [{"source": "PACKAGEX", "module": {"name": "Contacts"}}]}, GOOD, "a.csv", ["targets", "0", "module"], "INVALID"),
        ({**PACKAGEX, "mapping": []}, GOOD, "a.csv", ["mapping"], "REQUIRED"),
        ({**PACKAGEX, "mapping": [{"column": "Nope", "field": "name"}]}, GOOD, "a.csv", ["mapping", "0", "column"], "NOT_FOUND"),
        ({**PACKAGEX, "mapping": [{"column": "Email", "field": "nope"}]}, GOOD, "a.csv", ["mapping", "0", "field"], "NOT_FOUND"),
        ({**PACKAGEX, "mapping": [{"column": "Email", "field": "email"}] * 2}, GOOD, "a.csv", ["mapping", "1", "column"], "DUPLICATE"),
        (PACKAGEX, b"", "a.csv", ["file"], "INVALID"),
        (PACKAGEX, b"Name,Email\n", "a.csv", ["file"], "INVALID"),
        (PACKAGEX, b"Name\x00,Email\nA,B\n", "a.csv", ["file"], "INVALID"),
        (PACKAGEX, b"foo,bar\n1,2\n", "a.csv", ["mapping"], "REQUIRED"),
        (PACKAGEX, GOOD, "a.xlsx", ["file"], "INVALID"),
        (PACKAGEX, b"PK\x03\x04 not a workbook", "a.csv", ["file"], "INVALID"),
        (PACKAGEX, b"PK\x03\x04 not a workbook", "a.xlsx", ["file"], "INVALID"),
    ],
)  # fmt: skip
async def test_bad_calls_are_told_by_path_and_code_and_nothing_is_written(
    world: World, given: dict[str, Any], content: bytes, filename: str, path: list[str], code: str
) -> None:
    payload = await world.load(given, content, filename)
    assert payload["job"] is None
    assert (path, code) in [(each["field"], each["code"]) for each in payload["userErrors"]]
    assert not {"csvUpload", "importContacts", "createFromCsv"} & world.operations.keys()


async def test_the_size_of_a_file_is_limited_by_settings(new_world: Build) -> None:
    world = new_world(PACKAGEX_IMPORT_BYTES="100")
    content = GOOD + b"x" * 100
    payload = await world.load(PACKAGEX, content)
    assert [each["code"] for each in payload["userErrors"]] == ["TOO_LARGE"]
    payload = await world.load({**SAMESPACE, "dryRun": True}, content)
    assert payload["userErrors"] == []
    for limit in ("GATEWAY_IMPORT_ROWS", "GATEWAY_IMPORT_CELLS"):
        world = new_world(**{limit: "1"})
        payload = await world.load(PACKAGEX, content)
        assert [each["code"] for each in payload["userErrors"]] == ["TOO_LARGE"]


async def test_a_source_that_cannot_import_is_unsupported_and_the_others_go_on(world: World) -> None:
    payload = await world.load({"targets": [{"source": "SMART_SENDER"}, {"source": "PACKAGEX"}]}, GOOD)
    by_source = {report["source"]: report["status"] for report in payload["job"]["reports"]}
    assert by_source == {"SMART_SENDER": "UNSUPPORTED", "PACKAGEX": "APPLIED"}
    assert [each["code"] for each in payload["userErrors"]] == ["UNSUPPORTED"]


# What can go wrong with a source.


@pytest.mark.parametrize(
    ("source", "operation", "fault", "status", "row"),
    [
        (Source.PACKAGEX, "createFromCsv", {"status": 503}, "REJECTED", "FAILED"),
        (Source.PACKAGEX, "createFromCsv", {"status": 500}, "UNCERTAIN", "UNKNOWN"),
        (Source.PACKAGEX, "createFromCsv", {"reset": "headers", "after": True}, "UNCERTAIN", "UNKNOWN"),
        (Source.PACKAGEX, "createFromCsv", {"status": 400, "body": '{"errors": ["csv_url"]}'}, "REJECTED", "FAILED"),
        (Source.SAMESPACE, "csvUpload", {"status": 503}, "REJECTED", "FAILED"),
        (Source.SAMESPACE, "csvUpload", {"reset": "headers"}, "REJECTED", "FAILED"),
        (Source.SAMESPACE, "csvUpload", {"status": 400, "body": '{"message": "secret"}'}, "REJECTED", "FAILED"),
        (Source.SAMESPACE, "importContacts", {"reset": "body"}, "UNCERTAIN", "UNKNOWN"),
        (Source.SAMESPACE, "importContacts", {"reset": "headers", "after": True}, "UNCERTAIN", "CREATED"),
        (Source.SAMESPACE, "getContacts", {"status": 503}, "REJECTED", "FAILED"),
    ],
)  # fmt: skip
async def test_a_source_that_fails_is_told_for_itself_and_never_asked_twice(
    world: World, source: Source, operation: str, fault: dict[str, Any], status: str, row: str
) -> None:
    board = world.boards[source]
    board.fail(operation, **fault)
    payload = await world.load(BOTH, GOOD)
    reports = {report["source"]: report for report in payload["job"]["reports"]}
    report = reports.pop(source.value)
    assert (report["status"], [each["status"] for each in report["rows"]]) == (status, [row] * 2)
    assert {each["status"] for each in reports.values()} == {"APPLIED"}
    assert board.operations[operation] == (3 if operation == "getContacts" else 1)  # reads are repeated
    assert "secret" not in str(payload)


async def test_what_cannot_be_read_back_is_told_as_the_source_told_it(world: World) -> None:
    world.packagex.switches.fail("listContacts", status=503)
    payload = await world.load(PACKAGEX, GOOD)
    report = payload["job"]["reports"][0]
    assert statuses(payload) == ["CREATED", "CREATED"]
    assert [row["contactId"] for row in report["rows"]] == [None, None]
    assert "read back" in report["message"]


# Jobs.


async def test_a_job_that_takes_longer_than_the_deadline_is_returned_running_and_followed(
    world: World,
) -> None:
    gate = asyncio.Event()
    world.packagex.switches.sleep = lambda _: gate.wait()
    world.packagex.switches.fail("createFromCsv", latency=1.0)
    payload = await world.load(PACKAGEX, GOOD, headers={"x-deadline-ms": "3000"})
    job = payload["job"]
    assert (job["state"], job["finishedAt"]) == ("RUNNING", None)
    assert job["reports"][0]["status"] == "UNCERTAIN"
    gate.set()
    found = await ended(world, job["id"])
    assert (found["state"], found["reports"][0]["status"]) == ("FINISHED", "APPLIED")
    node = await world.data(
        "query ($id: ID!) { node(id: $id) { ... on ImportJob { state } } }", {"id": job["id"]}
    )
    assert node["node"] == {"state": "FINISHED"}


async def test_a_gateway_that_was_stopped_finds_its_job_interrupted_and_says_what_is_known(
    new_world: Build, tmp_path: Any
) -> None:
    first = new_world(GATEWAY_DATA_DIR=str(tmp_path))
    gate = asyncio.Event()
    first.packagex.switches.sleep = lambda _: gate.wait()
    first.packagex.switches.fail("createFromCsv", latency=1.0)
    payload = await first.load(BOTH, GOOD, headers={"x-deadline-ms": "4000"})
    assert payload["job"]["state"] == "RUNNING"
    first.gateway._owner._file.close()  # type: ignore[union-attr]  # as when the process is killed
    second = new_world(GATEWAY_DATA_DIR=str(tmp_path))
    await second.gateway.recover()
    query = "query ($id: ID!) { importJob(id: $id) { state reports { source status message } } }"
    job = (await second.data(query, {"id": payload["job"]["id"]}))["importJob"]
    assert job["state"] == "INTERRUPTED"
    assert [report["status"] for report in job["reports"]] == ["APPLIED", "UNCERTAIN"]
    assert "never repeats it" in job["reports"][1]["message"]
    gate.set()


async def test_a_job_whose_process_is_gone_is_interrupted_as_soon_as_somebody_asks(
    new_world: Build, tmp_path: Any
) -> None:
    """Of two gateways over one folder the other one dies; nobody restarts anything."""
    living = new_world(GATEWAY_DATA_DIR=str(tmp_path))
    dying = new_world(GATEWAY_DATA_DIR=str(tmp_path))
    gate = asyncio.Event()
    dying.packagex.switches.sleep = lambda _: gate.wait()
    dying.packagex.switches.fail("createFromCsv", latency=1.0)
    job = (await dying.load(PACKAGEX, GOOD, headers={"x-deadline-ms": "4000"}))["job"]
    query = "query ($id: ID!) { importJob(id: $id) { state } }"
    assert (await living.data(query, {"id": job["id"]}))["importJob"] == {"state": "RUNNING"}
    dying.gateway._owner._file.close()  # type: ignore[union-attr]  # as when the process is killed
    assert (await living.data(query, {"id": job["id"]}))["importJob"] == {"state": "INTERRUPTED"}
    gate.set()


async def test_a_job_is_there_before_its_file_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file takes longer to read than anybody waits: the job says afterwards what was wrong with it."""
    gate = asyncio.Event()
    reading = table.read

    async def late(*given: Any, **more: Any) -> Any:
        await gate.wait()
        return await reading(*given, **more)

    monkeypatch.setattr(table, "read", late)
    payload = await world.load(PACKAGEX, b"Name\n", headers={"x-deadline-ms": "300"})
    job = payload["job"]
    assert (job["state"], job["total"], payload["userErrors"]) == ("RUNNING", None, [])
    gate.set()
    found = await ended(world, job["id"])
    assert (found["state"], found["reports"][0]["status"]) == ("FINISHED", "REJECTED")
    assert "no row" in found["reports"][0]["message"]
    assert "createFromCsv" not in world.operations


async def test_rows_that_hold_nothing_for_a_source_fail_there_and_only_there(world: World) -> None:
    head = ("Name", "Email", "metadata.note")
    rows = file(head, ("Noor Aldana", "noor@example.com", ""), ("", "", "only for PackageX"))
    for given, statuses_of in (
        ({**BOTH, "dryRun": True}, (["WOULD_CREATE", "WOULD_FAIL"], ["WOULD_CREATE", "WOULD_FAIL"])),
        (BOTH, (["CREATED", "FAILED"], ["CREATED", "FAILED"])),
    ):
        payload = await world.load(given, rows)
        assert (statuses(payload, 0), statuses(payload, 1)) == statuses_of
        report = payload["job"]["reports"][0]
        assert (report["status"], report["failed"]) == ("PARTIAL", 1)
        assert "not sent" in report["rows"][1]["reason"]


async def test_a_file_that_packagex_would_refuse_as_too_large_is_told_by_the_dry_run(world: World) -> None:
    rows = file(("Name", "metadata.note"), *(("Ada Quux", "x" * 30_000) for _ in range(600)))
    payload = await world.load({**PACKAGEX, "dryRun": True}, rows)
    assert [(each["field"], each["code"]) for each in payload["userErrors"]] == [(["file"], "TOO_LARGE")]
    assert payload["job"] is None


async def test_the_encoding_that_was_guessed_is_told(world: World) -> None:
    payload = await world.load({**PACKAGEX, "dryRun": True}, "Name;City\nJörg Quux;Köln\n".encode("cp1252"))
    assert "read as cp1252" in payload["job"]["reports"][0]["message"]


async def test_a_key_makes_a_repeat_return_the_same_job_and_another_file_a_conflict(world: World) -> None:
    given = {**PACKAGEX, "idempotencyKey": "import-1"}
    first = await world.load(given, GOOD)
    second = await world.load(given, GOOD)
    assert first["job"] == second["job"]
    assert world.operations["createFromCsv"] == 1
    document = "mutation ($input: ImportContactsInput!) { importContacts(input: $input) { job { id } } }"
    answer = await world.upload(document, {"input": {**given, "file": None}}, GOOD + b"A,B,,\n")
    assert answer.codes == ["IDEMPOTENCY_CONFLICT"]


async def test_jobs_are_those_of_the_account(new_world: Build) -> None:
    def key(name: str, rest: str) -> str:
        return f"{name}:{hashlib.sha256(name.encode()).hexdigest()}:{rest}"

    world = new_world(
        GATEWAY_API_KEYS=";".join(
            (key("ada", "read,import"), key("eve", "read:acme"), key("bob", "read:default:SAMESPACE"))
        )
    )
    made = await world.load(PACKAGEX, GOOD, headers={"x-api-key": "ada"})
    query = "query ($id: ID!) { importJob(id: $id) { state } }"
    for name, codes in (("ada", []), ("eve", ["BAD_USER_INPUT"]), ("bob", ["FORBIDDEN"])):
        answer = await world.ask(query, {"id": made["job"]["id"]}, headers={"x-api-key": name})
        assert answer.codes == codes


async def test_imports_need_their_own_scope(new_world: Build) -> None:
    def key(name: str, scopes: str) -> str:
        return f"{name}:{hashlib.sha256(name.encode()).hexdigest()}:{scopes}"

    world = new_world(GATEWAY_API_KEYS=f"{key('ada', 'import')};{key('bob', 'read,write')}")
    document = "mutation ($input: ImportContactsInput!) { importContacts(input: $input) { job { state } } }"
    for name, status in (("ada", 200), ("bob", 403)):
        answer = await world.upload(
            document, {"input": {**PACKAGEX, "file": None}}, GOOD, headers={"x-api-key": name}
        )
        assert answer.status == status
    create = "mutation { createContact(input: {targets: [], contact: {}}) { userErrors { code } } }"
    assert (await world.ask(create, headers={"x-api-key": "ada"})).status == 403
    assert (await world.ask(create, headers={"x-api-key": "bob"})).status == 200


async def test_what_is_sent_is_text_whatever_a_cell_begins_with(world: World) -> None:
    rows = file(
        ("Name", "Phone", "metadata.note"), ('=HYPERLINK("http://x","y")', "+12025550120", "@SUM(1+1)")
    )
    payload = await world.load(PACKAGEX, rows)
    assert statuses(payload) == ["CREATED"]
    body = next(
        request.content
        for request in world.transports[Source.PACKAGEX].requests
        if b"csv_url" in request.content
    )
    sent = base64.b64decode(body.partition(b"base64,")[2].partition(b'"')[0]).decode()
    assert list(csv.reader(io.StringIO(sent)))[1] == [
        '=HYPERLINK("http://x","y")',
        "+12025550120",
        "@SUM(1+1)",
    ]
