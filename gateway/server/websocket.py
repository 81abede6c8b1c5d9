"""GraphQL over WebSocket: `graphql-transport-ws`, in which several operations share a connection.

Keys come with the handshake, or in the payload of `connection_init`, which browsers can send. Every operation
is a task of its own, so none waits for another; each is known, limited and logged like a request over HTTP.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.allowances import Intake
from gateway.engine.compiled import telling
from gateway.model.caller import Caller
from gateway.server import parameters
from gateway.server.exchange import Answer, Exchange
from gateway.server.negotiation import GRAPHQL
from gateway.server.operations import Operations
from gateway.server.problems import Overloaded, Refusal
from gateway.server.refusals import CODES, Refusals
from gateway.telemetry import logs

PROTOCOL: Final = "graphql-transport-ws"
METHOD: Final = "SOCKET"
MOST: Final = 100  # operations of one connection at once
LONGEST_ID: Final = 256
LONGEST_REASON: Final = 120  # bytes; RFC 6455, 5.5.1
TAKEN: Final = frozenset(
    {"authorization", "x-api-key", "cache-control", "x-deadline-ms", "x-partial", "x-explain", "traceparent"}
)


class Close(IntEnum):
    """Why a connection is closed."""

    RESTART = 1012
    TOO_SLOW = 1013
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    BAD_PROTOCOL = 4406
    NO_INIT = 4408
    TAKEN_ID = 4409
    SECOND_INIT = 4429


class Closing(Exception):
    """The connection is to be closed."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """The endpoint of sockets. `brought` are headers of keys that callers may bring along."""

    operations: Operations
    refusals: Refusals
    intake: Intake
    brought: Mapping[str, str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        socket = WebSocket(scope, receive, send)
        if PROTOCOL not in scope.get("subprotocols", ()):
            await socket.accept()
            await socket.close(Close.BAD_PROTOCOL, "Subprotocol not acceptable")
            return
        await socket.accept(PROTOCOL)
        connection = _Connection(self, socket, MutableHeaders(raw=list(Headers(scope=scope).raw)))
        try:
            await connection.run()
        except Closing as closing:
            with contextlib.suppress(RuntimeError):  # it is closed already
                await socket.close(closing.code, closing.reason)
        except WebSocketDisconnect:
            pass
        finally:
            await connection.end()


@dataclass(slots=True, eq=False)
class _Operation:
    """One operation under way. `gone` is set when its caller does not want it any more."""

    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        """Until nobody wants it any more."""
        await self.gone.wait()


@dataclass(slots=True, eq=False)
class _Channel:
    """Where the parts of one operation go."""

    connection: "_Connection"
    id: str
    operation: _Operation
    incremental: bool = False
    subscriptions: bool = True

    async def begin(self) -> None:
        """Nothing is told before there is a part."""

    async def emit(self, body: dict[str, Any]) -> None:
        """Send one part, where it is still wanted."""
        if not self.operation.gone.is_set():
            await self.connection.send({"id": self.id, "type": "next", "payload": body})


@dataclass(slots=True, eq=False)
class _Connection:
    """One connection, and its operations by their ids. `tasks` are also those of operations that nobody wants
    any more and that have not ended yet.
    """

    sockets: Sockets
    socket: WebSocket
    headers: MutableHeaders
    operations: dict[str, _Operation] = field(default_factory=dict)
    tasks: "set[asyncio.Task[None]]" = field(default_factory=set)
    known: bool = False
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock)
    _failed: "asyncio.Future[Closing]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    async def run(self) -> None:
        """Take messages until the connection ends. Raises Closing."""
        try:
            async with asyncio.timeout(self.sockets.intake.head_seconds) as patience:
                while True:
                    message = await self._received()
                    await self._take(message)
                    if self.known:
                        patience.reschedule(None)
        except TimeoutError:
            raise Closing(Close.NO_INIT, "Connection initialisation timeout") from None

    async def end(self) -> None:
        """Let go of what runs: reads end, what has begun to write comes to its end."""
        for each in self.operations.values():
            each.gone.set()
        try:
            if self.tasks:
                await asyncio.wait(self.tasks)
        except asyncio.CancelledError:  # the grace is over, for them as well
            for task in self.tasks:
                task.cancel()
            raise

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message. Whoever does not read is left after a while."""
        if self._failed.done():
            return
        text = telling.write(message).decode()
        try:
            async with self._sending, asyncio.timeout(self.sockets.intake.answer_seconds):
                await self.socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError):  # it has ended meanwhile
            self._fail(Closing(Close.TOO_SLOW, "The connection has ended"))
        except TimeoutError:
            self.sockets.operations.voice.metrics.limit("answer_seconds")
            self._fail(Closing(Close.TOO_SLOW, "You read too slowly. Come again with your last cursor."))

    def _fail(self, why: Closing) -> None:
        if not self._failed.done():
            self._failed.set_result(why)
        for each in self.operations.values():
            each.gone.set()

    async def _received(self) -> dict[str, Any]:
        receiving = asyncio.ensure_future(self.socket.receive())
        try:
            await asyncio.wait((receiving, self._failed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            receiving.cancel()
        if self._failed.done():  # also where more and more messages come
            raise self._failed.result()
        message = receiving.result()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1006))
        try:
            found = orjson.loads(message["text"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Closing(Close.BAD_MESSAGE, "Invalid message: it is no JSON") from None
        if not isinstance(found, dict):
            raise Closing(Close.BAD_MESSAGE, "Invalid message: it is no object")
        return found

    async def _take(self, message: dict[str, Any]) -> None:
        kind, payload = message.get("type"), message.get("payload")
        if not isinstance(kind, str):
            raise Closing(Close.BAD_MESSAGE, "Invalid message: type is no text")
        if kind not in {"subscribe", "complete"} and not (payload is None or isinstance(payload, dict)):
            raise Closing(Close.BAD_MESSAGE, "Invalid message: payload is no object")
        match kind:
            case "connection_init":
                await self._init(payload or {})
            case "ping":
                await self.send({"type": "pong", **({"payload": payload} if payload is not None else {})})
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(message.get("id"), payload)
            case "complete":
                self._complete(message.get("id"))
            case _:
                raise Closing(Close.BAD_MESSAGE, "Invalid message: unknown type")

    async def _init(self, payload: dict[str, Any]) -> None:
        if self.known:
            raise Closing(Close.SECOND_INIT, "Too many initialisation requests")
        nested = payload.get("headers")
        for held in (payload, nested if isinstance(nested, dict) else {}):
            for name, value in held.items():
                if name.lower() in TAKEN | self.sockets.brought.keys() and isinstance(value, str):
                    self._set(name, value)
        try:
            await self.sockets.operations.authority.caller(self.headers)
        except Refusal as refusal:
            self._note(refusal.code, refusal.message)
            raise Closing(Close.FORBIDDEN, refusal.message[:LONGEST_REASON]) from None
        self.known = True
        await self.send({"type": "connection_ack"})

    def _set(self, name: str, value: str) -> None:
        try:
            self.headers[name] = value
        except UnicodeError:
            raise Closing(Close.BAD_MESSAGE, "Invalid message: no header holds this") from None

    def _note(self, code: str, message: str) -> None:
        exchange = Exchange(headers=self.headers, id=uuid.uuid4().hex)
        exchange.answer([{"message": message, "extensions": {"code": code}}], 401)
        self._recorded(exchange)

    async def _subscribe(self, name: Any, payload: Any) -> None:
        if not self.known:
            raise Closing(Close.UNAUTHORIZED, "Unauthorized")
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_ID:
            raise Closing(Close.BAD_MESSAGE, "Invalid message: id is no text")
        if not isinstance(payload, dict):
            raise Closing(Close.BAD_MESSAGE, "Invalid message: payload is no object")
        if name in self.operations:
            raise Closing(Close.TAKEN_ID, "Subscriber already exists")
        operation = self.operations[name] = _Operation()
        full = len(self.tasks) >= MOST
        task = asyncio.create_task(self._operate(name, payload, operation, full=full))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        if full:  # no more messages are taken before it is refused: each would be held in memory
            await asyncio.wait((task,))

    def _complete(self, name: Any) -> None:
        """Forget an operation: its id is free again, also while it comes to its end."""
        operation = self.operations.pop(name, None) if isinstance(name, str) else None
        if operation is not None:
            operation.gone.set()

    async def _operate(
        self, name: str, payload: dict[str, Any], operation: _Operation, *, full: bool
    ) -> None:
        """Carry out one operation, and tell its end; refuse it where the connection has enough of them."""
        answer: Answer | None = None
        started = time.perf_counter()
        exchange = Exchange(
            headers=self.headers,
            id=uuid.uuid4().hex,
            method=METHOD,
            kind=GRAPHQL,
            stream=_Channel(self, name, operation),
            gone=operation.wait,
        )

        async def work(caller: Caller) -> Answer | None:
            if full:
                raise Overloaded(f"At most {MOST} operations of one connection are carried out at once.")
            asked = parameters.checked(payload, self.sockets.intake)
            return await self.sockets.operations.carry_out(asked, caller, exchange)

        try:
            operations = self.sockets.operations
            answer = await operations.told(exchange, operations.guarded(exchange, work))
            if exchange.stopping:
                self._fail(Closing(Close.RESTART, "The gateway is being stopped. Come again."))
            elif not operation.gone.is_set():
                await self._tell(name, answer)
        finally:
            if self.operations.get(name) is operation:
                del self.operations[name]
            self._recorded(exchange)
            logs.access(
                request_id=exchange.id,
                method=METHOD,
                path=self.socket.url.path,
                status=0 if answer is None else answer.status,
                seconds=time.perf_counter() - started,
                details={"client": self._client, **exchange.line},
            )

    async def _tell(self, name: str, answer: Answer | None) -> None:
        if answer is not None and "data" not in answer.body:
            await self.send({"id": name, "type": "error", "payload": answer.body["errors"]})
            return
        if answer is not None:
            await self.send({"id": name, "type": "next", "payload": answer.body})
        await self.send({"id": name, "type": "complete"})

    def _recorded(self, exchange: Exchange) -> None:
        refused = exchange.refusal
        if refused is not None and refused.code in CODES:
            self.sockets.refusals.note(refused, exchange.id, self._client)

    @property
    def _client(self) -> str:
        return self.socket.client.host if self.socket.client else ""
