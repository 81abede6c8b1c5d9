"""`gateway import`: the same import as the mutation, with a progress bar on a terminal."""

import asyncio
import csv
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from gateway import terminal
from gateway.app import Gateway
from gateway.config import BadSetting, Config
from gateway.imports import table
from gateway.imports.jobs import Imports
from gateway.model import ids
from gateway.model.caller import Caller, Scope
from gateway.model.formulas import cells
from gateway.model.importing import ImportJob, JobState, RowStatus, Upload
from gateway.model.source import Source
from gateway.model.text import folded, printable
from gateway.terminal import BAD_CALL, CALLER, LOOK_SECONDS, STOPPED, complain

FOLLOW_SECONDS: Final = 1.0
SHOWN_ROWS: Final = 20
BAD: Final = frozenset({RowStatus.FAILED.value, RowStatus.WOULD_FAIL.value})
REASON: Final = "reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks for."""

    file: str | None
    to: tuple[str, ...]
    module: str | None
    dry_run: bool
    mapping: tuple[str, ...]
    overwrite: bool
    confirmation: str | None
    rejects: str | None
    account: str
    follow: str | None


async def run(config: Config, wish: Wish) -> int:
    """Import, or follow a job. The exit status: 0 when every row was taken, 1 when not, 2 for a bad call."""

    async def work(gateway: Gateway) -> int:
        imports = gateway.ledgers[wish.account].imports
        return await (_import(imports, wish) if wish.follow is None else _follow(imports, wish))

    return await terminal.carried_out(config, wish.account, work)


async def _import(imports: Imports, wish: Wish) -> int:
    if wish.file is None or not wish.to:
        complain("name a FILE, and one --to at least.")
        return BAD_CALL
    with tempfile.TemporaryDirectory(prefix="import-", dir=imports.scratch) as folder:
        return await _imported(imports, wish, Path(wish.file), Path(folder))


async def _imported(imports: Imports, wish: Wish, file: Path, folder: Path) -> int:
    given = _input(wish)
    try:
        upload = await asyncio.to_thread(_own, file, folder)
    except OSError as unreadable:
        complain(f"{wish.file}: {unreadable.strerror}")
        return BAD_CALL
    if wish.rejects is not None:  # before anything is sent
        try:
            if await asyncio.to_thread(_writable, Path(wish.rejects), file):
                complain("--rejects names the file itself.")
                return BAD_CALL
        except OSError as unwritable:
            complain(f"{wish.rejects}: {unwritable.strerror}")
            return BAD_CALL
    caller = Caller(name=CALLER, scopes=frozenset(Scope), account=wish.account)
    payload = await imports.begin(caller, {**given, "file": upload})
    for error in payload["userErrors"]:
        said = f"{'.'.join(error['field'] or [])}: {error['message']}"
        complain(said)
    if payload["job"] is None:
        return BAD_CALL
    number = ids.expect_own(payload["job"], "ImportJob", wish.account)
    try:
        job = await _watched(imports, number)
    except asyncio.CancelledError:
        complain(f"stopped. The job {payload['job']} says what is known: --follow it.")
        return STOPPED
    status = _told(job)
    if wish.rejects is not None and job["columns"]:
        read = await table.read(
            upload,
            most_rows=imports.limits.rows,
            most_cells=imports.limits.cells,
            scratch=imports.scratch,
        )
        count = await asyncio.to_thread(_write_rejects, Path(wish.rejects), read, job)
        print(f"{count} rows that failed are in {wish.rejects}.")
    return status


async def _follow(imports: Imports, wish: Wish) -> int:
    """Follow a job of another process through the stored journal."""
    number = ids.expect_own(str(wish.follow), "ImportJob", wish.account)
    await imports.recover()
    job = await imports.get(number)
    if job is None:
        complain("there is no such job in GATEWAY_DATA_DIR.")
        return BAD_CALL
    with terminal.bar("row", total=job["total"]) as bar:
        while job["state"] == JobState.RUNNING:
            _show(bar, job)
            await asyncio.sleep(FOLLOW_SECONDS)
            await imports.recover()
            job = await imports.get(number) or job
        _show(bar, job)
    return _told(job)


async def _watched(imports: Imports, number: int) -> ImportJob:
    job = await imports.get(number)
    if job is None:
        raise LookupError(number)
    with terminal.bar("row", total=job["total"]) as bar:
        while job["state"] == JobState.RUNNING:
            _show(bar, job)
            await imports.wait(number, LOOK_SECONDS)
            job = await imports.get(number) or job
        _show(bar, job)
    return job


def _show(bar: "tqdm[Any]", job: ImportJob) -> None:
    bar.update(job["processed"] - bar.n)


def _own(path: Path, folder: Path) -> Upload:
    """A copy of a file: what is confirmed, sent and reported has to be one thing, whoever saves it."""
    copy = folder / "file"
    shutil.copyfile(path, copy)
    with copy.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Upload(copy, path.name, copy.stat().st_size, digest)


def _writable(path: Path, file: Path) -> bool:
    """Whether rejects would go over the file itself. Raises OSError where nothing can be written."""
    path.touch(mode=0o600)  # rows of people
    with path.open("a"):
        return path.samefile(file)


def _input(wish: Wish) -> dict[str, Any]:
    """The input of the mutation that says the same."""
    targets = []
    for name in wish.to:
        source = _source(name)
        target: dict[str, Any] = {
            "source": source.value,
            "overwrite": wish.overwrite,
            "confirmation": wish.confirmation,
        }
        if wish.module is not None:
            target["module"] = {"name": wish.module}
        targets.append(target)
    found: dict[str, Any] = {"targets": targets, "dryRun": wish.dry_run}
    if wish.mapping:
        pairs = [each.rpartition("=") for each in wish.mapping]
        found["mapping"] = [{"column": column, "field": field} for column, _, field in pairs]
    return found


def _source(name: str) -> Source:
    wanted = folded(name).replace(" ", "_").replace("-", "_")
    for source in Source:
        if wanted in (source.value.lower(), source.value.lower().replace("_", "")):
            return source
    raise BadSetting(f"There is no source {name!r}: name {', '.join(each.value.lower() for each in Source)}.")


def _told(job: ImportJob) -> int:
    """Print what became of an import; the exit status."""
    mapped = [f"{each['column']} → {each['field'] or '(left out)'}" for each in job["mapping"]]
    print(f"Job {job['id']}: {job['state'].lower()}{', dry run' if job['dryRun'] else ''}")
    if mapped:
        print(printable(f"Columns: {'; '.join(mapped)}"))
    for report in job["reports"]:
        counts = ", ".join(
            f"{name} {report[name]}"
            for name in ("created", "merged", "failed", "unknown", "deleted")
            if report[name] is not None
        )
        print(f"{report['source']}: {report['status']} ({counts})")
        if report["message"]:
            print(printable(f"  {report['message']}"))
        bad = [row for row in report["rows"] if row["status"] in BAD]
        for row in bad[:SHOWN_ROWS]:
            place = ", ".join([f"row {row['index'] + 1}", *row["fields"]])  # counted below the headers
            print(printable(f"  {place}: {row['reason']}"))
        if len(bad) > SHOWN_ROWS:
            print(f"  … and {len(bad) - SHOWN_ROWS} more rows that failed")
    if job["confirmation"] and any(report["deleted"] is not None for report in job["reports"]):
        print(f"Confirmation for --overwrite, good once and for 15 minutes: {job['confirmation']}")
    done = job["state"] == JobState.FINISHED
    return 0 if done and all(report["status"] == "APPLIED" for report in job["reports"]) else 1


def _write_rejects(path: Path, read: table.Table, job: ImportJob) -> int:
    """Write the rows that failed anywhere, with the reason; cells stay texts where a program opens it."""
    reasons: dict[int, list[str]] = {}
    for report in job["reports"]:
        for row in report["rows"]:
            if row["status"] in BAD:
                reasons.setdefault(row["index"], []).append(f"{report['source']}: {row['reason']}")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)  # whatever parts cells where it is opened
        writer.writerow([*cells(read.columns), REASON])
        for index, said in sorted(reasons.items()):
            writer.writerow(cells([*read.rows[index], printable(" ".join(said))]))
    return len(reasons)
