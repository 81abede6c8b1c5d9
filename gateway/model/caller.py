"""Who asks, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.model.source import Source

DEFAULT_ACCOUNT = "default"


class Scope(StrEnum):
    """What a key allows."""

    READ = "read"
    WRITE = "write"
    IMPORT = "import"
    RAW = "raw"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: the name of a key, its scopes, its account, and what it is limited to (None: nothing).

    `modules` are names or vendor ids of modules, for sources that have some.
    """

    name: str
    scopes: frozenset[Scope]
    account: str = DEFAULT_ACCOUNT
    sources: frozenset[Source] | None = None
    modules: frozenset[str] | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the caller has a scope."""
        return scope in self.scopes

    def may_read(self, source: Source) -> bool:
        """Whether the caller may read a source."""
        return self.sources is None or source in self.sources


ANYONE = Caller(name="anyone", scopes=frozenset(Scope))
