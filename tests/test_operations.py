"""Every documented operation of every vendor is reachable, and the table in docs/sources.md says how."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from graphql import build_schema

from gateway.model import ids
from gateway.model.source import Source
from tests.support.world import World

HERE = Path(__file__).parent
CONTRACTS = HERE / "upstreams" / "contracts"
ROW = re.compile(r"^\| (Samespace|PackageX|Smart Sender) \| (\w+) \| (read|write) \| (.+) \|$", re.MULTILINE)
TABLE = {
    (source, operation): (kind, way)
    for source, operation, kind, way in ROW.findall((HERE.parent / "docs" / "sources.md").read_text())
}
# PackageX has one path for several operations of its checklist.
PACKAGEX = {
    "createContacts": ["createPerson", "createGroup", "createFromCsv"],
    "updateContact": ["updatePerson", "updateGroup"],
}
NAMES = ("Samespace", "PackageX", "Smart Sender")

CONTACT = "contacts(first: 1, sources: [SMART_SENDER]) { nodes"
READS: dict[tuple[str, str], str] = {
    ("Samespace", "getContacts"): "{ contacts(sources: [SAMESPACE]) { nodes { id } } }",
    ("Samespace", "getModules"): "{ modules { name } }",
    ("Samespace", "getProperties"): "{ properties(source: SAMESPACE) { nodes { key } } }",
    ("PackageX", "listContacts"): "{ groups { nodes { id } } }",
    ("PackageX", "getContact"): "{ groups(first: 1) { nodes { members { nodes { phone } } } } }",
    ("Smart Sender", "listContacts"): "{ contacts(sources: [SMART_SENDER]) { nodes { id } } }",
    (
        "Smart Sender",
        "searchContacts",
    ): '{ contacts(sources: [SMART_SENDER], search: "an") { nodes { id } } }',
    ("Smart Sender", "getContact"): "query ($id: ID!) { contact(by: {id: $id}) { properties { key } } }",
    ("Smart Sender", "getContactInfo"): "query ($id: ID!) { contact(by: {id: $id}) { displayName } }",
    ("Smart Sender", "getContactChat"): f"{{ {CONTACT} {{ chat {{ id }} }} }} }}",
    ("Smart Sender", "listContactGates"): f"{{ {CONTACT} {{ communications {{ nodes {{ id }} }} }} }} }}",
    ("Smart Sender", "listContactMessages"): (
        f"{{ {CONTACT} {{ chat {{ messages {{ nodes {{ text }} }} }} }} }} }}"
    ),
    ("Smart Sender", "listContactFunnels"): f"{{ {CONTACT} {{ funnels {{ name }} }} }} }}",
    ("Smart Sender", "listContactGroups"): f"{{ {CONTACT} {{ groups {{ nodes {{ name }} }} }} }} }}",
    ("Smart Sender", "listChannels"): "{ channels { nodes { name } } }",
    ("Smart Sender", "getChannel"): "query ($channel: ID!) { node(id: $channel) { id } }",
    ("Smart Sender", "listVariables"): "{ properties(source: SMART_SENDER) { nodes { key } } }",
}


ADA = {"firstName": "Ada", "lastName": "Quux", "phone": "+12025550999"}
FILE = b"First Name,Last Name,Email\nAda,Quux,ada.quux@example.com\n"
# Mutation and input; "@…" stands for the id of something that is there.
WRITES: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("Samespace", "createContact"): ("createContact", {"targets": [{"source": "SAMESPACE"}], "contact": ADA}),
    ("Samespace", "updateContacts"): ("updateContacts", {"ids": ["@SAMESPACE"], "contact": ADA}),
    ("Samespace", "deleteContacts"): ("deleteContacts", {"ids": ["@SAMESPACE"]}),
    ("Samespace", "createProperty"): ("createProperty", {"label": "Badge", "type": "TEXT"}),
    ("Samespace", "updateProperty"): ("updateProperty", {"id": "@property", "description": "New"}),
    ("Samespace", "csvUpload"): ("importContacts", {"targets": [{"source": "SAMESPACE"}]}),
    ("Samespace", "importContacts"): ("importContacts", {"targets": [{"source": "SAMESPACE"}]}),
    ("PackageX", "createPerson"): ("createContact", {"targets": [{"source": "PACKAGEX"}], "contact": ADA}),
    ("PackageX", "createGroup"): ("createGroup", {"name": "Harbor"}),
    ("PackageX", "createFromCsv"): ("importContacts", {"targets": [{"source": "PACKAGEX"}]}),
    ("PackageX", "updatePerson"): ("updateContact", {"id": "@PACKAGEX", "contact": ADA}),
    ("PackageX", "updateGroup"): ("updateGroup", {"id": "@group", "addMembers": ["@PACKAGEX"]}),
    ("PackageX", "deleteContact"): ("deleteContacts", {"ids": ["@PACKAGEX"]}),
    ("Smart Sender", "updateContact"): ("updateContact", {"id": "@SMART_SENDER", "contact": ADA}),
    ("Smart Sender", "fireEvent"): ("triggerEvent", {"contact": "@SMART_SENDER", "name": "InvoicePaid"}),
    ("Smart Sender", "mergeContacts"): ("mergeContacts", {"into": "@SMART_SENDER", "from": "@other"}),
    ("Smart Sender", "deleteContact"): ("deleteContacts", {"ids": ["@SMART_SENDER"]}),
    ("Smart Sender", "createGate"): (
        "createContact",
        {
            "targets": [{"source": "SMART_SENDER", "channel": "@channel", "identifier": "12025550999"}],
            "contact": ADA,
        },
    ),
    ("Smart Sender", "addContactTag"): ("updateContactTags", {"id": "@SMART_SENDER", "add": ["@tag"]}),
    ("Smart Sender", "removeContactTag"): ("updateContactTags", {"id": "@SMART_SENDER", "remove": ["@tag"]}),
    ("Smart Sender", "addContactFunnel"): (
        "updateContactFunnels",
        {"id": "@SMART_SENDER", "subscribe": ["wlc7Qd2"]},
    ),
    ("Smart Sender", "removeContactFunnel"): (
        "updateContactFunnels",
        {"id": "@SMART_SENDER", "unsubscribe": ["wlc7Qd2"]},
    ),
    ("Smart Sender", "addContactGroup"): (
        "updateGroup",
        {"id": "@smart group", "addMembers": ["@SMART_SENDER"]},
    ),
    ("Smart Sender", "removeContactGroup"): (
        "updateGroup",
        {"id": "@smart group", "removeMembers": ["@SMART_SENDER"]},
    ),
    ("Smart Sender", "sendContactMessage"): ("sendMessage", {"contact": "@SMART_SENDER", "text": "Hello"}),
}

OF_PEOPLE: list[tuple[str, dict[str, Any]]] = [
    *(
        (name, {"contacts": ["@SMART_SENDER", "@other"], "reason": "They said so."})
        for name in ("linkContacts", "unlinkContacts", "neverSame")
    ),
    ("updatePerson", {"id": "@person", "contact": ADA}),
    ("syncPerson", {"id": "@person", "fields": ["company"]}),
    ("erasePerson", {"id": "@person"}),
]


def documented() -> set[tuple[str, str]]:
    """Every operation of the vendors' contracts."""
    schema = build_schema((CONTRACTS / "samespace.graphql").read_text())
    assert schema.query_type
    assert schema.mutation_type
    found = {
        ("Samespace", name) for root in (schema.query_type, schema.mutation_type) for name in root.fields
    }
    for source, file in (
        ("Samespace", "samespace-upload.openapi.yaml"),
        ("PackageX", "packagex.openapi.yaml"),
        ("Smart Sender", "smartsender.openapi.yaml"),
    ):
        contract = yaml.safe_load((CONTRACTS / file).read_text())
        for path in contract["paths"].values():
            for method, operation in path.items():
                if method in {"get", "post", "put", "delete"}:
                    name = operation["operationId"]
                    names = PACKAGEX.get(name, [name]) if source == "PackageX" else [name]
                    found.update((source, each) for each in names)
    return found


def test_the_table_lists_every_operation_and_nothing_else() -> None:
    assert set(TABLE) == documented()


def test_every_write_has_a_mutation() -> None:
    assert set(WRITES) == {key for key, (kind, _) in TABLE.items() if kind == "write"}


def test_every_read_has_a_query() -> None:
    assert set(READS) == {key for key, (kind, _) in TABLE.items() if kind == "read"}


class WithoutFunnels(httpx.AsyncBaseTransport):
    """An older deployment, whose contacts do not carry their funnels."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        body = json.loads(await response.aread())
        for contact in body.get("collection", []):
            contact.pop("funnels", None)
        return httpx.Response(response.status_code, json=body)


@pytest.mark.parametrize("key", READS, ids=lambda key: f"{key[0]}-{key[1]}")
async def test_every_read_is_reached_by_its_query(world: World, key: tuple[str, str]) -> None:
    source, operation = key
    found: dict[str, Any] = await world.data(
        "{ contacts(first: 1, sources: [SMART_SENDER]) { nodes { id } } channels { nodes { id } } }"
    )
    world.forget()
    if operation == "listContactFunnels":
        inner = world.transports[Source.SMART_SENDER]._inner
        world.transports[Source.SMART_SENDER]._inner = WithoutFunnels(inner)  # type: ignore[assignment]
    variables = {
        "id": found["contacts"]["nodes"][0]["id"],
        "channel": found["channels"]["nodes"][0]["id"],
    }
    query = READS[key]
    answer = await world.ask(query, {name: text for name, text in variables.items() if f"${name}" in query})
    assert answer.errors == []
    boards = {board: world.boards[which] for which, board in zip(Source, NAMES, strict=True)}
    assert boards[source].operations[operation] >= 1


async def there(world: World) -> dict[str, str]:
    """Ids of things that are there, by the names that stand for them above."""
    found = await world.data(
        "{ channels { nodes { id type } } groups { nodes { id } } "
        "properties(source: SAMESPACE) { nodes { id } } "
        "contacts(sources: [SMART_SENDER], first: 100) { nodes { tags { id } groups { nodes { id } } } } }"
    )
    people = found["contacts"]["nodes"]
    of_source = {f"@{source.value}": (await world.some(source))[0]["id"] for source in Source}
    return of_source | {
        "@person": ids.encode("Person", "default", "SMART_SENDER", "60001"),
        "@other": (await world.some(Source.SMART_SENDER, 2))[1]["id"],
        "@channel": next(each["id"] for each in found["channels"]["nodes"] if each["type"] == "whatsapp"),
        "@group": found["groups"]["nodes"][0]["id"],
        "@property": found["properties"]["nodes"][0]["id"],
        "@tag": next(tag["id"] for each in people for tag in each["tags"]),
        "@smart group": next(group["id"] for each in people for group in each["groups"]["nodes"]),
    }


def filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: filled(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, names) for each in value]
    return names.get(value, value)


@pytest.mark.parametrize("key", WRITES, ids=lambda key: f"{key[0]}-{key[1]}")
async def test_every_write_is_reached_by_its_mutation(world: World, key: tuple[str, str]) -> None:
    source, operation = key
    field, given = WRITES[key]
    given = filled(given, await there(world))
    world.forget()
    if field == "importContacts":
        payload = await world.load(given, FILE)
        assert [report["status"] for report in payload["job"]["reports"]] == ["APPLIED"]
    else:
        payload = await world.write(field, given)
        done = payload["outcomes"] if "outcomes" in payload else [payload["outcome"]]
        assert [each["status"] for each in done] == ["APPLIED"]
    assert payload["userErrors"] == []
    boards = {name: world.boards[which] for which, name in zip(Source, NAMES, strict=True)}
    assert boards[source].operations[operation] >= 1
