"""What the verbs of one request share: who asks, how fresh answers have to be, what is known already."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from graphql import GraphQLResolveInfo

from gateway.context.cost import CostMeter
from gateway.context.loaders import Loaders
from gateway.errors import BadInput, GatewayError
from gateway.federation import asking
from gateway.federation.asking import Arguments, ModuleRef
from gateway.federation.directory import Directory
from gateway.model import ids
from gateway.model.caller import Caller
from gateway.model.contact import Contact, ContactKey
from gateway.model.group import Group, GroupKey
from gateway.model.outcome import Connection
from gateway.model.source import Source
from gateway.ports import Upstream

T = TypeVar("T")


@dataclass(slots=True)
class Asked:
    """One request. `warnings` is told beside the data; `known_groups` are groups that a write has brought.
    `renewed` hear that something was written.
    """

    directory: Directory
    caller: Caller
    meter: CostMeter
    max_age: float | None = None
    request_id: str = ""
    warnings: list[dict[str, Any]] = field(default_factory=list)
    known_groups: dict[GroupKey, Group] = field(default_factory=dict)
    renewed: list[Callable[[], None]] = field(default_factory=list)
    _known: dict[ContactKey, Contact] = field(default_factory=dict)
    _met: list[Sequence[Contact]] = field(default_factory=list)
    _loaders: Loaders | None = None

    @property
    def known(self) -> dict[ContactKey, Contact]:
        """Contacts that a list or a write has brought, by their keys."""
        while self._met:
            self._known.update((each["_key"], each) for each in self._met.pop(0))
        return self._known

    def meet(self, contacts: Sequence[Contact]) -> None:
        """A list has brought contacts. They are looked at when one of them is asked for by its key."""
        self._met.append(contacts)

    @property
    def loaders(self) -> Loaders:
        """The loaders of this request, made when first needed."""
        if self._loaders is None:
            self._loaders = Loaders(self.directory, self.caller, self.max_age, self._mark)
        return self._loaders

    def abandon(self) -> None:
        """Nobody waits for this request any more: what is under way for it ends."""
        if self._loaders is not None:
            self._loaders.work.abandon()

    def close(self) -> None:
        """Let go of what was read. It refers to itself, so it would stay until somebody looks for such."""
        if self._loaders is not None:
            self._loaders.close()
            self._loaders = None
        self.renewed.clear()

    def renew(self) -> None:
        """Something was written: whatever this request has read before is not relied on any more."""
        self._loaders = None
        self._met.clear()
        self._known.clear()
        self.known_groups.clear()
        for each in self.renewed:
            each()

    def upstream(self, source: Source) -> Upstream:
        """A source that the caller may read. Raises Forbidden or CapabilityUnsupported."""
        return self.directory.upstream(source, self.caller)

    def able(self, source: Source, ability: str) -> Upstream | None:
        """A source that the caller may read, where it has an ability."""
        return self.directory.able(source, self.caller, ability)

    async def contact(self, key: ContactKey, *, brief: bool = False) -> Contact | None:
        """A contact by its key. `brief`: properties and raw record are not needed."""
        found = self.known.get(key)
        return found if found is not None else await self.loading(key, brief=brief)

    def loading(self, key: ContactKey, *, brief: bool = False) -> Awaitable[Contact | None]:
        """The promise of a contact that is not known yet."""
        brief = brief and self.directory.traits[key.source].has_brief  # else it is one call for both
        loaders = self.loaders
        if brief and not loaders.contact.asked(key):
            return loaders.brief_contact.load(key)
        return loaders.contact.load(key)

    def key_of(self, text: str) -> ContactKey:
        """The key of a contact's global id."""
        named = ids.expect(text, "Contact", self.directory.account)
        return ContactKey(named.source, named.parts[0], named.parts[1])

    async def contact_key(self, by: Arguments) -> ContactKey:
        """The key that a `ContactBy` names."""
        account = self.directory.account
        if by.get("id") is not None:
            return self.key_of(by["id"])
        source, vendor_id = self.named(by["sourceId"], "contact")
        module = asking.module(by["sourceId"].get("module"), account)
        return ContactKey(source, await self.module_id(source, module) or "", vendor_id)

    def named(self, by: Arguments, kind: str) -> tuple[Source, str]:
        """The source and vendor id of a `SourceIdInput`, checked for their form."""
        source, vendor_id = Source(by["source"]), str(by["sourceId"])
        self.upstream(source).check_id(kind, vendor_id)
        return source, vendor_id

    async def module_id(self, source: Source, module: ModuleRef | None) -> str | None:
        """The vendor id of a module; None where none is named."""
        if module is None:
            return None
        upstream = self.upstream(source)
        if not upstream.traits.has_modules:
            raise BadInput(f"{upstream.traits.name} has no modules: leave `module` out.")
        return await self.directory.module_id(upstream, module)

    def told(self, page: Connection, info: GraphQLResolveInfo[Any]) -> Connection:
        """Note in the warnings which sources did not answer for a page."""
        for outcome in page["sources"]:
            if outcome["code"] is not None and outcome["status"] != "STALE":  # the meter tells those
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

    async def or_empty(self, found: Awaitable[Sequence[T]], info: GraphQLResolveInfo[Any]) -> Sequence[T]:
        """A list that cannot be null. Where its source fails it is empty, and the warnings say so: a failure
        would take everything around it along, other sources' data too.
        """
        try:
            return await found
        except GatewayError as error:
            told = {"code", "source", "retryAfterSeconds"}
            known = {key: value for key, value in error.extensions.items() if key in told}
            self.warnings.append({"message": error.message, "path": info.path.as_list(), **known})
            return []

    def _mark(self, contact: Contact) -> None:
        """Tell of a contact that was read as it was last seen."""
        self.warnings.append(
            {
                "message": "The source has moved this contact; this is how it was last seen.",
                "code": "STALE",
                "source": contact["source"].value,
            }
        )


def chosen(held: Sequence[Any], keys: Sequence[str] | None) -> Sequence[Any]:
    """All properties, or those named, in the order named."""
    if keys is None:
        return held
    by_key: Mapping[str, Any] = {each["key"]: each for each in held}
    return [by_key[key] for key in dict.fromkeys(keys) if key in by_key]
