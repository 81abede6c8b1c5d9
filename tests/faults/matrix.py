"""What has to come of each fault: 3 sources x 22 faults x {read, write}. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.model.source import Source
from tests.support.faults import Fault

RETRY_AFTER: Final = 7  # seconds that the source asks for, where it does

UNAVAILABLE: Final = "UPSTREAM_UNAVAILABLE"
TIMEOUT: Final = "UPSTREAM_TIMEOUT"
BAD_RESPONSE: Final = "UPSTREAM_BAD_RESPONSE"
AUTH: Final = "UPSTREAM_AUTH"
RATE_LIMITED: Final = "UPSTREAM_RATE_LIMITED"
NOT_FOUND: Final = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Expected:
    """Status and code that have to be told. `retryable` is None for reads, whose outcomes do not say."""

    status: str
    code: str
    retryable: bool | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault of one source, met by a read or by a write."""

    source: Source
    fault: Fault
    write: bool

    @property
    def kind(self) -> str:
        """What meets the fault."""
        return "write" if self.write else "read"

    @property
    def name(self) -> str:
        """Name for people."""
        return f"{self.source.value} {self.fault} {self.kind}"

    @property
    def expected(self) -> Expected:
        """What has to come of it."""
        by_fault = WRITES if self.write else READS
        return DIFFERENT.get((self.source, self.fault, self.write), by_fault[self.fault])


_GONE: Final = Expected("UNAVAILABLE", UNAVAILABLE)
_LATE: Final = Expected("TIMED_OUT", TIMEOUT)
_ODD: Final = Expected("UNAVAILABLE", BAD_RESPONSE)
_REFUSED_KEY: Final = Expected("UNAVAILABLE", AUTH)
_LIMITED: Final = Expected("RATE_LIMITED", RATE_LIMITED)

READS: Final[Mapping[Fault, Expected]] = {
    Fault.REFUSED: _GONE,
    Fault.DNS: _GONE,
    Fault.CONNECT_HANG: _LATE,
    Fault.READ_HANG: _LATE,
    Fault.DRIP: _LATE,
    Fault.RESET_IN_HEADERS: _GONE,
    Fault.RESET_IN_BODY: _GONE,
    Fault.TRUNCATED: _ODD,
    Fault.GARBAGE: _ODD,
    Fault.WRONG_TYPE: _ODD,
    Fault.LARGE_ANSWER: _ODD,
    Fault.UNAUTHORIZED: _REFUSED_KEY,
    Fault.FORBIDDEN: _REFUSED_KEY,
    # A list cannot be missing: a 404 for it says that the address is wrong, not that a contact is not there.
    Fault.NOT_FOUND: _ODD,
    Fault.RATE_LIMITED: _LIMITED,
    Fault.RATE_LIMITED_UNTIMED: _LIMITED,
    Fault.BROKEN: _GONE,
    Fault.BAD_GATEWAY: _GONE,
    Fault.UNAVAILABLE: _GONE,
    Fault.GRAPHQL_ERRORS: _ODD,
    Fault.EMPTY: _ODD,
    Fault.REDIRECT: _ODD,
}

# REJECTED: it was not carried out. UNCERTAIN: it had left and may have been, so nobody is told to try again.
WRITES: Final[Mapping[Fault, Expected]] = {
    Fault.REFUSED: Expected("REJECTED", UNAVAILABLE, retryable=True),
    Fault.DNS: Expected("REJECTED", UNAVAILABLE, retryable=True),
    Fault.CONNECT_HANG: Expected("REJECTED", TIMEOUT, retryable=True),
    Fault.READ_HANG: Expected("UNCERTAIN", TIMEOUT, retryable=False),
    Fault.DRIP: Expected("UNCERTAIN", TIMEOUT, retryable=False),
    Fault.RESET_IN_HEADERS: Expected("UNCERTAIN", UNAVAILABLE, retryable=False),
    Fault.RESET_IN_BODY: Expected("UNCERTAIN", UNAVAILABLE, retryable=False),
    Fault.TRUNCATED: Expected("UNCERTAIN", BAD_RESPONSE, retryable=False),
    Fault.GARBAGE: Expected("UNCERTAIN", BAD_RESPONSE, retryable=False),
    Fault.WRONG_TYPE: Expected("UNCERTAIN", BAD_RESPONSE, retryable=False),
    Fault.LARGE_ANSWER: Expected("UNCERTAIN", BAD_RESPONSE, retryable=False),
    Fault.UNAUTHORIZED: Expected("REJECTED", AUTH, retryable=False),
    Fault.FORBIDDEN: Expected("REJECTED", AUTH, retryable=False),
    Fault.NOT_FOUND: Expected("REJECTED", NOT_FOUND, retryable=False),
    Fault.RATE_LIMITED: Expected("REJECTED", RATE_LIMITED, retryable=True),
    Fault.RATE_LIMITED_UNTIMED: Expected("REJECTED", RATE_LIMITED, retryable=True),
    Fault.BROKEN: Expected("UNCERTAIN", UNAVAILABLE, retryable=False),
    Fault.BAD_GATEWAY: Expected("UNCERTAIN", UNAVAILABLE, retryable=False),
    Fault.UNAVAILABLE: Expected("REJECTED", UNAVAILABLE, retryable=True),  # RFC 9110, 15.6.4
    # Neither REST source speaks GraphQL: a success that is not theirs may have been one all the same.
    Fault.GRAPHQL_ERRORS: Expected("UNCERTAIN", BAD_RESPONSE, retryable=False),
    Fault.EMPTY: Expected("UNCERTAIN", BAD_RESPONSE, retryable=False),
    Fault.REDIRECT: Expected("REJECTED", BAD_RESPONSE, retryable=False),
}

DIFFERENT: Final[Mapping[tuple[Source, Fault, bool], Expected]] = {
    # One address for everything: a 404 there speaks of the address, not of the contact.
    (Source.SAMESPACE, Fault.NOT_FOUND, True): Expected("REJECTED", BAD_RESPONSE, retryable=False),
    # Samespace does speak GraphQL: without data and without the code of a crash it has refused.
    (Source.SAMESPACE, Fault.GRAPHQL_ERRORS, True): Expected("REJECTED", BAD_RESPONSE, retryable=False),
}

ALONE: Final = frozenset({Fault.DNS, Fault.RATE_LIMITED_UNTIMED})
"""Faults that need a gateway of their own: another address, or a source that stays closed for a minute."""

CELLS: Final = tuple(
    Cell(source, fault, write) for source in Source for write in (False, True) for fault in Fault
)
