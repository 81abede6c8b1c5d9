"""Measures how well people are recognised: in towns of known people, and in public data sets.

Prints tables. Precision is how many of the joined pairs of records are of one person, recall how many of the
pairs that could be joined are.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from gateway.identity.likeness import LEAST
from gateway.identity.rules import Rules
from tests.identity.test_quality import PEOPLE, SEEDS
from tests.quality import febrl
from tests.quality.judging import judged
from tests.support.humans import Record, town

DEVELOPED = range(1, 6)
TOWNS = f"""
Towns of {PEOPLE:,} people each, in three sources. Typing mistakes in names are in a twentieth of all records;
seven of ten pairs have a trap of some kind. `joinable` are pairs of records of one person that hang together
by e-mails or phones that nobody else has: recall is of those. `chained` are all pairs of one person that hang
together, and be it by the phone of a family or through somebody else; `of chained` is how many of them are
joined. `wrong` joins would show one person's data to those who may see another's. `beyond` are joined pairs
of fathers and sons of one name whose records never say which of them they are, and of those who hold both the
mailbox and the phone of somebody else: nobody could tell.
"""
JOINED = """
FEBRL has neither e-mails nor phones, so the number of social security stands in as an id that an operator has
named: records are joined where it is equal, and never otherwise. Recall is what mistakes in that number
leave; what is wrong has by accident, or by a mistake, the number of somebody else. Names do not count.
"""
RANKED = f"""
Suggestions join nobody: they are what `likeness` shows to somebody who decides. For each record, all others
with the same first name, last name or postcode are ranked. `in block`: of records that have a duplicate, how
many have one among those; `first` and `of three`: how many have one as the first suggestion, or among the
first {febrl.SHOWN}. `right` is how many of all suggestions, names alike by {LEAST}, are of the same person.
Likeness looks at names, companies, cities and e-mails only: people of one name are suggested to one another,
and whose name was spoilt or cut is not found. Date of birth, street and postcode are not looked at.
"""
TOWN_COLUMNS = "seed records joinable chained right wrong missed beyond precision recall of-chained".split()
JOINED_COLUMNS = "FEBRL records pairs right wrong precision recall".split()
RANKED_COLUMNS = "FEBRL searched in-block first of-three suggested right".split()


def main() -> None:
    """Print all tables."""
    print(TOWNS)
    towns("The seeds that the rules were written with", DEVELOPED)
    towns("Seeds that nothing was written with, as in the tests", SEEDS)
    towns("Twice as many mistakes", DEVELOPED, errors=2.0)
    place = febrl.folder()
    if place is None:
        print("\nThere is no FEBRL: `make quality` installs it.")
    else:
        sets = {name: febrl.read(place, name) for name in febrl.SETS}
        print(JOINED)
        joined(sets)
        print(RANKED)
        ranked(sets)


def towns(title: str, seeds: Iterable[int], errors: float = 1.0) -> None:
    """The confusion in some towns, and which traps the missed pairs have."""
    print(f"\n{title}:\n")
    head(TOWN_COLUMNS)
    laid: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for seed in seeds:
        found = judged(town(seed, PEOPLE, errors), Rules())
        joinable, right = found.joinable, found.right
        counts = (found.records, joinable, found.chained, right, found.wrong, found.missed, found.beyond)
        of_chained = len(right & found.chained) / len(found.chained)
        row(seed, *map(len, counts), found.precision, found.recall, of_chained)
        laid += found.by_trap(joinable)
        missed += found.by_trap(found.missed)
        wrong += found.by_trap(found.wrong)
    print()
    head(("trap", "joinable", "missed", "of-them", "wrong"))
    for trap, count in laid.most_common():
        row(trap, count, missed[trap], missed[trap] / count, wrong[trap])


def joined(sets: Mapping[str, Sequence[Record]]) -> None:
    """What equal numbers join."""
    head(JOINED_COLUMNS)
    for name, records in sets.items():
        found, pairs = febrl.joined(records)
        counts = (len(found.right), len(found.wrong))
        row(name, len(records), pairs, *counts, found.precision, len(found.right) / pairs)


def ranked(sets: Mapping[str, Sequence[Record]]) -> None:
    """How suggestions rank."""
    head(RANKED_COLUMNS)
    for name, records in sets.items():
        found = febrl.ranked(records)
        shares = (share / found.searched for share in (found.in_block, found.first, found.shown))
        row(name, found.searched, *shares, found.suggested, found.right / found.suggested)


def head(columns: Sequence[str]) -> None:
    """The head of a table."""
    print(f"| {' | '.join(column.replace('-', ' ') for column in columns)} |")
    print(f"|---|{'---:|' * (len(columns) - 1)}")


def row(*cells: str | int | float) -> None:
    """One row of it; shares with four digits."""
    texts = (f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in cells)
    print(f"| {' | '.join(texts)} |", flush=True)


if __name__ == "__main__":
    main()
