"""Contacts and their properties."""

from collections.abc import Awaitable, Sequence
from typing import Any

from ariadne import ObjectType, QueryType

from gateway.context import Info
from gateway.model.chat import Chat
from gateway.model.contact import Contact, ContactProperty, Funnel
from gateway.model.outcome import Connection
from gateway.model.property import Module, Property

query = QueryType()
contact = ObjectType("Contact")
contact_property = ObjectType("ContactProperty")


@query.field("contact")
def resolve_contact(_: object, info: Info, *, by: dict[str, Any]) -> Awaitable[Contact | None]:
    """One contact."""
    return info.context.contacts.by(by, info)


@query.field("contacts")
def resolve_contacts(_: object, info: Info, **arguments: Any) -> Awaitable[Connection]:
    """Contacts of several sources as one list."""
    return info.context.contacts.page(arguments, info)


@contact.field("module")
def resolve_module(contact: Contact, info: Info) -> Awaitable[Module | None] | None:
    """The module that a contact lies in."""
    return info.context.definitions.module_of(contact)


@contact.field("phoneE164")
def resolve_phone_e164(contact: Contact, info: Info) -> str | None:
    """The main phone as E.164."""
    return info.context.contacts.phone_e164(contact)


@contact.field("funnels")
def resolve_funnels(contact: Contact, info: Info) -> Awaitable[Sequence[Funnel]] | Sequence[Funnel]:
    """The funnels of a contact."""
    return info.context.contacts.funnels(contact, info)


@contact.field("properties")
def resolve_properties(
    contact: Contact, info: Info, *, keys: Sequence[str] | None = None
) -> Awaitable[Sequence[ContactProperty]] | Sequence[ContactProperty]:
    """The properties of a contact."""
    return info.context.contacts.properties(contact, keys, info)


@contact.field("property")
def resolve_property(contact: Contact, info: Info, *, key: str) -> Awaitable[ContactProperty | None]:
    """One property of a contact."""
    return info.context.contacts.property(contact, key)


@contact.field("groups")
def resolve_groups(contact: Contact, info: Info, **arguments: Any) -> Awaitable[Connection | None]:
    """The groups that a contact is in."""
    return info.context.groups.of_contact(contact, arguments, info)


@contact.field("chat")
def resolve_chat(contact: Contact, info: Info) -> Awaitable[Chat | None] | None:
    """The chat of a contact."""
    return info.context.chats.of_contact(contact)


@contact.field("communications")
def resolve_communications(contact: Contact, info: Info, **arguments: Any) -> Awaitable[Connection | None]:
    """The ways to reach a contact."""
    return info.context.chats.communications(contact, arguments)


@contact.field("raw")
def resolve_raw(contact: Contact, info: Info) -> Any:
    """The record of the source."""
    return info.context.contacts.raw(contact)


@contact_property.field("definition")
def resolve_definition(held: ContactProperty, info: Info) -> Awaitable[Property | None]:
    """The definition of a contact's property."""
    return info.context.contacts.definition(held)


BINDABLES = (query, contact, contact_property)
