"""Who asks, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from gateway.model.source import Source

BROUGHT = "brought."  # how accounts of keys begin that callers bring along
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

    `modules` are names or vendor ids of modules, for sources that have some. `home` is the account of the key
    itself where its caller brings keys of sources along, which are an account of their own.
    """

    name: str
    scopes: frozenset[Scope]
    account: str = DEFAULT_ACCOUNT
    sources: frozenset[Source] | None = None
    modules: frozenset[str] | None = None
    home: str | None = None

    @property
    def who(self) -> str:
        """One caller, whatever keys of sources it brings along."""
        return f"{self.home or self.account}:{self.name}"

    @property
    def rights(self) -> frozenset[str]:
        """The scopes by the names that the schema has for them."""
        return _names(self.scopes)

    def may(self, scope: Scope) -> bool:
        """Whether the caller has a scope."""
        return scope in self.scopes

    def may_read(self, source: Source) -> bool:
        """Whether the caller may read a source."""
        return self.sources is None or source in self.sources


@lru_cache(maxsize=64)  # there are as many as ways to give keys scopes
def _names(scopes: frozenset[Scope]) -> frozenset[str]:
    return frozenset(scope.name for scope in scopes)


ANYONE = Caller(name="anyone", scopes=frozenset(Scope))
