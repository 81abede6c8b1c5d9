"""The audit trail: who has changed or imported something, or was refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class AuditOutcome(StrEnum):
    """What became of something that a caller wanted."""

    BEGUN = "BEGUN"
    APPLIED = "APPLIED"
    PARTIAL = "PARTIAL"
    REJECTED = "REJECTED"
    UNCERTAIN = "UNCERTAIN"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Something to record. `detail` names ids, sources and fields, never values; it can be erased for each of
    the `contacts`, which are global ids. `times` counts refusals that were alike.
    """

    caller: str
    action: str
    outcome: AuditOutcome
    code: str | None = None
    request: str = ""
    times: int = 1
    detail: Mapping[str, Any] = field(default_factory=dict)
    contacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """An entry as it is stored: `number` counts those of an account from 1, `at` is RFC 3339.

    `digest` is over salt and detail, `hash` over everything but those, and over `previous`: the hash of the
    record before, empty for the first one. Salt and detail are None once they are erased.
    """

    account: str
    number: int
    at: str
    caller: str
    action: str
    outcome: str
    code: str | None
    request: str
    times: int
    digest: str
    previous: str
    hash: str
    salt: str | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which records are meant; None means not asked."""

    caller: str | None = None
    action: str | None = None
    outcomes: tuple[AuditOutcome, ...] | None = None
    contact: str | None = None
    since: str | None = None
