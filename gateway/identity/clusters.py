"""Which records are one person.

Records are joined step by step, the surest evidence first: what people have said by hand, ids that an
operator has named, then e-mails and phones, of the same names before of names that may be the same. Each
step joins what the steps before have left, for all keys at once, so the outcome does not depend on any order.
Whatever contradicts is held apart and told as a conflict.

Contradictions: two ids of one kind; names that differ, as a phone or mailbox under two names is a shared one,
unless both are the same and the names are no family's; names that are only close, where the second key, a
phone beside an e-mail, speaks against it or does not speak for it; two records of one source with different
names and a kind of key in which they differ. What was linked by hand is not taken apart by names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise, product
from typing import Final

from gateway.identity.keys import Key
from gateway.identity.names import Kin, Name, kin
from gateway.identity.rules import EMAIL, EXTERNAL, MAILBOX, PHONE

BY_HAND: Final = "hand"
LAST: Final = Kin.UNKNOWN  # names that are further apart tie nobody
# By what a step ties, and names as near as what. Who is one person for sure is joined before it is asked who
# may be, so that a name cut short does not hide that two people have the key.
STEPS: Final = (
    (BY_HAND, LAST),
    (EXTERNAL, LAST),
    *((kind, nearest) for nearest in (Kin.SAME, Kin.NEAR, Kin.PART, LAST) for kind in (EMAIL, PHONE)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one record: its row number, its `name` in statements (`SOURCE:id`), and its keys.

    `keys` are those that can join: no role's mailbox, no placeholder, none that too many records hold.
    """

    place: int
    ref: str
    source: str
    created: str | None
    name: Name
    keys: frozenset[Key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What people have said of pairs of records, by the name of either: these are one, or never are."""

    same: Mapping[str, frozenset[str]] = field(default_factory=dict)
    never: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Records that are held apart, by their row numbers, and why. `mark` tells it from others of the same."""

    places: tuple[int, ...]
    reason: str
    mark: str


@dataclass(frozen=True, slots=True)
class Solution:
    """The people among some records, each as row numbers in order, and what was held apart."""

    people: tuple[tuple[int, ...], ...]
    conflicts: tuple[Conflict, ...]


@dataclass(slots=True, eq=False)
class _Group:
    """Records that are known to be one person so far; `linked`: by hand, whatever their names are."""

    records: list[Evidence]
    linked: bool = False
    keys: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for record in self.records:
            for kind, value in record.keys:
                self.keys.setdefault(kind, set()).add(value)

    @property
    def named(self) -> list[Evidence]:
        """The records that say most of a name."""
        known = [record for record in self.records if record.name.known]
        return [record for record in known if record.name.full] or known or self.records


def solve(records: Sequence[Evidence], spoken: Spoken, *, oversized: bool = False) -> Solution:
    """The people among all records that are tied to one another.

    `oversized`: they are part of too many to be one person; only what was said by hand joins them.
    """
    if len(records) == 1:
        return Solution(((records[0].place,),), ())
    groups = [_Group([record]) for record in sorted(records, key=lambda each: each.place)]
    conflicts: list[Conflict] = []
    for kind, nearest in STEPS[:1] if oversized else STEPS:
        if len(groups) > 1:  # otherwise there is nobody left to be joined, or held apart
            groups = _Step(kind, nearest, groups, spoken, conflicts).joined()
    people = sorted(tuple(sorted(record.place for record in group.records)) for group in groups)
    return Solution(tuple(people), _distinct(conflicts, people))


class _Step:
    """Joins groups by one kind of evidence."""

    def __init__(
        self, kind: str, nearest: Kin, groups: Sequence[_Group], spoken: Spoken, conflicts: list[Conflict]
    ) -> None:
        self._kind = kind
        self._nearest = nearest
        self._groups = groups
        self._spoken = spoken
        self._conflicts = conflicts
        self._known: dict[tuple[int, int], str | None] = {}

    def joined(self) -> list[_Group]:
        """The groups after this step."""
        ties = self._by_hand() if self._kind == BY_HAND else self._by_keys()
        if not ties:
            return list(self._groups)
        found: list[_Group] = []
        for members in _components(range(len(self._groups)), ties):
            why = self._contradiction(members)
            if why is None:
                found.append(self._united([self._groups[place] for place in members]))
            else:
                why = why or "two of them are kept apart by hand."
                self._hold_apart(members, f"Held together by a chain only: {why}", f"chain:{self._kind}")
                found.extend(self._groups[place] for place in members)
        return found

    def _united(self, groups: Sequence[_Group]) -> _Group:
        linked = any(each.linked for each in groups) or (self._kind == BY_HAND and len(groups) > 1)
        return _Group([record for each in groups for record in each.records], linked=linked)

    def _by_hand(self) -> list[tuple[int, int]]:
        places = {record.ref: at for at, group in enumerate(self._groups) for record in group.records}
        return [
            (place, places[other])
            for ref, place in places.items()
            for other in self._spoken.same.get(ref, ())
            if other in places
        ]

    def _by_keys(self) -> list[tuple[int, int]]:
        ties: list[tuple[int, int]] = []
        for key, holders in sorted(self._holders().items()):
            if len(holders) > 1:
                ties += self._by_key(key, holders)
        return ties

    def _holders(self) -> dict[Key, list[int]]:
        """The groups that hold each key of this kind."""
        found: dict[Key, list[int]] = {}
        for at, group in enumerate(self._groups):
            for kind, values in group.keys.items():
                if kind == self._kind or (self._kind == EMAIL and kind == MAILBOX) or self._external(kind):
                    for value in values:
                        found.setdefault((kind, value), []).append(at)
        return found

    def _external(self, kind: str) -> bool:
        return self._kind == EXTERNAL and kind.startswith(EXTERNAL)

    def _by_key(self, key: Key, holders: Sequence[int]) -> list[tuple[int, int]]:
        """Ties between holders of one key that can be one person.

        Where who is whose cannot be told, nobody of those is tied.
        """
        pairs = list(combinations(holders, 2))
        apart = {pair: why for pair in pairs if (why := self._apart(*pair)) is not None}
        ties: list[tuple[int, int]] = []
        unclear = False
        for members in _components(holders, [p for p in pairs if p not in apart and self._are_near(*p)]):
            if any(pair in apart for pair in combinations(members, 2)):
                unclear = True
            else:
                ties += pairwise(members)
        told = [why for why in apart.values() if why]
        if told or unclear:
            kind = key[0].removeprefix(EXTERNAL)
            why = told[0] if told else "one of them is tied to two that are kept apart by hand."
            self._hold_apart(holders, f"They share the {kind} {key[1]}, but {why}", f"{key[0]}:{key[1]}")
        return ties

    def _are_near(self, one: int, other: int) -> bool:
        """Whether the names of two groups are as near as this step asks for."""
        if self._nearest is LAST:
            return True  # whoever is further apart was told apart
        return _nearest(self._groups[one], self._groups[other])[2] <= self._nearest

    def _contradiction(self, members: Sequence[int]) -> str | None:
        """Why some groups cannot be one person; "" where that was said by hand."""
        found = [why for pair in combinations(members, 2) if (why := self._apart(*pair)) is not None]
        if any(self._groups[each].linked for each in members):
            found = [why for why in found if not why]  # whose the others are follows from what was said
        return max(found, default=None, key=len)

    def _apart(self, one: int, other: int) -> str | None:
        """Why two groups are not one person; None where nothing speaks against it."""
        pair = (one, other) if one < other else (other, one)
        if pair not in self._known:
            self._known[pair] = self._why(self._groups[pair[0]], self._groups[pair[1]])
        return self._known[pair]

    def _why(self, one: _Group, other: _Group) -> str | None:
        never = self._spoken.never
        if never and any(_said(never, a.ref, b.ref) for a, b in product(one.records, other.records)):
            return ""
        if self._kind == BY_HAND:
            return None
        for kind in sorted(one.keys.keys() & other.keys.keys()):
            if kind.startswith(EXTERNAL) and not one.keys[kind] & other.keys[kind]:
                return f"their {kind.removeprefix(EXTERNAL)} differ."
        return None if self._kind == EXTERNAL else self._by_name(one, other)

    def _by_name(self, one: _Group, other: _Group) -> str | None:
        pairs = () if one.linked or other.linked else product(one.records, other.records)
        for a, b in pairs:  # two of one source are two on purpose
            if a.source == b.source and kin(a.name, b.name) > Kin.UNKNOWN and _differ(a, b):
                return f"{_named(a)} and {_named(b)} of {a.source} have nothing else in common."
        a, b, nearest = _nearest(one, other)
        if nearest is Kin.RELATIVE:
            return f"{_named(a)} and {_named(b)} are two people of one name."
        if nearest is Kin.OTHER and not _share_both(one, other):
            return f"the names differ: {_named(a)} and {_named(b)}."
        return self._by_second(nearest, one, other, f"{_named(a)} and {_named(b)} may be two people:")

    def _by_second(self, nearest: Kin, one: _Group, other: _Group, why: str) -> str | None:
        """What the second key says, a phone beside an e-mail, where names alone do not tell."""
        second = PHONE if self._kind == EMAIL else EMAIL
        mine, theirs = one.keys.get(second, set()), other.keys.get(second, set())
        if nearest < Kin.CLOSE or mine & theirs:
            return None
        if nearest is Kin.DOUBTFUL or (nearest is Kin.CLOSE and self._kind == PHONE):
            return f"{why} they have no {second} in common."
        if mine and theirs and (nearest is Kin.CLOSE or self._kind == PHONE):
            return f"{why} each has another {second}."
        return None

    def _hold_apart(self, members: Sequence[int], reason: str, mark: str) -> None:
        if self._nearest is not LAST:
            return  # it may become clear yet
        places = sorted(record.place for at in members for record in self._groups[at].records)
        self._conflicts.append(Conflict(tuple(places), reason, mark))


def _said(statements: Mapping[str, frozenset[str]], one: str, other: str) -> bool:
    return other in statements.get(one, ()) or one in statements.get(other, ())


def _share_both(one: _Group, other: _Group) -> bool:
    """Whether two groups of different sources have an e-mail and a phone in common."""
    if {each.source for each in one.records} & {each.source for each in other.records}:
        return False
    return all(one.keys.get(kind, set()) & other.keys.get(kind, set()) for kind in (EMAIL, PHONE))


def _differ(one: Evidence, other: Evidence) -> bool:
    """Whether two records have a kind of key each, with nothing in common."""
    for kind in (EMAIL, PHONE):
        mine = {value for of, value in one.keys if of == kind}
        theirs = {value for of, value in other.keys if of == kind}
        if mine and theirs and not mine & theirs:
            return True
    return False


def _nearest(one: _Group, other: _Group) -> tuple[Evidence, Evidence, Kin]:
    """The two records of two groups whose names are nearest, of those that say most."""
    pairs = ((a, b, kin(a.name, b.name)) for a, b in product(one.named, other.named))
    return min(pairs, key=lambda pair: (pair[2], pair[0].place, pair[1].place))


def _named(record: Evidence) -> str:
    return " ".join(record.name.words).title() or record.ref


def _components(members: Iterable[int], ties: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The connected components of some numbers, each in order."""
    heads = {member: member for member in members}

    def head(member: int) -> int:
        while heads[member] != member:
            heads[member] = heads[heads[member]]
            member = heads[member]
        return member

    for one, other in ties:
        low, high = sorted((head(one), head(other)))
        heads[high] = low
    found: dict[int, list[int]] = {}
    for member in heads:
        found.setdefault(head(member), []).append(member)
    return [sorted(each) for each in found.values()]


def _distinct(conflicts: Sequence[Conflict], people: Sequence[tuple[int, ...]]) -> tuple[Conflict, ...]:
    """Conflicts of the same records as one, without those that a later step has settled."""
    whose = {place: at for at, person in enumerate(people) for place in person}
    found: dict[tuple[int, ...], Conflict] = {}
    for each in conflicts:
        if len({whose[place] for place in each.places}) == 1:
            continue
        held = found.get(each.places)
        found[each.places] = (
            each
            if held is None
            else Conflict(each.places, f"{held.reason} {each.reason}", f"{held.mark} {each.mark}")
        )
    return tuple(found[places] for places in sorted(found))
