"""Contacts and what hangs on them."""

from collections.abc import Sequence
from typing import Any, NamedTuple, NotRequired, TypedDict

from gateway.model.source import Source


class ContactKey(NamedTuple):
    """Names one contact: source, Samespace module ("" for other sources or when not known), vendor id."""

    source: Source
    module: str
    id: str

    @property
    def ref(self) -> str:
        """What the record is called in the index and in statements, wherever it is moved."""
        return f"{self.source.value}:{self.id}"


class ContactProperty(TypedDict):
    """`_contact` and `_module` lead to the definition."""

    key: str
    value: Any
    type: str
    _source: Source
    _module: str


class Note(TypedDict):
    """A note; `createdAt` is RFC 3339."""

    text: str | None
    author: str | None
    createdAt: str | None


class Tag(TypedDict):
    """A tag."""

    id: str
    sourceId: str
    name: str | None
    color: str | None


class Funnel(TypedDict):
    """A funnel that the contact is subscribed to."""

    id: str
    serviceKey: str
    name: str | None


class Address(TypedDict):
    """A postal address."""

    id: str | None
    formatted: str | None
    line1: str | None
    line2: str | None
    city: str | None
    state: str | None
    stateCode: str | None
    postalCode: str | None
    country: str | None
    countryCode: str | None
    latitude: float | None
    longitude: float | None
    timezone: str | None
    verified: bool | None


class Contact(TypedDict):
    """A contact, with every plain key of the GraphQL type; keys with an underscore are for resolvers.

    `_properties` is None where the read did not bring them; `_raw` is the record of the source. Times are
    RFC 3339 texts.
    """

    __typename: str
    id: str
    source: Source
    sourceId: str
    displayName: str | None
    firstName: str | None
    lastName: str | None
    email: str | None
    emails: list[str]
    phone: str | None
    phones: list[str]
    company: str | None
    notes: list[Note]
    address: Address | None
    avatarUrl: str | None
    tags: list[Tag]
    funnels: list[Funnel]
    createdAt: str | None
    updatedAt: str | None
    asOf: str
    _key: ContactKey
    _properties: Sequence[ContactProperty] | None
    _raw: Any
    _stale: NotRequired[bool]  # from the index, and the source no longer has it at that place
