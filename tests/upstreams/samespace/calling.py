"""What the tests of the Samespace emulator have in common: a caller with a key, and documents to send."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from gateway.upstreams.samespace.emulator import Emulator

NOW = 1_760_000_000.25
CONTACTS, COMPANY_MODULE = "66f0a1c2d3e4f5a6b7c8d900", "66f0a1c2d3e4f5a6b7c8d901"
NOBODY = "6700b1c2d3e4f5a6b7c8effe"
UPDATE = (
    "mutation($p: [KeyValueInput!]!, $id: [ID!], $f: JSON, $all: Boolean)"
    " { updateContacts(properties: $p, _id: $id, filter: $f, all: $all) }"
)
DELETE = "mutation($id: [ID!], $f: JSON, $all: Boolean) { deleteContacts(_id: $id, filter: $f, all: $all) }"
CREATE = "mutation($p: [KeyValueInput!]!) { createContact(properties: $p) { _id module properties } }"
PROPERTIES = (
    "{ getProperties { _id label key type description options { label key } displayOrder required } }"
)
NEW_PROPERTY = (
    "mutation($p: CreatePropertyInput!) { createProperty(payload: $p)"
    " { _id key displayOrder options { label key } required addToView default createdBy } }"
)
UPDATED = {"success": True, "message": "Contact updated"}
DELETED = {"success": True, "message": "Contact deleted"}
NOT_FOUND = {"success": False, "message": "Contact not found"}


@dataclass
class Caller:
    """Someone with a key who calls the emulator."""

    http: httpx.AsyncClient

    async def send(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole body of a GraphQL answer."""
        response = await self.http.post("/crm/api", json={"query": query, "variables": variables})
        assert response.status_code == 200
        answer = response.json()
        assert isinstance(answer, dict)
        return answer

    async def ask(self, query: str, **variables: Any) -> Any:
        """The value of the only root field of an answer without errors."""
        answer = await self.send(query, **variables)
        assert "errors" not in answer, answer
        (value,) = answer["data"].values()
        return value

    async def refusal(self, query: str, **variables: Any) -> dict[str, Any]:
        """The only error of an answer."""
        (error,) = (await self.send(query, **variables))["errors"]
        assert isinstance(error, dict)
        return error

    async def contacts(self, **query: Any) -> Any:
        """A page of the module Contacts."""
        return await self.ask(
            "query($q: QueryInput) { getContacts(query: $q) { _id module properties } }", q=query
        )

    async def create(self, **values: str | None) -> Any:
        """The id of a new contact."""
        created = await self.ask(CREATE, p=pairs(values))
        return created["_id"]

    async def upload(self, filename: str, content: bytes) -> httpx.Response:
        """Send a file."""
        return await self.http.post("/manage/api/v3/csv/upload", files={"uploadFile": (filename, content)})


def pairs(values: Mapping[str, str | None]) -> list[dict[str, str | None]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def calling(emulator: Emulator, key: str = "any-key") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=emulator.app)
    return httpx.AsyncClient(transport=transport, base_url="http://emulator", headers={"x-api-key": key})
