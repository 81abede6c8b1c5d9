"""Records put through the rules, and what came of it held against the truth."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from gateway.identity import keys, names
from gateway.identity.clusters import Conflict, Evidence, Spoken, solve
from gateway.identity.keys import Key
from gateway.identity.rules import EMAIL, PHONE, Rules
from gateway.model.contact import Contact
from tests.support.humans import Record, Town

LARGEST: Final = 200  # records that hang together, above which they cannot be one person
NOTHING_SAID: Final = Spoken()
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Pairs of records, by their places: joined rightly, wrongly, or where nobody could tell; or missed.

    `joinable`: pairs of one person that hang together by keys which nobody else has. `missed` are of those.
    `chained`: pairs of one person that hang together by any keys, and be it through somebody else.
    """

    records: Sequence[Record]
    right: frozenset[Pair]
    wrong: frozenset[Pair]
    beyond: frozenset[Pair]
    joinable: frozenset[Pair]
    chained: frozenset[Pair]
    conflicts: Sequence[Conflict]

    @property
    def missed(self) -> frozenset[Pair]:
        return self.joinable - self.right

    @property
    def precision(self) -> float:
        joined = len(self.right) + len(self.wrong)
        return len(self.right) / joined if joined else 1.0

    @property
    def recall(self) -> float:
        return 1 - len(self.missed) / len(self.joinable) if self.joinable else 1.0

    def by_trap(self, pairs: Iterable[Pair]) -> Counter[str]:
        """How many pairs have a trap, by its name; a pair can have several."""
        found: Counter[str] = Counter()
        for one, other in pairs:
            found.update(self.records[one].traps | self.records[other].traps or {"none"})
        return found

    def told(self, pairs: Iterable[Pair], most: int = 20) -> str:
        """Some pairs, as one can look at them."""
        return "\n".join(
            f"  {_told(self.records[one])}\n  {_told(self.records[other])}\n"
            for one, other in sorted(pairs)[:most]
        )


def judged(town: Town, rules: Rules) -> Verdict:
    """What the rules make of a town."""
    records = town.records
    evidence = evidences([record.contact for record in records], rules)
    people, conflicts = solved(evidence)
    joined = {pair for person in people for pair in combinations(person, 2)}
    alike = {pair for pair in joined if records[pair[0]].who == records[pair[1]].who}
    untold = {
        pair for pair in joined - alike if frozenset(records[place].who for place in pair) in town.beyond
    } | set(_taken_for_renamed(records, evidence, people))
    return Verdict(
        records=records,
        right=frozenset(alike),
        wrong=frozenset(joined - alike - untold),
        beyond=frozenset(untold),
        joinable=frozenset(_joinable(records, evidence)),
        chained=frozenset(_chained(records, evidence)),
        conflicts=conflicts,
    )


def _taken_for_renamed(
    records: Sequence[Record], evidence: Sequence[Evidence], people: Iterable[Sequence[int]]
) -> Iterator[Pair]:
    """Wrong pairs of those who have another's mailbox and phone, both: who took another name has them too."""
    for person in people:
        wrong = [pair for pair in combinations(person, 2) if records[pair[0]].who != records[pair[1]].who]
        for one, other in wrong:
            kinds = {kind for kind, _ in evidence[one].keys & evidence[other].keys}
            if {EMAIL, PHONE} <= kinds:
                yield from wrong
                break


def evidences(contacts: Sequence[Contact], rules: Rules) -> list[Evidence]:
    """What is known of records, with the keys that can join: as whoever keeps an index of keys makes it."""
    found = [
        frozenset(key for key in keys.keys(contact, rules) if keys.joins(key, rules)) for contact in contacts
    ]
    holders: dict[Key, Counter[str]] = defaultdict(Counter)
    for contact, held in zip(contacts, found, strict=True):
        for key in held:
            holders[key][contact["source"]] += 1
    hubs = {key for key, by_source in holders.items() if max(by_source.values()) > rules.most}
    return [
        Evidence(
            place=place,
            ref=contact["id"],
            source=contact["source"],
            created=contact["createdAt"],
            name=names.name_of(contact["firstName"], contact["lastName"], contact["displayName"]),
            keys=held - hubs,
        )
        for place, (contact, held) in enumerate(zip(contacts, found, strict=True))
    ]


def solved(
    evidence: Sequence[Evidence], spoken: Spoken = NOTHING_SAID
) -> tuple[list[tuple[int, ...]], list[Conflict]]:
    """The people among records, and what was held apart."""
    people: list[tuple[int, ...]] = []
    conflicts: list[Conflict] = []
    for places in tied({each.place: each.keys for each in evidence}):
        solution = solve([evidence[place] for place in places], spoken, oversized=len(places) > LARGEST)
        people += solution.people
        conflicts += solution.conflicts
    return people, conflicts


def tied(holding: Mapping[int, Iterable[Hashable]]) -> list[list[int]]:
    """Places that hang together by what they hold."""
    heads = {place: place for place in holding}

    def head(place: int) -> int:
        while heads[place] != place:
            heads[place] = heads[heads[place]]
            place = heads[place]
        return place

    first: dict[Hashable, int] = {}
    for place, held in holding.items():
        for each in held:
            heads[head(place)] = head(first.setdefault(each, place))
    found: dict[int, list[int]] = defaultdict(list)
    for place in holding:
        found[head(place)].append(place)
    return list(found.values())


def _joinable(records: Sequence[Record], evidence: Sequence[Evidence]) -> Iterable[Pair]:
    whose: dict[Key, set[int]] = defaultdict(set)
    for each in evidence:
        for key in each.keys:
            whose[key].add(records[each.place].who)
    own = {each.place: [key for key in each.keys if len(whose[key]) == 1] for each in evidence}
    for places in tied(own):
        yield from combinations(sorted(places), 2)


def _chained(records: Sequence[Record], evidence: Sequence[Evidence]) -> Iterable[Pair]:
    for places in tied({each.place: each.keys for each in evidence}):
        pairs = combinations(sorted(places), 2)
        yield from (pair for pair in pairs if records[pair[0]].who == records[pair[1]].who)


def _told(record: Record) -> str:
    contact = record.contact
    country = [each["value"] for each in contact["_properties"] or ()]
    return (
        f"{record.who:>6} {contact['source']:<12} {contact['displayName']!s:<30} {contact['emails']} "
        f"{contact['phones']} {country or ''} [{', '.join(sorted(record.traps))}]"
    )
