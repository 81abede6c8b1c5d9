"""Samespace records to the gateway's values and back. Pure (samespace.md, Value formats)."""

from collections.abc import Container, Mapping
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from gateway.engine.compiled.telling import Columns
from gateway.model import ids
from gateway.model.contact import Contact, ContactKey, Note
from gateway.model.property import Module, Property, PropertyType
from gateway.model.record import record_of
from gateway.model.source import Source
from gateway.model.text import as_text
from gateway.model.unset import UNSET
from gateway.model.writing import PROPERTIES, ContactValues, name_parts, whole_name
from gateway.upstreams import tolerant
from gateway.upstreams.samespace.records import ContactRecord, ModuleRecord, Pair, PropertyRecord

SOURCE: Final = Source.SAMESPACE
HERE: Final = SOURCE.value  # as ids carry it

# Words of the vendor for types; the list is open, so any other becomes OTHER.
TYPES: Final[Mapping[str, str]] = {
    "TEXT": PropertyType.TEXT.value,
    "TEXTAREA": PropertyType.TEXT.value,
    "STRING": PropertyType.TEXT.value,
    "NUMBER": PropertyType.NUMBER.value,
    "BOOLEAN": PropertyType.BOOLEAN.value,
    "DATE": PropertyType.DATE.value,
    "DATE_TIME": PropertyType.DATE_TIME.value,
    "EMAIL": PropertyType.EMAIL.value,
    "PHONE": PropertyType.PHONE.value,
    "URL": PropertyType.URL.value,
    "SELECT": PropertyType.ENUM.value,
    "MULTI_SELECT": PropertyType.ENUM.value,
    "ENUM": PropertyType.ENUM.value,
    "DROPDOWN": PropertyType.ENUM.value,
    "REFERENCE": PropertyType.REFERENCE.value,
    "JSON": PropertyType.JSON.value,
}
EMAILS: Final = "EMAIL"
REACHING: Final = (EMAILS, "PHONE")  # words for types that say how to reach somebody
ODD: Final = (KeyError, TypeError)  # what reading a part of a cell raises that is odd
OTHER: Final = PropertyType.OTHER.value
# The words that new definitions get. That for choices is in no published sample (samespace.md).
WORDS: Final[Mapping[str, str]] = {
    **{type_.value: type_.value for type_ in PropertyType if type_ is not PropertyType.OTHER},
    PropertyType.ENUM.value: "SELECT",
}

# Where the unified fields lie among the properties.
FIRST_NAME: Final = "firstName"
LAST_NAME: Final = "lastName"
NAME: Final = "name"
EMAIL: Final = "email"
PHONE: Final = "phoneNumber"
COMPANY: Final = "company"
NOTES: Final = "notes"
CREATED_AT: Final = "createdAt"
MOST_DIGITS: Final = 16
MOST_COLUMNS: Final = 256
# Property keys that are fields of the input.
FIELDS: Final[Mapping[str, str]] = {
    FIRST_NAME: "firstName",
    LAST_NAME: "lastName",
    NAME: "name",
    EMAIL: "email",
    PHONE: "phone",
    COMPANY: "company",
    NOTES: "notes",
}


def contact(record: ContactRecord, *, account: str, as_of: str, module: str, raw: Any = None) -> Contact:
    """The contact of a record; `module` counts where the record does not name its own."""
    vendor_id = tolerant.identity(SOURCE, record, "_id")
    held = tolerant.members(record.get("properties"))
    module = tolerant.text(record.get("module")) or module
    emails: list[str] = []
    phones: list[str] = []
    for cell in held.values():
        try:
            word = cell["type"]
        except ODD:
            continue
        if word in REACHING and (said := tolerant.text(cell.get("value"))):
            (emails if word == EMAILS else phones).append(said)
    first, last = _text(held, FIRST_NAME), _text(held, LAST_NAME)
    email, phone = _text(held, EMAIL), _text(held, PHONE)
    note = _text(held, NOTES)
    notes: list[Note] = [{"text": note, "author": None, "createdAt": None}] if note else []
    return {
        "__typename": "Contact",
        "id": ids.encode("Contact", account, HERE, module, vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "displayName": tolerant.joined(first, last) or _text(held, NAME) or email or phone,
        "firstName": first,
        "lastName": last,
        "email": email or (emails[0] if emails else None),
        "emails": _first_before(email, emails),
        "phone": phone or (phones[0] if phones else None),
        "phones": _first_before(phone, phones),
        "company": _text(held, COMPANY),
        "notes": notes,
        "address": None,
        "avatarUrl": None,
        "tags": [],
        "funnels": [],
        "createdAt": tolerant.moment(_text(held, CREATED_AT)),
        "updatedAt": None,
        "asOf": as_of,
        "_key": ContactKey(SOURCE, module, vendor_id),
        "_properties": Columns(partial(_properties, record if raw is None else raw, module)),
        "_raw": record if raw is None else raw,
    }


def _properties(raw: Any, module: str) -> dict[str, list[Any]]:
    """All that a record holds, by its key, as columns of `ContactProperty`. There are many in each."""
    held = tolerant.members(record_of(raw).get("properties"))
    cells = held.values()
    try:
        values = [cell["value"] for cell in cells]
        types = [TYPES.get(cell["type"], OTHER) for cell in cells]
    except ODD:
        values = [cell.get("value") if isinstance(cell, dict) else cell for cell in cells]
        words = [cell.get("type") if isinstance(cell, dict) else None for cell in cells]
        types = [TYPES.get(word, OTHER) if isinstance(word, str) else OTHER for word in words]
    some = len(held)
    return {
        "key": [*held],
        "value": values,
        "type": types,
        "_source": _times(some, SOURCE),
        "_module": _times(some, module),
    }


@lru_cache(MOST_COLUMNS)
def _times(some: int, value: str) -> list[str]:
    """The column of a value that is the same in all: one for all contacts that have as many properties."""
    return [value] * some


def module(record: ModuleRecord, *, account: str) -> Module:
    """The module of a record; its times are epoch milliseconds as a text."""
    vendor_id = tolerant.identity(SOURCE, record, "_id")
    return {
        "__typename": "Module",
        "id": ids.encode("Module", account, HERE, vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "name": tolerant.text(record.get("name")),
        "createdAt": tolerant.moment(_stamp(record.get("createdAt"))),
        "updatedAt": tolerant.moment(_stamp(record.get("modifiedAt"))),
    }


def definition(record: PropertyRecord, *, account: str, module: str) -> Property:
    """The definition of a property. Built-in ones have no creator (samespace.md, getProperties)."""
    vendor_id = tolerant.identity(SOURCE, record, "_id")
    word = tolerant.text(record.get("type"))
    read = tolerant.text
    return {
        "__typename": "Property",
        "id": ids.encode("Property", account, HERE, module, vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "key": tolerant.identity(SOURCE, record, "key"),
        "label": read(record.get("label")),
        "type": TYPES.get(word, OTHER) if word else OTHER,
        "sourceType": word,
        "description": read(record.get("description")),
        "options": [
            {"key": read(option.get("key")), "label": read(option.get("label"))}
            for option in tolerant.items(record.get("options"))
        ],
        "optionsType": read(record.get("optionsType")),
        "required": tolerant.flag(record.get("required")),
        "builtIn": record.get("createdBy") is None,
        "addToView": tolerant.flag(record.get("addToView")),
        "displayOrder": tolerant.whole(record.get("displayOrder")),
        "valueType": read(record.get("valueType")),
        "default": record.get("default"),
        "createdBy": read(record.get("createdBy")),
        "_module": module,
        "_reference": read(record.get("referenceModule")),
    }


def pairs(values: Mapping[str, Any]) -> list[Pair]:
    """Property values as Samespace takes them: texts, and None to clear."""
    return [{"key": key, "value": None if value is None else as_text(value)} for key, value in values.items()]


class Placed(NamedTuple):
    """A value on its way to a property, and the field of the input that it comes from."""

    field: str
    value: Any


def placed(values: ContactValues, defined: Container[str]) -> dict[str, Placed]:
    """Where the unified fields and properties go among the defined keys; the rest has no place."""
    first, last = name_parts(values)
    found: dict[str, Placed] = {}

    def put(key: str, field: str, value: Any) -> None:
        if value is not UNSET and key in defined:
            found[key] = Placed(field, value)

    if FIRST_NAME in defined or LAST_NAME in defined:
        put(FIRST_NAME, "name" if values.first_name is UNSET else "firstName", first)
        put(LAST_NAME, "name" if values.last_name is UNSET else "lastName", last)
    else:
        put(NAME, "name" if values.name is not UNSET else "firstName", whole_name(values))
    put(EMAIL, "email", values.email)
    put(PHONE, "phone", values.phone)
    put(COMPANY, "company", values.company)
    put(NOTES, "notes", values.notes)
    for key, value in values.properties.items():
        put(key, f"{PROPERTIES}{key}", value)
    return found


def covered(found: Mapping[str, Placed], values: ContactValues) -> frozenset[str]:
    """The fields of the input that have a place; both parts of a name that is kept as a whole."""
    fields = {each.field for each in found.values()}
    if NAME in found:
        fields |= {"name", "firstName", "lastName"} & values.named().keys()
    return frozenset(fields)


def _text(held: Mapping[str, Any], key: str) -> str | None:
    cell = held.get(key)
    if cell is None:
        return None
    return tolerant.text(cell.get("value") if isinstance(cell, dict) else cell)


def _first_before(first: str | None, others: list[str]) -> list[str]:
    if first is None or not others or others[0] == first:
        return others or ([first] if first else [])
    return [first, *(other for other in others if other != first)]


def _stamp(value: Any) -> Any:
    """Epoch milliseconds, which modules carry as a text, as a number."""
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < MOST_DIGITS else value
