"""What the index keeps of a contact. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from gateway.model.contact import Contact
from gateway.model.text import as_text, e164, folded, same_email

LONGEST_NAME: Final = 1_000  # a name is part of the cursor of a list that is sorted by it


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A contact as the index keeps it: its record, and the forms in which it is looked up.

    `position` is its place in the module when it was read, `as_of` when that was (RFC 3339).
    """

    source: str
    module: str
    id: str
    position: int
    as_of: str
    record: bytes
    name: str
    first: str
    last: str
    company: str
    email: str
    text: str
    created: str | None
    updated: str | None
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    tags: tuple[str, ...]
    properties: str


def row_of(contact: Contact, position: int, region: str) -> Row:
    """The row of a contact; `region` counts for phones without a country code."""
    emails = tuple(dict.fromkeys(same_email(email) for email in contact["emails"]))
    found = (e164(phone, region) for phone in contact["phones"])
    phones = tuple(dict.fromkeys(phone for phone in found if phone))
    name = folded(contact["displayName"] or "")[:LONGEST_NAME]
    company = folded(contact["company"] or "")
    digits = ("".join(sign for sign in phone if sign.isdigit()) for phone in contact["phones"])
    properties = {each["key"]: each["value"] for each in contact["_properties"] or ()}
    key = contact["_key"]
    return Row(
        source=key.source.value,
        module=key.module,
        id=key.id,
        position=position,
        as_of=contact["asOf"],
        record=orjson.dumps(contact["_raw"]),
        name=name,
        first=folded(contact["firstName"] or ""),
        last=folded(contact["lastName"] or ""),
        company=company,
        email=emails[0][:LONGEST_NAME] if emails else "",
        text=folded(" ".join((name, company, *emails, *contact["phones"], *digits))),
        created=instant(contact["createdAt"]),
        updated=instant(contact["updatedAt"]),
        emails=emails,
        phones=phones,
        tags=tuple(tag["sourceId"] for tag in contact["tags"]),
        properties=json.dumps(searchable(properties), ensure_ascii=False),
    )


def searchable(properties: Mapping[str, Any]) -> dict[str, str]:
    """Property values as texts, as sources mix numbers and texts up; keys without a value are left out."""
    return {key: as_text(value) for key, value in properties.items() if value is not None}


def instant(stamp: str | None) -> str | None:
    """An RFC 3339 text in the one form that sorts: UTC, milliseconds. None for what is no time."""
    if not stamp:
        return None
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return None
