"""Erases a person: at every source that can, and from everything that the gateway keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import CapabilityUnsupported
from gateway.federation.people import People, contacts_of
from gateway.journal.journal import Journal
from gateway.model.contact import Contact, ContactKey
from gateway.model.event import EventType, Happening
from gateway.model.writing import DONE, UserErrorCode, WriteOutcome, WriteStatus
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
UNREAD: Final = "The source has agreed to delete it; a read afterwards was not possible."
STILL: Final = "The source has agreed to delete it, and still shows it. Ask the vendor."
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
        by_id: dict[str, WriteOutcome] = {}
        done = Done({})
        deletable = [each for each in contacts if self.desk.unable(each["source"], "deleteContacts") is None]
        if deletable:
            deleted = await ContactWrites(self.desk).delete({"ids": [each["id"] for each in deletable]})
            by_id.update({str(each["targetId"]): each for each in deleted.payload["outcomes"]})
            wrong.found += deleted.payload["userErrors"]
            done.happenings.extend(deleted.happenings)
        keys = {contact["id"]: contact["_key"] for contact in contacts}
        await self._prove(by_id, keys)
        left = [each for each in contacts if self._undeleted(by_id.get(each["id"]))]
        for contact in left:
            blanked = await self._blank(contact, by_id.get(contact["id"]))
            by_id[contact["id"]] = blanked.payload["outcome"]
            done.happenings.extend(blanked.happenings)
        erased = [contact for contact in contacts if by_id[contact["id"]]["status"] in DONE]
        await self._forget(erased)
        in_order = [by_id[contact["id"]] for contact in contacts]
        if erased:
            sources = sorted({contact["source"].value for contact in erased})
            told = {"records": len(erased), "sources": sources}
            done.happenings.append(Happening(type=EventType.PERSON_ERASED, payload=told))
        gone = {text for text, each in by_id.items() if each["status"] == WriteStatus.APPLIED}
        records = [contact["id"] for contact in contacts if contact["id"] not in gone]
        return Done(_payload(wrong, None, records, in_order), happenings=done.happenings)

    def _undeleted(self, outcome: WriteOutcome | None) -> bool:
        """Whether a source has turned out, or was known, to delete nothing."""
        return outcome is None or outcome["code"] == CapabilityUnsupported.code

    async def _prove(self, by_id: Mapping[str, WriteOutcome], keys: Mapping[str, ContactKey]) -> None:
        """Read every record that is said to be deleted once more."""
        for source in {key.source for key in keys.values()}:
            said = {
                text: key
                for text, key in keys.items()
                if key.source is source and text in by_id and by_id[text]["status"] in DONE
            }
            found = await self.desk.read_back(list(said.values()))
            for text, key in said.items():
                outcome = by_id[text]
                if key not in found:
                    outcome["message"] = UNREAD
                elif found[key] is None:
                    outcome["message"] = DELETED
                else:
                    outcome["status"] = WriteStatus.PARTIAL.value
                    outcome["message"] = STILL

    async def _blank(self, contact: Contact, deletion: WriteOutcome | None) -> Done:
        """Blank what a source that does not delete lets go of."""
        refused = deletion or self.desk.unable(contact["source"], "deleteContacts")
        why = (refused["message"] if refused else None) or "The source does not delete."
        unable = self.desk.unable(contact["source"], "updateContact")
        if unable is not None:
            found: WriteOutcome = {
                **unable,
                "targetId": contact["id"],
                "message": f"{why} {unable['message']}",
            }
            return Done({"outcome": found})
        done = await ContactWrites(self.desk).update({"id": contact["id"], "contact": BLANK})
        outcome: WriteOutcome | None = done.payload["outcome"]
        if outcome is None:
            outcome = outcomes.blank(contact["source"], WriteStatus.REJECTED, contact["id"])
            outcome["userErrors"] = done.payload["userErrors"]
        if outcome["status"] in DONE:
            outcome["status"] = WriteStatus.PARTIAL.value
        kept = "The record stays, with its id and whatever else the source keeps."
        outcome["message"] = " ".join(part for part in (why, outcome["message"], f"Blanked. {kept}") if part)
        done.payload["outcome"] = outcome
        return done

    async def _forget(self, erased: Sequence[Contact]) -> None:
        """Take what is kept of records out of index, cache, events and statements."""
        directory, account = self.desk.directory, self.desk.account
        for source in {contact["source"] for contact in erased}:
            mine = [contact["sourceId"] for contact in erased if contact["source"] is source]
            await directory.index.store.unname(account, source.value, mine)
            await directory.upstreams[source].clear()
        if erased:
            refs = [f"{contact['source'].value}:{contact['sourceId']}" for contact in erased]
            await self.journal.erase_events(account, [contact["id"] for contact in erased])
            await self.journal.erase_statements(account, refs)
            await directory.sayings.hear(account)


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
