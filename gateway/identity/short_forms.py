"""Short forms of first names: Bob for Robert, Sasha for Oleksandr."""

from functools import cache, lru_cache
from typing import Final

from nicknames import NickNamer

LEAST: Final = 3  # letters with which a short form begins like its name, where only the library knows it

# The first of each line, and what is said for it. The library knows many more in English; of those, some are
# rare enough to be a brother's name, so they count as much only where they begin like the name.
SHORT_FORMS: Final = (
    "abigail abbie abby", "agnieszka aga", "alberto beto", "alejandro ale", "aleksander olek",
    "aleksandr sasha alex",
    "aleksandra alexandra ola sasha alex", "aleksey lyosha", "alessandro ale sandro",
    "alexander aleksandr alessandro alejandro sascha sasha alex", "alexandra sasha alex",
    "anastasia nastya", "andreas andi", "andrei andryusha", "andrzej jedrek", "ann anne nancy",
    "anthony tony", "antoinette toni", "antonio toni tonino", "barbara babs barb basia", "beatriz bea",
    "benedict ben", "bernard barney", "catherine kay", "charles chuck", "christina tina",
    "concepcion concha", "cornelis kees", "cynthia cindy", "dmitri dmitry dima mitya", "dolores lola",
    "dorothy dot dolly", "eduardo lalo", "edward ed eddie eddy ned ted teddy",
    "ekaterina yekaterina katya katja", "eleanor nell nora", "elena alyona lena",
    "elisabeth elli liesl sisi", "elizabeth betty libby liz", "enrique quique", "evgeny evgeni zhenya",
    "ewa ewka", "federico fede", "florian flo", "francisco paco pancho", "friedrich fritz", "gabriele gabi",
    "galina galya", "giovanni gianni nino", "giuseppe beppe peppe pino", "gregorio goyo", "guadalupe lupe",
    "heinrich heinz", "hendrik henk", "henry hank harry", "hildegard hilde", "ignacio nacho", "imogen immy",
    "irina ira", "isabel isa", "isabella bella izzy", "ivan vanya", "jacob jake", "jadwiga jadzia",
    "james jim jimmy", "jesus chuy", "joanna asia", "johannes hans jan johann", "john jack", "jose pepe",
    "josef sepp", "joseph joe joey", "josephine jo josie", "katarzyna kasia",
    "katharina kathi katrin kaethe", "katherine kate kathi kay kitty", "katrin kati", "krzysztof krzys",
    "ksenia ksyusha", "linda lynn", "ludwig lutz", "luigi gigi", "lyudmila lyuda", "magdalena leni magda",
    "malgorzata gosia", "manfred manni", "manuel manolo", "margaret daisy madge maggie meg peggy",
    "margarete grete gretel", "maria masha", "mary molly polly", "matthias matti matze", "mercedes merche",
    "michael michi mike mikey", "michaela michi", "mikhail misha", "mykola kolya", "natalia natasha",
    "nicole nikki", "nikolai kolya", "oksana ksyusha", "oleksandr oles sasha", "oleksiy lyosha",
    "olga olya", "oliver ollie", "olivia liv livvy", "patrick paddy", "pavel pasha", "pieter piet",
    "rebecca becky", "richard dick", "robert bob bobby", "roberto beto", "rosalind roz", "rosario charo",
    "sabine bine", "salvatore toto", "sarah sadie sally", "sebastian basti", "sergei sergey seryozha",
    "sidney syd", "siegfried sigi", "simon si", "stanislaw staszek", "susan sue susie suzie",
    "susannah sue susie",
    "susanne susi", "suzanne sue susie", "svetlana sveta", "tatiana tanja tanya", "theodore ted teddy",
    "theresa tess", "thomas tom tommy", "tomasz tomek", "ulrich uli", "ursula ulla uschi", "valentina vale",
    "vincent vinnie", "vladimir volodya vova", "volodymyr vova", "wilhelm willi", "willem pim wim",
    "william bill billy", "wolfgang wolf wolle", "yuliya yulya", "yuri yura", "zachary zak",
    "zbigniew zbyszek", "zofia zosia",
)  # fmt: skip

# Short forms, to the library, by which people are christened: a sister's or a son's name as well.
GIVEN: Final = frozenset(
    "alexander andrew ann anna anne carol caroline carolyn christine edwin eliza ellen emily emma ernest eva "
    "florence frederick hannah helen henry jane jean joan john jonathan julia julie lena lisa lois louis "
    "louise lucas lucy luke marc maria marian marie marilyn marion marjorie mark marsha mary maureen megan "
    "nathan nicole oliver peter rosa rose sandra sophia sophie susan teresa theresa victor william".split()
)


@lru_cache(maxsize=8_192)
def is_short_for(short: str, name: str) -> bool:
    """Whether a word is said for a name, and is no name of its own."""
    if short in _own().get(name, ()):
        return True
    if short in GIVEN or not short.startswith(name[: min(LEAST, len(short))]):
        return False
    return short in _library().nicknames_of(name) or (
        name.startswith(short) and have_one_in_common(short, name)
    )


@lru_cache(maxsize=8_192)
def have_one_in_common(one: str, other: str) -> bool:
    """Whether one of two words may be said for the other, or both for a longer one."""
    library = _library()
    if one in library.nicknames_of(other) or other in library.nicknames_of(one):
        return True
    names = library.canonicals_of(one) & library.canonicals_of(other)
    return any(len(name) >= max(len(one), len(other)) for name in names)


@cache
def _library() -> NickNamer:
    return NickNamer()


@cache
def _own() -> dict[str, frozenset[str]]:
    lines = [line.split() for line in SHORT_FORMS]
    return {name: frozenset(short) for name, *short in lines}
