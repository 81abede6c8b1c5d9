"""Whatever a source sends, a record means what it means when each of its members is read slowly."""

import asyncio
import copy
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pytest

from gateway.errors import UpstreamBadResponse
from gateway.model.contact import ContactKey
from gateway.model.source import Source
from gateway.sandbox import emulators
from gateway.upstreams.packagex import mapping as packagex
from gateway.upstreams.people import Population
from gateway.upstreams.samespace import mapping as samespace
from gateway.upstreams.smartsender import mapping as smart_sender
from tests.benchmarks.recorded import call, query
from tests.upstreams import slow_reading as slowly
from tests.upstreams.slow_reading import ACCOUNT, AS_OF, MODULE, NoIdentity

IMKE: Final = ContactKey(Source.SMART_SENDER, "", "50417")
PEOPLE: Final = 24
TIMES: Final = 8  # each record is damaged
MOST: Final = 4  # places of a record at once
MISSING: Final = 0.1  # of what is odd is not there at all
ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 5, 2**31, -(2**31), 1700041071, 1700041071000, 2**63, 0.0, 1.5, 1e300),
    *("", " ", "a", "5", "EMAIL", "PHONE", "email", "phone", "1700041071", "٣", "yesterday", "2025-W10-2"),
    *("2025-03-04 09:15:27", "2025-03-04T09:15:27.120Z", "2025-03-04T09:15:27.000Z", "2025-03-04"),
    *("2025-03-04T09:15:27.1+02:00", "9999-12-31T23:59:59.9999-01:00", "0001-01-01T00:00:00+01:00"),
    *("2025-03-04T09:15:27." + "1" * 40, [], ["a"], [5, None, "a", {}], {}, {"a": 1}, {"id": 5}),
    *({"id": None, "name": 5}, {"value": 5}, {"type": "EMAIL"}, {"value": "a@b.example", "type": "EMAIL"}),
    *({"value": None, "type": "PHONE"}, {"value": 5, "type": ["EMAIL"]}, {"value": 5, "type": 5}),
    *({"name": "Company", "value": 5}, {"name": "a", "type": "phone", "value": 5}),
)
Read = Callable[[Any], Any]
READINGS: Final[Mapping[str, tuple[Read, Read]]] = {
    "Samespace contact": (
        lambda record: samespace.contact(record, account=ACCOUNT, as_of=AS_OF, module=MODULE),
        slowly.samespace_contact,
    ),
    "PackageX contact": (
        lambda record: packagex.contact(record, account=ACCOUNT, as_of=AS_OF),
        slowly.packagex_contact,
    ),
    "PackageX group": (
        lambda record: packagex.group(record, account=ACCOUNT, as_of=AS_OF),
        slowly.packagex_group,
    ),
    "Smart Sender contact": (
        lambda record: smart_sender.contact(record, account=ACCOUNT, as_of=AS_OF),
        slowly.smart_sender_contact,
    ),
    "Smart Sender chat": (
        lambda record: smart_sender.chat(record, IMKE, account=ACCOUNT),
        lambda record: slowly.smart_sender_chat(record, IMKE),
    ),
}


@pytest.fixture(scope="module")
def seeded() -> Mapping[str, list[Any]]:
    """Records of each kind, as the emulators send them."""
    return asyncio.run(_seeded())


async def _seeded() -> Mapping[str, list[Any]]:
    built = emulators(Population(size=PEOPLE, seed=1))
    for emulator in built.values():
        emulator.switches.rate_limits = False
    space, px, sender = (built[source].app for source in Source)
    contacts = (await call(sender, "GET", "/v1/contacts?page=1&limitation=20"))["collection"]
    of_contacts = [f"/v1/contacts/{each['id']}" for each in contacts]
    chats = [await call(sender, "GET", f"{one}/chat") for one in of_contacts]
    return {
        "Samespace contact": await query(
            space, "{ getContacts(query: {limit: 20}) { _id module properties } }"
        ),
        "PackageX contact": (await call(px, "GET", "/v1/contacts?type=person&limit=20&page=1"))["data"],
        "PackageX group": (await call(px, "GET", "/v1/contacts?type=group&limit=20&page=1"))["data"],
        "Smart Sender contact": [
            *contacts,
            *[await call(sender, "GET", f"{one}/info") for one in of_contacts],
        ],
        "Smart Sender chat": [each for each in chats if "gates" in each],
    }


@pytest.mark.parametrize("kind", READINGS)
def test_a_record_as_it_should_be(kind: str, seeded: Mapping[str, list[Any]]) -> None:
    assert len(seeded[kind]) > 5
    for record in seeded[kind]:
        same(kind, record)


@pytest.mark.parametrize("kind", READINGS)
@pytest.mark.parametrize("seed", range(5))
def test_a_record_with_something_odd_in_it(kind: str, seed: int, seeded: Mapping[str, list[Any]]) -> None:
    dice = random.Random(f"{kind} {seed}")
    for record in seeded[kind] * TIMES:
        same(kind, damaged(record, dice))


@pytest.mark.parametrize("kind", READINGS)
def test_a_record_with_something_odd_in_each_place(kind: str, seeded: Mapping[str, list[Any]]) -> None:
    record = seeded[kind][-1]
    for place in range(len([*places(record)])):
        for odd in ODD:
            changed = copy.deepcopy(record)
            within, key = [*places(changed)][place]
            within[key] = odd
            same(kind, changed)


@pytest.mark.parametrize("kind", [kind for kind in READINGS if "chat" not in kind])
def test_something_odd_in_place_of_a_record(kind: str) -> None:
    for odd in ODD:
        same(kind, odd)


def same(kind: str, record: Any) -> None:
    """Both ways of reading a record make the same of it, or refuse it; and they leave it as it was."""
    quickly, slow = READINGS[kind]
    before = copy.deepcopy(record)
    for _ in "12":  # the second time some of it is remembered
        assert exact(made(quickly, record)) == exact(made(slow, record))
    assert exact(record) == exact(before)


def made(read: Read, record: Any) -> Any:
    """What is read, or that the record is refused."""
    try:
        return read(record)
    except (UpstreamBadResponse, NoIdentity):
        return "refused"


def exact(value: Any) -> Any:
    """A value so that 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return {key: exact(each) for key, each in value.items() if key != "_properties"} | (
            {"_properties": [exact(each) for each in value["_properties"]]} if "_properties" in value else {}
        )
    return [exact(each) for each in value] if isinstance(value, list) else (type(value), value)


def damaged(record: Any, dice: random.Random) -> Any:
    """A record with something odd in a few places."""
    record = copy.deepcopy(record)
    for _ in range(dice.randint(1, MOST)):
        within, key = dice.choice([*places(record)])
        if dice.random() < MISSING:
            del within[key]
        else:
            within[key] = copy.deepcopy(dice.choice(ODD))
    return record


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where in a record something stands, at any depth."""
    keyed = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in keyed:
        yield value, key
        yield from places(each)
