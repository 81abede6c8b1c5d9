"""Groups of contacts."""

from typing import Any, NamedTuple, TypedDict

from gateway.model.contact import Address, ContactKey, ContactProperty, Note
from gateway.model.source import Source


class GroupKey(NamedTuple):
    """Names one group."""

    source: Source
    id: str


class Group(TypedDict):
    """A group. `_members` and `_primary` are None where the source does not tell; `_raw` is its record."""

    __typename: str
    id: str
    source: Source
    sourceId: str
    name: str | None
    email: str | None
    phone: str | None
    address: Address | None
    notes: list[Note]
    memberCount: int | None
    createdAt: str | None
    updatedAt: str | None
    _key: GroupKey
    _asOf: str
    _properties: list[ContactProperty]
    _members: list[ContactKey] | None
    _primary: list[ContactKey] | None
    _raw: Any
