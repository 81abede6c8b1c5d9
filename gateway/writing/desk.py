"""What all writes of one caller share: the sources, and what follows from a write.

Nothing is wired here: a desk is made for each request that writes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from gateway import deadline
from gateway.errors import BadInput, GatewayError
from gateway.federation.asking import ModuleRef
from gateway.federation.directory import Directory
from gateway.model import ids
from gateway.model.caller import Caller
from gateway.model.contact import Contact, ContactKey
from gateway.model.event import Happening
from gateway.model.group import Group
from gateway.model.source import Source
from gateway.model.writing import UserErrorCode, WriteOutcome, WriteStatus
from gateway.ports import Upstream
from gateway.writing import outcomes
from gateway.writing.inputs import Complaints

SHARE: Final = 0.5  # of the time left, for looking again for contacts that have moved

Payload = dict[str, Any]


@dataclass(slots=True)
class Done:
    """The answer of a mutation, as JSON, and what has to be known before its selection is resolved."""

    payload: Payload
    contacts: list[Contact] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one caller writes."""

    directory: Directory
    caller: Caller

    @property
    def account(self) -> str:
        """The account that is written for."""
        return self.directory.account

    @property
    def region(self) -> str:
        """The country in which phones without a code are read."""
        return self.directory.region

    def upstream(self, source: Source) -> Upstream:
        """A source. Raises Forbidden or CapabilityUnsupported."""
        return self.directory.upstream(source, self.caller)

    def unable(self, source: Source, ability: str) -> WriteOutcome | None:
        """The outcome of a write that cannot even be tried, as the caller or the source may not."""
        try:
            upstream = self.upstream(source)
        except GatewayError as error:
            return outcomes.failed(source, error)
        if upstream.traits.can(ability):
            return None
        found = upstream.traits.abilities.get(ability)
        why = (found.caveat if found else None) or "The source has no such ability."
        outcome = outcomes.blank(source, WriteStatus.UNSUPPORTED)
        outcome["code"] = "CAPABILITY_UNSUPPORTED"
        outcome["message"] = f"{upstream.traits.name} has no {ability}. {why}"
        return outcome

    async def module(
        self, source: Source, by: Mapping[str, Any] | None, wrong: Complaints, *path: str | int
    ) -> str | None:
        """The vendor id of the module that a `ModuleBy` names, else of the default one; None without any.

        Raises what the source raises.
        """
        upstream = self.upstream(source)
        if not upstream.traits.has_modules:
            if by is not None:
                text = f"{upstream.traits.name} has no modules: leave `module` out."
                wrong.add(UserErrorCode.INVALID, text, *path, "module", source=source)
            return None
        try:
            if by is None:
                ref = ModuleRef(name=upstream.traits.default_module)
            elif by.get("id") is not None:
                ref = ModuleRef(id=ids.expect(by["id"], "Module", self.account).parts[0])
            else:
                ref = ModuleRef(name=by.get("name") or "")
            return await self.directory.module_id(upstream, ref)
        except BadInput as error:
            wrong.add(UserErrorCode.NOT_FOUND, error.message, *path, "module", source=source)
            return None

    async def check_there(
        self, keys: Mapping[str, ContactKey], wrong: Complaints, path: Mapping[str, Sequence[str | int]]
    ) -> dict[str, GatewayError]:
        """Complain of contacts that are not there; failures of sources that cannot say, by global id.

        The index answers for those it has met; the rest are asked for one by one.
        """
        known: set[ContactKey] = set()
        for source in {key.source for key in keys.values()}:
            if source in self.directory.upstreams:
                mine = [key for key in keys.values() if key.source is source]
                met = self.directory.index.has(source, [key.id for key in mine])
                known.update(key for key in mine if key.id in met)
        asked = {text: key for text, key in keys.items() if key not in known}
        if not asked:
            return {}
        try:
            found = await self.directory.contacts(list(asked.values()), self.caller, brief=True, max_age=None)
        except BadInput:
            found = {}
        failures: dict[str, GatewayError] = {}
        for text, key in asked.items():
            answer = found.get(key)
            if answer is None or isinstance(answer, BadInput):
                wrong.add(
                    UserErrorCode.NOT_FOUND, "There is no such contact.", *path[text], source=key.source
                )
            elif isinstance(answer, GatewayError):
                failures[text] = answer
        return failures

    async def read_back(self, keys: Sequence[ContactKey]) -> dict[ContactKey, Contact]:
        """Contacts of one source as they are after a write; those that cannot be read now are missing."""
        if not keys:
            return {}
        source = keys[0].source
        upstream, index = self.upstream(source), self.directory.index
        try:
            if upstream.reads_by_id:
                answers = await upstream.contacts_by_id(keys, brief=False)
            else:
                met = index.has(source, [key.id for key in keys])
                answers = await index.reread([key for key in keys if key.id in met]) if met else {}
                missing = [key for key in keys if key not in answers]
                if missing:
                    answers.update(await self._found_again(source, missing))
        except GatewayError:
            return {}
        return {key: each for key, each in answers.items() if not isinstance(each, GatewayError)}

    async def _found_again(self, source: Source, keys: Sequence[ContactKey]) -> dict[ContactKey, Any]:
        """Contacts that are not where they were, after reading their source anew, as far as time allows."""
        left = deadline.seconds_left(float("inf"))
        with suppress(TimeoutError, GatewayError):
            async with asyncio.timeout(None if left == float("inf") else max(left, 0) * SHARE):
                await self.directory.index.rescan(source)
                return await self.directory.index.reread(keys)
        return {}

    async def keep(self, contacts: Sequence[Contact]) -> None:
        """Let search, filters and look-ups know contacts as they are now."""
        await self.directory.index.put(contacts)

    async def forget(self, keys: Sequence[ContactKey]) -> None:
        """Let search, filters and look-ups know that contacts are gone."""
        await self.directory.index.remove(keys)
