"""Why records are one person, and how sure that is."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.identity.keys import Key
from gateway.identity.rules import EMAIL, MAILBOX, PHONE
from gateway.model.contact import Contact
from gateway.model.person import MatchReason, MatchRule, PersonMember

SURENESS: Final[Mapping[str, float]] = {
    MatchRule.LINKED_BY_HAND: 1.0,
    MatchRule.SAME_EXTERNAL_ID: 0.99,
    MatchRule.SAME_EMAIL: 0.95,
    MatchRule.SAME_PHONE: 0.9,
}
RULES: Final = {EMAIL: MatchRule.SAME_EMAIL, MAILBOX: MatchRule.SAME_EMAIL, PHONE: MatchRule.SAME_PHONE}

Written = Mapping[Key, str]
"""The keys of a record that can join, with what is written there."""


def members(
    records: Sequence[tuple[Contact, Written]], linked: Mapping[tuple[str, str], str]
) -> list[PersonMember]:
    """The members of a person. `linked` are reasons given by hand, by pairs of global ids in any order."""
    found: list[PersonMember] = []
    for contact, written in records:
        others = [each for each in records if each[0] is not contact]
        reasons = [*_by_keys(written, others), *_by_hand(contact, others, linked)]
        found.append({"contact": contact, "confidence": _confidence(reasons), "reasons": reasons})
    return found


def _by_keys(written: Written, others: Sequence[tuple[Contact, Written]]) -> list[MatchReason]:
    found: dict[tuple[str, str], MatchReason] = {}
    for key, text in written.items():
        rule = RULES.get(key[0], MatchRule.SAME_EXTERNAL_ID).value
        for _, theirs in others:
            if key in theirs and (rule, text) not in found:
                found[rule, text] = {
                    "rule": rule,
                    "left": text,
                    "right": theirs[key],
                    "normalisedAs": key[1],
                }
    return list(found.values())


def _by_hand(
    contact: Contact, others: Sequence[tuple[Contact, Written]], linked: Mapping[tuple[str, str], str]
) -> list[MatchReason]:
    found: list[MatchReason] = []
    for other, _ in others:
        one, two = sorted((contact["id"], other["id"]))
        if (one, two) in linked:
            found.append(
                {
                    "rule": MatchRule.LINKED_BY_HAND.value,
                    "left": contact["id"],
                    "right": other["id"],
                    "normalisedAs": linked[one, two],
                }
            )
    return found


def _confidence(reasons: Sequence[MatchReason]) -> float:
    """From 0 to 1; each further reason takes away from the doubt. A record that stands alone is itself."""
    doubt = 1.0
    for rule in {reason["rule"] for reason in reasons}:
        doubt *= 1 - SURENESS[rule]
    return round(1 - doubt, 4) if reasons else 1.0
