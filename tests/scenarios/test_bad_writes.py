"""Bad input gets a user error with a path and a code, and nothing is written to any source."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.model import ids
from gateway.model.source import Source
from tests.support import world as worlds
from tests.support.world import World

WRITES = frozenset(
    "createContact updateContacts deleteContacts createProperty updateProperty csvUpload importContacts "
    "createPerson createGroup createFromCsv updatePerson updateGroup deleteContact updateContact fireEvent "
    "mergeContacts createGate addContactTag removeContactTag addContactFunnel removeContactFunnel "
    "addContactGroup removeContactGroup sendContactMessage".split()
)


def made_up(source: str, vendor_id: str, kind: str = "Contact") -> str:
    parts = {"Contact": ("", vendor_id), "Tag": (vendor_id,), "Channel": (vendor_id,), "Group": (vendor_id,)}
    return ids.encode(kind, "default", source, *parts[kind])


SM, PX, SS = "SAMESPACE", "PACKAGEX", "SMART_SENDER"
NOBODY = {
    SM: made_up(SM, "6700b1c2d3e4f5a6b7c8efff"),
    PX: made_up(PX, "contact_nobody"),
    SS: made_up(SS, "999999999"),
}
ADA = {"firstName": "Ada", "lastName": "Quux"}

# Mutation, input ("@PX" stands for the id of a contact there), and the complaint that is expected.
BAD: list[tuple[str, dict[str, Any], list[str], str]] = [
    ("createContact", {"targets": [], "contact": ADA}, ["targets"], "REQUIRED"),
    ("createContact", {"targets": [{"source": PX}], "contact": {}}, ["contact", "name"], "REQUIRED"),
    ("createContact", {"targets": [{"source": PX}], "contact": {"email": "a@example.com"}}, ["contact", "name"], "REQUIRED"),
    ("createContact", {"targets": [{"source": PX}], "contact": {"name": " "}}, ["contact", "name"], "REQUIRED"),
    ("createContact", {"targets": [{"source": SM}], "contact": {"name": "Cher"}}, ["contact", "lastName"], "REQUIRED"),
    ("createContact", {"targets": [{"source": PX}, {"source": PX}], "contact": ADA}, ["targets", "1", "source"], "DUPLICATE"),
    ("createContact", {"targets": [{"source": PX, "module": {"name": "Contacts"}}], "contact": ADA}, ["targets", "0", "module"], "INVALID"),
    ("createContact", {"targets": [{"source": SM, "module": {"name": "Unicorns"}}], "contact": ADA}, ["targets", "0", "module"], "NOT_FOUND"),
    ("createContact", {"targets": [{"source": SS, "identifier": "1"}], "contact": ADA}, ["targets", "0", "channel"], "REQUIRED"),
    ("createContact", {"targets": [{"source": SS, "channel": made_up(SS, "2", "Channel")}], "contact": ADA}, ["targets", "0", "identifier"], "REQUIRED"),
    ("createContact", {"targets": [{"source": SS, "identifier": "1", "channel": made_up(SS, "77", "Channel")}], "contact": ADA}, ["targets", "0", "channel"], "NOT_FOUND"),
    ("createContact", {"targets": [{"source": PX, "identifier": "1"}], "contact": ADA}, ["targets", "0", "identifier"], "INVALID"),
    ("createContact", {"targets": [{"source": PX}], "contact": {**ADA, "email": "not-an-email"}}, ["contact", "email"], "INVALID"),
    ("createContact", {"targets": [{"source": PX}], "contact": {**ADA, "email": "piet@example"}}, ["contact", "email"], "INVALID"),
    ("createContact", {"targets": [{"source": PX}], "contact": {**ADA, "phone": "12"}}, ["contact", "phone"], "INVALID"),
    ("createContact", {"targets": [{"source": PX}], "contact": {**ADA, "phone": "call me"}}, ["contact", "phone"], "INVALID"),
    ("createContact", {"targets": [{"source": PX}], "contact": {**ADA, "notes": "a\x00b"}}, ["contact", "notes"], "INVALID"),
    ("createContact", {"targets": [{"source": PX}], "contact": {**ADA, "notes": "x" * 10_001}}, ["contact", "notes"], "TOO_LARGE"),
    ("createContact", {"targets": [{"source": SM}], "contact": {**ADA, "properties": [{"key": "zzz", "value": 1}]}}, ["contact", "properties", "0", "key"], "NOT_FOUND"),
    ("createContact", {"targets": [{"source": SM}], "contact": {**ADA, "properties": [{"key": "leadScore", "value": "many"}]}}, ["contact", "properties", "0", "value"], "INVALID"),
    ("createContact", {"targets": [{"source": SM}], "contact": {**ADA, "properties": [{"key": "leadStatus", "value": "unheard"}]}}, ["contact", "properties", "0", "value"], "INVALID"),
    ("createContact", {"targets": [{"source": SM}], "contact": {**ADA, "properties": [{"key": "jobTitle", "value": 5}]}}, ["contact", "properties", "0", "value"], "INVALID"),
    ("createContact", {"targets": [{"source": SM}], "contact": {**ADA, "email": "a@example.com", "properties": [{"key": "email", "value": "b@example.com"}]}}, ["contact", "properties", "0", "key"], "CONFLICT"),
    ("createContact", {"targets": [{"source": PX}], "contact": {**ADA, "properties": [{"key": "a", "value": 1}, {"key": "a", "value": 2}]}}, ["contact", "properties", "1", "key"], "DUPLICATE"),
    ("createContact", {"targets": [{"source": PX}], "contact": {**ADA, "properties": [{"key": "a"}]}}, ["contact", "properties", "0", "value"], "REQUIRED"),
    ("createContact", {"targets": [{"source": PX}], "contact": {**ADA, "properties": [{"key": "a", "value": ""}]}}, ["contact", "properties", "0", "value"], "REQUIRED"),
    ("createContact", {"targets": [{"source": PX}], "contact": {"name": "Ada Quux", "firstName": "Bob"}}, ["contact", "name"], "CONFLICT"),
    ("createContact", {"targets": [{"source": SS, "identifier": "1", "channel": made_up(SS, "..", "Channel")}], "contact": ADA}, ["targets", "0", "channel"], "NOT_FOUND"),
    ("updateContact", {"id": "nonsense", "contact": ADA}, ["id"], "NOT_FOUND"),
    ("updateContact", {"id": NOBODY[SM], "contact": ADA}, ["id"], "NOT_FOUND"),
    ("updateContact", {"id": NOBODY[PX], "contact": ADA}, ["id"], "NOT_FOUND"),
    ("updateContact", {"id": NOBODY[SS], "contact": ADA}, ["id"], "NOT_FOUND"),
    ("updateContact", {"id": made_up(PX, "../groups"), "contact": ADA}, ["id"], "NOT_FOUND"),
    ("updateContact", {"id": "@PX", "contact": {}}, ["contact"], "REQUIRED"),
    ("updateContact", {"id": "@PX", "contact": {"name": None}}, ["contact", "name"], "REQUIRED"),
    ("updateContact", {"id": "@SM", "contact": {"lastName": None}}, ["contact", "lastName"], "REQUIRED"),
    ("updateContact", {"id": "@SS", "contact": {"firstName": None}}, ["contact", "firstName"], "REQUIRED"),
    ("updateContact", {"id": "@SS", "contact": {"properties": [{"key": "visits", "value": "often"}]}}, ["contact", "properties", "0", "value"], "INVALID"),
    ("updateContact", {"id": "@SS", "contact": {"properties": [{"key": "birthday", "value": "soon"}]}}, ["contact", "properties", "0", "value"], "INVALID"),
    ("updateContacts", {"ids": [], "contact": ADA}, ["ids"], "REQUIRED"),
    ("updateContacts", {"ids": ["x"] * 501, "contact": ADA}, ["ids"], "TOO_LARGE"),
    ("updateContacts", {"ids": ["@PX", NOBODY[SM]], "contact": ADA}, ["ids", "1"], "NOT_FOUND"),
    ("deleteContacts", {"ids": []}, ["ids"], "REQUIRED"),
    ("deleteContacts", {"ids": ["@SM", "x"]}, ["ids", "1"], "NOT_FOUND"),
    ("deleteContacts", {"ids": ["@SM", NOBODY[SS]]}, ["ids", "1"], "NOT_FOUND"),
    ("mergeContacts", {"into": "@SS", "from": "@SS"}, ["from"], "CONFLICT"),
    ("mergeContacts", {"into": "@SS", "from": "@PX"}, ["from"], "CONFLICT"),
    ("mergeContacts", {"into": "@SS", "from": NOBODY[SS]}, ["from"], "NOT_FOUND"),
    ("updateContactTags", {"id": "@SS"}, ["add"], "REQUIRED"),
    ("updateContactTags", {"id": "@SS", "add": ["x"]}, ["add", "0"], "NOT_FOUND"),
    ("updateContactTags", {"id": "@SS", "add": [made_up(SS, "81", "Tag")], "remove": [made_up(SS, "81", "Tag")]}, ["remove", "0"], "CONFLICT"),
    ("updateContactTags", {"id": "@PX", "add": [made_up(SS, "81", "Tag")]}, ["id"], "UNSUPPORTED"),
    ("updateContactTags", {"id": "@SS", "add": [made_up(SS, "..", "Tag")]}, ["add", "0"], "NOT_FOUND"),
    ("updateContactFunnels", {"id": "@SS", "subscribe": ["a" * 70_000]}, ["subscribe", "0"], "INVALID"),
    ("updateContactFunnels", {"id": "@SS", "subscribe": ["../x"]}, ["subscribe", "0"], "INVALID"),
    ("createProperty", {"label": "A", "type": "REFERENCE", "referenceModule": ids.encode("Module", "default", SM, "66f0a1c2d3e4f5a6b7c8dfff")}, ["referenceModule"], "NOT_FOUND"),
    ("deleteContacts", {"ids": ["@PX", made_up(PX, "../x")]}, ["ids", "1"], "NOT_FOUND"),
    ("updateContactFunnels", {"id": "@SS", "subscribe": [" "]}, ["subscribe", "0"], "INVALID"),
    ("updateContactFunnels", {"id": "@SM", "subscribe": ["wlc7Qd2"]}, ["id"], "UNSUPPORTED"),
    ("triggerEvent", {"contact": "@SS", "name": " "}, ["name"], "REQUIRED"),
    ("triggerEvent", {"contact": "@SM", "name": "InvoicePaid"}, ["contact"], "UNSUPPORTED"),
    ("sendMessage", {"contact": "@SS"}, ["text"], "REQUIRED"),
    ("sendMessage", {"contact": "@SS", "text": "a", "mediaUrl": "https://example.com/a"}, ["mediaUrl"], "INVALID"),
    ("sendMessage", {"contact": "@SS", "type": "LOCATION", "title": "x", "latitude": 91, "longitude": 0}, ["latitude"], "INVALID"),
    ("sendMessage", {"contact": "@SS", "type": "CONTACT", "fullName": "x", "phoneNumber": "12"}, ["phoneNumber"], "INVALID"),
    ("sendMessage", {"contact": "@PX", "text": "Hello"}, ["contact"], "UNSUPPORTED"),
    *(
        ("sendMessage", {"contact": "@SS", "type": "PICTURE", "mediaUrl": url}, ["mediaUrl"], "INVALID")
        for url in ("file:///etc/passwd", "gopher://example.com", "http://127.0.0.1/x", "http://localhost/x", "http://[::1]/", "http://2130706433/", "http://user@example.com/", "https://printer.local/x", "ftp://example.com/x", "https:///x")
    ),
    ("createGroup", {"name": " "}, ["name"], "REQUIRED"),
    ("createGroup", {"name": "A", "members": [NOBODY[PX]]}, ["members", "0"], "NOT_FOUND"),
    ("createGroup", {"name": "A", "members": ["@SM"]}, ["members", "0"], "INVALID"),
    ("createGroup", {"name": "A", "primaryContacts": ["@PX"]}, ["primaryContacts", "0"], "INVALID"),
    ("createGroup", {"name": "A", "source": SM}, ["source"], "UNSUPPORTED"),
    ("updateGroup", {"id": "x", "name": "A"}, ["id"], "NOT_FOUND"),
    ("updateGroup", {"id": made_up(PX, "contact_nobody", "Group"), "name": "A"}, ["id"], "NOT_FOUND"),
    ("updateGroup", {"id": "@GROUP"}, [], "REQUIRED"),
    ("updateGroup", {"id": "@GROUP", "addMembers": []}, ["addMembers"], "REQUIRED"),
    ("updateGroup", {"id": "@GROUP", "addMembers": ["@PX"], "removeMembers": ["@PX"]}, ["removeMembers", "0"], "CONFLICT"),
    ("updateGroup", {"id": "@GROUP", "addMembers": ["@PX"], "setMembers": ["@PX"]}, ["setMembers"], "CONFLICT"),
    ("updateGroup", {"id": "@GROUP", "setMembers": [], "setPrimaryContacts": ["@PX"]}, ["setPrimaryContacts", "0"], "INVALID"),
    ("deleteGroup", {"id": made_up(PX, "contact_nobody", "Group")}, ["id"], "NOT_FOUND"),
    ("createProperty", {"label": "!", "type": "TEXT"}, ["label"], "REQUIRED"),
    ("createProperty", {"label": "First name", "type": "TEXT"}, ["label"], "DUPLICATE"),
    ("createProperty", {"label": "A", "type": "OTHER"}, ["type"], "INVALID"),
    ("createProperty", {"label": "A", "type": "ENUM"}, ["options"], "REQUIRED"),
    ("createProperty", {"label": "A", "type": "REFERENCE"}, ["referenceModule"], "REQUIRED"),
    ("createProperty", {"label": "A", "type": "TEXT", "module": {"name": "Unicorns"}}, ["module"], "NOT_FOUND"),
    ("createProperty", {"label": "A", "type": "TEXT", "source": PX}, ["source"], "UNSUPPORTED"),
    ("updateProperty", {"id": "x", "label": "A"}, ["id"], "NOT_FOUND"),
    ("updateProperty", {"id": ids.encode("Property", "default", SM, "66f0a1c2d3e4f5a6b7c8d900", "66f0a1c2d3e4f5a6b7c8ffff"), "label": "A"}, ["id"], "NOT_FOUND"),
    ("updateProperty", {"id": ids.encode("Property", "default", SS, "", "city"), "label": "A"}, ["id"], "UNSUPPORTED"),
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[World]:
    """A world in which all of that is tried, as nothing of it is written."""
    world = worlds.build()
    await world.scan()
    yield world
    await worlds.close(world)


async def filled(world: World, value: Any) -> Any:
    """The input with real ids in the places of "@PX" and the like."""
    if isinstance(value, dict):
        return {name: await filled(world, each) for name, each in value.items()}
    if isinstance(value, list):
        return [await filled(world, each) for each in value]
    if value == "@GROUP":
        page = await world.data("{ groups(first: 1) { nodes { id } } }")
        return page["groups"]["nodes"][0]["id"]
    if value in {"@SM", "@PX", "@SS"}:
        source = {"@SM": Source.SAMESPACE, "@PX": Source.PACKAGEX, "@SS": Source.SMART_SENDER}[value]
        return (await world.some(source))[0]["id"]
    return value


@pytest.mark.parametrize(
    ("field", "given", "path", "code"),
    BAD,
    ids=[f"{n}-{'.'.join(p)}-{i}" for i, (n, _, p, _) in enumerate(BAD)],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_bad_input_is_told_by_path_and_code_and_nothing_is_written(
    shared: World, field: str, given: dict[str, Any], path: list[str], code: str
) -> None:
    world = shared
    given = await filled(world, given)
    world.forget()
    payload = await world.write(field, given)
    assert (path or None, code) in [(each["field"], each["code"]) for each in payload["userErrors"]]
    assert not WRITES & world.operations.keys()
    done = payload.get("outcomes", [payload.get("outcome")])
    assert {each["status"] for each in done if each} <= {"UNSUPPORTED"}


async def test_all_that_is_wrong_is_told_at_once(world: World) -> None:
    contact = {"email": "x", "phone": "y", "properties": [{"key": "zzz", "value": 1}]}
    payload = await world.write("createContact", {"targets": [{"source": SM}], "contact": contact})
    assert {".".join(each["field"]) for each in payload["userErrors"]} == {
        "contact.name",
        "contact.email",
        "contact.phone",
        "contact.properties.0.key",
        "contact.firstName",
        "contact.lastName",
    }


async def test_ids_of_another_account_are_not_found(world: World) -> None:
    foreign = ids.encode("Contact", "acme", PX, "", "contact_1")
    payload = await world.write("deleteContacts", {"ids": [foreign]})
    assert [each["code"] for each in payload["userErrors"]] == ["NOT_FOUND"]


async def test_what_a_source_refuses_is_told_in_the_words_of_the_input(world: World) -> None:
    (contact,) = await world.some(Source.PACKAGEX)
    world.packagex.switches.fail(
        "updatePerson", status=400, body='{"message": "secret", "errors": ["email", "metadata"], "data": {}}'
    )
    payload = await world.write("updateContact", {"id": contact["id"], "contact": {"lastName": "X"}})
    outcome = payload["outcome"]
    assert outcome["status"] == "REJECTED"
    assert [(each["field"], each["code"]) for each in outcome["userErrors"]] == [
        (["contact", "email"], "UPSTREAM_REJECTED"),
        (["contact", "properties"], "UPSTREAM_REJECTED"),
    ]
    assert "secret" not in str(payload)


async def test_what_a_source_calls_its_fields_never_reaches_a_caller(world: World) -> None:
    (contact,) = await world.some(Source.PACKAGEX)
    world.packagex.switches.fail(
        "updatePerson", status=400, body='{"errors": ["relation users at db-7 key=sk_live"], "data": {}}'
    )
    payload = await world.write("updateContact", {"id": contact["id"], "contact": {"lastName": "X"}})
    assert [each["code"] for each in payload["outcome"]["userErrors"]] == ["UPSTREAM_REJECTED"]
    assert "sk_live" not in str(payload)
