"""Writes the pages that follow from the code: settings, command line, schema. `--check` only compares."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

from graphql import (
    GraphQLDirective,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    is_introspection_type,
    is_specified_directive,
    is_specified_scalar_type,
    print_ast,
)

from gateway.app import read_schema
from gateway.cli import parser
from gateway.config import all_settings

HERE = Path(__file__).parent
NOTE = "<!-- Written by `make docs`. Do not edit. -->\n"


def pages() -> dict[str, str]:
    """The text of every generated page by file name."""
    return {
        "settings.md": "\n".join(_settings()) + "\n",
        "cli.md": "\n".join(_cli()) + "\n",
        "schema.md": "\n".join(_schema(read_schema())) + "\n",
    }


def main() -> int:
    """Write the pages, or say which are stale."""
    stale = [name for name, text in pages().items() if _differs(name, text)]
    if "--check" in sys.argv:
        for name in stale:
            print(f"docs/{name} is stale: run `make docs`.")
        return 1 if stale else 0
    for name, text in pages().items():
        (HERE / name).write_text(text, "utf-8")
    return 0


def _differs(name: str, text: str) -> bool:
    path = HERE / name
    return not path.exists() or path.read_text("utf-8") != text


def _settings() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield NOTE
    yield "All settings are environment variables. The gateway reads them once, at its start, and refuses to"
    yield "start on one that is missing or odd; it names the variable and never quotes its value."
    yield ""
    yield "| variable | default | meaning |"
    yield "|---|---|---|"
    for setting in all_settings().values():
        default = f"`{setting.default}`" if setting.default else "none"
        yield f"| `{setting.name}` | {default} | {setting.meaning} |"


def _cli() -> Iterator[str]:
    yield "# Command line"
    yield ""
    yield NOTE
    yield "```"
    yield parser().format_help().rstrip()
    yield "```"
    for name, command in _commands():
        yield ""
        yield f"## gateway {name}"
        yield ""
        yield "```"
        yield command.rstrip()
        yield "```"


def _commands() -> Iterator[tuple[str, str]]:
    yield from _below(parser(), "")


def _below(found: ArgumentParser, before: str) -> Iterator[tuple[str, str]]:
    """The commands of a parser, and those below them."""
    for action in found._subparsers._group_actions if found._subparsers else ():
        for name, command in action.choices.items():  # type: ignore[union-attr]
            yield f"{before}{name}", command.format_help()
            yield from _below(command, f"{before}{name} ")


def _schema(schema: GraphQLSchema) -> Iterator[str]:
    yield "# Schema"
    yield ""
    yield NOTE
    yield "The SDL itself is printed by `gateway schema` and served at `/schema.graphql`."
    yield ""
    yield "## Directives"
    yield ""
    yield "| directive | on | |"
    yield "|---|---|---|"
    for directive in schema.directives:
        if not is_specified_directive(directive):
            yield _directive(directive)
    for type_ in schema.type_map.values():
        if not is_introspection_type(type_) and not is_specified_scalar_type(type_):
            yield from _type(type_)


def _directive(directive: GraphQLDirective) -> str:
    arguments = ", ".join(f"{name}: {each.type}" for name, each in directive.args.items())
    shown = f"@{directive.name}({arguments})" if arguments else f"@{directive.name}"
    places = ", ".join(place.value for place in directive.locations)
    told = [
        directive.description,
        *(f"`{name}`: {each.description}" for name, each in directive.args.items()),
    ]
    return f"| `{shown}` | {places} | {' '.join(_line(text) for text in told)} |"


def _type(type_: GraphQLNamedType) -> Iterator[str]:
    yield ""
    yield f"## {type_.name}"
    yield ""
    yield " ".join(part for part in (_line(type_.description), _applied(type_)) if part)
    if isinstance(type_, GraphQLEnumType):
        yield ""
        yield "| value | |"
        yield "|---|---|"
        for name, value in type_.values.items():
            yield f"| `{name}` | {_line(value.description)} |"
    elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        yield ""
        yield "| field | type | |"
        yield "|---|---|---|"
        for name, field in type_.fields.items():
            arguments = ", ".join(
                f"{argument}: {each.type}" for argument, each in getattr(field, "args", {}).items()
            )
            shown = f"{name}({arguments})" if arguments else name
            told = " ".join(part for part in (_line(field.description), _applied(field)) if part)
            yield f"| `{shown}` | `{field.type}` | {told} |"


def _applied(held: GraphQLNamedType | GraphQLField | GraphQLInputField) -> str:
    """The directives that stand at a definition, as they stand there."""
    directives = held.ast_node.directives if held.ast_node else None
    return " ".join(f"`{print_ast(each)}`" for each in directives or ())


def _line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
