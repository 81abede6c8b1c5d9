"""Addresses as PackageX has them: text goes in, an object comes out."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from gateway.upstreams.packagex.emulator_ids import ADDRESS_IDS, LOCATION_IDS, NEW_FROM
from gateway.upstreams.people import CITIES

Address = dict[str, Any]

STATES: Final[Mapping[str, str]] = {
    entry[:2]: entry[3:]
    for entry in (
        "AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware|"
        "DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|"
        "KS Kansas|KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|"
        "MS Mississippi|MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|"
        "NM New Mexico|NY New York|NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|"
        "PA Pennsylvania|RI Rhode Island|SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|"
        "VT Vermont|VA Virginia|WA Washington|WV West Virginia|WI Wisconsin|WY Wyoming"
    ).split("|")
}
COUNTRY_WORDS: Final = {"us", "usa", "united states", "united states of america"}
PLACES: Final = {(city[0], city[2]): city for city in CITIES}  # the cities whose spot on the map is known
STATE_AND_CODE: Final = re.compile(r"([A-Z]{2})\s+(\d{5}(?:-\d{4})?)", re.IGNORECASE)
ID: Final = re.compile(r"(addr|loc)_\w+")


class Parts(NamedTuple):
    """What is read out of a line of text; a line that is not understood is all in `line1`."""

    line1: str
    line2: str | None = None
    city: str = ""
    state_code: str | None = None
    postal_code: str = ""


def parse(text: str, line2: str | None = None) -> Parts:
    """The parts of "18 Harbor Row, Portland, OR 97209", with a unit or a country or without."""
    pieces = [piece.strip() for piece in text.split(",") if piece.strip()]
    if pieces and pieces[-1].casefold() in COUNTRY_WORDS:
        pieces.pop()
    end = STATE_AND_CODE.fullmatch(pieces[-1]) if len(pieces) >= 3 else None
    if end is None or end[1].upper() not in STATES:
        return Parts(text.strip(), line2)
    unit = line2 or ", ".join(pieces[1:-2]) or None
    return Parts(pieces[0], unit, pieces[-2], end[1].upper(), end[2])


def address(identity: str, parts: Parts) -> Address:
    """The object that PackageX makes of the parts."""
    known = parts.state_code is not None
    place = PLACES.get((parts.city, parts.state_code or ""))
    tail = [parts.city, f"{parts.state_code} {parts.postal_code}", "US"] if known else []
    building = ", ".join((parts.line1, *tail))
    return {
        "id": identity,
        "hash": hashlib.sha256(building.casefold().encode()).hexdigest()[:10],
        "line1": parts.line1,
        "line2": parts.line2,
        "city": parts.city,
        "state": STATES[parts.state_code] if parts.state_code is not None else "",
        "state_code": parts.state_code,
        "country": "United States" if known else "",
        "country_code": "US" if known else "",
        "postal_code": parts.postal_code,
        "formatted_address": ", ".join(piece for piece in (parts.line1, parts.line2, *tail) if piece),
        "textarea": building,
        "timezone": place[4] if place else None,
        "verified": place is not None,
        "latitude": place[5] if place else None,
        "longitude": place[6] if place else None,
    }


def parts_of(known: Address) -> Parts:
    """The parts that an address was made of."""
    return Parts(*(known[name] for name in Parts._fields))


# One building of the organization in each city; contacts may belong to some of them.
LOCATIONS: Final[Mapping[str, Address]] = {
    LOCATION_IDS.id(number): address(
        ADDRESS_IDS.id(NEW_FROM - 1 - number), Parts("1 Foundry Way", None, city[0], city[2], city[3])
    )
    for number, city in enumerate(CITIES)
}


@dataclass(slots=True)
class AddressBook:
    """The addresses that the organization has used, by id and by what they say.

    `seeded` finds the address of a seeded contact by the contact's serial number.
    """

    seeded: Callable[[int], Address | None]
    by_id: dict[str, Address] = field(default_factory=dict)
    by_parts: dict[Parts, Address] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for known in LOCATIONS.values():
            self.add(known)

    def add(self, known: Address) -> None:
        """Know an address from now on."""
        self.by_id[known["id"]] = known
        self.by_parts[parts_of(known)] = known

    def resolve(self, text: str, line2: str | None = None) -> Address | None:
        """The address meant by free text, an address id or a location id; None for an id that nobody has."""
        if not ID.fullmatch(text):
            return self._of(parse(text, line2))
        known = LOCATIONS.get(text) or self._known(text)
        return self.with_unit(known, line2) if known and line2 else known

    def with_unit(self, known: Address, line2: str | None) -> Address:
        """The same building, another unit."""
        return self._of(parts_of(known)._replace(line2=line2))

    def _known(self, identity: str) -> Address | None:
        if identity in self.by_id:
            return self.by_id[identity]
        serial = ADDRESS_IDS.serial(identity)
        return self.seeded(serial) if serial is not None else None

    def _of(self, parts: Parts) -> Address:
        if parts not in self.by_parts:
            self.add(address(ADDRESS_IDS.id(NEW_FROM + len(self.by_id)), parts))
        return self.by_parts[parts]
