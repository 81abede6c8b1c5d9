"""Answers that come again word for word: read once, made into values once, and never more than fits."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from gateway.cache.known import EACH, SMALLEST, Known
from gateway.model.record import TOLD, VALUE, WITHIN, KeptRecord

SPACE = b" " * SMALLEST  # which makes a page of it
PAGE = b'{"data": [{"id": "a", "address": {"city": "Salem"}}, {"id": "b"}]}' + SPACE
SIZE = len(PAGE.replace(b'"b"', b'"0000"')) + 2 * EACH  # of a page of two records
RECORDS = b'{"id":"a","address":{"city":"Salem"}}', b'{"id":"0000"}'
WHOLE = SIZE + sum(VALUE + WITHIN * len(each) for each in RECORDS)  # with a value of each


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
    assert {type(each) for each in second} == {KeptRecord}


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


def test_never_more_is_held_than_there_is_room_for() -> None:
    some = pages(200)
    known = Known(40 * SIZE)
    for content in some:
        held(known, content)
        assert known.used_bytes <= 40 * SIZE
    assert len(known._held) == 40


def test_what_is_made_of_records_takes_room_as_well() -> None:
    some = pages(200)
    known = Known(40 * WHOLE)
    for content in some:
        for each in held(known, content):
            each.keep("how", object())
            each.keep("otherwise", object())
    held(known, some[0])
    assert known.used_bytes <= 40 * WHOLE
    assert len(known._held) == 40


def test_what_is_told_of_records_takes_room_as_well() -> None:
    known = Known(10**6)
    one, other = held(known)
    one.keep_told("Contact id:id", b"x" * 1_000)
    one.keep_told("Contact name:name", b"x" * 500)
    assert known.used_bytes == len(PAGE) + 2 * EACH + 500 + TOLD
    other.keep("how", object())
    assert known.used_bytes == len(PAGE) + 2 * EACH + 500 + TOLD + VALUE + WITHIN * len(b'{"id":"b"}')
    known.clear()
    other.keep_told("Contact id:id", b"x")  # somebody holds it still
    assert known.used_bytes == 0


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
    known = Known(10**6)
    held(known)
    known.clear()
    assert known.used_bytes == 0
    assert type(read(known)[0]) is dict
