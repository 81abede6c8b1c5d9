"""Normalised forms of names, e-mails and phones, for comparing. Pure."""

import json
import re
import unicodedata
from functools import lru_cache
from typing import Any, Final

import idna
import phonenumbers

_SPACE = re.compile(r"\s+")
_STROKES = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "’": "'"})

UNSHOWN: Final = "\ufffd"  # in place of a sign that cannot be printed


@lru_cache(maxsize=8_192)
def folded(text: str) -> str:
    """Without case, accents and superfluous space: "  Zoë  MÜLLER" becomes "zoe muller"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return _SPACE.sub(" ", bare.translate(_STROKES)).strip()


@lru_cache(maxsize=8_192)
def same_email(text: str) -> str:
    """The form in which two spellings of one address are equal.

    Case folded, without space around and signs that nobody sees, its domain as DNS has it (IDNA, RFC 5891).
    An ß is no double s here: the two are different mailboxes, and different domains.
    """
    bare = text.strip()
    if bare.isascii():
        return bare.lower().rstrip(".")
    seen = "".join(sign for sign in bare if unicodedata.category(sign) != "Cf")
    local, at, domain = seen.strip().rpartition("@")
    return _mailbox(local) + at + _domain(domain)


def _mailbox(local: str) -> str:
    parts = unicodedata.normalize("NFC", local).replace("ẞ", "ß").split("ß")
    return unicodedata.normalize("NFC", "ß".join(part.casefold() for part in parts))


def _domain(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode().rstrip(".")
    except idna.IDNAError:
        return _mailbox(domain)


@lru_cache(maxsize=16_384)  # reading one anew takes a hundred times as long
def e164(text: str, region: str) -> str | None:
    """The number as E.164, or None when it is none; `region` counts where no country code is written.

    Some sources drop the plus sign (samespace.md, Value formats), so digits that are no number of the
    region are tried as an international number.
    """
    for attempt in (text, "+" + text.lstrip("+ ")):
        try:
            number = phonenumbers.parse(attempt, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None


def printable(text: str) -> str:
    """A text on one line, without what a terminal would carry out; for what comes from files and vendors."""
    return "".join(sign if sign.isprintable() else " " if sign.isspace() else UNSHOWN for sign in text)


def as_text(value: Any) -> str:
    """A JSON value as the text by which it is compared: `true`, `4`, `a`, or JSON for structures."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
