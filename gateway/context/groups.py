"""Groups: by name, as a list, of a contact, and their members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import GraphQLResolveInfo

from gateway.context.asked import Asked, chosen
from gateway.engine import selection
from gateway.errors import BadInput
from gateway.federation import asking, lists
from gateway.federation.asking import Arguments
from gateway.model import ids
from gateway.model.contact import Contact, ContactKey, ContactProperty
from gateway.model.group import Group, GroupKey
from gateway.model.outcome import Connection

Payload = Mapping[str, Any]

# What a group mirrors of its members.
MIRRORED: Final = frozenset(
    "__typename id source sourceId displayName firstName lastName email emails asOf".split()
)


@dataclass(frozen=True, slots=True)
class Groups:
    """The verbs of groups."""

    asked: Asked

    async def by(self, by: Arguments) -> Group | None:
        """The group that a `GroupBy` names."""
        if by.get("id") is not None:
            named = ids.expect(by["id"], "Group", self.asked.directory.account)
            return await self.get(GroupKey(named.source, named.parts[0]))
        if by["sourceId"].get("module") is not None:
            raise BadInput("Groups lie in no module: leave `module` out.")
        return await self.get(GroupKey(*self.asked.named(by["sourceId"], "group")))

    async def get(self, key: GroupKey) -> Group | None:
        """A group by its key."""
        return self.asked.known_groups.get(key) or await self.asked.loaders.group.load(key)

    async def written(self, payload: Payload) -> Group | None:
        """The group of a payload."""
        if payload["group"] is None:
            return None
        return await self.by({"id": payload["group"]})

    async def page(self, arguments: Arguments, info: GraphQLResolveInfo[Any]) -> Connection:
        """A page of groups."""
        return self.asked.told(await lists.groups(self.asked.directory, arguments, self.asked.caller), info)

    async def of_contact(
        self, contact: Contact, arguments: Arguments, info: GraphQLResolveInfo[Any]
    ) -> Connection | None:
        """The groups that a contact is in; None where the source has no groups."""
        key = contact["_key"]
        first, after = asking.page(arguments)
        upstream = self.asked.able(key.source, "Contact.groups")
        if upstream is None:
            return None
        page = await lists.single(
            key.source,
            lambda offset, count: upstream.groups_of(key, offset, count),
            ceiling=upstream.traits.page_ceiling,
            first=first,
            after=after,
            mark=("groupsOf", contact["id"]),
        )
        return self.asked.told(page, info)

    def properties(self, group: Group, keys: Sequence[str] | None) -> Sequence[ContactProperty]:
        """The properties of a group, all or those named."""
        return chosen(group["_properties"], keys)

    async def members(
        self, group: Group, arguments: Arguments, info: GraphQLResolveInfo[Any]
    ) -> Connection | None:
        """The members of a group; None where the source does not tell."""
        first, after = asking.page(arguments)
        if group["_members"] is None:
            return None
        wanted = selection.names(info, "nodes") | selection.names(info, "edges", "node")
        page = await lists.members(
            group, lambda keys: self._members(group, keys, wanted), first=first, after=after
        )
        return self.asked.told(page, info)

    async def primary_contacts(self, group: Group, info: GraphQLResolveInfo[Any]) -> list[Contact] | None:
        """The members who answer for a group; None where the source does not tell."""
        if group["_primary"] is None:
            return None
        found = await self._members(group, group["_primary"], selection.names(info))
        return [contact for contact in found if contact is not None]

    async def _members(
        self, group: Group, keys: Sequence[ContactKey], wanted: frozenset[str]
    ) -> list[Contact | None]:
        """Members of a group; what the group mirrors of them answers where that is enough."""
        known, mirrored = self.asked.known, wanted <= MIRRORED
        if not known and not mirrored:
            return await self.asked.loaders.contact.load_all(keys)
        held: dict[ContactKey, Contact | None] = {key: known[key] for key in keys if key in known}
        if mirrored:
            held.update(self.asked.upstream(group["source"]).members_as_mirrored(group))
        missing = [key for key in keys if key not in held]
        if missing:
            held.update(zip(missing, await self.asked.loaders.contact.load_all(missing), strict=True))
        return [held[key] for key in keys]
