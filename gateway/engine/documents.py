"""Documents: parsed, within limits, validated, and kept for the next time."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from graphql import (
    REMOVE,
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoFragmentCyclesRule,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)

from gateway.engine import access, selection
from gateway.engine.access import Scopes
from gateway.engine.compiled.prepared import Prepared, prepare
from gateway.engine.cost import Price, check_cost, price
from gateway.engine.introspection import Introspections, asks_only_for_it
from gateway.engine.limits import Limits, check_document, check_text, too_complex
from gateway.engine.subgraph import ROUTED, NoServiceRule

INCREMENTAL = frozenset({"defer", "stream"})
MOST_ERRORS = 10
SUGGESTION = " Did you mean"  # also where a selection lacks, which `hide_suggestions` leaves as it is
TOO_MANY_TOKENS = "contains more than"  # words of graphql-core; it has no class for this
LARGEST_KEPT = 64 * 1024  # signs of one document; larger ones are parsed each time

Validate = Callable[..., list[GraphQLError]]


class InvalidDocument(Exception):
    """A document that is not valid, with all that is wrong."""

    def __init__(self, code: str, errors: Sequence[GraphQLError]) -> None:
        super().__init__(code)
        self.code = code
        self.errors = errors


class Operation(NamedTuple):
    """One operation of a document. Its name is the empty text where it has none; `kind` is `query`,
    `mutation` or `subscription`; `fields` are the names of those at its root, aliases counted one by one;
    `needed` are the scopes of which a caller has to have one, for each of them; `price` is what it costs;
    `introspects`: it asks for the schema alone.
    """

    name: str
    kind: str
    fields: tuple[str, ...]
    needed: tuple[Scopes, ...]
    price: Price | None
    introspects: bool = False


NO_OPERATION: Final = Operation(name="", kind="", fields=(), needed=(), price=None)


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document, and its operations by name.

    `whole` is the same without `@defer` and `@stream`, for those who take an answer as a whole; `schema` is
    what it is carried out in, another one for routers than for clients, and `introspections` is what was told
    of that.
    """

    node: DocumentNode
    whole: DocumentNode
    operations: dict[str, Operation]
    schema: GraphQLSchema
    introspections: Introspections
    _prepared: dict[str | None, Prepared | None] = field(default_factory=dict)

    def prepared(self, name: str | None, plain: Callable[..., Any]) -> Prepared | None:
        """An operation that was made ready; None where graphql-core has to carry it out alone."""
        if name not in self._prepared:
            if name is not None and name not in self.operations:
                return None
            left = self.chosen(name).introspects  # which is told as before instead
            self._prepared[name] = None if left else prepare(self.schema, self.whole, name, plain)
        return self._prepared[name]

    @property
    def incremental(self) -> bool:
        """Whether it asks for an answer in parts."""
        return self.whole is not self.node

    @property
    def fragments(self) -> dict[str, FragmentDefinitionNode]:
        """The fragments by name."""
        return _fragments(self.node)

    def chosen(self, name: str | None) -> Operation:
        """The operation of this name, or the only one there is; else `NO_OPERATION`."""
        if name:
            return self.operations.get(name, NO_OPERATION)
        return next(iter(self.operations.values())) if len(self.operations) == 1 else NO_OPERATION


class Documents:
    """The documents of one schema. Bounded: those that were not asked for longest are dropped.

    `subgraph` is the schema of those that ask for what only routers do; `validate` is graphql-core's, or
    one that remembers what that has said.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        subgraph: GraphQLSchema | None = None,
        introspection: bool = True,
        suggestions: bool = True,
        validate: Validate = validate,
        most: int = 1_000,
        most_signs: int = 300_000,
    ) -> None:
        self._schema = schema
        self._subgraph = subgraph or schema
        self._rights = access.roots(self._subgraph)
        self._limits = limits
        self._rules = [*specified_rules]
        if not introspection:
            self._rules += [NoSchemaIntrospectionCustomRule, NoServiceRule]
        self._suggestions = suggestions
        self._validate = validate
        self._most = most
        self._most_signs = most_signs
        self._signs = 0
        self._introspections = Introspections()
        self._kept: OrderedDict[str, Document] = OrderedDict()

    def get(self, text: str) -> Document:
        """The document of a text. Raises InvalidDocument or TooComplex."""
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            return found
        found = self._read(text)
        if len(text) <= LARGEST_KEPT:
            self._kept[text] = found
            self._signs += len(text)
            while len(self._kept) > self._most or self._signs > self._most_signs:
                self._signs -= len(self._kept.popitem(last=False)[0])
        return found

    def checked(self, text: str) -> Document:
        """The same for one that somebody else keeps; refused where it costs too much with any variables."""
        found = self._read(text)
        for each in found.operations.values():
            if each.price is not None and each.price.fixed is not None:
                check_cost(each.price.fixed, self._limits)
        return found

    def _read(self, text: str) -> Document:
        check_text(text, self._limits)
        try:
            node = parse(text, max_tokens=self._limits.tokens, allow_empty_selection_sets=False)
            rules = self._rules if check_document(node, self._limits) else [NoFragmentCyclesRule]
            roots = _roots(node)
            routed = any(not ROUTED.isdisjoint(names) for names in roots.values())
            schema = self._subgraph if routed else self._schema
            errors = self._validate(
                schema,
                node,
                rules,
                max_errors=MOST_ERRORS,
                hide_suggestions=not self._suggestions,
                allow_empty_selection_sets=False,
            )
        except GraphQLSyntaxError as error:
            if TOO_MANY_TOKENS in error.message:
                raise too_complex("tokens", self._limits.tokens + 1, self._limits.tokens) from error
            raise InvalidDocument("GRAPHQL_PARSE_FAILED", [error]) from error
        except RecursionError as error:
            raise too_complex("depth", self._limits.depth + 1, self._limits.depth) from error
        if errors:
            for each in () if self._suggestions else errors:
                each.message = each.message.partition(SUGGESTION)[0]
            raise InvalidDocument("GRAPHQL_VALIDATION_FAILED", errors)
        whole = _whole(node) if any(name in text for name in INCREMENTAL) else node
        operations = self._operations(schema, node, roots)
        return Document(node, whole, operations, schema, self._introspections)

    def _operations(
        self, schema: GraphQLSchema, node: DocumentNode, roots: Mapping[str, tuple[str, ...]]
    ) -> dict[str, Operation]:
        found: dict[str, Operation] = {}
        fragments = _fragments(node)
        for each in node.definitions:
            if isinstance(each, OperationDefinitionNode):
                name, kind = each.name.value if each.name else "", each.operation.value
                asked = [(kind, field) for field in roots[name]]
                needed = dict.fromkeys(self._rights[field] for field in asked if field in self._rights)
                cost = price(schema, each, fragments)
                schema_only = asks_only_for_it(roots[name])
                found[name] = Operation(name, kind, roots[name], tuple(needed), cost, schema_only)
        return found


def _whole(node: DocumentNode) -> DocumentNode:
    """A document without what asks for an answer in parts; the same one where nothing does."""
    found: DocumentNode = visit(node, _Whole())
    return found


class _Whole(Visitor):
    """Takes directives of incremental delivery out."""

    def enter_directive(self, node: DirectiveNode, *_: Any) -> Any:
        """Take one out, or leave it."""
        return REMOVE if node.name.value in INCREMENTAL else None


def _fragments(node: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {each.name.value: each for each in node.definitions if isinstance(each, FragmentDefinitionNode)}


def _roots(node: DocumentNode) -> dict[str, tuple[str, ...]]:
    fragments = _fragments(node)
    return {
        each.name.value if each.name else "": tuple(selection.root_fields([each.selection_set], fragments))
        for each in node.definitions
        if isinstance(each, OperationDefinitionNode)
    }
