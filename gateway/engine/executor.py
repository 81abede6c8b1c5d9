"""Runs an operation of a valid document."""

from collections.abc import Callable, Sequence
from inspect import isawaitable
from typing import Any, Protocol

from graphql import ExecutionResult, GraphQLSchema, execute

from gateway.engine.documents import Document
from gateway.engine.schema import from_value


class Middleware(Protocol):
    """Stands around every resolver, and makes each of them slower."""

    def resolve(self, following: Callable[..., Any], source: Any, info: Any, /, **arguments: Any) -> Any:
        """Resolve a field with what comes behind."""
        ...


async def run(
    schema: GraphQLSchema,
    document: Document,
    *,
    operation: str | None,
    variables: dict[str, Any] | None,
    context: Any,
    suggestions: bool = True,
    middleware: Sequence[Middleware] = (),
) -> ExecutionResult:
    """The result of an operation; errors of fields stand in it, nothing is raised for them."""
    result = execute(
        schema,
        document.node,
        context_value=context,
        variable_values=variables,
        operation_name=operation,
        field_resolver=from_value,
        hide_suggestions=not suggestions,
        middleware=tuple(middleware) or None,
    )
    if isawaitable(result):
        return await result
    return result
