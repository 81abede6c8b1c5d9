"""Composition root: settings to a Starlette application. The only file that wires."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
from graphql import GraphQLSchema
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gateway import events, gauges
from gateway.cache.shelf import MemoryShelf, Shelf
from gateway.config import BadSetting, Config
from gateway.context import Ledger
from gateway.engine import schema as engine_schema
from gateway.engine.documents import Documents
from gateway.federation.directory import Directory
from gateway.federation.health import HealthBoard
from gateway.imports.jobs import Imports
from gateway.imports.jobs import Limits as ImportLimits
from gateway.index.crawl import Crawler
from gateway.index.reader import Index
from gateway.index.store import SqliteStore, Store
from gateway.journal.journal import Journal, Owning
from gateway.journal.once import Once
from gateway.journal.owner import Owner
from gateway.journal.store import BrokenJournal, SqliteJournal
from gateway.keys import Keys
from gateway.model.caller import DEFAULT_ACCOUNT, Caller, Scope
from gateway.model.source import Source
from gateway.resilience.budget import Budget
from gateway.resilience.transport import Sleep
from gateway.server import admission, probes
from gateway.server.admission import Admission
from gateway.server.auth import authenticate
from gateway.server.explorer import view
from gateway.server.graphql import Endpoint
from gateway.server.metrics import Exposition
from gateway.server.middleware import AccessLog, HeaderLimit, OpenModeGuard, RequestId
from gateway.server.problems import NotAllowed, Refusal, answer, told
from gateway.shared.replicas import Replicas, share
from gateway.telemetry import logs
from gateway.telemetry.metrics import CONTENT_TYPE
from gateway.telemetry.voice import Tracing, Voice
from gateway.upstreams import UPSTREAMS, Cache, build
from gateway.upstreams.packagex.settings import IMPORT_BYTES as PACKAGEX_IMPORT_BYTES
from gateway.writing.groups import Locks
from resolvers import BINDABLES

INDEX_FILE: Final = "index.sqlite3"
JOURNAL_FILE: Final = "journal.sqlite3"
LAST_WRITES: Final = 5.0  # seconds that keyed writes have to come to their end when the process ends
OPEN_CONNECTIONS: Final = 100
KEPT_CONNECTIONS: Final = 32
KEPT_SECONDS: Final = 20.0
RESTART_SECONDS: Final = 30.0

Transports = Callable[[Source], httpx.AsyncBaseTransport]


def sdl() -> str:
    """The text of schema.graphql, from the checkout or from the installed package."""
    here = Path(__file__).parent
    installed = here / "schema.graphql"
    return (installed if installed.is_file() else here.parent / "schema.graphql").read_text("utf-8")


def read_schema() -> GraphQLSchema:
    """The executable schema."""
    return engine_schema.build(sdl(), BINDABLES)


def wall_clock() -> str:
    """Now, as RFC 3339 in UTC."""
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def over_the_network(_: Source) -> httpx.AsyncBaseTransport:
    """The innermost transport: connections to a source, kept for a while, with certificates checked."""
    limits = httpx.Limits(
        max_connections=OPEN_CONNECTIONS,
        max_keepalive_connections=KEPT_CONNECTIONS,
        keepalive_expiry=KEPT_SECONDS,
    )
    return httpx.AsyncHTTPTransport(limits=limits, trust_env=False)


class Gateway:
    """Everything that lives as long as the process: the sources of each account, and their index."""

    def __init__(
        self, config: Config, transports: Transports, now: Callable[[], str], sleep: Sleep = asyncio.sleep
    ) -> None:
        self._config = config
        self._transports = transports
        self._now = now
        self._sleep = sleep
        folder = _data_dir(config)
        self._store: Store = SqliteStore(folder and folder / INDEX_FILE)
        own = Owner(folder)
        self.replicas = share(config.state_url, config.replicas, own) if config.state_url else None
        self._owner: Owning = own if self.replicas is None else self.replicas.owner
        self._journal: Journal = _journal(folder) if self.replicas is None else self.replicas.journal
        self._once = Once(self._journal, self._owner, now)
        self._budgets = {source: _budget(config, source) for source in UPSTREAMS}
        self._rates = (
            {source: self.replicas.rate(source.value, config.sources[source].rate) for source in UPSTREAMS}
            if self.replicas is not None
            else {}
        )
        self.shelf = MemoryShelf(config.cache_bytes)
        shelf: Shelf = self.shelf if self.replicas is None else self.replicas.shelf(self.shelf)
        self._cache = Cache(shelf=shelf, times=config.cache_times)
        self.voice = Voice(tracing=_tracing() if config.traces else None)
        self.admission = Admission(most=config.operations)
        self.crawlers: dict[str, Crawler] = {}
        self.directories: dict[str, Directory] = {
            account: self._directory(account) for account in _accounts(config.keys)
        }
        self.ledgers: dict[str, Ledger] = {
            account: self._ledger(directory) for account, directory in self.directories.items()
        }
        self.voice.metrics.gauge(*gauges.of(self))

    def directory(self, account: str) -> Directory:
        """The directory of an account."""
        return self.directories[account]

    def shared_state(self) -> bool | None:
        """Whether what replicas share is there; None where nothing is shared."""
        return None if self.replicas is None else self.replicas.state.here

    @property
    def scratch(self) -> Path | None:
        """Where files lie that came with a request; None for the system's own place."""
        return self._owner.scratch

    def ledger(self, account: str) -> Ledger:
        """What writes of an account are kept in."""
        return self.ledgers[account]

    async def recover(self) -> None:
        """Find what a killed process has left behind; where that is shared, as soon as it is there."""
        for ledger in self.ledgers.values():
            await ledger.imports.recover()

    @asynccontextmanager
    async def sharing(self) -> AsyncIterator[None]:
        """Share with other replicas as long as the work inside takes."""
        if self.replicas is None:
            yield
            return
        await self.replicas.state.probe()
        task = asyncio.create_task(self._share(self.replicas))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def crawl(self) -> None:
        """Keep every index fresh, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for account, crawler in self.crawlers.items():
                with events.heard_by(
                    self.directories[account].health, *self.voice.listeners("index", background=True)
                ):
                    for source in crawler.progress:
                        tasks.create_task(_for_ever(crawler, source))

    async def aclose(self) -> None:
        """End what still runs, then close connections, index and journal."""
        await asyncio.gather(*(ledger.imports.aclose() for ledger in self.ledgers.values()))
        await self._once.aclose(LAST_WRITES)
        await asyncio.gather(*(directory.aclose() for directory in self.directories.values()))
        await self._store.aclose()
        await self._journal.aclose()
        await self._owner.aclose()
        if self.replicas is not None:
            await self.replicas.aclose()
        await asyncio.to_thread(self.voice.close)

    async def _share(self, replicas: Replicas) -> None:
        with events.heard_by(*self.voice.listeners("state", background=True)):
            await replicas.run()

    def _ledger(self, directory: Directory) -> Ledger:
        config = self._config
        own = config.sources[Source.PACKAGEX].own
        imports = Imports(
            directory,
            self._journal,
            self._owner,
            ImportLimits(
                bytes=config.import_bytes,
                bytes_of={Source.PACKAGEX: own[PACKAGEX_IMPORT_BYTES]},
                rows=config.import_rows,
                cells=config.import_cells,
                seconds=config.import_seconds,
            ),
            now=self._now,
            listeners=(directory.health, *self.voice.listeners("import", background=True)),
            report=lambda error: logs.failure(error, "import"),
            scratch=self._owner.scratch,
        )
        return Ledger(journal=self._journal, once=self._once, locks=Locks(), imports=imports, now=self._now)

    def _directory(self, account: str) -> Directory:
        config = self._config
        upstreams = {
            source: build(
                source,
                settings,
                account=account,
                budget=self._budgets[source],
                inner=self._transports(source),
                now=self._now,
                sleep=self._sleep,
                cache=self._cache,
                sharing=self._rates.get(source),
            )
            for source, settings in config.sources.items()
            if settings.enabled
        }
        crawler = Crawler(
            self._store,
            account,
            upstreams,
            region=config.phone_region,
            max_age=config.index_max_age,
            now=self._now,
        )
        self.crawlers[account] = crawler
        index = Index(
            self._store,
            crawler,
            upstreams,
            account=account,
            region=config.phone_region,
            max_age=config.index_max_age,
            wait=config.index_wait,
            now=self._now,
        )
        return Directory(
            account=account,
            region=config.phone_region,
            upstreams=upstreams,
            traits={source: entry.traits for source, entry in UPSTREAMS.items()},
            index=index,
            health=HealthBoard(self._now),
        )


def create_app(
    config: Config,
    *,
    transports: Transports = over_the_network,
    now: Callable[[], str] = wall_clock,
    sleep: Sleep = asyncio.sleep,
    crawling: bool = True,
    schema: GraphQLSchema | None = None,
) -> Starlette:
    """The application. Tests replace `transports`, `now` and `sleep`, crawl by hand, share a `schema`."""
    schema = schema or read_schema()
    gateway = Gateway(config, transports, now, sleep)
    endpoint = Endpoint(
        schema=schema,
        documents=Documents(
            schema, config.limits, introspection=config.introspection, suggestions=config.suggestions
        ),
        keys=config.keys,
        directories=gateway.directory,
        ledgers=gateway.ledger,
        admission=gateway.admission,
        voice=gateway.voice,
        seconds=config.deadline_seconds,
        body_bytes=config.body_bytes,
        upload_bytes=config.import_bytes,
        scratch=gateway.scratch,
        suggestions=config.suggestions,
        explorer=view.explore if config.explorer else None,
    )
    routes: list[BaseRoute] = [
        Route("/graphql", endpoint),
        Route("/healthz", probes.alive),
        Route("/metrics", Exposition(config.keys, gateway.voice.metrics.text, CONTENT_TYPE).answer),
        Route(
            "/readyz", probes.Ready(lambda: list(gateway.directories.values()), gateway.shared_state).answer
        ),
    ]
    if config.introspection:
        routes.append(Route("/schema.graphql", _published(sdl(), config.keys)))
    if config.explorer:
        routes.extend(view.routes())
    app = Starlette(
        routes=routes,
        middleware=[  # outermost first
            Middleware(RequestId),
            Middleware(AccessLog),
            Middleware(HeaderLimit),
            *([] if config.keys.callers else [Middleware(OpenModeGuard)]),
        ],
        exception_handlers={HTTPException: told},
        lifespan=_open_and_close(gateway, crawling=crawling),
    )
    app.router.redirect_slashes = False
    app.state.gateway = gateway
    return app


def _tracing() -> Tracing:
    from gateway.telemetry import tracing  # takes a while, and memory

    return tracing.exporting()


async def _for_ever(crawler: Crawler, source: Source) -> None:
    """Crawl a source until cancelled. A bug must not end that in silence: the index would grow old."""
    while True:
        try:
            await crawler.keep(source)
        except Exception as error:
            logs.failure(error, "index")
            await asyncio.sleep(RESTART_SECONDS)


def _open_and_close(
    gateway: Gateway, *, crawling: bool
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if gateway.replicas is not None:
            gateway.replicas.state.settled.append(gateway.recover)
        async with gateway.sharing():
            if gateway.replicas is None:
                await gateway.recover()
            tasks = [asyncio.create_task(admission.watch(gateway.admission.told))]
            if crawling:
                tasks.append(asyncio.create_task(gateway.crawl()))
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                await gateway.aclose()

    return lifespan


def _published(text: str, keys: Keys) -> Callable[[Request], Response]:
    """The SDL, for callers who may read."""

    def publish(request: Request) -> Response:
        try:
            caller: Caller = authenticate(request.headers, keys)
            if not caller.may(Scope.READ):
                raise NotAllowed("Your key lacks the scope `read`.")
        except Refusal as refusal:
            return answer(refusal, request.scope)
        return PlainTextResponse(text)

    return publish


def _accounts(keys: Keys) -> list[str]:
    named = {caller.account for caller in keys.callers.values()}
    return sorted(named) or [DEFAULT_ACCOUNT]


def _budget(config: Config, source: Source) -> Budget:
    rate = config.sources[source].rate
    return Budget(rate.requests, rate.seconds) if rate else Budget(None, 60.0)


def _data_dir(config: Config) -> Path | None:
    if config.data_dir is None:
        return None
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"GATEWAY_DATA_DIR cannot be used: {error.strerror}.") from None
    return config.data_dir


def _journal(folder: Path | None) -> Journal:
    try:
        return SqliteJournal(folder and folder / JOURNAL_FILE)
    except BrokenJournal as error:
        raise BadSetting(f"GATEWAY_DATA_DIR cannot be used: {error}") from None
