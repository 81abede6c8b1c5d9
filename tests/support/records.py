"""Records that somebody puts into the emulators by hand, past the gateway: what is made, changed and deleted
elsewhere.
"""

import itertools
from collections.abc import Mapping
from typing import Any, Final

from gateway.model import ids
from gateway.model.source import Source
from gateway.upstreams.samespace import emulator_store as samespace
from gateway.upstreams.samespace.seed import stamp as samespace_stamp
from gateway.upstreams.smartsender import seed as smartsender
from gateway.upstreams.smartsender.seed import Resident, Talk
from tests.support.world import World

PX, SPACE, SENDER = Source.PACKAGEX, Source.SAMESPACE, Source.SMART_SENDER
BEGAN: Final = 1_700_000_000  # when the first record is made, in epoch seconds
NAMES: Final = {  # of a value in each source; what a source has no place for is left out
    SPACE: {"first": "firstName", "last": "lastName", "phone": "phoneNumber"},
    PX: {"properties": "metadata"},
    SENDER: {"first": "firstName", "last": "lastName"},
}
_minutes = itertools.count()


def made(world: World, source: Source, name: str = "", **values: Any) -> str:
    """A record that was just made in a source; its global id.

    `created`, in epoch seconds, else a minute after the one before; `module`, `id`, and what it holds.
    """
    created = values.pop("created", BEGAN + 60 * next(_minutes))
    held = {**_name(source, name), **values}
    return _MAKERS[source](world, created, held)


def changed(world: World, id_: str, **values: Any) -> None:
    """A record now holds other values; None takes one away."""
    source, vendor_id = _named(id_)
    held = {NAMES[source].get(key, key): value for key, value in values.items()}
    if "name" in held and source is not PX:
        held |= {NAMES[source][key]: value for key, value in _name(source, held.pop("name")).items()}
    if source is SPACE:
        module, contact = _of_samespace(world, id_)
        module.change(contact, held)
    elif source is PX:
        store = world.packagex._store
        serial = store.serial(vendor_id)
        assert serial is not None
        store.put(serial, store.record(serial) | held)
    else:
        resident = world.smartsender._store.find(int(vendor_id))
        assert resident is not None
        resident.record.update(held)  # type: ignore[typeddict-item]
        record: Any = resident.record
        record["fullName"] = smartsender.full_name(record["firstName"], record["lastName"])
        world.smartsender._store.keep(resident)


def deleted(world: World, id_: str) -> None:
    """A record is gone."""
    source, vendor_id = _named(id_)
    if source is SPACE:
        module, contact = _of_samespace(world, id_)
        module.contacts.remove([contact])
    elif source is PX:
        serial = world.packagex._store.serial(vendor_id)
        assert serial is not None
        world.packagex._store.remove(serial)
    else:
        world.smartsender._store.remove(int(vendor_id))


def _name(source: Source, name: str) -> dict[str, Any]:
    if source is PX:
        return {"name": name}
    first, _, last = name.partition(" ")
    return {"first": first, "last": last or None}


def _named(id_: str) -> tuple[Source, str]:
    named = ids.decode(id_)
    assert isinstance(named, ids.GlobalId)
    return named.source, named.parts[-1]


def _of_samespace(world: World, id_: str) -> tuple[Any, Any]:
    named = ids.decode(id_)
    assert isinstance(named, ids.GlobalId)
    for module in world.samespace._account.modules:
        for contact in module.contacts.with_ids([named.parts[-1]]):
            return module, contact
    raise AssertionError("no such record")


def _in_samespace(world: World, created: float, held: dict[str, Any]) -> str:
    name = held.pop("module", "Contacts")
    module = next(each for each in world.samespace._account.modules if each.row["name"] == name)
    vendor_id = held.pop("id", None) or module.contacts.new_id(created)
    values = {NAMES[SPACE].get(key, key): value for key, value in held.items() if value is not None}
    if name == "Companies":
        values["name"] = " ".join(values.pop(key) for key in ("firstName", "lastName") if key in values)
    module.contacts.put(samespace.Contact(vendor_id, {"createdAt": samespace_stamp(created), **values}))
    return ids.encode("Contact", _account(world), SPACE.value, module.row["_id"], vendor_id)


def _in_packagex(world: World, created: float, held: dict[str, Any]) -> str:
    store = world.packagex._store
    if "id" in held:
        store.next_ids.append(held.pop("id"))
    name = held.pop("name")
    values = {NAMES[PX].get(key, key): value for key, value in held.items()}
    serial = store.add("person", name, int(created), **values)
    return ids.encode("Contact", _account(world), PX.value, "", store.record(serial)["id"])


def _in_smartsender(world: World, created: float, held: dict[str, Any]) -> str:
    store = world.smartsender._store
    if "id" in held:
        number = int(held.pop("id"))
    else:
        number = smartsender.contact_id(store._arrivals)
        store._arrivals += 1
    values: Mapping[str, Any] = {NAMES[SENDER].get(key, key): value for key, value in held.items()}
    at = smartsender.stamp(created)
    empty: dict[str, Any] = {name: [] for name in ("tags", "funnels", "notes", "variables")}
    record: Any = {
        "id": number, "email": None, "phone": None, "photo": None, **empty,
        "createdAt": at, "updatedAt": at, **values,
    }  # fmt: skip
    record["fullName"] = smartsender.full_name(record["firstName"], record["lastName"])
    store.add(Resident(record=record, make_talk=lambda: Talk([], [])))
    return ids.encode("Contact", _account(world), SENDER.value, "", str(number))


def _account(world: World) -> str:
    return world.directory.account


_MAKERS: Final = {SPACE: _in_samespace, PX: _in_packagex, SENDER: _in_smartsender}
