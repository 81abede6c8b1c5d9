"""What an operation would ask of the sources, without running it: expected and worst numbers of calls.

What a record carries costs nothing, what hangs on an item costs a call for each item of a source that has
it. Caches are not counted on.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from gateway.context.asked import Asked
from gateway.engine.walking import Selected
from gateway.errors import GatewayError
from gateway.federation.asking import DEFAULT_PAGE, LARGEST_PAGE
from gateway.model import ids
from gateway.model.ids import OwnId
from gateway.model.source import Source

CHATS: Final = Source.SMART_SENDER
MIRRORED: Final = frozenset({"id", "source", "sourceId", "displayName", "firstName", "lastName", "email"})
"""What a group of PackageX carries of its members."""
TYPICAL: Final = 3  # things in a list below another thing


class Range(NamedTuple):
    """An expected number, and the largest possible one."""

    expected: float
    worst: float

    def times(self, other: "Range") -> "Range":
        """For each of these so many of those."""
        return Range(self.expected * other.expected, self.worst * other.worst)


Counts = dict[Source, Range]
"""How many things there are of each source."""

NONE: Final = Range(0.0, 0.0)
ONE: Final = Range(1.0, 1.0)
MAYBE: Final = Range(0.0, 1.0)


@dataclass(slots=True)
class Step:
    """What resolving a field costs, and what comes out of it; `items` None: the same things as before."""

    calls: Counts = field(default_factory=dict)
    items: Counts | None = None


Rule = Callable[["Estimate", Selected, Counts, frozenset[str]], Step]


@dataclass(slots=True)
class Estimate:
    """An estimate for one caller."""

    asked: Asked
    total: Counts = field(default_factory=dict)

    def report(self, fields: Sequence[Selected], seconds: float) -> dict[str, Any]:
        """`extensions.plan`: the tree of fields with calls, their sums, and how long budgets may take."""
        below = self._below(fields, {})
        per_source = {
            source.value: {
                "expected": round(calls.expected, 1),
                "worst": math.ceil(calls.worst),
                "worstWaitSeconds": round(wait, 1),
                "fits": wait < seconds,
            }
            for source, calls in sorted(self.total.items())
            for wait in (self._wait(source, math.ceil(calls.worst)),)
        }
        waits = [each["worstWaitSeconds"] for each in per_source.values()]
        return {
            "executed": False,
            "perSource": per_source,
            "worstWaitSeconds": max(waits, default=0.0),
            "deadlineSeconds": seconds,
            "fields": below,
        }

    def _wait(self, source: Source, calls: int) -> float:
        upstream = self.asked.directory.upstreams.get(source)
        return 0.0 if upstream is None or not calls else upstream.purse.wait_for(calls)

    def _below(self, fields: Sequence[Selected], items: Counts) -> list[dict[str, Any]]:
        beside = frozenset(each.name for each in fields)
        found = []
        for each in fields:
            rule = RULES.get((each.type_name, each.name))
            step = rule(self, each, items, beside) if rule else Step()
            step.calls = {of: count for of, count in step.calls.items() if self.asked.caller.may_read(of)}
            for source, calls in step.calls.items():
                before = self.total.get(source, NONE)
                self.total[source] = Range(before.expected + calls.expected, before.worst + calls.worst)
            below = self._below(each.below, items if step.items is None else step.items)
            told = [
                {
                    "source": source.value,
                    "expected": round(count.expected, 1),
                    "worst": math.ceil(count.worst),
                }
                for source, count in step.calls.items()
                if count.worst
            ]
            if told or below:
                own = {"calls": told} if told else {}
                found.append({"field": each.key, **own, **({"fields": below} if below else {})})
        return found

    def sources(self, named: Sequence[str] | None, ability: str) -> list[Source]:
        """The sources that would be asked."""
        chosen = None if named is None else tuple(Source(each) for each in named)
        able, _ = self.asked.directory.asked(chosen, self.asked.caller)
        return [source for source, upstream in able.items() if upstream.traits.can(ability)]

    def ceiling(self, source: Source) -> int:
        """Most items in one page."""
        return self.asked.directory.traits[source].page_ceiling


def _first(arguments: Mapping[str, Any]) -> int:
    first = arguments.get("first")
    return DEFAULT_PAGE if first is None else max(1, min(int(first), LARGEST_PAGE))


def _list(estimate: Estimate, sources: Sequence[Source], first: int) -> Step:
    """A list of several sources: each may have to fill the page alone."""
    share = first / max(1, len(sources))
    return Step(
        calls={
            source: Range(
                math.ceil(share / estimate.ceiling(source)), math.ceil(first / estimate.ceiling(source)) + 1
            )
            for source in sources
        },
        items={source: Range(share, first) for source in sources},
    )


def _contacts(estimate: Estimate, selected: Selected, _: Counts, __: frozenset[str]) -> Step:
    arguments = selected.arguments
    first = _first(arguments)
    wanted = {name for name, value in (arguments.get("filter") or {}).items() if value is not None}
    if "group" in wanted:
        items: Counts = {Source.PACKAGEX: Range(first, first)}
        return Step(calls={Source.PACKAGEX: Range(first + 1, first + 1)}, items=items)
    sources = estimate.sources(arguments.get("sources"), "contacts")
    step = _list(estimate, sources, first)
    from_index = bool(wanted - {"module"}) or arguments.get("orderBy") is not None
    for source in sources:
        searches = estimate.asked.directory.traits[source].searches
        if from_index or (arguments.get("search") is not None and not searches):
            step.calls[source] = NONE
    return step


def _everybody(estimate: Estimate, selected: Selected, _: Counts, __: frozenset[str]) -> Step:
    """People come from the index; each has about one record in some of the sources."""
    first = _first(selected.arguments)
    sources = estimate.sources(None, "contacts")
    return Step(items={source: Range(first / max(1, len(sources)), first) for source in sources})


def _person(estimate: Estimate, _: Selected, __: Counts, ___: frozenset[str]) -> Step:
    """So does one, unless the index is too old: then sources that search are asked for the e-mail."""
    sources = estimate.sources(None, "contacts")
    traits = estimate.asked.directory.traits
    return Step(
        calls={source: MAYBE for source in sources if traits[source].searches},
        items={source: Range(1 / max(1, len(sources)), 1.0) for source in sources},
    )


def _person_of_each(estimate: Estimate, _: Selected, items: Counts, __: frozenset[str]) -> Step:
    """The person of each contact: each has about one more record."""
    expected, worst = (sum(count[place] for count in items.values()) for place in (0, 1))
    sources = estimate.sources(None, "contacts")
    return Step(items={source: Range(2 * expected / max(1, len(sources)), worst) for source in sources})


def _export(estimate: Estimate, _: Selected, __: Counts, ___: frozenset[str]) -> Step:
    """The record with its groups, chat and messages, in each source."""
    sources = estimate.sources(None, "contacts")
    return Step(calls={source: Range(2.0 if source is not CHATS else 4.0, 10.0) for source in sources})


def _groups(estimate: Estimate, selected: Selected, _: Counts, __: frozenset[str]) -> Step:
    sources = estimate.sources(selected.arguments.get("sources"), "groups")
    return _list(estimate, sources, _first(selected.arguments))


def _named(by: Mapping[str, Any] | None) -> Source | None:
    """The source of a `ContactBy` or `GroupBy`."""
    if not by:
        return None
    if by.get("sourceId"):
        return Source(by["sourceId"]["source"])
    return _of_id(str(by.get("id")))


def _of_id(text: str) -> Source | None:
    try:
        named = ids.decode(text)
    except GatewayError:
        return None
    return None if isinstance(named, OwnId) else named.source


def _by_id(source: Source) -> Range:
    """Calls for one thing by id. Samespace has no such read: the index answers, or has to look again."""
    return MAYBE if source is Source.SAMESPACE else ONE


def _one(argument: str) -> Rule:
    def rule(_: Estimate, selected: Selected, __: Counts, ___: frozenset[str]) -> Step:
        source = _named(selected.arguments.get(argument))
        return Step() if source is None else Step({source: _by_id(source)}, {source: ONE})

    return rule


def _node(_: Estimate, selected: Selected, __: Counts, ___: frozenset[str]) -> Step:
    texts = selected.arguments.get("ids") or [selected.arguments.get("id")]
    calls: Counts = {}
    items: Counts = {}
    for source in (source for source in map(_of_id, map(str, texts)) if source):
        one, held = _by_id(source), calls.get(source, NONE)
        calls[source] = Range(held.expected + one.expected, held.worst + one.worst)
        count = items.get(source, NONE)
        items[source] = Range(count.expected + 1, count.worst + 1)
    return Step(calls, items)


def _entities(_: Estimate, selected: Selected, __: Counts, ___: frozenset[str]) -> Step:
    """As by global ids; a contact may be named by its source, a definition takes its module along."""
    calls: Counts = {}
    items: Counts = {}
    for each in selected.arguments["representations"]:
        found = _represented(each)
        if found is not None:
            source, one = found
            held, count = calls.get(source, NONE), items.get(source, NONE)
            calls[source] = Range(held.expected + one.expected, held.worst + one.worst)
            items[source] = Range(count.expected + 1, count.worst + 1)
    return Step(calls, items)


def _represented(given: Any) -> tuple[Source, Range] | None:
    """The source that a representation leads to, and calls for it; None where that is none."""
    if not isinstance(given, dict):
        return None
    source = _of_id(given["id"]) if isinstance(given.get("id"), str) else _known(given.get("source"))
    if source is None:
        return None
    return source, Range(1.0, 2.0) if given.get("__typename") == "Property" else _by_id(source)


def _known(text: Any) -> Source | None:
    return next((source for source in Source if source.value == text), None)


def _each(*sources: Source, calls: Range = ONE, listed: bool = False) -> Rule:
    """Calls for each thing of some sources; `listed`: with a list of things below."""

    def rule(_: Estimate, selected: Selected, items: Counts, __: frozenset[str]) -> Step:
        here = {source: items[source] for source in sources if source in items}
        found = {source: count.times(calls) for source, count in here.items()}
        if not listed:
            return Step(found, here)
        below = _below_one(selected)
        return Step(found, {source: count.times(below) for source, count in here.items()})

    return rule


def _communications(_: Estimate, selected: Selected, items: Counts, beside: frozenset[str]) -> Step:
    """A chat that is asked for anyway carries them."""
    here = {CHATS: items[CHATS]} if CHATS in items else {}
    below = {source: count.times(_below_one(selected)) for source, count in here.items()}
    return Step({} if "chat" in beside else dict(here), below)


def _members(_: Estimate, selected: Selected, items: Counts, __: frozenset[str]) -> Step:
    """The group carries them; what it mirrors of each costs nothing, the rest is a call for each."""
    groups = items.get(Source.PACKAGEX, NONE)
    below = groups.times(_below_one(selected))
    mirrored = _names_of_nodes(selected) <= MIRRORED
    return Step({Source.PACKAGEX: NONE if mirrored else below}, {Source.PACKAGEX: below})


def _below_one(selected: Selected) -> Range:
    """How many things there are in a list below one thing."""
    first = _first(selected.arguments)
    return Range(min(first, TYPICAL), first)


def _names_of_nodes(selected: Selected) -> frozenset[str]:
    """What is selected of the nodes of a connection, or of a list."""
    names: set[str] = set()
    for each in selected.below:
        if each.name == "nodes":
            names |= {below.name for below in each.below}
        elif each.name == "edges":
            names |= {below.name for node in each.below if node.name == "node" for below in node.below}
        elif selected.name == "primaryContacts":
            names.add(each.name)
    return frozenset(names)


def _always(source: Source, *, listed: bool = False) -> Rule:
    def rule(_: Estimate, selected: Selected, __: Counts, ___: frozenset[str]) -> Step:
        count = _first(selected.arguments) if listed else 1
        return Step({source: ONE}, {source: Range(count, count)})

    return rule


def _properties(_: Estimate, selected: Selected, __: Counts, ___: frozenset[str]) -> Step:
    source = Source(selected.arguments["source"])
    return Step({source: ONE}, {source: Range(_first(selected.arguments), _first(selected.arguments))})


EVERY: Final = tuple(Source)
RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("Query", "contacts"): _contacts,
    ("Query", "contact"): _one("by"),
    ("Query", "chat"): _one("contact"),
    ("Query", "person"): _person,
    ("Query", "people"): _everybody,
    ("Query", "drift"): _everybody,
    ("Query", "identityConflicts"): _everybody,
    ("Query", "exportPerson"): _export,
    ("Contact", "person"): _person_of_each,
    ("Query", "group"): _one("by"),
    ("Query", "groups"): _groups,
    ("Query", "node"): _node,
    ("Query", "nodes"): _node,
    ("Query", "_entities"): _entities,
    ("Query", "modules"): _always(Source.SAMESPACE),
    ("Query", "properties"): _properties,
    ("Query", "channels"): _always(CHATS, listed=True),
    ("Contact", "groups"): _each(Source.PACKAGEX, CHATS, listed=True),
    ("Contact", "chat"): _each(CHATS),
    ("Contact", "communications"): _communications,
    ("Contact", "funnels"): _each(CHATS, calls=MAYBE),
    ("Contact", "module"): _each(Source.SAMESPACE, calls=MAYBE),
    ("ContactProperty", "definition"): _each(*EVERY, calls=MAYBE),
    ("Chat", "contact"): _each(CHATS, calls=MAYBE),
    ("Chat", "messages"): _each(CHATS, listed=True),
    ("Communication", "contact"): _each(CHATS, calls=MAYBE),
    ("Communication", "channel"): _each(CHATS, calls=MAYBE),
    ("Group", "members"): _members,
    ("Group", "primaryContacts"): _members,
    ("Module", "properties"): _each(Source.SAMESPACE, listed=True),
    ("Event", "contact"): _each(*EVERY, calls=MAYBE),
}
