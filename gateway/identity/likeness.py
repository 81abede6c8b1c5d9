"""Records that look alike though no key proves it: shown on request, and nothing is ever built on them."""

from collections.abc import Sequence
from typing import Final

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from gateway.model.contact import Contact
from gateway.model.text import folded, same_email

LEAST: Final = 0.85  # of a name
NAME: Final = 0.7  # parts of the score
COMPANY: Final = 0.1
CITY: Final = 0.1
MAIL: Final = 0.1
NEAR: Final = 2  # signs in which two e-mails of one domain may differ


def likeness(members: Sequence[Contact], other: Contact) -> tuple[float, list[str]] | None:
    """How alike a record is to a person's, from 0 to 1, and why; None where its name is another."""
    ratio, mine = max((_names(member, other), member["displayName"] or "") for member in members)
    if ratio < LEAST:
        return None
    reasons = [f"Names alike: {mine} and {other['displayName']} ({ratio:.2f})"]
    score = NAME * ratio
    company = folded(other["company"] or "")
    if company and any(folded(member["company"] or "") == company for member in members):
        score += COMPANY
        reasons.append(f"Same company: {other['company']}")
    city = _city(other)
    if city and any(_city(member) == city for member in members):
        score += CITY
        reasons.append(f"Same city: {_city(other).title()}")
    near = (text for member in members for text in member["emails"] if _near(text, other))
    mail = min(near, default=None)
    if mail is not None:
        score += MAIL
        reasons.append(f"E-mail almost the same as {mail}")
    return round(score, 3), reasons


def _names(one: Contact, other: Contact) -> float:
    mine, theirs = folded(one["displayName"] or ""), folded(other["displayName"] or "")
    if not mine or not theirs or "@" in mine + theirs:
        return 0.0
    return fuzz.token_sort_ratio(mine, theirs) / 100


def _city(contact: Contact) -> str:
    address = contact["address"]
    return folded(address["city"] or "") if address else ""


def _near(text: str, other: Contact) -> bool:
    local, _, domain = same_email(text).rpartition("@")
    for each in other["emails"]:
        theirs, _, there = same_email(each).rpartition("@")
        if domain == there and 0 < OSA.distance(local, theirs) <= NEAR:
            return True
    return False
