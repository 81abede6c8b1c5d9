"""Writes to all records of a person: the same values, values copied between sources, and erasure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.errors import GatewayError
from gateway.federation.people import People, contacts_of
from gateway.identity import survivors
from gateway.identity.rules import FIELDS
from gateway.model.contact import Contact
from gateway.model.person import Person
from gateway.model.source import Source
from gateway.model.writing import UserError, UserErrorCode, WriteOutcome
from gateway.writing import inputs
from gateway.writing.contacts import ContactWrites
from gateway.writing.desk import Desk, Done
from gateway.writing.inputs import Complaints, Given

NOBODY: Final = "There is no such person."
INPUT_FIELDS: Final[Mapping[str, str]] = {**{name: name for name in FIELDS}, "displayName": "name"}


@dataclass(frozen=True, slots=True)
class PersonWrites:
    """The writes of people. No suggestion is ever part of a person."""

    desk: Desk
    people: People

    async def update(self, given: Given) -> Done:
        """Write the same values to every record of a person, or to those of some sources."""
        wrong = Complaints()
        person = await self._person(given["id"], wrong)
        named = given.get("sources")
        contacts = [] if person is None else contacts_of(person)
        chosen = [each for each in contacts if named is None or each["source"].value in named]
        if person is not None and not chosen:
            text = "This person has no record in these sources."
            wrong.add(UserErrorCode.NOT_FOUND, text, "sources")
        if wrong:
            return Done(_written(person, [], wrong))
        done = await self._write(chosen, given["contact"], wrong)
        return replace(done, payload=_written(person, done.payload["outcomes"], wrong))

    async def sync(self, given: Given) -> Done:
        """Copy the values that are shown, or those of one source, to the records that differ."""
        wrong = Complaints()
        person = await self._person(given["id"], wrong)
        fields = [name for name in FIELDS if name in given["fields"]]
        for place, name in enumerate(given["fields"]):
            if name not in FIELDS:
                text = f"Fields are {', '.join(FIELDS)}."
                wrong.add(UserErrorCode.INVALID, text, "fields", place)
        if not given["fields"]:
            wrong.add(UserErrorCode.REQUIRED, "Name at least one field.", "fields")
        source = Source(given["from"]) if given.get("from") is not None else None
        values = {} if person is None or wrong else self._values(person, fields, source, wrong)
        if person is None or wrong:
            return Done({**_written(person, [], wrong), "changes": []})
        plan = self._plan(contacts_of(person), values)
        changes = await self._changes(plan, values)
        done = Done({"outcomes": []})
        if not given.get("dryRun"):
            done = await self._copy(plan, values, wrong)
        payload = _written(person, done.payload["outcomes"], wrong)
        return replace(done, payload={**payload, "changes": changes})

    async def _person(self, text: str, wrong: Complaints) -> Person | None:
        if inputs.global_id(text, "Person", self.desk.account, wrong, "id") is None:
            return None
        person = await self.people.by_id(text)
        if person is None:
            wrong.add(UserErrorCode.NOT_FOUND, NOBODY, "id")
        return person

    def _values(
        self, person: Person, fields: Sequence[str], source: Source | None, wrong: Complaints
    ) -> dict[str, Any]:
        """What is copied, by field. An empty value is never copied over another one."""
        rules = self.desk.directory.rules
        found: dict[str, Any] = {}
        for name in fields:
            candidates = survivors.provenance(contacts_of(person), name, rules)["candidates"]
            best = next((each for each in candidates if source in (None, each["source"])), None)
            if best is None:
                text = f"{source.value} has no {name} to copy." if source else f"No record has a {name}."
                wrong.add(UserErrorCode.NOT_FOUND, text, "fields", fields.index(name))
            else:
                found[name] = best["value"]
        return found

    def _plan(
        self, contacts: Sequence[Contact], values: Mapping[str, Any]
    ) -> list[tuple[Contact, tuple[str, ...]]]:
        """Which fields of which records differ from what is copied, after normalisation."""
        rules = self.desk.directory.rules
        plan: list[tuple[Contact, tuple[str, ...]]] = []
        for contact in contacts:
            differing = []
            for name, value in values.items():
                held = survivors.value_of(contact, name)
                told = {**contact, name: value, f"{name}s": [value]}
                wanted = survivors.forms_of(told, name, rules)  # type: ignore[arg-type]
                if held is None or not survivors.forms_of(contact, name, rules) & wanted:
                    differing.append(name)
            if differing:
                plan.append((contact, tuple(differing)))
        return plan

    async def _changes(
        self, plan: Sequence[tuple[Contact, tuple[str, ...]]], values: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """What of a plan can hold: a source without a place for a field is not told to change it."""
        found: list[dict[str, Any]] = []
        for contact, names in plan:
            placed = await self._places(contact, _contact_input(values, names))
            found += (
                {
                    "contact": contact["id"],
                    "field": name,
                    "before": survivors.value_of(contact, name),
                    "after": values[name],
                }
                for name in names
                if placed & {INPUT_FIELDS[name], *(("firstName",) if name == "displayName" else ())}
            )
        return found

    async def _places(self, contact: Contact, given: Given) -> frozenset[str]:
        """The fields of an input that the source of a record has a place for."""
        key = contact["_key"]
        upstream = self.desk.upstream(key.source)
        values = inputs.contact_values(given, self.desk.region, Complaints())
        if not upstream.needs_definitions(values):
            return upstream.places(values, {})
        directory = self.desk.directory
        try:
            definitions = await directory.definitions(key.source, key.module, self.desk.caller)
        except GatewayError:  # it cannot say now; the outcome of the write will
            return frozenset(values.named())
        return upstream.places(values, definitions)

    async def _copy(
        self,
        plan: Sequence[tuple[Contact, tuple[str, ...]]],
        values: Mapping[str, Any],
        wrong: Complaints,
    ) -> Done:
        """Write what differs: records that lack the same fields together."""
        alike: dict[tuple[str, ...], list[Contact]] = {}
        for contact, names in plan:
            alike.setdefault(names, []).append(contact)
        done = Done({"outcomes": []})
        for names, contacts in alike.items():
            more = await self._write(contacts, _contact_input(values, names), wrong)
            done.payload["outcomes"] += more.payload["outcomes"]
            done.contacts.extend(more.contacts)
            done.happenings.extend(more.happenings)
        return done

    async def _write(self, contacts: Sequence[Contact], values: Given, wrong: Complaints) -> Done:
        """Write values to records; those whose source cannot have an outcome that says so."""
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
        done = await ContactWrites(self.desk).update_many({"ids": able, "contact": values})
        errors: list[UserError] = done.payload["userErrors"]
        for error in errors:
            mended: UserError = {**error}
            if (error["field"] or [""])[0] == "ids":
                mended["field"] = ["id"]
            wrong.found.append(mended)
        return replace(done, payload={"outcomes": [*found, *done.payload["outcomes"]]})


def _contact_input(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Values as a `ContactInput`. First and last name say more than the whole one."""
    parts = {"firstName", "lastName"} <= set(names)
    found: dict[str, Any] = {}
    for name in names:
        if name == "address":
            found["address"] = {"text": _address(values[name])}
        elif not (name == "displayName" and parts):
            found[INPUT_FIELDS[name]] = values[name]
    return found


def _address(value: Mapping[str, Any]) -> dict[str, Any]:
    parts = ("line1", "city", "state", "postalCode", "country")
    formatted = value.get("formatted") or ", ".join(value[part] for part in parts if value.get(part))
    return {"formatted": formatted, "line2": value.get("line2")}


def _written(person: Person | None, found: Sequence[WriteOutcome], wrong: Complaints) -> dict[str, Any]:
    return {"person": person["id"] if person else None, "outcomes": list(found), "userErrors": wrong.found}
