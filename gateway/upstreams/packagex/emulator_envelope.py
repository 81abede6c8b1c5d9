"""The envelope around every answer of PackageX, good or bad."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

ErrorCodeKey = Literal["code", "error_code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes into the envelope."""

    status: int = 200
    message: str
    data: object = field(default_factory=dict)
    code: str | None = None
    errors: tuple[str, ...] = ()
    pagination: dict[str, Any] | None = None

    def enveloped(self, endpoint: str, code_key: ErrorCodeKey) -> dict[str, Any]:
        """The body that is sent."""
        return {
            "status": self.status,
            "message": self.message,
            "data": self.data,
            code_key: self.code,
            "errors": list(self.errors),
            "pagination": self.pagination,
            "endpoint": endpoint,
        }


class Refused(Exception):
    """The call ends here, with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


def invalid(errors: Iterable[str], message: str = "Some properties are not valid") -> Refused:
    """A refusal that names the properties at fault."""
    return Refused(Answer(status=400, message=message, code="validation_failed", errors=tuple(errors)))


UNAUTHORIZED: Final = Answer(status=401, message="API key is missing or not valid", code="unauthorized")
NOT_FOUND: Final = Answer(status=404, message="Contact not found", code="not_found")
TOO_LARGE: Final = Answer(
    status=413, message="The file is too large", code="payload_too_large", errors=("csv_url",)
)
RATE_LIMITED: Final = Answer(status=429, message="Too many requests", code="rate_limited")
