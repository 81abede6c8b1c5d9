"""What travels on the wire of Smart Sender, in its own words (smartsender.openapi.yaml).

Times are `YYYY-MM-DD HH:MM:SS` in UTC, or the ISO form. Members may be missing.
"""

from typing import Any, Generic, NotRequired, TypedDict, TypeVar

T = TypeVar("T")


class TagRecord(TypedDict):
    """A tag."""

    id: int
    name: NotRequired[str | None]
    color: NotRequired[str | None]


class FunnelRecord(TypedDict):
    """A funnel; `serviceKey` names it in writes."""

    id: NotRequired[int]
    name: NotRequired[str | None]
    serviceKey: str


class UserRecord(TypedDict, total=False):
    """Whoever wrote a note."""

    fullName: str
    photo: str | None


class NoteRecord(TypedDict):
    """A note."""

    id: NotRequired[int]
    content: str
    createdAt: NotRequired[str | None]
    user: NotRequired[UserRecord | None]


class VariableValue(TypedDict):
    """A variable of one contact; a number may come as text."""

    id: NotRequired[int]
    name: str
    type: NotRequired[str]
    value: Any


class ContactRecord(TypedDict):
    """A contact; in the simple form its variables are further members."""

    id: int
    firstName: NotRequired[str | None]
    lastName: NotRequired[str | None]
    fullName: NotRequired[str | None]
    email: NotRequired[str | None]
    phone: NotRequired[str | None]
    photo: NotRequired[str | None]
    tags: NotRequired[list[TagRecord] | None]
    funnels: NotRequired[list[FunnelRecord] | None]
    notes: NotRequired[list[NoteRecord] | None]
    variables: NotRequired[list[VariableValue] | None]
    values: NotRequired[list[VariableValue] | None]
    createdAt: NotRequired[str | None]
    updatedAt: NotRequired[str | None]


class ServiceContact(TypedDict):
    """The messenger-side twin of a contact: `originalId` is the contact's own id, `id` is not."""

    id: int
    originalId: int


class ChannelRecord(TypedDict):
    """A channel."""

    id: int
    active: NotRequired[bool]
    type: NotRequired[str]
    name: NotRequired[str]
    link: NotRequired[str | None]
    createdAt: NotRequired[str | None]
    updatedAt: NotRequired[str | None]


class GateRecord(TypedDict):
    """A way to reach a contact; it does not say whose it is."""

    id: int
    subscribed: NotRequired[bool]
    unreadMessages: NotRequired[int]
    channel: NotRequired[ChannelRecord | None]
    contact: NotRequired[ServiceContact]


class ChatRecord(TypedDict):
    """A chat with its gates."""

    id: int
    name: NotRequired[str | None]
    image: NotRequired[str | None]
    contact: NotRequired[ServiceContact]
    gates: NotRequired[list[GateRecord]]
    unreadMessages: NotRequired[int | None]
    createdAt: NotRequired[str | None]
    updatedAt: NotRequired[str | None]


class VariableRecord(TypedDict):
    """The definition of a variable; `values` is a comma list for an enum."""

    id: NotRequired[int]
    name: str
    type: NotRequired[str]
    description: NotRequired[str | None]
    values: NotRequired[str | None]


class GroupRecord(TypedDict):
    """A group of contacts."""

    id: int
    name: NotRequired[str | None]


class MessageRecord(TypedDict):
    """A message; its text or address lies in `content.resource.parameters`."""

    id: int
    internal: NotRequired[bool]
    sender: NotRequired[dict[str, Any]]
    content: NotRequired[dict[str, Any]]
    createdAt: NotRequired[str | None]


class Page(TypedDict, Generic[T]):
    """A page: the list, and whether another one follows."""

    collection: list[T]
    more: bool
