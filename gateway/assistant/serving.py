"""Serves the tools with the MCP SDK: over standard input and output, or over HTTP on loopback."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import mcp_types as types
from graphql import GraphQLError, GraphQLSchema, build_schema
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.assistant import operations
from gateway.assistant.asking import NAME, Asking, Away, version
from gateway.assistant.confirming import Confirmations
from gateway.assistant.operations import Operation
from gateway.assistant.tools import INSTRUCTIONS, Answer, NoSuchTool, Tool, Tools, refusal
from gateway.server import running
from gateway.setting import Secret
from gateway.telemetry import logs

LOOPBACK: Final = "127.0.0.1"
PATH: Final = "/mcp"
LARGEST_BODY: Final = 1024 * 1024
CREDENTIALS: Final = ("authorization", "x-api-key")
OK: Final = 200
UNAUTHORIZED: Final = 401

Context = ServerRequestContext[Tools, Request]


class NotServed(Exception):
    """Why nothing can be served; its text names the setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be served. `documents` None are those that come along; `sdl` is the schema where the gateway
    does not publish its own.
    """

    url: str
    key: Secret
    documents: Path | None
    writes: bool
    result_bytes: int
    sdl: Callable[[], str]


def over_stdio(wish: Wish) -> int:
    """Serve whoever started this process, until standard input ends. Raises BadDocument, NotServed."""
    running.no_core_dumps()

    async def serve() -> None:
        server = _server(wish, *await _prepared(wish, keyless=False))
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    asyncio.run(serve())
    return 0


def over_http(wish: Wish, port: int) -> int:
    """Serve on loopback until a signal. Raises BadDocument, NotServed, OSError."""
    server = _server(wish, *asyncio.run(_prepared(wish, keyless=True)))
    app = server.streamable_http_app(  # with a host of loopback it looks at `Host` and `Origin`
        streamable_http_path=PATH,
        host=LOOPBACK,
        stateless_http=True,
        json_response=True,
        max_request_body_size=LARGEST_BODY,
    )
    listening = running.listen(LOOPBACK, port)
    place = f"{running.address(listening)}{PATH}"
    started = running.run(
        [(_PostOnly(app), listening)], ready=lambda: print(f"The MCP server answers on {place}", flush=True)
    )
    return 0 if started else 1


@dataclass(frozen=True, slots=True)
class _PostOnly:
    """Refuses streams for what a server says by itself: this one says nothing, and they would stay open."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass calls on."""
        if scope["type"] == "http" and scope["method"] != "POST":
            refused = PlainTextResponse("Send calls with POST.", 405, {"allow": "POST"})
            await refused(scope, receive, send)
            return
        await self.app(scope, receive, send)


async def _prepared(wish: Wish, *, keyless: bool) -> tuple[GraphQLSchema, Mapping[str, Operation]]:
    """The schema and the documents that fit it. `keyless`: callers may bring their keys along later."""
    text = await _published(wish, keyless=keyless)
    try:
        schema = build_schema(text if text is not None else wish.sdl())
    except (GraphQLError, TypeError):
        raise NotServed("GATEWAY_MCP_URL does not lead to a gateway: it publishes no schema.") from None
    return schema, operations.read(wish.documents or operations.SHIPPED, schema)


async def _published(wish: Wish, *, keyless: bool) -> str | None:
    """The schema of the gateway; None where it does not publish it, or is not there yet."""
    asking = Asking(wish.url)
    try:
        status, text = await asking.schema(_headers(None, wish.key))
    except Away:
        logs.gateway_away()
        return None
    finally:
        await asking.aclose()
    if status == UNAUTHORIZED and (wish.key or not keyless):
        raise NotServed("GATEWAY_MCP_KEY is no key of the gateway that GATEWAY_MCP_URL leads to.")
    return text if status == OK else None


def _server(wish: Wish, schema: GraphQLSchema, found: Mapping[str, Operation]) -> Server[Tools]:
    """The MCP server; its connections to the gateway live as long as it runs."""

    @asynccontextmanager
    async def opened(_: Server[Tools]) -> AsyncIterator[Tools]:
        asking = Asking(wish.url)
        try:
            yield Tools(
                operations=found,
                schema=schema,
                asking=asking,
                confirmations=Confirmations(time.monotonic),
                writes=wish.writes,
                most=wish.result_bytes,
            )
        finally:
            await asking.aclose()

    async def listed(context: Context, _: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_shown(each) for each in context.lifespan_context.offered()])

    async def called(context: Context, asked: types.CallToolRequestParams) -> types.CallToolResult:
        tools, started = context.lifespan_context, time.perf_counter()
        try:
            answer = await tools.call(asked.name, asked.arguments or {}, _headers(context.request, wish.key))
        except NoSuchTool:
            raise MCPError(types.INVALID_PARAMS, "There is no tool of this name.") from None
        except Exception as error:
            logs.failure(error, "")
            answer = refusal("INTERNAL", "Something went wrong in the MCP server; its log tells what.")
        logs.tool_called(
            tool=asked.name,
            code=answer.code,
            request_id=answer.content.get("requestId"),
            seconds=time.perf_counter() - started,
        )
        return _result(answer)

    return Server(
        NAME,
        version=version(),
        title="Contacts",
        instructions=INSTRUCTIONS,
        lifespan=opened,
        on_list_tools=listed,
        on_call_tool=called,
    )


def _headers(request: Request | None, key: Secret) -> dict[str, str]:
    """Who asks: the caller itself where it says so, else whoever the key of this server is for."""
    if request is not None:
        brought = {name: request.headers[name] for name in CREDENTIALS if name in request.headers}
        if brought:
            return brought
    return {"x-api-key": key.reveal()} if key else {}


def _shown(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=dict(tool.input_schema),
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.read_only,
            destructive_hint=tool.destructive,
            idempotent_hint=tool.idempotent,
            open_world_hint=not tool.local,
        ),
    )


def _result(answer: Answer) -> types.CallToolResult:
    """An answer as structured content, and as text for clients that know no other."""
    text = json.dumps(answer.content, ensure_ascii=False, separators=(",", ":"))
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)],
        structured_content=answer.content,
        is_error=answer.failed,
    )
