"""Chats, communications, channels and messages."""

from collections.abc import Awaitable
from typing import Any

from ariadne import ObjectType, QueryType

from gateway.context import Info
from gateway.model.chat import Chat, Communication
from gateway.model.contact import Contact
from gateway.model.outcome import Connection

query = QueryType()
chat = ObjectType("Chat")
communication = ObjectType("Communication")


@query.field("channels")
def resolve_channels(_: object, info: Info, **arguments: Any) -> Awaitable[Connection]:
    """The messenger channels."""
    return info.context.chats.channels(arguments)


@query.field("chat")
def resolve_chat(_: object, info: Info, *, contact: dict[str, Any]) -> Awaitable[Chat | None]:
    """The chat of a contact."""
    return info.context.chats.by(contact)


@chat.field("messages")
def resolve_messages(chat: Chat, info: Info, **arguments: Any) -> Awaitable[Connection]:
    """The messages of a chat."""
    return info.context.chats.messages(chat, arguments)


@chat.field("contact")
@communication.field("contact")
def resolve_contact(held: Chat | Communication, info: Info) -> Awaitable[Contact | None]:
    """The contact on the other side."""
    return info.context.contacts.get(held["_contact"])


BINDABLES = (query, chat, communication)
