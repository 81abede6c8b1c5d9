"""The only list of sources. A further one is a folder, an entry here, and a word in `enum Source`."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from gateway.cache.flights import Flights
from gateway.cache.known import Known
from gateway.cache.reads import Reads, Times
from gateway.cache.shelf import MemoryShelf, Shelf
from gateway.model.source import Source
from gateway.ports import Traits, Upstream
from gateway.resilience.budget import Budget
from gateway.resilience.sharing import Sharing
from gateway.resilience.transport import Sleep, UpstreamTransport
from gateway.resilience.wire import Credential, Wire
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
class Cache:
    """Where answers are kept, and for how long; and what was made of those that come again."""

    shelf: Shelf
    times: Times
    known: Known


NO_CACHE: Final = Cache(shelf=MemoryShelf(1), times=Times(), known=Known(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the gateway knows of a source before it is called. `headers` makes those that carry the key."""

    traits: Traits
    settings: tuple[Setting, ...]
    read: Callable[[Mapping[str, Any]], SourceSettings]
    headers: Callable[[str], Mapping[str, str]]
    adapter: Callable[[Wire, Reads, str, Callable[[], str], Mapping[str, Any]], Upstream]


def _samespace(
    wire: Wire, reads: Reads, account: str, now: Callable[[], str], own: Mapping[str, Any]
) -> Upstream:
    client = SamespaceClient(wire, reads, import_seconds=own[samespace_settings.IMPORT_SECONDS.name])
    return Samespace(client, account, now, merge_keys=own[samespace_settings.MERGE_KEYS])


def _packagex(
    wire: Wire, reads: Reads, account: str, now: Callable[[], str], own: Mapping[str, Any]
) -> Upstream:
    client = PackageXClient(wire, reads, import_seconds=own[packagex_settings.IMPORT_SECONDS.name])
    return PackageX(
        client,
        account,
        now,
        deletes=own[packagex_settings.DELETE],
        index_base=own[packagex_settings.INDEX_BASE],
        largest_url=own[packagex_settings.IMPORT_BYTES],
    )


def _smartsender(
    wire: Wire, reads: Reads, account: str, now: Callable[[], str], own: Mapping[str, Any]
) -> Upstream:
    client = SmartSenderClient(wire, reads, merge_path=own[smartsender_settings.MERGE_PATH])
    return SmartSender(client, account, now, deletes=own[smartsender_settings.DELETE])


UPSTREAMS: Final[Mapping[Source, Entry]] = {
    Source.SAMESPACE: Entry(
        traits=SAMESPACE,
        settings=samespace_settings.SETTINGS,
        read=samespace_settings.read,
        headers=lambda key: {"x-api-key": key},
        adapter=_samespace,
    ),
    Source.PACKAGEX: Entry(
        traits=PACKAGEX,
        settings=packagex_settings.SETTINGS,
        read=packagex_settings.read,
        headers=lambda key: {"px-api-key": key},
        adapter=_packagex,
    ),
    Source.SMART_SENDER: Entry(
        traits=SMARTSENDER,
        settings=smartsender_settings.SETTINGS,
        read=smartsender_settings.read,
        headers=lambda key: {"authorization": f"Bearer {key}"},
        adapter=_smartsender,
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
    sleep: Sleep = asyncio.sleep,
    cache: Cache = NO_CACHE,
    sharing: Sharing | None = None,
    credential: Credential | None = None,
    share: float = 1.0,
) -> Upstream:
    """One source for one account, ready to be called over `inner`; `now` gives RFC 3339 texts.

    `credential` can be renewed while calls are under way; `share` is one caller's part of the rate limit.
    """
    entry = UPSTREAMS[source]
    transport = UpstreamTransport(
        source.value, inner, budget, settings.policy, sleep=sleep, sharing=sharing, share=share
    )
    credential = credential or Credential(entry.headers(settings.key.reveal()))
    wire = Wire(transport, settings.url, credential, cache.known)
    own = {**_defaults(entry), **settings.own}
    reads = Reads(space(account, source), Flights(source.value), cache.shelf, cache.times, now, cache.known)
    return entry.adapter(wire, reads, account, now, own)


def space(account: str, source: Source) -> str:
    """What the answers of one source for one account are kept under."""
    return f"{account}:{source.value}"


def _defaults(entry: Entry) -> dict[str, Any]:
    return {each.name: each.read(each.default) for each in entry.settings}
