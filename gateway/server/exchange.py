"""One GraphQL request, whatever it came by: what it asks for, what becomes known of it, and its answer."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from starlette.datastructures import Headers

from gateway.context import CostMeter
from gateway.engine import errors as graphql_errors
from gateway.engine.cost import Cost, Price
from gateway.errors import GatewayError
from gateway.model.caller import Caller
from gateway.server.negotiation import GRAPHQL, JSON, status_of_invalid
from gateway.server.problems import NotJson, Refusal
from gateway.server.refusals import CODES, Refused
from gateway.telemetry import logs

LONGEST_NAME: Final = 100  # signs of an operation name in logs, metrics and traces
MAX_AGE: Final = re.compile(r"(?:^|,)\s*max-age\s*=\s*(\d{1,9})\s*(?:,|$)", re.IGNORECASE)
MILLISECONDS: Final = re.compile(r"[0-9]{1,9}")
TRACE: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
MOST_ERRORS: Final = 10  # of what is invalid; graphql-core counts up to 50 for variables
OK: Final = 200
PARTIAL: Final = 294  # "partial success", as the draft has it
UNPROCESSABLE: Final = 422
NOT_VALID: Final = frozenset({"GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT", "QUERY_TOO_COMPLEX"})
NOTHING: Final = object()
PLAN: Final = "plan"
RUN: Final = "run"


Gone = Callable[[], Awaitable[None]]
"""Comes to its end when whoever asked has gone away."""


class Stream(Protocol):
    """Where an answer of several parts goes. `incremental` and `subscriptions` say what it can carry."""

    incremental: bool
    subscriptions: bool

    async def begin(self) -> None:
        """Tell whoever waits that parts will come, before there is one."""
        ...

    async def emit(self, body: dict[str, Any]) -> None:
        """Send one part; done once it is on its way."""
        ...


class Answer(NamedTuple):
    """An answer of one part."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]


@dataclass(slots=True, eq=False)
class Exchange:
    """One request. `kind` is the media type of its answer, None where nothing acceptable can be given;
    `stream` takes answers of several parts, `gone` tells when nobody waits any more, where that is known;
    `stopping`: it ended as the gateway is being stopped.

    `outcome` is `ok`, `partial` (some of it failed), `failed` (all of it), `refused` (not carried out) or
    `gone` (nobody waited for it any more); `code` is the first one of the answer, `bound` names a limit
    that it met. `strict`: warnings are told as errors. `expected` is what the operation costs at most,
    `points` what it has cost. `max_age` is how old an answer may be, in seconds; None where the caller does
    not care.
    """

    headers: Headers
    id: str
    method: str = "POST"
    kind: str | None = JSON
    strict: bool = field(init=False)
    strict_status: bool = False
    stream: Stream | None = None
    stopping: bool = False
    gone: Gone | None = None
    started: float = field(default_factory=time.perf_counter)
    caller: Caller | None = None
    operation: str = ""
    operation_kind: str = ""
    outcome: str = "refused"
    code: str = ""
    bound: str = ""
    fields: tuple[str, ...] = ()
    _refused: dict[str, Any] | None = None
    meter: CostMeter = field(default_factory=CostMeter)
    plan: Callable[[], Any] | None = None
    price: Price | None = None
    expected: Cost | None = None
    points: int = 0
    max_age: float | None = field(init=False)

    def __post_init__(self) -> None:
        self.strict = self.header("x-partial").lower() == "errors"
        self.max_age = max_age(self.header("cache-control"))

    def header(self, name: str) -> str:
        """A header, or the empty text."""
        return self.headers.get(name, "")

    def explains(self, extensions: Mapping[str, Any]) -> str | None:
        """`run` where the caller wants to see what sources were asked, `plan` what they would be."""
        asked = extensions.get("explain")
        if asked == PLAN:
            return PLAN
        if asked not in (None, True, False):
            raise NotJson('`extensions.explain` is true, or "plan" for what an operation would ask.')
        return RUN if asked or self.header("x-explain") == "1" else None

    def seconds(self, most: float) -> float:
        """The time that the operation gets: what the caller gives, and never more than the setting."""
        asked = self.headers.get("x-deadline-ms")
        if asked is None:
            return most
        if not MILLISECONDS.fullmatch(asked) or int(asked) == 0:
            raise NotJson("`X-Deadline-Ms` has to be a positive whole number of milliseconds.")
        return min(most, int(asked) / 1000)

    @property
    def lasted(self) -> float:
        """Seconds since it came."""
        return time.perf_counter() - self.started

    @property
    def line(self) -> dict[str, Any]:
        """What the access log tells of it."""
        traced = TRACE.fullmatch(self.header("traceparent"))
        return {
            "operation": self.operation or None,
            "kind": self.operation_kind or None,
            "caller": self.caller.name if self.caller else None,
            "outcome": self.outcome,
            "code": self.code or None,
            "upstreamCalls": self.meter.calls,
            "cacheHits": self.meter.hits,
            **({"traceId": traced[1]} if traced else {}),
        }

    def extensions(self, warnings: list[dict[str, Any]]) -> dict[str, Any]:
        """What stands beside the data."""
        found: dict[str, Any] = {"requestId": self.id, "cost": self._cost()}
        if warnings:
            found["warnings"] = warnings
        if self.plan is not None:
            found["plan"] = self.plan()
        return found

    def partly(self, entries: list[dict[str, Any]]) -> None:
        """Note how one part of an answer went."""
        self.outcome = "partial" if entries or self.outcome == "partial" else "ok"
        self.code = self.code or _first_code(entries)
        self._note(entries)

    def _note(self, entries: list[dict[str, Any]]) -> None:
        """Keep the first refusal that is for the audit trail; a later part must not hide it."""
        self._refused = self._refused or next((each for each in entries if _code(each) in CODES), None)

    @property
    def refusal(self) -> Refused | None:
        """What was refused of it, for the audit trail."""
        if self._refused is None:
            return None
        caller = self.caller
        return Refused(
            code=self._refused["extensions"]["code"],
            action=self.operation_kind or "request",
            account=caller.account if caller else "",
            caller=caller.name if caller else "",
            detail={
                "operation": self.operation,
                "fields": self.fields,
                "message": self._refused["message"],
            },
        )

    def _cost(self) -> dict[str, Any]:
        cost = self.meter.report()
        if self.expected is not None:
            cost["points"] = self.points
            cost["expected"] = {"points": self.expected.points, "upstreamCalls": self.expected.calls}
        return cost

    def failed(self, error: BaseException) -> None:
        """Note in the log what was raised and is not ours."""
        logs.failure(error, self.id)

    def refused(self, refusal: Refusal) -> Answer:
        """The answer to a request that is not carried out."""
        self.bound = refusal.bound
        entry = graphql_errors.plain(refusal, self.id)
        return self.answer([entry], refusal.status, refusal.headers)

    def unfit(self, error: GatewayError) -> Answer:
        """The answer to an operation that is at fault as a whole: too complex, or with odd variables."""
        self.bound = getattr(error, "bound", "")
        return self.invalid([graphql_errors.plain(error, self.id)])

    def invalid(self, entries: list[dict[str, Any]]) -> Answer:
        """The answer to a document or to variables that are not valid."""
        return self.answer(entries[:MOST_ERRORS], status_of_invalid(self.kind))

    def answer(
        self,
        entries: list[dict[str, Any]],
        status: int,
        headers: dict[str, str] | None = None,
        *,
        data: Any = NOTHING,
        warnings: list[dict[str, Any]] | None = None,
    ) -> Answer:
        """An answer. `data` is left out of those that come before execution."""
        if self.strict_status and self.kind == GRAPHQL:
            status = _strict(status, entries, executed=data is not NOTHING)
        return Answer(status, self.body(entries, data=data, warnings=warnings), headers or {})

    def body(
        self,
        entries: list[dict[str, Any]],
        *,
        data: Any = NOTHING,
        warnings: list[dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """The body of an answer, or of one part of it; how it went is noted."""
        body: dict[str, Any] = {}
        told = [as_error(each, self.id) for each in warnings or () if "source" not in each]
        self._note([*entries, *told])
        if entries:
            body["errors"] = entries
        if data is not NOTHING:
            body["data"] = data
        body["extensions"] = self.extensions(warnings or [])
        if data is not NOTHING:
            nothing = data is None or bool(entries and all(value is None for value in data.values()))
            self.outcome = "failed" if nothing else "partial" if entries or warnings else "ok"
        self.code = _first_code(entries) or _first_code(warnings or [])
        return body


def max_age(cache_control: str) -> float | None:
    """What a `Cache-Control` header says of the age of an answer: seconds, or None."""
    if not cache_control:
        return None
    if "no-cache" in cache_control.lower():
        return 0.0
    found = MAX_AGE.search(cache_control)
    return float(found[1]) if found else None


def as_error(warning: dict[str, Any], request_id: str) -> dict[str, Any]:
    """A warning in the form of an error, for callers who prefer that."""
    entry: dict[str, Any] = {key: warning[key] for key in ("message", "path") if key in warning}
    extensions = {key: value for key, value in warning.items() if key not in entry}
    entry["extensions"] = {**extensions, "requestId": request_id}
    return entry


def _strict(status: int, entries: list[dict[str, Any]], *, executed: bool) -> int:
    """The status by the newer draft of GraphQL over HTTP."""
    if executed:
        return PARTIAL if entries and status == OK else status
    return UNPROCESSABLE if entries and _code(entries[0]) in NOT_VALID else status


def _code(entry: dict[str, Any]) -> str | None:
    code: str | None = entry["extensions"].get("code")
    return code


def _first_code(entries: list[dict[str, Any]]) -> str:
    """The code of the first error or warning; the empty text where there is none."""
    if not entries:
        return ""
    return str(entries[0].get("code") or entries[0].get("extensions", {}).get("code") or "")
