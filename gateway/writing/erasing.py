"""Erases a person: at every source that can, and from everything that the gateway keeps."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.errors import CapabilityUnsupported, GatewayError, StateUnavailable, UpstreamMissing
from gateway.federation.people import People, contacts_of
from gateway.journal.journal import Journal
from gateway.model.contact import Contact
from gateway.model.event import EventType, Happening
from gateway.model.writing import DONE, UserErrorCode, WriteOutcome, WriteStatus
from gateway.telemetry import logs
from gateway.writing import inputs, outcomes
from gateway.writing.confirmations import Confirmations, hashed
from gateway.writing.contacts import ContactWrites
from gateway.writing.desk import Desk, Done
from gateway.writing.inputs import Complaints, Given
from gateway.writing.people import NOBODY

NAME: Final = "Erased"  # in the place of a name, for sources that want one
BLANK: Final[Mapping[str, Any]] = {
    "name": NAME, "email": None, "phone": None, "company": None, "notes": None, "address": None,
}  # fmt: skip
DELETED: Final = (
    "Deleted at the source, where a read afterwards finds nothing; and from all that is kept here."
)
GONE: Final = "The source had it no more; and it is taken from all that is kept here."
UNREAD: Final = "The source has agreed to delete it; a read afterwards was not possible."
STILL: Final = "The source has agreed to delete it, and still shows it. Ask the vendor."
UNTOUCHED: Final = "The journal cannot be written now, so nothing was erased. Try again later."
UNFORGOTTEN: Final = "Not all that is kept of it here could be taken away: see the log."
WOULD_DELETE: Final = "It would be deleted at the source, and from all that is kept here."


@dataclass(frozen=True, slots=True)
class Erasure:
    """Erases people, each tried first and confirmed."""

    desk: Desk
    people: People
    journal: Journal
    confirmations: Confirmations

    async def erase(self, given: Given) -> Done:
        """Say what would be erased and hand out a confirmation; with it, erase exactly that."""
        wrong = Complaints()
        contacts = await self._contacts(given["id"], wrong)
        if wrong:
            return Done(_payload(wrong))
        bound = hashed(repr(("erasePerson", sorted(contact["id"] for contact in contacts))))
        token = given.get("confirmation")
        caller = self.desk.caller
        if token is not None and not await self.confirmations.redeem(token, caller, bound, use=True):
            text = (
                "This confirmation is used up, older than 15 minutes, or for other records than this person "
                "has now. Look at them again, and use the new one."
            )
            wrong.add(UserErrorCode.CONFLICT, text, "confirmation")
            token = None
        if token is None:
            fresh = await self.confirmations.hand_out(caller, bound)
            preview = [self._preview(contact) for contact in contacts]
            return Done(_payload(wrong, fresh, [each["id"] for each in contacts], preview))
        return await self._erase(contacts, wrong)

    async def _contacts(self, text: str, wrong: Complaints) -> list[Contact]:
        if inputs.global_id(text, "Person", self.desk.account, wrong, "id") is None:
            return []
        person = await self.people.by_id(text)
        if person is None:
            wrong.add(UserErrorCode.NOT_FOUND, NOBODY, "id")
            return []
        return contacts_of(person)

    def _preview(self, contact: Contact) -> WriteOutcome:
        found = self.desk.unable(contact["source"], "deleteContacts")
        if found is None:
            found = outcomes.blank(contact["source"], WriteStatus.SKIPPED)
            found["message"] = WOULD_DELETE
        elif self.desk.unable(contact["source"], "updateContact") is None:
            found["status"] = WriteStatus.SKIPPED.value
            found["message"] = f"{found['message']} Its fields would be blanked instead."
        return {**found, "targetId": contact["id"]}

    async def _erase(self, contacts: Sequence[Contact], wrong: Complaints) -> Done:
        await self._empty(contacts)  # first, as afterwards there may be nobody left to try again for
        done = Done({})
        by_id = await self._delete(contacts)
        await self._prove(by_id, contacts)
        for contact in contacts:
            outcome = by_id.get(contact["id"])
            if outcome is None or outcome["code"] == CapabilityUnsupported.code:
                by_id[contact["id"]] = await self._blank(contact, outcome, done)
            elif outcome["status"] == WriteStatus.APPLIED:
                done.happenings.append(
                    Happening(type=EventType.CONTACT_DELETED, source=contact["source"], contact=contact["id"])
                )
        blanked = {each.contact for each in done.happenings if each.type is EventType.CONTACT_UPDATED}
        gone = {text for text, each in by_id.items() if each["status"] == WriteStatus.APPLIED}
        erased = [contact for contact in contacts if contact["id"] in gone | blanked]
        await self._forget(erased, by_id)
        if erased:
            sources = sorted({contact["source"].value for contact in erased})
            told = {"records": len(erased), "sources": sources}
            done.happenings.append(Happening(type=EventType.PERSON_ERASED, payload=told))
        in_order = [by_id[contact["id"]] for contact in contacts]
        records = [contact["id"] for contact in contacts if contact["id"] not in gone]
        return replace(done, payload=_payload(wrong, None, records, in_order))

    async def _empty(self, contacts: Sequence[Contact]) -> None:
        """Take what is kept of records out of events and answers. If that fails nothing is erased at all."""
        ids = [contact["id"] for contact in contacts]
        try:
            await self.journal.erase_events(self.desk.account, ids)
            await self.journal.erase_answers(self.desk.account, ids)
        except sqlite3.Error as error:
            logs.failure(error, "journal")
            raise StateUnavailable(UNTOUCHED) from None

    async def _delete(self, contacts: Sequence[Contact]) -> dict[str, WriteOutcome]:
        """Delete records where that can be done at all, each by itself."""
        found: dict[str, WriteOutcome] = {}
        for contact in contacts:
            if self.desk.unable(contact["source"], "deleteContacts") is not None:
                continue
            done = await ContactWrites(self.desk).delete({"ids": [contact["id"]]})
            outcome: WriteOutcome | None = next(iter(done.payload["outcomes"]), None)
            errors = done.payload["userErrors"]
            missing = any(each["code"] == UserErrorCode.NOT_FOUND for each in errors)
            if outcome is None and not missing:
                outcome = outcomes.blank(contact["source"], WriteStatus.REJECTED, contact["id"])
                outcome["userErrors"] = errors
            if outcome is None or outcome["code"] == UpstreamMissing.code:
                outcome = outcomes.blank(contact["source"], WriteStatus.APPLIED, contact["id"])
                outcome["message"] = GONE
            found[contact["id"]] = outcome
        return found

    async def _prove(self, by_id: dict[str, WriteOutcome], contacts: Sequence[Contact]) -> None:
        """Read every record once more: one that is not there is erased, whatever the source has said."""
        unread = {WriteStatus.SKIPPED, WriteStatus.UNSUPPORTED}
        said = [
            contact
            for contact in contacts
            if contact["id"] in by_id
            and by_id[contact["id"]]["status"] not in unread
            and by_id[contact["id"]]["message"] != GONE
        ]
        for source in {contact["source"] for contact in said}:
            mine = [contact for contact in said if contact["source"] is source]
            found = await self.desk.read_back([contact["_key"] for contact in mine])
            for contact in mine:
                outcome = by_id[contact["id"]]
                agreed = outcome["status"] == WriteStatus.APPLIED
                if contact["_key"] in found and found[contact["_key"]] is None:
                    outcome = outcomes.blank(source, WriteStatus.APPLIED, contact["id"])
                    outcome["message"] = DELETED
                elif agreed and contact["_key"] in found:
                    outcome["status"] = WriteStatus.PARTIAL.value
                    outcome["message"] = STILL
                elif agreed:
                    outcome["message"] = UNREAD
                by_id[contact["id"]] = outcome

    async def _blank(self, contact: Contact, deletion: WriteOutcome | None, done: Done) -> WriteOutcome:
        """Blank what a source that does not delete lets go of; noted in `done` where it has."""
        refused = deletion or self.desk.unable(contact["source"], "deleteContacts")
        why = (refused["message"] if refused else None) or "The source does not delete."
        unable = self.desk.unable(contact["source"], "updateContact")
        if unable is not None:
            return {**unable, "targetId": contact["id"], "message": f"{why} {unable['message']}"}
        given = {"id": contact["id"], "contact": await self._nothing(contact)}
        made = await ContactWrites(self.desk).update(given)
        outcome: WriteOutcome | None = made.payload["outcome"]
        if outcome is None:
            outcome = outcomes.blank(contact["source"], WriteStatus.REJECTED, contact["id"])
            outcome["userErrors"] = made.payload["userErrors"]
        said = [why, outcome["message"]]
        if outcome["status"] in DONE:
            outcome["status"] = WriteStatus.PARTIAL.value
            left = ", ".join(outcome["ignored"])
            said.append(f"Blanked, but for {left}." if left else "Blanked.")
            said.append("The record stays, with its id and whatever else the source keeps.")
            done.contacts.extend(made.contacts)
            done.happenings.extend(made.happenings)
            if not made.contacts:  # until a scan has read it, nobody knows it as it was
                await self.desk.forget([contact["_key"]])
        outcome["message"] = " ".join(part for part in said if part)
        return outcome

    async def _nothing(self, contact: Contact) -> dict[str, Any]:
        """A `ContactInput` that leaves nothing of a record that its source lets go of."""
        key, desk = contact["_key"], self.desk
        try:
            known = await desk.directory.definitions(key.source, key.module, desk.caller)
        except GatewayError:  # the write itself will tell
            return {**BLANK}
        values = inputs.contact_values(BLANK, desk.region, Complaints())
        placed = desk.upstream(key.source).places(values, known)
        held = [each["key"] for each in contact["_properties"] or () if each["value"] not in (None, "", [])]
        own = [each for each in held if each in known and not known[each]["builtIn"]]
        return {
            **{name: value for name, value in BLANK.items() if name in placed},
            "properties": [{"key": each, "value": None} for each in own],
        }

    async def _forget(self, erased: Sequence[Contact], by_id: Mapping[str, WriteOutcome]) -> None:
        """Take what is kept of records out of index, cache and statements."""
        if not erased:
            return
        directory, account = self.desk.directory, self.desk.account
        refs = [contact["_key"].ref for contact in erased]
        try:
            await directory.index.store.erase(account, refs)
            for source in {contact["source"] for contact in erased}:
                await directory.upstreams[source].clear()
            await self.journal.erase_statements(account, refs)
            await directory.sayings.hear(account)
        except sqlite3.Error as error:
            logs.failure(error, "erasure")
            for contact in erased:
                outcome = by_id[contact["id"]]
                outcome["status"] = WriteStatus.PARTIAL.value
                outcome["message"] = f"{outcome['message']} {UNFORGOTTEN}"


def _payload(
    wrong: Complaints,
    confirmation: str | None = None,
    records: Sequence[str] = (),
    found: Sequence[WriteOutcome] = (),
) -> dict[str, Any]:
    return {
        "confirmation": confirmation,
        "records": list(records),
        "outcomes": list(found),
        "userErrors": wrong.found,
    }
