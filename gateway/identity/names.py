"""Whether two names can be one person's. Names never join records; names that differ keep them apart."""

import re
from collections.abc import Collection, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.identity.words import Near, near
from gateway.model.text import folded

WORDS: Final = re.compile(r"[^\W\d_]+")
TITLES: Final = frozenset(
    "mr mrs ms miss mx dr prof sir dame herr frau mme mlle ing mag dipl phd mba esq cpa".split()
)
GENERATIONS: Final = {
    **{word: word for word in ("jr", "sr", "ii", "iii", "iv")},
    "junior": "jr",
    "senior": "sr",
}
COMPANIES: Final = frozenset(
    "ab ag bv co company corp corporation gmbh group holding inc kg limited llc llp ltd nv oy plc sa sarl "
    "services shop solutions spa srl store team".split()
)
MOST_WORDS: Final = 6


class Kin(IntEnum):
    """How two names stand to each other, nearest first."""

    SAME = 0  # the same words, or short forms of them, in any order; of two long names one may leave some out
    NEAR = 1  # the same first name, and behind it a typing mistake or an initial
    PART = 2  # one of them is a first name, and the other begins with it
    CLOSE = 3  # a typing mistake in the first name, or another last name, or John and John Jr.
    DOUBTFUL = 4  # a mistake, or somebody's brother or sister: Daniel and Daniela
    UNKNOWN = 5  # one of them is no name
    OTHER = 6  # two different names
    RELATIVE = 7  # one name in common that is not the first: a family


class Name(NamedTuple):
    """The words of a name, folded, first name first; without titles. `latin`: in Latin letters.

    `known`: it is a human's, and no company's, number's or account's.
    """

    words: tuple[str, ...]
    generation: str
    known: bool
    latin: bool

    @property
    def full(self) -> bool:
        """Whether it is more than a first name."""
        return self.known and len(self.words) > 1


NOTHING: Final = Name((), "", known=False, latin=True)


@lru_cache(maxsize=8_192)
def name_of(first: str | None, last: str | None, whole: str | None) -> Name:
    """The name of a record, of its parts if it has both. An address or a company in its place is no name."""
    parts = " ".join(part for part in (first, last) if part)
    text = folded(parts if (first and last) or not whole or "@" in whole else whole)
    if not text or "@" in text:
        return NOTHING
    before, comma, behind = text.partition(",")
    if comma and set(WORDS.findall(behind)) - GENERATIONS.keys() - TITLES:  # "Lovelace, Ada"
        text = f"{behind} {before}"
    found = [word for word in WORDS.findall(text.replace("'", "")) if word not in TITLES]
    generation = " ".join(GENERATIONS[word] for word in found[1:] if word in GENERATIONS)
    words = tuple(word for place, word in enumerate(found) if not place or word not in GENERATIONS)
    known = (
        bool(words) and not COMPANIES & set(words) and not any(each.isdigit() or each == "_" for each in text)
    )
    return Name(words[:MOST_WORDS], generation, known=known, latin="".join(words).isascii())


@lru_cache(maxsize=8_192)
def kin(one: Name, other: Name) -> Kin:
    """How two names stand to each other; the order of the two does not matter."""
    if not (one.known and other.known) or one.latin != other.latin:
        return Kin.UNKNOWN
    short, long = sorted((one.words, other.words), key=lambda words: (len(words), words))
    found = _full(short, long) if len(short) > 1 else _part(short[0], long)
    if one.generation == other.generation or found > Kin.DOUBTFUL:
        return found
    return Kin.RELATIVE if one.generation and other.generation else max(found, Kin.CLOSE)


def _full(short: Sequence[str], long: Sequence[str]) -> Kin:
    """Of two names of several words each."""
    if "".join(short) == "".join(long) and min(map(len, short)) > 1:  # "de Vries" and "Devries"
        return Kin.SAME
    pairs = _pairs(short, long)
    exact = {pair for pair, how in pairs.items() if how is Near.SAME}
    if len(pairs) < len(short):
        if exact - {(0, 0)}:
            return Kin.RELATIVE
        return Kin.CLOSE if exact else Kin.OTHER
    if (0, 0) in exact:
        if _hides_last(short, long, pairs):
            return Kin.CLOSE
        return Kin.SAME if len(exact) == len(pairs) else Kin.NEAR
    if (0, 0) in pairs or len(short) == len(long):
        return Kin[max(pairs.values()).name]
    if len(short) == len(exact) == 2 and (1, 0) in exact:  # last name first, and no middle name
        return Kin.SAME if (0, 1) in exact else Kin.DOUBTFUL
    return Kin.RELATIVE  # one's middle name is the other's first


def _hides_last(short: Sequence[str], long: Sequence[str], pairs: Collection[tuple[int, int]]) -> bool:
    """Whether a last name went for a middle initial: "Ada Martin" and "Ada M. Lovelace"."""
    initials = any(len(long[right]) == 1 < len(short[left]) for left, right in pairs)
    return initials and all(right != len(long) - 1 for _, right in pairs)


def _part(word: str, long: Sequence[str]) -> Kin:
    """Of a single word and a name."""
    found = [near(word, each) for each in long]
    if found[0] is Near.SAME or any(_spells(word, long[0], last) for last in long[1:]):
        return Kin.PART
    if Near.SAME in found:  # last name first; else a middle name, which may be another's first
        return Kin.CLOSE if found[-1] is Near.SAME else Kin.RELATIVE
    return Kin.OTHER if found[0] is None else Kin[found[0].name]


def _spells(word: str, first: str, last: str) -> bool:
    """Whether a word is two others, one of them cut short: "adal" or "alovelace" for "Ada Lovelace"."""
    for whole, cut in ((first, last), (last, first)):
        rests = {word.removeprefix(whole), word.removesuffix(whole)} - {word, ""}
        if any(cut.startswith(rest) for rest in rests):
            return True
    return False


def _pairs(short: Sequence[str], long: Sequence[str]) -> dict[tuple[int, int], Near]:
    """Which word of one is which of the other, by their places, the surest first; each word is taken once."""
    graded = sorted(
        (how, abs(left - right), left, right)
        for left, word in enumerate(short)
        for right, against in enumerate(long)
        if (how := near(word, against)) is not None
    )
    pairs: dict[tuple[int, int], Near] = {}
    for how, _, left, right in graded:
        if all(left != taken and right != held for taken, held in pairs):
            pairs[left, right] = how
    return pairs
