"""What all writes of one caller share: the sources, and what follows from a write.

Nothing is wired here: a desk is made for each request that writes.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from gateway import deadline
from gateway.errors import BadInput, GatewayError
from gateway.federation import coverage
from gateway.federation.asking import ModuleRef
from gateway.federation.directory import Directory
from gateway.journal import once
from gateway.model import ids
from gateway.model.caller import Caller
from gateway.model.contact import Contact, ContactKey
from gateway.model.event import Happening
from gateway.model.group import Group
from gateway.model.person import Statement
from gateway.model.source import Source
from gateway.model.writing import UserErrorCode, WriteOutcome, WriteStatus
from gateway.ports import Upstream
from gateway.telemetry import logs
from gateway.writing import outcomes
from gateway.writing.inputs import Complaints

MOST_LOOKED_UP: Final = 20  # contacts that the index has not met, before a bulk write
NOBODY: Final = "There is no such contact."
SHARE: Final = 0.5  # of the time left, for looking again for contacts that have moved

Payload = dict[str, Any]


def _resumed() -> bool:
    """Whether a keyed write is taken up that had begun before the gateway was stopped."""
    steps = once.current()
    return steps is not None and bool(steps.before)


@dataclass(slots=True)
class Done:
    """The answer of a mutation, as JSON, and what has to be known before its selection is resolved.

    `heard`: the version of all that was said when the statements were made.
    """

    payload: Payload
    contacts: list[Contact] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    heard: int | None = None


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

    @property
    def resumed(self) -> bool:
        """Whether a keyed write is taken up that had begun before the gateway was stopped."""
        return _resumed()

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

    def refused(
        self,
        source: Source,
        ability: str,
        target: str | None,
        wrong: Complaints,
        *path: str | int,
    ) -> WriteOutcome | None:
        """The same for one record, with a complaint about the place in the input that names it."""
        found = self.unable(source, ability)
        if found is not None:
            found["targetId"] = target
            wrong.add(UserErrorCode.UNSUPPORTED, found["message"] or "", *path, source=source)
        return found

    async def module(
        self,
        source: Source,
        by: Mapping[str, Any] | None,
        wrong: Complaints,
        *path: str | int,
        name: str = "module",
    ) -> str | None:
        """The vendor id of the module that a `ModuleBy` names, else of the default one; None without any.

        Raises what the source raises.
        """
        upstream = self.upstream(source)
        if not upstream.traits.has_modules:
            if by is not None:
                text = f"{upstream.traits.name} has no modules: leave `module` out."
                wrong.add(UserErrorCode.INVALID, text, *path, name, source=source)
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
            wrong.add(UserErrorCode.NOT_FOUND, error.message, *path, name, source=source)
            return None

    async def check_there(
        self, keys: Mapping[str, ContactKey], wrong: Complaints, path: Mapping[str, Sequence[str | int]]
    ) -> dict[str, GatewayError]:
        """Complain of contacts that are not there; failures of sources that cannot say, by global id.

        The index answers for those it has met. A few more are asked for one by one; of the rest the write
        itself will tell, as looking could cost all that the budget has. Nothing is looked at again for a
        keyed write that a stopped gateway has left behind: what it wrote has changed what is there.
        """
        if _resumed():
            return {}
        unmet: dict[str, ContactKey] = {}
        for source in {key.source for key in keys.values()}:
            mine = {text: key for text, key in keys.items() if key.source is source}
            well_formed = {text: key for text, key in mine.items() if self._can_be(key)}
            for text in mine.keys() - well_formed.keys():
                wrong.add(UserErrorCode.NOT_FOUND, NOBODY, *path[text], source=source)
            upstream = self.upstream(source)
            met = self.directory.index.has(source, list(well_formed.values()))
            strangers = [
                text
                for text, key in well_formed.items()
                if key not in met or not coverage.tells(upstream, key)
            ]
            most = None if not upstream.reads_by_id else MOST_LOOKED_UP
            unmet.update({text: mine[text] for text in strangers[:most]})
        if not unmet:
            return {}
        found = await self.directory.contacts(list(unmet.values()), self.caller, brief=False, max_age=None)
        failures: dict[str, GatewayError] = {}
        read: list[Contact] = []
        for text, key in unmet.items():
            answer = found.get(key)
            if answer is None:
                wrong.add(UserErrorCode.NOT_FOUND, NOBODY, *path[text], source=key.source)
            elif isinstance(answer, GatewayError):
                failures[text] = answer
            elif self.upstream(key.source).reads_by_id:
                read.append(answer)
        await self.keep(read)
        return failures

    def _can_be(self, key: ContactKey) -> bool:
        """Whether the source could have given this id."""
        try:
            self.upstream(key.source).check_id("contact", key.id)
        except BadInput:
            return False
        return True

    async def read_back(self, keys: Sequence[ContactKey]) -> dict[ContactKey, Contact | None]:
        """Contacts of one source as they are after a write, and the index put right.

        None: it is not there. Those of which nobody can say anything now are missing.
        """
        if not keys:
            return {}
        source = keys[0].source
        upstream, index = self.upstream(source), self.directory.index
        found: dict[ContactKey, Contact | None] = {}
        try:
            if upstream.reads_by_id:
                answers = await upstream.contacts_by_id(keys, brief=False)
                gone = [key for key in keys if key not in answers]
            else:
                met = index.has(source, keys)
                known = [key for key in keys if key in met]
                answers = await index.reread(known) if known else {}
                gone = await self._look_again(answers, [key for key in keys if key not in answers])
                answers = await coverage.only(upstream, answers)
        except GatewayError:
            return {}
        found.update({key: each for key, each in answers.items() if not isinstance(each, GatewayError)})
        found.update(dict.fromkeys(gone))
        await self.keep([each for each in found.values() if each is not None])
        await self.forget(gone)
        return found

    async def _look_again(
        self, answers: dict[ContactKey, Any], missing: Sequence[ContactKey]
    ) -> list[ContactKey]:
        """Look for contacts that are not where they were, by reading their source anew as far as time allows.

        What is found is added to the answers; those that are not there at all are returned.
        """
        if not missing:
            return []
        source = missing[0].source
        left = deadline.seconds_left(float("inf"))
        with suppress(TimeoutError, GatewayError):
            async with asyncio.timeout(None if left == float("inf") else max(left, 0) * SHARE):
                await self.directory.index.rescan(source)
                here = self.directory.index.has(source, missing)
                again = [key for key in missing if key in here]
                answers.update(await self.directory.index.reread(again) if again else {})
                return [key for key in missing if key not in here]
        return []

    async def doubt(self, source: Source, keys: Sequence[ContactKey]) -> None:
        """A write may have happened: nothing that was read before is believed any more.

        What is known by name is read anew, where that can be done at once.
        """
        self.directory.index.doubt(source)
        if keys:
            await self.read_back(keys)

    async def keep(self, contacts: Sequence[Contact]) -> None:
        """Let search, filters and look-ups know contacts as they are now."""
        try:
            await self.directory.index.put(contacts)
        except sqlite3.Error as error:  # such as a full disk: what was written must be told all the same
            self._unkept(error, {contact["source"] for contact in contacts})

    async def forget(self, keys: Sequence[ContactKey]) -> None:
        """Let search, filters and look-ups know that contacts are gone."""
        try:
            await self.directory.index.remove(keys)
        except sqlite3.Error as error:
            self._unkept(error, {key.source for key in keys})

    def _unkept(self, error: sqlite3.Error, sources: Iterable[Source]) -> None:
        logs.failure(error, "index")
        for source in sources:
            self.directory.index.doubt(source)
