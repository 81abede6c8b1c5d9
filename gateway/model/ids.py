"""Global ids: opaque, versioned, unique over types, sources and accounts.

An id is unpadded base64url of the JSON array `[version, type, account, source, *parts]`. It can be read
back because it holds what is needed to find the thing again; callers must not rely on its inside. Things of
the gateway's own, such as events, have no source and one number: `[version, type, account, "", number]`.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import orjson

from gateway.errors import BadInput
from gateway.model.source import Source

VERSION: Final = 1
BEGINNING: Final = base64.urlsafe_b64encode(f"[{VERSION},".encode()).decode()  # of all ids
LONGEST: Final = 2_048
MOST_REMEMBERED: Final = 8_192  # ids, each some 700 bytes

# Type name → letter in the id, and how many parts follow the source.
KINDS: Final[Mapping[str, tuple[str, int]]] = {
    "Contact": ("C", 2),  # module ("" without one), contact
    "Group": ("G", 1),  # group
    "Chat": ("H", 1),  # contact
    "Communication": ("K", 2),  # contact, gate
    "Message": ("M", 2),  # contact, message
    "Property": ("P", 2),  # module ("" without one), property
    "Channel": ("N", 1),  # channel
    "Module": ("O", 1),  # module
    "Tag": ("T", 1),  # tag
    "Funnel": ("F", 1),  # serviceKey
    "Person": ("U", 1),  # the oldest contact
    "IdentityConflict": ("Q", 2),  # a contact, and what tells this conflict of it from others
}
# Type name → letter of what is the gateway's own.
OWN: Final[Mapping[str, str]] = {"Event": "E", "ImportJob": "J"}
NO_SOURCE: Final = ""
LARGEST_NUMBER: Final = 2**63
_TYPES: Final = {letter: (name, parts) for name, (letter, parts) in KINDS.items()}
_OWN: Final = {letter: name for name, letter in OWN.items()}
_SOURCES: Final = {source.value: source for source in Source}


@dataclass(frozen=True, slots=True)
class GlobalId:
    """What a global id says. `parts` are the vendor's ids, as `KINDS` lists them."""

    type: str
    account: str
    source: Source
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnId:
    """What the global id of something of the gateway's own says."""

    type: str
    account: str
    number: int


@lru_cache(maxsize=MOST_REMEMBERED)
def encode(type_: str, account: str, source: str, *parts: str) -> str:
    """The global id of a thing, such as `encode("Contact", "default", "PACKAGEX", "", "contact_1")`."""
    packed = orjson.dumps([VERSION, KINDS[type_][0], account, source, *parts])
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


@lru_cache(maxsize=MOST_REMEMBERED)
def own(type_: str, account: str, number: int) -> str:
    """The global id of something of the gateway's own, such as `own("Event", "default", 7)`."""
    packed = orjson.dumps([VERSION, OWN[type_], account, NO_SOURCE, str(number)])
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


@lru_cache(maxsize=MOST_REMEMBERED)
def decode(text: str) -> GlobalId | OwnId:
    """What a global id says; BadInput when it is not one that `encode` has made."""
    if len(text) > LONGEST:
        raise BadInput("This is not an id of this gateway: it is too long.")
    if not text.startswith(BEGINNING):
        raise BadInput(f"This is not an id of this gateway: {_shown(text)}.")
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        version, letter, account, source, *parts = orjson.loads(
            base64.b64decode(padded, b"-_", validate=True)
        )
        found, count = _found(letter, account, source, parts)
    except (ValueError, KeyError, TypeError, IndexError, UnicodeError, binascii.Error) as error:
        raise BadInput(f"This is not an id of this gateway: {_shown(text)}.") from error
    texts = all(isinstance(part, str) for part in (account, *parts))
    if version != VERSION or len(parts) != count or not texts or _again(found) != text:
        raise BadInput(f"This is not an id of this gateway: {_shown(text)}.")
    return found


def kind(text: str) -> str | None:
    """The type that a global id names; None for any other text, such as a value of an input."""
    if not text.startswith(BEGINNING):
        return None
    try:
        return decode(text).type
    except BadInput:
        return None


def _found(letter: str, account: str, source: str, parts: list[str]) -> tuple[GlobalId | OwnId, int]:
    if letter in _OWN:
        if source != NO_SOURCE:
            raise ValueError("has a source")
        number = int(parts[0])
        if not 0 < number < LARGEST_NUMBER:
            raise ValueError("no number of ours")
        return OwnId(_OWN[letter], account, number), 1
    type_, count = _TYPES[letter]
    return GlobalId(type_, account, _SOURCES[source], tuple(parts)), count


def _again(found: GlobalId | OwnId) -> str:
    if isinstance(found, OwnId):
        return own(found.type, found.account, found.number)
    return encode(found.type, found.account, found.source.value, *found.parts)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 64 else text[:64] + "…")


def expect(text: str, type_: str, account: str) -> GlobalId:
    """Like `decode`, for an argument that takes ids of one type of one account."""
    found = _expected(text, type_, account)
    if isinstance(found, OwnId):
        raise TypeError(f"{type_} has no source")
    return found


def expect_own(text: str, type_: str, account: str) -> int:
    """The number of something of the gateway's own, for an argument that takes ids of one such type."""
    found = _expected(text, type_, account)
    if isinstance(found, GlobalId):
        raise TypeError(f"{type_} has a source")
    return found.number


def _expected(text: str, type_: str, account: str) -> GlobalId | OwnId:
    found = decode(text)
    if found.type != type_:
        raise BadInput(f"This is the id of a {found.type}, not of a {type_}: {_shown(text)}.")
    if found.account != account:
        raise BadInput(f"This is not an id of your account: {_shown(text)}.")
    return found
