"""What joins records, and what does not: the rules that an operator can set."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.model.source import Source
from gateway.model.text import e164, same_email

EMAIL: Final = "email"
PHONE: Final = "phone"
MAILBOX: Final = "mailbox"  # an e-mail as its provider reads it, where those rules are on
EVERY: Final = "*"  # stands for all modules
EXTERNAL: Final = "external:"  # in front of the name that an operator has given to an id

# Mailboxes of a role, and words that stand where there is no address.
ROLES: Final = (
    "abuse accounting accounts admin administration administrator billing booking bookings buchhaltung "
    "careers contact contactus customercare customerservice einkauf enquiries enquiry events feedback "
    "finance frontdesk general hello help helpdesk hi hostmaster hr info information inquiries inquiry "
    "invoice invoices it jobs kontakt legal mail mailbox management marketing media newsletter office "
    "order orders payroll post postmaster pr press privacy procurement purchasing reception rechnung "
    "recruiting registration reservations returns sales secretary security service shipping shop staff "
    "store support team tech vertrieb warehouse webmaster welcome zentrale "
    "0 00 000 111 123 1234 12345 anonymous asdf blank customer donotreply dummy email empty example fake "
    "guest na nil no nobody noemail nomail none noone noreply notavailable notgiven notprovided null "
    "sample test tester unknown user xxx"
)


class Survival(StrEnum):
    """Which value of several a person is shown with."""

    SOURCE_PRIORITY = "SOURCE_PRIORITY"
    MOST_RECENT = "MOST_RECENT"
    MOST_COMPLETE = "MOST_COMPLETE"


FIELDS: Final = ("displayName", "firstName", "lastName", "email", "phone", "company", "address")
"""The fields of a person of which every record has its own value."""

SURVIVAL: Final[Mapping[str, Survival]] = {
    "displayName": Survival.MOST_COMPLETE,
    "firstName": Survival.MOST_COMPLETE,
    "lastName": Survival.MOST_COMPLETE,
    "email": Survival.SOURCE_PRIORITY,
    "phone": Survival.SOURCE_PRIORITY,
    "company": Survival.SOURCE_PRIORITY,
    "address": Survival.MOST_COMPLETE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of identity. `region` counts for phones that name no country, in records that name none.

    `modules`: names of those whose records are people, where a source has modules; empty for its usual one.
    `most`: of how many records of one source a key may be. `providers`: whether dots and plus tags are read
    as the large providers do. `external`: names of ids to the property that holds them, by source. `shared`:
    e-mails and phones, normalised, that join nobody.
    """

    region: str = "US"
    modules: tuple[str, ...] = ()
    most: int = 5
    providers: bool = False
    roles: frozenset[str] = frozenset(ROLES.split())
    shared: frozenset[str] = frozenset()
    external: Mapping[str, Mapping[Source, str]] = field(default_factory=dict)
    survival: Mapping[str, Survival] = field(default_factory=lambda: dict(SURVIVAL))
    priority: tuple[Source, ...] = tuple(Source)


def read_roles(value: str) -> frozenset[str]:
    """Names of mailboxes, separated by space or commas."""
    return frozenset(word.lower() for word in value.replace(",", " ").split())


def read_shared(value: str) -> frozenset[str]:
    """E-mails and phones with a plus and their country code, separated by commas."""
    found: set[str] = set()
    for each in (part.strip() for part in value.split(",") if part.strip()):
        form = same_email(each) if "@" in each else e164(each, "ZZ") if each.startswith("+") else None
        if form is None:
            raise ValueError("has a phone without a plus and a country code, or what is no phone")
        found.add(form)
    return frozenset(found)


def read_external(value: str) -> Mapping[str, Mapping[Source, str]]:
    """Ids as `name=SOURCE:property,SOURCE:property`, separated by `;`."""
    found: dict[str, dict[Source, str]] = {}
    for entry in (part.strip() for part in value.split(";") if part.strip()):
        name, equals, places = entry.partition("=")
        name = name.strip()
        if not equals or not name.replace("_", "").isalnum() or name in found:
            raise ValueError("has an entry that is not name=SOURCE:property, or a name twice")
        held: dict[Source, str] = {}
        for place in places.split(","):
            word, colon, key = (part.strip() for part in place.partition(":"))
            if not colon or not key or word not in set(Source) or Source(word) in held:
                raise ValueError("has a place that is not SOURCE:property, or a source twice")
            held[Source(word)] = key
        found[name] = held
    return found


def read_survival(value: str) -> Mapping[str, Survival]:
    """Rules by field, as `company=MOST_RECENT;address=MOST_COMPLETE`; the others keep theirs."""
    found = dict(SURVIVAL)
    for entry in (part.strip() for part in value.split(";") if part.strip()):
        name, _, rule = (part.strip() for part in entry.partition("="))
        if name not in FIELDS or rule not in set(Survival):
            raise ValueError(
                f"has an entry that is not field=rule: fields are {', '.join(FIELDS)}, "
                f"rules {', '.join(Survival)}"
            )
        found[name] = Survival(rule)
    return found


def read_priority(value: str) -> tuple[Source, ...]:
    """Sources, the one that is believed first in front; those that are left out come last."""
    words = [word.strip() for word in value.split(",") if word.strip()]
    if len(set(words)) != len(words) or not set(words) <= set(Source):
        raise ValueError(f"is no list of {', '.join(Source)}, each once")
    named = [Source(word) for word in words]
    return (*named, *(source for source in Source if source not in named))
