"""What has changed in the schema since it was last accepted. `--check` only tells.

Callers may rely on all of tests/schema/snapshot.graphql. What breaks one of them is accepted only with a line
in the changelog that names it.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
    is_non_null_type,
    parse,
    print_ast,
)
from graphql.language import Node, Visitor, visit

from gateway.app import sdl
from gateway.engine import access

ROOT = Path(__file__).parent.parent
SNAPSHOT = ROOT / "tests" / "schema" / "snapshot.graphql"
CHANGELOG = ROOT / "CHANGELOG.md"
NOTE = "# What callers may rely on. Written by `make snapshot`; what it means stands in schema.graphql.\n\n"
# What a sentence of graphql-core is about: `Contact.email`, `ContactBy`, `@cost`.
NAME = re.compile(r"@\w+|(?!(?:A|An|Argument|Directive|Enum|Field|Standard)\b)\b[A-Z]\w*(?:\.\w+)?")


@dataclass(frozen=True, slots=True)
class Changes:
    """Sentences on what may fail at a caller's, and on what may surprise one."""

    breaking: tuple[str, ...]
    dangerous: tuple[str, ...]


class _WithoutDescriptions(Visitor):
    def enter(self, node: Node, *_: object) -> Any:
        return replace(cast("Any", node), description=None) if getattr(node, "description", None) else None


def bare(text: str) -> str:
    """A schema without its descriptions, which nobody's program relies on."""
    return f"{NOTE}{print_ast(visit(parse(text), _WithoutDescriptions()))}\n"


def changes(before: str, after: str) -> Changes:
    """What has changed between two schemas that callers can notice."""
    old, new = build_schema(before), build_schema(after)
    breaking = [change.description for change in find_breaking_changes(old, new)]
    dangerous = [change.description for change in find_dangerous_changes(old, new)]
    return Changes((*breaking, *_narrowed(old, new)), tuple(dangerous))


def unsaid(breaking: tuple[str, ...], changelog: str) -> list[str]:
    """The breaking changes of things that no line of the changelog's first section names."""
    said = changelog.split("\n## ")[1]
    return [each for each in breaking if f"`{_named(each)}`" not in said]


def main() -> int:
    """Check or accept."""
    now = bare(sdl())
    before = SNAPSHOT.read_text("utf-8") if SNAPSHOT.exists() else now
    found = changes(before, now)
    for each in found.breaking:
        print(f"breaks callers: {each}")
    for each in found.dangerous:
        print(f"may surprise callers: {each}")
    missing = unsaid(found.breaking, CHANGELOG.read_text("utf-8"))
    if missing:
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(_named(each) for each in missing))
        print(f"If this has to be, tell callers under *Unreleased* in CHANGELOG.md, by the name: {names}.")
        print("Then `make snapshot` accepts it.")
        return 1
    if "--check" not in sys.argv:
        SNAPSHOT.write_text(now, "utf-8")
        return 0
    if SNAPSHOT.exists() and before == now:
        return 0
    print("The schema is not that of tests/schema/snapshot.graphql. `make snapshot` accepts it.")
    return 1


def _named(change: str) -> str:
    """The thing that a sentence is about."""
    found: list[str] = NAME.findall(change)
    return min(found, key=lambda name: name[0] != "@")


def _narrowed(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[str]:
    """What directives take away, of which GraphQL's own comparison knows nothing."""
    for name, before in old.type_map.items():
        after = new.type_map.get(name)
        if isinstance(before, GraphQLInputObjectType) and isinstance(after, GraphQLInputObjectType):
            if after.is_one_of and not before.is_one_of:
                yield f"{name} takes exactly one of its fields now."
        elif isinstance(before, GraphQLObjectType) and isinstance(after, GraphQLObjectType):
            for field in [each for each in before.fields if each in after.fields]:
                was, asks = _scopes(before, field), _scopes(after, field)
                if asks and not (was and was <= asks):
                    yield f"{name}.{field} asks for a scope now that it did not ask for."
                if _always(before.fields[field]) and not _always(after.fields[field]):
                    yield f"{name}.{field} may be null without an error now."


def _scopes(type_: GraphQLObjectType, field: str) -> access.Scopes:
    return access.declared(type_.fields[field]) or access.declared(type_)


def _always(field: GraphQLField) -> bool:
    """Whether a field has a value where there is no error."""
    directives = field.ast_node.directives if field.ast_node else None
    marked = any(each.name.value == "semanticNonNull" for each in directives or ())
    return marked or is_non_null_type(field.type)


if __name__ == "__main__":
    sys.exit(main())
