"""Several customers behind one gateway: each a house with emulators, people and keys of its own.

The way to a source looks at the key of every request and leads to the house that it belongs to, as the
source itself does. A key that no house has gets 401.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from gateway import config, sandbox
from gateway.app import Gateway, create_app
from gateway.config import Config
from gateway.model.source import Source
from gateway.upstreams.emulation import Switchboard
from gateway.upstreams.people import Population
from tests.support.world import DEFAULTS, Answer, InProcess, at_once, schema, subgraph

EVERYTHING: Final = "read,write,import,raw,admin"
HEADERS: Final = {
    Source.SAMESPACE: "x-api-key",
    Source.PACKAGEX: "px-api-key",
    Source.SMART_SENDER: "authorization",
}
KEYS: Final = {source: key for source, (_, key, _) in sandbox.PLACES.items()}
BROUGHT: Final = {source: f"X-{name.replace('_', '-').title()}" for source, name in KEYS.items()}
ALL_HEADERS: Final = ",".join(KEYS.values())


def entry(name: str, rest: str = EVERYTHING, *, key: str | None = None) -> str:
    """An entry of GATEWAY_API_KEYS; its key is the name unless another one is given."""
    return f"{name}:{hashlib.sha256((key or name).encode()).hexdigest()}:{rest}"


@dataclass
class House:
    """One customer: its emulators, and the keys that open them."""

    name: str
    emulators: Mapping[Source, Any]
    ways: dict[Source, InProcess] = field(init=False)
    keys: dict[Source, str] = field(init=False)

    def __post_init__(self) -> None:
        self.ways = {source: InProcess(emulator.app) for source, emulator in self.emulators.items()}
        self.emulators[Source.SMART_SENDER].switches.rate_limits = False
        self.rekey("1")

    def rekey(self, mark: str) -> dict[Source, str]:
        """Change the keys: the old ones open nothing any more."""
        # So that the tests, which read every line of the log, find them there.
        self.keys = {source: f"key-7Jq2-{self.name}-{source.value.lower()}-{mark}" for source in KEYS}
        return self.keys

    @property
    def settings(self) -> dict[str, str]:
        """The keys by the name of their setting."""
        return {KEYS[source]: key for source, key in self.keys.items()}

    def headers(self, *sources: Source) -> dict[str, str]:
        """The keys as headers of a caller who brings them along."""
        return {BROUGHT[source]: self.keys[source] for source in sources or KEYS}

    def board(self, source: Source) -> Switchboard:
        """The switches of a source."""
        return self.emulators[source].switches  # type: ignore[no-any-return]

    @property
    def calls(self) -> dict[str, int]:
        """Requests that each emulator received."""
        counts = {source.value: self.board(source).requests for source in self.emulators}
        return {source: count for source, count in counts.items() if count}

    @property
    def operations(self) -> dict[str, int]:
        return {name: n for source in self.emulators for name, n in self.board(source).operations.items()}

    def forget(self) -> None:
        for source in self.emulators:
            self.board(source).forget()
            self.ways[source].requests.clear()


class Street(httpx.AsyncBaseTransport):
    """The way to one source for one account. `closed` tells whether the gateway has let go of it."""

    def __init__(self, source: Source, houses: Sequence[House]) -> None:
        self.source = source
        self.closed = False
        self.strangers: list[httpx.Request] = []
        self._houses = houses

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.closed:
            raise AssertionError("a request over a connection that is closed")
        key = request.headers.get(HEADERS[self.source], "").removeprefix("Bearer ")
        for house in self._houses:
            if key == house.keys[self.source]:
                return await house.ways[self.source].handle_async_request(request)
        self.strangers.append(request)
        return httpx.Response(401, json={"message": "Unauthenticated"}, request=request)

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class Town:
    """One gateway in front of several houses."""

    houses: Sequence[House]
    app: Any
    gateway: Gateway
    client: httpx.AsyncClient
    streets: list[Street]

    async def ask(
        self, who: str, query: str, variables: Mapping[str, Any] | None = None, **headers: str
    ) -> Answer:
        """Ask with the key of a caller; headers with `_` for `-`."""
        sent = {"X-Api-Key": who, **{name.replace("_", "-"): value for name, value in headers.items()}}
        body = {"query": query, "variables": variables}
        response = await self.client.post("/graphql", json=body, headers=sent)
        return Answer(response.status_code, response.headers, response.json())

    async def data(
        self, who: str, query: str, variables: Mapping[str, Any] | None = None, **headers: str
    ) -> Any:
        answer = await self.ask(who, query, variables, **headers)
        assert answer.errors == [], answer.body
        return answer.data

    async def upload(self, who: str, query: str, given: Mapping[str, Any], content: bytes) -> Answer:
        """Send an operation with one file."""
        form = {
            "operations": json.dumps({"query": query, "variables": {"input": {**given, "file": None}}}),
            "map": json.dumps({"0": ["variables.input.file"]}),
        }
        response = await self.client.post(
            "/graphql", data=form, files={"0": ("people.csv", content)}, headers={"X-Api-Key": who}
        )
        return Answer(response.status_code, response.headers, response.json())

    async def scan(self, account: str) -> None:
        """Fill the index of an account."""
        crawler = self.gateway.crawlers[account]
        for source in tuple(crawler.progress):
            await crawler.scan(source)

    def forget(self) -> None:
        for house in self.houses:
            house.forget()

    @property
    def brought(self) -> list[str]:
        """The accounts of brought keys that are open."""
        return [account for account in self.gateway.directories if account.startswith("brought.")]

    @property
    def strangers(self) -> list[httpx.Request]:
        """Requests with a key that no house has."""
        return [request for street in self.streets for request in street.strangers]

    async def aclose(self) -> None:
        await self.client.aclose()
        await self.gateway.aclose()


def houses(*names: str, people: int = 40) -> list[House]:
    """Houses with different people."""
    return [
        House(name, sandbox.emulators(Population(size=people, seed=number)))
        for number, name in enumerate(names, start=1)
    ]


def environment(common: House | None, **settings: str) -> dict[str, str]:
    """Settings of a gateway; the sources' common keys are those of a house."""
    found = {**DEFAULTS, **settings}
    for source, (url, key, path) in sandbox.PLACES.items():
        found[url] = f"http://127.0.0.1:1{path}"
        if common is not None:
            found[key] = common.keys[source]
    return {name: value for name, value in found.items() if value}


def town(
    behind: Sequence[House],
    settings: Mapping[str, str],
    *,
    reread: Callable[[], Config] | None = None,
    now: Callable[[], str] | None = None,
    crawling: bool = False,
) -> Town:
    """A gateway in front of some houses."""
    streets: list[Street] = []

    def way(source: Source) -> Street:
        streets.append(Street(source, behind))
        return streets[-1]

    more = {} if now is None else {"now": now}
    app = create_app(
        config.read(settings),
        transports=way,
        sleep=at_once,
        crawling=crawling,
        schema=schema(),
        subgraph=subgraph(),
        reread=reread,
        **more,
    )
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8000")
    return Town(behind, app, app.state.gateway, client, streets)


def accounts(*behind: House) -> str:
    """GATEWAY_ACCOUNTS: an account of the name of each house, with its keys."""
    return json.dumps({house.name: house.settings for house in behind})
