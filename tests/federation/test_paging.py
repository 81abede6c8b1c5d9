"""Cursors come back as they went out, belong to one list, and whatever is broken is called so."""

import base64
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import CursorInvalid
from gateway.federation import paging
from gateway.federation.paging import Buffer, Cursor, Position
from gateway.model.filter import Filter, Order, OrderField, PropertyCondition
from gateway.model.source import Source

NAMES = [source.value for source in Source]
MARK = paging.fingerprint("contacts", "default")

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
POSITIONS = st.builds(Position, st.integers(0, 2**53 - 1), st.none() | TEXTS, st.booleans())


@st.composite
def cursors(draw: st.DrawFn) -> Cursor:
    positions = draw(st.dictionaries(st.sampled_from(NAMES), POSITIONS, min_size=1))
    return Cursor(positions, draw(st.none() | st.sampled_from(sorted(positions))))


def unpacked(text: str) -> Any:
    return orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


@given(cursors())
def test_a_cursor_comes_back_as_it_went_out(cursor: Cursor) -> None:
    assert paging.decode(paging.encode(cursor, MARK), MARK) == cursor


@given(cursors())
def test_a_cursor_can_stand_in_a_url_as_it_is(cursor: Cursor) -> None:
    text = paging.encode(cursor, MARK)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_the_longest_ids_of_all_sources_fit_into_a_cursor() -> None:
    cursor = Cursor({name: Position(2**53 - 1, "x" * 200) for name in NAMES}, NAMES[0])
    assert paging.decode(paging.encode(cursor, MARK), MARK) == cursor


@given(cursors())
def test_a_cursor_of_another_list_is_refused(cursor: Cursor) -> None:
    text = paging.encode(cursor, paging.fingerprint("groups", "default"))
    with pytest.raises(CursorInvalid, match="belongs to another list"):
        paging.decode(text, MARK)


@given(st.text(max_size=120))
@example("")
@example("null")
@example("W10")
@example("é")
@example("\ud800")
@example("A" * (paging.LONGEST + 1))
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(CursorInvalid):
        paging.decode(text, MARK)


@given(st.binary(max_size=200))
def test_any_bytes_are_no_cursor(noise: bytes) -> None:
    with pytest.raises(CursorInvalid):
        paging.decode(base64.urlsafe_b64encode(noise).rstrip(b"=").decode(), MARK)


@pytest.mark.parametrize(
    "places",
    [
        None,
        7,
        "SAMESPACE",
        [],
        [["SAMESPACE", [0, None, 0]]],
        {"SAMESPACE": None},
        {"SAMESPACE": []},
        {"SAMESPACE": [0, None]},
        {"SAMESPACE": [0, None, 0, 0]},
        {"SAMESPACE": [-1, None, 0]},
        {"SAMESPACE": [2**53, None, 0]},
        {"SAMESPACE": [0.5, None, 0]},
        {"SAMESPACE": [True, None, 0]},
        {"SAMESPACE": ["0", None, 0]},
        {"SAMESPACE": [None, None, 0]},
        {"SAMESPACE": [0, 7, 0]},
        {"SAMESPACE": [0, ["a"], 0]},
        {"SAMESPACE": {"offset": 0}},
    ],
)
def test_positions_that_are_none_are_refused(places: object) -> None:
    with pytest.raises(CursorInvalid, match="broken"):
        paging.decode(paging.seal([paging.VERSION, MARK, None, places]), MARK)


@pytest.mark.parametrize("turn", ["PACKAGEX", "", 0, 1.5, True])
def test_a_turn_that_no_position_has_is_refused(turn: object) -> None:
    places = {"SAMESPACE": [0, None, 0]}
    with pytest.raises(CursorInvalid):
        paging.decode(paging.seal([paging.VERSION, MARK, turn, places]), MARK)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [paging.VERSION],
        [paging.VERSION, MARK, None],
        [paging.VERSION, MARK, None, {}, 0],
        [paging.VERSION + 1, MARK, None, {}],
        [None, MARK, None, {}],
        [paging.VERSION, None, None, {}],
        [paging.VERSION, [MARK], None, {}],
    ],
)
def test_a_cursor_of_another_form_is_refused(parts: list[object]) -> None:
    with pytest.raises(CursorInvalid):
        paging.decode(paging.seal(parts), MARK)


@given(cursors(), st.data())
def test_a_changed_sign_gives_a_cursor_or_a_refusal(cursor: Cursor, data: st.DataObject) -> None:
    text = paging.encode(cursor, MARK)
    at = data.draw(st.integers(0, len(text) - 1))
    sign = data.draw(st.characters(max_codepoint=0x2FF))
    try:
        found = paging.decode(text[:at] + sign + text[at + 1 :], MARK)
    except CursorInvalid:
        return
    assert all(place.offset >= 0 for place in found.positions.values())


@given(cursors(), st.data())
def test_a_cut_cursor_is_refused(cursor: Cursor, data: st.DataObject) -> None:
    text = paging.encode(cursor, MARK)
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(CursorInvalid):
        paging.decode(text[:cut], MARK)


def test_a_cursor_names_its_version_first_so_that_a_later_form_can_be_told() -> None:
    assert unpacked(paging.encode(Cursor(), MARK))[0] == paging.VERSION


ARGUMENTS: list[tuple[Any, ...]] = [
    ("contacts", "default", None, None, None, None, None, None),
    ("contacts", "other", None, None, None, None, None, None),
    ("contacts", "default", (Source.SAMESPACE,), None, None, None, None, None),
    ("contacts", "default", (Source.SAMESPACE, Source.PACKAGEX), None, None, None, None, None),
    ("contacts", "default", None, "ann", None, None, None, None),
    ("contacts", "default", None, None, Filter(name="ann"), None, None, None),
    ("contacts", "default", None, None, Filter(first_name="ann"), None, None, None),
    ("contacts", "default", None, None, Filter(members=("1",)), None, None, None),
    (
        "contacts",
        "default",
        None,
        None,
        Filter(properties=(PropertyCondition(key="a", exists=True),)),
        None,
        None,
        None,
    ),
    (
        "contacts",
        "default",
        None,
        None,
        Filter(properties=(PropertyCondition(key="a", equals=(None,)),)),
        None,
        None,
        None,
    ),
    (
        "contacts",
        "default",
        None,
        None,
        Filter(properties=(PropertyCondition(key="a", equals=(True,)),)),
        None,
        None,
        None,
    ),
    ("contacts", "default", None, None, None, None, None, Order(field=OrderField.NAME)),
    ("contacts", "default", None, None, None, None, None, Order(field=OrderField.NAME, descending=True)),
    ("contacts", "default", None, None, None, None, ("group_1",), None),
]


def test_lists_that_differ_in_one_argument_have_different_fingerprints() -> None:
    assert len({paging.fingerprint(*each) for each in ARGUMENTS}) == len(ARGUMENTS)


def test_the_same_arguments_always_have_the_same_fingerprint() -> None:
    for each in ARGUMENTS:
        assert paging.fingerprint(*each) == paging.fingerprint(*each)


# ---- weaving


def filled(items: str, *, more: bool = False, held: bool = False) -> Buffer:
    start = Position()
    buffer = Buffer.at(start)
    buffer.items = list(items)
    buffer.after = [lambda: [Position(place, item) for place, item in enumerate(items, start=1)]]
    buffer.end = Position(len(items), items[-1]) if items else start
    buffer.more, buffer.held = more, held
    return buffer


def picked(buffers: Mapping[str, Buffer], turn: str | None, first: int) -> str:
    woven = paging.weave(buffers, turn, first)
    return "".join(buffers[name].items[place] for name, place in woven.picks)


def test_sources_take_turns_and_the_ended_are_passed_over() -> None:
    buffers = {"A": filled("abc"), "B": filled("1"), "C": filled("xy")}
    assert picked(buffers, None, 10) == "a1xbyc"


def test_a_page_begins_with_the_source_whose_turn_it_is() -> None:
    buffers = {"A": filled("abc"), "B": filled("123"), "C": filled("xyz")}
    assert picked(buffers, "B", 4) == "1xa2"


def test_a_turn_of_a_source_that_is_not_asked_falls_to_the_first() -> None:
    assert picked({"A": filled("abc"), "B": filled("123")}, "C", 3) == "a1b"


def test_a_page_stops_where_the_next_source_has_more_that_was_not_read() -> None:
    buffers = {"A": filled("abc"), "B": filled("1", more=True)}
    woven = paging.weave(buffers, None, 10)
    assert (len(woven.picks), woven.turn, woven.short) == (3, "B", True)


def test_a_source_that_is_held_keeps_nobody_waiting() -> None:
    buffers = {"A": filled("abc"), "B": filled("1", more=True, held=True)}
    assert picked(buffers, None, 10) == "a1bc"


@given(st.lists(st.integers(0, 12), min_size=1, max_size=3), st.integers(1, 20), st.integers(0, 2))
def test_a_page_holds_as_many_as_there_are_up_to_its_size(lengths: list[int], first: int, turn: int) -> None:
    buffers = {name: filled("x" * length) for name, length in zip(NAMES, lengths, strict=False)}
    woven = paging.weave(buffers, NAMES[turn], first)
    assert len(woven.picks) == min(first, sum(lengths))
    assert not woven.short


@given(
    st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=3),
    st.integers(1, 20),
    st.integers(0, 2),
)
def test_a_short_page_leads_to_a_read_of_the_source_that_it_waits_for(
    states: list[tuple[int, bool]], first: int, turn: int
) -> None:
    buffers = {
        name: filled("x" * length, more=more) for name, (length, more) in zip(NAMES, states, strict=False)
    }
    woven = paging.weave(buffers, NAMES[turn], first)
    wanted = paging.shares(buffers, NAMES[turn], first)
    assert all(count > 0 and buffers[name].open for name, count in wanted.items())
    if woven.short:
        assert wanted


@given(st.integers(1, 100), st.lists(st.booleans(), min_size=1, max_size=3), st.integers(0, 2))
def test_the_first_reads_share_the_page_among_those_that_have_not_ended(
    first: int, ended: list[bool], turn: int
) -> None:
    buffers = {name: Buffer.at(Position(done=done)) for name, done in zip(NAMES, ended, strict=False)}
    wanted = paging.shares(buffers, NAMES[turn], first)
    live = ended.count(False)
    assert sum(wanted.values()) == (max(first, live) if live else 0)
    if live:
        assert max(wanted.values()) - min(wanted.values()) <= 1
        assert len(wanted) == live


def test_an_odd_item_is_asked_of_the_source_whose_turn_it_is() -> None:
    buffers = {name: Buffer.at(Position()) for name in NAMES}
    assert paging.shares(buffers, "PACKAGEX", 1) == {"PACKAGEX": 1, "SMART_SENDER": 1, "SAMESPACE": 1}
    assert paging.shares(buffers, "SMART_SENDER", 5) == {"SMART_SENDER": 2, "SAMESPACE": 2, "PACKAGEX": 1}


def test_nobody_is_asked_when_all_have_ended_or_fail() -> None:
    held = Buffer.at(Position())
    held.held = True
    assert paging.shares({"A": Buffer.at(Position(done=True)), "B": held}, None, 10) == {}


# ---- where a source stands


def test_a_buffer_stands_behind_what_was_given_out() -> None:
    buffer = filled("abc", more=True)
    assert [buffer.behind(taken).offset for taken in range(4)] == [0, 1, 2, 3]
    assert not buffer.behind(3).done


def test_a_source_has_ended_only_when_all_it_gave_was_given_out() -> None:
    buffer = filled("abc")
    assert [buffer.behind(taken).done for taken in range(4)] == [False, False, False, True]


def test_a_source_that_is_held_has_not_ended() -> None:
    assert not filled("abc", held=True).behind(3).done
    assert not filled("", held=True).behind(0).done


def test_an_empty_stretch_is_left_behind_as_well() -> None:
    buffer = Buffer.at(Position(4, "d"))
    buffer.end = Position(9, "i")
    assert buffer.behind(0) == Position(9, "i")
