"""Answers that come again word for word: read once, made into values once, and never more than fits."""

import weakref
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from gateway.cache.known import EACH, SMALLEST, Known, made_each
from gateway.model.record import JsonRecord

SPACE = b" " * SMALLEST  # which makes a page of it
PAGE = b'{"data": [{"id": "a", "address": {"city": "Salem"}}, {"id": "b"}]}' + SPACE
SIZE = 2 * len(PAGE.replace(b'"b"', b'"0000"')) + 2 * EACH  # of a page of two records


class Maker:
    """Makes a new value each time, counts, and keeps what it is made of."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, Any]] = []

    def __call__(self, record: Any, raw: Any) -> object:
        self.made.append((record, raw))
        return object()


def lists(answer: Any) -> list[list[Any]]:
    return [answer["data"]]


def read(known: Known, content: bytes = PAGE) -> list[Any]:
    """The records of an answer."""
    found: list[Any] = known.read(content, orjson.loads, lists)["data"]
    return found


def held(known: Known, content: bytes = PAGE) -> list[Any]:
    """The records of an answer that is known."""
    read(known, content)
    return read(known, content)


def pages(count: int) -> list[bytes]:
    """So many pages that differ, all of one size."""
    return [PAGE.replace(b'"b"', b'"%04d"' % number) for number in range(count)]


def found(known: Known, some: Sequence[bytes]) -> int:
    """How many of some answers are not read again."""
    anew: list[bytes] = []

    def loads(content: bytes) -> Any:
        anew.append(content)
        return orjson.loads(content)

    for content in some:
        known.read(content, loads, lists)
    return len(some) - len(anew)


def test_from_the_second_time_on_an_answer_is_read_once() -> None:
    known = Known(10**6)
    first, second, third = (read(known) for _ in range(3))
    assert first == second == orjson.loads(PAGE)["data"]
    assert first is not second
    assert second is third
    assert {type(each) for each in first} == {dict}
    assert {type(each) for each in second} == {JsonRecord}


def test_what_comes_once_takes_no_room() -> None:
    known = Known(10**6)
    assert found(known, pages(1_000)) == 0
    assert known.used_bytes == 0


def test_what_cannot_be_read_is_not_remembered() -> None:
    known = Known(10**6)
    for _ in range(3):
        with pytest.raises(orjson.JSONDecodeError):
            known.read(b"{" + SPACE, orjson.loads, lists)
    assert known.used_bytes == 0


def test_an_answer_without_lists_is_read_each_time() -> None:
    known = Known(10**6)
    one, other = [known.read(PAGE, orjson.loads) for _ in range(4)][2:]
    assert one is not other
    assert known.used_bytes == 0


def test_records_that_nest_too_deep_for_json_stay_as_they_are() -> None:
    known = Known(10**6)
    page = b'{"data": [{}, {"id": ' + b"[" * 500 + b"]" * 500 + b"}]}" + SPACE
    for _ in range(3):
        assert type(read(known, page)[0]) is dict
    assert known.used_bytes == 0


def test_what_is_no_record_stays_as_it_is() -> None:
    assert held(Known(10**6), b'{"data": [null, 5, ["a"], {"id": "a"}]}' + SPACE) == [
        None,
        5,
        ["a"],
        {"id": "a"},
    ]


def test_a_record_is_made_into_a_value_once_for_each_way() -> None:
    known, make = Known(10**6), Maker()
    record = held(known)[0]
    (one,) = made_each([record], "contact", make)
    assert made_each([record], "contact", make) == [one]
    assert made_each([record], "group", make) != [one]
    assert make.made == [(orjson.loads(PAGE)["data"][0], record)] * 2
    assert all(type(each) is dict and type(raw) is JsonRecord for each, raw in make.made)


def test_what_is_made_of_a_record_does_not_hold_it_in_a_cycle() -> None:
    class Value:
        def __init__(self, _: Any, raw: Any) -> None:
            self.raw = raw

    known = Known(10**6)
    value = weakref.ref(made_each(held(known), "contact", Value)[0])
    assert value() is not None
    known.clear()
    assert value() is None


def test_records_that_are_equal_are_not_the_same() -> None:
    known, make = Known(10**6), Maker()
    first, second = held(known)[0], held(known, PAGE + b" ")[0]
    assert first == second
    assert made_each([first], "contact", make) != made_each([second], "contact", make)


def test_what_is_not_held_is_made_anew_out_of_itself() -> None:
    make = Maker()
    strange = {"id": "a"}
    assert made_each([strange], "contact", make) != made_each([strange], "contact", make)
    assert all(each is strange and raw is strange for each, raw in make.made)


def test_never_more_is_held_than_there_is_room_for() -> None:
    some = pages(200)
    known, make = Known(40 * SIZE), Maker()
    made = {}
    for content in some:
        made[content] = made_each(held(known, content), "contact", make)
        assert known.used_bytes <= 40 * SIZE
    kept = list(known._held)
    assert len(kept) == 40
    for content in kept:
        assert made_each(read(known, content), "contact", make) == made[content]
    assert len(make.made) == 2 * len(some)


def test_of_pages_that_come_in_turns_some_are_found_where_most_find_room() -> None:
    some = pages(50)
    known = Known(40 * SIZE)
    for _ in range(4):
        found(known, some)
    assert sum(found(known, some) for _ in range(10)) > 10 * 50 // 3


def test_what_is_used_stays_where_much_comes_twice() -> None:
    often, *others = pages(400)
    known = Known(40 * SIZE)
    found(known, [often] * 3)
    for other in others:
        assert found(known, [other, often, other, often]) >= 2
    assert found(known, [others[0]]) == 0


def test_what_had_to_make_room_is_held_again_as_soon_as_it_comes() -> None:
    first, *others = pages(200)
    known = Known(40 * SIZE)
    found(known, [first, first])
    found(known, [each for other in others for each in (other, other)])
    assert found(known, [first, first]) == 1


def test_an_answer_that_is_large_is_not_held() -> None:
    known = Known(len(PAGE) * 2)
    assert held(known) is not held(known)
    assert known.used_bytes == 0


def test_an_answer_of_many_records_is_not_held_where_those_take_too_much() -> None:
    page = orjson.dumps({"data": [{"id": "a"}] * 200}) + SPACE
    known = Known(200 * EACH)
    assert type(held(known, page)[0]) is dict
    assert known.used_bytes == 0


def test_an_answer_that_is_small_is_not_held() -> None:
    known, small = Known(10**6), PAGE.removesuffix(SPACE)
    assert held(known, small) is not held(known, small)
    assert known.used_bytes == 0


def test_without_room_nothing_is_held() -> None:
    known = Known(0)
    assert held(known) is not held(known)
    assert known.used_bytes == 0


def test_nothing_stays_when_everything_is_taken_away() -> None:
    known, make = Known(10**6), Maker()
    records = held(known)
    one = made_each(records, "contact", make)
    known.clear()
    assert known.used_bytes == 0
    assert type(read(known)[0]) is dict
    assert made_each(read(known), "contact", make) != one


def test_some_records_are_made_as_each_of_them_alone() -> None:
    known, make = Known(10**6), Maker()
    strange = {"id": "c"}
    one, other = held(known)
    (made,) = made_each([one], "contact", make)
    each = made_each([one, strange, other, one], "contact", make)
    assert each[0] is each[3] is made
    assert made_each([other, strange], "contact", make)[0] is each[2]
    assert len(make.made) == 4
