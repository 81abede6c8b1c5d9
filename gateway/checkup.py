"""Calls every source once and says what works, for an operator who has just set the keys."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gateway import deadline
from gateway.app import over_the_network, wall_clock
from gateway.config import Config
from gateway.errors import GatewayError
from gateway.model.caller import DEFAULT_ACCOUNT
from gateway.model.source import Source
from gateway.model.text import printable
from gateway.ports import Upstream
from gateway.resilience.budget import Budget
from gateway.upstreams import UPSTREAMS, build


@dataclass(frozen=True, slots=True)
class Row:
    """One line: `works` is None where nothing was called."""

    source: str
    what: str
    works: bool | None
    detail: str


async def run(config: Config) -> list[Row]:
    """One row for each thing that was tried, source by source."""
    rows = await asyncio.gather(*(_source(config, source) for source in UPSTREAMS))
    return [row for some in rows for row in some]


def table(rows: list[Row]) -> str:
    """The rows as an aligned text."""
    words = {True: "ok", False: "FAILED", None: "off"}
    lines = [("source", "what", "", "detail")]
    lines += [(row.source, row.what, words[row.works], row.detail) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        "  ".join((*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3])).rstrip()
        for line in lines
    )


async def _source(config: Config, source: Source) -> list[Row]:
    name, settings = UPSTREAMS[source].traits.name, config.sources[source]
    if not settings.enabled:
        return [Row(name, "settings", None, "switched off: it has no key or no address")]
    upstream = build(
        source,
        settings,
        account=DEFAULT_ACCOUNT,
        budget=Budget(None, 60.0),
        inner=over_the_network(config.outgoing_proxy)(source),
        now=wall_clock,
    )
    try:
        with deadline.within(config.deadline_seconds):
            endpoint = (
                [await _tried(name, "endpoint", upstream.prepare)] if upstream.traits.introspects else []
            )
            # At once: a source that hangs would use up the time of what is tried after it.
            return [*endpoint, *await asyncio.gather(*(_tried(name, *each) for each in _calls(upstream)))]
    finally:
        await upstream.aclose()


def _calls(upstream: Upstream) -> list[tuple[str, Callable[[], Awaitable[Any]]]]:
    traits = upstream.traits
    calls: list[tuple[str, Callable[[], Awaitable[Any]]]] = [("contacts", lambda: upstream.contacts(0, 1))]
    if traits.can("groups"):
        calls.append(("groups", lambda: upstream.groups(0, 1)))
    if traits.has_modules:
        calls.append(("modules", upstream.modules))
    if traits.can("properties"):
        calls.append(("properties", lambda: upstream.properties(None, 0, 1)))
    if traits.can("channels"):
        calls.append(("channels", lambda: upstream.channels(0, 1)))
    return calls


async def _tried(name: str, what: str, call: Callable[[], Awaitable[Any]]) -> Row:
    started = time.perf_counter()
    try:
        await call()
    except GatewayError as error:
        return Row(name, what, False, f"{error.code}: {printable(error.message)}")
    return Row(name, what, True, f"{(time.perf_counter() - started) * 1000:.0f} ms")
