"""Imports as stored jobs: begun by a mutation or the command line, carried on in the background."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context as Variables
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from gateway import deadline, events
from gateway.errors import Forbidden, GatewayError, UpstreamRejected
from gateway.federation.directory import Directory
from gateway.imports import columns, reports, table, twins
from gateway.imports.table import BadFile, Table
from gateway.imports.twins import Held
from gateway.journal import once
from gateway.journal.owner import Owner
from gateway.journal.store import Journal
from gateway.model import ids
from gateway.model.caller import Caller
from gateway.model.event import EventType, Happening
from gateway.model.importing import ImportJob, ImportReport, JobState, RowStatus, Upload
from gateway.model.source import Source
from gateway.model.writing import DONE, UserErrorCode, WriteStatus
from gateway.ports import Definitions, Imported, Sheet, Upstream, Verdict
from gateway.writing.desk import Desk
from gateway.writing.inputs import Complaints, Given

CONFIRMED_FOR: Final = timedelta(minutes=15)
GROUPS_PAGE: Final = 100
MOST_GROUPS: Final = 10_000
STEP: Final = "job"

Payload = dict[str, Any]
Report = Callable[[BaseException], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Largest file by source in bytes, and otherwise; most rows and cells; seconds that a job may take."""

    bytes: int
    bytes_of: Mapping[Source, int]
    rows: int
    cells: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class Target:
    """One source that a file goes to. `number` is its place in the input."""

    number: int
    upstream: Upstream
    module: str | None
    overwrite: bool
    token: str | None
    definitions: Definitions = field(default_factory=dict)

    @property
    def source(self) -> Source:
        """The source."""
        return self.upstream.source


@dataclass(slots=True)
class Running:
    """A job under way, and whoever it was begun for."""

    number: int
    job: ImportJob
    caller: Caller
    mark: str
    task: "asyncio.Task[None] | None" = None


class Imports:
    """The imports of one account."""

    def __init__(
        self,
        directory: Directory,
        journal: Journal,
        owner: Owner,
        limits: Limits,
        *,
        now: Callable[[], str],
        listeners: Sequence[events.Listener] = (),
        report: Report = lambda _: None,
    ) -> None:
        self.limits = limits
        self._directory = directory
        self._journal = journal
        self._owner = owner
        self._now = now
        self._listeners = tuple(listeners)
        self._report = report
        self._running: dict[int, Running] = {}

    async def begin(self, caller: Caller, given: Given) -> Payload:
        """Check an import, store it as a job, and let it run; the id of the job, or what is wrong."""
        steps = once.current()
        if steps is not None and steps.before.get(STEP):
            return {"job": steps.before[STEP]["job"], "userErrors": []}
        upload: Upload = given["file"]
        dry_run = bool(given.get("dryRun"))
        wrong, unable = Complaints(), Complaints()
        desk = Desk(self._directory, caller)
        refused: list[ImportReport] = []
        targets = await self._targets(desk, given, wrong, unable, refused)
        if not dry_run:
            await self._check_confirmations(targets, caller, upload, wrong)
        self._check_size(targets, upload, wrong)
        if wrong:
            return {"job": None, "userErrors": wrong.found + unable.found}
        if not targets:
            return await self._none(caller, unable, refused, dry_run=dry_run)
        try:
            read = await table.read(upload, most_rows=self.limits.rows, most_cells=self.limits.cells)
        except BadFile as problem:
            wrong.add(problem.code, problem.message, "file")
            return {"job": None, "userErrors": wrong.found}
        pairs = [(target.upstream, target.definitions) for target in targets]
        if given.get("mapping") is None:
            fields = columns.proposed(read.columns, pairs)
        else:
            fields = columns.given(given["mapping"], read.columns, pairs, wrong)
        if not any(fields) and not wrong:
            text = "None of the headers tells what it holds: give a mapping."
            wrong.add(UserErrorCode.REQUIRED, text, "mapping")
        if wrong:
            return {"job": None, "userErrors": wrong.found}
        job = self._job(read, fields, targets, refused, dry_run=dry_run)
        number = await self._store(job, caller, upload.sha256)
        if steps is not None:
            await steps.leaving(STEP)
            await steps.ended(STEP, {"job": job["id"]})
        self._launch(self._running[number], targets, read, fields)
        return {"job": job["id"], "userErrors": unable.found}

    async def wait(self, number: int, seconds: float) -> None:
        """Wait until a job has ended, and for so long at most."""
        running = self._running.get(number)
        if running is not None and running.task is not None:
            await asyncio.wait((running.task,), timeout=max(seconds, 0.0))

    async def get(self, number: int) -> ImportJob | None:
        """A job, running or ended."""
        running = self._running.get(number)
        if running is not None:
            return running.job
        found: ImportJob | None = await self._journal.job(self._directory.account, number)
        return found

    async def recover(self) -> None:
        """Find the jobs that a killed gateway has left behind."""
        for number, owner, job in await self._journal.jobs_in(JobState.RUNNING):
            if ids.decode(job["id"]).account == self._directory.account and not self._owner.lives(owner):
                await self._journal.keep_job(number, self._interrupted(job))

    async def aclose(self) -> None:
        """Stop what runs; it is stored as interrupted, with what is known."""
        for running in list(self._running.values()):
            if running.task is not None and not running.task.done():
                running.task.cancel()
                await asyncio.wait((running.task,))

    # Before a job begins.

    async def _targets(
        self,
        desk: Desk,
        given: Given,
        wrong: Complaints,
        unable: Complaints,
        refused: list[ImportReport],
    ) -> list[Target]:
        """The sources that a file can go to; reports of those that cannot take it are added to `refused`."""
        found: list[Target] = []
        seen: set[str] = set()
        if not given["targets"]:
            wrong.add(UserErrorCode.REQUIRED, "The list is empty: name at least one source.", "targets")
        for number, each in enumerate(given["targets"]):
            source = Source(each["source"])
            if source in seen:
                text = "This source is named twice."
                wrong.add(UserErrorCode.DUPLICATE, text, "targets", number, "source")
                continue
            seen.add(source)
            outcome = desk.unable(source, "importContacts")
            if outcome is not None:
                text = outcome["message"] or ""
                unable.add(UserErrorCode.UNSUPPORTED, text, "targets", number, "source", source=source)
                refused.append(reports.refused(outcome))
                continue
            overwrite = bool(each.get("overwrite"))
            upstream = desk.upstream(source)
            if overwrite and not upstream.traits.overwrites:
                text = f"{upstream.traits.name} does not overwrite: leave it out."
                wrong.add(UserErrorCode.UNSUPPORTED, text, "targets", number, "overwrite", source=source)
            try:
                module = await desk.module(source, each.get("module"), wrong, "targets", number)
                definitions = (
                    await self._directory.definitions(source, module or "", desk.caller)
                    if upstream.traits.has_modules
                    else {}
                )
            except GatewayError as error:
                refused.append(reports.failed(source, error, 0, dry_run=True))
                continue
            found.append(
                Target(
                    number=number,
                    upstream=upstream,
                    module=module,
                    overwrite=overwrite,
                    token=each.get("confirmation"),
                    definitions=definitions,
                )
            )
        return found

    async def _check_confirmations(
        self, targets: Sequence[Target], caller: Caller, upload: Upload, wrong: Complaints
    ) -> None:
        for target in targets:
            if not target.overwrite:
                continue
            path = ("targets", target.number, "confirmation")
            if not target.token:
                text = (
                    "overwrite deletes every contact of the account first. Do a dry run with this file, and "
                    "pass on the confirmation that it hands out."
                )
                wrong.add(UserErrorCode.REQUIRED, text, *path, source=target.source)
            elif not await self._redeem(target.token, caller, upload.sha256, use=False):
                text = (
                    "This confirmation is of another file or account, was used, or is older than 15 minutes."
                )
                wrong.add(UserErrorCode.INVALID, text, *path, source=target.source)

    def _check_size(self, targets: Sequence[Target], upload: Upload, wrong: Complaints) -> None:
        if not upload.size:
            wrong.add(UserErrorCode.INVALID, "The file is empty.", "file")
        for target in targets:
            most = min(self.limits.bytes, self.limits.bytes_of.get(target.source, self.limits.bytes))
            if upload.size > most:
                text = f"The file has {upload.size} bytes; {target.upstream.traits.name} takes {most}."
                wrong.add(UserErrorCode.TOO_LARGE, text, "file", source=target.source)
                return

    async def _none(
        self, caller: Caller, wrong: Complaints, refused: list[ImportReport], *, dry_run: bool
    ) -> Payload:
        """A job that has nothing to do, as none of its targets can import."""
        job = self._job(Table([], []), [], [], refused, dry_run=dry_run)
        job["state"], job["finishedAt"] = JobState.FINISHED.value, self._now()
        number = await self._store(job, caller, "")
        del self._running[number]
        await self._journal.keep_job(number, job)
        return {"job": job["id"], "userErrors": wrong.found}

    def _job(
        self,
        read: Table,
        fields: Sequence[str | None],
        targets: Sequence[Target],
        refused: Sequence[ImportReport],
        *,
        dry_run: bool,
    ) -> ImportJob:
        return {
            "__typename": "ImportJob",
            "id": "",
            "state": JobState.RUNNING.value,
            "dryRun": dry_run,
            "columns": list(read.columns),
            "mapping": [
                {"column": column, "field": field} for column, field in zip(read.columns, fields, strict=True)
            ],
            "processed": 0,
            "total": len(read.rows) * len(targets),
            "reports": [*(reports.begun(target.source) for target in targets), *refused],
            "confirmation": None,
            "startedAt": self._now(),
            "finishedAt": None,
        }

    async def _store(self, job: ImportJob, caller: Caller, mark: str) -> int:
        """Keep a new job, under a number that its id then tells."""
        account = self._directory.account
        number = await self._journal.begin_job(account, self._owner.name, job)
        job["id"] = ids.own("ImportJob", account, number)
        await self._journal.keep_job(number, job)
        self._running[number] = Running(number, job, caller, mark)
        return number

    # While it runs.

    def _launch(
        self, running: Running, targets: Sequence[Target], read: Table, fields: Sequence[str | None]
    ) -> None:
        """Let a job run apart from whoever began it: with its own deadline, heard by nobody else."""
        running.task = asyncio.get_running_loop().create_task(
            self._run(running, targets, read, fields), context=Variables()
        )

    async def _run(
        self, running: Running, targets: Sequence[Target], read: Table, fields: Sequence[str | None]
    ) -> None:
        job = running.job
        try:
            with deadline.within(self.limits.seconds), events.heard_by(*self._listeners):
                await asyncio.gather(
                    *(self._one(running, place, target, read, fields) for place, target in enumerate(targets))
                )
            if job["dryRun"] and any(target.upstream.traits.overwrites for target in targets):
                job["confirmation"] = await self._confirmation(running)
            job["state"], job["finishedAt"] = JobState.FINISHED.value, self._now()
        except asyncio.CancelledError:
            self._interrupted(job)
        except Exception as error:
            self._report(error)
            self._interrupted(job)
        finally:
            await self._journal.keep_job(running.number, job)
            self._running.pop(running.number, None)

    async def _one(
        self,
        running: Running,
        place: int,
        target: Target,
        read: Table,
        fields: Sequence[str | None],
    ) -> None:
        """Carry out one target; whatever it does stands in its own report."""
        job = running.job
        sheet = _sheet(target, read, fields)
        try:
            if not sheet.columns:
                raise UpstreamRejected(target.source.value, "None of the columns is for this source.")
            if job["dryRun"]:
                found = await self._expect(target, sheet)
            else:
                found = await self._import(running, place, target, sheet)
        except GatewayError as error:
            found = reports.failed(target.source, error, len(read.rows), dry_run=job["dryRun"])
        job["reports"][place] = found
        job["processed"] += len(read.rows)
        await self._journal.keep_job(running.number, job)

    async def _expect(self, target: Target, sheet: Sheet) -> ImportReport:
        """What would become of every row, by what is there now."""
        upstream = target.upstream
        held, note = Held(), None
        if upstream.merge_keys:
            held = await self._held(target, sheet)
            keys = ", ".join(upstream.merge_keys)
            note = (
                f"Assumed: {upstream.traits.name} merges rows whose {keys} equals that of a contact; it does "
                "not publish its merge key."
            )
        groups = await self._group_names(target) if "Groups" in sheet.columns else frozenset()
        verdicts = upstream.expected(sheet, target.definitions, held, groups)
        deleted = await self._count(target) if target.overwrite else None
        return reports.expected(target.source, verdicts, held.globals, deleted=deleted, notes=note)

    async def _import(self, running: Running, place: int, target: Target, sheet: Sheet) -> ImportReport:
        """Send the file once, then find out by a read-back what the answer does not tell."""
        upstream = target.upstream
        before = await self._held(target, sheet) if upstream.merge_keys else Held()
        deleted = await self._count(target) if target.overwrite else None
        if target.overwrite and not await self._redeem(
            target.token or "", running.caller, running.mark, use=True
        ):
            raise UpstreamRejected(
                target.source.value, "The confirmation was used meanwhile, or has expired."
            )
        running.job["reports"][place] = reports.sent(target.source, len(sheet.rows))
        await self._journal.keep_job(running.number, running.job)
        imported = await upstream.import_sheet(target.module, sheet, overwrite=target.overwrite)
        verdicts, known, note = await self._looked_up(target, sheet, imported, before)
        found = reports.told(target.source, imported, verdicts, known, deleted=deleted, notes=note)
        if found["status"] in DONE:
            await self._note(running, target, found)
        return found

    async def _looked_up(
        self, target: Target, sheet: Sheet, imported: Imported, before: Held
    ) -> tuple[Sequence[Verdict], Mapping[str, str], str | None]:
        """Verdicts completed by a read-back, and global ids by vendor id; the index learns along."""
        upstream = target.upstream
        verdicts = list(imported.verdicts)
        try:
            if upstream.merge_keys:
                after = await self._held(target, sheet)
                return (
                    twins.proved(sheet, verdicts, before, after, upstream.merge_keys),
                    after.globals,
                    None,
                )
            contacts = await upstream.created(imported.ids)
            if target.overwrite:
                await self._directory.index.rescan(target.source)
            else:
                await self._directory.index.put(contacts)
        except GatewayError as error:
            return verdicts, {}, f"It was imported, but could not be read back: {error.message}"
        for row, vendor_id in upstream.rows_of(sheet, contacts).items():
            if verdicts[row].status in (None, RowStatus.CREATED):
                verdicts[row] = Verdict(status=RowStatus.CREATED, contact=vendor_id)
        return verdicts, {each["sourceId"]: each["id"] for each in contacts}, None

    async def _held(self, target: Target, sheet: Sheet) -> Held:
        """Who shares a value with a row, after reading the source to its end just now."""
        index = self._directory.index
        await index.rescan(target.source)
        return await twins.held(index, target.source, target.module or "", sheet, target.upstream.merge_keys)

    async def _count(self, target: Target) -> int | None:
        """How many persons and groups an overwrite deletes; None where the source does not tell."""
        persons, groups = await asyncio.gather(target.upstream.contacts(0, 1), target.upstream.groups(0, 1))
        return None if persons.total is None or groups.total is None else persons.total + groups.total

    async def _group_names(self, target: Target) -> frozenset[str]:
        if target.overwrite:
            return frozenset()  # they would be deleted first
        names: set[str] = set()
        offset, more = 0, True
        while more and offset < MOST_GROUPS:
            page = await target.upstream.groups(offset, GROUPS_PAGE)
            names.update(group["name"] for group in page.items if group["name"])
            offset, more = offset + len(page.items), page.more and bool(page.items)
        return frozenset(names)

    async def _note(self, running: Running, target: Target, found: ImportReport) -> None:
        counts = {name: found[name] for name in ("created", "merged", "failed", "deleted")}
        happening = Happening(
            type=EventType.CONTACTS_IMPORTED,
            source=target.source,
            payload={"job": running.job["id"], **counts},
        )
        account, actor = self._directory.account, running.caller.name
        await self._journal.note(account, actor, self._now(), [happening], answer=len)

    # Confirmations, and ends.

    async def _confirmation(self, running: Running) -> str:
        token = secrets.token_urlsafe(24)
        expires = datetime.fromisoformat(self._now()) + CONFIRMED_FOR
        await self._journal.hand_out(
            _hashed(token),
            self._directory.account,
            running.caller.name,
            running.mark,
            expires.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
        return token

    async def _redeem(self, token: str, caller: Caller, mark: str, *, use: bool) -> bool:
        account = self._directory.account
        return await self._journal.redeem(_hashed(token), account, caller.name, mark, self._now(), use=use)

    def _interrupted(self, job: ImportJob) -> ImportJob:
        job["state"], job["finishedAt"] = JobState.INTERRUPTED.value, self._now()
        for report in job["reports"]:
            if report["status"] == WriteStatus.SKIPPED and report["message"] == reports.UNSENT:
                report["message"] = "The gateway was stopped before anything was sent."
        return job


def _sheet(target: Target, read: Table, fields: Sequence[str | None]) -> Sheet:
    """The mapped columns of a file, in the form of one target."""
    places = [place for place, field in enumerate(fields) if field is not None]
    return target.upstream.sheet(
        [read.columns[place] for place in places],
        [str(fields[place]) for place in places],
        [[row[place] for place in places] for row in read.rows],
        target.definitions,
    )


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def readable(job: ImportJob, caller: Caller) -> ImportJob:
    """A job as a caller may see it: without the reports of sources that the key does not cover."""
    if caller.sources is None:
        return job
    kept = [report for report in job["reports"] if caller.may_read(Source(report["source"]))]
    if job["reports"] and not kept:
        raise Forbidden("Your key does not cover the sources of this import.")
    return {**job, "reports": kept}
