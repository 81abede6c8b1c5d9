"""Writes to all records of a person."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.federation.people import People, contacts_of
from gateway.model.contact import Contact
from gateway.model.person import Person
from gateway.model.writing import UserError, UserErrorCode, WriteOutcome
from gateway.writing import inputs
from gateway.writing.contacts import ContactWrites
from gateway.writing.desk import Desk, Done
from gateway.writing.inputs import Complaints, Given

NOBODY: Final = "There is no such person."


@dataclass(frozen=True, slots=True)
class PersonWrites:
    """Writes the same to every record of a person. No suggestion is ever part of one."""

    desk: Desk
    people: People

    async def update(self, given: Given) -> Done:
        """Write the same values to every record of a person, or to those of some sources."""
        wrong = Complaints()
        person = await self.person(given["id"], wrong)
        named = given.get("sources")
        contacts = [] if person is None else contacts_of(person)
        chosen = [each for each in contacts if named is None or each["source"].value in named]
        if person is not None and not chosen:
            text = "This person has no record in these sources."
            wrong.add(UserErrorCode.NOT_FOUND, text, "sources")
        if wrong:
            return Done(written(person, [], wrong))
        done = await self.write(chosen, given["contact"], wrong)
        return replace(done, payload=written(person, done.payload["outcomes"], wrong))

    async def person(self, text: str, wrong: Complaints) -> Person | None:
        """The person of an id, or a complaint."""
        if inputs.global_id(text, "Person", self.desk.account, wrong, "id") is None:
            return None
        person = await self.people.by_id(text)
        if person is None:
            wrong.add(UserErrorCode.NOT_FOUND, NOBODY, "id")
        return person

    async def write(
        self, contacts: Sequence[Contact], values: Given, wrong: Complaints, part: str = ""
    ) -> Done:
        """Write values to records; those whose source cannot have an outcome that says so.

        `part` tells it from other writes of the same mutation.
        """
        found: list[WriteOutcome] = []
        able: list[str] = []
        for contact in contacts:
            unable = self.desk.unable(contact["source"], "updateContact")
            if unable is None:
                able.append(contact["id"])
            else:
                found.append({**unable, "targetId": contact["id"]})
        if not able:
            return Done({"outcomes": found})
        done = await ContactWrites(self.desk, part).update_many({"ids": able, "contact": values})
        errors: list[UserError] = done.payload["userErrors"]
        for error in errors:
            mended: UserError = {**error}
            if (error["field"] or [""])[0] == "ids":
                mended["field"] = ["id"]
            wrong.found.append(mended)
        return replace(done, payload={"outcomes": [*found, *done.payload["outcomes"]]})


def written(person: Person | None, found: Sequence[WriteOutcome], wrong: Complaints) -> dict[str, Any]:
    """The payload of a write to a person."""
    return {"person": person["id"] if person else None, "outcomes": list(found), "userErrors": wrong.found}
