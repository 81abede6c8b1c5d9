"""What is allowed with one source, as one frozen value."""

from dataclasses import dataclass
from typing import Final

LARGEST_ANSWER: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a source is called.

    `seconds` is the time of one call with all its attempts, `connect_seconds` that of a connection,
    `read_seconds` the longest silence on one. `attempts` counts the first one; only what is safe to repeat
    has more. `at_once` calls are under way at the same time, `queued` wait at most. After `failures` of the
    latest calls the source is left alone for `cool_down` seconds, then twice as long, `longest_cool_down` at
    most.
    """

    seconds: float = 10.0
    connect_seconds: float = 3.0
    read_seconds: float = 10.0
    attempts: int = 3
    at_once: int = 20
    queued: int = 1_000
    answer_bytes: int = LARGEST_ANSWER
    failures: int = 5
    cool_down: float = 1.0
    longest_cool_down: float = 30.0
