"""One source alone: its adapter and client over an emulator, without a gateway around them."""

import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import httpx

from gateway.errors import GatewayError
from gateway.model.source import Source
from gateway.resilience.budget import Budget
from gateway.resilience.policy import Policy
from gateway.sandbox import PLACES
from gateway.setting import Secret
from gateway.upstreams import build
from gateway.upstreams.declare import SourceSettings
from gateway.upstreams.emulation import Switchboard
from gateway.upstreams.packagex.emulator import Emulator as PackageX
from gateway.upstreams.people import Population
from gateway.upstreams.samespace.emulator import Emulator as Samespace
from gateway.upstreams.smartsender.emulator import Emulator as SmartSender
from tests.support.world import InProcess, at_once

KEY = "key-7Jq2-that-nobody-may-see"
NOW = "2026-01-02T03:04:05.678Z"
HOST = "http://emulator"
EMULATORS: dict[Source, Callable[[Population], Any]] = {
    Source.SAMESPACE: Samespace,
    Source.PACKAGEX: PackageX,
    Source.SMART_SENDER: SmartSender,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it went out."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Lone:
    """One source, its emulator, and the way between them."""

    upstream: Any
    emulator: Any
    transport: InProcess

    @property
    def client(self) -> Any:
        return self.upstream.client

    @property
    def switches(self) -> Switchboard:
        return self.emulator.switches  # type: ignore[no-any-return]

    @property
    def sent(self) -> list[Sent]:
        """What was sent since the last `forget`."""
        return [taken_apart(request) for request in self.transport.requests]

    def forget(self) -> None:
        self.transport.requests.clear()
        self.switches.forget()

    def answers(self, body: Any, status: int = 200, **fault: Any) -> None:
        """Let every call be answered with this JSON."""
        self.switches.fail(status=status, body=json.dumps(body), **fault)


def lone(
    source: Source,
    emulator: Any = None,
    *,
    people: int = 240,
    key: str = KEY,
    account: str = "default",
    budget: Budget | None = None,
    seconds: float = 10.0,
    attempts: int = 3,
) -> Lone:
    """A source on its own, over the emulator given or one with so many people."""
    emulator = emulator or EMULATORS[source](Population(size=people))
    if source is Source.SMART_SENDER:
        emulator.switches.rate_limits = False
    transport = InProcess(emulator.app)
    settings = SourceSettings(
        url=HOST + PLACES[source][2],
        key=Secret(key),
        rate=None,
        policy=Policy(seconds=seconds, attempts=attempts),
    )
    upstream = build(
        source,
        settings,
        account=account,
        budget=budget or Budget(None, 60.0),
        inner=transport,
        now=lambda: NOW,
        sleep=at_once,
    )
    return Lone(upstream, emulator, transport)


def taken_apart(request: httpx.Request) -> Sent:
    """A request in parts; the path as it stands on the wire."""
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    content = request.content if isinstance(request.stream, httpx.ByteStream) else b""
    return Sent(
        request.method,
        path,
        dict(parse_qsl(query, keep_blank_values=True)),
        dict(request.headers),
        json.loads(content) if content else None,
    )


def shown(error: GatewayError) -> str:
    """All that anybody gets to see of an error: its text, what stands beside it, and its traceback."""
    return "\n".join([str(error), repr(error), repr(error.extensions), *traceback.format_exception(error)])
