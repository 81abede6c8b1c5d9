"""What travels on the wire of Samespace, in its own words (samespace.graphql). Members may be missing."""

from typing import Any, NotRequired, TypedDict


class PropertyValue(TypedDict):
    """A value within a contact."""

    value: Any
    type: str


class ContactRecord(TypedDict):
    """A contact; `properties` maps a property key to its value, keys without a value are absent."""

    _id: str
    module: NotRequired[str | None]
    properties: NotRequired[dict[str, PropertyValue] | None]


class ModuleRecord(TypedDict):
    """A module; its times are epoch milliseconds as a text."""

    _id: str
    name: NotRequired[str | None]
    createdAt: NotRequired[str | None]
    modifiedAt: NotRequired[str | None]


class OptionRecord(TypedDict):
    """A choice of a property."""

    label: NotRequired[str | None]
    key: NotRequired[str | None]


class PropertyRecord(TypedDict):
    """The definition of a property."""

    _id: str
    label: NotRequired[str | None]
    key: str
    type: NotRequired[str | None]
    description: NotRequired[str | None]
    options: NotRequired[list[OptionRecord] | None]
    optionsType: NotRequired[str | None]
    referenceModule: NotRequired[str | None]
    addToView: NotRequired[bool | None]
    displayOrder: NotRequired[int | None]
    required: NotRequired[bool | None]
    valueType: NotRequired[str | None]
    default: NotRequired[Any]
    createdBy: NotRequired[str | None]


class Pair(TypedDict):
    """A property and its new value; None clears it."""

    key: str
    value: str | None


class Report(TypedDict):
    """The answer of updateContacts and deleteContacts."""

    success: bool
    message: NotRequired[str | None]


class Upload(TypedDict):
    """The answer of the file upload."""

    fileUuid: str
    filename: NotRequired[str]
    columns: NotRequired[list[str]]
    preview: NotRequired[dict[str, str]]


class FailedRow(TypedDict):
    """A row that was not imported; `contact` holds plain values, there is no row number."""

    contact: dict[str, Any]
    reason: NotRequired[str]
    key: NotRequired[str]


class ImportReport(TypedDict):
    """The answer of importContacts: contacts added and merged, and the rows that failed."""

    success: int
    merged: int
    failed: list[FailedRow]


class Offer(TypedDict):
    """What introspection showed: argument names of getContacts, member names of its input."""

    arguments: list[str]
    members: list[str]
