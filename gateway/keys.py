"""The keys of callers: only their SHA-256 is ever held."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.model.caller import DEFAULT_ACCOUNT, Caller, Scope
from gateway.model.source import Source


@dataclass(frozen=True, slots=True)
class Keys:
    """The callers that are known, by the SHA-256 of their key in lower-case hex."""

    callers: Mapping[str, Caller]

    def find(self, key: str) -> Caller | None:
        """The caller with this key. Every known one is compared, each in constant time."""
        digest = hashlib.sha256(key.encode()).hexdigest()
        found = None
        for known, caller in self.callers.items():
            if hmac.compare_digest(known, digest):
                found = caller
        return found


def read_keys(text: str) -> Keys:
    """Keys out of `name:sha256-hex:scopes[:account[:sources[:modules]]]`, separated by `;`, lists by `,`."""
    callers: dict[str, Caller] = {}
    for place, entry in enumerate(text.split(";"), start=1):
        if not entry.strip():
            continue
        name, digest, scopes, account, sources, modules = (*entry.strip().split(":"), "", "", "")[:6]
        digest = digest.lower()
        if entry.count(":") not in (2, 3, 4, 5) or not name:
            raise ValueError("has an entry that is not name:sha256-hex:scopes[:account[:sources[:modules]]]")
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise ValueError(f"has no SHA-256 in hex in entry {place}")
        if digest in callers:
            raise ValueError(f"has the key of entry {place} twice")
        named = [each.strip() for each in sources.split(",")] if sources else []
        if not set(named) <= {*Source}:
            raise ValueError(
                f"has a source in entry {place} that there is not; there are {', '.join(Source)}"
            )
        try:
            callers[digest] = Caller(
                name=name,
                scopes=frozenset(Scope(scope.strip()) for scope in scopes.split(",")),
                account=account or DEFAULT_ACCOUNT,
                sources=frozenset(map(Source, named)) if named else None,
                modules=frozenset(each.strip() for each in modules.split(",")) if modules else None,
            )
        except ValueError as error:
            raise ValueError(f"has a scope in entry {place} that there is not") from error
    if text.strip() and not callers:
        raise ValueError("has no entry")
    return Keys(callers)
