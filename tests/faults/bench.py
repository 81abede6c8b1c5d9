"""A real gateway in front of the real emulators, with a fault proxy before each of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from gateway.model.source import Source
from gateway.sandbox import PLACES
from tests.support.fault_proxy import Elsewhere, FaultProxy
from tests.support.faults import CANARY
from tests.support.process import PATIENCE, Running, running

DEADLINE: Final = 15.0  # seconds for one operation
TIMEOUT: Final = 0.5  # seconds that the gateway gives one call to a source
CONNECTING: Final = 0.4  # of that time, at most
COOL_DOWN: Final = 0.2  # seconds for which a breaker that has opened leaves a source alone at first
NOWHERE: Final = f"{CANARY.lower()}.invalid"  # RFC 6761: a name that never resolves
KEYS: Final = {source: f"key-of-{source.value}-8sWx-that-nobody-may-see" for source in Source}

LIST: Final = (
    "query ($of: [Source!]) { contacts(first: 20, sources: $of) "
    "{ nodes { id source } sources { source status code retryAfterSeconds fromCache } } }"
)
FRESH: Final = (
    "query ($of: [Source!]) { contacts(first: 1, sources: $of, orderBy: {field: NAME}) "
    "{ sources { source status } } }"
)
UPDATE: Final = (
    "mutation ($input: UpdateContactInput!) { updateContact(input: $input) "
    "{ outcome { source status code message retryable retryAfterSeconds } userErrors { code message } } }"
)
LIVE: Final = {"cache-control": "no-cache"}


@dataclass(slots=True, kw_only=True)
class Bench:
    """One gateway and its surroundings. `contacts` are those to write to, one of each source.

    `nowhere` is a source whose address names no host; `secrets` are texts that nobody may see.
    """

    process: Running
    client: httpx.AsyncClient
    proxies: Mapping[Source, FaultProxy]
    elsewhere: Elsewhere
    secrets: tuple[str, ...]
    contacts: Mapping[Source, str]
    nowhere: Source | None = None
    writes: int = 0

    async def ask(self, query: str, variables: Mapping[str, Any]) -> httpx.Response:
        """Send an operation; nothing that was read before is good enough."""
        return await self.client.post("/graphql", json={"query": query, "variables": variables}, headers=LIVE)

    async def read(self, *of: Source) -> httpx.Response:
        """A list of some sources, of all by default."""
        return await self.ask(LIST, {"of": [source.value for source in of or tuple(Source)]})

    async def write(self, source: Source) -> httpx.Response:
        """A change that takes exactly one request that writes: another phone each time."""
        self.writes += 1
        contact = {"phone": f"+1202555{self.writes % 10_000:04}"}
        return await self.ask(UPDATE, {"input": {"id": self.contacts[source], "contact": contact}})

    async def settled(self, *of: Source) -> bool:
        """Wait for the index of some sources, so that no scan in the background meets the next fault."""
        body = (await self.ask(FRESH, {"of": [source.value for source in of]})).json()
        page = body["data"]["contacts"] or {"sources": [{"status": None}]}
        return all(each["status"] == "OK" for each in page["sources"])

    def seen_in(self, text: str) -> list[str]:
        """Complaints of what nobody may see and stands in a text."""
        folded = text.lower()
        return [f"{secret!r} can be seen" for secret in self.secrets if secret.lower() in folded]

    def end(self) -> list[str]:
        """End the gateway; complaints of what stands in all that it has printed."""
        self.process.stop()
        return self.seen_in(self.process.output())


@contextmanager
def emulators() -> Iterator[dict[Source, str]]:
    """The three emulators as a process, without rate limits; their addresses."""
    with running("sandbox", "--upstreams-only") as found:
        addresses = {
            source: found.line(rf"^{url}=(http://\S+)$")[1] for source, (url, _, _) in PLACES.items()
        }
        place = urlsplit(addresses[Source.SMART_SENDER]).netloc
        httpx.put(f"http://{place}/_emulator/rate-limit", json={"on": False}, timeout=PATIENCE)
        yield addresses


@asynccontextmanager
async def bench(
    addresses: Mapping[Source, str],
    *,
    nowhere: Source | None = None,
    contacts: Mapping[Source, str] | None = None,
    starting: AbstractAsyncContextManager[Any] | None = None,
    seconds: float = TIMEOUT,
) -> AsyncIterator[Bench]:
    """A bench in front of these emulators, ready for use. `starting` is held until then.

    `seconds` is the time for one call: more of them where other tests need the processors too.
    """
    async with AsyncExitStack() as stack:
        async with starting or nullcontext():
            made = await _start(stack, addresses, nowhere, seconds)
            made.contacts = contacts or await _first_contacts(made)
        yield made


async def _start(
    stack: AsyncExitStack, addresses: Mapping[Source, str], nowhere: Source | None, seconds: float
) -> Bench:
    elsewhere = Elsewhere()
    await elsewhere.start()
    stack.push_async_callback(elsewhere.aclose)
    proxies = {source: FaultProxy(place, elsewhere.url) for source, place in addresses.items()}
    for proxy in proxies.values():
        await proxy.start()
        stack.push_async_callback(proxy.aclose)
    serving = running("serve", settings=_settings(proxies, nowhere, seconds))
    process = await asyncio.to_thread(serving.__enter__)
    stack.push_async_callback(asyncio.to_thread, serving.__exit__, None, None, None)
    line = await asyncio.to_thread(process.line, r"The gateway answers on (http://\S+)")
    client = await stack.enter_async_context(httpx.AsyncClient(base_url=line[1], timeout=2 * DEADLINE))
    places = [urlsplit(address).netloc for address in addresses.values()]
    places += [elsewhere.place, *(proxy.place for proxy in proxies.values())]
    made = Bench(
        process=process,
        client=client,
        proxies=proxies,
        elsewhere=elsewhere,
        secrets=(CANARY, *KEYS.values(), *places),
        contacts={},
        nowhere=nowhere,
    )
    there = [source for source in Source if source is not nowhere]
    assert await made.settled(*there), "the first scan did not end"
    return made


async def _first_contacts(made: Bench) -> dict[Source, str]:
    nodes = (await made.read()).json()["data"]["contacts"]["nodes"]
    return {Source(node["source"]): node["id"] for node in reversed(nodes)}


def _settings(proxies: Mapping[Source, FaultProxy], nowhere: Source | None, seconds: float) -> dict[str, str]:
    settings = {
        "GATEWAY_DEADLINE_SECONDS": str(DEADLINE),
        "GATEWAY_DATA_DIR": ":memory:",
        "GATEWAY_INDEX_MAX_AGE_SECONDS": "86400",
        "GATEWAY_LOG_LEVEL": "debug",  # the log is looked through afterwards
        "SMART_SENDER_RATE_LIMIT": "off",
    }
    for source, (url, key, path) in PLACES.items():
        settings[url] = f"https://{NOWHERE}{path}" if source is nowhere else proxies[source].url
        settings[key] = KEYS[source]
        settings[f"{source.value}_TIMEOUT_SECONDS"] = str(seconds)
        settings[f"{source.value}_CONNECT_TIMEOUT_SECONDS"] = str(seconds * CONNECTING)
        settings[f"{source.value}_BREAKER_COOL_DOWN_SECONDS"] = str(COOL_DOWN)
    return settings
