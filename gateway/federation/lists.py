"""Lists that sources read themselves: groups, members, and what hangs on one thing."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from gateway.errors import (
    CapabilityUnsupported,
)
from gateway.federation import asking, paging
from gateway.federation.directory import Directory
from gateway.federation.feeds import Feed, KeyFeed, LiveFeed
from gateway.federation.walk import alone, walk
from gateway.model.caller import Caller
from gateway.model.group import Group
from gateway.model.outcome import Connection
from gateway.model.page import Slice
from gateway.model.source import Source
from gateway.ports import Upstream


async def groups(directory: Directory, arguments: asking.Arguments, caller: Caller) -> Connection:
    """Groups of all sources that can list them."""
    first, after = asking.page(arguments)
    named, search = asking.sources(arguments), asking.text(arguments.get("search"), "search")
    able, refused = directory.asked(named, caller)
    feeds: dict[Source, Feed] = {}
    for source, upstream in able.items():
        if upstream.traits.can("groups"):
            feeds[source] = _group_feed(upstream, search)
        elif named is not None:
            caveat = upstream.traits.abilities["groups"].caveat or "It cannot list groups."
            refused[source] = CapabilityUnsupported(source.value, f"{upstream.traits.name}: {caveat}")
    mark = partial(paging.fingerprint, "groups", directory.account, named, search)
    page = await walk(feeds, first=first, after=after, mark=mark, refused=refused)
    return _with_told_total(page)


async def single(
    source: Source,
    read: Callable[[int, int], Awaitable[Slice[Any]]],
    *,
    ceiling: int,
    first: int,
    after: str | None,
    mark: Sequence[Any],
) -> Connection:
    """A list of one source, such as the messages of a chat. `mark` tells it from every other list."""
    feed = LiveFeed(read, ceiling)
    page = await alone(source, feed, first=first, after=after, mark=partial(paging.fingerprint, *mark))
    return _with_told_total(page)


async def members(
    group: Group,
    load: Callable[[Sequence[Any]], Awaitable[list[Any]]],
    *,
    first: int,
    after: str | None,
) -> Connection:
    """The members of a group in the order of the source."""
    feed = KeyFeed(group["_members"] or [], load)
    mark = partial(paging.fingerprint, "members", group["id"])
    page = await alone(group["source"], feed, first=first, after=after, mark=mark)
    return _with_told_total(page)


def _with_told_total(page: Connection) -> Connection:
    totals = page["_totals"]

    async def total() -> "int | None":
        told = list(totals.values())
        return None if None in told else sum(count or 0 for count in told)

    page["_total"] = total
    return page


def _group_feed(upstream: Upstream, search: str | None) -> LiveFeed:
    return LiveFeed(
        lambda offset, count: upstream.groups(offset, count, search=search), upstream.traits.page_ceiling
    )
