"""Answers that come again word for word: read once, made into values once, and never more than fits."""

from typing import Any

import orjson
import pytest

from gateway.cache.known import SMALLEST, TIMES, Known

SPACE = b" " * SMALLEST  # which makes a page of it
PAGE = b'{"data": [{"id": "a", "address": {"city": "Salem"}}, {"id": "b"}]}' + SPACE


class Maker:
    """Makes a new value each time, and counts."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, _: object) -> object:
        self.times += 1
        return object()


def held(known: Known, content: bytes = PAGE) -> Any:
    known.read(content, orjson.loads)
    return known.read(content, orjson.loads)


def test_from_the_second_time_on_an_answer_is_read_once() -> None:
    known = Known(10**6)
    first, second, third = (known.read(PAGE, orjson.loads) for _ in range(3))
    assert first == second
    assert first is not second
    assert second is third


def test_what_comes_once_takes_no_room() -> None:
    known = Known(10**6)
    for number in range(1_000):
        known.read(b'{"id": %d}' % number, orjson.loads)
    assert known.used_bytes == 0


def test_what_cannot_be_read_is_not_remembered() -> None:
    known = Known(10**6)
    for _ in range(3):
        with pytest.raises(orjson.JSONDecodeError):
            known.read(b"{", orjson.loads)
    assert known.used_bytes == 0


def test_a_record_is_made_into_a_value_once_for_each_way() -> None:
    known, make = Known(10**6), Maker()
    record = held(known)["data"][0]
    one = known.made(record, "contact", make)
    assert known.made(record, "contact", make) is one
    assert known.made(record, "group", make) is not one
    assert make.times == 2


def test_records_that_are_equal_are_not_the_same() -> None:
    known, make = Known(10**6), Maker()
    first, second = held(known)["data"][0], held(known, PAGE + b" ")["data"][0]
    assert first == second
    assert known.made(first, "contact", make) is not known.made(second, "contact", make)


def test_what_is_not_held_is_made_anew() -> None:
    known, make = Known(10**6), Maker()
    held(known)
    strange = orjson.loads(PAGE)["data"][0]
    assert known.made(strange, "contact", make) is not known.made(strange, "contact", make)


def test_what_was_not_used_longest_goes_first() -> None:
    known, make = Known(40 * len(PAGE) * TIMES), Maker()
    record = held(known)["data"][0]
    one = known.made(record, "contact", make)
    for number in range(39):
        held(known, PAGE.replace(b'"b"', b'"%d"' % (number % 10)) + b" " * (number // 10))
        assert known.made(held(known)["data"][0], "contact", make) is one
    for number in range(41):
        held(known, PAGE.replace(b'"b"', b'"%d"' % (number % 10)) + b"\n" * (number // 10))
    assert known.used_bytes <= 40 * len(PAGE) * TIMES
    assert known.made(record, "contact", make) is not one


def test_an_answer_that_is_large_is_not_held() -> None:
    known = Known(len(PAGE) * TIMES)
    assert held(known) is not held(known)
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
    answer = held(known)
    one = known.made(answer["data"][0], "contact", make)
    known.clear()
    assert known.used_bytes == 0
    assert known.made(answer["data"][0], "contact", make) is not one
    assert known.read(PAGE, orjson.loads) is not answer


def test_some_records_are_made_as_each_of_them_alone() -> None:
    known, make = Known(10**6), Maker()
    strange = {"id": "c"}
    one, other = held(known)["data"]
    made = known.made(one, "contact", make)
    each = known.made_each([one, strange, other, one], "contact", make)
    assert each[0] is each[3] is made
    assert known.made(other, "contact", make) is each[2]
    assert known.made(strange, "contact", make) is not each[1]
    assert make.times == 4
