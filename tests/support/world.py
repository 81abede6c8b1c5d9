"""The gateway with the three emulators behind it, all in one process.

Only the innermost transport is replaced: requests reach the emulators without a socket. Nothing of our own
code is mocked, and nothing waits on a clock.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
from graphql import ASTValidationRule, DocumentNode, GraphQLError, GraphQLSchema, validate

from gateway import config, sandbox
from gateway.app import Gateway, create_app, read_schema, read_subgraph, wall_clock
from gateway.cache.reads import Keep
from gateway.federation.directory import Directory
from gateway.index.crawl import Crawler
from gateway.model.source import Source
from gateway.upstreams.emulation import ConnectionBroken, Switchboard
from gateway.upstreams.packagex.emulator import Emulator as PackageX
from gateway.upstreams.people import Population
from gateway.upstreams.samespace.emulator import Emulator as Samespace
from gateway.upstreams.smartsender.emulator import Emulator as SmartSender

PEOPLE = 200  # as few as give every source a second page: thousands of tests read all of them
DEFAULTS = {
    "GATEWAY_DATA_DIR": ":memory:",
    "SMART_SENDER_RATE_LIMIT": "off",
    "GATEWAY_INDEX_WAIT_SECONDS": "0.5",
    # What a source does is seen at once; how answers are kept is shown where caches are.
    **{f"GATEWAY_CACHE_{kind.name}_SECONDS": "0" for kind in Keep},
    "GATEWAY_STALE_IF_ERROR_SECONDS": "0",
}


USER_ERROR = "field message code source"
OUTCOME = (
    "{ source targetId status applied ignored code message retryable retryAfterSeconds "
    f"contact {{ id displayName email phone }} userErrors {{ {USER_ERROR} }} }}"
)
SEVERAL = {  # mutations with more than one outcome
    *("createContact", "updateContacts", "deleteContacts"),
    *("updatePerson", "syncPerson", "erasePerson"),
}
JOB = (
    "{ id state dryRun columns mapping { column field } processed total confirmation startedAt finishedAt "
    "reports { source status created merged failed unknown deleted code message "
    "rows { index status contactId reason fields } } }"
)


async def at_once(_: float) -> None:
    """A pause that takes no time."""
    await asyncio.sleep(0)


class InProcess(httpx.AsyncBaseTransport):
    """The way to one emulator. `down` makes it unreachable; `requests` holds what was sent.

    `on` hears of each request before it is delivered, and may raise instead.
    """

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app=app)
        self.down: type[httpx.TransportError] | None = None
        self.on: Callable[[httpx.Request], object] = lambda _: None
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.down is not None:
            raise self.down("unreachable", request=request)
        self.on(request)
        try:
            return await self._inner.handle_async_request(request)
        except ConnectionBroken as broken:
            raise httpx.ReadError(str(broken), request=request) from broken


@dataclass
class Answer:
    """An answer of the gateway."""

    status: int
    headers: httpx.Headers
    body: Any

    @property
    def data(self) -> Any:
        return self.body.get("data")

    @property
    def errors(self) -> list[dict[str, Any]]:
        return list(self.body.get("errors", []))

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.errors]

    @property
    def warnings(self) -> list[dict[str, Any]]:
        return list(self.body["extensions"].get("warnings", []))

    @property
    def calls(self) -> dict[str, int]:
        per_source = self.body["extensions"]["cost"]["perSource"]
        return {source: cost["calls"] for source, cost in per_source.items() if cost["calls"]}


@dataclass
class World:
    """The gateway and what stands behind it."""

    samespace: Samespace
    packagex: PackageX
    smartsender: SmartSender
    transports: dict[Source, InProcess]
    app: Any
    gateway: Gateway
    client: httpx.AsyncClient
    built: Hashable = None  # what it was built with, where a world that is built alike holds the same
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> Answer:
        body = {"query": query, "variables": variables, **members}
        response = await self.client.post("/graphql", json=body, headers={**self.headers, **(headers or {})})
        return Answer(response.status_code, response.headers, response.json())

    async def upload(
        self,
        query: str,
        variables: Mapping[str, Any],
        content: bytes,
        *,
        filename: str = "people.csv",
        path: str = "variables.input.file",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send an operation with one file: GraphQL multipart request."""
        form = {
            "operations": json.dumps({"query": query, "variables": variables}),
            "map": json.dumps({"0": [path]}),
        }
        response = await self.client.post(
            "/graphql",
            data=form,
            files={"0": (filename, content)},
            headers={**self.headers, **(headers or {})},
        )
        return Answer(response.status_code, response.headers, response.json())

    async def write(self, field: str, given: Mapping[str, Any], more: str = "", **asking: Any) -> Any:
        """Send one mutation, and return its payload."""
        type_ = f"{field[0].upper()}{field[1:]}Input"
        many = field in SEVERAL
        document = (
            f"mutation ($input: {type_}!) {{ {field}(input: $input) "
            f"{{ {'outcomes' if many else 'outcome'} {OUTCOME} userErrors {{ {USER_ERROR} }} {more} }} }}"
        )
        answer = await self.ask(document, {"input": given}, **asking)
        assert answer.errors == [], answer.body
        return answer.data[field]

    async def load(
        self, given: Mapping[str, Any], content: bytes, filename: str = "people.csv", **asking: Any
    ) -> Any:
        """Import a file, and return the payload."""
        document = (
            "mutation ($input: ImportContactsInput!) { importContacts(input: $input) "
            f"{{ job {JOB} userErrors {{ {USER_ERROR} }} clientMutationId }} }}"
        )
        answer = await self.upload(
            document, {"input": {**given, "file": None}}, content, filename=filename, **asking
        )
        assert answer.errors == [], answer.body
        return answer.data["importContacts"]

    async def some(self, source: Source, count: int = 1) -> list[dict[str, Any]]:
        """The first contacts of a source."""
        page = await self.data(
            "query ($of: [Source!], $n: Int) { contacts(first: $n, sources: $of) { nodes "
            "{ id sourceId displayName firstName lastName email phone } } }",
            {"of": [source.value], "n": count},
        )
        self.forget()
        nodes: list[dict[str, Any]] = page["contacts"]["nodes"]
        return nodes

    async def data(self, query: str, variables: Mapping[str, Any] | None = None, **more: Any) -> Any:
        answer = await self.ask(query, variables, **more)
        assert answer.errors == []
        return answer.data

    async def scan(self, *sources: Source) -> None:
        """Fill the index, then forget the calls that it took."""
        for source in sources or tuple(self.crawler.progress):
            await self.crawler.scan(source)
        self.forget()

    async def fill(self) -> None:
        """As `scan` does in a world whose sources nobody has changed yet.

        The first one of a process that is built so is scanned. The others copy what that has put into the
        index, as if it had been read now: a scan takes tens of milliseconds of CPU, and a thousand tests
        begin with one.
        """
        assert self.built is not None
        store: Any = self.gateway._store
        database: sqlite3.Connection = store._writer
        if self.built not in FILLED:
            await self.scan()
            FILLED[self.built] = database.serialize()
            return
        database.deserialize(FILLED[self.built])
        now = {"now": wall_clock()}
        with database:
            database.execute("UPDATE scan SET started = :now, began = :now, finished = :now", now)
            database.execute(
                "UPDATE contact SET as_of = :now, confirmed = iif(confirmed IS NULL, NULL, :now)", now
            )
        store.changed += 1
        for source, progress in self.crawler.progress.items():
            progress.modules = await self.crawler._modules(source)
            progress.ended(None)
        self.forget()

    def forget(self) -> None:
        for board in self.boards.values():
            board.forget()
        for transport in self.transports.values():
            transport.requests.clear()

    @property
    def boards(self) -> dict[Source, Switchboard]:
        return {
            Source.SAMESPACE: self.samespace.switches,
            Source.PACKAGEX: self.packagex.switches,
            Source.SMART_SENDER: self.smartsender.switches,
        }

    @property
    def calls(self) -> dict[str, int]:
        """Requests that each emulator received."""
        return {source.value: board.requests for source, board in self.boards.items() if board.requests}

    @property
    def operations(self) -> dict[str, int]:
        return {name: count for board in self.boards.values() for name, count in board.operations.items()}

    @property
    def crawler(self) -> Crawler:
        return next(iter(self.gateway.crawlers.values()))

    @property
    def directory(self) -> Directory:
        return next(iter(self.gateway.directories.values()))


FILLED: dict[Hashable, bytes] = {}  # the index of a world, by what it was built with


def build(
    people: int = PEOPLE,
    *,
    seed: int = 1,
    off: tuple[Source, ...] = (),
    beside: "World | None" = None,
    names: Mapping[str, Sequence[str]] | None = None,
    **settings: str,
) -> World:
    """A world of its own; `settings` are environment variables, `off` are sources without a key.

    `beside`: another gateway in front of the emulators of that world. `names`: addresses of hosts.
    """
    emulators: Mapping[Source, Any] = sandbox.emulators(Population(size=people, seed=seed))
    if beside is not None:
        emulators = dict(zip(emulators, (beside.samespace, beside.packagex, beside.smartsender), strict=True))
    environment = {**DEFAULTS, **settings}
    for source, (url, key, path) in sandbox.PLACES.items():
        if source not in off:
            environment[url] = f"http://127.0.0.1:1{path}"
            environment[key] = sandbox.SANDBOX_KEY
    transports = {source: InProcess(emulator.app) for source, emulator in emulators.items()}

    async def resolve(host: str) -> Sequence[str]:
        return (names or {}).get(host, ())

    app = create_app(
        config.read(environment),
        transports=transports.__getitem__,
        sleep=at_once,
        resolve=resolve,
        crawling=False,
        schema=schema(),
        subgraph=subgraph(),
        validate=validated,
    )
    samespace, packagex, smartsender = emulators.values()
    assert isinstance(samespace, Samespace)
    assert isinstance(packagex, PackageX)
    assert isinstance(smartsender, SmartSender)
    smartsender.switches.rate_limits = False
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8000")
    built = (people, seed, off, frozenset(environment.items()))
    alike = beside is None and names is None and environment["GATEWAY_DATA_DIR"] == ":memory:"
    gateway: Gateway = app.state.gateway
    return World(samespace, packagex, smartsender, transports, app, gateway, client, built if alike else None)


@cache
def schema() -> GraphQLSchema:
    """The schema, which all worlds share: nothing in it changes."""
    return read_schema()


@cache
def subgraph() -> GraphQLSchema:
    """The same with what only routers ask for."""
    return read_subgraph(schema())


VALID: set[Any] = set()


def validated(
    schema: GraphQLSchema, document: DocumentNode, rules: Sequence[type[ASTValidationRule]], **how: Any
) -> list[GraphQLError]:
    """What graphql-core says of a document; one that was valid in another world is not looked at again."""
    assert document.loc is not None
    looked_at = (document.loc.source.body, schema, *rules, *how.items())
    if looked_at in VALID:
        return []
    errors = validate(schema, document, rules, **how)
    if not errors:
        VALID.add(looked_at)
    return errors


async def close(world: World) -> None:
    await world.client.aclose()
    await world.gateway.aclose()
    await asyncio.sleep(0)
