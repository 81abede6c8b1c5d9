"""Chats, the ways to reach a contact, messages and channels."""

from collections.abc import Awaitable
from dataclasses import dataclass

from gateway.context.asked import Asked
from gateway.federation import asking, lists
from gateway.federation.asking import Arguments
from gateway.model.chat import Channel, Chat, Communication
from gateway.model.contact import Contact, ContactKey
from gateway.model.ids import GlobalId
from gateway.model.outcome import Connection
from gateway.model.source import Source


@dataclass(frozen=True, slots=True)
class Chats:
    """The verbs of chats."""

    asked: Asked

    async def by(self, by: Arguments) -> Chat | None:
        """The chat of the contact that a `ContactBy` names."""
        return await self.get(await self.asked.contact_key(by))

    def get(self, key: ContactKey) -> Awaitable[Chat | None]:
        """The chat of a contact, by the contact's key."""
        return self.asked.loaders.chat.load(key)

    async def node(self, named: GlobalId, text: str) -> Chat | Communication | Channel | None:
        """A chat, a communication or a channel by its global id."""
        if named.type == "Channel":
            return await self.channel(named.source, named.parts[0])
        key = ContactKey(named.source, "", named.parts[0])
        return await (self.get(key) if named.type == "Chat" else self.communication(key, text))

    def of_contact(self, contact: Contact) -> Awaitable[Chat | None] | None:
        """The chat of a contact; None where the source has no chats."""
        key = contact["_key"]
        return None if self.asked.able(key.source, "chat") is None else self.get(key)

    async def communications(self, contact: Contact, arguments: Arguments) -> Connection | None:
        """The ways to reach a contact; None where the source has none."""
        key = contact["_key"]
        first, after = asking.page(arguments)
        upstream = self.asked.able(key.source, "Contact.communications")
        if upstream is None:
            return None
        return await lists.single(
            key.source,
            lambda offset, count: self.asked.loaders.communications(key, offset, count),
            ceiling=upstream.traits.page_ceiling,
            first=first,
            after=after,
            mark=("communications", contact["id"]),
        )

    async def communication(self, key: ContactKey, text: str) -> Communication | None:
        """One way to reach a contact, by its global id."""
        chat = await self.get(key)
        held = chat["communications"] if chat is not None else []
        return next((each for each in held if each["id"] == text), None)

    async def messages(self, chat: Chat, arguments: Arguments) -> Connection:
        """The messages of a chat, newest first."""
        key = chat["_contact"]
        first, after = asking.page(arguments)
        upstream = self.asked.upstream(key.source)
        return await lists.single(
            key.source,
            lambda offset, count: upstream.messages_of(key, offset, count),
            ceiling=upstream.traits.page_ceiling,
            first=first,
            after=after,
            mark=("messages", chat["id"]),
        )

    async def channels(self, arguments: Arguments) -> Connection:
        """A page of channels, of the one source that has some."""
        first, after = asking.page(arguments)
        able = [source for source, traits in self.asked.directory.traits.items() if traits.can("channels")]
        source = able[0]
        upstream = self.asked.upstream(source)
        return await lists.single(
            source,
            upstream.channels,
            ceiling=upstream.traits.page_ceiling,
            first=first,
            after=after,
            mark=("channels", self.asked.directory.account),
        )

    async def channel(self, source: Source, vendor_id: str) -> Channel | None:
        """One channel."""
        return await self.asked.loaders.channel.load((source, vendor_id))
