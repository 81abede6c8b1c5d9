"""Registered texts are bounded, and nobody drops those of others; a manifest is read whole or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema
from hypothesis import given
from hypothesis import strategies as st

from gateway.engine import persisted
from gateway.engine.documents import LARGEST_KEPT, Documents
from gateway.engine.limits import Limits
from gateway.engine.persisted import APOLLO, BadManifest, Manifest, Registered, digest
from gateway.model.caller import Caller

SCHEMA = build_schema("type Query { name: String friends: [Query!]! } type Mutation { rename: String }")


def caller(name: str, account: str = "default", home: str | None = None) -> Caller:
    return Caller(name=name, scopes=frozenset(), account=account, home=home)


ADA, BEN, EVE = caller("ada"), caller("ben"), caller("eve")


def texts(count: int, mark: str = "a") -> list[str]:
    """Different texts of one size."""
    return [f"{{ {mark}{number:04}: name }}" for number in range(count)]


def register(held: Registered, who: Caller, *all_: str) -> None:
    for text in all_:
        held.put(who, digest(text), text)


def kept(held: Registered, who: Caller, all_: list[str]) -> int:
    return sum(held.get(who, digest(text)) == text for text in all_)


# ---- what callers register


def test_a_text_is_found_by_its_hash_by_every_caller_of_the_account_and_by_nobody_else() -> None:
    held = Registered()
    register(held, ADA, "{ name }")
    assert held.get(BEN, digest("{ name }")) == "{ name }"
    assert held.get(caller("ada", "other"), digest("{ name }")) is None
    assert held.get(ADA, digest("{name}")) is None


def test_what_is_longest_unused_is_dropped_when_there_are_too_many() -> None:
    held = Registered(most=3)
    first, second, third, fourth = texts(4)
    register(held, ADA, first, second, third)
    assert held.get(ADA, digest(first)) == first
    register(held, ADA, fourth)
    assert [kept(held, ADA, [each]) for each in (first, second, third, fourth)] == [1, 0, 1, 1]


def test_bytes_are_bounded_as_well() -> None:
    held = Registered(most_bytes=100_000)
    for number in range(50):
        register(held, ADA, f"{{ name }} # {number}" + "é" * 5_000)
        assert held.used_bytes <= 100_000
    assert 0 < len(held) < 50


def test_a_text_that_is_larger_than_all_that_is_kept_is_not_kept_and_drops_nothing() -> None:
    held = Registered()
    register(held, ADA, "{ name }", "{ name }" + "#" * LARGEST_KEPT)
    assert len(held) == 1


def test_registering_again_takes_no_more_room() -> None:
    held = Registered()
    register(held, ADA, "{ name }")
    used = held.used_bytes
    register(held, ADA, "{ name }")
    register(held, BEN, "{ name }")
    assert (len(held), held.used_bytes) == (1, used)


def test_who_registers_without_end_drops_their_own() -> None:
    held = Registered(most=100)
    ours = texts(10, "ours")
    register(held, ADA, *ours)
    register(held, EVE, *texts(500, "eves"))
    assert kept(held, ADA, ours) == 10
    assert len(held) == 100


def test_who_registered_what_others_use_cannot_drop_it_for_them() -> None:
    held = Registered(most=100)
    shared = texts(10, "both")
    register(held, EVE, *shared, *texts(50, "eves"))
    assert kept(held, ADA, shared) == 10
    register(held, EVE, *texts(500, "more"))
    assert kept(held, ADA, shared) == 10


def test_many_callers_of_one_account_drop_nothing_of_another_account() -> None:
    held = Registered(most=100)
    ours = texts(20, "ours")
    register(held, ADA, *ours)
    for number in range(500):
        register(held, caller(f"eve-{number}", "other"), *texts(1, f"x{number}y"))
    assert kept(held, ADA, ours) == 20


def test_keys_that_a_caller_brings_along_are_no_further_share() -> None:
    held = Registered(most=100)
    ours = texts(20, "ours")
    register(held, caller("ada", "ours"), *ours)
    for number in range(500):
        register(held, caller("eve", f"brought.{number}", home="theirs"), *texts(1, f"x{number}y"))
    assert kept(held, caller("ada", "ours"), ours) == 20


@given(
    st.lists(
        st.tuples(
            st.sampled_from([ADA, BEN, EVE, caller("ada", "other")]), st.integers(0, 12), st.booleans()
        ),
        max_size=60,
    )
)
def test_whatever_is_registered_and_asked_for_the_bounds_hold_and_texts_fit_their_hashes(
    steps: list[tuple[Caller, int, bool]],
) -> None:
    held = Registered(most=5, most_bytes=600)
    all_ = texts(13)
    for who, number, asks in steps:
        if asks:
            assert held.get(who, digest(all_[number])) in {None, all_[number]}
        else:
            register(held, who, all_[number])
            assert held.get(who, digest(all_[number])) in {None, all_[number]}
        assert len(held) <= 5
        assert held.used_bytes <= 600
    found = {(who.account, text) for who, *_ in steps for text in all_ if held.get(who, digest(text))}
    assert len(found) == len(held)


# ---- a manifest


def read(path: Path, content: Any, limits: Limits | None = None) -> Manifest:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return persisted.read(path, Documents(SCHEMA, limits or Limits()))


def apollo(*operations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"format": APOLLO, "version": 1, "operations": list(operations), **more}


def operation(**more: Any) -> dict[str, Any]:
    return {"id": "1", "name": "Names", "type": "query", "body": "query Names { name }", **more}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "documents.json"


def test_a_manifest_of_apollos_names_its_documents_by_id_hash_and_text(path: Path) -> None:
    found = read(path, apollo(operation()))
    body = "query Names { name }"
    for name in ("1", digest(body), f"sha256:{digest(body)}"):
        listed = found.named(name)
        assert listed is not None
        assert listed.text == body
        assert listed.document is found.of_text(body)
    assert found.named("2") is None
    assert found.of_text("query Names {name}") is None


def test_a_map_of_ids_to_texts_is_a_manifest_too(path: Path) -> None:
    found = read(path, {"a1": "{ name }", "operations": "mutation M { rename }"})
    assert len(found) == 2
    listed = found.named("operations")
    assert listed is not None
    assert listed.document.chosen(None).kind == "mutation"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff{}",
        [],
        {},
        "text",
        {"a": 1},
        {"a": None},
        {"": "{ name }"},
        {"a\nb": "{ name }"},
        {"a" * 300: "{ name }"},
        {"operations": []},
        {"operations": [operation()]},
        apollo(),
        apollo(operation(), version=2),
        apollo(operation(), format="another"),
        apollo({"id": "1"}),
        apollo(operation(id=1)),
        apollo(operation(body=None)),
        apollo(operation(), operation(body="query Names { friends { name } }")),
    ],
    ids=str,
)
def test_what_is_no_manifest_is_refused(path: Path, content: Any) -> None:
    with pytest.raises(BadManifest):
        read(path, content)


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (operation(id="odd", body="query Names {"), "odd (Names): Syntax Error"),
        (operation(id="odd", body="query Names { nope }"), "odd (Names): Cannot query field 'nope'"),
        (
            operation(id="odd", body="query Names { a: friends { b: friends { name } } }"),
            "nests 3 fields deep",
        ),
        (operation(id="odd", name="Others"), "odd (Others): its name or type"),
        (operation(id="odd", type="mutation"), "odd (Names): its name or type"),
        (operation(id="odd", name=["Names"]), "odd: its name or type"),
    ],
)
def test_a_document_that_could_not_run_is_named(path: Path, odd: dict[str, Any], told: str) -> None:
    with pytest.raises(BadManifest) as refused:
        read(path, apollo(operation(), odd), Limits(depth=2))
    assert told in str(refused.value)


def test_a_document_is_refused_that_costs_too_much_whatever_its_variables_are(path: Path) -> None:
    text = "{ friends { friends { friends { name } } } }"
    with pytest.raises(BadManifest, match="costs 1110 points"):
        read(path, {"dear": text}, Limits(points=1_000))
    assert len(read(path, {"dear": text})) == 1


def test_of_many_documents_that_are_not_valid_some_are_named(path: Path) -> None:
    with pytest.raises(BadManifest) as refused:
        read(path, {f"id-{number}": "{ nope }" for number in range(25)})
    assert str(refused.value).count("id-") == 10
    assert "(15 more)" in str(refused.value)


def test_a_file_that_is_not_there_or_too_large_is_refused(path: Path) -> None:
    with pytest.raises(BadManifest, match="No such file"):
        persisted.read(path, Documents(SCHEMA, Limits()))
    with pytest.raises(BadManifest, match="no path"):
        persisted.read(Path("a\x00b"), Documents(SCHEMA, Limits()))
    with pytest.raises(BadManifest, match="more than"):
        read(path, b" " * (persisted.LARGEST_MANIFEST + 1))
