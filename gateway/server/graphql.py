"""The GraphQL endpoint: one HTTP request in, one answer out, or parts of it (GraphQL over HTTP and SSE)."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from gateway.allowances import Intake, Web
from gateway.engine.compiled import telling
from gateway.engine.documents import InvalidDocument
from gateway.model.caller import Caller
from gateway.server import multipart, parameters, streams
from gateway.server.auth import check_csrf
from gateway.server.exchange import Answer, Exchange
from gateway.server.headers import HeadedRequest
from gateway.server.negotiation import JSON, media_type, prefers_html
from gateway.server.operations import Operations
from gateway.server.parameters import Parameters
from gateway.server.problems import REQUEST_ID, MethodNotAllowed, NotJson, Refusal
from gateway.server.refusals import STATE
from gateway.server.streams import EventStream, Mixed

ALLOW: Final = {"allow": "GET, POST"}
OPTIONS: Final = {"allow": "GET, HEAD, POST, OPTIONS"}
READING: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """GraphQL over HTTP. `explorer` answers browsers, where it is on."""

    operations: Operations
    intake: Intake
    web: Web
    scratch: Path | None
    explorer: Callable[[Request], Response] | None

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request of any method."""
        request, method = HeadedRequest(scope, receive), scope["method"]
        if method == "OPTIONS":
            await Response(None, 204, OPTIONS)(scope, receive, send)
            return
        accept = request.headers.get("accept")
        if method in READING and self.explorer and prefers_html(accept):
            await self.explorer(request)(scope, receive, send)
            return
        stream = None if method == "HEAD" else streams.chosen(accept, send)  # nobody sees its end

        async def gone() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        exchange = Exchange(
            headers=request.headers,
            id=scope["state"][REQUEST_ID],
            method="GET" if method in READING else method,
            kind=media_type(accept),
            strict_status=self.web.strict_status,
            stream=stream,
            gone=gone,
        )
        answer = await self.operations.told(exchange, self._answer(request, exchange))
        scope["state"]["log"] = exchange.line
        scope["state"][STATE] = exchange.refusal
        if stream is not None and await _streamed(answer, stream, exchange):
            return
        if answer is not None:
            await _send(answer, exchange, send)

    async def _answer(self, request: Request, exchange: Exchange) -> Answer | None:
        try:
            check_csrf(exchange.method, request.headers, self.web.origins)
        except Refusal as refusal:
            return exchange.refused(refusal)
        return await self.operations.guarded(
            exchange, lambda caller: self._received(request, caller, exchange)
        )

    async def _received(self, request: Request, caller: Caller, exchange: Exchange) -> Answer | None:
        """Answer once the body is there, with the files that come along."""
        if not multipart.is_form(request):
            return await self.operations.carry_out(await self._parameters(request), caller, exchange)
        with ExitStack() as place:
            form = multipart.received(
                request,
                self.intake,
                scratch=self.scratch,
                check=lambda asked: self._check_before_files(asked, caller, place),
            )
            async with form as asked:
                return await self.operations.carry_out(asked, caller, exchange)

    async def _parameters(self, request: Request) -> Parameters:
        if request.method in READING:
            return parameters.from_query(request.query_params, self.intake)
        if request.method == "POST":
            return await parameters.from_body(request, self.intake)
        raise MethodNotAllowed("Send queries with GET or POST.", headers=ALLOW)

    def _check_before_files(self, asked: Parameters, caller: Caller, place: ExitStack) -> None:
        """Refuse an operation that the caller may not send, or take a place for its files."""
        try:
            document, _ = self.operations.documents.find(asked, caller)
        except InvalidDocument:
            raise NotJson("The document is not valid. Send it without files to learn why.") from None
        self.operations.check(document.chosen(asked.operation), asked, caller, "POST")
        place.enter_context(self.operations.admission.upload(caller.who))


async def _streamed(answer: Answer | None, stream: EventStream | Mixed, exchange: Exchange) -> bool:
    """Send what is left of an answer to its stream; False where it is not one for a stream."""
    if answer is None:
        await stream.close(complete=True)
        return True
    executed = isinstance(stream, EventStream) and "data" in answer.body
    if not stream.begun and not executed:
        return False
    if exchange.stopping:  # whoever listens comes again, as the end is missing
        await stream.close(complete=False)
        return True
    last = {"hasNext": False} if isinstance(stream, Mixed) else {}
    await stream.emit({**answer.body, **last})
    await stream.close(complete=True)
    return True


async def _send(answer: Answer, exchange: Exchange, send: Send) -> None:
    body = telling.write(answer.body)
    raw = [
        (b"content-length", str(len(body)).encode()),
        (b"content-type", f"{exchange.kind or JSON}; charset=utf-8".encode()),
        (b"vary", b"Accept"),
        (b"cache-control", b"private, no-store"),
    ]
    raw += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
