"""What every root field of the emulated GraphQL endpoint does."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.upstreams.people import Population
from gateway.upstreams.samespace.emulator_files import Table, import_table
from gateway.upstreams.samespace.emulator_store import Contact, Contacts, Module, refused
from gateway.upstreams.samespace.seed import (
    COMPANY_FIELDS,
    CONTACT_FIELDS,
    MODULES,
    USERS,
    Definition,
    company_seeds,
    definition,
    definitions,
    people_seeds,
)

PAGE: Final = 50  # when a caller names no limit
FAMILIES: Final = ("66f0a1c2d3e4f5a6b7c8f", "66f0a1c2d3e4f5a6b7c9f")
MAY_BE_NULL: Final = {"description", "options", "optionsType"}


class Account:
    """The data of one account and the operations on it; `root` is the root value of every query."""

    def __init__(self, people: Population, clock: Callable[[], float]) -> None:
        seeds = (people_seeds(people), company_seeds(people))
        self.modules = [
            Module(row, family, definitions(family, fields), Contacts(seeded))
            for row, family, fields, seeded in zip(
                MODULES, FAMILIES, (CONTACT_FIELDS, COMPANY_FIELDS), seeds, strict=True
            )
        ]
        self.files: dict[str, Table] = {}
        self.refused_phones: set[str] = set()
        self._clock = clock
        self.root: Mapping[str, Callable[..., Any]] = {
            "getContacts": self._get_contacts,
            "createContact": self._create_contact,
            "updateContacts": self._update_contacts,
            "deleteContacts": self._delete_contacts,
            "getModules": self._get_modules,
            "getProperties": self._get_properties,
            "createProperty": self._create_property,
            "updateProperty": self._update_property,
            "importContacts": self._import_contacts,
        }

    def module(self, where: Mapping[str, Any]) -> Module:
        """The module that the arguments name: by id, else by name, else "Contacts"."""
        if where.get("module") is not None:
            found = [known for known in self.modules if known.row["_id"] == where["module"]]
        else:
            name = where.get("moduleName")
            wanted = "Contacts" if name is None else name
            found = [known for known in self.modules if known.row["name"] == wanted]
        if not found:
            raise refused("Module not found", "NOT_FOUND")
        return found[0]

    def _get_modules(self, _info: object) -> list[Mapping[str, str]]:
        return [module.row for module in self.modules]

    def _get_contacts(
        self, _info: object, query: Mapping[str, Any] | None = None, **where: Any
    ) -> list[dict[str, Any]]:
        module, query = self.module(where), query or {}
        skip, limit = window(query)
        conditions, order = query.get("filter"), query.get("sort")
        if conditions is None and order is None:
            page = module.contacts.page(skip, limit)
        else:
            page = ordered(matching(module.contacts, {} if conditions is None else conditions), order)[
                skip : skip + limit
            ]
        return module.shown(page, query.get("fields"))

    def _create_contact(self, _info: object, properties: list[Any], **where: Any) -> dict[str, Any]:
        module = self.module(where)
        created = module.create(module.accepted(properties), self._clock())
        return module.shown([created], None)[0]

    def _update_contacts(self, _info: object, properties: list[Any], **where: Any) -> dict[str, Any]:
        module = self.module(where)
        contacts = selected(module.contacts, where)
        values = module.accepted(properties)
        for contact in contacts:
            module.change(contact, values)
        return report(contacts, "Contact updated")

    def _delete_contacts(self, _info: object, **where: Any) -> dict[str, Any]:
        module = self.module(where)
        contacts = selected(module.contacts, where)
        module.contacts.remove(contacts)
        return report(contacts, "Contact deleted")

    def _get_properties(
        self, _info: object, payload: Mapping[str, Any] | None = None, **where: Any
    ) -> list[Definition]:
        skip, limit = window((payload or {}).get("query") or {})
        shown = sorted(self.module(where).definitions, key=lambda known: known["displayOrder"])
        return shown[skip : skip + limit]

    def _create_property(self, _info: object, payload: Mapping[str, Any], **where: Any) -> Definition:
        module = self.module(where)
        key = camel_case(payload["label"])
        if any(known["key"] == key for known in module.definitions):
            raise refused(f"A property with key {key} already exists")
        number = len(module.definitions) + 1  # none is ever deleted
        created = definition(module.family, number, (payload["label"], key, payload["type"], {}))
        created |= {name: value for name, value in payload.items() if name in created and value is not None}
        created["displayOrder"] = 1 + max(known["displayOrder"] for known in module.definitions)
        created["createdBy"] = USERS[0]
        module.definitions.append(created)
        return created

    def _update_property(self, _info: object, payload: Mapping[str, Any], **where: Any) -> Definition:
        for known in self.module(where).definitions:
            if known["_id"] == where["_id"]:
                known |= {
                    name: value
                    for name, value in payload.items()
                    if name in known and (value is not None or name in MAY_BE_NULL)
                }
                return known
        raise refused("Property not found", "NOT_FOUND")

    def _import_contacts(self, _info: object, **where: Any) -> dict[str, Any]:
        module = self.module(where)
        table = self.files.get(where["fileUuid"])
        if table is None:
            raise refused("File not found", "NOT_FOUND")
        mapping = {pair["key"]: pair.get("value") for pair in where["mapAttributes"]}
        return import_table(module, table, mapping, self._clock(), self.refused_phones)


def window(query: Mapping[str, Any]) -> tuple[int, int]:
    """How many to skip and how many to show; no limit and a limit of 0 mean the usual page."""
    skip, limit = query.get("skip") or 0, query.get("limit") or PAGE
    if skip < 0 or limit < 0:
        raise refused("skip and limit must not be negative")
    return skip, limit


def selected(contacts: Contacts, where: Mapping[str, Any]) -> list[Contact]:
    """The contacts of an update or delete: by id, else by filter, else all."""
    if where.get("_id") is not None:
        return contacts.with_ids(where["_id"])
    if where.get("filter") is not None:
        return matching(contacts, where["filter"])
    if where.get("all"):
        return list(contacts)
    raise refused("One of _id, filter or all is required")


def report(contacts: list[Contact], message: str) -> dict[str, Any]:
    """The result of an update or delete; it failed when it found nobody."""
    return {"success": bool(contacts), "message": message if contacts else "Contact not found"}


def matching(contacts: Contacts, conditions: object) -> list[Contact]:
    """The contacts that meet every condition: `{key: value}` or `{key: {"$in": [...]}}`."""
    if not isinstance(conditions, Mapping):
        raise refused("filter must be an object")
    allowed = {key: allowed_values(condition) for key, condition in conditions.items()}
    ids = allowed.pop("_id", None)
    found = contacts if ids is None else contacts.with_ids(text for text in ids if isinstance(text, str))
    return [
        contact
        for contact in found
        if all(contact.values.get(key) in values for key, values in allowed.items())
    ]


def allowed_values(condition: object) -> list[Any]:
    """The values that one condition lets through."""
    if not isinstance(condition, Mapping) or not any(str(key).startswith("$") for key in condition):
        return [condition]
    if condition.keys() != {"$in"} or not isinstance(condition["$in"], list):
        raise refused("filter knows equality and $in only")
    return condition["$in"]


def ordered(contacts: list[Contact], order: object) -> list[Contact]:
    """Sorted as `{key: 1 or -1, ...}` says; whoever lacks the value comes first going up."""
    if order is None:
        return contacts
    if not isinstance(order, Mapping) or not all(way in (1, -1) for way in order.values()):
        raise refused("sort must be an object of 1 and -1")
    for key, way in reversed(list(order.items())):
        contacts = sorted(contacts, key=lambda contact: rank(contact, key), reverse=way == -1)
    return contacts


def rank(contact: Contact, key: str) -> tuple[int, float, str]:
    """Where a contact stands by one property: nothing, then numbers, then texts."""
    value = contact.id if key == "_id" else contact.values.get(key)
    if value is None:
        return 0, 0, ""
    if isinstance(value, int | float):
        return 1, value, ""
    return 2, 0, str(value)


def camel_case(label: str) -> str:
    """The key of a label: "Badge Number" becomes badgeNumber."""
    words = [word.capitalize() for word in re.findall(r"[^\W_]+", label)]
    if not words:
        raise refused("label is required")
    return "".join([words[0].lower(), *words[1:]])
