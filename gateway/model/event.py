"""What has happened through this gateway, or was noticed by it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypedDict

from gateway.model.source import Source


class EventType(StrEnum):
    """What can happen."""

    CONTACTS_LINKED = "CONTACTS_LINKED"
    CONTACTS_UNLINKED = "CONTACTS_UNLINKED"
    PERSON_ERASED = "PERSON_ERASED"
    MESSAGE_SENT = "MESSAGE_SENT"
    CONTACT_CREATED = "CONTACT_CREATED"
    CONTACT_UPDATED = "CONTACT_UPDATED"
    CONTACT_DELETED = "CONTACT_DELETED"
    CONTACTS_MERGED = "CONTACTS_MERGED"
    CONTACTS_IMPORTED = "CONTACTS_IMPORTED"
    GROUP_CREATED = "GROUP_CREATED"
    GROUP_UPDATED = "GROUP_UPDATED"
    GROUP_DELETED = "GROUP_DELETED"
    PROPERTY_CREATED = "PROPERTY_CREATED"
    PROPERTY_UPDATED = "PROPERTY_UPDATED"
    EVENT_TRIGGERED = "EVENT_TRIGGERED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something to note. `contact` is a global id; `payload` names fields and ids, never values."""

    type: EventType
    source: Source | None = None
    contact: str | None = None
    name: str | None = None
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events are meant; None means not asked. `sources` also leaves out those without a source."""

    types: tuple[EventType, ...] | None = None
    sources: tuple[Source, ...] | None = None
    contact: str | None = None
    since: str | None = None


class Event(TypedDict):
    """An event; without an `actor` it was noticed. `_number` is its place in the log of all accounts."""

    __typename: str
    id: str
    type: str
    name: str | None
    source: str | None
    contactId: str | None
    actor: str | None
    occurredAt: str
    payload: Any
    _number: int
