"""Contacts: by name, as a list, and what hangs on one."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import GraphQLResolveInfo

from gateway.context.asked import Asked, chosen
from gateway.engine import selection
from gateway.errors import GatewayError
from gateway.federation import asking, contact_lists
from gateway.federation.asking import Arguments
from gateway.identity.keys import region_of
from gateway.model.contact import Contact, ContactKey, ContactProperty, Funnel
from gateway.model.outcome import Connection
from gateway.model.property import Property
from gateway.model.record import record_of
from gateway.model.text import e164
from gateway.upstreams.several import each_of

# What the simple form of a contact cannot tell.
DETAILS: Final = frozenset({"properties", "property", "raw", "emails", "phones"})


@dataclass(frozen=True, slots=True)
class Contacts:
    """The verbs of contacts."""

    asked: Asked

    def by(self, by: Arguments, info: GraphQLResolveInfo[Any]) -> Awaitable[Contact | None]:
        """The contact that a `ContactBy` names; in its simple form where the selection allows that."""
        brief = selection.names(info).isdisjoint(DETAILS)
        if by.get("id") is not None:
            key = self.asked.key_of(by["id"])
            if key not in self.asked.known:
                return self.asked.loading(key, brief=brief)
        return self._by(by, brief=brief)

    async def _by(self, by: Arguments, *, brief: bool) -> Contact | None:
        return await self.asked.contact(await self.asked.contact_key(by), brief=brief)

    async def written(self, text: str | None) -> Contact | None:
        """The contact of an outcome or payload, by its global id; as a write has read it back, or afresh."""
        if text is None:
            return None
        return await self.asked.contact(await self.asked.contact_key({"id": text}))

    async def all_written(self, texts: Sequence[str]) -> list[Contact]:
        """The contacts of a payload; one that is gone or cannot be read now is left out, with a warning."""
        found = await each_of([self.written(text) for text in texts])
        contacts: list[Contact] = []
        for each in found:
            if isinstance(each, GatewayError):
                self.asked.warnings.append({"message": each.message, "code": each.code})
            elif isinstance(each, BaseException):
                raise each
            elif each is not None:
                contacts.append(each)
        return contacts

    def get(self, key: ContactKey) -> Awaitable[Contact | None]:
        """A contact by its key."""
        return self.asked.contact(key)

    async def page(self, arguments: Arguments, info: GraphQLResolveInfo[Any]) -> Connection:
        """A page of contacts."""
        asked = self.asked
        query = asking.contacts(arguments, asked.directory.account, asked.directory.region)
        page = await contact_lists.contacts(asked.directory, query, asked.caller, asked.max_age)
        asked.meet(page["nodes"])
        return asked.told(page, info)

    def properties(
        self, contact: Contact, keys: Sequence[str] | None, info: GraphQLResolveInfo[Any]
    ) -> Awaitable[Sequence[ContactProperty]] | Sequence[ContactProperty]:
        """The properties of a contact, all or those named, in the order named."""
        held = contact["_properties"]
        if held is not None:
            return chosen(held, keys)
        return self.asked.or_empty(self._read_properties(contact, keys), info)

    async def property(self, contact: Contact, key: str) -> ContactProperty | None:
        """One property of a contact."""
        return next((each for each in await self._held(contact) if each["key"] == key), None)

    async def definition(self, held: ContactProperty) -> Property | None:
        """The definition of a contact's property."""
        found = await self.asked.loaders.definitions.load((held["_source"], held["_module"]))
        return (found or {}).get(held["key"])

    def phone_e164(self, contact: Contact) -> str | None:
        """The main phone of a contact as E.164."""
        region = region_of(contact, self.asked.directory.rules)
        return e164(contact["phone"], region) if contact["phone"] else None

    def raw(self, contact: Contact) -> Any:
        """The record of a contact."""
        return record_of(contact["_raw"])

    def funnels(
        self, contact: Contact, info: GraphQLResolveInfo[Any]
    ) -> Awaitable[Sequence[Funnel]] | Sequence[Funnel]:
        """The funnels of a contact; asked for only where its record does not carry them."""
        able = self.asked.directory.traits[contact["source"]].can("Contact.funnels")
        if contact["funnels"] or not able or "funnels" in record_of(contact["_raw"]):
            return contact["funnels"]
        return self.asked.or_empty(self._read_funnels(contact), info)

    async def _read_funnels(self, contact: Contact) -> list[Funnel]:
        return await self.asked.loaders.funnels.load(contact["_key"]) or []

    async def _read_properties(
        self, contact: Contact, keys: Sequence[str] | None
    ) -> Sequence[ContactProperty]:
        return chosen(await self._held(contact), keys)

    async def _held(self, contact: Contact) -> Sequence[ContactProperty]:
        held = contact["_properties"]
        if held is None:
            full = await self.asked.loaders.contact.load(contact["_key"])
            held = full["_properties"] if full else None
        return held or []
