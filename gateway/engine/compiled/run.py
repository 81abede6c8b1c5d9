"""Carries out an operation whose functions are made."""

import asyncio
from dataclasses import dataclass, field
from types import CoroutineType
from typing import Any, Final, NamedTuple

from graphql import ExecutionResult, Executor, GraphQLResolveInfo, OperationType
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path

from gateway.engine.compiled.code import ODD, UNUSUAL, Finish, finish_of
from gateway.engine.compiled.plan import TYPE_NAME, Field, Selection

NOTHING: Final[dict[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Compiled:
    """The fields at the root of an operation, and the function of each field with a resolver."""

    root: Selection
    finishes: dict[int, Finish]


def compiled(root: Selection) -> Compiled:
    """Write the functions for all that is selected."""
    finishes: dict[int, Finish] = {}
    waiting = [root]
    while waiting:
        for each in waiting.pop().fields:
            if not each.held:
                finishes[id(each)] = finish_of(each)
            waiting.extend(each.below.values())
    return Compiled(root, finishes)


class _Slot(NamedTuple):
    """Where the result of a field goes: `into[at]`. `finish` None: graphql-core completes it, as `type`."""

    held: Field
    info: GraphQLResolveInfo[Any]
    into: Any
    at: Any
    path: Path
    finish: Finish | None
    type: Any = None


@dataclass(slots=True, eq=False)
class Run:
    """One operation under way. `executor` is graphql-core's own, which completes what is odd.

    `_broken` are the fields at the root below which a null was where none may be: those are completed anew.
    """

    plan: Compiled
    executor: Executor[Any]
    _arguments: dict[int, dict[str, Any]] = field(default_factory=dict)
    _open: "set[asyncio.Future[Any]]" = field(default_factory=set)
    _settled: "asyncio.Future[None] | None" = None
    _loop: asyncio.AbstractEventLoop | None = None
    _roots: dict[str, tuple[_Slot, Any]] = field(default_factory=dict)
    _broken: set[str] = field(default_factory=set)
    _bug: BaseException | None = None

    async def result(self) -> ExecutionResult:
        """The result; errors of fields stand in it."""
        executor = self.executor
        out: dict[str, Any] = {}
        serially = executor.operation.operation is OperationType.MUTATION
        try:
            for each in self.plan.root.fields:
                if each.name == TYPE_NAME:
                    out[each.key] = self.plan.root.type.name
                    continue
                out[each.key] = None
                self.call(each, executor.root_value, out, None)
                if serially:
                    await self._settle()
            await self._settle()
            for key in self._broken:
                slot, value = self._roots[key]
                out[key] = await self._anew(slot, value)
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
        slot = _Slot(held, info, into, held.key, path, self.plan.finishes[id(held)])
        try:
            arguments = self._arguments_of(held) if held.called else NOTHING
            value = held.definition.resolve(source, info, **arguments)  # type: ignore[misc]  # it has one
        except Exception as error:
            self._failed(slot, error)
            return
        if type(value) is CoroutineType or hasattr(value, "__await__"):
            self._wait(value, slot)
        else:
            self._complete(slot, value)

    def slowly(self, held: Field, type_: Any, value: Any, into: list[Any], path: Path) -> None:
        """Let graphql-core complete an item that is odd; it is the last one of `into` so far."""
        info = self._info(held, path)
        self._by_core(_Slot(held, info, into, len(into) - 1, path, None), type_, value)

    def kind(self, held: Field, abstract: Any, value: Any, path: Path) -> str:
        """The type that a value of an abstract type says it is."""
        if value is None:
            raise ODD
        resolve = abstract.resolve_type or self.executor.type_resolver
        try:
            found = resolve(value, self._info(held, path), abstract)
        except Exception:
            raise ODD from None
        if not isinstance(found, str):
            raise ODD
        return found

    # How fields come to their end.

    def _complete(self, slot: _Slot, value: Any) -> None:
        held = slot.held
        if slot.path.prev is None:
            self._roots[held.key] = slot, value
        if value is None:
            if held.required:
                self._break(slot.path)
            slot.into[slot.at] = None
            return
        try:
            slot.into[slot.at] = slot.finish(value, self, slot.path)  # type: ignore[misc]
        except UNUSUAL:
            self._by_core(slot, held.type, value)

    def _by_core(self, slot: _Slot, type_: Any, value: Any) -> None:
        executor = self.executor
        try:
            found: Any = executor.complete_value(type_, slot.held.details, slot.info, slot.path, value, None)
        except Exception as error:
            self._spoilt(slot, type_, error)
            return
        if hasattr(found, "__await__"):
            self._wait(found, slot._replace(finish=None, type=type_))
        else:
            slot.into[slot.at] = found

    def _failed(self, slot: _Slot, error: Exception) -> None:
        """A field without a value."""
        if slot.path.prev is None:
            self._roots[slot.held.key] = slot, error
        self._spoilt(slot, slot.held.type, error)

    def _spoilt(self, slot: _Slot, type_: Any, error: Exception) -> None:
        try:
            self.executor.handle_field_error(error, type_, slot.held.details, slot.path)
            slot.into[slot.at] = None
        except Exception:  # nothing may be null here: the root above it is completed anew
            self._break(slot.path)

    def _break(self, path: Path) -> None:
        while path.prev is not None:
            path = path.prev
        self._broken.add(str(path.key))

    async def _anew(self, slot: _Slot, value: Any) -> Any:
        """A field at the root by graphql-core alone. Its own resolver is not called again."""
        executor, held = self.executor, slot.held
        told = executor.collected_errors
        kept = [error for error in told.errors if (error.path or [""])[0] != held.key]
        fresh = type(told)()
        for error in kept:
            fresh.add(error, _path(error.path or ()))
        executor.collected_errors = fresh
        try:
            found: Any = executor.complete_value(held.type, held.details, slot.info, slot.path, value, None)
            return await found if hasattr(found, "__await__") else found
        except Exception as error:
            try:
                executor.handle_field_error(error, held.type, held.details, slot.path)
            except Exception as null:
                raise _NullRoot(null) from None
            return None

    # Waiting.

    def _wait(self, value: Any, slot: _Slot) -> None:
        if type(value) is CoroutineType:
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            future: asyncio.Future[Any] = self._loop.create_task(value)
        else:
            future = asyncio.ensure_future(value)
        self._open.add(future)
        future.add_done_callback(lambda done: self._done(done, slot))

    def _done(self, future: "asyncio.Future[Any]", slot: _Slot) -> None:
        self._open.discard(future)
        try:
            if future.cancelled():
                raise asyncio.CancelledError
            error = future.exception()
            if error is None and slot.finish is not None:
                self._complete(slot, future.result())
            elif error is None:
                slot.into[slot.at] = future.result()
            elif isinstance(error, Exception):
                if slot.finish is None:
                    self._spoilt(slot, slot.type, error)
                else:
                    self._failed(slot, error)
            else:
                raise error
        except BaseException as bug:  # must not get lost in a callback
            self._bug = self._bug or bug
        if self._settled is not None and not self._settled.done() and (not self._open or self._bug):
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
        executor = self.executor
        return GraphQLResolveInfo(
            held.name,
            held.nodes,
            held.definition.type,
            held.parent,
            path,
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

    def _arguments_of(self, held: Field) -> dict[str, Any]:
        found = self._arguments.get(id(held))
        if found is None:
            found = self._arguments[id(held)] = self._read(held)
        return found

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
