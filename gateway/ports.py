"""What the core asks of a source. An adapter answers; what its vendor cannot do stays as it is here."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol, TypeVar

from gateway.errors import CapabilityUnsupported, GatewayError
from gateway.model.chat import Channel, Chat, Communication, Message
from gateway.model.contact import Contact, ContactKey, Funnel
from gateway.model.group import Group
from gateway.model.page import Slice
from gateway.model.property import Module, Property
from gateway.model.source import Source
from gateway.model.writing import ContactValues, GroupValues, NewMessage, Place, UserError

K = TypeVar("K")
V = TypeVar("V")

Found = dict[K, V | GatewayError]
"""What a batch found: a value or a failure for each key; a key that is missing has nothing behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """Whether a source can do something, and what to know about it."""

    supported: bool
    caveat: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is always true of a source. `abilities` is keyed by the schema's words.

    `page_ceiling`: most items in one page. `searches`, `tells_updates`: whether the source itself can search
    contacts, and knows when one was updated. `has_modules`: whether contacts lie in modules; `default_module`
    is the name of the one that is meant where none is named. `introspects`: whether `prepare` asks it.
    `writes_many`: whether one call writes the same to many contacts of a module. `drops_silently`: whether a
    write that was agreed to may not hold, so that only a read-back tells. `overwrites`: whether an import can
    delete everybody first. `has_brief`: whether there is a simple form of a contact, which costs less.
    `prices`: calls that a write takes with its read-back, by ability; else 1.
    """

    name: str
    page_ceiling: int
    searches: bool
    tells_updates: bool
    has_modules: bool
    default_module: str | None = None
    introspects: bool = False
    writes_many: bool = False
    drops_silently: bool = False
    overwrites: bool = False
    has_brief: bool = False
    prices: Mapping[str, int] = field(default_factory=dict)
    abilities: Mapping[str, Ability]

    def can(self, ability: str) -> bool:
        """Whether the source has the ability; one that is not listed it has not."""
        found = self.abilities.get(ability)
        return found is not None and found.supported


class Purse(Protocol):
    """Pays for calls out of the budget of a source."""

    def paid(self, calls: int) -> AbstractAsyncContextManager[None]:
        """Pay for some calls now, waiting within the deadline; those of the work inside are free then."""
        ...

    def wait_for(self, calls: int) -> float:
        """Seconds until so many calls could have been sent, behind those that wait already."""
        ...

    def affordable(self, price: int) -> tuple[int | None, float]:
        """How often a price can be paid within the deadline (None: always); seconds until it can again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write did: the contact as the source holds it now, and which fields hold what was asked.

    `contact` None: it was written, but not read back. `note` tells people what is odd. `existed`: the contact
    was there before, so that nothing was created.
    """

    contact: Contact | None = None
    applied: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    note: str | None = None
    existed: bool = False


Definitions = Mapping[str, Property]
"""The definitions of what contacts of one module hold, by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a source said of one row of a file; `status` is a word of `RowStatus`, None when it said nothing.

    `contact` is the vendor id of the contact, `columns` those at fault.
    """

    status: str | None = None
    contact: str | None = None
    reason: str | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A file as it goes to a source, all of it texts.

    Of column i, `columns[i]` is the header, `keys[i]` what the source calls its field, and `origins[i]` the
    header in the caller's file.
    """

    columns: tuple[str, ...]
    keys: tuple[str, ...]
    origins: tuple[str, ...]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a source did with a file: counts as told (None: not told), and a verdict for each row.

    `ids` are the vendor ids of what was created, in no order that can be relied on.
    """

    created: int | None
    merged: int | None
    failed: int | None
    verdicts: Sequence[Verdict]
    ids: tuple[str, ...] = ()


class Twins(Protocol):
    """Who is there already, for a dry run."""

    def find(self, field: str, value: str) -> Sequence[str]:
        """Vendor ids of contacts whose field has exactly this value."""
        ...

    def of(self, contact: str) -> Mapping[str, str]:
        """The values of one of them, by field."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a source can be called now. `breaker` is a word of `enum BreakerState`, the worse one of reads and
    writes. Of the rate limit, None without one: calls in a window of `window` seconds, how many of them are
    left, and the seconds until all of them are. `waiting` and `under_way` count calls.
    """

    breaker: str
    breakers: Mapping[str, str]
    limit: int | None
    remaining: int | None
    resets_in: float | None
    window: float | None
    waiting: int
    under_way: int


class Upstream(Protocol):
    """One source for one account.

    Every method raises an `UpstreamError` or `DeadlineExceeded` when the source cannot answer now, and
    `CapabilityUnsupported` where it never can. Batches match by key and never by position. Writes are sent
    once; what they raise says whether it is `uncertain`.
    """

    source: Source
    account: str
    traits: Traits
    reads_by_id: bool
    purse: Purse
    conditions: Callable[[], Conditions]

    async def prepare(self) -> None:
        """Learn once what the endpoint offers; raises UpstreamBadResponse when that does not fit."""
        return

    def check_id(self, kind: str, vendor_id: str) -> None:
        """Raise BadInput when the text cannot be the id of a "contact", "group" or "channel" there."""
        ...

    async def contacts(
        self, offset: int, count: int, *, module: str | None = None, search: str | None = None
    ) -> Slice[Contact]:
        """`count` contacts from `offset` on, in its order; `module` is an id, None the default one."""
        self._cannot("contacts")

    async def contacts_by_id(self, keys: Sequence[ContactKey], *, brief: bool) -> Found[ContactKey, Contact]:
        """Contacts by id. `brief`: properties and raw record are not needed."""
        self._cannot("contact")

    def contact_of(self, record: Any, as_of: str, module: str) -> Contact:
        """The contact that a stored record of this source means."""
        self._cannot("contact")

    async def groups(self, offset: int, count: int, *, search: str | None = None) -> Slice[Group]:
        """Groups of the source, in its order."""
        self._cannot("groups")

    async def groups_by_id(self, ids: Sequence[str]) -> Found[str, Group]:
        """Groups by id."""
        self._cannot("group")

    async def groups_of(self, contact: ContactKey, offset: int, count: int) -> Slice[Group]:
        """The groups that a contact is in."""
        self._cannot("Contact.groups")

    def members_as_mirrored(self, group: Group) -> dict[ContactKey, Contact]:
        """The members as their group mirrors them: id, names and e-mail only. Empty where it does not."""
        return {}

    async def modules(self) -> list[Module]:
        """All modules."""
        self._cannot("modules")

    async def module_id(self, name: str) -> str | None:
        """The id of a module, by its name; None where there is no such module."""
        self._cannot("modules")

    async def properties(self, module: str | None, offset: int, count: int) -> Slice[Property]:
        """Definitions of what contacts hold."""
        self._cannot("properties")

    async def channels(self, offset: int, count: int) -> Slice[Channel]:
        """The messenger channels."""
        self._cannot("channels")

    async def channels_by_id(self, ids: Sequence[str]) -> Found[str, Channel]:
        """Channels by id."""
        self._cannot("channels")

    async def chats_of(self, contacts: Sequence[ContactKey]) -> Found[ContactKey, Chat]:
        """The chat of each contact; contacts without one are missing."""
        self._cannot("chat")

    async def communications_of(self, contact: ContactKey, offset: int, count: int) -> Slice[Communication]:
        """The ways to reach a contact."""
        self._cannot("Contact.communications")

    async def messages_of(self, contact: ContactKey, offset: int, count: int) -> Slice[Message]:
        """Messages exchanged with a contact, newest first."""
        self._cannot("Chat.messages")

    async def funnels_of(self, contacts: Sequence[ContactKey]) -> Found[ContactKey, list[Funnel]]:
        """The funnels of each contact, for records that do not carry them."""
        self._cannot("Contact.funnels")

    def needs_definitions(self, values: ContactValues) -> bool:
        """Whether values can only be checked and written with the definitions at hand."""
        return False

    def wrong(self, values: ContactValues, definitions: Definitions, *, create: bool) -> list[UserError]:
        """What this source will not take, with paths below `contact`."""
        self._cannot("createContact")

    def places(self, values: ContactValues, definitions: Definitions) -> frozenset[str]:
        """Those fields of the values that this source has a place for."""
        self._cannot("createContact")

    def compare(
        self, contact: Contact, values: ContactValues, definitions: Definitions
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Which fields of a contact hold what was asked, and which do not."""
        self._cannot("updateContact")

    def field_of(self, vendor_field: str) -> tuple[str, ...] | None:
        """The path below `contact` of what this source calls a field; None where there is none."""
        return None

    async def create_contact(
        self, place: Place, values: ContactValues, definitions: Definitions
    ) -> tuple[ContactKey | None, Written]:
        """Create a contact; its key, None where the source does not tell it and it cannot be found."""
        self._cannot("createContact")

    async def update_contacts(
        self, keys: Sequence[ContactKey], values: ContactValues, definitions: Definitions
    ) -> Written:
        """Write the same values to contacts of one module; to one alone unless `writes_many`."""
        self._cannot("updateContact")

    async def delete_contacts(self, keys: Sequence[ContactKey]) -> None:
        """Delete contacts of one module; one alone unless `writes_many`."""
        self._cannot("deleteContacts")

    async def merge_contacts(self, into: ContactKey, gone: ContactKey) -> None:
        """Unite two contacts: `into` stays and wins."""
        self._cannot("mergeContacts")

    async def create_group(self, values: GroupValues) -> Group:
        """Create a group without members."""
        self._cannot("createGroup")

    async def update_group(
        self,
        group: str,
        values: GroupValues,
        members: Sequence[str] | None = None,
        primary: Sequence[str] | None = None,
    ) -> Group:
        """Write values of a group, and replace its members (vendor ids) and those who answer for it."""
        self._cannot("updateGroup")

    async def delete_group(self, group: str) -> None:
        """Delete a group."""
        self._cannot("deleteGroup")

    async def change_membership(self, group: str, contact: ContactKey, *, member: bool) -> Group | None:
        """Put one contact into a group or take it out; the group as that contact then shows it."""
        self._cannot("updateGroup")

    async def change_tag(self, contact: ContactKey, tag: str, *, on: bool) -> None:
        """Put a tag on a contact, or take it off."""
        self._cannot("updateContactTags")

    async def change_funnel(self, contact: ContactKey, service_key: str, *, on: bool) -> None:
        """Subscribe a contact to a funnel, or unsubscribe it."""
        self._cannot("updateContactFunnels")

    async def send_message(self, contact: ContactKey, message: NewMessage) -> Message:
        """Send a message."""
        self._cannot("sendMessage")

    async def fire(self, contact: ContactKey, name: str) -> None:
        """Launch an event; UpstreamMissing where there is none of exactly that name."""
        self._cannot("triggerEvent")

    async def create_property(self, module: str | None, values: Mapping[str, Any]) -> Property:
        """Define a property; `values` go by the names of `CreatePropertyInput`."""
        self._cannot("createProperty")

    async def update_property(self, module: str, property_id: str, values: Mapping[str, Any]) -> Property:
        """Change a definition; `values` go by the names of `UpdatePropertyInput`."""
        self._cannot("updateProperty")

    def import_fields(self, definitions: Definitions) -> Mapping[str, str]:
        """Fields of its own that a column can hold, and what people call them."""
        return {}

    def takes_field(self, field: str, definitions: Definitions) -> bool:
        """Whether a column can hold this field."""
        return False

    def sheet(
        self,
        columns: Sequence[str],
        fields: Sequence[str],
        rows: Sequence[Sequence[str]],
        definitions: Definitions,
    ) -> Sheet:
        """The columns of a file that this source has a place for, in the form that it takes; pure."""
        self._cannot("importContacts")

    def refuses(self, sheet: Sheet) -> str | None:
        """Why a file cannot be sent as a whole, such as for its size; None where it can."""
        return None

    def expected(
        self, sheet: Sheet, definitions: Definitions, twins: "Twins", groups: frozenset[str]
    ) -> list[Verdict]:
        """What would become of every row; `groups` are the names of those that are there."""
        self._cannot("importContacts")

    @property
    def merge_keys(self) -> tuple[str, ...]:
        """Fields of which an equal value makes an import merge, in their order; an assumption."""
        return ()

    async def created(self, ids: Sequence[str]) -> list[Contact]:
        """Contacts that an import has just created, as far as the source shows them now."""
        return []

    def rows_of(self, sheet: Sheet, contacts: Sequence[Contact]) -> Mapping[int, str]:
        """Which row each contact comes from, where a value tells one from all others; vendor ids by row."""
        return {}

    async def import_sheet(self, module: str | None, sheet: Sheet, *, overwrite: bool) -> Imported:
        """Import a file."""
        self._cannot("importContacts")

    async def clear(self) -> None:
        """Take away everything that is kept of what was read."""
        return

    async def aclose(self) -> None:
        """Close the connections."""
        return

    def _cannot(self, ability: str) -> NoReturn:
        raise CapabilityUnsupported(self.source, f"{self.traits.name} has no {ability}.")
