"""What the index keeps of a contact. Pure."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson

from gateway.identity import keys
from gateway.identity.keys import Key
from gateway.identity.rules import EMAIL, PHONE, Rules
from gateway.model.contact import Contact
from gateway.model.record import record_of
from gateway.model.text import as_text, folded

LONGEST_NAME: Final = 1_000  # a name is part of the cursor of a list that is sorted by it
DIGEST_BYTES: Final = 16
PROPERTY: Final = "properties."


class Row(NamedTuple):
    """A contact as the index keeps it: its record, and the forms in which it is looked up.

    `position` is its place in the module when it was read, `as_of` when that was (RFC 3339), `digest` the
    same as long as nothing that matters has changed, `others` the keys besides e-mails, phones and tags.
    """

    source: str
    module: str
    id: str
    position: int
    as_of: str
    record: bytes
    digest: str
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
    others: tuple[Key, ...]
    properties: str


def row_of(contact: Contact, position: int, rules: Rules) -> Row:
    """The row of a contact."""
    emails: list[str] = []
    phones: list[str] = []
    others: list[Key] = []
    for found in keys.keys(contact, rules):
        kind, value = found
        if kind == EMAIL:
            emails.append(value)
        elif kind == PHONE:
            phones.append(value)
        else:
            others.append(found)
    name = folded(contact["displayName"] or "")[:LONGEST_NAME]
    company = folded(contact["company"] or "")
    said = [name, company, *emails]
    said += [email for email in contact["emails"] if not email.isascii()]  # as people look for it
    said += contact["phones"]
    said += ["".join(filter(str.isdigit, phone)) for phone in contact["phones"]]
    properties = {each["key"]: each["value"] for each in contact["_properties"] or ()}
    key = contact["_key"]
    return Row(
        source=key.source.value,
        module=key.module,
        id=key.id,
        position=position,
        as_of=contact["asOf"],
        record=orjson.dumps(record_of(contact["_raw"])),
        digest=digest(contact),
        name=name,
        first=folded(contact["firstName"] or ""),
        last=folded(contact["lastName"] or ""),
        company=company,
        email=emails[0][:LONGEST_NAME] if emails else "",
        text=folded(" ".join(said)),
        created=instant(contact["createdAt"]),
        updated=instant(contact["updatedAt"]),
        emails=tuple(emails),
        phones=tuple(phones),
        tags=tuple(tag["sourceId"] for tag in contact["tags"]),
        others=tuple(others),
        properties=orjson.dumps(searchable(properties)).decode(),
    )


def held(contact: Contact) -> dict[str, Any]:
    """What matters of a contact, by the name of the field: neither when it was read nor when it changed."""
    return {
        "displayName": contact["displayName"],
        "firstName": contact["firstName"],
        "lastName": contact["lastName"],
        "email": contact["emails"],
        "phone": contact["phones"],
        "company": contact["company"],
        "notes": [[note["text"], note["author"]] for note in contact["notes"]],
        "address": contact["address"],
        "avatarUrl": (contact["avatarUrl"] or "").partition("?")[0],  # what follows may be a fresh signature
        "tags": sorted(tag["sourceId"] for tag in contact["tags"]),
        "funnels": sorted(funnel["serviceKey"] for funnel in contact["funnels"]),
        **{f"{PROPERTY}{each['key']}": each["value"] for each in contact["_properties"] or ()},
    }


def digest(contact: Contact) -> str:
    """The same for the same values, whatever the order in which the source tells them."""
    text = orjson.dumps(held(contact), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=DIGEST_BYTES).hexdigest()


def filled(contact: Contact) -> list[str]:
    """The names of the fields that hold something."""
    return [name for name, value in held(contact).items() if value not in (None, "", [], {})]


def differing(one: Contact, other: Contact) -> list[str]:
    """The names of the fields whose values differ."""
    before, after = held(one), held(other)
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


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
