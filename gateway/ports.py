"""What the core asks of a source. An adapter answers; what its vendor cannot do stays as it is here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeVar

from gateway.errors import CapabilityUnsupported, GatewayError
from gateway.model.chat import Channel, Chat, Communication, Message
from gateway.model.contact import Contact, ContactKey, Funnel
from gateway.model.group import Group
from gateway.model.page import Slice
from gateway.model.property import Module, Property
from gateway.model.source import Source

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
    """

    name: str
    page_ceiling: int
    searches: bool
    tells_updates: bool
    has_modules: bool
    default_module: str | None = None
    introspects: bool = False
    abilities: Mapping[str, Ability]

    def can(self, ability: str) -> bool:
        """Whether the source has the ability; one that is not listed it has not."""
        found = self.abilities.get(ability)
        return found is not None and found.supported


class Upstream(Protocol):
    """One source for one account.

    Every method raises an `UpstreamError` or `DeadlineExceeded` when the source cannot answer now, and
    `CapabilityUnsupported` where it never can. Batches match by key and never by position.
    """

    source: Source
    account: str
    traits: Traits
    reads_by_id: bool

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

    async def aclose(self) -> None:
        """Close the connections."""
        return

    def _cannot(self, ability: str) -> NoReturn:
        raise CapabilityUnsupported(self.source, f"{self.traits.name} has no {ability}.")
