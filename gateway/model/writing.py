"""What is to be written, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple, NotRequired, TypedDict

from gateway.lazy import lazy
from gateway.model.source import Source
from gateway.model.unset import UNSET, Unset

Text = str | None | Unset
"""A new text; None clears, UNSET keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressText:
    """An address as text, which the source takes apart; `line2` is the unit."""

    formatted: str
    line2: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRef:
    """An address by an id of its source."""

    id: str


NewAddress = AddressText | AddressRef | None | Unset


NONE: Final[Mapping[str, Any]] = MappingProxyType({})


class _Values(NamedTuple):
    name: Text = UNSET
    first_name: Text = UNSET
    last_name: Text = UNSET
    email: Text = UNSET
    phone: Text = UNSET
    company: Text = UNSET
    notes: Text = UNSET
    address: NewAddress = UNSET
    e164: Text = UNSET
    properties: Mapping[str, Any] = NONE
    indexes: Mapping[str, int] = NONE
    region: str = "US"


# Those of `ContactInput`, in the order of the values.
FIELDS: Final = ("name", "firstName", "lastName", "email", "phone", "company", "notes", "address")


class ContactValues(_Values):
    """New values of a contact. `e164` is `phone` in that form; `properties` go by key, None clears one.

    `indexes` tells where in the input a property stood; `region` counts for phones without a country code.
    """

    def named(self) -> Mapping[str, Any]:
        """What was said, by the field names of `ContactInput`; properties as `properties.<key>`."""
        return self._named

    @lazy
    def _named(self) -> Mapping[str, Any]:
        said = {name: value for name, value in zip(FIELDS, self, strict=False) if value is not UNSET}
        for key, value in self.properties.items():
            said[f"{PROPERTIES}{key}"] = value
        return said


PROPERTIES = "properties."


def whole_name(values: ContactValues) -> Text:
    """The name for a source that has one only; `name` counts, or else both parts."""
    if values.name is not UNSET:
        return values.name
    parts = (values.first_name, values.last_name)
    if UNSET in parts:
        return UNSET
    return " ".join(str(part) for part in parts if part) or None


def split_name(name: str | None) -> tuple[str | None, str | None]:
    """First and last name of a full one: what stands before the first space, and the rest."""
    first, _, last = (name or "").strip().partition(" ")
    return first or None, last.strip() or None


def name_parts(values: ContactValues) -> tuple[Text, Text]:
    """First and last name for a source that has two; what is said of them counts, or else `name` split."""
    first, last = split_name(values.name) if values.name is not UNSET else (UNSET, UNSET)
    return (
        first if values.first_name is UNSET else values.first_name,
        last if values.last_name is UNSET else values.last_name,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a new contact goes: vendor ids of a module or a channel, and its id in the messenger."""

    module: str | None = None
    channel: str | None = None
    identifier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupValues:
    """New values of a group."""

    name: Text = UNSET
    email: Text = UNSET
    phone: Text = UNSET
    notes: Text = UNSET
    address: NewAddress = UNSET

    def named(self) -> dict[str, Any]:
        """What was said, by the field names of the inputs."""
        plain = {
            "name": self.name,
            "email": self.email,
            "phone": self.phone,
            "notes": self.notes,
            "address": self.address,
        }
        return {name: value for name, value in plain.items() if value is not UNSET}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message to send; `kind` is a word of `enum MessageType`, the rest is what that kind needs."""

    kind: str
    text: str | None = None
    media_url: str | None = None
    title: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    full_name: str | None = None
    phone_number: str | None = None


class WriteStatus(StrEnum):
    """What became of a write."""

    APPLIED = "APPLIED"
    PARTIAL = "PARTIAL"
    REJECTED = "REJECTED"
    UNCERTAIN = "UNCERTAIN"
    UNSUPPORTED = "UNSUPPORTED"
    SKIPPED = "SKIPPED"


DONE = frozenset({WriteStatus.APPLIED, WriteStatus.PARTIAL})


class UserErrorCode(StrEnum):
    """Kinds of mistakes in an input."""

    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    DUPLICATE = "DUPLICATE"
    UNSUPPORTED = "UNSUPPORTED"
    TOO_LARGE = "TOO_LARGE"
    CONFLICT = "CONFLICT"
    UPSTREAM_REJECTED = "UPSTREAM_REJECTED"


class UserError(TypedDict):
    """Something that is wrong with the input; `field` is a path into it."""

    field: list[str] | None
    message: str
    code: str
    source: str | None


def user_error(
    code: UserErrorCode, message: str, *field: str | int, source: Source | str | None = None
) -> UserError:
    """A user error; the path holds names and, for places in lists, numbers from 0."""
    path = [str(step) for step in field]
    return {"field": path or None, "message": message, "code": code.value, "source": source and str(source)}


class WriteOutcome(TypedDict):
    """What one source did with one record. JSON all through: `contact` is a global id, resolved afresh."""

    source: str
    targetId: str | None
    status: str
    contact: str | None
    applied: list[str]
    ignored: list[str]
    code: str | None
    message: str | None
    retryable: bool
    retryAfterSeconds: float | None
    userErrors: list[UserError]
    more: NotRequired[dict[str, Any]]  # what the payload needs besides, such as the id of a new group
