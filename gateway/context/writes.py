"""The mutations of one request: each once for its key, in the log, and known to what is read afterwards."""

import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gateway.context.asked import Asked
from gateway.errors import BadInput
from gateway.federation.asking import Arguments
from gateway.imports.jobs import Imports
from gateway.journal import once
from gateway.journal.journal import Journal, KeyedAs
from gateway.journal.once import LONGEST_KEY, Once
from gateway.model import ids
from gateway.model.event import EventType
from gateway.telemetry import logs
from gateway.writing.contacts import ContactWrites
from gateway.writing.desk import Desk, Done
from gateway.writing.groups import GroupWrites, Locks
from gateway.writing.labels import LabelWrites
from gateway.writing.properties import PropertyWrites

Payload = dict[str, Any]
Verb = Callable[[Arguments], Awaitable[Done]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What writes of one account are kept in; lives as long as the process."""

    journal: Journal
    once: Once
    locks: Locks
    imports: Imports
    now: Callable[[], str]


@dataclass(slots=True)
class Writes:
    """The mutations. `key` is the idempotency key of the header, where it counts."""

    asked: Asked
    ledger: Ledger
    key: str | None = None

    async def create_contact(self, given: Arguments) -> Payload:
        """Create a contact in one or several sources."""
        return await self._perform("createContact", given, ContactWrites(self._desk).create)

    async def update_contact(self, given: Arguments) -> Payload:
        """Change one contact."""
        return await self._perform("updateContact", given, ContactWrites(self._desk).update)

    async def update_contacts(self, given: Arguments) -> Payload:
        """Write the same to many contacts."""
        return await self._perform("updateContacts", given, ContactWrites(self._desk).update_many)

    async def delete_contacts(self, given: Arguments) -> Payload:
        """Delete contacts."""
        return await self._perform("deleteContacts", given, ContactWrites(self._desk).delete)

    async def merge_contacts(self, given: Arguments) -> Payload:
        """Unite two contacts."""
        return await self._perform("mergeContacts", given, ContactWrites(self._desk).merge)

    async def update_tags(self, given: Arguments) -> Payload:
        """Put tags on a contact and take others off."""
        return await self._perform("updateContactTags", given, LabelWrites(self._desk).tags)

    async def update_funnels(self, given: Arguments) -> Payload:
        """Subscribe a contact to funnels and unsubscribe it from others."""
        return await self._perform("updateContactFunnels", given, LabelWrites(self._desk).funnels)

    async def trigger_event(self, given: Arguments) -> Payload:
        """Launch an event for a contact."""
        return await self._perform("triggerEvent", given, LabelWrites(self._desk).trigger)

    async def send_message(self, given: Arguments) -> Payload:
        """Send a message to a contact."""
        return await self._perform("sendMessage", given, LabelWrites(self._desk).send)

    async def create_group(self, given: Arguments) -> Payload:
        """Create a group."""
        return await self._perform("createGroup", given, self._groups.create)

    async def update_group(self, given: Arguments) -> Payload:
        """Change a group and its members."""
        return await self._perform("updateGroup", given, self._groups.update)

    async def delete_group(self, given: Arguments) -> Payload:
        """Delete a group."""
        return await self._perform("deleteGroup", given, self._groups.delete)

    async def create_property(self, given: Arguments) -> Payload:
        """Define a property."""
        return await self._perform("createProperty", given, PropertyWrites(self._desk).create)

    async def update_property(self, given: Arguments) -> Payload:
        """Change a definition."""
        return await self._perform("updateProperty", given, PropertyWrites(self._desk).update)

    @property
    def _desk(self) -> Desk:
        return Desk(self.asked.directory, self.asked.caller)

    @property
    def _groups(self) -> GroupWrites:
        return GroupWrites(self._desk, self.ledger.locks)

    async def _perform(self, field: str, given: Arguments, verb: Verb) -> Payload:
        """Carry out a mutation, or answer a repeat as the first one; then forget what was read before it."""
        done: list[Done] = []

        async def work() -> Payload:
            done.append(await verb(given))
            return await self._noted(done[0])

        payload = await self.once(field, given, work)
        self.asked.renew()
        for each in done:
            self.asked.known.update((contact["_key"], contact) for contact in each.contacts)
            self.asked.known_groups.update((group["_key"], group) for group in each.groups)
        return {**payload, "clientMutationId": given.get("clientMutationId")}

    async def once(
        self, field: str, given: Arguments, work: Callable[[], Awaitable[Payload]], *more: str
    ) -> Payload:
        """The payload of `work`, or of the first mutation with the same key; `more` is part of the input."""
        key = self.key if given.get("idempotencyKey") is None else given["idempotencyKey"]
        if key is None:
            return await work()
        if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
            raise BadInput(f"An idempotency key has 1 to {LONGEST_KEY} signs that can be printed.")
        place = KeyedAs(self.asked.directory.account, self.asked.caller.name, field, key)
        return await self.ledger.once.run(place, once.fingerprint(given, *more), work)

    async def _noted(self, done: Done) -> Payload:
        """The payload, once what has happened is in the log; with a key, the answer is kept along with it."""
        account, caller = self.asked.directory.account, self.asked.caller.name

        def answer(numbers: list[int]) -> Payload:
            payload: Payload = {**done.payload}
            for number, happening in zip(numbers, done.happenings, strict=False):
                if happening.type is EventType.EVENT_TRIGGERED:
                    payload["event"] = ids.own("Event", account, number)
            return payload

        steps = once.current()
        place = steps.place if steps is not None and (steps.taken or steps.before) else None
        try:
            noted: Payload = await self.ledger.journal.note(
                account, caller, self.ledger.now(), done.happenings, answer=answer, place=place
            )
        except sqlite3.Error as error:  # such as a full disk: what was written must be told all the same
            logs.failure(error, "journal")
            self.asked.warnings.append(
                {"message": "The event log could not be written; the outcomes are right.", "code": "INTERNAL"}
            )
            return answer([])
        if steps is not None and place is not None:
            steps.answered = True
        return noted
