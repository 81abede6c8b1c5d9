"""Whether two names can be one person's. Names never join records; names that differ keep them apart."""

import re
from enum import IntEnum
from functools import cache, lru_cache
from typing import Final, NamedTuple

from nicknames import NickNamer
from rapidfuzz.distance import OSA

from gateway.model.text import folded

WORDS: Final = re.compile(r"[^\W\d_]+")
TITLES: Final = frozenset("mr mrs ms miss mx dr prof sir dame herr frau mme mlle ing mag dipl".split())
GENERATIONS: Final = frozenset("jr sr junior senior ii iii iv".split())
COMPANIES: Final = frozenset(
    "ab ag bv co company corp corporation gmbh group holding inc kg limited llc llp ltd nv oy plc sa sarl "
    "services shop solutions spa srl store team".split()
)
MOST_WORDS: Final = 6
SHORT: Final = 4  # letters, from which on one may be mistyped; twice as many for two
LONG: Final = 8

# Short forms that begin with another letter, or outside English. The library knows many more, some of them
# rare enough to be a brother's name: with another first letter, those only make two names close.
SHORT_FORMS: Final = (
    "robert bob bobby", "william bill billy", "margaret peggy meg daisy", "edward ted teddy ned",
    "richard dick", "elizabeth betty liz lisa libby", "anthony tony", "rebecca becky", "christina tina",
    "john jack", "henry hank harry", "charles chuck", "mary polly molly", "sarah sally", "ann anne nancy",
    "antoinette toni", "eleanor nell nora", "james jim jimmy", "alexandra sandra", "theresa tess",
    "katherine kitty kate", "dorothy dot dolly", "jose pepe", "francisco paco pancho", "ignacio nacho",
    "guadalupe lupe", "enrique quique", "dolores lola", "manuel manolo", "rosario charo",
    "concepcion concha", "jesus chuy", "eduardo lalo", "gregorio goyo", "giuseppe beppe peppe pino",
    "giovanni gianni nino", "luigi gigi", "salvatore toto",
    "alexander aleksandr alessandro alejandro sascha sasha alex", "aleksandra alexandra sasha alex",
    "dmitri dmitry dima mitya", "vladimir vova volodya", "ekaterina yekaterina katya katja", "ivan vanya",
    "mikhail misha", "nikolai kolya", "sergei sergey seryozha", "tatiana tanya tanja", "anastasia nastya",
    "evgeny evgeni zhenya", "maria masha marie", "natalia natasha", "pavel pasha", "yuri yura",
    "johannes hans jan johann", "wilhelm willi", "friedrich fritz", "heinrich heinz",
    "margarete grete gretel", "elisabeth lisa elli liesl sisi", "katharina kathi katrin kaethe",
    "josef sepp", "ludwig lutz", "siegfried sigi", "ulrich uli", "andrzej jedrek", "katarzyna kasia",
    "malgorzata gosia", "joanna asia", "tomasz tomek", "krzysztof krzys", "aleksander olek",
    "cornelis kees", "hendrik henk", "pieter piet", "willem wim pim", "valentina vale", "rosalind roz",
    "benedict ben",
)  # fmt: skip


class Kin(IntEnum):
    """How two names stand to each other, nearest first."""

    SAME = 0  # the same name, a short form of it, in another order, or with a typing mistake in the last
    CLOSE = 1  # maybe the same, mistyped or cut short
    UNKNOWN = 2  # one of them is no full name
    OTHER = 3  # two different names
    RELATIVE = 4  # one name in common that is not the first: a family


class Name(NamedTuple):
    """The words of a name, folded, first name first; without titles. `latin`: in Latin letters."""

    words: tuple[str, ...]
    generation: str
    full: bool
    latin: bool


NOTHING: Final = Name((), "", full=False, latin=True)


@lru_cache(maxsize=65_536)
def name_of(first: str | None, last: str | None, whole: str | None) -> Name:
    """The name of a record. An address or a company in its place is no name."""
    text = folded(" ".join(part for part in (first, last) if part) or whole or "")
    if not text or "@" in text:
        return NOTHING
    found = [word for word in WORDS.findall(text.replace("'", "")) if word not in TITLES]
    generation = " ".join(word for word in found[1:] if word in GENERATIONS)
    words = tuple(word for place, word in enumerate(found) if not place or word not in GENERATIONS)
    words = words[:MOST_WORDS]
    full = len(words) > 1 and not COMPANIES & set(words) and not any(sign.isdigit() for sign in text)
    return Name(words, generation, full=full, latin="".join(words).isascii())


@lru_cache(maxsize=65_536)
def kin(one: Name, other: Name) -> Kin:
    """How two names stand to each other; the order of the two does not matter."""
    if not (one.full and other.full) or one.latin != other.latin:
        return Kin.UNKNOWN
    found = Kin.SAME if "".join(one.words) == "".join(other.words) else _kin(one, other)
    if one.generation == other.generation or found > Kin.CLOSE:
        return found
    return Kin.RELATIVE if one.generation and other.generation else Kin.CLOSE


def _kin(one: Name, other: Name) -> Kin:
    short, long = sorted((one.words, other.words), key=lambda words: (len(words), words))
    pairs = _pairs(short, long)
    if len(pairs) == len(short):
        grades = [_grade(short[left], long[right]) for left, right in pairs]
        sure = [pair for pair, grade in zip(pairs, grades, strict=True) if grade is Kin.SAME]
        if len(sure) == len(pairs) or ((0, 0) in sure and _mistyped_last(short, long, pairs, sure)):
            return Kin.SAME
        return Kin.CLOSE
    exact = [(left, right) for left, right in pairs if _grade(short[left], long[right]) is Kin.SAME]
    return Kin.RELATIVE if any(pair != (0, 0) for pair in exact) else Kin.OTHER


def _pairs(short: tuple[str, ...], long: tuple[str, ...]) -> list[tuple[int, int]]:
    """Which word of one is which of the other, the surest first; each word is taken once."""
    graded = sorted(
        (grade, abs(left - right), left, right)
        for left, word in enumerate(short)
        for right, against in enumerate(long)
        if (grade := _grade(word, against)) is not None
    )
    pairs: list[tuple[int, int]] = []
    for _, _, left, right in graded:
        if all(left != taken and right != held for taken, held in pairs):
            pairs.append((left, right))
    return pairs


def _mistyped_last(
    short: tuple[str, ...], long: tuple[str, ...], pairs: list[tuple[int, int]], sure: list[tuple[int, int]]
) -> bool:
    """Whether all that differs is a letter of a last name, behind a first name that is the same."""
    rest = [pair for pair in pairs if pair not in sure]
    return all(left and right and min(len(short[left]), len(long[right])) > SHORT for left, right in rest)


@lru_cache(maxsize=65_536)
def _grade(one: str, other: str) -> Kin | None:
    """SAME for the same word or a short form of it, CLOSE for what may be; None else."""
    namer, own = _known()
    if one == other or other in own.get(one, ()):
        return Kin.SAME
    if other in namer.nicknames_of(one) or one in namer.nicknames_of(other):
        return Kin.SAME if one[0] == other[0] else Kin.CLOSE
    if namer.canonicals_of(one) & namer.canonicals_of(other):
        return Kin.CLOSE
    shorter, longer = sorted((one, other), key=len)
    if longer.startswith(shorter) and (len(shorter) == 1 or len(shorter) >= SHORT - 1):
        return Kin.CLOSE
    allowed = 0 if len(shorter) < SHORT else 1 if len(shorter) < LONG else 2
    return Kin.CLOSE if allowed and OSA.distance(one, other, score_cutoff=allowed) <= allowed else None


@cache
def _known() -> tuple[NickNamer, dict[str, set[str]]]:
    """What the library knows, and our own short forms: those of one line are forms of its first word."""
    own: dict[str, set[str]] = {}
    for line in SHORT_FORMS:
        canonical, *short = line.split()
        for word in short:
            own.setdefault(canonical, set()).add(word)
            own.setdefault(word, set()).add(canonical)
    return NickNamer(), own
