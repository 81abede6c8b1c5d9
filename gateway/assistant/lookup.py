"""Finds things of the schema for whoever cannot read all of it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    is_introspection_type,
    is_specified_scalar_type,
    print_type,
)

DEFAULT: Final = 10
MOST: Final = 20
LONGEST_TEXT: Final = 300  # signs of a description
LONGEST_TYPE: Final = 12_000  # signs of a type as SDL
WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
SHORT: Final = 3
IN_NAME, PART_OF_NAME, IN_TEXT = 6, 3, 1


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    shown: dict[str, Any]
    words: frozenset[str] = field(repr=False)
    text: str = field(repr=False)

    def weight(self, word: str) -> int:
        """How well a word fits; 0 where it does not."""
        if word in self.words:
            return IN_NAME
        if word in self.name.lower():
            return PART_OF_NAME
        return IN_TEXT if word in self.text else 0


class Lookup:
    """A schema that can be searched."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._types = {
            name: kind
            for name, kind in schema.type_map.items()
            if not is_introspection_type(kind) and not is_specified_scalar_type(kind)
        }
        self._entries = [entry for kind in self._types.values() for entry in _entries(kind)]

    def search(self, query: str, most: int = DEFAULT) -> dict[str, Any]:
        """The entries in which all words stand, or else those with the most of them, the best first."""
        words = {_stem(word.lower()) for word in WORD.findall(query)}
        ranked = []
        for entry in self._entries:
            weights = [entry.weight(word) for word in words]
            if any(weights):
                ranked.append((sum(1 for each in weights if each), sum(weights), entry))
        full = [each for each in ranked if each[0] == len(words)] or ranked
        full.sort(key=lambda each: (-each[0], -each[1], len(each[2].name), each[2].name))
        found: dict[str, Any] = {"results": [entry.shown for _, _, entry in full[:most]]}
        if len(full) > most:
            found["more"] = f"{len(full) - most} more fit: use more words, or describe_type."
        return found

    def describe(self, name: str) -> dict[str, Any] | None:
        """A type as SDL; None where there is none of this name."""
        kind = self._types.get(name)
        if kind is None:
            return None
        text = print_type(kind)
        if len(text) <= LONGEST_TYPE:
            return {"name": name, "sdl": text}
        more = "The type is longer than this: use search_schema for single fields."
        return {"name": name, "sdl": text[:LONGEST_TYPE], "more": more}


def _entries(kind: GraphQLNamedType) -> Iterator[_Entry]:
    yield _entry(kind.name, kind.description, kind=_kind(kind))
    if isinstance(kind, GraphQLEnumType):
        for name, value in kind.values.items():
            yield _entry(f"{kind.name}.{name}", value.description, kind="value")
    elif isinstance(kind, GraphQLInputObjectType):
        for name, each in kind.fields.items():
            yield _entry(f"{kind.name}.{name}", each.description, kind="input field", type=str(each.type))
    elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        for name, held in kind.fields.items():
            arguments = {
                argument: {"type": str(each.type), "description": _short(each.description)}
                for argument, each in held.args.items()
            }
            more: dict[str, Any] = {"arguments": arguments} if arguments else {}
            said = (each.description for each in held.args.values())
            yield _entry(
                f"{kind.name}.{name}",
                held.description,
                (*arguments, *said),
                kind="field",
                type=str(held.type),
                **more,
            )


def _entry(name: str, text: str | None, more: Iterable[str | None] = (), **shown: Any) -> _Entry:
    return _Entry(
        name,
        {"name": name, **shown, "description": _short(text)},
        frozenset(_stem(word.lower()) for word in WORD.findall(name)),
        " ".join(filter(None, (text, *more))).lower(),
    )


def _stem(word: str) -> str:
    """Contacts are found as contact."""
    return word[:-1] if len(word) > SHORT and word.endswith("s") else word


def _kind(kind: GraphQLNamedType) -> str:
    if isinstance(kind, GraphQLEnumType):
        return "enum"
    if isinstance(kind, GraphQLInputObjectType):
        return "input"
    if isinstance(kind, GraphQLScalarType):
        return "scalar"
    return "interface" if isinstance(kind, GraphQLInterfaceType) else "type"


def _short(text: str | None) -> str:
    found = " ".join((text or "").split())
    return found if len(found) <= LONGEST_TEXT else f"{found[:LONGEST_TEXT]}…"
