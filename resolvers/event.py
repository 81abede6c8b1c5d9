"""Events: what has happened through the gateway."""

from collections.abc import Awaitable
from typing import Any

from ariadne import ObjectType, QueryType

from gateway.context import Info
from gateway.model.contact import Contact
from gateway.model.event import Event

query = QueryType()
contact = ObjectType("Contact")
event = ObjectType("Event")
connection = ObjectType("EventConnection")


@query.field("events")
def resolve_events(_: object, info: Info, **arguments: Any) -> Awaitable[dict[str, Any]]:
    """What has happened, oldest first."""
    return info.context.events.page(arguments)


@contact.field("events")
def resolve_events_of_contact(contact: Contact, info: Info, **arguments: Any) -> Awaitable[dict[str, Any]]:
    """What has happened to a contact."""
    return info.context.events.of_contact(contact, arguments)


@event.field("contact")
def resolve_contact(event: Event, info: Info) -> Awaitable[Contact | None]:
    """The contact that it happened to, as it is now."""
    return info.context.events.contact(event)


@connection.field("edges")
def resolve_edges(page: dict[str, Any], info: Info) -> list[dict[str, Any]]:
    """The events of a page with their cursors."""
    return info.context.events.edges(page)


BINDABLES = (query, contact, event, connection)
