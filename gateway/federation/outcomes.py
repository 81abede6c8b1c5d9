"""How a source's answer or failure is told to callers. Pure."""

from collections.abc import Sequence
from typing import Final

from gateway.errors import (
    CapabilityUnsupported,
    DeadlineExceeded,
    Forbidden,
    GatewayError,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.federation.feeds import Read
from gateway.model.outcome import SourceOutcome
from gateway.model.source import Source

STATUSES: Final[tuple[tuple[type[GatewayError], str], ...]] = (
    (UpstreamTimeout, "TIMED_OUT"),
    (DeadlineExceeded, "TIMED_OUT"),
    (UpstreamRateLimited, "RATE_LIMITED"),
    (CapabilityUnsupported, "UNSUPPORTED"),
    (Forbidden, "FORBIDDEN"),
)


def answered(source: Source, reads: Sequence[Read], returned: int, *, exhausted: bool) -> SourceOutcome:
    """The outcome of a source that answered, in one or several reads; no read means it had ended before."""
    stale = from_cache = False
    failed: GatewayError | None = None
    as_of: str | None = None
    for read in reads:
        stale = stale or read.stale
        from_cache = from_cache or read.from_cache
        failed = failed or read.failed
        if read.as_of and (as_of is None or read.as_of < as_of):
            as_of = read.as_of
    return {
        "source": source,
        "status": "STALE" if stale else "OK",
        "returned": returned,
        "exhausted": exhausted,
        "fromCache": from_cache,
        "asOf": as_of,
        "retryAfterSeconds": failed.retry_after if failed else None,
        "code": failed.code if failed else None,
        "message": _why_stale(failed) if stale else None,
    }


def _why_stale(failed: GatewayError | None) -> str:
    if failed is None:
        return "The index is older or less complete than asked."
    return f"This is how it was last seen. {failed.message}"


def failed(source: Source, error: GatewayError, returned: int = 0) -> SourceOutcome:
    """The outcome of a source that did not answer."""
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), "UNAVAILABLE")
    return {
        "source": source,
        "status": status,
        "returned": returned,
        "exhausted": False,
        "fromCache": False,
        "asOf": None,
        "retryAfterSeconds": error.retry_after,
        "code": error.code,
        "message": error.message,
    }


def nobody(errors: Sequence[GatewayError]) -> GatewayError:
    """The error for a list that no asked source answered."""
    if not errors:
        return UpstreamUnavailable(None, "No source is switched on here. Tell whoever runs this gateway.")
    if len(errors) == 1:
        return errors[0]
    text = " ".join(["No source answered.", *(error.message for error in errors)])
    kinds = {type(error) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else UpstreamUnavailable
    if kinds and kinds <= {CapabilityUnsupported, Forbidden}:
        kind = CapabilityUnsupported
    combined = kind(None, text) if issubclass(kind, UpstreamError) else kind(text)
    combined.retry_after = max(error.retry_after or 0.0 for error in errors) or None
    return combined
