import base64
import io
from typing import Any

import httpx
import openpyxl
import pytest
import xlwt  # type: ignore[import-untyped]  # it has no types

from gateway.upstreams.packagex.emulator import Emulator
from tests.upstreams.packagex.calls import Json, everybody, listed, refused
from tests.upstreams.packagex.conftest import Clock

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Table = list[list[Any]]


def data_url(content: bytes, media: str = "text/csv") -> str:
    return f"data:{media};base64,{base64.b64encode(content).decode()}"


def as_csv(table: Table) -> str:
    lines = (",".join(f'"{cell}"' if "," in str(cell) else str(cell) for cell in row) for row in table)
    return data_url("\n".join(lines).encode())


def as_xlsx(table: Table) -> str:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in table:
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return data_url(content.getvalue(), XLSX)


def as_xls(table: Table) -> str:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Contacts")
    for number, row in enumerate(table):
        for column, cell in enumerate(row):
            sheet.write(number, column, cell)
    content = io.BytesIO()
    book.save(content)
    return data_url(content.getvalue(), "application/vnd.ms-excel")


async def post(api: httpx.AsyncClient, url: str, **more: Any) -> httpx.Response:
    return await api.post("/v1/contacts", json={"csv_url": url} | more)


async def loaded(api: httpx.AsyncClient, table: Table, **more: Any) -> tuple[list[Json], list[Json]]:
    """The contacts that came of a table, and the issues."""
    response = await post(api, as_csv(table), **more)
    assert response.status_code == 201, response.text
    report = response.json()["data"]
    contacts = [(await api.get(f"/v1/contacts/{key}")).json()["data"] for key in report["contact_ids"]]
    return contacts, report["issues"]


@pytest.mark.parametrize("form", [as_csv, as_xlsx, as_xls])
async def test_every_column_is_understood_in_every_kind_of_file(
    api: httpx.AsyncClient, clock: Clock, form: Any
) -> None:
    table: Table = [
        ["Name", "Email", "Phone", "Address", "Address Line2", "Type", "Groups", "metadata.source", "Shoe"],
        ["Zoë Q", "zoe@example.com", 12025550120, "7 Elm St, Austin, TX 78701", "U 2", "", "Crew", "fair", 4],
        ["Crew", "", "", "", "", "group", "", "", ""],
    ]  # fmt: skip
    response = await post(api, form(table))
    assert response.json()["message"] == "2 contacts created"
    person_id, crew_id = response.json()["data"]["contact_ids"]
    person = (await api.get(f"/v1/contacts/{person_id}")).json()["data"]
    assert (person["name"], person["type"]) == ("Zoë Q", "person")
    assert (person["email"], person["phone"]) == ("zoe@example.com", "12025550120")
    assert person["address"]["formatted_address"] == "7 Elm St, U 2, Austin, TX 78701, US"
    assert person["metadata"] == {"source": "fair"}
    assert person["created_at"] == int(clock.now)
    crew = (await api.get(f"/v1/contacts/{crew_id}")).json()["data"]
    assert (crew["type"], crew["email"], crew["metadata"]) == ("group", None, {})
    assert crew["group_contacts"] == {"children": [person_id], "primary": []}


async def test_a_name_may_come_in_two_columns(api: httpx.AsyncClient) -> None:
    contacts, issues = await loaded(api, [["First Name", "Last Name"], ["Zoë", "Quill"], ["Cher", ""]])
    assert [contact["name"] for contact in contacts] == ["Zoë Quill", "Cher"]
    assert issues == []


async def test_a_bad_row_is_reported_by_index_and_not_added(api: httpx.AsyncClient) -> None:
    table: Table = [
        ["Name", "Email", "Phone", "Address", "Type"],
        ["Zz Fine", "fine@example.com", "", "", "PERSON"],
        ["Zz Both", "both", "123", "", ""],
        ["", "", "", "", ""],
        ["", "noname@example.com", "", "", ""],
        ["Zz Place", "", "", "addr_missing", ""],
        ["Zz Type", "", "", "", "team"],
    ]
    contacts, issues = await loaded(api, table)
    assert [contact["name"] for contact in contacts] == ["Zz Fine"]
    assert issues == [
        {"index": 1, "errors": ["email", "phone"]},
        {"index": 3, "errors": ["name"]},
        {"index": 4, "errors": ["address"]},
        {"index": 5, "errors": ["type"]},
    ]
    assert len(await listed(api, search="zz")) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["A", ""]], "1 contact created"),
        ([["A", "bad"]], "0 contacts created, 1 row has issues"),
        ([["A", "bad"], ["B", "bad"], ["C", ""]], "1 contact created, 2 rows have issues"),
    ],
)
async def test_the_message_counts(api: httpx.AsyncClient, rows: Table, message: str) -> None:
    assert (await post(api, as_csv([["Name", "Email"], *rows]))).json()["message"] == message


async def test_several_groups_stand_in_quotes(api: httpx.AsyncClient) -> None:
    table: Table = [
        ["Name", "Type", "Groups"],
        ["Ada", "", "Night Desk, Drivers"],
        ["Drivers", "group", "Night Desk"],
        ["Night Desk", "group", ""],
    ]
    (ada, drivers, desk), issues = await loaded(api, table)
    assert issues == []
    assert drivers["group_contacts"]["children"] == [ada["id"]]
    assert desk["group_contacts"]["children"] == [ada["id"], drivers["id"]]


async def test_a_group_that_exists_already_is_matched_by_name(api: httpx.AsyncClient, clock: Clock) -> None:
    group = (await listed(api, type="group"))[0]
    (ada,), _ = await loaded(api, [["Name", "Groups"], ["Ada", group["name"]]])
    after = (await api.get(f"/v1/contacts/{group['id']}")).json()["data"]
    assert after["group_contacts"]["children"] == [*group["group_contacts"]["children"], ada["id"]]
    assert after["updated_at"] == int(clock.now)


async def test_a_group_that_is_nowhere_is_an_issue_and_so_is_one_that_was_not_added(
    api: httpx.AsyncClient,
) -> None:
    table: Table = [
        ["Name", "Type", "Groups", "Phone"],
        ["Ada", "", "Nowhere", "12"],
        ["Bo", "", "Drivers", ""],
        ["Drivers", "group", "Nowhere", ""],
        ["Cy", "", "Broken", ""],
        ["Broken", "group", "", "12"],
    ]
    contacts, issues = await loaded(api, table)
    assert contacts == []
    assert issues == [
        {"index": 0, "errors": ["phone", "groups"]},
        {"index": 1, "errors": ["groups"]},
        {"index": 2, "errors": ["groups"]},
        {"index": 3, "errors": ["groups"]},
        {"index": 4, "errors": ["phone"]},
    ]


async def test_overwrite_deletes_everything_first(api: httpx.AsyncClient) -> None:
    before = await listed(api)
    (ada,), _ = await loaded(api, [["Name"], ["Ada"]], overwrite=True)
    assert await everybody(api) == [ada]
    assert (await api.get(f"/v1/contacts/{before[0]['id']}")).status_code == 404


async def test_a_file_that_cannot_be_read_deletes_nothing(api: httpx.AsyncClient) -> None:
    before = await everybody(api)
    assert refused(await post(api, data_url(b"\x89PNG"), overwrite=True), "csv_url")
    assert await everybody(api) == before


@pytest.mark.parametrize(
    "url",
    [
        "data:text/csv,Name%0AAda",
        "data:text/csv;base64,????",
        data_url(b""),
        data_url(b"\xff\xfe\x00"),
        data_url(b'Name\n"Ada'),
        data_url(b"Email\nada@example.com"),
        data_url(b"PK\x03\x04 not a spreadsheet", XLSX),
        data_url(b"\xd0\xcf\x11\xe0 not a spreadsheet", XLSX),
    ],
)
async def test_what_is_no_file_of_contacts_is_refused(api: httpx.AsyncClient, url: str) -> None:
    response = await post(api, url)
    assert refused(response, "csv_url")
    assert response.json()["message"] == "The file could not be read"


async def test_a_web_address_is_refused_because_the_sandbox_fetches_nothing(api: httpx.AsyncClient) -> None:
    for url in ("https://files.example.com/people.csv", "http://files.example.com/people.xlsx"):
        assert refused(await post(api, url), "csv_url")


async def test_more_than_seven_and_a_half_megabytes_are_too_large(
    emulator: Emulator, api: httpx.AsyncClient
) -> None:
    head = "data:text/csv;base64,"
    at_most = await post(api, head + "A" * (7_500_000 - len(head)))
    assert refused(at_most, "csv_url")
    response = await post(api, head + "A" * (7_500_001 - len(head)))
    assert response.status_code == 413
    assert response.json()["code"] == "payload_too_large"
    assert emulator.switches.operations == {"createFromCsv": 2}


async def test_a_byte_order_mark_and_odd_titles_do_no_harm(api: httpx.AsyncClient) -> None:
    content = "\ufeff NAME ,metadata.Crm\r\nAda,A-17\r\n".encode()
    response = await post(api, data_url(content))
    (key,) = response.json()["data"]["contact_ids"]
    contact = (await api.get(f"/v1/contacts/{key}")).json()["data"]
    assert (contact["name"], contact["metadata"]) == ("Ada", {"Crm": "A-17"})
