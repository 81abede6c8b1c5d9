"""What callers ask for, checked and put into the core's words. No source is asked for any of it."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from gateway.errors import BadInput
from gateway.index.rows import instant
from gateway.model import ids
from gateway.model.filter import Filter, Order, OrderField, PropertyCondition
from gateway.model.source import SOURCES, Source
from gateway.model.text import e164, same_email

DEFAULT_PAGE: Final = 20
LARGEST_PAGE: Final = 100
LONGEST_TEXT: Final = 1_000
MOST_CONDITIONS: Final = 20

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModuleRef:
    """A module by id or by name; neither means the default one."""

    id: str | None = None
    name: str | None = None


class ContactsQuery(NamedTuple):
    """What a caller wants of the list of contacts. `group` is the id of a group whose members are meant."""

    first: int
    after: str | None
    sources: tuple[Source, ...] | None
    search: str | None
    filter: Filter | None
    module: ModuleRef | None
    group: ids.GlobalId | None
    order: Order | None


def page(arguments: Arguments) -> tuple[int, str | None]:
    """`first` and `after`; an explicit null is the default."""
    first = arguments.get("first")
    first = DEFAULT_PAGE if first is None else first
    if not 1 <= first <= LARGEST_PAGE:
        raise BadInput(f"first has to be between 1 and {LARGEST_PAGE}; it is {first}.")
    return first, arguments.get("after")


def sources(arguments: Arguments) -> tuple[Source, ...] | None:
    """`sources` in their fixed order; None for all."""
    named: Sequence[str] | None = arguments.get("sources")
    if named is None:
        return None
    if not named:
        raise BadInput("sources is empty: name at least one, or leave it out for all.")
    return tuple([source for source in SOURCES if source in named])


def text(value: str | None, what: str) -> str | None:
    """A search text; blank ones are refused, as sources would read them differently."""
    if value is None:
        return None
    value = value.strip()
    if not value:
        raise BadInput(f"{what} is empty: leave it out instead.")
    if len(value) > LONGEST_TEXT:
        raise BadInput(f"{what} is longer than {LONGEST_TEXT} signs.")
    if any(unicodedata.category(sign) == "Cc" for sign in value):
        raise BadInput(f"{what} holds control characters.")
    return value


def module(by: Arguments | None, account: str) -> ModuleRef | None:
    """A `ModuleBy`."""
    if by is None:
        return None
    if by.get("id") is not None:
        return ModuleRef(id=ids.expect(by["id"], "Module", account).parts[0])
    return ModuleRef(name=text(by.get("name"), "module.name"))


def contacts(arguments: Arguments, account: str, region: str) -> ContactsQuery:
    """The arguments of `contacts`. `region` counts for phones without a country code."""
    first, after = page(arguments)
    wanted: Arguments = {k: v for k, v in (arguments.get("filter") or {}).items() if v is not None}
    order = arguments.get("orderBy")
    group = wanted.get("group")
    conditions = {key: value for key, value in wanted.items() if key not in {"module", "group"}}
    return ContactsQuery(
        first=first,
        after=after,
        sources=sources(arguments),
        search=text(arguments.get("search"), "search"),
        filter=_filter(conditions, account, region) if conditions else None,
        module=module(wanted.get("module"), account),
        group=None if group is None else ids.expect(group, "Group", account),
        order=None
        if order is None
        else Order(field=OrderField(order["field"]), descending=order["direction"] == "DESC"),
    )


def _filter(wanted: Arguments, account: str, region: str) -> Filter:
    tag = wanted.get("tag")
    tag_id = None if tag is None else ids.expect(tag, "Tag", account)
    email = text(wanted.get("email"), "filter.email")
    properties = wanted.get("properties") or ()
    if len(properties) > MOST_CONDITIONS:
        raise BadInput(f"filter.properties holds more than {MOST_CONDITIONS} conditions.")
    return Filter(
        email=None if email is None else same_email(email),
        phone=_phone(text(wanted.get("phone"), "filter.phone"), region),
        first_name=text(wanted.get("firstName"), "filter.firstName"),
        last_name=text(wanted.get("lastName"), "filter.lastName"),
        name=text(wanted.get("name"), "filter.name"),
        company=text(wanted.get("company"), "filter.company"),
        created_after=instant(wanted.get("createdAfter")),
        created_before=instant(wanted.get("createdBefore")),
        updated_after=instant(wanted.get("updatedAfter")),
        updated_before=instant(wanted.get("updatedBefore")),
        tag=None if tag_id is None else tag_id.parts[0],
        tag_source=None if tag_id is None else tag_id.source,
        properties=tuple(_condition(each) for each in properties),
    )


def _phone(phone: str | None, region: str) -> str | None:
    if phone is None:
        return None
    number = e164(phone, region)
    if number is None:
        raise BadInput("filter.phone is no phone number. Write it with its country code: +12025550111.")
    return number


def _condition(each: Arguments) -> PropertyCondition:
    key = text(each["key"], "filter.properties.key")
    if "equals" not in each and each.get("contains") is None and each.get("exists") is None:
        raise BadInput("A condition on a property needs equals, contains or exists.")
    return PropertyCondition(
        key=key or "",
        equals=(each["equals"],) if "equals" in each else None,
        contains=text(each.get("contains"), "filter.properties.contains"),
        exists=each.get("exists"),
    )
