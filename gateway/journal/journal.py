"""What a journal holds: events, statements of pairs, keyed writes with their steps, imports, confirmations.

Where it can be away, what has to be known before something leaves raises StateUnavailable; what is told
afterwards is kept until it is back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from gateway.model.audit import AuditEntry, AuditQuery, AuditRecord
from gateway.model.event import EventQuery, Happening
from gateway.model.person import Statement

RUNNING: Final = "RUNNING"  # the state of a job that has not ended
GONE: Final = "gone"  # the state of a contact that is not there any more
UNREAD: Final = "unread"  # of one that was written to, but could not be read back
STATES_KEPT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class KeyedAs:
    """What an idempotency record is kept under: never across accounts, callers or mutations."""

    account: str
    caller: str
    field: str
    key: str

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """The columns."""
        return self.account, self.caller, self.field, self.key


@dataclass(frozen=True, slots=True)
class Keyed:
    """An idempotency record; `answer` None as long as there is none. `owner` names the process."""

    fingerprint: str
    at: str
    owner: str
    answer: Any


@dataclass(frozen=True, slots=True)
class Noted:
    """An event as it is stored."""

    number: int
    type: str
    name: str | None
    source: str | None
    contact: str | None
    actor: str | None
    at: str
    payload: Any


@dataclass(frozen=True, slots=True)
class Open:
    """Something that was begun and of which no end is recorded. `owner` names the process."""

    token: str
    account: str
    owner: str
    at: str
    entry: AuditEntry


class Overtaken(Exception):
    """Something else was said of records after what some statements rest on was heard."""


def news(
    happenings: Sequence[Happening], states: Mapping[str, str], known: Mapping[str, str]
) -> list[Happening]:
    """Those of which nobody has told yet: `states` are those of their contacts, `known` what was told."""
    new = {contact for contact, state in states.items() if known.get(contact) != state}
    return [each for each in happenings if (new if each.contact is None else each.contact in new)]


class Owning(Protocol):
    """Whose work something is: this process by its `name`, or another that may still live."""

    name: str

    @property
    def scratch(self) -> Path:
        """Where files lie that must not outlive the process."""
        ...

    async def lives(self, name: str) -> bool:
        """Whether the process of this name still runs."""
        ...

    async def aclose(self) -> None:
        """End ownership."""
        ...


class Journal(Protocol):
    """Keeps what cannot be filled anew. `listeners` hear of the account in which events were noted."""

    listeners: list[Callable[[str], None]]

    async def note(
        self,
        account: str,
        actor: str | None,
        at: str,
        happenings: Sequence[Happening],
        *,
        answer: Callable[[list[int]], Any],
        place: KeyedAs | None = None,
        entry: AuditEntry | None = None,
        closes: str | None = None,
        states: Mapping[str, str] | None = None,
        statements: Sequence[Statement] = (),
        heard: int | None = None,
    ) -> Any:
        """Append events, and make the answer out of their numbers, which grow.

        The answer of a keyed write, and the `entry` of the audit trail that `closes` an open one, are kept in
        the same transaction: either all of it is there or nothing. So are the `states` in which contacts are
        known afterwards, by global id, and the `statements`: each in place of what was said of its pair
        before, which one without a saying takes away. They are never kept for later: raises StateUnavailable,
        and Overtaken where what they rest on, of the version `heard`, is no longer all that was said.

        Without an `actor` only news are appended: a contact that is known so already was told of by another
        replica, and an event without a contact is that of all `states`.
        """
        ...

    async def states(self, account: str, contacts: Sequence[str]) -> dict[str, str]:
        """In which states contacts were last told of, by global id; what is older than a day is missing."""
        ...

    async def events(self, account: str, query: EventQuery, after: int, limit: int) -> list[Noted]:
        """Events behind a number, oldest first."""
        ...

    async def event(self, account: str, number: int) -> Noted | None:
        """One event."""
        ...

    async def latest(self, account: str) -> int:
        """The number of the newest event; 0 where there is none."""
        ...

    async def erase_events(self, account: str, contacts: Sequence[str]) -> int:
        """Empty the events of contacts, by their global ids, and those that name one; of how many.

        They stay in their places, without name and payload. Named is what `contacts` or `from` of a payload
        says.
        """
        ...

    async def statements(self, account: str, known: int | None) -> tuple[int, list[Statement] | None]:
        """The version of what was said by hand of pairs, which grows with each change, and all of it.

        None in its place where that version is `known`.
        """
        ...

    async def erase_answers(self, account: str, contacts: Sequence[str]) -> int:
        """Take values of contacts out of the answers that are kept of keyed writes; of how many."""
        ...

    async def erase_statements(self, account: str, refs: Sequence[str]) -> int:
        """Take away the statements that name one of these records, each `SOURCE:id`; how many."""
        ...

    async def claim(self, place: KeyedAs, fingerprint: str, at: str, owner: str, oldest: str) -> Keyed | None:
        """Begin a keyed write, unless it was begun before: then its record. What is older goes."""
        ...

    async def take_over(self, place: KeyedAs, owner: str, before: str) -> bool:
        """Go on with a keyed write that a process left behind; False where another one already does."""
        ...

    async def drop(self, place: KeyedAs, owner: str) -> None:
        """Forget a keyed write that was begun and of which nothing was sent, unless it was taken over."""
        ...

    async def answered(self, place: KeyedAs, answer: Any) -> None:
        """Keep the answer of a keyed write."""
        ...

    async def steps(self, place: KeyedAs) -> dict[str, Any]:
        """The steps of a keyed write that have left, and their outcomes; None where that is not known."""
        ...

    async def leaving(self, place: KeyedAs, step: str, owner: str) -> bool:
        """Note that a step is about to leave; False where another process has taken the write over."""
        ...

    async def step(self, place: KeyedAs, step: str, outcome: Any) -> None:
        """Note what became of a step."""
        ...

    async def release(self, place: KeyedAs, owner: str) -> None:
        """Nobody carries a keyed write out any more: whoever comes next may go on with it."""
        ...

    async def begin_job(self, account: str, owner: str, job: Any, named: Callable[[int], str]) -> int:
        """Keep a new import, with the id that `named` makes of its number; the number."""
        ...

    async def drop_job(self, number: int) -> None:
        """Forget an import that was never begun."""
        ...

    async def keep_job(self, number: int, job: Any) -> None:
        """Keep an import as it is now."""
        ...

    async def end_job(self, number: int, owner: str, ended: Callable[[Any], Any]) -> Any:
        """The import, after `ended` has made it what it is now: unless its owner has ended it itself."""
        ...

    async def job(self, account: str, number: int) -> tuple[str, Any] | None:
        """The owner of an import, and the import."""
        ...

    async def jobs_in(self, account: str, state: str) -> list[tuple[int, str]]:
        """The imports of an account in a state: number, owner."""
        ...

    async def hand_out(self, token: str, account: str, caller: str, bound: str, expires: str) -> None:
        """Keep a confirmation: a hash of it, whose it is, what it is bound to, and until when."""
        ...

    async def redeem(self, token: str, account: str, caller: str, bound: str, now: str, *, use: bool) -> bool:
        """Whether a confirmation is good for this, now; `use` takes it away, as it is good once only."""
        ...

    async def open_audit(self, token: str, account: str, owner: str, at: str, entry: AuditEntry) -> None:
        """Keep what is about to be carried out, until its end is recorded."""
        ...

    async def audit(
        self, account: str, at: str, entries: Sequence[AuditEntry], closes: str | None = None
    ) -> None:
        """Add records to the audit trail of an account."""
        ...

    async def open_audits(self) -> list[Open]:
        """What was begun and has no end, of all accounts."""
        ...

    async def trail(
        self, account: str, query: AuditQuery, before: int | None, limit: int
    ) -> list[AuditRecord]:
        """Records below a number, newest first."""
        ...

    async def audited(self) -> list[str]:
        """The accounts that have records."""
        ...

    async def erase(self, account: str, contact: str) -> int:
        """Take away what records say of a contact, by its global id; of how many. The chain stays whole."""
        ...

    async def aclose(self) -> None:
        """Close the file."""
        ...
