"""Every documented operation of every vendor is reachable, and the table in docs/sources.md says how."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from graphql import build_schema

from gateway.model.source import Source
from gateway.upstreams.packagex.client import Client as PackageX
from gateway.upstreams.samespace.client import Client as Samespace
from gateway.upstreams.smartsender.client import Client as SmartSender
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
CLIENTS = {"Samespace": Samespace, "PackageX": PackageX, "Smart Sender": SmartSender}

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


def test_every_write_names_a_client_method_that_is_there() -> None:
    for (source, _), (kind, way) in TABLE.items():
        if kind == "write":
            named = re.fullmatch(r"client method `(\w+)`", way)
            assert named
            assert callable(getattr(CLIENTS[source], named[1]))


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
    ids: dict[str, Any] = await world.data(
        "{ contacts(first: 1, sources: [SMART_SENDER]) { nodes { id } } channels { nodes { id } } }"
    )
    world.forget()
    if operation == "listContactFunnels":
        inner = world.transports[Source.SMART_SENDER]._inner
        world.transports[Source.SMART_SENDER]._inner = WithoutFunnels(inner)  # type: ignore[assignment]
    variables = {"id": ids["contacts"]["nodes"][0]["id"], "channel": ids["channels"]["nodes"][0]["id"]}
    query = READS[key]
    answer = await world.ask(query, {name: text for name, text in variables.items() if f"${name}" in query})
    assert answer.errors == []
    boards = {board: world.boards[which] for which, board in zip(Source, CLIENTS, strict=True)}
    assert boards[source].operations[operation] >= 1
