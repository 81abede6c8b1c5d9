"""What a schema tells of itself, kept: it is the same for everybody, and telling all of it takes longer than
most operations, with the event loop busy all the while.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Final, NamedTuple

import orjson
from cachetools import LRUCache

from gateway.engine.compiled.telling import Written, compact

TELLING: Final = frozenset({"__schema", "__type"})
TYPE_NAME: Final = "__typename"
HELD: Final = 80_000  # bytes of a document, which stays as long as its answer; measured
MOST_BYTES: Final = 2_000_000  # the whole schema takes a tenth of that


class _Kept(NamedTuple):
    """The data of an answer, and the document that asked for it: as long as it is held, its id is its own."""

    document: object
    data: dict[str, Any]
    size: int


class Introspections:
    """Answers to operations that ask for nothing but the schema, by document, operation and variables."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._kept: LRUCache[Hashable, _Kept] = LRUCache(most_bytes, getsizeof=lambda kept: kept.size)

    def find(self, document: object, operation: str | None, variables: Any) -> dict[str, Any] | None:
        """The data that was told before; None where there is none."""
        try:
            kept = self._kept.get((id(document), operation, _text(variables)))
        except TypeError:  # files
            return None
        return None if kept is None else kept.data.copy()

    def keep(self, document: object, operation: str | None, variables: Any, data: dict[str, Any]) -> None:
        """Keep what was told. What is too large, or nests deeper than orjson goes, is told anew each time."""
        try:
            asked = _text(variables)
            parts = {name: compact(value) for name, value in data.items()}
            told = {name: Written(json, 1) for name, json in parts.items()}
            size = HELD + len(asked) + sum(map(len, parts.values()))
            self._kept[id(document), operation, asked] = _Kept(document, told, size)
        except (TypeError, ValueError):
            return


def asks_only_for_it(fields: Sequence[str]) -> bool:
    """Whether an operation with these fields at its root asks for the schema, and for nothing else."""
    return not TELLING.isdisjoint(fields) and all(name in TELLING or name == TYPE_NAME for name in fields)


def _text(variables: Any) -> bytes:
    return orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)
