"""Which records are one person, whatever order they came in, and what is held apart."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity.clusters import Evidence, Solution, Spoken, solve
from gateway.identity.keys import Key
from gateway.identity.names import name_of
from gateway.identity.rules import EMAIL, MAILBOX, PHONE
from gateway.model.source import Source

SPACE, PACKAGE, SENDER = Source
NOTHING = Spoken()
ADA = "ada@example.com"
PHONES = ("+15035550142", "+15035550143", "+15035550144")
CRM = "external:crm"


def record(place: int, name: str | None, *keys: str, source: Source = SPACE, **ids: str) -> Evidence:
    """A record whose keys are e-mails, phones, and ids by name."""
    held: set[Key] = {(EMAIL if "@" in key else PHONE, key) for key in keys}
    held |= {(f"external:{kind}", value) for kind, value in ids.items()}
    return Evidence(
        place=place,
        ref=f"{source}:{place}",
        source=source,
        created=None,
        name=name_of(None, None, name),
        keys=frozenset(held),
    )


def said(
    *, same: Iterable[tuple[Evidence, Evidence]] = (), never: Iterable[tuple[Evidence, Evidence]] = ()
) -> Spoken:
    """What was said by hand of pairs."""

    def both_ways(pairs: Iterable[tuple[Evidence, Evidence]]) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for one, other in pairs:
            found.setdefault(one.ref, set()).add(other.ref)
            found.setdefault(other.ref, set()).add(one.ref)
        return {ref: frozenset(others) for ref, others in found.items()}

    return Spoken(same=both_ways(same), never=both_ways(never))


def people(records: Sequence[Evidence], spoken: Spoken = NOTHING) -> list[tuple[int, ...]]:
    return list(solve(records, spoken).people)


def are_one(*records: Evidence, spoken: Spoken = NOTHING) -> bool:
    return len(people(records, spoken)) == 1


# ---- what joins


@pytest.mark.parametrize("key", [ADA, PHONES[0]])
def test_an_e_mail_or_a_phone_in_common_joins(key: str) -> None:
    assert are_one(record(1, "Ada Lovelace", key), record(2, "Ada Lovelace", key, source=SENDER))


def test_an_id_in_common_joins_whatever_the_names() -> None:
    one, other = (
        record(1, "Ada Lovelace", ADA, crm="7"),
        record(2, "Grace Hopper", "grace@example.com", crm="7"),
    )
    assert are_one(one, other)


def test_a_mailbox_in_common_joins_where_those_rules_are_on() -> None:
    one, other = record(1, "Ada Lovelace", "a.da@gmail.com"), record(2, "Ada Lovelace", ADA)
    mailbox = (MAILBOX, "ada@gmail.com")
    assert are_one(*(replace(each, keys=each.keys | {mailbox}) for each in (one, other)))
    assert not are_one(one, other)


def test_a_chain_joins() -> None:
    chain = [
        record(1, "Ada Lovelace", ADA),
        record(2, "Ada Lovelace", ADA, PHONES[0], source=PACKAGE),
        record(3, "A. Lovelace", PHONES[0], ADA, source=SENDER),
        record(4, "Ada", PHONES[0], source=SENDER),
    ]
    assert are_one(*chain)


def test_an_equal_name_joins_nobody() -> None:
    assert not are_one(record(1, "Ada Lovelace", ADA), record(2, "Ada Lovelace", PHONES[0]))
    assert not are_one(record(1, "Ada Lovelace"), record(2, "Ada Lovelace"))


def test_a_record_alone_is_a_person() -> None:
    assert solve([record(7, None)], NOTHING) == Solution(((7,),), ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada Lovelace", "ada lovelace"),
        ("Robert Smith", "Bob Smith"),
        ("Ada Lovelace", "Ada"),
        ("Ada Lovelace", "Ada L."),
        ("Ada Lovelace", None),
        ("Ada Lovelace", "ada77"),
        ("Ada Lovelace", "Acme Ltd"),
        (None, None),
    ],
)
@pytest.mark.parametrize("key", [ADA, PHONES[0]])
def test_a_name_that_can_be_the_same_does_not_keep_apart(
    key: str, one: str | None, other: str | None
) -> None:
    assert are_one(record(1, one, key), record(2, other, key, source=SENDER))


def test_an_e_mail_joins_a_mistyped_name_a_phone_alone_does_not() -> None:
    for key, joined in ((ADA, True), (PHONES[0], False)):
        one, other = record(1, "Danjel Meyer", key), record(2, "Daniel Meyer", key, source=SENDER)
        assert are_one(one, other) is joined
    one, other = record(1, "Danjel Meyer", ADA, PHONES[0]), record(2, "Daniel Meyer", ADA, PHONES[0])
    assert are_one(one, other)


def test_somebody_who_took_another_name_needs_an_e_mail() -> None:
    assert are_one(record(1, "Anna Meyer", ADA), record(2, "Anna Schulz", ADA, PHONES[0]))
    assert not are_one(record(1, "Anna Meyer", PHONES[0]), record(2, "Anna Schulz", PHONES[0], ADA))


# ---- what is held apart


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (
            record(1, "Ada Lovelace", ADA, crm="7"),
            record(2, "Ada Lovelace", ADA, crm="8"),
            "They share the email ada@example.com, but their crm differ.",
        ),
        (
            record(1, "Ada Lovelace", ADA, PHONES[0]),
            record(2, "Grace Hopper", ADA, PHONES[1]),
            "They share the email ada@example.com, but Ada Lovelace and Grace Hopper of SAMESPACE "
            "have nothing else in common.",
        ),
        (
            record(1, "Ada Lovelace", ADA),
            record(2, "Grace Hopper", ADA, source=SENDER),
            "They share the email ada@example.com, but the names differ: Ada Lovelace and Grace Hopper.",
        ),
        (
            record(1, "Anna Meyer", ADA),
            record(2, "Tom Meyer", ADA, source=SENDER),
            "They share the email ada@example.com, but Anna Meyer and Tom Meyer are two people of one name.",
        ),
        (
            record(1, "Danjel Meyer", ADA, PHONES[0]),
            record(2, "Daniel Meyer", ADA, PHONES[1], source=SENDER),
            "They share the email ada@example.com, but Danjel Meyer and Daniel Meyer may be two people: "
            "each has another phone.",
        ),
        (
            record(1, "Daniela Meyer", PHONES[0]),
            record(2, "Daniel Meyer", PHONES[0], source=SENDER),
            "They share the phone +15035550142, but Daniela Meyer and Daniel Meyer may be two people: "
            "they have no email in common.",
        ),
        (
            record(1, None, PHONES[0], ADA),
            record(2, "Daniel Meyer", PHONES[0], "daniel@example.com", source=SENDER),
            "They share the phone +15035550142, but SAMESPACE:1 and Daniel Meyer may be two people: "
            "each has another email.",
        ),
        (
            record(1, "John Smith Sr.", PHONES[0]),
            record(2, "John Smith Jr.", PHONES[0], source=SENDER),
            "They share the phone +15035550142, but John Smith and John Smith are two people of one name.",
        ),
    ],
)
def test_what_contradicts_is_held_apart_and_told(one: Evidence, other: Evidence, why: str) -> None:
    found = solve([one, other], NOTHING)
    assert found.people == ((1,), (2,))
    (conflict,) = found.conflicts
    assert (conflict.places, conflict.reason) == ((1, 2), why)


def test_a_phone_of_two_people_does_not_join_whoever_may_be_either() -> None:
    family = [
        record(1, "Anna Meyer", PHONES[0]),
        record(2, "Tom Meyer", PHONES[0]),
        record(3, None, PHONES[0], source=SENDER),
    ]
    assert people(family) == [(1,), (2,), (3,)]


def test_a_first_name_goes_to_whom_it_belongs() -> None:
    family = [
        record(1, "Anna Meyer", PHONES[0]),
        record(2, "Tom Meyer", PHONES[0]),
        record(3, "Tom", PHONES[0], source=SENDER),
    ]
    assert people(family) == [(1,), (2, 3)]


def test_two_ids_are_held_apart_through_a_chain_as_well() -> None:
    chain = [
        record(1, "Ada", ADA, crm="7"),
        record(2, "Ada", ADA, "ada@example.org"),
        record(3, "Ada", "ada@example.org", crm="8"),
    ]
    found = solve(chain, NOTHING)
    assert found.people == ((1,), (2,), (3,))
    assert found.conflicts[0].reason == "Held together by a chain only: their crm differ."


def test_an_e_mail_is_surer_than_a_phone() -> None:
    chain = [
        record(1, "Ada", ADA, crm="7"),
        record(2, "Ada", ADA, PHONES[0]),
        record(3, "Ada", PHONES[0], crm="8"),
    ]
    found = solve(chain, NOTHING)
    assert found.people == ((1, 2), (3,))
    assert [conflict.places for conflict in found.conflicts] == [(1, 2, 3)]


def test_two_ids_are_told_by_the_kind_that_comes_first() -> None:
    one, other = record(1, "Ada", ADA, b="1", a="1"), record(2, "Ada", ADA, b="2", a="2")
    assert solve([one, other], NOTHING).conflicts[0].reason.endswith("their a differ.")


def test_of_the_same_records_there_is_one_conflict_with_all_reasons() -> None:
    one, other = record(1, "Anna Meyer", ADA, PHONES[0]), record(2, "Tom Meyer", ADA, PHONES[0])
    (conflict,) = solve([one, other], NOTHING).conflicts
    assert conflict.mark == f"{EMAIL}:{ADA} {PHONE}:{PHONES[0]}"
    assert conflict.reason.count("They share the") == 2


def test_too_many_records_are_joined_by_hand_only() -> None:
    crowd = [record(place, "Ada Lovelace", ADA) for place in range(1, 5)]
    found = solve(crowd, said(same=[(crowd[0], crowd[1])]), oversized=True)
    assert found.people == ((1, 2), (3,), (4,))
    assert found.conflicts == ()  # the index tells of those: it has met more than these


# ---- what is said by hand


def test_what_is_said_by_hand_joins_without_a_key_and_against_all_evidence() -> None:
    one, other = record(1, "Ada Lovelace", ADA, crm="7"), record(2, "Grace Hopper", PHONES[0], crm="8")
    assert are_one(one, other, spoken=said(same=[(one, other)]))


def test_what_is_said_by_hand_keeps_apart_against_all_evidence() -> None:
    one, other = (
        record(1, "Ada Lovelace", ADA, PHONES[0], crm="7"),
        record(2, "Ada Lovelace", ADA, PHONES[0], crm="7"),
    )
    found = solve([one, other], said(never=[(one, other)]))
    assert found == Solution(((1,), (2,)), ())  # settled, so no conflict


def test_what_is_said_one_way_counts_both_ways() -> None:
    one, other = record(1, "Ada Lovelace", ADA), record(2, "Ada Lovelace", ADA)
    for ref, against in ((one.ref, other.ref), (other.ref, one.ref)):
        assert not are_one(one, other, spoken=Spoken(never={ref: frozenset({against})}))
        assert are_one(one, record(2, None), spoken=Spoken(same={ref: frozenset({against})}))


def test_where_statements_contradict_one_another_nobody_is_joined() -> None:
    one, two, three = (record(place, "Ada Lovelace") for place in (1, 2, 3))
    found = solve([one, two, three], said(same=[(one, two), (two, three)], never=[(one, three)]))
    assert found.people == ((1,), (2,), (3,))
    assert found.conflicts[0].reason == "Held together by a chain only: two of them are kept apart by hand."


def test_whoever_is_tied_to_two_that_are_kept_apart_stays_alone() -> None:
    one, two, three = (record(place, "Ada Lovelace", ADA) for place in (1, 2, 3))
    found = solve([one, two, three], said(never=[(one, three)]))
    assert found.people == ((1,), (2,), (3,))
    assert found.conflicts[0].reason.endswith("but one of them is tied to two that are kept apart by hand.")


def test_statements_of_records_that_are_elsewhere_count_nothing() -> None:
    one, other = record(1, "Ada Lovelace", ADA), record(2, "Ada Lovelace", ADA)
    assert are_one(
        one, other, spoken=Spoken(same={one.ref: frozenset({"PACKAGEX:9"})}, never={"x": frozenset("y")})
    )


# ---- whatever the records

NAMES = (
    "Ada Lovelace", "Ada", "A. Lovelace", "Ada Byron", "Adda Lovelace", "Grace Lovelace", "Grace Hopper",
    "Daniel Meyer", "Daniela Meyer", "John Smith", "John Smith Jr.", "Acme Ltd", "7", None,
)  # fmt: skip
KEYS = st.sets(st.sampled_from([ADA, "grace@example.com", "team@example.com", *PHONES]), max_size=3)
IDS = st.dictionaries(st.just("crm"), st.sampled_from(["7", "8"]), max_size=1)
RECORD = st.tuples(st.sampled_from(NAMES), KEYS, st.sampled_from(list(Source)), IDS)
PAIRS = st.sets(
    st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] < pair[1]), max_size=3
)


@st.composite
def worlds(draw: st.DrawFn, *, never: bool = True) -> tuple[list[Evidence], Spoken]:
    """Some records, and what was said of them."""
    parts = draw(st.lists(RECORD, min_size=2, max_size=8))
    records = [
        record(at, name, *sorted(keys), source=source, **ids)
        for at, (name, keys, source, ids) in enumerate(parts)
    ]
    pairs: Any = [
        [(records[a], records[b]) for a, b in sorted(draw(PAIRS)) if b < len(records)] for _ in range(2)
    ]
    apart = [pair for pair in pairs[1] if pair not in pairs[0]] if never else []
    return records, said(same=pairs[0], never=apart)


def by_ref(records: Sequence[Evidence], solution: Solution) -> set[frozenset[str]]:
    refs = {each.place: each.ref for each in records}
    return {frozenset(refs[place] for place in person) for person in solution.people}


@settings(max_examples=100)
@given(worlds(), st.data())
def test_the_order_of_records_does_not_matter(
    world: tuple[list[Evidence], Spoken], data: st.DataObject
) -> None:
    records, spoken = world
    found = solve(records, spoken)
    assert solve(data.draw(st.permutations(records)), spoken) == found


@settings(max_examples=100)
@given(worlds(), st.data())
def test_the_order_of_arrival_does_not_matter(
    world: tuple[list[Evidence], Spoken], data: st.DataObject
) -> None:
    records, spoken = world
    places = data.draw(st.permutations(range(len(records))))
    later = [replace(each, place=place) for each, place in zip(records, places, strict=True)]
    one, other = solve(records, spoken), solve(later, spoken)
    assert by_ref(records, one) == by_ref(later, other)
    assert {conflict.mark for conflict in one.conflicts} == {conflict.mark for conflict in other.conflicts}


@given(worlds())
def test_every_record_is_in_exactly_one_person(world: tuple[list[Evidence], Spoken]) -> None:
    records, spoken = world
    found = solve(records, spoken).people
    assert sorted(place for person in found for place in person) == [each.place for each in records]
    assert list(found) == sorted(tuple(sorted(person)) for person in found)


@settings(max_examples=100)
@given(worlds())
def test_who_is_kept_apart_by_hand_is_never_one_person(world: tuple[list[Evidence], Spoken]) -> None:
    records, spoken = world
    refs = {each.ref: each.place for each in records}
    for person in solve(records, spoken).people:
        for ref, others in spoken.never.items():
            assert refs[ref] not in person or not {refs[other] for other in others} & set(person)


@given(worlds(never=False))
def test_who_is_linked_by_hand_is_one_person_unless_somebody_says_never(
    world: tuple[list[Evidence], Spoken],
) -> None:
    records, spoken = world
    found = by_ref(records, solve(records, spoken))
    for ref, others in spoken.same.items():
        assert any({ref, *others} <= person for person in found)


@given(worlds(), st.integers(0, 7), st.integers(0, 7))
def test_what_is_withdrawn_leaves_nothing_behind(
    world: tuple[list[Evidence], Spoken], one: int, other: int
) -> None:
    records, spoken = world
    refs = [each.ref for each in records]
    pair = refs[one % len(refs)], refs[other % len(refs)]
    linked = {ref: spoken.same.get(ref, frozenset()) | (set(pair) - {ref}) for ref in pair}
    solve(records, replace(spoken, same={**spoken.same, **linked}))
    withdrawn = {
        ref: spoken.same.get(ref, frozenset()) for ref in refs
    }  # as when the last word is taken back
    assert solve(records, replace(spoken, same=withdrawn)) == solve(records, spoken)


@settings(max_examples=100)
@given(worlds())
def test_without_a_word_nobody_is_joined_who_shares_no_chain_of_keys(
    world: tuple[list[Evidence], Spoken],
) -> None:
    records, _ = world
    held = {each.place: each.keys for each in records}
    for person in solve(records, NOTHING).people:
        reached, rest = {person[0]}, set(person[1:])
        while near := {place for place in rest if any(held[place] & held[one] for one in reached)}:
            reached, rest = reached | near, rest - near
        assert not rest


@settings(max_examples=100)
@given(worlds())
def test_without_a_word_nobody_has_two_ids_of_one_kind(world: tuple[list[Evidence], Spoken]) -> None:
    records, _ = world
    ids = {each.place: {value for kind, value in each.keys if kind == CRM} for each in records}
    for person in solve(records, NOTHING).people:
        assert len({value for place in person for value in ids[place]}) <= 1


@settings(max_examples=100)
@given(worlds())
def test_a_conflict_is_of_several_people_and_told_once(world: tuple[list[Evidence], Spoken]) -> None:
    found = solve(*world)
    whose = {place: at for at, person in enumerate(found.people) for place in person}
    for conflict in found.conflicts:
        assert len({whose[place] for place in conflict.places}) > 1
        assert conflict.places == tuple(sorted(set(conflict.places)))
        assert conflict.reason.endswith(".")
    assert len({conflict.places for conflict in found.conflicts}) == len(found.conflicts)


@settings(max_examples=100)
@given(worlds())
def test_whoever_shares_a_key_and_is_not_one_person_is_in_a_conflict_or_was_kept_apart(
    world: tuple[list[Evidence], Spoken],
) -> None:
    records, spoken = world
    found = solve(records, spoken)
    whose = {place: person for person in found.people for place in person}
    for one, other in combinations(records, 2):
        if one.keys & other.keys and whose[one.place] != whose[other.place]:
            held = any({one.place, other.place} <= set(conflict.places) for conflict in found.conflicts)
            assert held or spoken.never
