"""What an operator can say about who is one person: providers, roles, shared keys, ids, modules, countries."""

from typing import Any

import pytest

from gateway.model.source import Source
from tests.conftest import Build
from tests.support.people import ask_for, people, person, records, together
from tests.support.records import PX, SENDER, SPACE, changed, made
from tests.support.world import World

CONFLICTS = "{ identityConflicts { nodes { reason contacts { id } } } }"

Values = tuple[Source, dict[str, Any]]


async def told(build: Build, *some: Values, **settings: str) -> tuple[World, list[str]]:
    """A world with some records of one name, and their ids."""
    world = build(0, **settings)
    held = [made(world, source, **{"name": "Ada Quux", **values}) for source, values in some]
    await world.scan()
    return world, held


async def joined(build: Build, *some: Values, **settings: str) -> bool:
    """Whether such records are one person."""
    world, held = await told(build, *some, **settings)
    found = together(await people(world))
    assert found in ({frozenset(held)}, {frozenset([each]) for each in held})
    return len(found) == 1


@pytest.mark.parametrize(
    ("one", "other", "joins"),
    [
        ("ada.quux@gmail.com", "adaquux+work@googlemail.com", True),
        ("ada+work@outlook.com", "ADA@outlook.com", True),
        ("ada.quux@outlook.com", "adaquux@outlook.com", False),  # there dots do count
        ("ada+work@example.com", "ada@example.com", False),
        ("info+x@gmail.com", "info@gmail.com", False),
    ],
)
async def test_mailboxes_are_read_as_their_provider_reads_them_where_that_is_wanted(
    new_world: Build, one: str, other: str, joins: bool
) -> None:
    some: list[Values] = [(SPACE, {"email": one}), (PX, {"email": other})]
    assert not await joined(new_world, *some)
    on = {"GATEWAY_IDENTITY_PROVIDER_RULES": "true"}
    assert await joined(new_world, *some, **on) is joins
    if not joins:
        return
    world, held = await told(new_world, *some, **on)
    for text in (one, other, f"{other.partition('@')[0].partition('+')[0]}+new@{other.partition('@')[2]}"):
        found = await person(world, email=text)
        assert found is not None
        assert records(found) == held
        assert {reason["rule"] for each in found["members"] for reason in each["reasons"]} == {"SAME_EMAIL"}


async def test_other_mailboxes_of_roles_can_be_named(new_world: Build) -> None:
    some: list[Values] = [(SPACE, {"email": "bar@example.com"}), (PX, {"email": "bar@example.com"})]
    assert await joined(new_world, *some)
    assert not await joined(new_world, *some, GATEWAY_IDENTITY_ROLE_MAILBOXES="bar cafe")
    info: list[Values] = [(SPACE, {"email": "info@example.com"}), (PX, {"email": "info@example.com"})]
    assert await joined(new_world, *info, GATEWAY_IDENTITY_ROLE_MAILBOXES="bar cafe")


async def test_keys_that_are_shared_join_nobody(new_world: Build) -> None:
    shared = {"GATEWAY_IDENTITY_SHARED": "Our.House@example.com, +1 (202) 555-0111"}
    for held in ({"email": "our.house@EXAMPLE.com"}, {"phone": "+12025550111"}):
        some: list[Values] = [(SPACE, dict(held)), (PX, dict(held))]
        assert await joined(new_world, *some)
        assert not await joined(new_world, *some, **shared)
    both = {"email": "our.house@example.com", "phone": "+12025550112"}
    assert await joined(new_world, (SPACE, dict(both)), (SENDER, dict(both)), **shared)


@pytest.mark.parametrize(("most", "joins"), [("1", False), ("2", False), ("3", True), ("5", True)])
async def test_a_key_of_too_many_records_of_one_source_joins_nobody(
    new_world: Build, most: str, joins: bool
) -> None:
    some: list[Values] = [(PX, {"email": "ada@example.com"}) for _ in range(3)]
    some.append((SPACE, {"email": "ada@example.com"}))
    assert await joined(new_world, *some, GATEWAY_IDENTITY_MOST_RECORDS=most) is joins


async def test_records_join_again_when_fewer_hold_their_key(new_world: Build) -> None:
    some: list[Values] = [(PX, {"email": "ada@example.com"}) for _ in range(3)]
    world, held = await told(
        new_world, *some, (SPACE, {"email": "ada@example.com"}), GATEWAY_IDENTITY_MOST_RECORDS="2"
    )
    changed(world, held[0], email="else@example.com")
    await world.scan()
    assert together(await people(world)) == {frozenset(held[1:]), frozenset(held[:1])}


EXTERNAL = {
    "GATEWAY_IDENTITY_EXTERNAL_IDS": "customer=SAMESPACE:jobTitle,PACKAGEX:customer_id,SMART_SENDER:crm"
}


def variable(value: Any) -> dict[str, Any]:
    return {"variables": [{"id": 90, "name": "crm", "type": "string", "value": value}]}


async def test_ids_that_the_operator_names_join_whatever_else_differs(new_world: Build) -> None:
    world, held = await told(
        new_world,
        (SPACE, {"jobTitle": "0042", "name": "Ada Quux", "email": "ada@example.com"}),
        (PX, {"properties": {"customer_id": " 0042 "}, "name": "Countess Lovelace"}),
        (SENDER, {**variable("0042"), "name": "Otto Byron", "email": "otto@example.com"}),
        **EXTERNAL,
    )
    found = await person(world, contact=held[1])
    assert found is not None
    assert records(found) == held
    for each in found["members"]:
        assert each["confidence"] == 0.99
        assert [(reason["rule"], reason["normalisedAs"]) for reason in each["reasons"]] == [
            ("SAME_EXTERNAL_ID", "0042")
        ]


async def test_different_ids_keep_apart_whatever_else_is_the_same(new_world: Build) -> None:
    world, held = await told(
        new_world,
        (SPACE, {"jobTitle": "1", "email": "ada@example.com", "phone": "+12025550111"}),
        (PX, {"properties": {"customer_id": 2}, "email": "ada@example.com", "phone": "+12025550111"}),
        **EXTERNAL,
    )
    assert together(await people(world)) == {frozenset([each]) for each in held}
    (conflict,) = (await world.data(CONFLICTS))["identityConflicts"]["nodes"]
    assert {each["id"] for each in conflict["contacts"]} == set(held)
    assert "their customer differ" in conflict["reason"]


@pytest.mark.parametrize("value", ["", "  ", None, True, {"id": 1}, [1], "x" * 201])
async def test_what_is_no_id_joins_nobody(new_world: Build, value: Any) -> None:
    some: list[Values] = [(PX, {"properties": {"customer_id": value}}) for _ in range(2)]
    assert not await joined(new_world, *some, **EXTERNAL)


async def test_numbers_and_texts_are_the_same_id(new_world: Build) -> None:
    some: list[Values] = [(PX, {"properties": {"customer_id": 7}}), (SENDER, variable("7"))]
    assert await joined(new_world, *some, **EXTERNAL)


async def test_modules_hold_people_where_they_are_named(new_world: Build) -> None:
    some: list[Values] = [
        (SPACE, {"module": "Companies", "email": "ada@example.com"}),
        (PX, {"email": "ada@example.com"}),
    ]
    contacts, held = await told(new_world, *some)
    found = await people(contacts)
    assert together(found) == {frozenset([held[1]])}
    company = await ask_for(contacts, contact=held[0])
    assert (company.data, company.codes) == ({"person": None}, [])
    for modules in ("Contacts,Companies", "*"):
        both, held = await told(new_world, *some, GATEWAY_IDENTITY_MODULES=modules)
        assert frozenset(held) in together(await people(both))
        assert len(await people(both)) == 21  # with the companies of the sandbox
    companies, held = await told(new_world, *some, GATEWAY_IDENTITY_MODULES="Companies")
    assert frozenset(held) in together(await people(companies))
    none, held = await told(new_world, *some, GATEWAY_IDENTITY_MODULES="Suppliers")
    assert together(await people(none)) == {frozenset([held[1]])}


async def test_phones_without_a_code_are_read_in_the_country_of_the_record_or_the_setting(
    new_world: Build,
) -> None:
    here = (SPACE, {"phone": "020 7946 0958"})
    there = (SENDER, {"phone": "+442079460958"})
    assert not await joined(new_world, here, there)
    assert await joined(new_world, here, there, GATEWAY_PHONE_REGION="GB")
    placed = (PX, {"phone": "020 7946 0958", "properties": {"Country": "gb"}})
    assert await joined(new_world, placed, there)
    world, held = await told(new_world, here, there, GATEWAY_PHONE_REGION="GB")
    assert records(await person(world, phone="(020) 79460958")) == held
