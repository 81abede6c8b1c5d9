"""What callers are allowed, as plain values: sizes and times of requests, origins, shares."""

from dataclasses import dataclass

from gateway.setting import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Largest body, head and file of a request in bytes, seconds to send them, levels of JSON.

    `linger_seconds` is how long a body may go on after its answer, so that its sender can read that,
    `answer_seconds` how long an answer may wait to be read.
    """

    body_bytes: int = 1024 * 1024
    header_bytes: int = 64 * 1024
    head_seconds: float = 10.0
    body_seconds: float = 15.0
    json_depth: int = 64
    linger_seconds: float = 5.0
    answer_seconds: float = 120.0
    file_bytes: int = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """Origins of pages that may call, besides our own; networks of proxies that are believed.

    `packed`: answers are, for those who accept that; `strict_status`: statuses are those of the newer draft.
    """

    origins: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    packed: bool = True
    strict_status: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fair:
    """Requests, points of cost and calls of sources that one caller gets; None for as many as wanted.

    `share` is the part of a source's rate limit, and of the operations under way, that one caller gets at
    most where several are known.
    """

    requests: Rate | None = None
    points: Rate | None = None
    calls: Rate | None = None
    share: float = 1.0

    @property
    def counted(self) -> bool:
        """Whether there is anything to count."""
        return any((self.requests, self.points, self.calls))
