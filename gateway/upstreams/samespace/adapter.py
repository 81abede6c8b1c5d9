"""Answers the gateway's questions with what Samespace offers."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from gateway.cache.making import Maker
from gateway.cache.reads import Keep, kept, kept_each
from gateway.errors import BadInput, GatewayError, UpstreamBadResponse, UpstreamRejected
from gateway.model.contact import Contact, ContactKey
from gateway.model.page import Slice
from gateway.model.property import Module, Property
from gateway.model.source import Source
from gateway.model.writing import ContactValues, Place, UserError, UserErrorCode, user_error
from gateway.ports import (
    Ability,
    Definitions,
    Found,
    Imported,
    Sheet,
    Traits,
    Twins,
    Upstream,
    Verdict,
    Written,
)
from gateway.upstreams import checks, tolerant
from gateway.upstreams.samespace import importing, mapping
from gateway.upstreams.samespace.client import CONTACTS_MODULE, Client
from gateway.upstreams.samespace.records import Report
from gateway.upstreams.several import all_of
from gateway.upstreams.spreadsheet import csv_bytes

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
    writes_many=True,
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
        "createContact": Ability(supported=True, caveat="Duplicates are not looked for."),
        "updateContact": Ability(
            supported=True, caveat="Many of one module in one call; read back at their place."
        ),
        "deleteContacts": Ability(supported=True, caveat="Many of one module in one call."),
        "importContacts": Ability(
            supported=True, caveat="CSV, XLS and XLSX; what merges is assumed (SAMESPACE_IMPORT_MERGE_KEYS)."
        ),
        "createProperty": Ability(supported=True, caveat="The source makes the key; none can be deleted."),
        "updateProperty": Ability(supported=True, caveat="Key and type are fixed."),
        "mergeContacts": Ability(supported=False, caveat="Samespace merges while it imports only."),
        "createGroup": Ability(supported=False, caveat="Samespace has modules, not groups."),
        "updateGroup": Ability(supported=False, caveat="Samespace has modules, not groups."),
        "deleteGroup": Ability(supported=False, caveat="Samespace has modules, not groups."),
        "updateContactTags": Ability(supported=False),
        "updateContactFunnels": Ability(supported=False),
        "sendMessage": Ability(supported=False),
        "triggerEvent": Ability(supported=False),
    },
)


class Samespace(Upstream):
    """Samespace for one account."""

    source = Source.SAMESPACE
    traits = TRAITS

    def __init__(
        self, client: Client, account: str, now: Callable[[], str], *, merge_keys: tuple[str, ...] = ()
    ) -> None:
        self.account = account
        self.client = client
        self.purse = client.purse
        self.conditions = client.conditions
        self.reads = client.reads
        self.reads_by_id = False
        self._merge_keys = merge_keys
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

    @kept(Keep.LIST)
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
        records, short = _joined(await all_of(reads), count)
        as_of = self._now()
        more = len(records) > count or not short
        return Slice(self._contacts(records[:count], as_of, module or ""), more)

    @kept_each(Keep.CONTACT)
    async def contacts_by_id(self, keys: Sequence[ContactKey], *, brief: bool) -> Found[ContactKey, Contact]:
        """Contacts by id, for an endpoint that offers the filter; one call for each module."""
        del brief  # Samespace has one form of a contact
        if not self.reads_by_id:
            self._cannot("contact")
        modules: dict[str, list[ContactKey]] = {}
        for key in keys:
            modules.setdefault(key.module, []).append(key)
        found: Found[ContactKey, Contact] = {}
        for batch in await all_of(self._filtered(*item) for item in modules.items()):
            found.update(batch)
        return found

    async def _filtered(self, module: str, keys: Sequence[ContactKey]) -> Found[ContactKey, Contact]:
        wanted = {key.id: key for key in keys}
        named = sorted(wanted)
        try:
            pages = await all_of(
                self.client.get_contacts(module or None, 0, PAGE, ids=named[start : start + PAGE])
                for start in range(0, len(named), PAGE)
            )
        except GatewayError as error:
            return dict.fromkeys(keys, error)
        held = [record for page in pages for record in tolerant.items(page)]
        records = [record for record in held if tolerant.text(record.get("_id")) in wanted]
        found: Found[ContactKey, Contact] = {}
        for contact in self._contacts(records, self._now(), module):
            if module and contact["_key"].module != module:
                other = "Samespace sent a contact of another module than asked for."
                found[wanted[contact["sourceId"]]] = UpstreamBadResponse(self.source, other)
            else:
                found[wanted[contact["sourceId"]]] = contact
        return found

    def contact_of(self, record: Any, as_of: str, module: str) -> Contact:
        """The contact that a stored record means."""
        return self._contacts([record], as_of, module)[0]

    def _contacts(self, records: Sequence[Any], as_of: str, module: str) -> Sequence[Contact]:
        def mapped(record: Any, raw: Any) -> Contact:
            return mapping.contact(record, account=self.account, as_of="", module=module, raw=raw)

        return Maker((self.account, module), mapped, "asOf", as_of).of(records)

    @kept(Keep.DEFINITION)
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

    @kept(Keep.DEFINITION)
    async def properties(self, module: str | None, offset: int, count: int) -> Slice[Property]:
        """Definitions of a module, in display order."""
        self._fits()
        if module is None:
            module = await self.module_id(CONTACTS_MODULE)
        reads = []
        for start in range(offset, offset + count, PAGE):
            wanted = min(PAGE, offset + count - start)
            reads.append(self.client.get_properties(module, start, min(wanted + 1, PAGE)))
        found, short = _joined(await all_of(reads), count)
        more = len(found) > count or not short
        items = [
            mapping.definition(record, account=self.account, module=module or "") for record in found[:count]
        ]
        return Slice(items, more)

    def needs_definitions(self, values: ContactValues) -> bool:
        """Always: they say which fields a module has."""
        del values
        return True

    def wrong(self, values: ContactValues, definitions: Definitions, *, create: bool) -> list[UserError]:
        """Unknown properties, values of the wrong type, required ones missing, fields given twice."""
        source = self.source
        found = checks.wrong_properties(values, definitions, values.region, source)
        placed = mapping.placed(values, definitions.keys())
        for key, definition in definitions.items():
            held = placed.get(key)
            missing = (create and held is None) or (held is not None and held.value in (None, ""))
            if definition["required"] and missing:
                field = mapping.FIELDS.get(key)
                path = (field,) if field else ("properties",)
                text = f"Samespace requires {definition['label'] or key!r}."
                found.append(user_error(UserErrorCode.REQUIRED, text, *path, source=source))
        for key in values.properties:
            if mapping.FIELDS.get(key) in values.named():
                text = f"{mapping.FIELDS[key]} and the property {key!r} are the same: give one of them."
                place = values.indexes.get(key, 0)
                found.append(
                    user_error(UserErrorCode.CONFLICT, text, "properties", place, "key", source=source)
                )
        return found

    def places(self, values: ContactValues, definitions: Definitions) -> frozenset[str]:
        """The fields that the module of the definitions has."""
        return mapping.covered(mapping.placed(values, definitions.keys()), values)

    def compare(
        self, contact: Contact, values: ContactValues, definitions: Definitions
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Which fields hold what was asked."""
        return checks.compared(contact, values, self.places(values, definitions))

    async def create_contact(
        self, place: Place, values: ContactValues, definitions: Definitions
    ) -> tuple[ContactKey | None, Written]:
        """Create a contact in a module; the answer carries it."""
        self._fits()
        placed = mapping.placed(values, definitions.keys())
        pairs = mapping.pairs({key: each.value for key, each in placed.items() if each.value is not None})
        record = await self.client.create_contact(place.module, pairs)
        contact = self.contact_of(record, self._now(), place.module or "")
        if "properties" not in record:
            return contact["_key"], Written()
        applied, ignored = self.compare(contact, values, definitions)
        return contact["_key"], Written(contact=contact, applied=applied, ignored=ignored)

    async def update_contacts(
        self, keys: Sequence[ContactKey], values: ContactValues, definitions: Definitions
    ) -> Written:
        """Write the same to contacts of one module, in one call; they are not read back here."""
        self._fits()
        placed = mapping.placed(values, definitions.keys())
        pairs = mapping.pairs({key: each.value for key, each in placed.items()})
        module = keys[0].module or None
        self._done(await self.client.update_contacts(module, [key.id for key in keys], pairs))
        return Written()

    async def delete_contacts(self, keys: Sequence[ContactKey]) -> None:
        """Delete contacts of one module, in one call."""
        self._fits()
        self._done(await self.client.delete_contacts(keys[0].module or None, [key.id for key in keys]))

    async def create_property(self, module: str | None, values: Mapping[str, Any]) -> Property:
        """Define a property of a module."""
        self._fits()
        payload = {**values, "type": mapping.WORDS[values["type"]]}
        record = await self.client.create_property(module, payload)
        if module is None:
            module = await self.module_id(CONTACTS_MODULE)
        return mapping.definition(record, account=self.account, module=module or "")

    async def update_property(self, module: str, property_id: str, values: Mapping[str, Any]) -> Property:
        """Change a definition."""
        self._fits()
        record = await self.client.update_property(module or None, property_id, values)
        return mapping.definition(record, account=self.account, module=module)

    def import_fields(self, definitions: Definitions) -> Mapping[str, str]:
        """The keys of the module with their labels."""
        return importing.fields(definitions)

    def takes_field(self, field: str, definitions: Definitions) -> bool:
        """A unified field that the module has, or the key of one of its properties."""
        return importing.takes(field, definitions)

    def sheet(
        self,
        columns: Sequence[str],
        fields: Sequence[str],
        rows: Sequence[Sequence[str]],
        definitions: Definitions,
    ) -> Sheet:
        """The columns that the module has a property for; a whole name is split where it has two."""
        return importing.sheet(columns, fields, rows, definitions)

    @property
    def merge_keys(self) -> tuple[str, ...]:
        """Properties of which an equal value merges (assumed, a setting)."""
        return self._merge_keys

    def expected(
        self, sheet: Sheet, definitions: Definitions, twins: Twins, groups: frozenset[str]
    ) -> list[Verdict]:
        """What would become of every row."""
        del groups  # Samespace has none
        return importing.expected(sheet, definitions, twins, self._merge_keys)

    async def import_sheet(self, module: str | None, sheet: Sheet, *, overwrite: bool) -> Imported:
        """Upload, then import with the mapping."""
        if overwrite:
            self._cannot("importContacts with overwrite")
        self._fits()
        content = csv_bytes(sheet.columns, sheet.rows)
        try:
            upload = await self.client.upload(importing.FILENAME, content, "text/csv")
        except GatewayError as error:
            error.uncertain = False  # a file that was only uploaded has changed no contact
            raise
        columns = dict(zip(sheet.columns, sheet.keys, strict=True))
        report = await self.client.import_contacts(module, upload["fileUuid"], columns)
        return importing.told(sheet, report)

    async def clear(self) -> None:
        """Take away everything that is kept of what was read."""
        await self.reads.clear()

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    def _done(self, report: Report) -> None:
        """`success: false` inside of a 200 is a failure (samespace.md, updateContacts)."""
        if report.get("success") is not True:
            raise UpstreamRejected(self.source, "Samespace says that it did not carry this out.")

    def _fits(self) -> None:
        if self._misfit is not None:
            raise self._misfit.with_traceback(None)


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
