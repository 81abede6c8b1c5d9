"""Answers the gateway's questions with what PackageX offers."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from weakref import WeakValueDictionary

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
from gateway.model.contact import Contact, ContactKey, ContactProperty
from gateway.model.group import Group
from gateway.model.page import Slice, pages
from gateway.model.property import Property, PropertyType
from gateway.model.record import record_of
from gateway.model.source import Source
from gateway.model.unset import UNSET
from gateway.model.writing import (
    ContactValues,
    GroupValues,
    Place,
    Text,
    UserError,
    UserErrorCode,
    user_error,
    whole_name,
)
from gateway.ports import (
    Ability,
    Definitions,
    Found,
    Imported,
    Sheet,
    Traits,
    Twins,
    Upstream,
    Verdict,
    Written,
)
from gateway.upstreams import checks, tolerant
from gateway.upstreams.packagex import importing, mapping
from gateway.upstreams.packagex.client import Client, Kind
from gateway.upstreams.packagex.records import ContactRecord
from gateway.upstreams.several import all_of

PAGE: Final = 100  # the ceiling while searching; taken as the ceiling elsewhere too (packagex.md, Pagination)
SHORTEST_TERM: Final = 2
MOST_KEYS: Final = 1_000  # metadata keys remembered
LONGEST_KEY: Final = 200
CONTACT: Final = "contact"
GROUP: Final = "group"
MOST_PAGES: Final = 200  # looked at for contacts that a file has just created
NAMES: Final = frozenset({"name", "firstName", "lastName"})
ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:~-]{0,199}")

TRAITS: Final = Traits(
    name="PackageX",
    page_ceiling=PAGE,
    searches=True,
    tells_updates=True,
    has_modules=False,
    overwrites=True,
    prices={"updateContact": 2},
    abilities={
        "contacts": Ability(supported=True, caveat="Pages of 100, listed by time of creation."),
        "contact": Ability(supported=True, caveat="One call for each."),
        "contacts.search": Ability(
            supported=True, caveat="By the source: terms of two characters or more, any of which may match."
        ),
        "contacts.filter": Ability(
            supported=True, caveat="From the index; a group's members from the source."
        ),
        "contacts.orderBy": Ability(supported=True, caveat="From the index."),
        "contacts.totalCount": Ability(
            supported=True, caveat="Newer deployments tell it; else from the index."
        ),
        "groups": Ability(supported=True),
        "group": Ability(supported=True),
        "Group.members": Ability(supported=True),
        "Contact.groups": Ability(supported=True),
        "properties": Ability(supported=True, caveat="Its own fields, and the metadata keys seen so far."),
        "modules": Ability(supported=False),
        "Contact.tags": Ability(supported=False),
        "Contact.funnels": Ability(supported=False),
        "channels": Ability(supported=False),
        "chat": Ability(supported=False),
        "Contact.communications": Ability(supported=False),
        "Chat.messages": Ability(supported=False),
        "createContact": Ability(
            supported=True, caveat="One name only; the address is taken apart by the source."
        ),
        "updateContact": Ability(supported=True, caveat="One call for each."),
        "deleteContacts": Ability(
            supported=True, caveat="Assumed of the source; PACKAGEX_DELETE switches it off."
        ),
        "importContacts": Ability(
            supported=True,
            caveat="CSV, XLS and XLSX; merges nothing; overwrite deletes everybody first and is confirmed.",
        ),
        "createGroup": Ability(supported=True, caveat="Members are added by a second call."),
        "updateGroup": Ability(
            supported=True, caveat="The source replaces whole lists; the gateway reads, writes, checks."
        ),
        "deleteGroup": Ability(
            supported=True, caveat="Assumed of the source; PACKAGEX_DELETE switches it off."
        ),
        "mergeContacts": Ability(supported=False, caveat="Not offered by the source."),
        "updateContactTags": Ability(supported=False),
        "updateContactFunnels": Ability(supported=False),
        "sendMessage": Ability(supported=False),
        "triggerEvent": Ability(supported=False),
        "createProperty": Ability(supported=False, caveat="Metadata needs no definition."),
        "updateProperty": Ability(supported=False, caveat="Metadata needs no definition."),
    },
)
DELETIONS: Final = ("deleteContacts", "deleteGroup")


class PackageX(Upstream):
    """PackageX for one account."""

    source = Source.PACKAGEX
    reads_by_id = True

    def __init__(
        self,
        client: Client,
        account: str,
        now: Callable[[], str],
        *,
        deletes: bool = True,
        index_base: int = 0,
        largest_url: int = importing.LARGEST_URL,
    ) -> None:
        self.account = account
        self.client = client
        self.purse = client.purse
        self.conditions = client.conditions
        self.reads = client.reads
        self.traits = TRAITS if deletes else self._without_deletion("PACKAGEX_DELETE is off.")
        self._now = now
        self._index_base = index_base
        self._largest_url = largest_url
        self._names: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._metadata: dict[str, PropertyType] = {}  # the keys seen; never their values

    def check_id(self, kind: str, vendor_id: str) -> None:
        """Raise BadInput when the text cannot be an id of PackageX."""
        if not ID.fullmatch(vendor_id):
            raise BadInput(f"This cannot be the id of a {kind} of PackageX.")

    @kept(Keep.LIST)
    async def contacts(
        self, offset: int, count: int, *, module: str | None = None, search: str | None = None
    ) -> Slice[Contact]:
        """Persons by time of creation, so that growth comes at the end."""
        del module  # PackageX has none
        records = await self._slice("person", offset, count, search=search)
        as_of = self._now()
        return Slice(self._contacts(records.items, as_of), records.more, records.total)

    @kept_each(Keep.CONTACT)
    async def contacts_by_id(self, keys: Sequence[ContactKey], *, brief: bool) -> Found[ContactKey, Contact]:
        """Contacts by id, one call each; a group is not a contact."""
        del brief  # PackageX has one form of a contact
        found: Found[ContactKey, Contact] = {}
        persons: dict[ContactKey, ContactRecord] = {}
        records = await self._records([key.id for key in keys])
        for key, record in zip(keys, records, strict=True):
            if isinstance(record, GatewayError):
                found[key] = record
            elif record is not None and record.get("type") != "group":
                persons[key] = record
        found.update(zip(persons, self._contacts(list(persons.values()), self._now()), strict=True))
        return found

    def contact_of(self, record: Any, as_of: str, module: str) -> Contact:
        """The contact that a stored record means."""
        del module  # PackageX has none
        return self._contacts([record], as_of)[0]

    def _contacts(self, records: Sequence[Any], as_of: str) -> Sequence[Contact]:
        return Maker((CONTACT, self.account), self._mapped, "asOf", as_of).of(records)

    def _mapped(self, record: ContactRecord, raw: Any) -> Contact:
        contact = mapping.contact(record, account=self.account, as_of="", raw=raw)
        self._see(contact["_properties"] or ())  # of a known page once: with this adapter goes what is known
        return contact

    def _see(self, properties: Iterable[ContactProperty]) -> None:
        """Remember the keys of some metadata, and what kind of value they have first."""
        for each in properties:
            if each["key"] not in self._metadata and len(self._metadata) < MOST_KEYS:
                self._metadata[each["key"]] = PropertyType(each["type"])

    @kept(Keep.LIST)
    async def groups(self, offset: int, count: int, *, search: str | None = None) -> Slice[Group]:
        """Groups by time of creation."""
        return self._as_groups(await self._slice("group", offset, count, search=search))

    @kept_each(Keep.GROUP)
    async def groups_by_id(self, ids: Sequence[str]) -> Found[str, Group]:
        """Groups by id, one call each; a person is not a group."""
        found: Found[str, Group] = {}
        records = await self._records(ids)
        as_of = self._now()
        for vendor_id, record in zip(ids, records, strict=True):
            if isinstance(record, GatewayError):
                found[vendor_id] = record
            elif record is not None and record.get("type") == "group":
                found[vendor_id] = self._group(record, as_of)
        return found

    @kept(Keep.LIST)
    async def groups_of(self, contact: ContactKey, offset: int, count: int) -> Slice[Group]:
        """The groups that hold a contact."""
        return self._as_groups(await self._slice("group", offset, count, child=contact.id))

    @kept(Keep.DEFINITION)
    async def properties(self, module: str | None, offset: int, count: int) -> Slice[Property]:
        """The fields of PackageX and the metadata keys seen; at first a page of contacts is looked at."""
        del module  # PackageX has none
        if not self._metadata:
            await self.contacts(0, PAGE)
        known = mapping.definitions(self._metadata, account=self.account)
        return Slice(known[offset : offset + count], offset + count < len(known), len(known))

    def members_as_mirrored(self, group: Group) -> dict[ContactKey, Contact]:
        """The members that a group mirrors, with names and e-mail only."""
        mirrors = tolerant.items(record_of(group["_raw"]).get("referenced_contacts"))
        as_of = group["_asOf"]
        members = [mapping.member(mirror, account=self.account, as_of=as_of) for mirror in mirrors]
        return {member["_key"]: member for member in members}

    def wrong(self, values: ContactValues, definitions: Definitions, *, create: bool) -> list[UserError]:
        """A name that is missing or cleared, and metadata without a key."""
        del definitions  # metadata has none
        found = []
        if whole_name(values) is None or (create and whole_name(values) is UNSET and _no_name(values)):
            text = "PackageX needs a name: give `name`, or `firstName` and `lastName`."
            found.append(user_error(UserErrorCode.REQUIRED, text, "name", source=self.source))
        for key in values.properties:
            if len(key) > LONGEST_KEY:
                place = values.indexes.get(key, 0)
                text = f"A metadata key has at most {LONGEST_KEY} signs."
                found.append(
                    user_error(UserErrorCode.TOO_LARGE, text, "properties", place, "key", source=self.source)
                )
        return found

    def places(self, values: ContactValues, definitions: Definitions) -> frozenset[str]:
        """Everything but a company."""
        del definitions
        return frozenset(values.named()) - {"company"}

    def compare(
        self, contact: Contact, values: ContactValues, definitions: Definitions
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Which fields hold what was asked."""
        del definitions
        return self._compared(contact, values, whole_name(values))

    def field_of(self, vendor_field: str) -> tuple[str, ...] | None:
        """The path below `contact` of a property that PackageX found wrong."""
        return mapping.INPUT_FIELDS.get(vendor_field.partition(".")[0])

    async def create_contact(
        self, place: Place, values: ContactValues, definitions: Definitions
    ) -> tuple[ContactKey | None, Written]:
        """Create a person; the answer is the contact as it was taken."""
        del place, definitions
        name = _new_name(values)
        record = await self.client.create_contact(_without_none(mapping.body(values, name)))
        contact = self.contact_of(record, self._now(), "")
        applied, ignored = self._compared(contact, values, name)
        return contact["_key"], Written(contact=contact, applied=applied, ignored=ignored)

    async def update_contacts(
        self, keys: Sequence[ContactKey], values: ContactValues, definitions: Definitions
    ) -> Written:
        """Change one person. Where only a part of the name is given, the other is read first."""
        del definitions
        (key,) = keys
        name = whole_name(values)
        if name is UNSET and not (values.first_name is UNSET and values.last_name is UNSET):
            async with self._names.setdefault(key.id, asyncio.Lock()):  # two halves at once are one name
                name = await self._completed_name(key, values)
                record = await self.client.update_contact(key.id, mapping.body(values, name))
        else:
            record = await self.client.update_contact(key.id, mapping.body(values, name))
        contact = self.contact_of(record, self._now(), "")
        if contact["sourceId"] != key.id:
            raise UpstreamBadResponse(self.source, "PackageX answered with another contact.")
        applied, ignored = self._compared(contact, values, name)
        return Written(contact=contact, applied=applied, ignored=ignored)

    async def delete_contacts(self, keys: Sequence[ContactKey]) -> None:
        """Delete one person."""
        (key,) = keys
        await self._delete(key.id)

    async def create_group(self, values: GroupValues) -> Group:
        """Create a group without members."""
        body = _without_none(mapping.body(values)) | {"type": "group"}
        record = await self.client.create_contact(body)
        return self._group(record, self._now())

    async def update_group(
        self,
        group: str,
        values: GroupValues,
        members: Sequence[str] | None = None,
        primary: Sequence[str] | None = None,
    ) -> Group:
        """Write values of a group and replace its lists."""
        lists = {"children": members, "primary": primary}
        sent = {name: list(ids) for name, ids in lists.items() if ids is not None}
        body = mapping.body(values) | ({"group_contacts": sent} if sent else {})
        record = await self.client.update_contact(group, body)
        return self._group(record, self._now())

    async def delete_group(self, group: str) -> None:
        """Delete a group."""
        await self._delete(group)

    def takes_field(self, field: str, definitions: Definitions) -> bool:
        """A column of PackageX's own, or `metadata.<key>`."""
        del definitions
        return importing.takes(field)

    def sheet(
        self,
        columns: Sequence[str],
        fields: Sequence[str],
        rows: Sequence[Sequence[str]],
        definitions: Definitions,
    ) -> Sheet:
        """The columns that PackageX knows, under its own headers."""
        del definitions
        return importing.sheet(columns, fields, rows)

    def expected(
        self, sheet: Sheet, definitions: Definitions, twins: Twins, groups: frozenset[str]
    ) -> list[Verdict]:
        """What would become of every row; nothing is ever merged."""
        del definitions, twins
        return importing.expected(sheet, groups)

    async def import_sheet(self, module: str | None, sheet: Sheet, *, overwrite: bool) -> Imported:
        """Send the file as a data URL."""
        del module  # PackageX has none
        why = self.refuses(sheet)
        if why is not None:
            raise UpstreamRejected(self.source, why)
        report = await self.client.create_from_file(importing.data_url(sheet), overwrite=overwrite)
        return importing.told(sheet, report, self._index_base)

    def refuses(self, sheet: Sheet) -> str | None:
        """Why a file is too large: it travels as a data URL."""
        length = importing.url_length(sheet)
        if length <= self._largest_url:
            return None
        return f"The file makes a data URL of {length} bytes; PackageX takes {self._largest_url}."

    async def created(self, ids: Sequence[str]) -> list[Contact]:
        """Contacts that were just created; the newest are listed, as groups of the file count along."""
        reads = range(1, min(MOST_PAGES, -(-len(ids) // PAGE) + 1) + 1)
        answers = await asyncio.gather(
            *(self.client.list_contacts(page, PAGE, kind="person", newest_first=True) for page in reads)
        )
        as_of, wanted = self._now(), frozenset(ids)
        records = [record_of(record) for answer in answers for record in answer["contacts"]]
        return [*self._contacts([record for record in records if record.get("id") in wanted], as_of)]

    def rows_of(self, sheet: Sheet, contacts: Sequence[Contact]) -> Mapping[int, str]:
        """Which row each contact comes from, by an e-mail, phone or name that no other row has."""
        shown = {each["sourceId"]: (each["email"], each["phone"], each["displayName"]) for each in contacts}
        return importing.matched(sheet, shown)

    async def clear(self) -> None:
        """Take away everything that is kept of what was read."""
        await self.reads.clear()

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def _completed_name(self, key: ContactKey, values: ContactValues) -> Text:
        """The whole name that a new first or last name makes with what is there of the other."""
        record = await self.client.get_contact(key.id)
        if record is None:
            raise UpstreamMissing(self.source, "PackageX has no such contact.")
        held = self.contact_of(record, self._now(), "")
        first = held["firstName"] if values.first_name is UNSET else values.first_name
        last = held["lastName"] if values.last_name is UNSET else values.last_name
        return " ".join(str(part) for part in (first, last) if part) or UNSET

    def _compared(
        self, contact: Contact, values: ContactValues, name: Text
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Parts of a name hold when the whole one does: PackageX keeps no parts."""
        places = self.places(values, {})
        whole = ContactValues(name=name, region=values.region)
        named = checks.compared(contact, whole, {"name"})[0] if name is not UNSET else ()
        applied, ignored = checks.compared(contact, values, places - NAMES)
        parts = tuple(field for field in values.named() if field in NAMES)
        if named:
            return (*parts, *applied), tuple(field for field in ignored if field not in NAMES)
        return applied, ignored

    async def _delete(self, vendor_id: str) -> None:
        try:
            await self.client.delete_contact(vendor_id)
        except CapabilityUnsupported:
            self.traits = self._without_deletion("The source answered that there is no deletion.")
            raise

    @staticmethod
    def _without_deletion(why: str) -> Traits:
        off = dict.fromkeys(DELETIONS, Ability(supported=False, caveat=why))
        return replace(TRAITS, abilities={**TRAITS.abilities, **off})

    def _group(self, record: ContactRecord, as_of: str) -> Group:
        return self._groups([record], as_of)[0]

    def _groups(self, records: Sequence[Any], as_of: str) -> Sequence[Group]:
        def mapped(record: ContactRecord, raw: Any) -> Group:
            return mapping.group(record, account=self.account, as_of="", raw=raw)

        return Maker((GROUP, self.account), mapped, "_asOf", as_of).of(records)

    async def _slice(
        self, kind: Kind, offset: int, count: int, *, search: str | None = None, child: str | None = None
    ) -> Slice[ContactRecord]:
        if search is not None and not (search := _terms(search)):
            raise CapabilityUnsupported(self.source, "PackageX searches for terms of two characters or more.")
        reads = pages(offset, count, PAGE)
        answers = await all_of(
            self.client.list_contacts(read.page, read.size, kind=kind, search=search, child=child)
            for read in reads
        )
        records: list[ContactRecord] = []
        more = False
        for read, answer in zip(reads, answers, strict=True):
            end = read.skip + read.take
            records.extend(answer["contacts"][read.skip : end])
            more = answer["more"] or len(answer["contacts"]) > end
            if not more:
                break
        return Slice(records, more, answers[0]["total"])

    async def _records(self, ids: Sequence[str]) -> list[ContactRecord | GatewayError | None]:
        found = await self.client.get_contacts(ids)
        for place, record in enumerate(found):
            if isinstance(record, dict) and record["id"] != ids[place]:
                other = "PackageX sent another contact than asked for."
                found[place] = UpstreamBadResponse(self.source, other)
        return found

    def _as_groups(self, records: Slice[ContactRecord]) -> Slice[Group]:
        return Slice(self._groups(records.items, self._now()), records.more, records.total)


def _terms(search: str) -> str:
    """The terms that PackageX takes: shorter ones are left out."""
    return " ".join(term for term in search.split() if len(term) >= SHORTEST_TERM)


def _no_name(values: ContactValues) -> bool:
    return not any(part for part in (values.name, values.first_name, values.last_name) if part is not UNSET)


def _new_name(values: ContactValues) -> Text:
    """The whole name of a new person: also of one part alone."""
    whole = whole_name(values)
    if whole is not UNSET:
        return whole
    return next((part for part in (values.first_name, values.last_name) if part), UNSET)


def _without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    """A new contact has nothing to clear."""
    return {key: value for key, value in body.items() if value is not None}
