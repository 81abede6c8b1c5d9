"""Which contacts a list call asks for: pages, filters, search and order."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.upstreams.packagex.emulator_envelope import invalid
from gateway.upstreams.packagex.emulator_store import Store
from gateway.upstreams.packagex.seed import Face

ORDERS: Final = ("name", "email", "created_at", "updated_at", "_relevance", "_similarity")
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "type": ("person", "group"),
    "order_by": ORDERS,
    "direction": ("asc", "desc"),
}
MOST: Final = 100
USUAL: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list call, checked. `terms` is empty when nothing is searched for."""

    page: int
    limit: int
    kind: str | None
    location: str | None
    child: str | None
    terms: tuple[str, ...]
    order_by: str
    descending: bool


def read_listing(query: Mapping[str, str]) -> Listing:
    """Check the query of a list call; without a direction the best matches come first, else "a" does."""
    terms = tuple(
        dict.fromkeys(term for term in query.get("search", "").casefold().split() if len(term) >= 2)
    )
    page, limit = _number(query.get("page", "1")), _number(query.get("limit", str(USUAL)))
    wrong = [name for name, allowed in CHOICES.items() if name in query and query[name] not in allowed]
    if page is None:
        wrong.append("page")
    if limit is None or limit > MOST:
        wrong.append("limit")
    if "search" in query and not terms:
        wrong.append("search")
    if wrong or page is None or limit is None:
        raise invalid(wrong)
    order_by = query.get("order_by", "name")
    usual_direction = "desc" if order_by.startswith("_") else "asc"
    return Listing(
        page=page,
        limit=limit,
        kind=query.get("type"),
        location=query.get("location"),
        child=query.get("child"),
        terms=terms,
        order_by=order_by,
        descending=query.get("direction", usual_direction) == "desc",
    )


def select(store: Store, listing: Listing) -> list[int]:
    """All contacts that the call asks for, on whatever page, in order."""
    by_match = listing.order_by.startswith("_")
    order_by, descending = ("name", False) if by_match else (listing.order_by, listing.descending)
    if listing.child is None:
        chosen = store.ordered(listing.kind, order_by, descending=descending)
    else:
        holders = store.groups_with(listing.child) if listing.kind != "person" else set()
        chosen = [
            serial for serial in store.ordered("group", order_by, descending=descending) if serial in holders
        ]
    if listing.location is not None:
        chosen = [serial for serial in chosen if listing.location in store.face(serial).locations]
    if listing.terms:
        chosen = [serial for serial in chosen if _matches(store.face(serial), listing.terms)]
        if by_match:
            measure = relevance if listing.order_by == "_relevance" else similarity
            chosen.sort(
                key=lambda serial: measure(store.face(serial), listing.terms), reverse=listing.descending
            )
    return chosen


def searched(face: Face, terms: tuple[str, ...]) -> dict[str, Any]:
    """The `_search` member of a contact that was found."""
    pattern = re.compile("|".join(map(re.escape, sorted(terms, key=len, reverse=True))), re.IGNORECASE)
    marked = {name: pattern.sub(r"<em>\g<0></em>", text) for name, text in _texts(face).items()}
    return {
        "relevance": relevance(face, terms),
        "similarity": similarity(face, terms),
        "highlight": {name: text for name, text in marked.items() if "<em>" in text},
    }


def relevance(face: Face, terms: tuple[str, ...]) -> float:
    """Which share of the terms was found."""
    everything = _everything(face)
    return round(sum(term in everything for term in terms) / len(terms), 3)


def similarity(face: Face, terms: tuple[str, ...]) -> float:
    """How much of a name, e-mail or phone is the term, at best."""
    texts = [text.casefold() for text in _texts(face).values()]
    shares = [len(term) / len(text) for term in terms for text in texts if term in text]
    return round(max(shares, default=0.0), 3)


def _number(text: str) -> int | None:
    """A number from one on."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) and int(text) > 0 else None


def _texts(face: Face) -> dict[str, str]:
    texts = {"name": face.name, "email": face.email, "phone": face.phone}
    return {name: text for name, text in texts.items() if text}


def _everything(face: Face) -> str:
    return "\n".join(_texts(face).values()).casefold()


def _matches(face: Face, terms: tuple[str, ...]) -> bool:
    everything = _everything(face)
    return any(term in everything for term in terms)
