"""How near two words of names are, folded ones."""

from enum import IntEnum
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA

from gateway.identity.short_forms import GIVEN, have_one_in_common, is_short_for

SHORT: Final = 4  # letters; in longer words, one that differs is rather a mistake than another name
LONG: Final = 7  # letters, from which on a slip can be any one letter
LONGEST: Final = 8  # letters, from which on two may be wrong
ENDINGS: Final = frozenset("aeiouyns")  # letters in which names of a brother and a sister differ
SWAPPED_ENDINGS: Final = {"an", "na"}  # Christian, Christina


class Near(IntEnum):
    """How near two words are that are not simply different, the nearest first."""

    SAME = 0  # equal, short for one another, or a slip of the fingers
    CLOSE = 1  # a mistake, or both short for one name
    DOUBTFUL = 2  # a mistake, or the name of somebody else in the family


@lru_cache(maxsize=8_192)
def near(one: str, other: str) -> Near | None:
    """How near two words are; None for two different ones."""
    shorter, longer = sorted((one, other), key=len)
    cut = longer.startswith(shorter)
    if len(shorter) == 1:
        return Near.CLOSE if cut else None  # an initial, be it of both
    if one == other or is_short_for(one, other) or is_short_for(other, one) or _slipped(shorter, longer):
        return Near.SAME
    if have_one_in_common(one, other):
        return Near.DOUBTFUL if GIVEN & {one, other} else Near.CLOSE
    if _mistyped(shorter, longer) and not {one, other} <= GIVEN:
        brief = len(longer) <= SHORT or _end_otherwise(one, other)
        return Near.DOUBTFUL if brief else Near.CLOSE
    return Near.DOUBTFUL if cut and len(shorter) >= SHORT - 1 else None


def _slipped(shorter: str, longer: str) -> bool:
    """Whether a letter stands twice, two stand in each other's place, or one is wrong within a long word."""
    if _plain(shorter) == _plain(longer):
        return True
    if len(shorter) < SHORT - 1 or OSA.distance(shorter, longer) > 1:
        return False
    begin = _alike(shorter, longer)
    if shorter[begin:] == longer[begin + 1 :] and begin and longer[begin] == longer[begin - 1]:
        return True
    if sorted(shorter) == sorted(longer) and {shorter[-2:], longer[-2:]} != SWAPPED_ENDINGS:
        return True
    return len(shorter) >= LONG and begin > 0 and shorter[-2:] == longer[-2:]


def _mistyped(shorter: str, longer: str) -> bool:
    if len(shorter) < SHORT - 1 or (len(longer) <= SHORT and shorter[0] != longer[0]):
        return False
    return OSA.distance(shorter, longer) <= (1 if len(shorter) < LONGEST else 2)


def _end_otherwise(one: str, other: str) -> bool:
    """Whether two words differ as Daniel and Daniela do, or Helena and Helene."""
    begin = _alike(one, other)
    return max(len(one), len(other)) - begin <= 2 and ENDINGS.issuperset(one[begin:] + other[begin:])


def _alike(one: str, other: str) -> int:
    """With how many letters two words begin alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))


def _plain(word: str) -> str:
    """Without the e that stands for two dots: "joerg" and "jorg" are one name."""
    return word.replace("ae", "a").replace("oe", "o").replace("ue", "u")
