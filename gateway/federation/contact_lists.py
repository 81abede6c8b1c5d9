"""The list of contacts, for one account: who answers live, who from the index, and who cannot."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from gateway.errors import (
    BadInput,
    CapabilityUnsupported,
    CursorInvalid,
    Forbidden,
    GatewayError,
)
from gateway.federation import coverage, outcomes, paging
from gateway.federation.asking import ContactsQuery, ModuleRef
from gateway.federation.directory import Directory
from gateway.federation.fanout import ask
from gateway.federation.feeds import Feed, IndexFeed, LiveFeed, NoFeed, Read
from gateway.federation.walk import walk
from gateway.index.query import Question
from gateway.index.reader import State
from gateway.index.store import Stored
from gateway.model.caller import Caller
from gateway.model.filter import Filter, Order, OrderField
from gateway.model.group import GroupKey
from gateway.model.outcome import Connection
from gateway.model.source import SOURCES, Source
from gateway.ports import Upstream

Refused = dict[Source, GatewayError]
SORTED_CURSOR_PARTS = 4


async def contacts(
    directory: Directory, query: ContactsQuery, caller: Caller, max_age: float | None
) -> Connection:
    """Contacts of several sources as one list."""
    plan = ContactLists(directory, query, caller, max_age)
    return await (plan.interleaved() if query.order is None else plan.ordered(query.order))


class ContactLists:
    """One question for contacts: who answers it, and how."""

    def __init__(
        self, directory: Directory, query: ContactsQuery, caller: Caller, max_age: float | None
    ) -> None:
        self._directory = directory
        self._query = query
        self._caller = caller
        self._max_age = max_age
        self._refused: Refused = {}
        self._filter = query.filter
        self._mark = partial(
            paging.fingerprint,
            "contacts",
            directory.account,
            query.sources,
            query.search,
            query.filter,
            query.module,
            query.group and query.group.parts,
            query.order,
        )

    async def interleaved(self) -> Connection:
        """The list in its fixed order: live, or from the index where the source cannot answer itself."""
        await self._resolve_group()
        upstreams = self._able()
        answers = await ask({source: self._feed(upstream) for source, upstream in upstreams.items()})
        feeds: dict[Source, Feed] = {}
        for source, answer in answers.items():
            if isinstance(answer, BadInput):
                raise answer
            if isinstance(answer, Forbidden):
                self._refused[source] = answer
                continue
            feeds[source] = _Failing(answer) if isinstance(answer, GatewayError) else answer
        page = await walk(
            feeds, first=self._query.first, after=self._query.after, mark=self._mark, refused=self._refused
        )
        totals = page["_totals"]
        page["_total"] = lambda: self._total(feeds, totals)
        return page

    async def ordered(self, order: Order) -> Connection:
        """The list in a sort order over all sources, from the index."""
        await self._resolve_group()
        upstreams = self._able(order)
        answers = await ask({source: self._settled(upstream) for source, upstream in upstreams.items()})
        questions: dict[Source, tuple[Question, State]] = {}
        for source, answer in answers.items():
            if isinstance(answer, BadInput):
                raise answer
            if isinstance(answer, GatewayError):
                self._refused[source] = answer
            elif answer[1].complete or answer[1].error is None:
                questions[source] = answer
            else:
                self._refused[source] = answer[1].error
        if not questions:
            raise outcomes.nobody(list(self._refused.values()))
        mark = self._mark()
        after = _unsealed(self._query.after, mark)
        for source in questions:
            self._directory.index.spared(source)
        rows = await self._directory.index.store.after_key(
            [question for question, _ in questions.values()], order, after, self._query.first + 1
        )
        return self._sorted_page(rows, questions, mark)

    def _sorted_page(
        self, rows: Sequence[Stored], questions: Mapping[Source, tuple[Question, State]], mark: str
    ) -> Connection:
        more, rows = len(rows) > self._query.first, rows[: self._query.first]
        incomplete = any(not state.complete for _, state in questions.values())
        cursors = [paging.seal([paging.VERSION, mark, row.sort, row.rowid]) for row in rows]
        told = {source: outcomes.failed(source, error) for source, error in self._refused.items()}
        for source, (_, state) in questions.items():
            read = Read(
                items=[],
                end=paging.Position(),
                more=more,
                from_cache=True,
                stale=not state.fresh,
                as_of=state.as_of,
            )
            count = sum(row.source == source.value for row in rows)
            told[source] = outcomes.answered(source, [read], count, exhausted=not more and state.complete)
        return {
            "nodes": [self._directory.index.contact(row) for row in rows],
            "_info": lambda: {
                "hasNextPage": more or incomplete,
                "hasPreviousPage": self._query.after is not None,
                "startCursor": cursors[0] if cursors else None,
                "endCursor": cursors[-1] if cursors else self._query.after if incomplete else None,
            },
            "sources": [told[source] for source in SOURCES if source in told],
            "_cursors": lambda: cursors,
            "_totals": {},
            "_total": lambda: self._count_sorted(list(questions.values())),
        }

    def _able(self, order: Order | None = None) -> dict[Source, Upstream]:
        """The sources that can answer; the others are noted with the reason."""
        found, self._refused = self._directory.asked(self._query.sources, self._caller)
        for source, upstream in tuple(found.items()):
            try:
                self._check(upstream, order)
            except CapabilityUnsupported as error:
                self._refused[source] = error
                del found[source]
        return found

    def _check(self, upstream: Upstream, order: Order | None) -> None:
        """Raise CapabilityUnsupported for what neither the source nor the index can answer."""
        wanted, traits = self._filter, upstream.traits
        lacking = None
        if not traits.tells_updates and (wanted is not None and wanted.needs_updated_at):
            lacking = "tells no update times, so it cannot be filtered by them"
        elif not traits.tells_updates and order is not None and order.field is OrderField.UPDATED_AT:
            lacking = "tells no update times, so it cannot be sorted by them"
        elif self._query.module is not None and not traits.has_modules:
            lacking = "has no modules"
        elif wanted is not None and wanted.members_source is upstream.source and wanted.members is None:
            lacking = "does not tell the members of a group"
        if lacking:
            raise CapabilityUnsupported(upstream.source.value, f"{traits.name} {lacking}.")

    async def _resolve_group(self) -> None:
        """Replace the group of the filter by its members, which are read from its source."""
        group = self._query.group
        if group is None:
            return
        wanted = self._filter or Filter()
        key = GroupKey(group.source, group.parts[0])
        found = (await self._directory.groups([key], self._caller)).get(key)
        if isinstance(found, GatewayError):
            raise found
        able = self._directory.able(group.source, self._caller, "Group.members") is not None
        keys = found["_members"] if found is not None else ([] if able else None)
        members = None if keys is None else tuple(member.id for member in keys)
        self._filter = replace(wanted, members=members, members_source=group.source)

    async def _feed(self, upstream: Upstream) -> Feed:
        wanted, search = self._filter, self._query.search
        if _cannot_hold(wanted, upstream.source):
            return NoFeed()
        live = wanted is None and (search is None or upstream.traits.searches)
        if not live:
            question, state = await self._settled(upstream)
            if not state.complete and state.error is not None:
                raise state.error.with_traceback(None)  # it is raised again and again
            return IndexFeed(self._directory.index, question, state)
        module = await self._module(upstream) if self._query.module is not None else None
        await coverage.check(upstream, module)
        return LiveFeed(
            lambda offset, count: upstream.contacts(offset, count, module=module, search=search),
            upstream.traits.page_ceiling,
        )

    async def _settled(self, upstream: Upstream) -> tuple[Question, State]:
        """The question to the index of a source, and its state after waiting for a scan that is needed."""
        question = await self._question(upstream)
        return question, await self._directory.index.settled(upstream.source, question.module, self._max_age)

    def _state(self, question: Question) -> State:
        return self._directory.index.state(Source(question.source), question.module, self._max_age)

    async def _question(self, upstream: Upstream) -> Question:
        module = await self._module(upstream) if upstream.traits.has_modules else ""
        wanted = self._filter
        if wanted is not None and _cannot_hold(wanted, upstream.source):
            wanted = replace(wanted, members=())
        return Question(
            account=self._directory.account,
            source=upstream.source.value,
            module=module,
            search=self._query.search,
            filter=wanted,
        )

    async def _module(self, upstream: Upstream) -> str:
        """The vendor id of the module that is meant."""
        default = ModuleRef(name=upstream.traits.default_module)
        return await self._directory.module_id(upstream, self._query.module or default)

    async def _total(self, feeds: Mapping[Source, Feed], totals: Mapping[Source, int | None]) -> int | None:
        """The number of contacts in the whole list; None where one source cannot tell."""
        if self._lacks_a_source():
            return None
        told = 0
        questions: list[tuple[Question, State]] = []
        for source, feed in feeds.items():
            count = totals.get(source)
            if isinstance(feed, IndexFeed):
                questions.append((feed.question, feed.state))
            elif count is not None:
                told += count
            elif self._query.search is not None or isinstance(feed, _Failing):
                return None
            else:
                question = await self._question(self._directory.upstreams[source])
                questions.append((question, self._state(question)))  # a total is worth no wait
        counted = await self._count(questions)
        return None if counted is None else told + counted

    async def _count_sorted(self, questions: Sequence[tuple[Question, State]]) -> int | None:
        return None if self._lacks_a_source() else await self._count(questions)

    def _lacks_a_source(self) -> bool:
        """Whether a source that counts is missing; one that the caller may not read is as if not there."""
        return any(not isinstance(error, Forbidden) for error in self._refused.values())

    async def _count(self, questions: Sequence[tuple[Question, State]]) -> int | None:
        if any(not (state.complete and state.fresh) for _, state in questions):
            return None
        return await self._directory.index.store.count([question for question, _ in questions])


def _cannot_hold(wanted: Filter | None, source: Source) -> bool:
    """Whether no contact of a source can fit: tags and members belong to one source only."""
    if wanted is None:
        return False
    return any(of is not None and of is not source for of in (wanted.tag_source, wanted.members_source))


def _unsealed(after: str | None, mark: str) -> tuple[Any, int] | None:
    """The sort value and row number of a cursor of a sorted list."""
    if after is None:
        return None
    value, rowid = paging.unseal(after, mark, SORTED_CURSOR_PARTS)[2:]
    if not isinstance(rowid, int) or not 0 <= rowid < paging.LARGEST or not isinstance(value, str | None):
        raise CursorInvalid(paging.BROKEN)
    return value, rowid


class _Failing:
    """The list of a source that failed before it could be read."""

    def __init__(self, error: GatewayError) -> None:
        self._error = error

    async def read(self, position: paging.Position, count: int) -> Read:
        """Raise the error."""
        del position, count
        raise self._error
