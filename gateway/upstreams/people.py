"""The people who live in the emulators: the same ones, written differently in each system.

Everything about a person follows from the seed and the person's number alone, so a record can be made
when it is first asked for, and 100,000 people cost nothing at start-up. All names and numbers are invented.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, Literal

System = Literal["samespace", "packagex", "smartsender"]

EPOCH: Final = 1_700_000_000  # the oldest record, in seconds: 2023-11-14T22:13:20Z

FIRST_NAMES: Final = tuple(
    "Imke Tadeo Noor Piet Zoë José Renée Björn Siobhán Łukasz Aïcha Jürgen Ana Marek Chloé Søren Inês Dmitri "
    "Yasmin Robert Katherine William Elizabeth Michael Margaret Alexander Josephine Daniel Susannah Thomas "
    "Patricia Anthony Deborah Samuel Victoria Benjamin Christina Nicholas Rebecca Edward Jennifer Gregory "
    "Abigail Frederick Dorothea Matthew Leonora Raphaël Ingrid Mateus Öykü Tomáš Élodie Guðrún Ryszard Amélie "
    "Hiroshi Priya Kwame Fatima Linh Oluwaseun Mei Arjun Valentina Emre Nadia Tariq Saoirse Bogdan Ximena "
    "Anders Ottoline Cosmo Beatrix Quentin Rosalind Silas".split()
)
LAST_NAMES: Final = tuple(
    "Vandersloot Quiroga Aldana Orsini Müller García Núñez Lindström O’Donnell Nowak Benali Schröder Ferreira "
    "Novák Lefèvre Sørensen Gonçalves Volkov Haddad Whitcombe Ashdown Fairweather Castellanos Blackwood "
    "Merriweather Hargreaves Pemberton Lockhart Abernathy Thistlewood Kingsley Ravenscroft Delacroix Okonkwo "
    "Nakamura Chaudhry Mensah Al-Rashid Nguyen Adeyemi Zhang Iyer Rossi Yılmaz Petrova Siddiqui Byrne Ionescu "
    "Ramírez Bergström Winterbourne Hollis Sterling Marchetti Dunmore Eriksson Kowalczyk Vasquez Tremblay Holt "
    "Jansen Moreau Keller Sandoval Fitzgerald Bauer Costa Popescu Larsen Dvořák Iglesias Hoffmann Rinaldi "
    "Beaumont Caldwell Szabó Thorne Varga Weatherby Yoon Zielinski".split()
)
NICKNAMES: Final = {
    "Robert": "Bob", "Katherine": "Kate", "William": "Bill", "Elizabeth": "Liz", "Michael": "Mike",
    "Margaret": "Peggy", "Alexander": "Alex", "Josephine": "Josie", "Daniel": "Dan", "Susannah": "Sue",
    "Thomas": "Tom", "Patricia": "Pat", "Anthony": "Tony", "Deborah": "Deb", "Samuel": "Sam",
    "Victoria": "Vicky", "Benjamin": "Ben", "Christina": "Tina", "Nicholas": "Nick", "Rebecca": "Becky",
    "Edward": "Ted", "Jennifer": "Jenny", "Gregory": "Greg", "Abigail": "Abby", "Frederick": "Fred",
    "Matthew": "Matt", "José": "Pepe", "Valentina": "Vale", "Rosalind": "Roz", "Benedict": "Ben",
}  # fmt: skip
COMPANIES: Final = (
    "Brightwater Ltd", "Harbor & Sons", "Nordwind GmbH", "Café Solène", "Pinecrest Logistics", "Atelier Moreau",
    "Lumen Optics", "Granite Works", "Tidewater Foods", "Quill Press", "Oakmere Dental", "Sable Security",
    "Marigold Florists", "Copperline Electric", "Fjord Outdoor", "Halcyon Travel", "Juniper Textiles",
    "Kestrel Aviation", "Larkspur Clinics", "Meridian Law",
)  # fmt: skip
DOMAINS: Final = ("example.com", "example.org", "example.net", "mail.example.com", "post.example.org")
STREETS: Final = ("Harbor Row", "Elm Street", "Mill Lane", "Cedar Avenue", "Orchard Road", "Foundry Way")
CITIES: Final = (
    ("Portland", "Oregon", "OR", "97209", "America/Los_Angeles", 45.531, -122.684),
    ("Salem", "Oregon", "OR", "97301", "America/Los_Angeles", 44.943, -123.035),
    ("Boston", "Massachusetts", "MA", "02110", "America/New_York", 42.357, -71.052),
    ("Austin", "Texas", "TX", "78701", "America/Chicago", 30.271, -97.742),
    ("Denver", "Colorado", "CO", "80202", "America/Denver", 39.752, -104.998),
    ("Chicago", "Illinois", "IL", "60606", "America/Chicago", 41.882, -87.637),
    ("Seattle", "Washington", "WA", "98101", "America/Los_Angeles", 47.611, -122.334),
    ("Atlanta", "Georgia", "GA", "30303", "America/New_York", 33.753, -84.390),
)
AREA_CODES: Final = tuple(
    "202 503 617 512 303 312 206 404 212 415 305 702 615 919 801 816 504 412 313 216 214 713 602 619 916 414 "
    "502 704 813 407 210 317 614 651 402 515 405 918 479 601 205 803 757 804 410 302 609 860 401 603".split()
)

# Who is where, repeated every 25 people: 15 of them in one system, 10 in two or three.
WHERE: Final[tuple[tuple[System, ...], ...]] = (
    ("samespace", "packagex", "smartsender"),
    ("samespace",),
    ("packagex",),
    ("smartsender",),
    ("samespace", "packagex"),
    ("packagex",),
    ("smartsender",),
    ("samespace", "smartsender"),
    ("samespace",),
    ("packagex", "smartsender"),
    ("packagex",),
    ("smartsender",),
    ("samespace", "packagex", "smartsender"),
    ("samespace",),
    ("smartsender",),
    ("packagex", "smartsender"),
    ("samespace",),
    ("packagex",),
    ("samespace", "smartsender"),
    ("samespace", "packagex"),
    ("smartsender",),
    ("packagex",),
    ("samespace",),
    ("samespace", "packagex"),
    ("packagex", "smartsender"),
)
MIX: Final = 0x9E3779B97F4A7C15
WORD: Final = (1 << 64) - 1
KEPT: Final = 2_048  # people, and records of people: made once by all emulators of a process


@lru_cache(maxsize=32_768)
def scatter(*numbers: int) -> int:
    """A 64-bit number that looks random and is the same on every machine (splitmix64)."""
    state = 0
    for number in numbers:
        state = (state ^ number) + MIX & WORD
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & WORD
        state = (state ^ state >> 27) * 0x94D049BB133111EB & WORD
        state ^= state >> 31
    return state


def plain(text: str) -> str:
    """Without accents: "Zoë" becomes "Zoe"."""
    table = str.maketrans({"Ł": "L", "ł": "l", "ø": "o", "Ø": "O", "ð": "d", "ı": "i", "’": ""})
    decomposed = unicodedata.normalize("NFD", text.translate(table))
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """A person as one system has them; None where that system was never told."""

    first: str
    last: str | None
    email: str | None
    phone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One invented human. `phone` is E.164, `created` in epoch seconds."""

    number: int
    seed: int
    first: str
    last: str
    email: str
    phone: str
    company: str | None
    city: tuple[str, str, str, str, str, float, float]
    street: str
    created: int
    systems: tuple[System, ...]

    def chance(self, what: int, of: int) -> int:
        """A number below `of` that is this person's own for each `what`."""
        return scatter(self.seed, self.number, what) % of

    def spelled(self, system: System) -> Spelling:
        """The person's name, e-mail and phone in the hand of one system.

        Whoever is in several systems keeps an e-mail or a phone in common between each two of them.
        """
        several = len(self.systems) > 1
        hand = self.chance(len(system), 6)
        first, last = self.first, self.last
        if hand == 1:
            first, last = plain(first), plain(last)
        elif hand == 2 and first in NICKNAMES:
            first = NICKNAMES[first]
        elif hand == 3:
            first, last = first.upper(), last.upper()
        elif hand == 4:
            first, last = first.lower(), last.lower()
        # Only one of the two keys may be missing, and always the same one for every system of a person.
        lacks = self.chance(71, 10)
        lacking = not several or self.systems[-1] == system
        email = None if lacks == 0 and lacking else self.email
        phone = None if lacks in {1, 2} and lacking else self.phone
        if email is not None and self.chance(72 + len(system), 4) == 0:
            email = email.title() if hand % 2 else email.upper()
        return Spelling(first=first, last=last, email=email, phone=phone and self._phone(system, phone))

    def _phone(self, system: System, phone: str) -> str:
        if system == "smartsender" or not phone.startswith("+1"):
            return phone if system != "samespace" else phone[1:]
        area, exchange, line = phone[2:5], phone[5:8], phone[8:]
        forms = {
            "samespace": (phone[1:], f"{area}-{exchange}-{line}", phone[2:]),
            "packagex": (phone, f"({area}) {exchange}-{line}", f"+1 {area} {exchange} {line}"),
        }[system]
        return forms[self.chance(80 + len(system), 3)]


@lru_cache(maxsize=KEPT)
def invented(seed: int, number: int) -> Person:
    """The person of that number, the same for each seed."""
    firsts, lasts = len(FIRST_NAMES), len(LAST_NAMES)
    pair = (number * 1_013 + seed * 31) % (firsts * lasts)
    first, last = FIRST_NAMES[pair % firsts], LAST_NAMES[pair // firsts]
    again = number // (firsts * lasts)
    mailbox = plain(f"{first}.{last}").lower().replace(" ", "")
    dice = scatter(seed, number, 7)
    company = COMPANIES[dice % len(COMPANIES)] if dice >> 8 & 3 else None
    if number % 7 == 6:
        phone = f"+4477009{number // 7:05d}"
    else:
        phone = f"+1{AREA_CODES[number % len(AREA_CODES)]}555{100 + number // len(AREA_CODES):04d}"
    return Person(
        number=number,
        seed=seed,
        first=first,
        last=last,
        email=f"{mailbox}{again or ''}@{DOMAINS[(dice >> 16) % len(DOMAINS)]}",
        phone=phone,
        company=company,
        city=CITIES[(dice >> 24) % len(CITIES)],
        street=f"{1 + (dice >> 32) % 180} {STREETS[(dice >> 40) % len(STREETS)]}",
        created=EPOCH + number * 613,
        systems=WHERE[number % len(WHERE)],
    )


@dataclass(frozen=True)
class Population:
    """`size` people, made one by one when asked for."""

    size: int = 240
    seed: int = 1

    def person(self, number: int) -> Person:
        """The person of that number, 0 to size - 1."""
        return invented(self.seed, number)

    @cached_property
    def _members(self) -> dict[System, list[int]]:
        members: dict[System, list[int]] = {"samespace": [], "packagex": [], "smartsender": []}
        for number in range(self.size):
            for system in WHERE[number % len(WHERE)]:
                members[system].append(number)
        return members

    def living_in(self, system: System) -> list[int]:
        """The numbers of the people whom a system knows, in the order they came."""
        return self._members[system]

    def __iter__(self) -> Iterator[Person]:
        return (self.person(number) for number in range(self.size))
