"""The one way to a source: an httpx transport around another.

`handle_async_request` reads top to bottom: not while the source is down, not faster than allowed, not more at
once than allowed, within the deadline, send, learn from the answer, again if that is safe. It knows no
vendor; what differs between vendors comes in as a `Policy`.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, TypeGuard

import httpx

from gateway import deadline, events
from gateway.errors import (
    DeadlineExceeded,
    GatewayError,
    SourceCrowded,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.loop import loop_time, running_loop
from gateway.network.answer import header
from gateway.network.tunnel import NoTunnel
from gateway.ports import Conditions
from gateway.resilience import backoff, body
from gateway.resilience.breaker import Breaker, State
from gateway.resilience.budget import Budget
from gateway.resilience.gate import Gate
from gateway.resilience.policy import Policy
from gateway.resilience.purse import LEAST_WAIT, Purse
from gateway.resilience.sharing import Sharing
from gateway.resilience.slots import Slots
from gateway.resilience.why import Why, why

CROWDED_SECONDS: Final = 1.0
LEAST_LEFT: Final = 0.1  # of the time of a call, for a repeat to be worth it
LONGEST_LOCK: Final = 3_600.0  # however long a source says; Smart Sender locks for 720 s at most
NUMBER: Final = re.compile(r"[0-9]{1,9}")
PASSING: Final = frozenset({429, 500, 502, 503, 504})  # a read may be sent again after these
READ: Final = "read"
TELLING: Final = 0.5  # of the time of a call; a deadline that left less says nothing of the source
UNKNOWN_LOCK: Final = 60.0  # a source that says 429 without a time
UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
SENDING: Final = ".send_request_headers.started"  # how httpx names the moment at which a request leaves
WORST_LAST: Final = (State.CLOSED, State.HALF_OPEN, State.OPEN)
WRITE: Final = "write"

Sleep = Callable[[float], Awaitable[object]]


@dataclass(slots=True)
class _Trace:
    """Whether a request has left, as far as the innermost transport tells."""

    told: bool = False
    left: bool = False

    async def __call__(self, name: str, _: Mapping[str, object]) -> None:
        """Hear what it does."""
        self.told = True
        self.left = self.left or name.endswith(SENDING)

    @property
    def may_have_left(self) -> bool:
        """Whether the source may have got the request."""
        return self.left or not self.told


UNTOLD: Final = _Trace()  # of what is safe nobody has to know when it leaves


class _Call:
    """One call with all its attempts, as a request and its extensions mean it. `left` is what is left of its
    own time, in seconds; `deadline` that of the work that it belongs to.

    Of the latest attempt: when it was `paid_at`, the `number` that the breaker gave it, when it was
    `admitted_at`, and how long it `waited` before.
    """

    __slots__ = (
        "admitted_at",
        "allowed",
        "attempt",
        "deadline",
        "left",
        "loop",
        "number",
        "operation",
        "paid_at",
        "request",
        "safe",
        "waited",
    )

    admitted_at: float
    number: int
    paid_at: float
    waited: float

    def __init__(self, request: httpx.Request, policy: Policy) -> None:
        told = request.extensions
        self.request = request
        self.loop = running_loop()
        self.deadline = deadline.current()
        self.operation: str = told.get("operation", "")
        self.safe: bool = told.get("safe", False)
        self.allowed: float = told.get("seconds", policy.seconds)
        self.left = self.allowed
        self.attempt = 0


class UpstreamTransport(httpx.AsyncBaseTransport):
    """Sends one request to one source, within the deadline and the budget, and reads its whole answer.

    Raises an `UpstreamError` or `DeadlineExceeded`; never an httpx exception. Redirects are not followed.
    A request whose extensions say `safe` is sent again when its connection breaks or the source says that it
    is in trouble; any other only when it has certainly not left, and what it raises says whether it is
    `uncertain`. The extensions `seconds` and `answer_bytes` allow one call more than usual; `check` looks at
    an answer and raises where it is not what was agreed. `share` is the part of the budget that one caller
    gets at most.
    """

    def __init__(
        self,
        source: str,
        inner: httpx.AsyncBaseTransport,
        budget: Budget,
        policy: Policy,
        *,
        sleep: Sleep = asyncio.sleep,
        dice: Callable[[], float] = random.random,
        sharing: Sharing | None = None,
        share: float = 1.0,
    ) -> None:
        self.source = source
        self.policy = policy
        self.purse = Purse(source, budget, of_one=share)
        if sharing is not None:
            self.purse.share, self.purse.share_of_one = sharing.take, sharing.take_of_one
        self.slots = Slots(source, policy.at_once)
        self.gates = {
            kind: Gate(source, kind, Breaker(policy.failures, policy.cool_down, policy.longest_cool_down))
            for kind in (READ, WRITE)
        }
        self.waiting = 0
        self._inner = inner
        self._patient = _timeouts(policy, None)
        self._impatient = _timeouts(policy, policy.read_seconds)
        self._repeats = backoff.Repeats()
        self._sleep = sleep
        self._dice = dice
        self._sharing = sharing
        if sharing is not None:
            for gate in self.gates.values():
                gate.opened = sharing.opened
            sharing.listen(self._hinted, self._closed)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its extensions name the `operation`, and say whether a repeat is `safe`."""
        call = _Call(request, self.policy)
        gate = self.gates[READ if call.safe else WRITE]
        self._repeats.earn()
        while True:
            call.attempt += 1
            await self._admitted(call, gate)
            try:
                response, failed = await self._tried(call)
            except BaseException:  # the caller went away: that says nothing of the source
                gate.left(call.number)
                raise
            finally:
                self.slots.free()
            self.purse.arrived(call.paid_at)
            if response is not None and response.status_code < 400:
                gate.succeeded(call.number)
                return response
            pause = self._pause(call, response, failed)
            self._judge(gate, call.number, response, failed, repeated=pause is not None)
            if pause is None or gate.shut:
                if response is None:
                    raise failed or AssertionError
                return response
            await self._sleep(pause)
            call.left -= pause

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    def conditions(self) -> Conditions:
        """How the source can be called now."""
        now = loop_time()
        states = {kind: gate.breaker.state for kind, gate in self.gates.items()}
        budget = self.purse.budget
        limited = budget.limit is not None
        return Conditions(
            breaker=max(states.values(), key=WORST_LAST.index).value,
            breakers={kind: state.value for kind, state in states.items()},
            limit=budget.limit,
            remaining=budget.remaining(now),
            resets_in=budget.resets_in(now) if limited else None,
            window=budget.window if limited else None,
            waiting=self.waiting,
            under_way=self.slots.taken,
        )

    def _hinted(self, kind: str, seconds: float) -> None:
        """Another process has given a source up for so long."""
        if kind in self.gates:
            self.gates[kind].breaker.hinted(loop_time() + seconds)

    def _closed(self, seconds: float) -> None:
        """Another process has learned that the source refuses requests."""
        self.purse.budget.told_to_wait(min(seconds, LONGEST_LOCK), loop_time())

    async def _admitted(self, call: _Call, gate: Gate) -> None:
        """Wait until a call may be sent, and hold a place."""
        asked_at = call.loop.time()
        try:
            if gate.guarded:
                gate.check()
            if self.waiting >= self.policy.queued:
                raise SourceCrowded(
                    self.source,
                    f"Too many calls to {self.source} wait already. Try again in a moment.",
                    retry_after=CROWDED_SECONDS,
                )
            self.waiting += 1
            try:
                unbounded = self.purse.unbounded(asked_at)
                paid_at = asked_at if unbounded else await self.purse.pay(now=asked_at)
                try:
                    if not self.slots.take():
                        await self.slots.wait(call.deadline, call.loop)
                except BaseException:
                    self.purse.give_back(1, paid_at)
                    raise
            finally:
                self.waiting -= 1
            try:
                now = call.loop.time()
                self.purse.check_open(now)
                call.number = 0
                if gate.guarded:
                    call.number = await gate.enter()
                    now = call.loop.time()
            except BaseException:
                self.purse.give_back(1, paid_at)
                self.slots.free()
                raise
        except GatewayError as error:
            reason = type(error).__name__
            events.emit(
                events.UpstreamRefused(
                    source=self.source, operation=call.operation, error=error.code, reason=reason
                )
            )
            if not call.safe and error.uncertain is None:
                error.uncertain = False
            raise
        call.paid_at = paid_at
        call.admitted_at = now
        call.waited = now - asked_at

    def _judge(
        self,
        gate: Gate,
        number: int,
        response: httpx.Response | None,
        failed: GatewayError | None,
        *,
        repeated: bool,
    ) -> None:
        """Tell the breaker. What will be repeated counts once, by what becomes of it in the end."""
        if response is not None and response.status_code < 500:
            gate.succeeded(number)
        elif _says_nothing(failed) or (repeated and not number):
            gate.left(number)
        else:
            gate.failed(number)
            asked = None if response is None else retry_after(response)
            if asked is not None:
                gate.asked_to_wait(asked)

    def _pause(
        self, call: _Call, response: httpx.Response | None, failed: GatewayError | None
    ) -> float | None:
        """Seconds until the call may be sent again; None where it may not, or where that leaves no time."""
        if call.attempt >= self.policy.attempts:
            return None
        asked: float | None = None
        if response is not None:
            if not call.safe or response.status_code not in PASSING:
                return None
            asked = retry_after(response)
            if response.status_code == 429 and asked is None:
                return None
        elif not _passing(failed) or not (call.safe or failed.uncertain is False):
            return None
        wait = backoff.pause(call.attempt, self._dice()) + (asked or 0.0)
        left = min(call.left, deadline.seconds_left(float("inf"))) - wait
        if left < LEAST_LEFT * call.allowed or not self._repeats.spend():
            return None  # a repeat without time would only hide what is known
        return wait

    async def _tried(self, call: _Call) -> tuple[httpx.Response | None, GatewayError | None]:
        """Send, learn from the head of the answer, read its body, and look whether it is one; the answer, or
        why there is none.

        In the task at hand, which may be cancelled by its time-out and again by a caller who goes away: so
        what is below has to clean up without waiting for anything (as `gateway.network` does).
        """
        request, policy, told = call.request, self.policy, call.request.extensions
        seconds = call.left
        if call.deadline is not None:
            seconds = min(seconds, call.deadline.at - call.admitted_at)
        if seconds <= 0:
            return None, DeadlineExceeded(f"No time was left to ask {self.source}.", source=self.source)
        # A silence as long as the time that is left needs no clock of its own.
        told["timeout"] = self._impatient if policy.read_seconds < seconds else self._patient
        trace = UNTOLD
        if not call.safe:
            trace = told["trace"] = _Trace()
        status: int | None = None
        response: httpx.Response | None = None
        error: GatewayError | None = None
        reason: Why | None = None
        try:
            with deadline.limit(seconds, call.loop):
                answer = await self._inner.handle_async_request(request)
                status = answer.status_code
                self._learn(answer, status)
                await body.read(answer, told.get("answer_bytes", policy.answer_bytes), self.source)
                if (check := told.get("check")) is not None:
                    check(answer)
            response = answer
        except TimeoutError:
            error = self._too_late(seconds, call)
            error.uncertain = not call.safe and trace.may_have_left
        except httpx.HTTPError as broken:
            reason = why(broken)
            error = self._broken(broken, reason, trace, safe=call.safe, answered=status is not None)
        except GatewayError as strange:
            error = strange
        finally:
            took = call.loop.time() - call.admitted_at
            call.left -= took
            events.emit(
                events.UpstreamCalled(
                    source=self.source,
                    operation=call.operation,
                    status=status,
                    error=error.code if error else None,
                    seconds=took,
                    waited=call.waited,
                    attempt=call.attempt,
                    batch=told.get("batch", 1),
                    cancelled=response is None and error is None,  # nobody waits any more
                    why=reason.word if reason else None,
                )
            )
        return response, error

    def _too_late(self, seconds: float, call: _Call) -> GatewayError:
        if seconds < call.left:
            late = DeadlineExceeded(
                f"{self.source} did not answer in the {seconds:.1f} seconds left.", source=self.source
            )
            late.telling = seconds >= TELLING * call.allowed
            return late
        return UpstreamTimeout(self.source, f"{self.source} did not answer in {call.allowed:.1f} seconds.")

    def _broken(
        self, broken: httpx.HTTPError, reason: Why, trace: _Trace, *, safe: bool, answered: bool
    ) -> UpstreamError:
        """The error for a connection. Its text may quote an address or a header, and goes no further, but for
        what we say of a proxy.
        """
        left = not safe and trace.may_have_left and not isinstance(broken, UNSENT)
        lasting = broken.lasting if isinstance(broken, NoTunnel) else reason.lasting
        later = "" if lasting else " Try again later."
        error: UpstreamError
        if isinstance(broken, httpx.ConnectTimeout):
            error = UpstreamTimeout(self.source, f"{self.source} took no connection in time.{later}")
        elif isinstance(broken, httpx.ReadTimeout | httpx.WriteTimeout):
            error = UpstreamTimeout(self.source, f"{self.source} fell silent.")
        elif isinstance(broken, NoTunnel):
            error = UpstreamUnavailable(self.source, f"{self.source} could not be reached. {broken}{later}")
        elif left:  # and whoever reads this must not simply try again
            error = UpstreamUnavailable(
                self.source, f"The connection to {self.source} broke before the answer was there."
            )
        elif answered:
            error = UpstreamUnavailable(self.source, f"The answer of {self.source} broke off.{later}")
        else:
            error = UpstreamUnavailable(
                self.source, f"{self.source} could not be reached: {reason.says}.{later}"
            )
        error.uncertain = left
        error.unsent = isinstance(broken, UNSENT) or not trace.may_have_left
        error.passing = not lasting
        return error

    def _learn(self, response: httpx.Response, status: int) -> None:
        if self.purse.budget.limit is not None:  # else it is nothing to us how many are left
            remaining = header(response, b"x-rate-limit")
            if remaining and NUMBER.fullmatch(remaining):
                self.purse.budget.told_remaining(int(remaining), loop_time())
        if status == 429:
            wait = retry_after(response)
            wait = UNKNOWN_LOCK if wait is None else max(wait, LEAST_WAIT)
            self.purse.budget.told_to_wait(wait, loop_time())
            if self._sharing is not None:
                self._sharing.locked(wait)


def _timeouts(policy: Policy, silent: float | None) -> dict[str, float | None]:
    """What is told inwards: how long a connection may take, and how long one may be silent. For the rest the
    time of the call is bound enough.
    """
    return {"connect": policy.connect_seconds, "read": silent, "write": silent, "pool": None}


def _says_nothing(failed: GatewayError | None) -> bool:
    """Whether a failure is none of the source's health: too little time, or an answer that is odd."""
    return isinstance(failed, UpstreamBadResponse) or (
        isinstance(failed, DeadlineExceeded) and not failed.telling
    )


def _passing(failed: GatewayError | None) -> TypeGuard[UpstreamError]:
    """Whether a failure is one of the connection, and worth another attempt."""
    return isinstance(failed, UpstreamError) and failed.passing


def retry_after(response: httpx.Response) -> float | None:
    """Seconds of a `Retry-After` header, an hour at most; None without one."""
    text = response.headers.get("retry-after", "")
    if NUMBER.fullmatch(text):
        return min(float(text), LONGEST_LOCK)
    try:
        until = parsedate_to_datetime(text).timestamp()
        sent = response.headers.get("date")
        since = parsedate_to_datetime(sent).timestamp() if sent else time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, until - since), LONGEST_LOCK)
