"""Chats, the ways to reach a contact, channels and messages."""

from typing import TypedDict

from gateway.model.contact import ContactKey
from gateway.model.source import Source


class Channel(TypedDict):
    """A messenger channel."""

    __typename: str
    id: str
    source: Source
    sourceId: str
    type: str | None
    name: str | None
    active: bool | None
    link: str | None
    createdAt: str | None
    updatedAt: str | None


class Communication(TypedDict):
    """A gate: a way to reach a contact over a channel."""

    __typename: str
    id: str
    source: Source
    sourceId: str
    channel: Channel | None
    subscribed: bool | None
    unreadMessages: int | None
    _contact: ContactKey


class Chat(TypedDict):
    """The conversation with one contact."""

    __typename: str
    id: str
    source: Source
    sourceId: str
    name: str | None
    imageUrl: str | None
    unreadMessages: int | None
    communications: list[Communication]
    createdAt: str | None
    updatedAt: str | None
    _contact: ContactKey


class Message(TypedDict):
    """A message."""

    id: str
    sourceId: str
    sender: str | None
    fromContact: bool | None
    type: str | None
    text: str | None
    mediaUrl: str | None
    createdAt: str | None
