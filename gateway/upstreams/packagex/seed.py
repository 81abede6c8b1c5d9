"""The people and groups who live in the emulator, in PackageX's wire format."""

import math
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, zip_longest
from typing import Any, Final, NamedTuple

from gateway.upstreams.packagex.emulator_addresses import LOCATIONS, Address, Parts, address
from gateway.upstreams.packagex.emulator_ids import ADDRESS_IDS, CONTACT_IDS, GROUPS_FROM
from gateway.upstreams.people import (
    AREA_CODES,
    CITIES,
    COMPANIES,
    EPOCH,
    KEPT,
    STREETS,
    Person,
    Population,
    plain,
    scatter,
)

Record = dict[str, Any]

ORGANIZATION: Final = "org_4nQm7Zc2Wd8Ls1Vb6Kt3Rx"
MOST_GROUPS: Final = 400

UNITS: Final = ("Unit", "Suite", "Apt", "Floor")
NOTES: Final = (
    "Leave parcels with the front desk.",
    "Prefers to collect after 16:00.",
    "Signs for the whole second floor.",
    "Call before delivery, the gate is locked.",
    "On leave until the end of the month; hand mail to a colleague.",
    "Large parcels go to the loading dock, ask for Pat.",
    "Has a dog. Ring twice.",
    "Wants a text message instead of an e-mail when something arrives.",
    "Moved desks in spring, check the floor before walking up.",
    "Cold chain: keep medical parcels in the fridge behind reception.",
    "Return labels are in the blue tray.",
    "Works from home on Fridays.",
)
GROUP_NOTES: Final = (
    "Shared mailbox, opened every morning at nine.",
    "Anyone in the group may sign.",
    "Hand over in person only, do not leave on the shelf.",
    "Overflow goes to the cage on the ground floor.",
    "Closed on public holidays.",
)
COMPANY_TEAMS: Final = (
    "front desk", "drivers", "mailroom", "accounts", "warehouse", "night shift", "reception", "purchasing",
    "field team",
)  # fmt: skip
CITY_TEAMS: Final = (
    "Early shift", "Late shift", "Night shift", "Weekend shift", "Mailroom", "Loading dock", "Drivers",
    "Security", "Reception", "Cleaning crew", "Facilities", "Couriers", "Warehouse", "Returns desk",
    "Help desk", "Kitchen", "Event crew", "Inventory crew", "Customs desk", "Pick-up point", "Fleet",
    "Archive",
)  # fmt: skip


class Face(NamedTuple):
    """What contacts are searched, filtered and ordered by."""

    name: str
    email: str | None
    phone: str | None
    locations: tuple[str, ...]
    created_at: int
    updated_at: int


def contact(identity: str, kind: str, name: str, created_at: int, **rest: Any) -> Record:
    """A contact with every member in its place; `referenced_contacts` is filled in when it is shown."""
    record: Record = {
        "object": "contact",
        "id": identity,
        "organization_id": ORGANIZATION,
        "type": kind,
        "name": name,
        "email": None,
        "phone": None,
        "address": None,
        "notes": None,
        "locations": [],
        "group_contacts": {"children": [], "primary": []} if kind == "group" else None,
        "referenced_contacts": [],
        "metadata": {},
        "created_at": created_at,
        "updated_at": created_at,
    }
    return record | rest


def face_of(record: Record) -> Face:
    """The face of a contact."""
    return Face(**{name: record[name] for name in Face._fields} | {"locations": tuple(record["locations"])})


def person_face(person: Person) -> Face:
    """The face of a person, without the trouble of making the whole contact."""
    spelled = person.spelled("packagex")
    places = list(LOCATIONS)
    dice = person.chance(1, 1 << 60)  # thrown once, for this is done for everybody when a list is ordered
    first, count = dice % len(places), (0, 0, 1, 1, 2)[(dice >> 8) % 5]
    changed = (dice >> 20) % (90 * 86_400) if (dice >> 16) % 3 == 0 else 0
    return Face(
        name=" ".join(part for part in (spelled.first, spelled.last) if part),
        email=spelled.email,
        phone=spelled.phone,
        locations=tuple(places[first : first + count]),
        created_at=person.created,
        updated_at=person.created + changed,
    )


@lru_cache(maxsize=KEPT)
def person_contact(person: Person) -> Record:
    """The contact of a person: some have everything, some hardly anything. Not to be changed."""
    face = person_face(person)
    return contact(
        CONTACT_IDS.id(person.number),
        "person",
        face.name,
        face.created_at,
        email=face.email,
        phone=face.phone,
        address=_home(person),
        notes=NOTES[person.chance(10, len(NOTES))] if person.chance(11, 5) < 2 else None,
        locations=list(face.locations),
        metadata=_metadata(person),
        updated_at=face.updated_at,
    )


def _home(person: Person) -> Address | None:
    if person.chance(20, 10) < 3:
        return None
    unit = (
        f"{UNITS[person.chance(21, len(UNITS))]} {1 + person.chance(22, 40)}"
        if person.chance(23, 2)
        else None
    )
    city, _, state_code, postal_code, *_ = person.city
    parts = Parts(person.street, unit, city, state_code, postal_code)
    return address(ADDRESS_IDS.id(person.number), parts)


def _metadata(person: Person) -> dict[str, Any]:
    choices: dict[str, Any] = {
        "crm": f"{'ABCD'[person.chance(30, 4)]}-{1 + person.chance(31, 400)}",
        "locker": f"L{1 + person.chance(32, 120):03d}",
        "language": ("en", "es", "de", "fr")[person.chance(33, 4)],
        "source": ("fair", "front desk", "import", "web form")[person.chance(34, 4)],
        "badge": 1000 + person.chance(35, 9000),
        "vip": True,
    }
    kept = {
        key: value for number, (key, value) in enumerate(choices.items()) if not person.chance(40 + number, 4)
    }
    if person.company is not None and person.chance(36, 3):
        kept["company"] = person.company
    return kept


class GroupPlan(NamedTuple):
    """The name of a group, what its members have in common (a company or a city), and where they meet."""

    name: str
    shared: str
    street: str | None = None


def _plans() -> Iterator[GroupPlan]:
    companies = [GroupPlan(company, company) for company in COMPANIES] + [
        GroupPlan(f"{company} {team}", company) for team in COMPANY_TEAMS for company in COMPANIES
    ]
    offices = [
        GroupPlan(f"{street} office ({city[0]})", city[0], street) for street in STREETS for city in CITIES
    ]
    shifts = [GroupPlan(f"{team} {city[0]}", city[0]) for team in CITY_TEAMS for city in CITIES]
    for turn in zip_longest(companies, offices, shifts):
        yield from (plan for plan in turn if plan is not None)


GROUP_PLANS: Final = tuple(islice(_plans(), MOST_GROUPS))


def group_count(people: Population) -> int:
    """How many groups so many people form: 20 for 240, growing with the square root, 400 at most."""
    if len(people.living_in("packagex")) < 3:
        return 0
    return min(MOST_GROUPS, round(20 * math.sqrt(people.size / 240)))


def group_contact(people: Population, number: int) -> Record:
    """The contact of the group of that number; its members are persons who share a company or a city."""
    plan = GROUP_PLANS[number]
    created = EPOCH + (people.size + number) * 613
    dice = [scatter(people.seed, number, 900 + what) for what in range(8)]
    members = [CONTACT_IDS.id(member) for member in _members(people, plan, 3 + dice[0] % 13, dice[1])]
    slug = re.sub(r"[^a-z0-9]+", "-", plain(plan.name).lower()).strip("-")
    city = next((city for city in CITIES if city[0] == plan.shared), CITIES[dice[2] % len(CITIES)])
    street = plan.street or STREETS[dice[3] % len(STREETS)]
    office = Parts(f"{1 + dice[3] % 180} {street}", None, city[0], city[2], city[3])
    return contact(
        CONTACT_IDS.id(GROUPS_FROM + number),
        "group",
        plan.name,
        created,
        email=f"{slug}@teams.example.com" if dice[4] % 3 == 0 else None,
        phone=f"+1{AREA_CODES[number % len(AREA_CODES)]}555{9000 + number}" if dice[4] % 4 == 1 else None,
        address=address(ADDRESS_IDS.id(GROUPS_FROM + number), office) if plan.street or dice[5] % 2 else None,
        notes=GROUP_NOTES[dice[6] % len(GROUP_NOTES)] if dice[6] % 3 == 0 else None,
        group_contacts={"children": members, "primary": members[: dice[7] % 3]},
        metadata={"cost_center": 4000 + dice[5] % 60 * 10} if dice[7] % 5 < 2 else {},
    )


def _members(people: Population, plan: GroupPlan, wanted: int, start: int) -> list[int]:
    """Who belongs to a group: whoever fits, looked for from some point on, and never fewer than three."""
    living = people.living_in("packagex")
    found: list[int] = []
    others: list[int] = []
    for step in range(len(living)):
        person = people.person(living[(start + step) % len(living)])
        fits = plan.shared in (person.company, person.city[0])
        (found if fits else others).append(person.number)
        if len(found) == wanted:
            break
    return found + others[: max(0, 3 - len(found))]
