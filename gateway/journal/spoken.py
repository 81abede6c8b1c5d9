"""What people have said by hand of records: read from the journal, and held for those who cannot wait."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.errors import StateUnavailable
from gateway.identity.clusters import Spoken
from gateway.journal.journal import Journal
from gateway.model.person import Saying, Statement

Pair = tuple[str, str]
"""Two records, each `SOURCE:id`, in order."""


def pair(one: str, other: str) -> Pair:
    """Two records, whichever was named first."""
    return (one, other) if one < other else (other, one)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """All that was said in an account: by pair, and in the form in which it counts."""

    version: int | None = None
    said: Mapping[Pair, Statement] = field(default_factory=dict)
    spoken: Spoken = field(default_factory=Spoken)


NOTHING: Final = Heard()


class Sayings:
    """The statements of all accounts."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._heard: dict[str, Heard] = {}

    def latest(self, account: str) -> Heard:
        """What is known so far."""
        return self._heard.get(account, NOTHING)

    def spoken(self, account: str) -> Spoken:
        """The same, as it counts."""
        return self.latest(account).spoken

    async def hear(self, account: str, *, surely: bool = False) -> Heard:
        """All that was said until now. While the journal is away that is what was known last.

        Raises StateUnavailable where nothing is known, as what was forbidden by hand must not be joined; and
        where what was said since has to be known `surely`, as for a write.
        """
        while True:
            held = self.latest(account)
            try:
                version, statements = await self._journal.statements(account, held.version)
            except StateUnavailable:
                if surely or held.version is None:
                    raise
                return held
            if statements is None:
                return held
            if self.latest(account) is held:  # else others have heard more meanwhile
                said = {pair(each.one, each.other): each for each in statements}
                self._heard[account] = Heard(version=version, said=said, spoken=spoken(statements))
                return self.latest(account)

    def forget(self, account: str) -> None:
        """An account is closed."""
        self._heard.pop(account, None)


def reached(spoken: Spoken, ref: str) -> set[str]:
    """All that was said to be one with a record, by way of others too; with the record itself."""
    found: set[str] = set()
    waiting = [ref]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting.extend(spoken.same.get(each, ()))
    return found


def contradicts(spoken: Spoken, refs: Iterable[str]) -> bool:
    """Whether two of some records are never to be one."""
    some = frozenset(refs)
    return any(spoken.never.get(each, frozenset()) & some for each in some)


def spoken(statements: Iterable[Statement]) -> Spoken:
    """Statements as they count."""
    found: dict[Saying, dict[str, set[str]]] = {saying: {} for saying in Saying}
    for each in statements:
        if each.saying is not None:
            found[each.saying].setdefault(each.one, set()).add(each.other)
            found[each.saying].setdefault(each.other, set()).add(each.one)
    same, never = (
        {ref: frozenset(others) for ref, others in found[saying].items()}
        for saying in (Saying.SAME, Saying.NEVER)
    )
    return Spoken(same=same, never=never)
