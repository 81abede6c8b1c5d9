"""What the vendor accepts and refuses, as plain functions."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

Record = dict[str, Any]
Fields = dict[str, list[str]]

EMPTY: Final = "must not be empty"
PAGE_SIZE: Final = 20
COORDINATES: Final = {"latitude", "longitude"}
SEND_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "file": ("media",),
    "location": ("title", "latitude", "longitude"),
    "picture": ("media",),
    "voice": ("media",),
    "text": ("content",),
    "video": ("media",),
    "audio": ("media",),
    "contact": ("fullName", "phoneNumber"),
    "animation": ("media",),
}


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, message: str, fields: Fields | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.fields = fields

    def body(self) -> Record:
        """The error on the wire."""
        error: Record = {"code": self.status, "message": str(self)}
        return {"error": error | {"fields": self.fields} if self.fields else error}


def insist(fields: Fields) -> None:
    """Refuse with 422 when a parameter has a complaint."""
    if fields:
        raise Refused(422, "The given data was invalid", fields)


def whole(text: str) -> int | None:
    """The whole number that a text stands for, if it is one."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None


def page_and_size(query: Mapping[str, str]) -> tuple[int, int]:
    """Which page is asked for, and how many records a page has."""
    page, size = whole(query.get("page", "1")), whole(query.get("limitation", str(PAGE_SIZE)))
    fields = {"page": _between(page, None), "limitation": _between(size, PAGE_SIZE)}
    insist({name: [complaint] for name, complaint in fields.items() if complaint})
    return page or 1, size or PAGE_SIZE


def _between(number: int | None, most: int | None) -> str | None:
    if number is None:
        return "must be an integer"
    if number < 1:
        return "must be at least 1"
    return f"must not be greater than {most}" if most is not None and number > most else None


def is_text(value: object) -> bool:
    """Any text."""
    return isinstance(value, str)


def is_email(value: object) -> bool:
    """Something@domain.tld without blanks."""
    return isinstance(value, str) and re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", value) is not None


def is_phone(value: object) -> bool:
    """International, with a plus sign and 6 to 15 digits."""
    return isinstance(value, str) and re.fullmatch(r"\+[0-9]{6,15}", value) is not None


def is_url(value: object) -> bool:
    """An address of the web with a host."""
    return isinstance(value, str) and re.fullmatch(r"https?://[^\s/?#]+\S*", value) is not None


def is_number(value: object) -> bool:
    """A number, also one written as text."""
    if isinstance(value, str):
        return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_date(value: object) -> bool:
    """A day, or a moment as the vendor writes it."""
    form = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}:[0-9]{2})?"
    if not isinstance(value, str) or not re.fullmatch(form, value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


TYPES: Final[dict[str, Callable[[object], bool]]] = {
    "url": is_url,
    "date": is_date,
    "email": is_email,
    "phone": is_phone,
    "number": is_number,
    "string": is_text,
}
SYSTEM_FIELDS: Final[dict[str, Callable[[object], bool]]] = {
    "firstName": lambda value: isinstance(value, str) and 0 < len(value) <= 255,
    "lastName": lambda value: isinstance(value, str) and len(value) <= 255,
    "email": is_email,
    "phone": is_phone,
}


def fits(value: object, variable: Record) -> bool:
    """Whether a variable may hold that value."""
    if variable["type"] == "enum":
        return value in variable["values"].split(",")
    return TYPES[variable["type"]](value)


def term(query: Mapping[str, str]) -> str:
    """The keyword of a search, in lower case."""
    text = query.get("term", "")
    insist({"term": [EMPTY]} if not text.strip() else {})
    return text.lower()


def activities(query: Mapping[str, str]) -> bool:
    """Whether system messages are wanted."""
    text = query.get("activities", "0")
    insist({"activities": ["must be 0 or 1"]} if text not in {"0", "1"} else {})
    return text == "1"


def values(body: Record) -> Record:
    """The values that an update wants to write."""
    wanted = body.get("values")
    if not isinstance(wanted, dict):
        raise Refused(422, "The given data was invalid", {"values": ["must be an object"]})
    insist(_unknown(body, {"values"}) | ({} if wanted else {"values": [EMPTY]}))
    return wanted


def event_name(body: Record, query: Mapping[str, str]) -> str:
    """The name of the event to launch, from the body or else from the query."""
    name = body.get("name") or query.get("name")
    complaint = EMPTY if not name else "must be a string"
    insist(_unknown(body, {"name"}) | ({} if name and isinstance(name, str) else {"name": [complaint]}))
    return str(name)


def check_gate(body: Record) -> None:
    """Refuse a gate that lacks something or has it in the wrong form."""
    optional: dict[str, tuple[Callable[[object], bool], str]] = {
        "lastName": (SYSTEM_FIELDS["lastName"], "must be a string of at most 255 characters"),
        "email": (is_email, "must be an email address"),
        "phone": (is_phone, "must be an international phone number"),
    }
    fields = _unknown(body, {"identifier", "firstName", "parameters", *optional})
    for name in ("identifier", "firstName"):
        if complaint := _required_text(body.get(name)):
            fields[name] = [complaint]
    if "firstName" not in fields and len(body["firstName"]) > 255:
        fields["firstName"] = ["must be a string of at most 255 characters"]
    for name, (accepts, complaint) in optional.items():
        if body.get(name) is not None and not accepts(body[name]):
            fields[name] = [complaint]
    if not isinstance(body.get("parameters", {}), dict):
        fields["parameters"] = ["must be an object"]
    insist(fields)


def check_message(body: Record) -> None:
    """Refuse a message whose type is unknown, or that lacks what its type needs."""
    kind = body.get("type")
    if not isinstance(kind, str) or kind not in SEND_NEEDS:
        wrong = EMPTY if not kind else f"must be one of {', '.join(SEND_NEEDS)}"
        raise Refused(422, "The given data was invalid", {"type": [wrong]})
    fields: Fields = {}
    for name in SEND_NEEDS[kind]:
        value = body.get(name)
        if complaint := _required_number(value) if name in COORDINATES else _required_text(value):
            fields[name] = [complaint]
        elif name == "media" and not is_url(value):
            fields[name] = ["must be a URL"]
    watermark = body.get("watermark", 0)
    if not isinstance(watermark, int) or isinstance(watermark, bool):
        fields["watermark"] = ["must be an integer"]
    insist(fields)


def _required_text(value: object) -> str | None:
    if value is None or value == "":
        return EMPTY
    return None if isinstance(value, str) else "must be a string"


def _required_number(value: object) -> str | None:
    return None if is_number(value) and not isinstance(value, str) else "must be a number"


def _unknown(body: Record, known: set[str]) -> Fields:
    return {name: ["is not a known parameter"] for name in body if name not in known}
