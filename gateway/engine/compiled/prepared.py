"""An operation made ready once: what does not depend on who asks, and what was compiled of it."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    default_type_resolver,
    get_nullable_type,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

from gateway.engine.compiled.code import Odd
from gateway.engine.compiled.plan import EXACT, NotCompiled, Reading, Selection, deciding
from gateway.engine.compiled.run import Run, compiled

MOST_PLANS: Final = 8  # of one operation: outcomes of `@skip` and `@include`
WORTH_IT: Final = 2  # times that an operation is asked for before it is compiled


@dataclass(slots=True, eq=False)
class Prepared:
    """An operation, with the fragments of its document. `plain` reads a field without a resolver."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    definitions: dict[str, FragmentDefinitionNode]
    fragments: dict[str, FragmentDetails]
    plain: Callable[..., Any]
    _signatures: tuple[tuple[GraphQLVariableSignature, type], ...] = ()
    _deciding: tuple[str, ...] = ()
    _asked: int = 0
    _plans: "OrderedDict[tuple[Any, ...], Selection | None]" = field(default_factory=OrderedDict)

    async def run(
        self, variables: dict[str, Any] | None, context: Any, *, hide_suggestions: bool = False
    ) -> ExecutionResult:
        """The result of the operation; errors of fields and of variables stand in it."""
        values = self._variables(variables or {}, hide_suggestions=hide_suggestions)
        if isinstance(values, list):
            return ExecutionResult(None, values)
        executor: Executor[Any] = Executor(
            self.schema,
            self.definitions,
            self.fragments,
            None,
            context,
            self.operation,
            values,
            self.plain,
            default_type_resolver,
            self.plain,
            hide_suggestions=hide_suggestions,
        )
        plan = self._plan(values)
        if plan is not None:
            try:
                return await Run(plan, executor).result()
            finally:
                del executor.async_helpers  # which refer to the executor: it would stay until somebody looks
        found: Any = executor.execute_operation()
        result: ExecutionResult = await found if hasattr(found, "__await__") else found
        return result

    def _variables(
        self, given: dict[str, Any], *, hide_suggestions: bool
    ) -> VariableValues | list[GraphQLError]:
        """The values of the variables. Texts and the like that are as they should be need no second look."""
        coerced: dict[str, Any] = {}
        sources: dict[str, VariableValueSource] = {}
        for signature, exact in self._signatures:
            value = given.get(signature.name)
            if type(value) is not exact:
                break
            coerced[signature.name] = value
            sources[signature.name] = VariableValueSource(signature, value)
        else:
            return VariableValues(sources, coerced)
        return get_variable_values(
            self.schema,
            self.operation.variable_definitions or (),
            given,
            max_errors=50,
            hide_suggestions=hide_suggestions,
        )

    def _plan(self, values: VariableValues) -> Selection | None:
        """What was compiled for these variables; None where graphql-core has to do it all."""
        self._asked += 1
        if self._asked < WORTH_IT:
            return None
        decided = [values.coerced.get(name, False) for name in self._deciding]
        if None in decided:  # graphql-core says that it must not be null
            return None
        key = tuple(map(bool, decided))
        if key not in self._plans:
            self._plans[key] = self._compiled(values)
            if len(self._plans) > MOST_PLANS:
                self._plans.popitem(last=False)
        return self._plans[key]

    def _compiled(self, values: VariableValues) -> Selection | None:
        try:
            return compiled(Reading(self.schema, self.operation, self.fragments, values).root())
        except (NotCompiled, RecursionError, SyntaxError, MemoryError):  # too deep for the compiler of Python
            return None


def prepare(
    schema: GraphQLSchema, document: DocumentNode, name: str | None, plain: Callable[..., Any]
) -> Prepared | None:
    """An operation by name, or the only one; None where graphql-core has to say what is wrong."""
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    chosen = [each for each in operations if not name or (each.name and each.name.value == name)]
    fragments = [each for each in document.definitions if isinstance(each, FragmentDefinitionNode)]
    if len(chosen) != 1 or any(each.variable_definitions for each in fragments):
        return None
    return Prepared(
        schema,
        chosen[0],
        {each.name.value: each for each in fragments},
        {each.name.value: FragmentDetails(each, None) for each in fragments},
        plain,
        tuple(_signatures(schema, chosen[0])),
        tuple(sorted(deciding(document))),
    )


def _signatures(
    schema: GraphQLSchema, operation: OperationDefinitionNode
) -> Iterator[tuple[GraphQLVariableSignature, type]]:
    """The variables of an operation, and the class of a value that can only be right."""
    for each in operation.variable_definitions or ():
        found = get_variable_signature(schema, each)
        if not isinstance(found, GraphQLError):
            yield (
                found,
                EXACT.get(getattr(get_nullable_type(found.type), "name", ""), Odd),
            )  # an exception is no value
