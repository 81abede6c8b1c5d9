"""The log: one JSON object a line on standard error. No value of a contact and no key ever stands in it."""

import logging
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TextIO, cast

import orjson

from gateway import clock
from gateway.events import (
    BreakerChanged,
    Event,
    ScanFinished,
    StaleServed,
    StateChanged,
    UpstreamCalled,
    UpstreamRefused,
)

LOGGER: Final = logging.getLogger("gateway")
ROOT: Final = logging.getLogger()
REFUSALS: Final = {401: "UPSTREAM_AUTH", 403: "UPSTREAM_AUTH", 429: "UPSTREAM_RATE_LIMITED"}
LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class JsonLines(logging.Formatter):
    """A record as one JSON object: time, level, what happened, and its details."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        return self.written(_line(record))

    def written(self, line: dict[str, Any]) -> str:
        """A line."""
        return orjson.dumps(line, default=str).decode()


class TextLines(logging.Formatter):
    """A record as `time LEVEL what happened key=value …`, for people at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        return self.written(_line(record))

    def written(self, line: dict[str, Any]) -> str:
        """A line."""
        head = f"{line.pop('time')} {line.pop('level').upper():7} {line.pop('event')}"
        return " ".join((head, *(f"{key}={_word(value)}" for key, value in line.items())))


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines. Standard error sends each one out by itself, so there is nothing to flush."""

    def __init__(self, form: JsonLines | TextLines, worker: int | None) -> None:
        super().__init__(sys.stderr)
        self._form = form
        self._worker = worker
        self._turn = cast("threading.RLock", self.lock)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record."""
        try:
            self._write(_line(record))
        except Exception:
            self.handleError(record)

    def wrote(self, line: dict[str, Any]) -> bool:
        """Write a line; False where that failed."""
        try:
            with self._turn:  # as `handle` does: threads must not write into one another's lines
                self._write(line)
        except Exception:
            return False
        return True

    def _write(self, line: dict[str, Any]) -> None:
        if self._worker is not None:
            line["worker"] = self._worker
        self.stream.write(f"{self._form.written(line)}\n")


WORDS: Final = {level: word for word, level in LEVELS.items()}
FORMATS: Final[Mapping[str, type[JsonLines | TextLines]]] = {"json": JsonLines, "text": TextLines}


def configure(level: str, form: str = "json", *, worker: int | None = None) -> None:
    """Send the gateway's own lines, and warnings of its libraries, to standard error.

    Of several processes that serve on one port, each names itself in its lines.
    """
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no line tells them
    ROOT.handlers[:] = [_Handler(FORMATS[form](), worker)]
    ROOT.setLevel(logging.WARNING)
    LOGGER.setLevel(LEVELS[level])


def unknown_setting(name: str) -> None:
    """A variable that looks like a setting and is none."""
    _write(logging.WARNING, "unknown setting", {"name": name})


def no_source() -> None:
    """No source has a key, so that there is nobody to ask."""
    _write(logging.WARNING, "no source", {"message": "Set the key of at least one source."})


def keys_renewed() -> None:
    """The files with keys have changed, and their new content is in use."""
    _write(logging.INFO, "keys renewed", {})


def keys_refused(why: str) -> None:
    """The files with keys have changed, and their new content is not taken."""
    _write(logging.ERROR, "keys refused", {"message": why})


def documents_renewed(count: int) -> None:
    """The manifest of documents has changed, and its new content is in use."""
    _write(logging.INFO, "documents renewed", {"documents": count})


def documents_refused(why: str) -> None:
    """The manifest of documents has changed, and its new content is not taken."""
    _write(logging.ERROR, "documents refused", {"message": why})


def unlisted(request_id: str, operation: str, caller: str, hashed: str | None) -> None:
    """A document has run that does not stand in the manifest; its text may hold values of contacts."""
    details = {"operation": operation or None, "caller": caller, "sha256": hashed}
    _write(logging.INFO, "unlisted document", {"requestId": request_id, **details})


def worker_ended(worker: int, status: int) -> None:
    """A process that served has ended, though nobody asked it to; a negative status is a signal."""
    _write(logging.ERROR, "worker ended", {"worker": worker, "status": status})


def worker_hangs(worker: int) -> None:
    """The event loop of a process that served has not turned for long: it is ended."""
    _write(logging.ERROR, "worker hangs", {"worker": worker})


def worker_begun(worker: int) -> None:
    """Another process serves in the place of one that has ended."""
    _write(logging.WARNING, "worker begun", {"worker": worker})


def toggle(level: str) -> None:
    """Write everything from now on, or again what the settings say: for SIGHUP, while the gateway runs."""
    quiet = LOGGER.level == logging.DEBUG
    LOGGER.setLevel(LEVELS[level] if quiet else logging.DEBUG)
    LOGGER.warning("log level", extra={"details": {"to": level if quiet else "debug"}})


def _line(record: logging.LogRecord) -> dict[str, Any]:
    """What stands in a line. Exceptions of other libraries are named, never quoted."""
    line: dict[str, Any] = {
        "time": clock.as_text(int(record.created * 1000)),
        "level": record.levelname.lower(),
        "event": record.getMessage() if record.args else record.msg,
        **getattr(record, "details", {}),
    }
    if record.exc_info and record.exc_info[1] is not None:
        line["error"] = where(record.exc_info[1])
    return line


def _word(value: Any) -> str:
    text = "-" if value is None else str(value)
    return orjson.dumps(text).decode() if " " in text or not text.isprintable() or '"' in text else text


def access(
    *, request_id: str, method: str, path: str, status: int, seconds: float, details: Mapping[str, Any]
) -> None:
    """One request has been answered."""
    if LOGGER.isEnabledFor(logging.INFO):
        line = {"requestId": request_id, "method": method, "path": path, "status": status}
        _send(logging.INFO, "request", {**line, "ms": round(seconds * 1000, 1), **details})


def tool_called(*, tool: str, code: str | None, request_id: str | None, seconds: float) -> None:
    """An assistant has called a tool."""
    details = {"tool": tool, "code": code, "requestId": request_id, "ms": round(seconds * 1000, 1)}
    _write(logging.INFO if code is None else logging.WARNING, "tool call", details)


def gateway_away() -> None:
    """The gateway that assistants are to ask does not answer yet."""
    _write(
        logging.WARNING, "gateway away", {"message": "The schema of this package is used until a restart."}
    )


def failure(error: BaseException, request_id: str) -> None:
    """Something that is not ours was raised: its kind and where, never its text, which may quote anything."""
    _write(logging.ERROR, "internal error", {"requestId": request_id, "error": where(error)})


@dataclass(frozen=True, slots=True)
class Lines:
    """A listener of events: one line for each upstream call, scan, and change of a breaker.

    `work` is the id of the request that they happen for, or a word for what runs in the background, whose
    calls are only told at the level `debug`, as there are many.
    """

    work: str
    background: bool = False

    def __call__(self, event: Event) -> None:
        """Hear an event."""
        details: dict[str, Any]
        if isinstance(event, UpstreamCalled):
            self._called(event)
        elif isinstance(event, UpstreamRefused):
            details = {"operation": event.operation, "code": event.error, "reason": event.reason}
            self._write(logging.WARNING, "upstream call refused", event.source, details)
        elif isinstance(event, BreakerChanged):
            details = {"kind": event.kind, "state": event.state}
            self._write(logging.WARNING, "breaker", event.source, details)
        elif isinstance(event, StateChanged):
            level = logging.INFO if event.here else logging.WARNING
            _write(level, "shared state", {"here": event.here, "reason": event.reason})
        elif isinstance(event, StaleServed):
            self._write(logging.INFO, "stale answer", event.source, {"code": event.error})
        elif isinstance(event, ScanFinished):
            level = logging.INFO if event.error is None else logging.WARNING
            details = {"contacts": event.contacts, "code": event.error, "ms": round(event.seconds * 1000, 1)}
            self._write(level, "index scan", event.source, details)

    def _called(self, call: UpstreamCalled) -> None:
        source, operation, status, code, seconds, waited, attempt, batch, cancelled, why = call
        if code is None and status is not None and status >= 400:
            code = _code(status)
        level = logging.WARNING if code else logging.DEBUG if self.background else logging.INFO
        if LOGGER.isEnabledFor(level):
            details = {
                "requestId": self.work,
                "source": source,
                "operation": operation,
                "status": status,
                "code": code,
                "why": why,
                "attempt": attempt,
                "batch": batch,
                "cancelled": cancelled,
                "ms": round(seconds * 1000, 1),
                "waitedMs": round(waited * 1000, 1),
            }
            _send(level, "upstream call", details)

    def _write(self, level: int, event: str, source: str, details: Mapping[str, Any]) -> None:
        _write(level, event, {"requestId": self.work, "source": source, **details})


def _code(status: int) -> str | None:
    """What a status means to whoever asked; None for an answer that is one."""
    if status >= 500:
        return "UPSTREAM_UNAVAILABLE"
    return REFUSALS.get(status)


def where(error: BaseException) -> str:
    """The kind of an error, and the place that raised it; of a group the first one."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _write(level: int, event: str, details: Mapping[str, Any]) -> None:
    """Write a line, if lines of its level are wanted."""
    if LOGGER.isEnabledFor(level):
        _send(level, event, details)


def _send(level: int, event: str, details: Mapping[str, Any]) -> None:
    """Write a line: straight to where all lines go, if nobody else listens, as the way through `logging`
    costs more than the line. What looks for the caller's place in the code is left out: no line tells it.
    """
    handlers = ROOT.handlers
    straight = handlers[0] if len(handlers) == 1 and not LOGGER.handlers else None
    if isinstance(straight, _Handler):
        at = clock.as_text(time.time_ns() // 1_000_000)
        if straight.wrote({"time": at, "level": WORDS[level], "event": event, **details}):
            return
    record = logging.LogRecord(LOGGER.name, level, "", 0, event, None, None)
    record.details = details
    LOGGER.handle(record)
