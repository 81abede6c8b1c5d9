"""Runs an operation of a valid document."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Protocol, cast

from graphql import (
    ExecutionResult,
    Executor,
    ExperimentalIncrementalExecutionResults,
    GraphQLError,
    create_source_event_stream,
    execute_subscription_event,
    experimental_execute_incrementally,
    map_source_to_response_event,
)
from graphql.execution.incremental.incremental_executor import IncrementalExecutor

from gateway.engine.documents import Document
from gateway.engine.schema import from_value

FormatErrors = Callable[[Sequence[GraphQLError]], list[dict[str, Any]]]
Each = Callable[[Callable[[], Any]], Awaitable[Any]]


class Middleware(Protocol):
    """Stands around every resolver, and makes each of them slower."""

    def resolve(self, following: Callable[..., Any], source: Any, info: Any, /, **arguments: Any) -> Any:
        """Resolve a field with what comes behind."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What an operation of a document is called with."""

    operation: str | None
    variables: dict[str, Any] | None
    context: Any
    suggestions: bool = True
    middleware: Sequence[Middleware] = ()

    @property
    def options(self) -> dict[str, Any]:
        """The same, as graphql-core names it."""
        return {
            "context_value": self.context,
            "operation_name": self.operation,
            "field_resolver": from_value,
            "hide_suggestions": not self.suggestions,
            "middleware": tuple(self.middleware) or None,
        }


async def run(document: Document, call: Call) -> ExecutionResult:
    """The result of an operation; errors of fields stand in it, nothing is raised for them."""
    prepared = None if call.middleware else document.prepared(call.operation, from_value)
    if prepared is not None:
        return await prepared.run(call.variables, call.context, hide_suggestions=not call.suggestions)
    if document.chosen(call.operation).introspects and not call.middleware:
        return await _introspected(document, call)
    return await _by_graphql_core(document, call)


async def _introspected(document: Document, call: Call) -> ExecutionResult:
    """What the schema tells of itself, as it was told before."""
    asked = document, call.operation, call.variables
    told = document.introspections.find(*asked)
    if told is not None:
        return ExecutionResult(told)
    result = await _by_graphql_core(document, call)
    if result.data is not None and not result.errors:
        document.introspections.keep(*asked, result.data)
    return result


async def _by_graphql_core(document: Document, call: Call) -> ExecutionResult:
    found: Any = experimental_execute_incrementally(  # `execute` takes no schema that has `@defer`
        document.schema,
        document.whole,
        variable_values=call.variables,
        executor_class=Executor,  # the plain one, which is faster
        **call.options,
    )
    result: ExecutionResult = await found if isawaitable(found) else found
    return result


async def run_in_parts(document: Document, call: Call) -> "ExecutionResult | Parts":
    """The same for a document with `@defer` or `@stream`: what comes at once, and the rest as it comes."""
    executor = IncrementalExecutor.build(
        document.schema,
        document.node,
        raw_variable_values=call.variables,
        enable_early_execution=True,  # else what is deferred begins when the rest has ended
        **call.options,
    )
    if isinstance(executor, list):
        return ExecutionResult(None, executor)
    try:
        found: Any = executor.execute_operation()
        result = await found if isawaitable(found) else found
    except BaseException:  # what is deferred has begun, and nobody else would end it
        await executor.cancel_incremental_work()
        raise
    if isinstance(result, ExperimentalIncrementalExecutionResults):
        return Parts(result, executor.cancel_incremental_work)
    return cast("ExecutionResult", result)


async def follow(document: Document, call: Call, each: Each) -> ExecutionResult | AsyncGenerator[Any, None]:
    """What `each` makes of every event of a subscription, told how to execute it; or why there are none."""
    executor = Executor.build(
        document.schema, document.whole, raw_variable_values=call.variables, **call.options
    )
    if isinstance(executor, list):
        return ExecutionResult(None, executor)
    found: Any = create_source_event_stream(executor)
    source = await found if isawaitable(found) else found
    if isinstance(source, ExecutionResult):
        return source

    def answered(one: Any) -> Any:
        return each(lambda: execute_subscription_event(one))

    return cast("AsyncGenerator[Any, None]", map_source_to_response_event(executor, source, answered))


class Parts:
    """An answer that comes in parts: `pending`, `incremental`, `completed` of incremental delivery.

    `end` ends what is deferred, which nothing else does before the second part is asked for.
    """

    def __init__(
        self, result: ExperimentalIncrementalExecutionResults, end: Callable[[], Awaitable[None]]
    ) -> None:
        self._result = result
        self._end = end
        self.open: set[str] = set()  # ids of what is pending

    async def bodies(self, formatted: FormatErrors) -> AsyncGenerator[tuple[dict[str, Any], bool], None]:
        """Each part, and whether another one follows."""
        first = self._result.initial_result
        body: dict[str, Any] = {"data": first.data, "pending": self._pending(first.pending)}
        if first.errors:
            body |= _errors(formatted(first.errors))
        rest = self._result.subsequent_results
        try:
            yield body, first.has_next
            async for part in rest:
                body = {}
                if part.pending:
                    body["pending"] = self._pending(part.pending)
                if part.incremental:
                    body["incremental"] = [_told(each, formatted) for each in part.incremental]
                if part.completed:
                    body["completed"] = [_told(each, formatted) for each in part.completed]
                    self.open -= {each.id for each in part.completed}
                yield body, part.has_next
        finally:
            await rest.aclose()
            await self._end()

    def given_up(self, errors: list[dict[str, Any]]) -> dict[str, Any]:
        """The last part, where what is pending will not come."""
        return {"completed": [{"id": each, "errors": errors} for each in sorted(self.open)]}

    def _pending(self, pending: Sequence[Any]) -> list[Any]:
        self.open |= {each.id for each in pending}
        return [each.formatted for each in pending]


def _told(result: Any, formatted: FormatErrors) -> dict[str, Any]:
    told = {name: value for name, value in result.formatted.items() if name != "errors"}
    return told | _errors(formatted(result.errors)) if result.errors else told


def _errors(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"errors": entries} if entries else {}


def errors_of(bodies: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The errors in a part."""
    for each in (bodies, *bodies.get("incremental", ()), *bodies.get("completed", ())):
        yield from each.get("errors", ())
