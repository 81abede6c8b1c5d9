"""Answers the gateway's questions with what PackageX offers."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from gateway.errors import BadInput, CapabilityUnsupported, GatewayError, UpstreamBadResponse
from gateway.model.contact import Contact, ContactKey
from gateway.model.group import Group
from gateway.model.page import Slice, pages
from gateway.model.property import Property, PropertyType
from gateway.model.source import Source
from gateway.ports import Ability, Found, Traits, Upstream
from gateway.upstreams import tolerant
from gateway.upstreams.packagex import mapping
from gateway.upstreams.packagex.client import Client, Kind
from gateway.upstreams.packagex.records import ContactRecord

PAGE: Final = 100  # the ceiling while searching; taken as the ceiling elsewhere too (packagex.md, Pagination)
SHORTEST_TERM: Final = 2
MOST_KEYS: Final = 1_000  # metadata keys remembered
ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:~-]{0,199}")

TRAITS: Final = Traits(
    name="PackageX",
    page_ceiling=PAGE,
    searches=True,
    tells_updates=True,
    has_modules=False,
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
    },
)


class PackageX(Upstream):
    """PackageX for one account."""

    source = Source.PACKAGEX
    traits = TRAITS
    reads_by_id = True

    def __init__(self, client: Client, account: str, now: Callable[[], str]) -> None:
        self.account = account
        self.client = client
        self._now = now
        self._metadata: dict[str, PropertyType] = {}  # the keys seen; never their values

    def check_id(self, kind: str, vendor_id: str) -> None:
        """Raise BadInput when the text cannot be an id of PackageX."""
        if not ID.fullmatch(vendor_id):
            raise BadInput(f"This cannot be the id of a {kind} of PackageX.")

    async def contacts(
        self, offset: int, count: int, *, module: str | None = None, search: str | None = None
    ) -> Slice[Contact]:
        """Persons by time of creation, so that growth comes at the end."""
        del module  # PackageX has none
        records = await self._slice("person", offset, count, search=search)
        as_of = self._now()
        return Slice(
            [self.contact_of(record, as_of, "") for record in records.items], records.more, records.total
        )

    async def contacts_by_id(self, keys: Sequence[ContactKey], *, brief: bool) -> Found[ContactKey, Contact]:
        """Contacts by id, one call each; a group is not a contact."""
        del brief  # PackageX has one form of a contact
        found: Found[ContactKey, Contact] = {}
        for key, record in zip(keys, await self._records([key.id for key in keys]), strict=True):
            if isinstance(record, GatewayError):
                found[key] = record
            elif record is not None and record.get("type") != "group":
                found[key] = self.contact_of(record, self._now(), "")
        return found

    def contact_of(self, record: Any, as_of: str, module: str) -> Contact:
        """The contact that a stored record means."""
        del module  # PackageX has none
        contact = mapping.contact(record, account=self.account, as_of=as_of)
        for key, value in tolerant.members(record.get("metadata")).items():
            if len(self._metadata) < MOST_KEYS:
                self._metadata.setdefault(key, mapping.type_of(value))
        return contact

    async def groups(self, offset: int, count: int, *, search: str | None = None) -> Slice[Group]:
        """Groups by time of creation."""
        return self._as_groups(await self._slice("group", offset, count, search=search))

    async def groups_by_id(self, ids: Sequence[str]) -> Found[str, Group]:
        """Groups by id, one call each; a person is not a group."""
        found: Found[str, Group] = {}
        for vendor_id, record in zip(ids, await self._records(ids), strict=True):
            if isinstance(record, GatewayError):
                found[vendor_id] = record
            elif record is not None and record.get("type") == "group":
                found[vendor_id] = mapping.group(record, account=self.account, as_of=self._now())
        return found

    async def groups_of(self, contact: ContactKey, offset: int, count: int) -> Slice[Group]:
        """The groups that hold a contact."""
        return self._as_groups(await self._slice("group", offset, count, child=contact.id))

    async def properties(self, module: str | None, offset: int, count: int) -> Slice[Property]:
        """The fields of PackageX and the metadata keys seen; at first a page of contacts is looked at."""
        del module  # PackageX has none
        if not self._metadata:
            await self.contacts(0, PAGE)
        known = mapping.definitions(self._metadata, account=self.account)
        return Slice(known[offset : offset + count], offset + count < len(known), len(known))

    def members_as_mirrored(self, group: Group) -> dict[ContactKey, Contact]:
        """The members that a group mirrors, with names and e-mail only."""
        mirrors = tolerant.items(group["_raw"].get("referenced_contacts"))
        as_of = group["_asOf"]
        members = [mapping.member(mirror, account=self.account, as_of=as_of) for mirror in mirrors]
        return {member["_key"]: member for member in members}

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def _slice(
        self, kind: Kind, offset: int, count: int, *, search: str | None = None, child: str | None = None
    ) -> Slice[ContactRecord]:
        if search is not None and not (search := _terms(search)):
            raise CapabilityUnsupported(self.source, "PackageX searches for terms of two characters or more.")
        reads = pages(offset, count, PAGE)
        answers = await asyncio.gather(
            *(
                self.client.list_contacts(read.page, read.size, kind=kind, search=search, child=child)
                for read in reads
            )
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
        async def one(vendor_id: str) -> ContactRecord | GatewayError | None:
            try:
                record = await self.client.get_contact(vendor_id)
                if record is not None and tolerant.identity(self.source, record, "id") != vendor_id:
                    raise UpstreamBadResponse(self.source, "PackageX sent another contact than asked for.")
            except GatewayError as error:
                return error
            return record

        return await asyncio.gather(*(one(vendor_id) for vendor_id in ids))

    def _as_groups(self, records: Slice[ContactRecord]) -> Slice[Group]:
        groups = [mapping.group(record, account=self.account, as_of=self._now()) for record in records.items]
        return Slice(groups, records.more, records.total)


def _terms(search: str) -> str:
    """The terms that PackageX takes: shorter ones are left out."""
    return " ".join(term for term in search.split() if len(term) >= SHORTEST_TERM)
