"""The contacts of the emulator: seeded ones are made when asked for, only changed ones are kept."""

from bisect import bisect_left, insort
from functools import cached_property
from typing import Any

from gateway.upstreams.people import Population
from gateway.upstreams.smartsender import emulator_checks as checks
from gateway.upstreams.smartsender import seed
from gateway.upstreams.smartsender.seed import Gate, Resident, Talk
from gateway.upstreams.smartsender.seed_project import VARIABLES

Record = dict[str, Any]


class Store:
    """Everybody the project knows."""

    def __init__(self, people: Population) -> None:
        self._people = people
        self._members = people.living_in("smartsender")
        self._kept: dict[int, Resident] = {}
        self._gone: set[int] = set()
        self._owners: dict[tuple[int, str], int] = {}  # of gates that were not seeded
        self._heirs: dict[int, int] = {}  # merged contact → survivor
        self._arrivals = len(self._members)
        self.next_gate = seed.FIRST_GATE + seed.GATES_EACH * len(self._members)
        self.next_message = seed.FIRST_MESSAGE + seed.MESSAGES_EACH * len(self._members)
        self.ids = [seed.contact_id(position) for position in range(len(self._members))]

    def find(self, number: int) -> Resident | None:
        """The contact of that id, made from the seed where nothing changed it."""
        if number in self._kept or number in self._gone:
            return self._kept.get(number)
        position = seed.position_of(number)
        if position is None or position >= len(self._members):
            return None
        return seed.resident(self._people.person(self._members[position]), position)

    def keep(self, resident: Resident) -> None:
        """Remember a contact as it is now, or is about to be made."""
        self._kept[resident.id] = resident

    def add(self, resident: Resident) -> None:
        """Take in a contact who was not there before."""
        self.keep(resident)
        insort(self.ids, resident.id)
        for gate in resident.talk.gates:
            self._owners[gate.channel, gate.identifier] = resident.id

    def remove(self, number: int) -> None:
        """Forget a contact for good."""
        del self.ids[bisect_left(self.ids, number)]
        self._kept.pop(number, None)
        self._gone.add(number)

    def search(self, term: str) -> list[int]:
        """The ids of those whose full name, email or phone contains the term."""
        return [number for number in self.ids if term in self._words(number)]

    def gate(self, channel: int, identifier: str) -> tuple[Resident, Gate] | None:
        """The gate under which a channel already knows an identifier, and whose it is."""
        owner = self._owners.get((channel, identifier)) or self._seeded_owners.get((channel, identifier), 0)
        while owner in self._heirs:
            owner = self._heirs[owner]
        resident = self.find(owner)
        if resident is None:
            return None
        same = (
            gate for gate in resident.talk.gates if (gate.channel, gate.identifier) == (channel, identifier)
        )
        return next(((resident, gate) for gate in same), None)

    def arrive(self, channel: int, body: Record, now: str) -> tuple[Resident, Gate]:
        """Create a contact with a gate."""
        gate = Gate(id=self.next_gate, channel=channel, identifier=body["identifier"])
        record: Record = {
            "id": seed.contact_id(self._arrivals),
            **{name: body.get(name) for name in ("firstName", "lastName")},
            "fullName": seed.full_name(body["firstName"], body.get("lastName")),
            **{name: body.get(name) for name in ("email", "phone")},
            "photo": None,
            **{name: [] for name in ("tags", "funnels", "notes", "variables")},
            "createdAt": now,
            "updatedAt": now,
        }
        for name, value in body.get("parameters", {}).items():
            write_variable(record, name, value)
        self.next_gate += 1
        self._arrivals += 1
        resident = Resident(record=record, make_talk=lambda: Talk([gate], []))
        self.add(resident)
        return resident, gate

    def merge(self, survivor: Resident, target: Resident) -> None:
        """Let the survivor take over what it lacks and all gates, then forget the target."""
        self.keep(survivor)
        fill_gaps(survivor.record, target.record)
        survivor.talk.gates.extend(target.talk.gates)
        survivor.talk.messages.extend(target.talk.messages)
        survivor.talk.messages.sort(key=lambda message: (message["createdAt"], message["id"]))
        self._heirs[target.id] = survivor.id
        self.remove(target.id)

    def _words(self, number: int) -> str:
        if number not in self._kept:
            return self._seeded_words[number]
        record = self._kept[number].record
        return seed.words(record["fullName"], record["email"], record["phone"])

    @cached_property
    def _seeded_words(self) -> dict[int, str]:
        return {
            seed.contact_id(position): seed.person_words(self._people.person(number))
            for position, number in enumerate(self._members)
        }

    @cached_property
    def _seeded_owners(self) -> dict[tuple[int, str], int]:
        return {
            (gate.channel, gate.identifier): seed.contact_id(position)
            for position, number in enumerate(self._members)
            for gate in seed.gates(self._people.person(number), position)
        }


def write(record: Record, name: str, value: object) -> bool:
    """Write one value of an update and tell whether it held; what does not fit is skipped."""
    accepts = checks.SYSTEM_FIELDS.get(name)
    if accepts is None:
        return write_variable(record, name, value)
    if value is not None and not accepts(value):
        return False
    record[name] = value
    record["fullName"] = seed.full_name(record["firstName"], record["lastName"])
    return True


def write_variable(record: Record, name: str, value: object) -> bool:
    """Write one variable of a contact, unless it is unknown or the value does not fit its type."""
    variable = VARIABLES.get(name)
    if variable is None or (value is not None and not checks.fits(value, variable)):
        return False
    kept = [held for held in record["variables"] if held["name"] != name]
    if value is not None:
        kept.append({"id": variable["id"], "name": name, "type": variable["type"], "value": value})
    record["variables"] = sorted(kept, key=lambda held: held["id"])
    return True


def fill_gaps(survivor: Record, target: Record) -> None:
    """Give a record the tags, funnels, variables and fields that only the other one has."""
    for kind, key in (("tags", "id"), ("funnels", "serviceKey"), ("variables", "name")):
        known = {held[key] for held in survivor[kind]}
        survivor[kind] = survivor[kind] + [held for held in target[kind] if held[key] not in known]
    for name in ("firstName", "lastName", "email", "phone", "photo"):
        if survivor[name] is None:
            survivor[name] = target[name]
    survivor["fullName"] = seed.full_name(survivor["firstName"], survivor["lastName"])
