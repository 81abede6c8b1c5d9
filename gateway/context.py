"""What a resolver may ask for: the verbs of one request."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLResolveInfo

from gateway.cost import CostMeter
from gateway.engine import selection
from gateway.errors import BadInput, Forbidden, GatewayError
from gateway.federation import asking, lists, walk
from gateway.federation.asking import Arguments
from gateway.federation.directory import Directory
from gateway.loaders import Loaders
from gateway.model import ids
from gateway.model.caller import Caller, Scope
from gateway.model.chat import Chat, Communication
from gateway.model.contact import Contact, ContactKey, ContactProperty, Funnel
from gateway.model.group import Group, GroupKey
from gateway.model.outcome import Connection
from gateway.model.property import Module, Property
from gateway.model.source import Source
from gateway.model.text import e164

MOST_NODES: Final = 100

# What the simple form of a contact cannot tell, and what a group mirrors of its members.
DETAILS: Final = frozenset({"properties", "property", "raw", "emails", "phones"})
MIRRORED: Final = frozenset(
    "__typename id source sourceId displayName firstName lastName email emails asOf".split()
)


@dataclass(slots=True)
class Context:
    """One request: who asks, how fresh answers have to be, and what is to be told besides the data."""

    directory: Directory
    caller: Caller
    meter: CostMeter
    max_age: float | None = None
    warnings: list[dict[str, Any]] = field(default_factory=list)
    _known: dict[ContactKey, Contact] = field(default_factory=dict)
    _loaders: Loaders | None = None
    _modules: "asyncio.Task[dict[str, Module]] | None" = None

    @property
    def loaders(self) -> Loaders:
        """The loaders of this request, made when first needed."""
        if self._loaders is None:
            self._loaders = Loaders(self.directory, self.caller, self.max_age)
        return self._loaders

    # ---- contacts

    async def contact_by(self, by: Arguments, info: "Info") -> Contact | None:
        """The contact that a `ContactBy` names."""
        return await self.contact(await self._contact_key(by), brief=_brief(info))

    async def contact(self, key: ContactKey, *, brief: bool = False) -> Contact | None:
        """A contact by its key."""
        known = self._known.get(key)
        if known is not None:
            return known
        loaders = self.loaders
        if brief and not loaders.contact.asked(key):
            return self._marked(await loaders.brief_contact.load(key))
        return self._marked(await loaders.contact.load(key))

    async def contacts(self, arguments: Arguments, info: "Info") -> Connection:
        """A page of contacts."""
        query = asking.contacts(arguments, self.directory.account, self.directory.region)
        page = await lists.contacts(self.directory, query, self.caller, self.max_age)
        self._known.update((node["_key"], node) for node in page["nodes"])
        return self._told(page, info)

    def properties(
        self, contact: Contact, keys: Sequence[str] | None
    ) -> Awaitable[list[ContactProperty]] | list[ContactProperty]:
        """The properties of a contact, all or those named, in the order named."""
        held = contact["_properties"]
        return self._read_properties(contact, keys) if held is None else self.chosen(held, keys)

    async def _read_properties(self, contact: Contact, keys: Sequence[str] | None) -> list[ContactProperty]:
        return self.chosen(await self._held(contact), keys)

    def chosen(self, held: list[ContactProperty], keys: Sequence[str] | None) -> list[ContactProperty]:
        """All properties, or those named, in the order named."""
        if keys is None:
            return held
        by_key = {each["key"]: each for each in held}
        return [by_key[key] for key in dict.fromkeys(keys) if key in by_key]

    async def property(self, contact: Contact, key: str) -> ContactProperty | None:
        """One property of a contact."""
        return next((each for each in await self._held(contact) if each["key"] == key), None)

    async def definition(self, held: ContactProperty) -> Property | None:
        """The definition of a contact's property."""
        found = await self.loaders.definitions.load((held["_source"], held["_module"]))
        return (found or {}).get(held["key"])

    def phone_e164(self, contact: Contact) -> str | None:
        """The main phone of a contact as E.164."""
        return e164(contact["phone"], self.directory.region) if contact["phone"] else None

    def raw(self, contact: Contact) -> Any:
        """The record of a contact, for callers with the scope."""
        if not self.caller.may(Scope.RAW):
            raise Forbidden("Your key lacks the scope `raw`.")
        return contact["_raw"]

    def funnels(self, contact: Contact) -> Awaitable[list[Funnel]] | list[Funnel]:
        """The funnels of a contact; asked for only where its record does not carry them."""
        if contact["funnels"] or "funnels" in contact["_raw"]:
            return contact["funnels"]
        if not self.directory.traits[contact["source"]].can("Contact.funnels"):
            return []
        return self._read_funnels(contact)

    async def _read_funnels(self, contact: Contact) -> list[Funnel]:
        return await self.loaders.funnels.load(contact["_key"]) or []

    # ---- groups

    async def group_by(self, by: Arguments) -> Group | None:
        """The group that a `GroupBy` names."""
        if by.get("id") is not None:
            named = ids.expect(by["id"], "Group", self.directory.account)
            return await self.loaders.group.load(GroupKey(named.source, named.parts[0]))
        source = Source(by["sourceId"]["source"])
        self.directory.check_id(source, "group", by["sourceId"]["sourceId"], self.caller)
        return await self.loaders.group.load(GroupKey(source, by["sourceId"]["sourceId"]))

    async def groups(self, arguments: Arguments, info: "Info") -> Connection:
        """A page of groups."""
        return self._told(await lists.groups(self.directory, arguments, self.caller), info)

    async def groups_of(self, contact: Contact, arguments: Arguments, info: "Info") -> Connection | None:
        """The groups that a contact is in; None where the source has no groups."""
        key = contact["_key"]
        upstream = self.directory.able(key.source, self.caller, "Contact.groups")
        if upstream is None:
            asking.page(arguments)
            return None
        page = await lists.single(
            key.source,
            lambda offset, count: upstream.groups_of(key, offset, count),
            ceiling=upstream.traits.page_ceiling,
            arguments=arguments,
            mark=("groupsOf", contact["id"]),
        )
        return self._told(page, info)

    async def members(self, group: Group, arguments: Arguments, info: "Info") -> Connection | None:
        """The members of a group; None where the source does not tell."""
        if group["_members"] is None:
            asking.page(arguments)
            return None
        wanted = selection.names(info, "nodes") | selection.names(info, "edges", "node")
        page = await lists.members(group, lambda keys: self._members(group, keys, wanted), arguments)
        return self._told(page, info)

    async def primary_contacts(self, group: Group, info: "Info") -> list[Contact] | None:
        """The members who answer for a group; None where the source does not tell."""
        if group["_primary"] is None:
            return None
        found = await self._members(group, group["_primary"], selection.names(info))
        return [contact for contact in found if contact is not None]

    # ---- chats

    async def chat_by(self, by: Arguments) -> Chat | None:
        """The chat of the contact that a `ContactBy` names."""
        return await self.loaders.chat.load(await self._contact_key(by))

    def chat(self, contact: Contact) -> Awaitable[Chat | None] | None:
        """The chat of a contact; None where the source has no chats."""
        key = contact["_key"]
        if self.directory.able(key.source, self.caller, "chat") is None:
            return None
        return self.loaders.chat.load(key)

    async def communications(self, contact: Contact, arguments: Arguments) -> Connection | None:
        """The ways to reach a contact; None where the source has none."""
        key = contact["_key"]
        upstream = self.directory.able(key.source, self.caller, "Contact.communications")
        if upstream is None:
            asking.page(arguments)
            return None
        return await lists.single(
            key.source,
            lambda offset, count: self.loaders.communications(key, offset, count),
            ceiling=upstream.traits.page_ceiling,
            arguments=arguments,
            mark=("communications", contact["id"]),
        )

    async def messages(self, chat: Chat, arguments: Arguments) -> Connection:
        """The messages of a chat, newest first."""
        key = chat["_contact"]
        upstream = self.directory.upstream(key.source, self.caller)
        return await lists.single(
            key.source,
            lambda offset, count: upstream.messages_of(key, offset, count),
            ceiling=upstream.traits.page_ceiling,
            arguments=arguments,
            mark=("messages", chat["id"]),
        )

    async def channels(self, arguments: Arguments) -> Connection:
        """A page of channels."""
        source = Source.SMART_SENDER
        upstream = self.directory.upstream(source, self.caller)
        return await lists.single(
            source,
            upstream.channels,
            ceiling=upstream.traits.page_ceiling,
            arguments=arguments,
            mark=("channels", self.directory.account),
        )

    # ---- modules and definitions

    async def modules(self) -> list[Module]:
        """All modules."""
        return list((await self._all_modules()).values())

    def module_of(self, contact: Contact) -> Awaitable[Module | None] | None:
        """The module that a contact lies in; None where its source has no modules."""
        key = contact["_key"]
        return self.module(key.module) if self.directory.traits[key.source].has_modules else None

    async def module(self, vendor_id: str | None) -> Module | None:
        """A module by its id; the empty text is the default one."""
        if vendor_id is None:
            return None
        found = await self._all_modules()
        if vendor_id:
            return found.get(vendor_id)
        defaults = {traits.default_module for traits in self.directory.traits.values()}
        return next((module for module in found.values() if module["name"] in defaults), None)

    async def definitions(self, source: Source, by: Arguments | None, arguments: Arguments) -> Connection:
        """What contacts of a source hold."""
        upstream = self.directory.upstream(source, self.caller)
        wanted = asking.module(by, self.directory.account)
        module: str | None = None
        if wanted is not None and not upstream.traits.has_modules:
            raise BadInput(f"{upstream.traits.name} has no modules: leave `module` out.")
        if wanted is not None:
            module = wanted.id or await upstream.module_id(wanted.name or "")
            if module is None:
                raise BadInput(f"{upstream.traits.name} has no module named {wanted.name!r}.")
        return await lists.single(
            source,
            lambda offset, count: upstream.properties(module, offset, count),
            ceiling=upstream.traits.page_ceiling,
            arguments=arguments,
            mark=("properties", self.directory.account, source, module),
        )

    async def definitions_of(self, module: Module, arguments: Arguments) -> Connection:
        """What contacts of a module hold."""
        return await self.definitions(module["source"], {"id": module["id"]}, arguments)

    # ---- anything by id

    async def node(self, text: str) -> Any:
        """Whatever a global id names; None where nothing is found."""
        named = ids.decode(text)
        if named.account != self.directory.account:
            raise BadInput("This is not an id of your account.")
        parts = named.parts
        match named.type:
            case "Contact":
                return await self.contact(ContactKey(named.source, parts[0], parts[1]))
            case "Group":
                return await self.loaders.group.load(GroupKey(named.source, parts[0]))
            case "Chat":
                return await self.loaders.chat.load(ContactKey(named.source, "", parts[0]))
            case "Communication":
                return await self._communication(ContactKey(named.source, "", parts[0]), text)
            case "Channel":
                return await self.loaders.channel.load((named.source, parts[0]))
            case "Module":
                return await self.module(parts[0])
            case "Property":
                held = await self.loaders.definitions.load((named.source, parts[0]))
                return next((each for each in (held or {}).values() if each["id"] == text), None)
        raise BadInput(f"A {named.type} cannot be read by itself, only with what it belongs to.")

    async def nodes(self, texts: Sequence[str]) -> list[Any]:
        """Things by global id, in the order asked. One that fails is an error at its own place."""
        if len(texts) > MOST_NODES:
            raise BadInput(f"ids holds {len(texts)} ids; at most {MOST_NODES} are allowed.")
        for text in texts:
            ids.decode(text)
        return await asyncio.gather(*(self.node(text) for text in texts), return_exceptions=True)

    # ---- sources

    def sources(self) -> list[dict[str, Any]]:
        """State and abilities of every source."""
        return [self._source(source) for source in Source]

    # ---- within

    def total(self, connection: Connection) -> Awaitable[int | None] | None:
        """The number of items of a whole list."""
        count = connection["_total"]
        return None if count is None else count()

    def edges(self, connection: Connection) -> list[dict[str, Any]]:
        """The edges of a page."""
        return walk.edges(connection)

    def _source(self, source: Source) -> dict[str, Any]:
        traits, health = self.directory.traits[source], self.directory.health.of(source.value)
        enabled = source in self.directory.upstreams
        return {
            "source": source,
            "name": traits.name,
            "enabled": enabled,
            "status": health.status if enabled else "UNKNOWN",
            "lastError": health.last_error if enabled else "It is switched off: it has no key or no address.",
            "lastOkAt": health.last_ok_at,
            "capabilities": [
                {"operation": name, "supported": ability.supported, "caveat": ability.caveat}
                for name, ability in traits.abilities.items()
            ],
        }

    async def _contact_key(self, by: Arguments) -> ContactKey:
        account = self.directory.account
        if by.get("id") is not None:
            named = ids.expect(by["id"], "Contact", account)
            return ContactKey(named.source, named.parts[0], named.parts[1])
        named_by: Arguments = by["sourceId"]
        source = Source(named_by["source"])
        self.directory.check_id(source, "contact", named_by["sourceId"], self.caller)
        module = asking.module(named_by.get("module"), account)
        if module is None:
            return ContactKey(source, "", named_by["sourceId"])
        upstream = self.directory.upstream(source, self.caller)
        if not upstream.traits.has_modules:
            raise BadInput(f"{upstream.traits.name} has no modules: leave `module` out.")
        found = module.id or await upstream.module_id(module.name or "")
        if found is None:
            raise BadInput(f"{upstream.traits.name} has no module named {module.name!r}.")
        return ContactKey(source, found, named_by["sourceId"])

    def _marked(self, contact: Contact | None) -> Contact | None:
        if contact is not None and contact.get("_stale"):
            self.warnings.append(
                {
                    "message": "The source has moved this contact; this is how it was last seen.",
                    "code": "STALE",
                    "source": contact["source"].value,
                }
            )
        return contact

    async def _held(self, contact: Contact) -> list[ContactProperty]:
        held = contact["_properties"]
        if held is None:
            full = await self.loaders.contact.load(contact["_key"])
            held = full["_properties"] if full else None
        return held or []

    async def _members(
        self, group: Group, keys: Sequence[ContactKey], wanted: frozenset[str]
    ) -> list[Contact | None]:
        """Members of a group; what the group mirrors of them answers where that is enough."""
        mirrored: Mapping[ContactKey, Contact] = {}
        if wanted <= MIRRORED:
            mirrored = self.directory.upstream(group["source"], self.caller).members_as_mirrored(group)
        return await asyncio.gather(*(self._member(key, mirrored) for key in keys))

    async def _member(self, key: ContactKey, mirrored: Mapping[ContactKey, Contact]) -> Contact | None:
        return mirrored[key] if key in mirrored else await self.contact(key)

    async def _communication(self, key: ContactKey, text: str) -> Communication | None:
        chat = await self.loaders.chat.load(key)
        held = chat["communications"] if chat is not None else []
        return next((each for each in held if each["id"] == text), None)

    async def _all_modules(self) -> dict[str, Module]:
        if self._modules is None:
            self._modules = asyncio.create_task(self._read_modules())
        return await asyncio.shield(self._modules)

    async def _read_modules(self) -> dict[str, Module]:
        found: dict[str, Module] = {}
        for answer in (await self.directory.modules(self.caller)).values():
            if isinstance(answer, GatewayError):
                raise answer
            found.update((module["sourceId"], module) for module in answer)
        return found

    def _told(self, page: Connection, info: "Info") -> Connection:
        """Note in the warnings which sources did not answer for a page."""
        for outcome in page["sources"]:
            if outcome["code"] is not None:
                warning: dict[str, Any] = {
                    "message": outcome["message"],
                    "path": info.path.as_list(),
                    "code": outcome["code"],
                    "source": outcome["source"].value,
                }
                if outcome["retryAfterSeconds"] is not None:
                    warning["retryAfterSeconds"] = outcome["retryAfterSeconds"]
                self.warnings.append(warning)
        return page


Info = GraphQLResolveInfo[Context]


def _brief(info: "Info") -> bool:
    return not (selection.names(info) & DETAILS)
