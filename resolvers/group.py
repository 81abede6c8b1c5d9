"""Groups and their members."""

from collections.abc import Awaitable, Sequence
from typing import Any

from ariadne import ObjectType, QueryType

from gateway.context import Info
from gateway.model.contact import Contact, ContactProperty
from gateway.model.group import Group
from gateway.model.outcome import Connection

query = QueryType()
group = ObjectType("Group")


@query.field("group")
def resolve_group(_: object, info: Info, *, by: dict[str, Any]) -> Awaitable[Group | None]:
    """One group."""
    return info.context.groups.by(by)


@query.field("groups")
def resolve_groups(_: object, info: Info, **arguments: Any) -> Awaitable[Connection]:
    """Groups of all sources that can list them."""
    return info.context.groups.page(arguments, info)


@group.field("properties")
def resolve_properties(
    group: Group, info: Info, *, keys: Sequence[str] | None = None
) -> Sequence[ContactProperty]:
    """The properties of a group."""
    return info.context.groups.properties(group, keys)


@group.field("members")
def resolve_members(group: Group, info: Info, **arguments: Any) -> Awaitable[Connection | None]:
    """The members of a group."""
    return info.context.groups.members(group, arguments, info)


@group.field("primaryContacts")
def resolve_primary_contacts(group: Group, info: Info) -> Awaitable[list[Contact] | None]:
    """The members who answer for a group."""
    return info.context.groups.primary_contacts(group, info)


BINDABLES = (query, group)
