"""Answers the gateway's questions with what Smart Sender offers."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from gateway.errors import BadInput, GatewayError, UpstreamBadResponse
from gateway.model.chat import Channel, Chat, Communication, Message
from gateway.model.contact import Contact, ContactKey, Funnel
from gateway.model.group import Group
from gateway.model.page import Slice, pages
from gateway.model.property import Property
from gateway.model.source import Source
from gateway.ports import Ability, Found, Traits, Upstream
from gateway.upstreams import tolerant
from gateway.upstreams.smartsender import mapping
from gateway.upstreams.smartsender.client import Client
from gateway.upstreams.smartsender.records import Page

K = TypeVar("K")
R = TypeVar("R")
V = TypeVar("V")

PAGE: Final = 20  # `limitation` goes no further (smartsender.md, Pagination)
ID: Final = re.compile(r"[1-9][0-9]{0,17}")

TRAITS: Final = Traits(
    name="Smart Sender",
    page_ceiling=PAGE,
    searches=True,
    tells_updates=True,
    has_modules=False,
    abilities={
        "contacts": Ability(supported=True, caveat="Pages of 20; 180 requests a minute."),
        "contact": Ability(supported=True, caveat="One call for each; the simple form where that is enough."),
        "contacts.search": Ability(
            supported=True, caveat="By the source: part of full name, e-mail or phone."
        ),
        "contacts.filter": Ability(supported=True, caveat="From the index; groups tell no members."),
        "contacts.orderBy": Ability(supported=True, caveat="From the index."),
        "contacts.totalCount": Ability(supported=True, caveat="From a complete index only."),
        "properties": Ability(supported=True, caveat="Its variables."),
        "channels": Ability(supported=True),
        "chat": Ability(supported=True, caveat="One for each contact; carries its communications."),
        "Contact.communications": Ability(supported=True),
        "Chat.messages": Ability(supported=True, caveat="Newest first, without system messages."),
        "Contact.tags": Ability(supported=True),
        "Contact.funnels": Ability(supported=True),
        "Contact.groups": Ability(supported=True, caveat="Told for each contact only."),
        "groups": Ability(supported=False, caveat="Groups are told for each contact only."),
        "group": Ability(supported=False, caveat="Groups are told for each contact only."),
        "Group.members": Ability(supported=False, caveat="Not told."),
        "modules": Ability(supported=False),
    },
)


class SmartSender(Upstream):
    """Smart Sender for one account."""

    source = Source.SMART_SENDER
    traits = TRAITS
    reads_by_id = True

    def __init__(self, client: Client, account: str, now: Callable[[], str]) -> None:
        self.account = account
        self.client = client
        self._now = now

    def check_id(self, kind: str, vendor_id: str) -> None:
        """Raise BadInput when the text cannot be an id of Smart Sender, which are whole numbers."""
        if not ID.fullmatch(vendor_id):
            raise BadInput(f"This cannot be the id of a {kind} of Smart Sender: those are whole numbers.")

    async def contacts(
        self, offset: int, count: int, *, module: str | None = None, search: str | None = None
    ) -> Slice[Contact]:
        """Contacts in the source's order, or those that a term finds."""
        del module  # Smart Sender has none
        term = (search or "").strip()
        if search is not None and not term:
            return Slice([], more=False)

        def read(page: int, size: int) -> Awaitable[Page[Any]]:
            if term:
                return self.client.search_contacts(term, page, size)
            return self.client.list_contacts(page, size)

        found = await _slice(read, offset, count)
        as_of = self._now()
        return Slice([self.contact_of(record, as_of, "") for record in found.items], found.more)

    async def contacts_by_id(self, keys: Sequence[ContactKey], *, brief: bool) -> Found[ContactKey, Contact]:
        """Contacts by id, one call each; the simple form when that is enough."""
        read = self.client.get_contact_info if brief else self.client.get_contact
        return await _each(
            keys, lambda key: read(key.id), lambda key, record: self._contact(key, record, brief=brief)
        )

    def _contact(self, key: ContactKey, record: Any, *, brief: bool) -> Contact:
        contact = self.contact_of(record, self._now(), "")
        if contact["sourceId"] != key.id:
            raise UpstreamBadResponse(self.source, "Smart Sender sent another contact than asked for.")
        if brief:
            contact["_properties"] = None  # the simple form tells neither types nor which members are new
        return contact

    def contact_of(self, record: Any, as_of: str, module: str) -> Contact:
        """The contact that a stored record means."""
        del module  # Smart Sender has none
        return mapping.contact(record, account=self.account, as_of=as_of)

    async def groups_of(self, contact: ContactKey, offset: int, count: int) -> Slice[Group]:
        """The groups of a contact."""
        found = await _slice(
            lambda page, size: self.client.list_contact_groups(contact.id, page, size), offset, count
        )
        as_of = self._now()
        groups = [mapping.group(record, account=self.account, as_of=as_of) for record in found.items]
        return Slice(groups, found.more)

    async def properties(self, module: str | None, offset: int, count: int) -> Slice[Property]:
        """The definitions of variables."""
        del module  # Smart Sender has none
        found = await _slice(self.client.list_variables, offset, count)
        return Slice([mapping.definition(record, account=self.account) for record in found.items], found.more)

    async def channels(self, offset: int, count: int) -> Slice[Channel]:
        """The channels of the project."""
        found = await _slice(self.client.list_channels, offset, count)
        return Slice([mapping.channel(record, account=self.account) for record in found.items], found.more)

    async def channels_by_id(self, ids: Sequence[str]) -> Found[str, Channel]:
        """Channels by id, one call each."""
        return await _each(
            ids, self.client.get_channel, lambda _, record: mapping.channel(record, account=self.account)
        )

    async def chats_of(self, contacts: Sequence[ContactKey]) -> Found[ContactKey, Chat]:
        """The chat of each contact, one call each."""
        return await _each(contacts, lambda key: self.client.get_chat(key.id), self._chat)

    def _chat(self, key: ContactKey, record: Any) -> Chat:
        told = tolerant.members(record.get("contact")).get("originalId")
        if told is not None and str(told) != key.id:
            raise UpstreamBadResponse(self.source, "Smart Sender sent the chat of another contact.")
        return mapping.chat(record, key, account=self.account)

    async def communications_of(self, contact: ContactKey, offset: int, count: int) -> Slice[Communication]:
        """The ways to reach a contact."""
        found = await _slice(lambda page, size: self.client.list_gates(contact.id, page, size), offset, count)
        gates = [mapping.communication(record, contact, account=self.account) for record in found.items]
        return Slice(gates, found.more)

    async def messages_of(self, contact: ContactKey, offset: int, count: int) -> Slice[Message]:
        """Messages exchanged with a contact, newest first."""
        found = await _slice(
            lambda page, size: self.client.list_messages(contact.id, page, size), offset, count
        )
        messages = [mapping.message(record, contact, account=self.account) for record in found.items]
        return Slice(messages, found.more)

    async def funnels_of(self, contacts: Sequence[ContactKey]) -> Found[ContactKey, list[Funnel]]:
        """The funnels of each contact, for records that do not carry them."""

        async def all_of(key: ContactKey) -> list[Any]:
            found: Slice[Any] = Slice([], more=True)
            while found.more:
                page = len(found.items) // PAGE + 1
                answer = await self.client.list_contact_funnels(key.id, page, PAGE)
                more = answer["more"] and bool(answer["collection"])
                found = Slice(found.items + answer["collection"], more)
            return found.items

        return await _each(
            contacts,
            all_of,
            lambda _, records: [mapping.funnel(record, account=self.account) for record in records],
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()


async def _slice(read: Callable[[int, int], Awaitable[Page[R]]], offset: int, count: int) -> Slice[R]:
    """A stretch of a list that comes in pages; the pages it lies on are read at once."""
    reads = pages(offset, count, PAGE)
    answers = await asyncio.gather(*(read(each.page, each.size) for each in reads))
    items: list[R] = []
    more = False
    for each, answer in zip(reads, answers, strict=True):
        end = each.skip + each.take
        items.extend(answer["collection"][each.skip : end])
        more = answer["more"] or len(answer["collection"]) > end
        if not more:
            break
    return Slice(items, more)


async def _each(
    keys: Sequence[K],
    read: Callable[[K], Awaitable[R | None]],
    value: Callable[[K, R], V],
) -> Found[K, V]:
    """One call for each key, all at once; a failure is the value of its own key only."""

    async def one(key: K) -> V | GatewayError | None:
        try:
            record = await read(key)
            return None if record is None else value(key, record)
        except GatewayError as error:
            return error

    found = await asyncio.gather(*(one(key) for key in keys))
    return {key: each for key, each in zip(keys, found, strict=True) if each is not None}
