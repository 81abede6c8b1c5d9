"""The GraphQL endpoint: one HTTP request in, one answer out (GraphQL over HTTP)."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from graphql import ExecutionResult, GraphQLSchema
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from gateway import deadline, events, freshness
from gateway.allowances import Intake, Web
from gateway.context import Context, Estimate, Ledger, Plan
from gateway.engine import errors as graphql_errors
from gateway.engine import executor, walking
from gateway.engine.access import META, Scopes
from gateway.engine.cost import Cost
from gateway.engine.documents import Document, Documents, InvalidDocument
from gateway.engine.limits import Limits, check_variables, too_complex
from gateway.errors import BadInput, DeadlineExceeded, GatewayError
from gateway.federation.directory import Directory
from gateway.model.caller import Caller
from gateway.server import multipart, parameters
from gateway.server.admission import Admission
from gateway.server.auth import Authority, check_csrf
from gateway.server.exchange import LONGEST_NAME, PLAN, RUN, Exchange, as_error
from gateway.server.fairness import Fairness
from gateway.server.gone import while_there
from gateway.server.negotiation import prefers_html
from gateway.server.parameters import Parameters
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
from gateway.server.refusals import STATE
from gateway.telemetry.voice import Voice

GRACE: Final = 1.0  # seconds that fields have to come to an end after the deadline of what they wait for
ALLOW: Final = {"allow": "GET, POST"}
MOST_FIELDS: Final = 10  # of an operation, named in the audit trail
MUTATION: Final = "mutation"
QUERY: Final = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Everything that answering a GraphQL request takes. `explorer` answers browsers, where it is on;
    `at_work` keeps an account open for as long.
    """

    schema: GraphQLSchema
    rights: Mapping[tuple[str, str], Scopes]
    documents: Documents
    authority: Authority
    fairness: Fairness
    limits: Limits
    directories: Callable[[str], Directory]
    ledgers: Callable[[str], Ledger]
    at_work: Callable[[str], AbstractContextManager[None]]
    admission: Admission
    voice: Voice
    seconds: float
    intake: Intake
    web: Web
    scratch: Path | None
    suggestions: bool
    explorer: Callable[[Request], Response] | None

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request of any method."""
        request = Request(scope, receive)
        if request.method == "GET" and self.explorer and prefers_html(request.headers.get("accept")):
            await self.explorer(request)(scope, receive, send)
            return
        exchange = Exchange(request)
        with self.voice.request(request.headers, exchange.id) as known:
            response = await self.answer(exchange)
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
        scope["state"]["log"] = exchange.line
        scope["state"][STATE] = exchange.refusal
        await response(scope, receive, send)

    async def answer(self, exchange: Exchange) -> Response:
        """Answer a request; whatever goes wrong becomes an answer of the same form."""
        request = exchange.request
        try:
            check_csrf(request.method, request.headers, self.web.origins)
            caller = exchange.caller = await self.authority.caller(request.headers)
            await self.fairness.admit(caller)
            if exchange.kind is None:
                raise NotAcceptable("Accept application/graphql-response+json or application/json.")
            caller = exchange.caller = await self.authority.placed(caller, request.headers)
            with self.at_work(caller.account):
                return await self._received(caller, exchange)
        except Gone as gone:
            response = exchange.refused(gone)
            exchange.outcome, exchange.code = "gone", ""
            return response
        except Refusal as refusal:
            return exchange.refused(refusal)
        except InvalidDocument as invalid:
            return exchange.invalid(graphql_errors.invalid(invalid.errors, invalid.code, exchange.id))
        except GatewayError as error:
            return exchange.unfit(error)
        except asyncio.CancelledError:  # uvicorn cancels what is under way when the grace is over
            return exchange.refused(_stopped(exchange))
        except Exception as error:
            exchange.failed(error)
            return exchange.refused(Failed(graphql_errors.MASKED))

    async def _received(self, caller: Caller, exchange: Exchange) -> Response:
        """Answer once the body is there, with the files that come along."""
        request = exchange.request
        if not multipart.is_form(request):
            return await self._admitted(await self._parameters(request), caller, exchange)
        with ExitStack() as place:
            form = multipart.received(
                request,
                self.intake,
                scratch=self.scratch,
                check=lambda asked: self._check_before_files(asked, caller, place),
            )
            async with form as asked:
                return await self._admitted(asked, caller, exchange)

    async def _parameters(self, request: Request) -> Parameters:
        if request.method == "GET":
            return parameters.from_query(request.query_params, self.intake)
        if request.method == "POST":
            return await parameters.from_body(request, self.intake)
        raise MethodNotAllowed("Send queries with GET or POST.", headers=ALLOW)

    def _check_before_files(self, asked: Parameters, caller: Caller, place: ExitStack) -> None:
        """Refuse an operation that the caller may not send, or take a place for its files."""
        try:
            document = self.documents.get(asked.query)
        except InvalidDocument:
            raise NotJson("The document is not valid. Send it without files to learn why.") from None
        self._check_operation(document, asked, caller, "POST")
        self._check_cost(document, asked)
        place.enter_context(self.admission.upload(caller.who))

    def _check_operation(self, document: Document, asked: Parameters, caller: Caller, method: str) -> None:
        """Refuse an operation of which the caller may do nothing. Else each field says so itself."""
        kind = document.kind(asked.operation) or QUERY
        if kind == MUTATION and method == "GET":
            raise MethodNotAllowed("Send mutations with POST.", headers={"allow": "POST"})
        needed = [
            self.rights[kind, field]
            for field in document.fields(asked.operation)
            if (kind, field) in self.rights
        ]
        held = {scope.name for scope in caller.scopes}
        lacking = [scopes for scopes in needed if scopes and not scopes & held]
        if lacking and (len(lacking) == len(needed) or not META.isdisjoint(document.fields(asked.operation))):
            words = " or ".join(f"`{scope.lower()}`" for scope in sorted(lacking[0], reverse=True))
            raise NotAllowed(f"Your key lacks the scope {words}.")

    def _check_cost(self, document: Document, asked: Parameters) -> Cost:
        """What an operation costs at most. Raises TooComplex where that is more than is allowed."""
        check_variables(asked.variables, self.limits)
        price = document.price(asked.operation)
        if price is None:
            return Cost(0, 0)
        cost = price.expected(asked.variables)
        for what, value, most in (
            ("points", cost.points, self.limits.points),
            ("calls", cost.calls, self.limits.calls),
            ("values", cost.values, self.limits.values),
        ):
            if value > most:
                raise too_complex(what, value, most)
        return cost

    async def _admitted(self, asked: Parameters, caller: Caller, exchange: Exchange) -> Response:
        """Answer where there is room, which is known once the body is there: slow ones take none."""
        with self.admission.one(caller.who):
            return await self._answer(self.documents.get(asked.query), asked, caller, exchange)

    async def _answer(
        self, document: Document, asked: Parameters, caller: Caller, exchange: Exchange
    ) -> Response:
        exchange.operation_kind = kind = document.kind(asked.operation) or ""
        exchange.operation = document.name(asked.operation)[:LONGEST_NAME]
        exchange.fields = document.fields(asked.operation)[:MOST_FIELDS]
        self._check_operation(document, asked, caller, exchange.request.method)
        exchange.price = document.price(asked.operation)
        exchange.expected = self._check_cost(document, asked)
        await self.fairness.charge(caller, exchange.expected.points)
        context = Context(
            self.directories(caller.account),
            self.ledgers(caller.account),
            caller,
            max_age=exchange.max_age,
            meter=exchange.meter,
            request_id=exchange.id,
        )
        explained = exchange.explains(asked.extensions)
        if explained == PLAN:
            return self._planned(document, asked, context, exchange)
        plan = Plan() if explained == RUN else None
        key = exchange.request.headers.get("idempotency-key")
        if key is not None and kind == MUTATION:
            context.keyed(key, document.fields(asked.operation))
        run = self._run(document, asked, context, exchange, plan)
        try:
            if kind == MUTATION:  # what has begun to write comes to its end
                result = await run
            else:
                with freshness.allowed(exchange.max_age):
                    result = await while_there(exchange.request, run)
        finally:  # what was asked counts, also where nobody waits for the answer any more
            await self.fairness.spent(caller, exchange.meter.calls)
        if plan is not None:
            exchange.plan = plan.report()
        return _finished(result, context, exchange)

    def _planned(
        self, document: Document, asked: Parameters, context: Context, exchange: Exchange
    ) -> Response:
        """What an operation would ask of the sources; nothing is asked."""
        if exchange.operation_kind != QUERY:
            raise NotJson("Only queries can be planned without being carried out.")
        try:
            fields = walking.walk(self.schema, document, asked.operation, asked.variables)
        except walking.BadVariables as bad:
            return exchange.invalid(graphql_errors.invalid(bad.errors, BadInput.code, exchange.id))
        exchange.plan = Estimate(context.asked).report(fields, exchange.seconds(self.seconds))
        response = exchange.answer([], 200, data=None)
        exchange.outcome = "ok"
        return response

    async def _run(
        self,
        document: Document,
        sent: Parameters,
        context: Context,
        exchange: Exchange,
        plan: Plan | None,
    ) -> ExecutionResult | GatewayError:
        asked = context.asked
        seconds = exchange.seconds(self.seconds)
        listeners: tuple[events.Listener, ...] = (
            asked.meter,
            asked.directory.health,
            *self.voice.listeners(exchange.id),
        )
        middleware: tuple[executor.Middleware, ...] = self.voice.middleware
        if plan is not None:
            listeners, middleware = (*listeners, plan.hear), (*middleware, plan)
        with deadline.within(seconds, caller=asked.caller.who), events.heard_by(*listeners):
            try:
                async with asyncio.timeout(seconds + GRACE):
                    return await executor.run(
                        self.schema,
                        document,
                        operation=sent.operation,
                        variables=sent.variables,
                        context=context,
                        suggestions=self.suggestions,
                        middleware=middleware,
                    )
            except asyncio.CancelledError:
                asked.abandon()
                raise
            except TimeoutError:
                asked.abandon()
                return DeadlineExceeded(f"The operation did not end within {seconds:.1f} seconds.")


def _finished(result: ExecutionResult | GatewayError, context: Context, exchange: Exchange) -> Response:
    if isinstance(result, GatewayError):
        return exchange.answer([graphql_errors.plain(result, exchange.id)], 200, data=None)
    entries = [graphql_errors.formatted(error, exchange.id, exchange.failed) for error in result.errors or ()]
    if result.data is None and entries and not any("path" in entry for entry in entries):
        return exchange.invalid(entries)
    price = exchange.price
    exchange.points = 0 if price is None else price.actual(result.data)
    warnings = [*context.asked.warnings, *exchange.meter.warnings()]
    if exchange.strict:
        entries += [as_error(warning, exchange.id) for warning in warnings]
        warnings = []
    else:
        entries, more = graphql_errors.parted(entries)
        warnings = [*warnings, *more]
    return exchange.answer(entries, 200, data=result.data, warnings=warnings)


def _stopped(exchange: Exchange) -> Refusal:
    if exchange.operation_kind != MUTATION:
        text = "The gateway is being stopped. Try again."
        return Stopped(text, retry_after=1.0, headers={"retry-after": "1"})
    return CutOff(
        "The gateway was stopped in the middle of this: it may have been carried out, or a part of it. "
        "Look before you repeat it; with an idempotency key a repeat tells."
    )
