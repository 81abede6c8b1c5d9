"""A filter, a search and an order as SQL. Pure: texts and parameters, nothing is run here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.model.filter import Filter, Order, OrderField, PropertyCondition
from gateway.model.text import as_text, folded

SHORTEST_TRIGRAM: Final = 3

COLUMNS: Final = {
    OrderField.NAME: "name",
    OrderField.EMAIL: "email",
    OrderField.CREATED_AT: "created",
    OrderField.UPDATED_AT: "updated",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the rows of one module of one source (`module` "" where the source has none)."""

    account: str
    source: str
    module: str
    search: str | None = None
    filter: Filter | None = None


@dataclass(slots=True)
class Conditions:
    """SQL conditions on `contact`, their parameters, and the phrases that the trigram index has to find.

    `keyed`: some of them name rows through an index of their own, so that of the place would only be slower.
    """

    texts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    phrases: list[str] = field(default_factory=list)
    keyed: bool = False

    def add(self, text: str, *values: Any) -> None:
        """One more condition that has to hold."""
        self.texts.append(text)
        self.values.extend(values)

    def contains(self, column: str, wanted: str) -> None:
        """The folded text is part of the column; three signs or more are found by the trigram index."""
        part = folded(wanted)
        if len(part) >= SHORTEST_TRIGRAM:
            phrase = part.replace('"', '""')
            self.phrases.append(f'{column} : "{phrase}"')
        else:
            self.add(f"instr({column}, ?) > 0", part)

    def match(self) -> None:
        """Look the phrases up, once all of them are there."""
        if self.phrases:
            self.keyed = True
            self.add(
                "rowid IN (SELECT rowid FROM contact_text WHERE contact_text MATCH ?)",
                " AND ".join(self.phrases),
            )


def conditions(question: Question, *, in_order: bool = False) -> Conditions:
    """The conditions of a question; `in_order` when the rows are read along the index of a sort order."""
    found = Conditions()
    for term in (question.search or "").split():
        found.contains("text", term)
    if question.filter is not None:
        _filter(found, question.account, question.filter)
    found.match()
    index = (
        "+" if found.keyed or in_order else ""
    )  # a plus sign keeps SQLite from using the index of the place
    found.add(
        f"{index}account = ? AND {index}source = ? AND {index}module = ?",
        question.account,
        question.source,
        question.module,
    )
    return found


def _filter(found: Conditions, account: str, wanted: Filter) -> None:
    for kind, value in (("email", wanted.email), ("phone", wanted.phone), ("tag", wanted.tag)):
        if value is not None:
            found.keyed = True
            found.add(
                "rowid IN (SELECT contact FROM contact_key WHERE account = ? AND kind = ? AND value = ?)",
                account,
                kind,
                value,
            )
    for column, value in (
        ("first", wanted.first_name),
        ("last", wanted.last_name),
        ("name", wanted.name),
        ("company", wanted.company),
    ):
        if value is not None:
            found.contains(column, value)
    for text, value in (
        ("created >= ?", wanted.created_after),
        ("created < ?", wanted.created_before),
        ("updated >= ?", wanted.updated_after),
        ("updated < ?", wanted.updated_before),
    ):
        if value is not None:
            found.add(text, value)
    if wanted.members is not None:
        marks = ", ".join("?" * len(wanted.members))
        found.add(f"id IN ({marks})", *wanted.members)
    for condition in wanted.properties:
        _property(found, condition)


def _property(found: Conditions, condition: PropertyCondition) -> None:
    value = "(SELECT value FROM json_each(properties) WHERE key = ?)"
    if condition.exists is not None:
        found.add(f"{value} IS {'NOT ' if condition.exists else ''}NULL", condition.key)
    if condition.equals is not None:
        expected = condition.equals[0]
        if expected is None:
            found.add(f"{value} IS NULL", condition.key)
        else:
            found.add(f"{value} = ?", condition.key, as_text(expected))
    if condition.contains is not None:
        found.add(f"instr(folded({value}), ?) > 0", condition.key, folded(condition.contains))


def after_rowid(question: Question, rowid: int, limit: int) -> tuple[str, list[Any]]:
    """Rows in the order in which the index met them; growth comes at the end."""
    found = conditions(question)
    found.add("rowid > ?", rowid)
    return _select(found, "rowid", limit)


def after_key(
    questions: Sequence[Question], order: Order, after: tuple[Any, int] | None, limit: int
) -> list[tuple[str, list[Any]]]:
    """Rows of several sources in a sort order: those that have the field, then those that lack it.

    Two statements, to be read one after the other until there are enough. `after` is (sort value, rowid); a
    sort value of None means that the walk has come to the rows that lack the field.
    """
    parts, values, keyed = [], [], True
    for question in questions:
        found = conditions(question, in_order=True)
        keyed = keyed and found.keyed
        parts.append(f"({' AND '.join(found.texts)})")
        values.extend(found.values)
    fits = f"({' OR '.join(parts)})"
    column = ("+" if keyed else "") + COLUMNS[order.field]  # few rows are sorted, many are read in order
    way, sign = ("DESC", "<") if order.descending else ("ASC", ">")
    value, rowid = after if after is not None else (None, 0)
    statements: list[tuple[str, list[Any]]] = []
    if after is None or value is not None:
        behind = f" AND ({column}, rowid) {sign} (?, ?)" if after is not None else ""
        more = [value, rowid] if after is not None else []
        text = f"{fits} AND {column} IS NOT NULL{behind} ORDER BY {column} {way}, rowid {way}"
        statements.append((f"{SELECT}, {column} FROM contact WHERE {text} LIMIT ?", [*values, *more, limit]))
        rowid = 0
    text = f"{fits} AND {column} IS NULL AND rowid > ? ORDER BY rowid"
    statements.append((f"{SELECT}, NULL FROM contact WHERE {text} LIMIT ?", [*values, rowid, limit]))
    return statements


def seen(sight: Mapping[str, frozenset[str] | None]) -> tuple[str, list[Any]]:
    """The condition that a row lies in what a caller may see: modules by source, None for all of them."""
    parts: list[str] = []
    values: list[Any] = []
    for source, modules in sight.items():
        marks = "" if modules is None else f" AND module IN ({', '.join('?' * len(modules))})"
        parts.append(f"(+source = ?{marks})")
        values += [source, *(modules or ())]
    return f"({' OR '.join(parts) or 'FALSE'})", values


def walk(
    account: str,
    sight: Mapping[str, frozenset[str] | None],
    *,
    search: str | None,
    after: int,
    limit: int,
    among: Sequence[int] | None = None,
) -> tuple[str, list[Any]]:
    """Numbers of rows of all sources in the order in which the index met them; `among`: of these only."""
    found = Conditions()
    for term in (search or "").split():
        found.contains("text", term)
    found.match()
    text, values = seen(sight)
    found.add(f"+account = ? AND rowid > ? AND {text}", account, after, *values)
    if among is not None:
        found.add(f"rowid IN ({', '.join('?' * len(among))})", *among)
    return (
        f"SELECT rowid FROM contact WHERE {' AND '.join(found.texts)} ORDER BY rowid LIMIT ?",  # noqa: S608
        [*found.values, limit],
    )


def count(question: Question) -> tuple[str, list[Any]]:
    """How many rows fit."""
    found = conditions(question)
    return f"SELECT count(*) FROM contact WHERE {' AND '.join(found.texts)}", found.values  # noqa: S608


def _select(found: Conditions, order: str, limit: int) -> tuple[str, list[Any]]:
    text = f"{SELECT}, NULL FROM contact WHERE {' AND '.join(found.texts)} ORDER BY {order} LIMIT ?"
    return text, [*found.values, limit]


SELECT: Final = "SELECT rowid, source, module, id, position, as_of, record"
