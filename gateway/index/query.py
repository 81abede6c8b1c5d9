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

    Phrases are to be there first: where there are any, rows are met through the trigram index, one after the
    other by their numbers, so that whoever wants twenty of them looks no more up.
    """

    texts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    phrases: list[str] = field(default_factory=list)
    by_key: bool = False

    @property
    def keyed(self) -> bool:
        """Whether rows are named through an index already, so that another would only be slower."""
        return self.by_key or bool(self.phrases)

    @property
    def number(self) -> str:
        """The number of a row, as whatever finds the row tells it: known before the row is read."""
        return "place" if self.phrases else "number"

    @property
    def match(self) -> list[str]:
        """The parameter of `rows`."""
        return [" AND ".join(self.phrases)] if self.phrases else []

    @property
    def rows(self) -> str:
        """Where rows are read. A cross join is carried out as it is written."""
        return f"{MATCHES} CROSS JOIN contact ON number = place" if self.phrases else "contact"

    @property
    def rows_of_a_place(self) -> str:
        """The same for one place: rows of others are known by its index, and not read."""
        indexed = "CROSS JOIN contact INDEXED BY contact_place ON number = place"
        return f"{MATCHES} {indexed}" if self.phrases else "contact"

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

    def among(self, text: str, *values: Any) -> None:
        """The row is one of these. A plus sign keeps SQLite from asking the trigram index for each."""
        self.add(f"{'+' if self.phrases else ''}{self.number} IN ({text})", *values)

    def at(self, question: Question, *, indexed: bool) -> None:
        """The row lies in the place of the question. A plus sign keeps SQLite from using its index."""
        sign = "" if indexed else "+"
        self.add(
            f"{sign}account = ? AND {sign}source = ? AND {sign}module = ?",
            question.account,
            question.source,
            question.module,
        )


def conditions(question: Question) -> Conditions:
    """The conditions of a question, but for the place."""
    found = Conditions()
    for term in (question.search or "").split():
        found.contains("text", term)
    if question.filter is not None:
        _filter(found, question.account, question.filter)
    return found


def _filter(found: Conditions, account: str, wanted: Filter) -> None:
    for column, value in (
        ("first", wanted.first_name),
        ("last", wanted.last_name),
        ("name", wanted.name),
        ("company", wanted.company),
    ):
        if value is not None:
            found.contains(column, value)
    for kind, value in (("email", wanted.email), ("phone", wanted.phone), ("tag", wanted.tag)):
        if value is not None:
            found.by_key = True
            keys = "SELECT contact FROM contact_key WHERE account = ? AND kind = ? AND value = ?"
            found.among(keys, account, kind, value)
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
    found.at(question, indexed=bool(found.phrases) or not found.by_key)
    found.add(f"{found.number} > ?", rowid)
    text = f"{' AND '.join(found.texts)} ORDER BY {found.number} LIMIT ?"
    return (
        f"{SELECT}, NULL FROM {found.rows_of_a_place} WHERE {text}",
        [*found.match, *found.values, limit],
    )


def after_key(
    questions: Sequence[Question], order: Order, after: tuple[Any, int] | None, limit: int
) -> list[tuple[str, list[Any]]]:
    """Rows of several sources in a sort order: those that have the field, then those that lack it.

    Two statements, to be read one after the other until there are enough. `after` is (sort value, rowid); a
    sort value of None means that the walk has come to the rows that lack the field.
    """
    found, fits, values = _any_of(questions, in_order=True)
    column = ("+" if found.keyed else "") + COLUMNS[order.field]  # few rows are sorted, many read in order
    way, sign = ("DESC", "<") if order.descending else ("ASC", ">")
    value, rowid = after if after is not None else (None, 0)
    number = found.number
    statements: list[tuple[str, list[Any]]] = []
    if after is None or value is not None:
        behind = f" AND ({column}, {number}) {sign} (?, ?)" if after is not None else ""
        more = [value, rowid] if after is not None else []
        text = f"{fits} AND {column} IS NOT NULL{behind} ORDER BY {column} {way}, {number} {way} LIMIT ?"
        statements.append((f"{SELECT}, {column} FROM {found.rows} WHERE {text}", [*values, *more, limit]))
        rowid = 0
    text = f"{fits} AND {column} IS NULL AND {number} > ? ORDER BY {number} LIMIT ?"
    statements.append((f"{SELECT}, NULL FROM {found.rows} WHERE {text}", [*values, rowid, limit]))
    return statements


def _any_of(questions: Sequence[Question], *, in_order: bool = False) -> tuple[Conditions, str, list[Any]]:
    """The conditions of one of some questions with the same phrases, the text that one of them fits, and all
    parameters: what the phrases find is looked up once for all of them. `in_order`: rows are read along the
    index of a sort order.
    """
    found = [conditions(question) for question in questions]
    for question, each in zip(questions, found, strict=True):
        each.at(question, indexed=not each.keyed and not in_order)
    if any(each.phrases != found[0].phrases for each in found):
        raise ValueError("Questions of one list have one search, and one filter for texts.")
    fits = " OR ".join(f"({' AND '.join(each.texts)})" for each in found)
    return found[0], f"({fits})", [*found[0].match, *(value for each in found for value in each.values)]


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
    text, values = seen(sight)
    number = found.number
    if among is not None:
        after = max(after, min(among, default=1) - 1)  # what lies around them is not looked up
    found.add(f"+account = ? AND {number} > ? AND {text}", account, after, *values)
    if among is not None:
        found.add(f"{number} <= ?", max(among, default=0))
        found.among(", ".join("?" * len(among)), *among)
    text = f"{' AND '.join(found.texts)} ORDER BY {number} LIMIT ?"
    return (
        f"SELECT number FROM {found.rows} WHERE {text}",  # noqa: S608
        [*found.match, *found.values, limit],
    )


def count(questions: Sequence[Question]) -> list[tuple[str, list[Any]]]:
    """How many rows fit, as numbers to be added up.

    What phrases find is looked through once; otherwise each place has an index of its own.
    """
    searching = any(conditions(question).phrases for question in questions)
    found = [_any_of(some) for some in ([questions] if searching else [[each] for each in questions])]
    return [(f"SELECT count(*) FROM {one.rows} WHERE {fits}", values) for one, fits, values in found]  # noqa: S608


MATCHES: Final = "(SELECT rowid AS place FROM contact_text WHERE contact_text MATCH ?)"
SELECT: Final = "SELECT number, source, module, id, position, as_of, record"
