"""The jobs: one query each for all servers, with variables in each server's own words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

FIELDS: Final = "id displayName firstName lastName email phone company createdAt"
SOURCES: Final = ("SAMESPACE", "PACKAGEX", "SMART_SENDER")
NEW_CONTACTS: Final = 64


@dataclass(frozen=True, slots=True)
class Names:
    """How a server names contacts, by source, and where pages begin, by list."""

    contacts: Mapping[str, list[str]]
    pages: Mapping[str, list[str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A query, and the variables of each request in turn.

    `goal` is the CPU of the gateway over that of yoga. `fresh`: the caller asks for answers that no cache and
    no call under way can give. `steps` is how many calls wait for one another.
    """

    number: str
    title: str
    query: str
    variables: Callable[[Names], list[dict[str, Any]]]
    goal: float
    fresh: bool = False
    steps: int = 1
    new_each_time: frozenset[str] = frozenset()


def _one_of_each(names: Names) -> list[dict[str, Any]]:
    together = zip(*(names.contacts[source] for source in SOURCES), strict=False)
    return [dict(zip("abc", ids, strict=True)) for ids in together]


def _the_same(names: Names) -> list[dict[str, Any]]:
    return _one_of_each(names)[:1]


def _pages_of_each(names: Names) -> list[dict[str, Any]]:
    together = zip(*(names.pages[source] for source in SOURCES), strict=True)
    return [dict(zip("abc", afters, strict=True)) for afters in together]


def _pages(name: str) -> Callable[[Names], list[dict[str, Any]]]:
    return lambda names: [{"after": after} for after in names.pages[name]]


def _new(_: Names) -> list[dict[str, Any]]:
    return [
        {"name": f"Imke Vandersloot {place}", "email": f"imke.{place}@example.com", "phone": "+12025550100"}
        for place in range(NEW_CONTACTS)
    ]


ONE_OF_EACH: Final = (
    "query ($a: ID!, $b: ID!, $c: ID!) {"
    + "".join(f" {name}: contact(by: {{ id: ${name} }}) {{ {FIELDS} }}" for name in "abc")
    + " }"
)
TWENTY_OF_EACH: Final = (
    "query ($a: String, $b: String, $c: String) {"
    + "".join(
        f" {name}: contacts(first: 20, after: ${name}, sources: [{source}]) {{ nodes {{ {FIELDS} }} }}"
        for name, source in zip("abc", SOURCES, strict=True)
    )
    + " }"
)
CHATS: Final = (
    "query ($after: String) { contacts(first: 20, after: $after, sources: [SMART_SENDER]) { nodes { "
    "id displayName chat { id name unreadMessages } "
    "communications { nodes { id subscribed channel { name type } } } } } }"
)
GROUPS: Final = (
    "query ($after: String) { groups(first: 20, after: $after) { nodes { id name "
    f"members(first: 5) {{ nodes {{ {FIELDS} }} }} }} }} }}"
)
PROPERTIES: Final = (
    "query ($after: String) { contacts(first: 50, after: $after, sources: [SAMESPACE]) "
    "{ nodes { id properties { key value type } } } }"
)
CREATE: Final = (
    "mutation ($name: String, $email: String, $phone: String) { createContact(input: { targets: "
    "[{ source: PACKAGEX }], contact: { name: $name, email: $email, phone: $phone } }) "
    f"{{ contacts {{ {FIELDS} }} }} }}"
)

JOBS: Final = {
    job.number: job
    for job in (
        Job(
            number="J1",
            title="one contact of each source by id, other ids every time",
            query=ONE_OF_EACH,
            variables=_one_of_each,
            goal=0.8,
        ),
        Job(
            number="J2",
            title="20 contacts of each source",
            query=TWENTY_OF_EACH,
            variables=_pages_of_each,
            goal=0.8,
            fresh=True,
        ),
        Job(
            number="J3a",
            title="20 Smart Sender contacts with chat and communications",
            query=CHATS,
            variables=_pages("SMART_SENDER"),
            goal=0.5,
            fresh=True,
            steps=2,
        ),
        Job(
            number="J3b",
            title="20 PackageX groups with 5 members each, 30 different ones",
            query=GROUPS,
            variables=_pages("GROUPS"),
            goal=0.5,
            fresh=True,
            steps=2,
        ),
        Job(
            number="J4",
            title="50 Samespace contacts with 20 properties each",
            query=PROPERTIES,
            variables=_pages("RICH"),
            goal=0.8,
            fresh=True,
        ),
        Job(number="J5", title="J1 with the same ids", query=ONE_OF_EACH, variables=_the_same, goal=0.3),
        Job(
            number="J6",
            title="create one PackageX contact",
            query=CREATE,
            variables=_new,
            goal=0.8,
            new_each_time=frozenset({"createdAt"}),
        ),
    )
}
