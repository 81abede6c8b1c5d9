"""A source as a caller sees it who is limited to some of its modules; every way to them leads past here."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from gateway.errors import Forbidden, UpstreamBadResponse, UpstreamError
from gateway.model.caller import Caller
from gateway.model.contact import Contact, ContactKey
from gateway.model.page import Slice
from gateway.model.property import Module, Property
from gateway.model.writing import ContactValues, Place
from gateway.ports import Definitions, Found, Imported, Sheet, Upstream, Written


def covered(upstream: Upstream, caller: Caller) -> Upstream:
    """A source, limited to the modules that a caller may see."""
    if caller.modules is None or not upstream.traits.has_modules:
        return upstream
    return cast("Upstream", Covered(upstream, caller.modules))


async def check(upstream: Upstream, module: str | None) -> None:
    """Raise Forbidden where a module lies outside."""
    if isinstance(upstream, Covered):
        await upstream.check(module)


async def covers(upstream: Upstream, module: str | None, caller: Caller) -> bool:
    """Whether a module lies within what a caller may see; no where that cannot be told now."""
    held = covered(upstream, caller)
    try:
        return not isinstance(held, Covered) or await held.covers(module)
    except UpstreamError:
        return False


def tells(upstream: Upstream, key: ContactKey) -> bool:
    """Whether a key alone tells that its contact lies within; without a module it has to be looked up."""
    return not isinstance(upstream, Covered) or bool(key.module)


async def only(upstream: Upstream, found: Found[ContactKey, Contact]) -> Found[ContactKey, Contact]:
    """What was found, with Forbidden in the place of what lies outside."""
    return await upstream.only(found) if isinstance(upstream, Covered) else found


class Covered:
    """Everything of a source but what lies in other modules. `modules` are names or vendor ids."""

    def __init__(self, upstream: Upstream, modules: frozenset[str]) -> None:
        self._upstream = upstream
        self._modules = modules

    def __getattr__(self, name: str) -> Any:
        return getattr(self._upstream, name)

    async def check(self, module: str | None) -> None:
        """Raise Forbidden for any module outside; None is the default one."""
        if not await self.covers(module):
            raise self._forbidden()

    async def covers(self, module: str | None) -> bool:
        """Whether a module lies within."""
        return await self._named(module) in await self._within()

    async def only(self, found: Found[ContactKey, Contact]) -> Found[ContactKey, Contact]:
        """What was found, with Forbidden in the place of what lies outside."""
        within = await self._within()
        return {
            key: each if not isinstance(each, dict) or each["_key"].module in within else self._forbidden()
            for key, each in found.items()
        }

    async def _named(self, module: str | None) -> str | None:
        """The id of a module; None and the empty text mean the default one."""
        return module or await self._upstream.module_id(self._upstream.traits.default_module or "")

    async def _within(self) -> set[str]:
        """The ids of the modules within."""
        return {each["sourceId"] for each in await self.modules()}

    async def modules(self) -> list[Module]:
        """The modules within."""
        found = await self._upstream.modules()
        return [each for each in found if self._modules & {each["sourceId"], each["name"]}]

    async def module_id(self, name: str) -> str | None:
        """The id of a module within, by its name."""
        found = await self._upstream.module_id(name)
        if found is not None:
            await self.check(found)
        return found

    async def contacts(
        self, offset: int, count: int, *, module: str | None = None, search: str | None = None
    ) -> Slice[Contact]:
        """Contacts of a module within."""
        within = await self._within()
        if await self._named(module) not in within:
            raise self._forbidden()
        found = await self._upstream.contacts(offset, count, module=module, search=search)
        if not within.issuperset(each["_key"].module for each in found.items if each["_key"].module):
            other = f"{self._upstream.traits.name} sent contacts of another module than asked for."
            raise UpstreamBadResponse(self._upstream.source, other)
        return found

    async def contacts_by_id(self, keys: Sequence[ContactKey], *, brief: bool) -> Found[ContactKey, Contact]:
        """Contacts by id."""
        return await self.only(await self._upstream.contacts_by_id(keys, brief=brief))

    async def properties(self, module: str | None, offset: int, count: int) -> Slice[Property]:
        """Definitions of a module within."""
        await self.check(module)
        return await self._upstream.properties(module, offset, count)

    async def create_contact(
        self, place: Place, values: ContactValues, definitions: Definitions
    ) -> tuple[ContactKey | None, Written]:
        """Create a contact in a module within."""
        await self.check(place.module)
        return await self._upstream.create_contact(place, values, definitions)

    async def update_contacts(
        self, keys: Sequence[ContactKey], values: ContactValues, definitions: Definitions
    ) -> Written:
        """Write to contacts of a module within."""
        await self._check_all(keys)
        return await self._upstream.update_contacts(keys, values, definitions)

    async def delete_contacts(self, keys: Sequence[ContactKey]) -> None:
        """Delete contacts of a module within."""
        await self._check_all(keys)
        await self._upstream.delete_contacts(keys)

    async def merge_contacts(self, into: ContactKey, gone: ContactKey) -> None:
        """Unite two contacts of modules within."""
        await self._check_all((into, gone))
        await self._upstream.merge_contacts(into, gone)

    async def create_property(self, module: str | None, values: Mapping[str, Any]) -> Property:
        """Define a property of a module within."""
        await self.check(module)
        return await self._upstream.create_property(module, values)

    async def update_property(self, module: str, property_id: str, values: Mapping[str, Any]) -> Property:
        """Change a definition of a module within."""
        await self.check(module)
        return await self._upstream.update_property(module, property_id, values)

    async def import_sheet(self, module: str | None, sheet: Sheet, *, overwrite: bool) -> Imported:
        """Import a file into a module within."""
        await self.check(module)
        return await self._upstream.import_sheet(module, sheet, overwrite=overwrite)

    async def _check_all(self, keys: Sequence[ContactKey]) -> None:
        for module in {key.module for key in keys}:
            await self.check(module)

    def _forbidden(self) -> Forbidden:
        name = self._upstream.traits.name
        return Forbidden(
            f"Your key does not cover this module of {name}.", source=self._upstream.source.value
        )
