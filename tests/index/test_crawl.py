"""Every source is read to its end, again and again; one that fails is tried again and costs nobody else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import deadline, events
from gateway.commits import Commits
from gateway.errors import UpstreamBadResponse, UpstreamRateLimited, UpstreamUnavailable
from gateway.identity.rules import Rules
from gateway.index.crawl import REFRESH_AT, Crawler
from gateway.index.query import Question
from gateway.index.reader import Index
from gateway.index.store import SqliteStore
from gateway.model.contact import Contact, ContactKey
from gateway.model.page import Slice
from gateway.model.property import Module
from gateway.model.source import Source
from gateway.ports import Traits, Upstream
from gateway.thread import OneThread
from tests.index.test_rows import contact
from tests.support.jumping import jumping
from tests.support.world import World

T = TypeVar("T")

ACCOUNT = "default"
MAX_AGE = 300.0
DOWN = UpstreamUnavailable("SAMESPACE", "down")


class ThisThread(OneThread):
    """No thread of its own, for loops whose clock jumps."""

    async def run(self, work: Callable[[], T]) -> T:
        await asyncio.sleep(0)
        return work()


class InThisThread(SqliteStore):
    """An index without a thread of its own."""

    def __init__(self) -> None:
        super().__init__(None)
        self._thread = ThisThread("index")
        self._commits = Commits(self._writer, self._thread)


@dataclass
class Shelf(Upstream):
    """A source whose contacts lie in lists. `happens` is called before each page, with its number."""

    source: Source = Source.SAMESPACE
    lists: dict[str, list[str]] = field(default_factory=dict)
    page: int = 50
    account: str = ACCOUNT
    reads_by_id: bool = False
    has_modules: bool = True
    failing: Exception | None = None
    misfit: Exception | None = None
    seconds: float = 0.0
    happens: Callable[[int], None] = lambda _: None
    reads: list[tuple[str, int, int]] = field(default_factory=list)
    prepared: int = 0
    backgrounds: set[bool] = field(default_factory=set)
    now: Callable[[], str] = lambda: "2026-01-02T03:04:05.678Z"

    def __post_init__(self) -> None:
        self.traits = Traits(
            name="Shelf",
            page_ceiling=self.page,
            searches=False,
            tells_updates=False,
            has_modules=self.has_modules,
            abilities={},
        )

    async def prepare(self) -> None:
        self.prepared += 1
        if self.misfit is not None:
            raise self.misfit

    async def modules(self) -> list[Module]:
        await asyncio.sleep(0)
        if self.failing is not None:
            raise self.failing
        return [{"sourceId": module, "name": module} for module in self.lists]  # type: ignore[typeddict-item]

    async def contacts(
        self, offset: int, count: int, *, module: str | None = None, search: str | None = None
    ) -> Slice[Contact]:
        self.happens(len(self.reads))
        self.reads.append((module or "", offset, count))
        now = deadline.current()
        self.backgrounds.add(now is not None and now.background)
        await asyncio.sleep(self.seconds)
        if self.failing is not None:
            raise self.failing
        ids = self.lists[module or ""]
        found = [self._contact(each, module or "") for each in ids[offset : offset + count]]
        return Slice(found, offset + count < len(ids))

    def contact_of(self, record: Any, as_of: str, module: str) -> Contact:
        return self._contact(record["id"], module, as_of)

    def _contact(self, vendor_id: str, module: str, as_of: str | None = None) -> Contact:
        return contact(
            vendor_id,
            displayName=f"Name {vendor_id}",
            source=self.source,
            asOf=as_of or self.now(),
            _key=ContactKey(self.source, module, vendor_id),
        )


@dataclass
class Scene:
    """A crawler over shelves, the index that it fills, and what it told of scans, and when."""

    shelves: Mapping[Source, Shelf]
    store: SqliteStore
    crawler: Crawler
    index: Index
    heard: list[events.ScanFinished]
    ended: list[float]

    @property
    def shelf(self) -> Shelf:
        return next(iter(self.shelves.values()))

    async def ids(self, module: str = "m", source: Source = Source.SAMESPACE) -> set[str]:
        question = Question(account=ACCOUNT, source=source.value, module=module)
        return {row.id for row in await self.store.after_rowid(question, 0, 100_000)}


def clock() -> str:
    """The loop's time as a time of day on the first of January 2026."""
    seconds = asyncio.get_running_loop().time()
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    return f"2026-01-01T{int(hours):02d}:{int(minutes):02d}:{rest:06.3f}Z"


async def keep_all(crawler: Crawler) -> None:
    """Keep every source fresh, as the composition root does."""
    async with asyncio.TaskGroup() as tasks:
        for source in crawler.progress:
            tasks.create_task(crawler.keep(source))


@asynccontextmanager
async def scene(*shelves: Shelf, wait: float = 10.0, crawling: bool = False) -> AsyncIterator[Scene]:
    """A scene; with `crawling` its crawler runs until the scene ends."""
    by_source = {shelf.source: shelf for shelf in shelves}
    for shelf in shelves:
        shelf.now = clock
    store = InThisThread()
    crawler = Crawler(store, ACCOUNT, by_source, rules=Rules(), max_age=MAX_AGE, now=clock)
    index = Index(
        store, crawler, by_source, account=ACCOUNT, rules=Rules(), max_age=MAX_AGE, wait=wait, now=clock
    )
    heard: list[events.ScanFinished] = []
    ended: list[float] = []

    def hear(event: events.Event) -> None:
        if isinstance(event, events.ScanFinished):
            heard.append(event)
            ended.append(asyncio.get_running_loop().time())

    with events.heard_by(hear):
        task = asyncio.create_task(keep_all(crawler)) if crawling else None
        try:
            yield Scene(by_source, store, crawler, index, heard, ended)
        finally:
            if task is not None:
                task.cancel()
                await asyncio.wait((task,))
            await store.aclose()


def numbered(count: int) -> list[str]:
    return [f"c{place}" for place in range(count)]


# ---- one scan


@settings(deadline=None)
@given(st.integers(0, 130), st.sampled_from([20, 21, 50, 100]))
def test_a_scan_meets_every_contact_whatever_the_size_of_pages(count: int, page: int) -> None:
    @jumping
    async def story() -> None:
        async with scene(Shelf(lists={"m": numbered(count)}, page=page)) as told:
            assert await told.crawler.scan(Source.SAMESPACE) == count
            assert await told.ids() == set(numbered(count))
            assert all(size <= page for _, _, size in told.shelf.reads)

    story()


@jumping
async def test_every_module_is_read() -> None:
    async with scene(Shelf(lists={"m1": ["a", "b"], "m2": [], "m3": ["c"]})) as told:
        assert await told.crawler.scan(Source.SAMESPACE) == 3
        assert [await told.ids(module) for module in ("m1", "m2", "m3")] == [{"a", "b"}, set(), {"c"}]
        assert told.crawler.progress[Source.SAMESPACE].modules == {"m1": "m1", "m2": "m2", "m3": "m3"}


@jumping
async def test_a_source_without_modules_is_one_list() -> None:
    shelf = Shelf(source=Source.PACKAGEX, lists={"": ["a"]}, has_modules=False)
    async with scene(shelf) as told:
        assert await told.crawler.scan(Source.PACKAGEX) == 1
        assert await told.ids("", Source.PACKAGEX) == {"a"}


@jumping
async def test_large_pages_begin_with_the_last_contact_of_the_one_before() -> None:
    async with scene(Shelf(lists={"m": numbered(120)}, page=50)) as told:
        await told.crawler.scan(Source.SAMESPACE)
        assert [offset for _, offset, _ in told.shelf.reads] == [0, 49, 98]


@jumping
async def test_small_pages_are_read_one_behind_the_other() -> None:
    async with scene(Shelf(lists={"m": numbered(50)}, page=20)) as told:
        await told.crawler.scan(Source.SAMESPACE)
        assert told.shelf.reads == [("m", 0, 20), ("m", 20, 20), ("m", 40, 20)]


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("gone", [slice(0, 1), slice(3, 30), slice(40, 60)])
def test_contacts_that_move_while_they_are_read_are_not_missed(at: int, gone: slice) -> None:
    @jumping
    async def story() -> None:
        shelf = Shelf(lists={"m": numbered(140)}, page=50)

        def happens(read: int) -> None:
            if read == at:
                del shelf.lists["m"][gone]

        shelf.happens = happens
        async with scene(shelf) as told:
            await told.crawler.scan(Source.SAMESPACE)
            assert set(shelf.lists["m"]) <= await told.ids()
            await told.crawler.scan(Source.SAMESPACE)
            assert await told.ids() == set(shelf.lists["m"])

    story()


@jumping
async def test_contacts_that_come_while_they_are_read_are_met_as_well() -> None:
    shelf = Shelf(lists={"m": numbered(60)}, page=50)
    shelf.happens = lambda read: shelf.lists["m"].extend([f"new{read}"] if read < 3 else [])
    async with scene(shelf) as told:
        await told.crawler.scan(Source.SAMESPACE)
        assert await told.ids() == set(shelf.lists["m"])


@jumping
async def test_contacts_that_are_gone_are_gone_after_the_next_scan() -> None:
    async with scene(Shelf(lists={"m": numbered(5)})) as told:
        await told.crawler.scan(Source.SAMESPACE)
        told.shelf.lists["m"] = ["c1", "c4", "c9"]
        assert await told.crawler.scan(Source.SAMESPACE) == 3
        assert await told.ids() == {"c1", "c4", "c9"}


@jumping
async def test_a_scan_gives_way_to_callers_who_wait() -> None:
    async with scene(Shelf(lists={"m": numbered(120)})) as told:
        await told.crawler.scan(Source.SAMESPACE)
        assert told.shelf.backgrounds == {True}
        assert deadline.current() is None


@jumping
async def test_a_scan_tells_how_it_went() -> None:
    async with scene(Shelf(lists={"m": numbered(60)}, seconds=2.0)) as told:
        await told.crawler.scan(Source.SAMESPACE)
        told.shelf.failing = DOWN
        with pytest.raises(UpstreamUnavailable):
            await told.crawler.scan(Source.SAMESPACE)
        assert told.heard == [
            events.ScanFinished(source="SAMESPACE", contacts=60, seconds=4.0, error=None),
            events.ScanFinished(source="SAMESPACE", contacts=0, seconds=0.0, error="UPSTREAM_UNAVAILABLE"),
        ]


# ---- scans that fail


@jumping
async def test_a_scan_that_fails_half_way_takes_nothing_away() -> None:
    async with scene(Shelf(lists={"m": numbered(120)}, page=50)) as told:
        await told.crawler.scan(Source.SAMESPACE)
        told.shelf.lists["m"] = ["new", *numbered(120)[60:]]
        told.shelf.reads.clear()

        def happens(read: int) -> None:
            told.shelf.failing = DOWN if read == 1 else None

        told.shelf.happens = happens
        with pytest.raises(UpstreamUnavailable):
            await told.crawler.scan(Source.SAMESPACE)
        assert set(numbered(120)) | {"new"} == await told.ids()
        assert told.crawler.progress[Source.SAMESPACE].error is DOWN
        state = told.index.state(Source.SAMESPACE, "m")
        assert (state.complete, state.contacts) == (True, 120)


@jumping
async def test_a_first_scan_that_fails_keeps_what_it_met_but_is_not_complete() -> None:
    async with scene(Shelf(lists={"m": numbered(120)}, page=50)) as told:
        told.shelf.happens = lambda read: setattr(told.shelf, "failing", DOWN if read == 2 else None)
        with pytest.raises(UpstreamUnavailable):
            await told.crawler.scan(Source.SAMESPACE)
        assert await told.ids() == set(numbered(99))
        assert not told.index.state(Source.SAMESPACE, "m").complete


@jumping
async def test_a_module_that_was_read_before_another_failed_is_complete() -> None:
    async with scene(Shelf(lists={"m1": ["a"], "m2": ["b"]})) as told:
        told.shelf.happens = lambda read: setattr(told.shelf, "failing", DOWN if read == 1 else None)
        with pytest.raises(UpstreamUnavailable):
            await told.crawler.scan(Source.SAMESPACE)
        complete = [told.index.state(Source.SAMESPACE, module).complete for module in ("m1", "m2")]
        assert complete == [True, False]


@jumping
async def test_a_scan_that_works_again_forgets_the_failure() -> None:
    async with scene(Shelf(lists={"m": ["a"]}, failing=DOWN)) as told:
        with pytest.raises(UpstreamUnavailable):
            await told.crawler.scan(Source.SAMESPACE)
        told.shelf.failing = None
        await told.crawler.scan(Source.SAMESPACE)
        assert told.crawler.progress[Source.SAMESPACE].error is None


@pytest.mark.parametrize("failing", [None, DOWN])
def test_whoever_waits_for_a_scan_is_woken_when_it_ends_however_it_ends(failing: Exception | None) -> None:
    @jumping
    async def story() -> None:
        async with scene(Shelf(lists={"m": ["a"]}, failing=failing)) as told:
            woken = told.crawler.want(Source.SAMESPACE)
            await asyncio.gather(told.crawler.scan(Source.SAMESPACE), return_exceptions=True)
            assert woken.is_set()
            assert not told.crawler.want(Source.SAMESPACE).is_set()

    story()


# ---- again and again


@jumping
async def test_a_source_is_read_again_a_little_before_it_counts_as_stale() -> None:
    async with scene(Shelf(lists={"m": ["a"]}), crawling=True) as told:
        await asyncio.sleep(4 * MAX_AGE)
        assert told.ended == [0, *(turn * MAX_AGE * REFRESH_AT for turn in range(1, 5))]
        assert told.shelf.prepared == 1


@jumping
async def test_an_index_that_is_kept_fresh_is_never_stale() -> None:
    async with scene(Shelf(lists={"m": ["a"]}), crawling=True) as told:
        await asyncio.sleep(1)
        for _ in range(100):
            await asyncio.sleep(13)
            assert told.index.state(Source.SAMESPACE, "m").fresh


@jumping
async def test_a_source_that_fails_is_tried_again_after_longer_and_longer_pauses() -> None:
    async with scene(Shelf(lists={"m": ["a"]}, failing=DOWN), crawling=True) as told:
        await asyncio.sleep(100)
        assert told.ended == [0, 1, 3, 7, 15, 31, 63]


@jumping
async def test_the_pauses_are_short_again_after_a_scan_that_worked() -> None:
    async with scene(Shelf(lists={"m": ["a"]}, failing=DOWN), crawling=True) as told:
        await asyncio.sleep(40)
        told.shelf.failing = None
        await asyncio.sleep(30)
        assert told.index.state(Source.SAMESPACE, "m").complete
        told.shelf.failing = DOWN
        await asyncio.sleep(MAX_AGE * REFRESH_AT)
        assert told.ended[-3:] == [63 + 240, 63 + 241, 63 + 243]


@jumping
async def test_no_pause_is_longer_than_the_age_at_which_the_index_is_stale() -> None:
    async with scene(Shelf(lists={"m": ["a"]}, failing=DOWN), crawling=True) as told:
        await asyncio.sleep(3600)
        assert max(later - earlier for earlier, later in pairwise(told.ended)) == MAX_AGE


@jumping
async def test_a_source_that_says_when_to_come_back_is_left_alone_until_then() -> None:
    busy = UpstreamRateLimited("SAMESPACE", "busy", retry_after=90)
    async with scene(Shelf(lists={"m": ["a"]}, failing=busy), crawling=True) as told:
        await asyncio.sleep(200)
        assert told.ended == [0, 90, 180]


@jumping
async def test_a_source_that_fails_costs_the_others_nothing() -> None:
    failing = Shelf(lists={"m": ["a"]}, failing=DOWN)
    well = Shelf(source=Source.PACKAGEX, lists={"": ["b"]}, has_modules=False)
    async with scene(failing, well, crawling=True) as told:
        await asyncio.sleep(1)
        assert told.index.state(Source.PACKAGEX, "").fresh
        assert not told.index.state(Source.SAMESPACE, "m").complete
        assert await told.ids("", Source.PACKAGEX) == {"b"}


@jumping
async def test_a_source_that_is_not_what_it_should_be_is_looked_at_again_and_not_read() -> None:
    misfit = UpstreamBadResponse("SAMESPACE", "another generation")
    async with scene(Shelf(lists={"m": ["a"]}, misfit=misfit), crawling=True) as told:
        await asyncio.sleep(5)
        assert told.shelf.prepared > 1
        assert told.shelf.reads == []
        assert told.crawler.progress[Source.SAMESPACE].error is misfit
        told.shelf.misfit = None
        await asyncio.sleep(20)
        assert told.index.state(Source.SAMESPACE, "m").complete


@jumping
async def test_whoever_wants_a_scan_need_not_wait_for_the_next_one() -> None:
    async with scene(Shelf(lists={"m": ["a"]}), crawling=True) as told:
        await asyncio.sleep(50)
        told.shelf.lists["m"].append("b")
        await told.crawler.want(Source.SAMESPACE).wait()
        assert await told.ids() == {"a", "b"}
        assert asyncio.get_running_loop().time() == 50


@jumping
async def test_waiting_for_the_next_scan_leaves_nothing_behind() -> None:
    async with scene(Shelf(lists={"m": ["a"]}), crawling=True) as told:
        await asyncio.sleep(1)
        tasks = len(asyncio.all_tasks())
        await told.crawler.want(Source.SAMESPACE).wait()
        await asyncio.sleep(10 * MAX_AGE)
        assert len(asyncio.all_tasks()) == tasks


@jumping
async def test_nothing_goes_on_after_the_crawler_is_cancelled() -> None:
    async with scene(Shelf(lists={"m": numbered(500)}, seconds=3.0), crawling=True) as told:
        await asyncio.sleep(7)
    assert len(told.shelf.reads) == 3
    assert asyncio.all_tasks() == {asyncio.current_task()}


# ---- over real sources


async def test_what_the_emulators_hold_is_what_the_index_holds(fresh: World) -> None:
    counts = {source: await fresh.crawler.scan(source) for source in Source}
    for source in Source:
        modules = fresh.crawler.progress[source].modules
        states = [fresh.directory.index.state(source, module) for module in modules]
        assert sum(state.contacts for state in states) == counts[source]
        assert all(state.complete and state.fresh for state in states)
    assert len(fresh.crawler.progress[Source.SAMESPACE].modules) == 2
    people = fresh.packagex.switches.operations
    assert people["listContacts"] >= 2


async def test_a_scan_of_a_source_that_breaks_off_can_be_made_up_for(fresh: World) -> None:
    fresh.smartsender.switches.fail("listContacts", body='{"collection": [', times=1)
    with pytest.raises(UpstreamBadResponse):
        await fresh.crawler.scan(Source.SMART_SENDER)
    assert not fresh.directory.index.state(Source.SMART_SENDER, "").complete
    await fresh.crawler.scan(Source.SMART_SENDER)
    assert fresh.directory.index.state(Source.SMART_SENDER, "").complete
