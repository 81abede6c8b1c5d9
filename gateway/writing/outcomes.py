"""What became of one write, in the words of the schema. Pure."""

from collections.abc import Callable, Sequence
from typing import Final

from gateway.errors import (
    BadInput,
    BudgetSpent,
    CapabilityUnsupported,
    DeadlineExceeded,
    GatewayError,
    UpstreamMissing,
    UpstreamRejected,
)
from gateway.model.source import Source
from gateway.model.writing import UserError, UserErrorCode, WriteOutcome, WriteStatus, user_error
from gateway.ports import Written

FIND_OUT: Final = "It may have been carried out. Look before you send it again: the gateway never repeats it."

SOON: Final = 1.0  # seconds; where nothing but the caller's own deadline stood in the way

PathOf = Callable[[str], Sequence[str] | None]
"""Where in the input a field stands that the source has named; None where it has no such place."""


def blank(source: Source, status: WriteStatus, target: str | None = None) -> WriteOutcome:
    """An outcome with nothing but a status."""
    return {
        "source": source.value,
        "targetId": target,
        "status": status.value,
        "contact": None,
        "applied": [],
        "ignored": [],
        "code": None,
        "message": None,
        "retryable": False,
        "retryAfterSeconds": None,
        "userErrors": [],
    }


def written(
    source: Source, result: Written, asked: Sequence[str], *, target: str | None, silent: bool
) -> WriteOutcome:
    """The outcome of a write that the source has agreed to.

    `asked` are all fields that were named; `silent`: the source may have dropped some without a word, so
    that without a read-back nobody knows that all of them hold.
    """
    status = WriteStatus.APPLIED
    if result.ignored or (result.contact is None and silent and asked):
        status = WriteStatus.PARTIAL
    if result.contact is not None and asked and not result.applied:
        status = WriteStatus.REJECTED
    found = blank(source, status, target)
    found["contact"] = result.contact["id"] if result.contact else None
    found["applied"], found["ignored"] = list(result.applied), list(result.ignored)
    found["message"] = result.note
    if result.existed:
        found["more"] = {"existed": True}
    if status is WriteStatus.REJECTED:
        found["code"] = UpstreamRejected.code
        found["message"] = result.note or "None of the fields holds what was asked."
    return found


def failed(
    source: Source,
    error: GatewayError,
    *,
    target: str | None = None,
    path_of: PathOf = lambda _: None,
    look: str = FIND_OUT,
) -> WriteOutcome:
    """The outcome of a write that failed; `look` says how to find out what an uncertain one has done."""
    if error.uncertain:
        found = blank(source, WriteStatus.UNCERTAIN, target)
        found["message"] = f"{error.message} {look}"
    elif isinstance(error, CapabilityUnsupported):
        found = blank(source, WriteStatus.UNSUPPORTED, target)
        found["message"] = error.message
        found["userErrors"] = [user_error(UserErrorCode.UNSUPPORTED, error.message, source=source)]
    elif isinstance(error, BudgetSpent | DeadlineExceeded):
        return skipped(source, error, target=target)
    else:
        found = blank(source, WriteStatus.REJECTED, target)
        found["message"] = error.message
        found["retryable"] = error.retryable
        found["userErrors"] = _complaints(source, error, path_of)
    found["code"] = error.code
    found["retryAfterSeconds"] = error.retry_after
    return found


def skipped(source: Source, error: GatewayError, *, target: str | None = None) -> WriteOutcome:
    """The outcome of a write that was not sent, for want of time or budget."""
    found = blank(source, WriteStatus.SKIPPED, target)
    found["code"] = error.code
    found["message"] = (
        f"Nothing was sent. {error.message} Send it again, with a new idempotency key if it had one."
    )
    found["retryable"] = True
    found["retryAfterSeconds"] = SOON if error.retry_after is None else error.retry_after
    return found


def broken(source: Source, *, target: str | None = None) -> WriteOutcome:
    """The outcome of a write in which the gateway itself failed."""
    found = blank(source, WriteStatus.UNCERTAIN, target)
    found["code"] = GatewayError.code
    found["message"] = f"Something went wrong inside the gateway. {FIND_OUT}"
    return found


def left_behind(source: Source, *, target: str | None = None) -> WriteOutcome:
    """The outcome of a write that had left when the gateway was stopped."""
    found = blank(source, WriteStatus.UNCERTAIN, target)
    found["code"] = DeadlineExceeded.code
    found["message"] = f"The gateway was stopped after this had left. {FIND_OUT}"
    return found


def _complaints(source: Source, error: GatewayError, path_of: PathOf) -> list[UserError]:
    if isinstance(error, UpstreamMissing):
        return [
            user_error(UserErrorCode.NOT_FOUND, error.message, *_path(name, path_of), source=source)
            for name in error.fields or ("",)
        ]
    if isinstance(error, UpstreamRejected):
        # What the source calls its fields is told in our words only: it may call them anything.
        named = [
            user_error(
                UserErrorCode.UPSTREAM_REJECTED,
                f"{source.value} does not take this value.",
                *path,
                source=source,
            )
            for path in dict.fromkeys(tuple(_path(name, path_of)) for name in error.fields)
            if path
        ]
        return named or [user_error(UserErrorCode.UPSTREAM_REJECTED, error.message, source=source)]
    if isinstance(error, BadInput):
        return [user_error(UserErrorCode.INVALID, error.message, source=source)]
    return []


def _path(name: str, path_of: PathOf) -> Sequence[str]:
    return path_of(name) or ()
