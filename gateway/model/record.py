"""Records of sources, as they are kept for whoever asks for them."""

from collections.abc import Callable
from typing import Any, Final

import orjson

NOTHING: Final = object()
VALUE: Final = 2_500  # bytes that a value takes which is made of a record; measured
WITHIN: Final = 2  # bytes more for each of the record: texts, and what is told of lists in it
TOLD: Final = 150  # bytes that what is told of it takes, besides itself


class Size:
    """How many bytes the records of one answer take, with all that is made of them; `hear` hears of more."""

    __slots__ = ("bytes", "hear")

    def __init__(self, size: int, hear: Callable[[int], None]) -> None:
        self.bytes = size
        self.hear: Callable[[int], None] | None = hear

    def grow(self, more: int) -> None:
        """Something was made."""
        self.bytes += more
        if self.hear is not None:
            self.hear(more)


class JsonRecord:
    """A record as JSON: few look at it once a value is made, and read it takes six times that."""

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text

    def read(self) -> Any:
        """The record, as new."""
        return orjson.loads(self.text)

    def __eq__(self, other: object) -> bool:
        return bool(self.read() == record_of(other))

    __hash__ = None  # type: ignore[assignment]


class KeptRecord(JsonRecord):
    """A record of an answer that is kept.

    What was `made` of it last stays with it, and how; so does the `json` of what was told of that, and by
    what name that was `told`. `sound` is how it was made before without an error, and `key` the id that it
    had then.
    """

    __slots__ = ("how", "json", "key", "made", "size", "sound", "told")

    def __init__(self, text: bytes, size: Size | None = None) -> None:
        super().__init__(text)
        self.size = size
        self.sound: object = NOTHING
        self.key = ""
        self.how: object = NOTHING
        self.made: Any = None
        self.told: object = NOTHING
        self.json = b""

    def bare(self) -> JsonRecord:
        """The same without what was made of it: a value that holds it, and is held, would be a cycle."""
        return JsonRecord(self.text)

    def keep(self, how: object, made: Any) -> None:
        """Keep what was made of it."""
        if self.made is None and self.size is not None:
            self.size.grow(VALUE + WITHIN * len(self.text))
        self.how, self.made = how, made

    def keep_told(self, told: object, json: bytes) -> None:
        """Keep what was told of it."""
        if self.size is not None:
            self.size.grow(len(json) - len(self.json) + (0 if self.json else TOLD))
        self.told, self.json = told, json


def record_of(raw: Any) -> Any:
    """A record itself, whether it is kept as JSON or not."""
    return raw.read() if isinstance(raw, JsonRecord) else raw
