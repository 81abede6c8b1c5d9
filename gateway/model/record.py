"""Records of sources, as they are kept for whoever asks for them."""

from typing import Any, Final

import orjson

NOTHING: Final = object()


class JsonRecord:
    """A record that is kept as JSON: few look at it once a value is made, and read it takes six times that.

    What was `made` of it last stays with it, and `how`.
    """

    __slots__ = ("how", "made", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.how: object = NOTHING
        self.made: Any = None

    @classmethod
    def of(cls, record: Any) -> "JsonRecord":
        """A record as JSON. Raises TypeError where it nests deeper than orjson writes."""
        return cls(bytes(memoryview(orjson.dumps(record))))  # orjson leaves room behind what it writes

    def bare(self) -> "JsonRecord":
        """The same without what was made of it: a value that holds it, and is held, would be a cycle."""
        return JsonRecord(self.text)

    def read(self) -> Any:
        """The record, as new."""
        return orjson.loads(self.text)

    def __eq__(self, other: object) -> bool:
        return bool(self.read() == record_of(other))

    __hash__ = None  # type: ignore[assignment]


def record_of(raw: Any) -> Any:
    """A record itself, whether it is kept as JSON or not."""
    return raw.read() if type(raw) is JsonRecord else raw
