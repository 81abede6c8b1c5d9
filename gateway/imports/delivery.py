"""One target of an import: what a sheet would do there, sending it, and proving what it did."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.errors import GatewayError, UpstreamUnavailable
from gateway.imports import reports, twins
from gateway.imports.twins import Held
from gateway.index.reader import Index
from gateway.model.importing import ImportReport, RowStatus
from gateway.model.source import Source
from gateway.ports import Definitions, Imported, Sheet, Upstream, Verdict

GROUPS_PAGE: Final = 100
MOST_GROUPS: Final = 10_000

Ready = Callable[[], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Target:
    """One source that a file goes to. `number` is its place in the input, `mark` what is confirmed."""

    number: int
    upstream: Upstream
    module: str | None
    overwrite: bool
    token: str | None
    mark: str = ""
    definitions: Definitions = field(default_factory=dict)

    @property
    def source(self) -> Source:
        """The source."""
        return self.upstream.source


class Delivery:
    """A sheet on its way to one target."""

    def __init__(self, index: Index, target: Target, sheet: Sheet) -> None:
        self._index = index
        self._target = target
        self._upstream = target.upstream
        self._sheet = sheet

    async def expect(self) -> ImportReport:
        """What would become of every row, by what is there now."""
        upstream, sheet, target = self._upstream, self._sheet, self._target
        held, notes = Held(), []
        if upstream.merge_keys:
            held = await self._held()
            keys = ", ".join(upstream.merge_keys)
            notes.append(
                f"Assumed: {upstream.traits.name} merges rows whose {keys} equals that of a contact; it does "
                "not publish its merge key."
            )
        groups = await self._group_names() if "Groups" in sheet.columns else frozenset()
        verdicts = await asyncio.to_thread(upstream.expected, sheet, target.definitions, held, groups)
        deleted = None
        if upstream.traits.overwrites:
            count = await self._count()
            deleted = count if target.overwrite else None
            if not target.overwrite and count is not None:
                notes.append(f"With overwrite, {count} contacts and groups would be deleted first.")
        note = " ".join(notes) or None
        return await asyncio.to_thread(
            reports.expected, target.source, verdicts, held.names, deleted=deleted, notes=note
        )

    async def send(self, ready: Ready) -> ImportReport:
        """Send the file once, then find out by a read-back what the answer does not tell.

        `ready` is awaited right before; what it raises stops the import.
        """
        target, upstream, sheet = self._target, self._upstream, self._sheet
        before = await self._held() if upstream.merge_keys else Held()
        deleted = await self._count() if target.overwrite else None
        await ready()
        try:
            imported = await upstream.import_sheet(target.module, sheet, overwrite=target.overwrite)
        except GatewayError as error:
            if target.overwrite and isinstance(error, UpstreamUnavailable) and not error.unsent:
                error.uncertain = True  # too much would be denied if it had been carried out
            if not error.uncertain:
                raise
            return await self._in_doubt(error, before)
        verdicts, names, note = await self._looked_up(imported, before)
        return await asyncio.to_thread(
            reports.told, target.source, imported, verdicts, names, deleted=deleted, notes=note
        )

    async def _in_doubt(self, error: GatewayError, before: Held) -> ImportReport:
        """The report of an import that may have been carried out: what the contacts prove, and no more."""
        source, rows = self._target.source, len(self._sheet.rows)
        self._index.doubt(source)
        found = reports.failed(source, error, rows, dry_run=False)
        if not self._upstream.merge_keys:
            return found
        try:
            after = await self._held()
        except GatewayError:
            return found
        untold = Imported(created=None, merged=None, failed=None, verdicts=[Verdict()] * rows)
        return reports.proved(found, await self._proved(untold, before, after), after.names)

    async def _looked_up(
        self, imported: Imported, before: Held
    ) -> tuple[Sequence[Verdict], Mapping[str, str], str | None]:
        """Verdicts completed by a read-back, and global ids by vendor id; the index learns along."""
        upstream, source = self._upstream, self._target.source
        verdicts = list(imported.verdicts)
        self._index.doubt(source)
        try:
            if upstream.merge_keys:
                after = await self._held()
                return await self._proved(imported, before, after), after.names, None
            contacts = await upstream.created(imported.ids)
            if self._target.overwrite:
                await self._index.rescan(source)
            else:
                await self._index.put(contacts)
        except GatewayError as error:
            return verdicts, {}, f"It was imported, but could not be read back: {error.message}"
        matched = await asyncio.to_thread(upstream.rows_of, self._sheet, contacts)
        if any(verdicts[row].status == RowStatus.FAILED for row in matched):
            # A row that is there has not failed: the source counts rows in another way than is assumed.
            verdicts = [Verdict()] * len(verdicts)
        for row, vendor_id in matched.items():
            if verdicts[row].status in (None, RowStatus.CREATED):
                verdicts[row] = Verdict(status=RowStatus.CREATED, contact=vendor_id)
        return verdicts, {each["sourceId"]: each["id"] for each in contacts}, None

    async def _proved(self, imported: Imported, before: Held, after: Held) -> Sequence[Verdict]:
        keys = self._upstream.merge_keys
        return await asyncio.to_thread(twins.proved, self._sheet, imported, before, after, keys)

    async def _held(self) -> Held:
        """Who shares a value with a row, after reading the source to its end just now."""
        target = self._target
        await self._index.rescan(target.source)
        keys = self._upstream.merge_keys
        return await twins.held(self._index, target.source, target.module or "", self._sheet, keys)

    async def _count(self) -> int | None:
        """How many persons and groups an overwrite deletes; None where the source does not tell."""
        persons, groups = await asyncio.gather(self._upstream.contacts(0, 1), self._upstream.groups(0, 1))
        return None if persons.total is None or groups.total is None else persons.total + groups.total

    async def _group_names(self) -> frozenset[str]:
        if self._target.overwrite:
            return frozenset()  # they would be deleted first
        names: set[str] = set()
        offset, more = 0, True
        while more and offset < MOST_GROUPS:
            page = await self._upstream.groups(offset, GROUPS_PAGE)
            names.update(group["name"] for group in page.items if group["name"])
            offset, more = offset + len(page.items), page.more and bool(page.items)
        return frozenset(names)
