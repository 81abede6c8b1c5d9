"""People: humans, or organisations, recognised in the records of several sources."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypedDict

from gateway.model.contact import Address, Contact
from gateway.model.source import Source


class MatchRule(StrEnum):
    """Why two records are one person."""

    SAME_EMAIL = "SAME_EMAIL"
    SAME_PHONE = "SAME_PHONE"
    SAME_EXTERNAL_ID = "SAME_EXTERNAL_ID"
    LINKED_BY_HAND = "LINKED_BY_HAND"


class MatchReason(TypedDict):
    """What a record has in common with another: as it is written here and there, and in normal form."""

    rule: str
    left: str
    right: str
    normalisedAs: str


class PersonMember(TypedDict):
    """A record of a person; `confidence` from 0 to 1."""

    contact: Contact
    confidence: float
    reasons: list[MatchReason]


class FieldCandidate(TypedDict):
    """What one record says; `contact` is its global id, `asOf` when that was read."""

    source: Source
    contact: str
    value: Any
    asOf: str


class FieldProvenance(TypedDict):
    """Every value of a field, the one chosen first, and by which rule."""

    field: str
    chosen: Any
    rule: str
    candidates: list[FieldCandidate]
    conflicting: bool


class Person(TypedDict):
    """A person, as one caller may see them, with every plain key of the GraphQL type."""

    __typename: str
    id: str
    displayName: str | None
    firstName: str | None
    lastName: str | None
    company: str | None
    address: Address | None
    emails: list[str]
    phones: list[str]
    members: list[PersonMember]


class PersonSuggestion(TypedDict):
    """A record that looks like a person's, and why."""

    contact: Contact
    score: float
    reasons: list[str]


class IdentityConflict(TypedDict):
    """Records that are held apart as what they say contradicts."""

    id: str
    contacts: list[Contact]
    reason: str


class Saying(StrEnum):
    """What can be said by hand of two records."""

    SAME = "SAME"
    NEVER = "NEVER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Something said by hand of two records, each `SOURCE:id`. `before`: what was said earlier, if anything.

    `saying` None withdraws.
    """

    one: str
    other: str
    saying: Saying | None
    actor: str
    reason: str
    at: str
    before: Saying | None = None
