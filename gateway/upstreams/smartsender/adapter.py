"""Answers the gateway's questions with what Smart Sender offers."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from gateway.cache.making import Maker
from gateway.cache.reads import Keep, kept, kept_each
from gateway.errors import (
    BadInput,
    CapabilityUnsupported,
    GatewayError,
    UpstreamBadResponse,
    UpstreamMissing,
    UpstreamRejected,
)
from gateway.model.chat import Channel, Chat, Communication, Message
from gateway.model.contact import Contact, ContactKey, Funnel
from gateway.model.group import Group
from gateway.model.page import Slice, pages
from gateway.model.property import Property
from gateway.model.record import record_of
from gateway.model.source import Source
from gateway.model.writing import (
    ContactValues,
    NewMessage,
    Place,
    UserError,
    UserErrorCode,
    name_parts,
    user_error,
)
from gateway.ports import Ability, Definitions, Found, Traits, Upstream, Written
from gateway.upstreams import checks, tolerant
from gateway.upstreams.several import all_of
from gateway.upstreams.smartsender import mapping
from gateway.upstreams.smartsender.client import Client
from gateway.upstreams.smartsender.records import Page

K = TypeVar("K")
R = TypeVar("R")
V = TypeVar("V")

MOST_CANDIDATES: Final = 5  # contacts whose gates are looked at for each term, newest first
PAGE: Final = 20  # `limitation` goes no further (smartsender.md, Pagination)
ID: Final = re.compile(r"[1-9][0-9]{0,17}")

TRAITS: Final = Traits(
    name="Smart Sender",
    page_ceiling=PAGE,
    searches=True,
    tells_updates=True,
    has_modules=False,
    drops_silently=True,
    has_brief=True,
    prices={"createContact": 4, "updateContact": 2, "deleteContacts": 1, "mergeContacts": 2},
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
        "createContact": Ability(
            supported=True,
            caveat="Through a gate on a WhatsApp channel; a known identifier changes nothing.",
        ),
        "updateContact": Ability(
            supported=True, caveat="The source drops what it finds invalid in silence; read back and told."
        ),
        "deleteContacts": Ability(
            supported=True, caveat="Deprecated by the source; SMART_SENDER_DELETE switches it off."
        ),
        "mergeContacts": Ability(supported=True, caveat="The path is assumed (SMART_SENDER_MERGE_PATH)."),
        "updateGroup": Ability(
            supported=True, caveat="addMembers and removeMembers only, one call for each."
        ),
        "updateContactTags": Ability(supported=True, caveat="One call for each tag, then read back."),
        "updateContactFunnels": Ability(supported=True, caveat="One call for each funnel, then read back."),
        "sendMessage": Ability(supported=True, caveat="Sent once, never again."),
        "triggerEvent": Ability(supported=True, caveat="Sent once, never again; the name is case sensitive."),
        "importContacts": Ability(supported=False, caveat="The source has no bulk load."),
        "createGroup": Ability(supported=False, caveat="Not offered by the source."),
        "deleteGroup": Ability(supported=False, caveat="Not offered by the source."),
        "createProperty": Ability(supported=False, caveat="Not documented by the source."),
        "updateProperty": Ability(supported=False, caveat="Not documented by the source."),
    },
)
KNOWN: Final = (
    "The identifier was known already: the contact that is there is returned, and nothing of it was changed."
)
KNOWN_BEFORE: Final = "If its identifier was known already, nothing of it was changed."
CLOCKS_DIFFER: Final = timedelta(minutes=5)
NO_DELETION: Final = "The source answered that it deletes no longer."


class SmartSender(Upstream):
    """Smart Sender for one account."""

    source = Source.SMART_SENDER
    reads_by_id = True

    def __init__(self, client: Client, account: str, now: Callable[[], str], *, deletes: bool = True) -> None:
        self.account = account
        self.client = client
        self.purse = client.purse
        self.conditions = client.conditions
        self.reads = client.reads
        self.traits = TRAITS if deletes else _without_deletion("SMART_SENDER_DELETE is off.")
        self._now = now

    def check_id(self, kind: str, vendor_id: str) -> None:
        """Raise BadInput when the text cannot be an id of Smart Sender, which are whole numbers."""
        if not ID.fullmatch(vendor_id):
            raise BadInput(f"This cannot be the id of a {kind} of Smart Sender: those are whole numbers.")

    @kept(Keep.LIST)
    async def contacts(
        self, offset: int, count: int, *, module: str | None = None, search: str | None = None
    ) -> Slice[Contact]:
        """Contacts in the source's order, or those that a term finds."""
        del module  # Smart Sender has none
        term = (search or "").strip()
        if search is not None and not term:
            return Slice([], more=False)

        def read(page: int, size: int) -> "Awaitable[Page[Any]]":
            if term:
                return self.client.search_contacts(term, page, size)
            return self.client.list_contacts(page, size)

        found = await _slice(read, offset, count)
        as_of = self._now()
        return Slice(self._contacts(found.items, as_of), found.more)

    @kept_each(Keep.CONTACT)
    async def contacts_by_id(self, keys: Sequence[ContactKey], *, brief: bool) -> Found[ContactKey, Contact]:
        """Contacts by id, one call each; the simple form when that is enough."""
        records = await self.client.get_contacts([key.id for key in keys], brief=brief)
        as_of = self._now()
        return _made(keys, records, lambda key, record: self._contact(key, record, as_of, brief=brief))

    def _contact(self, key: ContactKey, record: Any, as_of: str, *, brief: bool) -> Contact:
        contact = self.contact_of(record, as_of, "")
        if contact["sourceId"] != key.id:
            raise UpstreamBadResponse(self.source, "Smart Sender sent another contact than asked for.")
        if brief:  # the simple form tells neither types nor which members are new
            return {**contact, "_properties": None}
        return contact

    def contact_of(self, record: Any, as_of: str, module: str) -> Contact:
        """The contact that a stored record means."""
        del module  # Smart Sender has none
        return self._contacts([record], as_of)[0]

    def _contacts(self, records: Sequence[Any], as_of: str) -> Sequence[Contact]:
        return Maker(self.account, self._mapped, "asOf", as_of).of(records)

    def _mapped(self, record: Any, raw: Any) -> Contact:
        return mapping.contact(record, account=self.account, as_of="", raw=raw)

    @kept(Keep.LIST)
    async def groups_of(self, contact: ContactKey, offset: int, count: int) -> Slice[Group]:
        """The groups of a contact."""
        found = await _slice(
            lambda page, size: self.client.list_contact_groups(contact.id, page, size), offset, count
        )
        as_of = self._now()
        groups = [mapping.group(record, account=self.account, as_of=as_of) for record in found.items]
        return Slice(groups, found.more)

    @kept(Keep.DEFINITION)
    async def properties(self, module: str | None, offset: int, count: int) -> Slice[Property]:
        """The definitions of variables."""
        del module  # Smart Sender has none
        found = await _slice(self.client.list_variables, offset, count)
        return Slice([mapping.definition(record, account=self.account) for record in found.items], found.more)

    @kept(Keep.CHANNEL)
    async def channels(self, offset: int, count: int) -> Slice[Channel]:
        """The channels of the project."""
        found = await _slice(self.client.list_channels, offset, count)
        return Slice([mapping.channel(record, account=self.account) for record in found.items], found.more)

    @kept_each(Keep.CHANNEL)
    async def channels_by_id(self, ids: Sequence[str]) -> Found[str, Channel]:
        """Channels by id, one call each."""
        return await _each(
            ids, self.client.get_channel, lambda _, record: mapping.channel(record, account=self.account)
        )

    @kept_each(Keep.CHAT)
    async def chats_of(self, contacts: Sequence[ContactKey]) -> Found[ContactKey, Chat]:
        """The chat of each contact, one call each."""
        return _made(contacts, await self.client.get_chats([key.id for key in contacts]), self._chat)

    def _chat(self, key: ContactKey, record: Any) -> Chat:
        told = tolerant.members(record.get("contact")).get("originalId")
        if told is not None and str(told) != key.id:
            raise UpstreamBadResponse(self.source, "Smart Sender sent the chat of another contact.")
        return mapping.chat(record, key, account=self.account)

    @kept(Keep.CHAT)
    async def communications_of(self, contact: ContactKey, offset: int, count: int) -> Slice[Communication]:
        """The ways to reach a contact."""
        found = await _slice(lambda page, size: self.client.list_gates(contact.id, page, size), offset, count)
        gates = [mapping.communication(record, contact, account=self.account) for record in found.items]
        return Slice(gates, found.more)

    @kept(Keep.CHAT)
    async def messages_of(self, contact: ContactKey, offset: int, count: int) -> Slice[Message]:
        """Messages exchanged with a contact, newest first."""
        found = await _slice(
            lambda page, size: self.client.list_messages(contact.id, page, size), offset, count
        )
        messages = [mapping.message(record, contact, account=self.account) for record in found.items]
        return Slice(messages, found.more)

    @kept_each(Keep.CONTACT)
    async def funnels_of(self, contacts: Sequence[ContactKey]) -> Found[ContactKey, list[Funnel]]:
        """The funnels of each contact, for records that do not carry them."""

        async def all_of(key: ContactKey) -> list[Any]:
            found: list[Any] = []
            more = True
            while more:
                answer = await self.client.list_contact_funnels(key.id, len(found) // PAGE + 1, PAGE)
                more = answer["more"] and bool(answer["collection"])
                found += answer["collection"]
            return found

        return await _each(
            contacts,
            all_of,
            lambda _, records: [mapping.funnel(record, account=self.account) for record in records],
        )

    def needs_definitions(self, values: ContactValues) -> bool:
        """Only where variables are written; a company is one."""
        return bool(values.properties) or "company" in values.named()

    def wrong(self, values: ContactValues, definitions: Definitions, *, create: bool) -> list[UserError]:
        """Unknown variables, values of the wrong type, and no first name."""
        found = checks.wrong_properties(values, definitions, values.region, self.source)
        first = mapping.values_of(values, definitions).get(mapping.FIRST_NAME)
        if (create and first is None) or (first is not None and not first[1]):
            field = first[0] if first else "firstName"
            text = "Smart Sender needs a first name: give `firstName` or `name`."
            found.append(user_error(UserErrorCode.REQUIRED, text, field, source=self.source))
        return found

    def places(self, values: ContactValues, definitions: Definitions) -> frozenset[str]:
        """System fields and variables."""
        return frozenset(field for field, _ in mapping.values_of(values, definitions).values())

    def compare(
        self, contact: Contact, values: ContactValues, definitions: Definitions
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Which fields hold what was asked."""
        return checks.compared(contact, values, self.places(values, definitions))

    def field_of(self, vendor_field: str) -> tuple[str, ...] | None:
        """The path below `contact` of a parameter that Smart Sender found wrong."""
        return mapping.INPUT_FIELDS.get(vendor_field)

    async def create_contact(
        self, place: Place, values: ContactValues, definitions: Definitions
    ) -> tuple[ContactKey | None, Written]:
        """Create a gate and with it the contact, then look for the contact, whom the answer does not name."""
        asked = mapping.values_of(values, definitions)
        body: dict[str, Any] = {"identifier": place.identifier}
        parameters: dict[str, Any] = {}
        for name, (_, value) in asked.items():
            if value is not None:
                (parameters if name in definitions else body)[name] = value
        if parameters:
            body["parameters"] = parameters
        started = self._now()
        gate = await self.client.create_gate(place.channel or "", body)
        try:
            record = await self._behind(gate, values, place)
        except GatewayError as error:
            note = f"The contact is there, but could not be read: {error.message} {KNOWN_BEFORE}"
            return None, Written(note=note)
        if record is None:
            note = f"The contact is there, but the search of Smart Sender did not find it. {KNOWN_BEFORE}"
            return None, Written(note=note)
        contact = self.contact_of(record, self._now(), "")
        applied, ignored = self.compare(contact, values, definitions)
        if _older(contact, started):
            return contact["_key"], Written(
                contact=contact, applied=applied, ignored=ignored, note=KNOWN, existed=True
            )
        dropped = set(ignored) & self.places(values, definitions)
        said = "Smart Sender dropped values that it found invalid." if dropped else None
        return contact["_key"], Written(contact=contact, applied=applied, ignored=ignored, note=said)

    async def _behind(self, gate: Any, values: ContactValues, place: Place) -> Any:
        """The contact of a gate: told by the gate itself, or found by phone or name and told by its gates."""
        told = tolerant.members(gate.get("contact")).get("originalId")
        if told is not None:
            return await self.client.get_contact(str(told))
        first, last = name_parts(values)
        name = " ".join(str(part) for part in (first, last) if part)
        terms = dict.fromkeys(
            str(term) for term in (values.e164, values.email, name, place.identifier) if term
        )
        looked_at: set[str] = set()
        for term in terms:
            found = await self.client.search_contacts(term, 1, PAGE)
            newest_first = sorted(
                tolerant.items([*map(record_of, found["collection"])]),
                key=lambda record: tolerant.whole(record.get("id")) or 0,
                reverse=True,
            )
            for record in newest_first[:MOST_CANDIDATES]:
                key = str(record.get("id"))
                if key not in looked_at and await self._has_gate(key, gate["id"]):
                    return record
                looked_at.add(key)
        return None

    async def _has_gate(self, contact: str, gate: Any) -> bool:
        page = await self.client.list_gates(contact, 1, PAGE)
        return any(each.get("id") == gate for each in tolerant.items(page["collection"]))

    async def update_contacts(
        self, keys: Sequence[ContactKey], values: ContactValues, definitions: Definitions
    ) -> Written:
        """Change one contact and read it back: the answer does not say what was dropped."""
        (key,) = keys
        asked = mapping.values_of(values, definitions)
        await self._agreed(
            self.client.update_contact(key.id, {name: each[1] for name, each in asked.items()})
        )
        try:
            record = await self.client.get_contact(key.id)
        except GatewayError as error:
            return Written(note=f"It was written, but could not be read back: {error.message}")
        if record is None:
            raise UpstreamMissing(self.source, "Smart Sender has no such contact.")
        contact = self._contact(key, record, self._now(), brief=False)
        applied, ignored = self.compare(contact, values, definitions)
        note = "Smart Sender drops values that it finds invalid, without a word." if ignored else None
        return Written(contact=contact, applied=applied, ignored=ignored, note=note)

    async def delete_contacts(self, keys: Sequence[ContactKey]) -> None:
        """Delete one contact, as long as the source still does."""
        (key,) = keys
        try:
            await self._agreed(self.client.delete_contact(key.id))
        except CapabilityUnsupported:
            self.traits = _without_deletion(NO_DELETION)
            raise

    async def merge_contacts(self, into: ContactKey, gone: ContactKey) -> None:
        """Unite two contacts."""
        await self._agreed(self.client.merge_contacts(into.id, gone.id))

    async def change_membership(self, group: str, contact: ContactKey, *, member: bool) -> Group | None:
        """Put one contact into a group or take it out, and look at its groups."""
        change = self.client.add_group if member else self.client.remove_group
        await self._agreed(change(contact.id, group))
        try:
            shown = await self.groups_of(contact, 0, PAGE)
        except GatewayError:
            return None  # it was carried out; what the group is called can be asked later
        found = next((each for each in shown.items if each["sourceId"] == group), None)
        if (found is not None) != member and not shown.more:
            raise UpstreamRejected(self.source, "Smart Sender did not change the membership.")
        return found

    async def change_tag(self, contact: ContactKey, tag: str, *, on: bool) -> None:
        """Put a tag on a contact, or take it off."""
        change = self.client.add_tag if on else self.client.remove_tag
        await self._agreed(change(contact.id, tag))

    async def change_funnel(self, contact: ContactKey, service_key: str, *, on: bool) -> None:
        """Subscribe a contact to a funnel, or unsubscribe it."""
        change = self.client.add_funnel if on else self.client.remove_funnel
        await self._agreed(change(contact.id, service_key))

    async def send_message(self, contact: ContactKey, message: NewMessage) -> Message:
        """Send a message."""
        record = await self.client.send_message(contact.id, mapping.message_body(message))
        return mapping.message(record, contact, account=self.account)

    async def fire(self, contact: ContactKey, name: str) -> None:
        """Launch an event."""
        if not await self.client.fire_event(contact.id, name):
            raise UpstreamMissing(
                self.source, f"Smart Sender has no event of exactly this name: {name!r}.", fields=("name",)
            )

    async def _agreed(self, change: Awaitable[bool]) -> None:
        """`state: false` inside of a 200 is a failure."""
        if not await change:
            raise UpstreamRejected(self.source, "Smart Sender says that it did not carry this out.")

    async def clear(self) -> None:
        """Take away everything that is kept of what was read."""
        await self.reads.clear()

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()


def _older(contact: Contact, started: str) -> bool:
    """Whether a contact was there before: its clock is another one, so a little is allowed."""
    if contact["createdAt"] is None:
        return False
    age = datetime.fromisoformat(started) - datetime.fromisoformat(contact["createdAt"])
    return age > CLOCKS_DIFFER


def _without_deletion(why: str) -> Traits:
    off = {"deleteContacts": Ability(supported=False, caveat=why)}
    return replace(TRAITS, abilities={**TRAITS.abilities, **off})


async def _slice(read: Callable[[int, int], Awaitable[Page[R]]], offset: int, count: int) -> Slice[R]:
    """A stretch of a list that comes in pages; the pages it lies on are read at once."""
    reads = pages(offset, count, PAGE)
    answers = await all_of(read(each.page, each.size) for each in reads)
    items: list[R] = []
    more = False
    for each, answer in zip(reads, answers, strict=True):
        end = each.skip + each.take
        items.extend(answer["collection"][each.skip : end])
        more = answer["more"] or len(answer["collection"]) > end
        if not more:
            break
    return Slice(items, more)


def _made(keys: Sequence[K], records: Sequence[Any], value: Callable[[K, Any], V]) -> Found[K, V]:
    """What records mean; a failure is the value of its own key only, and what is not there is left out."""
    found: Found[K, V] = {}
    for key, record in zip(keys, records, strict=True):
        try:
            if record is not None:
                found[key] = record if isinstance(record, GatewayError) else value(key, record)
        except GatewayError as error:
            found[key] = error
    return found


async def _each(
    keys: Sequence[K],
    read: Callable[[K], Awaitable[R | None]],
    value: Callable[[K, R], V],
) -> Found[K, V]:
    """One call for each key, all at once; a failure is the value of its own key only."""

    async def one(key: K) -> "V | GatewayError | None":
        try:
            record = await read(key)
            return None if record is None else value(key, record)
        except GatewayError as error:
            return error

    found = await all_of(one(key) for key in keys)
    return {key: each for key, each in zip(keys, found, strict=True) if each is not None}
