"""Answers the gateway's questions with what Samespace offers."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from gateway.errors import BadInput, GatewayError, UpstreamBadResponse, UpstreamRejected
from gateway.model.contact import Contact, ContactKey
from gateway.model.page import Slice
from gateway.model.property import Module, Property
from gateway.model.source import Source
from gateway.ports import Ability, Found, Traits, Upstream
from gateway.upstreams import tolerant
from gateway.upstreams.samespace import mapping
from gateway.upstreams.samespace.client import CONTACTS_MODULE, Client

PAGE: Final = 50  # the only size shown; no cap is known (samespace.md, Transport)
SEED_ARGUMENTS: Final = frozenset({"module", "moduleName", "query"})
ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")

TRAITS: Final = Traits(
    name="Samespace",
    page_ceiling=PAGE,
    searches=False,
    tells_updates=False,
    has_modules=True,
    introspects=True,
    default_module=CONTACTS_MODULE,
    abilities={
        "contacts": Ability(supported=True, caveat="Pages of 50; the source states no order."),
        "contact": Ability(
            supported=True,
            caveat="Has no read by id: the index answers, and the source where it offers a filter.",
        ),
        "contacts.search": Ability(supported=True, caveat="From the index."),
        "contacts.filter": Ability(supported=True, caveat="From the index; update times are not known."),
        "contacts.orderBy": Ability(supported=True, caveat="From the index; not by UPDATED_AT."),
        "contacts.totalCount": Ability(supported=True, caveat="From a complete index only."),
        "modules": Ability(supported=True),
        "properties": Ability(supported=True),
        "groups": Ability(supported=False, caveat="Samespace has modules, not groups."),
        "Contact.groups": Ability(supported=False, caveat="Samespace has modules, not groups."),
        "Contact.tags": Ability(supported=False),
        "Contact.funnels": Ability(supported=False),
        "channels": Ability(supported=False),
        "chat": Ability(supported=False),
        "Contact.communications": Ability(supported=False),
        "Chat.messages": Ability(supported=False),
    },
)


class Samespace(Upstream):
    """Samespace for one account."""

    source = Source.SAMESPACE
    traits = TRAITS

    def __init__(self, client: Client, account: str, now: Callable[[], str]) -> None:
        self.account = account
        self.client = client
        self.reads_by_id = False
        self._now = now
        self._misfit: UpstreamBadResponse | None = None
        self._module_ids: dict[str, str] = {}  # by name, as last listed

    async def prepare(self) -> None:
        """Introspect once. A closed introspection is no obstacle: the published form is assumed then."""
        try:
            offer = await self.client.introspect()
        except (UpstreamRejected, UpstreamBadResponse):
            return
        self._misfit = None
        if offer["arguments"] and not SEED_ARGUMENTS.issubset(offer["arguments"]):
            self._misfit = UpstreamBadResponse(
                self.source,
                "This Samespace endpoint speaks another generation of the API: getContacts takes "
                f"({', '.join(offer['arguments'])}) instead of (module, moduleName, query).",
            )
            raise self._misfit
        self.reads_by_id = "filter" in offer["members"]

    def check_id(self, kind: str, vendor_id: str) -> None:
        """Raise BadInput when the text cannot be an id of Samespace."""
        if not ID.fullmatch(vendor_id):
            raise BadInput(f"This cannot be the id of a {kind} of Samespace.")

    async def contacts(
        self, offset: int, count: int, *, module: str | None = None, search: str | None = None
    ) -> Slice[Contact]:
        """Contacts of a module. A page is over when it is short, so one more is asked for where that fits."""
        if search is not None:
            self._cannot("contacts.search")
        self._fits()
        reads = []
        for start in range(offset, offset + count, PAGE):
            wanted = min(PAGE, offset + count - start)
            reads.append(self.client.get_contacts(module, start, min(wanted + 1, PAGE)))
        records, short = _joined(await asyncio.gather(*reads), count)
        as_of = self._now()
        more = len(records) > count or not short
        return Slice([self.contact_of(record, as_of, module or "") for record in records[:count]], more)

    async def contacts_by_id(self, keys: Sequence[ContactKey], *, brief: bool) -> Found[ContactKey, Contact]:
        """Contacts by id, for an endpoint that offers the filter; one call for each module."""
        del brief  # Samespace has one form of a contact
        if not self.reads_by_id:
            self._cannot("contact")
        modules: dict[str, list[ContactKey]] = {}
        for key in keys:
            modules.setdefault(key.module, []).append(key)
        found: Found[ContactKey, Contact] = {}
        for batch in await asyncio.gather(*(self._filtered(*item) for item in modules.items())):
            found.update(batch)
        return found

    async def _filtered(self, module: str, keys: Sequence[ContactKey]) -> Found[ContactKey, Contact]:
        wanted = {key.id: key for key in keys}
        named = sorted(wanted)
        try:
            pages = await asyncio.gather(
                *(
                    self.client.get_contacts(module or None, 0, PAGE, ids=named[start : start + PAGE])
                    for start in range(0, len(named), PAGE)
                )
            )
        except GatewayError as error:
            return dict.fromkeys(keys, error)
        records = [record for page in pages for record in tolerant.items(page)]
        as_of = self._now()
        return {
            wanted[record["_id"]]: self.contact_of(record, as_of, module)
            for record in records
            if record.get("_id") in wanted
        }

    def contact_of(self, record: Any, as_of: str, module: str) -> Contact:
        """The contact that a stored record means."""
        return mapping.contact(record, account=self.account, as_of=as_of, module=module)

    async def modules(self) -> list[Module]:
        """All modules."""
        self._fits()
        found = [mapping.module(record, account=self.account) for record in await self.client.get_modules()]
        self._module_ids = {str(module["name"]): module["sourceId"] for module in found}
        return found

    async def module_id(self, name: str) -> str | None:
        """The id of a module, by its name; modules are listed anew only where it is not known yet."""
        if name not in self._module_ids:
            await self.modules()
        return self._module_ids.get(name)

    async def properties(self, module: str | None, offset: int, count: int) -> Slice[Property]:
        """Definitions of a module, in display order."""
        self._fits()
        if module is None:
            module = await self.module_id(CONTACTS_MODULE)
        reads = []
        for start in range(offset, offset + count, PAGE):
            wanted = min(PAGE, offset + count - start)
            reads.append(self.client.get_properties(module, start, min(wanted + 1, PAGE)))
        found, short = _joined(await asyncio.gather(*reads), count)
        more = len(found) > count or not short
        items = [
            mapping.definition(record, account=self.account, module=module or "") for record in found[:count]
        ]
        return Slice(items, more)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    def _fits(self) -> None:
        if self._misfit is not None:
            raise self._misfit


def _joined(pages: Sequence[Sequence[Any]], count: int) -> tuple[list[Any], bool]:
    """Pages read at once as one list, and whether the last of them was short, which ends the list."""
    joined: list[Any] = []
    for place, page in enumerate(pages):
        wanted = min(PAGE, count - place * PAGE)
        asked = min(wanted + 1, PAGE)
        last = place == len(pages) - 1
        joined.extend(page if last else page[:PAGE])
        if len(page) < asked:
            return joined, True
    return joined, False
