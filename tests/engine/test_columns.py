"""Lists of objects that are kept by column."""

from typing import Any

from gateway.engine.compiled.columns import Columns

OBJECTS = [{"key": "a", "value": 1}, {"key": "b", "value": None}]


class Maker:
    """Makes columns, and counts."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, list[Any]]:
        self.times += 1
        return {"key": ["a", "b"], "value": [1, None]}


def test_columns_are_made_once_and_not_before_somebody_looks() -> None:
    make = Maker()
    held: Columns[Any] = Columns(make)
    assert make.times == 0
    assert held.columns["key"] == ["a", "b"]
    assert (held[0], held[1:], len(held), [*held]) == (OBJECTS[0], OBJECTS[1:], 2, OBJECTS)
    assert make.times == 1


def test_objects_are_the_same_ones_each_time() -> None:
    held: Columns[Any] = Columns(Maker())
    assert next(iter(held)) is held[0]
    assert OBJECTS[1] in held


def test_columns_are_what_a_list_is() -> None:
    held: Columns[Any] = Columns(Maker())
    assert held == OBJECTS
    assert held == Columns(Maker())
    assert held != OBJECTS[:1]
    assert not Columns[Any](lambda: {"key": []})
