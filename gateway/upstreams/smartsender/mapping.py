"""Smart Sender records to the gateway's values and back. Pure (smartsender.md, Objects)."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.model import ids
from gateway.model.chat import Channel, Chat, Communication, Message
from gateway.model.contact import Contact, ContactKey, ContactProperty, Funnel, Note, Tag
from gateway.model.group import Group, GroupKey
from gateway.model.property import Property, PropertyType
from gateway.model.source import Source
from gateway.upstreams.smartsender.records import (
    ChannelRecord,
    ChatRecord,
    ContactRecord,
    FunnelRecord,
    GateRecord,
    GroupRecord,
    MessageRecord,
    NoteRecord,
    TagRecord,
    VariableRecord,
)

SOURCE: Final = Source.SMART_SENDER
OTHER: Final = PropertyType.OTHER.value
TYPES: Final[Mapping[str, str]] = {
    "string": PropertyType.TEXT.value,
    "number": PropertyType.NUMBER.value,
    "date": PropertyType.DATE.value,
    "enum": PropertyType.ENUM.value,
    "email": PropertyType.EMAIL.value,
    "phone": PropertyType.PHONE.value,
    "url": PropertyType.URL.value,
}
# Members of a contact that are no variables, in the simple form (smartsender.md, Contact (simple)).
SYSTEM: Final = frozenset(
    "id firstName lastName fullName email phone photo tags funnels notes variables values createdAt updatedAt"
    " chat contact gates".split()
)
COMPANY: Final = "company"


def contact(record: ContactRecord, *, account: str, as_of: str) -> Contact:
    """The contact of a record of either form; in the simple form the types of variables are not known."""
    vendor_id = str(record["id"])
    properties = _properties(record)
    first, last = record.get("firstName"), record.get("lastName")
    email, phone = record.get("email"), record.get("phone")
    company = next((p["value"] for p in properties if p["key"].lower() == COMPANY), None)
    name = record.get("fullName") or " ".join(part for part in (first, last) if part)
    return {
        "__typename": "Contact",
        "id": ids.encode("Contact", account, SOURCE.value, "", vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "displayName": name or email or phone,
        "firstName": first,
        "lastName": last,
        "email": email,
        "emails": _all(email, properties, PropertyType.EMAIL),
        "phone": phone,
        "phones": _all(phone, properties, PropertyType.PHONE),
        "company": None if company is None else str(company),
        "notes": [_note(note) for note in record.get("notes") or ()],
        "address": None,
        "avatarUrl": record.get("photo"),
        "tags": [tag(each, account=account) for each in record.get("tags") or ()],
        "funnels": [funnel(each, account=account) for each in record.get("funnels") or ()],
        "createdAt": moment(record.get("createdAt")),
        "updatedAt": moment(record.get("updatedAt")),
        "asOf": as_of,
        "_key": ContactKey(SOURCE, "", vendor_id),
        "_properties": properties,
        "_raw": record,
    }


def tag(record: TagRecord, *, account: str) -> Tag:
    """The tag of a record."""
    vendor_id = str(record["id"])
    return {
        "id": ids.encode("Tag", account, SOURCE.value, vendor_id),
        "sourceId": vendor_id,
        "name": record.get("name"),
        "color": record.get("color"),
    }


def funnel(record: FunnelRecord, *, account: str) -> Funnel:
    """The funnel of a record; its key names it."""
    key = record["serviceKey"]
    return {
        "id": ids.encode("Funnel", account, SOURCE.value, key),
        "serviceKey": key,
        "name": record.get("name"),
    }


def group(record: GroupRecord, *, account: str, as_of: str) -> Group:
    """The group of a record; who else is in it the source does not tell."""
    vendor_id = str(record["id"])
    return {
        "__typename": "Group",
        "id": ids.encode("Group", account, SOURCE.value, vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "name": record.get("name"),
        "email": None,
        "phone": None,
        "address": None,
        "notes": [],
        "memberCount": None,
        "createdAt": None,
        "updatedAt": None,
        "_key": GroupKey(SOURCE, vendor_id),
        "_asOf": as_of,
        "_properties": [],
        "_members": None,
        "_primary": None,
        "_raw": record,
    }


def chat(record: ChatRecord, contact: ContactKey, *, account: str) -> Chat:
    """The chat of a contact. Whose it is follows from the question: `contact.id` is another number."""
    communications = [communication(gate, contact, account=account) for gate in record.get("gates") or ()]
    unread = record.get("unreadMessages")
    if unread is None:  # told in lists only; a chat is the sum of its gates
        unread = sum(each["unreadMessages"] or 0 for each in communications)
    return {
        "__typename": "Chat",
        "id": ids.encode("Chat", account, SOURCE.value, contact.id),
        "source": SOURCE,
        "sourceId": str(record["id"]),
        "name": record.get("name"),
        "imageUrl": record.get("image"),
        "unreadMessages": unread,
        "communications": communications,
        "createdAt": moment(record.get("createdAt")),
        "updatedAt": moment(record.get("updatedAt")),
        "_contact": contact,
    }


def communication(record: GateRecord, contact: ContactKey, *, account: str) -> Communication:
    """The gate of a contact; the gate itself does not say whose it is."""
    held = record.get("channel")
    vendor_id = str(record["id"])
    return {
        "__typename": "Communication",
        "id": ids.encode("Communication", account, SOURCE.value, contact.id, vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "channel": channel(held, account=account) if held else None,
        "subscribed": record.get("subscribed"),
        "unreadMessages": record.get("unreadMessages"),
        "_contact": contact,
    }


def channel(record: ChannelRecord, *, account: str) -> Channel:
    """The channel of a record."""
    vendor_id = str(record["id"])
    return {
        "__typename": "Channel",
        "id": ids.encode("Channel", account, SOURCE.value, vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "type": record.get("type"),
        "name": record.get("name"),
        "active": record.get("active"),
        "link": record.get("link"),
        "createdAt": moment(record.get("createdAt")),
        "updatedAt": moment(record.get("updatedAt")),
    }


def message(record: MessageRecord, contact: ContactKey, *, account: str) -> Message:
    """The message of a record; text and address lie in the parameters of its content."""
    content = record.get("content") or {}
    parameters = ((content.get("resource") or {}).get("parameters")) or {}
    sender = record.get("sender") or {}
    vendor_id = str(record["id"])
    return {
        "id": ids.encode("Message", account, SOURCE.value, contact.id, vendor_id),
        "sourceId": vendor_id,
        "sender": sender.get("fullName"),
        "fromContact": sender["type"] == "contact" if sender.get("type") else None,
        "type": content.get("type"),
        "text": _plain(parameters.get("content")),
        "mediaUrl": _plain(parameters.get("url") or parameters.get("media")),
        "createdAt": moment(record.get("createdAt")),
    }


def definition(record: VariableRecord, *, account: str) -> Property:
    """The definition of a variable. It is known by its name: ids of variables are assumed."""
    name, word, values = record["name"], record.get("type"), record.get("values")
    options = [part.strip() for part in values.split(",")] if values else None
    return {
        "__typename": "Property",
        "id": ids.encode("Property", account, SOURCE.value, "", name),
        "source": SOURCE,
        "sourceId": str(record.get("id", name)),
        "key": name,
        "label": name,
        "type": TYPES.get(word, OTHER) if word else OTHER,
        "sourceType": word,
        "description": record.get("description"),
        "options": None if options is None else [{"key": part, "label": part} for part in options],
        "optionsType": None,
        "required": None,
        "builtIn": None,
        "addToView": None,
        "displayOrder": None,
        "valueType": None,
        "default": None,
        "createdBy": None,
        "_module": "",
        "_reference": None,
    }


def moment(stamp: str | None) -> str | None:
    """`2025-03-04 09:15:27`, which has no zone and is taken as UTC, as RFC 3339."""
    if not stamp:
        return None
    text = stamp.replace(" ", "T", 1)
    zoned = text.endswith("Z") or "+" in text[10:] or "-" in text[10:]
    return text if zoned else text + "Z"


def _properties(record: ContactRecord) -> list[ContactProperty]:
    listed = record.get("variables") or record.get("values")
    if listed is None and "variables" not in record:
        return [
            _property(key, value, None)
            for key, value in record.items()
            if key not in SYSTEM and key[0] != "_"
        ]
    return [_property(each["name"], each.get("value"), each.get("type")) for each in listed or ()]


def _property(key: str, value: Any, word: str | None) -> ContactProperty:
    type_ = TYPES.get(word, OTHER) if word else OTHER
    return {"key": key, "value": value, "type": type_, "_source": SOURCE, "_module": ""}


def _all(first: str | None, properties: list[ContactProperty], type_: PropertyType) -> list[str]:
    found = [first] if first else []
    for each in properties:
        if each["type"] == type_.value and each["value"] and str(each["value"]) not in found:
            found.append(str(each["value"]))
    return found


def _note(record: NoteRecord) -> Note:
    return {
        "text": record.get("content"),
        "author": (record.get("user") or {}).get("fullName"),
        "createdAt": moment(record.get("createdAt")),
    }


def _plain(value: Any) -> str | None:
    return None if value is None else str(value)
