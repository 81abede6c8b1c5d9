import ast
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.upstreams.emulation import ConnectionBroken
from gateway.upstreams.packagex import emulator as emulator_module
from gateway.upstreams.packagex.emulator import Emulator
from gateway.upstreams.packagex.emulator_addresses import LOCATIONS
from gateway.upstreams.packagex.emulator_checks import create_errors, update_errors
from gateway.upstreams.people import Person, Population
from tests.upstreams.packagex.calls import Json, created, everybody, listed, refused, updated
from tests.upstreams.packagex.conftest import Clock
from tests.upstreams.packagex.contract import connect, schema

# Keys


@pytest.mark.parametrize("header", ["PX-API-KEY", "X-API-KEY"])
async def test_any_key_is_accepted_in_either_header(emulator: Emulator, header: str) -> None:
    async with connect(emulator, **{"PX-API-KEY": "", header: "anything"}) as api:
        assert (await api.get("/v1/contacts")).status_code == 200


async def test_an_empty_key_is_refused(emulator: Emulator) -> None:
    async with connect(emulator, **{"PX-API-KEY": ""}) as api:
        response = await api.delete("/v1/contacts/contact_missing")
    assert response.status_code == 401
    assert response.json()["code"] == "unauthorized"
    assert response.json()["data"] == {}


# Lists


async def test_a_list_is_alphabetical_and_has_25_to_a_page(api: httpx.AsyncClient) -> None:
    first = await listed(api)
    names = [contact["name"].casefold() for contact in first]
    assert names == sorted(names)
    assert len(first) == 25


async def test_pages_cover_everybody_once(api: httpx.AsyncClient) -> None:
    everyone = await everybody(api, limit=7)
    total = (await api.get("/v1/contacts")).json()["pagination"]["total_count"]
    assert len({contact["id"] for contact in everyone}) == len(everyone) == total
    assert await listed(api, page=1000) == []


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": "many"},
        {"page": 0},
        {"page": -1},
        {"page": "²"},
        {"type": "team"},
        {"order_by": "phone"},
        {"direction": "up"},
        {"search": "a"},
        {"search": "a b"},
    ],
)
async def test_a_query_out_of_bounds_is_refused_by_name(api: httpx.AsyncClient, query: Json) -> None:
    assert refused(await api.get("/v1/contacts", params=query), *query)


async def test_older_deployments_do_not_count(emulator: Emulator, api: httpx.AsyncClient) -> None:
    emulator.total_count = False
    pagination = (await api.get("/v1/contacts", params={"limit": 2})).json()["pagination"]
    assert pagination == {"limit": 2, "page": 1, "has_more": True}


async def test_older_deployments_call_the_code_error_code(clock: Clock) -> None:
    async with connect(Emulator(Population(3), clock, error_code_key="error_code")) as api:
        body = (await api.get("/v1/contacts/contact_missing")).json()
        assert body["error_code"] == "not_found"
        assert "code" not in body
        assert (await api.get("/v1/contacts")).json()["error_code"] is None


async def test_types_can_be_listed_apart(api: httpx.AsyncClient) -> None:
    persons, groups = await everybody(api, type="person"), await everybody(api, type="group")
    assert {person["type"] for person in persons} == {"person"}
    assert {group["type"] for group in groups} == {"group"}
    assert len(persons) + len(groups) == len(await everybody(api))


async def test_a_location_lists_its_contacts(api: httpx.AsyncClient) -> None:
    location = next(iter(LOCATIONS))
    here = await everybody(api, location=location)
    assert here
    assert here == [contact for contact in await everybody(api) if location in contact["locations"]]
    assert await listed(api, location="loc_nowhere") == []


async def test_a_child_lists_the_groups_that_hold_it(api: httpx.AsyncClient) -> None:
    groups = await everybody(api, type="group")
    child = groups[0]["group_contacts"]["children"][0]
    holding = [group for group in groups if child in group["group_contacts"]["children"]]
    assert await listed(api, child=child) == holding
    assert await listed(api, child=child, type="person") == []
    assert await listed(api, child="contact_missing") == []


@pytest.mark.parametrize("order_by", ["name", "email", "created_at", "updated_at"])
async def test_a_list_can_be_ordered_both_ways(api: httpx.AsyncClient, order_by: str) -> None:
    def values(contacts: list[Json]) -> list[Any]:
        present = [contact[order_by] for contact in contacts if contact[order_by] is not None]
        return [value.casefold() if isinstance(value, str) else value for value in present]

    up = values(await everybody(api, order_by=order_by))
    down = values(await everybody(api, order_by=order_by, direction="desc"))
    assert up == sorted(up)
    assert down == sorted(up, reverse=True)


async def test_a_rename_moves_a_contact_between_pages(api: httpx.AsyncClient) -> None:
    last = (await listed(api, limit=1, direction="desc"))[0]
    await updated(api, last["id"], name="Aaa")
    assert (await listed(api, limit=1))[0]["id"] == last["id"]


# Search


async def test_any_term_may_match_name_email_or_phone_in_any_case(api: httpx.AsyncClient) -> None:
    await created(api, name="Qwerta Zz", phone="+12025550199")
    await created(api, name="Someone", email="XYLO@example.com")
    found = await listed(api, search="x qWERTA xylo")
    assert [contact["name"] for contact in found] == ["Qwerta Zz", "Someone"]
    assert [contact["name"] for contact in await listed(api, search="2025550199")] == ["Qwerta Zz"]


async def test_only_a_search_adds_search(api: httpx.AsyncClient) -> None:
    await created(api, name="Qwerta Zz")
    (found,) = await listed(api, search="erta nothing")
    assert found["_search"] == {
        "relevance": 0.5,
        "similarity": 0.444,
        "highlight": {"name": "Qw<em>erta</em> Zz"},
    }
    assert "_search" not in (await listed(api))[0]


async def test_the_best_match_comes_first_when_asked(api: httpx.AsyncClient) -> None:
    for name in ("Xylo Aaa", "Xylo Qwerta", "Xylo"):
        await created(api, name=name)
    relevant = await listed(api, search="xylo qwerta", order_by="_relevance")
    assert relevant[0]["name"] == "Xylo Qwerta"
    similar = [contact["name"] for contact in await listed(api, search="xylo", order_by="_similarity")]
    assert similar == ["Xylo", "Xylo Aaa", "Xylo Qwerta"]
    reverse = await listed(api, search="xylo", order_by="_similarity", direction="asc")
    assert [contact["name"] for contact in reverse] == similar[::-1]
    assert len(await listed(api, order_by="_relevance")) == 25


# Create


async def test_a_new_contact_has_a_stamp_in_seconds_and_an_id_of_its_own(
    api: httpx.AsyncClient, clock: Clock
) -> None:
    first, second = await created(api, name="One"), await created(api, name="One")
    assert first["created_at"] == first["updated_at"] == int(clock.now)
    assert first["id"] != second["id"]
    assert first["id"].startswith("contact_")
    assert len(first["id"]) == 30
    assert (await api.get(f"/v1/contacts/{second['id']}")).json()["data"] == second


BODIES: list[tuple[object, list[str]]] = [
    ({}, ["name"]),
    ({"name": ""}, ["name"]),
    ({"name": None}, ["name"]),
    ({"name": 7}, ["name"]),
    ({"name": "A", "type": None}, ["type"]),
    ({"name": "A", "phone": 7}, ["phone"]),
    ({"name": "A", "email": None, "phone": None, "notes": None, "metadata": None}, []),
    ({"name": "A", "address": ""}, ["address"]),
    ({"name": "A", "address": None}, ["address"]),
    ({"name": "A", "address": {"line1": "18 Harbor Row"}}, ["address"]),
    ({"name": "A", "address_line2": 4}, ["address_line2"]),
    ({"name": "A", "notes": []}, ["notes"]),
    ({"name": "A", "metadata": "x"}, ["metadata"]),
    ({"name": "A", "nickname": "Al", "tags": []}, ["nickname", "tags"]),
    ({"name": "A", "overwrite": True}, ["overwrite"]),
    ({"name": "A", "type": "group", "group_contacts": {"children": []}}, ["group_contacts"]),
    ({"csv_url": "ftp://example.com/a.csv"}, ["csv_url"]),
    ({"csv_url": None}, ["csv_url"]),
    ({"csv_url": "data:,", "overwrite": "yes"}, ["overwrite"]),
    ({"csv_url": "data:,", "name": "A"}, ["name"]),
]


@pytest.mark.parametrize(("body", "errors"), BODIES)
async def test_a_body_is_refused_when_the_contract_says_so(
    api: httpx.AsyncClient, body: Json, errors: list[str]
) -> None:
    assert create_errors(body) == errors
    assert schema("CreateContactsBody").is_valid(body) is not bool(errors)
    response = await api.post("/v1/contacts", json=body)
    assert refused(response, *errors) if errors else response.status_code == 201


@pytest.mark.parametrize("email", ["", "imke", "imke@", "@example.com", "imke@example", "a b@example.com"])
async def test_a_bad_email_is_refused(api: httpx.AsyncClient, email: str) -> None:
    assert refused(await api.post("/v1/contacts", json={"name": "A", "email": email}), "email")


@pytest.mark.parametrize("phone", ["", "12345", "call me", "+1 202 555 0100 0100 0100", "1+2025550100"])
async def test_a_bad_phone_is_refused(api: httpx.AsyncClient, phone: str) -> None:
    assert refused(await api.post("/v1/contacts", json={"name": "A", "phone": phone}), "phone")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff"])
async def test_a_body_that_is_no_object_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    assert refused(await api.post("/v1/contacts", content=body))


# Addresses


async def test_an_address_goes_in_as_text_and_comes_out_as_an_object(api: httpx.AsyncClient) -> None:
    address = (await created(api, name="A", address="7 Elm Street, Unit 2, Austin, TX 78701, USA"))["address"]
    assert (address["line1"], address["line2"]) == ("7 Elm Street", "Unit 2")
    assert (address["city"], address["state"], address["postal_code"]) == ("Austin", "Texas", "78701")
    assert address["formatted_address"] == "7 Elm Street, Unit 2, Austin, TX 78701, US"
    assert address["verified"]
    other = await created(api, name="B", address="7 Elm Street, Austin, tx 78701", address_line2="Unit 3")
    assert other["address"]["hash"] == address["hash"]
    assert other["address"]["id"] != address["id"]


async def test_a_place_nobody_knows_is_not_verified(api: httpx.AsyncClient) -> None:
    small = (await created(api, name="A", address="1 Main Street, Smallville, KS 66002"))["address"]
    assert (small["state"], small["verified"], small["latitude"]) == ("Kansas", False, None)
    foreign = await created(api, name="A", address="Hauptstr. 1, 10115 Berlin", address_line2="2. OG")
    assert foreign["address"]["line1"] == "Hauptstr. 1, 10115 Berlin"
    assert foreign["address"]["line2"] == "2. OG"
    assert foreign["address"]["formatted_address"] == "Hauptstr. 1, 10115 Berlin, 2. OG"
    assert foreign["address"]["state_code"] is None


async def test_an_address_may_be_given_by_its_id(api: httpx.AsyncClient) -> None:
    everyone = await everybody(api)
    address = next(contact["address"] for contact in everyone if contact["address"])
    assert (await created(api, name="A", address=address["id"]))["address"] == address
    moved = await created(api, name="A", address=address["id"], address_line2="Dock 9")
    assert moved["address"]["line2"] == "Dock 9"
    assert moved["address"]["hash"] == address["hash"]
    new = (await created(api, name="A", address="7 Elm Street, Austin, TX 78701"))["address"]
    assert (await created(api, name="A", address=new["id"]))["address"] == new


async def test_a_location_stands_for_its_address(api: httpx.AsyncClient) -> None:
    location, address = next(iter(LOCATIONS.items()))
    assert (await created(api, name="A", address=location))["address"] == address


@pytest.mark.parametrize("identity", ["addr_missing", "loc_missing", "addr_000000000000"])
async def test_an_id_that_nobody_has_is_refused(api: httpx.AsyncClient, identity: str) -> None:
    assert refused(await api.post("/v1/contacts", json={"name": "A", "address": identity}), "address")
    someone = (await listed(api))[0]["id"]
    assert refused(await api.post(f"/v1/contacts/{someone}", json={"address": identity}), "address")


async def test_an_update_clears_an_address_with_null_and_moves_within_a_building(
    api: httpx.AsyncClient,
) -> None:
    new = await created(api, name="A", address="7 Elm Street, Austin, TX 78701")
    moved = (await updated(api, new["id"], address_line2="Unit 9"))["address"]
    assert moved["formatted_address"] == "7 Elm Street, Unit 9, Austin, TX 78701, US"
    assert (await updated(api, new["id"], address=None))["address"] is None
    assert (await updated(api, new["id"], address_line2="Unit 9"))["address"] is None


# Update


async def test_an_update_changes_only_what_is_sent(api: httpx.AsyncClient, clock: Clock) -> None:
    before = (await listed(api, order_by="created_at"))[0]
    after = await updated(api, before["id"], notes="Ring twice.")
    assert after == before | {"notes": "Ring twice.", "updated_at": int(clock.now)}
    assert (await api.get(f"/v1/contacts/{before['id']}")).json()["data"] == after


async def test_null_removes_a_metadata_key_or_all_of_them(api: httpx.AsyncClient) -> None:
    new = await created(api, name="A", metadata={"a": 1, "b": {"c": None}, "none": None})
    assert new["metadata"] == {"a": 1, "b": {"c": None}}
    assert (await updated(api, new["id"], metadata={"a": None, "d": 2}))["metadata"] == {
        "b": {"c": None},
        "d": 2,
    }
    assert (await updated(api, new["id"], metadata=None))["metadata"] == {}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"name": None}, ["name"]),
        ({"type": "group"}, ["type"]),
        ({"id": "contact_x"}, ["id"]),
        ({"phone": 7, "address": 7}, ["phone", "address"]),
        ({"group_contacts": None}, ["group_contacts"]),
        ({"email": None, "phone": None, "address": None, "notes": None, "metadata": None}, []),
    ],
)
async def test_an_update_is_refused_when_the_contract_says_so(
    api: httpx.AsyncClient, body: Json, errors: list[str]
) -> None:
    assert update_errors(body) == errors
    assert schema("UpdateContactBody").is_valid(body) is not bool(errors)
    someone = (await listed(api))[0]
    response = await api.post(f"/v1/contacts/{someone['id']}", json=body)
    assert refused(response, *errors) if errors else response.status_code == 200


async def test_an_update_of_nothing_is_refused(api: httpx.AsyncClient) -> None:
    someone = (await listed(api))[0]
    assert refused(await api.post(f"/v1/contacts/{someone['id']}", json={}))
    assert not schema("UpdateContactBody").is_valid({})


async def test_an_unknown_contact_is_not_found_before_its_body_is_read(api: httpx.AsyncClient) -> None:
    response = await api.post("/v1/contacts/contact_missing", json={"nonsense": 1})
    assert response.status_code == 404
    assert response.json()["endpoint"] == "/v1/contacts/contact_missing"


# Groups


async def test_a_group_gets_its_members_by_an_update_and_mirrors_them(api: httpx.AsyncClient) -> None:
    group = await created(api, name="Night Desk", type="group")
    one, two = [(await created(api, name=name, email=f"{name}@example.com"))["id"] for name in ("ada", "bo")]
    group = await updated(api, group["id"], group_contacts={"children": [one, two], "primary": [two]})
    assert group["referenced_contacts"][1] == {"id": two, "name": "bo", "email": "bo@example.com"}
    await updated(api, two, name="Bob")
    group = (await api.get(f"/v1/contacts/{group['id']}")).json()["data"]
    assert group["referenced_contacts"][1]["name"] == "Bob"


async def test_a_list_that_is_sent_replaces_the_stored_one_and_the_other_stays(
    api: httpx.AsyncClient,
) -> None:
    group = await created(api, name="Night Desk", type="group")
    one, two = [(await created(api, name=name))["id"] for name in ("Ada", "Bo")]
    await updated(api, group["id"], group_contacts={"children": [one, two]})
    group = await updated(api, group["id"], group_contacts={"primary": [two]})
    assert group["group_contacts"] == {"children": [one, two], "primary": [two]}
    response = await api.post(f"/v1/contacts/{group['id']}", json={"group_contacts": {"children": [one]}})
    assert refused(response, "group_contacts.primary")
    group = await updated(api, group["id"], group_contacts={"children": [], "primary": []})
    assert group["group_contacts"] == {"children": [], "primary": []}


@pytest.mark.parametrize(
    ("lists", "errors"),
    [
        ({"children": ["contact_missing"]}, ["group_contacts.children"]),
        ({"children": "contact_missing"}, ["group_contacts.children"]),
        ({"children": [1]}, ["group_contacts.children"]),
        ({"children": [], "primary": ["contact_missing"]}, ["group_contacts.primary"]),
        ({"members": []}, ["group_contacts.members"]),
    ],
)
async def test_wrong_members_are_refused(api: httpx.AsyncClient, lists: Json, errors: list[str]) -> None:
    group = (await listed(api, type="group"))[0]
    before = (await api.get(f"/v1/contacts/{group['id']}")).json()["data"]
    assert refused(await api.post(f"/v1/contacts/{group['id']}", json={"group_contacts": lists}), *errors)
    assert (await api.get(f"/v1/contacts/{group['id']}")).json()["data"] == before


async def test_a_member_twice_is_refused(api: httpx.AsyncClient) -> None:
    group = (await listed(api, type="group"))[0]
    one = group["group_contacts"]["children"][0]
    response = await api.post(
        f"/v1/contacts/{group['id']}", json={"group_contacts": {"children": [one, one]}}
    )
    assert refused(response, "group_contacts.children")


async def test_a_person_has_no_members(api: httpx.AsyncClient) -> None:
    person = (await listed(api, type="person"))[0]
    assert person["group_contacts"] is None
    response = await api.post(f"/v1/contacts/{person['id']}", json={"group_contacts": {"children": []}})
    assert refused(response, "group_contacts")


# Delete


async def test_a_deleted_person_leaves_its_groups(api: httpx.AsyncClient) -> None:
    groups = await everybody(api, type="group")
    group = next(group for group in groups if group["group_contacts"]["primary"])
    gone = group["group_contacts"]["primary"][0]
    assert (await api.delete(f"/v1/contacts/{gone}")).json()["data"]["id"] == gone
    after = (await api.get(f"/v1/contacts/{group['id']}")).json()["data"]
    assert gone not in after["group_contacts"]["children"] + after["group_contacts"]["primary"]
    assert gone not in [member["id"] for member in after["referenced_contacts"]]
    assert len(after["referenced_contacts"]) == len(group["referenced_contacts"]) - 1
    assert await listed(api, child=gone) == []
    assert (await api.get(f"/v1/contacts/{gone}")).status_code == 404
    assert gone not in [contact["id"] for contact in await everybody(api)]


# Seed


async def test_the_sandbox_has_exactly_the_people_and_about_twenty_groups(api: httpx.AsyncClient) -> None:
    persons = await everybody(api, type="person", order_by="created_at")
    people = Population(240)
    assert [person["created_at"] for person in persons] == [
        people.person(number).created for number in people.living_in("packagex")
    ]
    assert len(await everybody(api, type="group")) == 20


async def test_groups_look_real(api: httpx.AsyncClient) -> None:
    groups = await everybody(api, type="group")
    persons = {person["id"]: person for person in await everybody(api, type="person")}
    memberships: list[str] = []
    for group in groups:
        children, primary = group["group_contacts"]["children"], group["group_contacts"]["primary"]
        assert 3 <= len(children) <= 15
        assert len(primary) <= 2
        assert set(children) <= set(persons)
        assert [member["id"] for member in group["referenced_contacts"]] == children
        memberships += children
    assert len(set(memberships)) < len(memberships)
    assert len({group["name"] for group in groups}) == len(groups)
    for member in ("address", "notes", "metadata"):
        assert 0 < sum(bool(group[member]) for group in groups) < len(groups)


async def test_people_have_more_or_less_of_everything(api: httpx.AsyncClient) -> None:
    persons = await everybody(api, type="person")
    for member in ("email", "phone", "address", "notes", "locations", "metadata"):
        assert 0 < sum(bool(person[member]) for person in persons) < len(persons)
    assert len({len(person["metadata"]) for person in persons}) >= 4
    assert {len(person["locations"]) for person in persons} == {0, 1, 2}


async def test_the_same_seed_gives_the_same_contacts(api: httpx.AsyncClient) -> None:
    async with connect(Emulator(Population(240))) as again:
        assert await everybody(again) == await everybody(api)
    async with connect(Emulator(Population(240, seed=2))) as other:
        assert await everybody(other) != await everybody(api)


class Counting(Population):
    """A population that counts how many people were made."""

    def person(self, number: int) -> Person:
        self.__dict__["made"] = self.__dict__.get("made", 0) + 1
        return super().person(number)


async def test_a_hundred_thousand_people_cost_nothing_until_they_are_read() -> None:
    people = Counting(100_000)
    emulator = Emulator(people)
    async with connect(emulator) as api:
        page = await listed(api, order_by="created_at", limit=100, page=3)
        assert len(page) == 100
        assert (await api.get(f"/v1/contacts/{page[7]['id']}")).json()["data"] == page[7]
        newest = (await api.get("/v1/contacts", params={"order_by": "created_at", "type": "group"})).json()
    assert newest["pagination"]["total_count"] == 400
    assert people.__dict__["made"] < 10_000


@pytest.mark.parametrize("size", [0, 1, 2, 5, 10, 60])
async def test_a_few_people_make_a_sandbox_too(size: int) -> None:
    async with connect(Emulator(Population(size))) as api:
        for group in await everybody(api, type="group"):
            assert len(group["group_contacts"]["children"]) >= 3


# Switches


async def test_every_call_is_counted_under_its_operation(emulator: Emulator, api: httpx.AsyncClient) -> None:
    person = await created(api, name="A")
    group = await created(api, name="B", type="group")
    await updated(api, person["id"], name="C")
    await updated(api, group["id"], name="D")
    await api.post("/v1/contacts", json={"csv_url": "data:,"})
    await listed(api)
    await api.get(f"/v1/contacts/{person['id']}")
    await api.delete(f"/v1/contacts/{person['id']}")
    counted = (await api.get("/_emulator/calls")).json()
    assert counted["requests"] == 8
    assert counted["operations"] == {
        "createPerson": 1,
        "createGroup": 1,
        "updatePerson": 1,
        "updateGroup": 1,
        "createFromCsv": 1,
        "listContacts": 1,
        "getContact": 1,
        "deleteContact": 1,
    }


async def test_a_fault_replaces_the_answer_as_often_as_set(
    emulator: Emulator, api: httpx.AsyncClient
) -> None:
    emulator.switches.fail("listContacts", status=503, times=1)
    assert (await api.get("/v1/contacts")).status_code == 503
    assert (await api.get("/v1/contacts")).status_code == 200


async def test_a_fault_may_come_after_the_deed(emulator: Emulator, api: httpx.AsyncClient) -> None:
    emulator.switches.fail("createPerson", reset="headers", after=True, times=1)
    with pytest.raises(ConnectionBroken):
        await api.post("/v1/contacts", json={"name": "Qwerta"})
    assert len(await listed(api, search="qwerta")) == 1


async def test_latency_slows_an_answer_down(emulator: Emulator, api: httpx.AsyncClient) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    emulator.switches.sleep = sleep
    emulator.switches.fail("getContact", latency=2.5)
    await api.get("/v1/contacts/contact_missing")
    await listed(api)
    assert waited == [2.5]


async def test_it_can_be_told_to_throttle(emulator: Emulator, api: httpx.AsyncClient) -> None:
    emulator.throttle(times=1)
    response = await api.get("/v1/contacts")
    assert response.status_code == 429
    assert response.json()["code"] == "rate_limited"
    schema("ErrorEnvelope").validate(response.json())
    assert (await api.get("/v1/contacts")).status_code == 200


# Imports


def test_the_emulator_knows_no_client_code() -> None:
    folder = Path(emulator_module.__file__).parent
    for file in [*folder.glob("emulator*.py"), folder / "seed.py"]:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                ours = name.removeprefix("gateway.upstreams.").removeprefix("packagex.")
                if name.startswith("gateway"):
                    assert ours in {"people", "emulation", "seed"} or ours.startswith("emulator"), file.name
