"""Everything of each account: its sources, their index, and what its writes are kept in.

Accounts of the settings live as long as the process. Those of keys that callers bring along are opened when
they are first used, and closed after a while without use.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import httpx

from gateway import events
from gateway.config import BadSetting, Config
from gateway.context import Ledger
from gateway.errors import StateUnavailable
from gateway.federation.census import Census
from gateway.federation.directory import Directory
from gateway.federation.health import HealthBoard
from gateway.imports.jobs import Imports
from gateway.imports.jobs import Limits as ImportLimits
from gateway.imports.room import Room
from gateway.index.crawl import Crawler
from gateway.index.reader import Index
from gateway.index.store import Store
from gateway.journal.feed import Feed
from gateway.journal.journal import Journal, Owning
from gateway.journal.once import Once
from gateway.journal.spoken import Sayings
from gateway.model.caller import BROUGHT, DEFAULT_ACCOUNT
from gateway.model.source import Source
from gateway.noticing import Noticing
from gateway.ports import Upstream
from gateway.resilience.budget import Budget
from gateway.resilience.transport import Sleep
from gateway.resilience.wire import Credential
from gateway.server.problems import BadCredentials, Overloaded
from gateway.setting import Rate, secret
from gateway.telemetry import logs
from gateway.telemetry.voice import Voice
from gateway.upstreams import UPSTREAMS, Cache, build, space
from gateway.upstreams.declare import SourceSettings
from gateway.upstreams.packagex.settings import IMPORT_BYTES as PACKAGEX_IMPORT_BYTES
from gateway.writing import recording
from gateway.writing.groups import Locks
from gateway.writing.media import Media

if TYPE_CHECKING:
    from gateway.shared.rates import SharedRate
    from gateway.shared.replicas import Replicas

BUSY_SECONDS: Final = 120.0  # since its last use, in which an account may still be at work
IDLE_SECONDS: Final = 900.0  # without use, after which such an account is closed
LONGEST_KEY: Final = 1_000
RESTART_SECONDS: Final = 30.0

T = TypeVar("T")

Sources = Mapping[Source, SourceSettings]
Transports = Callable[[Source], httpx.AsyncBaseTransport]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What all accounts share."""

    transports: Transports
    now: Callable[[], str]
    sleep: Sleep
    store: Store
    journal: Journal
    sayings: Sayings
    feed: Feed
    owner: Owning
    once: Once
    media: Media
    cache: Cache
    replicas: "Replicas | None"
    room: Room
    voice: Voice


@dataclass(slots=True, eq=False)
class _Account:
    """One account. `home` is the one of the settings that it belongs to: itself, or that of who has brought
    its keys. `tasks` keep its index fresh; `at_work` counts the requests that use it now.
    """

    home: str
    sources: Sources
    credentials: dict[Source, Credential]
    used_at: float
    at_work: int = 0
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)


class _Retired(NamedTuple):
    """An account that answers nobody any more, and is about to be closed."""

    held: _Account
    ledger: Ledger
    directory: Directory


class _AtWork:
    """A context manager, without the cost of a generator."""

    __slots__ = ("_clock", "_held")

    def __init__(self, held: _Account, clock: Callable[[], float]) -> None:
        self._held, self._clock = held, clock

    def __enter__(self) -> None:
        self._held.at_work += 1

    def __exit__(self, *_: object) -> None:
        self._held.at_work -= 1
        self._held.used_at = self._clock()


class Accounts:
    """All accounts that are open, by name. `clock` tells how long one has not been used."""

    def __init__(self, config: Config, parts: Parts) -> None:
        self._config = config
        self._parts = parts
        self.clock: Callable[[], float] = time.monotonic
        self._open: dict[str, _Account] = {}
        self._crawling = False
        self._opening = asyncio.Lock()
        self._retired: dict[str, _Retired] = {}
        self._budgets: dict[tuple[Source, str, str], Budget] = {}
        self._rates: dict[tuple[Source, str, str], SharedRate] = {}
        self.crawlers: dict[str, Crawler] = {}
        self.directories: dict[str, Directory] = {}
        self.ledgers: dict[str, Ledger] = {}
        for account in _named(config):
            self._add(account, config.sources_of(account))

    def known(self, account: str) -> bool:
        """Whether there is an account of this name in the settings."""
        return account in _named(self._config)

    def budget(self, source: Source, account: str = DEFAULT_ACCOUNT) -> Budget:
        """The rate limit of a source for an account."""
        return self._budget(source, self._config.sources_of(account)[source], brought=False)

    @property
    def configured(self) -> list[Directory]:
        """The directories of the accounts in the settings."""
        return [self.directories[name] for name in _named(self._config) if name in self.directories]

    async def bring(self, account: str, keys: Mapping[str, str]) -> str:
        """The account of keys that a caller of `account` brings along, by setting.

        Raises BadCredentials, and Overloaded where too many such accounts are at work.
        """
        own: dict[str, str] = {}
        for name, value in sorted(keys.items()):
            try:
                own[name] = secret(value).reveal()
            except ValueError:
                raise BadCredentials(f"The key for {name} holds a character that no key has.") from None
            if not 0 < len(own[name]) <= LONGEST_KEY:
                raise BadCredentials(f"The key for {name} is empty or too long.")
        told = "\n".join((account, *(f"{name}={value}" for name, value in own.items())))
        name = f"{BROUGHT}{hashlib.sha256(told.encode()).hexdigest()[:32]}"
        async with self._opening:
            if name not in self._open:
                await self._make_room()
                self._add(name, self._config.with_keys(account, own), home=account)
                with suppress(StateUnavailable):  # else as soon as what replicas share is there
                    await self.ledgers[name].imports.recover()
        self._open[name].used_at = self.clock()
        return name

    def at_work(self, account: str) -> _AtWork:
        """Keep an account open as long as the work inside takes. Raises Overloaded, as `directory` does."""
        return _AtWork(self._found(self._open, account), self.clock)

    def directory(self, account: str) -> Directory:
        """The sources of an account. Raises Overloaded in the moment in which it is opened anew."""
        return self._found(self.directories, account)

    def ledger(self, account: str) -> Ledger:
        """What writes of an account are kept in. Raises Overloaded, as `directory` does."""
        return self._found(self.ledgers, account)

    def renew(self, config: Config) -> list[str]:
        """Take the keys of sources, and accounts, that have changed in the settings; the accounts that are to
        be closed for it (`settle`). Raises BadSetting.
        """
        gone = self._config.accounts.keys() - config.accounts.keys()
        if any(caller.account in gone for caller in config.keys.callers.values()):
            raise BadSetting(
                "GATEWAY_ACCOUNTS lacks an account that it had, and that GATEWAY_API_KEYS names."
            )
        before, self._config = self._config.accounts, config
        named = _named(config)
        outdated = [account for account in before if account in self._open and account not in named]
        for account in named:
            sources = config.sources_of(account)
            held = self._open.get(account)
            own = account in config.accounts
            if account in self._retired:
                continue  # it is opened once it is closed
            if held is None:
                self._add(account, sources)
            elif own is not (account in before) or (own and _differ(held.sources, sources)):
                outdated.append(account)
            else:
                for source, credential in held.credentials.items():
                    if sources[source].key:
                        credential.renew(UPSTREAMS[source].headers(sources[source].key.reveal()))
        return outdated + [name for name in self._brought if self._open[name].home in outdated]

    async def settle(self, outdated: Sequence[str]) -> None:
        """Close accounts that are in the settings no longer, and open those anew of which more than keys has
        changed, or that have got keys of their own: nothing of before is answered, no key of before is sent.
        """
        for account in outdated:
            self._retire(account)  # all of them at once, before anything is waited for
        async with self._opening:
            for account in tuple(self._retired):
                await self._close(account, for_good=True)
                if account in _named(self._config):
                    self._add(account, self._config.sources_of(account))
                    with suppress(StateUnavailable):
                        await self.ledgers[account].imports.recover()

    async def recover(self) -> None:
        """Find what a killed process has left behind."""
        for ledger in tuple(self.ledgers.values()):
            await ledger.imports.recover()
        journal, owner = self._parts.journal, self._parts.owner
        for each in await journal.open_audits():
            if each.owner != owner.name and not await owner.lives(each.owner):
                await journal.audit(
                    each.account, self._parts.now(), [recording.cut_off(each.entry)], each.token
                )

    async def forget(self) -> None:
        """Forget what a killed process has indexed with keys that callers had brought along."""
        await self._parts.store.forget_all(BROUGHT)

    async def crawl(self) -> None:
        """Keep every index fresh, and close accounts that nobody uses, until cancelled."""
        self._crawling = True
        for account in tuple(self._open):
            self._start(account)
        try:
            while True:
                await asyncio.sleep(IDLE_SECONDS / 10)
                await self.close_idle()
        finally:
            self._crawling = False
            tasks = [task for each in self._open.values() for task in each.tasks]
            await _ended(tasks)

    async def close_idle(self) -> None:
        """Close accounts of brought keys that nobody has used for long."""
        async with self._opening:
            await self._close_idle(IDLE_SECONDS)

    async def aclose(self) -> None:
        """End what still runs, then close connections; what all accounts share stays open."""
        await asyncio.gather(*(ledger.imports.aclose() for ledger in self.ledgers.values()))

    async def disconnect(self) -> None:
        """Close the connections to all sources."""
        await asyncio.gather(*(directory.aclose() for directory in self.directories.values()))

    def _add(self, account: str, sources: Sources, *, home: str | None = None) -> None:
        brought = account.startswith(BROUGHT)
        credentials = {
            source: Credential(UPSTREAMS[source].headers(settings.key.reveal()))
            for source, settings in sources.items()
            if settings.enabled
        }
        upstreams = {
            source: build(
                source,
                sources[source],
                account=account,
                budget=self._budget(source, sources[source], brought=brought),
                inner=self._parts.transports(source),
                now=self._parts.now,
                sleep=self._parts.sleep,
                cache=self._parts.cache,
                sharing=None if brought else self._rate(source, sources[source]),
                credential=credential,
                share=self._config.fair.share if self._config.several_callers else 1.0,
            )
            for source, credential in credentials.items()
        }
        self.directories[account] = self._directory(account, upstreams)
        self.ledgers[account] = self._ledger(self.directories[account], sources)
        self._open[account] = _Account(home or account, sources, credentials, self.clock())
        if self._crawling:
            self._start(account)

    def _directory(self, account: str, upstreams: Mapping[Source, Upstream]) -> Directory:
        config, now = self._config, self._parts.now
        notices = config.notice_changes and not account.startswith(BROUGHT)
        self.crawlers[account] = Crawler(
            self._parts.store,
            account,
            upstreams,
            rules=config.rules,
            max_age=config.index_max_age,
            now=now,
            watch=self._noticing(account, upstreams) if notices else None,
        )
        index = Index(
            self._parts.store,
            self.crawlers[account],
            upstreams,
            account=account,
            rules=config.rules,
            max_age=config.index_max_age,
            wait=config.index_wait,
            now=now,
        )
        return Directory(
            account=account,
            rules=config.rules,
            upstreams=upstreams,
            traits={source: entry.traits for source, entry in UPSTREAMS.items()},
            index=index,
            health=HealthBoard(now),
            sayings=self._parts.sayings,
            census=Census(index, self._parts.sayings, account, config.rules),
        )

    def _noticing(self, account: str, upstreams: Mapping[Source, Upstream]) -> Noticing:
        parts = self._parts
        return Noticing(
            account=account,
            upstreams=upstreams,
            store=parts.store,
            journal=parts.journal,
            owner=parts.owner,
            now=parts.now,
        )

    def _ledger(self, directory: Directory, sources: Sources) -> Ledger:
        config, parts = self._config, self._parts
        imports = Imports(
            directory,
            parts.journal,
            parts.owner,
            ImportLimits(
                bytes=config.import_bytes,
                bytes_of={Source.PACKAGEX: sources[Source.PACKAGEX].own[PACKAGEX_IMPORT_BYTES]},
                rows=config.import_rows,
                cells=config.import_cells,
                seconds=config.import_seconds,
            ),
            now=parts.now,
            listeners=(directory.health, *parts.voice.listeners("import", background=True)),
            report=lambda error: logs.failure(error, "import"),
            room=parts.room,
            scratch=parts.owner.scratch,
        )
        return Ledger(
            journal=parts.journal,
            feed=parts.feed,
            owner=parts.owner,
            once=parts.once,
            locks=Locks(),
            imports=imports,
            media=parts.media,
            now=parts.now,
        )

    def _budget(self, source: Source, settings: SourceSettings, *, brought: bool) -> Budget:
        """The budget of a key: accounts with the same one share it, as its source counts them as one."""
        rate = settings.rate
        if brought:  # of these each replica keeps to its part
            return _budget(rate and Rate(max(1, rate.requests // self._config.parts), rate.seconds))
        place = _place(source, settings)
        if place not in self._budgets:
            self._budgets[place] = _budget(rate)
        return self._budgets[place]

    def _rate(self, source: Source, settings: SourceSettings) -> "SharedRate | None":
        """What replicas agree to for a key."""
        if self._parts.replicas is None:
            return None
        place = _place(source, settings)
        if place not in self._rates:
            common = place == _place(source, self._config.sources[source])
            mark = "" if common else f":{hashlib.sha256(repr(place[1:]).encode()).hexdigest()[:16]}"
            self._rates[place] = self._parts.replicas.rate(f"{source.value}{mark}", settings.rate)
        return self._rates[place]

    def _start(self, account: str) -> None:
        crawler = self.crawlers[account]
        with events.heard_by(
            self.directories[account].health, *self._parts.voice.listeners("index", background=True)
        ):
            self._open[account].tasks = [
                asyncio.create_task(_for_ever(crawler, source)) for source in crawler.progress
            ]

    async def _make_room(self) -> None:
        """Close accounts of brought keys until one more fits."""
        most = self._config.brought_accounts
        if len(self._brought) >= most:
            await self._close_idle(BUSY_SECONDS, len(self._brought) - most + 1)
        if len(self._brought) >= most:
            raise Overloaded(
                "Too many accounts of keys that callers bring along are at work. Try again later.",
                headers={"retry-after": str(int(BUSY_SECONDS))},
                retry_after=BUSY_SECONDS,
            )

    @property
    def _brought(self) -> list[str]:
        """Accounts of brought keys, the one that was not used for longest first."""
        found = [account for account in self._open if account.startswith(BROUGHT)]
        return sorted(found, key=lambda account: self._open[account].used_at)

    async def _close_idle(self, seconds: float, most: int | None = None) -> None:
        """Close accounts that have not been used for so long; `most` of them at most."""
        closed = 0
        for account in self._brought:
            if closed != most and self._idle(account, seconds):  # each may have been used meanwhile
                await self._close(account)
                closed += 1

    def _idle(self, account: str, seconds: float) -> bool:
        held = self._open[account]
        busy = held.at_work or self.ledgers[account].imports.running
        return not busy and held.used_at < self.clock() - seconds

    def _found(self, among: Mapping[str, T], account: str) -> T:
        found = among.get(account)
        if found is None:
            raise Overloaded(
                "The settings of this account have just changed. Try again in a moment.",
                headers={"retry-after": "1"},
                retry_after=1.0,
            )
        return found

    def _retire(self, account: str) -> None:
        """Answer nobody any more with an account; what is under way keeps nothing."""
        self.directories[account].index.closed = True
        self._retired[account] = _Retired(
            self._open.pop(account), self.ledgers.pop(account), self.directories.pop(account)
        )
        del self.crawlers[account]

    async def _close(self, account: str, *, for_good: bool = False) -> None:
        """Close an account, and forget what its index and the cache hold; where its name may get other keys,
        `for_good`, also what replicas share. No other is opened meanwhile; what fails is tried again.
        """
        if account not in self._retired:
            self._retire(account)
        held, ledger, directory = self._retired[account]
        await _ended(held.tasks)
        await ledger.imports.aclose()
        await directory.aclose()
        await self._parts.store.forget(account)
        self._parts.sayings.forget(account)
        for source in directory.upstreams:
            if for_good:
                await self._parts.cache.shelf.clear(space(account, source))
            await self._parts.cache.shelf.forget(space(account, source))
            self._parts.cache.known.clear()
        del self._retired[account]


async def _ended(tasks: list["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


async def _for_ever(crawler: Crawler, source: Source) -> None:
    """Crawl a source until cancelled. A bug must not end that in silence: the index would grow old."""
    while True:
        try:
            await crawler.keep(source)
        except Exception as error:
            logs.failure(error, "index")
            await asyncio.sleep(RESTART_SECONDS)


def _named(config: Config) -> list[str]:
    """The accounts of the settings."""
    named = {caller.account for caller in config.keys.callers.values()} | config.accounts.keys()
    if config.tokens is not None:
        named |= {DEFAULT_ACCOUNT}
    return sorted(named) or [DEFAULT_ACCOUNT]


def _differ(held: Sources, sources: Sources) -> bool:
    """Whether more than keys and rate limits differs: an address, a time-out, or whether there is a key."""
    return any(
        settings.enabled is not sources[source].enabled
        or replace(settings, key=sources[source].key, rate=sources[source].rate) != sources[source]
        for source, settings in held.items()
    )


def _place(source: Source, settings: SourceSettings) -> tuple[Source, str, str]:
    return source, settings.url, settings.key.reveal()


def _budget(rate: Rate | None) -> Budget:
    return Budget(rate.requests, rate.seconds) if rate else Budget(None, 60.0)
