"""Lists of objects that have the same keys, kept by column."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, overload

T = TypeVar("T")


class Columns(Sequence[T]):
    """A list of objects (dicts), of which each key is a column: a list with the value of each object.

    To make and to keep a thousand small objects costs more than all that is in them. So columns are made when
    somebody first looks, and objects for whoever wants those, once. Compiled operations copy the columns.
    """

    __slots__ = ("_columns", "_items", "_make")

    def __init__(self, make: Callable[[], Mapping[str, list[Any]]]) -> None:
        self._make = make
        self._columns: Mapping[str, list[Any]] | None = None
        self._items: list[T] | None = None

    @property
    def columns(self) -> Mapping[str, list[Any]]:
        """The columns by key; all are of the same length."""
        if self._columns is None:
            self._columns = self._make()
        return self._columns

    @overload
    def __getitem__(self, at: int) -> T: ...

    @overload
    def __getitem__(self, at: slice) -> list[T]: ...

    def __getitem__(self, at: int | slice) -> T | list[T]:
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
