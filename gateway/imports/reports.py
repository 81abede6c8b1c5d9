"""Reports of one target, out of verdicts on its rows. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.errors import GatewayError
from gateway.model.importing import ImportReport, ImportRow, RowStatus
from gateway.model.source import Source
from gateway.model.writing import WriteOutcome, WriteStatus
from gateway.ports import Imported, Verdict

UNSENT: Final = "Nothing has been sent yet."
SENT: Final = (
    "The file was sent, and what became of it is not known. Compare the contacts of the source with the file "
    "before you import it again: the gateway never repeats it."
)
GOOD: Final = frozenset({RowStatus.CREATED, RowStatus.MERGED, RowStatus.WOULD_CREATE, RowStatus.WOULD_MERGE})
BAD: Final = frozenset({RowStatus.FAILED, RowStatus.WOULD_FAIL})


def begun(source: Source) -> ImportReport:
    """The report of a target before anything was sent to it."""
    return _report(source, WriteStatus.SKIPPED, message=UNSENT)


def sent(source: Source, rows: int) -> ImportReport:
    """The report of a target that has got the file and not answered."""
    return _report(source, WriteStatus.UNCERTAIN, message=SENT) | {"unknown": rows}


def refused(outcome: WriteOutcome) -> ImportReport:
    """The report of a target that cannot import, or that the caller may not write to."""
    found = _report(Source(outcome["source"]), WriteStatus(outcome["status"]), message=outcome["message"])
    found["code"] = outcome["code"]
    return found


def failed(source: Source, error: GatewayError, rows: int, *, dry_run: bool) -> ImportReport:
    """The report of a target that did not take the file, or where nobody knows whether it did."""
    uncertain = error.uncertain and not dry_run
    found = _report(source, WriteStatus.UNCERTAIN if uncertain else WriteStatus.REJECTED)
    found["code"] = error.code
    found["message"] = f"{error.message} {SENT}" if uncertain else f"Nothing was imported. {error.message}"
    known = not uncertain and not dry_run
    status = RowStatus.FAILED if known else RowStatus.UNKNOWN
    found["rows"] = [_row(place, Verdict(status=status, reason=error.message), {}) for place in range(rows)]
    found["failed"], found["unknown"] = (rows, 0) if known else (None, rows)
    return found


def broken(before: ImportReport, rows: int, *, dry_run: bool) -> ImportReport:
    """The report of a target for which the gateway itself failed; `before` tells how far it had come."""
    uncertain = before["status"] == WriteStatus.UNCERTAIN and not dry_run
    found = _report(Source(before["source"]), WriteStatus.UNCERTAIN if uncertain else WriteStatus.REJECTED)
    found["code"] = "INTERNAL"
    found["message"] = f"The gateway failed. {SENT if uncertain else 'Nothing was imported.'}"
    known = not uncertain and not dry_run
    verdict = Verdict(status=RowStatus.FAILED if known else RowStatus.UNKNOWN, reason="The gateway failed.")
    found["rows"] = [_row(place, verdict, {}) for place in range(rows)]
    found["failed"], found["unknown"] = (rows, 0) if known else (None, rows)
    return found


def expected(
    source: Source,
    verdicts: Sequence[Verdict],
    ids: Mapping[str, str],
    *,
    deleted: int | None,
    notes: str | None,
) -> ImportReport:
    """The report of a dry run; `ids` are global ids by vendor id."""
    found = _counted(source, verdicts, ids)
    found["deleted"], found["message"] = deleted, notes
    return found


def told(
    source: Source,
    imported: Imported,
    verdicts: Sequence[Verdict],
    ids: Mapping[str, str],
    *,
    deleted: int | None,
    notes: str | None,
) -> ImportReport:
    """The report of a real run: counts as the source told them, rows as it told or a read-back proved."""
    found = _counted(source, verdicts, ids)
    found["created"], found["merged"], found["failed"] = imported.created, imported.merged, imported.failed
    taken = (imported.created or 0) + (imported.merged or 0)
    untold = imported.created is None or imported.merged is None
    if taken and taken == len(verdicts):
        found["status"] = WriteStatus.APPLIED.value
    elif taken or any(row["status"] in GOOD for row in found["rows"]):
        found["status"] = WriteStatus.PARTIAL.value
    else:
        found["status"] = (WriteStatus.UNCERTAIN if untold else WriteStatus.REJECTED).value
    found["deleted"], found["message"] = deleted, notes
    if found["status"] == WriteStatus.UNCERTAIN:
        found["code"] = "UPSTREAM_BAD_RESPONSE"
        found["message"] = f"The source has not told what it did. {SENT}"
    return found


def proved(found: ImportReport, verdicts: Sequence[Verdict], ids: Mapping[str, str]) -> ImportReport:
    """The report of an import in doubt, with those rows that the contacts themselves prove."""
    rows = [_row(place, verdict, ids) for place, verdict in enumerate(verdicts)]
    unknown = sum(row["status"] == RowStatus.UNKNOWN for row in rows)
    return {**found, "rows": rows, "unknown": unknown}


def with_blanks(found: ImportReport, filled: Sequence[int], count: int, *, dry_run: bool) -> ImportReport:
    """The report with all rows of the file: those that hold nothing for this source were not sent."""
    if len(filled) == count or (filled and not found["rows"]):
        return found
    status = RowStatus.WOULD_FAIL if dry_run else RowStatus.FAILED
    blank = Verdict(status=status, reason="It holds nothing for this source, so it was not sent.")
    rows = [_row(place, blank, {}) for place in range(count)]
    for place, row in zip(filled, found["rows"], strict=True):
        rows[place] = {**row, "index": place}
    blanks = count - len(filled)
    failed = None if found["failed"] is None else found["failed"] + blanks
    whole = WriteStatus.PARTIAL.value if found["status"] == WriteStatus.APPLIED else found["status"]
    return {**found, "rows": rows, "failed": failed, "status": whole}


def _counted(source: Source, verdicts: Sequence[Verdict], ids: Mapping[str, str]) -> ImportReport:
    rows = [_row(place, verdict, ids) for place, verdict in enumerate(verdicts)]
    count = Counter(row["status"] for row in rows)
    bad = sum(count[status] for status in BAD)
    good = sum(count[status] for status in GOOD)
    status = WriteStatus.APPLIED if not bad else WriteStatus.PARTIAL if good else WriteStatus.REJECTED
    found = _report(source, status)
    found["created"] = count[RowStatus.CREATED] + count[RowStatus.WOULD_CREATE]
    found["merged"] = count[RowStatus.MERGED] + count[RowStatus.WOULD_MERGE]
    found["failed"], found["unknown"], found["rows"] = bad, count[RowStatus.UNKNOWN], rows
    return found


def _row(place: int, verdict: Verdict, ids: Mapping[str, str]) -> ImportRow:
    return {
        "index": place,
        "status": str(verdict.status or RowStatus.UNKNOWN),
        "contactId": ids.get(verdict.contact) if verdict.contact else None,
        "reason": verdict.reason,
        "fields": list(verdict.columns),
    }


def _report(source: Source, status: WriteStatus, message: str | None = None) -> ImportReport:
    return {
        "source": source.value,
        "status": status.value,
        "created": None,
        "merged": None,
        "failed": None,
        "unknown": 0,
        "deleted": None,
        "code": None,
        "message": message,
        "rows": [],
    }
