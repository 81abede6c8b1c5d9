"""The way to the gateway: one GraphQL request over HTTP, with the caller's own key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, Final
from urllib.parse import urljoin

import httpx

from gateway.assistant.operations import Sendable

NAME: Final = "contacts-gateway-mcp"
DISTRIBUTION: Final = "contacts-gateway"
LARGEST: Final = 8 * 1024 * 1024  # bytes of an answer
TIMEOUT: Final = httpx.Timeout(120.0, connect=5.0)  # the gateway ends an operation itself, long before
MOST_TOLD: Final = 10  # errors, and warnings
LONGEST_MESSAGE: Final = 500
TOLD: Final = ("code", "source", "retryable", "retryAfterSeconds", "exceeded", "cost", "limit")
SCHEMA: Final = "schema.graphql"


class Away(Exception):
    """No answer of the gateway. `sent` tells whether the request may have reached it."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("the gateway does not answer")
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the gateway."""

    data: Any = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    request_id: str | None = None


def version() -> str:
    """The version of this package; 0 where it runs without being installed."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "0"


class Asking:
    """Asks a gateway. `transport` is the innermost one, `headers` of each call say who asks."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url
        self._client = httpx.AsyncClient(
            transport=transport or httpx.AsyncHTTPTransport(trust_env=False),
            timeout=TIMEOUT,
            headers={"user-agent": f"{NAME}/{version()}", "accept": "application/json"},
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def schema(self, headers: Mapping[str, str]) -> tuple[int, str]:
        """Status and text of the schema that the gateway publishes. Raises Away."""
        request = self._client.build_request("GET", urljoin(self._url, SCHEMA), headers=dict(headers))
        status, content = await self._sent(request)
        return status, content.decode(errors="replace")

    async def ask(
        self, operation: Sendable, arguments: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Reply:
        """Send an operation with those of the arguments that it takes. Raises Away."""
        body = {
            "query": operation.text,
            "operationName": operation.name,
            "variables": operation.given(arguments),
        }
        request = self._client.build_request("POST", self._url, json=body, headers=dict(headers))
        return _read(*await self._sent(request))

    async def _sent(self, request: httpx.Request) -> tuple[int, bytes]:
        try:
            response = await self._client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise Away(sent=False) from None
        except httpx.HTTPError:
            raise Away(sent=True) from None
        content = bytearray()
        try:
            async for chunk in response.aiter_bytes(64 * 1024):
                content += chunk
                if len(content) > LARGEST:
                    raise Away(sent=True)
        except httpx.HTTPError:
            raise Away(sent=True) from None
        finally:
            await response.aclose()
        return response.status_code, bytes(content)


def _read(status: int, content: bytes) -> Reply:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or not ("data" in body or "errors" in body):
        text = f"Something that is no gateway answered, with status {status}."
        return Reply(errors=[{"code": "BAD_ANSWER", "message": text}])
    extensions = _mapping(body.get("extensions"))
    errors = [_told(each) for each in _list(body.get("errors"))[:MOST_TOLD]]
    first = _mapping(_mapping(next(iter(_list(body.get("errors"))), None)).get("extensions"))
    return Reply(
        data=body.get("data"),
        errors=errors,
        warnings=[_told(each) for each in _list(extensions.get("warnings"))[:MOST_TOLD]],
        request_id=extensions.get("requestId") or first.get("requestId"),
    )


def _told(entry: Any) -> dict[str, Any]:
    """What an assistant is told of an error or a warning: nothing else of it."""
    held = _mapping(entry)
    details = {**_mapping(held.get("extensions")), **held}
    found = {name: details[name] for name in TOLD if details.get(name) is not None}
    found["message"] = str(held.get("message", ""))[:LONGEST_MESSAGE]
    if held.get("path"):
        found["path"] = held["path"]
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
