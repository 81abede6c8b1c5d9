"""Smart Sender records to the gateway's values and back. Pure (smartsender.md, Objects)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from gateway.model import ids
from gateway.model.chat import Channel, Chat, Communication, Message
from gateway.model.contact import Contact, ContactKey, ContactProperty, Funnel, Note, Tag
from gateway.model.group import Group, GroupKey
from gateway.model.property import Property, PropertyType
from gateway.model.source import Source
from gateway.model.unset import UNSET
from gateway.model.writing import PROPERTIES, ContactValues, NewMessage, name_parts
from gateway.upstreams import tolerant
from gateway.upstreams.smartsender.records import (
    ChatRecord,
    ContactRecord,
    GroupRecord,
    MessageRecord,
    VariableRecord,
)

SOURCE: Final = Source.SMART_SENDER
HERE: Final = SOURCE.value  # as ids carry it
OTHER: Final = PropertyType.OTHER.value
EMAIL: Final = PropertyType.EMAIL.value
PHONE: Final = PropertyType.PHONE.value
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
FIRST_NAME: Final = "firstName"
LAST_NAME: Final = "lastName"
# What Smart Sender calls a field → where it stands in the input.
INPUT_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    FIRST_NAME: ("firstName",),
    LAST_NAME: ("lastName",),
    "email": ("email",),
    "phone": ("phone",),
    "parameters": ("properties",),
}
# Kind of a message → the members that it takes (smartsender.md, sendContactMessage).
MESSAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "TEXT": ("content",),
    "LOCATION": ("title", "latitude", "longitude"),
    "CONTACT": ("fullName", "phoneNumber"),
}
MEDIA: Final = ("media",)
MOST_CHANNELS: Final = 256  # of all projects, that are remembered
LONGEST_CHANNEL: Final = 4_096  # bytes


def contact(record: ContactRecord, *, account: str, as_of: str, raw: Any = None) -> Contact:
    """The contact of a record of either form; in the simple form the types of variables are not known."""
    vendor_id = tolerant.identity(SOURCE, record, "id")
    properties = _properties(record)
    first, last = tolerant.text(record.get("firstName")), tolerant.text(record.get("lastName"))
    email, phone = tolerant.text(record.get("email")), tolerant.text(record.get("phone"))
    name = tolerant.text(record.get("fullName")) or tolerant.joined(first, last)
    return {
        "__typename": "Contact",
        "id": ids.encode("Contact", account, HERE, "", vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "displayName": name or email or phone,
        "firstName": first,
        "lastName": last,
        "email": email,
        "emails": _all(email, properties, EMAIL),
        "phone": phone,
        "phones": _all(phone, properties, PHONE),
        "company": _company(properties),
        "notes": [_note(note) for note in tolerant.items(record.get("notes"))],
        "address": None,
        "avatarUrl": tolerant.text(record.get("photo")),
        "tags": [
            _tag(tag, each, account)
            for each in tolerant.items(record.get("tags"))
            if (tag := tolerant.text(each.get("id")))
        ],
        "funnels": [
            _funnel(key, each, account)
            for each in tolerant.items(record.get("funnels"))
            if (key := tolerant.text(each.get("serviceKey")))
        ],
        "createdAt": tolerant.moment(record.get("createdAt")),
        "updatedAt": tolerant.moment(record.get("updatedAt")),
        "asOf": as_of,
        "_key": ContactKey(SOURCE, "", vendor_id),
        "_properties": properties,
        "_raw": record if raw is None else raw,
    }


def funnel(record: Mapping[str, Any], *, account: str) -> Funnel:
    """The funnel of a `FunnelRecord`; its key names it."""
    return _funnel(tolerant.identity(SOURCE, record, "serviceKey"), record, account)


def group(record: GroupRecord, *, account: str, as_of: str) -> Group:
    """The group of a record; who else is in it the source does not tell."""
    vendor_id = tolerant.identity(SOURCE, record, "id")
    return {
        "__typename": "Group",
        "id": ids.encode("Group", account, HERE, vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "name": tolerant.text(record.get("name")),
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
    gates = tolerant.items(record.get("gates"))
    communications = [communication(gate, contact, account=account) for gate in gates]
    unread = tolerant.whole(record.get("unreadMessages"))
    if unread is None:  # told in lists only; a chat is the sum of its gates
        unread = sum(each["unreadMessages"] or 0 for each in communications)
    return {
        "__typename": "Chat",
        "id": ids.encode("Chat", account, HERE, contact.id),
        "source": SOURCE,
        "sourceId": tolerant.identity(SOURCE, record, "id"),
        "name": tolerant.text(record.get("name")),
        "imageUrl": tolerant.text(record.get("image")),
        "unreadMessages": unread,
        "communications": communications,
        "createdAt": tolerant.moment(record.get("createdAt")),
        "updatedAt": tolerant.moment(record.get("updatedAt")),
        "_contact": contact,
    }


def communication(record: Mapping[str, Any], contact: ContactKey, *, account: str) -> Communication:
    """The `GateRecord` of a contact; the gate itself does not say whose it is."""
    held = tolerant.members(record.get("channel"))
    vendor_id = tolerant.identity(SOURCE, record, "id")
    return {
        "__typename": "Communication",
        "id": ids.encode("Communication", account, HERE, contact.id, vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "channel": _channel(held, account) if held else None,
        "subscribed": tolerant.flag(record.get("subscribed")),
        "unreadMessages": tolerant.whole(record.get("unreadMessages")),
        "_contact": contact,
    }


def channel(record: Mapping[str, Any], *, account: str) -> Channel:
    """The channel of a `ChannelRecord`."""
    vendor_id = tolerant.identity(SOURCE, record, "id")
    return {
        "__typename": "Channel",
        "id": ids.encode("Channel", account, HERE, vendor_id),
        "source": SOURCE,
        "sourceId": vendor_id,
        "type": tolerant.text(record.get("type")),
        "name": tolerant.text(record.get("name")),
        "active": tolerant.flag(record.get("active")),
        "link": tolerant.text(record.get("link")),
        "createdAt": tolerant.moment(record.get("createdAt")),
        "updatedAt": tolerant.moment(record.get("updatedAt")),
    }


def message(record: MessageRecord, contact: ContactKey, *, account: str) -> Message:
    """The message of a record; text and address lie in the parameters of its content."""
    content = tolerant.members(record.get("content"))
    parameters = tolerant.members(tolerant.members(content.get("resource")).get("parameters"))
    sender = tolerant.members(record.get("sender"))
    kind = tolerant.text(sender.get("type"))
    vendor_id = tolerant.identity(SOURCE, record, "id")
    return {
        "id": ids.encode("Message", account, HERE, contact.id, vendor_id),
        "sourceId": vendor_id,
        "sender": tolerant.text(sender.get("fullName")),
        "fromContact": None if kind is None else kind == "contact",
        "type": tolerant.text(content.get("type")),
        "text": tolerant.text(parameters.get("content")),
        "mediaUrl": tolerant.text(parameters.get("url") or parameters.get("media")),
        "createdAt": tolerant.moment(record.get("createdAt")),
    }


def definition(record: VariableRecord, *, account: str) -> Property:
    """The definition of a variable. It is known by its name: ids of variables are assumed."""
    name, word = tolerant.identity(SOURCE, record, "name"), tolerant.text(record.get("type"))
    values = tolerant.text(record.get("values"))
    options = [part.strip() for part in values.split(",")] if values else []
    return {
        "__typename": "Property",
        "id": ids.encode("Property", account, HERE, "", name),
        "source": SOURCE,
        "sourceId": str(record.get("id", name)),
        "key": name,
        "label": name,
        "type": TYPES.get(word, OTHER) if word else OTHER,
        "sourceType": word,
        "description": tolerant.text(record.get("description")),
        "options": [{"key": part, "label": part} for part in options],
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


def values_of(values: ContactValues, variables: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """System fields and variables that values mean: name → field of the input, and value.

    `variables` are the defined ones. Phones go out as E.164, the only form that is taken.
    """
    first, last = name_parts(values)
    company = next((name for name in variables if name.lower() == COMPANY), None)
    found = {
        FIRST_NAME: ("name" if values.first_name is UNSET else "firstName", first),
        LAST_NAME: ("name" if values.last_name is UNSET else "lastName", last),
        "email": ("email", values.email),
        "phone": ("phone", values.e164),
    }
    if company is not None:
        found[company] = ("company", values.company)
    for key, value in values.properties.items():
        if key in variables:
            found[key] = (f"{PROPERTIES}{key}", value)
    return {name: each for name, each in found.items() if each[1] is not UNSET}


def message_body(message: NewMessage) -> dict[str, Any]:
    """The body that sends a message; the words of kinds are those of the schema in lower case."""
    held = {
        "content": message.text,
        "media": message.media_url,
        "title": message.title,
        "latitude": message.latitude,
        "longitude": message.longitude,
        "fullName": message.full_name,
        "phoneNumber": message.phone_number,
    }
    names = MESSAGES.get(message.kind, MEDIA)
    return {"type": message.kind.lower(), **{name: held[name] for name in names}}


def _properties(record: ContactRecord) -> list[ContactProperty]:
    listed = record.get("variables") or record.get("values")
    if listed is None and "variables" not in record:
        plain = ((key, value) for key, value in record.items() if key not in SYSTEM and key[:1] != "_")
        return [_property(key, value, None) for key, value in plain]
    return [
        _property(name, each.get("value"), each.get("type"))
        for each in tolerant.items(listed)
        if (name := tolerant.text(each.get("name"))) is not None
    ]


def _property(key: str, value: Any, word: Any) -> ContactProperty:
    type_ = TYPES.get(word, OTHER) if isinstance(word, str) else OTHER
    return {"key": key, "value": value, "type": type_, "_source": SOURCE, "_module": ""}


def _company(properties: list[ContactProperty]) -> str | None:
    for each in properties:
        if each["key"].lower() == COMPANY:
            return tolerant.text(each["value"])
    return None


def _all(first: str | None, properties: list[ContactProperty], type_: str) -> list[str]:
    found = [first] if first else []
    for each in properties:
        if each["type"] == type_ and each["value"] and str(each["value"]) not in found:
            found.append(str(each["value"]))
    return found


def _tag(vendor_id: str, record: Mapping[str, Any], account: str) -> Tag:
    return {
        "id": ids.encode("Tag", account, HERE, vendor_id),
        "sourceId": vendor_id,
        "name": tolerant.text(record.get("name")),
        "color": tolerant.text(record.get("color")),
    }


def _funnel(key: str, record: Mapping[str, Any], account: str) -> Funnel:
    return {
        "id": ids.encode("Funnel", account, HERE, key),
        "serviceKey": key,
        "name": tolerant.text(record.get("name")),
    }


def _channel(record: Mapping[str, Any], account: str) -> Channel:
    """The channel of a gate: a project has few of them, and each gate brings its own along as a whole."""
    try:
        written = orjson.dumps(record)
    except TypeError:  # it nests deeper than orjson writes, which is less than it reads
        return channel(record, account=account)
    if len(written) > LONGEST_CHANNEL:
        return channel(record, account=account)
    return _remembered(written, account)


@lru_cache(MOST_CHANNELS)
def _remembered(written: bytes, account: str) -> Channel:
    return channel(orjson.loads(written), account=account)


def _note(record: Mapping[str, Any]) -> Note:
    return {
        "text": tolerant.text(record.get("content")),
        "author": tolerant.text(tolerant.members(record.get("user")).get("fullName")),
        "createdAt": tolerant.moment(record.get("createdAt")),
    }
