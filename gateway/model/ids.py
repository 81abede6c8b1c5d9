"""Global ids: opaque, versioned, unique over types, sources and accounts.

An id is unpadded base64url of the JSON array `[version, type, account, source, *parts]`. It can be read
back because it holds what is needed to find the thing again; callers must not rely on its inside.
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
LONGEST: Final = 2_048

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
}
_TYPES: Final = {letter: (name, parts) for name, (letter, parts) in KINDS.items()}
_SOURCES: Final = {source.value: source for source in Source}


@dataclass(frozen=True, slots=True)
class GlobalId:
    """What a global id says. `parts` are the vendor's ids, as `KINDS` lists them."""

    type: str
    account: str
    source: Source
    parts: tuple[str, ...]


@lru_cache(maxsize=65_536)
def encode(type_: str, account: str, source: str, *parts: str) -> str:
    """The global id of a thing, such as `encode("Contact", "default", "PACKAGEX", "", "contact_1")`."""
    packed = orjson.dumps([VERSION, KINDS[type_][0], account, source, *parts])
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


@lru_cache(maxsize=65_536)
def decode(text: str) -> GlobalId:
    """What a global id says; BadInput when it is not one that `encode` has made."""
    if len(text) > LONGEST:
        raise BadInput("This is not an id of this gateway: it is too long.")
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        version, letter, account, source, *parts = orjson.loads(
            base64.b64decode(padded, b"-_", validate=True)
        )
        type_, count = _TYPES[letter]
        found = GlobalId(type_, account, _SOURCES[source], tuple(parts))
    except (ValueError, KeyError, TypeError, UnicodeError, binascii.Error) as error:
        raise BadInput(f"This is not an id of this gateway: {_shown(text)}.") from error
    texts = all(isinstance(part, str) for part in (account, *parts))
    if version != VERSION or len(parts) != count or not texts or _again(found) != text:
        raise BadInput(f"This is not an id of this gateway: {_shown(text)}.")
    return found


def _again(found: GlobalId) -> str:
    return encode(found.type, found.account, found.source.value, *found.parts)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 64 else text[:64] + "…")


def expect(text: str, type_: str, account: str) -> GlobalId:
    """Like `decode`, for an argument that takes ids of one type of one account."""
    found = decode(text)
    if found.type != type_:
        raise BadInput(f"This is the id of a {found.type}, not of a {type_}: {_shown(text)}.")
    if found.account != account:
        raise BadInput(f"This is not an id of your account: {_shown(text)}.")
    return found
