"""The log: one JSON object a line on standard error. No value of a contact and no key ever stands in it."""

import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from gateway.events import Event, ScanFinished, UpstreamCalled

LOGGER: Final = logging.getLogger("gateway")
LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class JsonLines(logging.Formatter):
    """A record as one JSON object: time, level, what happened, and its details."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record. Exceptions of other libraries are named, never quoted."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "details", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = where(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


def configure(level: str) -> None:
    """Send the gateway's own lines, and warnings of its libraries, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    LOGGER.setLevel(LEVELS[level])


def access(
    *, request_id: str, method: str, path: str, status: int, seconds: float, details: Mapping[str, Any]
) -> None:
    """One request has been answered."""
    if LOGGER.isEnabledFor(logging.INFO):
        line = {"requestId": request_id, "method": method, "path": path, "status": status}
        _write(logging.INFO, "request", {**line, "ms": round(seconds * 1000, 1), **details})


def failure(error: BaseException, request_id: str) -> None:
    """Something that is not ours was raised: its kind and where, never its text, which may quote anything."""
    _write(logging.ERROR, "internal error", {"requestId": request_id, "error": where(error)})


def hear(event: Event) -> None:
    """A listener of events: one line for each upstream call and each scan."""
    if isinstance(event, UpstreamCalled):
        level = logging.DEBUG if event.error is None else logging.WARNING
        if LOGGER.isEnabledFor(level):
            details = {"source": event.source, "operation": event.operation, "status": event.status}
            _write(
                level, "upstream call", {**details, "code": event.error, "ms": round(event.seconds * 1000, 1)}
            )
    elif isinstance(event, ScanFinished):
        level = logging.INFO if event.error is None else logging.WARNING
        details = {"source": event.source, "contacts": event.contacts, "code": event.error}
        _write(level, "index scan", {**details, "ms": round(event.seconds * 1000, 1)})


def where(error: BaseException) -> str:
    """The kind of an error, and the place that raised it; of a group the first one."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _write(level: int, event: str, details: Mapping[str, Any]) -> None:
    LOGGER.log(level, event, extra={"details": details})
