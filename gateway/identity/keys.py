"""The keys of a record: what it may have in common with other records of the same person."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import phonenumbers

from gateway.identity.rules import EMAIL, EXTERNAL, MAILBOX, PHONE, Rules
from gateway.model.contact import Contact
from gateway.model.text import as_text, e164, same_email

Key = tuple[str, str]
"""Kind and normalised value."""

COUNTRIES: Final = frozenset(phonenumbers.SUPPORTED_REGIONS)
COUNTRY_KEYS: Final = frozenset({"country", "countrycode", "country_code"})
LONGEST_ID: Final = 200
REPEATED: Final = 7  # equal digits at the end of what nobody's phone is
IN_A_ROW: Final = 8  # digits there, one above the other
MADE_UP: Final = 3  # letters of a mailbox that is called as its domain
ROW: Final = "01234567890123456789"
FALLING: Final = "98765432109876543210"

# Where dots in front of the @ do not count, and by which name else the same mailboxes go.
DOTLESS: Final = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
TAGGED: Final = frozenset(
    "gmail.com googlemail.com outlook.com hotmail.com live.com icloud.com me.com mac.com fastmail.com "
    "proton.me protonmail.com pm.me".split()
)


def region_of(contact: Contact, rules: Rules) -> str:
    """The country in which phones of a contact without a code are read: its own, else that of the setting."""
    address = contact["address"]
    said: list[Any] = [address["countryCode"], address["country"]] if address else []
    said += [each["value"] for each in contact["_properties"] or () if each["key"].lower() in COUNTRY_KEYS]
    for country in said:
        code = country.strip().upper() if isinstance(country, str) else ""
        if code in COUNTRIES:
            return code
    return rules.region


def emails(contact: Contact) -> dict[str, str]:
    """E-mails as written, by their normal form."""
    found: dict[str, str] = {}
    for text in contact["emails"]:
        found.setdefault(same_email(text), text)
    return found


def phones(contact: Contact, rules: Rules) -> dict[str, str]:
    """Phones as written, by E.164; those that are none are left out."""
    if not contact["phones"]:
        return {}
    region = region_of(contact, rules)
    found: dict[str, str] = {}
    for text in contact["phones"]:
        number = e164(text, region)
        if number:
            found.setdefault(number, text)
    return found


def keys(contact: Contact, rules: Rules) -> dict[Key, str]:
    """All keys of a contact, with what is written there."""
    found: dict[Key, str] = {}
    for form, written in emails(contact).items():
        found[EMAIL, form] = written
        if rules.providers and (mailbox := provided(form)):
            found[MAILBOX, mailbox] = written
    found.update({(PHONE, number): written for number, written in phones(contact, rules).items()})
    if rules.external:
        found.update(_external(contact, rules))
    return found


def _external(contact: Contact, rules: Rules) -> Iterator[tuple[Key, str]]:
    held = {each["key"]: each["value"] for each in contact["_properties"] or ()}
    for name, places in rules.external.items():
        key = places.get(contact["source"])
        value = held.get(key) if key is not None else None
        written = "" if value is None or isinstance(value, bool | dict | list) else as_text(value).strip()
        if written and len(written) <= LONGEST_ID:
            yield (f"{EXTERNAL}{name}", written), written


@lru_cache(maxsize=16_384)
def provided(form: str) -> str | None:
    """A mailbox as its provider reads it: without dots and plus tags; None where no rule is known."""
    local, _, domain = form.rpartition("@")
    if domain not in TAGGED:
        return None
    bare = local.partition("+")[0] or local
    if domain in DOTLESS:
        bare, domain = bare.replace(".", "") or bare, DOTLESS[domain]
    return f"{bare}@{domain}"


def joins(key: Key, rules: Rules) -> bool:
    """Whether a key can be one person's: no role's mailbox, no made-up phone, not named by the operator."""
    kind, value = key
    if value in rules.shared:
        return False
    if kind in (EMAIL, MAILBOX):
        return _is_own(value, rules.roles)
    return kind != PHONE or not (placeholder(value) or local_only(value))


def _is_own(value: str, roles: frozenset[str]) -> bool:
    """Whether a mailbox can be one person's: not a role's, and not made up as "a@a.com" is."""
    local, _, domain = value.rpartition("@")
    word = local.partition("+")[0].replace("-", "").replace("_", "").replace(".", "")
    made_up = len(word) <= MADE_UP and word == domain.partition(".")[0]
    return bool(word) and not made_up and word not in roles and local not in roles


@lru_cache(maxsize=16_384)
def placeholder(number: str) -> bool:
    """Whether a phone was made up: one digit over and over, digits in a row, or the same three."""
    digits = number.removeprefix("+")
    row = digits[-IN_A_ROW:]
    if len(set(digits[-REPEATED:])) == 1 or row in ROW or row in FALLING:
        return True
    return any(digits[at : at + 3] * 3 == digits[at : at + 9] for at in range(len(digits) - 8))


@lru_cache(maxsize=16_384)
def local_only(number: str) -> bool:
    """Whether a phone lacks its area code: as many people have it as there are areas."""
    reason = phonenumbers.is_possible_number_with_reason(phonenumbers.parse(number))
    return reason == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY
