"""What travels on the wire of PackageX, in its own words (packagex.openapi.yaml). Members may be missing."""

from typing import Any, Literal, NotRequired, TypedDict


class AddressRecord(TypedDict, total=False):
    """A parsed address; goes in as text and comes out like this."""

    id: str
    line1: str
    line2: str | None
    city: str
    state: str
    state_code: str | None
    country: str
    country_code: str
    postal_code: str
    formatted_address: str
    textarea: str
    timezone: str | None
    verified: bool
    latitude: float | None
    longitude: float | None


class Members(TypedDict, total=False):
    """The members of a group, and those who answer for it."""

    children: list[str]
    primary: list[str]


class ReferencedContact(TypedDict):
    """A read-only copy of a member."""

    id: str
    name: str
    email: NotRequired[str | None]


class ContactRecord(TypedDict):
    """A person or a group; its times are epoch seconds."""

    id: str
    type: NotRequired[Literal["person", "group"]]
    name: NotRequired[str | None]
    email: NotRequired[str | None]
    phone: NotRequired[str | None]
    address: NotRequired[AddressRecord | None]
    notes: NotRequired[str | None]
    group_contacts: NotRequired[Members | None]
    referenced_contacts: NotRequired[list[ReferencedContact] | None]
    metadata: NotRequired[dict[str, Any] | None]
    created_at: NotRequired[int | None]
    updated_at: NotRequired[int | None]


class ContactPage(TypedDict):
    """A page of contacts: `more` is `has_more`, `total` is `total_count` of newer deployments."""

    contacts: list[ContactRecord]
    more: bool
    total: int | None


class FileIssue(TypedDict):
    """A row of a file that was not added, and the columns at fault."""

    index: int
    errors: list[str]


class FileReport(TypedDict):
    """The answer to a file: ids of what was created (None: not told), and the rows at fault."""

    contact_ids: list[str] | None
    issues: list[FileIssue]
