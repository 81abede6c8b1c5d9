"""Runs an operation of a valid document."""

from inspect import isawaitable
from typing import Any

from graphql import ExecutionResult, GraphQLSchema, execute

from gateway.engine.documents import Document
from gateway.engine.schema import from_value


async def run(
    schema: GraphQLSchema,
    document: Document,
    *,
    operation: str | None,
    variables: dict[str, Any] | None,
    context: Any,
    suggestions: bool = True,
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
    )
    if isawaitable(result):
        return await result
    return result
