"""Imports as stored jobs: begun by a mutation or the command line, carried on in the background."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from contextvars import Context as Variables
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from gateway import deadline, events
from gateway.errors import DeadlineExceeded, GatewayError, UpstreamRejected
from gateway.federation.directory import Directory
from gateway.imports import columns, reports, table
from gateway.imports.delivery import Delivery, Target
from gateway.imports.room import Room
from gateway.imports.table import BadFile, Table
from gateway.journal import once
from gateway.journal.journal import Journal, Owning
from gateway.model import ids
from gateway.model.audit import AuditEntry, AuditOutcome
from gateway.model.caller import Caller
from gateway.model.event import EventType, Happening
from gateway.model.importing import ImportJob, ImportReport, JobState, Upload
from gateway.model.source import Source
from gateway.model.writing import DONE, UserError, UserErrorCode, WriteStatus
from gateway.ports import Sheet
from gateway.writing import recording
from gateway.writing.confirmations import Confirmations, hashed
from gateway.writing.desk import Desk
from gateway.writing.inputs import Complaints, Given

ACTION: Final = "importContacts"
STEP: Final = "job"
MARGIN: Final = 1.0  # seconds of the deadline that are left for the answer
SHORT: Final = 0.1  # of the deadline, where that is less

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


@dataclass(slots=True)
class Running:
    """A job under way, and whoever it was begun for.

    `prepared` tells what is wrong with the file, once it is read; nothing is sent before `go`.
    """

    number: int
    job: ImportJob
    caller: Caller
    entry: AuditEntry
    task: "asyncio.Task[None] | None" = None
    encoding: str | None = None
    prepared: "asyncio.Future[list[UserError]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    go: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def token(self) -> str:
        """What its open record in the audit trail is kept under."""
        return self.job["id"]


class Imports:
    """The imports of one account."""

    def __init__(
        self,
        directory: Directory,
        journal: Journal,
        owner: Owning,
        limits: Limits,
        *,
        now: Callable[[], str],
        listeners: Sequence[events.Listener] = (),
        report: Report = lambda _: None,
        room: Room,
        scratch: Path,
    ) -> None:
        self.limits = limits
        self.scratch = scratch  # where files lie while they are worked on
        self._room = room
        self._directory = directory
        self._journal = journal
        self._owner = owner
        self._now = now
        self._confirmations = Confirmations(journal, directory.account, now)
        self._listeners = tuple(listeners)
        self._report = report
        self._running: dict[int, Running] = {}
        self._closed = False

    async def begin(self, caller: Caller, given: Given, request: str = "") -> Payload:
        """Check an import, store it as a job, and let it run; the id of the job, or what is wrong.

        The file is read as the first part of the job. Where that takes longer than the deadline, the job is
        returned all the same, and its reports say what is wrong with the file. The audit trail has one record
        of the beginning and one of the end, or one of why it was not begun, with the id of the `request`.
        """
        entry = _entry(caller, given, request)
        try:
            payload = await self._checked(caller, given, entry)
        except BaseException as error:
            await asyncio.shield(self._audit(recording.failed(entry, error)))
            raise
        if payload["job"] is None:
            code = str(payload["userErrors"][0]["code"])
            await self._audit(replace(entry, outcome=AuditOutcome.REJECTED, code=code))
        return payload

    async def _checked(self, caller: Caller, given: Given, entry: AuditEntry) -> Payload:
        steps = once.current()
        if steps is not None and steps.before.get(STEP):
            return {"job": steps.before[STEP]["job"], "userErrors": []}
        wrong, unable = Complaints(), Complaints()
        refused: list[ImportReport] = []
        targets = await self._targets(Desk(self._directory, caller), given, wrong, unable, refused)
        if not given.get("dryRun"):
            _check_tokens(targets, wrong)
        self._check_size(targets, given["file"], wrong)
        if wrong:
            return {"job": None, "userErrors": wrong.found + unable.found}
        with ExitStack() as place:
            place.enter_context(self._room.one(caller.who))
            storing = asyncio.ensure_future(self._store(caller, given, targets, refused, entry))
            try:
                return await self._begun(await asyncio.shield(storing), targets, given, unable, place)
            except BaseException:  # also when the caller went away: nothing may run that nobody knows of
                await asyncio.shield(self._abandon(storing))
                raise

    async def _begun(
        self,
        running: Running,
        targets: Sequence[Target],
        given: Given,
        unable: Complaints,
        place: ExitStack,
    ) -> Payload:
        steps = once.current()
        if targets:
            self._launch(running, targets, given, place.pop_all())
            left = deadline.seconds_left(float("inf"))
            patience = None if left == float("inf") else max(left - min(MARGIN, left * SHORT), 0.0)
            await asyncio.wait((running.prepared,), timeout=patience)
            if running.prepared.done() and running.prepared.result():
                await self._stop(running)
                await self._journal.drop_job(running.number)
                return {"job": None, "userErrors": running.prepared.result() + unable.found}
        if steps is not None:
            await steps.leaving(STEP)
            await steps.ended(STEP, {"job": running.job["id"]})
        if self._closed:
            raise DeadlineExceeded("The gateway is being stopped; nothing was sent.")
        if targets:
            token, now = running.token, self._now()
            await self._journal.open_audit(
                token, self._directory.account, self._owner.name, now, running.entry
            )
            await self._audit(running.entry)
        else:
            await self._audit(_ended(running.entry, running.job))
        running.go.set()
        if running.task is not None and running.task.done():  # its end stands nowhere yet
            await self._audit(_ended(running.entry, running.job), running.token)
        return {"job": running.job["id"], "userErrors": unable.found}

    async def _abandon(self, storing: "asyncio.Task[Running]") -> None:
        """End a job that could not be begun to the end. It has sent nothing."""
        running = await storing
        if not running.go.is_set():
            await self._stop(running)
            await self._journal.audit(self._directory.account, self._now(), [], running.token)

    @property
    def running(self) -> bool:
        """Whether any job is under way."""
        return bool(self._running)

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
        found = await self._journal.job(self._directory.account, number)
        if found is None:
            return None
        owner, job = found
        if job["state"] == JobState.RUNNING and not await self._lives(owner, number):
            job = await self._journal.end_job(number, owner, self._interrupted)
        kept: ImportJob = job
        return kept

    async def recover(self) -> None:
        """Find the jobs that a killed gateway has left behind."""
        for number, owner in await self._journal.jobs_in(self._directory.account, JobState.RUNNING):
            if not await self._lives(owner, number):
                await self._journal.end_job(number, owner, self._interrupted)

    async def _lives(self, owner: str, number: int) -> bool:
        """Whether anybody still carries on a job."""
        return number in self._running if owner == self._owner.name else await self._owner.lives(owner)

    async def aclose(self) -> None:
        """Stop what runs, and begin nothing new; it is stored as interrupted, with what is known."""
        self._closed = True
        for running in list(self._running.values()):
            await self._stop(running)

    async def _stop(self, running: Running) -> None:
        if running.task is not None and not running.task.done():
            running.task.cancel()
            await asyncio.wait((running.task,))
        if self._running.pop(running.number, None) is not None:  # it has not even started
            await self._journal.keep_job(running.number, self._interrupted(running.job))

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

    def _check_size(self, targets: Sequence[Target], upload: Upload, wrong: Complaints) -> None:
        if not upload.size:
            wrong.add(UserErrorCode.INVALID, "The file is empty.", "file")
        for target in targets:
            most = min(self.limits.bytes, self.limits.bytes_of.get(target.source, self.limits.bytes))
            if upload.size > most:
                text = f"The file has {upload.size} bytes; {target.upstream.traits.name} takes {most}."
                wrong.add(UserErrorCode.TOO_LARGE, text, "file", source=target.source)
                return

    async def _store(
        self,
        caller: Caller,
        given: Given,
        targets: Sequence[Target],
        refused: Sequence[ImportReport],
        entry: AuditEntry,
    ) -> Running:
        """Keep a new job; one without any target that can import has ended already."""
        ended = None if targets else self._now()
        job: ImportJob = {
            "__typename": "ImportJob",
            "id": "",
            "state": (JobState.RUNNING if targets else JobState.FINISHED).value,
            "dryRun": bool(given.get("dryRun")),
            "columns": [],
            "mapping": [],
            "processed": 0,
            "total": None if targets else 0,
            "reports": [*(reports.begun(target.source) for target in targets), *refused],
            "confirmation": None,
            "_modules": {target.source.value: target.module for target in targets},
            "startedAt": self._now(),
            "finishedAt": ended,
        }
        account = self._directory.account

        def named(number: int) -> str:
            return ids.own("ImportJob", account, number)

        number = await self._journal.begin_job(account, self._owner.name, job, named)
        entry = replace(entry, detail={**entry.detail, "job": job["id"]})
        running = Running(number, job, caller, entry)
        if targets:
            self._running[number] = running
        return running

    # While it runs.

    def _launch(self, running: Running, targets: Sequence[Target], given: Given, place: ExitStack) -> None:
        """Let a job run apart from whoever began it: with its own deadline, heard by nobody else.

        `place` is what it holds, and given up when it has ended.
        """
        try:
            folder = place.enter_context(tempfile.TemporaryDirectory(prefix="import-", dir=self.scratch))
            upload = _own_copy(given["file"], Path(folder))
        except BaseException:
            place.close()
            raise
        running.task = asyncio.get_running_loop().create_task(
            self._run(running, targets, given, upload), context=Variables()
        )
        running.task.add_done_callback(lambda _: place.close())  # also of one that was never begun

    async def _run(
        self,
        running: Running,
        targets: Sequence[Target],
        given: Given,
        upload: Upload,
    ) -> None:
        job = running.job
        try:
            with deadline.within(self.limits.seconds), events.heard_by(*self._listeners):
                wrong = Complaints()
                sheets = await self._prepare(running, targets, given, upload, wrong)
                running.prepared.set_result(wrong.found)
                async with asyncio.timeout(self.limits.seconds):
                    await running.go.wait()
                if wrong:  # too late for user errors: nobody waited for them
                    said = " ".join(error["message"] for error in wrong.found)
                    for place, target in enumerate(targets):
                        error = UpstreamRejected(target.source.value, said)
                        job["reports"][place] = reports.failed(target.source, error, 0, dry_run=job["dryRun"])
                else:
                    await asyncio.gather(
                        *(
                            self._one(running, place, target, sheet)
                            for place, (target, sheet) in enumerate(zip(targets, sheets, strict=True))
                        )
                    )
                    job["confirmation"] = await self._confirmation(running, targets)
            job["state"], job["finishedAt"] = JobState.FINISHED.value, self._now()
        except asyncio.CancelledError:
            self._interrupted(job)
        except Exception as error:
            self._report(error)
            self._interrupted(job)
        finally:
            if not running.prepared.done():
                running.prepared.set_result([])
            try:
                await asyncio.shield(self._journal.keep_job(running.number, job))
                if running.go.is_set():
                    await asyncio.shield(self._audit(_ended(running.entry, job), running.token))
            except Exception as error:
                self._report(error)  # the next one who asks finds it interrupted
            finally:
                self._running.pop(running.number, None)

    async def _prepare(
        self,
        running: Running,
        targets: Sequence[Target],
        given: Given,
        upload: Upload,
        wrong: Complaints,
    ) -> list[Sheet]:
        """Read the file and map its columns: a sheet for each target, unless there are complaints."""
        try:
            async with self._room.readers:
                read = await table.read(
                    upload,
                    most_rows=self.limits.rows,
                    most_cells=self.limits.cells,
                    scratch=self.scratch,
                )
        except BadFile as problem:
            wrong.add(problem.code, problem.message, "file")
            return []
        pairs = [(target.upstream, target.definitions) for target in targets]
        if given.get("mapping") is None:
            fields = columns.proposed(read.columns, pairs)
        else:
            fields = columns.given(given["mapping"], read.columns, pairs, wrong)
        if not any(fields) and not wrong:
            shown = ", ".join(read.columns[:20])
            text = f"None of the headers tells what it holds: give a mapping. The columns are: {shown}."
            wrong.add(UserErrorCode.REQUIRED, text, "mapping")
        if wrong:
            return []
        sheets = [await asyncio.to_thread(_sheet, target, read, fields) for target in targets]
        for target, sheet in zip(targets, sheets, strict=True):
            if len(set(sheet.keys)) < len(sheet.keys):
                text = f"Two columns hold the same for {target.upstream.traits.name}: map one of them only."
                wrong.add(UserErrorCode.CONFLICT, text, "mapping", source=target.source)
            why = await asyncio.to_thread(target.upstream.refuses, sheet)
            if why is not None:
                wrong.add(UserErrorCode.TOO_LARGE, why, "file", source=target.source)
            target.mark = hashed(repr((upload.sha256, sheet.keys, sheet.origins)))
            if target.overwrite and not running.job["dryRun"] and not wrong:
                await self._check_confirmation(running.caller, target, wrong)
        job = running.job
        job["columns"] = list(read.columns)
        job["mapping"] = [
            {"column": column, "field": field} for column, field in zip(read.columns, fields, strict=True)
        ]
        job["total"] = len(read.rows) * len(targets)
        running.encoding = read.encoding
        return sheets

    async def _check_confirmation(self, caller: Caller, target: Target, wrong: Complaints) -> None:
        if not await self._confirmations.redeem(target.token, caller, target.mark, use=False):
            text = "This confirmation is of another file, mapping or account, was used, or is too old."
            path = ("targets", target.number, "confirmation")
            wrong.add(UserErrorCode.INVALID, text, *path, source=target.source)

    async def _one(self, running: Running, place: int, target: Target, sheet: Sheet) -> None:
        """Carry out one target; whatever it does stands in its own report."""
        job = running.job
        filled = [index for index, row in enumerate(sheet.rows) if any(row)]
        sent = replace(sheet, rows=[sheet.rows[index] for index in filled])
        try:
            if not sheet.columns:
                raise UpstreamRejected(target.source.value, "None of the columns is for this source.")
            if not filled:
                raise UpstreamRejected(
                    target.source.value, "None of the rows holds anything for this source."
                )
            delivery = Delivery(self._directory.index, target, sent)
            if job["dryRun"]:
                found = await delivery.expect()
            else:
                found = await delivery.send(lambda: self._ready(running, place, target, len(filled)))
                if found["status"] in DONE:
                    await self._note(running, target, found)
        except GatewayError as error:
            found = reports.failed(target.source, error, len(filled), dry_run=job["dryRun"])
        except Exception as error:  # whatever it was, the other targets go on
            self._report(error)
            found = reports.broken(job["reports"][place], len(filled), dry_run=job["dryRun"])
        if running.encoding is not None:
            found["message"] = " ".join(
                filter(None, (found["message"], f"The file was read as {running.encoding}."))
            )
        job["reports"][place] = reports.with_blanks(found, filled, len(sheet.rows), dry_run=job["dryRun"])
        job["processed"] += len(sheet.rows)
        await self._journal.keep_job(running.number, job)

    async def _ready(self, running: Running, place: int, target: Target, rows: int) -> None:
        """Redeem the confirmation, and store that the file is on its way."""
        if target.overwrite and not await self._confirmations.redeem(
            target.token, running.caller, target.mark, use=True
        ):
            text = "The confirmation was used meanwhile, or has expired."
            raise UpstreamRejected(target.source.value, text)
        running.job["reports"][place] = reports.sent(target.source, rows)
        await self._journal.keep_job(running.number, running.job)

    async def _note(self, running: Running, target: Target, found: ImportReport) -> None:
        counts = {name: found[name] for name in ("created", "merged", "failed", "deleted")}
        happening = Happening(
            type=EventType.CONTACTS_IMPORTED,
            source=target.source,
            payload={"job": running.job["id"], **counts},
        )
        account, actor = self._directory.account, running.caller.name
        await self._journal.note(account, actor, self._now(), [happening], answer=len)

    async def _audit(self, entry: AuditEntry, closes: str | None = None) -> None:
        await self._journal.audit(self._directory.account, self._now(), [entry], closes)

    # Confirmations, and ends.

    async def _confirmation(self, running: Running, targets: Sequence[Target]) -> str | None:
        """Hand out a confirmation for a target that could overwrite, where its dry run ended well."""
        if not running.job["dryRun"]:
            return None
        for target, report in zip(targets, running.job["reports"], strict=False):
            if target.upstream.traits.overwrites and report["created"]:
                return await self._confirmations.hand_out(running.caller, target.mark)
        return None

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


def _check_tokens(targets: Sequence[Target], wrong: Complaints) -> None:
    for target in targets:
        if target.overwrite and not target.token:
            text = (
                "overwrite deletes every contact of the account first. Do a dry run with this file, and "
                "pass on the confirmation that it hands out."
            )
            path = ("targets", target.number, "confirmation")
            wrong.add(UserErrorCode.REQUIRED, text, *path, source=target.source)


def _entry(caller: Caller, given: Given, request: str) -> AuditEntry:
    """What the audit trail says of an import that is about to begin."""
    upload: Upload = given["file"]
    return AuditEntry(
        caller=caller.name,
        action=ACTION,
        outcome=AuditOutcome.BEGUN,
        request=request,
        detail={
            "sources": [str(each["source"]) for each in given["targets"]],
            "overwrite": any(each.get("overwrite") for each in given["targets"]),
            "dryRun": bool(given.get("dryRun")),
            "bytes": upload.size,
            "sha256": upload.sha256,
        },
    )


def _ended(entry: AuditEntry, job: ImportJob) -> AuditEntry:
    """What it says of the end of one."""
    codes = [report["code"] for report in job["reports"] if report["code"]]
    if job["state"] == JobState.INTERRUPTED:
        codes.insert(0, recording.CUT_OFF)
    counts = ("source", "status", "code", "created", "merged", "failed", "unknown", "deleted")
    reports_ = [{name: report[name] for name in counts} for report in job["reports"]]  # type: ignore[literal-required]
    return replace(
        entry,
        outcome=recording.outcome({str(report["status"]) for report in job["reports"]}, codes),
        code=codes[0] if codes else None,
        detail={**entry.detail, "reports": reports_},
    )


def _own_copy(upload: Upload, folder: Path) -> Upload:
    """The same file in a folder of the job's own: whoever sent it may be gone before it is read."""
    path = folder / "file"
    try:
        path.hardlink_to(upload.path)
    except OSError:  # on another file system
        shutil.copyfile(upload.path, path)
    return Upload(path, upload.filename, upload.size, upload.sha256)
