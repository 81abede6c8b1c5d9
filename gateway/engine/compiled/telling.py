"""Lists that tell what is selected of their objects as JSON, which is copied into an answer as it is.

Most who ask for a list ask for the same of it again. To copy the values of objects, one by one, and to write
them again costs more than all else that an answer of a list takes: much of that is waiting for memory.
"""

import json
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import orjson

T = TypeVar("T")

ColumnsByKey = Mapping[str, list[Any]]


class Selected(NamedTuple):
    """What is selected of the objects of a list, all of which lies in them. The same `text` means the same.

    `names` are the keys of an object that it lies under. `one` tells it of an object; `by_column`, where that
    can be, of all objects by the columns that they make. Both raise what is in `UNUSUAL` for what is odd.
    """

    text: str
    names: frozenset[str]
    one: Callable[[Any], dict[str, Any]]
    by_column: Callable[[ColumnsByKey], list[Any]] | None


class Written:
    """A part of an answer, as JSON: a list of `count` objects, or one."""

    __slots__ = ("count", "json")

    def __init__(self, json: bytes, count: int) -> None:
        self.json: Final = orjson.Fragment(json)
        self.count: Final = count

    def read(self) -> Any:
        """What it says."""
        return orjson.loads(orjson.dumps(self.json))


class Telling(Sequence[T]):
    """A list that resolvers may return, and that tells by itself what compiled operations select of it."""

    __slots__ = ()

    @abstractmethod
    def told(self, selected: Selected) -> Written | list[Any]:
        """What is selected of the objects. Raises what is in `UNUSUAL` where one of them is odd."""


class Columns(Telling[T]):
    """A list of objects (dicts), of which each key is a column: a list with the value of each object.

    To make and to keep a thousand small objects costs more than all that is in them. So columns are made when
    somebody first looks, and objects for whoever wants those, once. What was told last is kept.
    """

    __slots__ = ("_columns", "_items", "_make", "_told")

    def __init__(self, make: Callable[[], ColumnsByKey]) -> None:
        self._make = make
        self._columns: ColumnsByKey | None = None
        self._items: list[T] | None = None
        self._told: tuple[str, Written] | None = None

    def told(self, selected: Selected) -> Written | list[Any]:
        """What is selected of the objects."""
        if self._told is not None and self._told[0] == selected.text:
            return self._told[1]
        if selected.by_column is None:
            return [selected.one(each) for each in self]
        # Columns are not kept for that.
        found = selected.by_column(self._make() if self._columns is None else self._columns)
        try:
            written = Written(compact(found), len(found))
        except TypeError:  # nests deeper than orjson goes
            return found
        self._told = selected.text, written
        return written

    @property
    def columns(self) -> ColumnsByKey:
        """The columns by key; all are of the same length."""
        if self._columns is None:
            self._columns = self._make()
        return self._columns

    def __getitem__(self, at: Any) -> Any:
        return self._objects()[at]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __iter__(self) -> Iterator[T]:
        return iter(self._objects())

    def __eq__(self, other: object) -> bool:
        return self._objects() == (other._objects() if isinstance(other, Columns) else other)

    __hash__ = None  # type: ignore[assignment]

    def _objects(self) -> list[T]:
        if self._items is None:
            keys = tuple(self.columns)
            rows: Any = zip(*self.columns.values(), strict=True)
            self._items = [dict(zip(keys, row, strict=True)) for row in rows]  # type: ignore[misc]
        return self._items


def compact(value: Any) -> bytes:
    """The JSON of a value, to be kept: orjson leaves room behind what it writes."""
    return bytes(memoryview(orjson.dumps(value)))


def write(value: Any) -> bytes:
    """The JSON of an answer. What nests deeper than orjson goes takes the slower way."""
    try:
        return orjson.dumps(value, default=_json)
    except TypeError:
        return json.dumps(value, default=_read, ensure_ascii=False, separators=(",", ":")).encode()


def _json(part: Any) -> orjson.Fragment:
    return _written(part).json


def _read(part: Any) -> Any:
    return _written(part).read()


def _written(part: Any) -> Written:
    if type(part) is not Written:
        raise TypeError(f"{type(part).__name__} is no part of an answer")
    return part
