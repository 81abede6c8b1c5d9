"""The upload of a file and its import."""

import io
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt  # type: ignore[import-untyped]
import yaml
from jsonschema import Draft202012Validator

from gateway.upstreams.samespace.emulator import Emulator
from tests.upstreams.samespace.calling import Caller, pairs

CONTRACT = Path(__file__).parents[1] / "contracts" / "samespace-upload.openapi.yaml"
IMPORT = (
    "mutation($f: String!, $map: [KeyValueInput!]!, $n: String)"
    " { importContacts(fileUuid: $f, mapAttributes: $map, moduleName: $n) }"
)
COLUMNS = {"first": "firstName", "last": "lastName", "mail": "email", "phone": "phoneNumber"}
ROWS: list[list[Any]] = [
    ["first", "last", "mail", "phone", "branch"],
    ["Noor", "Aldana", "noor@example.com", "12025550120", "North"],
    ["Zoë", "Núñez", "", "202-555-0123", "South"],
]


def csv_file(rows: list[list[Any]], delimiter: str = ",") -> bytes:
    return "".join(delimiter.join(row) + "\n" for row in rows).encode()


def xlsx_file(rows: list[list[Any]]) -> bytes:
    book, content = openpyxl.Workbook(), io.BytesIO()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    book.save(content)
    return content.getvalue()


def xls_file(rows: list[list[Any]]) -> bytes:
    book, content = xlwt.Workbook(), io.BytesIO()
    sheet = book.add_sheet("People")
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            sheet.write(y, x, cell)
    book.save(content)
    return content.getvalue()


def valid(body: Any, schema: str) -> Any:
    """The body, once it is checked against the contract."""
    contract = yaml.safe_load(CONTRACT.read_text("utf-8"))
    Draft202012Validator(
        contract["components"]["schemas"][schema], format_checker=Draft202012Validator.FORMAT_CHECKER
    ).validate(body)
    return body


async def uploaded(caller: Caller, rows: list[list[Any]]) -> Any:
    response = await caller.upload("branch.csv", csv_file(rows))
    assert response.status_code == 200
    return valid(response.json(), "UploadResult")["fileUuid"]


async def imported(caller: Caller, rows: list[list[Any]], columns: dict[str, Any] = COLUMNS) -> Any:
    return await caller.ask(IMPORT, f=await uploaded(caller, rows), map=pairs(columns))


@pytest.mark.parametrize(
    ("filename", "content"),
    [
        ("branch.csv", csv_file(ROWS)),
        ("branch.csv", b"\xef\xbb\xbf" + csv_file(ROWS, ";").replace(b"\n", b"\r\n")),
        ("Branch.XLS", xls_file(ROWS)),
        ("branch.xlsx", xlsx_file(ROWS)),
    ],
)
async def test_csv_and_both_kinds_of_sheets_are_read(caller: Caller, filename: str, content: bytes) -> None:
    response = await caller.upload(filename, content)
    body = valid(response.json(), "UploadResult")
    assert response.headers["content-type"] == "application/json"
    assert body["filename"] == filename
    assert body["columns"] == ROWS[0]
    assert body["preview"] == dict(zip(ROWS[0], ROWS[1], strict=True))
    result = await caller.ask(IMPORT, f=body["fileUuid"], map=pairs(COLUMNS))
    assert result == {"success": 2, "failed": [], "merged": 0}
    last = (await caller.contacts(limit=1000))[-1]["properties"]
    assert last["firstName"]["value"] == "Zoë"
    assert last["phoneNumber"] == {"value": "202-555-0123", "type": "PHONE"}
    assert "email" not in last


@pytest.mark.parametrize(
    ("filename", "content", "message"),
    [
        ("people.pdf", b"%PDF", "uploadFile must be CSV or XLS"),
        ("people.csv", b"\xff\xfe\x00", "uploadFile could not be read"),
        ("people.xlsx", b"PK\x03\x04 and no more", "uploadFile could not be read"),
        ("people.xls", b"first,last\n", "uploadFile could not be read"),
        ("people.csv", b"\n\n", "uploadFile is empty"),
        ("people.xlsx", xlsx_file([]), "uploadFile is empty"),
    ],
)
async def test_what_is_no_table_is_refused(
    caller: Caller, filename: str, content: bytes, message: str
) -> None:
    response = await caller.upload(filename, content)
    assert response.status_code == 400
    assert valid(response.json(), "Error") == {"message": message}


@pytest.mark.parametrize(
    "request_",
    [
        {"data": {"uploadFile": "text"}},
        {"content": b"first,last\n", "headers": {"content-type": "text/csv"}},
        {"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data"}},
    ],
)
async def test_a_request_without_the_file_part_is_refused(caller: Caller, request_: dict[str, Any]) -> None:
    response = await caller.http.post("/manage/api/v3/csv/upload", **request_)
    assert response.status_code == 400
    assert valid(response.json(), "Error")["message"] in {
        "uploadFile is missing",
        "uploadFile could not be read",
    }


async def test_short_rows_are_filled_long_ones_cut_and_blank_ones_skipped(caller: Caller) -> None:
    response = await caller.upload("a.csv", b'first,last\n\n"Noor, Ms"\n,\nPiet,Orsini,extra\n')
    assert response.json()["preview"] == {"first": "Noor, Ms", "last": ""}
    columns = pairs({"first": "firstName", "last": "lastName"})
    result = await caller.ask(IMPORT, f=response.json()["fileUuid"], map=columns)
    assert result["success"] == 1
    assert result["failed"] == [
        {"contact": {"firstName": "Noor, Ms"}, "reason": 'Invalid "Last Name" input', "key": "lastName"}
    ]


async def test_a_header_alone_has_an_empty_preview_and_imports_nobody(caller: Caller) -> None:
    body = (await caller.upload("a.csv", b"first,last\n")).json()
    assert valid(body, "UploadResult")["preview"] == {}
    nobody = await caller.ask(IMPORT, f=body["fileUuid"], map=pairs({"first": "firstName"}))
    assert nobody == {"success": 0, "failed": [], "merged": 0}


async def test_cells_of_a_sheet_become_text(caller: Caller) -> None:
    cells = [12025550120, 1.5, True, date(1990, 1, 2), datetime(2025, 3, 4, 9, 15, 27)]
    response = await caller.upload("a.xlsx", xlsx_file([["phone", "score", "news", "born", "at"], cells]))
    assert response.json()["preview"] == {
        "phone": "12025550120",
        "score": "1.5",
        "news": "true",
        "born": "1990-01-02T00:00:00.000Z",
        "at": "2025-03-04T09:15:27.000Z",
    }


async def test_a_file_can_be_imported_again_and_then_merges(caller: Caller) -> None:
    file = await uploaded(caller, ROWS)
    results = [await caller.ask(IMPORT, f=file, map=pairs(COLUMNS)) for _ in range(2)]
    assert [(result["success"], result["merged"]) for result in results] == [(2, 0), (0, 2)]


async def test_every_upload_has_its_own_id(caller: Caller) -> None:
    assert await uploaded(caller, ROWS) != await uploaded(caller, ROWS)


async def test_a_row_merges_by_email_before_it_merges_by_phone(caller: Caller) -> None:
    by_phone = await caller.create(firstName="A", lastName="Phone", phoneNumber="12025550199", notes="kept")
    by_email = await caller.create(firstName="B", lastName="Email", email="twin@example.com")
    result = await imported(caller, [ROWS[0], ["C", "Both", "twin@example.com", "12025550199", ""]])
    assert result == {"success": 0, "failed": [], "merged": 1}
    phone, email = (await caller.contacts(limit=1000))[-2:]
    assert (phone["_id"], email["_id"]) == (by_phone, by_email)
    assert phone["properties"]["lastName"]["value"] == "Phone"
    assert email["properties"]["lastName"]["value"] == "Both"

    result = await imported(caller, [ROWS[0], ["D", "Again", "new@example.com", "12025550199", ""]])
    assert result["merged"] == 1
    phone = (await caller.contacts(limit=1000))[-2]["properties"]
    assert (phone["lastName"]["value"], phone["email"]["value"]) == ("Again", "new@example.com")
    assert phone["notes"]["value"] == "kept"


async def test_an_import_merges_into_people_who_were_there_before(caller: Caller) -> None:
    (known,) = await caller.contacts(limit=1)
    email = known["properties"]["email"]["value"]
    assert (await imported(caller, [ROWS[0], ["New", "Name", email, "", ""]]))["merged"] == 1
    (now,) = await caller.contacts(limit=1)
    assert now["_id"] == known["_id"]
    assert now["properties"]["firstName"]["value"] == "New"
    assert now["properties"]["phoneNumber"] == known["properties"]["phoneNumber"]


async def test_an_email_that_was_changed_or_deleted_no_longer_merges(caller: Caller) -> None:
    await imported(caller, ROWS)
    *_, noor, zoe = await caller.contacts(limit=1000)
    update = "mutation($i: [ID!], $p: [KeyValueInput!]!) { updateContacts(_id: $i, properties: $p) }"
    await caller.ask(update, i=noor["_id"], p=pairs({"email": None, "phoneNumber": None}))
    await caller.ask("mutation($i: [ID!]) { deleteContacts(_id: $i) }", i=zoe["_id"])
    assert await imported(caller, ROWS) == {"success": 2, "failed": [], "merged": 0}


async def test_rows_that_fail_are_reported_and_the_others_are_added(
    emulator: Emulator, caller: Caller
) -> None:
    emulator.refused_phones.add("12025550121")
    rows = [
        *ROWS,
        ["Piet", "Orsini", "piet@example.com", "12025550121", "South"],
        ["Ana", "Novak", "ana at example.com", "", ""],
        ["Ana", "", "ana@example.com", "", ""],
        ["Ana", "Novak", "ana@example.com", "call reception", ""],
    ]
    result = await imported(caller, rows)
    assert result["success"] == 2
    assert result["merged"] == 0
    assert [(row["reason"], row["key"]) for row in result["failed"]] == [
        ('Invalid "Phone Number" input', "phoneNumber"),
        ('Invalid "Email" input', "email"),
        ('Invalid "Last Name" input', "lastName"),
        ('Invalid "Phone Number" input', "phoneNumber"),
    ]
    assert result["failed"][1]["contact"] == {
        "firstName": "Ana",
        "lastName": "Novak",
        "email": "ana at example.com",
    }
    assert emulator.switches.operations == {"csvUpload": 1, "importContacts": 1}


@pytest.mark.parametrize("phone", ["555-555-5555", "919852234732", "(202) 555-0143", "+1 202 555 0143"])
async def test_phones_come_in_any_form_and_stay_so(caller: Caller, phone: str) -> None:
    assert (await imported(caller, [ROWS[0], ["Noor", "Aldana", "", phone, ""]]))["success"] == 1
    assert (await caller.contacts(limit=1000))[-1]["properties"]["phoneNumber"]["value"] == phone


async def test_columns_left_out_of_the_map_are_ignored(caller: Caller) -> None:
    await imported(caller, ROWS, {"first": "firstName", "last": "lastName", "branch": "city"})
    last = (await caller.contacts(limit=1000))[-1]["properties"]
    assert last["city"] == {"value": "South", "type": "TEXT"}
    assert "phoneNumber" not in last


@pytest.mark.parametrize("columns", [{"first": "shoe"}, {"first": None}, {"shoe": "firstName"}])
async def test_a_map_of_unknown_columns_or_properties_is_refused(
    caller: Caller, columns: dict[str, Any]
) -> None:
    error = await caller.refusal(IMPORT, f=await uploaded(caller, ROWS), map=pairs(columns))
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}


async def test_companies_are_imported_into_their_module(caller: Caller) -> None:
    file = await uploaded(caller, [["who"], ["Orchard Press"]])
    result = await caller.ask(IMPORT, f=file, map=pairs({"who": "name"}), n="Companies")
    assert result["success"] == 1
    rows = await caller.ask('{ getContacts(moduleName: "Companies") { properties } }')
    assert rows[-1]["properties"]["name"]["value"] == "Orchard Press"
