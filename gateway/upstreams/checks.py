"""Whether new values fit what a source defines, and whether a contact holds them afterwards. Pure."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final

from gateway.model.contact import Contact
from gateway.model.property import Property, PropertyType
from gateway.model.text import as_text, e164, same_email
from gateway.model.writing import PROPERTIES, ContactValues, UserError, UserErrorCode, user_error

LONGEST_VALUE: Final = 10_000
NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
LONGEST_PLAIN: Final = 63  # shorter than anything of an e-mail that has a longest length
PLAIN_EMAIL: Final = re.compile(
    r"[a-z0-9_+-]+(\.[a-z0-9_+-]+)*@([a-z0-9]+(-[a-z0-9]+)*\.)+(?!(arpa|invalid|local|localhost|onion)$)[a-z]+",
    re.ASCII | re.IGNORECASE,
)


def is_email(text: str) -> bool:
    """Whether a text has the form of an e-mail address at a domain with a dot."""
    if len(text) <= LONGEST_PLAIN and PLAIN_EMAIL.fullmatch(text):  # as nearly all are
        return True
    from email_validator import EmailNotValidError, validate_email  # takes a while, and memory

    try:
        found = validate_email(
            text, check_deliverability=False, globally_deliverable=False, test_environment=True
        )
    except EmailNotValidError:
        return False
    return "." in found.domain


def fits(value: Any, definition: Property, region: str) -> bool:
    """Whether a value is of the type that a definition asks for."""
    type_ = definition["type"]
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        return False
    if type_ == PropertyType.ENUM:
        return _is_choice(value, definition)
    if type_ == PropertyType.PHONE:
        return isinstance(value, str) and e164(value, region) is not None
    check = TYPES.get(type_)
    return check is None or check(value)


def wrong_properties(
    values: ContactValues, definitions: Mapping[str, Property], region: str, source: str
) -> list[UserError]:
    """Properties that are not defined, or whose value is of the wrong type; with paths below `contact`."""
    found = []
    for key, value in values.properties.items():
        place = values.indexes.get(key, 0)
        definition = definitions.get(key)
        if definition is None:
            text = f"There is no property {key!r}."
            found.append(user_error(UserErrorCode.NOT_FOUND, text, "properties", place, "key", source=source))
        elif value is not None and not fits(value, definition, region):
            text = f"The property {key!r} takes a {definition['type']}."
            found.append(user_error(UserErrorCode.INVALID, text, "properties", place, "value", source=source))
    return found


def compared(
    contact: Contact, values: ContactValues, places: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields that hold what was asked, and those that do not or have no place."""
    applied: list[str] = []
    ignored: list[str] = []
    for name, value in values.named().items():
        holds = name in places and holds_value(contact, name, value, values.region)
        (applied if holds else ignored).append(name)
    return tuple(applied), tuple(ignored)


def holds_value(contact: Contact, name: str, value: Any, region: str) -> bool:
    """Whether a field of a contact holds a value; texts are equal without space around them."""
    if name.startswith(PROPERTIES):
        named = (p for p in contact["_properties"] or () if p["key"] == name[len(PROPERTIES) :])
        found = next((each["value"] for each in named), None)
        return _empty(found) if value is None else not _empty(found) and as_text(found) == as_text(value)
    if name == "address":
        return (contact["address"] is None) == (value is None)
    if name == "notes":
        return _text(contact["notes"][0]["text"] if contact["notes"] else None) == _text(value)
    if name == "name":
        return value == contact["displayName"] or _is_whole_name(contact, value)
    held = contact.get(name)
    return held == value or _are_alike(name, _text(held), _text(value), region)


def _is_whole_name(contact: Contact, value: Any) -> bool:
    whole = " ".join(part for part in (contact["firstName"], contact["lastName"]) if part)
    return _text(value) in {_text(whole), _text(contact["displayName"])}


def _are_alike(name: str, found: str | None, wanted: str | None, region: str) -> bool:
    """Whether two texts of a field mean the same."""
    if found == wanted:
        return True
    if found is None or wanted is None:
        return False
    if name == "email":
        return same_email(found) == same_email(wanted)
    return name == "phone" and e164(found, region) == e164(wanted, region) is not None


def _text(value: Any) -> str | None:
    """A text without space around and doubled space within; the empty one is None."""
    return " ".join(str(value).split()) or None if value is not None else None


def _empty(value: Any) -> bool:
    return value is None or value in ("", [])


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return NUMBER.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool) or value in ("true", "false")


def _is_date(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"https?://[^\s/?#]+\S*", value) is not None


def _is_choice(value: Any, definition: Property) -> bool:
    choices = {option["key"] for option in definition["options"]} | {
        option["label"] for option in definition["options"]
    }
    wanted = value if isinstance(value, list) else [value]
    return all(isinstance(each, str) and (not choices or each in choices) for each in wanted)


TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    PropertyType.TEXT: _is_text,
    PropertyType.NUMBER: _is_number,
    PropertyType.BOOLEAN: _is_boolean,
    PropertyType.DATE: _is_date,
    PropertyType.DATE_TIME: _is_date,
    PropertyType.EMAIL: lambda value: isinstance(value, str) and is_email(value),
    PropertyType.URL: _is_url,
    PropertyType.REFERENCE: _is_text,
}
