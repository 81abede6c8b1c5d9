"""Everything that can be written, but imports. Payloads hold global ids, which are resolved here."""

from collections.abc import Awaitable
from typing import Any

from ariadne import MutationType, ObjectType

from gateway.context import Info
from gateway.model.contact import Contact
from gateway.model.event import Event
from gateway.model.group import Group
from gateway.model.property import Property
from gateway.model.writing import WriteOutcome

Payload = dict[str, Any]

mutation = MutationType()
outcome = ObjectType("WriteOutcome")
of_one = [ObjectType(name) for name in ("UpdateContactPayload", "MergeContactsPayload")]
of_many = [ObjectType(name) for name in ("CreateContactPayload", "UpdateContactsPayload")]
group_payload = ObjectType("GroupPayload")
property_payload = ObjectType("PropertyPayload")
event_payload = ObjectType("TriggerEventPayload")


@mutation.field("createContact")
def resolve_create_contact(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Create a contact."""
    return info.context.writes.create_contact(input)


@mutation.field("updateContact")
def resolve_update_contact(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Change one contact."""
    return info.context.writes.update_contact(input)


@mutation.field("updateContacts")
def resolve_update_contacts(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Write the same to many contacts."""
    return info.context.writes.update_contacts(input)


@mutation.field("updateContactTags")
def resolve_update_contact_tags(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Put tags on a contact and take others off."""
    return info.context.writes.update_tags(input)


@mutation.field("updateContactFunnels")
def resolve_update_contact_funnels(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Subscribe a contact to funnels and unsubscribe it from others."""
    return info.context.writes.update_funnels(input)


@mutation.field("deleteContacts")
def resolve_delete_contacts(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Delete contacts."""
    return info.context.writes.delete_contacts(input)


@mutation.field("mergeContacts")
def resolve_merge_contacts(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Unite two contacts."""
    return info.context.writes.merge_contacts(input)


@mutation.field("createGroup")
def resolve_create_group(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Create a group."""
    return info.context.writes.create_group(input)


@mutation.field("updateGroup")
def resolve_update_group(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Change a group and its members."""
    return info.context.writes.update_group(input)


@mutation.field("deleteGroup")
def resolve_delete_group(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Delete a group."""
    return info.context.writes.delete_group(input)


@mutation.field("createProperty")
def resolve_create_property(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Define a property."""
    return info.context.writes.create_property(input)


@mutation.field("updateProperty")
def resolve_update_property(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Change a definition."""
    return info.context.writes.update_property(input)


@mutation.field("triggerEvent")
def resolve_trigger_event(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Launch an event for a contact."""
    return info.context.writes.trigger_event(input)


@mutation.field("sendMessage")
def resolve_send_message(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Send a message to a contact."""
    return info.context.writes.send_message(input)


def resolve_contact(held: Payload | WriteOutcome, info: Info) -> Awaitable[Contact | None]:
    """The contact of an outcome or of a payload, as it is after the write."""
    return info.context.contacts.written(held["contact"])


def resolve_contacts(payload: Payload, info: Info) -> Awaitable[list[Contact]]:
    """The contacts of a payload, as they are after the write."""
    return info.context.contacts.all_written(payload["contacts"])


@group_payload.field("group")
def resolve_group(payload: Payload, info: Info) -> Awaitable[Group | None]:
    """The group of a payload."""
    return info.context.groups.written(payload)


@property_payload.field("property")
def resolve_property(payload: Payload, info: Info) -> Awaitable[Property | None]:
    """The definition of a payload."""
    return info.context.definitions.written(payload)


@event_payload.field("event")
def resolve_event(payload: Payload, info: Info) -> Awaitable[Event | None]:
    """The event of a payload."""
    return info.context.events.written(payload)


outcome.set_field("contact", resolve_contact)
for bound in of_one:
    bound.set_field("contact", resolve_contact)
for bound in of_many:
    bound.set_field("contacts", resolve_contacts)

BINDABLES = (mutation, outcome, *of_one, *of_many, group_payload, property_payload, event_payload)
