"""The GraphQL endpoint: one HTTP request in, one answer out (GraphQL over HTTP)."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from graphql import ExecutionResult, GraphQLSchema
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from gateway import deadline, events, freshness
from gateway.context import Context, CostMeter, Ledger
from gateway.engine import errors as graphql_errors
from gateway.engine import executor
from gateway.engine.documents import Document, Documents, InvalidDocument
from gateway.errors import DeadlineExceeded, GatewayError
from gateway.federation.directory import Directory
from gateway.keys import Keys
from gateway.model.caller import Caller, Scope
from gateway.server import multipart, parameters
from gateway.server.admission import Admission
from gateway.server.auth import authenticate, check_csrf
from gateway.server.gone import while_there
from gateway.server.negotiation import JSON, media_type, prefers_html, status_of_invalid
from gateway.server.parameters import Parameters
from gateway.server.problems import (
    REQUEST_ID,
    Failed,
    MethodNotAllowed,
    NotAcceptable,
    NotAllowed,
    NotJson,
    Refusal,
)
from gateway.telemetry import logs

GRACE: Final = 1.0  # seconds that fields have to come to an end after the deadline of what they wait for
MAX_AGE: Final = re.compile(r"(?:^|,)\s*max-age\s*=\s*(\d{1,9})\s*(?:,|$)", re.IGNORECASE)
MILLISECONDS: Final = re.compile(r"[0-9]{1,9}")
LONGEST_NAME: Final = 100  # signs of an operation name in the log
ALLOW: Final = {"allow": "GET, POST"}
SCOPES: Final = {"query": Scope.READ, "mutation": Scope.WRITE, "subscription": Scope.READ}
SCOPES_OF: Final = {"importContacts": Scope.IMPORT}  # mutations that need another scope than `write`
FOLLOWED: Final = "importJob"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Everything that answering a GraphQL request takes. `explorer` answers browsers, where it is on."""

    schema: GraphQLSchema
    documents: Documents
    keys: Keys
    directories: Callable[[str], Directory]
    ledgers: Callable[[str], Ledger]
    admission: Admission
    seconds: float
    body_bytes: int
    upload_bytes: int
    scratch: Path | None
    suggestions: bool
    explorer: Callable[[Request], Response] | None

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request of any method."""
        response = await self.answer(Request(scope, receive))
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """Answer a request; whatever goes wrong becomes an answer of the same form."""
        request_id: str = request.scope["state"][REQUEST_ID]
        kind = media_type(request.headers.get("accept"))
        try:
            if request.method == "GET" and self.explorer and prefers_html(request.headers.get("accept")):
                return self.explorer(request)
            caller = authenticate(request.headers, self.keys)
            check_csrf(request.method, request.headers)
            if kind is None:
                raise NotAcceptable("Accept application/graphql-response+json or application/json.")
            if multipart.is_form(request):
                form = multipart.received(
                    request,
                    self.body_bytes,
                    self.upload_bytes,
                    scratch=self.scratch,
                    check=lambda asked: self._check_before_files(asked, caller),
                )
                with self.admission.upload():
                    async with form as asked:
                        return await self._admitted(asked, caller, request, kind, request_id)
            asked = await self._parameters(request)
            return await self._admitted(asked, caller, request, kind, request_id)
        except Refusal as refusal:
            return _refused(refusal, kind, request_id)
        except Exception as error:
            logs.failure(error, request_id)
            return _refused(Failed(graphql_errors.MASKED), kind, request_id)

    async def _admitted(
        self, asked: Parameters, caller: Caller, request: Request, kind: str, request_id: str
    ) -> Response:
        """Answer where there is room, which is known once the body is there: slow ones take none."""
        with self.admission.one():
            return await self._answer(asked, caller, request, kind, request_id)

    async def _parameters(self, request: Request) -> Parameters:
        if request.method == "GET":
            return parameters.from_query(request.query_params)
        if request.method == "POST":
            return await parameters.from_body(request, self.body_bytes)
        raise MethodNotAllowed("Send queries with GET or POST.", headers=ALLOW)

    def _check_before_files(self, asked: Parameters, caller: Caller) -> None:
        """Refuse an operation that the caller may not send, before its files are taken."""
        try:
            document = self.documents.get(asked.query)
        except (InvalidDocument, GatewayError):
            raise NotJson("The document is not valid. Send it without files to learn why.") from None
        _check_operation(document, asked, caller, "POST")

    async def _answer(
        self, asked: Parameters, caller: Caller, request: Request, kind: str, request_id: str
    ) -> Response:
        try:
            document = self.documents.get(asked.query)
        except InvalidDocument as invalid:
            entries = graphql_errors.invalid(invalid.errors, invalid.code, request_id)
            return _response(entries, status_of_invalid(kind), kind, request_id)
        except GatewayError as error:
            entries = [graphql_errors.plain(error, request_id)]
            return _response(entries, status_of_invalid(kind), kind, request_id)
        _check_operation(document, asked, caller, request.method)
        context = Context(
            self.directories(caller.account),
            self.ledgers(caller.account),
            caller,
            max_age(request.headers.get("cache-control", "")),
        )
        key = request.headers.get("idempotency-key")
        if key is not None and document.kind(asked.operation) == "mutation":
            context.keyed(key, document.fields(asked.operation))
        request.scope["state"]["log"] = {
            "operation": (asked.operation or "")[:LONGEST_NAME] or None,
            "caller": caller.name,
        }
        run = self._run(document, asked, context, _seconds(request, self.seconds))
        if document.kind(asked.operation) == "mutation":  # what has begun to write comes to its end
            result = await run
        else:
            with freshness.allowed(context.asked.max_age):
                result = await while_there(request, run)
        strict = request.headers.get("x-partial", "").lower() == "errors"
        return self._finished(result, context, kind, request_id, strict=strict)

    async def _run(
        self, document: Document, sent: Parameters, context: Context, seconds: float
    ) -> ExecutionResult | GatewayError:
        asked = context.asked
        with deadline.within(seconds), events.heard_by(asked.meter, asked.directory.health, logs.hear):
            try:
                async with asyncio.timeout(seconds + GRACE):
                    return await executor.run(
                        self.schema,
                        document,
                        operation=sent.operation,
                        variables=sent.variables,
                        context=context,
                        suggestions=self.suggestions,
                    )
            except asyncio.CancelledError:
                asked.abandon()
                raise
            except TimeoutError:
                asked.abandon()
                return DeadlineExceeded(f"The operation did not end within {seconds:.1f} seconds.")

    def _finished(
        self,
        result: ExecutionResult | GatewayError,
        context: Context,
        kind: str,
        request_id: str,
        *,
        strict: bool,
    ) -> Response:
        cost = context.asked.meter.report()
        if isinstance(result, GatewayError):
            entry = graphql_errors.plain(result, request_id)
            return _response([entry], 200, kind, request_id, data=None, cost=cost)

        def report(error: BaseException) -> None:
            logs.failure(error, request_id)

        entries = [graphql_errors.formatted(error, request_id, report) for error in result.errors or ()]
        if result.data is None and entries and not any("path" in entry for entry in entries):
            return _response(entries, status_of_invalid(kind), kind, request_id)
        warnings = [*context.asked.warnings, *context.asked.meter.warnings()]
        if strict:
            entries += [_as_error(warning, request_id) for warning in warnings]
            warnings = []
        else:
            entries, more = graphql_errors.parted(entries)
            warnings = [*warnings, *more]
        return _response(entries, 200, kind, request_id, data=result.data, cost=cost, warnings=warnings)


def max_age(cache_control: str) -> float | None:
    """How old an answer may be, in seconds; None where the caller does not care."""
    if "no-cache" in cache_control.lower():
        return 0.0
    found = MAX_AGE.search(cache_control)
    return float(found[1]) if found else None


def _seconds(request: Request, most: float) -> float:
    """The time that the operation gets: what the caller gives, and never more than the setting."""
    asked = request.headers.get("x-deadline-ms")
    if asked is None:
        return most
    if not MILLISECONDS.fullmatch(asked) or int(asked) == 0:
        raise NotJson("`X-Deadline-Ms` has to be a positive whole number of milliseconds.")
    return min(most, int(asked) / 1000)


def _check_operation(document: Document, asked: Parameters, caller: Caller, method: str) -> None:
    kind = document.kind(asked.operation)
    if kind == "mutation" and method == "GET":
        raise MethodNotAllowed("Send mutations with POST.", headers={"allow": "POST"})
    usual = SCOPES.get(kind or "query", Scope.READ)
    fields = document.fields(asked.operation)
    needed = {SCOPES_OF.get(field, usual) for field in fields} or {usual}
    if needed == {Scope.READ} and set(fields) == {FOLLOWED} and caller.may(Scope.IMPORT):
        return  # whoever may import may follow it
    for scope in sorted(needed):
        if not caller.may(scope):
            raise NotAllowed(f"Your key lacks the scope `{scope.value}`.")


def _as_error(warning: dict[str, Any], request_id: str) -> dict[str, Any]:
    """A warning in the form of an error, for callers who prefer that."""
    entry: dict[str, Any] = {key: warning[key] for key in ("message", "path") if key in warning}
    extensions = {key: value for key, value in warning.items() if key not in entry}
    entry["extensions"] = {**extensions, "requestId": request_id}
    return entry


def _refused(refusal: Refusal, kind: str | None, request_id: str) -> Response:
    entry = graphql_errors.plain(refusal, request_id)
    return _response([entry], refusal.status, kind or JSON, request_id, refusal.headers)


_NOTHING: Final = object()


def _response(
    entries: list[dict[str, Any]],
    status: int,
    kind: str,
    request_id: str,
    headers: dict[str, str] | None = None,
    *,
    data: Any = _NOTHING,
    cost: dict[str, Any] | None = None,
    warnings: list[dict[str, Any]] | None = None,
) -> Response:
    """An answer. `data` is left out of those that come before execution."""
    body: dict[str, Any] = {}
    if entries:
        body["errors"] = entries
    if data is not _NOTHING:
        body["data"] = data
    extensions: dict[str, Any] = {"requestId": request_id, "cost": cost or CostMeter().report()}
    if warnings:
        extensions["warnings"] = warnings
    body["extensions"] = extensions
    sent = {"vary": "Accept", "cache-control": "private, no-store", **(headers or {})}
    content = _encoded(body)
    return Response(content, status, sent, media_type=f"{kind}; charset=utf-8")


def _encoded(body: dict[str, Any]) -> bytes:
    """The bytes of an answer. A record that nests deeper than orjson goes takes the slower way."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
