"""Attributes and lists that are made when they are first looked at."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801 - reads as a decorator, like property
    """`functools.cached_property` without its lock, which before Python 3.12 costs more than what it guards.

    For objects of one event loop.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, held: Any, _: type | None = None) -> T:
        found = held.__dict__[self._name] = self._make(held)
        return found


class Late(Sequence[T]):
    """A list that is made when somebody looks at it."""

    __slots__ = ("_held", "_make")

    def __init__(self, make: Callable[[], list[T]]) -> None:
        self._make = make
        self._held: list[T] | None = None

    @overload
    def __getitem__(self, at: int) -> T: ...

    @overload
    def __getitem__(self, at: slice) -> list[T]: ...

    def __getitem__(self, at: int | slice) -> T | list[T]:
        return self._all()[at]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[T]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, Late) else other)

    __hash__ = None  # type: ignore[assignment]

    def _all(self) -> list[T]:
        if self._held is None:
            self._held = self._make()
        return self._held
