"""Carries out an operation whose functions are made."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from types import CoroutineType
from typing import Any, NamedTuple

from graphql import ExecutionResult, Executor, GraphQLResolveInfo, OperationType
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path

from gateway.engine.compiled.code import UNUSUAL, Odd, finish_of
from gateway.engine.compiled.plan import TYPE_NAME, Field, Selection


def compiled(root: Selection) -> Selection:
    """Write the functions for all that is selected."""
    waiting = [root]
    while waiting:
        for each in waiting.pop().fields:
            if not each.held:
                each.finish = finish_of(each)
            waiting.extend(each.below.values())
    return root


class _Slot(NamedTuple):
    """Where the result of a field goes that has to be waited for, or is odd: `into[at]`. With a `type` it is
    graphql-core that completes it.
    """

    held: Field
    info: GraphQLResolveInfo[Any]
    into: Any
    at: Any
    type: Any = None


@dataclass(slots=True, eq=False)
class Run:
    """One operation under way: the fields at its root, compiled. `executor` is graphql-core's own, which
    completes what is odd.

    `_told` is what every resolver is told. `_broken` are the fields at the root below which a null was where
    none may be: those are completed anew.
    """

    root: Selection
    executor: Executor[Any]
    _told: tuple[Any, ...] = field(init=False)
    _arguments: dict[Field, dict[str, Any]] = field(default_factory=dict)
    _open: "set[asyncio.Future[Any]]" = field(default_factory=set)
    _settled: "asyncio.Future[None] | None" = None
    _loop: asyncio.AbstractEventLoop | None = None
    _roots: dict[str, tuple[Field, GraphQLResolveInfo[Any], Any]] = field(default_factory=dict)
    _broken: set[str] = field(default_factory=set)
    _bug: BaseException | None = None

    def __post_init__(self) -> None:
        executor = self.executor
        self._told = (
            executor.schema,
            executor.fragment_definitions,
            executor.root_value,
            executor.operation,
            executor.variable_values,
            executor.context_value,
            executor.is_awaitable,
            None,
            executor.async_helpers,
        )

    async def result(self) -> ExecutionResult:
        """The result; errors of fields stand in it."""
        executor = self.executor
        out: dict[str, Any] = {}
        serially = executor.operation.operation is OperationType.MUTATION
        try:
            for each in self.root.fields:
                if each.name == TYPE_NAME:
                    out[each.key] = self.root.type.name
                    continue
                out[each.key] = None
                self.call(each, executor.root_value, out, None)
                if serially:
                    await self._settle()
            await self._settle()
            for key in self._broken:
                out[key] = await self._anew(*self._roots[key])
        except _NullRoot as null:
            executor.collected_errors.add(null.error, None)
            return ExecutionResult(None, executor.collected_errors.errors)
        finally:
            await self._end()
        return ExecutionResult(out, executor.collected_errors.errors or None)

    # What the functions call.

    def call(self, held: Field, source: Any, into: Any, above: Path | None) -> None:
        """Resolve a field, and put its value where it belongs, now or once it is there."""
        path = Path(above, held.key, held.parent.name)
        info = self._info(held, path)
        try:
            arguments = self._arguments.get(held)
            if arguments is None:
                arguments = self._arguments[held] = self._read(held) if held.called else {}
            value = held.definition.resolve(source, info, **arguments)  # type: ignore[misc]  # it has one
        except Exception as error:
            self._failed(_Slot(held, info, into, held.key), error)
            return
        if type(value) is CoroutineType or hasattr(value, "__await__"):
            self._wait(value, _Slot(held, info, into, held.key))
        else:
            self._complete(held, info, into, value)

    def slowly(self, held: Field, type_: Any, value: Any, into: list[Any], path: Path) -> None:
        """Let graphql-core complete an item that is odd; it is the last one of `into` so far."""
        info = self._info(held, path)
        self._by_core(_Slot(held, info, into, len(into) - 1, type_), value)

    def kind(self, held: Field, abstract: Any, value: Any, path: Path) -> str:
        """The type that a value of an abstract type says it is."""
        if value is None:
            raise Odd
        resolve = abstract.resolve_type or self.executor.type_resolver
        try:
            found = resolve(value, self._info(held, path), abstract)
        except Exception:
            raise Odd from None
        if not isinstance(found, str):
            raise Odd
        return found

    # How fields come to their end.

    def _complete(self, held: Field, info: GraphQLResolveInfo[Any], into: Any, value: Any) -> None:
        path = info.path
        if path.prev is None:
            self._roots[held.key] = held, info, value
        if value is None:
            if held.required:
                self._break(path)
            into[held.key] = None
            return
        try:
            into[held.key] = held.finish(value, self, path)
        except UNUSUAL:
            self._by_core(_Slot(held, info, into, held.key, held.type), value)

    def _by_core(self, slot: _Slot, value: Any) -> None:
        executor = self.executor
        try:
            found: Any = executor.complete_value(
                slot.type, slot.held.details, slot.info, slot.info.path, value, None
            )
        except Exception as error:
            self._spoilt(slot, error)
            return
        if hasattr(found, "__await__"):
            self._wait(found, slot)
        else:
            slot.into[slot.at] = found

    def _failed(self, slot: _Slot, error: Exception) -> None:
        """A field without a value."""
        if slot.info.path.prev is None:
            self._roots[slot.held.key] = slot.held, slot.info, error
        self._spoilt(slot, error)

    def _spoilt(self, slot: _Slot, error: Exception) -> None:
        held, path = slot.held, slot.info.path
        try:
            self.executor.handle_field_error(error, slot.type or held.type, held.details, path)
            slot.into[slot.at] = None
        except Exception:  # nothing may be null here: the root above it is completed anew
            self._break(path)

    def _break(self, path: Path) -> None:
        while path.prev is not None:
            path = path.prev
        self._broken.add(str(path.key))

    async def _anew(self, held: Field, info: GraphQLResolveInfo[Any], value: Any) -> Any:
        """A field at the root by graphql-core alone. Its own resolver is not called again."""
        executor, path = self.executor, info.path
        told = executor.collected_errors
        kept = [error for error in told.errors if (error.path or [""])[0] != held.key]
        fresh = type(told)()
        for error in kept:
            fresh.add(error, _path(error.path or ()))
        executor.collected_errors = fresh
        try:
            found: Any = executor.complete_value(held.type, held.details, info, path, value, None)
            return await found if hasattr(found, "__await__") else found
        except Exception as error:
            try:
                executor.handle_field_error(error, held.type, held.details, path)
            except Exception as null:
                raise _NullRoot(null) from None
            return None

    # Waiting.

    def _wait(self, value: Any, slot: _Slot) -> None:
        future: asyncio.Future[Any]
        if isinstance(value, asyncio.Future):
            future = value
        elif type(value) is CoroutineType:
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            future = self._loop.create_task(value)
        else:
            future = asyncio.ensure_future(value)
        self._open.add(future)
        future.add_done_callback(partial(self._done, slot))

    def _done(self, slot: _Slot, future: "asyncio.Future[Any]") -> None:
        self._open.discard(future)
        try:
            error = future.exception()  # raises where it was cancelled
            if error is None and slot.type is None:
                self._complete(slot.held, slot.info, slot.into, future.result())
            elif error is None:
                slot.into[slot.at] = future.result()
            elif isinstance(error, Exception):
                if slot.type is None:
                    self._failed(slot, error)
                else:
                    self._spoilt(slot, error)
            else:
                raise error
        except BaseException as bug:  # must not get lost in a callback
            self._bug = self._bug or bug
        ended = not self._open or self._bug is not None
        if ended and self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    async def _settle(self) -> None:
        """Wait until nothing is awaited any more."""
        if self._open:
            self._settled = asyncio.get_running_loop().create_future()
            await self._settled
            self._settled = None
        if self._bug is not None:
            raise self._bug

    async def _end(self) -> None:
        """End what is still under way, as nobody waits for it any more."""
        left = [each for each in self._open if not each.done()]
        for each in left:
            each.cancel()
        if left:
            await asyncio.wait(left)

    # What resolvers are told.

    def _info(self, held: Field, path: Path) -> GraphQLResolveInfo[Any]:
        return GraphQLResolveInfo(*held.told, path, *self._told)

    def _read(self, held: Field) -> dict[str, Any]:
        executor = self.executor
        if held.reads is not None:
            try:
                found: dict[str, Any] = held.reads(executor.variable_values.coerced)
            except KeyError:
                pass
            else:
                return found
        return get_argument_values(
            held.definition, held.nodes[0], executor.variable_values, None, executor.hide_suggestions
        )


class _NullRoot(Exception):
    """A field at the root that must not be null, and is."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error))
        self.error = error


def _path(keys: Any) -> Path | None:
    path: Path | None = None
    for key in keys:
        path = Path(path, key, None)
    return path
