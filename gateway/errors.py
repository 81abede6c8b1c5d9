"""All errors of the gateway, as one tree. Each carries a stable `code` of the public contract.

    GatewayError                   ours: its message may be shown to callers
    ├── BadInput                   BAD_USER_INPUT: the arguments alone are at fault
    │   └── CursorInvalid          CURSOR_INVALID: a broken cursor, or one of another list
    ├── BadRequest                 BAD_REQUEST: the HTTP request is not a GraphQL request
    ├── IdempotencyConflict        IDEMPOTENCY_CONFLICT: the key came with another input before
    ├── Forbidden                  FORBIDDEN: the caller lacks a scope
    ├── DeadlineExceeded           DEADLINE_EXCEEDED: the operation's own time is up
    ├── StateUnavailable           STATE_UNAVAILABLE: what replicas share is away; nothing was carried out
    ├── ImportsCrowded             OVERLOADED: not begun, as too many imports are under way already
    └── UpstreamError              a source did not do what it was asked to
        ├── UpstreamTimeout        UPSTREAM_TIMEOUT: no answer in time
        ├── UpstreamUnavailable    UPSTREAM_UNAVAILABLE: refused, broken connection, 5xx
        ├── UpstreamRateLimited    UPSTREAM_RATE_LIMITED: the source said 429
        │   └── BudgetSpent        UPSTREAM_RATE_LIMITED: not sent, as the budget has no room in the time left
        ├── SourceCrowded          OVERLOADED: not sent, as too many calls to the source wait already
        ├── UpstreamAuth           UPSTREAM_AUTH: the gateway's own key was refused
        ├── UpstreamBadResponse    UPSTREAM_BAD_RESPONSE: an answer that is not what was agreed
        ├── UpstreamRejected       UPSTREAM_BAD_RESPONSE: the source refused the values of a request
        │   └── UpstreamMissing        NOT_FOUND: what a write meant is not there
        └── CapabilityUnsupported  CAPABILITY_UNSUPPORTED: the source has no such ability

Anything else that is raised reaches the caller masked, as INTERNAL.
"""

from typing import ClassVar


class GatewayError(Exception):
    """An error whose message may be shown to callers.

    `uncertain`: a write had left and may have taken effect all the same; None where nobody has said.
    `unsent`: nothing had left at all.
    """

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False
    uncertain: bool | None = None
    unsent: bool = False

    def __init__(self, message: str, *, source: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.retry_after = retry_after

    @property
    def extensions(self) -> dict[str, object]:
        """What stands in `errors[].extensions`; only what is known."""
        known: dict[str, object] = {"code": self.code}
        if self.source is not None:
            known["source"] = self.source
        if self.source is not None or self.retryable:
            known["retryable"] = self.retryable
        if self.retry_after is not None:
            known["retryAfterSeconds"] = round(self.retry_after, 3)
        return known


class BadInput(GatewayError):
    """The arguments alone are at fault; no source was asked."""

    code = "BAD_USER_INPUT"


class CursorInvalid(BadInput):
    """A cursor that is broken, or belongs to another list."""

    code = "CURSOR_INVALID"


class BadRequest(GatewayError):
    """The HTTP request is not a GraphQL request."""

    code = "BAD_REQUEST"


class IdempotencyConflict(GatewayError):
    """An idempotency key that came with another input before."""

    code = "IDEMPOTENCY_CONFLICT"


class Forbidden(GatewayError):
    """The caller lacks the right."""

    code = "FORBIDDEN"


class DeadlineExceeded(GatewayError):
    """The time that the operation was given is up. `telling`: a source had enough of it all the same."""

    code = "DEADLINE_EXCEEDED"
    retryable = True
    telling: bool = False


class StateUnavailable(GatewayError):
    """What replicas share is away, and it was needed before anything could be sent."""

    code = "STATE_UNAVAILABLE"
    retryable = True
    uncertain = False
    unsent = True


class ImportsCrowded(GatewayError):
    """Not begun: too many imports are under way already."""

    code = "OVERLOADED"
    retryable = True
    uncertain = False
    unsent = True


class UpstreamError(GatewayError):
    """A source did not do what it was asked to; `source` is None where several failed alike.

    `passing`: what happened to a connection, and is worth another attempt.
    """

    passing: bool = False

    def __init__(self, source: str | None, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, source=source, retry_after=retry_after)


class UpstreamTimeout(UpstreamError):
    """No answer in time."""

    code = "UPSTREAM_TIMEOUT"
    retryable = True


class UpstreamUnavailable(UpstreamError):
    """Refused, a broken connection, or an error of the source's own."""

    code = "UPSTREAM_UNAVAILABLE"
    retryable = True


class UpstreamRateLimited(UpstreamError):
    """The source said 429."""

    code = "UPSTREAM_RATE_LIMITED"
    retryable = True


class BudgetSpent(UpstreamRateLimited):
    """Not sent: the budget of the source has no room in the time left."""

    unsent = True


class SourceCrowded(UpstreamError):
    """Not sent: too many calls to the source wait already."""

    unsent = True

    code = "OVERLOADED"
    retryable = True


class UpstreamAuth(UpstreamError):
    """The source refused the gateway's own key."""

    code = "UPSTREAM_AUTH"


class UpstreamBadResponse(UpstreamError):
    """An answer that is not what the contract of the source says."""

    code = "UPSTREAM_BAD_RESPONSE"


class UpstreamRejected(UpstreamError):
    """The source refused the values of a request; `fields` are those it named."""

    code = "UPSTREAM_BAD_RESPONSE"

    def __init__(self, source: str, message: str, *, fields: tuple[str, ...] = ()) -> None:
        super().__init__(source, message)
        self.fields = fields


class UpstreamMissing(UpstreamRejected):
    """What a write meant is not there."""

    code = "NOT_FOUND"


class CapabilityUnsupported(UpstreamError):
    """The source has no such ability."""

    code = "CAPABILITY_UNSUPPORTED"
