"""The mutations of one request: each once for its key, in the log, and known to what is read afterwards."""

import asyncio
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.context.asked import Asked
from gateway.errors import BadInput, GatewayError, StateUnavailable
from gateway.federation.asking import Arguments
from gateway.federation.people import People, contacts_of
from gateway.imports.jobs import Imports
from gateway.index.rows import digest
from gateway.journal import once
from gateway.journal.feed import Feed
from gateway.journal.journal import GONE, UNREAD, Journal, KeyedAs, Overtaken, Owning
from gateway.journal.once import LONGEST_KEY, Once
from gateway.model import ids
from gateway.model.audit import AuditEntry
from gateway.model.contact import ContactKey
from gateway.model.event import EventType
from gateway.telemetry import logs
from gateway.writing import recording
from gateway.writing.confirmations import Confirmations
from gateway.writing.contacts import ContactWrites
from gateway.writing.desk import Desk, Done
from gateway.writing.erasing import Erasure
from gateway.writing.groups import GroupWrites, Locks
from gateway.writing.labels import LabelWrites
from gateway.writing.links import Links
from gateway.writing.media import Media
from gateway.writing.people import PersonWrites
from gateway.writing.properties import PropertyWrites
from gateway.writing.syncing import PersonSync

BROKEN: Final = {"message": "The event log could not be written; the outcomes are right.", "code": "INTERNAL"}

TOKEN_BYTES: Final = 16  # of what an open record of the audit trail is found by

UNSAID: Final = "The journal cannot be written now, so nothing was said. Try again later."

LEAVE: Final = frozenset(  # a contact otherwise than it was
    {
        EventType.CONTACT_CREATED,
        EventType.CONTACT_UPDATED,
        EventType.CONTACT_DELETED,
        EventType.CONTACTS_MERGED,
    }
)

Payload = dict[str, Any]
Verb = Callable[[Arguments], Awaitable[Done]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What writes of one account are kept in; lives as long as the process."""

    journal: Journal
    feed: Feed
    owner: Owning
    once: Once
    locks: Locks
    imports: Imports
    media: Media
    now: Callable[[], str]


@dataclass(slots=True)
class Recorded:
    """What the audit trail says of a write under way; `closed` once its end is there."""

    token: str
    entry: AuditEntry
    closed: bool = False


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
        return await self._perform("updateContactTags", given, self._labels.tags)

    async def update_funnels(self, given: Arguments) -> Payload:
        """Subscribe a contact to funnels and unsubscribe it from others."""
        return await self._perform("updateContactFunnels", given, self._labels.funnels)

    async def trigger_event(self, given: Arguments) -> Payload:
        """Launch an event for a contact."""
        return await self._perform("triggerEvent", given, self._labels.trigger)

    async def send_message(self, given: Arguments) -> Payload:
        """Send a message to a contact."""
        return await self._perform("sendMessage", given, self._labels.send)

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

    async def link_contacts(self, given: Arguments) -> Payload:
        """Say that records are one person."""
        return await self._perform("linkContacts", given, self._links.link)

    async def unlink_contacts(self, given: Arguments) -> Payload:
        """Take that back, or take records apart."""
        return await self._perform("unlinkContacts", given, self._links.unlink)

    async def never_same(self, given: Arguments) -> Payload:
        """Say that records never are one person."""
        return await self._perform("neverSame", given, self._links.never)

    async def update_person(self, given: Arguments) -> Payload:
        """Write the same to every record of a person."""
        people = self._people
        writes = PersonWrites(self._desk, people)
        return await self._perform("updatePerson", given, writes.update, people)

    async def sync_person(self, given: Arguments) -> Payload:
        """Copy values between the records of a person."""
        people = self._people
        sync = PersonSync(PersonWrites(self._desk, people))
        return await self._perform("syncPerson", given, sync.sync, people)

    async def erase_person(self, given: Arguments) -> Payload:
        """Erase a person."""
        account, journal, now = self.asked.directory.account, self.ledger.journal, self.ledger.now
        people = self._people
        erasure = Erasure(self._desk, people, journal, Confirmations(journal, account, now))
        return await self._perform("erasePerson", given, erasure.erase, people)

    @property
    def _people(self) -> People:
        return People(self.asked.directory, self.asked.caller, self.asked.max_age, surely=True)

    @property
    def _links(self) -> Links:
        return Links(self._desk, self._people, self.ledger.now)

    @property
    def _desk(self) -> Desk:
        return Desk(self.asked.directory, self.asked.caller)

    @property
    def _labels(self) -> LabelWrites:
        return LabelWrites(self._desk, self.ledger.media)

    @property
    def _groups(self) -> GroupWrites:
        return GroupWrites(self._desk, self.ledger.locks)

    async def _perform(
        self,
        field: str,
        given: Arguments,
        verb: Verb,
        people: People | None = None,
    ) -> Payload:
        """Carry out a mutation, or answer a repeat as the first one; then forget what was read before it.

        `people` tell which records are meant, where the input names one of them.
        """
        done: list[Done] = []

        async def work() -> Payload:
            also = [] if people is None else await _members(people, given)
            record = self._record(field, given, also)
            try:
                await self._begun(record)
                while True:
                    made = await verb(given)
                    try:
                        noted = await self._noted(made, record)
                    except Overtaken:  # it is looked at anew
                        continue
                    done.append(made)
                    return noted
            except BaseException as error:
                if not isinstance(error, GatewayError):  # it may have left
                    for source in recording.sources(given, record.entry):
                        self.asked.directory.index.doubt(source)
                await self._failed(record, error)
                raise

        payload = await self.once(field, given, work)
        self.asked.renew()
        for each in done:
            if each.statements:
                await self.asked.directory.sayings.hear(self.asked.directory.account)
            for contact in each.contacts:
                self.asked.known[contact["_key"]] = contact
            for group in each.groups:
                self.asked.known_groups[group["_key"]] = group
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

    def _record(self, field: str, given: Arguments, also: Sequence[str]) -> Recorded:
        entry = recording.begun(self.asked.caller.name, field, self.asked.request_id, given, also)
        return Recorded(secrets.token_hex(TOKEN_BYTES), entry)

    async def _begun(self, record: Recorded) -> None:
        """Keep in the audit trail that something is about to be written, until its end is recorded."""
        account, entry = self.asked.directory.account, record.entry
        journal, now = self.ledger.journal, self.ledger.now
        try:
            await journal.open_audit(record.token, account, self.ledger.owner.name, now(), entry)
        except sqlite3.Error as error:
            self._tell_of_broken(error)

    async def _failed(self, record: Recorded, error: BaseException) -> None:
        """Keep how something has ended that came to no end of its own."""
        if record.closed:
            return
        journal, account = self.ledger.journal, self.asked.directory.account
        ended = recording.failed(record.entry, error)
        try:
            await asyncio.shield(journal.audit(account, self.ledger.now(), [ended], record.token))
        except sqlite3.Error as broken:
            self._tell_of_broken(broken)

    def _tell_of_broken(self, error: sqlite3.Error) -> None:
        """Go on where the journal cannot be written, as with a full disk: what is written must be told."""
        logs.failure(error, "journal")
        if BROKEN not in self.asked.warnings:
            self.asked.warnings.append(BROKEN)

    async def _noted(self, done: Done, record: Recorded) -> Payload:
        """The payload, once what has happened is in the log; with a key, the answer is kept along with it."""
        account, caller = self.asked.directory.account, self.asked.caller.name

        def answer(numbers: list[int]) -> Payload:
            payload: Payload = {**done.payload}
            for number, happening in zip(numbers, done.happenings, strict=False):
                if happening.type is EventType.EVENT_TRIGGERED:
                    payload["event"] = ids.own("Event", account, number)
            return payload

        states = _states(done)
        steps = once.current()
        if steps is not None and steps.before:
            done = await self._untold(done, account, list(states))
        if steps is not None and done.statements:
            steps.taken = True  # a repeat must not say it again
        place = steps.place if steps is not None and (steps.taken or steps.before) else None
        try:
            noting = self.ledger.journal.note(
                account,
                caller,
                self.ledger.now(),
                done.happenings,
                answer=answer,
                place=place,
                entry=recording.ended(record.entry, done.payload),
                closes=record.token,
                states=states,
                statements=done.statements,
                heard=done.heard,
            )
            noted: Payload = await _to_its_end(noting, record)
            if steps is not None and place is not None:
                steps.answered = True
            await self._told(states)
            return noted
        except sqlite3.Error as error:
            if done.statements:  # nothing was written but in the journal, so that there is nothing to tell
                logs.failure(error, "journal")
                raise StateUnavailable(UNSAID) from None
            self._tell_of_broken(error)
        return answer([])

    async def _untold(self, done: Done, account: str, contacts: Sequence[str]) -> Done:
        """What a write that was cut off has done, without what a scan has noticed since."""
        with suppress(sqlite3.Error, StateUnavailable):
            known = await self.ledger.journal.states(account, contacts)
            return replace(
                done,
                happenings=[
                    each
                    for each in done.happenings
                    if each.type is not EventType.CONTACT_CREATED or each.contact not in known
                ],
            )
        return done

    async def _told(self, states: Mapping[str, str]) -> None:
        """Let the index know what needs no further event."""
        account = self.asked.directory.account
        told: dict[ContactKey, str | None] = {}
        for contact, state in states.items():
            found = ids.expect(contact, "Contact", account)
            if state != UNREAD:
                told[ContactKey(found.source, *found.parts)] = None if state == GONE else state
        await self.asked.directory.index.told(told)


async def _members(people: People, given: Arguments) -> list[str]:
    """The records of the person that an input names."""
    with suppress(BadInput):  # which the verb itself complains of
        person = await people.by_id(given["id"])
        return [contact["id"] for contact in contacts_of(person)] if person else []
    return []


async def _to_its_end(noting: Coroutine[Any, Any, Payload], record: Recorded) -> Payload:
    """What comes of keeping an end, which is waited for also by whoever is cancelled: it is on its way to the
    disk, and must not be kept a second time as one that was cut off.
    """
    task = asyncio.ensure_future(noting)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        record.closed = not task.cancelled() and task.exception() is None
        raise


def _states(done: Done) -> dict[str, str]:
    """How the contacts are left that a mutation has changed, as a scan would find them."""
    read = {contact["id"]: digest(contact) for contact in done.contacts}
    states: dict[str, str] = {}
    for happening in done.happenings:
        if happening.contact is None or happening.type not in LEAVE:
            continue
        gone = happening.type is EventType.CONTACT_DELETED
        states[happening.contact] = GONE if gone else read.get(happening.contact, UNREAD)
        if happening.type is EventType.CONTACTS_MERGED:
            states[happening.payload["from"]] = GONE
    return states
