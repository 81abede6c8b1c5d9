"""Reviewed documents: one file, one operation, one tool. Each is checked before any of them is offered.

A file begins with comments that say what the tool is for. Lines among them that begin with `@` are
`@title …`, `@additive` (a write that takes nothing away) and `@idempotent` (one that can be repeated).
Beside a mutation may stand a query: it shows what the write would change, with variables of the same names.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from graphql import (
    ArgumentNode,
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Visitor,
    parse,
    print_ast,
    separate_operations,
    validate,
    visit,
)

from gateway.assistant.arguments import UnfitVariable, json_schema

SHIPPED: Final = Path(__file__).parent / "documents"
CONFIRMATION: Final = "confirmation"
TAKEN: Final = frozenset({"search_schema", "describe_type"})
LARGEST: Final = 64 * 1024  # bytes of one file
MOST: Final = 200  # files
WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
NOT_NOW: Final = (
    DirectiveNode(
        name=NameNode(value="skip"),
        arguments=(ArgumentNode(name=NameNode(value="if"), value=BooleanValueNode(value=True)),),
    ),
)


class BadDocument(Exception):
    """A document that cannot be offered; its text names the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sendable:
    """An operation as it is sent, with the names of its variables and of all keys of its answer."""

    name: str
    text: str
    variables: frozenset[str]
    keys: frozenset[str]

    def given(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the arguments that it takes."""
        return {name: value for name, value in arguments.items() if name in self.variables}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A tool. Of a write, `trial` is the same with nothing carried out, so that the gateway checks the rest
    of it; `preview` reads what it would change.
    """

    name: str
    title: str
    description: str
    main: Sendable
    input_schema: Mapping[str, Any] = field(repr=False)
    mutation: str = ""
    trial: Sendable | None = None
    preview: Sendable | None = None
    additive: bool = False
    idempotent: bool = False

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self.trial is not None


def read(folder: Path, schema: GraphQLSchema) -> dict[str, Operation]:
    """The operations of a folder by the names of their tools. Raises BadDocument."""
    files = sorted(folder.glob("*.graphql"))
    if not files:
        raise BadDocument(f"{folder} holds no documents (*.graphql).")
    if len(files) > MOST:
        raise BadDocument(f"{folder} holds more than {MOST} documents.")
    found: dict[str, Operation] = {}
    for file in files:
        try:
            operation = _read(_text(file), schema)
        except _Unfit as unfit:
            raise BadDocument(f"{file.name}: {unfit}") from None
        if operation.name in found or operation.name in TAKEN:
            raise BadDocument(f"{file.name}: there is another tool named {operation.name}.")
        found[operation.name] = operation
    return found


class _Unfit(Exception):
    pass


@dataclass(slots=True)
class _Comments:
    title: str = ""
    text: str = ""
    additive: bool = False
    idempotent: bool = False


def _text(file: Path) -> str:
    try:
        held = file.read_bytes()
        if len(held) > LARGEST:
            raise _Unfit(f"it has more than {LARGEST} bytes.")
        return held.decode()
    except OSError as error:
        raise _Unfit(f"it cannot be read: {error.strerror}.") from None
    except ValueError:
        raise _Unfit("it is no text in UTF-8.") from None


def _read(text: str, schema: GraphQLSchema) -> Operation:
    try:
        document = parse(text)
    except GraphQLError as error:
        raise _Unfit(error.message) from None
    errors = validate(schema, document)
    if errors:
        raise _Unfit(" ".join(error.message for error in errors))
    main, preview = _chosen(document)
    said = _comments(text)
    description = said.text or (main.description.value.strip() if main.description else "")
    if not description:
        raise _Unfit("it does not say what it is for: begin it with comments.")
    writes = main.operation is OperationType.MUTATION
    if not writes and (said.additive or said.idempotent):
        raise _Unfit("@additive and @idempotent are for mutations.")
    try:
        form = json_schema(main, schema)
    except UnfitVariable as unfit:
        raise _Unfit(f"a variable {unfit}.") from None
    if CONFIRMATION in form["properties"]:
        raise _Unfit(f"no variable may be named {CONFIRMATION}.")
    called = main.name.value if main.name else ""
    name = "_".join(WORD.split(called)).lower()
    parts = separate_operations(_bare(document))
    return Operation(
        name=name,
        title=said.title or name.replace("_", " ").capitalize(),
        description=description,
        main=_sendable(parts[called], called),
        input_schema=form,
        mutation=_root(main).name.value if writes else "",
        trial=_sendable(_skipped(parts[called]), called) if writes else None,
        preview=None if preview is None else _preview(parts[preview], preview, main),
        additive=said.additive,
        idempotent=said.idempotent,
    )


def _chosen(document: DocumentNode) -> tuple[OperationDefinitionNode, str | None]:
    """The operation of a document, and the name of the query beside it that shows what it would change."""
    found = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if any(each.name is None for each in found):
        raise _Unfit("its operation has no name.")
    if any(each.operation is OperationType.SUBSCRIPTION for each in found):
        raise _Unfit("subscriptions are not for assistants.")
    mutations = [each for each in found if each.operation is OperationType.MUTATION]
    beside = [each for each in found if each not in mutations]
    if len(found) == 1:
        main = found[0]
    elif len(mutations) == len(beside) == 1:
        main = mutations[0]
    else:
        raise _Unfit(
            "it has to hold one operation; beside a mutation one query, which shows what it changes."
        )
    if main in mutations:
        _root(main)
    names = [each.name.value for each in beside if each is not main and each.name]
    return main, names[0] if names else None


def _root(mutation: OperationDefinitionNode) -> FieldNode:
    """The one field of a mutation: of several, one idempotency key could not count for all."""
    chosen = mutation.selection_set.selections
    if len(chosen) != 1 or not isinstance(chosen[0], FieldNode) or chosen[0].directives:
        raise _Unfit("a mutation has to have one field, without directives.")
    return chosen[0]


def _preview(part: DocumentNode, name: str, main: OperationDefinitionNode) -> Sendable:
    found = _sendable(part, name)
    if not found.variables <= {each.variable.name.value for each in main.variable_definitions or ()}:
        raise _Unfit(f"{name} takes a variable that the mutation does not have.")
    return found


def _comments(text: str) -> _Comments:
    found, lines = _Comments(), []
    for line in text.lstrip("\ufeff").splitlines():
        if not line.startswith("#"):
            break
        words = line.lstrip("#").strip()
        mark, _, rest = words.partition(" ")
        if not mark.startswith("@"):
            lines.append(words)
        elif mark == "@title" and rest:
            found.title = rest.strip()
        elif mark in {"@additive", "@idempotent"} and not rest:
            setattr(found, mark[1:], True)
        else:
            raise _Unfit(f"{mark} is none of `@title …`, `@additive`, `@idempotent`.")
    found.text = "\n".join(lines).strip()
    return found


def _bare(document: DocumentNode) -> DocumentNode:
    """The document without what is said of it: gateways need not know descriptions of operations."""
    definitions = tuple(
        replace(
            each,
            description=None,
            variable_definitions=tuple(
                replace(variable, description=None) for variable in each.variable_definitions or ()
            ),
        )
        if isinstance(each, OperationDefinitionNode | FragmentDefinitionNode)
        else each
        for each in document.definitions
    )
    return replace(document, definitions=definitions)


def _skipped(document: DocumentNode) -> DocumentNode:
    """The mutation with its field left out when it runs: all of it is checked, and nothing is carried out."""
    definitions = tuple(
        replace(each, selection_set=SelectionSetNode(selections=(replace(_root(each), directives=NOT_NOW),)))
        if isinstance(each, OperationDefinitionNode)
        else each
        for each in document.definitions
    )
    return replace(document, definitions=definitions)


def _sendable(document: DocumentNode, name: str) -> Sendable:
    keys = _Keys()
    visit(document, keys)
    operations: Iterable[OperationDefinitionNode] = (
        each for each in document.definitions if isinstance(each, OperationDefinitionNode)
    )
    variables = {each.variable.name.value for main in operations for each in main.variable_definitions or ()}
    return Sendable(
        name=name, text=print_ast(document), variables=frozenset(variables), keys=frozenset(keys.found)
    )


class _Keys(Visitor):
    """Keys of an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Note the key of a field."""
        self.found.add((node.alias or node.name).value)
