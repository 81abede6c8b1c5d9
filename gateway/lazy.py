"""Attributes that are made when they are first looked at."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

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
