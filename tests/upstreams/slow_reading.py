"""What records of the sources mean, read member by member without any haste: what `mapping.py` is held to.

Nothing here knows how the gateway reads records; only what its values look like, and how it writes ids.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from gateway.model import ids
from gateway.model.contact import ContactKey
from gateway.model.group import GroupKey
from gateway.model.source import Source
from gateway.upstreams.samespace.mapping import TYPES as SPACE_TYPES
from gateway.upstreams.smartsender.mapping import SYSTEM
from gateway.upstreams.smartsender.mapping import TYPES as SENDER_TYPES

Json = Any
ACCOUNT: Final = "default"
AS_OF: Final = "2026-01-02T03:04:05.678Z"
MODULE: Final = "66f0a1c2d3e4f5a6b7c8d900"
SPACE, PX, SENDER = Source.SAMESPACE, Source.PACKAGEX, Source.SMART_SENDER
YEAR_5138: Final = 100_000_000_000


class NoIdentity(Exception):
    """A record cannot be told from others."""


def text(value: Json) -> str | None:
    """A text that says something; a number as one."""
    if isinstance(value, str):
        return value if value else None
    return str(value) if is_number(value) else None


def is_number(value: Json) -> bool:
    """JSON's numbers, of which true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def moment(value: Json) -> str | None:
    """RFC 3339 in UTC, of an ISO text or of epoch seconds or milliseconds; precise to the millisecond."""
    try:
        if isinstance(value, str) and not re.fullmatch(r"\d+", value):
            found = datetime.fromisoformat(value)
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        elif is_number(value) or isinstance(value, str):
            stamp = float(value)
            found = datetime.fromtimestamp(stamp / 1000 if stamp > YEAR_5138 else stamp, UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    fraction = f".{found.microsecond // 1000:03}" if found.microsecond else ""
    date = f"{found.year:04}-{found.month:02}-{found.day:02}"
    return f"{date}T{found.hour:02}:{found.minute:02}:{found.second:02}{fraction}Z"


def a(kind: type, value: Json) -> Any:
    """The value where it is of a kind, else an empty one of it."""
    return value if isinstance(value, kind) else kind()


def objects(value: Json) -> list[Any]:
    """The objects of a list."""
    return [each for each in a(list, value) if isinstance(each, dict)]


def identity(record: Json, member: str = "id") -> str:
    """What names a record."""
    found = text(a(dict, record).get(member))
    if found is None:
        raise NoIdentity
    return found


def once(texts: Iterable[str | None]) -> list[str]:
    """Each text that is one, where it comes first."""
    return [*dict.fromkeys(each for each in texts if each)]


def property_of(source: Source, key: str, value: Json, type_: str, module: str = "") -> dict[str, Any]:
    """A value among the properties."""
    return {"key": key, "value": value, "type": type_, "_source": source, "_module": module}


def word(types: Any, said: Json) -> str:
    """The type of a property that a vendor's word means."""
    return types.get(said, "OTHER") if isinstance(said, str) else "OTHER"


def contact(source: Source, vendor_id: str, module: str, record: Json, **said: Any) -> dict[str, Any]:
    """A contact of which only so much is said."""
    full = [text(said.get(part)) for part in ("firstName", "lastName")]
    names = [said.pop("name", None), " ".join(each for each in full if each)]
    shown = [*(names if source is SENDER else names[::-1] if source is SPACE else names[:1])]
    return {
        "__typename": "Contact",
        "id": ids.encode("Contact", ACCOUNT, source.value, module, vendor_id),
        "source": source,
        "sourceId": vendor_id,
        "displayName": next((each for each in (*shown, *said.pop("reached")) if each), None),
        "company": None,
        "notes": [],
        "address": None,
        "avatarUrl": None,
        "tags": [],
        "funnels": [],
        "updatedAt": None,
        "asOf": AS_OF,
        "_key": ContactKey(source, module, vendor_id),
        "_raw": record,
        **said,
    }


def note(said: str | None, author: str | None = None, at: str | None = None) -> dict[str, Any]:
    """A note."""
    return {"text": said, "author": author, "createdAt": at}


# Samespace.


def samespace_contact(record: Json) -> dict[str, Any]:
    """A contact; each of its properties is a value with a word for its type, or, oddly, a value alone."""
    vendor_id, held = identity(record, "_id"), a(dict, record.get("properties"))
    module = text(record.get("module")) or MODULE
    cells = {key: each if isinstance(each, dict) else {"value": each} for key, each in held.items()}
    values = {key: text(each.get("value")) for key, each in cells.items()}
    ways = {}
    for type_, key in (("EMAIL", "email"), ("PHONE", "phoneNumber")):
        others = [values[name] for name, each in cells.items() if each.get("type") == type_]
        ways[type_] = _first_before(values.get(key), [each for each in others if each])
    emails, phones = ways["EMAIL"], ways["PHONE"]
    return contact(
        SPACE, vendor_id, module, record,
        firstName=values.get("firstName"),
        lastName=values.get("lastName"),
        name=values.get("name"),
        reached=(values.get("email"), values.get("phoneNumber")),
        email=emails[0] if emails else None,
        emails=emails,
        phone=phones[0] if phones else None,
        phones=phones,
        company=values.get("company"),
        notes=[note(values["notes"])] if values.get("notes") else [],
        createdAt=moment(values.get("createdAt")),
        _properties=[
            property_of(SPACE, key, each.get("value"), word(SPACE_TYPES, each.get("type")), module)
            for key, each in cells.items()
        ],
    )  # fmt: skip


def _first_before(first: str | None, others: list[str]) -> list[str]:
    """The main one and those beside it; others that stand there twice do so in the answer."""
    if first is None or others[:1] == [first]:
        return others
    return [first, *(each for each in others if each != first)]


# PackageX.


def packagex_contact(record: Json) -> dict[str, Any]:
    """A person."""
    vendor_id = identity(record)
    name, email, phone = (text(record.get(key)) for key in ("name", "email", "phone"))
    first, _, last = (name or "").strip().partition(" ")
    return contact(
        PX, vendor_id, "", record,
        firstName=first or None,
        lastName=last.strip() or None,
        name=name,
        reached=(email, phone),
        email=email,
        emails=once([email]),
        phone=phone,
        phones=once([phone]),
        **_of_packagex(record),
    )  # fmt: skip


def packagex_group(record: Json) -> dict[str, Any]:
    """A group."""
    vendor_id, held = identity(record), a(dict, record.get("group_contacts"))
    members = {
        name: [ContactKey(PX, "", each) for each in a(list, held.get(name)) if isinstance(each, str)]
        for name in ("children", "primary")
    }
    return {
        "__typename": "Group",
        "id": ids.encode("Group", ACCOUNT, "PACKAGEX", vendor_id),
        "source": PX,
        "sourceId": vendor_id,
        **{name: text(record.get(name)) for name in ("name", "email", "phone")},
        "memberCount": len(members["children"]),
        "_key": GroupKey(PX, vendor_id),
        "_asOf": AS_OF,
        "_members": members["children"],
        "_primary": members["primary"],
        "_raw": record,
        **_of_packagex(record),
    }


def _of_packagex(record: Json) -> dict[str, Any]:
    """What persons and groups have in common."""
    said = text(record.get("notes"))
    return {
        "notes": [note(said)] if said else [],
        "address": _address(record.get("address")),
        "createdAt": moment(record.get("created_at")),
        "updatedAt": moment(record.get("updated_at")),
        "_properties": [
            property_of(PX, key, value, _kind(value))
            for key, value in a(dict, record.get("metadata")).items()
        ],
    }


def _address(record: Json) -> dict[str, Any] | None:
    held = {"formatted_address": record} if isinstance(record, str) and record else a(dict, record)
    if not held:
        return None
    plain = ("id", "line1", "line2", "city", "state", "country", "timezone")
    named = {"stateCode": "state_code", "postalCode": "postal_code", "countryCode": "country_code"}
    numbers = {name: held.get(name) for name in ("latitude", "longitude")}
    verified = held.get("verified")
    return {
        "formatted": text(held.get("formatted_address")) or text(held.get("textarea")),
        **{name: text(held.get(name)) for name in plain},
        **{name: text(held.get(member)) for name, member in named.items()},
        **{name: float(value) if is_number(value) else None for name, value in numbers.items()},
        "verified": verified if isinstance(verified, bool) else None,
    }


def _kind(value: Json) -> str:
    if isinstance(value, bool):
        return "BOOLEAN"
    if is_number(value):
        return "NUMBER"
    return "JSON" if isinstance(value, (dict, list)) else "TEXT"


# Smart Sender.


def smart_sender_contact(record: Json) -> dict[str, Any]:
    """A contact of either form."""
    vendor_id = identity(record)
    first, last, email, phone = (text(record.get(key)) for key in ("firstName", "lastName", "email", "phone"))
    properties = [*_variables(record)]
    said = [each for each in properties if each["value"]]
    companies = [each["value"] for each in properties if each["key"].lower() == "company"]
    ways = {
        type_: once([main, *(str(each["value"]) for each in said if each["type"] == type_)])
        for type_, main in (("EMAIL", email), ("PHONE", phone))
    }
    return contact(
        SENDER, vendor_id, "", record,
        firstName=first,
        lastName=last,
        name=text(record.get("fullName")),
        reached=(email, phone),
        email=email,
        emails=ways["EMAIL"],
        phone=phone,
        phones=ways["PHONE"],
        company=text(companies[0]) if companies else None,
        notes=[_note(each) for each in objects(record.get("notes"))],
        avatarUrl=text(record.get("photo")),
        tags=[
            {"id": _id("Tag", named), "sourceId": named, **_texts(each, "name", "color")}
            for each in objects(record.get("tags"))
            if (named := text(each.get("id")))
        ],
        funnels=[
            {"id": _id("Funnel", named), "serviceKey": named, **_texts(each, "name")}
            for each in objects(record.get("funnels"))
            if (named := text(each.get("serviceKey")))
        ],
        createdAt=moment(record.get("createdAt")),
        updatedAt=moment(record.get("updatedAt")),
        _properties=properties,
    )  # fmt: skip


def _note(record: Json) -> dict[str, Any]:
    author = text(a(dict, record.get("user")).get("fullName"))
    return note(text(record.get("content")), author, moment(record.get("createdAt")))


def _variables(record: Json) -> Iterable[dict[str, Any]]:
    listed = record.get("variables") or record.get("values")
    if listed is None and "variables" not in record:
        for key, value in record.items():
            if key not in SYSTEM and not key.startswith("_"):
                yield property_of(SENDER, key, value, "OTHER")
    for each in objects(listed):
        name = text(each.get("name"))
        if name is not None:
            yield property_of(SENDER, name, each.get("value"), word(SENDER_TYPES, each.get("type")))


def smart_sender_chat(record: Json, of: ContactKey) -> dict[str, Any]:
    """A chat with its gates, each with its channel."""
    gates = [_gate(each, of) for each in objects(record.get("gates"))]
    unread = _whole(record.get("unreadMessages"))
    return {
        **_thing("Chat", identity(record), of.id),
        "name": text(record.get("name")),
        "imageUrl": text(record.get("image")),
        "unreadMessages": sum(each["unreadMessages"] or 0 for each in gates) if unread is None else unread,
        "communications": gates,
        "createdAt": moment(record.get("createdAt")),
        "updatedAt": moment(record.get("updatedAt")),
        "_contact": of,
    }


def _gate(record: Json, of: ContactKey) -> dict[str, Any]:
    vendor_id, held = identity(record), a(dict, record.get("channel"))
    return {
        **_thing("Communication", vendor_id, of.id, vendor_id),
        "channel": _channel(held) if held else None,
        "subscribed": _flag(record.get("subscribed")),
        "unreadMessages": _whole(record.get("unreadMessages")),
        "_contact": of,
    }


def _channel(record: Json) -> dict[str, Any]:
    vendor_id = identity(record)
    return {
        **_thing("Channel", vendor_id, vendor_id),
        **_texts(record, "type", "name", "link"),
        "active": _flag(record.get("active")),
        "createdAt": moment(record.get("createdAt")),
        "updatedAt": moment(record.get("updatedAt")),
    }


def _thing(kind: str, vendor_id: str, *parts: str) -> dict[str, Any]:
    return {"__typename": kind, "id": _id(kind, *parts), "source": SENDER, "sourceId": vendor_id}


def _id(kind: str, *parts: str) -> str:
    return ids.encode(kind, ACCOUNT, "SMART_SENDER", *parts)


def _texts(record: Json, *members: str) -> dict[str, Any]:
    return {member: text(record.get(member)) for member in members}


def _flag(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


def _whole(value: Json) -> int | None:
    return value if type(value) is int and value in range(-(2**31), 2**31) else None
