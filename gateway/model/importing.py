"""Imports of files, as callers see them. JSON all through, as jobs are stored."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypedDict


class JobState(StrEnum):
    """Whether an import has come to its end."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    INTERRUPTED = "INTERRUPTED"


class RowStatus(StrEnum):
    """What became, or would become, of a row."""

    CREATED = "CREATED"
    MERGED = "MERGED"
    FAILED = "FAILED"
    WOULD_CREATE = "WOULD_CREATE"
    WOULD_MERGE = "WOULD_MERGE"
    WOULD_FAIL = "WOULD_FAIL"
    UNKNOWN = "UNKNOWN"


class ImportRow(TypedDict):
    """One row of a file; `index` counts from 0 below the header, `fields` are the columns at fault."""

    index: int
    status: str
    contactId: str | None
    reason: str | None
    fields: list[str]


class ImportReport(TypedDict):
    """What one target did with a file."""

    source: str
    status: str
    created: int | None
    merged: int | None
    failed: int | None
    unknown: int
    deleted: int | None
    code: str | None
    message: str | None
    rows: list[ImportRow]


class ColumnMap(TypedDict):
    """What one column holds; `field` is None for one that is not imported."""

    column: str
    field: str | None


class ImportJob(TypedDict):
    """The import of one file."""

    __typename: str
    id: str
    state: str
    dryRun: bool
    columns: list[str]
    mapping: list[ColumnMap]
    processed: int
    total: int | None
    reports: list[ImportReport]
    _modules: dict[str, str | None]
    confirmation: str | None
    startedAt: str
    finishedAt: str | None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a request: where it lies for so long, what its sender calls it, and its SHA-256.

    A class of its own, so that no JSON of a caller can pass for one.
    """

    path: Path
    filename: str
    size: int
    sha256: str
