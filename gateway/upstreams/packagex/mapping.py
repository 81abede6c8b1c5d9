"""PackageX records to the gateway's values and back. Pure (packagex.md, Contact model)."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.model import ids
from gateway.model.contact import Address, Contact, ContactKey, ContactProperty, Note
from gateway.model.group import Group, GroupKey
from gateway.model.property import Property, PropertyType
from gateway.model.source import Source
from gateway.model.unset import UNSET
from gateway.model.writing import AddressRef, AddressText, ContactValues, GroupValues, Text, split_name
from gateway.upstreams import tolerant
from gateway.upstreams.packagex.records import AddressRecord, ContactRecord

SOURCE: Final = Source.PACKAGEX
HERE: Final = SOURCE.value  # as ids carry it

# The fields that every PackageX contact has, as definitions: key, label, type, required.
FIELDS: Final = (
    ("name", "Name", PropertyType.TEXT, True),
    ("email", "Email", PropertyType.EMAIL, False),
    ("phone", "Phone", PropertyType.PHONE, False),
    ("address", "Address", PropertyType.JSON, False),
    ("notes", "Notes", PropertyType.TEXT, False),
)
METADATA: Final = "metadata."
TEXT: Final = PropertyType.TEXT.value
# The kinds of metadata values, of those that JSON has; any other is TEXT.
KINDS: Final[Mapping[type, str]] = {
    bool: PropertyType.BOOLEAN.value,
    int: PropertyType.NUMBER.value,
    float: PropertyType.NUMBER.value,
    dict: PropertyType.JSON.value,
    list: PropertyType.JSON.value,
}
# What PackageX calls a property → where it stands in the input.
INPUT_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name",),
    "email": ("email",),
    "phone": ("phone",),
    "address": ("address",),
    "address_line2": ("address", "text", "line2"),
    "notes": ("notes",),
    "metadata": ("properties",),
}


def contact(record: ContactRecord, *, account: str, as_of: str, raw: Any = None) -> Contact:
    """The contact of a record."""
    vendor_id = tolerant.identity(SOURCE, record, "id")
    name = tolerant.text(record.get("name"))
    first, last = split_name(name)
    email, phone = tolerant.text(record.get("email")), tolerant.text(record.get("phone"))
    return {
        "__typename": "Contact",
        "id": ids.encode("Contact", account, HERE, "", vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "displayName": name or email or phone,
        "firstName": first,
        "lastName": last,
        "email": email,
        "emails": [email] if email else [],
        "phone": phone,
        "phones": [phone] if phone else [],
        "company": None,
        "notes": _notes(record.get("notes")),
        "address": address(record.get("address")),
        "avatarUrl": None,
        "tags": [],
        "funnels": [],
        "createdAt": tolerant.moment(record.get("created_at")),
        "updatedAt": tolerant.moment(record.get("updated_at")),
        "asOf": as_of,
        "_key": ContactKey(SOURCE, "", vendor_id),
        "_properties": _properties(record.get("metadata")),
        "_raw": record if raw is None else raw,
    }


def member(mirror: Mapping[str, Any], *, account: str, as_of: str) -> Contact:
    """A member as its group mirrors it (a `ReferencedContact`): names and e-mail only."""
    vendor_id = tolerant.identity(SOURCE, mirror, "id")
    record: ContactRecord = {"id": vendor_id, "name": mirror.get("name"), "email": mirror.get("email")}
    return contact(record, account=account, as_of=as_of)


def group(record: ContactRecord, *, account: str, as_of: str, raw: Any = None) -> Group:
    """The group of a record."""
    vendor_id = tolerant.identity(SOURCE, record, "id")
    held = tolerant.members(record.get("group_contacts"))
    children = tolerant.texts(held.get("children"))
    return {
        "__typename": "Group",
        "id": ids.encode("Group", account, HERE, vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "name": tolerant.text(record.get("name")),
        "email": tolerant.text(record.get("email")),
        "phone": tolerant.text(record.get("phone")),
        "address": address(record.get("address")),
        "notes": _notes(record.get("notes")),
        "memberCount": len(children),
        "createdAt": tolerant.moment(record.get("created_at")),
        "updatedAt": tolerant.moment(record.get("updated_at")),
        "_key": GroupKey(SOURCE, vendor_id),
        "_asOf": as_of,
        "_properties": _properties(record.get("metadata")),
        "_members": [ContactKey(SOURCE, "", child) for child in children],
        "_primary": [ContactKey(SOURCE, "", child) for child in tolerant.texts(held.get("primary"))],
        "_raw": record if raw is None else raw,
    }


def address(record: AddressRecord | None) -> Address | None:
    """The address of a record; a text, as older deployments may send, becomes its one line."""
    if isinstance(record, str) and record:
        record = {"formatted_address": record}
    if not isinstance(record, dict) or not record:
        return None
    read = tolerant.text
    return {
        "id": read(record.get("id")),
        "formatted": read(record.get("formatted_address")) or read(record.get("textarea")),
        "line1": read(record.get("line1")),
        "line2": read(record.get("line2")),
        "city": read(record.get("city")),
        "state": read(record.get("state")),
        "stateCode": read(record.get("state_code")),
        "postalCode": read(record.get("postal_code")),
        "country": read(record.get("country")),
        "countryCode": read(record.get("country_code")),
        "latitude": tolerant.number(record.get("latitude")),
        "longitude": tolerant.number(record.get("longitude")),
        "timezone": read(record.get("timezone")),
        "verified": tolerant.flag(record.get("verified")),
    }


def definitions(metadata_keys: Mapping[str, PropertyType], *, account: str) -> list[Property]:
    """The fields of PackageX, then the metadata keys seen."""
    fields = [
        _definition(key, label, type_, required=required, built_in=True, account=account)
        for key, label, type_, required in FIELDS
    ]
    seen = [
        _definition(key, key, type_, required=False, built_in=False, account=account)
        for key, type_ in sorted(metadata_keys.items())
    ]
    return fields + seen


def body(values: ContactValues | GroupValues, name: Text = UNSET) -> dict[str, Any]:
    """The body of a write (packagex.md, Create single contact): only what was said, None to clear.

    `name` is the whole name of a person.
    """
    said: dict[str, Any] = {
        "name": values.name if isinstance(values, GroupValues) else name,
        "email": values.email,
        "phone": values.phone,
        "notes": values.notes,
    }
    match values.address:
        case AddressText(formatted=text, line2=unit):
            said["address"] = text
            if unit is not None:
                said["address_line2"] = unit
        case AddressRef(id=vendor_id):
            said["address"] = vendor_id
        case None:
            said["address"] = None
    if isinstance(values, ContactValues) and values.properties:
        said["metadata"] = dict(values.properties)
    return {key: value for key, value in said.items() if value is not UNSET}


def _definition(
    key: str, label: str, type_: PropertyType, *, required: bool, built_in: bool, account: str
) -> Property:
    vendor_id = key if built_in else METADATA + key
    return {
        "__typename": "Property",
        "id": ids.encode("Property", account, HERE, "", vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "key": key,
        "label": label,
        "type": type_.value,
        "sourceType": None,
        "description": None,
        "options": [],
        "optionsType": None,
        "required": required,
        "builtIn": built_in,
        "addToView": None,
        "displayOrder": None,
        "valueType": None,
        "default": None,
        "createdBy": None,
        "_module": "",
        "_reference": None,
    }


def _properties(metadata: Any) -> list[ContactProperty]:
    return [
        {"key": key, "value": value, "type": KINDS.get(type(value), TEXT), "_source": SOURCE, "_module": ""}
        for key, value in tolerant.members(metadata).items()
    ]


def _notes(value: Any) -> list[Note]:
    text = tolerant.text(value)
    return [{"text": text, "author": None, "createdAt": None}] if text else []
