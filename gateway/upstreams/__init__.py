"""The only list of sources. A further one is a folder, an entry here, and a word in `enum Source`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from gateway.model.source import Source
from gateway.ports import Traits, Upstream
from gateway.resilience.budget import Budget
from gateway.resilience.transport import Limits, UpstreamTransport
from gateway.resilience.wire import Wire
from gateway.setting import Setting
from gateway.upstreams.declare import SourceSettings
from gateway.upstreams.packagex import settings as packagex_settings
from gateway.upstreams.packagex.adapter import TRAITS as PACKAGEX
from gateway.upstreams.packagex.adapter import PackageX
from gateway.upstreams.packagex.client import Client as PackageXClient
from gateway.upstreams.samespace import settings as samespace_settings
from gateway.upstreams.samespace.adapter import TRAITS as SAMESPACE
from gateway.upstreams.samespace.adapter import Samespace
from gateway.upstreams.samespace.client import Client as SamespaceClient
from gateway.upstreams.smartsender import settings as smartsender_settings
from gateway.upstreams.smartsender.adapter import TRAITS as SMARTSENDER
from gateway.upstreams.smartsender.adapter import SmartSender
from gateway.upstreams.smartsender.client import Client as SmartSenderClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the gateway knows of a source before it is called. `headers` makes those that carry the key."""

    traits: Traits
    settings: tuple[Setting, ...]
    read: Callable[[Mapping[str, Any]], SourceSettings]
    headers: Callable[[str], Mapping[str, str]]
    adapter: Callable[[Wire, str, Callable[[], str]], Upstream]


UPSTREAMS: Final[Mapping[Source, Entry]] = {
    Source.SAMESPACE: Entry(
        traits=SAMESPACE,
        settings=samespace_settings.SETTINGS,
        read=samespace_settings.read,
        headers=lambda key: {"x-api-key": key},
        adapter=lambda wire, account, now: Samespace(SamespaceClient(wire), account, now),
    ),
    Source.PACKAGEX: Entry(
        traits=PACKAGEX,
        settings=packagex_settings.SETTINGS,
        read=packagex_settings.read,
        headers=lambda key: {"px-api-key": key},
        adapter=lambda wire, account, now: PackageX(PackageXClient(wire), account, now),
    ),
    Source.SMART_SENDER: Entry(
        traits=SMARTSENDER,
        settings=smartsender_settings.SETTINGS,
        read=smartsender_settings.read,
        headers=lambda key: {"authorization": f"Bearer {key}"},
        adapter=lambda wire, account, now: SmartSender(SmartSenderClient(wire), account, now),
    ),
}


def build(
    source: Source,
    settings: SourceSettings,
    *,
    account: str,
    budget: Budget,
    inner: httpx.AsyncBaseTransport,
    now: Callable[[], str],
) -> Upstream:
    """One source for one account, ready to be called over `inner`; `now` gives RFC 3339 texts."""
    entry = UPSTREAMS[source]
    transport = UpstreamTransport(source.value, inner, budget, Limits(seconds=settings.seconds))
    wire = Wire(transport, settings.url, entry.headers(settings.key.reveal()))
    return entry.adapter(wire, account, now)
