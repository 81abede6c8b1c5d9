"""Events: what has happened through the gateway."""

from collections.abc import AsyncGenerator, Awaitable
from typing import Any

from ariadne import ObjectType, QueryType, SubscriptionType

from gateway.context import Info
from gateway.model.contact import Contact
from gateway.model.event import Event

query = QueryType()
subscription = SubscriptionType()
contact = ObjectType("Contact")
event = ObjectType("Event")
connection = ObjectType("EventConnection")


@query.field("events")
def resolve_events(_: object, info: Info, **arguments: Any) -> Awaitable[dict[str, Any]]:
    """What has happened, oldest first."""
    return info.context.events.page(arguments)


@subscription.source("events")  # type: ignore[arg-type]  # graphql-core awaits it; ariadne's type does not say so
async def follow_events(_: object, info: Info, **arguments: Any) -> AsyncGenerator[dict[str, Any], None]:
    """Each thing that happens, from now on or from a cursor."""
    return await info.context.events.follow(arguments)


@subscription.field("events")
def resolve_followed(edge: dict[str, Any], _: Info, **__: Any) -> dict[str, Any]:
    """What the source has yielded."""
    return edge


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


BINDABLES = (query, subscription, contact, event, connection)
