"""A person as a contact of Smart Sender, in the form that travels on the wire."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, Final

from gateway.upstreams.people import KEPT, Person, Spelling, plain
from gateway.upstreams.smartsender import seed_project as project
from gateway.upstreams.smartsender.seed_talk import NOTES, THREADS

Record = dict[str, Any]

FIRST_CONTACT: Final = 60_001
FIRST_GATE: Final = 100_001
FIRST_MESSAGE: Final = 800_001
GATES_EACH: Final = 4  # numbers set aside for each seeded contact
MESSAGES_EACH: Final = 64
HOUR: Final = 3600
DAY: Final = 24 * HOUR

# How many people in a hundred have a variable, a tag, a funnel, a group.
HAVE_VARIABLE: Final = {
    "city": 80, "visits": 70, "citizenGrade": 30, "billingEmail": 15, "emergencyPhone": 10, "birthday": 25,
    "website": 12, "language": 40, "balance": 20, "photo": 6,
}  # fmt: skip
HAVE_TAG: Final = {72: 25, 74: 35, 77: 8, 81: 7, 82: 30, 85: 5, 90: 15}
HAVE_FUNNEL: Final = {"wlc7Qd2": 55, "abk3Xf9": 12, "rrm8Jt4": 18, "fad5Kp1": 20, "wsl2Vn6": 25}
HAVE_GROUP: Final = {4: 10, 6: 8, 9: 12, 13: 40, 17: 6}


@dataclass(slots=True, kw_only=True)
class Gate:
    """One way to reach a contact: a channel, and who the contact is there."""

    id: int
    channel: int
    identifier: str
    subscribed: bool = True
    unread: int = 0


@dataclass(slots=True)
class Talk:
    """The gates of a contact and what was said through them, oldest first."""

    gates: list[Gate]
    messages: list[Record]


@dataclass(kw_only=True)
class Resident:
    """A contact and what hangs on it; the talk is made when first asked for."""

    record: Record
    make_talk: Callable[[], Talk]
    groups: list[Record] = field(default_factory=list)
    numbers_as_text: bool = False

    @cached_property
    def talk(self) -> Talk:
        """Gates and messages."""
        return self.make_talk()

    @property
    def id(self) -> int:
        """The contactId."""
        number: int = self.record["id"]
        return number


def contact_id(position: int) -> int:
    """The id of the contact who came at that position; ids ascend with small gaps."""
    return FIRST_CONTACT + 3 * position + position % 7 % 3


def position_of(number: int) -> int | None:
    """The position at which that contact came, or None if the id was never given away."""
    position = (number - FIRST_CONTACT) // 3
    return position if position >= 0 and contact_id(position) == number else None


def stamp(seconds: float) -> str:
    """A moment as the vendor writes it: UTC, without saying so."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def full_name(first: str | None, last: str | None) -> str:
    """First and last name, as far as there are any."""
    return " ".join(part for part in (first, last) if part)


def words(*values: str | None) -> str:
    """What a search looks through, one value a line, in lower case."""
    return "\n".join(value.lower() for value in values if value)


def person_words(person: Person) -> str:
    """What a search looks through for a person whose record was not made yet."""
    known = person.spelled("smartsender")
    return words(full_name(known.first, known.last), known.email, known.phone)


def resident(person: Person, position: int) -> Resident:
    """The person as a contact, which may be changed."""
    seeded = record(person, position)
    return Resident(
        record={name: [*value] if isinstance(value, list) else value for name, value in seeded.items()},
        make_talk=lambda: talk(person, position),
        groups=[group for key, group in project.GROUPS.items() if _has(person, 500 + key, HAVE_GROUP[key])],
        numbers_as_text=person.chance(300, 4) == 0,
    )


@lru_cache(maxsize=KEPT)
def record(person: Person, position: int) -> Record:
    """The contact with detailed variables. Not to be changed."""
    number, known = contact_id(position), person.spelled("smartsender")
    photo = f"https://cdn.example.com/contacts/{number}.jpg" if _has(person, 301, 30) else None
    return {
        "id": number,
        "firstName": known.first,
        "lastName": known.last,
        "fullName": full_name(known.first, known.last),
        "email": known.email,
        "phone": known.phone,
        "photo": photo,
        "tags": [tag for key, tag in project.TAGS.items() if _has(person, 600 + key, HAVE_TAG[key])],
        "funnels": [
            funnel
            for key, funnel in project.FUNNELS.items()
            if _has(person, 700 + funnel["id"], HAVE_FUNNEL[key])
        ],
        "notes": _notes(person, position),
        "variables": _variables(person, known),
        "createdAt": stamp(person.created),
        "updatedAt": stamp(person.created + _known_for(person)),
    }


def gates(person: Person, position: int) -> list[Gate]:
    """One to three gates, or none: then the contact has no chat either."""
    amount = (0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3)[person.chance(302, 20)]
    phone = person.spelled("smartsender").phone
    others = [5, 8, 11, 14]
    turn = person.chance(303, len(others))
    channels = ([2] if phone else []) + others[turn:] + others[:turn]
    return [
        Gate(
            id=FIRST_GATE + GATES_EACH * position + index,
            channel=channel,
            identifier=phone[1:] if phone and channel == 2 else str(person.chance(800 + channel, 10**10)),
            subscribed=project.CHANNELS[channel]["active"] and person.chance(810 + channel, 8) > 0,
        )
        for index, channel in enumerate(channels[:amount])
    ]


def talk(person: Person, position: int) -> Talk:
    """The gates, and what was said through them between the contact's first and last day."""
    talk = Talk(gates(person, position), [])
    if not talk.gates:
        return talk
    for number, (seconds, gate, line) in enumerate(_activities(person, talk) + _script(person, talk.gates)):
        message_id = FIRST_MESSAGE + MESSAGES_EACH * position + number
        talk.messages.append(_message(message_id, gate.id, line, person, stamp(seconds)))
        if line[0] == "<":
            gate.unread += 1
        elif line[0] == ">":
            gate.unread = 0
    return talk


def message(number: int, gate: int, sender: Record, content: Record, created: str) -> Record:
    """One message; `content` has a type and the parameters of its resource."""
    return {
        "id": number,
        "internal": sender["type"] == "system",
        "gate": {"id": gate},
        "sender": sender,
        "content": {"type": content["type"], "resource": {"parameters": content["parameters"]}},
        "createdAt": created,
    }


def _message(number: int, gate: int, line: str, person: Person, created: str) -> Record:
    side, text = line[0], line[2:]
    if text.startswith("@"):
        kind, file = text[1:].split(" ")
        content = {"type": kind, "parameters": {"url": f"https://cdn.example.com/media/{number}/{file}"}}
    else:
        content = {"type": "text", "parameters": {"content": text}}
    known = person.spelled("smartsender")
    names = {"<": full_name(known.first, known.last), ">": _operator(person), "*": "Smart Sender"}
    types = {"<": "contact", ">": "operator", "*": "system"}
    return message(
        number, gate, {"type": types[side], "fullName": names[side], "image": None}, content, created
    )


def _has(person: Person, what: int, percent: int) -> bool:
    return person.chance(what, 100) < percent


def _known_for(person: Person) -> int:
    """Seconds between the first and the last change of a contact, at least half a day."""
    return DAY // 2 + person.chance(304, 35 * DAY)


def _operator(person: Person) -> str:
    return project.OPERATORS[person.chance(305, len(project.OPERATORS))]


def _notes(person: Person, position: int) -> list[Record]:
    amount = (0, 0, 0, 0, 0, 1, 1, 1, 2, 3)[person.chance(306, 10)]
    return [
        {
            "id": 11 + 3 * position + index,
            "content": NOTES[(person.chance(307, len(NOTES)) + 3 * index) % len(NOTES)],
            "createdAt": stamp(person.created + (1 + index) * 2 * HOUR),
            "user": {"fullName": _operator(person), "photo": None},
        }
        for index in range(amount)
    ]


def _variables(person: Person, known: Spelling) -> list[Record]:
    city = person.city[0]
    site = (person.company or person.last).split()[0]
    values: dict[str, object] = {
        "city": city,
        "visits": 1 + person.chance(320, 40),
        "citizenGrade": ("gold", "silver")[person.chance(321, 2)],
        "billingEmail": f"accounts@{known.email.split('@')[1].lower()}" if known.email else None,
        "emergencyPhone": f"+1202555{person.chance(322, 10_000):04d}",
        "birthday": stamp(person.chance(323, 55 * 365) * DAY - 20 * 365 * DAY)[:10],
        "website": f"https://{plain(site).lower()}.example.com",
        "language": ("English", "English", "Español", "Português")[person.chance(326, 4)],
        "balance": person.chance(327, 20_000) / 100,
        "photo": f"https://cards.example.com/{person.number}.png",
    }
    return [
        {"id": variable["id"], "name": name, "type": variable["type"], "value": values[name]}
        for name, variable in project.VARIABLES.items()
        if values[name] is not None and _has(person, 400 + variable["id"], HAVE_VARIABLE[name])
    ]


Line = tuple[int, Gate, str]  # when, through which gate, what


def _activities(person: Person, talk: Talk) -> list[Line]:
    """What the system noted down on the contact's first minutes."""
    channel = project.CHANNELS[talk.gates[0].channel]["name"]
    lines = [f"* {person.first} wrote to {channel} for the first time"]
    if _has(person, 700 + 12, HAVE_FUNNEL["wlc7Qd2"]):
        lines.append("* Subscribed to the funnel Welcome")
    lines.append(f"* Chat assigned to {_operator(person)}")
    return [(person.created + 5 * index, talk.gates[0], line) for index, line in enumerate(lines)]


def _script(person: Person, gates: list[Gate]) -> list[Line]:
    """Whole conversations one after the other until there are enough messages; the last may break off."""
    wanted = _messages_wanted(person)
    chosen, count, turn = [], 0, person.chance(330, len(THREADS))
    while count < wanted:
        chosen.append(THREADS[turn % len(THREADS)])
        count += len(chosen[-1])
        turn += 1 + person.chance(331 + len(chosen), 3)
    filled = {
        "first": person.first,
        "city": person.city[0],
        "street": person.street,
        "order": f"A-{10_000 + person.chance(332, 80_000)}",
        "hour": 9 + person.chance(333, 8),
    }
    lines: list[Line] = []
    for number, thread in enumerate(chosen):
        at = person.created + 60 + number * (_known_for(person) // len(chosen))
        for line in thread:
            at += 20 + person.chance(1000 + len(lines), 300)
            lines.append((at, gates[number % len(gates)], line.format(**filled)))
    return lines[:wanted]


def _messages_wanted(person: Person) -> int:
    dice = person.chance(334, 20)
    if dice < 2:
        return 0
    low, high = (1, 7) if dice < 9 else (7, 21) if dice < 16 else (21, 41)
    return low + person.chance(335, high - low)
