"""One view of a person out of several records: which value is shown, and where records disagree."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf
from operator import itemgetter
from typing import Any, Final

from gateway.identity import keys
from gateway.identity.rules import FIELDS, Rules, Survival
from gateway.model.contact import Contact
from gateway.model.person import FieldCandidate, FieldProvenance
from gateway.model.text import e164, folded, same_email

NEVER: Final = inf  # sorts behind every time


def provenance(members: Sequence[Contact], field: str, rules: Rules) -> FieldProvenance:
    """Every value of a field, in the order in which they are believed; the first is the one shown."""
    ranked = _ranked(_holding(members, field), field, rules)
    candidates: list[FieldCandidate] = [
        {
            "source": member["source"],
            "contact": member["id"],
            "value": value_of(member, field),
            "asOf": member["asOf"],
        }
        for member in ranked
    ]
    return {
        "field": field,
        "chosen": candidates[0]["value"] if candidates else None,
        "rule": rules.survival[field].value,
        "candidates": candidates,
        "conflicting": conflicting(members, field, rules),
    }


def chosen(members: Sequence[Contact], field: str, rules: Rules) -> Any:
    """The value that is shown; None where no record has one."""
    holding = _holding(members, field)
    values = [value_of(member, field) for member in holding]
    if all(value == values[0] for value in values):  # whoever is believed says so
        return values[0] if values else None
    return value_of(_ranked(holding, field, rules)[0], field)


def conflicting(members: Sequence[Contact], field: str, rules: Rules) -> bool:
    """Whether records disagree: no value, normalised, is had by all that have any."""
    forms = [forms_of(member, field, rules) for member in _holding(members, field)]
    return len(forms) > 1 and not frozenset.intersection(*forms)


def disagreements(members: Sequence[Contact], fields: Sequence[str], rules: Rules) -> int:
    """How many fields are in conflict, weighed by the number of different values."""
    found = 0
    for field in fields:
        if conflicting(members, field, rules):
            found += len({forms_of(member, field, rules) for member in _holding(members, field)})
    return found


def value_of(member: Contact, field: str) -> Any:
    """The value of a field in one record; None where it has none."""
    value = member[field]  # type: ignore[literal-required]
    if field != "address" or value is None:
        return value or None
    shown = {**value, "id": None}  # the id is the source's own
    return shown if any(part is not None for part in shown.values()) else None


def forms_of(member: Contact, field: str, rules: Rules) -> frozenset[str]:
    """The normal forms of what a record has in a field: several for e-mails and phones."""
    if field == "email":
        return frozenset(keys.emails(member))
    if field == "phone":
        return frozenset(keys.phones(member, rules)) or frozenset(map(folded, member["phones"]))
    if field == "address":
        return frozenset({_place(value_of(member, field) or {})})
    return frozenset({folded(str(value_of(member, field)))})


def emails(members: Sequence[Contact], rules: Rules) -> list[str]:
    """All e-mails, each once, the one shown first."""
    found: dict[str, str] = {}
    for member in _ranked(members, "email", rules):
        for text in member["emails"]:
            found.setdefault(same_email(text), text.strip().lower())
    return list(found.values())


def phones(members: Sequence[Contact], rules: Rules) -> list[str]:
    """All phones, each once, the one shown first; in E.164 where they can be read."""
    found: dict[str, None] = {}
    for member in _ranked(members, "phone", rules):
        region = keys.region_of(member, rules)
        found.update(dict.fromkeys(e164(text, region) or text.strip() for text in member["phones"]))
    return list(found)


def _holding(members: Sequence[Contact], field: str) -> list[Contact]:
    return [member for member in members if value_of(member, field) is not None]


def _ranked(members: Sequence[Contact], field: str, rules: Rules) -> list[Contact]:
    """Records in the order in which they are believed: by the rule of the field, then by the others, then by
    id; the same whatever their order was.
    """
    if len(members) < 2:
        return list(members)
    rule = rules.survival[field]
    first = [_measured(member, field, rule, rules) for member in members]
    if len(set(first)) == len(first):  # mostly the rule decides, and nothing else has to be measured
        return [member for _, member in sorted(zip(first, members, strict=True), key=itemgetter(0))]
    rest = [each for each in Survival if each is not rule]

    def rank(place: int) -> tuple[Any, ...]:
        member = members[place]
        return (first[place], *(_measured(member, field, each, rules) for each in rest), member["id"])

    return [members[place] for place in sorted(range(len(members)), key=rank)]


def _measured(member: Contact, field: str, rule: Survival, rules: Rules) -> Any:
    """What a rule makes of a record; the least is believed most."""
    if rule is Survival.SOURCE_PRIORITY:
        return rules.priority.index(member["source"])
    if rule is Survival.MOST_RECENT:
        recent = member["updatedAt"] or member["createdAt"]
        return -datetime.fromisoformat(recent).timestamp() if recent else NEVER
    return tuple(-part for part in _completeness(value_of(member, field)))


def _completeness(value: Any) -> tuple[int, ...]:
    """How much a value says, the most important first; of texts: words, care with case, accents, length."""
    if isinstance(value, dict):
        return sum(part is not None for part in value.values()), len(value["formatted"] or "")
    text = value or ""
    is_name = any(sign.isalpha() for sign in text) and "@" not in text
    cased = text not in (text.upper(), text.lower())
    return is_name, len(text.split()), cased, sum(not sign.isascii() for sign in text), len(text)


def _place(address: Mapping[str, Any]) -> str:
    """An address as the parts that tell two apart."""
    parts = (address.get(name) for name in ("line1", "line2", "city", "postalCode"))
    text = " ".join(part for part in parts if part) or address.get("formatted") or ""
    return folded("".join(sign if sign.isalnum() else " " for sign in text))


def view(members: Sequence[Contact], rules: Rules) -> dict[str, Any]:
    """The fields of a person."""
    single = {name: chosen(members, name, rules) for name in FIELDS if name not in ("email", "phone")}
    return {**single, "emails": emails(members, rules), "phones": phones(members, rules)}
