"""What PackageX accepts in a body; every function answers with the names of the properties at fault."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Body = Mapping[str, Any]
Check = Callable[[Any], bool]

EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
PHONE: Final = re.compile(r"\+?[\d\s().-]+", re.ASCII)


def is_text(value: object) -> bool:
    """A string that says something."""
    return isinstance(value, str) and bool(value.strip())


def is_email(value: object) -> bool:
    """Something at a domain with a dot."""
    return isinstance(value, str) and EMAIL.fullmatch(value) is not None


def is_phone(value: object) -> bool:
    """Seven to fifteen digits, a plus in front, and the usual signs between."""
    if not isinstance(value, str) or PHONE.fullmatch(value) is None:
        return False
    return 7 <= sum(sign.isdigit() for sign in value) <= 15


def is_file_address(value: object) -> bool:
    """A data URL or a web address."""
    return isinstance(value, str) and value.startswith(("data:", "http://", "https://"))


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


_maybe_string = _or_null(lambda value: isinstance(value, str))

UPDATE: Final[Mapping[str, Check]] = {
    "name": is_text,
    "email": _or_null(is_email),
    "phone": _or_null(is_phone),
    "address": _or_null(is_text),
    "address_line2": _maybe_string,
    "notes": _maybe_string,
    "metadata": _or_null(lambda value: isinstance(value, dict)),
    "group_contacts": lambda value: isinstance(value, dict),
}
CREATE: Final[Mapping[str, Check]] = {
    **{name: check for name, check in UPDATE.items() if name != "group_contacts"},
    "address": is_text,
    "type": lambda value: value in ("person", "group"),
}
FILE: Final[Mapping[str, Check]] = {
    "csv_url": is_file_address,
    "overwrite": lambda value: isinstance(value, bool),
}


def create_errors(body: Body) -> list[str]:
    """What is wrong with the body of a new person, group or file."""
    if "csv_url" in body:
        return _errors(body, FILE)
    return [*(["name"] if "name" not in body else []), *_errors(body, CREATE)]


def update_errors(body: Body) -> list[str]:
    """What is wrong with the body of an update, but for the members of a group."""
    return _errors(body, UPDATE)


def group_errors(lists: Body, stored: Body, exists: Callable[[str], bool]) -> list[str]:
    """What is wrong with the lists of a group that are to replace the stored ones."""
    wrong = {name for name, value in lists.items() if name not in stored or not _is_list_of_ids(value)}
    if not wrong:
        after = {**stored, **lists}
        if not all(exists(member) for member in after["children"]):
            wrong.add("children")
        elif not set(after["primary"]) <= set(after["children"]):
            wrong.add("primary")
    return [f"group_contacts.{name}" for name in sorted(wrong)]


def merged_metadata(stored: Body, sent: Body | None) -> dict[str, Any]:
    """The metadata after a write: a null member removes that key, null for the whole removes all."""
    merged = {} if sent is None else {**stored, **sent}
    return {key: value for key, value in merged.items() if value is not None}


def _errors(body: Body, checks: Mapping[str, Check]) -> list[str]:
    return [name for name, value in body.items() if name not in checks or not checks[name](value)]


def _is_list_of_ids(value: object) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return False
    return all(isinstance(member, str) for member in value) and len(set(value)) == len(value)
