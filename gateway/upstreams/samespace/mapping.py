"""Samespace records to the gateway's values and back. Pure (samespace.md, Value formats)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gateway.model import ids
from gateway.model.contact import Contact, ContactKey, ContactProperty, Note
from gateway.model.property import Module, Property, PropertyType
from gateway.model.source import Source
from gateway.upstreams.samespace.records import ContactRecord, ModuleRecord, Pair, PropertyRecord

SOURCE: Final = Source.SAMESPACE

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
OTHER: Final = PropertyType.OTHER.value

# Where the unified fields lie among the properties.
FIRST_NAME: Final = "firstName"
LAST_NAME: Final = "lastName"
NAME: Final = "name"
EMAIL: Final = "email"
PHONE: Final = "phoneNumber"
COMPANY: Final = "company"
NOTES: Final = "notes"
CREATED_AT: Final = "createdAt"


def contact(record: ContactRecord, *, account: str, as_of: str, module: str) -> Contact:
    """The contact of a record; `module` counts where the record does not name its own."""
    held: dict[str, Any] = record.get("properties") or {}
    vendor_id = str(record["_id"])
    module = record.get("module") or module
    properties: list[ContactProperty] = []
    emails: list[str] = []
    phones: list[str] = []
    for key, cell in held.items():
        value, word = (cell.get("value"), cell.get("type")) if isinstance(cell, dict) else (cell, None)
        type_ = TYPES.get(word, OTHER) if word else OTHER
        properties.append({"key": key, "value": value, "type": type_, "_source": SOURCE, "_module": module})
        if type_ == "EMAIL" and value:
            emails.append(str(value))
        elif type_ == "PHONE" and value:
            phones.append(str(value))
    first, last = _text(held, FIRST_NAME), _text(held, LAST_NAME)
    email, phone = _text(held, EMAIL), _text(held, PHONE)
    note = _text(held, NOTES)
    notes: list[Note] = [{"text": note, "author": None, "createdAt": None}] if note else []
    return {
        "__typename": "Contact",
        "id": ids.encode("Contact", account, SOURCE.value, module, vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "displayName": " ".join(part for part in (first, last) if part)
        or _text(held, NAME)
        or email
        or phone,
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
        "createdAt": _text(held, CREATED_AT),
        "updatedAt": None,
        "asOf": as_of,
        "_key": ContactKey(SOURCE, module, vendor_id),
        "_properties": properties,
        "_raw": record,
    }


def module(record: ModuleRecord, *, account: str) -> Module:
    """The module of a record."""
    return {
        "__typename": "Module",
        "id": ids.encode("Module", account, SOURCE.value, record["_id"]),
        "source": SOURCE,
        "sourceId": record["_id"],
        "name": record.get("name"),
        "createdAt": _milliseconds(record.get("createdAt")),
        "updatedAt": _milliseconds(record.get("modifiedAt")),
    }


def definition(record: PropertyRecord, *, account: str, module: str) -> Property:
    """The definition of a property. Built-in ones have no creator (samespace.md, getProperties)."""
    word = record.get("type")
    options = record.get("options")
    return {
        "__typename": "Property",
        "id": ids.encode("Property", account, SOURCE.value, module, record["_id"]),
        "source": SOURCE,
        "sourceId": record["_id"],
        "key": record["key"],
        "label": record.get("label"),
        "type": TYPES.get(word, OTHER) if word else OTHER,
        "sourceType": word,
        "description": record.get("description"),
        "options": None
        if options is None
        else [{"key": option.get("key"), "label": option.get("label")} for option in options],
        "optionsType": record.get("optionsType"),
        "required": record.get("required"),
        "builtIn": record.get("createdBy") is None,
        "addToView": record.get("addToView"),
        "displayOrder": record.get("displayOrder"),
        "valueType": record.get("valueType"),
        "default": record.get("default"),
        "createdBy": record.get("createdBy"),
        "_module": module,
        "_reference": record.get("referenceModule"),
    }


def pairs(values: Mapping[str, Any]) -> list[Pair]:
    """Property values as Samespace takes them: texts, and None to clear."""
    return [{"key": key, "value": _as_text(value)} for key, value in values.items()]


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _text(held: Mapping[str, Any], key: str) -> str | None:
    cell = held.get(key)
    value = cell.get("value") if isinstance(cell, dict) else cell
    return None if value is None or value == "" else str(value)


def _first_before(first: str | None, others: list[str]) -> list[str]:
    if first is None or not others or others[0] == first:
        return others or ([first] if first else [])
    return [first, *(other for other in others if other != first)]


def _milliseconds(stamp: str | int | None) -> str | None:
    """Epoch milliseconds, which modules carry as a text, as RFC 3339; an ISO text passes as it is."""
    if stamp is None:
        return None
    digits = str(stamp)
    if not digits.isdecimal():
        return digits
    moment = datetime.fromtimestamp(int(digits) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
