"""Fills and refreshes the index: reads every source to its end, within its budget, again and again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from gateway import deadline, events
from gateway.errors import GatewayError, UpstreamUnavailable
from gateway.identity.rules import Rules
from gateway.index.rows import Row, row_of
from gateway.index.store import Store
from gateway.model.contact import Contact
from gateway.model.source import Source
from gateway.ports import Upstream

LONGEST_STEP: Final = 120.0  # seconds for one page, waiting for the budget included
REMEMBERED: Final = 600.0  # seconds; a page that was asked for longer ago has been put away or given up
MOST_REMEMBERED: Final = 1_000  # writes, before old ones are forgotten
RESTARTS: Final = 3  # when contacts move while they are read
FIRST_PAUSE: Final = 1.0  # after a failed scan; doubles up to the age at which a scan is due
SMALL_PAGE: Final = 20  # an overlap would cost a whole call with pages of this size
REFRESH_AT: Final = 0.8  # of the age at which the index counts as stale

Sleep = Callable[[float], Awaitable[object]]


class Watch(Protocol):
    """Hears of the scans of one account, to tell what has changed."""

    async def begins(self, source: Source, module: str) -> None:
        """A scan of a module begins."""
        ...

    async def ended(self, source: Source, module: str) -> None:
        """It has come to its end, and the index knows what was not told of yet."""
        ...


class Moved(Exception):
    """Contacts have moved while they were read, so some may have been skipped."""


@dataclass(slots=True)
class Progress:
    """How far one source has come: `read` counts the contacts of the scan that runs.

    `scanned` is set at the end of each scan and replaced by a new event; `modules` are names by id, as they
    were listed last.
    """

    modules: Mapping[str, str] = field(default_factory=dict)
    running: bool = False
    read: int = 0
    error: GatewayError | None = None
    scanned: asyncio.Event = field(default_factory=asyncio.Event)
    due: asyncio.Event = field(default_factory=asyncio.Event)

    def ended(self, error: GatewayError | None) -> None:
        """A scan has come to its end, or did not come to its beginning."""
        self.running = False
        self.error = error
        done, self.scanned = self.scanned, asyncio.Event()
        done.set()


class Crawler:
    """Reads the sources of one account into a store. Without a `watch` nobody is told what has changed."""

    def __init__(
        self,
        store: Store,
        account: str,
        upstreams: Mapping[Source, Upstream],
        *,
        rules: Rules,
        max_age: float,
        now: Callable[[], str],
        sleep: Sleep = asyncio.sleep,
        watch: Watch | None = None,
    ) -> None:
        self._watch = watch
        self._store = store
        self._account = account
        self._upstreams = upstreams
        self._rules = rules
        self._max_age = max_age
        self._now = now
        self._sleep = sleep
        self.progress = {source: Progress() for source in upstreams}
        self._written: dict[tuple[Source, str], float] = {}
        self._locks = {source: asyncio.Lock() for source in upstreams}

    def wrote(self, source: Source, vendor_id: str) -> None:
        """A contact was written or deleted: what a scan has asked for before tells nothing of it any more."""
        now = asyncio.get_running_loop().time()
        if len(self._written) > MOST_REMEMBERED:
            self._written = {key: at for key, at in self._written.items() if now - at < REMEMBERED}
        self._written[source, vendor_id] = now

    def written_since(self, source: Source, vendor_id: str, asked_at: float) -> bool:
        """Whether a contact was written after something was asked for (on the loop's clock)."""
        return self._written.get((source, vendor_id), -1.0) > asked_at

    def want(self, source: Source) -> asyncio.Event:
        """Ask for a scan now, unless one is running; the event tells when the next one ends."""
        progress = self.progress[source]
        if not progress.running:
            progress.due.set()
        return progress.scanned

    async def scan(self, source: Source) -> int:
        """Read one source to its end; the number of contacts. Raises what the source raises.

        One scan at a time: a further one waits for that under way, as what it has read may be too old.
        """
        async with self._locks[source]:
            return await self._scan(source)

    async def _scan(self, source: Source) -> int:
        progress = self.progress[source]
        loop = asyncio.get_running_loop()
        started = loop.time()
        total = 0
        failed: GatewayError | None = None
        progress.running, progress.read = True, 0
        try:
            with deadline.within(float("inf"), background=True):
                progress.modules = await self._modules(source)
                for module, name in progress.modules.items():
                    total += await self._scan_module(source, module, name)
        except GatewayError as error:
            failed = error
            raise
        except asyncio.CancelledError:
            progress.ended(None)
            raise
        finally:
            if progress.running:
                progress.ended(failed)
                events.emit(
                    events.ScanFinished(
                        source=source.value,
                        contacts=total,
                        seconds=loop.time() - started,
                        error=failed.code if failed else None,
                    )
                )
        return total

    async def keep(self, source: Source) -> None:
        """Keep one source fresh, until cancelled."""
        progress = self.progress[source]
        pause = FIRST_PAUSE
        prepared = False
        while True:
            progress.due.clear()
            try:
                if not prepared:
                    await self._prepare(source)
                    prepared = True
                await self.scan(source)
                pause = FIRST_PAUSE
                wait = self._max_age * REFRESH_AT
            except GatewayError as error:
                wait = error.retry_after or pause
                pause = min(pause * 2, self._max_age)
            await self._until_due(progress, wait)

    async def _prepare(self, source: Source) -> None:
        try:
            await self._upstreams[source].prepare()
        except GatewayError as error:  # whoever waits for a scan need not wait on
            self.progress[source].ended(error)
            raise

    async def _until_due(self, progress: Progress, seconds: float) -> None:
        due = asyncio.create_task(progress.due.wait())
        slept = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait((due, slept), return_when=asyncio.FIRST_COMPLETED)
        finally:
            due.cancel()
            slept.cancel()

    async def _modules(self, source: Source) -> dict[str, str]:
        upstream = self._upstreams[source]
        if not upstream.traits.has_modules:
            return {"": ""}
        return {module["sourceId"]: module["name"] or "" for module in await upstream.modules()}

    async def _scan_module(self, source: Source, module: str, name: str) -> int:
        if self._watch is not None:
            await self._watch.begins(source, module)
        generation = await self._store.begin(self._account, source.value, module, self._now(), name=name)
        for _ in range(RESTARTS):
            try:
                await self._read_all(source, module, generation)
                break
            except Moved:
                continue
        else:  # what was not met may be there all the same, so nothing is taken out
            raise UpstreamUnavailable(source.value, f"Contacts of {source.value} move while they are read.")
        place = (self._account, source.value, module)
        left = await self._store.finish(*place, generation, self._now(), quiet=self._watch is None)
        if self._watch is not None:
            await self._watch.ended(source, module)
        return left

    async def _read_all(self, source: Source, module: str, generation: int) -> None:
        """Read page by page. Where pages are large, each begins with the last contact of the one before."""
        upstream = self._upstreams[source]
        size = upstream.traits.page_ceiling
        overlap = 0 if size <= SMALL_PAGE else 1
        offset, last = 0, None
        while True:
            start = max(0, offset - overlap)
            asked_at = asyncio.get_running_loop().time()
            with deadline.within(LONGEST_STEP, background=True):
                found = await upstream.contacts(start, size, module=module or None)
            contacts = found.items
            if overlap and last is not None:
                if not contacts or contacts[0]["sourceId"] != last:
                    raise Moved
                contacts = contacts[1:]
            rows = self._rows(contacts, offset)
            unwritten = [row for row in rows if not self.written_since(source, row.id, asked_at)]
            await self._store.put(self._account, unwritten, generation)
            offset += len(contacts)
            self.progress[source].read += len(contacts)
            if not found.more or not contacts:
                return
            last = contacts[-1]["sourceId"]

    def _rows(self, contacts: Sequence[Contact], offset: int) -> list[Row]:
        return [row_of(contact, offset + place, self._rules) for place, contact in enumerate(contacts)]
