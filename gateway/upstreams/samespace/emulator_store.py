"""What the emulated account keeps: modules, their definitions, and their contacts."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from graphql import GraphQLError

from gateway.upstreams.samespace.seed import SYSTEM_KEYS, USERS, Definition, Seeds, Values, contact_id, stamp

CONTACT_ID: Final = re.compile(r"[0-9a-f]{24}")
EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
IDENTIFYING: Final = ("email", "phoneNumber")  # in the order in which an import looks for a duplicate
KEPT_AFTER_READING: Final = 2048


def refused(message: str, code: str = "BAD_USER_INPUT") -> GraphQLError:
    """An error as Samespace puts it into `errors[]`."""
    return GraphQLError(message, extensions={"code": code})


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact; a property without a value is absent."""

    id: str
    values: Mapping[str, Any]

    @property
    def number(self) -> int:
        """Its place in the module, which the last six digits of the id tell."""
        return int(self.id[-6:], 16)


class Contacts:
    """The contacts of one module in the order they were created; a seeded one is made when it is read."""

    def __init__(self, seeds: Seeds) -> None:
        self._machine = seeds.machine
        self._written: dict[int, Contact | None] = dict.fromkeys(seeds.numbers)  # None: still as seeded
        self._next = max(seeds.numbers, default=-1) + 1
        self._seeded = lru_cache(maxsize=KEPT_AFTER_READING)(lambda number: Contact(*seeds.make(number)))
        self._places: dict[tuple[str, str], tuple[int, ...]] | None = None

    def __iter__(self) -> Iterator[Contact]:
        return map(self._at, self._written)

    def page(self, skip: int, limit: int) -> list[Contact]:
        """The contacts from `skip` on, `limit` at most."""
        return [self._at(number) for number in islice(self._written, skip, skip + limit)]

    def with_ids(self, ids: Iterable[str]) -> list[Contact]:
        """Those of the ids that exist, oldest first."""
        wanted = {text for text in ids if CONTACT_ID.fullmatch(text)}
        numbers = sorted({int(text[-6:], 16) for text in wanted} & self._written.keys())
        return [contact for contact in map(self._at, numbers) if contact.id in wanted]

    def new_id(self, now: float) -> str:
        """The id of the next contact."""
        return contact_id(now, self._machine, self._next)

    def put(self, contact: Contact) -> None:
        """Keep a new contact, or a changed one in its old place."""
        self._written[contact.number] = contact
        self._next = max(self._next, contact.number + 1)
        if self._places is not None:
            self._place(self._places, contact)

    def remove(self, contacts: Iterable[Contact]) -> None:
        """Forget these contacts."""
        for contact in contacts:
            del self._written[contact.number]

    def twin(self, values: Values) -> Contact | None:
        """The oldest contact with the same e-mail, else the same phone; the first call reads all."""
        if self._places is None:
            self._places = {}
            for contact in self:
                self._place(self._places, contact)
        for key in IDENTIFYING:
            for number in self._places.get((key, values.get(key, "")), ()):
                if number in self._written and self._at(number).values.get(key) == values[key]:
                    return self._at(number)
        return None

    def _at(self, number: int) -> Contact:
        return self._written[number] or self._seeded(number)

    @staticmethod
    def _place(places: dict[tuple[str, str], tuple[int, ...]], contact: Contact) -> None:
        """Note where a contact is found; what it has lost since is seen when it is looked up."""
        for key in IDENTIFYING:
            value = contact.values.get(key)
            if value:
                places[key, value] = tuple(sorted({*places.get((key, value), ()), contact.number}))


class Module:
    """One module: its row in `getModules`, its definitions in display order, its contacts."""

    def __init__(
        self, row: Mapping[str, str], family: str, fields: list[Definition], contacts: Contacts
    ) -> None:
        self.row = row
        self.family = family
        self.definitions = fields
        self.contacts = contacts

    def definition(self, key: str) -> Definition:
        """The definition of a property, which has to exist."""
        for known in self.definitions:
            if known["key"] == key:
                return known
        raise refused(f"Unknown property {key}")

    def accepted(self, pairs: Sequence[Mapping[str, Any]]) -> Values:
        """Key and value pairs as a map; refused for an unknown key or a malformed e-mail."""
        values = {pair["key"]: pair.get("value") for pair in pairs}
        for key, value in values.items():
            known = self.definition(key)
            if known["type"] == "EMAIL" and value is not None and not EMAIL.fullmatch(value):
                raise refused(f'Invalid "{known["label"]}" input')
        return values

    def create(self, values: Values, now: float) -> Contact:
        """A new contact, complete with its system properties."""
        self._require(
            known for known in self.definitions if known["required"] and not values.get(known["key"])
        )
        system = {"owner": USERS[0], "createdBy": USERS[0], "createdAt": stamp(now)}
        return self._write(self.contacts.new_id(now), {**values, **system, **values})

    def change(self, contact: Contact, values: Values) -> Contact:
        """Write values over a contact's own; None clears, but not what is required."""
        cleared = {key for key, value in values.items() if not value}
        self._require(known for known in self.definitions if known["required"] and known["key"] in cleared)
        return self._write(contact.id, {**contact.values, **values})

    @staticmethod
    def _require(missing: Iterator[Definition]) -> None:
        for known in missing:
            raise refused(f"Property {known['key']} is required")

    def _write(self, contact_id: str, values: Values) -> Contact:
        written = Contact(contact_id, {key: value for key, value in values.items() if value is not None})
        self.contacts.put(written)
        return written

    def shown(self, contacts: Iterable[Contact], fields: Iterable[str] | None) -> list[dict[str, Any]]:
        """Contacts as `getContacts` returns them, projected to `fields` and the system properties."""
        kinds = {known["key"]: known["type"] for known in self.definitions}
        if fields is not None:
            kinds = {key: kinds[key] for key in (*fields, *SYSTEM_KEYS) if key in kinds}
        return [
            {
                "_id": contact.id,
                "module": self.row["_id"],
                "properties": {
                    key: {"value": value, "type": kinds[key]}
                    for key, value in contact.values.items()
                    if key in kinds
                },
            }
            for contact in contacts
        ]
