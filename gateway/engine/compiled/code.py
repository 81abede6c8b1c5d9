"""Python functions for what is selected: written as text, once, and run many times."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    Undefined,
    is_leaf_type,
)
from graphql.pyutils import Path

from gateway.engine.compiled.plan import EXACT, TYPE_NAME, Field, Finish, NotCompiled, Selection
from gateway.engine.compiled.telling import Selected, Telling

MOST_LINES: Final = 20_000
JSON_KINDS: Final = frozenset({str, int, float, bool, dict, list})


class Odd(Exception):
    """A value that is not as values usually are: graphql-core completes it."""


UNUSUAL: Final = (Odd, KeyError)
"""What the functions raise: a key that is missing is odd as well."""


def finish_of(held: Field) -> Finish:
    """The function that completes the values of a field with a resolver, once they are there."""
    writer = _Writer()
    expression = writer.value(held.type, held, "v", "path")
    writer.lines += ["def finish(v, run, path):", f"    return {expression}"]
    if len(writer.lines) > MOST_LINES:
        raise NotCompiled
    names: dict[str, Any] = {**ALWAYS, **writer.names}
    exec(compile("\n".join(writer.lines), "<compiled>", "exec"), names)  # noqa: S102 - a caller's names are in it as literals
    found: Finish = names["finish"]
    return found


def _odd(*_: Any) -> Any:
    raise Odd


ALWAYS: Final[Mapping[str, Any]] = {
    "UNUSUAL": UNUSUAL,
    "Path": Path,
    "Selected": Selected,
    "Telling": Telling,
    "odd": _odd,
}
"""What the functions know by name, all of them."""


@dataclass(slots=True)
class _Writer:
    """Lines of functions, and what they refer to by name."""

    lines: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)

    def name(self, prefix: str, value: Any = None) -> str:
        """A name of its own, for a value or a function."""
        found = f"{prefix}{len(self.names)}"
        self.names[found] = value
        return found

    def value(self, type_: GraphQLOutputType, held: Field, of: str, path: str) -> str:
        """An expression that completes what `of` is; a name, or what reads a value in one step."""
        if isinstance(type_, GraphQLNonNull):
            return self._there(type_.of_type, held, of, path)
        if is_leaf_type(type_):
            return self._leaf(type_, of, or_null=True)
        return f"(None if (x := {of}) is None else {self._there(type_, held, 'x', path)})"

    def _there(self, type_: Any, held: Field, of: str, path: str) -> str:
        """The same for what must not be null: a null is odd."""
        if isinstance(type_, GraphQLList):
            return f"{self._list(type_.of_type, held)}({of}{self._more(held, path)})"
        if is_leaf_type(type_):
            return self._leaf(type_, of, or_null=False)
        if isinstance(type_, GraphQLObjectType):
            return f"{self._object(held.below[type_.name])}({of}{self._more(held, path)})"
        return f"{self._one_of(type_, held)}({of}, run, {path})"

    def _more(self, held: Field, path: str) -> str:
        return "" if held.simple else f", run, {path}"

    def _leaf(self, type_: GraphQLScalarType | GraphQLEnumType, of: str, *, or_null: bool) -> str:
        """The value itself where its class tells that it is right: most are, so that is looked at first."""
        coerce, kinds = self.name("leaf", _leaf(type_)), _kinds(type_)
        if kinds is None:
            return f"(None if (y := {of}) is None else {coerce}(y))" if or_null else f"{coerce}({of})"
        found = f"{self.name('names', _names(type_))}[y]" if isinstance(type_, GraphQLEnumType) else "y"
        exact = EXACT.get(type_.name)
        fits = f"is {exact.__name__}" if exact is not None else f"in {self.name('kinds', kinds)}"
        otherwise = f"None if y is None else {coerce}(y)" if or_null else f"{coerce}(y)"
        return f"({found} if type(y := {of}) {fits} else {otherwise})"

    def _list(self, type_: GraphQLOutputType, held: Field) -> str:
        if held.simple:
            item, selected = self._item(type_, held), self._selected(type_, held)
            name = self.name("list")
            self.lines += [
                f"def {name}(v):",
                "    if type(v) is not list:",
                "        if not isinstance(v, Telling): odd()",
                *([f"        return v.told({selected})"] if selected else []),
                f"    return [{item} for i in v]",
            ]
            return name
        item = self.value(type_, held, "i", "here")
        name, mine, of_type = self.name("list"), self.name("field", held), self.name("type", type_)
        self.lines += [
            f"def {name}(v, run, path):",
            "    if type(v) is not list and not isinstance(v, Telling): odd()",
            "    found = []",
            "    for n, i in enumerate(v):",
            "        here = Path(path, n, None)",
            "        try:",
            f"            found.append({item})",
            "        except UNUSUAL:",
            f"            found.append(None); run.slowly({mine}, {of_type}, i, found, here)",
            "    return found",
        ]
        return name

    def _item(self, type_: GraphQLOutputType, held: Field) -> str:
        """An item of a list that is only copied; an object is written where it stands, without a call."""
        named = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if not isinstance(named, GraphQLObjectType):
            return self.value(type_, held, "i", "")
        copied = f"{self._copy(held.below[named.name], 'i')} if type(i) is dict else odd()"
        return copied if named is not type_ else f"None if i is None else {copied}"

    def _selected(self, type_: GraphQLOutputType, held: Field) -> str | None:
        """What is selected of objects, for a list that tells of them by itself."""
        named = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if not isinstance(named, GraphQLObjectType):
            return None
        below = held.below[named.name]
        names = self.name("names", frozenset(each.name for each in below.fields))
        one, by_column = self._object(below), self._by_column(below)
        name = self.name("selected")
        self.lines.append(f"{name} = Selected({_text(below)!r}, {names}, {one}, {by_column})")
        return name

    def _by_column(self, below: Selection) -> str | None:
        """A function for objects that are given as columns: each is looked through as a whole, in C."""
        steps: list[str] = []
        parts: dict[str, str] = {}
        for each in below.fields:
            if each.name == TYPE_NAME:
                parts[each.key] = repr(below.type.name)
                continue
            column, at = self._column(each), len(steps)
            if column is None:
                return None
            steps += [f"    c = held[{each.name!r}]", f"    c{at} = {column}"]
            parts[each.key] = f"i{at}"
        if not steps:
            return None
        items, columns = (", ".join(f"{of}{at}" for at in range(0, len(steps), 2)) for of in "ic")
        name = self.name("columns")
        self.lines += [
            f"def {name}(held):",
            *steps,
            f"    return [{self._dict(parts)} for {items}, in zip({columns})]",
        ]
        return name

    def _column(self, each: Field) -> str | None:
        """A column `c` of leaves: as it is where the classes of its values tell that they are right."""
        or_null = not isinstance(each.type, GraphQLNonNull)
        type_ = each.type.of_type if isinstance(each.type, GraphQLNonNull) else each.type
        if not is_leaf_type(type_):
            return None
        one_by_one, found, kinds = f"[{self.value(each.type, each, 'i', '')} for i in c]", "c", _kinds(type_)
        if kinds is None:
            return one_by_one
        if isinstance(type_, GraphQLEnumType):
            names = {**_names(type_), None: None}
            found = f"[*map({self.name('named', names.__getitem__)}, c)]"
        fits = self.name("fits", kinds | {type(None)} if or_null else kinds)
        return f"{found} if {fits}.issuperset(map(type, c)) else {one_by_one}"

    def _object(self, selected: Selection) -> str:
        if selected.plain:
            copied = self._copy(selected, "v")
            name = self.name("object")
            self.lines += [
                f"def {name}(v):",
                "    if type(v) is not dict: odd()",
                f"    return {copied}",
            ]
            return name
        return self._mixed(selected)

    def _copy(self, selected: Selection, of: str) -> str:
        """An object all of which lies in a value."""
        return self._dict(
            {each.key: self._part(each, selected, f"{of}[{each.name!r}]") for each in selected.fields}
        )

    def _dict(self, parts: Mapping[str, str]) -> str:
        return f"{{{', '.join(f'{key!r}: {part}' for key, part in parts.items())}}}"

    def _part(self, each: Field, selected: Selection, of: str) -> str:
        """The value of a field that lies in that of its parent, as `of`."""
        if each.name == TYPE_NAME:
            return repr(selected.type.name)
        return self.value(each.type, each, of, f"Path(path, {each.key!r}, {selected.type.name!r})")

    def _mixed(self, selected: Selection) -> str:
        """What lies in the value comes first: where that is odd, nothing has been called yet."""
        name = self.name("mixed")
        parts = {
            each.key: self._part(each, selected, f"v[{each.name!r}]") if each.plain else "None"
            for each in selected.fields
        }
        body = list(self._steps(selected))
        self.lines += [
            f"def {name}(v, run, path):",
            "    if type(v) is not dict: odd()",
            f"    found = {self._dict(parts)}",
            *body,
            "    return found",
        ]
        return name

    def _steps(self, selected: Selection) -> Iterator[str]:
        for each in selected.fields:
            if each.plain:
                continue
            if each.held:
                yield f"    found[{each.key!r}] = {self._part(each, selected, f'v.get({each.name!r})')}"
            else:
                yield f"    run.call({self.name('field', each)}, v, found, path)"

    def _one_of(self, type_: Any, held: Field) -> str:
        """A function that chooses by the type that a value says it is."""
        name, mine, abstract = self.name("any"), self.name("field", held), self.name("type", type_)
        choices = [
            f"    if kind == {kind!r}: return {self._object(below)}(v{'' if below.plain else ', run, path'})"
            for kind, below in held.below.items()
        ]
        self.lines += [
            f"def {name}(v, run, path):",
            f"    kind = run.kind({mine}, {abstract}, v, path)",
            *choices,
            "    odd()",
        ]
        return name


def _text(selected: Selection) -> str:
    """What is selected of an object and of all in it, as a text. Names hold none of the signs around them."""
    parts = [f"{each.key}:{each.name}:{''.join(map(_text, each.below.values()))}" for each in selected.fields]
    return f"{selected.type.name}{{{' '.join(parts)}}}"


def _names(type_: GraphQLEnumType) -> dict[Any, Any]:
    """The names of the values of an enum; a value that has none is odd."""
    return {each.value: name for name, each in type_.values.items() if isinstance(each.value, str)}


def _kinds(type_: GraphQLScalarType | GraphQLEnumType) -> frozenset[type] | None:
    """The classes whose values are right as they are, or as an enum has them; None where each is coerced."""
    if isinstance(type_, GraphQLEnumType):
        return frozenset({str, *map(type, _names(type_))})
    if type_.name in EXACT:
        return frozenset({EXACT[type_.name]})
    takes_anything = type_.coerce_output_value is GraphQLScalarType.serialize
    return JSON_KINDS if takes_anything else None


def _leaf(type_: GraphQLScalarType | GraphQLEnumType) -> Callable[[Any], Any]:
    """Coerces a value; what cannot be, is null, or is an error in place of a value, is odd."""
    coerce_output_value = type_.coerce_output_value

    def coerce(value: Any) -> Any:
        if type(value) not in JSON_KINDS and (
            value is None or value is Undefined or isinstance(value, Exception)
        ):
            raise Odd
        try:
            found = coerce_output_value(value)
        except Exception:  # whatever it is, graphql-core raises it again, with its place
            raise Odd from None
        if found is None or found is Undefined:
            raise Odd
        return found

    return coerce
