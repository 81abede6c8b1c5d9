"""Shorthand for tests that write to people."""

import hashlib
from collections.abc import Sequence
from typing import Any

from tests.support.world import World

PERSON = (
    "id displayName emails phones members { confidence reasons { rule left right normalisedAs } "
    "contact { id source sourceId displayName } }"
)
PEOPLE = (
    "query ($after: String) { people(first: 100, after: $after) { nodes { members { contact { id } } } } }"
)
OF_CONTACT = f"query ($id: ID!) {{ person(by: {{ contact: $id }}) {{ {PERSON} }} }}"
SAY = (
    "mutation ($input: LinkContactsInput!) { it: %s(input: $input) "
    f"{{ people {{ {PERSON} }} userErrors {{ field message code }} clientMutationId }} }}"
)
REASON = "They have told us so."
EVENTS = "{ events(first: 100) { nodes { type source contactId actor payload } } }"


def callers(**entries: str) -> str:
    """GATEWAY_API_KEYS of callers whose key is their name."""
    return ";".join(
        f"{name}:{hashlib.sha256(name.encode()).hexdigest()}:{rest}" for name, rest in entries.items()
    )


def key(name: str) -> dict[str, str]:
    """The header of such a caller."""
    return {"x-api-key": name}


async def say(
    world: World, verb: str, contacts: Sequence[str], reason: str = REASON, **asking: Any
) -> dict[str, Any]:
    """Say something of contacts by hand; the payload."""
    data = await world.data(SAY % verb, {"input": {"contacts": list(contacts), "reason": reason}}, **asking)
    payload: dict[str, Any] = data["it"]
    return payload


async def said(world: World, verb: str, contacts: Sequence[str], reason: str = REASON, **asking: Any) -> Any:
    """The same of what nobody complains of; the people as they are afterwards."""
    payload = await say(world, verb, contacts, reason, **asking)
    assert payload["userErrors"] == []
    return payload["people"]


async def person_of(world: World, contact: str, **asking: Any) -> Any:
    """The person of a contact."""
    return (await world.data(OF_CONTACT, {"id": contact}, **asking))["person"]


def members(person: Any) -> frozenset[str]:
    """The ids of a person's contacts."""
    return frozenset(each["contact"]["id"] for each in person["members"])


async def everybody(world: World, **asking: Any) -> frozenset[frozenset[str]]:
    """Everybody of a small world, as the ids of their contacts."""
    page = (await world.data(PEOPLE, **asking))["people"]
    return frozenset(map(members, page["nodes"]))


async def events(world: World, **asking: Any) -> list[dict[str, Any]]:
    """Everything in the event log."""
    nodes: list[dict[str, Any]] = (await world.data(EVENTS, **asking))["events"]["nodes"]
    return nodes
