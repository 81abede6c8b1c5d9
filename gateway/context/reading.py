"""The verbs of one request, gathered."""

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from graphql import GraphQLResolveInfo

from gateway.context.asked import Asked
from gateway.context.audit import Audit
from gateway.context.chats import Chats
from gateway.context.contacts import Contacts
from gateway.context.cost import CostMeter
from gateway.context.definitions import Definitions
from gateway.context.entities import Entities
from gateway.context.events import Events
from gateway.context.export import Export
from gateway.context.groups import Groups
from gateway.context.imports import Imports
from gateway.context.people import People
from gateway.context.writes import Ledger, Writes
from gateway.engine.subgraph import Reference
from gateway.errors import BadInput, Forbidden
from gateway.federation import walk
from gateway.federation.directory import Directory
from gateway.lazy import lazy
from gateway.model import ids
from gateway.model.caller import Caller
from gateway.model.contact import ContactKey
from gateway.model.group import GroupKey
from gateway.model.ids import OwnId
from gateway.model.outcome import Connection
from gateway.model.source import SOURCES, Source
from gateway.ports import Conditions

MOST_NODES: Final = 100


class Context:
    """What a resolver may ask for: the verbs of each noun, and those that belong to none."""

    def __init__(
        self,
        directory: Directory,
        ledger: Ledger,
        caller: Caller,
        *,
        max_age: float | None = None,
        meter: CostMeter | None = None,
        request_id: str = "",
    ) -> None:
        self.asked = Asked(directory, caller, meter or CostMeter(), max_age, request_id)
        self._ledger = ledger
        self._scopes = frozenset(scope.name for scope in caller.scopes)

    @lazy
    def contacts(self) -> Contacts:
        """Contacts, one by one and in lists."""
        return Contacts(self.asked)

    @lazy
    def people(self) -> People:
        """People, and what is said of who is who."""
        found = People(self.asked)
        self.asked.renewed.append(found.renew)
        return found

    @lazy
    def groups(self) -> Groups:
        """Groups and their members."""
        return Groups(self.asked)

    @lazy
    def chats(self) -> Chats:
        """Chats, communications, messages and channels."""
        return Chats(self.asked)

    @lazy
    def definitions(self) -> Definitions:
        """Modules and properties."""
        return Definitions(self.asked)

    @lazy
    def events(self) -> Events:
        """What has happened."""
        return Events(self.asked, self.contacts, self._ledger.journal, self._ledger.feed)

    @lazy
    def audit(self) -> Audit:
        """The audit trail."""
        return Audit(self.asked, self._ledger.journal)

    @lazy
    def export(self) -> Export:
        """All that is held of a person."""
        return Export(self.asked, self.people, self.events, self._ledger.journal, self._ledger.now)

    @lazy
    def writes(self) -> Writes:
        """Everything that changes something."""
        return Writes(self.asked, self._ledger)

    @lazy
    def imports(self) -> Imports:
        """Jobs that load files."""
        return Imports(self.asked, self.writes, self._ledger.imports)

    def close(self) -> None:
        """The operation has ended: let go of what it has read."""
        self.asked.close()

    def keyed(self, key: str, fields: Sequence[str]) -> None:
        """Take the idempotency key of the header, which counts for an operation of one mutation only."""
        if len(fields) == 1:
            self.writes.key = key
            return
        self.asked.warnings.append(
            {
                "message": "Idempotency-Key was left aside: it counts for an operation of one mutation. "
                "Give each input an idempotencyKey.",
                "code": BadInput.code,
            }
        )

    def allows(self, scopes: Collection[str]) -> bool:
        """Whether the caller has one of some scopes, by their names in the schema."""
        return not self._scopes.isdisjoint(scopes)

    def refuse(self, scopes: Collection[str], info: GraphQLResolveInfo[Any], *, nullable: bool) -> None:
        """Say which scopes a field asks for: as an error, or beside a field that cannot be null."""
        words = " or ".join(f"`{scope.lower()}`" for scope in sorted(scopes, reverse=True))
        refusal = Forbidden(f"Your key lacks the scope {words}.")
        if nullable:
            raise refusal
        self.asked.warnings.append(
            {"message": refusal.message, "path": info.path.as_list(), "code": refusal.code}
        )

    async def node(self, text: str) -> Any:
        """Whatever a global id names; None where nothing is found."""
        named = ids.decode(text)
        if named.account != self.asked.directory.account:
            raise BadInput("This is not an id of your account.")
        if isinstance(named, OwnId):
            return await self._own(named)
        key = ContactKey(named.source, named.parts[0], named.parts[-1])
        match named.type:
            case "Contact":
                return await self.contacts.get(key)
            case "Person":
                return await self.people.by_id(text)
            case "Group":
                return await self.groups.get(GroupKey(key.source, key.id))
            case "Chat" | "Communication" | "Channel":
                return await self.chats.node(named, text)
            case "Module" | "Property":
                return await self.definitions.node(named, text)
        raise BadInput(f"A {named.type} cannot be read by itself, only with what it belongs to.")

    async def _own(self, named: OwnId) -> Any:
        if named.type == "Event":
            return await self.events.one(named.number)
        return await self.imports.one(named.number)

    async def nodes(self, texts: Sequence[str]) -> list[Any]:
        """Things by global id, in the order asked. One that fails is an error at its own place."""
        if len(texts) > MOST_NODES:
            raise BadInput(f"ids holds {len(texts)} ids; at most {MOST_NODES} are allowed.")
        for text in texts:
            ids.decode(text)
        return await asyncio.gather(*(self.node(text) for text in texts), return_exceptions=True)

    async def entities(
        self, references: Sequence[Reference | BadInput], info: GraphQLResolveInfo[Any]
    ) -> list[Any]:
        """Things by the fields of their keys, in the order asked."""
        return await Entities(self.asked, self.node).all(references, info)

    def sources(self) -> list[dict[str, Any]]:
        """State and abilities of every source that the caller may read."""
        return [self._source(source) for source in SOURCES if self.asked.caller.may_read(source)]

    def page_info(self, connection: Connection) -> dict[str, Any]:
        """Where a page stands in its list."""
        return connection["_info"]()

    def edges(self, connection: Connection) -> list[dict[str, Any]]:
        """The nodes of a page with their cursors."""
        return walk.edges(connection)

    def total(self, connection: Connection) -> Awaitable[int | None] | None:
        """The number of items of a whole list."""
        count = connection["_total"]
        return None if count is None else count()

    def _source(self, source: Source) -> dict[str, Any]:
        directory = self.asked.directory
        enabled = source in directory.upstreams
        traits = directory.upstreams[source].traits if enabled else directory.traits[source]
        health = directory.health.of(source.value)
        p50, p95 = health.latency(0.5), health.latency(0.95)
        conditions = directory.upstreams[source].conditions() if enabled else None
        return {
            "source": source,
            "name": traits.name,
            "enabled": enabled,
            "status": health.status if enabled else "UNKNOWN",
            "lastError": health.last_error if enabled else "It is switched off: it has no key or no address.",
            "lastOkAt": health.last_ok_at,
            "breaker": conditions.breaker if conditions else None,
            "latencyMsP50": None if p50 is None else round(p50 * 1000, 3),
            "latencyMsP95": None if p95 is None else round(p95 * 1000, 3),
            "rateLimit": _rate_limit(conditions, directory.health.now()) if conditions else None,
            "capabilities": [
                {"operation": name, "supported": ability.supported, "caveat": ability.caveat}
                for name, ability in traits.abilities.items()
            ],
        }


def _rate_limit(conditions: Conditions, now: str) -> dict[str, Any] | None:
    """A `RateLimitInfo`; None where there is no limit."""
    if conditions.limit is None:
        return None
    resets_at = datetime.fromisoformat(now) + timedelta(seconds=conditions.resets_in or 0.0)
    return {
        "limit": conditions.limit,
        "remaining": conditions.remaining,
        "resetsAt": resets_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "windowSeconds": conditions.window,
    }


Info = GraphQLResolveInfo[Context]
