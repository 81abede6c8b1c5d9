"""Inputs of mutations, checked and put into the core's words. Every complaint is a `UserError`. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from gateway.errors import BadInput
from gateway.model import ids
from gateway.model.contact import ContactKey
from gateway.model.source import Source
from gateway.model.text import e164
from gateway.model.unset import UNSET
from gateway.model.writing import (
    NONE,
    AddressRef,
    AddressText,
    ContactValues,
    GroupValues,
    NewAddress,
    NewMessage,
    Text,
    UserError,
    UserErrorCode,
    split_name,
    user_error,
)
from gateway.upstreams.checks import is_email

MOST_IDS: Final = 500
LONGEST_TEXT: Final = 10_000
MOST_PROPERTIES: Final = 200
LONGEST_NAME: Final = 255
LONGEST_VALUE: Final = 100_000
CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all but line breaks and tabs

Given = Mapping[str, Any]


@dataclass(slots=True)
class Complaints:
    """What is wrong with one input."""

    found: list[UserError] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.found)

    def add(
        self, code: UserErrorCode, message: str, *path: str | int, source: Source | str | None = None
    ) -> None:
        """One more complaint."""
        self.found.append(user_error(code, message, *path, source=source))

    def below(self, errors: Sequence[UserError], *path: str | int) -> None:
        """Complaints whose paths begin below another one."""
        head = [str(step) for step in path]
        self.found.extend({**each, "field": [*head, *(each["field"] or [])]} for each in errors)


def contact_ids(
    given: Sequence[str], account: str, wrong: Complaints, *path: str | int
) -> dict[str, ContactKey]:
    """Global ids of contacts with their keys, each once; complaints about those that are none."""
    if not given:
        wrong.add(UserErrorCode.REQUIRED, "The list is empty: name at least one contact.", *path)
    if len(given) > MOST_IDS:
        wrong.add(
            UserErrorCode.TOO_LARGE, f"The list holds {len(given)} ids; at most {MOST_IDS} are taken.", *path
        )
        return {}
    found: dict[str, ContactKey] = {}
    for place, text in enumerate(given):
        key = contact_id(text, account, wrong, *path, place)
        if key is not None:
            found[text] = key
    return found


def contact_id(text: str, account: str, wrong: Complaints, *path: str | int) -> ContactKey | None:
    """The key of a contact's global id, or a complaint."""
    named = global_id(text, "Contact", account, wrong, *path)
    return None if named is None else ContactKey(named.source, named.parts[0], named.parts[1])


def global_id(
    text: str, type_: str, account: str, wrong: Complaints, *path: str | int
) -> ids.GlobalId | None:
    """What a global id of a type says, or a complaint."""
    try:
        return ids.expect(text, type_, account)
    except BadInput as error:
        wrong.add(UserErrorCode.NOT_FOUND, error.message, *path)
        return None


def contact_values(given: Given, region: str, wrong: Complaints, *path: str | int) -> ContactValues:
    """A `ContactInput`; its complaints have paths below `path`."""
    said = _texts(given, TEXTS, wrong, *path)
    _check_names(said, wrong, *path)
    email, phone = said["email"], said["phone"]
    if isinstance(email, str) and not is_email(email):
        wrong.add(UserErrorCode.INVALID, "This is no e-mail address.", *path, "email")
    number: Text = UNSET
    if phone is None:
        number = None
    elif isinstance(phone, str):
        number = e164(phone, region)
        if number is None:
            text = "This is no phone number. Write it with its country code: +12025550111."
            wrong.add(UserErrorCode.INVALID, text, *path, "phone")
    properties, indexes = _properties(given, wrong, *path)
    return ContactValues(
        name=said["name"],
        first_name=said["firstName"],
        last_name=said["lastName"],
        email=email,
        phone=phone,
        e164=number,
        company=said["company"],
        notes=said["notes"],
        address=_address(given, wrong, *path),
        properties=properties,
        indexes=indexes,
        region=region,
    )


def _properties(
    given: Given, wrong: Complaints, *path: str | int
) -> tuple[Mapping[str, Any], Mapping[str, int]]:
    """Values of properties by key, and their places in the input."""
    properties = given.get("properties")
    if not properties:
        return NONE, NONE
    if len(properties) > MOST_PROPERTIES:
        text = f"At most {MOST_PROPERTIES} properties are taken."
        wrong.add(UserErrorCode.TOO_LARGE, text, *path, "properties")
    held: dict[str, Any] = {}
    indexes: dict[str, int] = {}
    for place, each in enumerate(properties):
        key = each["key"]
        if not key.strip():
            wrong.add(UserErrorCode.REQUIRED, "A property needs a key.", *path, "properties", place, "key")
        if key in held:
            text = f"The property {key!r} is given twice."
            wrong.add(UserErrorCode.DUPLICATE, text, *path, "properties", place, "key")
        if "value" not in each:
            text = "A property needs a value: give null to clear it."
            wrong.add(UserErrorCode.REQUIRED, text, *path, "properties", place, "value")
        _check_value(each.get("value"), wrong, *path, "properties", place, "value")
        held[key], indexes[key] = each.get("value"), place
    return held, indexes


TEXTS: Final = ("name", "firstName", "lastName", "email", "phone", "company", "notes")


def _check_value(value: Any, wrong: Complaints, *path: str | int) -> None:
    """Complain of a blank text, and of what cannot be sent, such as a number beyond 64 bits."""
    if isinstance(value, str) and not value.strip():
        wrong.add(UserErrorCode.REQUIRED, "The value is empty: give null to clear it.", *path)
    try:
        size = len(orjson.dumps(value))
    except TypeError:
        wrong.add(UserErrorCode.INVALID, "This value cannot be sent as JSON.", *path)
        return
    if size > LONGEST_VALUE:
        wrong.add(UserErrorCode.TOO_LARGE, f"The value has more than {LONGEST_VALUE} bytes.", *path)


def _check_names(values: Mapping[str, Text], wrong: Complaints, *path: str | int) -> None:
    """Complain of a whole name that contradicts its parts."""
    name, first, last = values["name"], values["firstName"], values["lastName"]
    if name is UNSET or (first is UNSET and last is UNSET):
        return
    split = split_name(name)
    if (first is not UNSET and first != split[0]) or (last is not UNSET and last != split[1]):
        text = "name contradicts firstName or lastName: give the one or the others."
        wrong.add(UserErrorCode.CONFLICT, text, *path, "name")


def named_somehow(values: ContactValues) -> bool:
    """Whether a contact gets any name at all."""
    return any(isinstance(part, str) for part in (values.name, values.first_name, values.last_name))


def group_values(given: Given, region: str, wrong: Complaints) -> GroupValues:
    """The plain fields of `CreateGroupInput` and `UpdateGroupInput`."""
    said = _texts(given, ("name", "email", "phone", "notes"), wrong)
    if said["name"] is None:
        wrong.add(UserErrorCode.REQUIRED, "A group needs a name.", "name")
    if isinstance(said["email"], str) and not is_email(said["email"]):
        wrong.add(UserErrorCode.INVALID, "This is no e-mail address.", "email")
    if isinstance(said["phone"], str) and e164(said["phone"], region) is None:
        wrong.add(UserErrorCode.INVALID, "This is no phone number.", "phone")
    return GroupValues(
        name=said["name"],
        email=said["email"],
        phone=said["phone"],
        notes=said["notes"],
        address=_address(given, wrong),
    )


# Kind of a message → what it needs.
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "TEXT": ("text",),
    "LOCATION": ("title", "latitude", "longitude"),
    "CONTACT": ("fullName", "phoneNumber"),
}
MEDIA: Final = ("mediaUrl",)
PLACES: Final[Mapping[str, float]] = {"latitude": 90.0, "longitude": 180.0}


def message(given: Given, region: str, wrong: Complaints) -> NewMessage:
    """A `SendMessageInput`: what its kind needs has to be there, and nothing else."""
    kind = given["type"]
    needed = NEEDS.get(kind, MEDIA)
    for name in needed:
        if given.get(name) is None or (isinstance(given[name], str) and not given[name].strip()):
            wrong.add(UserErrorCode.REQUIRED, f"A message of the type {kind} needs {name}.", name)
    for name in ("text", "mediaUrl", "title", "latitude", "longitude", "fullName", "phoneNumber"):
        if name not in needed and given.get(name) is not None:
            wrong.add(UserErrorCode.INVALID, f"A message of the type {kind} has no {name}.", name)
    for name in ("text", "title", "fullName"):
        if len(given.get(name) or "") > LONGEST_TEXT:
            wrong.add(UserErrorCode.TOO_LARGE, f"At most {LONGEST_TEXT} signs are taken.", name)
    for name, most in PLACES.items():
        if given.get(name) is not None and not -most <= given[name] <= most:
            wrong.add(UserErrorCode.INVALID, f"{name} lies between -{most:.0f} and {most:.0f}.", name)
    phone = given.get("phoneNumber")
    if phone and e164(phone, region) is None:
        wrong.add(UserErrorCode.INVALID, "This is no phone number.", "phoneNumber")
    return NewMessage(
        kind=kind,
        text=given.get("text"),
        media_url=given.get("mediaUrl"),
        title=given.get("title"),
        latitude=given.get("latitude"),
        longitude=given.get("longitude"),
        full_name=given.get("fullName"),
        phone_number=(e164(phone, region) if phone else None) or phone,
    )


def _texts(given: Given, names: Sequence[str], wrong: Complaints, *path: str | int) -> dict[str, Text]:
    """Texts without space around; blank ones are refused, as null clears and absent keeps."""
    found: dict[str, Text] = {}
    for name in names:
        value = given.get(name, UNSET)
        if isinstance(value, str):
            value = value.strip()
            if not value:
                wrong.add(UserErrorCode.REQUIRED, f"{name} is empty: give null to clear it.", *path, name)
            elif len(value) > LONGEST_TEXT:
                text = f"{name} has more than {LONGEST_TEXT} signs."
                wrong.add(UserErrorCode.TOO_LARGE, text, *path, name)
            elif CONTROL.search(value):
                wrong.add(UserErrorCode.INVALID, f"{name} holds control characters.", *path, name)
        found[name] = value
    return found


def _address(given: Given, wrong: Complaints, *path: str | int) -> NewAddress:
    if "address" not in given:
        return UNSET
    address = given["address"]
    if address is None:
        return None
    if address.get("sourceId") is not None:
        return AddressRef(id=str(address["sourceId"]))
    text = address["text"]
    if not text["formatted"].strip():
        wrong.add(UserErrorCode.REQUIRED, "The address is empty.", *path, "address", "text", "formatted")
    return AddressText(formatted=text["formatted"].strip(), line2=text.get("line2"))
