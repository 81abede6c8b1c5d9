"""Carries out operations, whatever they came by: one answer, or parts of it one after another."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

import orjson
from graphql import ExecutionResult, GraphQLError

from gateway import deadline, events, freshness
from gateway.context import Context, CostMeter, Estimate, Ledger, Plan
from gateway.engine import errors as graphql_errors
from gateway.engine import executor, walking
from gateway.engine.cost import Cost, check_cost
from gateway.engine.documents import Document, InvalidDocument, Operation
from gateway.engine.executor import Call, Parts
from gateway.engine.limits import Limits, check_variables
from gateway.engine.subgraph import ENTITIES, TELLING
from gateway.errors import BadInput, DeadlineExceeded, GatewayError
from gateway.federation.directory import Directory
from gateway.journal.feed import FeedClosed
from gateway.model.caller import Caller
from gateway.server.admission import Admission
from gateway.server.auth import Authority
from gateway.server.exchange import LONGEST_NAME, PLAN, RUN, Answer, Exchange, Stream, as_error
from gateway.server.gone import while_there
from gateway.server.parameters import Parameters
from gateway.server.persisted import Persisted
from gateway.server.problems import (
    CutOff,
    Failed,
    Gone,
    MethodNotAllowed,
    NotAcceptable,
    NotAllowed,
    NotJson,
    Refusal,
    Stopped,
)
from gateway.server.together import Together
from gateway.telemetry.voice import Voice

if TYPE_CHECKING:
    from gateway.server.fairness import Fairness

GRACE: Final = 1.0  # seconds that fields have to come to an end after the deadline of what they wait for
MOST_FIELDS: Final = 10  # of an operation, named in the audit trail
MUTATION: Final = "mutation"
QUERY: Final = "query"
SUBSCRIPTION: Final = "subscription"
RECORDED: Final = frozenset({"exportPerson"})  # queries of which each one stands in the audit trail

T = TypeVar("T")

Work = Callable[[Caller], Awaitable[Answer | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Everything that carrying out operations takes."""

    documents: Persisted
    authority: Authority
    fairness: "Fairness | None"
    limits: Limits
    directories: Callable[[str], Directory]
    ledgers: Callable[[str], Ledger]
    at_work: Callable[[str], AbstractContextManager[None]]
    admission: Admission
    voice: Voice
    seconds: float
    suggestions: bool
    together: Together["_Done"] = field(default_factory=Together)

    async def guarded(self, exchange: Exchange, work: Work) -> Answer | None:
        """What comes of some work for a caller who is known now; whatever goes wrong becomes an answer.

        None where the answer has gone to the stream of the exchange.
        """
        try:
            caller = exchange.caller = await self.authority.caller(exchange.headers)
            if self.fairness is not None:
                await self.fairness.admit(caller)
            if exchange.kind is None and exchange.stream is None:
                raise NotAcceptable("Accept application/graphql-response+json or application/json.")
            caller = exchange.caller = await self.authority.placed(caller, exchange.headers)
            with self.at_work(caller.account):
                return await work(caller)
        except Gone as gone:
            answer = exchange.refused(gone)
            exchange.outcome, exchange.code = "gone", ""
            return answer
        except Refusal as refusal:
            return exchange.refused(refusal)
        except InvalidDocument as invalid:
            return exchange.invalid(graphql_errors.invalid(invalid.errors, invalid.code, exchange.id))
        except FeedClosed:
            exchange.stopping = True
            return exchange.refused(_stopped(exchange))
        except GatewayError as error:
            return exchange.unfit(error)
        except asyncio.CancelledError:  # uvicorn cancels what is under way when the grace is over
            return exchange.refused(_stopped(exchange))
        except Exception as error:
            exchange.failed(error)
            return exchange.refused(Failed(graphql_errors.MASKED))

    async def told(self, exchange: Exchange, answered: Awaitable[T]) -> T:
        """Have a request in traces and metrics while it is answered, with what is known of it by the end."""
        with self.voice.request(exchange.headers, exchange.id) as known:
            answer = await answered
            known(
                operation=exchange.operation,
                kind=exchange.operation_kind,
                outcome=exchange.outcome,
                code=exchange.code,
            )
        self.voice.metrics.request(
            operation=exchange.operation,
            kind=exchange.operation_kind,
            outcome=exchange.outcome,
            code=exchange.code,
            seconds=exchange.lasted,
        )
        if exchange.bound:
            self.voice.metrics.limit(exchange.bound)
        return answer

    def check(self, operation: Operation, asked: Parameters, caller: Caller, method: str) -> Cost:
        """Refuse an operation of which the caller may do nothing (else each field says so itself), or that is
        too complex. What it costs at most.
        """
        if operation.kind == MUTATION and method == "GET":
            raise MethodNotAllowed("Send mutations with POST.", headers={"allow": "POST"})
        needed, held = operation.needed, caller.rights
        lacking = [scopes for scopes in needed if scopes and held.isdisjoint(scopes)]
        if lacking and (len(lacking) == len(needed) or not TELLING.isdisjoint(operation.fields)):
            words = " or ".join(f"`{scope.lower()}`" for scope in sorted(lacking[0], reverse=True))
            raise NotAllowed(f"Your key lacks the scope {words}.")
        check_variables(asked.variables, self.limits)
        if operation.price is None:
            return Cost(0, 0)
        cost = operation.price.expected(asked.variables)
        check_cost(cost, self.limits)
        return cost

    async def carry_out(self, asked: Parameters, caller: Caller, exchange: Exchange) -> Answer | None:
        """The answer to an operation, once there is room for it; None where it has gone to the stream."""
        who, ours = caller.who, self
        if not self.admission.enter(who):
            seconds = exchange.seconds(self.seconds)
            waited = await while_there(exchange.gone, self.admission.turn(who, seconds))
            self.voice.metrics.waited(waited)
            ours = replace(self, seconds=seconds - waited)  # waiting is a part of its time
        try:
            document = self.documents.of(asked, caller, exchange.id)
            run = _Run(ours, document, document.chosen(asked.operation), asked, caller, exchange)
            if run.operation.kind != SUBSCRIPTION:
                return await ours._answer(run)
        finally:
            self.admission.leave(who)
        with self.admission.following(who):  # they last, and cost little as long as nothing happens
            return await self._answer(run)

    async def _answer(self, run: "_Run") -> Answer | None:
        operation, exchange = run.operation, run.exchange
        exchange.operation_kind = operation.kind
        exchange.operation = operation.name[:LONGEST_NAME]
        exchange.fields = operation.fields[:MOST_FIELDS]
        exchange.strict = exchange.strict or ENTITIES in operation.fields  # routers hear of errors alone
        exchange.price = operation.price
        exchange.expected = self.check(operation, run.asked, run.caller, exchange.method)
        try:
            return await self._carried_out(run, exchange.expected)
        finally:
            run.close()

    async def _carried_out(self, run: "_Run", expected: Cost) -> Answer | None:
        exchange, caller, kind = run.exchange, run.caller, run.operation.kind
        if kind == SUBSCRIPTION:
            return await run.follow()
        if self.fairness is not None:
            await self.fairness.charge(caller, expected.points)
        explained = exchange.explains(run.asked.extensions)
        if explained == PLAN:
            return run.planned()
        if explained == RUN:
            run.plan = Plan()
            exchange.plan = run.plan.report
        key = exchange.headers.get("idempotency-key")
        if key is not None and kind == MUTATION:
            run.context.keyed(key, run.operation.fields)
        try:
            if kind == MUTATION:  # what has begun to write comes to its end
                return await run.once()
            with freshness.allowed(exchange.max_age):
                return await (while_there(exchange.gone, run.once()) if run.alone else run.together())
        finally:  # what was asked counts, also where nobody waits for the answer any more
            if kind == MUTATION:
                self.together.writes += 1
            if self.fairness is not None:
                await self.fairness.spent(caller, exchange.meter.calls)


class _Done(NamedTuple):
    """A query that went well: its data, and what that took and costs."""

    data: dict[str, Any]
    meter: CostMeter
    points: int


@dataclass(slots=True, eq=False)
class _Run:
    """One operation while it is carried out."""

    operations: Operations
    document: Document
    operation: Operation
    asked: Parameters
    caller: Caller
    exchange: Exchange
    plan: Plan | None = None
    _context: Context | None = None

    @property
    def context(self) -> Context:
        """What resolvers ask; made when it is needed, as who is answered with others needs none."""
        if self._context is None:
            operations, caller, exchange = self.operations, self.caller, self.exchange
            self._context = Context(
                operations.directories(caller.account),
                operations.ledgers(caller.account),
                caller,
                max_age=exchange.max_age,
                meter=exchange.meter,
                request_id=exchange.id,
            )
        return self._context

    def close(self) -> None:
        """Let go of what was read."""
        if self._context is not None:
            self._context.close()

    def _abandon(self) -> None:
        """Leave what is under way."""
        if self._context is not None:
            self._context.asked.abandon()

    def planned(self) -> Answer:
        """What an operation would ask of the sources; nothing is asked."""
        document, asked, exchange = self.document, self.asked, self.exchange
        if self.operation.kind != QUERY:
            raise NotJson("Only queries can be planned without being carried out.")
        try:
            fields = walking.walk(document.schema, document, asked.operation, asked.variables)
        except walking.BadVariables as bad:
            return exchange.invalid(graphql_errors.invalid(bad.errors, BadInput.code, exchange.id))
        seconds = exchange.seconds(self.operations.seconds)
        report = Estimate(self.context.asked).report(fields, seconds)
        exchange.plan = lambda: report
        answer = exchange.answer([], 200, data=None)
        exchange.outcome = "ok"
        return answer

    @property
    def alone(self) -> bool:
        """Whether nobody else may be answered with this: it has wishes of its own, or leaves a record."""
        exchange = self.exchange
        own = exchange.stream is not None or exchange.max_age is not None or self.plan is not None
        recorded = not RECORDED.isdisjoint(self.operation.fields)
        return own or recorded or "x-deadline-ms" in exchange.headers

    async def together(self) -> Answer | None:
        """Answer a query, with what equal ones of the same caller find at this moment."""
        exchange, asked, answer = self.exchange, self.asked, None
        try:
            variables = orjson.dumps(asked.variables)
        except TypeError:  # files
            return await while_there(exchange.gone, self.once())
        key = self.caller, id(self.document), asked.operation, variables, exchange.strict

        async def work() -> _Done | None:
            nonlocal answer
            answer = await while_there(exchange.gone, self.once())
            if answer is None or exchange.outcome != "ok":
                return None
            return _Done(answer.body["data"], exchange.meter, exchange.points)

        done, spared = await self.operations.together.share(key, work)
        if done is None or not spared:
            return answer
        exchange.meter = done.meter.spared(self.operations.voice.metrics.hear)
        exchange.points = done.points
        return exchange.answer([], 200, data=done.data)

    async def once(self) -> Answer | None:
        """Answer a query or a mutation; in parts, where it asks for that and they can be taken."""
        stream = self.exchange.stream
        incremental = self.document.incremental and stream is not None and stream.incremental
        incremental = incremental and not self.exchange.strict  # who wants all as errors wants it as a whole
        parts: Parts | None = None
        seconds = self.exchange.seconds(self.operations.seconds)
        within = deadline.within(seconds, caller=self.caller.who)
        try:
            with within, events.heard_by(*self._listeners()), deadline.limit(seconds + GRACE):
                start = executor.run_in_parts if incremental else executor.run
                result = await start(self.document, self._call)
                if isinstance(result, Parts):
                    parts = result
                    await self._send(parts, cast("Stream", stream))
                    return None
        except asyncio.CancelledError:
            self._abandon()
            raise
        except TimeoutError:
            self._abandon()
            late = self._late()
            if parts is None:
                return self.exchange.answer([late], 200, data=None)
            await self._emit(cast("Stream", stream), parts.given_up([late]), has_next=False)
            return None
        return self._finished(result)

    async def follow(self) -> Answer | None:
        """Send an answer for each event of a subscription, until it ends or nobody listens any more."""
        exchange, stream = self.exchange, self.exchange.stream
        if stream is None or not stream.subscriptions:
            raise NotAcceptable(
                "Subscriptions are answered over a WebSocket, or to those who accept text/event-stream."
            )
        exchange.seconds(self.operations.seconds)  # refused now, not with the first event
        total = CostMeter()
        followed = await executor.follow(self.document, self._call, partial(self._each, total))
        if isinstance(followed, ExecutionResult):  # a request error: there is nothing to follow
            return exchange.invalid([self._entry(error) for error in followed.errors or ()])

        async def send() -> None:
            await stream.begin()
            async with aclosing(followed):
                async for body in followed:
                    await stream.emit(body)

        try:
            await while_there(exchange.gone, send())
        finally:
            exchange.meter = total
        exchange.outcome = "ok"
        return None

    async def _each(self, total: CostMeter, execute: Callable[[], Any]) -> dict[str, Any]:
        """Answer one event: with its own deadline, cost and rights, as if it had been asked for by itself."""
        operations, exchange, asked = self.operations, self.exchange, self.context.asked
        caller = await operations.authority.caller(exchange.headers)  # a key may have been withdrawn
        held = asked.caller
        if caller != replace(held, account=held.home or held.account, home=None):
            raise NotAllowed("The rights of your key have changed. Subscribe again.")
        if operations.directories(held.account) is not asked.directory:
            raise NotAllowed("The settings of this account have changed. Subscribe again.")
        exchange.meter = asked.meter = CostMeter()
        asked.renew()
        asked.warnings.clear()
        if operations.fairness is not None and exchange.expected is not None:
            await operations.fairness.charge(asked.caller, exchange.expected.points)
        seconds = exchange.seconds(operations.seconds)
        within = deadline.within(seconds, caller=asked.caller.who)
        heard = events.heard_by(*self._listeners())
        try:
            with within, heard, freshness.allowed(exchange.max_age), deadline.limit(seconds + GRACE):
                found = execute()
                result = await found if isawaitable(found) else found
        except TimeoutError:
            asked.abandon()
            return exchange.body([self._late()], data=None)
        finally:
            total.add(exchange.meter)
            if operations.fairness is not None:
                await operations.fairness.spent(asked.caller, exchange.meter.calls)
        return self._finished(result).body

    async def _send(self, parts: Parts, stream: Stream) -> None:
        """Send the parts of an answer as they come; the last one says what it cost."""
        async with aclosing(parts.bodies(self._formatted)) as bodies:
            async for body, has_next in bodies:
                if "data" in body:
                    self.exchange.points = self._points(body["data"])
                await self._emit(stream, body, has_next=has_next)

    async def _emit(self, stream: Stream, body: dict[str, Any], *, has_next: bool) -> None:
        exchange = self.exchange
        exchange.partly(list(executor.errors_of(body)))
        extensions = {} if has_next else exchange.extensions(self._warnings())
        told = {"extensions": extensions} if extensions else {}
        await stream.emit({**body, "hasNext": has_next, **told})

    def _finished(self, result: ExecutionResult) -> Answer:
        exchange = self.exchange
        entries = [self._entry(error) for error in result.errors or ()]
        if result.data is None and entries and not any("path" in entry for entry in entries):
            return exchange.invalid(entries)
        exchange.points = self._points(result.data)
        if not exchange.strict:
            entries = self._kept(entries)
            return exchange.answer(entries, 200, data=result.data, warnings=self._warnings())
        entries += [as_error(warning, exchange.id) for warning in self._warnings()]
        return exchange.answer(entries, 200, data=result.data)

    def _formatted(self, errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
        """Errors of a part; those below items of lists are told as warnings in the end."""
        entries = [self._entry(error) for error in errors]
        return entries if self.exchange.strict else self._kept(entries)

    def _kept(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        kept, warnings = graphql_errors.parted(entries)
        self.context.asked.warnings += warnings
        return kept

    def _entry(self, error: GraphQLError) -> dict[str, Any]:
        return graphql_errors.formatted(error, self.exchange.id, self.exchange.failed)

    def _warnings(self) -> list[dict[str, Any]]:
        return [*self.context.asked.warnings, *self.exchange.meter.warnings()]

    def _points(self, data: Any) -> int:
        price = self.exchange.price
        return 0 if price is None else price.actual(data)

    def _late(self) -> dict[str, Any]:
        seconds = self.exchange.seconds(self.operations.seconds)
        late = DeadlineExceeded(f"The operation did not end within {seconds:.1f} seconds.")
        return graphql_errors.plain(late, self.exchange.id)

    def _listeners(self) -> list[events.Listener]:
        """Everybody who hears what an operation does."""
        asked = self.context.asked
        listeners: list[events.Listener] = [
            asked.meter,
            asked.directory.health,
            *self.operations.voice.listeners(self.exchange.id),
        ]
        if self.plan is not None:
            listeners.append(self.plan.hear)
        return listeners

    @property
    def _call(self) -> Call:
        middleware: tuple[executor.Middleware, ...] = self.operations.voice.middleware
        return Call(
            operation=self.asked.operation,
            variables=self.asked.variables,
            context=self.context,
            suggestions=self.operations.suggestions,
            middleware=middleware if self.plan is None else (*middleware, self.plan),
        )


def _stopped(exchange: Exchange) -> Refusal:
    if exchange.operation_kind != MUTATION:
        text = "The gateway is being stopped. Try again."
        return Stopped(text, retry_after=1.0, headers={"retry-after": "1"})
    return CutOff(
        "The gateway was stopped in the middle of this: it may have been carried out, or a part of it. "
        "Look before you repeat it; with an idempotency key a repeat tells."
    )
