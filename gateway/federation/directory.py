"""The verbs that resolvers use, for one account: look-ups by key here, lists in `lists.py`."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from gateway.errors import BadInput, CapabilityUnsupported, Forbidden, GatewayError
from gateway.federation import coverage
from gateway.federation.asking import ModuleRef
from gateway.federation.census import Census
from gateway.federation.fanout import ask
from gateway.federation.health import HealthBoard
from gateway.identity.rules import EVERY, Rules
from gateway.index.heirs import Sight
from gateway.index.reader import Index
from gateway.journal.spoken import Sayings
from gateway.model.caller import Caller
from gateway.model.chat import Channel, Chat, Communication
from gateway.model.contact import Contact, ContactKey, Funnel
from gateway.model.group import Group, GroupKey
from gateway.model.page import Slice
from gateway.model.property import Module, Property
from gateway.model.source import SOURCES, Source
from gateway.ports import Found, Traits, Upstream

MOST_DEFINITIONS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """All sources of one account as one. Methods that look up return what `ports.Found` says.

    `upstreams` holds the sources that have a key; `traits` all of them.
    """

    account: str
    rules: Rules
    upstreams: Mapping[Source, Upstream]
    traits: Mapping[Source, Traits]
    index: Index
    health: HealthBoard
    sayings: Sayings
    census: Census

    @property
    def region(self) -> str:
        """The country in which phones without a code are read, where nothing else names one."""
        return self.rules.region

    def upstream(self, source: Source, caller: Caller) -> Upstream:
        """A source, for a caller who may read it. Raises Forbidden or CapabilityUnsupported."""
        if not caller.may_read(source):
            raise Forbidden(f"Your key does not cover {self.traits[source].name}.", source=source.value)
        found = self.upstreams.get(source)
        if found is None:
            raise CapabilityUnsupported(
                source.value, f"{self.traits[source].name} is switched off: it has no key or no address."
            )
        return coverage.covered(found, caller)

    def able(self, source: Source, caller: Caller, ability: str) -> Upstream | None:
        """A source, where it has an ability; None where it has not."""
        upstream = self.upstream(source, caller)
        return upstream if upstream.traits.can(ability) else None

    def asked(
        self, named: Sequence[Source] | None, caller: Caller
    ) -> tuple[dict[Source, Upstream], dict[Source, GatewayError]]:
        """The sources that a list is asked of, and those that are refused, with the reason.

        Where none is named all are meant, and one that is switched off is as if it were not there.
        """
        able: dict[Source, Upstream] = {}
        refused: dict[Source, GatewayError] = {}
        for source in named or SOURCES:
            if source not in self.upstreams and named is None and caller.may_read(source):
                continue
            try:
                able[source] = self.upstream(source, caller)
            except (CapabilityUnsupported, Forbidden) as error:
                refused[source] = error
        return able, refused

    async def covers(self, source: Source, module: str | None, caller: Caller) -> bool:
        """Whether a caller may see what lies in a module of a source; None where it is not known in which."""
        if not caller.may_read(source):
            return False
        upstream = self.upstreams.get(source)
        if upstream is None or caller.modules is None or not upstream.traits.has_modules:
            return True
        return bool(module) and await coverage.covers(upstream, module, caller)

    async def sight(self, caller: Caller) -> tuple[Sight, dict[Source, GatewayError]]:
        """Where the people are that a caller may see: modules by source; and sources that cannot tell now."""
        able, _ = self.asked(None, caller)
        found: dict[str, frozenset[str] | None] = {}
        failed: dict[Source, GatewayError] = {}
        for source, upstream in able.items():
            try:
                modules = await self._modules_of_people(upstream, caller)
            except GatewayError as error:
                failed[source] = error
                continue
            if modules is None or modules:
                found[source.value] = modules
        return found, failed

    async def _modules_of_people(self, upstream: Upstream, caller: Caller) -> frozenset[str] | None:
        """The ids of modules whose records are people, as far as a caller may see them; None for all."""
        if not upstream.traits.has_modules:
            return None
        names = self.rules.modules or (upstream.traits.default_module or "",)
        wanted = None if EVERY in names else await self._named(upstream.source, names)
        if caller.modules is None:
            return wanted
        within = await self._within(upstream, caller.modules)
        return within if wanted is None else wanted & within

    async def _named(self, source: Source, names: Sequence[str]) -> frozenset[str]:
        """The ids of modules, as the index has met them; the source is asked for others."""
        met = self.index.named(source)
        found = {id_ for id_, name in met.items() if name in names}
        for name in set(names) - set(met.values()):
            try:
                other = await self.upstreams[source].module_id(name)
            except GatewayError:
                if not met:
                    raise
            else:
                found |= {other} if other is not None else set()
        return frozenset(found)

    async def _within(self, upstream: Upstream, covered: frozenset[str]) -> frozenset[str]:
        """The ids of modules that a caller covers; of a source that is down, as the index has met them."""
        try:
            return frozenset(each["sourceId"] for each in await upstream.modules())
        except GatewayError:
            met = self.index.named(upstream.source)
            if not met:
                raise
            return frozenset(id_ for id_, name in met.items() if covered & {id_, name})

    async def contacts(
        self, keys: Sequence[ContactKey], caller: Caller, *, brief: bool, max_age: float | None
    ) -> Found[ContactKey, Contact]:
        """Contacts by key, from every source at once."""
        of_one = partial(self._contacts_of, caller=caller, brief=brief, max_age=max_age)
        return await self._by_source(keys, of_one)

    async def _contacts_of(
        self,
        source: Source,
        keys: Sequence[ContactKey],
        *,
        caller: Caller,
        brief: bool,
        max_age: float | None,
    ) -> Found[ContactKey, Contact]:
        upstream = self.upstream(source, caller)
        for key in keys:
            upstream.check_id("contact", key.id)
        if not upstream.reads_by_id:
            return await coverage.only(upstream, await self.index.contacts(keys, max_age))
        found = await upstream.contacts_by_id(keys, brief=brief)
        if upstream.traits.has_modules:
            homeless = [key for key in keys if key not in found and not key.module]
            if homeless:  # not in the default module: the index knows in which
                found.update(await coverage.only(upstream, await self.index.contacts(homeless, max_age)))
        return found

    async def groups(self, keys: Sequence[GroupKey], caller: Caller) -> Found[GroupKey, Group]:
        """Groups by key."""

        async def of_one(source: Source, some: "Sequence[GroupKey]") -> "Found[GroupKey, Group]":
            upstream = self.able(source, caller, "group")
            if upstream is None:
                return {}
            for key in some:
                upstream.check_id("group", key.id)
            found = await upstream.groups_by_id([key.id for key in some])
            return {GroupKey(source, vendor_id): group for vendor_id, group in found.items()}

        return await self._by_source(keys, of_one)

    async def chats(self, keys: Sequence[ContactKey], caller: Caller) -> Found[ContactKey, Chat]:
        """The chat of each contact."""

        async def of_one(source: Source, some: "Sequence[ContactKey]") -> "Found[ContactKey, Chat]":
            upstream = self.able(source, caller, "chat")
            if upstream is None:
                return {}
            for key in some:
                upstream.check_id("contact", key.id)
            return await upstream.chats_of(some)

        return await self._by_source(keys, of_one)

    async def funnels(self, keys: Sequence[ContactKey], caller: Caller) -> Found[ContactKey, list[Funnel]]:
        """The funnels of contacts whose records do not carry them."""

        async def of_one(source: Source, some: "Sequence[ContactKey]") -> "Found[ContactKey, list[Funnel]]":
            upstream = self.able(source, caller, "Contact.funnels")
            return {} if upstream is None else await upstream.funnels_of(some)

        return await self._by_source(keys, of_one)

    async def channels(
        self, keys: Sequence[tuple[Source, str]], caller: Caller
    ) -> Found[tuple[Source, str], Channel]:
        """Channels by source and vendor id."""
        found: Found[tuple[Source, str], Channel] = {}
        for source in {source for source, _ in keys}:
            upstream = self.able(source, caller, "channels")
            if upstream is not None:
                wanted = [vendor_id for of, vendor_id in keys if of is source]
                for vendor_id in wanted:
                    upstream.check_id("channel", vendor_id)
                answers = await upstream.channels_by_id(wanted)
                found.update({(source, vendor_id): channel for vendor_id, channel in answers.items()})
        return found

    async def communications(
        self, key: ContactKey, caller: Caller, offset: int, count: int
    ) -> Slice[Communication]:
        """The ways to reach a contact."""
        upstream = self.able(key.source, caller, "Contact.communications")
        if upstream is None:
            return Slice([], more=False, total=0)
        return await upstream.communications_of(key, offset, count)

    async def modules(self, caller: Caller) -> dict[Source, list[Module] | GatewayError]:
        """The modules of every source that has some."""
        able = [source for source, traits in self.traits.items() if traits.has_modules]
        return await ask({source: self._modules_of(source, caller) for source in able})

    async def _modules_of(self, source: Source, caller: Caller) -> list[Module]:
        return await self.upstream(source, caller).modules()

    async def module_id(self, upstream: Upstream, module: ModuleRef) -> str:
        """The vendor id of a module; BadInput where there is no such module. The index knows most of them."""
        if module.id is None:
            found = await upstream.module_id(module.name or "")
            if found is None:
                raise BadInput(f"{upstream.traits.name} has no module named {module.name!r}.")
            return found
        await coverage.check(upstream, module.id)
        known = module.id in self.index.modules(upstream.source)
        if not known and all(module.id != each["sourceId"] for each in await upstream.modules()):
            raise BadInput(f"{upstream.traits.name} has no such module.")
        return module.id

    async def definitions(self, source: Source, module: str, caller: Caller) -> dict[str, Property]:
        """The definitions of one module by property key."""
        upstream = self.able(source, caller, "properties")
        if upstream is None:
            return {}
        found: list[Property] = []
        more = True
        while more and len(found) < MOST_DEFINITIONS:
            page = await upstream.properties(module or None, len(found), upstream.traits.page_ceiling)
            found.extend(page.items)
            more = page.more and bool(page.items)
        return {each["key"]: each for each in found}

    async def _by_source(self, keys: Sequence[Any], of_one: Callable[..., Any]) -> Found[Any, Any]:
        """Ask every source for its keys at once; a source that fails fails for its own keys."""
        by_source: dict[Source, list[Any]] = {}
        for key in keys:
            by_source.setdefault(key.source, []).append(key)
        found: Found[Any, Any] = {}
        answers = await ask({source: of_one(source, some) for source, some in by_source.items()})
        for source, answer in answers.items():
            some = by_source[source]
            found.update(dict.fromkeys(some, answer) if isinstance(answer, GatewayError) else answer)
        return found

    async def aclose(self) -> None:
        """Close the connections to the sources."""
        await asyncio.gather(*(upstream.aclose() for upstream in self.upstreams.values()))
