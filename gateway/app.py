"""Composition root: settings to a Starlette application. The only file that wires."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from graphql import GraphQLSchema, validate
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from gateway import clock, events, gauges
from gateway.accounts import Accounts, Parts, Transports
from gateway.cache.known import Known
from gateway.cache.shelf import MemoryShelf, Shelf
from gateway.config import BadSetting, Config
from gateway.context import Ledger
from gateway.engine import persisted as engine_persisted
from gateway.engine import schema as engine_schema
from gateway.engine import subgraph as subgraphs
from gateway.engine.documents import Documents, Validate
from gateway.engine.persisted import NOTHING, BadManifest, Manifest, Registered
from gateway.federation.directory import Directory
from gateway.imports.room import Room
from gateway.index.crawl import Crawler
from gateway.index.numbers import FILE as NUMBERS_FILE
from gateway.index.numbers import Numbers
from gateway.index.store import SqliteStore, Store
from gateway.journal.feed import Feed
from gateway.journal.journal import Journal, Owning
from gateway.journal.once import Once
from gateway.journal.owner import NotOurs, Owner
from gateway.journal.spoken import Sayings
from gateway.journal.store import BrokenJournal, SqliteJournal
from gateway.model.caller import Scope
from gateway.model.source import Source
from gateway.network.pool import Pool
from gateway.network.transport import Network
from gateway.resilience.transport import Sleep
from gateway.server import admission, probes
from gateway.server.admission import Admission
from gateway.server.again import again
from gateway.server.auth import Authority
from gateway.server.explorer import view
from gateway.server.graphql import Endpoint
from gateway.server.metrics import Exposition
from gateway.server.middleware import (
    Front,
    OpenModeGuard,
    Packed,
    SocketOrigin,
    Straight,
)
from gateway.server.operations import Operations
from gateway.server.patience import Patience
from gateway.server.persisted import Persisted, Watch
from gateway.server.problems import Refusal, answer, told
from gateway.server.refusals import Refusals
from gateway.server.running import Guard
from gateway.server.siblings import Siblings, Worker
from gateway.server.websocket import Sockets
from gateway.setting import Proxy
from gateway.telemetry import logs
from gateway.telemetry.metrics import CONTENT_TYPE
from gateway.telemetry.voice import Tracing, Voice
from gateway.upstreams import Cache
from gateway.writing.media import Media, Resolve, by_dns
from resolvers import BINDABLES

if TYPE_CHECKING:
    from gateway.server.fairness import Fairness
    from gateway.shared.replicas import Replicas

GRAPHQL: Final = "/graphql"
INDEX_FILE: Final = "index.sqlite3"
JOURNAL_FILE: Final = "journal.sqlite3"
CORS: Final[dict[str, Any]] = {
    "allow_methods": ["GET", "POST"],
    "expose_headers": ["Retry-After", "X-Request-Id"],
    "max_age": 600,
}
CORS_HEADERS: Final = (
    *("Authorization", "Content-Type", "X-Api-Key", "X-Request-Id", "Traceparent", "Idempotency-Key"),
    *("X-Deadline-Ms", "Cache-Control", "X-Explain", "X-Partial", "X-Requested-With"),
    *("GraphQL-Require-Preflight", "Apollo-Require-Preflight"),
)
RENEW_SECONDS: Final = 5.0  # between two looks at the files with keys
LAST_WRITES: Final = 5.0  # seconds that keyed writes have to come to their end when the process ends
OPEN_CONNECTIONS: Final = 100
KEPT_CONNECTIONS: Final = 32
KEPT_SECONDS: Final = 20.0


def sdl() -> str:
    """The text of schema.graphql."""
    return _beside("schema.graphql")


def federated_sdl() -> str:
    """The schema as routers compose it: schema.graphql and subgraph.graphql as one."""
    return subgraphs.sdl(sdl(), _beside("subgraph.graphql"))


def read_schema() -> GraphQLSchema:
    """The executable schema, as clients see it."""
    return engine_schema.build(sdl(), BINDABLES)


def read_subgraph(schema: GraphQLSchema) -> GraphQLSchema:
    """The same with what only routers ask for."""
    return subgraphs.extended(schema, sdl(), _beside("subgraph.graphql"))


def _beside(name: str) -> str:
    """A text from the root of the checkout, or from the installed package."""
    here = Path(__file__).parent
    installed = here / name
    return (installed if installed.is_file() else here.parent / name).read_text("utf-8")


def wall_clock() -> str:
    """Now, as RFC 3339 in UTC."""
    return clock.as_text(time.time_ns() // 1_000_000)


def over_the_network(proxy: Proxy | None) -> Transports:
    """The innermost transports: connections to a source, kept for a while, with certificates checked."""
    tls = httpx.create_ssl_context(trust_env=False)  # one for all: each takes memory, and time to be made

    def connections(_: Source) -> httpx.AsyncBaseTransport:
        pool = Pool(most=OPEN_CONNECTIONS, kept=KEPT_CONNECTIONS, seconds=KEPT_SECONDS)
        return Network(pool, tls, proxy=proxy)

    return connections


class Gateway:
    """Everything that lives as long as the process: the sources of each account, and their index."""

    def __init__(
        self,
        config: Config,
        transports: Transports,
        now: Callable[[], str],
        sleep: Sleep = asyncio.sleep,
        *,
        resolve: Resolve = by_dns,
        worker: Worker | None = None,
    ) -> None:
        self.config = config
        folder = _data_dir(config)
        own = _owner(folder)
        self.replicas = _replicas(config, own)
        self._owner: Owning = own if self.replicas is None else self.replicas.owner
        self.journal: Journal = _journal(folder) if self.replicas is None else self.replicas.journal
        self.sayings = Sayings(self.journal)
        self._store: Store = SqliteStore(
            folder and folder / INDEX_FILE,
            config.rules,
            self.sayings.spoken,
            self.sayings.hear,
            numbers=_numbers(folder, worker),
        )
        self.feed = Feed(self.journal)
        self._once = Once(self.journal, self._owner, now)
        self.shelf, self.known = MemoryShelf(config.cache_bytes // 4), Known(config.cache_bytes * 3 // 4)
        shelf: Shelf = self.shelf if self.replicas is None else self.replicas.shelf(self.shelf)
        self.voice = Voice(tracing=_tracing() if config.traces else None)
        of_one = config.fair.share if config.several_callers else 1.0
        self.admission = Admission(
            most=config.operations,
            most_followers=config.subscriptions,
            of_one=of_one,
            patience=Patience(config.deadline_seconds),
        )
        self.accounts = Accounts(
            config,
            Parts(
                transports=transports,
                now=now,
                sleep=sleep,
                store=self._store,
                journal=self.journal,
                sayings=self.sayings,
                feed=self.feed,
                owner=self._owner,
                once=self._once,
                media=Media(resolve, config.media_hosts),
                cache=Cache(shelf=shelf, times=config.cache_times, known=self.known),
                replicas=self.replicas,
                room=Room(of_one=of_one),
                voice=self.voice,
            ),
        )
        self.refusals = Refusals(lambda account, entries: self.journal.audit(account, now(), entries))
        self.fairness = _fairness(config, self.replicas)
        self.authority = Authority(
            config.keys,
            config.tokens,
            known=self.accounts.known,
            bring=self.accounts.bring,
            headers=config.headers,
        )
        self.voice.metrics.gauge(*gauges.of(self))

    @property
    def directories(self) -> dict[str, Directory]:
        """The directory of each account."""
        return self.accounts.directories

    @property
    def crawlers(self) -> dict[str, Crawler]:
        """What keeps the index of each account fresh."""
        return self.accounts.crawlers

    def shared_state(self) -> bool | None:
        """Whether what replicas share is there; None where nothing is shared."""
        return None if self.replicas is None else self.replicas.state.here

    @property
    def scratch(self) -> Path:
        """Where files lie that came with a request."""
        return self._owner.scratch

    @property
    def ledgers(self) -> dict[str, Ledger]:
        """What writes of each account are kept in."""
        return self.accounts.ledgers

    async def renew(self, config: Config) -> None:
        """Take keys that have changed in the settings: of callers, sources, accounts. Raises BadSetting."""
        if config.open and not self.config.open:  # such as a file that is about to be written
            raise BadSetting(
                "GATEWAY_API_KEYS is empty: a gateway that had keys does not open while it runs."
            )
        outdated = self.accounts.renew(config)
        self.config = config
        self.authority.renew(config.keys, config.tokens)
        await self.accounts.settle(outdated)

    async def recover(self) -> None:
        """Find what a killed process has left behind; where that is shared, as soon as it is there."""
        await self.accounts.recover()

    @asynccontextmanager
    async def sharing(self) -> AsyncIterator[None]:
        """Share with other replicas as long as the work inside takes."""
        if self.replicas is None:
            yield
            return
        with self._sharing_heard():
            await self.replicas.state.probe()
        task = asyncio.create_task(self._share(self.replicas))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def aclose(self) -> None:
        """End what still runs, then close connections, index and journal."""
        await self.accounts.aclose()
        with suppress(sqlite3.Error):
            await self.refusals.flush()
        await self._once.aclose(LAST_WRITES)
        await self.accounts.disconnect()
        await self._store.aclose()
        await self.journal.aclose()
        await self._owner.aclose()
        if self.replicas is not None:
            await self.replicas.aclose()
        await asyncio.to_thread(self.voice.close)

    async def _share(self, replicas: "Replicas") -> None:
        with self._sharing_heard():
            await replicas.run()

    def _sharing_heard(self) -> events.heard_by:
        """Have it told whether what replicas share is there."""
        return events.heard_by(*self.voice.listeners("state", background=True))


def guard(config: Config, app: Starlette) -> Guard:
    """What the outside is held to before the application sees it."""
    gateway: Gateway = app.state.gateway
    return Guard(
        intake=config.intake,
        proxies=config.web.proxies,
        told=gateway.voice.metrics.limit,
        closing=gateway.feed.close,
    )


def create_app(
    config: Config,
    *,
    transports: Transports | None = None,
    now: Callable[[], str] = wall_clock,
    sleep: Sleep = asyncio.sleep,
    resolve: Resolve = by_dns,
    crawling: bool = True,
    schema: GraphQLSchema | None = None,
    subgraph: GraphQLSchema | None = None,
    validate: Validate = validate,
    reread: Callable[[], Config] | None = None,
    worker: Worker | None = None,
) -> Starlette:
    """The application. `reread` reads the settings again, for keys that change in their files; `worker` says
    which of several processes this is.

    Tests replace `transports`, `now`, `sleep` and `resolve`, crawl by hand, share a `schema` and `subgraph`,
    and what `validate` found.
    """
    schema = schema or read_schema()
    subgraph = subgraph or read_subgraph(schema)
    of_schema = Documents(
        schema,
        config.limits,
        subgraph=subgraph,
        introspection=config.introspection,
        suggestions=config.suggestions,
        validate=validate,
    )
    manifest = _manifest(config, of_schema)
    transports = transports or over_the_network(config.outgoing_proxy)
    gateway = Gateway(config, transports, now, sleep, resolve=resolve, worker=worker)
    documents = Persisted(
        documents=of_schema,
        metrics=gateway.voice.metrics,
        mode=config.documents_mode,
        manifest=manifest,
        registered=Registered() if config.apq else None,
    )
    operations = Operations(
        documents=documents,
        authority=gateway.authority,
        fairness=gateway.fairness,
        limits=config.limits,
        directories=gateway.accounts.directory,
        ledgers=gateway.accounts.ledger,
        at_work=gateway.accounts.at_work,
        admission=gateway.admission,
        voice=gateway.voice,
        seconds=config.deadline_seconds,
        suggestions=config.suggestions,
    )
    siblings = Siblings(worker, gateway.voice.metrics.text)
    endpoint = Endpoint(
        operations=operations,
        intake=config.intake,
        web=config.web,
        scratch=gateway.scratch,
        explorer=view.explore if config.explorer else None,
    )
    routes: list[BaseRoute] = [
        Route(GRAPHQL, endpoint),
        WebSocketRoute(
            GRAPHQL,
            Sockets(
                operations=operations,
                refusals=gateway.refusals,
                intake=config.intake,
                brought=config.headers,
            ),
        ),
        Route("/healthz", probes.alive),
        Route("/metrics", Exposition(gateway.authority, siblings.all, CONTENT_TYPE).answer),
        Route("/readyz", probes.Ready(lambda: gateway.accounts.configured, gateway.shared_state).answer),
    ]
    if config.introspection:
        routes.append(Route("/schema.graphql", _published(sdl(), gateway.authority)))
    if config.explorer:
        routes.extend(view.routes())
    app = Starlette(
        routes=routes,
        middleware=[  # outermost first
            Middleware(Front, config.intake.header_bytes, gateway.voice.metrics.limit, gateway.refusals),
            *([Middleware(OpenModeGuard, config.web.origins)] if config.open else []),
            Middleware(SocketOrigin, config.web.origins),
            *([_cors(config)] if config.web.origins else []),
            *([Middleware(Packed)] if config.web.packed else []),
            Middleware(Straight, GRAPHQL, endpoint),
        ],
        exception_handlers={HTTPException: told},
        lifespan=_open_and_close(gateway, documents, siblings, crawling=crawling, reread=reread, sleep=sleep),
    )
    app.router.redirect_slashes = False
    app.state.gateway = gateway
    app.state.documents = documents
    return app


def _cors(config: Config) -> Middleware:
    """Answers what browsers ask before a page of another origin may call."""
    headers = [*CORS_HEADERS, *config.headers]
    return Middleware(CORSMiddleware, **CORS, allow_origins=config.web.origins, allow_headers=headers)


def _tracing() -> Tracing:
    from gateway.telemetry import tracing  # takes a while, and memory

    return tracing.exporting()


def _replicas(config: Config, own: Owner) -> "Replicas | None":
    """What is shared with other replicas; None where there is nothing to share through."""
    if not config.state_url:
        return None
    from gateway.shared.replicas import share  # Redis' client takes a while, and memory

    return share(config.state_url, config.parts, own)


def _fairness(config: Config, replicas: "Replicas | None") -> "Fairness | None":
    """What counts how much each caller gets; None where everybody gets as much as they want."""
    if not config.fair.counted:
        return None
    from gateway.server.fairness import Fairness  # what counts takes a while, and memory

    if replicas is None:
        return Fairness(config.fair, config.parts)
    return Fairness(config.fair, config.parts, replicas.state, replicas.callers)


@dataclass(slots=True, eq=False)
class Renewal:
    """Takes keys whose files have changed. What is odd is told, and the old ones stay."""

    gateway: Gateway
    reread: Callable[[], Config]
    sleep: Sleep = asyncio.sleep
    _held: Mapping[Path, bytes] | None = None

    async def look(self) -> None:
        """Look at the files once; the first time only to know what they hold."""
        found = await asyncio.to_thread(self.gateway.config.secrets)
        held, self._held = self._held, found
        if held is None or found == held:
            return
        try:
            await self.gateway.renew(await asyncio.to_thread(self.reread))
        except BadSetting as odd:
            logs.keys_refused(str(odd))
        except BaseException:
            self._held = held  # tried again with the next look
            raise
        else:
            logs.keys_renewed()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        await again(self.look, "keys", RENEW_SECONDS, self.sleep)


def _open_and_close(
    gateway: Gateway,
    documents: Persisted,
    siblings: Siblings,
    *,
    crawling: bool,
    reread: Callable[[], Config] | None,
    sleep: Sleep,
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if gateway.replicas is not None:
            gateway.replicas.state.settled.append(gateway.recover)
        async with gateway.sharing(), siblings.heard():
            if gateway.replicas is None:
                await gateway.recover()
            await gateway.accounts.forget()
            tasks = [asyncio.create_task(admission.watch(gateway.admission.told))]
            tasks.append(asyncio.create_task(gateway.refusals.run()))
            if reread is not None:
                tasks.append(asyncio.create_task(Renewal(gateway, reread, sleep).run()))
            if gateway.config.documents is not None:
                watch = Watch(documents, gateway.config.documents, sleep)
                tasks.append(asyncio.create_task(watch.run()))
            if crawling:
                tasks.append(asyncio.create_task(gateway.accounts.crawl()))
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                await gateway.aclose()

    return lifespan


def _manifest(config: Config, documents: Documents) -> Manifest:
    """The documents that the operator has listed, each looked at."""
    if config.documents is None:
        return NOTHING
    try:
        return engine_persisted.read(config.documents, documents)
    except BadManifest as odd:
        raise BadSetting(f"GATEWAY_DOCUMENTS {odd}") from None


def _published(text: str, authority: Authority) -> Callable[[Request], Awaitable[Response]]:
    """The SDL, for callers who may read."""

    async def publish(request: Request) -> Response:
        try:
            await authority.allowed(request.headers, Scope.READ)
        except Refusal as refusal:
            return answer(refusal, request.scope)
        return PlainTextResponse(text)

    return publish


def _data_dir(config: Config) -> Path | None:
    if config.data_dir is None:
        return None
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"GATEWAY_DATA_DIR cannot be used: {error.strerror}.") from None
    return config.data_dir


def _numbers(folder: Path | None, worker: Worker | None) -> Numbers | None:
    """The numbers of rows where several workers fill an index, or have done so before in this folder."""
    if worker is not None:
        return Numbers(worker.kept / NUMBERS_FILE, first=worker.number == 1)
    path = folder and folder / NUMBERS_FILE
    return Numbers(path, first=True) if path is not None and path.exists() else None


def _owner(folder: Path | None) -> Owner:
    try:
        return Owner(folder)
    except NotOurs as error:
        raise BadSetting(f"{error} Take it away, or set TMPDIR or GATEWAY_DATA_DIR.") from None


def _journal(folder: Path | None) -> Journal:
    try:
        return SqliteJournal(folder and folder / JOURNAL_FILE)
    except BrokenJournal as error:
        raise BadSetting(f"GATEWAY_DATA_DIR cannot be used: {error}") from None
