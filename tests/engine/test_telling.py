"""Lists that tell what is selected of their objects as JSON: by column, and as parts of an answer."""

from typing import Any, cast

import orjson
import pytest
from graphql import build_schema, parse

from gateway.engine.compiled.telling import Columns, ColumnsByKey, Selected, Written, write
from gateway.engine.cost import price
from tests.support.told import read

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


def selected(*names: str) -> Selected:
    def by_column(columns: ColumnsByKey) -> list[Any]:
        return [
            dict(zip(names, row, strict=True)) for row in zip(*map(columns.__getitem__, names), strict=True)
        ]

    def one(value: Any) -> dict[str, Any]:
        return {name: value[name] for name in names}

    return Selected(f"Property {names}", frozenset(names), one, by_column)


def told(held: Columns[Any], some: Selected) -> Any:
    return read(held.told(some))


def test_columns_are_told_once_for_a_selection() -> None:
    make = Maker()
    held: Columns[Any] = Columns(make)
    first = held.told(selected("key", "value"))
    assert isinstance(first, Written)
    assert (first.read(), first.count) == (OBJECTS, 2)
    assert held.told(selected("key", "value")) is first
    assert make.times == 1
    assert told(held, selected("key")) == [{"key": "a"}, {"key": "b"}]
    assert told(held, selected("key", "value")) == OBJECTS


def test_columns_of_which_a_column_cannot_be_looked_through_are_told_one_by_one() -> None:
    held: Columns[Any] = Columns(Maker())
    assert told(held, selected("key", "value")._replace(by_column=None)) == OBJECTS


def test_what_nests_deeper_than_orjson_goes_is_told_as_it_is() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    held: Columns[Any] = Columns(lambda: {"key": [deep]})
    assert held.told(selected("key")) == [{"key": deep}]


def test_an_answer_is_written_and_read_with_what_is_json_already() -> None:
    answer = {"a": {"list": [{"in": Written(b'[{"x":1}]', 1)}, None]}, "b": 2}
    assert write(answer) == b'{"a":{"list":[{"in":[{"x":1}]},null]},"b":2}'
    assert read(answer) == {"a": {"list": [{"in": [{"x": 1}]}, None]}, "b": 2}


def test_what_is_no_part_of_an_answer_is_not_written() -> None:
    with pytest.raises(TypeError):
        write({"a": object()})


def test_what_is_told_as_json_costs_as_much_as_a_list() -> None:
    schema = build_schema(
        """
        directive @cost(weight: String!) on FIELD_DEFINITION | OBJECT
        type Query { page: Page }
        type Page { nodes: [Node!] }
        type Node { id: ID @cost(weight: "3"), name: String, list: [Leaf!] }
        type Leaf { key: ID @cost(weight: "2") }
        """
    )
    document = parse("{ page { nodes { id list { key } } } }")
    priced = price(schema, cast("Any", document.definitions[0]), {})
    leaves: list[Any] = [{"key": "a"}, {"key": "b"}]
    nodes: list[dict[str, Any]] = [{"id": "1", "list": leaves}, {"id": "2", "list": []}]
    plain = priced.actual({"page": {"nodes": nodes}})
    nodes[0]["list"] = Written(orjson.dumps(leaves), 2)
    assert priced.actual({"page": {"nodes": nodes}}) == plain == 1 + 2 + 2 * 3 + 2 + 2 * 2
    nodes[0]["list"] = leaves
    assert priced.actual({"page": {"nodes": Written(orjson.dumps(nodes), 2)}}) == plain


def test_an_answer_that_nests_deeper_than_orjson_goes_is_written_all_the_same() -> None:
    deep: Any = {"list": Written(b'[{"x":1}]', 1)}
    for _ in range(490):
        deep = [deep]
    assert write(deep) == b"[" * 490 + b'{"list":[{"x":1}]}' + b"]" * 490
