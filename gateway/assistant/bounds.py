"""Keeps answers small enough for an assistant: long texts are cut, then lists, and what was cut is said."""

import copy
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

LONGEST_TEXT: Final = 1_000  # signs of one text in an answer that is too large
MOST_CUTS: Final = 50
PAGES: Final = frozenset({"nodes", "edges"})


@dataclass(frozen=True, slots=True)
class _List:
    holder: dict[str, Any]
    key: str
    path: tuple[str, ...]

    @property
    def items(self) -> list[Any]:
        found: list[Any] = self.holder[self.key]
        return found


def size(value: Any) -> int:
    """Bytes that a value takes as JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def fitted(data: Any, most: int, names: Collection[str]) -> tuple[Any, list[str]]:
    """The data in at most so many bytes, and what was cut; None where even that is too large.

    `names` are those of the document: no other one is told, as keys within values are a contact's text.
    """
    if size(data) <= most:
        return data, []
    kept, cuts = _short(copy.deepcopy(data)), [f"Texts are cut after {LONGEST_TEXT} signs."]
    lengths: dict[tuple[str, ...], tuple[int, int]] = {}
    for _ in range(MOST_CUTS):
        now = size(kept)
        if now <= most:
            return kept, cuts + [_hint(path, *found, names) for path, found in lengths.items()]
        longest = max(_lists(kept, ()), key=lambda each: size(each.items), default=None)
        if longest is None:
            break
        items = longest.items
        keep = max(1, min(len(items) - 1, len(items) * most // now))
        before = lengths.get(longest.path, (0, len(items)))[1]
        lengths[longest.path] = (keep, max(before, len(items)))
        del items[keep:]
        if longest.key in PAGES and "pageInfo" in longest.holder:
            longest.holder["pageInfo"] = None  # its cursor lies behind what was cut
    return None, ["The answer is too large to be shown: ask for less."]


def _hint(path: tuple[str, ...], shown: int, had: int, names: Collection[str]) -> str:
    place = ".".join(name if name in names else "…" for name in path)
    if path[-1] in PAGES:
        return (
            f"{place}: {shown} of {had} are shown. Ask again for {max(1, shown * 4 // 5)} at a time, and go "
            "on with the `endCursor` of that answer: the cursor of this one would skip what is not shown."
        )
    return f"{place}: {shown} of {had} are shown."


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}…"
    if isinstance(value, list):
        return [_short(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _short(each) for key, each in value.items()}
    return value


def _lists(value: Any, path: tuple[str, ...]) -> Iterator[_List]:
    """Every list of more than one item that stands in an object."""
    if isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, list) and len(each) > 1:
                yield _List(value, key, (*path, key))
            yield from _lists(each, (*path, key))
    elif isinstance(value, list):
        for each in value:
            yield from _lists(each, path)
