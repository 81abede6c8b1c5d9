"""Refusals for the audit trail: counted for a while, so that a flood of them leaves a few records."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.model.audit import AuditEntry, AuditOutcome
from gateway.model.caller import DEFAULT_ACCOUNT
from gateway.server.again import again

CODES: Final = frozenset(
    {
        *("UNAUTHENTICATED", "FORBIDDEN", "CSRF_BLOCKED", "RATE_LIMITED", "QUERY_TOO_COMPLEX"),
        *("PAYLOAD_TOO_LARGE", "PERSISTED_QUERY_REQUIRED"),
    }
)
MOST: Final = 1_000  # refusals that differ, before the rest are counted together
OTHER: Final = "(other)"
SECONDS: Final = 10.0  # between two times at which they are recorded
STATE: Final = "refused"  # where a request keeps its refusal, in the state of its scope

Record = Callable[[str, Sequence[AuditEntry]], Awaitable[None]]
Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One refusal. `account` and `caller` are empty where nobody was known."""

    code: str
    action: str
    account: str = ""
    caller: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Alike:
    """Refusals that are alike, told by the first one."""

    request: str
    detail: Mapping[str, Any]
    times: int = 0


class Refusals:
    """Those that are not recorded yet."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._met: dict[Key, _Alike] = {}

    def note(self, refused: Refused, request: str, client: str) -> None:
        """Count one."""
        key = (refused.account or DEFAULT_ACCOUNT, refused.caller, refused.code, refused.action)
        if key not in self._met and len(self._met) >= MOST:
            key = (DEFAULT_ACCOUNT, OTHER, refused.code, OTHER)
        alike = self._met.get(key)
        if alike is None:
            alike = self._met[key] = _Alike(request, {"client": client, **refused.detail})
        alike.times += 1

    async def flush(self) -> None:
        """Record what was counted."""
        met, self._met = self._met, {}
        entries: dict[str, list[AuditEntry]] = {}
        for (account, caller, code, action), alike in met.items():
            entry = AuditEntry(
                caller=caller,
                action=action,
                outcome=AuditOutcome.REFUSED,
                code=code,
                request=alike.request,
                times=alike.times,
                detail=alike.detail,
            )
            entries.setdefault(account, []).append(entry)
        for account, some in entries.items():
            await self._record(account, some)

    async def run(self) -> None:
        """Record them again and again, until cancelled; also after a fault such as a full disk."""
        await again(self.flush, "audit", SECONDS, asyncio.sleep)
