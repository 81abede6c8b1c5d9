"""Things by the fields of their keys, as routers ask for them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLResolveInfo

from gateway.context.asked import Asked
from gateway.context.contacts import DETAILS
from gateway.engine import selection
from gateway.engine.subgraph import Reference
from gateway.errors import BadInput
from gateway.model import ids
from gateway.model.contact import Contact


@dataclass(frozen=True, slots=True)
class Entities:
    """The verb of entities. `node` finds what a global id names."""

    asked: Asked
    node: Callable[[str], Awaitable[Any]]

    async def all(
        self, references: Sequence[Reference | BadInput], info: GraphQLResolveInfo[Any]
    ) -> list[Any]:
        """Things in the order asked, by the loaders; one that fails is an error at its own place."""
        brief = not (selection.names(info) & DETAILS)
        found = (self._one(each, brief) for each in references)
        return await asyncio.gather(*found, return_exceptions=True)

    async def _one(self, reference: Reference | BadInput, brief: bool) -> Any:
        if isinstance(reference, BadInput):
            raise reference
        text = reference.fields.get("id")
        if text is not None:
            _check(reference, text, self.asked.directory.account)
        if reference.type == "Contact":
            return await self._contact(reference, brief)
        return await self.node(reference.fields["id"])

    async def _contact(self, reference: Reference, brief: bool) -> Contact | None:
        fields = reference.fields
        by = {"id": fields["id"]} if "id" in fields else {"sourceId": fields}
        return await self.asked.contact(await self.asked.contact_key(by), brief=brief)


def _check(reference: Reference, text: str, account: str) -> None:
    """Raise BadInput where an id is not of the type, or of somebody else, or names another thing."""
    if reference.type in ids.OWN:
        ids.expect_own(text, reference.type, account)
        return
    named = ids.expect(text, reference.type, account)
    told = (named.source.value, named.parts[-1])
    fields = reference.fields
    if (fields.get("source", told[0]), fields.get("sourceId", told[1])) != told:
        raise BadInput("The keys of a representation name different things.")
