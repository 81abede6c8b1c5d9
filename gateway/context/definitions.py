"""Modules, and definitions of what contacts can hold."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.context.asked import Asked
from gateway.errors import GatewayError
from gateway.federation import asking, lists
from gateway.federation.asking import Arguments
from gateway.model import ids
from gateway.model.contact import Contact
from gateway.model.ids import GlobalId
from gateway.model.outcome import Connection
from gateway.model.property import Module, Property
from gateway.model.source import Source


@dataclass(slots=True)
class Definitions:
    """The verbs of modules and definitions."""

    asked: Asked
    _modules: "asyncio.Task[dict[str, Module]] | None" = None

    async def node(self, named: GlobalId, text: str) -> Module | Property | None:
        """A module or a definition by its global id."""
        if named.type == "Module":
            return await self.module(named.parts[0])
        return await self.definition(named.source, named.parts[0], text)

    async def modules(self) -> list[Module]:
        """All modules."""
        return list((await self._all_modules()).values())

    async def module(self, vendor_id: str) -> Module | None:
        """A module by its id; the empty text is the default one."""
        found = await self._all_modules()
        if vendor_id:
            return found.get(vendor_id)
        defaults = {traits.default_module for traits in self.asked.directory.traits.values()}
        return next((module for module in found.values() if module["name"] in defaults), None)

    def module_of(self, contact: Contact) -> Awaitable[Module | None] | None:
        """The module that a contact lies in; None where its source has no modules."""
        key = contact["_key"]
        return self.module(key.module) if self.asked.directory.traits[key.source].has_modules else None

    async def page(self, source: Source, by: Arguments | None, arguments: Arguments) -> Connection:
        """What contacts of a source hold."""
        first, after = asking.page(arguments)
        upstream = self.asked.upstream(source)
        wanted = asking.module(by, self.asked.directory.account)
        module = await self.asked.module_id(source, wanted)
        return await lists.single(
            source,
            lambda offset, count: upstream.properties(module, offset, count),
            ceiling=upstream.traits.page_ceiling,
            first=first,
            after=after,
            mark=("properties", self.asked.directory.account, source, module),
        )

    async def page_of(self, module: Module, arguments: Arguments) -> Connection:
        """What contacts of a module hold."""
        return await self.page(module["source"], {"id": module["id"]}, arguments)

    async def definition(self, source: Source, module: str, text: str) -> Property | None:
        """One definition, by its global id; None also where there is no such module."""
        if module and await self.module(module) is None:
            return None
        held = await self.asked.loaders.definitions.load((source, module))
        return next((each for each in (held or {}).values() if each["id"] == text), None)

    async def written(self, payload: Mapping[str, Any]) -> Property | None:
        """The definition of a payload."""
        if payload["property"] is None:
            return None
        named = ids.expect(payload["property"], "Property", self.asked.directory.account)
        return await self.definition(named.source, named.parts[0], payload["property"])

    async def _all_modules(self) -> dict[str, Module]:
        if self._modules is None:
            self._modules = asyncio.create_task(self._read_modules())
        return await asyncio.shield(self._modules)

    async def _read_modules(self) -> dict[str, Module]:
        found: dict[str, Module] = {}
        with self.asked.loaders.work:
            answers = await self.asked.directory.modules(self.asked.caller)
        for answer in answers.values():
            if isinstance(answer, GatewayError):
                raise answer
            found.update((module["sourceId"], module) for module in answer)
        return found
