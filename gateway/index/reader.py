"""What the index says, and how far it can be believed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import orjson

from gateway import deadline, events, freshness
from gateway.errors import DeadlineExceeded, GatewayError
from gateway.identity.rules import Rules
from gateway.index.crawl import Crawler
from gateway.index.query import Question
from gateway.index.rows import row_of
from gateway.index.store import Store, Stored
from gateway.loop import loop_time, running_loop
from gateway.model.contact import Contact, ContactKey
from gateway.model.page import Slice
from gateway.model.source import Source
from gateway.ports import Found, Upstream

TAIL: Final = 50  # contacts looked at behind the last known one, for those that came since
SCANS_WAITED_FOR: Final = 2  # the one that may be running when the question comes, and the next
STRETCH: Final = 200  # contacts read at a time where all are
NEARBY: Final = 25  # contacts looked at on both sides of a remembered position


@dataclass(frozen=True, slots=True)
class State:
    """How far the index of one module can be believed.

    `complete`: a scan has come to its end. `fresh`: that is no longer ago than allowed. `error`: why the
    latest scan failed. `as_of`: when the latest complete scan began (RFC 3339).
    """

    complete: bool
    fresh: bool
    as_of: str | None
    contacts: int
    error: GatewayError | None


class Index:
    """The index of one account. What it tells of a contact carries the time at which that was read."""

    def __init__(
        self,
        store: Store,
        crawler: Crawler,
        upstreams: Mapping[Source, Upstream],
        *,
        account: str,
        rules: Rules,
        max_age: float,
        wait: float,
        now: Callable[[], str],
    ) -> None:
        self.store = store
        self._crawler = crawler
        self._upstreams = upstreams
        self._account = account
        self._rules = rules
        self._max_age = max_age
        self._wait = wait
        self._now = now
        self.closed = False  # then nothing that was read or written is kept any more
        self._doubted: dict[Source, str] = {}  # since when

    def state(self, source: Source, module: str, max_age: float | None = None) -> State:
        """How far the index of a module can be believed; `max_age` in seconds is the caller's wish."""
        scan = self.store.scan(self._account, source.value, module)
        error = self._crawler.progress[source].error
        if scan is None or scan.finished is None:
            return State(complete=False, fresh=False, as_of=None, contacts=0, error=error)
        allowed = self._max_age if max_age is None else min(max_age, self._max_age)
        doubted = (scan.began or "") <= self._doubted.get(source, "")
        fresh = self.age(scan.began or "") <= allowed and not doubted
        return State(complete=True, fresh=fresh, as_of=scan.began, contacts=scan.contacts, error=error)

    def age(self, stamp: str) -> float:
        """Seconds since a time."""
        return (datetime.fromisoformat(self._now()) - datetime.fromisoformat(stamp)).total_seconds()

    async def settled(self, source: Source, module: str, max_age: float | None = None) -> State:
        """The state of a module, after waiting within reason for a scan that makes it fresh.

        Whatever age is asked for, a scan that began after the question is fresh enough: at most the one that
        is running and the one after it are waited for.
        """
        asked_at = self._now()
        loop = running_loop()
        until = loop.time() + max(0.0, min(self._wait, deadline.seconds_left(float("inf")) / 2))
        for _ in range(SCANS_WAITED_FOR):
            state = self.state(source, module, max_age)
            if state.as_of is not None and state.as_of >= asked_at:
                state = replace(state, fresh=True)
            if state.fresh:
                return state
            scanned = self._crawler.want(source)
            if state.error is not None:
                return state
            try:
                async with asyncio.timeout_at(until):
                    await scanned.wait()
            except TimeoutError:
                break
        state = self.state(source, module, max_age)
        began_since = state.as_of is not None and state.as_of >= asked_at
        return replace(state, fresh=True) if began_since else state

    def modules(self, source: Source) -> tuple[str, ...]:
        """The modules that the index has met."""
        return tuple(self._crawler.progress[source].modules)

    def named(self, source: Source) -> Mapping[str, str]:
        """The names of modules, by id: as they were listed last, also by a process before this one."""
        return self._crawler.progress[source].modules or self.store.scanned(self._account, source.value)

    def states(
        self, source: Source, modules: frozenset[str] | None, max_age: float | None = None
    ) -> list[State]:
        """How far the index of some modules, or of all, can be believed; empty where none was met so far."""
        return [self.state(source, module, max_age) for module in self._met(source, modules)]

    async def ready(
        self, source: Source, modules: frozenset[str] | None, max_age: float | None = None
    ) -> list[State]:
        """The same, after waiting within reason for scans that make them fresh."""
        if not self._met(source, modules):
            await self._first_scan(source)
        met = self._met(source, modules)
        if not met and (error := self._crawler.progress[source].error) is not None:
            raise error.with_traceback(None)
        return await asyncio.gather(*(self.settled(source, module, max_age) for module in met))

    def _met(self, source: Source, modules: frozenset[str] | None) -> list[str]:
        return [module for module in self.named(source) if modules is None or module in modules]

    def spared(self, source: Source) -> None:
        """Tell that the index answers instead of a source."""
        events.emit(events.UpstreamSpared(source=source.value, reason="index"))

    def contact(self, stored: Stored) -> Contact:
        """The contact of a stored row."""
        upstream = self._upstreams[Source(stored.source)]
        return upstream.contact_of(orjson.loads(stored.record), stored.as_of, stored.module)

    def module_of(self, source: Source, vendor_id: str) -> str | None:
        """The module in which the index has met a contact."""
        found = self.store.get(self._account, source.value, [vendor_id]).get(vendor_id)
        return found.module if found else None

    async def contacts(
        self, keys: Sequence[ContactKey], max_age: float | None = None
    ) -> Found[ContactKey, Contact]:
        """Contacts of a source that has no read by id. One that is older than `max_age` is read again."""
        found: Found[ContactKey, Contact] = {}
        source = keys[0].source
        rows = self._rows(source, keys)
        missing = [key for key in keys if key not in rows]
        if missing:
            rows.update(await self._look_again(source, missing, found))
        doubted = self._doubted.get(source, "")
        for key, row in rows.items():
            if row.as_of <= doubted or (max_age is not None and self.age(row.as_of) > max_age):
                found[key] = await self._read_again(source, row)
            else:
                self.spared(source)
                found[key] = self.contact(row)
        return found

    def has(self, source: Source, keys: Sequence[ContactKey]) -> set[ContactKey]:
        """Those of some contacts that the index has met, in the module that their key names, if any."""
        return set(self._rows(source, keys)) if keys else set()

    def doubt(self, source: Source) -> None:
        """A write may have changed a source: what was read of it until now is no longer fresh."""
        self._doubted[source] = self._now()
        self._crawler.want(source)

    async def put(self, contacts: Sequence[Contact]) -> None:
        """Contacts as they were read after a write; one that was read later is left as it is.

        A new one counts as the last of its module.
        """
        for contact in contacts:
            key = contact["_key"]
            row = self.store.get(self._account, key.source.value, [key.id]).get(key.id)
            if row is not None and row.as_of > contact["asOf"]:
                continue
            self._crawler.wrote(key.source, key.id)
            scan = self.store.scan(self._account, key.source.value, key.module)
            position = row.position if row else scan.contacts if scan else 0
            generation = scan.generation if scan else 0
            await self._keep([contact], position, generation, loop_time())

    async def remove(self, keys: Sequence[ContactKey]) -> None:
        """Contacts that are gone."""
        for key in keys:
            self._crawler.wrote(key.source, key.id)
            await self.store.remove(self._account, key.source.value, [key.id])

    async def told(self, digests: Mapping[ContactKey, str | None]) -> None:
        """Contacts have been told of as they are by their digests, None for one that is gone."""
        for source in {key.source for key in digests}:
            mine = {key.id: digest for key, digest in digests.items() if key.source is source}
            await self.store.settle(self._account, source.value, mine)

    async def rescan(self, source: Source) -> None:
        """Read a source to its end now, whatever the index knows. Raises what the source raises."""
        await self._crawler.scan(source)

    async def all(self, source: Source, module: str) -> AsyncIterator[list[Contact]]:
        """All contacts of a module that the index has met, some at a time."""
        question = Question(account=self._account, source=source.value, module=module)
        rowid = 0
        while rows := await self.store.after_rowid(question, rowid, STRETCH):
            yield [self.contact(row) for row in rows]
            rowid = rows[-1].rowid

    async def reread(self, keys: Sequence[ContactKey]) -> Found[ContactKey, Contact]:
        """Contacts of one source without a read by id, as they are now, found again at their places.

        Those that are not where they were last are missing, and a scan is begun.
        """
        source = keys[0].source
        rows = self._rows(source, keys)
        found: Found[ContactKey, Contact] = {}
        windows: dict[tuple[str, int], list[ContactKey]] = {}
        for key, row in rows.items():
            windows.setdefault((row.module, row.position // NEARBY), []).append(key)
        answers = await asyncio.gather(*(self._read_window(source, *window) for window in windows))
        for some, answer in zip(windows.values(), answers, strict=True):
            if isinstance(answer, GatewayError):
                found.update(dict.fromkeys(some, answer))
                continue
            found.update({key: answer[key.id] for key in some if key.id in answer})
        missing = [key for key in keys if key not in found]
        if missing:
            self._crawler.want(source)
        return found

    async def _read_window(
        self, source: Source, module: str, number: int
    ) -> dict[str, Contact] | GatewayError:
        """The contacts around a place: a stretch of it, and half of one on both sides."""
        start = max(0, number * NEARBY - NEARBY // 2)
        try:
            page = await self._page(source, start, 2 * NEARBY, module)
        except GatewayError as error:
            return error
        return {contact["sourceId"]: contact for contact in page.items}

    def _rows(self, source: Source, keys: Sequence[ContactKey]) -> dict[ContactKey, Stored]:
        rows = self.store.get(self._account, source.value, [key.id for key in keys])
        fits = ((key, rows.get(key.id)) for key in keys)
        return {key: row for key, row in fits if row is not None and key.module in ("", row.module)}

    async def _look_again(
        self, source: Source, keys: Sequence[ContactKey], found: Found[ContactKey, Contact]
    ) -> dict[ContactKey, Stored]:
        """Keys that the index has not met: wait for the first scan, or look behind the last known contact."""
        modules = self.modules(source)
        incomplete = not modules or not all(self.state(source, module).complete for module in modules)
        if incomplete:
            await self._first_scan(source)
            rows = self._rows(source, keys)
            modules = self.modules(source)
            if modules and all(self.state(source, module).complete for module in modules):
                return rows
            error = self._crawler.progress[source].error or DeadlineExceeded(
                f"The index of {source.value} is still being filled. Try again in a few seconds.",
                source=source.value,
            )
            found.update({key: error.with_traceback(None) for key in keys if key not in rows})
            return rows
        wanted = {key.module for key in keys}
        searched = modules if "" in wanted else [module for module in modules if module in wanted]
        try:
            await asyncio.gather(*(self._read_tail(source, module) for module in searched))
        except GatewayError as error:
            found.update(dict.fromkeys(keys, error))
            return {}
        return self._rows(source, keys)

    async def _first_scan(self, source: Source) -> None:
        """Wait within reason for the scan that is running or due."""
        wait = max(0.0, min(self._wait, deadline.seconds_left(float("inf")) / 2))
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._crawler.want(source).wait()

    async def _read_tail(self, source: Source, module: str) -> None:
        """Read what has come behind the last contact of the latest scan; growth comes at the end."""
        scan = self.store.scan(self._account, source.value, module)
        if scan is None:
            return
        start = max(0, scan.contacts - TAIL)  # further back by as many as may have been deleted since
        asked_at = loop_time()
        page = await self._page(source, start, 2 * TAIL, module)
        await self._keep(page.items, start, scan.generation, asked_at)

    async def _read_again(self, source: Source, row: Stored) -> Contact | GatewayError:
        """Read a contact at its remembered position; where it has moved, the old one is marked as stale."""
        start = max(0, row.position - NEARBY)
        asked_at = loop_time()
        try:
            page = await self._page(source, start, 2 * NEARBY, row.module)
        except GatewayError as error:
            return error
        for place, contact in enumerate(page.items):
            if contact["sourceId"] == row.id:
                await self._keep([contact], start + place, None, asked_at)
                return contact
        self._crawler.want(source)
        stale = self.contact(row)
        stale["_stale"] = True
        return stale

    async def _page(self, source: Source, start: int, count: int, module: str) -> Slice[Contact]:
        """A stretch of a module as it is now: never as it was last seen, as the index would believe it."""
        with freshness.allowed(0.0):
            return await self._upstreams[source].contacts(start, count, module=module or None)

    async def _keep(
        self, contacts: Sequence[Contact], position: int, generation: int | None, asked_at: float
    ) -> None:
        """Take in contacts that were asked for at a time; what was written since is known better."""
        if self.closed:
            return
        for place, contact in enumerate(contacts):
            key = contact["_key"]
            if self._crawler.written_since(key.source, key.id, asked_at):
                continue
            if generation is None:
                scan = self.store.scan(self._account, key.source.value, key.module)
                generation = scan.generation if scan else 0
            row = row_of(contact, position + place, self._rules)
            await self.store.put(self._account, [row], generation)
