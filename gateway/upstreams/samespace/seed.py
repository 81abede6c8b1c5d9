"""The seeded account of Samespace: people and companies as its contacts, and the definitions of both."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Final

from gateway.upstreams.people import CITIES, COMPANIES, KEPT, Person, Population, plain, scatter

Values = dict[str, Any]
Definition = dict[str, Any]
Field = tuple[str, str, str, Mapping[str, Any]]

CONTACTS: Final = "66f0a1c2d3e4f5a6b7c8d900"
COMPANIES_MODULE: Final = "66f0a1c2d3e4f5a6b7c8d901"
MODULES: Final = (
    {"_id": CONTACTS, "name": "Contacts", "createdAt": "1727045058000", "modifiedAt": "1727045058000"},
    {
        "_id": COMPANIES_MODULE,
        "name": "Companies",
        "createdAt": "1727045058112",
        "modifiedAt": "1735689600000",
    },
)
USERS: Final = tuple(f"66f0a1c2d3e4f5a6b7c8aa{number:02d}" for number in range(1, 7))
SYSTEM_KEYS: Final = ("owner", "createdBy", "createdAt")
SYSTEM_FIELDS: Final[tuple[Field, ...]] = (
    ("Contact Owner", "owner", "REFERENCE", {"default": True}),
    ("Created By", "createdBy", "REFERENCE", {"default": True}),
    ("Created At", "createdAt", "DATE_TIME", {"default": True}),
)


def options(labels: str) -> list[dict[str, str]]:
    """The choices of a definition: "New, On Hold" becomes keys new and on_hold."""
    return [{"label": label, "key": label.lower().replace(" ", "_")} for label in labels.split(", ")]


LEAD_STATUSES: Final = options("New, Contacted, Qualified, Negotiating, Customer, On Hold")
SEGMENTS: Final = options("Newsletter, Trade Fair, Partner, Press, Beta Tester, Reseller")
BY_USER: Final = {"createdBy": USERS[0], "valueType": "STRING"}
CHOICE: Final = BY_USER | {"optionsType": "STATIC"}

# Label, key, type, and what differs from the usual. The list of types is open: SELECT, URL, NUMBER, BOOLEAN,
# MULTI_SELECT and GEO_POINT are in no published sample, and a client has to live with them all the same.
CONTACT_FIELDS: Final[tuple[Field, ...]] = (
    ("First Name", "firstName", "TEXT", {"required": True, "addToView": True}),
    ("Last Name", "lastName", "TEXT", {"required": True, "addToView": True}),
    ("Email", "email", "EMAIL", {"addToView": True}),
    ("Phone Number", "phoneNumber", "PHONE", {"addToView": True}),
    ("Company", "company", "TEXT", {"addToView": True}),
    ("Job Title", "jobTitle", "TEXT", {}),
    ("Birthday", "birthday", "DATE_TIME", {}),
    ("Lead Status", "leadStatus", "SELECT", CHOICE | {"options": LEAD_STATUSES, "addToView": True}),
    ("Notes", "notes", "TEXT", {}),
    ("Website", "website", "URL", {}),
    ("City", "city", "TEXT", {}),
    ("Lead Score", "leadScore", "NUMBER", BY_USER | {"valueType": "NUMBER", "description": "0 to 100"}),
    ("Newsletter", "newsletter", "BOOLEAN", BY_USER | {"valueType": "BOOLEAN"}),
    ("Segments", "segments", "MULTI_SELECT", CHOICE | {"options": SEGMENTS}),
    ("Office Location", "officeLocation", "GEO_POINT", BY_USER | {"valueType": "OBJECT"}),
    *SYSTEM_FIELDS,
)
COMPANY_FIELDS: Final[tuple[Field, ...]] = (
    ("Name", "name", "TEXT", {"required": True, "addToView": True}),
    ("Industry", "industry", "TEXT", {"addToView": True}),
    ("Website", "website", "URL", {"addToView": True}),
    ("Phone Number", "phoneNumber", "PHONE", {"addToView": True}),
    ("Email", "email", "EMAIL", {}),
    ("City", "city", "TEXT", {}),
    ("Employees", "employees", "NUMBER", BY_USER | {"valueType": "NUMBER"}),
    *SYSTEM_FIELDS,
)
WEBSITES: Final = {
    name: f"https://{''.join(filter(str.isalnum, plain(name).lower()))}.example.com" for name in COMPANIES
}
INDUSTRIES: Final = (
    "Water Treatment, Retail, Engineering, Hospitality, Logistics, Design, Optics, Construction, Food, "
    "Publishing, Health Care, Security, Floristry, Energy, Outdoor, Travel, Textiles, Aviation, "
    "Health Care, Law"
).split(", ")
JOBS: Final = (
    "Account Manager, Head of Purchasing, Office Manager, Software Engineer, Chief Financial Officer, Nurse, "
    "Warehouse Lead, Sales Director, Receptionist, Project Lead, Architect, Marketing Assistant, Founder, "
    "Legal Counsel, Facility Manager, Product Owner, Research Fellow, Événementiel, Geschäftsführerin"
).split(", ")
NOTES: Final = (
    "Prefers to be called in the afternoon.",
    "Met at the trade fair in {city}; asked for the price list.",
    "Speaks German and French. Contract runs until the end of the year.",
    "Asked for an offer for {company}.\nFollow up in two weeks.",
    "Do not send paper mail.",
    "Referred by a colleague; wants a demo for 12 people.",
    "Moved offices: “second floor, ring twice”.",
    "Complained about a late delivery, settled by phone.",
)


def definition(family: str, number: int, field: Field) -> Definition:
    """One property definition; its id counts on in decimal within the family of its module."""
    label, key, kind, more = field
    tail = f"{number:03d}"
    return {
        "_id": family[: 24 - len(tail)] + tail,
        "label": label,
        "key": key,
        "type": kind,
        "description": None,
        "options": None,
        "optionsType": None,
        "referenceModule": None,
        "addToView": False,
        "displayOrder": number,
        "required": False,
        "valueType": None,
        "default": False,
        "createdBy": None,
        **more,
    }


def definitions(family: str, fields: Iterable[Field]) -> list[Definition]:
    """The definitions of a module in display order."""
    return [definition(family, number, field) for number, field in enumerate(fields, start=1)]


def stamp(seconds: float) -> str:
    """Epoch seconds as Samespace writes times: "2025-03-04T09:15:27.031Z"."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{thousandths:03d}Z"


def contact_id(seconds: float, machine: str, number: int) -> str:
    """24 hex digits: when it was made, where, and its number in the module."""
    return f"{int(seconds):08x}{machine}{number:06x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """The seeded contacts of one module, by number; `make` gives the id and the values of one."""

    machine: str
    numbers: Sequence[int]
    make: Callable[[int], tuple[str, Values]]


def people_seeds(people: Population) -> Seeds:
    """The people whom Samespace knows."""
    machine = f"{scatter(people.seed, 1) >> 24:010x}"

    def make(number: int) -> tuple[str, Values]:
        person = people.person(number)
        return contact_id(person.created, machine, number), person_values(person)

    return Seeds(machine=machine, numbers=people.living_in("samespace"), make=make)


def company_seeds(people: Population) -> Seeds:
    """The companies that the people work for."""
    machine = f"{scatter(people.seed, 2) >> 24:010x}"

    def make(number: int) -> tuple[str, Values]:
        return contact_id(company_created(number), machine, number), company_values(number)

    return Seeds(machine=machine, numbers=range(len(COMPANIES)), make=make)


@lru_cache(maxsize=KEPT)
def person_values(person: Person) -> Values:
    """A person's property values; one person in eight is hardly more than a name. Not to be changed."""
    spelled = person.spelled("samespace")
    values = {
        "firstName": spelled.first,
        "lastName": spelled.last,
        "email": spelled.email,
        "phoneNumber": spelled.phone,
        "company": person.company,
    }
    dice = person.chance(900, 1 << 40)
    if dice & 7:
        known = dice >> 3
        for place, (key, value) in enumerate(EXTRAS.items()):
            if known >> 3 * place & 7:  # seven people of eight have each of these
                values[key] = value(person)
    user = USERS[person.chance(901, len(USERS))]
    values |= {"owner": user, "createdBy": user if dice >> 39 else USERS[0]}
    values["createdAt"] = stamp(person.created + person.chance(902, 1000) / 1000)
    return {key: value for key, value in values.items() if value is not None}


def birthday(person: Person) -> str:
    """Midnight of a day between 1950 and 2004."""
    year, month, day = 1950 + person.chance(904, 55), 1 + person.chance(905, 12), 1 + person.chance(906, 28)
    return f"{year}-{month:02d}-{day:02d}T00:00:00.000Z"


def notes(person: Person) -> str:
    """A sentence or two that a colleague wrote down."""
    text = NOTES[person.chance(908, len(NOTES))]
    return text.format(city=person.city[0], company=person.company or "the new branch")


def segments(person: Person) -> list[str] | None:
    """Up to three marketing segments."""
    first = person.chance(912, len(SEGMENTS))
    return [SEGMENTS[(first + step) % len(SEGMENTS)]["key"] for step in range(person.chance(913, 4))] or None


EXTRAS: Final[Mapping[str, Callable[[Person], Any]]] = {
    "jobTitle": lambda person: JOBS[person.chance(903, len(JOBS))],
    "birthday": birthday,
    "leadStatus": lambda person: LEAD_STATUSES[person.chance(907, len(LEAD_STATUSES))]["key"],
    "notes": notes,
    "website": lambda person: WEBSITES.get(person.company or ""),
    "city": lambda person: person.city[0],
    "leadScore": lambda person: person.chance(910, 101),
    "newsletter": lambda person: person.chance(911, 2) == 1,
    "segments": segments,
    "officeLocation": lambda person: {"lat": person.city[5], "lng": person.city[6]},
}


def company_created(number: int) -> int:
    """One company an hour, beginning when their module was made."""
    return 1_727_045_058 + 3600 * number


def company_values(number: int) -> Values:
    """The property values of one company."""
    name = COMPANIES[number]
    dice = partial(scatter, number)
    return {
        "name": name,
        "industry": INDUSTRIES[number],
        "website": WEBSITES[name],
        "phoneNumber": f"1800555{200 + number:04d}",
        "email": f"hello@{WEBSITES[name].removeprefix('https://')}",
        "city": CITIES[dice(1) % len(CITIES)][0],
        "employees": 3 + dice(2) % 900,
        "owner": USERS[number % len(USERS)],
        "createdBy": USERS[0],
        "createdAt": stamp(company_created(number) + dice(3) % 1000 / 1000),
    }
