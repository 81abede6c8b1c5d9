"""The contacts of the emulator: seeded ones are made when they are read, only changed ones are kept."""

from collections import deque
from typing import Any

from gateway.upstreams.packagex.emulator_addresses import Address
from gateway.upstreams.packagex.emulator_ids import CONTACT_IDS, GROUPS_FROM, NEW_FROM
from gateway.upstreams.packagex.seed import (
    Face,
    Record,
    contact,
    face_of,
    group_contact,
    group_count,
    person_contact,
    person_face,
)
from gateway.upstreams.people import Population


class Store:
    """All contacts of the organization, in the order they came, known inside by serial numbers.

    `next_ids` are the ids that the next new contacts get; without any, ids are made up.
    """

    def __init__(self, people: Population) -> None:
        self.next_ids: deque[str] = deque()
        self._people = people
        self._groups = range(GROUPS_FROM, GROUPS_FROM + group_count(people))
        persons = people.living_in("packagex")
        self._records: dict[int, Record | None] = dict.fromkeys((*persons, *self._groups))
        self._seeded = frozenset(self._records)
        self._given_ids: dict[str, int] = {}
        self._made = 0
        self._group_seeds: dict[int, Record] = {}
        self._faces: dict[int, Face] = {}
        self._orders: dict[tuple[Any, ...], list[int]] = {}

    def __contains__(self, identity: object) -> bool:
        return isinstance(identity, str) and self.serial(identity) is not None

    def serial(self, identity: str) -> int | None:
        """The serial number of a contact that exists."""
        known = self._given_ids.get(identity, CONTACT_IDS.serial(identity))
        return known if known in self._records else None

    def record(self, serial: int) -> Record:
        """The contact of that serial number; to change it, hand a new one to `put`."""
        return self._records[serial] or self._seed(serial)

    def shown(self, serial: int) -> Record:
        """The contact as it is answered: groups without deleted members, and with a mirror of the others."""
        record = self.record(serial)
        group = record["group_contacts"]
        if group is None:
            return record
        serials = ((member, self.serial(member)) for member in group["children"])
        here = {member: serial for member, serial in serials if serial is not None}
        lists = {name: [member for member in group[name] if member in here] for name in group}
        faces = [(member, self.face(serial)) for member, serial in here.items()]
        mirror = [{"id": member, "name": face.name, "email": face.email} for member, face in faces]
        return record | {"group_contacts": lists, "referenced_contacts": mirror}

    def add(self, kind: str, name: str, now: int, **rest: Any) -> int:
        """Add a contact and say its serial number."""
        serial = NEW_FROM + self._made
        identity = self.next_ids.popleft() if self.next_ids else CONTACT_IDS.id(serial)
        return self.insert(contact(identity, kind, name, now, **rest))

    def insert(self, record: Record) -> int:
        """Add a contact that has an id already."""
        serial = NEW_FROM + self._made
        self._made += 1
        self._given_ids[record["id"]] = serial
        self.put(serial, record)
        return serial

    def put(self, serial: int, record: Record) -> None:
        """Keep a contact as it is now."""
        self._records[serial] = record
        self._faces[serial] = face_of(record)
        self._orders.clear()

    def remove(self, serial: int) -> None:
        """Forget a contact; groups stop showing it."""
        del self._records[serial]
        self._faces.pop(serial, None)
        self._orders.clear()

    def clear(self) -> None:
        """Forget all contacts."""
        self._records.clear()
        self._faces.clear()
        self._orders.clear()

    def serials(self, kind: str | None = None) -> list[int]:
        """All contacts of that type, in the order they came."""
        return [serial for serial in self._records if kind in (None, self.kind(serial))]

    def ordered(self, kind: str | None, order_by: str, *, descending: bool) -> list[int]:
        """All contacts of that type by a member of their faces, kept until something changes."""
        wish = (kind, order_by, descending)
        if wish not in self._orders:
            serials = self.serials(kind)
            if order_by != "created_at":
                serials.sort(
                    key=lambda serial: _rank(getattr(self.face(serial), order_by)), reverse=descending
                )
            elif descending:
                serials.reverse()
            self._orders[wish] = serials
        return self._orders[wish]

    def kind(self, serial: int) -> str:
        """Whether a contact is a person or a group."""
        kept = self._records[serial]
        if kept is not None:
            return str(kept["type"])
        return "group" if serial in self._groups else "person"

    def face(self, serial: int) -> Face:
        """What a contact is searched, filtered and ordered by."""
        if serial not in self._faces:
            self._faces[serial] = (
                face_of(self.record(serial))
                if serial in self._groups
                else person_face(self._people.person(serial))
            )
        return self._faces[serial]

    def groups_with(self, member: str) -> set[int]:
        """The groups that hold a contact."""
        if member not in self:
            return set()
        groups = ((serial, self.record(serial)) for serial in self.serials("group"))
        return {serial for serial, record in groups if member in record["group_contacts"]["children"]}

    def seeded_address(self, serial: int) -> Address | None:
        """The address that a seeded contact came with."""
        address: Address | None = self._seed(serial)["address"] if serial in self._seeded else None
        return address

    def _seed(self, serial: int) -> Record:
        if serial not in self._groups:
            return person_contact(self._people.person(serial))
        if serial not in self._group_seeds:
            self._group_seeds[serial] = group_contact(self._people, serial - GROUPS_FROM)
        return self._group_seeds[serial]


def _rank(value: str | int | None) -> tuple[bool, str | int]:
    """Letters without regard to case; whoever has nothing comes last."""
    return (value is None, value.casefold() if isinstance(value, str) else value or 0)
