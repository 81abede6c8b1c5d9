"""The shapes that are measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Any

FIELDS = "id displayName firstName lastName email phone company createdAt"

Ids = Mapping[str, list[str]]
Variables = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A query, and the variables of each request in turn."""

    name: str
    query: str
    variables: Callable[[Ids], list[Variables]]


def _one_of_each(ids: Ids) -> list[Variables]:
    most = max(len(some) for some in ids.values())
    pools = [cycle(ids[source]) for source in ("SAMESPACE", "PACKAGEX", "SMART_SENDER")]
    return [dict(zip("abc", (next(pool) for pool in pools), strict=True)) for _ in range(most)]


def _nothing(_: Ids) -> list[Variables]:
    return [{}]


JOBS = (
    Job(
        "one contact of each source by id, 8 fields",
        "query ($a: ID!, $b: ID!, $c: ID!) {"
        + "".join(f" {name}: contact(by: {{ id: ${name} }}) {{ {FIELDS} }}" for name in "abc")
        + " }",
        _one_of_each,
    ),
    Job(
        "20 contacts of each source, 8 fields",
        "{"
        + "".join(
            f" {source.lower()}: contacts(first: 20, sources: [{source}]) {{ nodes {{ {FIELDS} }} }}"
            for source in ("SAMESPACE", "PACKAGEX", "SMART_SENDER")
        )
        + " }",
        _nothing,
    ),
    Job(
        "20 Smart Sender contacts with chat and communications",
        "{ contacts(first: 20, sources: [SMART_SENDER]) { nodes { id displayName "
        "chat { id name unreadMessages } "
        "communications { nodes { id subscribed channel { name type } } } } } }",
        _nothing,
    ),
    Job(
        "50 Samespace contacts with all properties (18 defined)",
        "{ contacts(first: 50, sources: [SAMESPACE]) "
        "{ nodes { id displayName properties { key value type } } } }",
        _nothing,
    ),
)
