"""Copies values between the records of a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.errors import GatewayError
from gateway.federation.people import contacts_of
from gateway.identity import keys, survivors
from gateway.identity.rules import FIELDS
from gateway.model.contact import Contact
from gateway.model.person import Person
from gateway.model.source import Source
from gateway.model.text import folded
from gateway.model.writing import UserError, UserErrorCode, split_name
from gateway.ports import Definitions
from gateway.writing import inputs
from gateway.writing.desk import Done
from gateway.writing.inputs import Complaints, Given
from gateway.writing.people import PersonWrites, written

WHOLE: Final = "displayName"
PARTS: Final = ("firstName", "lastName")
INPUT_FIELDS: Final[Mapping[str, str]] = {**{name: name for name in FIELDS}, WHOLE: "name"}


@dataclass(frozen=True, slots=True)
class Copy:
    """What one record is to hold afterwards, by field, and the `ContactInput` that makes it so."""

    contact: Contact
    after: Mapping[str, Any]
    given: Given


@dataclass(frozen=True, slots=True)
class PersonSync:
    """Copies the values that a person is shown with, or those of one source, to the records that differ."""

    writes: PersonWrites

    async def sync(self, given: Given) -> Done:
        """Plan what is to change, which is all that a dry run does; then write it."""
        wrong = Complaints()
        person = await self.writes.person(given["id"], wrong)
        for place, name in enumerate(given["fields"]):
            if name not in FIELDS:
                text = f"Fields are {', '.join(FIELDS)}."
                wrong.add(UserErrorCode.INVALID, text, "fields", place)
        if not given["fields"]:
            wrong.add(UserErrorCode.REQUIRED, "Name at least one field.", "fields")
        plan: list[Copy] = []
        if person is not None and not wrong:
            values = self._values(person, given, wrong)
            plan = [] if wrong else await self._plan(contacts_of(person), values, given, wrong)
        done = Done({"outcomes": []})
        if wrong:
            return Done({**written(person, [], wrong), "changes": []})
        if not given.get("dryRun"):
            done = await self._copy(plan, given, wrong)
        payload = written(person, done.payload["outcomes"], wrong)
        changes = [change for each in plan for change in _changes(each)]
        return replace(done, payload={**payload, "changes": changes})

    def _values(self, person: Person, given: Given, wrong: Complaints) -> dict[str, Any]:
        """What is copied, by field. An empty value is never copied over another one."""
        source = Source(given["from"]) if given.get("from") is not None else None
        found: dict[str, Any] = {}
        for name in (name for name in FIELDS if name in given["fields"]):
            value = self._best(person, name, source)
            place = given["fields"].index(name)
            if value is None:
                text = f"{source.value} has no {name} to copy." if source else f"No record has a {name}."
                wrong.add(UserErrorCode.NOT_FOUND, text, "fields", place)
                continue
            fits = Complaints()
            inputs.contact_values(_input({name: value}), self.writes.desk.region, fits)
            for error in fits.found:
                text = f"What is shown as {name} cannot be copied. {error['message']}"
                wrong.add(UserErrorCode.INVALID, text, "fields", place)
            found[name] = value
        return self._named(found, given, wrong)

    def _named(self, values: dict[str, Any], given: Given, wrong: Complaints) -> dict[str, Any]:
        """Values whose whole name is that of the parts; complaints where one part contradicts it."""
        parts = [name for name in PARTS if name in values]
        if len(parts) == len(PARTS) and WHOLE in values:
            values[WHOLE] = " ".join(values[name] for name in PARTS)
        elif parts and WHOLE in values:
            (name,) = parts
            said = split_name(values[WHOLE])[PARTS.index(name)]
            if folded(said or "") != folded(values[name]):
                text = f"{WHOLE} and {name} contradict each other: copy one of them, or both parts."
                wrong.add(UserErrorCode.CONFLICT, text, "fields", given["fields"].index(name))
            values[name] = said
        return values

    def _best(self, person: Person, name: str, source: Source | None) -> Any:
        """The value of a field that is believed most; a phone as its own record means it."""
        rules = self.writes.desk.directory.rules
        members = {contact["id"]: contact for contact in contacts_of(person)}
        candidates = survivors.provenance(list(members.values()), name, rules)["candidates"]
        best = next((each for each in candidates if source in (None, each["source"])), None)
        if best is None or name != "phone":
            return best and best["value"]
        forms = {text: number for number, text in keys.phones(members[best["contact"]], rules).items()}
        return forms.get(best["value"], best["value"])

    async def _plan(
        self, contacts: Sequence[Contact], values: Mapping[str, Any], given: Given, wrong: Complaints
    ) -> list[Copy]:
        """What differs from what is copied, after normalisation, of what each source has a place for."""
        plan: list[Copy] = []
        for contact in contacts:
            differing = {name: value for name, value in values.items() if self._differs(contact, name, value)}
            if differing:
                some = await self._placed(contact, _to_write(differing, values), given, wrong)
                after = _after(contact, values, some)
                if after:
                    plan.append(Copy(contact, after, _input(some)))
        return plan

    def _differs(self, contact: Contact, name: str, value: Any) -> bool:
        rules = self.writes.desk.directory.rules
        told = {**contact, name: value, f"{name}s": [value]}
        wanted = survivors.forms_of(told, name, rules)  # type: ignore[arg-type]
        held = survivors.value_of(contact, name)
        return held is None or not survivors.forms_of(contact, name, rules) & wanted

    async def _placed(
        self, contact: Contact, values: Mapping[str, Any], given: Given, wrong: Complaints
    ) -> Mapping[str, Any]:
        """Those of some values that the source of a record has a place for; complaints of what it refuses."""
        key, desk = contact["_key"], self.writes.desk
        if desk.unable(key.source, "updateContact") is not None:
            return values  # its outcome will say so
        upstream = desk.upstream(key.source)
        said = inputs.contact_values(_input(values), desk.region, Complaints())
        definitions: Definitions = {}
        if upstream.needs_definitions(said):
            try:
                definitions = await desk.directory.definitions(key.source, key.module, desk.caller)
            except GatewayError:  # it cannot say now, as its outcome will
                return values
        placed = upstream.places(said, definitions)
        some = {name: value for name, value in values.items() if INPUT_FIELDS[name] in placed}
        if some:
            wrong.found += (
                _of_fields(each, given) for each in upstream.wrong(said, definitions, create=False)
            )
        return some

    async def _copy(self, plan: Sequence[Copy], given: Given, wrong: Complaints) -> Done:
        """Write what differs: records that lack the same fields together."""
        alike: dict[str, list[Copy]] = {}
        for each in plan:
            alike.setdefault(",".join(each.given), []).append(each)
        done = Done({"outcomes": []})
        for part, some in alike.items():
            complaints = Complaints()
            contacts = [each.contact for each in some]
            more = await self.writes.write(contacts, some[0].given, complaints, part)
            wrong.found += (_of_fields(each, given) for each in complaints.found)
            done.payload["outcomes"] += more.payload["outcomes"]
            done.contacts.extend(more.contacts)
            done.happenings.extend(more.happenings)
        return done


def _to_write(differing: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """What is written of what differs: the parts of a name where both are copied, else the whole of it."""
    implied = () if WHOLE not in differing else (WHOLE,) if values.keys() >= {*PARTS} else PARTS
    return {name: value for name, value in differing.items() if name not in implied}


def _after(contact: Contact, values: Mapping[str, Any], some: Mapping[str, Any]) -> dict[str, Any]:
    """What changes of a record once some values are written: the whole of a name with its parts, and back."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        held = survivors.value_of(contact, name)
        if name == WHOLE and some.keys() & {*PARTS}:
            parts = (some.get(part, survivors.value_of(contact, part)) for part in PARTS)
            found[name] = " ".join(part for part in parts if part)
        elif name in some or (name in PARTS and WHOLE in some and value != held):
            found[name] = value
    return found


def _changes(copy: Copy) -> list[dict[str, Any]]:
    return [
        {
            "contact": copy.contact["id"],
            "field": name,
            "before": survivors.value_of(copy.contact, name),
            "after": value,
        }
        for name, value in copy.after.items()
    ]


def _input(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as a `ContactInput`."""
    found = {INPUT_FIELDS[name]: value for name, value in values.items()}
    if "address" in found:
        found["address"] = {"text": _address(found["address"])}
    return found


def _address(value: Mapping[str, Any]) -> dict[str, Any]:
    parts = ("line1", "city", "state", "postalCode", "country")
    formatted = value.get("formatted") or ", ".join(value[part] for part in parts if value.get(part))
    return {"formatted": formatted, "line2": value.get("line2")}


def _of_fields(error: UserError, given: Given) -> UserError:
    """A complaint about a value, with the place of its field in the input."""
    path = [name for name in error["field"] or () if name != "contact"]
    name = next((name for name in FIELDS if path and INPUT_FIELDS[name] == path[0]), None)
    if name in given["fields"]:
        return {**error, "field": ["fields", str(given["fields"].index(name))]}
    return {**error, "field": path if path == ["id"] else ["fields"]}
