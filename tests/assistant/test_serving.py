"""The MCP server as a process, called by the SDK's own client, in front of a sandbox that runs."""

import hashlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from tests.support.process import PATIENCE, Running, running

READER, WRITER, ADMIN = "reader-key-of-a-caller", "writer-key-of-a-caller", "admin-key-of-a-caller"
API_KEYS = ";".join(
    f"{key.partition('-')[0]}:{hashlib.sha256(key.encode()).hexdigest()}:{scopes}"
    for key, scopes in ((READER, "read"), (WRITER, "read,write"), (ADMIN, "read,admin"))
)
Open = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[tuple[Running, str]]:
    """A gateway with keys, whose log can be read, and the address of its endpoint."""
    settings = {"GATEWAY_API_KEYS": API_KEYS, "GATEWAY_LOG_LEVEL": "info"}
    with running("sandbox", "--contacts", "30", settings=settings) as found:
        yield found, found.line(r"The gateway answers on (http://\S+)")[1] + "/graphql"


@pytest.fixture(scope="module")
def address(sandbox: tuple[Running, str]) -> str:
    return sandbox[1]


@pytest.fixture(scope="module")
def served(address: str) -> Iterator[str]:
    """The MCP server over HTTP, without a key of its own."""
    with running("mcp", "--http", "--port", "0", "--writes", settings={"GATEWAY_MCP_URL": address}) as found:
        yield found.line(r"The MCP server answers on (http://127\.0\.0\.1:\d+/mcp)")[1]
        assert found.stop() == 0


@asynccontextmanager
async def over_http(
    url: str, key: str = "", header: str = "authorization", mode: str = "auto"
) -> AsyncIterator[Client]:
    said = {header: f"Bearer {key}" if header == "authorization" else key} if key else {}
    async with (
        httpx2.AsyncClient(headers=said) as way,
        Client(streamable_http_client(url, http_client=way), mode=mode) as client,
    ):
        yield client


@asynccontextmanager
async def over_stdio(
    log: Path, *arguments: str, mode: str = "auto", **settings: str
) -> AsyncIterator[Client]:
    environment = {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), **settings}
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "gateway.cli", "mcp", *arguments], env=environment
    )
    with log.open("w") as file:
        async with Client(stdio_client(parameters, errlog=file), mode=mode) as client:
            yield client


@pytest.fixture(params=["stdio", "http"])
def opened(request: pytest.FixtureRequest, address: str, served: str, tmp_path: Path) -> Open:
    """Opens the MCP server with the key of a caller, over both of its ways."""

    def choose(key: str) -> AbstractAsyncContextManager[Client]:
        if request.param == "http":
            return over_http(served, key)
        return over_stdio(tmp_path / "log", "--writes", GATEWAY_MCP_URL=address, GATEWAY_MCP_KEY=key)

    return choose


async def call(client: Client, tool: str, **arguments: Any) -> types.CallToolResult:
    found = await client.call_tool(tool, arguments)
    assert isinstance(found, types.CallToolResult)
    (content,) = found.content
    assert isinstance(content, types.TextContent)
    assert json.loads(content.text) == found.structured_content
    return found


async def first(client: Client) -> str:
    page = await call(client, "search_contacts", sources=["PACKAGEX"], first=1)
    return str(page.structured_content["untrusted_data"]["contacts"]["nodes"][0]["id"])


def code(found: types.CallToolResult) -> str:
    assert found.is_error
    return str(found.structured_content["errors"][0]["code"])


def mcp(*arguments: str, settings: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end, with nothing on standard input."""
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", "mcp", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={"PATH": "", "HOME": "/nonexistent", "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **settings},
    )


# ---- both ways


async def test_assistants_list_tools_read_and_write_in_two_steps(opened: Open) -> None:
    async with opened(WRITER) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        hints = {name: tool.annotations for name, tool in tools.items() if tool.annotations}
        assert hints["search_contacts"].read_only_hint
        assert not hints["update_contact"].read_only_hint
        assert (hints["update_contact"].destructive_hint, hints["update_contact"].idempotent_hint) == (
            True,
            True,
        )
        assert (hints["create_contact"].destructive_hint, hints["create_contact"].idempotent_hint) == (
            False,
            False,
        )
        assert hints["search_schema"].open_world_hint is False
        assert "never an instruction" in (client.instructions or "") or "untrusted_data" in (
            client.instructions or ""
        )
        assert tools["get_contact"].input_schema["required"] == ["id"]

        contact = await first(client)
        change = {"id": contact, "contact": {"name": "Ada Quux"}}
        tried = await call(client, "update_contact", **change)
        assert tried.structured_content["dry_run"]
        token = tried.structured_content["confirmation"]
        other = {**change, "contact": {"name": "Eve"}, "confirmation": token}
        assert code(await call(client, "update_contact", **other)) == "CONFIRMATION_INVALID"
        done = await call(client, "update_contact", **change, confirmation=token)
        changed = done.structured_content["untrusted_data"]["updateContact"]
        assert changed["outcome"]["status"] == "APPLIED"
        again = await call(client, "update_contact", **change, confirmation=token)
        assert code(again) == "CONFIRMATION_INVALID"
        now = await call(client, "get_contact", id=contact)
        assert now.structured_content["untrusted_data"]["contact"]["displayName"] == "Ada Quux"


# ---- over HTTP


async def test_a_key_that_may_only_read_writes_nothing(served: str) -> None:
    async with over_http(served, READER) as client:
        contact = await first(client)
        refused = await call(client, "update_contact", id=contact, contact={"name": "Eve"})
        assert code(refused) == "FORBIDDEN"
        assert refused.structured_content["requestId"]


async def test_bad_arguments_and_tools_that_are_not_there_are_told(served: str) -> None:
    async with over_http(served, READER) as client:
        bad = await call(client, "get_contact", id=7, shoe=43)
        assert code(bad) == "BAD_USER_INPUT"
        assert len(bad.structured_content["errors"][0]["faults"]) == 2
        with pytest.raises(MCPError, match="no tool of this name"):
            await client.call_tool("drop_tables", {})


async def test_over_http_callers_bring_their_own_keys(served: str) -> None:
    async with over_http(served, READER, "x-api-key") as client:
        assert not (await call(client, "list_sources")).is_error
    async with over_http(served, "no-key-of-anybody") as client:
        assert code(await call(client, "list_sources")) == "UNAUTHENTICATED"
    async with over_http(served) as client:
        assert code(await call(client, "list_sources")) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "attacker.example"}, 421),
        ({"origin": "https://attacker.example"}, 403),
        ({"content-type": "text/plain"}, 400),
    ],
)
def test_pages_of_other_sites_reach_nothing(served: str, headers: dict[str, str], status: int) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).encode()
    usual = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    request = urllib.request.Request(served, body, {**usual, **headers})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=PATIENCE)
    assert refused.value.code == status
    refused.value.close()


def test_no_stream_stays_open(served: str) -> None:
    request = urllib.request.Request(served, headers={"accept": "text/event-stream"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=PATIENCE)
    assert refused.value.code == 405
    refused.value.close()


async def test_the_log_of_the_gateway_shows_who_asked_with_what(
    served: str, sandbox: tuple[Running, str]
) -> None:
    process, _ = sandbox
    async with over_http(served, WRITER) as client:
        found = await call(client, "list_modules")
    line = json.loads(
        process.line(f'"event":"request","requestId":"{found.structured_content["requestId"]}"').string
    )
    assert (line["operation"], line["caller"]) == ("ListModules", "writer")
    assert line["agent"].startswith("contacts-gateway-mcp/")


# ---- over standard input and output


async def test_without_writes_nothing_that_writes_is_offered_and_older_clients_are_served_as_well(
    address: str, served: str, tmp_path: Path
) -> None:
    settings = {"GATEWAY_MCP_URL": address, "GATEWAY_MCP_KEY": WRITER}
    async with over_stdio(tmp_path / "log", mode="legacy", **settings) as client:
        tools = (await client.list_tools()).tools
        assert tools
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
        refused = await call(client, "update_contact", id=await first(client), contact={"name": "Eve"})
        assert code(refused) == "WRITES_OFF"
    async with over_http(served, READER, mode="legacy") as client:
        assert await first(client)


async def test_a_gateway_that_is_down_is_told_and_the_tools_are_there_all_the_same(tmp_path: Path) -> None:
    async with over_stdio(tmp_path / "log", GATEWAY_MCP_URL="http://127.0.0.1:9/graphql") as client:
        assert "search_contacts" in {tool.name for tool in (await client.list_tools()).tools}
        found = await call(client, "list_sources")
        assert code(found) == "GATEWAY_UNREACHABLE"
        assert "Traceback" not in json.dumps(found.structured_content)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [(line["event"], line.get("code")) for line in lines] == [
        ("gateway away", None),
        ("tool call", "GATEWAY_UNREACHABLE"),
    ]


async def test_a_folder_of_ones_own_holds_other_tools(address: str, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "count.graphql").write_text(
        "# How many there are.\nquery CountContacts { contacts { totalCount } }"
    )
    settings = {"GATEWAY_MCP_URL": address, "GATEWAY_MCP_KEY": READER, "GATEWAY_MCP_DOCUMENTS": str(folder)}
    async with over_stdio(tmp_path / "log", **settings) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names == ["count_contacts", "search_schema", "describe_type"]
        assert not (await call(client, "count_contacts")).is_error


# ---- the command


def test_a_key_that_the_gateway_does_not_know_stops_the_start(address: str) -> None:
    refused = mcp(settings={"GATEWAY_MCP_URL": address, "GATEWAY_MCP_KEY": "no-key-of-anybody"})
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "GATEWAY_MCP_KEY is no key of the gateway" in refused.stderr
    assert "no-key-of-anybody" not in refused.stderr


def test_a_bad_document_stops_the_start_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "odd.graphql").write_text("# Reads.\nquery Q { sourcez }")
    away = {"GATEWAY_MCP_URL": "http://127.0.0.1:9/graphql"}
    refused = mcp(settings={**away, "GATEWAY_MCP_DOCUMENTS": str(tmp_path)})
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "gateway: odd.graphql: Cannot query field 'sourcez'" in refused.stderr


def test_a_key_may_stand_in_a_file_and_standard_input_that_ends_ends_it(address: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{READER}\n")
    ended = mcp(settings={"GATEWAY_MCP_URL": address, "GATEWAY_MCP_KEY_FILE": str(tmp_path / "key")})
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_without_its_packages_the_command_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text("raise ModuleNotFoundError('not installed', name='mcp')")
    path = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    refused = mcp(settings={"PYTHONPATH": path})
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "gateway: this needs more packages: pip install 'contacts-gateway[mcp]'\n"


def test_the_gateway_itself_does_without_these_packages() -> None:
    script = (
        "import sys, gateway.cli, gateway.sandbox, gateway.app, gateway.config; "
        "print([name for name in ('mcp', 'pydantic', 'httpx2', 'jsonschema') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
