"""What a caller wants of a list of contacts."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.model.source import Source


class OrderField(StrEnum):
    """What contacts can be sorted by."""

    NAME = "NAME"
    EMAIL = "EMAIL"
    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A sort order."""

    field: OrderField
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyCondition:
    """A condition on one property; None means not asked (`equals` is wrapped, as None is a value)."""

    key: str
    equals: tuple[Any] | None = None
    contains: str | None = None
    exists: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Conditions that all have to hold; None means not asked. Texts are normalised already.

    `phone` is E.164, times are RFC 3339, `tag` is the vendor id of a tag of `tag_source`, `members` are
    the vendor ids of a group's members at `members_source`.
    """

    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    name: str | None = None
    company: str | None = None
    created_after: str | None = None
    created_before: str | None = None
    updated_after: str | None = None
    updated_before: str | None = None
    tag: str | None = None
    tag_source: Source | None = None
    members: tuple[str, ...] | None = None
    members_source: Source | None = None
    properties: tuple[PropertyCondition, ...] = ()

    @property
    def needs_updated_at(self) -> bool:
        """Whether a source without update times cannot answer."""
        return self.updated_after is not None or self.updated_before is not None
